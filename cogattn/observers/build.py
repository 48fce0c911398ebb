"""From an observer's settings to a network that answers; each process keeps the last one it built."""

from __future__ import annotations

import difflib
from functools import lru_cache

import timm
from timm.data import resolve_model_data_config
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers import weights as weight_sources
from cogattn.observers.config import FactoryObserver, ReadoutObserver, TimmObserver
from cogattn.observers.factory import call_factory
from cogattn.observers.network import Interpolation, Network

INTERPOLATIONS: dict[str, Interpolation] = {
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "bicubic",
}
"""timm's names of what torch can do antialiased and with gradients; for Lanczos the nearest that it can."""


def build_network(
    settings: TimmObserver | ReadoutObserver | FactoryObserver, model_name: str, *, seed: int
) -> Network:
    """Return the network that `settings` describe.

    Parameters
    ----------
    settings : TimmObserver, ReadoutObserver or FactoryObserver
        A readout's backbone is built as the same timm network would be.
    model_name : str
        One of ``settings.models``; for a factory its target.
    seed : int
        The run's seed; matters for ``weights = "random"`` only.

    Raises
    ------
    ObserverError
        If the name is unknown (with close matches), the weights cannot be had or do not fit, or a factory
        fails.

    Notes
    -----
    The last network is kept in the process, so that a worker that runs many cells loads it once.
    """
    if isinstance(settings, FactoryObserver):
        return _build("factory", settings.target, "", settings.image_size)
    return _build("timm", model_name, settings.weights, seed if settings.weights == "random" else 0)


def check_model_name(model_name: str) -> None:
    """Raise ObserverError with close matches unless timm knows `model_name`, tag included."""
    if timm.is_model(model_name):
        architecture, _, tag = model_name.partition(".")
        tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{architecture}.*")]
        if not tag or tag in tags:
            return
        raise ObserverError(
            f"{architecture} must have one of the tags {', '.join(tags) or '(none)'}; got {tag}"
        )
    close = difflib.get_close_matches(model_name, timm.list_models(), n=3)
    hint = f"did you mean {', '.join(close)}?" if close else "`cogattn models` lists names"
    raise ObserverError(f"observer.models must be names that timm knows; got {model_name}; {hint}")


@lru_cache(maxsize=1)
def _build(kind: str, name: str, weights: str, number: int) -> Network:
    if kind == "factory":
        return call_factory(name, image_size=number)
    check_model_name(name)
    return timm_network(weight_sources.create(name, weights=weights, seed=number), name=name)


def timm_network(module: nn.Module, *, name: str, device: str = "auto") -> Network:
    """Wrap a network of timm with the size, interpolation, mean and SD of its own data config.

    Raises
    ------
    ObserverError
        If it takes other than square three-channel images, or resizes in a way torch cannot.
    """
    data = resolve_model_data_config(module)
    channels, height, width = data["input_size"]
    if channels != 3 or height != width or data["interpolation"] not in INTERPOLATIONS:
        raise ObserverError(
            f"observer.models must take square images of three channels, resized by "
            f"{' or '.join(INTERPOLATIONS)}; got {data['input_size']} and {data['interpolation']} ({name})"
        )
    return Network(
        module,
        name=name,
        n_classes=_n_classes(module),
        input_size=height,
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        interpolation=INTERPOLATIONS[data["interpolation"]],
        device=device,
    )


def _n_classes(module: nn.Module) -> int:
    n_classes = module.num_classes
    if not isinstance(n_classes, int) or n_classes < 2:
        raise ObserverError(f"observer.models must be classifiers; got num_classes = {n_classes}")
    return n_classes
