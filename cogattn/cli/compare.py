"""``cogattn compare``: runs, published results and outside scores side by side."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

POOL, RELATION, RUNNING = "Observers", "Relation", "Running"


def _flag(name: str, group: str, text: str) -> Parameter:
    return Parameter(name=name, group=group, help=text, negative="", show_default=False)


def _several(group: str, metavar: str) -> Parameter:
    return Parameter(group=group, consume_multiple=True, negative="", show_default=False, metavar=metavar)


def compare(
    *inputs: str,
    against: Annotated[
        str,
        Parameter(
            group=POOL,
            show_default=False,
            metavar="OBSERVER",
            help="With whom each is compared: an observer, or people. Without it, all pairs of at most four.",
        ),
    ] = "",
    where: Annotated[list[str] | None, _several(POOL, "CONDITION")] = None,
    explain: Annotated[
        str,
        Parameter(
            group=RELATION,
            show_default=False,
            metavar="MEASURE",
            help="A measure to be explained over observers.",
        ),
    ] = "",
    by: Annotated[list[str] | None, _several(RELATION, "MEASURE")] = None,
    control: Annotated[list[str] | None, _several(RELATION, "MEASURE")] = None,
    leave_out_families: Annotated[
        bool,
        _flag("--leave-out-families", RELATION, "Also predict each family of observers from the others."),
    ] = False,
    out: Annotated[Path, Parameter(name="--out", group=RUNNING, help="Folder of runs.")] = Path("runs"),
    to: Annotated[
        Path | None,
        Parameter(name="--to", group=RUNNING, show_default=False, help="Folder for tables and figures."),
    ] = None,
    seed: Annotated[int, Parameter(group=RUNNING, help="Of bootstrap and permutations.")] = 0,
    json: Annotated[bool, _flag("--json", RUNNING, "Print JSON and nothing else.")] = False,
) -> int:
    """Pool runs, published tables and scores of your own; say who differs, and what explains what over observers.

    Parameters
    ----------
    inputs
        Runs (the start of an id, study/id, or a folder), names of published tables, CSV files: a summary (observer,
        measure, estimate, ...), persons (person, measure, estimate, se, n), or a column of names and columns of
        numbers.
    by
        The measures that explain it.
    control
        Measures held constant: what is explained by them alone, beyond them, and by both.
    where
        Conditions on observers: "accuracy.clean>=0.5"; who does not meet them is counted and left out of everything.
    """
    from cogattn.reporting.compare.comparison import compare as compared

    found = compared(
        *inputs,
        out=out,
        against=against,
        explain=explain,
        by=by or (),
        control=control or (),
        where=where or (),
        leave_out_families=leave_out_families,
        seed=seed,
    )
    place = found.write(to) if to is not None else None
    if json:
        print(found.json())
        return 0
    print(found.text(max(60, min(120, shutil.get_terminal_size((80, 24)).columns))))
    if place is not None:
        print(f"\nwritten: {place}")
    return 0
