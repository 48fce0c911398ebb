"""Tables for a terminal: remarks first, then every estimate with its interval and n, within 80 columns."""

from __future__ import annotations

import json
import math
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cogattn.names import shortened

if TYPE_CHECKING:
    import pandas as pd

MISSING = "-"
WIDTH = 80
NARROWEST = 16
"""Fewest columns that are left to the first column of a table, whose text is wrapped."""
MANY = 12
"""More observers than these have a line each, not a block."""
LONGEST_NAME = 36
MOST_NOTES = 8
"""Of many observers; the summary has all."""


def summary_text(
    summary: pd.DataFrame,
    remarks: Sequence[str] = (),
    *,
    place: pd.DataFrame | None = None,
    title: str = "",
    width: int = WIDTH,
) -> str:
    """Return a study's summary as text: remarks, a block for each observer, the rows' own notes.

    More than twelve observers have a line each, by rank of the first measure, with as many measures as fit.

    Parameters
    ----------
    summary : DataFrame
        Columns `cogattn.measures.SUMMARY_COLUMNS`.
    remarks : sequence of str
        Sentences that come before any number.
    place : DataFrame, optional
        Where observers lie among people, as `cogattn.people.place_table` makes it: a line below each observer's rows.
    title : str
        A heading.
    width : int
        Columns of the terminal; text is wrapped, numbers are not.
    """
    notes: list[str] = []
    lines = textwrap.wrap(title, width)
    above = [*lines, "=" * max(map(len, lines))] if lines else []
    above += [_wrapped(f"* {remark}", "  ", width) for remark in remarks]
    many = summary["observer"].nunique() > MANY
    body = _ranked(summary, notes, place, width) if many else _each(summary, notes, place, width)
    shown = notes[:MOST_NOTES] if many else notes
    below = [_wrapped(f"({i}) {note}", "    ", width) for i, note in enumerate(shown, start=1)]
    below += (
        [f"and {len(notes) - len(shown)} more notes in tables/summary.csv"] if len(shown) < len(notes) else []
    )
    return "\n".join([*above, *([""] if remarks else []), body, *below])


def _each(summary: pd.DataFrame, notes: list[str], place: pd.DataFrame | None, width: int) -> str:
    """A block an observer."""
    rows: list[tuple[str, ...]] = []
    for observer, own in summary.groupby("observer", sort=False):
        records = own.to_dict("records")
        rows.append((_heading(records[0]),))
        rows += [_summary_row(row, notes) for row in records]
        rows += [(line,) for line in _place_lines(str(observer), own, place, notes)]
    return blocks(("", "model [95 % interval]", "people", "n"), rows, width=width)


def _ranked(summary: pd.DataFrame, notes: list[str], place: pd.DataFrame | None, width: int) -> str:
    """A line an observer, by rank of the first measure; as many measures as fit, and how many more there are."""
    measures = {str(key): own.set_index("observer") for key, own in summary.groupby("measure", sort=False)}
    by = next(iter(measures))
    ranked = measures[by].sort_values("estimate", ascending=False, kind="stable", na_position="last").index
    names = [str(name) for name in dict.fromkeys([*ranked, *summary["observer"]])]
    longest = min(LONGEST_NAME, width * 35 // 100)
    columns = [["observer", "", "people", *(shortened(printable(name), longest) for name in names)]]
    joint = _joint_column(names, place)
    told = _that_fit(
        measures, names, notes, width - max(map(len, columns[0])) - 2 - max(map(len, joint), default=-2)
    )
    if joint and len(told) < min(2, len(measures)):
        joint, told = [], _that_fit(measures, names, notes, width - max(map(len, columns[0])))
    columns += [column for column, _ in told]
    notes[:] = told[-1][1]
    more = len(measures) - len(columns) + 1
    columns += [joint] if joint else []
    if {column[2] for column in columns[1:]} <= {"", MISSING}:
        columns = [[*column[:2], *column[3:]] for column in columns]
    left = f"; {more} more measure{'s' if more > 1 else ''} in tables/summary.csv" if more else ""
    about = f"{len(names)} observers by {by}, with 95 % intervals{left}"
    return "\n".join([_columns(columns), "", *textwrap.wrap(about, width)])


def _that_fit(
    measures: Mapping[str, pd.DataFrame], names: Sequence[str], notes: Sequence[str], room: int
) -> list[tuple[list[str], list[str]]]:
    """Columns of the first measures that fit, of one at least, and the notes of all up to each."""
    found: list[tuple[list[str], list[str]]] = []
    for key, own in measures.items():
        told = list(found[-1][1] if found else notes)
        column = _measure_column(key, own, names, told)
        room -= 2 + max(map(len, column))
        if found and room < 0:
            break
        found.append((column, told))
    return found


def _measure_column(key: str, own: pd.DataFrame, names: Sequence[str], notes: list[str]) -> list[str]:
    """Key and unit, people's mean, a cell an observer; a note of all of them stands beside the key."""
    parts = {str(name): str(text or "").split("; ") for name, text in own["note"].items()}
    shared = [
        part for part in next(iter(parts.values())) if part and all(part in each for each in parts.values())
    ]
    head = printable(key) + _footnote("; ".join(shared), notes)
    cells = []
    for name in names:
        if name not in parts:
            cells.append(MISSING)
            continue
        rest = "; ".join(part for part in parts[name] if part not in shared)
        cells.append(interval_text(*own.loc[name, ["estimate", "lo", "hi"]]) + _footnote(rest, notes))
    people = own.loc[own["human"].notna(), ["human", "human_lo", "human_hi"]]
    theirs = interval_text(*people.iloc[0]) if len(people) else MISSING
    unit = str(own["unit"].iloc[0])
    return [head, f"({unit})" if unit else "", theirs, *cells]


def _joint_column(names: Sequence[str], place: pd.DataFrame | None) -> list[str]:
    """P of being one of the people by several measures jointly, where anybody has been placed so."""
    if place is None:
        return []
    joint = place[place["measures"].str.contains(" ") & place["p"].notna()]
    found = dict(zip(joint["observer"], joint["p"], strict=True))
    if not found:
        return []
    return ["one of", "people? p", "", *(_p_text(found[n]) if n in found else MISSING for n in names)]


def _columns(columns: Sequence[Sequence[str]]) -> str:
    """Columns of equal length: two lines of head, a rule, the rest."""
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(text.ljust(size) for text, size in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    ]
    return "\n".join([*lines[:2], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[2:]])


def _heading(row: Mapping[str, object]) -> str:
    return f"{printable(str(row['observer']))} ({row['role']})"


def _place_lines(observer: str, own: pd.DataFrame, place: pd.DataFrame | None, notes: list[str]) -> list[str]:
    """Whether the observer could be one of the people: by all measures jointly, or by the only one."""
    if place is None:
        return []
    placed = place[(place["observer"] == observer) & place["p"].notna()].to_dict("records")
    joint = [record for record in placed if " " in record["measures"]] or (placed if len(placed) == 1 else [])
    labels = dict(zip(own["measure"], own["label"], strict=True))
    return [
        f"  one of the people? p = {_p_text(record['p'])}, by {_listed(record['measures'].split(), labels)} "
        f"(n {count_text(record['n'])}; power {record['power']:.2f})"
        + _footnote(str(record["note"] or ""), notes)
        for record in joint
    ]


def _listed(keys: Sequence[str], labels: Mapping[str, str]) -> str:
    *first, last = [printable(str(labels.get(key, key))) for key in keys]
    return f"{', '.join(first)} and {last}" if first else last


def _p_text(p: float) -> str:
    return f"{p:.1g}" if p < 0.1 else f"{p:.2f}"


def _footnote(text: str, notes: list[str]) -> str:
    """The number of a note, which is added where it is new."""
    note = printable(text)
    if note and note not in notes:
        notes.append(note)
    return f" ({notes.index(note) + 1})" if note else ""


def _summary_row(row: Mapping[str, object], notes: list[str]) -> tuple[str, ...]:
    footnote = _footnote(str(row["note"] or ""), notes)
    label = f"{row['label']} ({row['unit']})" if row["unit"] else str(row["label"])
    return (
        printable(label) + footnote,
        interval_text(row["estimate"], row["lo"], row["hi"]),
        people_text(row),
        count_text(row["n"]),
    )


def blocks(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = WIDTH) -> str:
    """Return aligned columns whose first is wrapped to `width`; a row of one text is a heading of those below it."""
    full = [row for row in rows if len(row) > 1]
    widths = [max([len(header[i]), *(len(row[i]) for row in full)]) for i in range(len(header))]
    first = max(NARROWEST, min(widths[0] + 2, width - sum(w + 2 for w in widths[1:])))
    lines = [_line(header, first, widths)]
    lines.append("-" * len(lines[0]))
    for row in rows:
        if len(row) == 1:
            lines += textwrap.wrap(row[0], width, subsequent_indent="  ") or [""]
            continue
        label = textwrap.wrap(row[0], first - 2, subsequent_indent="  ") or [""]
        lines.append(_line(["  " + label[0], *row[1:]], first, widths))
        lines += ["  " + rest for rest in label[1:]]
    return "\n".join(lines)


def _line(cells: Sequence[str], first: int, widths: Sequence[int]) -> str:
    rest = (text.ljust(width) for text, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([cells[0].ljust(first), *rest]).rstrip()


def _wrapped(text: str, indent: str, width: int) -> str:
    return "\n".join(textwrap.wrap(printable(text), width, subsequent_indent=indent))


def printable(text: str) -> str:
    """Return `text` without characters that move a terminal's cursor or change its state."""
    return "".join(c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf") else "\ufffd" for c in text)


def interval_text(estimate: object, lo: object, hi: object) -> str:
    """Return ``2.16 [1.72, 2.71]``: three digits of the largest number, as many decimals for all three.

    A missing estimate is ``-``; an estimate without an interval stands alone; an open end is ``inf``.
    """
    values = [float("nan") if value is None else float(str(value)) for value in (estimate, lo, hi)]
    finite = [abs(value) for value in values if math.isfinite(value)]
    if math.isnan(values[0]) or not finite:
        return MISSING
    largest = max(finite)
    decimals = min(9, max(0, 2 - math.floor(math.log10(largest)))) if largest else 2
    text = [f"{value:,.{decimals}f}" if math.isfinite(value) else str(value) for value in values]
    if math.isnan(values[1]) and math.isnan(values[2]):
        return text[0]
    return f"{text[0]} [{text[1]}, {text[2]}]"


def people_text(row: Mapping[str, object]) -> str:
    """Return a summary row's value of people, or of the paper, with its interval and how many people they are."""
    text = interval_text(row["human"], row["human_lo"], row["human_hi"])
    n = count_text(row["human_n"])
    return text if text == MISSING or n in ("0", MISSING) else f"{text}, n {n}"


def count_text(value: object) -> str:
    """Return how many; a dash where that is not told."""
    number = float("nan") if value is None else float(str(value))
    return f"{int(number):,}" if math.isfinite(number) else MISSING


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns of text with two spaces between them and a rule under the header."""
    lines = [list(header), *([printable(cell) for cell in row] for row in rows)]
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


def _jsonable(value: object) -> object:
    item = getattr(value, "item", None)
    value = item() if callable(item) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
