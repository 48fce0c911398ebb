"""Keeps cells under way: as many as there are workers, so that only those are suspects when one of them dies.

Each is leased before it is submitted (`cogattn.running.leases`). Cells that other drivers have are left for the end;
then the crew waits for them, and takes over those whose driver has died.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from cogattn.errors import CogattnError, StoreError, Terminated
from cogattn.running.cells import CellStore
from cogattn.running.executors import GUARD, Fleet, SpawnPool, WorkerLost, stop_at_once
from cogattn.running.identity import PlannedCell
from cogattn.running.leases import POLL_S, Leases
from cogattn.running.lock import PATIENCE_S

log = logging.getLogger(__name__)
ATTEMPTS = 3
LIVES = 5
"""Attempts on workers that come and go: these die for reasons of their own too (preempted, switched off, cut off)."""
DIED = "its worker process died {} times (crashed, killed or out of memory)"
GRACE_S = 20.0
"""After SIGTERM, cells under way may take so long to be stored; Slurm gives 30 s."""
TICK_S = 0.5
SEAT_S = 0.1
"""How often it is asked whether there is a worker, where there is none."""
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
    leases : Leases
        What this driver has, and others do not; open.
    on_progress : callable
        Called at the start and after each cell.
    total, stored : int
        Cells of the whole plan, and those that are there already.
    timeout_s : float, optional
        Longest time for one cell; one that takes longer is ended and fails.
    until : float, optional
        When no more cells are begun, on the clock of `time.monotonic`.
    """

    store: CellStore
    workers: int
    start: Start
    submit: Submit
    leases: Leases
    on_progress: OnProgress
    total: int
    stored: int
    timeout_s: float | None = None
    until: float | None = None
    failures: dict[PlannedCell, str] = field(default_factory=dict)
    n_left: int = 0
    _executor: Executor | None = None
    _n_done: int = 0
    _until: dict[Future, float] = field(default_factory=dict)
    _lost: dict[PlannedCell, int] = field(default_factory=dict)
    _stop_by: float | None = None
    _others: dict[PlannedCell, str] = field(default_factory=dict)
    _ask_at: float = 0.0
    _say_at: float = float("inf")
    _patience_s: float = PATIENCE_S

    def work_off(self, cells: Sequence[PlannedCell]) -> None:
        """Compute all of `cells` that are not stored; what failed is in `failures`.

        Returns when each is stored or has failed, whoever computed it; or when `until` is over and nothing is under
        way: then `n_left` are left.

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
                while todo or under_way or self._others:
                    self._end_if_told(under_way)
                    if self._time_is_up() and not under_way:
                        break
                    self._come_back(todo)
                    broken = self._fill(todo, under_way)
                    broken |= self._collect(todo, under_way)
                    todo.extendleft(reversed(self._overdue(under_way)))
                    if broken:
                        suspects = list(under_way.values())
                        self._dismiss(under_way)
                        for cell in suspects:
                            self._run_alone(cell)
                    if not todo and not under_way:
                        self._wait_for_others()
            self.n_left = len(todo) + len(self._others)
            if self._executor is not None:
                self._executor.shutdown(wait=True)
        except BaseException:
            self._dismiss(under_way)
            raise

    def _fill(self, todo: deque[PlannedCell], under_way: dict[Future, PlannedCell]) -> bool:
        """Submit up to one cell a worker; tell whether the pool turned out to be broken."""
        while todo and len(under_way) < self._width() and self._may_begin():
            if not self._is_ours(todo[0]):
                todo.popleft()
                continue
            if self._executor is None:  # only now is there something for it to do
                self._executor = self._started(min(self.workers, len(todo)))
                if self._width() < 1:
                    self.leases.release(todo[0].name)
                continue
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

    def _is_ours(self, cell: PlannedCell) -> bool:
        """Lease a cell that is to be computed here; record one that is stored, and put one aside that others have."""
        if not self.store.has(cell.name):
            holder = self.leases.take(cell.name)
            if holder is not None:
                self._others[cell] = str(holder)
                return False
            if not self.store.has_by_now(cell.name):
                return True
        self._record(cell, None)  # another driver was faster
        return False

    def _come_back(self, todo: deque[PlannedCell]) -> None:
        """Ask for the first of the cells that others had, and for all now and then once nothing else is to be done."""
        self.leases.look()
        while self._others and self.store.has(next(iter(self._others)).name):
            cell = next(iter(self._others))
            del self._others[cell]
            self._record(cell, None)
        if self._others and not todo and time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + self.leases.poll_s
            todo.extend(self._others)
            self._others.clear()

    def _wait_for_others(self) -> None:
        """Say who has the cells that are left, and wait a moment."""
        if not self._others:
            return
        now = time.monotonic()
        self._say_at = min(self._say_at, now + POLL_S)
        if now >= self._say_at:
            log.warning("%s", self._whose())
            self._say_at, self._patience_s = now + self._patience_s, 2 * self._patience_s
        self._tell(self._whose())
        time.sleep(max(0.0, min(TICK_S, self._ask_at - now)))

    def _whose(self) -> str:
        counts = Counter(self._others.values())
        return "; ".join(f"{_cells(n)} being computed by {holder}" for holder, n in counts.items())

    def _may_begin(self) -> bool:
        return self._stop_by is None and not self._time_is_up()

    def _time_is_up(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until

    def _width(self) -> int:
        """How many cells may be under way."""
        return self._executor.seats() if isinstance(self._executor, Fleet) else self.workers

    def _collect(self, todo: deque[PlannedCell], under_way: dict[Future, PlannedCell]) -> bool:
        """Wait a moment and record what has ended; tell whether the pool broke (its cells stay)."""
        broken = False
        if todo and not under_way:  # no worker yet
            time.sleep(SEAT_S)
        for future in wait(under_way, timeout=TICK_S, return_when=FIRST_COMPLETED).done:
            try:
                failure = future.result()
            except BrokenExecutor:
                broken = True
                continue
            except Exception as error:
                if isinstance(error, CogattnError):
                    raise
                if not lost_its_worker(error):
                    cause = " ".join(f"{type(error).__name__}: {error}".split())
                    raise StoreError(
                        f"an executor must hand back what a cell says; got {cause[:300]}"
                    ) from error
                self._try_again(under_way.pop(future), todo)
                continue
            self._n_done += 1
            self._record(under_way.pop(future), failure)
        return broken

    def _try_again(self, cell: PlannedCell, todo: deque[PlannedCell]) -> None:
        """Put a cell back whose worker died with it alone, up to `LIVES` times in all."""
        self._lost[cell] = self._lost.get(cell, 0) + 1
        if self._lost[cell] < LIVES:
            todo.append(cell)
        else:
            self._record(cell, DIED.format(LIVES))

    def _overdue(self, under_way: dict[Future, PlannedCell]) -> list[PlannedCell]:
        """End the pool where a cell takes too long; return the other cells, which are to be begun again."""
        late = [future for future in under_way if time.monotonic() > self._until[future]]
        if not late:
            return []
        for future in late:
            self._record(under_way.pop(future), f"it took longer than the limit of {self.timeout_s:g} s")
            if isinstance(self._executor, Fleet):
                self._executor.end(future)
        if isinstance(self._executor, Fleet):
            return []
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
        return self._record(cell, DIED.format(ATTEMPTS))

    def _started(self, n_wanted: int) -> Executor:
        """Start an executor, and of the house's pool so many workers side by side; raise where one cannot start."""
        executor = self.start(self.workers)
        if isinstance(executor, Fleet):
            return executor
        n_calls = n_wanted if isinstance(executor, SpawnPool) else 1  # each may be a job of a queue
        try:
            for call in [executor.submit(int) for _ in range(n_calls)]:
                call.result()
        except BrokenExecutor as error:
            stop_at_once(executor)
            raise StoreError(
                f"worker processes must be able to start; got one that died at once; {GUARD}"
            ) from error
        return executor

    def _record(self, cell: PlannedCell, failure: str | None) -> None:
        self.leases.release(cell.name)
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


def _cells(n: int) -> str:
    return "1 cell is" if n == 1 else f"{n} cells are"


def lost_its_worker(error: Exception) -> bool:
    """Whether an executor says so that the worker of one cell died; Dask's own raises KilledWorker."""
    return isinstance(error, WorkerLost | CancelledError) or type(error).__name__ == "KilledWorker"
