"""Deleting runs: a run's folder, its job's, and those of its cells that no other run of the store lists; nothing else.

Everything happens under the lock of the study's cells, under which runs also write their lists and begin. So a run that
is being planned has either written its list, and its cells stay; or it writes it afterwards, and asks only then what is
missing. A run that somebody is at work on is not deleted, and where the list of another run cannot be read no cell is.

A deletion that is cut short leaves an unfinished run, which verifies, can be deleted again, and can be run again: the
manifest goes first, then the hashes in the run's list, then cells, then the folder, which is moved out of sight before
it is emptied.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cogattn.errors import StoreError
from cogattn.running.catalogue import list_runs
from cogattn.running.checkpoints import CHECKPOINTS
from cogattn.running.job_records import job_folder, jobs_lock, may_be_at_work
from cogattn.running.leases import forget
from cogattn.running.records import CellList
from cogattn.running.shelf import SHELF, clear
from cogattn.running.store import RunFolder

log = logging.getLogger(__name__)
DELETED_FOLDER = re.compile(r"\.deleted-[0-9a-f]{12}-[0-9a-f]{8}")


@dataclass(frozen=True)
class Deletion:
    """What goes, or has gone, with a run.

    Parameters
    ----------
    run : RunFolder
        The run.
    cells : tuple of str
        Names in its list that no other run lists, stored or not.
    n_cells, n_kept : int
        Stored cells that go with it, and stored cells of its list that stay, for other runs list them.
    n_bytes : int
        Size of the run's folder and the cells that go.
    note : str
        What is left behind and why; empty where nothing is.
    """

    run: RunFolder
    cells: tuple[str, ...]
    n_cells: int
    n_kept: int
    n_bytes: int
    note: str = ""


def planned_deletions(runs: Sequence[RunFolder]) -> list[Deletion]:
    """Return what would go with each of `runs`, deleted in this order; nothing is changed.

    Raises
    ------
    StoreError
        If somebody is at work on one of them, or the list of another run cannot be read.
    """
    found = []
    for i, run in enumerate(runs):
        with run.cells.lock():
            refuse_busy(run)
            found.append(_deletion(run, gone=runs[:i]))
    return found


def delete(run: RunFolder) -> Deletion:
    """Delete a run, the folder of its job, and the cells that no other run lists.

    Raises
    ------
    StoreError
        If somebody is at work on it, the list of another run of the study cannot be read, or a file cannot be deleted.
    """
    with jobs_lock(run.root), run.cells.lock():
        _sweep(run.folder.parent)
        refuse_busy(run)
        with run.lock():
            deletion = _deletion(run)
            _disown(run)
            for name in deletion.cells:
                run.cells.delete(name)
                (run.root / CHECKPOINTS / run.study / f"{name}.bin").unlink(missing_ok=True)
            forget(run.cells, {run.id, *deletion.cells})
            _forget_job(run)
            aside = run.folder.with_name(f".deleted-{run.id}-{secrets.token_hex(4)}")
            _move(run, aside)
        _empty(aside)
        if all(other.study != run.study for other in list_runs(run.root)):
            clear(run.root / SHELF / run.study)  # stimuli that only other runs of the study could want
    return deletion


def refuse_busy(run: RunFolder) -> None:
    """Raise StoreError where a process is at work on the run, naming it."""
    if workers := run.workers():
        raise StoreError(
            f"run {run.id} must be idle to be deleted; got {'; '.join(workers)} at work on it; end that process first"
        )


def _deletion(run: RunFolder, gone: Sequence[RunFolder] = ()) -> Deletion:
    """What goes with a run, once the runs `gone` are."""
    notes, listed = [], _listed(run)
    if listed is None:
        notes, listed = ["its list of cells is damaged, so its cells stay"], ()
    if may_be_at_work(run):
        notes.append(f"its job has not said that it ended, so {job_folder(run)} stays")
    others: set[str] = set()
    for other in list_runs(run.root):
        if listed and other.study == run.study and other != run and other not in gone:
            others.update(_listed_or_refused(other))
    own = tuple(name for name in listed if name not in others)
    sizes = [path.stat().st_size for path in map(run.cells.path, own) if path.is_file()]
    n_kept = sum(run.cells.has(name) for name in listed if name in others)
    n_bytes = sum(sizes) + sum(path.lstat().st_size for path in run.folder.rglob("*") if path.is_file())
    return Deletion(run, own, len(sizes), n_kept, n_bytes, "; ".join(notes))


def _listed(run: RunFolder) -> tuple[str, ...] | None:
    """Names in the run's list, none where it has none yet; None where it cannot be read."""
    try:
        cells = run.read(CellList)
        names = [cell.name for cell in cells.cells] if cells else []
        for name in names:
            run.cells.path(name)  # refuses what is no name of a cell
    except StoreError:
        return None
    return tuple(dict.fromkeys(names))


def _listed_or_refused(other: RunFolder) -> tuple[str, ...]:
    listed = _listed(other)
    if listed is None:
        raise StoreError(
            f"{CellList.file} of run {other.id} must be readable, for it tells which cells must stay; got damage "
            f"({other.folder}); delete that run first (its cells stay), or run its command again"
        )
    return listed


def _disown(run: RunFolder) -> None:
    """Make the run an unfinished one, whose list asks for cells and does not vouch for them."""
    run.reopen()
    try:
        cells = run.read(CellList)
    except StoreError:
        return
    if cells is not None:
        run.write(CellList(cells=tuple(cell.model_copy(update={"sha256": None}) for cell in cells.cells)))


def _forget_job(run: RunFolder) -> None:
    """Remove settings, record and log of the run's job, unless a process may still write there."""
    folder = job_folder(run)
    if folder.is_dir() and not may_be_at_work(run):
        _empty(folder)


def _move(run: RunFolder, aside: Path) -> None:
    try:
        run.path().rename(aside)
    except OSError as error:
        raise StoreError(f"run {run.id} must be movable; got {error.strerror} ({run.folder})") from error


def _empty(folder: Path) -> None:
    """Remove a folder that has been moved aside; links in it are removed, not followed."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(f"{folder} must be deletable; got {error.strerror}") from error


def _sweep(study: Path) -> None:
    """Finish deletions that were cut short; the lock of the study's cells is held, so none is under way."""
    for path in study.iterdir() if study.is_dir() else ():
        if DELETED_FOLDER.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            log.warning("%s is what a deletion left that was cut short; removed", path)
            _empty(path)
