"""Groups of learners against each other, and networks against people, by whole distributions.

A difference of group means has Welch's interval. How far apart two distributions are is told by the Wasserstein
distance (in the measure's unit: by how much a person's value must be moved on average) with a bootstrap interval (BCa),
and by the Kolmogorov-Smirnov test; where a network lies among people by how often it is above a person drawn at random.

References
----------
Welch (1947), Biometrika 34, 28-35. Efron (1987), J. Am. Stat. Assoc. 82, 171-185. Ramdas, Trillos, Cuturi (2017),
Entropy 19, 47 (Wasserstein distances and two-sample tests).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cogattn.measures import Estimate

Array = NDArray[np.float64]
Paired = Callable[..., Array]
BATCH = 100
"""Resamples at a time, for memory."""


@dataclass(frozen=True)
class Likeness:
    """How like the values of networks are to those of people.

    Parameters
    ----------
    distance : Estimate
        Wasserstein distance; n is people and networks together.
    above : Estimate
        Probability that a network's value is above a person's, ties counted half: .5 is alike.
    ks : float
        Largest difference of the cumulative distributions.
    p : float
        P value of the Kolmogorov-Smirnov test that both are drawn from one distribution.
    """

    distance: Estimate
    above: Estimate
    ks: float
    p: float


def difference(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Return the mean of one group less that of another, with Welch's interval.

    Parameters
    ----------
    first, second : array, shape (n,)
        One value a learner.
    confidence : float
        Level.

    Returns
    -------
    Estimate
        n is both groups together; NaN bounds where a group has fewer than two, or neither varies.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (first, second))
    n = len(x) + len(y)
    if not len(x) or not len(y):
        return Estimate.bare(math.nan, n)
    value = float(x.mean() - y.mean())
    if min(len(x), len(y)) < 2 or (np.ptp(x) == 0 and np.ptp(y) == 0):
        return Estimate.bare(value, n)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # a group that does not vary adds nothing to the error
        found = stats.ttest_ind(x, y, equal_var=False).confidence_interval(confidence)
    return Estimate(value, float(found.low), float(found.high), n)


def likeness(
    people: ArrayLike, networks: ArrayLike, *, rng: np.random.Generator, n_resamples: int = 2000
) -> Likeness:
    """Return how like two distributions are.

    Parameters
    ----------
    people, networks : array, shape (n,)
        One value each, two at least.
    rng : numpy.random.Generator
        Draws people and networks, each with replacement.
    n_resamples : int
        Of the bootstrap.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (people, networks))
    grid = np.unique(np.concatenate([x, y]))
    steps = np.diff(grid)

    def distance(a: Array, b: Array, axis: int = -1) -> Array:
        return np.abs(_share_below(a, grid) - _share_below(b, grid))[..., :-1] @ steps

    def above(a: Array, b: Array, axis: int = -1) -> Array:
        inside = _share_below(a, grid)
        middle = inside - np.diff(inside, prepend=0, axis=-1) / 2  # ties counted half
        return (middle * np.diff(_share_below(b, grid), prepend=0, axis=-1)).sum(axis=-1)

    test = stats.ks_2samp(x, y)
    return Likeness(
        _interval(x, y, distance, rng, n_resamples),
        _interval(x, y, above, rng, n_resamples),
        float(test.statistic),
        float(test.pvalue),
    )


def _share_below(values: Array, grid: Array) -> Array:
    """Share of values at or below each place, the values along the last axis."""
    return (values[..., :, None] <= grid).mean(axis=-2)


def _interval(x: Array, y: Array, statistic: Paired, rng: np.random.Generator, n_resamples: int) -> Estimate:
    value, n = float(statistic(x, y)), len(x) + len(y)
    if np.ptp(np.concatenate([x, y])) == 0:
        return Estimate.bare(value, n)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # no bounds say it
        found = stats.bootstrap(
            (x, y), statistic, vectorized=True, n_resamples=n_resamples, batch=BATCH, method="BCa", rng=rng
        ).confidence_interval
    return Estimate(value, float(found.low), float(found.high), n)
