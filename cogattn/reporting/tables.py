"""Tables for a terminal: plain aligned text, every estimate with its interval and n, notes below."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MISSING = "-"


def summary_text(summary: pd.DataFrame, remarks: Sequence[str] = ()) -> str:
    """Return a study's summary as text.

    Parameters
    ----------
    summary : DataFrame
        Columns `cogattn.study.SUMMARY_COLUMNS`; a column ``study`` is shown first where there is one.
    remarks : sequence of str
        Sentences under the table, after the rows' own notes.
    """
    notes: list[str] = []
    rows = [_summary_row(row, notes) for row in summary.to_dict("records")]
    first = ["study"] if "study" in summary else []
    table = aligned([*first, "observer", "measure", "model [95 % interval]", "people", "n", ""], rows)
    below = [f"({i}) {note}" for i, note in enumerate(notes, start=1)] + list(remarks)
    return "\n".join([table, *below])


def _summary_row(row: Mapping[str, Any], notes: list[str]) -> list[str]:
    note = str(row["note"] or "")
    if note and note not in notes:
        notes.append(note)
    people = interval_text(row["human"], row["human_lo"], row["human_hi"])
    if people != MISSING and _finite(row["human_n"]):
        people += f", n = {int(row['human_n']):,}"
    return [
        *([str(row["study"])] if "study" in row else []),
        str(row["observer"]),
        f"{row['measure']} ({row['unit']})" if row["unit"] else str(row["measure"]),
        interval_text(row["estimate"], row["lo"], row["hi"]),
        people,
        f"{int(row['n']):,}" if _finite(row["n"]) else MISSING,
        f"({notes.index(note) + 1})" if note else "",
    ]


def interval_text(estimate: float | None, lo: float | None, hi: float | None) -> str:
    """Return ``2.16 [1.72, 2.71]``: three digits of the largest number, as many decimals for all three.

    A missing estimate is ``-``; an estimate without an interval stands alone; an open end is ``inf``.
    """
    values = [float("nan") if value is None else float(value) for value in (estimate, lo, hi)]
    finite = [abs(value) for value in values if math.isfinite(value)]
    if math.isnan(values[0]) or not finite:
        return MISSING
    largest = max(finite)
    decimals = min(9, max(0, 2 - math.floor(math.log10(largest)))) if largest else 2
    text = [f"{value:,.{decimals}f}" if math.isfinite(value) else str(value) for value in values]
    if math.isnan(values[1]) and math.isnan(values[2]):
        return text[0]
    return f"{text[0]} [{text[1]}, {text[2]}]"


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns of text with two spaces between them and a rule under the header."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return "\n".join([texts[0], "-" * len("  ".join("x" * width for width in widths).rstrip()), *texts[1:]])


def rows_json(table: pd.DataFrame) -> str:
    """Return the rows as a JSON list; what is missing or infinite is null."""
    rows = [{name: _jsonable(value) for name, value in row.items()} for row in table.to_dict("records")]
    return json.dumps(rows, indent=1, allow_nan=False)


def _jsonable(value: Any) -> object:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
