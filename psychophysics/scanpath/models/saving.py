"""A trained network in a file: weights in safetensors, what they are of as JSON in its header. No pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field, JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor, nn

from cogattn.config import Settings
from cogattn.errors import DataError
from cogattn.observers.tensors import load_strictly
from cogattn.psychophysics.scanpath.config import Model, NetworkSettings
from cogattn.psychophysics.scanpath.models.collating import Told
from cogattn.psychophysics.scanpath.models.predictor import NetworkPredictor
from cogattn.running.pages import copied, named, part

FORMAT = "cogattn scanpath model"
VERSION = 1


class About(Settings):
    """What a file's weights are of."""

    format: Literal["cogattn scanpath model"] = FORMAT
    """Kind of file."""
    version: Literal[1] = VERSION
    """Of the format."""
    model: Model = "ours"
    """Ours, or the published one."""
    network: NetworkSettings = NetworkSettings()
    """Our network's size and parts."""
    n_features: int | None = Field(default=None, ge=1)
    """Features of an object's appearance; None for a model that is told none."""
    grid: tuple[int, int] | None = None
    """Rows and columns of the published model's objects."""
    crops: bool = False
    """Whether the published model sees the objects' pixels."""
    observer: str = ""
    """Id of the network whose features objects have."""
    target_known: bool = True
    """Whether it was told which object is looked for."""
    scale: Literal["known", "nominal"] = "nominal"
    """Whether its degrees are those of a viewer, or an image's longer side was called 32 degrees."""
    trained_on: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of each scene that it was trained or stopped on, by name."""
    fitted: dict[str, JsonValue] = Field(default_factory=dict)
    """Whose it is, of which split, and the network that it sees by (`fitted.described`)."""


@dataclass(frozen=True, eq=False)
class Saved:
    """What a file holds.

    Parameters
    ----------
    about : About
        What it is of.
    weights : dict of str to Tensor
        Of the network.
    arrays : dict of str to Tensor
        What else was kept: means and spreads by which features were standardised.
    """

    about: About
    weights: dict[str, Tensor]
    arrays: dict[str, Tensor]


def build(about: About) -> nn.Module:
    """Return the network that a file is of, its weights drawn from torch's generator (`training.initialised`).

    Raises
    ------
    DataError
        If the published model has no grid.
    """
    if about.model == "ours":
        from cogattn.psychophysics.scanpath.models.network import ScanpathNetwork

        return ScanpathNetwork(about.network, n_features=about.n_features)
    from cogattn.psychophysics.scanpath.models.published import PublishedNetwork

    if about.grid is None:
        raise DataError("the published model must have a grid of objects; got none")
    rows, columns = about.grid
    return PublishedNetwork(rows=rows, columns=columns, crops=about.crops)


def save(predictor: NetworkPredictor, about: About, arrays: Mapping[str, Tensor] | None = None) -> bytes:
    """Return a trained network as a file's bytes: equal ones for equal networks."""
    tensors = {**named("network", predictor.network.state_dict()), **named("arrays", arrays or {})}
    # a single key, because the order of several is not defined and equal cells must have equal bytes
    header = {"about": json.dumps(about.model_dump(mode="json"), sort_keys=True)}
    return safetensors.save(_apart(tensors), metadata=header)


def load(data: bytes, *, source: str = "model.safetensors") -> NetworkPredictor:
    """Return the trained network of a file's bytes; what it is told of layouts comes by `NetworkPredictor.telling`.

    Raises
    ------
    DataError
        If the bytes are of another kind, damaged or newer.
    ObserverError
        If weights are missing, left over or not finite.
    """
    saved = read(data, source=source)
    with torch.random.fork_rng():
        network = build(saved.about)
    load_strictly(network, saved.weights, source=source)
    return NetworkPredictor(network, Told(target_known=saved.about.target_known))


def read(data: bytes, *, source: str = "model.safetensors") -> Saved:
    """Return what a file's bytes hold; raise DataError where they are of another kind, damaged or newer."""
    try:
        tensors = safetensors.load(data)
        # what the library does not give for bytes: the header's length, then the header
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = About.model_validate_json(header["__metadata__"]["about"])
    except (SafetensorError, ValidationError, KeyError, ValueError) as error:
        raise DataError(
            f"a scanpath model's file must be one that `cogattn scanpath` wrote, version {VERSION}; got "
            f"{_said(error)} ({source})"
        ) from None
    return Saved(about, part(tensors, "network"), part(tensors, "arrays"))


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory, as the format wants them."""
    return {name: tensor.contiguous() for name, tensor in copied(tensors).items()}


def _said(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return "one without what it is of" if isinstance(error, KeyError) else str(error)
