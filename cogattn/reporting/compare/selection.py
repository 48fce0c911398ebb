"""Whose values are looked at: conditions on measures, and who does not meet them."""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from cogattn.errors import DataError
from cogattn.reporting.compare.values import PEOPLE, known

OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
CONDITION = re.compile(r"\s*(.+?)\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
LEFT_OUT_COLUMNS = ("observer", "reason")
MAX_NAMED = 6
Reasons = dict[str, str]
"""Why observers are left out."""


def select(values: pd.DataFrame, where: Sequence[str]) -> tuple[pd.DataFrame, Reasons]:
    """Return the values of observers that meet all conditions, and why the others do not; people's means stay.

    Parameters
    ----------
    values : DataFrame
        As `cogattn.reporting.compare.values.pool` makes it.
    where : sequence of str
        ``accuracy.clean>=0.5``: the key of a measure, one of >= <= > <, a number.

    Raises
    ------
    DataError
        If a condition is none, its measure is not there, or an observer has it from two sources.
    """
    reasons: Reasons = {}
    for text in where:
        found = CONDITION.fullmatch(text)
        if found is None:
            raise DataError(
                f"--where must be a measure, one of {' '.join(OPERATORS)}, and a number, such as accuracy.clean>=0.5; "
                f"got {text[:80]!r}"
            )
        measure, sign, bound = found[1], found[2], float(found[3])
        table = wide(values, [measure], what="--where")[measure]
        for name in dict.fromkeys(values.loc[values["role"] != PEOPLE, "observer"]):
            value = table.get(name, np.nan)
            if not np.isfinite(value):
                reasons.setdefault(str(name), f"no {measure}")
            elif not OPERATORS[sign](value, bound):
                reasons.setdefault(str(name), f"{measure} is not {sign} {bound:g}")
    return values[~values["observer"].isin(list(reasons))].reset_index(drop=True), reasons


def wide(values: pd.DataFrame, measures: Sequence[str], *, what: str) -> pd.DataFrame:
    """Return a row per observer that has any of the measures, a column per measure; means of people are none.

    Raises
    ------
    DataError
        If a measure is not there, or an observer has one from two sources; `what` asked for it.
    """
    own = values[values["role"] != PEOPLE]
    for name in measures:
        known(name, own["measure"].unique(), what=f"the measure of {what}")
    own = own[own["measure"].isin(measures)]
    twice = own[own.duplicated(["observer", "measure"], keep=False)]
    if len(twice):
        first = twice.iloc[0]
        same = twice[(twice["observer"] == first["observer"]) & (twice["measure"] == first["measure"])]
        raise DataError(
            f"for {what} each observer must have a measure from one source; got {first['measure']} of "
            f"{first['observer']} from {' and '.join(same['source'])}"
        )
    table = own.pivot(index="observer", columns="measure", values="estimate").astype(float)
    return table.loc[list(dict.fromkeys(own["observer"])), list(measures)]


def lacking(table: pd.DataFrame) -> Reasons:
    """Return why rows of `wide` that are not whole are left out."""
    missing = ~np.isfinite(table.to_numpy(float))
    return {
        str(name): f"no {', no '.join(table.columns[row])}"
        for name, row in zip(table.index, missing, strict=True)
        if row.any()
    }


def left_out_table(reasons: Reasons) -> pd.DataFrame:
    """Return reasons as a table, columns `LEFT_OUT_COLUMNS`."""
    return pd.DataFrame(list(reasons.items()), columns=list(LEFT_OUT_COLUMNS))


def told(reasons: Reasons) -> list[str]:
    """Return a sentence per reason, with the first few names."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    return [f"left out, {reason}: {len(names)} ({listed(names)})" for reason, names in by_reason.items()]


def listed(names: Sequence[str]) -> str:
    """Return names with commas, the first few of many."""
    more = f", and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(names[:MAX_NAMED])}{more}"
