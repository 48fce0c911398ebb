"""Running a study: missing cells are computed, stored by whoever computed them, and summarised in plan order.

Execution is at-least-once: a worker writes its cell to the store and returns no data, so an answer that is
lost on the way costs time and never a wrong number. A worker that dies takes down the whole pool of the
standard library; then the cells that were under way are suspects, and each is tried again alone in a fresh
process, up to three times in all. A cell that keeps killing its process is so found without costing its
neighbours their tries. An exception from a cell is final for this cell; the others finish, and an observer whose
cells are not whole is left out of the tables and named.
"""

from __future__ import annotations

import functools
import inspect
import logging
import secrets
import time
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cogattn.config import StudyConfig
from cogattn.errors import CogattnError, ConfigError, DataError, RunFailed, StoreError, TimeUp
from cogattn.registry import complete, load_study
from cogattn.reporting.crate import files as crate
from cogattn.running.cells import CellStore, DamagedCell
from cogattn.running.checkpoints import CHECKPOINTS, Checkpoint
from cogattn.running.crew import ATTEMPTS, Crew, OnProgress, Progress
from cogattn.running.environment import best_device
from cogattn.running.executors import (
    Engine,
    Equipment,
    Fleet,
    InlineExecutor,
    MakeExecutor,
    Prepare,
    SpawnPool,
    one_thread,
    refuse_importing_main,
    worker_index,
)
from cogattn.running.fitness import made_by, marked, prepared, refuse_unfit
from cogattn.running.formats import parquet_of
from cogattn.running.hardware import DEFAULT, Hardware, using
from cogattn.running.holders import BEAT_S, Holder
from cogattn.running.identity import Plan, PlannedCell, libraries_of, make_plan, processor_of, target_of
from cogattn.running.leases import Leases
from cogattn.running.provenance import collect
from cogattn.running.records import CellList, CellRecord, ListedCell, Provenance, digest
from cogattn.running.shelf import SHELF, Shelf
from cogattn.running.shelf import using as shelved
from cogattn.running.store import PLACE, RunFolder, run_id
from cogattn.running.worker import at_work
from cogattn.study import Cell, Outcome, Results, Study, Trials, streams_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)
PLACED_ROLES = ("network", "control", "person")
"""Of observers who could be one of the people."""
SHELF_GB = 8.0
CODE_DIGITS = 8
"""Hex digits by which a person names code."""


@dataclass(frozen=True)
class Execution:
    """How cells are computed. Nothing but the hardware can change a number, and a cell's name says so.

    Parameters
    ----------
    workers : int
        Processes at work at once, one thread each; 1 runs the cells in this process.
    mix : bool
        Take stored cells that other versions of the libraries, or another kind of device, have made.
    code : str
        Take stored cells that this other code has made: the first digits of its digest.
    cell_timeout_s : float, optional
        Longest time for one cell.
    cell_memory_mb : int, optional
        Most memory that a cell's process may allocate.
    make_executor : callable, optional
        From a number of workers to a ``concurrent.futures.Executor``. Default: this process for one worker,
        else spawned processes.
    engine : Engine, optional
        Where `make_executor` comes from when a run has cells to compute: a cluster that is started, a scheduler that is
        connected to.
    prepare : tuple, optional
        A function and its arguments, called in each worker before its first cell.
    hardware : Hardware
        Devices, precision, images at once, loaders.
    shelf_gb : float, optional
        Most disk for stimuli that observers share, in gigabytes; 0 keeps none. Default: `SHELF_GB` where a run has
        several observers, else 0.
    until : float, optional
        When no more cells are begun, on this process's ``time.monotonic``.
    beat_s : float
        Seconds between two signs of life that other drivers of the store see; after three that fail to come, they
        compute this one's cells.
    """

    workers: int = 1
    mix: bool = False
    code: str = ""
    cell_timeout_s: float | None = None
    cell_memory_mb: int | None = None
    make_executor: MakeExecutor | None = None
    engine: Engine | None = None
    prepare: Prepare | None = None
    hardware: Hardware = DEFAULT
    shelf_gb: float | None = None
    until: float | None = None
    beat_s: float = BEAT_S

    @property
    def serial(self) -> bool:
        """Whether cells run in this process."""
        limited = self.cell_timeout_s is not None or self.cell_memory_mb is not None
        elsewhere = self.make_executor is not None or self.engine is not None
        return self.workers == 1 and not elsewhere and not limited

    @property
    def own_hardware(self) -> Hardware:
        """What this process computes on: the first device, or the processor where only workers elsewhere have a GPU."""
        own = self.hardware.of_worker(0)
        if self.engine is not None and own.device_type == "cuda" and best_device() != "cuda":
            return Hardware(("cpu",))
        return own

    @contextmanager
    def hired(self) -> Generator[Execution]:
        """Return a context of this execution with its engine at work; a worker that imports its driver ends here."""
        refuse_importing_main()
        if self.engine is None:
            yield self
            return
        with self.engine.opened() as (make_executor, n_workers):
            yield replace(self, engine=None, make_executor=make_executor, workers=max(1, n_workers))

    @contextmanager
    def equipped(self, target: str, record: CellRecord, run: RunFolder) -> Generator[Equipment]:
        """Return a context of what processes that are not ours need for cells with such a record."""
        with marked(run.folder) as mark:
            device = record.device.partition(" ")[0]
            check = (refuse_unfit, (target, record.code, record.libraries, device, mark))
            prepare = (check, self.prepare) if self.prepare else (check,)
            yield Equipment(secrets.token_hex(8), self.cell_memory_mb, prepare)

    def start(self, workers: int) -> Executor:
        """Return an executor of so many workers."""
        if self.make_executor is not None:
            return self.make_executor(workers)
        if self.serial:
            return InlineExecutor()
        return SpawnPool(workers, memory_mb=self.cell_memory_mb, prepare=self.prepare)

    def shelf_bytes(self, plan: Plan) -> int:
        """Most bytes of stimuli that this plan's cells keep for each other."""
        several = len({planned.cell.observer for planned in plan.cells}) > 1
        gigabytes = (SHELF_GB if several else 0) if self.shelf_gb is None else self.shelf_gb
        return int(gigabytes * 1e9)


def checked_shelf(gigabytes: float | None) -> float | None:
    """Return the size of the shelf; raise ConfigError below 0."""
    if gigabytes is not None and not gigabytes >= 0:
        raise ConfigError(f"--shelf-gb must be 0 or more; got {gigabytes:g}")
    return gigabytes


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one cell: all of it small, none of it the study's code.

    Parameters
    ----------
    study : str
        Target ``module:attribute`` of the study's class.
    planned : PlannedCell
        What to run.
    root : Path
        The store.
    hardware : Hardware
        All devices of the execution: a worker takes its own.
    shelf : Shelf, optional
        Where stimuli are kept for other observers.
    """

    study: str
    planned: PlannedCell
    root: Path
    hardware: Hardware = DEFAULT
    shelf: Shelf | None = None


def open_run(study: str | Study, config: StudyConfig, out: Path) -> RunFolder:
    """Return the run of this study with these settings below `out`; nothing is written."""
    loaded = loaded_study(study)
    return RunFolder(out.absolute(), loaded.name, run_id(loaded.name, config))


def loaded_study(study: str | Study) -> Study:
    """Return a study by name, target, or as it is, with every method of the protocol."""
    return load_study(study) if isinstance(study, str) else complete(study)


def run_study(
    study: str | Study,
    config: StudyConfig,
    *,
    out: Path,
    execution: Execution = Execution(),
    argv: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> RunFolder:
    """Run a study, or what is missing of it, and write its tables and figures.

    Parameters
    ----------
    study : str or Study
        A registered name, a target ``module:attribute``, or a study.
    config : StudyConfig
        The study's settings.
    out : Path
        The store.
    execution : Execution
        Workers, limits, and which stored cells are taken.
    argv : sequence of str
        The command, for the record.
    on_progress : callable, optional
        Called with a `Progress` at the start and after each cell.

    Returns
    -------
    RunFolder
        Finished.

    Raises
    ------
    ConfigError, DataError, ObserverError
        If the study refuses its settings or data, before any work.
    RunFailed
        If cells failed: all others are stored, and the tables hold the observers that are whole.
    TimeUp
        If it was `Execution.until` before all cells were stored.
    StoreError
        If the folder cannot be written.
    """
    loaded = loaded_study(study)
    run = open_run(loaded, config, out)
    with using(execution.own_hardware):
        if _first_of_this_process(loaded) and run.finished and answered(loaded, config, run, execution):
            return run
        loaded.check(config)
        own = make_plan(loaded, config, execution.hardware)
        with run.at_work(config):
            plan = adopt(own, run.cells, mix=execution.mix, code=execution.code)
            carry_out(loaded, config, run, own, plan, execution, argv, on_progress or (lambda _: None))
    return run


def carry_out(
    loaded: Study,
    config: StudyConfig,
    run: RunFolder,
    own: Plan,
    plan: Plan,
    execution: Execution,
    argv: Sequence[str],
    tell: OnProgress,
) -> None:
    """Compute what is missing of `plan` and write what follows, unless the run is whole and current.

    `own` is the plan before stored cells were taken in place of some; the run must be claimed.
    """
    finished = run.finished
    if is_current(run, plan, config):
        return
    with Leases(run.cells, beat_s=execution.beat_s) as leases, execution.hired() as hired:
        if not begin(run, plan, hired, argv, unless=None if finished else config):
            return
        leases.sweep()
        refuse_lost(own, plan, run.cells)
        for attempt in range(1, ATTEMPTS + 1):
            failures = execute(loaded, plan, run, execution=hired, leases=leases, on_progress=tell)
            try:
                conclude_once(loaded, config, run, plan, failures, leases, tell)
                break
            except DamagedCell:  # set aside while it was read: look for others, and compute them again
                if attempt == ATTEMPTS:
                    raise
                set_damaged_aside(loaded, plan, run.cells)
    if failures:
        raise RunFailed(named(failures))


def missing_cells(plan: Plan, store: CellStore) -> list[PlannedCell]:
    """Return the cells of a plan that are not stored."""
    return [planned for planned in plan.cells if not store.has(planned.name)]


_ASKED: list[str] = []
"""Names of the studies that this process has asked for a run."""


def _first_of_this_process(study: Study) -> bool:
    """Whether no run was asked for before: what a study remembers of files is then as they are now.

    The check of a study forgets what an earlier run of the process knew, so a later run never goes without it.
    """
    _ASKED.append(study.name)
    return len(_ASKED) == 1


def answered(study: Study, config: StudyConfig, run: RunFolder, execution: Execution) -> bool:
    """Whether a finished run is whole and current, told without the study's own check, which it has passed."""
    try:
        plan = make_plan(study, config, execution.hardware)
    except CogattnError:
        return False  # the check says it better
    if missing_cells(plan, run.cells):
        if not (execution.mix or execution.code):
            return False
        plan = adopt(plan, run.cells, mix=execution.mix, code=execution.code)
    return is_current(run, plan, config)


def adopt(plan: Plan, store: CellStore, *, mix: bool = False, code: str = "") -> Plan:
    """Return the plan with stored cells of other code or libraries in place of missing ones, where they are asked for.

    What is stored but not taken is told in the log, so that nobody wonders why it is computed again.
    """
    missing = missing_cells(plan, store)
    siblings = store.siblings(planned.name for planned in missing) if missing else {}
    taken: dict[str, CellRecord] = {}
    refused: dict[str, int] = {}
    for planned in missing:
        for name in siblings.get(planned.name, ()):
            try:
                record, _, _ = store.read(name)
            except DamagedCell:
                continue
            same_code = record.code == planned.record.code
            if (code and record.code.startswith(code)) or (mix and same_code):
                taken[planned.name] = record
                break
            reason = _otherness(record, planned.record)
            refused[reason] = refused.get(reason, 0) + 1
    for reason, n in refused.items():
        way = "--code takes them" if reason.startswith("other code") else "--mix takes them"
        log.warning("%d stored cell(s) were made by %s and are computed again; %s", n, reason, way)
    if code and not taken and missing:
        raise ConfigError(f"--code must name code that made stored cells of this run; got {code[:80]!r}")
    cells = tuple(replace(p, record=taken[p.name]) if p.name in taken else p for p in plan.cells)
    return replace(plan, cells=cells)


def _otherness(stored: CellRecord, wanted: CellRecord) -> str:
    """How a stored cell was made otherwise than it is wanted."""
    if stored.code != wanted.code:
        return f"other code ({stored.code[:CODE_DIGITS]})"
    if stored.libraries != wanted.libraries:
        return "other library versions"
    return f"other hardware ({stored.device})"


def refuse_lost(own: Plan, taken: Plan, store: CellStore) -> None:
    """Raise StoreError where a cell that was taken is gone since: this code cannot compute it."""
    pairs = zip(own.cells, taken.cells, strict=True)
    lost = sum(p.record is not t.record and not store.has(t.name) for p, t in pairs)
    if lost:
        raise StoreError(
            f"cells that --mix or --code takes must stay stored; got {lost} deleted by another process meanwhile; "
            "run the same command again"
        )


def is_current(run: RunFolder, plan: Plan, config: StudyConfig) -> bool:
    """Whether the run's tables are whole and say what these cells, settings, code and data say.

    The old manifest is checked here, before anything is rewritten.
    """
    manifest = run.inspect()
    listed = run.read_or_set_aside(CellList)
    if manifest is None or listed is None or manifest.withheld or manifest.question != plan.question(config):
        return False
    if [cell.name for cell in listed.cells] != [planned.name for planned in plan.cells]:
        return False
    if not crate.is_whole(run, manifest):
        return False
    try:
        return all(run.cells.checked(cell.name) == cell.sha256 for cell in listed.cells)
    except DamagedCell:
        return False


def begin(
    run: RunFolder,
    plan: Plan,
    execution: Execution,
    argv: Sequence[str],
    *,
    unless: StudyConfig | None = None,
) -> bool:
    """Append a session to the run's provenance, write its list of cells, and mark it as unfinished.

    From here on no deletion takes a cell of the list, so that only now it is asked which are missing. False, and
    nothing is written, where another driver has just finished the run with the settings `unless`.
    """
    run.cells.sweep()
    n_missing = len(missing_cells(plan, run.cells))
    session = collect(
        plan, argv=argv, workers=execution.workers, n_missing=n_missing, hardware=execution.hardware
    )
    with run.cells.lock(), run.lock():
        if unless is not None and is_current(run, plan, unless):
            return False
        earlier = run.read_or_set_aside(Provenance) or Provenance()
        run.reopen()
        run.write(Provenance(sessions=(*earlier.sessions, session)))
        run.write(listed_cells(plan, {}))
    return True


def listed_cells(plan: Plan, hashes: Mapping[str, str]) -> CellList:
    """Return the run's list of cells."""
    return CellList(
        cells=tuple(
            ListedCell(
                name=planned.name,
                label=planned.cell.label,
                observer=planned.cell.observer,
                code=planned.record.code,
                sha256=hashes.get(planned.name),
            )
            for planned in plan.cells
        )
    )


def execute(
    study: Study,
    plan: Plan,
    run: RunFolder,
    *,
    execution: Execution,
    leases: Leases,
    on_progress: OnProgress,
) -> dict[PlannedCell, str]:
    """Compute the cells of `plan` that are not stored; return those that failed, with the cause.

    Raises
    ------
    TimeUp
        If it is `Execution.until`, and cells are left.
    """
    target, missing = target_of(study), missing_cells(plan, run.cells)
    shelf = _shelf(study, plan, run, execution)

    hardware, equipment = execution.hardware, Equipment()
    if execution.make_executor is not None:
        hardware = hardware.named()

    def start(workers: int) -> Executor:
        executor = execution.start(workers)
        if isinstance(executor, Fleet):
            executor.equip(equipment)
        return executor

    def submit(executor: Executor, planned: PlannedCell) -> Future[str | None]:
        task = Task(target, planned, run.root, hardware, shelf)
        if execution.make_executor is None or isinstance(executor, Fleet):
            return executor.submit(run_stored_cell, task)
        call = functools.partial(at_work, equipment, run_stored_cell, task)
        return executor.submit(cast("Callable[[], str | None]", call))

    crew = Crew(
        run.cells,
        execution.workers,
        start,
        submit,
        leases,
        on_progress,
        total=len(plan.cells),
        stored=len(plan.cells) - len(missing),
        timeout_s=execution.cell_timeout_s,
        until=execution.until,
    )
    with ExitStack() as stack:
        if execution.serial:
            stack.enter_context(one_thread())
        if execution.make_executor is not None and missing:
            equipment = stack.enter_context(execution.equipped(target, missing[0].record, run))
        crew.work_off(missing)
    failures = {cell: why for cell, why in crew.failures.items() if not run.cells.has(cell.name)}
    if crew.n_left and (left := len(missing_cells(plan, run.cells)) - len(failures)) > 0:
        raise TimeUp(left, len(plan.cells), run.id, named(failures))
    return failures


def _shelf(study: Study, plan: Plan, run: RunFolder, execution: Execution) -> Shelf | None:
    """Where this execution's cells keep stimuli for each other."""
    limit_bytes = execution.shelf_bytes(plan)
    if not limit_bytes:
        return None
    made_by = digest([plan.code.sha256, libraries_of(plan.code.packages)])
    return Shelf(run.root / SHELF / study.name, limit_bytes, made_by, time.time_ns())


def conclude_once(
    study: Study,
    config: StudyConfig,
    run: RunFolder,
    plan: Plan,
    failures: Mapping[PlannedCell, str],
    leases: Leases,
    tell: OnProgress,
) -> None:
    """As `conclude`, by one driver at a time, and not where another has concluded alike meanwhile."""
    n_cells, n_failed = len(plan.cells), len(failures)

    def waiting(holder: Holder) -> None:
        tell(Progress(n_cells - n_failed, n_failed, n_cells, f"tables and figures by {holder}"))

    with leases.alone(run.id, waiting):
        if not is_current(run, plan, config):
            conclude(study, config, run, plan, failures, tell)


def conclude(
    study: Study,
    config: StudyConfig,
    run: RunFolder,
    plan: Plan,
    failures: Mapping[PlannedCell, str],
    tell: OnProgress,
) -> None:
    """Summarise the observers that are whole and write tables and figures.

    Raises
    ------
    DamagedCell
        If a stored cell turns out to be damaged; it has been set aside.
    RunFailed
        If no observer is whole, or the study's summary or one of its figures raises.
    """
    withheld = withheld_observers(failures)
    whole = [planned for planned in plan.cells if planned.cell.observer not in withheld]
    if not whole:
        raise RunFailed(named(failures))
    n_cells, n_failed = len(plan.cells), len(failures)
    tell(Progress(n_cells - n_failed, n_failed, n_cells, "tables and figures"))
    read: dict[str, tuple[CellRecord, str]] = {}
    trials = stored_trials(study, run.cells, whole, read)
    with one_thread():
        results, broken = summarised(study, config, trials)
        tables = {name: parquet_of(trials.parts(name), schema) for name, schema in study.tables.items()}
        mixed = mixture_remarks([record for record, _ in read.values()])
        run.finish(
            replace(results, remarks=(*withheld_remarks(withheld), *mixed, *results.remarks)),
            trials=tables,
            cells=listed_cells(plan, {name: sha256 for name, (_, sha256) in read.items()}),
            question=plan.question(config),
            withheld={**withheld, **broken},
        )
    crate.describe(run, study, [planned.record for planned in whole])
    if broken:
        raise RunFailed({**named(failures), **broken})


def summarised(study: Study, config: StudyConfig, trials: Trials) -> tuple[Results, dict[str, str]]:
    """Return what the study says, with its figures drawn, and why some could not be drawn."""
    try:
        results = study.summarise(config, trials)
    except CogattnError:
        raise
    except Exception as error:
        raise RunFailed({"summary": describe(error)}) from error
    drawn, broken = {}, {}
    for name, draw in results.figures.items():
        try:
            figure = draw()
            drawn[name] = lambda figure=figure: figure
        except DamagedCell:
            raise
        except Exception as error:  # noqa: BLE001 - a plugin's figure may raise anything; tables stay
            broken[f"figure {name}"] = describe(error)
    return replace(
        results, figures=drawn, tables={**results.tables, **_added(study, config, results)}
    ), broken


def _added(study: Study, config: StudyConfig, results: Results) -> dict[str, pd.DataFrame]:
    """Tables that every study has."""
    return {**_placed(study, results), **_scored(config, results)}


def _scored(config: StudyConfig, results: Results) -> dict[str, pd.DataFrame]:
    """Scores of the run's networks in the shape of timm's tables of results, where the settings name networks."""
    from cogattn.observers.config import NetworkObserver
    from cogattn.observers.facts import facts_of
    from cogattn.observers.roster import observer_names
    from cogattn.reporting.scores import SCORES, scores_table

    settings = getattr(config, "observer", None)
    if not isinstance(settings, NetworkObserver):
        return {}
    there = set(results.summary.loc[results.summary["role"] == "network", "observer"])
    names = [name for name in observer_names(settings) if name in there]
    found = {name: facts_of(settings, name, seed=config.seed) for name in names}
    facts = {name: one for name, one in found.items() if one is not None}
    return {SCORES: scores_table(results.summary, facts)} if names else {}


def _placed(study: Study, results: Results) -> dict[str, pd.DataFrame]:
    """Where each network or tested person lies among people, if the study knows any; nothing where none can be placed.

    A decoder's mean over listeners is no listener's value, and a listener is a person.
    """
    from cogattn.people.placing import place_table

    if results.people is None:
        return {}
    tested = results.summary[results.summary["role"].isin(PLACED_ROLES)]
    table = place_table(tested, results.people, joint=getattr(study, "joint", ()) or None)
    return {} if table.empty else {PLACE: table}


def stored_trials(
    study: Study, store: CellStore, cells: Sequence[PlannedCell], noted: dict[str, tuple[CellRecord, str]]
) -> Trials:
    """Return the trials of stored cells, each read and checked when asked for; `noted` gets its record and SHA-256."""

    def reader(planned: PlannedCell) -> Callable[[], Outcome]:
        def read() -> Outcome:
            record, outcome, sha256 = read_cell(study, store, planned.name)
            noted[planned.name] = record, sha256
            return outcome

        return read

    return Trials(study.tables, [reader(planned) for planned in cells])


def read_cell(study: Study, store: CellStore, name: str) -> tuple[CellRecord, Outcome, str]:
    """Return a stored cell, as `CellStore.read`; one whose tables are not those of the study is set aside, too."""
    record, outcome, sha256 = store.read(name)
    for table, rows in outcome.trials.items():
        if list(rows.columns) != list(study.tables.get(table, ())):
            raise store.set_aside(name, f"its table {table} is not as the study declares it")
    return record, outcome, sha256


def set_damaged_aside(study: Study, plan: Plan, store: CellStore) -> None:
    """Read every stored cell of a plan once, so that all that are damaged are missing afterwards."""
    for planned in plan.cells:
        with suppress(DamagedCell):  # named in the log; missing from now on
            read_cell(study, store, planned.name)


def withheld_observers(failures: Mapping[PlannedCell, str]) -> dict[str, str]:
    """Observers that are not whole, with the first cause."""
    withheld: dict[str, str] = {}
    for planned, failure in failures.items():
        withheld.setdefault(planned.cell.observer, failure)
    return withheld


def withheld_remarks(withheld: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence for each observer that the tables leave out."""
    return tuple(f"{observer} is not in the tables: {why}" for observer, why in withheld.items())


def mixture_remarks(records: Sequence[CellRecord]) -> tuple[str, ...]:
    """Say where cells of one run were made by different code, libraries, devices or processors."""
    found = []
    for what, values in (
        ("code", {record.code[:CODE_DIGITS] for record in records}),
        ("library versions", {tuple(sorted(record.libraries.items())) for record in records}),
        ("kinds of hardware", {record.device for record in records}),
        ("processors, whose last digits differ", {record.cpu for record in records}),
    ):
        if len(values) > 1:
            names = (
                f": {', '.join(sorted(map(str, values)))}" if what in ("code", "kinds of hardware") else ""
            )
            found.append(f"The cells of this run were made by {len(values)} different {what}{names}.")
    return tuple(found)


def named(failures: Mapping[PlannedCell, str]) -> dict[str, str]:
    """Causes by the cells' labels, told apart by their names where labels are equal."""
    causes: dict[str, str] = {}
    for planned, failure in failures.items():
        label = planned.cell.label
        causes[f"{label} [{planned.name[:8]}]" if label in causes else label] = failure
    return causes


def run_stored_cell(task: Task) -> str | None:
    """Run one cell and store it, in whatever process this is; return why it failed, None if it did not."""
    try:
        study = prepared(task.study)
        planned = task.planned
        store = CellStore(task.root, study.name)
        if store.has(planned.name):  # asked for twice, as an executor may
            return None
        if made_by(task.study)[0] != planned.record.code:
            return "the code of the study was changed after this process had read it; start the command again"
        checkpoint = Checkpoint(checkpoint_path(task.root, planned.record))
        hardware = task.hardware.of_worker(worker_index())
        with using(hardware), shelved(task.shelf):
            outcome = run_cell(study, _settings(task.study, planned.settings), planned.cell, checkpoint)
        record = planned.record.model_copy(update={"cpu": processor_of(planned.record.device)})
        store.write(record, outcome, study.tables)
        checkpoint.clear()
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a study raises is told to the user
        return describe(error)
    return None


def run_cell(study: Study, config: StudyConfig, cell: Cell, checkpoint: Checkpoint) -> Outcome:
    """Return what a cell leaves, given its relevant settings and nothing else.

    Raises
    ------
    DataError
        If the study returns something else than trials.
    """
    options = {"checkpoint": checkpoint} if takes_checkpoint(type(study)) else {}
    found = study.run_cell(config, cell, streams_of(config, cell), **options)
    if isinstance(found, Outcome):
        return found
    if not hasattr(found, "columns"):
        raise DataError(f"run_cell must return a table or an Outcome; got {type(found).__name__}")
    return Outcome({cell.task: found})


@functools.lru_cache(maxsize=16)
def takes_checkpoint(study: type[Study]) -> bool:
    """Whether the study's cells keep a checkpoint."""
    return "checkpoint" in inspect.signature(study.run_cell).parameters


def checkpoint_path(root: Path, record: CellRecord) -> Path:
    """Where a cell under way keeps its state."""
    return root / CHECKPOINTS / record.study / f"{record.name}.bin"


@functools.lru_cache(maxsize=64)
def _settings(target: str, settings: str) -> StudyConfig:
    return prepared(target).Config.model_validate_json(settings)


def describe(error: BaseException) -> str:
    """Type, message and place of an exception in one line; a CogattnError speaks for itself."""
    if isinstance(error, CogattnError):
        return str(error)
    message = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    return f"{type(error).__name__}: {message}{place}" if message else f"{type(error).__name__}{place}"
