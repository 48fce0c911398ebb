"""Intervals over listeners hold what they claim, and are missing where nothing can be claimed."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.listeners import switch_duration
from cogattn.eeg.aad.measures import (
    accuracy_at,
    share_error,
    share_interval,
)
from cogattn.eeg.aad.significance import LEAVE_ONE_OUT_DISPERSION, dispersion_of
from cogattn.eeg.aad.summary import _curve_table, _duration_of_curve

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


@pytest.mark.slow
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
        accuracies = counts.assign(accuracy=counts["correct"] / counts["n"], lo=0.0, hi=1.0, fitted=0.5)
        found = _duration_of_curve(config, _curve_table(accuracies, counts), n)
        assert found.lo <= found.estimate <= found.hi  # it falls with every accuracy
        hits += found.lo <= truth <= found.hi
    assert hits / 120 >= LEAST_COVERAGE


def test_a_curve_that_may_be_at_chance_has_no_slowest_duration_and_none_is_dear() -> None:
    near = pd.DataFrame({"window_s": [1.0, 5.0], "accuracy": [0.6, 0.7], "lo": [0.50001, 0.5004], "hi": 0.9})
    found = _duration_of_curve(AadConfig(), near, 8)
    assert found.hi == math.inf
    assert found.lo < found.estimate < 100


def test_one_listener_gives_no_interval() -> None:
    assert math.isnan(share_interval(np.array([7.0]), np.array([10])).lo)


def test_listeners_without_an_error_leave_room_for_one() -> None:
    found = share_interval(np.full(3, 12.0), np.full(3, 12))
    assert found.estimate == found.hi == 1
    assert found.lo == pytest.approx(1 / (1 + 1.959964**2 / 36))  # Wilson's of 36 right of 36


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
