"""``cogattn runs``: what the store holds, and whether it is as it was written."""

from __future__ import annotations

import json as json_module
import shlex
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from pydantic import JsonValue

from cogattn.cli.studies import near
from cogattn.errors import CogattnError, ConfigError, StoreError
from cogattn.reporting.tables import MISSING, aligned, printable, rows_json, summary_text
from cogattn.running import catalogue
from cogattn.running.atomic import write_atomically
from cogattn.running.catalogue import find_run, list_runs
from cogattn.running.deletion import Deletion, planned_deletions
from cogattn.running.deletion import delete as delete_run
from cogattn.running.execute import CODE_DIGITS
from cogattn.running.exporting import command_of, exported, exported_json
from cogattn.running.leases import at_work
from cogattn.running.listing import Filters, State, Survey, differing, short, state_of, surveys
from cogattn.running.records import CellList, ConfigRecord, Provenance, Session
from cogattn.running.store import RunFolder

app = App(
    name="runs",
    help="List, show, export, delete, verify, pack and deposit stored runs.",
    help_format="plaintext",
)
ELSEWHERE = {
    "deposit:crate": "Pack a finished run as an RO-Crate: its files, and metadata that say how they were made.",
    "deposit:bids": "Write what a study of recordings found in each person as BIDS derivatives.",
    "deposit:cite": "Print what to cite for a run as BibTeX: the paper, the data sets, and cogattn.",
    "packs:pack": "Pack runs with all their cells into one file that unpack brings into another store.",
    "packs:unpack": "Bring the runs of a pack into a store: all of them, each file checked before, or none.",
}
"""Commands of other modules, which are imported when they are asked for: ``--help`` answers at once."""
for place, text in ELSEWHERE.items():
    app.command(f"cogattn.cli.{place}", name=place.partition(":")[2], help=text)
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


def _filter(name: str, text: str) -> Parameter:
    return Parameter(name=name, negative="", show_default=False, help=text)


Yes = Annotated[bool, Parameter(name="--yes", negative="", show_default=False, help="Do not ask.")]
DryRun = Annotated[
    bool,
    Parameter(name="--dry-run", negative="", show_default=False, help="Say what would go; delete nothing."),
]
To = Annotated[Path | None, Parameter(name="--to", help="File to write; printed without.")]
WIDEST_SETTINGS = 60

Target = Annotated[
    str,
    Parameter(name="--study", help="With --deep: module:attribute of a study that is not installed."),
]


@app.command(name="list")
def list_(
    *,
    out: Out = Path("runs"),
    study: Annotated[str, _filter("--study", "Runs of this study only.")] = "",
    observer: Annotated[str, _filter("--observer", "Part of an observer's id.")] = "",
    since: Annotated[str, _filter("--since", "Started on this date or later (UTC).")] = "",
    where: Annotated[
        tuple[str, ...], _filter("--where", "setting=value, as noise.n_bands=5; may be repeated.")
    ] = (),
    state: Annotated[State | None, _filter("--state", "How far it is.")] = None,
    json: AsJson = False,
) -> int:
    """List the runs of a store: whose numbers, in which settings they differ, when, by which version.

    Settings are shown where they are not the same in all listed runs of a study.
    """
    found = surveys(out, Filters(study, observer, since, state or "", where))
    differ = differing(found)
    if json:
        print(json_module.dumps([_json_row(*pair) for pair in zip(found, differ, strict=True)], indent=1))
        return 0
    header = ("study", "run", "state", "observers", "settings that differ", "started", "cogattn")
    rows = [_row(*pair) for pair in zip(found, differ, strict=True)]
    none = "no such run" if list_runs(out) else "no runs"
    print(aligned(header, rows) if rows else f"{none} in {out}")
    return 0


@app.command
def show(run: str, /, *, out: Out = Path("runs"), json: AsJson = False) -> int:
    """Show one run: the command that made it, its settings, where its numbers come from, its table and its figures.

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
    sessions = (found.read(Provenance) or Provenance()).sessions
    print(command_of(found, sessions))
    print(f"{found.study}/{found.id}: {state_of(found)[1]}")
    for line in _workers_lines(found):
        print(line)
    print(printable(json_module.dumps(config.config, indent=1)))
    for session in sessions:
        print(_session_text(session))
    for line in _code_lines(found):
        print(line)
    if found.finished:
        print(summary_text(found.summary(), found.remarks(), place=found.place()))
        print(f"figures: {near(found.folder / 'figures')}")
    return 0


@app.command
def export(run: str, /, *, to: To = None, out: Out = Path("runs"), json: AsJson = False) -> int:
    """Write a run's settings as TOML that --config reads back to the same run; config.json in its folder does as well.

    Parameters
    ----------
    run
        The start of the run's id, or study/id.
    """
    found = find_run(out, run)
    text = exported_json(found) if json else exported(found)
    if to is None:
        print(text, end="")
        return 0
    if to.exists():
        raise ConfigError(f"--to must name a file that is not there yet; got {to}")
    write_atomically(to, text.encode())
    return 0


@app.command
def delete(
    *runs: str, out: Out = Path("runs"), yes: Yes = False, dry_run: DryRun = False, json: AsJson = False
) -> int:
    """Delete runs: their folders, and those of their cells that no other run of the store lists.

    Parameters
    ----------
    runs
        The starts of the runs' ids.
    """
    if not runs:
        raise ConfigError("runs delete must be told which runs; got none")
    chosen = list(dict.fromkeys(find_run(out, name) for name in runs))
    planned = planned_deletions(chosen)
    if not json:
        for deletion in planned:
            print(_deletion_text(deletion))
    done = not dry_run and (yes or _confirmed(len(planned)))
    for deletion in planned if done else ():
        delete_run(deletion.run)
    if json:
        rows = [
            {
                "study": deletion.run.study,
                "run": deletion.run.id,
                "cells": deletion.n_cells,
                "cells_kept": deletion.n_kept,
                "bytes": deletion.n_bytes,
                "note": deletion.note,
                "deleted": done,
            }
            for deletion in planned
        ]
        print(json_module.dumps(rows, indent=1))
    else:
        print(f"deleted {len(planned)} run(s)" if done else "nothing deleted")
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
                "state": state_of(run)[1][:60],
                "verdict": verdict,
                "problems": problems,
            }
            for run, (verdict, problems) in found.items()
        ]
        print(json_module.dumps(rows, indent=1))
    else:
        for run, (verdict, problems) in found.items():
            print(f"{run.study}/{run.id}: {state_of(run)[1][:60]}, {verdict}")
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


def _row(one: Survey, differ: Mapping[str, JsonValue]) -> tuple[str, ...]:
    first, more = one.observers[:1], len(one.observers) - 1
    observers = f"{first[0]} and {more} more" if first and more else "".join(first)
    settings = " ".join(f"{path}={textwrap.shorten(short(v), 30)}" for path, v in differ.items())
    texts = (
        one.how_far[:60],
        observers,
        textwrap.shorten(settings, WIDEST_SETTINGS, placeholder=" ..."),
        one.started,
        one.version,
    )
    return one.run.study, one.run.id, *(text or MISSING for text in texts)


def _json_row(one: Survey, differ: Mapping[str, JsonValue]) -> dict[str, object]:
    return {
        "study": one.run.study,
        "run": one.run.id,
        "state": one.state,
        "how_far": one.how_far,
        "observers": one.observers,
        "settings": differ,
        "started": one.started or None,
        "cogattn": one.version or None,
    }


def _deletion_text(deletion: Deletion) -> str:
    run, n_kept = deletion.run, deletion.n_kept
    kept = f", {n_kept:,} stay for other runs" if n_kept else ""
    note = f" ({deletion.note})" if deletion.note else ""
    size = f"{deletion.n_bytes / 1e6:,.1f} MB"
    return f"{run.study}/{run.id}: {deletion.n_cells:,} cells go with it{kept}; {size}{note}"


def _confirmed(n: int) -> bool:
    if not sys.stdin.isatty():
        raise ConfigError("deleting must be confirmed; got no terminal to ask at; add --yes")
    print(f"delete {n} run(s)? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _session_text(session: Session) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in session.versions.items() if version)
    where = ", ".join([session.cpu, *session.gpus, *_hardware(session)])
    lines = [
        f"started {session.started} on {where}: {session.n_missing} of {session.n_cells} cells to compute, "
        f"code {session.code[:CODE_DIGITS]}, {versions}"
    ]
    if session.argv:
        lines.append(f"  {shlex.join(session.argv)}")
    return printable("\n".join(lines))


def _hardware(session: Session) -> list[str]:
    """What networks computed on, where that is not a CPU in the usual way."""
    devices = " ".join(session.devices)
    return [
        *([f"on {devices}"] if devices not in ("", "cpu") else []),
        *([f"in {session.precision}"] if session.precision != "fp32" else []),
        *([f"{session.batch} images at once"] if session.batch is not None else []),
    ]


def _workers_lines(run: RunFolder) -> list[str]:
    """Who has leases on how many of the run's cells."""
    cells = run.read(CellList)
    found = at_work(run.cells, {cell.name for cell in cells.cells} if cells else ())
    return [f"at work on {n} cell(s): {who}" for who, n in sorted(found.items())]


def _code_lines(run: RunFolder) -> list[str]:
    """Which code made how many of the run's cells."""
    cells = run.read(CellList)
    codes: dict[str, int] = {}
    for cell in cells.cells if cells else ():
        codes[cell.code] = codes.get(cell.code, 0) + 1
    return [f"code {code[:CODE_DIGITS]} made {n} of its cells" for code, n in codes.items()]
