"""What a store holds, and whether it is as it was written: re-hashed, or made again from its parts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from cogattn.config import StudyConfig
from cogattn.errors import ConfigError, StoreError
from cogattn.registry import load_study
from cogattn.reporting.crate import files as crate
from cogattn.running.atomic import is_temporary, sha256_hex
from cogattn.running.cells import QUARANTINE, pack
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.execute import describe, run_cell, stored_trials, summarised
from cogattn.running.executors import one_thread
from cogattn.running.formats import csv_bytes, parquet_of
from cogattn.running.hardware import DEFAULT, Hardware, checked_hardware, using
from cogattn.running.identity import Plan, PlannedCell, make_plan
from cogattn.running.lock import LOCK_FILE
from cogattn.running.records import CRATE, CellList, ConfigRecord, Manifest, Provenance
from cogattn.running.store import (
    FOLDERS,
    PEOPLE,
    RESERVED,
    RUN_ID,
    STUDY_NAME,
    TABLES,
    TRIALS,
    R,
    RunFolder,
    damage,
)
from cogattn.study import Study

RECOMPUTED = 3
"""Cells that a deep check computes again."""


def list_runs(root: Path) -> list[RunFolder]:
    """Return the runs of a store by study and id; folders of another form are not runs."""
    try:
        studies = sorted(root.iterdir()) if root.is_dir() else []
        folders = [
            run
            for study in studies
            if STUDY_NAME.fullmatch(study.name) and study.name not in RESERVED
            if study.is_dir() and not study.is_symlink()
            for run in sorted(study.iterdir())
            if RUN_ID.fullmatch(run.name) and run.is_dir() and not run.is_symlink()
        ]
    except OSError as error:
        raise StoreError(f"the store must be readable; got {error.strerror} ({root})") from error
    return [RunFolder(root, folder.parent.name, folder.name) for folder in folders]


def find_run(root: Path, name: str) -> RunFolder:
    """Return the one run whose id, or ``study/id``, starts with `name`.

    Raises
    ------
    ConfigError
        If none or several match.
    """
    study, _, prefix = name.rpartition("/")
    runs = [
        run for run in list_runs(root) if prefix and run.id.startswith(prefix) and study in ("", run.study)
    ]
    if len(runs) == 1:
        return runs[0]
    several = f"several: {', '.join(run.id for run in runs[:5])}" if runs else "none"
    raise ConfigError(
        f"run must be the start of one stored id; got {name[:80]!r}, which fits {several} ({root})"
    )


def verify(run: RunFolder) -> list[str]:
    """Re-hash every file of `run` and of its cells; return one sentence for each that is not as it was written."""
    problems: list[str] = []
    config = _record(run, ConfigRecord, problems)
    if config is not None and (config.study, config.run_id) != (run.study, run.id):
        problems.append(f"{ConfigRecord.file} belongs to another run than {run.study}/{run.id}")
    _record(run, Provenance, problems)
    manifest, cells = _record(run, Manifest, problems), _record(run, CellList, problems)
    listed = manifest.files if manifest else {}
    for name, digest in listed.items():
        try:
            problem = damage(run.path(*name.split("/")), digest)
        except (StoreError, ValueError) as error:
            problem = f"cannot be read ({error})"
        if problem is not None:
            problems.append(f"{name} {problem}")
    if manifest is not None:
        problems += [f"{name} is not in {Manifest.file}" for name in files_of(run) if name not in listed]
        problems += [problem for problem in [crate.problem(run, manifest)] if problem is not None]
    return problems + (list(_cell_problems(run, cells)) if cells is not None else [])


def verify_deep(run: RunFolder, *, study: str = "", n_cells: int = RECOMPUTED) -> list[str]:
    """Make a finished run again: trials and tables from its cells, and `n_cells` cells, drawn by its id, from scratch.

    Parameters
    ----------
    run : RunFolder
        Which.
    study : str
        Target ``module:attribute`` of the study, where it is not registered: a run's folder never names code to run.
    n_cells : int
        How many cells.

    Returns
    -------
    list of str
        One sentence for each thing that did not come out as it is stored.

    Raises
    ------
    CogattnError
        Where nothing can be told: the study or its data are not here, or code, libraries or data are others than those
        of the run.
    """
    loaded = load_study(study or run.study)
    record = run.read(ConfigRecord)
    config = loaded.Config.parse(record.config if record else {})
    hardware = _hardware(run)
    with using(hardware.of_worker(0)):
        loaded.check(config)
        return _remade(loaded, config, run, make_plan(loaded, config, hardware), n_cells)


def _hardware(run: RunFolder) -> Hardware:
    """What the run's last session computed on; raise ConfigError where this machine has no such device."""
    provenance = run.read(Provenance)
    if provenance is None or not provenance.sessions or not provenance.sessions[-1].devices:
        return DEFAULT
    last = provenance.sessions[-1]
    return checked_hardware(last.devices, batch=last.batch, precision=last.precision, loaders=last.loaders)


def _remade(loaded: Study, config: StudyConfig, run: RunFolder, plan: Plan, n_cells: int) -> list[str]:
    manifest, listed = run.manifest(), run.read(CellList)
    if [planned.name for planned in plan.cells] != [cell.name for cell in (listed.cells if listed else ())]:
        raise StoreError(f"cells of run {run.id} must be of the code, libraries and data here; got others")
    whole = [planned for planned in plan.cells if planned.cell.observer not in manifest.withheld]
    with one_thread():
        problems = _remade_tables(loaded, config, run, whole)
        for planned in random.Random(run.id).sample(whole, min(n_cells, len(whole))):
            problems += _remade_cell(loaded, run, planned)
    return problems


def _remade_tables(study: Study, config: StudyConfig, run: RunFolder, whole: list[PlannedCell]) -> list[str]:
    trials = stored_trials(study, run.cells, whole, {})
    results, _ = summarised(study, config, trials)
    made = {
        f"{TRIALS}/{name}.parquet": parquet_of(trials.parts(name), schema)
        for name, schema in study.tables.items()
    }
    tables = {"summary": results.summary, **results.tables}
    if results.people is not None:
        tables[PEOPLE] = results.people
    made |= {f"{TABLES}/{name}.csv": csv_bytes(table) for name, table in tables.items()}
    stored = {name for folder in (TRIALS, TABLES) for name in run.listed(folder)}
    wrong = [
        f"{name} does not follow from the cells"
        for name in sorted(stored & made.keys())
        if run.listed_bytes(name) != made[name]
    ]
    return wrong + [f"{name} is stored or made, not both" for name in sorted(stored ^ made.keys())]


def _remade_cell(study: Study, run: RunFolder, planned: PlannedCell) -> list[str]:
    record, _, sha256 = run.cells.read(planned.name)
    try:
        config = study.Config.model_validate_json(planned.settings)
        data = pack(record, run_cell(study, config, planned.cell, Checkpoint()), study.tables)
    except Exception as error:  # noqa: BLE001 - whatever a study raises is told to the user
        return [f"cell {planned.cell.label!r} could not be computed again: {describe(error)}"]
    same = sha256_hex(data) == sha256
    return [] if same else [f"cell {planned.cell.label!r} came out otherwise when it was computed again"]


def _record(run: RunFolder, kind: type[R], problems: list[str]) -> R | None:
    try:
        record = run.read(kind)
    except StoreError as error:
        problems.append(str(error))
        return None
    if record is None and kind is not Manifest:
        problems.append(f"{kind.file} is missing")
    return record


def _cell_problems(run: RunFolder, cells: CellList) -> Iterator[str]:
    """What is wrong with the cells that the run's list names: nothing is set aside here."""
    for cell in cells.cells:
        try:
            problem = run.cells.problem(cell.name, cell.sha256)
        except StoreError as error:
            problem = str(error)
        if problem is not None:
            yield f"cell {cell.label!r} ({cell.name}) {problem}"


def files_of(run: RunFolder) -> Iterator[str]:
    """Yield relative paths of all files of the run but the records that carry their own seal."""
    own = {Manifest.file, Provenance.file, CRATE}
    for path in sorted(run.folder.rglob("*")):
        name = path.relative_to(run.folder).as_posix()
        if (
            name.split("/")[0] == QUARANTINE
            or name in own
            or is_temporary(path.name)
            or LOCK_FILE.fullmatch(name)
        ):
            continue
        if name in FOLDERS and path.is_dir() and not path.is_symlink():
            continue
        yield name
