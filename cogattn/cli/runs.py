"""``cogattn runs``: what the store holds, and whether it is as it was written."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cogattn.errors import StoreError
from cogattn.reporting.tables import aligned, rows_json, summary_text
from cogattn.running import catalogue
from cogattn.running.catalogue import find_run, list_runs
from cogattn.running.records import ConfigRecord, Provenance, Session
from cogattn.running.store import Run

app = App(name="runs", help="List, show and verify stored runs.", help_format="plaintext")
Out = Annotated[Path, Parameter(name="--out", help="Folder of runs.")]
AsJson = Annotated[
    bool, Parameter(name="--json", negative="", show_default=False, help="Print JSON and nothing else.")
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
    """Show one run: its settings, where its numbers come from, and its summary table.

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
    print(f"{found.study}/{found.id}: version {config.version} of the study, {_state(found)}")
    print(json_module.dumps(config.config, indent=1))
    for session in _sessions(found):
        versions = ", ".join(f"{name} {version}" for name, version in session.versions.items() if version)
        print(f"started {session.started} on {', '.join([session.cpu, *session.gpus])}: {versions}")
    if found.finished:
        print(summary_text(found.summary(), found.remarks()))
    return 0


@app.command
def verify(*runs: str, out: Out = Path("runs")) -> int:
    """Re-hash every file of these runs, or of all; name what is not as it was written and exit 1.

    Parameters
    ----------
    runs
        The starts of the runs' ids; all runs where none is given.
    """
    chosen = [find_run(out, name) for name in runs] if runs else list_runs(out)
    n_wrong = 0
    for run in chosen:
        problems = catalogue.verify(run)
        n_wrong += bool(problems)
        print(
            f"{run.study}/{run.id}: {_state(run)}, "
            + ("every file as it was written" if not problems else "DAMAGED")
        )
        for problem in problems:
            print(f"  {problem}")
    print(f"{len(chosen)} run(s), {n_wrong} damaged")
    return 1 if n_wrong else 0


def _row(run: Run) -> tuple[str, str, str, str, str]:
    try:
        sessions = _sessions(run)
    except StoreError:
        return run.study, run.id, "damaged", "-", "-"
    started, version = (sessions[0].started, sessions[-1].versions["cogattn"]) if sessions else ("-", "-")
    return run.study, run.id, _state(run), started, version or "-"


def _state(run: Run) -> str:
    if run.finished:
        return "finished"
    try:
        sessions = _sessions(run)
    except StoreError:
        return "damaged"
    return f"{run.n_stored()} of {sessions[-1].n_cells if sessions else '?'} cells"


def _sessions(run: Run) -> tuple[Session, ...]:
    return (run.read(Provenance) or Provenance()).sessions
