"""Jobs: runs that were started from the dashboard, each the command line in a process of its own.

A job is the folder ``<store>/jobs/<study>-<run id>`` with its settings, its record, its log and its exit code. All that
a page says of a job is read from there, from the run's cells and from the table of processes; the server remembers
nothing, so that a reload, a second tab, and a server that was killed lose nothing. Jobs are started under one lock:
whoever launches settings that are already on their way gets the job that is there.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from cogattn.apps.dashboard.jobs.detached import GO
from cogattn.apps.dashboard.jobs.processes import ask_to_end, born, end, lives
from cogattn.config import StudyConfig
from cogattn.errors import ConfigError, StoreError
from cogattn.running.atomic import sealed, write_atomically
from cogattn.running.environment import available_cpus
from cogattn.running.job_records import Cancelled, Ended, JobRecord, job_folder, jobs_lock, read_job
from cogattn.running.records import CellList, ConfigRecord, Provenance, Record
from cogattn.running.store import JOBS, RunFolder, config_record

State = Literal["starting", "running", "cancelling", "finished", "failed", "cancelled", "died"]
AT_WORK: tuple[State, ...] = ("starting", "running", "cancelling")
LOG = "log.txt"
TAIL_BYTES = 8192
GRACE_S = 40.0
"""From SIGTERM to SIGKILL: a run gives its cells 20 s (`cogattn.running.crew.GRACE_S`) and then writes nothing more."""
_CHILDREN: list[subprocess.Popen[bytes]] = []
"""Processes that this server started: asked now and then, so that none stays a zombie."""


@dataclass(frozen=True)
class Job:
    """What is known of a job now.

    Parameters
    ----------
    run : RunFolder
        What it does.
    record : JobRecord
        Who does it.
    state : str
        ``starting``, ``running`` and ``cancelling`` are at work; ``finished``, ``failed`` and ``cancelled`` by its own
        word; ``died`` is gone without one.
    n_stored, n_cells : int
        Cells of the run; 0 of 0 until they are listed.
    code : int, optional
        Exit code, where it told one.
    """

    run: RunFolder
    record: JobRecord
    state: State
    n_stored: int = 0
    n_cells: int = 0
    code: int | None = None

    @property
    def at_work(self) -> bool:
        """Whether its process runs."""
        return self.state in AT_WORK


def start(
    root: Path, study: str, config: StudyConfig, *, workers: int | None = None, limit: int | None = None
) -> tuple[Job, bool]:
    """Start a run unless it is on its way, and return its job, and whether it was started now.

    Parameters
    ----------
    root : Path
        The store.
    study : str
        Registered name.
    config : StudyConfig
        Settings.
    workers : int, optional
        Processes at work at once. Default: the command line's.
    limit : int, optional
        Most workers of all jobs together. Default: the processors of this machine.

    Raises
    ------
    ConfigError
        If the jobs at work leave fewer processors than this one asks for.
    StoreError
        If somebody else is at work on the run, or the store cannot be written.
    """
    run = RunFolder(root, study, config_record(study, config).run_id)
    limit = limit or available_cpus()
    wanted = workers or min(8, limit)
    folder = job_folder(run)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the store must be writable; got {error.strerror} ({root})") from error
    with jobs_lock(root):
        there = look(run)
        if there is not None and there.at_work:
            return there, False
        _refuse_busy(run)
        _refuse_crowd(root, wanted, limit)
        record = _begin(folder, run, config, workers, wanted)
    return Job(run, record, "starting"), True


def look(run: RunFolder) -> Job | None:
    """Return the job of a run; None where it has none that can be read."""
    record = read_job(run, JobRecord)
    if record is None or (record.study, record.run_id) != (run.study, run.id):
        return None
    lives_now = _lives(record)
    ended, cancelled = read_job(run, Ended), read_job(run, Cancelled)
    n_stored, n_cells = _progress(run, record)
    state: State
    if ended is not None:
        state = "finished" if not ended.code else "cancelled" if cancelled else "failed"
    elif lives_now:
        state = "cancelling" if cancelled else "running" if n_cells else "starting"
    else:
        state = "cancelled" if cancelled else "died"
    return Job(run, record, state, n_stored, n_cells, ended.code if ended else None)


def remaining_s(job: Job) -> float | None:
    """Return how long a job may still take, in seconds, by its cells so far; None before it has stored one.

    The cells that were stored before it started are no measure of its pace.
    """
    try:
        provenance = job.run.read(Provenance)
    except StoreError:
        return None
    if provenance is None or not provenance.sessions:
        return None
    session = provenance.sessions[-1]
    missing = job.n_cells - job.n_stored
    done = session.n_missing - missing
    if done < 1 or datetime.fromisoformat(session.started) < datetime.fromisoformat(job.record.started):
        return None
    elapsed = (datetime.now(UTC) - datetime.fromisoformat(session.started)).total_seconds()
    return elapsed * missing / done


def jobs(root: Path) -> list[Job]:
    """Return the store's jobs, the last started first; a job that does not end when it was asked to is ended."""
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
    found = [job for run in _runs(root) if (job := look(run)) is not None]
    for job in found:
        if job.state == "cancelling":
            _end_overdue(job)
    return sorted(found, key=lambda job: job.record.started, reverse=True)


def cancel(run: RunFolder) -> None:
    """Ask a job to end: it begins no more cells, and stores those under way; nothing where it is not at work."""
    with jobs_lock(run.root):
        job = look(run)
        if job is None or not job.at_work or job.state == "cancelling":
            return
        _write(job_folder(run), Cancelled(at=time.time()))
        if job.record.host == socket.gethostname():
            ask_to_end(job.record.pid, job.record.born)


def forget(run: RunFolder) -> None:
    """Remove the record and the log of a job that is not at work; its run stays."""
    with jobs_lock(run.root):
        job = look(run)
        if job is not None and not job.at_work:
            shutil.rmtree(job_folder(run), ignore_errors=True)


def log_tail(run: RunFolder, n_lines: int = 12) -> str:
    """Return the last lines that a job has printed; of a progress bar, its last state."""
    try:
        with (job_folder(run) / LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return "\n".join([line for line in lines if line][-n_lines:])


def _begin(folder: Path, run: RunFolder, config: StudyConfig, workers: int | None, taken: int) -> JobRecord:
    """Start the process, and let it go on once its record is written."""
    for kind in (JobRecord, Ended, Cancelled):
        (folder / kind.file).unlink(missing_ok=True)
    _write(folder, config_record(run.study, config))
    words = [run.study, "--config", str(folder / ConfigRecord.file), "--out", str(run.root)]
    words += ["--workers", str(workers)] if workers else []
    with (folder / LOG).open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "cogattn.apps.dashboard.jobs.detached", str(folder), *words],
            stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    _CHILDREN.append(child)
    record = JobRecord(
        study=run.study,
        run_id=run.id,
        host=socket.gethostname(),
        pid=child.pid,
        born=born(child.pid),
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        workers=taken,
    )
    try:
        _write(folder, record)
        if child.stdin is not None:
            child.stdin.write(GO)
    finally:
        if child.stdin is not None:
            child.stdin.close()
    return record


def _refuse_busy(run: RunFolder) -> None:
    if not run.folder.is_dir():
        return
    with run.cells.lock():
        workers = run.workers()
    if workers:
        raise StoreError(
            f"run {run.id} must be idle to be launched; got {'; '.join(workers)} at work on it, started elsewhere"
        )


def _refuse_crowd(root: Path, wanted: int, limit: int) -> None:
    taken = sum(job.record.workers for job in jobs(root) if job.at_work)
    if taken and taken + wanted > limit:
        raise ConfigError(
            f"workers must fit beside the jobs at work, which take {taken} of {limit} processors; got {wanted}; "
            "wait for one, or cancel it"
        )


def _end_overdue(job: Job) -> None:
    cancelled = read_job(job.run, Cancelled)
    if (
        cancelled is not None
        and time.time() - cancelled.at > GRACE_S
        and job.record.host == socket.gethostname()
    ):
        end(job.record.pid, job.record.born)


def _progress(run: RunFolder, record: JobRecord) -> tuple[int, int]:
    """Cells stored and in all, once this job has listed them."""
    try:
        listed = run.path(CellList.file).stat().st_mtime
        cells = run.read(CellList)
    except (OSError, StoreError):
        return 0, 0
    if cells is None or listed < datetime.fromisoformat(record.started).timestamp():
        return 0, 0
    return sum(run.cells.has(cell.name) for cell in cells.cells), len(cells.cells)


def _lives(record: JobRecord) -> bool:
    """Whether the process runs; of another machine's it is not known, and it counts as at work until it says more."""
    return record.host != socket.gethostname() or lives(record.pid, record.born)


def _runs(root: Path) -> list[RunFolder]:
    """The runs that have a folder of a job."""
    found = []
    folder = root / JOBS
    for path in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []:
        study, _, run_id = path.name.rpartition("-")
        if path.is_dir() and not path.is_symlink():
            try:
                found.append(RunFolder(root, study, run_id))
            except ConfigError:
                continue
    return found


def _write(folder: Path, record: Record) -> None:
    write_atomically(folder / record.file, sealed(record.model_dump(mode="json")))
