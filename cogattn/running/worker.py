"""What a process is while it computes for somebody else's executor: a Dask worker, a worker of the user's own pool.

Our own processes become workers for life (`cogattn.running.executors.become_worker`). One that is not ours may have
other work and other drivers, so that it is made fit around each call and left as it was: one call at a time, one
thread, nothing on stdout, no more memory than allowed, this driver's networks at hand. One at a time holds whatever
the process's own number of threads, because threads of libraries, the device and what models hold belong to the
process: a Dask worker of several threads computes one cell after the other.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from cogattn.running.executors import Equipment, WorkerLost, numbered, one_thread

P = ParamSpec("P")
T = TypeVar("T")

_BUSY = threading.RLock()
"""Held during a call: a process computes one cell at a time."""
_PREPARED: set[str] = set()
"""Tokens of the executions that this process is prepared for."""
_SEATS: dict[str, Seat] = {}


@dataclass(frozen=True)
class Seat:
    """A driver's claim on a worker process.

    Parameters
    ----------
    token : str
        Names the driver and the process: another process at the same address does not know it.
    number : int
        Which of its host's workers it is, from 0: it takes the device of this number.
    equipment : Equipment
        What it needs.
    """

    token: str
    number: int
    equipment: Equipment


def at_work(equipment: Equipment, call: Callable[P, T], /, *arguments: P.args, **options: P.kwargs) -> T:
    """Return what a call returns that is made as a worker of ours would make it.

    Raises
    ------
    UnfitWorker
        If the process cannot compute for this execution.
    """
    with _BUSY, one_thread(), redirect_stdout(sys.stderr), at_most(equipment.memory_mb):
        _prepare(equipment)
        return call(*arguments, **options)


def take_seat(seat: Seat) -> int:
    """Prepare this process for a driver's calls and return its process id.

    Raises
    ------
    UnfitWorker
        If it cannot compute for this driver.
    """
    with _BUSY, numbered(seat.number):
        at_work(seat.equipment, int)
    _SEATS[seat.token] = replace(seat, equipment=replace(seat.equipment, prepare=()))
    return os.getpid()


def sit(token: str, call: Callable[P, T], /, *arguments: P.args, **options: P.kwargs) -> T:
    """Return what a call returns in a process that has taken a seat.

    Raises
    ------
    WorkerLost
        If it has not: it is another process than the one that took the seat.
    """
    if token not in _SEATS:
        raise WorkerLost("the worker was started again")
    seat = _SEATS[token]
    with _BUSY, numbered(seat.number):
        return at_work(seat.equipment, call, *arguments, **options)


@contextmanager
def at_most(memory_mb: int | None) -> Generator[None]:
    """Limit what this process may allocate of its own inside, where the system can."""
    if memory_mb is None or sys.platform == "win32":
        yield
        return
    import resource

    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    limit = memory_mb * 1_000_000
    resource.setrlimit(resource.RLIMIT_DATA, (limit if most < 0 else min(limit, most), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))


def _prepare(equipment: Equipment) -> None:
    if equipment.token in _PREPARED:
        return
    for function, arguments in equipment.prepare:
        function(*arguments)
    _PREPARED.add(equipment.token)
