"""Intervals over listeners hold what they claim, and are missing where nothing can be claimed."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.measures import (
    accuracy_at,
    mean_interval,
    median_interval,
    share_error,
    share_interval,
)
from cogattn.eeg.aad.significance import LEAVE_ONE_OUT_DISPERSION, dispersion_of
from cogattn.eeg.aad.summary import _curve_table, _duration_of_curve, switch_duration

N_LISTENERS = (3, 8, 16)
WINDOWS_S = np.array([1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0])
DECISIONS = (20 * 60 / WINDOWS_S).astype(int)
"""Of a listener with 20 trials of a minute."""
LEAST_COVERAGE = 0.93


def listeners(rng: np.random.Generator, n: int, *, gain: float, spread: float = 0.35) -> np.ndarray:
    """Right decisions of listeners whose sensitivity is log-normal, shape (n, n_windows)."""
    own = gain * np.exp(spread * rng.standard_normal((n, 1)))
    return rng.binomial(DECISIONS, norm.cdf(own * np.sqrt(WINDOWS_S)))


def population(*, gain: float, spread: float = 0.35) -> np.ndarray:
    """Mean accuracy of all listeners at each window, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    own = gain * np.exp(spread * nodes)[:, None]
    return (weights[:, None] * norm.cdf(own * np.sqrt(WINDOWS_S))).sum(axis=0) / weights.sum()


@pytest.mark.parametrize("n", N_LISTENERS)
def test_intervals_of_accuracy_hold_the_populations(n: int) -> None:
    rng, truth, windows = np.random.default_rng(n), population(gain=0.2), (0, 3, 6)
    hits = np.zeros(len(windows))
    for _ in range(2000):
        right = listeners(rng, n, gain=0.2)
        found = [share_interval(right[:, i], np.full(n, DECISIONS[i])) for i in windows]
        hits += [f.lo <= truth[i] <= f.hi for f, i in zip(found, windows, strict=True)]
    assert truth[-1] > 0.92  # near the ceiling, where listeners hardly differ
    assert (hits / 2000 >= LEAST_COVERAGE).all(), hits / 2000


@pytest.mark.parametrize("n", N_LISTENERS)
def test_intervals_of_means_hold_the_populations_and_a_bootstrap_would_not(n: int) -> None:
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((1000, n)) + 2
    found = [mean_interval(values) for values in draws]
    assert np.mean([f.lo <= 2 <= f.hi for f in found]) >= LEAST_COVERAGE
    if n == 3:
        resampled = draws[:, rng.integers(0, n, (500, n))].mean(axis=2)
        lo, hi = np.percentile(resampled, [2.5, 97.5], axis=1)
        assert np.mean((lo <= 2) & (hi >= 2)) < 0.8


@pytest.mark.parametrize("n", [6, 8, 16])
def test_intervals_of_medians_hold_the_populations_whatever_its_form(n: int) -> None:
    draws = np.exp(2 * np.random.default_rng(n).standard_normal((3000, n)))
    draws[draws > 20] = np.inf  # some never decode
    found = [median_interval(values) for values in draws]
    assert np.mean([f.lo <= 1 <= f.hi for f in found]) >= 0.945


@pytest.mark.parametrize("n", N_LISTENERS)
def test_intervals_of_the_switch_duration_hold_that_of_the_populations_curve(n: int) -> None:
    config, rng = AadConfig(), np.random.default_rng(n)
    truth, hits = switch_duration(config, WINDOWS_S, population(gain=0.2)), 0
    for _ in range(120):
        right = listeners(rng, n, gain=0.2)
        counts = pd.DataFrame(
            {
                "decoder": "ridge", "listener": np.repeat(np.arange(n), len(WINDOWS_S)).astype(str),
                "window_s": np.tile(WINDOWS_S, n), "n": np.tile(DECISIONS, n), "correct": right.ravel(),
            }
        )  # fmt: skip
        found = _duration_of_curve(config, _curve_table(counts), n)
        assert found.lo <= found.estimate <= found.hi  # it falls with every accuracy
        hits += found.lo <= truth <= found.hi
    assert hits / 120 >= LEAST_COVERAGE


def test_a_curve_that_may_be_at_chance_has_no_slowest_duration_and_none_is_dear() -> None:
    near = pd.DataFrame({"window_s": [1.0, 5.0], "accuracy": [0.6, 0.7], "lo": [0.50001, 0.5004], "hi": 0.9})
    found = _duration_of_curve(AadConfig(), near, 8)
    assert found.hi == math.inf
    assert found.lo < found.estimate < 100


def test_one_listener_and_listeners_who_do_not_differ_give_no_interval() -> None:
    for values in ([0.7], [0.7, 0.7, 0.7]):
        found = mean_interval(np.array(values))
        assert (found.estimate, found.n) == (0.7, len(values))
        assert math.isnan(found.lo)
        assert math.isnan(found.hi)
    assert mean_interval(np.array([])).n == 0
    assert math.isnan(share_interval(np.array([7.0]), np.array([10])).lo)
    five, six = median_interval(np.arange(5.0)), median_interval(np.arange(6.0))
    assert math.isnan(five.lo)
    assert (six.lo, six.estimate, six.hi) == (0.0, 2.5, 5.0)


def test_listeners_without_an_error_leave_room_for_one() -> None:
    found = share_interval(np.full(3, 12.0), np.full(3, 12))
    assert found.estimate == found.hi == 1
    assert found.lo == pytest.approx(1 / (1 + 1.959964**2 / 36))  # Wilson's of 36 right of 36


def test_intervals_stay_in_their_range() -> None:
    found = mean_interval(np.array([0.1, 0.9]), lowest=0.0, highest=1.0)
    assert (found.lo, found.hi) == (0.0, 1.0)
    assert mean_interval(np.array([0.1, 0.9])).lo == pytest.approx(0.5 - 12.7062 * 0.4, rel=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.95])
def test_the_error_of_a_listeners_accuracy_is_its_scatter(share: float) -> None:
    right = np.random.default_rng(0).binomial(40, share, 20_000)
    errors = np.array([share_error(r, 40, dispersion=1.0) for r in right])
    assert np.sqrt(np.mean(errors**2)) == pytest.approx((right / 40).std(), rel=0.12)
    assert errors.min() > 0
    wider = share_error(20, 40, dispersion=LEAVE_ONE_OUT_DISPERSION)
    assert wider / share_error(20, 40, dispersion=1.0) == pytest.approx(LEAVE_ONE_OUT_DISPERSION**0.5)


def test_decisions_scatter_more_where_trials_teach_each_other() -> None:
    assert dispersion_of("subject") == 1.0
    assert {dispersion_of(by) for by in ("trial", "story", "speaker", "envelope")} == {
        LEAVE_ONE_OUT_DISPERSION
    }


def test_keys_name_measure_and_window() -> None:
    assert (accuracy_at(5.0).key, accuracy_at(0.5).key) == ("accuracy.5s", "accuracy.0_5s")
