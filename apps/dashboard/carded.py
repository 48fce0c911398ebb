"""Of whom a store can show a card: registered observers alone, found through the finished runs that hold them."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cogattn.apps.dashboard import links, reading
from cogattn.errors import CogattnError
from cogattn.registry import load_study, study_entry_points
from cogattn.reporting.card.model import Card
from cogattn.running.catalogue import list_runs
from cogattn.running.listing import Survey
from cogattn.running.records import Manifest
from cogattn.running.store import run_id

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
"""Of a registered observer: no target ``module:factory``, which would be code, and no path."""
FRESH_S = 30.0
MANIFEST = reading.FILES.index(Manifest.file)
Stamp = tuple[tuple[str, tuple[int, int, int] | None], ...]


def stamp(store: Path) -> Stamp:
    """Return what changes when a run of the store is finished, made anew or deleted."""
    return tuple((links.name_of(run), reading.stamp_of(run)[MANIFEST]) for run in list_runs(store))


@lru_cache(maxsize=8)
def names(store: Path, at: Stamp) -> dict[str, bool]:
    """Return the observers that finished runs hold, by name, and whether one is under the card's own settings.

    Parameters
    ----------
    store : Path
        Folder of runs.
    at : tuple
        Its `stamp`, so that the answer is remembered for as long as it holds.
    """
    finished = [one.survey for one in reading.read(store).runs if one.status == "finished"]
    found: dict[str, bool] = {}
    for name in dict.fromkeys(name for one in finished for name in one.observers if NAME.fullmatch(name)):
        held = _held(name, finished)
        if held is not None:
            found[name] = held
    return dict(sorted(found.items()))


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


def _held(name: str, finished: Sequence[Survey]) -> bool | None:
    """Whether a finished run holds the observer under the card's own settings; None: no run does under any."""
    ids = _asked(name)
    holding = [one for one in finished if one.run.study in ids and ids[one.run.study][0] in one.observers]
    return any(one.run.id == ids[one.run.study][1] for one in holding) if holding else None


@lru_cache(maxsize=4096)
def _asked(name: str) -> dict[str, tuple[str, str]]:
    """The observer's id in each study that applies, and the id of the card's own run; empty for no observer's name."""
    found = {}
    for study_name in study_entry_points():
        try:
            study = load_study(study_name)
            config = study.carded(name)
        except CogattnError:
            continue
        if config is not None and (observers := study.observers(config)):
            found[study_name] = (observers[0].id, run_id(study_name, config))
    return found
