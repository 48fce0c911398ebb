"""What front ends add to a study's results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.measures import Measure, Row, people_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Person = tuple[str, Measure, float, float, int]
"""Person, measure, estimate, standard error, n."""


@dataclass(frozen=True)
class Said:
    """Rows of the summary, persons, tables and figures by name, remarks."""

    rows: Sequence[Row] = ()
    people: Sequence[Person] = ()
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: Mapping[str, Callable[[], Figure]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def with_persons(people: pd.DataFrame | None, more: Sequence[Person]) -> pd.DataFrame | None:
    """Return a table of persons with more rows."""
    if not more:
        return people
    added = people_table(more)
    return added if people is None else pd.concat([people, added], ignore_index=True)
