"""The store, read cheaply: what has been read is kept until its files change, and a large store is read in helpings.

A run's stamp is the time and size of the files that a list of runs looks at. A helping ends after a given time, so that
a page shows the newest of two thousand runs at once and the rest as they come; all tabs share what has been read.
"""

from __future__ import annotations

import json
import math
import os
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cogattn.apps.dashboard.runs.seeds import Value, values_of
from cogattn.errors import ConfigError, StoreError
from cogattn.running.atomic import alive, read_regular
from cogattn.running.catalogue import list_runs
from cogattn.running.listing import Survey, survey
from cogattn.running.lock import CLAIM_FILE
from cogattn.running.records import CellList, ConfigRecord, Manifest, Provenance
from cogattn.running.store import TABLES, RunFolder

Status = Literal["finished", "running", "stopped", "damaged"]
STATUSES: tuple[Status, ...] = ("finished", "running", "stopped", "damaged")
FILES = (*(kind.file for kind in (ConfigRecord, Provenance, CellList, Manifest)), f"{TABLES}/summary.csv")
OWNER_BYTES = 4096

Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, eq=False)
class Listed:
    """One run of the store as a page lists it.

    Parameters
    ----------
    survey : Survey
        Study, settings, observers, sessions.
    status : {"finished", "running", "stopped", "damaged"}
        Unfinished is ``running`` while a process is at work on it, else ``stopped``.
    stored, planned : int
        Cells that are in the store, and cells of its list; 0 of 0 for a finished run, whose list is not counted.
    """

    survey: Survey
    status: Status
    stored: int = 0
    planned: int = 0

    @property
    def run(self) -> RunFolder:
        """Which run."""
        return self.survey.run

    @property
    def name(self) -> str:
        """``study/id``, as addresses name it."""
        return f"{self.run.study}/{self.run.id}"

    @property
    def how_far(self) -> str:
        """The status in words: ``running, 3 of 8 cells``."""
        if self.status in ("finished", "damaged"):
            return self.survey.how_far
        return f"{self.status}, {self.stored} of {self.planned or '?'} cells"


@dataclass(frozen=True, eq=False)
class Reading:
    """What has been read of a store: newest first.

    Parameters
    ----------
    runs : tuple of Listed
        Those that have been read.
    studies : tuple of str
        Of all runs, read or not.
    unread : int
        How many there are besides.
    """

    runs: tuple[Listed, ...]
    studies: tuple[str, ...] = ()
    unread: int = 0


_kept: dict[RunFolder, tuple[Stamp, Survey]] = {}
_values: dict[RunFolder, tuple[Stamp, tuple[Value, ...]]] = {}
_lock = threading.Lock()


def read(root: Path, *, seconds: float = math.inf) -> Reading:
    """Read the runs of a store, the newest first, for about so many seconds.

    Raises
    ------
    StoreError
        If the store cannot be listed.
    """
    until = time.monotonic() + seconds
    runs = sorted(list_runs(root), key=_changed, reverse=True)
    found: list[Survey] = []
    unread = 0
    for run in runs:
        stamp = stamp_of(run)
        with _lock:
            kept = _kept.get(run)
        if kept is None or kept[0] != stamp:
            if time.monotonic() > until:
                unread += 1
                continue
            kept = (stamp, survey(run))
            with _lock:
                _kept[run] = kept
        found.append(kept[1])
    _forget(root, runs)
    studies = tuple(sorted({run.study for run in runs}))
    return Reading(tuple(listed(one) for one in found), studies, unread)


def listed(one: Survey) -> Listed:
    """Return a run with its status as of now."""
    if one.state != "unfinished":
        return Listed(one, one.state)
    try:
        stored, planned = progress(one.run)
    except StoreError:
        return Listed(one, "damaged")
    return Listed(one, "running" if at_work(one.run) else "stopped", stored, planned)


def progress(run: RunFolder) -> tuple[int, int]:
    """Return how many cells of a run are in the store, and how many its list names; raise StoreError if damaged."""
    cells = run.read(CellList)
    if cells is None:
        return 0, 0
    return sum(run.cells.has(cell.name) for cell in cells.cells), len(cells.cells)


def at_work(run: RunFolder) -> bool:
    """Whether a process says that it is at work on a run: on this machine one that lives, on another any.

    Nothing is written: who clears away what dead processes have left is `cogattn.running.lock`.
    """
    try:
        names = [name for name in os.listdir(run.folder) if CLAIM_FILE.fullmatch(name)]
    except OSError:
        return False
    return any(_lives(run.folder / f"{name}-owner") for name in names)


def values(run: RunFolder) -> tuple[Value, ...]:
    """Return the numbers of a run's summary, read once for as long as its files stay; raise StoreError if damaged."""
    stamp = stamp_of(run)
    with _lock:
        kept = _values.get(run)
    if kept is None or kept[0] != stamp:
        kept = (stamp, values_of(run))
        with _lock:
            _values[run] = kept
    return kept[1]


def run_named(root: Path, name: str) -> RunFolder:
    """Return the run that an address names, ``study/id``.

    Raises
    ------
    ConfigError
        If the name has another form, or the store holds no such run.
    """
    study, _, run_id = name[:200].partition("/")
    run = RunFolder(root, study, run_id)
    try:
        there = run.path().is_dir()
    except (OSError, StoreError):
        there = False
    if not there:
        raise ConfigError(f"run must be one of this store; got {study}/{run_id}")
    return run


def stamp_of(run: RunFolder) -> Stamp:
    """Return what changes when one of the files changes that a list looks at."""
    folder = str(run.folder)
    return tuple(_stat(f"{folder}/{name}") for name in FILES)


def _stat(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _changed(run: RunFolder) -> tuple[int, str]:
    stat = _stat(str(run.folder))
    return (stat[0] if stat else 0), run.id


def _lives(owner: Path) -> bool:
    try:
        host, pid, _ = json.loads(read_regular(owner, limit=OWNER_BYTES))
        return host != socket.gethostname() or alive(int(pid))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _forget(root: Path, runs: Iterable[RunFolder]) -> None:
    """Let go of runs that have been deleted."""
    there = set(runs)
    with _lock:
        for kept in (_kept, _values):
            for run in [run for run in kept if run.root == root and run not in there]:
                del kept[run]
