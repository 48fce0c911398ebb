"""One policy for intervals over units: persons, listeners, networks, images.

A mean has Student's t interval. Any other statistic has, over at least `FEWEST_FOR_BCA` units, the bias-corrected and
accelerated bootstrap (BCa), whose level is widened for few units as Student's t widens that of a normal mean; over
fewer, Student's t on jackknife pseudo-values, on the scale on which the statistic is compared. A median of few units
has the interval between order statistics, and the place of a maximum the places that a t test does not tell from it.
Nothing here is a percentile bootstrap of a handful of units: for the mean of three it holds .76 of the claimed .95.

One unit has no interval, nor have units that are all equal: they do not say how others differ.

How often do 95 % intervals hold the truth? In simulations (5,000 samples, 1,000 of those with BCa):

================================  =====  =====  ======  ======
statistic, units                  n = 3  n = 8  n = 10  n = 16
================================  =====  =====  ======  ======
mean (t), normal                    .95    .95     .95     .95
mean (t), exponential               .88    .90     .91     .92
mean (t), log-normal of SD 1        .83    .84     .84     .86
median (order), any of these          -    .99     .98     .98
correlation of 0 or .9, normal        -    .97     .97     .96
SD (scale log), normal              .99    .95     .86     .91
================================  =====  =====  ======  ======

So under skew a mean's interval is too short, and more than a dozen units would be needed to know how skewed they are:
average what is compared by ratios as logarithms, which turns the log-normal row into the normal one.

References
----------
Efron (1987), J. Am. Stat. Assoc. 82, 171-185 (BCa). Hesterberg (2015), Am. Statistician 69, 371-386, section 4.5 (the
widened level). Tukey (1958), Ann. Math. Stat. 29, 614; Miller (1974), Biometrika 61, 1-15 (jackknife, and that it needs
a scale on which the statistic is about linear). David and Nagaraja (2003), Order Statistics, section 7.1.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cogattn.errors import DataError
from cogattn.measures import Estimate, Scale
from cogattn.statistics.scales import from_scale, to_scale

Array = NDArray[np.float64]
Statistic = Callable[[NDArray], float]

FEWEST_FOR_BCA = 10
"""Units from which on a bootstrap is more than a rearrangement of a handful."""
FEWEST_LEVELS = 4
"""A smooth statistic takes as many values as there are units to leave out; a median takes three."""


def mean_interval(
    values: ArrayLike, *, confidence: float = 0.95, lowest: float | None = None, highest: float | None = None
) -> Estimate:
    """Mean over units with Student's t interval, cut to the range that the quantity can take.

    Cutting costs no coverage: the population's mean is within the range.

    Parameters
    ----------
    values : array, shape (n_units,)
        One of each; NaN where a unit has none: it is left out and not counted.
    confidence : float
        Level.
    lowest, highest : float, optional
        Range of the quantity.

    Returns
    -------
    Estimate
        NaN bounds for one unit, for units that are all equal, and where a value is infinite.
    """
    units = np.asarray(values, dtype=np.float64)
    units = units[~np.isnan(units)]
    n = len(units)
    mean = float(units.mean()) if n else math.nan
    if n < 2 or not math.isfinite(mean) or np.ptp(units) == 0:
        return Estimate.bare(float(units[0]) if n and np.ptp(units) == 0 else mean, n)
    half = _half(units, confidence)
    lo = mean - half if lowest is None else max(mean - half, lowest)
    hi = mean + half if highest is None else min(mean + half, highest)
    return Estimate(mean, lo, hi, n)


def median_interval(values: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Median over units, and the order statistics between which the population's lies, whatever its form.

    Parameters
    ----------
    values : array, shape (n_units,)
        A value of each; infinity is one.
    confidence : float
        Least probability of the interval.

    Returns
    -------
    Estimate
        NaN bounds where even the extremes hold the median less surely (five units at 95 %).
    """
    units = np.sort(np.asarray(values, dtype=np.float64))
    n, middle = len(units), float(np.median(units))
    rank = int(stats.binom.ppf((1 - confidence) / 2, n, 0.5))  # the rank-th from either end, from 1
    if rank < 1:
        return Estimate.bare(middle, n)
    return Estimate(middle, float(units[rank - 1]), float(units[n - rank]), n)


def statistic_interval(
    values: ArrayLike,
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    scale: Scale = "linear",
    n_resamples: int = 2000,
) -> Estimate:
    """Any statistic over units: BCa where there are enough of them, else Student's t on jackknife pseudo-values.

    Parameters
    ----------
    values : array, shape (n_units, ...)
        One unit a row.
    statistic : callable
        Maps an array of such rows to a float.
    rng : numpy.random.Generator
        Draws units with replacement.
    confidence : float
        Level.
    scale : {"linear", "log", "share", "correlation"}
        On which the statistic is about linear in the units, for the jackknife: Fisher's z of a correlation, the
        logarithm of a ratio. BCa needs none.
    n_resamples : int
        Of the bootstrap.

    Returns
    -------
    Estimate
        NaN bounds for one unit, where the statistic does not vary or is undefined without some unit, and where fewer
        than ten units are too few for it: a median (see `median_interval`), a correlation of three.
    """
    rows = np.asarray(values)
    if len(rows) >= FEWEST_FOR_BCA:
        return bootstrap(rows, statistic, rng=rng, confidence=confidence, n_resamples=n_resamples)
    return jackknife(rows, statistic, confidence=confidence, scale=scale)


def jackknife(
    values: ArrayLike, statistic: Statistic, *, confidence: float = 0.95, scale: Scale = "linear"
) -> Estimate:
    """Student's t on jackknife pseudo-values, however many units there are; `statistic_interval` says more.

    Parameters
    ----------
    values : array, shape (n_units, ...)
        One unit a row.
    statistic, confidence, scale
        As for `statistic_interval`.

    Returns
    -------
    Estimate
        NaN bounds as for few units there.
    """
    rows = np.asarray(values)
    value, n = float(statistic(rows)), len(rows)
    if n < 2:
        return Estimate.bare(value, n)
    with np.errstate(invalid="ignore"):
        left_out = to_scale([statistic(np.delete(rows, i, axis=0)) for i in range(n)], scale)
        pseudo = n * to_scale(value, scale) - (n - 1) * left_out
    if not np.isfinite(pseudo).all() or np.ptp(pseudo) == 0 or _is_coarse(left_out, rows):
        return Estimate.bare(value, n)
    centre, half = pseudo.mean(), _half(pseudo, confidence)
    return Estimate(value, *from_scale([centre - half, centre + half], scale).tolist(), n)


def bootstrap(
    values: ArrayLike,
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    method: Literal["percentile", "BCa"] = "BCa",
    n_resamples: int = 2000,
) -> Estimate:
    """Bootstrap interval of a statistic over many units; `statistic_interval` serves few as well.

    Parameters
    ----------
    values : array, shape (n_units, ...)
        One unit (observer, image, network) a row; rows are drawn with replacement.
    statistic : callable
        Maps an array of such rows to a float.
    rng : numpy.random.Generator
        Draws the units.
    confidence, n_resamples
        Level; number of resamples.
    method : {"BCa", "percentile"}
        Bias-corrected and accelerated, or plain percentiles. The level is widened for few units.

    Returns
    -------
    Estimate
        NaN bounds for fewer than two units, or where the statistic does not vary.
    """
    rows = np.asarray(values)
    value, n = float(statistic(rows)), len(rows)
    if n < 2:
        return Estimate.bare(value, n)
    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # no bounds say it
        found = stats.bootstrap(
            (np.arange(n),),
            lambda index: statistic(rows[index]),
            vectorized=False,
            n_resamples=n_resamples,
            confidence_level=widened(confidence, n),
            method=method,
            rng=rng,
        )
    return Estimate(value, float(found.confidence_interval.low), float(found.confidence_interval.high), n)


def widened(confidence: float, n_units: int) -> float:
    """Level at which bootstrap quantiles of a normal mean reach as far out as Student's t interval does.

    A resample's mean scatters by sqrt((n - 1) / n) of the standard error, and quantiles of a bootstrap know nothing of
    how uncertain the SD itself is.

    References
    ----------
    Hesterberg (2015), section 4.5.
    """
    return float(1 - 2 * stats.norm.sf(_reach(confidence, n_units)))


def scatter_interval(
    estimate: ArrayLike, resampled: ArrayLike, n_units: int, *, confidence: float = 0.95
) -> tuple[Array, Array]:
    """Student's interval about an estimate from how its bootstrap samples scatter, for few units.

    Parameters
    ----------
    estimate : array, shape (...)
        What was found.
    resampled : array, shape (n_samples, ...)
        The same in each sample.
    n_units : int
        Units that the samples were drawn from.
    confidence : float
        Level.

    Returns
    -------
    lo, hi : arrays, shape (...)
        Bounds.
    """
    half = _reach(confidence, n_units) * np.asarray(resampled).std(axis=0)
    return estimate - half, estimate + half


def peak_interval(curves: ArrayLike, places: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Place at which the mean of the units' curves is highest, and those that may be the population's.

    A place stays where no other is higher by a paired one-sided t test over units. There are as many tests as places,
    yet they are of neighbours that rise and fall together: in simulations of 3, 8 and 16 units with smooth and with
    rough noise the interval holds the place .95-1.00 of the time, where percentiles of resampled units hold .79-.89 at
    three.

    Parameters
    ----------
    curves : array, shape (n_units, n_places)
        One curve a row.
    places : array, shape (n_places,)
        Ascending.
    confidence : float
        Level.

    Returns
    -------
    Estimate
        NaN bounds for one unit.
    """
    heights, x = np.asarray(curves, dtype=np.float64), np.asarray(places, dtype=np.float64)
    if heights.ndim != 2 or heights.shape[1:] != x.shape or not len(x):
        raise DataError(f"curves must be of shape (units, {len(x)} places); got {heights.shape}")
    n, best = len(heights), float(x[np.argmax(heights.mean(axis=0))])
    if n < 2:
        return Estimate.bare(best, n)
    critical = stats.t.ppf(confidence, n - 1)
    stays = np.array([_highest_lead(heights - heights[:, [i]]) < critical for i in range(len(x))])
    stays |= x == best
    return Estimate(best, float(x[stays].min()), float(x[stays].max()), n)


def _highest_lead(leads: Array) -> float:
    """Largest t statistic of the columns' means; one without scatter is infinite, if it leads at all."""
    mean, error = leads.mean(axis=0), leads.std(axis=0, ddof=1) / math.sqrt(len(leads))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nan_to_num(mean / error, nan=0.0, posinf=np.inf, neginf=-np.inf).max())


def _reach(confidence: float, n_units: int) -> float:
    """Student's quantile in units of the scatter of bootstrap samples, which is too small by sqrt((n - 1) / n)."""
    return math.sqrt(n_units / (n_units - 1)) * float(stats.t.isf((1 - confidence) / 2, n_units - 1))


def _half(units: Array, confidence: float) -> float:
    """Half the width of Student's t interval of the mean."""
    n = len(units)
    return float(stats.t.isf((1 - confidence) / 2, n - 1) * units.std(ddof=1) / math.sqrt(n))


def _is_coarse(left_out: Array, rows: NDArray) -> bool:
    """Whether the statistic takes a few values only, whoever is left out, as a median does: a jackknife fails there."""
    levels = len(np.unique(left_out))
    return levels < FEWEST_LEVELS <= len(np.unique(rows, axis=0))
