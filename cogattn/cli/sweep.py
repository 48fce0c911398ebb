"""``cogattn sweep``: one study at every combination of some settings, one table out."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cogattn.cli.studies import (
    RUNNING,
    DryRun,
    KeepGoing,
    Out,
    execution_and_rest,
    execution_of,
    parameters_of,
    with_flags,
)
from cogattn.errors import ConfigError, PointsFailed, Terminated
from cogattn.registry import load_study
from cogattn.reporting.progress import progress_bar
from cogattn.reporting.tables import rows_json
from cogattn.running.execute import Execution

if TYPE_CHECKING:
    from cogattn.sweeps.planning import SweepPlan

Csv = Annotated[
    Path | None,
    Parameter(name="--csv", group=RUNNING, show_default=False, help="Also write the table to this file."),
]
AsJson = Annotated[
    bool,
    Parameter(
        name="--json",
        group=RUNNING,
        negative="",
        show_default=False,
        help="Print the table as JSON and nothing else.",
    ),
]


def command() -> Callable[..., int]:
    """Return the command, with the flags of every execution."""

    def sweep(
        file: Path,
        /,
        *,
        out: Out = Path("runs"),
        csv: Csv = None,
        json: AsJson = False,
        dry_run: DryRun = False,
        keep_going: KeepGoing = False,
        **flags: object,
    ) -> int:
        """Run a study at every combination of some settings, and print one table of all runs.

        What is stored is not computed again; the same command goes on where it was ended.

        Parameters
        ----------
        file
            TOML: study, [settings] that all points share, [axes] of values by setting (docs/sweeps.md).
        """
        execution, _ = execution_and_rest(flags)
        if csv is not None and not csv.absolute().parent.is_dir():
            raise ConfigError(f"--csv must be a file in a folder that is there; got {csv}")
        found = _looked_ahead(file, out, execution, keep_going=keep_going)
        if dry_run:
            _print_plan(found, execution)
            return _told({str(point): why for point, why in found.left_out.items()})
        return _swept(found, execution, csv=csv, as_json=json)

    return with_flags(sweep, [*parameters_of(sweep), *parameters_of(execution_of)])


def _looked_ahead(file: Path, out: Path, execution: Execution, *, keep_going: bool) -> SweepPlan:
    from cogattn.sweeps.design import points_of, read_design
    from cogattn.sweeps.planning import look_ahead

    name, design = read_design(file)
    if ":" in name:
        sys.path.insert(0, str(Path.cwd()))
    study = load_study(name)
    points = points_of(study, design)
    return look_ahead(study, points, out=out.absolute(), execution=execution, keep_going=keep_going)


def _print_plan(found: SweepPlan, execution: Execution) -> None:
    from cogattn.sweeps.planning import plan_text

    print(plan_text(found, execution))


def _swept(found: SweepPlan, execution: Execution, *, csv: Path | None, as_json: bool) -> int:
    """Say what it takes, on stderr, then compute with a progress bar there; the table goes to stdout."""
    from cogattn.running.atomic import write_atomically
    from cogattn.running.formats import csv_bytes
    from cogattn.sweeps.api import run_sweep

    argv = [Path(sys.argv[0]).name, *sys.argv[1:]]
    try:
        with redirect_stdout(sys.stderr):
            _print_plan(found, execution)
            with progress_bar(found.study.name) as on_progress:
                swept = run_sweep(found, execution=execution, argv=argv, on_progress=on_progress)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(_stored_so_far(interrupt, found)) from None
    if csv is not None:
        write_atomically(csv, csv_bytes(swept.table))
    if as_json:
        print(rows_json(swept.table))
    else:
        print(swept.text(max(60, min(120, shutil.get_terminal_size((80, 24)).columns))))
        print(f"runs: {', '.join(run.id for run in swept.runs[:6])}{' ...' if len(swept.runs) > 6 else ''}")
    return _told(swept.failures)


def _stored_so_far(interrupt: KeyboardInterrupt, found: SweepPlan) -> str:
    store = found.points[0].run.cells
    names = [planned.name for planned in found.joint.cells]
    word = "terminated" if isinstance(interrupt, Terminated) else "interrupted"
    return (
        f"{word}; {sum(map(store.has, names))} of {len(names)} cells are stored and the same command resumes"
    )


def _told(failures: dict[str, str]) -> int:
    if failures:
        raise PointsFailed(failures)
    return 0
