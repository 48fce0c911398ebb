"""Who differs from whom, and by how much: pairs of observers, and runs of the same observers pair by pair.

Summaries hold no trials, so two observers of one run are compared as if they had been measured independently, though
they saw the same trials: the interval is then too wide rather than too narrow, as long as what one finds hard the other
finds hard too. Runs of the same observers are compared observer by observer, and the interval is over observers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from cogattn.measures import Estimate
from cogattn.reporting.compare.values import PEOPLE, known
from cogattn.seeds import Streams
from cogattn.statistics.differences import independent_difference, paired_difference

DIFFERENCE_COLUMNS = (
    "measure", "first", "first_source", "second", "second_source", "kind", "estimate", "lo", "hi", "n", "p", "method",
)  # fmt: skip
MAX_OBSERVERS = 4
"""Up to this many, every pair of observers is compared; of more, those of one name, and with `against`."""
INDEPENDENT = "independent estimates, interval recovered from theirs"
PAIRED = "paired over observers, Student's interval, p by exchanging signs"
EVERYBODY = "the observers of both"


def differences(
    values: pd.DataFrame, *, against: str = "", seed: int = 0
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Compare observers with one another and, where two sources have the same observers, the sources.

    Parameters
    ----------
    values : DataFrame
        As `cogattn.reporting.compare.values.pool` makes it.
    against : str
        The observer, or ``people``, with whom each is compared; empty: all pairs of a few.
    seed : int
        Of the streams that draw observers and signs.

    Returns
    -------
    table : DataFrame
        Columns `DIFFERENCE_COLUMNS`; ``kind`` is ratio or difference, ``n`` the smaller n of two observers, or how
        many observers are paired.
    remarks : tuple of str
        What was not compared.

    Raises
    ------
    DataError
        If nobody is called `against`.
    """
    if against:
        known(against, [*values["observer"]], what="the observer to compare with")
    there = values[np.isfinite(values["estimate"].astype(float))]
    rows: list[tuple[object, ...]] = []
    crowded: list[str] = []
    for measure, own in there.groupby("measure", sort=False):
        pairs, whole = _pairs(own, against)
        crowded += [] if whole else [str(measure)]
        rows += [_independent(first, second) for first, second in pairs]
        rows += _paired(own, str(measure), seed)
    table = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    return table, _crowd(crowded, there.loc[there["role"] != PEOPLE, "observer"].nunique())


def _crowd(measures: Sequence[str], n: int) -> tuple[str, ...]:
    if not measures:
        return ()
    return (
        f"{n} observers are too many for all pairs ({len(measures)} measures); with --against NAME, or --against "
        "people, each is compared with one",
    )


Pair = tuple[pd.Series, pd.Series]


def _pairs(own: pd.DataFrame, against: str) -> tuple[list[Pair], bool]:
    """Pairs of rows to compare, and whether they are all that there are."""
    rows = [row for _, row in own.iterrows()]
    if against:
        others = [row for row in rows if row["observer"] == against]
        pairs = [
            (row, _nearest(row, others))
            for row in rows
            if row["observer"] != against and row["observer"] != PEOPLE and others
        ]
        return pairs + _same(rows), True
    tested = [row for row in rows if row["observer"] != PEOPLE]
    if len({row["observer"] for row in tested}) <= MAX_OBSERVERS:
        return [(a, b) for a, b in combinations(tested, 2) if _told_apart(a, b, tested)], True
    return _same(tested), False


def _same(rows: Sequence[pd.Series]) -> list[Pair]:
    return [(a, b) for a, b in combinations(rows, 2) if a["observer"] == b["observer"] != PEOPLE]


def _told_apart(a: pd.Series, b: pd.Series, rows: Sequence[pd.Series]) -> bool:
    """Two of one source, one in two sources, or two of whom neither is in the other's source."""
    if a["source"] == b["source"] or a["observer"] == b["observer"]:
        return True
    there = {(row["source"], row["observer"]) for row in rows}
    return not {(a["source"], b["observer"]), (b["source"], a["observer"])} & there


def _nearest(row: pd.Series, others: Sequence[pd.Series]) -> pd.Series:
    """Of the same source, if it is there, else the first."""
    return next((other for other in others if other["source"] == row["source"]), others[0])


def _estimate(row: pd.Series) -> Estimate:
    n = row["n"]
    return Estimate(row["estimate"], row["lo"], row["hi"], int(n) if np.isfinite(n) else 0)


def _independent(first: pd.Series, second: pd.Series) -> tuple[object, ...]:
    found = independent_difference(_estimate(first), _estimate(second), scale=first["scale"])
    return (
        first["measure"], first["observer"], first["source"], second["observer"], second["source"],
        _kind(first["scale"]), found.estimate, found.lo, found.hi, found.n, math.nan, INDEPENDENT,
    )  # fmt: skip


def _paired(own: pd.DataFrame, measure: str, seed: int) -> list[tuple[object, ...]]:
    """Sources that share two observers or more, over these observers."""
    tested = own[own["observer"] != PEOPLE]
    by_source = {source: rows.set_index("observer") for source, rows in tested.groupby("source", sort=False)}
    scale = own["scale"].iloc[0]
    rows: list[tuple[object, ...]] = []
    for (first, a), (second, b) in combinations(by_source.items(), 2):
        shared = [name for name in a.index if name in b.index]
        if len(shared) < 2:
            continue
        rng = Streams(seed).generator("compare", "paired", str(first), str(second), measure)
        x, y = (rows.loc[shared, "estimate"].to_numpy(float) for rows in (a, b))
        found = paired_difference(x, y, scale=scale, rng=rng)
        value = found.value
        rows.append(
            (
                measure, EVERYBODY, first, EVERYBODY, second, _kind(scale), value.estimate, value.lo, value.hi,
                value.n, found.p_value, PAIRED,
            )
        )  # fmt: skip
    return rows


def _kind(scale: str) -> str:
    return "ratio" if scale == "log" else "difference"
