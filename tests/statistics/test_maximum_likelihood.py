"""The batched optimiser on models whose answers are known in closed form."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit, xlogy
from scipy.stats import chi2

from cogattn.statistics.maximum_likelihood import (
    Array,
    Rows,
    binomial,
    binomial_deviance,
    climb_from_grids,
    covariance,
    maximise,
    profile_curves,
    profile_intervals,
)


@dataclass
class Line:
    """Logistic regression on one predictor: parameters intercept and slope."""

    x: Array
    correct: Array
    trials: Array
    lower: Array = field(default_factory=lambda: np.array([-8.0, -8.0]))
    upper: Array = field(default_factory=lambda: np.array([8.0, 8.0]))

    def probability(self, theta: Array) -> Array:
        return np.clip(expit(theta[:, :1] + theta[:, 1:] * self.x), 1e-12, 1 - 1e-12)

    def __call__(self, theta: Array, rows: Rows) -> tuple[Array, Array, Array]:
        p = self.probability(theta)
        slopes = (p * (1 - p))[..., None] * np.stack([np.ones_like(self.x), self.x], axis=-1)
        return binomial(self.correct[rows], self.trials[rows], p, slopes)


def two_groups(a: int, b: int, n: int = 20) -> Line:
    return Line(np.array([0.0, 1.0]), np.array([[a, b]], dtype=float), np.full((1, 2), float(n)))


def fitted(line: Line) -> object:
    return maximise(line, np.zeros((len(line.correct), 2)), np.arange(len(line.correct)))


def test_two_groups_are_fitted_exactly() -> None:
    best = fitted(two_groups(5, 14))
    assert best.theta[0] == pytest.approx([logit(0.25), logit(0.7) - logit(0.25)], abs=1e-4)


def test_covariance_is_that_of_the_log_odds_ratio() -> None:
    line = two_groups(5, 14)
    expected = 1 / 5 + 1 / 15 + 1 / 14 + 1 / 6
    assert covariance(line, fitted(line))[0, 1, 1] == pytest.approx(expected, rel=1e-3)


def test_profile_interval_is_the_likelihood_ratio_interval() -> None:
    """One proportion: 2 (l(p_hat) - l(p)) = 3.84 solved by scipy."""
    line = Line(np.array([0.0]), np.array([[13.0]]), np.array([[20.0]]))
    line.lower, line.upper = np.array([-8.0, 0.0]), np.array([8.0, 0.0])
    cut = chi2.ppf(0.95, 1)

    def excess(p: float) -> float:
        return 2 * float(xlogy(13, 0.65 / p) + xlogy(7, 0.35 / (1 - p))) - cut

    expected = logit(brentq(excess, 0.01, 0.65)), logit(brentq(excess, 0.65, 0.99))
    _, intervals = profile_intervals(line, fitted(line), [0], cut)
    assert tuple(intervals[0, 0]) == pytest.approx(expected, abs=5e-3)


def test_interval_is_open_where_the_limit_comes_first() -> None:
    line = two_groups(0, 12)
    _, intervals = profile_intervals(line, fitted(line), [1], chi2.ppf(0.95, 1))
    assert np.isinf(intervals[0, 0, 1])
    assert np.isfinite(intervals[0, 0, 0])


def test_profile_curve_is_zero_at_the_maximum_and_matches_the_interval() -> None:
    line = two_groups(5, 14)
    best = fitted(line)
    _, intervals = profile_intervals(line, best, [1], chi2.ppf(0.95, 1))
    points = np.array([best.theta[0, 1], *intervals[0, 0]])
    curve = profile_curves(line, best, 1, points)[0]
    assert curve == pytest.approx([0, -1.92, -1.92], abs=0.02)


def test_a_batch_is_the_same_as_its_members() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(-2, 2, 9)
    trials = np.full((40, 9), 15.0)
    correct = rng.binomial(15, expit(0.3 + 0.8 * x), (40, 9)).astype(float)
    together = fitted(Line(x, correct, trials)).theta
    alone = [fitted(Line(x, correct[i : i + 1], trials[i : i + 1])).theta[0] for i in range(40)]
    assert together == pytest.approx(np.array(alone), abs=1e-9)


def test_separable_data_stop_at_the_limits() -> None:
    line = two_groups(0, 20)
    best = climb_from_grids(
        line, [(np.zeros((1, 2)), line.probability(np.zeros((1, 2))))], line.correct, line.trials
    )
    assert best.theta[0] == pytest.approx([-4, 8])  # the slope on its limit, the intercept in the middle
    assert np.isfinite(best.value).all()


def test_deviance_of_the_saturated_model_is_zero() -> None:
    correct, trials = np.array([[0.0, 5.0, 10.0, 0.0]]), np.array([[10.0, 10.0, 10.0, 0.0]])
    p = np.array([[1e-12, 0.5, 1 - 1e-12, 0.3]])
    assert binomial_deviance(correct, trials, p) == pytest.approx([0], abs=1e-8)
