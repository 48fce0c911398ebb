from __future__ import annotations

import numpy as np
import pytest

from cogattn.psychophysics.search.natural.calibration import WEIGHTS, calibrate

N_FOLDS, N_PLACES = 10, 50


def looks(rng: np.random.Generator, n: int, *, weight: float, temperature: float) -> tuple[np.ndarray, ...]:
    """Looks drawn from a searcher at a temperature, with the even baseline mixed in.

    Log2 of the searcher at temperatures 1, 2, 4 and 8; of the baseline; of the truth; groups.
    """
    worth = rng.normal(0, 6, size=(n, N_PLACES))
    truth = weight / N_PLACES + (1 - weight) * softmax(worth / temperature)
    place = (truth.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    each = np.arange(n)
    told = np.stack([np.log2(softmax(worth / t)[each, place]) for t in (1, 2, 4, 8)], axis=1)
    base = np.full((n, N_FOLDS), -np.log2(N_PLACES))
    return told, base, np.log2(truth[each, place]), rng.integers(N_FOLDS, size=n)


def softmax(values: np.ndarray) -> np.ndarray:
    weights = np.exp(values - values.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def test_the_searcher_that_made_the_looks_gains_what_it_has_to_tell() -> None:
    told, base, truth, group = looks(np.random.default_rng(0), 20_000, weight=0.3, temperature=2)
    found = calibrate(told, base, group)
    assert (found.chosen == 1).all()
    assert found.weights == pytest.approx(np.full(N_FOLDS, 0.3))
    assert found.log2.mean() == pytest.approx(truth.mean(), abs=0.002)


def test_a_searcher_that_knows_nothing_gains_nothing() -> None:
    rng, gains = np.random.default_rng(1), []
    for _ in range(20):
        told, base, _, group = looks(rng, 1000, weight=1.0, temperature=2)  # all looks are the baseline's
        gains.append((calibrate(told, base, group).log2 - base[:, 0]).mean())
    assert abs(np.mean(gains)) < 0.003
    assert min(gains) > -0.02


def test_choosing_on_the_looks_that_are_told_of_would_gain_from_nothing_and_this_does_not() -> None:
    """Many useless candidates: the best of them on the same looks seems to tell something."""
    rng, peeking, honest = np.random.default_rng(2), [], []
    for _ in range(20):
        base = np.full((60, N_FOLDS), -np.log2(N_PLACES))
        told = np.log2(rng.dirichlet(np.ones(N_PLACES), size=(60, 200))[..., 0])
        group = np.arange(60) % N_FOLDS
        honest.append((calibrate(told, base, group).log2 - base[:, 0]).mean())
        mixed = np.array(WEIGHTS)[:, None, None] + (1 - np.array(WEIGHTS))[:, None, None] * np.exp2(
            told - base[:, :1]
        )
        peeking.append(np.log2(mixed).mean(axis=1).max())
    assert np.mean(peeking) > 0.05
    assert np.mean(honest) < 0.01


def test_what_is_chosen_for_a_group_does_not_depend_on_its_looks() -> None:
    told, base, _, group = looks(np.random.default_rng(3), 600, weight=0.3, temperature=4)
    before = calibrate(told, base, group)
    other = np.where((group == 4)[:, None], -30.0, told)
    after = calibrate(other, base, group)
    assert (before.chosen[4], before.weights[4]) == (after.chosen[4], after.weights[4])
    assert before.weights[0] != after.weights[0]


def test_a_place_held_impossible_costs_what_the_baseline_gives_it() -> None:
    told, base, _, group = looks(np.random.default_rng(4), 500, weight=0.5, temperature=1)
    told[::3] = -np.inf
    assert np.isfinite(calibrate(told, base, group).log2).all()
    alone = calibrate(told[:5], base[:5], np.full(5, 2))  # no other group to learn from
    assert alone.log2 == pytest.approx(base[:5, 2])
