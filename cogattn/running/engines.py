"""Where cells run, by name or by hand: the house's own pool, Dask, an executor of the user's own.

An installed package announces an executor under the entry points ``cogattn.executors``: a function of a number of
workers that returns a ``concurrent.futures.Executor``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from cogattn.errors import ConfigError, StoreError
from cogattn.running.clusters import CLUSTERS, ClientEngine, ClusterKind, DaskEngine
from cogattn.running.executors import Engine, Equipment, Fleet, MakeExecutor, default_workers
from cogattn.running.hardware import DEFAULT, Hardware
from cogattn.running.worker import at_work

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
T = TypeVar("T")
EXECUTORS = "cogattn.executors"
POOL, DASK = "pool", "dask"


def checked_engine(
    executor: str | None = None,
    *,
    scheduler: str | None = None,
    cluster: str | None = None,
    workers: int | None = None,
    hardware: Hardware = DEFAULT,
) -> Engine | None:
    """Return the engine that flags name; None for the house's own pool. Nothing is started or connected to.

    Raises
    ------
    ConfigError
        If there is none of this name, or flags do not go together.
    """
    executor = executor or POOL
    for flag, value in (("--scheduler", scheduler), ("--cluster", cluster)):
        if value is not None and executor != DASK:
            raise ConfigError(
                f"{flag} must go with --executor dask; got {flag} {value[:80]} with {executor[:40]}"
            )
    if executor == POOL:
        return None
    if executor == DASK:
        return _dask(scheduler, cluster, workers, hardware)
    found = executor_entry_points()
    if executor not in found:
        known = ", ".join([POOL, DASK, *found])
        raise ConfigError(f"--executor must be one of {known}; got {executor[:40]!r}")
    return PluginEngine(found[executor], workers or default_workers(hardware))


def _dask(scheduler: str | None, cluster: str | None, workers: int | None, hardware: Hardware) -> DaskEngine:
    if (scheduler is None) == (cluster is None):
        got = "neither" if scheduler is None else "both"
        raise ConfigError(
            f"--executor dask must have --scheduler ADDRESS or --cluster {' or '.join(CLUSTERS)}; got {got}"
        )
    if cluster is not None and cluster not in CLUSTERS:
        raise ConfigError(f"--cluster must be {' or '.join(CLUSTERS)}; got {cluster[:40]!r}")
    if scheduler is not None and not scheduler.strip():
        raise ConfigError("--scheduler must be the address of a Dask scheduler, as tcp://host:8786; got none")
    return DaskEngine(scheduler or "", cast("ClusterKind | None", cluster), workers, hardware)


def executor_entry_points() -> dict[str, EntryPoint]:
    """Return the announced executors by name, none imported."""
    return {
        entry.name: entry for entry in sorted(entry_points(group=EXECUTORS), key=lambda entry: entry.name)
    }


def engine_of(executor: Executor | Client | str, workers: int | None = None) -> Engine | None:
    """Return the engine for what a program passes: an executor, a Dask client, or an announced name.

    Raises
    ------
    ConfigError
        If it is none of these.
    """
    if isinstance(executor, str):
        if executor == DASK:
            raise ConfigError(
                "executor must be a Dask client itself; got the word 'dask'; pass distributed.Client(...)"
            )
        return checked_engine(executor, workers=workers)
    client = _client_of(executor)
    if client is not None:
        return ClientEngine(client, workers)
    if not isinstance(executor, Executor):
        raise ConfigError(
            "executor must be a concurrent.futures.Executor, a Dask client or an announced name; "
            f"got {type(executor).__name__}"
        )
    return BorrowedEngine(executor, workers or default_workers())


def _client_of(executor: object) -> Client | None:
    """The Dask client that is passed itself, or behind its own executor."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    if isinstance(executor, distributed.cfexecutor.ClientExecutor):
        executor = getattr(executor, "_client", None)
    return executor if isinstance(executor, distributed.Client) else None


@dataclass(frozen=True)
class PluginEngine:
    """Executors that an installed package makes; each is shut down when it is no longer used."""

    entry: EntryPoint
    workers: int

    @contextmanager
    def opened(self) -> Generator[tuple[MakeExecutor, int]]:
        """Return a context of the package's function, and the number of workers.

        Raises
        ------
        ConfigError
            If it cannot be imported, or makes something else than executors.
        """
        try:
            make = self.entry.load()
        except Exception as error:  # a plugin may raise anything while it is imported
            raise ConfigError(
                f"--executor {self.entry.name} must be importable; got {type(error).__name__}: {error} "
                f"({self.entry.value})"
            ) from error
        yield lambda workers: self._made(make, workers), self.workers

    def _made(self, make: Callable[[int], Executor], workers: int) -> Executor:
        try:
            executor = make(workers)
        except Exception as error:  # as above
            raise StoreError(
                f"--executor {self.entry.name} must be able to start; got {type(error).__name__}: {error}"
            ) from error
        if not isinstance(executor, Executor):
            raise ConfigError(
                f"--executor {self.entry.name} must make a concurrent.futures.Executor; got {type(executor).__name__}"
            )
        return executor


@dataclass(frozen=True)
class BorrowedEngine:
    """One executor of the user's own, which stays as it is."""

    executor: Executor
    workers: int

    @contextmanager
    def opened(self) -> Generator[tuple[MakeExecutor, int]]:
        """Return a context of what lends the executor, and the number of workers."""
        yield lambda workers: BorrowedExecutor(self.executor, self.workers), self.workers


class BorrowedExecutor(Fleet):
    """Calls on an executor that somebody else has made and will shut down.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Whose workers compute.
    workers : int
        Calls under way at once.
    """

    def __init__(self, executor: Executor, workers: int) -> None:
        self._executor, self._workers = executor, workers
        self._equipment = Equipment()
        self._inner: dict[Future, Future] = {}
        self._hanging: set[Future] = set()

    def equip(self, equipment: Equipment) -> None:
        """Say what each worker needs before its first call."""
        self._equipment = equipment

    def seats(self) -> int:
        """Calls that may be under way: a worker that hangs in one that was given up is not counted."""
        self._hanging = {future for future in self._hanging if not future.done()}
        if len(self._hanging) >= self._workers:
            raise StoreError(
                "an executor must have a worker that is free; got all of them in cells that hang"
            )
        return self._workers - len(self._hanging)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand on a call, to be made as a worker of ours would make it."""
        try:
            inner = self._executor.submit(partial(at_work, self._equipment, fn, *args, **kwargs))
        except (BrokenExecutor, RuntimeError) as error:
            raise StoreError(
                f"executor must be usable until the run is done; got {error!r}; what was finished is stored, and the "
                "same call with a new one resumes"
            ) from error
        outer: Future[T] = Future()
        self._inner[outer] = inner
        inner.add_done_callback(lambda done: self._pass_on(done, outer))
        return outer

    def _pass_on(self, inner: Future, outer: Future) -> None:
        self._inner.pop(outer, None)
        if inner.cancelled():
            outer.cancel()
            outer.set_running_or_notify_cancel()
        elif isinstance(error := inner.exception(), BrokenExecutor):
            outer.set_exception(StoreError(f"executor must be usable until the run is done; got {error!r}"))
        elif error is not None:
            outer.set_exception(error)
        else:
            outer.set_result(inner.result())

    def end(self, future: Future[str | None]) -> None:
        """Give up a call; where it is under way already, its worker is busy until it ends by itself."""
        inner = self._inner.get(future)
        if inner is not None and not inner.cancel():
            self._hanging.add(inner)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Cancel what has not begun; the executor itself is its owner's."""
        for inner in list(self._inner.values()):
            inner.cancel()
