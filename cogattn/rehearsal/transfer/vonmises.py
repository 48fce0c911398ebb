"""How often an answer follows one rule and how often another: a mixture of two von Mises distributions.

The two means are known, the rules of task A and of task B; the concentration is common to both. The weight of rule B
among a person's winter answers when task A is met again is the paper's measure of interference. It is estimated by
maximum likelihood, and its interval is where twice the loss of log-likelihood, the concentration estimated anew at
each weight, stays below the quantile of chi-square with one degree of freedom; it stays within 0 to 1.

The paper fits by expectation and maximisation from many starts. Here the likelihood is profiled over a grid of
concentrations instead, which holds every local maximum; the concentration is bounded (500, a standard deviation of
2.6 degrees), as networks may answer without any scatter.

References
----------
Holton et al. (2026), Nature Human Behaviour 10, 111-125. Mardia, Jupp (2000), Directional Statistics, section 3.5.4.
Venzon, Moolgavkar (1988), Applied Statistics 37, 87-94 (profile likelihood).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from cogattn.errors import DataError

Array = NDArray[np.float64]

KAPPA_MAX = 500.0
KAPPAS = np.concatenate([[0.0], np.geomspace(0.05, KAPPA_MAX, 63)])
"""Concentrations over which the likelihood is profiled; between them it is a parabola in their logarithm."""
N_WEIGHTS = 41
RULES_APART = 1e-3
"""Rules that are closer, in radians, are one rule."""


@dataclass(frozen=True)
class Mixture:
    """Two von Mises distributions around known means.

    Parameters
    ----------
    weight : float
        Of rule B, 0 to 1.
    lo, hi : float
        Profile-likelihood interval of the weight.
    kappa : float
        Concentration of both, the grid's nearest.
    log_likelihood : float
        At the maximum, in nats.
    only_a, only_b : float
        Log-likelihood where all answers follow rule A, or rule B, each with its own concentration.
    n : int
        Answers.
    """

    weight: float
    lo: float
    hi: float
    kappa: float
    log_likelihood: float
    only_a: float
    only_b: float
    n: int


def fit_mixture(angles: ArrayLike, rule_a: float, rule_b: float, *, confidence: float = 0.95) -> Mixture:
    """Estimate how much of some answers follows rule B.

    Parameters
    ----------
    angles : array, shape (n_answers,)
        Winter answers less summer places, in radians; NaN is left out.
    rule_a, rule_b : float
        The means, in radians.
    confidence : float
        Of the interval.

    Raises
    ------
    DataError
        If there is no answer, or the rules are one.

    Examples
    --------
    >>> fit_mixture([0.1, -0.1, 0.05, 3.1], 0.0, 3.14).weight.__round__(2)
    0.25
    """
    answers = np.asarray(angles, dtype=np.float64)
    answers = answers[~np.isnan(answers)]
    if not len(answers):
        raise DataError("angles must hold at least one answer; got none")
    if abs(np.angle(np.exp(1j * (rule_b - rule_a)))) < RULES_APART:
        raise DataError(f"rule_a and rule_b must be two rules; got {rule_a:.3f} and {rule_b:.3f} radians")
    densities = _log_densities(answers - rule_a), _log_densities(answers - rule_b)
    profile = partial(_profile, densities)
    weights = np.linspace(0, 1, N_WEIGHTS)
    curve = profile(weights)
    weight, highest = _maximum(profile, weights, curve)
    level = highest - stats.chi2.ppf(confidence, 1) / 2
    lo, hi = (_end(profile, weight, end, value, level) for end, value in ((0.0, curve[0]), (1.0, curve[-1])))
    kappa = float(KAPPAS[np.argmax(_log_likelihoods(densities, np.array([weight]))[0])])
    return Mixture(weight, lo, hi, kappa, highest, float(curve[0]), float(curve[-1]), len(answers))


def _log_densities(deviations: Array) -> Array:
    """Log density at deviations from the mean under each concentration, shape (n_kappas, n_answers)."""
    kappas = KAPPAS[:, None]
    return kappas * (np.cos(deviations) - 1) - np.log(2 * np.pi * special.i0e(kappas))


def _log_likelihoods(densities: tuple[Array, Array], weights: Array) -> Array:
    """Log-likelihood of each weight and concentration, shape (n_weights, n_kappas)."""
    top = np.maximum(*densities)
    a, b = (np.exp(one - top) for one in densities)
    with np.errstate(divide="ignore"):
        mixed = np.log(a + weights[:, None, None] * (b - a))
    return (top + mixed).sum(axis=-1)


def _profile(densities: tuple[Array, Array], weights: Array) -> Array:
    """Highest log-likelihood over concentrations, at each weight: the vertex of a parabola through the grid's best."""
    values = _log_likelihoods(densities, weights)
    best = values.argmax(axis=1)
    inner = np.clip(best, 2, len(KAPPAS) - 2)  # 0 has no logarithm
    row = np.arange(len(weights))
    left, middle, right = (values[row, inner + step] for step in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        rise = (right - left) ** 2 / (8 * (2 * middle - left - right))
    vertex = np.where((inner == best) & np.isfinite(rise), middle + np.maximum(rise, 0), -np.inf)
    return np.maximum(values[row, best], vertex)


def _maximum(profile: partial[Array], weights: Array, curve: Array) -> tuple[float, float]:
    """Weight and height of the profile's maximum, from the best of a grid on."""
    k = int(curve.argmax())
    bounds = weights[max(k - 1, 0)], weights[min(k + 1, len(weights) - 1)]
    found = optimize.minimize_scalar(
        lambda weight: -profile(np.array([weight]))[0],
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-5},
    )
    if -found.fun > curve[k]:
        return float(found.x), float(-found.fun)
    return float(weights[k]), float(curve[k])


def _end(profile: partial[Array], weight: float, end: float, value: float, level: float) -> float:
    """Where the profile falls to a level on the way to 0 or 1; that end where it does not."""
    if value >= level or weight == end:
        return end
    return float(optimize.brentq(lambda at: profile(np.array([at]))[0] - level, weight, end, xtol=1e-5))
