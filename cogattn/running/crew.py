"""Keeps cells under way: as many as there are workers, so that only those are suspects when one of them dies."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from cogattn.errors import StoreError, Terminated
from cogattn.running.cells import CellStore
from cogattn.running.executors import stop_at_once
from cogattn.running.identity import PlannedCell

ATTEMPTS = 3
GRACE_S = 20.0
"""After SIGTERM, cells under way may take so long to be stored; Slurm gives 30 s."""
TICK_S = 0.5
START_S = 10.0
"""What a worker's first cell has beyond the limit of one cell, for the process to start and import."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    stored, failed, total : int
        Cells.
    label : str
        The cell that was stored or failed last, or what is being done; empty at the start.
    """

    stored: int
    failed: int
    total: int
    label: str = ""


OnProgress = Callable[[Progress], None]
Start = Callable[[int], Executor]
Submit = Callable[[Executor, PlannedCell], "Future[str | None]"]


@dataclass
class Crew:
    """Works off cells on an executor.

    Parameters
    ----------
    store : CellStore
        Where a cell may turn up because another driver was faster.
    workers : int
        Cells under way at once.
    start : callable
        From a number of workers to an executor.
    submit : callable
        Hands a cell to an executor; the future returns why it failed, or None.
    on_progress : callable
        Called at the start and after each cell.
    total, stored : int
        Cells of the whole plan, and those that are there already.
    timeout_s : float, optional
        Longest time for one cell; one that takes longer is ended and fails.
    """

    store: CellStore
    workers: int
    start: Start
    submit: Submit
    on_progress: OnProgress
    total: int
    stored: int
    timeout_s: float | None = None
    failures: dict[PlannedCell, str] = field(default_factory=dict)
    _executor: Executor | None = None
    _n_done: int = 0
    _until: dict[Future, float] = field(default_factory=dict)
    _stop_by: float | None = None

    def work_off(self, cells: Sequence[PlannedCell]) -> None:
        """Compute all of `cells` that are not stored; what failed is in `failures`.

        Raises
        ------
        Terminated
            After SIGTERM, when the cells under way have been stored or their grace is over.
        """
        todo: deque[PlannedCell] = deque(cells)
        under_way: dict[Future, PlannedCell] = {}
        self._tell("")
        try:
            with self._drained_by_sigterm():
                while todo or under_way:
                    self._end_if_told(under_way)
                    broken = self._fill(todo, under_way)
                    broken |= self._collect(under_way)
                    todo.extendleft(reversed(self._overdue(under_way)))
                    if broken:
                        suspects = list(under_way.values())
                        self._dismiss(under_way)
                        for cell in suspects:
                            self._run_alone(cell)
            if self._executor is not None:
                self._executor.shutdown(wait=True)
        except BaseException:
            self._dismiss(under_way)
            raise

    def _fill(self, todo: deque[PlannedCell], under_way: dict[Future, PlannedCell]) -> bool:
        """Submit up to one cell a worker; tell whether the pool turned out to be broken."""
        while todo and len(under_way) < self.workers and self._stop_by is None:
            if self.store.has(todo[0].name):  # another driver was faster
                self._record(todo.popleft(), None)
                continue
            if self._executor is None:
                self._executor = self._started(self.workers)
            try:
                future = self.submit(self._executor, todo[0])
            except BrokenExecutor:
                if not under_way:
                    self._dismiss(under_way)
                    continue
                return True
            under_way[future] = todo.popleft()
            start_s = START_S if self._n_done < self.workers else 0.0
            self._until[future] = time.monotonic() + start_s + (self.timeout_s or float("inf"))
        return False

    def _collect(self, under_way: dict[Future, PlannedCell]) -> bool:
        """Wait a moment and record what has ended; tell whether the pool broke (its cells stay)."""
        broken = False
        for future in wait(under_way, timeout=TICK_S, return_when=FIRST_COMPLETED).done:
            try:
                failure = future.result()
            except BrokenExecutor:
                broken = True
                continue
            except Exception as error:
                if not lost_its_worker(error):
                    raise
                self._run_alone(under_way.pop(future))
                continue
            self._n_done += 1
            self._record(under_way.pop(future), failure)
        return broken

    def _overdue(self, under_way: dict[Future, PlannedCell]) -> list[PlannedCell]:
        """End the pool where a cell takes too long; return the other cells, which are to be begun again."""
        late = [future for future in under_way if time.monotonic() > self._until[future]]
        if not late:
            return []
        for future in late:
            self._record(under_way.pop(future), f"it took longer than the limit of {self.timeout_s:g} s")
        again = list(under_way.values())
        self._dismiss(under_way)
        return again

    def _run_alone(self, cell: PlannedCell) -> None:
        for _ in range(ATTEMPTS - 1):
            if self.store.has(cell.name):
                return self._record(cell, None)
            executor = self.start(1)
            try:
                limit_s = None if self.timeout_s is None else self.timeout_s + START_S
                failure = self.submit(executor, cell).result(timeout=limit_s)
                executor.shutdown(wait=True)
                return self._record(cell, failure)
            except TimeoutError:
                stop_at_once(executor)
                return self._record(cell, f"it took longer than the limit of {self.timeout_s:g} s")
            except BrokenExecutor:
                stop_at_once(executor)
            except Exception as error:
                stop_at_once(executor)
                if not lost_its_worker(error):
                    raise
            except BaseException:
                stop_at_once(executor)
                raise
        return self._record(
            cell, f"its worker process died {ATTEMPTS} times (crashed, killed or out of memory)"
        )

    def _started(self, workers: int) -> Executor:
        executor = self.start(workers)
        try:
            executor.submit(int).result()
        except BrokenExecutor as error:
            stop_at_once(executor)
            raise StoreError(
                "worker processes must be able to start; got one that died at once; a script that calls "
                'cogattn needs `if __name__ == "__main__":` around its work'
            ) from error
        return executor

    def _record(self, cell: PlannedCell, failure: str | None) -> None:
        if failure is None:
            self.stored += 1
        else:
            self.failures[cell] = failure
        self._tell(cell.cell.label)

    def _tell(self, label: str) -> None:
        self.on_progress(Progress(self.stored, len(self.failures), self.total, label))

    def _dismiss(self, under_way: dict[Future, PlannedCell]) -> None:
        under_way.clear()
        self._until.clear()
        self._n_done = 0
        if self._executor is not None:
            stop_at_once(self._executor)
            self._executor = None

    # -- SIGTERM: what a batch system sends before it kills -------------------------------------------------

    @contextmanager
    def _drained_by_sigterm(self) -> Generator[None]:
        """On SIGTERM begin no more cells, give those under way a grace, then stop."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def drain(signum: int, frame: FrameType | None) -> None:
            self._stop_by = time.monotonic() + GRACE_S
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, GRACE_S)

        def give_up(signum: int, frame: FrameType | None) -> None:
            raise Terminated

        before = signal.signal(signal.SIGTERM, drain)
        alarm = signal.signal(signal.SIGALRM, give_up) if hasattr(signal, "SIGALRM") else None
        try:
            yield
        finally:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, alarm)
            signal.signal(signal.SIGTERM, before)

    def _end_if_told(self, under_way: dict[Future, PlannedCell]) -> None:
        if self._stop_by is not None and (not under_way or time.monotonic() > self._stop_by):
            raise Terminated


def lost_its_worker(error: Exception) -> bool:
    """Whether an executor says so that a cell's worker died: Dask raises KilledWorker, which is no BrokenExecutor."""
    return type(error).__name__ == "KilledWorker"
