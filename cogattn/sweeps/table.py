"""One table of a sweep: the summaries of all its runs under each other, the axes before them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cogattn.measures import SUMMARY_COLUMNS
from cogattn.reporting.tables import MISSING, aligned, interval_text, printable

if TYPE_CHECKING:
    import pandas as pd

RUN, STATUS = "run", "status"
COUNTS = ("n", "human_n")
TEXTS = ("observer", "role", "measure", "label", "unit", "scale", "note")
FINISHED = "finished"
MOST_ROWS = 60
MOST_REMARKS = 8
LONGEST = 40


def axis_columns(axes: Sequence[str]) -> dict[str, str]:
    """Return the column of each axis: its path, after ``axis.`` where a summary has a column of this name."""
    taken = {RUN, STATUS, *SUMMARY_COLUMNS}
    return {path: f"axis.{path}" if path in taken else path for path in axes}


def sweep_table(
    axes: Sequence[str], rows: Sequence[tuple[Mapping[str, object], str, str, pd.DataFrame | None]]
) -> pd.DataFrame:
    """Return one table of all runs.

    Parameters
    ----------
    axes : sequence of str
        Dotted paths.
    rows : sequence of tuple
        Of each point: its values by axis, the id of its run, its status, and its summary; None where it has none.

    Returns
    -------
    DataFrame
        A column an axis, ``run``, ``status``, then those of every summary, with the numbers as they are stored. A point
        without a summary has one row, whose numbers are missing.
    """
    import pandas as pd

    columns = axis_columns(axes)
    empty = {name: "" if name in TEXTS else 0 if name in COUNTS else math.nan for name in SUMMARY_COLUMNS}
    records: list[dict[str, object]] = []
    for values, run, status, summary in rows:
        head = {columns[path]: value for path, value in values.items()} | {RUN: run, STATUS: status}
        own = [empty] if summary is None else summary.to_dict("records")
        records += [{**head, **row} for row in own]
    return pd.DataFrame(records, columns=[*columns.values(), RUN, STATUS, *SUMMARY_COLUMNS])


def table_text(
    table: pd.DataFrame, axes: Sequence[str], remarks: Mapping[str, int], *, n_runs: int, width: int
) -> str:
    """Return the table for a terminal: remarks first, then a line a row, at most `MOST_ROWS`.

    Parameters
    ----------
    table : DataFrame
        As `sweep_table` returns it.
    axes : sequence of str
        Dotted paths.
    remarks : mapping of str to int
        What a reader must know, and of how many runs it holds.
    n_runs : int
        How many there are.
    width : int
        Columns of the terminal, to which remarks are wrapped.
    """
    above = [
        "\n".join(textwrap.wrap(printable(f"* {text}{_of(n, n_runs)}"), width, subsequent_indent="  "))
        for text, n in list(remarks.items())[:MOST_REMARKS]
    ]
    above += [f"* and {len(remarks) - MOST_REMARKS} more remarks"] if len(remarks) > MOST_REMARKS else []
    header = [*axis_columns(axes).values(), "observer", "measure", "estimate [95 % interval]", "people", "n"]
    lines = [_line(row, axes) for row in table.head(MOST_ROWS).to_dict("records")]
    left = len(table) - len(lines)
    below = [f"and {left:,} more rows; --csv FILE writes all"] if left else []
    return "\n".join([*above, *([""] if above else []), aligned(header, lines), *below])


def _of(n: int, n_runs: int) -> str:
    return "" if n == n_runs else f" ({n} of {n_runs} runs)"


def _line(row: Mapping[str, object], axes: Sequence[str]) -> list[str]:
    values = [
        textwrap.shorten(str(row[column]), LONGEST, placeholder="...")
        for column in axis_columns(axes).values()
    ]
    if not row["measure"]:
        return [
            *values,
            MISSING,
            textwrap.shorten(str(row[STATUS]), 2 * LONGEST, placeholder="..."),
            MISSING,
            MISSING,
            MISSING,
        ]
    unit = f" ({row['unit']})" if row["unit"] else ""
    return [
        *values,
        str(row["observer"]),
        f"{row['label']}{unit}",
        interval_text(row["estimate"], row["lo"], row["hi"]),
        interval_text(row["human"], row["human_lo"], row["human_hi"]),
        f"{int(str(row['n'])):,}",
    ]
