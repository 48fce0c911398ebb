"""What a card lacks is run: each study under the card's own settings, one after the other."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from cogattn.errors import CogattnError
from cogattn.reporting.card.chosen import Wanted, choose, wanted_of
from cogattn.reporting.plan import checked_plan
from cogattn.reporting.progress import progress_bar
from cogattn.running.execute import Execution, run_study


def fill(model: str, *, out: Path, execution: Execution, argv: Sequence[str]) -> Mapping[str, str]:
    """Run the studies of a card that have no finished run under its settings; go on where one cannot be run.

    Parameters
    ----------
    model : str
        Name of the observer.
    out : Path
        Folder of runs.
    execution : Execution
        Workers and devices.
    argv : sequence of str
        What was typed, for the record.

    Returns
    -------
    mapping of str to str
        By study, why it could not be run.

    Raises
    ------
    ConfigError, ObserverError
        If no study knows an observer of that name.
    """
    failures: dict[str, str] = {}
    for wanted in missing(model, out=out):
        try:
            _run(wanted, out, execution, argv)
        except CogattnError as error:
            failures[wanted.study.name] = str(error)
    return failures


def plans(model: str, *, out: Path, execution: Execution) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the plan of each study that `fill` would run, and why others cannot be run; nothing is computed.

    Raises
    ------
    ConfigError, ObserverError
        If no study knows an observer of that name.
    """
    told: dict[str, str] = {}
    failures: dict[str, str] = {}
    for wanted in missing(model, out=out):
        try:
            if wanted.config is not None:
                told[wanted.study.name] = checked_plan(wanted.study, wanted.config, out, execution)
        except CogattnError as error:
            failures[wanted.study.name] = str(error)
    return told, failures


def missing(model: str, *, out: Path) -> list[Wanted]:
    """Return the studies of a card that apply and have no finished run under its settings."""
    wanted, _ = wanted_of(model)
    return [
        one
        for one in wanted
        if one.config is not None and choose(one, out.absolute(), any_settings=False).run is None
    ]


def _run(wanted: Wanted, out: Path, execution: Execution, argv: Sequence[str]) -> None:
    if wanted.config is None:
        return
    study = wanted.study
    with redirect_stdout(sys.stderr), progress_bar(study.name) as on_progress:
        run_study(study, wanted.config, out=out, execution=execution, argv=argv, on_progress=on_progress)
