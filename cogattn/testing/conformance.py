"""Checks that any study must pass, ours and a plugin's.

``check_study(MyStudy())`` runs them on one, ``pytest --pyargs cogattn.testing -k conformance`` on all registered
ones. A check raises AssertionError with one sentence. The study's demo is run, and cells of it again.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, get_args

import numpy as np

from cogattn.config import KIND, Settings, StudyConfig, groups_of
from cogattn.errors import CogattnError, ConfigError, DataError
from cogattn.exhibits import Exhibit, Picture, Shown
from cogattn.measures import KEY, PEOPLE_COLUMNS, SUMMARY_COLUMNS
from cogattn.observers.observer import Role
from cogattn.registry import complete, load_study, load_target
from cogattn.running.cells import pack, unpack
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.execute import run_cell
from cogattn.running.executors import one_thread
from cogattn.running.formats import csv_bytes
from cogattn.running.identity import cell_code, plan_cells, target_of
from cogattn.running.records import CellRecord
from cogattn.running.store import FILE_STEM, RESERVED, STUDY_NAME
from cogattn.study import Cell, Outcome, Results, Study, Trials
from cogattn.testing.variations import missing_files, variations

if TYPE_CHECKING:
    pass

Check = Callable[[Study], None]
COLUMN_TYPES = ("str", "bool", "int64", "float64")
RESERVED_FLAGS = frozenset(
    {"config", "out", "workers", "json", "mix", "code", "dry_run", "keep_going", "cell_timeout", "cell_memory",
     "until", "device", "batch", "precision", "loaders", "shelf_gb", "executor", "scheduler", "cluster"}
)  # fmt: skip
"""Flags of every study's command, which no setting may take the name of."""


def check_study(study: Study) -> None:
    """Run all checks on `study`; raise AssertionError naming the first that fails.

    Parameters
    ----------
    study : Study
        An instance; its class must be importable, for workers load it anew.
    """
    for check in CHECKS:
        try:
            check(complete(study))
        except AssertionError as error:
            name = getattr(check, "__name__", str(check))
            raise AssertionError(f"{name}: {error}") from error


def check_identity(study: Study) -> None:
    """A study has a name fit for a folder and a command, a version, a reference and a docstring."""
    _require(
        bool(STUDY_NAME.fullmatch(study.name)) and study.name not in RESERVED,
        f"name must fit {STUDY_NAME.pattern} and be none of {', '.join(RESERVED)}; got {study.name!r}",
    )
    _require(
        type(study.version) is int and study.version >= 1, f"version must be 1 or more; got {study.version!r}"
    )
    bibtex = re.fullmatch(r"@\w+\{[^,]+,.*\}", study.reference.strip(), re.DOTALL)
    _require(
        bool(bibtex) and all(field in study.reference for field in ("title", "year")),
        "reference must be a BibTeX entry with a title and a year",
    )
    _require(bool(type(study).__doc__), "the class must have a docstring: it is the command's help")


def check_tables(study: Study) -> None:
    """Trial tables have names that do for a file, and columns of the types that the store keeps."""
    _require(len(study.tables) > 0, "there must be a trial table")
    for name, schema in study.tables.items():
        _require(bool(re.fullmatch("[a-z][a-z0-9_]{0,63}", name)), f"{name!r} must do as a table's name")
        _require(len(schema) > 0, f"table {name} must have a column")
        wrong = {column: kind for column, kind in schema.items() if kind not in COLUMN_TYPES}
        _require(not wrong, f"columns of table {name} must be of {', '.join(COLUMN_TYPES)}; got {wrong}")


def check_settings(study: Study) -> None:
    """All settings are frozen, know no other keys, are described, and have defaults that hold."""
    _require(issubclass(study.Config, StudyConfig), "Config must derive from StudyConfig")
    clash = RESERVED_FLAGS & study.Config.model_fields.keys()
    _require(
        not clash, f"settings must not be called {', '.join(sorted(clash))}: the command has these flags"
    )
    for path, group in _groups(study.Config):
        options = group.model_config
        _require(options.get("frozen") is True, f"{path} must be frozen")
        _require(options.get("extra") == "forbid", f"{path} must forbid other keys")
        for name, info in group.model_fields.items():
            described = bool(info.description) or name == KIND
            _require(described, f"{path}.{name} must have a docstring: it is the flag's help")
            _require(info.discriminator in (None, KIND), f"{path}.{name} must be told apart by {KIND}")
            if isinstance(info.default, Settings):
                _require(
                    info.default == type(info.default)(),
                    f"{path}.{name} must default to its class's defaults",
                )
    _require(isinstance(study.Config(), study.Config), "Config() must hold")
    try:
        study.Config.parse({"no_such_setting": 1})
    except ConfigError as error:
        _require("no_such_setting" in str(error), "a refusal must name the setting")
    else:
        raise AssertionError("an unknown setting must be refused")


def check_round_trip(study: Study) -> None:
    """Settings survive JSON and TOML, and keep their digest."""
    import tomllib

    for config in (study.Config(), study.demo()):
        again = study.Config.model_validate_json(config.canonical())
        _require(again == config and again.digest() == config.digest(), "settings must survive JSON")
        again = study.Config.parse(tomllib.loads(config.to_toml()))
        _require(again == config and again.digest() == config.digest(), "settings must survive TOML")


def check_plan(study: Study) -> None:
    """The plan is the same each time, has a cell, no two cells share a key, and all name a table and an observer."""
    config = study.demo()
    study.check(config)
    cells = plan_cells(study, config)
    _require(cells == list(study.cells(config)), "cells must be the same each time")
    wrong = sorted({cell.task for cell in cells if not isinstance(cell, Cell) or not cell.task})
    _require(not wrong, f"cells must be of a class derived from Cell, with a task; got {wrong}")
    observers = list(study.observers(config))
    ids = [observer.id for observer in observers]
    _require(len(set(ids)) == len(ids), "observers must have different ids")
    unknown = {cell.observer for cell in cells} - set(ids) if ids else set()
    _require(not unknown, f"cells must name one of `observers`; got {sorted(unknown)}")


def check_relevant_settings(study: Study) -> None:
    """What `relevant` returns are settings that hold by themselves."""
    config = study.demo()
    for cell in plan_cells(study, config):
        relevant = study.relevant(config, cell)
        _require(
            type(relevant) is study.Config, f"relevant must return settings; got {type(relevant).__name__}"
        )
        again = study.Config.model_validate_json(relevant.canonical())
        _require(again == relevant, f"relevant settings of cell {cell.label!r} must hold by themselves")


def check_cells_are_pure(study: Study) -> None:
    """A cell's trials depend on its relevant settings and itself: not on order, repetition, other cells or settings."""
    config, done = study.demo(), _demo(study)
    cells = list(done)
    for cell in dict.fromkeys((cells[-1], cells[0])):
        again = _bytes(study, _run(study, study.relevant(config, cell), cell))
        _require(
            again == _bytes(study, done[cell]), f"cell {cell.label!r} must give the same trials each time"
        )


def check_trials(study: Study) -> None:
    """Trials have the declared columns, rows, and survive storage."""
    for cell, outcome in _demo(study).items():
        rows = sum(map(len, outcome.trials.values()))
        _require(rows > 0, f"cell {cell.label!r} must have a trial")
        data = _bytes(study, outcome)
        _require(
            _bytes(study, unpack(data)[1]) == data, f"trials of cell {cell.label!r} must survive storage"
        )


def check_cells_are_silent(study: Study) -> None:
    """A cell prints nothing: stdout belongs to the rows."""
    config = study.demo()
    cell = min(plan_cells(study, config), key=lambda cell: _cost(study, config, cell))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        _run(study, study.relevant(config, cell), cell)
    _require(not printed.getvalue(), f"a cell must print nothing; got {printed.getvalue()[:80]!r}")


def check_seed(study: Study) -> None:
    """Another seed changes the trials of some cell, and what the summary says: neither is made of constants."""
    config, done = study.demo(), _demo(study)
    other = study.Config.parse({**json.loads(config.canonical()), "seed": config.seed + 1})
    cells = plan_cells(study, other)
    costs: dict[str, float] = {}
    for cell in cells:
        costs[cell.observer] = costs.get(cell.observer, 0.0) + _cost(study, other, cell)
    changed = False
    ours: dict[Cell, Outcome] = {}
    theirs: dict[Cell, Outcome] = {}
    for observer in sorted(costs, key=lambda name: costs[name]):  # the first that tell are enough
        own = [cell for cell in cells if cell.observer == observer]
        theirs |= {cell: _run(study, study.relevant(other, cell), cell) for cell in own}
        ours |= {cell: outcome for cell, outcome in done.items() if cell.observer == observer}
        changed |= any(
            cell not in done or _bytes(study, theirs[cell]) != _bytes(study, done[cell]) for cell in own
        )
        if changed and ours and not _same_numbers(_results(study, ours), _results(study, theirs, other)):
            return
    _require(changed, "another seed must change a trial")
    raise AssertionError("other trials must change the summary")


def _same_numbers(one: Results, other: Results) -> bool:
    return one.summary.drop(columns="note").equals(other.summary.drop(columns="note"))


def check_every_setting(study: Study, config: StudyConfig | None = None) -> None:
    """Each setting that is changed by itself changes a cell's identity, or what the summary says of equal trials.

    `run_cell` sees relevant settings only, so that a setting which changes no identity cannot change a trial; one that
    then changes no table either has been forgotten.

    Parameters
    ----------
    study : Study
        Whose settings.
    config : StudyConfig, optional
        From which they are changed; the demo by default. A smaller one takes less time.
    """
    config = config or study.demo()
    before = {cell: study.relevant(config, cell).canonical() for cell in plan_cells(study, config)}
    done: dict[Cell, Outcome] = {}
    for path, changed in variations(config):
        try:
            study.check(changed)
            after = {cell: study.relevant(changed, cell).canonical() for cell in plan_cells(study, changed)}
        except CogattnError:
            continue
        if after != before:
            continue  # the plan or an identity changed
        for cell, relevant in before.items():
            if cell not in done:
                done[cell] = _run(study, study.Config.model_validate_json(relevant), cell)
        _require(
            _said(_results(study, done, config)) != _said(_results(study, done, changed)),
            f"{path} must change a cell's identity or a table; got the same of both",
        )


def _said(results: Results) -> list[object]:
    """Tables, remarks and persons of a study, to be compared."""
    tables = {"summary": results.summary, **results.tables}
    people = b"" if results.people is None else csv_bytes(results.people)
    return [{name: csv_bytes(table) for name, table in tables.items()}, results.remarks, people]


def check_summary(study: Study) -> None:
    """The summary has its columns, intervals, and counts that the trials can bear; twice the same."""
    results, again = _results(study, _demo(study)), _results(study, _demo(study))
    summary = results.summary
    _require(tuple(summary.columns) == SUMMARY_COLUMNS, f"columns must be {SUMMARY_COLUMNS}")
    _require(len(summary) > 0, "the summary must have a row")
    _require(not summary.duplicated(["observer", "measure"]).any(), "a row is one observer and one measure")
    _require(bool((summary["lo"] < summary["hi"]).any()), "a row must have an interval")
    most = sum(len(rows) for outcome in _demo(study).values() for rows in outcome.trials.values())
    for row in summary.to_dict("records"):
        where = f"{row['observer']}, {row['measure']}"
        _require(bool(KEY.fullmatch(row["measure"])), f"{where}: a measure's key must fit {KEY.pattern}")
        _require(row["role"] in get_args(Role), f"{where}: role must be one of {get_args(Role)}")
        _check_interval(where, row["lo"], row["hi"])
        _check_interval(f"{where}, people", row["human_lo"], row["human_hi"])
        _require(
            1 <= float(row["n"]) <= most and float(row["n"]).is_integer(),
            f"{where}: n must be a count of at most the {most} rows of the trials; got {row['n']}",
        )
        _require(row["human_n"] >= 0, f"{where}: human_n must be a count; got {row['human_n']}")
        _require(isinstance(row["note"], str), f"{where}: note must be text; got {row['note']!r}")
    _require(summary.equals(again.summary), "the summary must be the same each time")
    for name in (*results.tables, *results.figures):
        _require(bool(FILE_STEM.fullmatch(name)), f"{name!r} must do as a file name")
    _require(not {"summary", "people"} & results.tables.keys(), "no table may be called summary or people")
    if results.people is not None:
        _require(tuple(results.people.columns) == PEOPLE_COLUMNS, f"people must have {PEOPLE_COLUMNS}")


def check_without_an_observer(study: Study) -> None:
    """When an observer's cells fail the others are summarised."""
    done = _demo(study)
    names = list(dict.fromkeys(cell.observer for cell in done))
    for left_out in (names[0], names[-1]) if len(names) > 1 else ():
        rest = {cell: outcome for cell, outcome in done.items() if cell.observer != left_out}
        try:
            n_rows = len(_results(study, rest).summary)
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            raise AssertionError(
                f"the summary must do without {left_out}, had it failed; got {told}"
            ) from error
        _require(n_rows > 0, f"the summary must do without {left_out}, had it failed; got no row")


def check_figures(study: Study) -> None:
    """Every figure can be drawn and rendered."""
    from cogattn.figures import render

    for name, draw in _results(study, _demo(study)).figures.items():
        try:
            with one_thread():
                render(draw(), "png")
        except Exception as error:
            raise AssertionError(
                f"figure {name} must be drawn; got {type(error).__name__}: {error}"
            ) from error


def check_inputs(study: Study) -> None:
    """Fingerprints are SHA-256 in hex, the same each time."""
    config = study.demo()
    cell = plan_cells(study, config)[0]
    for what, digests in (
        ("inputs", study.inputs),
        ("contents", lambda config: study.contents(config, cell)),
    ):
        found = digests(config)
        _require(isinstance(found, Mapping) and found == digests(config), f"{what} must not change")
        for name, digest in found.items():
            _require(
                bool(re.fullmatch("[0-9a-f]{64}", digest)),
                f"{what}: {name} must be a SHA-256; got {digest!r}",
            )


def check_missing_files_are_found(study: Study) -> None:
    """A file that a setting names and that is not there is refused before any work, with the setting's path."""
    for path, config in missing_files(study.demo()):
        try:
            study.check(config)
            plan_cells(study, config)
        except CogattnError as error:
            group = path.partition(".")[0]
            _require(group in str(error), f"a refusal must name {path}; got {str(error)[:200]!r}")
            _require(
                "\n" not in str(error), f"a refusal of {path} must be one sentence; got {str(error)[:200]!r}"
            )
        else:
            raise AssertionError(f"check must refuse a file that is not there; got none for {path}")


def check_code_is_found(study: Study) -> None:
    """The code of a cell can be told without running it."""
    _require(len(cell_code(target_of(study)).parts) > 0, "the code that a cell reaches must be found")


def check_exhibits(study: Study) -> None:
    """What can be looked at loads, takes what its controls say, and is the same each time; so is a trial's stimulus."""
    for title, target in study.exhibits.items():
        exhibit = load_target(target)
        if not isinstance(exhibit, Exhibit):
            raise AssertionError(f"exhibit {title!r} must be an Exhibit; got {target}")
        values = {control.name: control.default for control in exhibit.controls}
        shown = exhibit.make(**values)
        _check_shown(f"exhibit {title!r}", shown)
        _require(shown.digest() == exhibit.make(**values).digest(), f"exhibit {title!r} must be pure")
    config = study.demo()
    for task, table in Trials.of(study.tables, list(_demo(study).values())).items():
        trial = table.iloc[0].to_dict() if len(table) else None
        shown = study.stimulus(config, task, trial) if trial else None
        if shown is not None:
            _check_shown(f"the stimulus of table {task}", shown)
            again = study.stimulus(config, task, trial or {})
            _require(
                again is not None and again.digest() == shown.digest(), "a trial's stimulus must be pure"
            )


def _check_shown(what: str, shown: Shown) -> None:
    _require(len(shown.parts) > 0, f"{what} must have a part")
    for part in shown.parts:
        arrays = [part.pixels] if isinstance(part, Picture) else [part.x, *part.lines.values()]
        _require(all(np.isfinite(array).all() for array in arrays), f"{what} must hold finite numbers")
        _require(bool(part.caption), f"{what} must say in words what it shows")
        if isinstance(part, Picture):
            inside = part.pixels.min() >= 0 and part.pixels.max() <= 1
            _require(bool(inside), f"pixels of {what} must lie in [0, 1]")


def check_imports_no_torch(study: Study) -> None:
    """Loading a study and its settings loads no torch, so that help answers at once."""
    code = (
        "import sys; from cogattn.registry import load_study; "
        f"load_study({target_of(study)!r}).Config(); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=_environment(), capture_output=True, text=True)
    _require(
        done.returncode == 0, f"the study's module must load without torch; {done.stderr.strip()[-300:]}"
    )


QUICK_CHECKS: tuple[Check, ...] = (
    check_identity,
    check_tables,
    check_settings,
    check_round_trip,
    check_plan,
    check_relevant_settings,
    check_inputs,
    check_missing_files_are_found,
    check_code_is_found,
    check_imports_no_torch,
)
"""Those that run no cell."""
CHECKS: tuple[Check, ...] = (
    *QUICK_CHECKS,
    check_trials,
    check_cells_are_pure,
    check_cells_are_silent,
    check_summary,
    check_without_an_observer,
    check_figures,
    check_exhibits,
    check_seed,
)
"""All that a study's demo is put through; `check_every_setting` takes longer and is called by itself."""


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)


def _groups(model: type[Settings], path: str = "Config") -> list[tuple[str, type[Settings]]]:
    found = [(path, model)]
    for name, info in model.model_fields.items():
        for group in groups_of(info).values():
            found += _groups(group, f"{path}.{name}")
    return found


def _run(study: Study, config: StudyConfig, cell: Cell) -> Outcome:
    with one_thread():
        return run_cell(study, config, cell, Checkpoint())


def _bytes(study: Study, outcome: Outcome) -> bytes:
    """A cell's file, but for what identifies it."""
    blank = CellRecord(
        study=study.name, cell={}, settings={}, contents={}, code="", libraries={}, device="", cpu=""
    )
    try:
        return pack(blank, outcome, study.tables)
    except DataError as error:
        raise AssertionError(str(error)) from error


def _cost(study: Study, config: StudyConfig, cell: Cell) -> float:
    cpu_s = study.cost(config, cell).cpu_s
    return math.inf if math.isnan(cpu_s) else cpu_s


def _demo(study: Study) -> dict[Cell, Outcome]:
    return _demo_of(target_of(study))


@lru_cache(maxsize=16)
def _demo_of(target: str) -> dict[Cell, Outcome]:
    study = load_study(target)
    config = study.demo()
    return {cell: _run(study, study.relevant(config, cell), cell) for cell in plan_cells(study, config)}


def demo_results(study: Study) -> Results:
    """Return what a study says of its demo; the demo is run once in a process."""
    return _results(study, _demo(study))


def _results(study: Study, done: Mapping[Cell, Outcome], config: StudyConfig | None = None) -> Results:
    with one_thread():
        return study.summarise(config or study.demo(), Trials.of(study.tables, list(done.values())))


def _check_interval(where: str, lo: float, hi: float) -> None:
    _require(math.isnan(lo) == math.isnan(hi), f"{where}: an interval must have both ends or none")
    _require(
        math.isnan(lo) or lo <= hi, f"{where}: an interval's lower end must not lie above; got {lo}, {hi}"
    )


def _environment() -> dict[str, str]:
    """This process's environment, with its import path for a study that is not installed."""
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
