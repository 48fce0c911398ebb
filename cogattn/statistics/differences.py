"""Differences with intervals: of two independent estimates, and paired over observers.

What is compared by ratios (scale ``log``) gives a ratio, everything else a difference. Two estimates whose trials are
not at hand give the interval that is recovered from theirs, which may be asymmetric and need not be of one kind.

References
----------
Zou, Donner (2008), Statistics in Medicine 27, 1693-1702. Newcombe (1998), Statistics in Medicine 17, 873-890.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cogattn.errors import DataError
from cogattn.measures import Estimate, Scale
from cogattn.statistics.intervals import mean_interval
from cogattn.statistics.stats import permutation_test


def independent_difference(first: Estimate, second: Estimate, *, scale: Scale = "linear") -> Estimate:
    """Difference of two independent estimates (scale ``log``: their ratio), the interval recovered from theirs.

    Parameters
    ----------
    first, second : Estimate
        Each with its interval; an open end (infinite, or 0 on a log scale) stays open.
    scale : {"linear", "log", "share", "correlation"}
        Shares and correlations are subtracted as they are: their own intervals carry the asymmetry.

    Returns
    -------
    Estimate
        First less second, or first over second; NaN bounds where an interval is missing; the smaller n.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        (x, x_lo, x_hi), (y, y_lo, y_hi) = (_on(scale, value) for value in (first, second))
        difference = x - y
        lo = difference - np.hypot(x - x_lo, y_hi - y)
        hi = difference + np.hypot(x_hi - x, y - y_lo)
        ends = np.exp([difference, lo, hi]) if scale == "log" else np.array([difference, lo, hi])
    return Estimate(*map(float, ends), min(first.n, second.n))


def _on(scale: Scale, value: Estimate) -> np.ndarray:
    numbers = np.array([value.estimate, value.lo, value.hi], dtype=float)
    return np.log(numbers) if scale == "log" else numbers


@dataclass(frozen=True)
class PairedDifference:
    """Mean difference over units that have both values.

    Parameters
    ----------
    value : Estimate
        Mean of first less second, or geometric mean of first over second, with its interval and the number of units.
    p_value : float
        Two-sided, by exchanging the signs of the differences; NaN for fewer than two units.
    """

    value: Estimate
    p_value: float


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    *,
    scale: Scale = "linear",
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> PairedDifference:
    """Compare two sets of values of the same units (observers) pair by pair.

    Parameters
    ----------
    first, second : arrays, shape (n,)
        Finite values, above 0 on a log scale; the same units in the same order.
    scale : {"linear", "log", "share", "correlation"}
        As for `independent_difference`.
    rng : numpy.random.Generator
        Draws signs where there are too many to count.
    confidence : float
        Level.

    Returns
    -------
    PairedDifference
        With Student's interval of the mean difference (of logarithms).

    Raises
    ------
    DataError
        If values do not pair, are not finite, or not above 0 on a log scale.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise DataError(f"paired values must be as many on both sides; got {x.shape} and {y.shape}")
    if scale == "log" and not ((x > 0) & (y > 0)).all():
        raise DataError("values on a log scale must be above 0; got others")
    differences = np.log(x / y) if scale == "log" else x - y
    n = len(differences)
    found = mean_interval(differences, confidence=confidence)
    p_value = permutation_test(differences, np.zeros(n), paired=True, rng=rng).p_value if n > 1 else math.nan
    if scale == "log":
        found = Estimate(*np.exp([found.estimate, found.lo, found.hi]).tolist(), n)
    return PairedDifference(found, p_value)
