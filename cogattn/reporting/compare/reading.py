"""Tables of one's own: scores of observers, however they come, as values that can be joined.

Three forms of CSV file are read, told apart by their header:

- summary: ``observer, measure, estimate`` and any of lo, hi, n, role, label, unit, scale, note, human, human_lo,
  human_hi, human_n (a run's summary.csv has them all);
- persons: ``person, measure, estimate``, and se and n (`cogattn.people.tables.read_persons`);
- wide: observers in the column ``observer`` or ``model``, or else in the first column of text, every column of numbers
  a measure, and a column ``family`` if there is one; ``x_lo`` and ``x_hi`` are the ends of the interval of ``x``. A
  run's ``model_scores.csv`` is one, and so are timm's ``results-imagenet.csv`` and its like, as they are.

Numbers may have commas between their thousands. An empty cell, NA or NaN is a missing value. What breaks a rule is said
with path, line and column.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.measures import SUMMARY_COLUMNS
from cogattn.people.files import Source as File
from cogattn.people.files import digest, read_rows, refuse
from cogattn.people.tables import holds_persons, read_persons
from cogattn.reporting.compare.values import SCALES, Source, values_of_summary
from cogattn.reporting.scores import ENDS, FACTS, MODEL

TABLE = "a table"
"""How errors begin."""
MAX_CELLS = 5_000_000
MAX_NAME = 200
MISSING = ("", "na", "nan", "null", "none")
SUMMARY = ("observer", "measure", "estimate")
OBSERVER, FAMILY = "observer", "family"
THOUSANDS = r"^([-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?)$"
TIMM = {
    "top1": ("top-1 accuracy", "%"), "top1_err": ("top-1 error", "%"), "top5": ("top-5 accuracy", "%"),
    "top5_err": ("top-5 error", "%"), "param_count": ("parameters", "million"), "img_size": ("image size", "px"),
    "crop_pct": ("part of the image that is seen", ""),
}  # fmt: skip
"""What the columns of timm's tables of results mean, which a table of them has together with ``model``."""
COUNTS = ("n", "human_n")
NUMBERS = ("estimate", "lo", "hi", "human", "human_lo", "human_hi", *COUNTS)
TEXTS = ("role", "label", "unit", "note")


def read_table(path: Path) -> Source:
    """Return the values of a CSV file in any of the three forms.

    Raises
    ------
    DataError
        If the file cannot be read, has more than five million cells, or breaks a rule; with path, line and column.
    """
    file = File(str(path), TABLE)
    families: dict[str, str] = {}
    remarks: tuple[str, ...] = ()
    rows = _rows(file)
    if holds_persons(path):
        values = _persons(path)
    elif set(SUMMARY) <= set(rows):
        values, remarks = values_of_summary(_summary(rows, file), source=str(path))
    else:
        values, families, remarks = _wide(rows, file)
    return Source(
        name=str(path),
        kind="table",
        values=values,
        remarks=remarks,
        families=families,
        sha256=digest(file),
    )


def _rows(file: File) -> pd.DataFrame:
    """All cells as text without blanks around them, as many in each row as the header has names."""
    rows = read_rows(file)
    _check_shape(file)
    if rows.size > MAX_CELLS:
        raise DataError(f"{TABLE} must have at most {MAX_CELLS:,} cells; got {rows.size:,} ({file})")
    return rows.apply(lambda column: column.str.strip())


def _check_shape(file: File) -> None:
    """Each column named once, each row as long as the header: pandas would fill, shift or rename."""
    with open(file.file, encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text, skipinitialspace=True)
        try:
            names = [name.strip() for name in next(reader)]
            for place, name in enumerate(names):
                if name in names[:place] or (place and not name):
                    raise DataError(
                        f"{TABLE} must name each column, and once; got {name[:80]!r} ({file}, line 1)"
                    )
            for cells in reader:
                if cells and len(cells) != len(names):
                    raise DataError(
                        f"{TABLE} must have as many cells in a row as in the header, {len(names)}; got {len(cells)} "
                        f"({file}, line {reader.line_num})"
                    )
        except csv.Error as error:
            raise DataError(
                f"{TABLE} must be a CSV file; got {error} ({file}, line {reader.line_num})"
            ) from None


def _number(rows: pd.DataFrame, name: str) -> tuple[pd.Series, pd.Series]:
    """A column as numbers, NaN where there is none; and where a cell holds something else."""
    text = rows[name].mask(rows[name].str.lower().isin(MISSING), "nan")
    grouped = text.str.match(THOUSANDS)
    text = text.mask(grouped, text.str.replace(",", ""))
    values = pd.to_numeric(text, errors="coerce")
    return values.astype(float), values.isna() & (text != "nan")


def _numbers(rows: pd.DataFrame, name: str, file: File) -> pd.Series:
    values, bad = _number(rows, name)
    if name in COUNTS:
        refuse(bad | (values < 0) | np.isinf(values), rows, name, "a number from 0, or nothing,", file)
    finite = not name.endswith(("lo", "hi"))
    refuse(bad | (np.isinf(values) & finite), rows, name, "a number, or nothing,", file)
    return values


def _names(rows: pd.DataFrame, name: str, file: File) -> pd.Series:
    bad = (rows[name] == "") | (rows[name].str.len() > MAX_NAME)
    refuse(bad, rows, name, f"a name of 1 to {MAX_NAME} characters", file)
    return rows[name]


def _summary(rows: pd.DataFrame, file: File) -> pd.DataFrame:
    summary = pd.DataFrame({name: _names(rows, name, file) for name in SUMMARY[:2]})
    refuse(summary.duplicated(), rows, "measure", "each measure once an observer", file)
    for name in NUMBERS:
        if name in rows:
            summary[name] = _numbers(rows, name, file)
    for ends in (("estimate", "lo", "hi"), ("human", "human_lo", "human_hi")):
        _check_interval(summary, ends, rows, ends, file)
    if "scale" in rows:
        refuse(~rows["scale"].isin(["", *SCALES]), rows, "scale", f"one of {', '.join(SCALES)},", file)
    return summary.assign(**{name: rows[name] for name in (*TEXTS, "scale") if name in rows})


def _persons(path: Path) -> pd.DataFrame:
    people = read_persons(path, setting=TABLE).rename(columns={"person": "observer"})
    people["n"] = people["n"].replace(0, math.nan)
    return values_of_summary(people.assign(role="person"), source=str(path))[0]


def _wide(rows: pd.DataFrame, file: File) -> tuple[pd.DataFrame, dict[str, str], tuple[str, ...]]:
    texts = [name for name in rows if _is_text(rows, name)]
    who = next((name for name in (OBSERVER, MODEL) if name in rows), next(iter(texts), None))
    columns = [name for name in rows if name not in (who, FAMILY, *texts)]
    ends = {f"{name}{ending}" for name in columns for ending in ENDS}
    measures = [name for name in columns if name not in ends]
    if who is None or not measures:
        raise DataError(
            f"{TABLE} must have the columns {', '.join(SUMMARY)}, or person, measure, estimate, or a column of "
            f"observers' names and columns of numbers; got {', '.join(rows)[:200]} ({file})"
        )
    names = _names(rows, who, file)
    refuse(names.duplicated(), rows, who, "each observer once", file)
    parts = [_of_measure(rows, names, name, about=who == MODEL, file=file) for name in measures]
    values, _ = values_of_summary(pd.concat(parts, ignore_index=True), source=str(file))
    families = dict(zip(names, rows[FAMILY], strict=True)) if FAMILY in rows else {}
    unused = [name for name in texts if name not in (who, FAMILY)]
    remarks = (f"{file}: columns of text are not used: {', '.join(unused)}",) if unused else ()
    return values, families, remarks


def _of_measure(rows: pd.DataFrame, names: pd.Series, name: str, *, about: bool, file: File) -> pd.DataFrame:
    """A column with its interval, if there is one."""
    table = pd.DataFrame({"observer": names, "measure": name, "estimate": _numbers(rows, name, file)})
    for end, ending in zip(("lo", "hi"), ENDS, strict=True):
        if f"{name}{ending}" in rows:
            table[end] = _numbers(rows, f"{name}{ending}", file)
    _check_interval(table, ("estimate", "lo", "hi"), rows, (name, f"{name}_lo", f"{name}_hi"), file)
    if about and name in TIMM:
        table["label"], table["unit"] = TIMM[name]
    return table


def _check_interval(
    table: pd.DataFrame, names: Sequence[str], rows: pd.DataFrame, called: Sequence[str], file: File
) -> None:
    """Estimate, lo and hi, by their names here and in the file, are in order, but in what a run wrote.

    A run's bootstrap may leave its own estimate out, and its summary notes it.
    """
    values = [table.get(name, pd.Series(math.nan, index=rows.index)) for name in names]
    (estimate, lo, hi), (middle, low, high) = values, called
    refuse(lo > hi, rows, low, f"no more than {high}", file)
    if not _is_of_run(rows):
        refuse(lo > estimate, rows, low, f"no more than {middle}", file)
        refuse(hi < estimate, rows, high, f"no less than {middle}", file)


def _is_of_run(rows: pd.DataFrame) -> bool:
    """Whether the columns are those of a run's summary, or of its scores."""
    names = tuple(rows)
    return names == SUMMARY_COLUMNS or (names[0] == MODEL and names[-len(FACTS) :] == FACTS)


def _is_text(rows: pd.DataFrame, name: str) -> bool:
    """Whether a column holds something, and no number."""
    values, bad = _number(rows, name)
    return bool(bad.any() and values.isna().all())
