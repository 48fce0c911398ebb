from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from cogattn.psychophysics.scanpath.baselines import logit


def some_choices(seed: int = 0, *, dtype: type = np.float64) -> list[logit.Choices]:
    rng = np.random.default_rng(seed)
    parts = []
    for n, m in ((40, 3), (25, 7), (1, 2)):
        features, offset = rng.normal(size=(4, n, m)).astype(dtype), rng.normal(size=(n, m))
        parts.append(logit.Choices(features, rng.integers(m, size=n), offset))
    short = rng.normal(size=(2, 5, 4)).astype(dtype)  # its last two features are 0
    return [*parts, logit.Choices(short, rng.integers(4, size=5))]


def plain_loss(weights: np.ndarray, some: list[logit.Choices], ridge: float) -> float:
    total = 0.5 * ridge * weights @ weights
    for one in some:
        offset = 0 if one.offset is None else one.offset
        score = np.tensordot(weights[: len(one.features)], one.features, 1) + offset
        total -= (score[np.arange(len(one.chosen)), one.chosen] - logsumexp(score, axis=1)).sum()
    return float(total)


def test_score_and_information_are_derivatives() -> None:
    some, at = some_choices(), np.array([0.3, -1.0, 0.5, 2.0])
    assert check_grad(
        lambda w: logit.conditional(some, w)[0], lambda w: logit.conditional(some, w)[1], at
    ) == pytest.approx(0, abs=1e-4)
    for k in range(4):
        step = np.eye(4)[k] * 1e-5
        change = (logit.conditional(some, at + step)[1] - logit.conditional(some, at - step)[1]) / 2e-5
        np.testing.assert_allclose(-change, logit.conditional(some, at)[2][k], atol=1e-6)


def test_scores_of_choices_add_up_to_the_whole() -> None:
    some, at = some_choices(), np.array([0.3, -1.0, 0.5, 2.0])
    value, scores, information = logit.of_choices(some[0], at)
    whole = logit.conditional(some[:1], at)
    np.testing.assert_allclose(value.sum(), whole[0])
    np.testing.assert_allclose(scores.sum(axis=1), whole[1])
    np.testing.assert_allclose(information, whole[2])


@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-4), (np.float32, 1e-3)])
def test_climb_ends_where_a_general_optimiser_does(dtype: type, close: float) -> None:
    some = some_choices(dtype=dtype)
    ours = logit.climb(lambda w: logit.conditional(some, w), np.zeros(4), np.full(4, 0.7), 71)
    theirs = minimize(plain_loss, np.ones(4), args=(some_choices(), 0.7), tol=1e-10)
    np.testing.assert_allclose(ours.weights, theirs.x, atol=close)
    assert ours.log_likelihood == pytest.approx(-plain_loss(theirs.x, some, 0.0), abs=1e-3)


def test_binary_logit_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(300, 3))
    happened = rng.random(300) < 1 / (1 + np.exp(-features @ [1.0, -2.0, 0.0]))
    ours = logit.climb(lambda w: logit.binary(features, happened, w), np.zeros(3), np.full(3, 0.5), 300)
    theirs = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-8).fit(features, happened)
    np.testing.assert_allclose(ours.weights, theirs.coef_[0], atol=1e-4)


def test_climb_from_far_away_comes_back() -> None:
    some = some_choices()
    near, far = (
        logit.climb(lambda w: logit.conditional(some, w), start, np.full(4, 0.1), 71).weights
        for start in (np.zeros(4), np.full(4, 30.0))
    )
    np.testing.assert_allclose(near, far, atol=1e-3)


def test_separated_choices_stay_finite() -> None:
    features = np.zeros((1, 20, 2))
    features[0, :, 1] = 1.0
    sure = [logit.Choices(features, np.ones(20, dtype=np.int64))]
    fit = logit.climb(lambda w: logit.conditional(sure, w), np.zeros(1), np.array([0.01]), 20)
    assert 3 < fit.weights[0] < 12
