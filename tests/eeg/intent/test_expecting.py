"""What a decoder's mistakes cost, hard and soft, against simulated decisions."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.intent import expected_error, soft_error
from cogattn.errors import DataError
from cogattn.measures import Estimate


def test_expected_error_is_a_mixture_and_equals_simulated_decisions() -> None:
    np.testing.assert_allclose(expected_error([1, 0, 0.5], on_target=10, on_other=90), [10, 90, 50])
    right = np.random.default_rng(0).random(100_000) < 0.8
    np.testing.assert_allclose(
        expected_error(0.8, on_target=10, on_other=90), np.where(right, 10, 90).mean(), rtol=0.02
    )
    with pytest.raises(DataError, match="accuracy"):
        expected_error(1.2, on_target=0, on_other=1)


def test_the_interval_of_an_accuracy_becomes_that_of_the_error() -> None:
    found = expected_error(Estimate(0.8, 0.7, 0.9, 12), on_target=10, on_other=90)
    np.testing.assert_allclose([found.estimate, found.lo, found.hi], [26, 18, 34])
    assert found.n == 12
    bare = expected_error(Estimate.bare(0.8, 1), on_target=10, on_other=90)
    assert bare.estimate == pytest.approx(26)
    assert np.isnan([bare.lo, bare.hi]).all()


def test_calibrated_caution_costs_no_more_than_acting_always_or_never() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1.0, 200_000)
    attended = np.where(rng.random(sure.size) < sure, sure, 1 - sure)
    costs = {"on_target": 0.1, "on_other": 1.0}
    always = expected_error(float(np.mean(attended > 0.5)), **costs)
    for on_mixture in (0.2, 0.3, 0.4):
        soft = soft_error(attended, **costs, on_mixture=on_mixture).mean()
        assert soft < min(always, on_mixture)
    np.testing.assert_allclose(soft_error(attended, **costs, on_mixture=2.0).mean(), always, atol=1e-9)


def test_a_decision_of_one_half_is_worth_the_mean_of_both() -> None:
    assert soft_error([0.5], on_target=0, on_other=1, on_mixture=2)[0] == 0.5
    assert soft_error([0.5], on_target=0, on_other=1, on_mixture=0.4)[0] == 0.4
    with pytest.raises(DataError, match="probabilities"):
        soft_error([1.5], on_target=0, on_other=1, on_mixture=2)
