"""Checks that any study must pass, ours and a plugin's.

``check_study(MyStudy())`` runs them on one, ``pytest --pyargs cogattn.testing -k conformance`` on all registered
ones. A check raises AssertionError with one sentence. The study's demo is run, and a cell of it again.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from cogattn.config import KIND, Settings, StudyConfig, groups_of
from cogattn.errors import ConfigError
from cogattn.registry import load_study
from cogattn.running.execute import plan
from cogattn.running.executors import one_thread
from cogattn.running.formats import parquet_bytes, read_parquet
from cogattn.running.store import FILE_STEM, STUDY_NAME
from cogattn.seeds import Streams
from cogattn.study import SUMMARY_COLUMNS, Cell, Results, Study

if TYPE_CHECKING:
    import pandas as pd

Check = Callable[[Study], None]
TRIAL_COLUMNS = ("observer",)
"""Columns that every study's trials have; most also have condition, response and correct."""
RESERVED = frozenset({"config", "out", "workers", "json", "mix"})
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
            check(study)
        except AssertionError as error:
            name = getattr(check, "__name__", str(check))
            raise AssertionError(f"{name}: {error}") from error


def check_identity(study: Study) -> None:
    """A study has a name fit for a folder and a command, a version, a reference and a docstring."""
    _require(
        bool(STUDY_NAME.fullmatch(study.name)), f"name must fit {STUDY_NAME.pattern}; got {study.name!r}"
    )
    _require(
        type(study.version) is int and study.version >= 1, f"version must be 1 or more; got {study.version!r}"
    )
    _require(study.reference.lstrip().startswith("@"), "reference must be BibTeX")
    _require(bool(type(study).__doc__), "the class must have a docstring: it is the command's help")


def check_settings(study: Study) -> None:
    """All settings are frozen, know no other keys, are described, and have defaults that hold."""
    _require(issubclass(study.Config, StudyConfig), "Config must derive from StudyConfig")
    clash = RESERVED & study.Config.model_fields.keys()
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
    """The plan is the same each time, has a cell, and no two cells share a key."""
    config = study.demo()
    cells = plan(study, config)
    _require(cells == list(study.cells(config)), "cells must be the same each time")
    _require(len({cell.key for cell in cells}) == len(cells) > 0, "cells must have different keys")


def check_cells_are_pure(study: Study) -> None:
    """A cell's trials depend on settings and cell only: not on order, repetition or other cells."""
    config, trials = study.demo(), _demo_trials(study)
    cells = plan(study, config)
    for cell in dict.fromkeys((cells[-1], cells[0])):
        again = parquet_bytes(_run(study, config, cell))
        _require(
            again == parquet_bytes(trials[cell]), f"cell {cell.label!r} must give the same trials each time"
        )


def check_trials(study: Study) -> None:
    """Trials are a tidy table of plain values that Parquet keeps."""
    for cell, trials in _demo_trials(study).items():
        _require(len(trials) > 0, f"cell {cell.label!r} must have a trial")
        missing = set(TRIAL_COLUMNS) - set(trials.columns)
        _require(not missing, f"trials must have the column {', '.join(sorted(missing))}")
        _require(all(isinstance(name, str) for name in trials.columns), "columns must have names")
        stored = parquet_bytes(trials)
        again = parquet_bytes(read_parquet(stored).to_pandas())
        _require(again == stored, f"trials of cell {cell.label!r} must survive storage")


def check_summary(study: Study) -> None:
    """The summary has its columns, intervals around estimates, and counts; twice the same."""
    results, again = _demo_results(study), _demo_results(study)
    summary = results.summary
    _require(tuple(summary.columns) == SUMMARY_COLUMNS, f"columns must be {SUMMARY_COLUMNS}")
    _require(len(summary) > 0, "the summary must have a row")
    _require(not summary.duplicated(["observer", "measure"]).any(), "a row is one observer and one measure")
    for row in summary.to_dict("records"):
        where = f"{row['observer']}, {row['measure']}"
        _check_interval(where, row["estimate"], row["lo"], row["hi"])
        _check_interval(f"{where}, people", row["human"], row["human_lo"], row["human_hi"])
        _require(
            float(row["n"]) >= 1 and float(row["n"]).is_integer(),
            f"{where}: n must be a count; got {row['n']}",
        )
        _require(isinstance(row["note"], str), f"{where}: note must be text; got {row['note']!r}")
    _require(summary.equals(again.summary), "the summary must be the same each time")
    for name in (*results.tables, *results.figures):
        _require(bool(FILE_STEM.fullmatch(name)), f"{name!r} must do as a file name")
    _require("summary" not in results.tables, "no table may be called summary")


def check_inputs(study: Study) -> None:
    """Fingerprints are SHA-256 in hex, the same each time."""
    inputs = study.inputs(study.demo())
    _require(isinstance(inputs, Mapping) and inputs == study.inputs(study.demo()), "inputs must not change")
    for name, digest in inputs.items():
        _require(bool(re.fullmatch("[0-9a-f]{64}", digest)), f"{name} must be a SHA-256; got {digest!r}")


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
    check_settings,
    check_round_trip,
    check_plan,
    check_inputs,
    check_imports_no_torch,
)
"""Those that run no cell."""
CHECKS: tuple[Check, ...] = (*QUICK_CHECKS, check_trials, check_cells_are_pure, check_summary)


def target_of(study: Study) -> str:
    """Return the target ``module:attribute`` of a study's class."""
    return f"{type(study).__module__}:{type(study).__qualname__}"


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)


def _groups(model: type[Settings], path: str = "Config") -> list[tuple[str, type[Settings]]]:
    found = [(path, model)]
    for name, info in model.model_fields.items():
        for group in groups_of(info).values():
            found += _groups(group, f"{path}.{name}")
    return found


def _run(study: Study, config: StudyConfig, cell: Cell) -> pd.DataFrame:
    with one_thread():
        return study.run_cell(config, cell, Streams(config.seed).child(cell.key))


def _demo_trials(study: Study) -> dict[Cell, pd.DataFrame]:
    return _demo_trials_of(target_of(study))


@lru_cache(maxsize=2)
def _demo_trials_of(target: str) -> dict[Cell, pd.DataFrame]:
    study = load_study(target)
    config = study.demo()
    return {cell: _run(study, config, cell) for cell in plan(study, config)}


def _demo_results(study: Study) -> Results:
    import pandas as pd

    trials = pd.concat(_demo_trials(study).values(), ignore_index=True)
    with one_thread():
        return study.summarise(study.demo(), trials)


def _check_interval(where: str, *ends: float | None) -> None:
    """Estimate, lower and upper end; nothing to check where one is missing."""
    values = [math.nan if value is None else float(value) for value in ends]
    if any(map(math.isnan, values)):
        return
    _require(
        values[1] <= values[0] <= values[2], f"{where}: the interval must hold the estimate; got {values}"
    )


def _environment() -> dict[str, str]:
    """This process's environment, with its import path for a study that is not installed."""
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
