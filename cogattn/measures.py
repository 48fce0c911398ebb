"""What is measured, and a measured number: every row of every summary is a `Row` of one shape.

A `Measure` has a key that tables join on, across studies and runs; nothing is ever parsed out of its label.
A missing interval is NaN, a missing comparison with people has ``human_n = 0``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from cogattn.observers.observer import Observer

if TYPE_CHECKING:
    import pandas as pd

Scale = Literal["linear", "log", "share", "correlation"]
KEY = re.compile(r"[a-z0-9_]+(\.[A-Za-z0-9_+-]+)*")

SUMMARY_COLUMNS = (
    "observer", "role", "measure", "label", "unit", "scale", "estimate", "lo", "hi", "n",
    "human", "human_lo", "human_hi", "human_n", "note",
)  # fmt: skip
"""Columns of every study's summary table; lo and hi bound the 95 % interval unless the note says otherwise."""

PEOPLE_COLUMNS = ("person", "measure", "estimate", "se", "n")
"""Columns of every study's table of persons: a person, a measure's key, estimate, its standard error, trials.

``se`` is on the scale on which the measure is compared where that is ``log`` (the error of ln(estimate)), else in the
unit of the estimate.
"""


@dataclass(frozen=True)
class Estimate:
    """A number with the bounds of its interval (NaN where there is none) and the number of units behind it."""

    estimate: float
    lo: float
    hi: float
    n: int

    @classmethod
    def bare(cls, estimate: float, n: int) -> Estimate:
        """Return a number that has no interval."""
        return cls(estimate, math.nan, math.nan, n)


@dataclass(frozen=True)
class Measure:
    """Something that a study measures.

    Parameters
    ----------
    key : str
        What tables join on: ``bandwidth``, ``asymmetry.letters``; lower-case words, then parameters after dots.
    unit : str
        ``octaves``, ``share``, ``Hz``; empty for a pure number.
    label : str
        What a reader sees.
    scale : {"linear", "log", "share", "correlation"}
        On which differences are taken: log for what is compared by ratios.
    limits : (float, float), optional
        Least and largest value, where the scale says less (`cogattn.statistics.scales.limits_of`).

    Examples
    --------
    >>> Measure("accuracy", "share", "accuracy", scale="share").at("60s", label="accuracy at 60 s").key
    'accuracy.60s'
    """

    key: str
    unit: str
    label: str
    scale: Scale = "linear"
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise ValueError(f"a measure's key must fit {KEY.pattern}; got {self.key!r}")

    def at(self, *parameters: str | float, label: str) -> Measure:
        """Return this measure under given parameters (a task, a window, a radius)."""
        words = [_word(parameter) for parameter in parameters]
        return replace(self, key=".".join([self.key, *words]), label=label)


@dataclass(frozen=True)
class Row:
    """A measured number beside people's.

    Parameters
    ----------
    observer : Observer
        Whose.
    measure : Measure
        Of what.
    value : Estimate
        Estimate, interval, n.
    human : Estimate, optional
        People's mean, its interval, and how many people.
    note : str
        What a reader must know of this row.
    """

    observer: Observer
    measure: Measure
    value: Estimate
    human: Estimate | None = None
    note: str = ""


def summary_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Return rows as a study's summary: columns `SUMMARY_COLUMNS`, one row per observer and measure."""
    import pandas as pd

    nobody = Estimate.bare(math.nan, 0)
    records = []
    for row in rows:
        human = row.human or nobody
        records.append(
            (
                row.observer.id, row.observer.role, row.measure.key, row.measure.label, row.measure.unit,
                row.measure.scale, float(row.value.estimate), float(row.value.lo), float(row.value.hi),
                int(row.value.n),
                float(human.estimate), float(human.lo), float(human.hi), int(human.n), row.note,
            )
        )  # fmt: skip
    return pd.DataFrame(records, columns=list(SUMMARY_COLUMNS))


def people_table(rows: Iterable[tuple[str, Measure, float, float, int]]) -> pd.DataFrame:
    """Return persons as a table, columns `PEOPLE_COLUMNS`, from (person, measure, estimate, se, n)."""
    import pandas as pd

    records = [(person, measure.key, value, se, n) for person, measure, value, se, n in rows]
    return pd.DataFrame(records, columns=list(PEOPLE_COLUMNS))


def _word(parameter: str | float) -> str:
    text = parameter if isinstance(parameter, str) else f"{parameter:g}"
    return re.sub(r"[^A-Za-z0-9_+-]+", "_", text)
