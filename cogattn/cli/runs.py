"""``cogattn runs``: what the store holds, and whether it is as it was written."""

from __future__ import annotations

import json as json_module
import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cogattn.cli.studies import near
from cogattn.errors import CogattnError, StoreError
from cogattn.reporting.tables import aligned, printable, rows_json, summary_text
from cogattn.running import catalogue
from cogattn.running.catalogue import find_run, list_runs
from cogattn.running.execute import CODE_DIGITS
from cogattn.running.records import CellList, ConfigRecord, Provenance, Session
from cogattn.running.store import RunFolder

app = App(name="runs", help="List, show and verify stored runs.", help_format="plaintext")
Out = Annotated[Path, Parameter(name="--out", help="Folder of runs.")]
AsJson = Annotated[
    bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON and nothing else.")
]
Deep = Annotated[
    bool,
    Parameter(
        name="--deep",
        negative="",
        show_default=False,
        help="Also make the tables again from the cells, and some cells from scratch.",
    ),
]

Target = Annotated[
    str,
    Parameter(name="--study", help="With --deep: module:attribute of a study that is not installed."),
]


@app.command(name="list")
def list_(*, out: Out = Path("runs"), json: AsJson = False) -> int:
    """List the runs of a store: study, id, state, start, version."""
    rows = [_row(run) for run in list_runs(out)]
    header = ("study", "run", "state", "started", "cogattn")
    if json:
        print(json_module.dumps([dict(zip(header, row, strict=True)) for row in rows], indent=1))
    else:
        print(aligned(header, rows) if rows else f"no runs in {out}")
    return 0


@app.command
def show(run: str, /, *, out: Out = Path("runs"), json: AsJson = False) -> int:
    """Show one run: its settings, where its numbers come from, its summary table and its figures.

    Parameters
    ----------
    run
        The start of the run's id, or study/id.
    """
    found = find_run(out, run)
    if json:
        print(rows_json(found.summary()))
        return 0
    config = found.read(ConfigRecord)
    if config is None:
        raise StoreError(f"run {found.id} must have its settings; got none ({found.folder})")
    print(f"{found.study}/{found.id}: {_state(found)}")
    print(printable(json_module.dumps(config.config, indent=1)))
    for session in _sessions(found):
        print(_session_text(session))
    for line in _code_lines(found):
        print(line)
    if found.finished:
        print(summary_text(found.summary(), found.remarks()))
        print(f"figures: {near(found.folder / 'figures')}")
    return 0


@app.command
def verify(
    *runs: str, out: Out = Path("runs"), deep: Deep = False, study: Target = "", json: AsJson = False
) -> int:
    """Re-hash every file of these runs and their cells, or of all; name what is not as it was written and exit 1.

    Parameters
    ----------
    runs
        The starts of the runs' ids; all runs where none is given.
    """
    chosen = [find_run(out, name) for name in runs] if runs else list_runs(out)
    found = {run: _verdict(run, deep=deep, study=study) for run in chosen}
    if json:
        rows = [
            {
                "study": run.study,
                "run": run.id,
                "state": _state(run),
                "verdict": verdict,
                "problems": problems,
            }
            for run, (verdict, problems) in found.items()
        ]
        print(json_module.dumps(rows, indent=1))
    else:
        for run, (verdict, problems) in found.items():
            print(f"{run.study}/{run.id}: {_state(run)}, {verdict}")
            for problem in problems:
                print(f"  {printable(problem)}")
        n_damaged = sum(verdict == DAMAGED for verdict, _ in found.values())
        print(f"{len(chosen)} run(s), {n_damaged} damaged")
    return 1 if any(problems for _, problems in found.values()) else 0


DAMAGED = "DAMAGED"


def _verdict(run: RunFolder, *, deep: bool, study: str) -> tuple[str, list[str]]:
    """What to say of a run, and what is wrong with it or stands in the way of a deep check."""
    whole = "every file as it was written"
    if problems := catalogue.verify(run):
        return DAMAGED, problems
    if not (deep and run.finished):
        return whole, []
    try:
        problems = catalogue.verify_deep(run, study=study)
    except CogattnError as error:
        return f"{whole}, but it cannot be made again", [str(error)]
    return (DAMAGED, problems) if problems else (f"{whole}, and made again alike", [])


def _row(run: RunFolder) -> tuple[str, str, str, str, str]:
    try:
        sessions = _sessions(run)
    except StoreError:
        return run.study, run.id, "damaged", "-", "-"
    started, version = (sessions[0].started, sessions[-1].versions.get("cogattn")) if sessions else ("-", "-")
    return run.study, run.id, _state(run), started, version or "-"


def _state(run: RunFolder) -> str:
    try:
        if run.finished:
            withheld = run.manifest().withheld
            return f"finished without {', '.join(withheld)}"[:60] if withheld else "finished"
        cells = run.read(CellList)
        stored = sum(run.cells.has(cell.name) for cell in cells.cells) if cells else 0
    except StoreError:
        return "damaged"
    return f"{stored} of {len(cells.cells) if cells else '?'} cells"


def _sessions(run: RunFolder) -> tuple[Session, ...]:
    return (run.read(Provenance) or Provenance()).sessions


def _session_text(session: Session) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in session.versions.items() if version)
    where = ", ".join([session.cpu, *session.gpus])
    lines = [
        f"started {session.started} on {where}: {session.n_missing} of {session.n_cells} cells to compute, "
        f"code {session.code[:CODE_DIGITS]}, {versions}"
    ]
    if session.argv:
        lines.append(f"  {shlex.join(session.argv)}")
    return printable("\n".join(lines))


def _code_lines(run: RunFolder) -> list[str]:
    """Which code made how many of the run's cells."""
    cells = run.read(CellList)
    codes: dict[str, int] = {}
    for cell in cells.cells if cells else ():
        codes[cell.code] = codes.get(cell.code, 0) + 1
    return [f"code {code[:CODE_DIGITS]} made {n} of its cells" for code, n in codes.items()]
