from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf

from cogattn.psychophysics.search.natural.finding import (
    HumanSearches,
    Searches,
    found_by,
    mean_saccades,
    mean_standard_errors,
    standard_errors,
)
from cogattn.statistics.crossed import Draws, interval
from cogattn.vision.scenes.scene import Scanpath, Scene, Target

LIMITS = np.array([2, 4, 8, 12])
HIT = 0.2
"""Chance of finding the target with each saccade."""


def searches(
    rng: np.random.Generator, n: int, *, hit: float | np.ndarray = HIT
) -> tuple[np.ndarray, np.ndarray]:
    """Saccades made and whether the target was found, where searches are broken off at random limits."""
    needed, limit = rng.geometric(hit, size=n), rng.choice(LIMITS, size=n)
    return np.minimum(needed, limit), needed <= limit


def counted(n_saccades: np.ndarray, found: np.ndarray, horizon: int = 12) -> Searches:
    nobody = np.zeros(len(found), dtype=int)
    return Searches.of(nobody, nobody, n_saccades, found, shape=(1, 1, horizon))


def test_share_found_is_kaplan_and_meiers_of_an_independent_library() -> None:
    n_saccades, found = searches(np.random.default_rng(0), 200)
    own = counted(n_saccades, found).by_scene()[0]
    theirs = ecdf(CensoredData(uncensored=n_saccades[found], right=n_saccades[~found]))
    assert own == pytest.approx(theirs.cdf.evaluate(np.arange(1, 13)))


def test_searches_broken_off_early_do_not_lower_the_share_found() -> None:
    n_saccades, found = searches(np.random.default_rng(1), 40_000)
    truth = 1 - (1 - HIT) ** np.arange(1, 13)
    assert counted(n_saccades, found).by_scene()[0] == pytest.approx(truth, abs=0.015)
    naive = np.mean(found & (n_saccades <= 12))
    assert naive < truth[-1] - 0.2


def test_mean_saccades_are_those_of_searches_that_end_at_the_horizon() -> None:
    rng = np.random.default_rng(2)
    n_saccades, found = searches(rng, 40_000)
    ended = np.minimum(rng.geometric(HIT, size=40_000), 12)
    assert mean_saccades(counted(n_saccades, found).by_scene())[0] == pytest.approx(ended.mean(), abs=0.05)


def test_standard_errors_are_the_spread_over_experiments() -> None:
    rng, shares, means, told = np.random.default_rng(3), [], [], []
    for _ in range(600):
        one = counted(*searches(rng, 150))
        shares.append(one.by_scene()[0])
        means.append(mean_saccades(one.by_scene())[0])
        tables = one.found.sum(axis=1), one.tried.sum(axis=1)
        told.append((standard_errors(*tables)[0, 7], mean_standard_errors(*tables)[0]))
    share_error, mean_error = np.mean(told, axis=0)
    assert share_error == pytest.approx(np.std(shares, axis=0)[7], rel=0.12)
    assert mean_error == pytest.approx(np.std(means), rel=0.12)


def test_nothing_is_told_from_where_nobody_came_to_unless_all_had_found() -> None:
    half = found_by(np.array([1.0, 0.0, 0.0]), np.array([2.0, 1.0, 0.0]))
    assert half[:2] == pytest.approx([0.5, 0.5])
    assert np.isnan(half[2])
    assert found_by(np.array([1.0, 1.0, 0.0]), np.array([2.0, 1.0, 0.0])) == pytest.approx([0.5, 1, 1])


def test_intervals_of_the_share_found_hold_the_truth_over_scenes_and_people() -> None:
    """Scenes differ in difficulty and people in skill; limits differ by trial."""
    rng, hits, n_experiments = np.random.default_rng(4), 0, 150
    n_scenes, n_people = 24, 12
    scene, person = (index.ravel() for index in np.indices((n_scenes, n_people)))

    def hit(difficulty: np.ndarray, skill: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(1.5 - difficulty - skill))

    many = rng.normal(0, 0.6, 400_000), rng.normal(0, 0.3, 400_000)
    truth = np.mean(1 - (1 - hit(*many)) ** 4)
    for _ in range(n_experiments):
        chance = hit(rng.normal(0, 0.6, n_scenes)[scene], rng.normal(0, 0.3, n_people)[person])
        ends = searches(rng, len(scene), hit=chance)
        one = Searches.of(scene, person, *ends, shape=(n_scenes, n_people, 12))
        draws = Draws.of(n_scenes, n_people, rng=rng, n_resamples=400)
        value = interval(one.shares(draws)[:, 3], len(scene))
        hits += value.lo <= truth <= value.hi
    assert 0.89 <= hits / n_experiments <= 1


def test_people_are_counted_up_to_what_a_tenth_of_their_searches_were_allowed() -> None:
    image = np.zeros((10, 10), dtype=np.float32)

    def path(person: str, n: int, allowed: int | None, *, found: bool | None = True) -> Scanpath:
        return Scanpath(person, np.full((n + 1, 2), 5.0), found=found, max_saccades=allowed)

    paths = (
        *(path(f"p{n}", 2, 4) for n in range(15)),
        *(path(f"q{n}", 3, 8) for n in range(4)),
        path("r", 9, 64),
    )
    scene = Scene(
        "one", image, (10, 10), 1.0, target=Target("t"), scanpaths=(*paths, path("free", 3, None, found=None))
    )
    human = HumanSearches.at([scene])
    assert len(human) == 20  # the one that did not search is left out
    assert human.horizon == 8
    assert human.limits(8) == (4, 8)
