"""The listeners as persons: what was measured in each of them, under the keys that the summary has.

A yes or no is 1 or 0 under the group's measure. Standard errors are a quarter (to be exact 1 / 3.92) of the width of
a 95 % interval, and missing where there is no interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from cogattn.measures import Estimate, Measure, people_table

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.eeg.efr.findings import Finding

INTERVAL_SE = 2 * NormalDist().inv_cdf(0.975)
"""Standard errors in a 95 % interval."""


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
        yield row.observer.id, row.measure, row.value.estimate, _standard_error(row.value), row.value.n
        if finding.group is not None and finding.verdict is not None:
            verdicts.setdefault(finding.group, []).append(finding.verdict)
    for measure, said in verdicts.items():
        yield own[0].row.observer.id, measure, float(np.mean(said)), np.nan, len(said)


def _standard_error(value: Estimate) -> float:
    return (value.hi - value.lo) / INTERVAL_SE
