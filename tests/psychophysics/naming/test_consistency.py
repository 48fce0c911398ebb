"""Error consistency and copy probability against scikit-learn, algebra and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from cogattn.errors import DataError
from cogattn.psychophysics.naming.consistency import (
    common_trials,
    copy_probability,
    error_consistency,
    kappa,
    kappa_bounds,
    trials_needed,
)


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
    found = error_consistency(trials(a), trials(b), rng=rng, n_draws=50)
    assert found.kappa == pytest.approx(cohen_kappa_score(a, b))
    assert found.observed == pytest.approx((a == b).mean())
    assert (found.n_trials, found.n_images) == (500, 125)


def test_an_observer_is_wholly_consistent_with_itself_as_far_as_its_trials_tell() -> None:
    a = np.random.default_rng(1).random(200) < 0.6
    found = error_consistency(trials(a), trials(a), rng=np.random.default_rng(0))
    assert (found.kappa, found.hi) == (1, 1)
    assert 0.9 < found.lo < 1


def copied(
    n: int, accuracy: float, own: float, c: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """An observer that copies with probability c and is else right with probability `own`, and whom it copies."""
    second = rng.random(n) < accuracy
    return np.where(rng.random(n) < c, second, rng.random(n) < own), second


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "accuracy", "own", "c"),
    [(100, 0.77, 0.17, 0.1), (100, 0.95, 0.9, 0.0), (100, 0.95, 0.9, 0.8), (300, 0.6, 0.9, 0.35)],
)
def test_an_observer_that_copies_gets_its_copy_probability_back(
    n: int, accuracy: float, own: float, c: float
) -> None:
    """Rare errors too, where percentiles of a bootstrap cover 40-60 %; limit: 3.5 errors of 95 % in 200 runs."""
    rng = np.random.default_rng(7)
    right = c * accuracy + (1 - c) * own
    true = 2 * c * accuracy * (1 - accuracy) / (right + accuracy - 2 * right * accuracy)
    hit, images = [], pd.DataFrame({"image": np.arange(n)})
    for _ in range(200):
        pair = [images.assign(correct=each) for each in copied(n, accuracy, own, c, rng)]
        found = copy_probability(*pair, rng=rng, n_draws=400, keys=("image",))
        same = error_consistency(*pair, rng=rng, n_draws=400, keys=("image",))
        if np.isfinite(found.lo):
            hit.append((found.lo <= c <= found.hi, same.lo <= true <= same.hi))
    assert len(hit) > 190
    assert (np.mean(hit, axis=0) > 0.896).all()


@pytest.mark.slow
def test_repeats_of_an_image_are_no_independent_trials() -> None:
    """Images differ in difficulty for both; 20 trials of each tell less than 20 images."""
    rng = np.random.default_rng(8)

    def answers(n_images: int) -> tuple[np.ndarray, np.ndarray]:
        chance = 1 / (1 + np.exp(-0.5 - 2 * np.repeat(rng.normal(size=n_images), 20)))
        return rng.random(20 * n_images) < chance, rng.random(20 * n_images) < chance

    true = float(kappa(*answers(50_000)))
    hit, width = [], []
    for _ in range(120):
        a, b = answers(60)
        found = error_consistency(trials(a, per_image=20), trials(b, per_image=20), rng=rng, n_draws=400)
        alone = error_consistency(trials(a, per_image=1), trials(b, per_image=1), rng=rng, n_draws=400)
        hit.append(found.lo <= true <= found.hi)
        width.append((found.hi - found.lo) / (alone.hi - alone.lo))
    assert np.mean(hit) > 0.88
    assert np.mean(width) > 1.5


def test_copy_probability_is_how_much_oftener_the_first_is_right_where_the_second_is() -> None:
    first, second = copied(500, 0.7, 0.4, 0.3, np.random.default_rng(9))
    found = copy_probability(trials(first), trials(second), rng=np.random.default_rng(0))
    assert found.estimate == pytest.approx(first[second].mean() - first[~second].mean())
    back = copy_probability(trials(second), trials(first), rng=np.random.default_rng(0))
    assert back.estimate == pytest.approx(second[first].mean() - second[~first].mean())
    against = copy_probability(trials(~second), trials(second), rng=np.random.default_rng(0))
    assert (against.estimate, against.lo) == pytest.approx((-1, -1))
    assert against.hi > -1


def test_at_equal_accuracies_the_copy_probability_is_kappa() -> None:
    a = np.array([1, 1, 1, 0, 0, 1, 1, 0], dtype=bool)
    b = np.array([1, 1, 0, 1, 0, 1, 1, 0], dtype=bool)
    found = copy_probability(trials(a), trials(b), rng=np.random.default_rng(0), n_draws=10)
    assert found.estimate == pytest.approx(float(kappa(a, b)))


def test_kappa_is_bounded_by_the_accuracies() -> None:
    """The bounds are reached where the less accurate is right only, or as seldom as can be, where the other is."""
    a = np.arange(100) < 80
    b = np.arange(100) < 60
    assert kappa_bounds(0.8, 0.6) == pytest.approx((float(kappa(a, b[::-1])), float(kappa(a, b))))
    assert kappa_bounds(0.8, 0.6)[1] == pytest.approx(6 / 11)
    assert kappa_bounds(0.3, 0.3)[1] == pytest.approx(1)


def test_as_many_trials_as_are_needed_give_the_interval_that_was_asked_for() -> None:
    first, own, c = 0.77, 0.77, 0.35
    n = trials_needed(c, first, own, half_width=0.1)
    rng = np.random.default_rng(10)
    half = [
        (found.hi - found.lo) / 2
        for found in (
            error_consistency(*map(trials, copied(n, first, own, c, rng)), rng=rng) for _ in range(60)
        )
    ]
    assert np.mean(half) == pytest.approx(0.1, rel=0.05)
    with pytest.raises(DataError, match=r"must be from -0\.364 to 0\.545; got 0\.9"):
        trials_needed(0.9, 0.8, 0.6, half_width=0.1)


def test_trials_without_noise_match_by_their_image() -> None:
    a = pd.DataFrame({"image": ["a", "b", "c", "d"], "correct": [True, False, True, False]})
    found = error_consistency(a, a.iloc[::-1], rng=np.random.default_rng(0), keys=("image",))
    assert (found.kappa, found.n_trials) == (1, 4)


def test_only_common_trials_count_and_order_does_not() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 80)) < 0.6
    first, second = trials(a), trials(b)
    whole = error_consistency(first, second, rng=rng, n_draws=10)
    shuffled = error_consistency(first, second.sample(frac=1, random_state=0), rng=rng, n_draws=10)
    assert shuffled.kappa == pytest.approx(whole.kappa)
    part = error_consistency(first, second.iloc[20:60], rng=rng, n_draws=10)
    assert part.n_trials == 40
    assert part.kappa == pytest.approx(cohen_kappa_score(a[20:60], b[20:60]))


def test_without_noise_the_band_does_not_matter() -> None:
    first = pd.DataFrame({"image": ["a", "b"], "noise_sd": 0.0, "band": [3, 5], "correct": [True, False]})
    second = first.assign(band=-1)
    found = error_consistency(first, second, rng=np.random.default_rng(0), n_draws=10)
    assert found.n_trials == 2
    assert found.kappa == 1


def test_repeats_of_a_trial_are_matched_in_order() -> None:
    first = pd.DataFrame(
        {"image": "a", "noise_sd": 0.1, "band": 1, "correct": [True, False, True]}, index=range(3)
    )
    found = error_consistency(first, first.iloc[:2], rng=np.random.default_rng(0), n_draws=10)
    assert found.n_trials == 2
    assert found.observed == 1


def test_an_observer_who_is_always_right_has_no_kappa() -> None:
    a = np.ones(40, dtype=bool)
    found = error_consistency(trials(a), trials(a), rng=np.random.default_rng(0), n_draws=10)
    assert np.isnan([found.kappa, found.lo, found.hi]).all()


def test_observers_without_common_trials_are_refused() -> None:
    a = trials(np.ones(8, dtype=bool))
    assert common_trials(a, a.assign(image="other")).empty
    with pytest.raises(DataError, match="none in common"):
        error_consistency(a, a.assign(image="other"), rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="column band"):
        error_consistency(a, a.drop(columns="band"), rng=np.random.default_rng(0))
