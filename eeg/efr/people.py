"""Persons of the study: those of a table, or its listeners, with what was measured in each under the summary's keys.

A yes or no is 1 or 0 under the group's measure. Standard errors are a quarter (to be exact 1 / 3.92) of the width of
a 95 % interval, of logarithms where they are compared, and missing where there is no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.efr.measures import ALL
from cogattn.measures import Measure, Row, people_table
from cogattn.people.tables import read_persons
from cogattn.statistics.scales import standard_error

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.eeg.efr.config import EfrConfig
    from cogattn.eeg.efr.findings import Finding


def read_people(config: EfrConfig) -> pd.DataFrame | None:
    """Return the listeners that the settings name; None where they name none.

    Raises
    ------
    DataError
        If their table cannot be read or breaks a rule of `cogattn.people.tables.read_persons`.
    """
    return read_persons(config.humans, known=ALL) if config.humans else None


def persons(listeners: Sequence[Sequence[Finding]]) -> pd.DataFrame:
    """Return every listener's measures, columns `cogattn.measures.PEOPLE_COLUMNS`.

    Parameters
    ----------
    listeners : sequence of sequence of Finding
        Those of each listener; what was not found (NaN) is left out.
    """
    return people_table(row for own in listeners for row in _of_one(own) if np.isfinite(row[2]))


def _of_one(own: Sequence[Finding]) -> Iterator[tuple[str, Measure, float, float, int]]:
    verdicts: dict[Measure, list[bool]] = {}
    for finding in own:
        row = finding.row
        yield row.observer.id, row.measure, row.value.estimate, _standard_error(row), row.value.n
        if finding.group is not None and finding.verdict is not None:
            verdicts.setdefault(finding.group, []).append(finding.verdict)
    for measure, said in verdicts.items():
        yield own[0].row.observer.id, measure, float(np.mean(said)), np.nan, len(said)


def _standard_error(row: Row) -> float:
    scale = "log" if row.measure.scale == "log" else "linear"
    return float(standard_error(row.value.lo, row.value.hi, scale))
