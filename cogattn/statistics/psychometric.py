"""Maximum-likelihood psychometric functions, for many observers at once.

Proportion correct rises with the stimulus level x from guessing to one less the lapse rate,

    p(x) = guess + (1 - guess - lapse) F(x),

F being 1 - 2^-(x / threshold)^slope (Weibull, x from 0) or 1 / (1 + exp(-slope (x - threshold))) (logistic,
any x). The threshold is the level at which F = 1/2, half way from guessing to the best.

References
----------
Wichmann, Hill (2001), Perception & Psychophysics 63, 1293-1313.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import chi2

from cogattn.errors import DataError
from cogattn.statistics.maximum_likelihood import (
    Array,
    Maximum,
    Rows,
    binomial,
    binomial_deviance,
    climb_from_grids,
    profile_intervals,
)

Shape = Literal["weibull", "logistic"]

MAX_LAPSE = 0.1
"""Largest lapse rate that is fitted."""
_P_NO_EFFECT = 0.05
_LN2 = np.log(2.0)
_SLOPE_SPAN = (0.05, 50.0)


@dataclass(frozen=True, eq=False)
class Psychometric:
    """Fitted psychometric functions of a batch of observers.

    Parameters
    ----------
    threshold, lo, hi : arrays, shape (n_obs,)
        Level at which F = 1/2 and its profile-likelihood interval; NaN, and bounds open (0 for Weibull or
        -inf, and inf), where not converged. A bound may also be open alone.
    slope, lapse : arrays, shape (n_obs,)
        The other parameters, NaN where not converged.
    converged : array of bool, shape (n_obs,)
        Whether the counts determine the threshold: performance depends on the level, and the interval is
        closed on one side at least, with the maximum inside the limits.
    deviance : array, shape (n_obs,)
        Against the saturated model.
    n : array of int, shape (n_obs,)
        Trials.
    """

    threshold: Array
    lo: Array
    hi: Array
    slope: Array
    lapse: Array
    converged: NDArray[np.bool_]
    deviance: Array
    n: NDArray[np.int64]


def fit_psychometric(
    levels: ArrayLike,
    n_correct: ArrayLike,
    n_trials: ArrayLike,
    *,
    guess: float,
    lapse: float | None = None,
    shape: Shape = "weibull",
    confidence: float = 0.95,
) -> Psychometric:
    """Fit threshold, slope and, unless it is given, the lapse rate.

    Parameters
    ----------
    levels : array, shape (n_levels,)
        Stimulus levels, of which at least two differ; from 0 for Weibull.
    n_correct, n_trials : arrays of int, shape (n_obs, n_levels) or (n_levels,)
        Counts of each observer; levels without trials are allowed.
    guess : float
        Proportion correct by guessing, from 0, below 1 - `MAX_LAPSE`.
    lapse : float, optional
        Fixed lapse rate; by default it is fitted between 0 and `MAX_LAPSE`.
    shape : {"weibull", "logistic"}
        F.
    confidence : float
        Of the interval.

    Returns
    -------
    Psychometric

    Raises
    ------
    DataError
        If the arrays do not fit together, or are no counts.
    """
    x = np.asarray(levels, dtype=float)
    correct = np.atleast_2d(np.asarray(n_correct, dtype=float))
    trials = np.atleast_2d(np.asarray(n_trials, dtype=float))
    _check(x, correct, trials, guess, shape)
    likelihood = _Likelihood.of(x, correct, trials, guess, lapse, shape)
    best = _find_maximum(likelihood)
    best, intervals = profile_intervals(likelihood, best, [0], float(chi2.ppf(confidence, 1)))
    return _report(likelihood, best, intervals[:, 0], shape)


@dataclass(frozen=True)
class _Likelihood:
    """Parameters: location (threshold, or its log for Weibull), ln slope, lapse."""

    level: Array  # x, or ln x for Weibull
    correct: Array
    trials: Array
    guess: float
    shape: Shape
    lower: Array
    upper: Array

    @classmethod
    def of(
        cls, x: Array, correct: Array, trials: Array, guess: float, lapse: float | None, shape: Shape
    ) -> _Likelihood:
        weibull = shape == "weibull"
        level = np.log(np.maximum(x, 1e-300)) if weibull else x
        seen = np.unique(level[trials.any(axis=0) & (np.isfinite(level) & (level > -600))])
        span = float(np.ptp(seen))
        unit = 1.0 if weibull else span
        slopes = np.log(np.asarray(_SLOPE_SPAN) / unit)
        lapses = (1e-6, MAX_LAPSE) if lapse is None else (lapse, lapse)
        lower, upper = np.array([(seen[0] - span, seen[-1] + span), slopes, lapses]).T
        return cls(level, correct, trials, guess, shape, lower, upper)

    def probability(self, theta: Array) -> tuple[Array, Array]:
        location, slope, lapse = theta[:, 0, None], np.exp(theta[:, 1, None]), theta[:, 2, None]
        z = np.clip(slope * (self.level - location), -500, 500)
        if self.shape == "weibull":
            power = _LN2 * np.exp(np.minimum(z, 6))  # beyond, F is 1 in double precision
            rise, by_z = -np.expm1(-power), power * np.exp(-power)
        else:
            rise = expit(z)
            by_z = rise * expit(-z)
        span = 1 - self.guess - lapse
        slopes = np.stack([-span * by_z * slope, span * by_z * z, -rise + 0 * lapse], axis=-1)
        p = np.clip(self.guess + span * rise, 1e-9, 1 - 1e-9)
        return p, slopes

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        p, slopes = self.probability(theta)
        return binomial(self.correct[rows], self.trials[rows], p, slopes)


def _find_maximum(likelihood: _Likelihood) -> Maximum:
    """Return the highest of the climbs from the best points of coarse grids at three slopes."""
    (low, slope_low, lapse_low), (high, slope_high, lapse_high) = likelihood.lower, likelihood.upper
    lapse = lapse_low + 0.3 * (lapse_high - lapse_low)
    grids = []
    for share in (0.45, 0.6, 0.75):
        slope = slope_low + share * (slope_high - slope_low)
        points = np.array([(center, slope, lapse) for center in np.linspace(low, high, 31)])
        grids.append((points, likelihood.probability(points)[0]))
    return climb_from_grids(likelihood, grids, likelihood.correct, likelihood.trials)


def _report(likelihood: _Likelihood, best: Maximum, interval: Array, shape: Shape) -> Psychometric:
    p, _ = likelihood.probability(best.theta)
    correct, trials = likelihood.correct, likelihood.trials
    total = np.maximum(trials.sum(axis=1, keepdims=True), 1)
    mean = np.broadcast_to(correct.sum(axis=1, keepdims=True) / total, correct.shape)
    deviance = binomial_deviance(correct, trials, p)
    gain = binomial_deviance(correct, trials, np.clip(mean, 1e-12, 1 - 1e-12)) - deviance
    location = best.theta[:, 0]
    inside = (location > likelihood.lower[0]) & (location < likelihood.upper[0])
    closed = np.isfinite(interval).any(axis=1)
    converged = inside & closed & (gain > chi2.ppf(1 - _P_NO_EFFECT, 2))
    scale = np.exp if shape == "weibull" else np.asarray
    open_ends = np.array([0.0 if shape == "weibull" else -np.inf, np.inf])
    ends = np.where(converged[:, None], scale(interval), open_ends)
    return Psychometric(
        threshold=np.where(converged, scale(location), np.nan),
        lo=ends[:, 0],
        hi=ends[:, 1],
        slope=np.where(converged, np.exp(best.theta[:, 1]), np.nan),
        lapse=np.where(converged, best.theta[:, 2], np.nan),
        converged=converged,
        deviance=deviance,
        n=trials.sum(axis=1).astype(np.int64),
    )


def _check(x: Array, correct: Array, trials: Array, guess: float, shape: Shape) -> None:
    """Raise DataError unless levels and counts fit together."""
    if x.ndim != 1 or correct.shape != trials.shape or correct.shape[1] != len(x):
        raise DataError(
            f"n_correct and n_trials must have one column per level ({len(x)}); "
            f"got shapes {correct.shape} and {trials.shape}"
        )
    if not np.isfinite(x).all() or (shape == "weibull" and (x < 0).any()):
        raise DataError(f"levels must be finite, and from 0 for Weibull; got {x.tolist()}")
    if not 0 <= guess < 1 - MAX_LAPSE:
        raise DataError(f"guess must be from 0 and below {1 - MAX_LAPSE:g}; got {guess}")
    counts = np.stack([correct, trials])
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.round(counts))).all():
        raise DataError("n_correct and n_trials must be counts, whole and not negative; got others")
    if (correct > trials).any():
        raise DataError("n_correct must be at most n_trials; got more")
    seen = np.unique(x[trials.any(axis=0)])
    if (seen > 0 if shape == "weibull" else seen == seen).sum() < 2:
        raise DataError(f"levels with trials must be at least two that differ; got {seen.tolist()}")
