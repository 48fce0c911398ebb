"""One observer of a run alone: its settings, the seed of its network and what its network follows from.

Controls without trained weights have a seed of their own for each copy. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cogattn.observers import roster
from cogattn.observers.config import FactoryObserver, ModuleObserver, TimmObserver
from cogattn.observers.content import content_of
from cogattn.observers.observer import Observer
from cogattn.seeds import Streams

UNTRAINED = "untrained"
"""Variant of a control whose network's parameters are drawn anew."""

Backbones = TimmObserver | FactoryObserver | ModuleObserver
"""Settings of networks whose features are looked at."""


def network_seed(seed: int, observer: Observer) -> int:
    """Return the seed of an observer's network: the run's, or an untrained copy's own."""
    if observer.variant != UNTRAINED:
        return seed
    return int(Streams(seed).entropy(UNTRAINED, observer.copy)[1])


def settings_of(settings: Backbones, network: str, variant: str) -> Backbones:
    """Return the settings of one network alone, its weights left out where a copy has none of its."""
    if isinstance(settings, TimmObserver) and variant == UNTRAINED:
        return TimmObserver(models=(network,), weights="random", fovea=settings.fovea)
    return cast(Backbones, roster.only(settings, network))  # of the same kind


def network_contents(
    settings: Backbones, network: str, observer: Observer, *, seed: int
) -> Mapping[str, str]:
    """Return the digests of the network of an observer; none where it needs none."""
    if not network:
        return {}
    return content_of(
        settings_of(settings, network, observer.variant),
        network,
        seed=network_seed(seed, observer),
        untrained=observer.variant == UNTRAINED,
    )
