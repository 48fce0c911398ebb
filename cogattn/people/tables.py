"""People as a table of persons, and their mean beside an observer: what ``--humans`` means in every study.

A table is a name that ships with a study or a CSV file with the columns person, measure and estimate, and se and n
where they are known. ``measure`` is the key under which a summary has it (``accuracy.60s``, ``bandwidth``), the unit
that of the summary (shares from 0 to 1); ``se`` as in `cogattn.measures.PEOPLE_COLUMNS`; an empty estimate is one that
could not be had. A run's own ``tables/people.csv`` is such a file.

Beside an observer stands the mean over persons with Student's interval, taken on the scale on which the measure is
compared: of logarithms (then the mean is geometric) or of Fisher's z, and given in the measure's unit. Shares and what
is compared by differences are averaged as they are, and the interval is cut to what the measure can be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.measures import KEY, PEOPLE_COLUMNS, Estimate, Measure, Row, Scale
from cogattn.people.files import Source, digest, header_of, need, read_rows, refuse, whole
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.scales import RANGES, from_scale, to_scale

if TYPE_CHECKING:
    import pandas as pd

HUMANS = "humans"
"""The setting that names a table, unless an error is told that it was another."""
NEEDED = ("person", "measure", "estimate")
FORMS = f"persons: {', '.join(NEEDED)}, and se, n where known"
ALLOWED: Mapping[Scale, tuple[str, float, float]] = {
    "linear": ("a number", -math.inf, math.inf),
    "log": ("a number above 0", 0.0, math.inf),
    "share": ("a share from 0 to 1", -math.nextafter(0, 1), math.nextafter(1, 2)),
    "correlation": ("a correlation between -1 and 1", -1.0, 1.0),
}
"""What a measure of a scale can be: in words, and the bounds between which it lies."""
Shipped = Mapping[str, Callable[[], "pd.DataFrame"]]


def read_persons(
    table: str | Path, *, shipped: Shipped | None = None, setting: str = HUMANS, known: Iterable[Measure] = ()
) -> pd.DataFrame:
    """Return the persons of a table that ships, or of a CSV file.

    Parameters
    ----------
    table : str or Path
        A name of `shipped`, or a file.
    shipped : mapping of str to callable returning a DataFrame, optional
        The tables that ship, by name.
    setting : str
        What named the table, for the start of an error.
    known : iterable of Measure
        Measures whose scale is known, or the beginnings of them (``accuracy`` for ``accuracy.60s``): a value that
        cannot be one of them is refused.

    Returns
    -------
    DataFrame
        Columns `cogattn.measures.PEOPLE_COLUMNS`; ``se`` NaN and ``n`` 0 where they are not known.

    Raises
    ------
    DataError
        If the file cannot be read or breaks a rule; the message names line and column.
    """
    import pandas as pd

    tables = shipped or {}
    if str(table) in tables:
        return tables[str(table)]()
    source = Source(str(table), setting, tuple(tables))
    rows = read_rows(source)
    need(rows, NEEDED, source, forms=FORMS)
    refuse(rows["person"].str.strip() == "", rows, "person", "a name", source)
    keys = rows["measure"].str.strip()
    refuse(~keys.map(lambda key: bool(KEY.fullmatch(key))), rows, "measure", "a measure's key", source)
    persons = pd.DataFrame({"person": rows["person"].str.strip(), "measure": keys})
    refuse(persons.duplicated(), rows, "measure", "each measure once a person", source)
    persons["estimate"] = _numbers(rows, "estimate", "a number, or nothing", source)
    persons["se"] = _numbers(rows, "se", "a number from 0, or nothing", source, least=0.0)
    persons["n"] = whole(rows, "n", source, least=0, most=2**40) if "n" in rows else 0
    _check_values(persons, rows, tuple(known), source)
    return persons[list(PEOPLE_COLUMNS)]


def holds_persons(table: str | Path) -> bool:
    """Tell whether a file begins as a table of persons does; False for one that cannot be read."""
    return set(NEEDED) <= set(header_of(Source(str(table), HUMANS)))


def digests(table: str | Path, *, shipped: Iterable[str] = (), setting: str = HUMANS) -> Mapping[str, str]:
    """Return the SHA-256 of a table that is a file, by the setting's name; nothing of one that ships or of none.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    names = tuple(shipped)
    if not str(table) or str(table) in names:
        return {}
    return {setting: digest(Source(str(table), setting, names))}


def mean_of(
    values: Sequence[float],
    scale: Scale,
    *,
    confidence: float = 0.95,
    limits: tuple[float, float] | None = None,
) -> Estimate:
    """Return the mean over persons with Student's interval, on the measure's scale and in its unit.

    Parameters
    ----------
    values : sequence of float
        One of each person; NaN is left out.
    scale : {"linear", "log", "share", "correlation"}
        Of the measure.
    confidence : float
        Level.
    limits : (float, float), optional
        Least and largest value of the measure; those of its scale where they are not given.

    Returns
    -------
    Estimate
        ``n`` persons; no interval for one, nor where all are equal.
    """
    each = np.asarray(values, dtype=float)
    each = each[np.isfinite(each)]
    if not len(each):
        return Estimate.bare(math.nan, 0)
    averaged: Scale = "linear" if scale == "share" else scale
    found = mean_interval(to_scale(each, averaged), confidence=confidence)
    mean, *ends = from_scale([found.estimate, found.lo, found.hi], averaged).tolist()
    return Estimate(mean, *np.clip(ends, *(limits or RANGES[scale])).tolist(), found.n)


def beside(rows: Iterable[Row], people: pd.DataFrame | None, *, confidence: float = 0.95) -> list[Row]:
    """Return rows with people beside those that have none yet.

    Parameters
    ----------
    rows : iterable of Row
        Of a summary. One that has people, one by one, keeps them; a group mean of nobody knows how many gives way.
    people : DataFrame or None
        As `read_persons` returns it.
    confidence : float
        Level of the intervals.

    Returns
    -------
    list of Row
        ``human`` is the mean over the persons who have the row's measure, as `mean_of` gives it.
    """
    if people is None:
        return list(rows)
    by_measure = {str(key): own.tolist() for key, own in people.groupby("measure", sort=False)["estimate"]}
    return [_with_people(row, by_measure, confidence) for row in rows]


def remark_on(name: str, people: pd.DataFrame, rows: Iterable[Row]) -> str:
    """Return the sentence that tells who the people are, and whether anything is compared with them."""
    found = people.dropna(subset="estimate")
    theirs, ours = list(dict.fromkeys(found["measure"])), {row.measure.key for row in rows}
    n = found["person"].nunique()
    who = f"people: {name}, {n} {'person' if n == 1 else 'persons'}"
    shared = [key for key in theirs if key in ours]
    if not shared:
        apart = f"no measure of theirs ({_some(theirs)}) is one of the observer's"
        return f"{who}; {apart}, so nothing is compared with them"
    over = "no interval over persons" if n == 1 else "mean and interval over persons"
    return f"{who}; {over}, of {_some(shared)}"


def _with_people(row: Row, by_measure: Mapping[str, list[float]], confidence: float) -> Row:
    if row.measure.key not in by_measure or (row.human is not None and row.human.n > 0):
        return row
    measure = row.measure
    mean = mean_of(by_measure[measure.key], measure.scale, confidence=confidence, limits=measure.limits)
    return replace(row, human=mean) if mean.n else row


def _numbers(
    rows: pd.DataFrame, name: str, rule: str, source: Source, *, least: float = -math.inf
) -> pd.Series:
    import pandas as pd

    if name not in rows:
        return pd.Series(math.nan, index=rows.index)
    values = pd.to_numeric(rows[name].str.strip().replace("", "nan"), errors="coerce")
    empty = rows[name].str.strip() == ""
    refuse(~empty & ~(np.isfinite(values) & (values >= least)), rows, name, rule, source)
    return values.astype(float)


def _check_values(
    persons: pd.DataFrame, rows: pd.DataFrame, known: Sequence[Measure], source: Source
) -> None:
    import pandas as pd

    rules = {str(key): _rule_of(str(key), known) for key in persons["measure"].unique()}
    each = pd.DataFrame(persons["measure"].map(rules).tolist(), columns=["rule", "low", "high"])
    values = persons["estimate"]
    outside = ~((values > each["low"]) & (values < each["high"])) & values.notna()
    for rule in each.loc[outside, "rule"].head(1):
        refuse(outside, rows, "estimate", rule, source)


def _rule_of(key: str, known: Sequence[Measure]) -> tuple[str, float, float]:
    """As in `ALLOWED`, of the known measure that is the key, or the longest beginning of it."""
    fitting = [one for one in known if key == one.key or key.startswith(f"{one.key}.")]
    measure = max(fitting, key=lambda one: len(one.key), default=None)
    if measure is None or measure.limits is None:
        return ALLOWED[measure.scale if measure else "linear"]
    low, high = measure.limits
    words = f"a number from {low:g}" + (f" to {high:g}" if math.isfinite(high) else "")
    return words, math.nextafter(low, -math.inf), math.nextafter(high, math.inf)


def _some(keys: Sequence[str], *, most: int = 4) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")
