"""From an observer's settings to a network that answers; each process keeps the last one it built."""

from __future__ import annotations

import difflib
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import timm
from timm.data import resolve_model_data_config
from torch import nn

from cogattn.attention.config import NO_FOVEA, FoveaConfig
from cogattn.attention.foveated import FoveatedTransformer
from cogattn.errors import ObserverError
from cogattn.observers import live
from cogattn.observers import weights as weight_sources
from cogattn.observers.anatomy import Code, module_digest, own_code
from cogattn.observers.config import FactoryObserver, Interpolation, ModuleObserver, NetworkObserver
from cogattn.observers.factory import call_factory, probe
from cogattn.observers.network import Network
from cogattn.observers.roster import checkpoint_of
from cogattn.observers.sources import weights_file
from cogattn.observers.untrained import untrained_copy
from cogattn.running.digests import file_digest
from cogattn.running.hardware import current

INTERPOLATIONS: dict[str, Interpolation] = {
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "bicubic",
}
"""timm's names of what torch can do antialiased and with gradients; for Lanczos the nearest that it can."""


def build_network(
    settings: NetworkObserver, model_name: str, *, seed: int, untrained: bool = False
) -> Network:
    """Return one of the networks that `settings` describe.

    Parameters
    ----------
    settings : TimmObserver, ReadoutObserver, FactoryObserver or ModuleObserver
        A readout's backbone is built as the same timm network would be.
    model_name : str
        One of `cogattn.observers.roster.observer_names`.
    seed : int
        The run's seed; matters for untrained networks and for what a factory draws.
    untrained : bool
        The same architecture with parameters drawn anew from `seed` and the name: a control.

    Raises
    ------
    ObserverError
        If the name is unknown (with close matches), the weights cannot be had or do not fit, or a factory
        fails.

    Notes
    -----
    The last network is kept in the process, so that a worker that runs many cells loads it once, until
    `cogattn.observers.content.forget`.
    """
    return _built(settings, model_name, seed=seed, untrained=untrained).network


def network_anatomy(
    settings: FactoryObserver | ModuleObserver, model_name: str, *, seed: int, untrained: bool = False
) -> tuple[str, tuple[Code, ...]]:
    """Return the digest of the network that `build_network` returns, and its classes and functions of no library."""
    built = _built(settings, model_name, seed=seed, untrained=untrained)
    return built.digest, own_code(built.network.module)


def forget() -> None:
    """Drop the network that is kept."""
    _kept.clear()


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


def foveated(module: nn.Module, fovea: FoveaConfig, *, name: str) -> nn.Module:
    """Return a network of timm with a fovea, itself where there is none; raise ObserverError where it can have none."""
    if fovea == NO_FOVEA:
        return module
    try:
        return FoveatedTransformer(module, fovea)
    except ObserverError as error:
        raise ObserverError(f"observer.fovea and the network must fit: {error} ({name})") from None


def timm_network(module: nn.Module, *, name: str, device: str = "auto") -> Network:
    """Wrap a network of timm with the size, interpolation, mean and SD of its own data config.

    Raises
    ------
    ObserverError
        If it takes other than square three-channel images, or resizes in a way torch cannot.

    Notes
    -----
    A backbone without a classifier has no classes; a readout or a search needs none.
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
        n_classes=module.num_classes if isinstance(module.num_classes, int) else 0,
        input_size=height,
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        interpolation=INTERPOLATIONS[data["interpolation"]],
        device=device,
    )


@dataclass(frozen=True)
class _Built:
    """A network under what it was built from."""

    key: Hashable
    network: Network

    @cached_property
    def digest(self) -> str:
        return module_digest(self.network.module)


_kept: list[_Built] = []


def _built(settings: NetworkObserver, name: str, *, seed: int, untrained: bool) -> _Built:
    key = current(), _key(settings, name, seed, untrained)
    if not _kept or _kept[0].key != key:
        _kept.clear()  # before the next is built: there may be room for one
        _kept.append(_Built(key, _make(settings, name, seed, untrained)))
    return _kept[0]


def _key(settings: NetworkObserver, name: str, seed: int, untrained: bool) -> Hashable:
    """All that the network follows from; a file stands for its bytes."""
    if isinstance(settings, ModuleObserver):
        return settings, seed if untrained else 0, untrained
    if isinstance(settings, FactoryObserver):
        loaded = (settings.target, file_digest(checkpoint_of(settings, name))) if settings.checkpoints else ()
        return name, loaded, settings.image_size, seed, untrained
    weights = "random" if untrained else settings.weights
    if weights in ("auto", "random"):
        return name, settings.fovea, weights, seed if weights == "random" else 0
    return name, settings.fovea, file_digest(weights_file(weights))


def _make(settings: NetworkObserver, name: str, seed: int, untrained: bool) -> Network:
    if isinstance(settings, FactoryObserver):
        return _of_factory(settings, name, seed, untrained)
    if isinstance(settings, ModuleObserver):
        module = live.find(settings.digest)
        return live.wrapped(untrained_copy(module, seed=seed, name=name) if untrained else module, settings)
    check_model_name(name)
    weights = "random" if untrained else settings.weights
    module = weight_sources.create(name, weights=weights, seed=seed)
    return timm_network(foveated(module, settings.fovea, name=name), name=name)


def _of_factory(settings: FactoryObserver, name: str, seed: int, untrained: bool) -> Network:
    checkpoint = checkpoint_of(settings, name) if settings.checkpoints else None
    target = settings.target[0] if settings.checkpoints else name
    module = call_factory(target, seed=seed, checkpoint=checkpoint)
    if untrained:
        module = untrained_copy(module, seed=seed, name=name)
    network = Network(module, name=name, n_classes=0, input_size=settings.image_size)
    network.n_classes = probe(network, setting="observer.target")
    return network
