"""Persons of the study: those of a table, or its listeners, with what was measured in each under the summary's keys.

A yes or no is 1 or 0 under the group's measure. Standard errors are 1 / 3.92 of the width of a 95 % interval, of
logarithms where they are compared, and missing where there is no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.findings import Finding, by_measure
from cogattn.eeg.efr.measures import ALL
from cogattn.measures import Measure, people_table
from cogattn.people.tables import read_persons
from cogattn.statistics.scales import standard_error


def read_people(config: EfrConfig) -> pd.DataFrame | None:
    """Return the listeners that the settings name; None where they name none.

    Raises
    ------
    DataError
        If their table cannot be read or breaks a rule of `cogattn.people.tables.read_persons`.
    """
    return read_persons(config.humans, known=ALL) if config.humans else None


def persons(listeners: Sequence[Sequence[Finding]]) -> pd.DataFrame:
    """Return every listener's measures, columns `cogattn.measures.PEOPLE_COLUMNS`; what was not found is left out."""
    return people_table(row for own in listeners for row in _of_one(own) if np.isfinite(row[2]))


def _of_one(own: Sequence[Finding]) -> Iterator[tuple[str, Measure, float, float, int]]:
    for row in (finding.row for finding in own):
        scale = "log" if row.measure.scale == "log" else "linear"
        error = float(standard_error(row.value.lo, row.value.hi, scale))
        yield row.observer.id, row.measure, row.value.estimate, error, row.value.n
    for measure, found in by_measure(own).items():
        if found[0].verdict is not None:
            share = float(np.mean([bool(one.verdict) for one in found]))
            yield found[0].row.observer.id, measure, share, np.nan, len(found)
