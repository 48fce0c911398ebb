"""Tables of one's own: scores of observers, however they come, as values that can be joined.

Three forms of CSV file are read, told apart by their header:

- summary: ``observer, measure, estimate`` and any of lo, hi, n, role, label, unit, scale, note, human, human_lo,
  human_hi, human_n (a run's summary.csv has them all);
- persons: ``person, measure, estimate, se, n`` (se of the logarithm where the measure is compared by ratios), scale;
- wide: observers in the column ``observer`` or else in the first column of text, every column of numbers a measure,
  and a column ``family`` if there is one.

An empty cell, NA or NaN is a missing value. What breaks a rule is said with path, line and column.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.reporting.compare.values import SCALES, Source, values_of_summary
from cogattn.running.atomic import read_regular, sha256_hex
from cogattn.running.store import cause

MAX_BYTES = 1 << 26
MAX_CELLS = 5_000_000
MAX_NAME = 200
MISSING = ("", "na", "nan", "null", "none")
SUMMARY = ("observer", "measure", "estimate")
PERSONS = ("person", "measure", "estimate", "se", "n")
OBSERVER, FAMILY = "observer", "family"
NUMBERS = ("estimate", "lo", "hi", "n", "human", "human_lo", "human_hi", "human_n")


@dataclass(frozen=True)
class _Table:
    """A file's cells as text, with the line of each row."""

    path: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str) -> list[str]:
        place = self.header.index(name)
        return [row[place] for row in self.rows]

    def wrong(self, row: int, column: str, rule: str, got: str) -> DataError:
        where = f"{self.path}, line {self.lines[row]}"
        return DataError(f"column {column} must hold {rule}; got {got[:80]!r} ({where})")


def read_table(path: Path) -> Source:
    """Return the values of a CSV file in any of the three forms.

    Raises
    ------
    DataError
        If the file cannot be read, is larger than 64 MB, or breaks a rule; with path, line and column.
    """
    data = _bytes(path)
    table = _parsed(data, str(path))
    families: dict[str, str] = {}
    remarks: tuple[str, ...] = ()
    if set(SUMMARY) <= set(table.header):
        values, remarks = values_of_summary(_summary(table), source=str(path))
    elif set(PERSONS) <= set(table.header):
        values = _persons(table)
    else:
        values, families, remarks = _wide(table)
    _check_pairs(values, table)
    digest = sha256_hex(data)
    return Source(
        name=str(path), kind="table", values=values, remarks=remarks, families=families, sha256=digest
    )


def _bytes(path: Path) -> bytes:
    try:
        return read_regular(path.resolve(strict=True), limit=MAX_BYTES)
    except (OSError, ValueError) as error:
        raise DataError(
            f"a table must be a readable CSV file of at most {MAX_BYTES >> 20} MB; got {path} ({cause(error)})"
        ) from None


def _parsed(data: bytes, path: str) -> _Table:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"a table must be in UTF-8; got the byte 0x{data[error.start]:02x} ({path}, line {line})"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    rows, lines, n_cells = [], [], 0
    try:
        for cells in reader:
            if not cells:
                continue
            rows.append(tuple(cell.strip() for cell in cells))
            lines.append(reader.line_num)
            n_cells += len(cells)
            if len(cells) != len(rows[0]) or n_cells > MAX_CELLS:
                raise DataError(_misshapen(cells, rows[0], path, reader.line_num))
    except csv.Error as error:
        raise DataError(f"a table must be CSV; got {error} ({path}, line {reader.line_num})") from None
    if len(rows) < 2:
        raise DataError(f"a table must have a header and at least one row; got {len(rows)} line(s) ({path})")
    _check_header(rows[0], path)
    return _Table(path, rows[0], tuple(rows[1:]), tuple(lines[1:]))


def _misshapen(cells: Sequence[str], header: Sequence[str], path: str, line: int) -> str:
    if len(cells) != len(header):
        return f"a row must have as many cells as the header, {len(header)}; got {len(cells)} ({path}, line {line})"
    return f"a table must have at most {MAX_CELLS:,} cells; got more ({path}, line {line})"


def _check_header(header: Sequence[str], path: str) -> None:
    for place, name in enumerate(header, start=1):
        if not name and place > 1:
            raise DataError(f"a column must have a name; got none for column {place} ({path}, line 1)")
        if name in header[: place - 1]:
            raise DataError(f"a column's name must be there once; got {name[:80]!r} twice ({path}, line 1)")


def _numbers(table: _Table, name: str, *, finite: bool = True, least: float = -math.inf) -> list[float]:
    """A column of numbers, NaN where a cell is missing."""
    rule = "a number" if least == -math.inf else f"a number from {least:g}"
    found = []
    for row, cell in enumerate(table.column(name)):
        value = _number(cell)
        if value is None or value < least or (finite and math.isinf(value)):
            raise table.wrong(row, name, rule, cell)
        found.append(value)
    return found


def _number(cell: str) -> float | None:
    if cell.lower() in MISSING:
        return math.nan
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def _names(table: _Table, name: str) -> list[str]:
    cells = table.column(name)
    for row, cell in enumerate(cells):
        if not cell or len(cell) > MAX_NAME:
            raise table.wrong(row, name, f"a name of 1 to {MAX_NAME} characters", cell)
    return cells


def _scales(table: _Table) -> list[str]:
    cells = table.column("scale") if "scale" in table.header else [""] * len(table.rows)
    for row, cell in enumerate(cells):
        if cell not in ("", *SCALES):
            raise table.wrong(row, "scale", f"one of {', '.join(SCALES)}", cell)
    return cells


def _summary(table: _Table) -> pd.DataFrame:
    found: dict[str, Sequence[object]] = {name: _names(table, name) for name in ("observer", "measure")}
    for name in NUMBERS:
        if name in table.header:
            counted = name in ("n", "human_n")
            finite = name in ("estimate", "human") or counted
            found[name] = _numbers(table, name, finite=finite, least=0 if counted else -math.inf)
    for name in ("role", "label", "unit", "note"):
        if name in table.header:
            found[name] = table.column(name)
    summary = pd.DataFrame({**found, "scale": _scales(table)})
    for lo, hi in (("lo", "hi"), ("human_lo", "human_hi")):
        if lo in summary and hi in summary and (crossed := summary[lo] > summary[hi]).any():
            row = int(np.argmax(crossed.to_numpy()))
            raise table.wrong(row, lo, f"no more than {hi}", f"{summary[lo][row]:g} > {summary[hi][row]:g}")
    return summary


def _persons(table: _Table) -> pd.DataFrame:
    people = pd.DataFrame(
        {
            "observer": _names(table, "person"),
            "role": "person",
            "measure": _names(table, "measure"),
            "estimate": _numbers(table, "estimate"),
            "se": _numbers(table, "se", least=0),
            "n": _numbers(table, "n", least=0),
            "scale": _scales(table),
        }
    )
    return values_of_summary(people, source=table.path)[0]


def _wide(table: _Table) -> tuple[pd.DataFrame, dict[str, str], tuple[str, ...]]:
    texts = [
        name for name in table.header if all(_number(cell) is None for cell in _given(table.column(name)))
    ]
    texts = [name for name in texts if _given(table.column(name))]
    who = OBSERVER if OBSERVER in table.header else next(iter(texts), None)
    if who is None:
        raise DataError(
            f"a table must have the columns {', '.join(SUMMARY)}, or {', '.join(PERSONS)}, or a column of observers' "
            f"names and columns of numbers; got {', '.join(table.header)[:200]} ({table.path})"
        )
    names = _names(table, who)
    measures = [name for name in table.header if name not in (who, FAMILY, *texts)]
    if not measures:
        raise DataError(f"a table must have a column of numbers; got none ({table.path})")
    parts = [
        pd.DataFrame({"observer": names, "measure": name, "estimate": _numbers(table, name)})
        for name in measures
    ]
    values, _ = values_of_summary(pd.concat(parts, ignore_index=True), source=table.path)
    families = dict(zip(names, table.column(FAMILY), strict=True)) if FAMILY in table.header else {}
    unused = [name for name in texts if name not in (who, FAMILY)]
    remarks = (f"{table.path}: columns of text are not used: {', '.join(unused)}",) if unused else ()
    return values, families, remarks


def _given(cells: Sequence[str]) -> list[str]:
    return [cell for cell in cells if cell.lower() not in MISSING]


def _check_pairs(values: pd.DataFrame, table: _Table) -> None:
    """Each observer's measure once; a wide table's values come column by column, a row each."""
    twice = values.duplicated(["observer", "measure"]).to_numpy()
    if twice.any():
        row = int(np.argmax(twice))
        who, what = values["observer"][row], values["measure"][row]
        raise DataError(
            f"an observer's measure must be there once; got {what} of {who} again "
            f"({table.path}, line {table.lines[row % len(table.rows)]})"
        )
