"""Maximum likelihood for many small data sets at once: Fisher scoring with limits, and profile intervals.

A model gives value, score and expected information of a batch of parameter vectors, each with its own data
set; everything here is algebra over the batch axis, so that 400 fits cost little more than one.

References
----------
Venzon, Moolgavkar (1988), Applied Statistics 37, 87-94 (profile-likelihood intervals).
Osborne (1992), International Statistical Review 60, 99-117 (Fisher's method of scoring).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

_MAX_STEPS = 80
_MAX_STEP = 1.5
"""Longest step of a parameter; parameters are logarithms or logits."""
_GAIN_TOLERANCE = 1e-7
_ROOT_TOLERANCE = 2e-3
_MAX_POINTS = 40
_RIDGE = 1e-9


class Likelihood(Protocol):
    """Log likelihood of parameter vectors, each of one data set out of many."""

    @property
    def lower(self) -> Array:
        """Lower limits, shape (n_parameters,)."""
        ...

    @property
    def upper(self) -> Array:
        """Upper limits, shape (n_parameters,)."""
        ...

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        """Evaluate ``theta[i]`` on data set ``rows[i]``.

        Parameters
        ----------
        theta : array, shape (n, n_parameters)
            Within `lower` and `upper`, each of shape (n_parameters,).
        rows : array of int, shape (n,)
            Data sets.

        Returns
        -------
        log_likelihood : array, shape (n,)
        score : array, shape (n, n_parameters)
        information : array, shape (n, n_parameters, n_parameters)
            Expected (Fisher) information.
        """
        ...


def binomial(correct: Array, trials: Array, p: Array, slopes: Array) -> tuple[Array, Array, Array]:
    """Return log likelihood, score and information of independent binomial counts.

    Parameters
    ----------
    correct, trials, p : arrays, shape (n, n_cells)
        Counts and the model's probability, above 0 and below 1.
    slopes : array, shape (n, n_cells, n_parameters)
        Derivative of `p` by each parameter.
    """
    value = (xlogy(correct, p) + xlogy(trials - correct, 1 - p)).sum(axis=1)
    weight = 1 / (p * (1 - p))
    score = ((correct - trials * p) * weight)[:, None, :] @ slopes
    root = slopes * np.sqrt(trials * weight)[..., None]
    return value, score[:, 0], np.swapaxes(root, 1, 2) @ root


def binomial_deviance(correct: Array, trials: Array, p: Array) -> Array:
    """Return twice the log likelihood ratio of the saturated model to `p`, summed over cells, shape (n,)."""
    seen, wrong = np.maximum(trials, 1), trials - correct
    p = np.clip(p, 1e-15, 1 - 1e-15)
    parts = xlogy(correct, correct / (seen * p)) + xlogy(wrong, wrong / (seen * (1 - p)))
    return 2 * parts.sum(axis=1)


@dataclass(frozen=True)
class Maximum:
    """Where the climbs ended: parameters (n, n_parameters), log likelihood (n,) and information there."""

    theta: Array
    value: Array
    information: Array

    def take(self, index: Rows) -> Maximum:
        """Return those of these rows."""
        return Maximum(self.theta[index], self.value[index], self.information[index])

    def put(self, index: Rows, other: Maximum) -> Maximum:
        """Return a copy in which these rows are the other's."""
        theta, value, information = self.theta.copy(), self.value.copy(), self.information.copy()
        theta[index], value[index], information[index] = other.theta, other.value, other.information
        return Maximum(theta, value, information)


def maximise(likelihood: Likelihood, start: Array, rows: Rows, free: Mask | None = None) -> Maximum:
    """Climb from `start` within the limits, by damped (Levenberg-Marquardt) Fisher scoring.

    Parameters
    ----------
    likelihood : Likelihood
        The model.
    start : array, shape (n, n_parameters)
        One start each.
    rows : array of int, shape (n,)
        The data set of each.
    free : array of bool, shape (n, n_parameters), optional
        Parameters that may move; all by default.

    Returns
    -------
    Maximum
        The nearest local maximum of each.
    """
    free = np.ones(start.shape, dtype=bool) if free is None else free
    theta = np.clip(start, likelihood.lower, likelihood.upper)
    value, score, information = likelihood(theta, rows)
    damping = np.full(len(theta), 1e-3)
    at = np.arange(len(theta))
    for _ in range(_MAX_STEPS):
        step = _scoring_step(likelihood, theta[at], score[at], information[at], free[at], damping[at])
        trial = np.clip(theta[at] + step, likelihood.lower, likelihood.upper)
        gain = np.abs((score[at] * (trial - theta[at])).sum(axis=1))
        tried = likelihood(trial, rows[at])
        better = tried[0] >= value[at]
        won, lost = at[better], at[~better]
        theta[won], value[won], score[won] = trial[better], tried[0][better], tried[1][better]
        information[won] = tried[2][better]
        damping[won], damping[lost] = damping[won] / 8, damping[lost] * 8
        at = at[(gain > _GAIN_TOLERANCE) & (damping[at] < 1e9)]
        if not len(at):
            break
    return Maximum(theta, value, information)


def climb_from_grids(
    likelihood: Likelihood, grids: Sequence[tuple[Array, Array]], correct: Array, trials: Array
) -> Maximum:
    """Climb from each data set's best point of each coarse grid, and keep the highest end.

    Parameters
    ----------
    likelihood : Likelihood
        Binomial model; data set i has the counts of row i.
    grids : sequence of (points, p)
        Parameters, shape (n_points, n_parameters), and the model's probabilities there, (n_points, n_cells).
    correct, trials : arrays, shape (n, n_cells)
        Counts.
    """
    best: Maximum | None = None
    for points, p in grids:
        value = correct @ np.log(p).T + (trials - correct) @ np.log1p(-p).T  # (n, n_points)
        end = maximise(likelihood, points[value.argmax(axis=1)], np.arange(len(correct)))
        higher = np.arange(len(correct)) if best is None else np.flatnonzero(end.value > best.value)
        best = end if best is None else best.put(higher, end.take(higher))
    if best is None:
        raise ValueError("grids must hold at least one grid")
    return best


def _scoring_step(
    likelihood: Likelihood, theta: Array, score: Array, information: Array, free: Mask, damping: Array
) -> Array:
    """One damped step; a parameter on a limit that the score pushes outwards stays."""
    pushed = ((theta <= likelihood.lower) & (score < 0)) | ((theta >= likelihood.upper) & (score > 0))
    moves = free & ~pushed
    matrix = np.where(moves[:, :, None] & moves[:, None, :], information, 0.0)
    diagonal = np.einsum("nii->ni", matrix)
    diagonal += np.where(moves, damping[:, None] * diagonal + _RIDGE, 1.0)
    step = np.linalg.solve(matrix, np.where(moves, score, 0.0)[..., None])[..., 0]
    return np.clip(step, -_MAX_STEP, _MAX_STEP)


def covariance(likelihood: Likelihood, best: Maximum) -> Array:
    """Return the inverse information, shape (n, n_parameters, n_parameters), 0 for parameters on a limit."""
    inner = (best.theta > likelihood.lower) & (best.theta < likelihood.upper)
    both = inner[:, :, None] & inner[:, None, :]
    matrix = np.where(both, best.information, 0.0)
    np.einsum("nii->ni", matrix)[...] += np.where(inner, _RIDGE, 1.0)
    return np.where(both, np.linalg.inv(matrix), 0.0)


def profile_intervals(
    likelihood: Likelihood, best: Maximum, parameters: Sequence[int], cut: float
) -> tuple[Maximum, Array]:
    """Find where the profile deviance of each parameter has risen by `cut` above the maximum.

    Parameters
    ----------
    likelihood : Likelihood
        The model; data set i is that of row i of `best`.
    best : Maximum
        From `maximise`, one row per data set.
    parameters : sequence of int
        Which parameters.
    cut : float
        Quantile of the chi-square distribution with 1 degree of freedom.

    Returns
    -------
    best : Maximum
        As given, or higher where the profile led to a higher point.
    intervals : array, shape (n, len(parameters), 2)
        -inf or inf where the limit of the parameter is reached first.
    """
    intervals = np.empty((len(best.theta), len(parameters), 2))
    rows, which = np.arange(len(best.theta)), np.asarray(parameters)
    for _ in range(3):
        intervals[rows], met = _profile_ends(likelihood, best.take(rows), rows, which, cut**0.5)
        higher = met.value > best.value[rows] + 1e-3
        rows = rows[higher]
        if not len(rows):
            break
        best = best.put(rows, maximise(likelihood, met.theta[higher], rows))
    return best, intervals


def profile_curves(likelihood: Likelihood, best: Maximum, parameter: int, points: Array) -> Array:
    """Return the log likelihood, maximised over the other parameters, where one parameter has given values.

    Parameters
    ----------
    likelihood : Likelihood
        The model; data set i is that of row i of `best`.
    best : Maximum
        From `maximise`, one row per data set.
    parameter : int
        Which parameter.
    points : array, shape (n_points,)
        Its values, within the limits.

    Returns
    -------
    array, shape (n, n_points)
        Log likelihood less that of the maximum.
    """
    n = len(best.theta)
    spread = covariance(likelihood, best)[:, :, parameter]
    variance = spread[:, parameter]
    ridge = spread / np.where(variance > 0, variance, 1.0)[:, None]
    ridge[:, parameter] = 1.0
    start = best.theta[:, None] + ridge[:, None] * (points[:, None] - best.theta[:, None, parameter, None])
    start[..., parameter] = points
    free = np.tile(np.arange(start.shape[2]) != parameter, (n * len(points), 1))
    rows = np.repeat(np.arange(n), len(points))
    found = maximise(likelihood, start.reshape(len(rows), -1), rows, free)
    return found.value.reshape(n, len(points)) - best.value[:, None]


def _profile_ends(
    likelihood: Likelihood, best: Maximum, rows: Rows, parameters: Rows, root_cut: float
) -> tuple[Array, Maximum]:
    """Ends of the intervals, and the highest point met on the way (for a maximum that was only local)."""
    n = len(rows)
    owner, which, side = (a.ravel() for a in np.indices((n, len(parameters), 2)))
    which = parameters[which]
    spread = covariance(likelihood, best)[owner, :, which]  # (ends, n_parameters)
    ends = np.arange(len(owner))
    variance = spread[ends, which]
    ridge = spread / np.where(variance > 0, variance, 1.0)[:, None]  # others per unit of this parameter
    sign = 2.0 * side - 1.0
    origin = best.theta[owner, which]
    limit = np.abs(np.where(side, likelihood.upper[which], likelihood.lower[which]) - origin)
    root = _Root(limit, np.where(variance > 0, root_cut * np.sqrt(variance), np.inf), root_cut)
    theta, met = best.theta[owner], best
    for _ in range(_MAX_POINTS):
        at = np.flatnonzero(root.open)
        if not len(at):
            break
        target = origin[at] + sign[at] * root.point[at]
        start = theta[at] + ridge[at] * (target - theta[at, which[at]])[:, None]
        start[np.arange(len(at)), which[at]] = target
        free = np.arange(theta.shape[1]) != which[at, None]
        found = maximise(likelihood, start, rows[owner[at]], free)
        theta[at] = found.theta
        root.update(at, np.sqrt(np.maximum(2 * (best.value[owner[at]] - found.value), 0.0)))
        met = _higher(met, owner[at], found)
    distance = np.where(root.reached, root.point, np.inf)
    return (origin + sign * distance).reshape(n, len(parameters), 2), met


def _higher(met: Maximum, owner: Rows, found: Maximum) -> Maximum:
    order = np.argsort(found.value)  # of several points of one owner the last put, the highest, stays
    order = order[found.value[order] > met.value[owner[order]]]
    return met.put(owner[order], found.take(order)) if len(order) else met


class _Root:
    """Distances at which rising functions, near straight lines from (0, 0), reach `level`; many at once."""

    def __init__(self, limit: Array, first: Array, level: float) -> None:
        self.limit, self.level = limit, level
        self.point = np.minimum(first, limit)
        self.open = limit > 0
        self.reached = np.zeros(len(limit), dtype=bool)
        self._inner = np.zeros((2, len(limit)))  # distance and value of the largest known to lie below
        self._outer = np.full((2, len(limit)), np.inf)  # of the smallest known to lie above
        self._n_points = 0

    def update(self, at: Rows, value: Array) -> None:
        """Take the functions' values at ``point[at]``, close those that are done, aim the others."""
        self._n_points += 1
        below = value < self.level
        self._inner[:, at[below]] = self.point[at[below]], value[below]
        self._outer[:, at[~below]] = self.point[at[~below]], value[~below]
        done = np.abs(value / self.level - 1) < _ROOT_TOLERANCE
        self.reached[at] = done | np.isfinite(self._outer[0, at])
        self.open[at[done | (below & (self.point[at] >= self.limit[at]))]] = False
        self._aim(at[self.open[at]])

    def _aim(self, at: Rows) -> None:
        (near, low), (far, high) = self._inner[:, at], self._outer[:, at]
        bracketed = np.isfinite(far)
        growth = np.clip(1.02 * self.level / np.maximum(low, 1e-3), 1.1, 4.0)
        part = (self.level - low) / np.where(bracketed, high - low, 1.0)
        part = np.where(self._n_points % 4 == 0, 0.5, part)  # a curved function must not creep
        inside = near + part * np.where(bracketed, far - near, 0.0)
        self.point[at] = np.where(bracketed, inside, np.minimum(near * growth, self.limit[at]))
