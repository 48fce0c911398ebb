"""Conditional and binary logits by Newton's method, from blocks of features too many to be held at once.

A choice among m things is softmax(offset + weights . features); an event happens with the chance sigmoid(weights .
features). Both log likelihoods are concave; a small ridge makes the maximum unique. Features come as planes, (k, n, m),
so that sums over things run along memory.

References
----------
McFadden (1974), Conditional logit analysis of qualitative choice behavior, in Frontiers in Econometrics, 105-142.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from cogattn.psychophysics.scanpath.layouts.items import Array, Ints

Planes = NDArray[Any]
"""Features, float32 or float64, shape (n_features, n, n_things)."""
MAX_STEPS = 50
GAIN = 1e-9
"""Nats an observation that a Newton step must promise for another one to be taken."""


@dataclass(frozen=True, eq=False)
class Choices:
    """Choices among the same number of things.

    Parameters
    ----------
    features : array, shape (n_features, n, n_things)
        Of each thing at each choice; where there are fewer than weights, the last ones are 0.
    chosen : array of int, shape (n,)
        Which was taken.
    offset : array, shape (n, n_things), optional
        Added to the log odds.
    """

    features: Planes
    chosen: Ints
    offset: NDArray[Any] | None = None


Evaluate = Callable[[Array], tuple[float, Array, Array]]
"""Value, score and information of a log likelihood at some weights."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Weights (k,), the log likelihood there, without the ridge, and its information (k, k)."""

    weights: Array
    log_likelihood: float
    information: Array


def log_p_of(weights: Array, features: Planes, offset: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return ln of the chance of each thing, shape (n, n_things), in the features' precision."""
    k, n, m = features.shape
    score = (weights[:k].astype(features.dtype) @ features.reshape(k, n * m)).reshape(n, m)
    if offset is not None:
        score = score + offset
    score = score - score.max(axis=1, keepdims=True)
    return score - np.log(np.exp(score).sum(axis=1, keepdims=True))


def conditional(some: Iterable[Choices], weights: Array) -> tuple[float, Array, Array]:
    """Return log likelihood, score (k,) and information (k, k) of choices."""
    value, score, information = 0.0, np.zeros(len(weights)), np.zeros((len(weights), len(weights)))
    for one in some:
        own_value, own_scores, own_information = of_choices(one, weights)
        k = len(one.features)
        value += float(own_value.sum(dtype=float))
        score[:k] += own_scores.sum(axis=1, dtype=float)
        information[:k, :k] += own_information
    return value, score, information


def of_choices(one: Choices, weights: Array) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return log likelihoods (n,), scores (k, n) and the summed information (k, k)."""
    k, n, m = one.features.shape
    log_p = log_p_of(weights, one.features, one.offset)
    p, rows = np.exp(log_p), np.arange(n)
    rooted = (one.features * np.sqrt(p)).reshape(k, n * m)
    mean = np.einsum("knm,nm->kn", one.features, p)
    information = rooted @ rooted.T - mean @ mean.T
    return log_p[rows, one.chosen], one.features[:, rows, one.chosen] - mean, information


def binary(features: Array, happened: NDArray[np.bool_], weights: Array) -> tuple[float, Array, Array]:
    """Return log likelihood, score and information of events; features (n, k)."""
    at = features @ weights
    chance = expit(at)
    value = float(-np.logaddexp(0, np.where(happened, -at, at)).sum())
    return value, features.T @ (happened - chance), (features.T * (chance * (1 - chance))) @ features


def climb(evaluate: Evaluate, start: Array, ridge: Array, n: int, *, tolerance: float = GAIN) -> Fit:
    """Maximise a log likelihood minus half the ridge times squared weights.

    Parameters
    ----------
    evaluate : callable
        The log likelihood.
    start : array, shape (k,)
        Where to begin.
    ridge : array, shape (k,)
        Nats a squared unit of each weight costs, twice.
    n : int
        Observations, of which the tolerance is counted.
    tolerance : float
        Nats an observation.
    """
    weights = start.astype(float)
    value, score, information = evaluate(weights)
    value -= 0.5 * float(ridge @ weights**2)
    for _ in range(MAX_STEPS):
        slope = score - ridge * weights
        step = np.linalg.solve(information + np.diag(ridge + 1e-9), slope)
        gain = float(step @ slope)
        if gain <= 2 * tolerance * n:
            break
        size, tried = 1.0, None
        while size > 1e-4:
            trial = weights + size * step
            tried = evaluate(trial)
            penalised = tried[0] - 0.5 * float(ridge @ trial**2)
            if penalised >= value + 1e-4 * size * gain - 1e-9 * abs(value):
                break
            size /= 2
        else:
            break
        weights, value, (_, score, information) = trial, penalised, tried
    return Fit(weights, value + 0.5 * float(ridge @ weights**2), information)
