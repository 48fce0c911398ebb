"""Differences: published intervals, the classical formula, SciPy, and coverage by simulation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from cogattn.errors import DataError
from cogattn.measures import Estimate
from cogattn.statistics.differences import independent_difference, paired_difference
from cogattn.statistics.stats import wilson_interval


def wilson(right: int, shown: int) -> Estimate:
    lo, hi = wilson_interval(right, shown)
    return Estimate(right / shown, float(lo), float(hi), shown)


@pytest.mark.parametrize(
    ("a", "b", "lo", "hi"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_difference_of_two_shares_is_newcombes(a, b, lo, hi):
    """Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 10."""
    found = independent_difference(wilson(*a), wilson(*b), scale="share")
    assert found.estimate == pytest.approx(a[0] / a[1] - b[0] / b[1])
    assert (found.lo, found.hi) == pytest.approx((lo, hi), abs=1.1e-4)
    assert found.n == min(a[1], b[1])


def test_symmetric_intervals_give_the_root_of_the_sum_of_squares():
    found = independent_difference(Estimate(5, 4.4, 5.6, 30), Estimate(3, 2.2, 3.8, 20))
    assert (found.estimate, found.lo, found.hi) == pytest.approx((2, 1, 3))


def test_what_is_compared_by_ratios_gives_a_ratio_and_its_reciprocal_the_other_way_round():
    a, b = Estimate(2.5, 2.0, 3.4, 10), Estimate(1.4, 1.3, 1.5, 14)
    found, other = (independent_difference(*pair, scale="log") for pair in ((a, b), (b, a)))
    assert found.estimate == pytest.approx(2.5 / 1.4)
    assert (1 / other.hi, 1 / other.lo) == pytest.approx((found.lo, found.hi))
    lo = math.log(2.5 / 1.4) - math.hypot(math.log(2.5 / 2.0), math.log(1.5 / 1.4))
    assert found.lo == pytest.approx(math.exp(lo))


def test_open_ends_stay_open_and_missing_ones_missing():
    half_open = independent_difference(Estimate(2, 0, 4, 9), Estimate(1, 0.5, 2, 9), scale="log")
    assert half_open.lo == 0
    assert math.isfinite(half_open.hi)
    bare = independent_difference(Estimate.bare(2, 9), Estimate(1, 0.5, 2, 9))
    assert bare.estimate == 1
    assert math.isnan(bare.lo)
    assert math.isnan(bare.hi)


def test_a_ratio_of_log_normal_estimates_is_covered():
    """2,000 draws; binomial error of .95 is .005."""
    rng = np.random.default_rng(0)
    true, errors = np.log([2.0, 1.4]), np.array([0.2, 0.1])
    drawn = true + errors * rng.standard_normal((2000, 2))
    inside = 0
    for logs in drawn:
        first, second = (
            Estimate(*np.exp([x, x - 1.96 * e, x + 1.96 * e]), 100) for x, e in zip(logs, errors, strict=True)
        )
        found = independent_difference(first, second, scale="log")
        inside += found.lo < 2.0 / 1.4 < found.hi
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


def test_few_pairs_have_students_interval_and_an_exact_permutation():
    x, y = np.array([3.1, 2.7, 4.4, 5.0, 3.9, 4.1]), np.array([2.5, 2.9, 3.6, 4.1, 3.8, 3.0])
    found = paired_difference(x, y, rng=np.random.default_rng(0))
    ends = stats.ttest_rel(x, y).confidence_interval()
    assert (found.value.lo, found.value.hi) == pytest.approx((ends.low, ends.high))
    means = [abs(np.mean((x - y) * signs)) for signs in product([1, -1], repeat=6)]
    exact = np.mean(np.array(means) >= abs(np.mean(x - y)) - 1e-12)
    assert found.p_value == pytest.approx(exact)
    assert found.value.n == 6


def test_pairs_on_a_log_scale_give_the_geometric_mean_of_their_ratios():
    x = np.array([2.0, 8.0, 3.0])
    found = paired_difference(x, x / [2, 4, 8], scale="log", rng=np.random.default_rng(0))
    assert found.value.estimate == pytest.approx(4)
    assert found.value.lo < 4 < found.value.hi


def test_pairing_tells_what_independent_samples_do_not():
    """Observers differ by far more than the runs do."""
    rng = np.random.default_rng(1)
    level = rng.normal(0, 10, 14)
    first, second = level + 1 + rng.normal(0, 0.5, 14), level + rng.normal(0, 0.5, 14)
    found = paired_difference(first, second, rng=rng)
    assert found.value.lo > 0
    assert found.p_value < 0.01
    assert stats.ttest_ind(first, second).pvalue > 0.5


def test_values_that_do_not_pair_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="as many on both sides"):
        paired_difference([1.0, 2.0], [1.0], rng=rng)
    with pytest.raises(DataError, match="above 0"):
        paired_difference([1.0, 2.0], [1.0, 0.0], scale="log", rng=rng)
    alone = paired_difference([2.0], [1.0], rng=rng)
    assert alone.value.estimate == 1
    assert math.isnan(alone.p_value)
