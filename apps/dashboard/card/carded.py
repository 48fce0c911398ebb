"""Of whom a store can show a card: registered observers alone, found through the finished runs that hold them."""

from __future__ import annotations

import re
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path

from cogattn.apps.dashboard import links
from cogattn.apps.dashboard.runs import reading
from cogattn.errors import CogattnError, StoreError
from cogattn.registry import load_study
from cogattn.reporting.card.model import Card
from cogattn.running.catalogue import list_runs
from cogattn.running.records import Manifest
from cogattn.running.store import RunFolder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
"""Of a registered observer: no target ``module:factory``, which would be code, and no path."""
ROLES = ("network", "decoder")
KNOWN = "tf_efficientnet_lite0"
"""Whom every study of networks knows without loading timm, which takes seconds."""
FRESH_S = 30.0
MANIFEST = reading.FILES.index(Manifest.file)
Stamp = tuple[tuple[str, tuple[int, int, int] | None], ...]


def stamp(store: Path) -> Stamp:
    """Return what changes when a run of the store is finished, made anew or deleted."""
    return tuple((links.name_of(run), reading.stamp_of(run)[MANIFEST]) for run in list_runs(store))


@lru_cache(maxsize=8)
def names(store: Path, at: Stamp) -> list[str]:
    """Return the observers of finished runs that a card can be made of: those of most studies first, then by name.

    Parameters
    ----------
    store : Path
        Folder of runs.
    at : tuple
        Its `stamp`, so that the answer is remembered for as long as it holds.
    """
    finished = [one.survey.run for one in reading.read(store).runs if one.status == "finished"]
    held = {(run.study, name) for run in finished for name in _tested(run)}
    studies = Counter(name for study, name in held if _knows(study, name))
    return sorted(studies, key=lambda name: (-studies[name], name))


def damaged(store: Path) -> list[str]:
    """Return the runs of a store that cannot be read, as ``study/id``."""
    return [one.name for one in reading.read(store).runs if one.status == "damaged"]


def card(name: str, store: Path, any_settings: bool, at: Stamp) -> Card:
    """Return the card of an observer, read once for each state of the store and every half minute.

    What a card says of runs that are not finished grows old while they go on.
    """
    return _card(name, store, any_settings, at, int(time.monotonic() // FRESH_S))


@lru_cache(maxsize=32)
def _card(name: str, store: Path, any_settings: bool, at: Stamp, tick: int) -> Card:
    return Card.of(name, out=store, any_settings=any_settings)


def _tested(run: RunFolder) -> set[str]:
    """Whom a run's summary tells of that may have a card: no control, person or group of listeners."""
    try:
        return {value.observer for value in reading.values(run) if value.role in ROLES}
    except StoreError:
        return set()


@lru_cache(maxsize=4096)
def _knows(study_name: str, name: str) -> bool:
    """Whether a study that calls its observers by their names has one of this name on a card."""
    called = _called(study_name, KNOWN)
    return bool(NAME.fullmatch(name)) and called in ("", KNOWN) and _called(study_name, name) == name


@lru_cache(maxsize=4096)
def _called(study_name: str, name: str) -> str:
    """What a study's tables call a card's observer, a schedule's name too; empty where it does not apply."""
    try:
        study = load_study(study_name)
        config = study.carded(name)
    except CogattnError:
        return ""
    observers = study.observers(config) if config is not None else ()
    return observers[0].id if observers else ""
