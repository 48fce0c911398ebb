"""What is written down of a job: who it is, that it is to end, how it ended."""

from __future__ import annotations

from typing import ClassVar

from cogattn.running.records import Record


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
    """When the process started, as this system tells it; see `cogattn.apps.dashboard.processes.born`."""
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
