"""Running a study: missing cells are computed, stored by whoever computed them, and summarised in plan order.

Execution is at-least-once: a worker writes its cell to the store and returns no data, so an answer that is
lost on the way costs time and never a wrong number. A worker that dies takes down the whole pool of the
standard library; then the cells that were under way are suspects, and each is tried again alone in a fresh
process, up to three times in all. A cell that keeps killing its process is so found without costing its
neighbours their tries. An exception from a cell is final for this cell; the others finish.
"""

from __future__ import annotations

import functools
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from cogattn.config import StudyConfig
from cogattn.errors import CogattnError, RunFailed, StoreError
from cogattn.registry import load_study
from cogattn.running.executors import InlineExecutor, MakeExecutor, SpawnPool, one_thread, stop_at_once
from cogattn.running.provenance import begin_session, check_session, collect
from cogattn.running.store import Run, run_id
from cogattn.seeds import Streams
from cogattn.study import Cell, Results, Study

ATTEMPTS = 3


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Parameters
    ----------
    stored, failed, total : int
        Cells.
    label : str
        The cell that was stored or failed last; empty at the start.
    """

    stored: int
    failed: int
    total: int
    label: str = ""


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one cell: all of it small, none of it the study's code.

    Parameters
    ----------
    study : str
        A name or target for `cogattn.registry.load_study`.
    config : str
        The settings' canonical JSON.
    cell : Cell
        What to run.
    run : Run
        Where to store it.
    """

    study: str
    config: str
    cell: Cell
    run: Run


def open_run(study: str, config: StudyConfig, out: Path) -> Run:
    """Return the run of this study with these settings below `out`; nothing is written."""
    loaded = load_study(study)
    return Run(out.absolute(), loaded.name, run_id(loaded.name, loaded.version, config))


def run_study(
    study: str,
    config: StudyConfig,
    *,
    out: Path,
    workers: int = 1,
    mix: bool = False,
    argv: Sequence[str] = (),
    make_executor: MakeExecutor | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[Run, Results]:
    """Run a study, or what is missing of it, and write its tables and figures.

    Parameters
    ----------
    study : str
        A registered name or a target ``module:attribute``.
    config : StudyConfig
        The study's settings.
    out : Path
        The store.
    workers : int
        Worker processes; 1 runs the cells in this process.
    mix : bool
        Go on with a run that another version of cogattn or torch began.
    argv : sequence of str
        The command, for the record.
    make_executor, on_progress : callable, optional
        See `execute`.

    Returns
    -------
    Run, Results
        The run's folder, finished, and what the study says.

    Raises
    ------
    RunFailed
        If cells failed; all others are stored.
    StoreError
        If the folder cannot be written or holds cells of other data or versions.
    ConfigError, DataError
        If the study refuses its settings or data, before any work.
    """
    loaded = load_study(study)
    cells = plan(loaded, config)
    run = open_run(study, config, out)
    session = collect(loaded, config, argv=argv, workers=workers, n_cells=len(cells))
    run.create(loaded.version, config)
    keys = [cell.key for cell in cells]
    if run.intact_cells(keys) >= set(keys):
        check_session(run, session, mix=mix)
    else:
        begin_session(run, session, mix=mix)
        execute(
            study,
            config,
            run,
            cells=cells,
            workers=workers,
            make_executor=make_executor,
            on_progress=on_progress,
        )
    trials = run.read_trials(keys)
    with one_thread():
        results = loaded.summarise(config, trials)
        run.finish(results, trials)
    return run, results


def plan(study: Study, config: StudyConfig) -> list[Cell]:
    """Return the study's cells, refused where two share a key or there is none."""
    cells = list(study.cells(config))
    if not cells or len({cell.key for cell in cells}) < len(cells):
        raise StoreError(
            f"study {study.name} must plan at least one cell and no cell twice; got {len(cells)} cells"
        )
    return cells


def execute(
    study: str,
    config: StudyConfig,
    run: Run,
    *,
    cells: Sequence[Cell] | None = None,
    workers: int = 1,
    make_executor: MakeExecutor | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Compute the cells that `run` lacks.

    Parameters
    ----------
    study : str
        A registered name or a target ``module:attribute``; workers load it themselves.
    config : StudyConfig
        The study's settings.
    run : Run
        Where cells are stored; `Run.create` has been called.
    cells : sequence of Cell, optional
        The study's plan, where the caller has it already.
    workers : int
        Cells under way at once.
    make_executor : callable, optional
        From a number of workers to a ``concurrent.futures.Executor``. Default: this process for one worker,
        else spawned processes.
    on_progress : callable, optional
        Called with a `Progress` at the start and after each cell.

    Raises
    ------
    RunFailed
        If cells failed, after all others were stored.
    StoreError
        If the store cannot be written.
    """
    cells = plan(load_study(study), config) if cells is None else cells
    stored = run.intact_cells([cell.key for cell in cells])
    serial = workers == 1 and make_executor is None
    make = make_executor or ((lambda _: InlineExecutor()) if serial else SpawnPool)
    crew = _Crew(run, workers, make, on_progress or (lambda _: None), total=len(cells), stored=len(stored))
    text = config.canonical()
    todo = [Task(study, text, cell, run) for cell in cells if cell.key not in stored]
    with one_thread() if serial else nullcontext():
        crew.work_off(todo)
    if crew.failures:
        raise RunFailed(crew.failures)


def run_stored_cell(task: Task) -> str | None:
    """Run one cell and store it, in whatever process this is; return why it failed, None if it did not."""
    try:
        study, config = _prepared(task.study, task.config)
        streams = Streams(config.seed).child(task.cell.key)
        task.run.write_cell(task.cell.key, study.run_cell(config, task.cell, streams))
    except StoreError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a study raises is told to the user
        return describe(error)
    return None


@functools.lru_cache(maxsize=4)
def _prepared(study: str, config: str) -> tuple[Study, StudyConfig]:
    loaded = load_study(study)
    return loaded, loaded.Config.model_validate_json(config)


def describe(error: BaseException) -> str:
    """Type, message and place of an exception in one line; a CogattnError speaks for itself."""
    if isinstance(error, CogattnError):
        return str(error)
    message = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {message}{place}" if message else f"{type(error).__name__}{place}"


@dataclass
class _Crew:
    """Keeps as many cells under way as there are workers, so that only those are suspects when one dies."""

    run: Run
    workers: int
    make: MakeExecutor
    on_progress: OnProgress
    total: int
    stored: int
    failures: dict[str, str] = field(default_factory=dict)
    executor: Executor | None = None

    def work_off(self, tasks: Sequence[Task]) -> None:
        todo, under_way = deque(tasks), {}
        self._tell("")
        try:
            while todo or under_way:
                broken = self._fill(todo, under_way)
                broken |= self._collect(under_way)
                if broken:
                    suspects = list(under_way.values())
                    under_way.clear()
                    self._dismiss()
                    for task in suspects:
                        self._run_alone(task)
            if self.executor is not None:
                self.executor.shutdown(wait=True)
        except BaseException:
            self._dismiss()
            raise

    def _fill(self, todo: deque[Task], under_way: dict[Future, Task]) -> bool:
        """Submit up to one cell a worker; tell whether the pool turned out to be broken."""
        while todo and len(under_way) < self.workers:
            if self.run.has_cell(todo[0].cell.key):  # another driver was faster
                self._record(todo.popleft(), None)
                continue
            if self.executor is None:
                self.executor = self._started(self.workers)
            try:
                under_way[self.executor.submit(run_stored_cell, todo[0])] = todo[0]
            except BrokenExecutor:
                if not under_way:
                    self._dismiss()
                    continue
                return True
            todo.popleft()
        return False

    def _collect(self, under_way: dict[Future, Task]) -> bool:
        """Wait for a cell and record what has ended; tell whether the pool broke (its cells stay)."""
        broken = False
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            try:
                failure = future.result()
            except BrokenExecutor:
                broken = True
                continue
            self._record(under_way.pop(future), failure)
        return broken

    def _run_alone(self, task: Task) -> None:
        for _ in range(ATTEMPTS - 1):
            if self.run.has_cell(task.cell.key):
                return self._record(task, None)
            executor = self.make(1)
            try:
                failure = executor.submit(run_stored_cell, task).result()
                executor.shutdown(wait=True)
                return self._record(task, failure)
            except BrokenExecutor:
                stop_at_once(executor)
            except BaseException:
                stop_at_once(executor)
                raise
        return self._record(
            task, f"its worker process died {ATTEMPTS} times (crashed, killed or out of memory)"
        )

    def _started(self, workers: int) -> Executor:
        executor = self.make(workers)
        try:
            executor.submit(int).result()
        except BrokenExecutor as error:
            stop_at_once(executor)
            raise StoreError(
                "worker processes must be able to start; got one that died at once; a script that calls "
                'cogattn needs `if __name__ == "__main__":` around its work'
            ) from error
        return executor

    def _record(self, task: Task, failure: str | None) -> None:
        if failure is None:
            self.stored += 1
        else:
            label = task.cell.label
            self.failures[f"{label} [{task.cell.key}]" if label in self.failures else label] = failure
        self._tell(task.cell.label)

    def _tell(self, label: str) -> None:
        self.on_progress(Progress(self.stored, len(self.failures), self.total, label))

    def _dismiss(self) -> None:
        if self.executor is not None:
            stop_at_once(self.executor)
            self.executor = None
