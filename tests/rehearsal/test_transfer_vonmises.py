"""The weight of rule B: recovered, with an interval that holds it as often as it says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from cogattn.errors import DataError
from cogattn.rehearsal.transfer.vonmises import KAPPA_MAX, Mixture, fit_mixture

RULE_A = 1.0
NEAR, FAR = math.pi / 6, math.pi


def _draw(rng: np.random.Generator, weight: float, kappa: float, apart: float, n: int = 60) -> np.ndarray:
    return rng.vonmises(0, kappa, n) + RULE_A + apart * (rng.random(n) < weight)


def _fit(angles: np.ndarray, apart: float) -> Mixture:
    return fit_mixture(angles, RULE_A, RULE_A + apart)


@pytest.mark.parametrize(("apart", "kappa"), [(NEAR, 20.0), (FAR, 4.0)], ids=["near", "far"])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0], ids=["none", "some", "all"])
def test_many_answers_give_back_weight_and_concentration(apart: float, kappa: float, weight: float) -> None:
    found = _fit(_draw(np.random.default_rng(1), weight, kappa, apart, n=1000), apart)
    assert found.weight == pytest.approx(weight, abs=0.04)
    assert found.kappa == pytest.approx(kappa, rel=0.16)  # the grid's step


@pytest.mark.parametrize(
    ("apart", "kappa", "weight"), [(NEAR, 10.0, 0.3), (FAR, 4.0, 0.6)], ids=["near", "far"]
)
def test_the_interval_holds_the_weight_as_often_as_it_says(apart: float, kappa: float, weight: float) -> None:
    rng = np.random.default_rng(2)
    found = [_fit(_draw(rng, weight, kappa, apart), apart) for _ in range(100)]
    held = sum(one.lo <= weight <= one.hi for one in found)
    assert stats.binomtest(held, len(found), 0.95).pvalue > 0.02
    assert np.mean([one.weight for one in found]) == pytest.approx(weight, abs=0.04)


def test_the_maximum_is_that_of_a_search_over_weight_and_concentration() -> None:
    angles = _draw(np.random.default_rng(3), 0.4, 6.0, NEAR)

    def loss(values: np.ndarray) -> float:
        weight, kappa = values
        a, b = (stats.vonmises(kappa, loc=RULE_A + shift).pdf(angles) for shift in (0, NEAR))
        return -float(np.log((1 - weight) * a + weight * b).sum())

    best = min(
        (
            optimize.minimize(loss, [w, k], bounds=[(0, 1), (0.01, KAPPA_MAX)])
            for w in (0.1, 0.5, 0.9)
            for k in (2, 10)
        ),
        key=lambda one: one.fun,
    )
    found = _fit(angles, NEAR)
    assert found.log_likelihood == pytest.approx(-best.fun, abs=1e-3)
    assert found.weight == pytest.approx(best.x[0], abs=0.01)


def test_answers_without_scatter_have_the_interval_that_counting_gives() -> None:
    found = _fit(np.full(60, RULE_A), FAR)
    assert (found.weight, found.lo) == (0.0, 0.0)
    assert found.hi == pytest.approx(1 - math.exp(-stats.chi2.ppf(0.95, 1) / 2 / 60), abs=1e-4)


def test_one_rule_alone_is_likelier_than_the_other_where_answers_lie_closer_to_it() -> None:
    found = _fit(np.full(10, RULE_A + 0.6 * NEAR), NEAR)
    assert found.only_b > found.only_a
    assert found.weight == 1.0


def test_angles_are_on_a_ring() -> None:
    angles = _draw(np.random.default_rng(4), 0.4, 6.0, NEAR)
    turned = fit_mixture(angles + 4 * math.pi, RULE_A - 2 * math.pi, RULE_A + NEAR)
    assert turned.weight == pytest.approx(_fit(angles, NEAR).weight, abs=1e-4)


def test_a_missing_answer_counts_for_nothing() -> None:
    angles = _draw(np.random.default_rng(5), 0.4, 6.0, FAR)
    assert _fit(np.append(angles, np.nan), FAR) == _fit(angles, FAR)


def test_one_rule_and_no_answers_are_refused() -> None:
    with pytest.raises(DataError, match=r"must be two rules; got 1.000 and 7.283"):
        fit_mixture([0.1], 1.0, 1.0 + 2 * math.pi)
    with pytest.raises(DataError, match="at least one answer; got none"):
        fit_mixture([float("nan")], 0.0, 1.0)
