"""The card tests itself: each person of a study's table, left out, is placed among the others.

Where people are as the test takes them, one in twenty comes out outside at .05. A share that is surely above says that
the test refuses people, and that an observer which it finds outside need not be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cogattn.errors import DataError
from cogattn.measures import Scale
from cogattn.people.placing import on_scale, place
from cogattn.reporting.card.row import LEVEL, CardRow, SelfCheck
from cogattn.statistics.stats import wilson_interval

FEWEST = 4
"""People, so that three remain when one is left out: the fewest among whom anybody can be placed."""


def self_check(rows: Sequence[CardRow]) -> tuple[SelfCheck, ...]:
    """Check every row whose observer was placed among people."""
    return tuple(
        _of(row)
        for row in rows
        if row.status in ("inside", "outside", "underpowered") and row.n_people >= FEWEST
    )


def left_out(values: Sequence[float], scale: Scale) -> list[float]:
    """Return the P value of each person among the others; of a person among equals none can be had, and it is 1."""
    people = on_scale(np.asarray(values, dtype=float), scale)[:, None]
    found = []
    for index, own in enumerate(people):
        try:
            found.append(place(own, np.delete(people, index, axis=0)).p)
        except DataError:
            found.append(1.0)
    return found


def _of(row: CardRow) -> SelfCheck:
    values = [value for _, value in row.people if np.isfinite(value)]
    outside = sum(p <= LEVEL for p in left_out(values, row.scale))
    lo, hi = wilson_interval(outside, len(values))
    return SelfCheck(
        study=row.study, measure=row.measure, label=row.label, n=len(values), outside=outside,
        share=outside / len(values), lo=float(lo), hi=float(hi),
    )  # fmt: skip
