"""Error consistency against scikit-learn, algebra and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from cogattn.errors import DataError
from cogattn.psychophysics.probes.consistency import common_trials, error_consistency, kappa


def trials(correct: np.ndarray, *, per_image: int = 4) -> pd.DataFrame:
    n = len(correct)
    cell = np.arange(n) % per_image
    return pd.DataFrame(
        {
            "image": [f"{i // per_image}.png" for i in range(n)],
            "noise_sd": 0.02 * (1 + cell),
            "band": cell,
            "correct": correct,
        }
    )


def test_kappa_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    a = rng.random(500) < 0.7
    b = np.where(rng.random(500) < 0.4, a, rng.random(500) < 0.5)
    assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))
    found = error_consistency(trials(a), trials(b), rng=rng, n_resamples=50)
    assert found.kappa == pytest.approx(cohen_kappa_score(a, b))
    assert found.observed == pytest.approx((a == b).mean())
    assert (found.n_trials, found.n_images) == (500, 125)


def test_an_observer_is_wholly_consistent_with_itself() -> None:
    a = np.random.default_rng(1).random(200) < 0.6
    found = error_consistency(trials(a), trials(a), rng=np.random.default_rng(0), n_resamples=100)
    assert (found.lo, found.kappa, found.hi) == (1, 1, 1)


def test_interval_of_independent_errors_covers_zero() -> None:
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(200):
        a, b = rng.random((2, 400)) < np.array([[0.8], [0.6]])
        found = error_consistency(trials(a), trials(b), rng=rng, n_resamples=200)
        covered.append(found.lo <= 0 <= found.hi)
    assert 0.90 < np.mean(covered) < 0.99


def test_only_common_trials_count_and_order_does_not() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 80)) < 0.6
    first, second = trials(a), trials(b)
    whole = error_consistency(first, second, rng=rng, n_resamples=10)
    shuffled = error_consistency(first, second.sample(frac=1, random_state=0), rng=rng, n_resamples=10)
    assert shuffled.kappa == pytest.approx(whole.kappa)
    part = error_consistency(first, second.iloc[20:60], rng=rng, n_resamples=10)
    assert part.n_trials == 40
    assert part.kappa == pytest.approx(cohen_kappa_score(a[20:60], b[20:60]))


def test_without_noise_the_band_does_not_matter() -> None:
    first = pd.DataFrame({"image": ["a", "b"], "noise_sd": 0.0, "band": [3, 5], "correct": [True, False]})
    second = first.assign(band=-1)
    found = error_consistency(first, second, rng=np.random.default_rng(0), n_resamples=10)
    assert found.n_trials == 2
    assert found.kappa == 1


def test_repeats_of_a_trial_are_matched_in_order() -> None:
    first = pd.DataFrame(
        {"image": "a", "noise_sd": 0.1, "band": 1, "correct": [True, False, True]}, index=range(3)
    )
    found = error_consistency(first, first.iloc[:2], rng=np.random.default_rng(0), n_resamples=10)
    assert found.n_trials == 2
    assert found.observed == 1


def test_an_observer_who_is_always_right_has_no_kappa() -> None:
    a = np.ones(40, dtype=bool)
    found = error_consistency(trials(a), trials(a), rng=np.random.default_rng(0), n_resamples=10)
    assert np.isnan([found.kappa, found.lo, found.hi]).all()


def test_observers_without_common_trials_are_refused() -> None:
    a = trials(np.ones(8, dtype=bool))
    assert common_trials(a, a.assign(image="other")).empty
    with pytest.raises(DataError, match="none in common"):
        error_consistency(a, a.assign(image="other"), rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="column band"):
        error_consistency(a, a.drop(columns="band"), rng=np.random.default_rng(0))
