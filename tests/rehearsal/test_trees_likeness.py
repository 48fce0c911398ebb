"""Groups and distributions compared: against scipy, and how often intervals hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cogattn.measures import Estimate
from cogattn.rehearsal.trees.learners import sign_beside
from cogattn.rehearsal.trees.likeness import difference, likeness


def test_interval_of_a_difference_holds_the_truth_in_95_percent_of_groups_as_unlike_as_people() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        found = difference(rng.normal(0.92, 0.05, 48), rng.normal(0.88, 0.15, 20))
        hits += found.lo < 0.04 < found.hi
    assert hits / 300 == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 300))


def test_difference_of_a_group_that_does_not_vary_has_an_interval_and_of_one_learner_none() -> None:
    found = difference([0.8, 0.8, 0.8], [0.5, 0.6, 0.7])
    half = stats.t.isf(0.025, 2) * 0.1 / math.sqrt(3)
    assert (found.estimate, found.lo, found.hi) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    assert math.isnan(difference([0.8], [0.5, 0.6]).lo)
    assert math.isnan(difference([], [0.5, 0.6]).estimate)


def test_distances_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    people, networks = rng.integers(120, 161, 48) / 160, rng.integers(110, 150, 40) / 160
    found = likeness(people, networks, rng=rng, n_resamples=200)
    assert found.distance.estimate == pytest.approx(stats.wasserstein_distance(people, networks))
    u = stats.mannwhitneyu(networks, people).statistic
    assert found.above.estimate == pytest.approx(u / (48 * 40))
    assert found.ks == pytest.approx(stats.ks_2samp(people, networks).statistic)
    assert found.distance.lo < found.distance.estimate < found.distance.hi
    assert found.above.lo < found.above.estimate < found.above.hi


def test_one_distribution_is_half_above_itself_and_no_distance_away() -> None:
    values = np.linspace(0.5, 1, 30)
    found = likeness(values, values, rng=np.random.default_rng(0), n_resamples=100)
    assert (found.distance.estimate, found.above.estimate, found.p) == (0, 0.5, 1)
    same = likeness([1.0, 1.0], [1.0, 1.0], rng=np.random.default_rng(0), n_resamples=100)
    assert math.isnan(same.distance.lo)


def test_interval_of_the_distance_holds_a_shift() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(60):
        people, networks = rng.normal(0, 1, 40), rng.normal(1.5, 1, 40)
        found = likeness(people, networks, rng=rng, n_resamples=150).distance
        hits += found.lo < 1.5 < found.hi
    assert hits >= 52  # .99 of the time if 19 of 20 hold it


@pytest.mark.parametrize(
    ("value", "human", "expected"),
    [
        ((0.1, 0.05, 0.15), (0.04, 0.01, 0.08), "human sign"),
        ((-0.1, -0.15, -0.05), (0.04, 0.01, 0.08), "opposite of the human sign"),
        ((-0.1, -0.15, -0.05), (-0.04, -0.08, -0.01), "human sign"),
        ((0.1, -0.05, 0.15), (0.04, 0.01, 0.08), "interval holds 0, people's does not"),
        ((0.1, math.nan, math.nan), (0.04, 0.01, 0.08), "interval holds 0, people's does not"),
        ((0.1, 0.05, 0.15), (0.04, -0.01, 0.08), "people's interval holds 0"),
    ],
    ids=["same", "opposite", "both below", "open", "no interval", "people open"],
)
def test_sign_is_said_by_intervals(
    value: tuple[float, float, float], human: tuple[float, float, float], expected: str
) -> None:
    assert sign_beside(Estimate(*value, 90), Estimate(*human, 90)) == expected
    assert sign_beside(Estimate(*value, 90), None) == ""
