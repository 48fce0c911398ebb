"""What front ends add to a study's results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from cogattn.eeg.encoding.config import EncodingSettings, has_random_weights
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


def of_untrained(models: Sequence[str], settings: EncodingSettings) -> Iterator[str]:
    """Say which networks nobody has trained."""
    untrained = [name for name in models if has_random_weights(name, settings)]
    if untrained:
        yield f"untrained, with random weights (encoding.weights): {', '.join(untrained)}"
