from __future__ import annotations

import numpy as np
import pytest

from cogattn.statistics.crossed import Draws, interval, standard_error

N_SCENES, N_PEOPLE = 20, 10


def experiment(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sums and numbers of fixations by scene and person; the mean of a fixation is 1 in all experiments."""
    counts = rng.poisson(4, size=(N_SCENES, N_PEOPLE)).astype(float)
    effects = 1 + rng.normal(0, 0.5, (N_SCENES, 1)) + rng.normal(0, 0.5, N_PEOPLE)
    return counts * effects + rng.normal(0, 1, counts.shape) * np.sqrt(counts), counts


def coverage(rng: np.random.Generator, *, of_scenes_only: bool) -> float:
    hits, n = 0, 200
    for _ in range(n):
        totals, counts = experiment(rng)
        fixed = N_PEOPLE if of_scenes_only else 0
        draws = Draws.of(N_SCENES, N_PEOPLE, rng=rng, n_resamples=400, n_fixed=fixed)
        value = interval(draws.mean(totals, counts), 1000)
        hits += value.lo <= 1 <= value.hi
    return hits / n


def test_intervals_over_scenes_and_people_hold_the_truth_and_those_over_scenes_alone_do_not() -> None:
    assert coverage(np.random.default_rng(0), of_scenes_only=False) >= 0.9
    assert coverage(np.random.default_rng(0), of_scenes_only=True) < 0.85


def test_the_first_resample_is_the_data_and_fixed_people_are_drawn_once() -> None:
    draws = Draws.of(3, 4, rng=np.random.default_rng(0), n_resamples=50, n_fixed=1)
    totals, counts = np.arange(12.0).reshape(3, 4), np.ones((3, 4))
    assert draws.mean(totals, counts)[0] == pytest.approx(5.5)
    assert (draws.people[:, -1] == 1).all()
    assert draws.people[:, :3].sum(axis=1) == pytest.approx(np.full(51, 3))
    table = np.random.default_rng(1).random((3, 4, 2))
    by_hand = (draws.scenes[7][:, None, None] * draws.people[7][None, :, None] * table).sum(axis=(0, 1))
    assert draws.sums(table)[7] == pytest.approx(by_hand)


def test_one_unit_has_no_interval() -> None:
    assert np.isnan(interval(np.array([2.0, 2.0, 2.0]), 1).lo)


def crossed(
    rng: np.random.Generator, n_scenes: int, n_people: int, scene: float, person: float
) -> tuple[np.ndarray, np.ndarray]:
    counts = 1.0 + rng.poisson(11, (n_scenes, n_people))
    effects = 1 + rng.normal(0, scene, (n_scenes, 1)) + rng.normal(0, person, n_people)
    return counts * effects + rng.normal(0, 2, counts.shape) * np.sqrt(counts), counts


@pytest.mark.parametrize(
    ("n_scenes", "n_people", "scene", "person"),
    [(20, 6, 0.5, 0.2), (20, 6, 0, 0), (60, 6, 0.2, 0.5), (12, 3, 0.5, 0.3), (8, 1, 0.5, 0)],
)
def test_calibrated_means_hold_the_truth_with_few_persons_and_with_none_who_differ(
    n_scenes: int, n_people: int, scene: float, person: float
) -> None:
    rng, hits = np.random.default_rng(3), 0
    for _ in range(300):
        totals, counts = crossed(rng, n_scenes, n_people, scene, person)
        draws = Draws.of(n_scenes, n_people, rng=rng, n_resamples=300)
        value = interval(draws.calibrated(totals, counts), 1000)
        hits += value.lo <= 1 <= value.hi
    assert 0.92 <= hits / 300 <= 0.98


def test_the_standard_error_is_the_spread_of_means_over_experiments() -> None:
    rng = np.random.default_rng(4)
    made = [crossed(rng, 20, 6, 0.4, 0.3) for _ in range(600)]
    means = [totals.sum() / counts.sum() for totals, counts in made]
    variance = np.mean([standard_error(*one)[0] ** 2 for one in made])
    assert np.sqrt(variance) == pytest.approx(np.std(means), rel=0.08)


def test_one_person_leaves_the_error_of_scenes_and_one_pair_has_none() -> None:
    totals, counts = crossed(np.random.default_rng(5), 9, 1, 0.5, 0)
    equal = np.ones_like(counts)
    error, freedom = standard_error(totals / counts, equal)
    assert error == pytest.approx((totals / counts).std(ddof=1) / 3)
    assert freedom == pytest.approx(8)
    assert np.isnan(standard_error(totals[:1], counts[:1])[0])
