"""Statistics shared by the studies: proportions, permutation, random effects, variance explained.

Where SciPy has the method it is used, and only the call is made simpler: units run along the first axis, the
generator is passed in, and every answer carries its interval and its n. Psychometric functions are in
`cogattn.statistics.psychometric`, intervals over units in `cogattn.statistics.intervals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import brentq

from cogattn.errors import DataError
from cogattn.measures import Estimate as Estimate
from cogattn.statistics.intervals import statistic_interval

Array = NDArray[np.float64]


def wilson_interval(
    n_correct: ArrayLike, n_trials: ArrayLike, *, confidence: float = 0.95, df: float = np.inf
) -> tuple[Array, Array]:
    """Wilson score interval of proportions.

    Parameters
    ----------
    n_correct, n_trials : arrays of int, same shape
        Counts; (0, 1) where there are no trials.
    confidence : float
        Level.
    df : float
        Degrees of freedom of Student's quantile, where `n_trials` comes from an estimated variance.

    Returns
    -------
    lo, hi : arrays
        Bounds.

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.
    """
    correct, trials = np.asarray(n_correct, dtype=float), np.asarray(n_trials, dtype=float)
    if (correct < 0).any() or (correct > trials).any():
        raise DataError("n_correct must be from 0 to n_trials; got a count outside")
    z2 = stats.t.ppf((1 + confidence) / 2, df) ** 2
    center = correct + z2 / 2
    half = np.sqrt(z2 * (correct * (trials - correct) / np.maximum(trials, 1) + z2 / 4))
    lo, hi = (center - half) / (trials + z2), (center + half) / (trials + z2)
    none, all_ = correct == 0, correct == trials  # exactly 0 and 1 there, but for rounding
    return np.where(none, 0.0, np.clip(lo, 0, 1))[()], np.where(all_, 1.0, np.clip(hi, 0, 1))[()]


@dataclass(frozen=True)
class PermutationTest:
    """Difference of means, two-sided P value, whether every permutation was counted, and number of units."""

    difference: float
    p_value: float
    exact: bool
    n: int


def permutation_test(
    a: ArrayLike, b: ArrayLike, *, paired: bool, rng: np.random.Generator, n_resamples: int = 9999
) -> PermutationTest:
    """Test whether two samples have the same mean, by exchanging their labels.

    Parameters
    ----------
    a, b : arrays, shapes (n_a,) and (n_b,)
        Values; the same units in the same order if paired.
    paired : bool
        Exchange within pairs, or among all.
    rng : numpy.random.Generator
        Draws permutations where there are more than `n_resamples`.
    n_resamples : int
        All permutations are counted if there are at most this many; else this many are drawn and the P value
        is at least 1 / (n_resamples + 1).

    Returns
    -------
    PermutationTest

    Raises
    ------
    DataError
        If a sample is empty or not finite, or pairs do not match.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not (first.size and second.size and np.isfinite(first).all() and np.isfinite(second).all()):
        raise DataError("samples must hold finite numbers; got an empty sample, NaN or infinity")
    if paired and first.shape != second.shape:
        raise DataError(f"paired samples must have the same length; got {first.size} and {second.size}")
    found = stats.permutation_test(
        (first, second),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=n_resamples,
        rng=rng,
    )
    n = first.size if paired else first.size + second.size
    n_distinct = 2**n if paired else comb(n, first.size)
    return PermutationTest(float(found.statistic), float(found.pvalue), n_distinct <= n_resamples, n)


@dataclass(frozen=True)
class RandomEffects:
    """Mean of a population and its spread, from estimates that carry their own errors.

    Parameters
    ----------
    mean, lo, hi : float
        Mean and its Hartung-Knapp interval.
    sd, sd_lo, sd_hi : float
        SD between units (REML) and its Q-profile interval.
    n : int
        Units.
    """

    mean: float
    lo: float
    hi: float
    sd: float
    sd_lo: float
    sd_hi: float
    n: int


def random_effects(
    estimates: ArrayLike, standard_errors: ArrayLike, *, confidence: float = 0.95
) -> RandomEffects:
    """Estimate mean and SD of a normal population from which units are drawn and measured with known errors.

    Parameters
    ----------
    estimates, standard_errors : arrays, shape (n,)
        A unit's value and the SD of its error, 0 or more (0 throughout gives the t interval of the mean).
    confidence : float
        Level.

    Returns
    -------
    RandomEffects
        NaN bounds for one unit.

    Raises
    ------
    DataError
        If there is no unit, or a number is not finite.

    References
    ----------
    Viechtbauer (2005), J. Educ. Behav. Stat. 30, 261-293 (REML). Knapp, Hartung (2003), Stat. Med. 22,
    2693-2710. Viechtbauer (2007), Stat. Med. 26, 37-52 (Q profile).
    """
    y, se = np.asarray(estimates, dtype=float), np.asarray(standard_errors, dtype=float)
    if not len(y) or y.shape != se.shape or not (np.isfinite(y) & np.isfinite(se) & (se >= 0)).all():
        raise DataError("estimates and standard_errors must be finite numbers, one pair per unit; got others")
    n, variance = len(y), se**2
    if n == 1:
        return RandomEffects(float(y[0]), np.nan, np.nan, np.nan, np.nan, np.nan, 1)
    tau2 = _reml(y, variance)
    weight = _weights(variance, tau2)
    mean = float(weight @ y / weight.sum())
    error = np.sqrt(weight @ (y - mean) ** 2 / ((n - 1) * weight.sum()))
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * error)
    return RandomEffects(mean, mean - half, mean + half, tau2**0.5, *_q_profile(y, variance, confidence), n)


def _weights(variance: Array, tau2: float) -> Array:
    return 1 / np.maximum(variance + tau2, np.finfo(float).tiny ** 0.5)


def _reml(y: Array, variance: Array) -> float:
    """Between-unit variance by restricted maximum likelihood, fixed-point iteration."""
    tau2 = y.var(ddof=1)
    for _ in range(500):
        weight = _weights(variance, tau2)
        mean = weight @ y / weight.sum()
        w2 = weight**2 / weight.max() ** 2
        new = w2 @ ((y - mean) ** 2 - variance) / w2.sum() + 1 / weight.sum()
        new = max(float(new), 0.0)
        if abs(new - tau2) <= 1e-12 * (new + tau2) + 1e-300:
            break
        tau2 = new
    return float(tau2)


def _q_profile(y: Array, variance: Array, confidence: float) -> tuple[float, float]:
    """Interval of the between-unit SD: where the generalised Q statistic crosses its chi-square quantiles."""

    def q(tau2: float) -> float:
        weight = _weights(variance, tau2)
        return float(weight @ (y - weight @ y / weight.sum()) ** 2)

    def crossing(level: float) -> float:
        top = max(y.var(), variance.max(), 1e-12)
        while q(top) > level:
            top *= 4
        return 0.0 if q(0.0) <= level else float(brentq(lambda t: q(t) - level, 0.0, top))

    upper, lower = stats.chi2.ppf([(1 + confidence) / 2, (1 - confidence) / 2], len(y) - 1)
    return crossing(upper) ** 0.5, crossing(lower) ** 0.5


def correlation(
    x: ArrayLike, y: ArrayLike, *, rank: bool = False, rng: np.random.Generator, confidence: float = 0.95
) -> Estimate:
    """Correlation of x and y (n_units,), Pearson's or by rank, with its interval (BCa; few: t on Fisher's z)."""
    pairs = np.column_stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)])
    values = stats.rankdata(pairs, axis=0) if rank else pairs
    if len(pairs) < 3 or (np.ptp(pairs, axis=0) == 0).any():
        return Estimate(np.nan, np.nan, np.nan, len(pairs))

    def statistic(rows: NDArray) -> float:
        if (np.ptp(rows, axis=0) == 0).any():
            return 0.0
        return float(np.corrcoef(rows.T)[0, 1])

    return statistic_interval(values, statistic, rng=rng, confidence=confidence, scale="correlation")
