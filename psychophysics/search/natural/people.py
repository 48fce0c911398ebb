"""People in scenes as persons, so that a searcher is placed among them.

Of a person there is the share of targets found by a number of saccades, searches that were broken off counted as
such, the mean number of saccades to the target, and how well the other people in the same scenes tell of the person's
fixations. The last is not what a searcher is: that one tells of all people. Both say how much of people's fixations is
told, by somebody who is like others or by a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Measure, people_table
from cogattn.psychophysics.search.natural.curves import PEOPLE, Curves
from cogattn.psychophysics.search.natural.finding import (
    found_by,
    mean_saccades,
    mean_standard_errors,
    standard_errors,
)
from cogattn.psychophysics.search.natural.measures import (
    AUC,
    BITS,
    CONTENT_BITS,
    FOUND_WITHIN,
    NSS,
    SACCADES,
)
from cogattn.psychophysics.search.natural.measures import found_by as found_by_measure
from cogattn.psychophysics.search.natural.weighing import OTHERS, Weighing
from cogattn.statistics.scales import standard_error
from cogattn.statistics.stats import wilson_interval

Array = NDArray[np.float64]
Value = tuple[str, Measure, float, float, int]
GAZE_MEASURES = {"bits": BITS, "content_bits": CONTENT_BITS, "nss": NSS, "auc": AUC}


def persons(curves: Curves, weighing: Weighing | None, *, limits: Sequence[int]) -> pd.DataFrame:
    """Return the people of a set of scenes.

    Parameters
    ----------
    curves : Curves
        What they found.
    weighing : Weighing, optional
        How well others tell where they looked; None where that could not be had.
    limits : sequence of int
        Numbers of saccades at which the share of targets found is taken.

    Returns
    -------
    DataFrame
        As `cogattn.measures.people_table`; NaN where a person's searches were all broken off before. ``n`` searches,
        or fixations.
    """
    rows = [*_finding(curves, limits)] if PEOPLE in curves.searches else []
    if weighing is not None:
        rows += [value for name, measure in GAZE_MEASURES.items() for value in _told(weighing, name, measure)]
    return people_table(sorted(rows, key=lambda row: row[0]))


def _finding(curves: Curves, limits: Sequence[int]) -> Iterator[Value]:
    human, searches = curves.human, curves.searches[PEOPLE]
    found, tried = searches.found.sum(axis=0), searches.tried.sum(axis=0)
    shares, errors = found_by(found, tried), standard_errors(found, tried)
    means, mean_errors = mean_saccades(shares), mean_standard_errors(found, tried)
    for number, person in enumerate(human.people.tolist()):
        own = human.person == number
        n, n_found = int(own.sum()), int(human.found[own].sum())
        for limit in limits:
            at = limit - 1
            yield person, found_by_measure(limit), shares[number, at], errors[number, at], n
        lo, hi = wilson_interval(n_found, n)
        yield person, FOUND_WITHIN, n_found / n, float(standard_error(lo, hi)), n
        yield person, SACCADES, means[number], mean_errors[number] / means[number], n  # of the logarithm


def _told(weighing: Weighing, name: str, measure: Measure) -> Iterator[Value]:
    totals, counts = weighing.totals(OTHERS, name)
    for number, person in enumerate(weighing.looks.people.tolist()):
        n = counts[:, number].sum()
        mean = totals[:, number].sum() / n
        yield person, measure, mean, _clustered(totals[:, number] - mean * counts[:, number], n), int(n)


def _clustered(residuals: Array, n: float) -> float:
    """Standard error of a mean over n fixations, from the sums of residuals in each scene."""
    n_scenes = int((residuals != 0).sum())
    if n_scenes < 2:
        return float("nan")
    return float(np.sqrt(n_scenes / (n_scenes - 1) * (residuals**2).sum()) / n)
