"""Simulated observers answer as the measured ones whose counts made them."""

from __future__ import annotations

import numpy as np

from cogattn.psychophysics.masking.channel.simulated import SimulatedObserver

SDS = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
TRUE = SimulatedObserver(
    np.array([0.12, 0.05, 0.02, 0.012, 0.03]), np.array([0.8, 0.7, 0.9, 1.0, 0.6]), 0.85, n_alternatives=8
)


def test_accuracy_is_halved_above_chance_at_the_threshold() -> None:
    bands = np.arange(5)
    np.testing.assert_allclose(TRUE.accuracy(bands, TRUE.thresholds), (0.85 + 1 / 8) / 2)
    np.testing.assert_allclose(TRUE.accuracy(bands, np.zeros(5)), 0.85)
    np.testing.assert_allclose(TRUE.accuracy(bands, np.full(5, 9.0)), 1 / 8)


def test_slopes_are_exponents_of_the_noise_power() -> None:
    """ln of ln of what is left above chance rises by 2 k ln 2 where the SD doubles."""
    left = (TRUE.grid([0.02, 0.04]) - 1 / 8) / (0.85 - 1 / 8)
    np.testing.assert_allclose(np.diff(np.log(-np.log(left)), axis=0)[0], 2 * np.log(2) * TRUE.slopes)


def test_many_answers_give_the_observer_back() -> None:
    trials = np.full((6, 5), 4000)
    correct = np.random.default_rng(0).binomial(trials, TRUE.grid(SDS))
    found = SimulatedObserver.like(correct, trials, SDS, n_alternatives=8)
    np.testing.assert_allclose(found.thresholds, TRUE.thresholds, rtol=0.05)
    np.testing.assert_allclose(found.slopes, TRUE.slopes, rtol=0.1)
    np.testing.assert_allclose(found.grid(SDS), TRUE.grid(SDS), atol=0.015)


def test_few_answers_leave_slopes_near_the_common_one() -> None:
    trials = np.full((6, 5), 6)
    correct = np.random.default_rng(1).binomial(trials, TRUE.grid(SDS))
    found = SimulatedObserver.like(correct, trials, SDS, n_alternatives=8)
    assert np.log(found.slopes).std() < 0.3
