"""A run's job: the folder ``<store>/jobs/<study>-<run id>``, where it is written who does it, and how that ended."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import ValidationError

from cogattn.errors import StoreError
from cogattn.running.atomic import alive, read_regular, unsealed
from cogattn.running.lock import LOCK, held
from cogattn.running.records import Record
from cogattn.running.store import JOBS, RunFolder

R = TypeVar("R", bound=Record)
MAX_BYTES = 1 << 20


class JobRecord(Record):
    """A run that was started from the dashboard, and the process that does it.

    A process is known by its number and by when it started, for numbers come again.
    """

    file: ClassVar[str] = "job.json"

    study: str
    run_id: str
    host: str
    pid: int
    born: str
    """When the process started, as this system tells it; see `cogattn.apps.dashboard.jobs.processes.born`."""
    started: str
    """When it was launched, ISO 8601 in UTC."""
    workers: int


class Cancelled(Record):
    """Somebody asked for the end of a job."""

    file: ClassVar[str] = "cancel.json"

    at: float
    """When, in seconds since 1970."""


class Ended(Record):
    """How a job's command ended, by its own word."""

    file: ClassVar[str] = "ended.json"

    code: int
    at: str
    """ISO 8601 in UTC."""


def job_folder(run: RunFolder) -> Path:
    """Return the folder of a run's job; raise StoreError where a symbolic link could lead out of the store."""
    folder = run.root / JOBS / f"{run.study}-{run.id}"
    for path in (folder.parent, folder):
        if path.is_symlink():
            raise StoreError(f"paths of a job must not be symbolic links; got {path}")
    return folder


def read_job(run: RunFolder, kind: type[R]) -> R | None:
    """Return a record of a run's job; None where there is none that can be read."""
    try:
        data = read_regular(job_folder(run) / kind.file, limit=MAX_BYTES)
        return kind.model_validate(unsealed(data))
    except (OSError, ValueError, ValidationError):
        return None


def jobs_lock(root: Path) -> AbstractContextManager[None]:
    """Return the lock under which the store's jobs begin, are cancelled and go; it comes before that of cells."""
    return held(root / JOBS / LOCK, of="the jobs") if (root / JOBS).is_dir() else nullcontext()


def may_be_at_work(run: RunFolder) -> bool:
    """Whether a job has not said that it ended, and its process is there, or on another machine."""
    job = read_job(run, JobRecord)
    if job is None or read_job(run, Ended) is not None:
        return False
    return job.host != socket.gethostname() or alive(job.pid)
