"""Statistics against closed forms, SciPy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from cogattn.errors import DataError
from cogattn.statistics.stats import (
    correlation,
    permutation_test,
    random_effects,
    wilson_interval,
)


def test_wilson_interval_is_scipys() -> None:
    for n_correct, n_trials in ((0, 10), (3, 10), (10, 10), (470, 1000)):
        lo, hi = wilson_interval(n_correct, n_trials)
        expected = scipy_stats.binomtest(n_correct, n_trials).proportion_ci(method="wilson")
        assert (lo, hi) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_interval_ends_at_exactly_none_and_all() -> None:
    n = np.arange(1, 2000)
    assert (wilson_interval(n, n)[1] == 1).all()
    assert (wilson_interval(0 * n, n)[0] == 0).all()
    assert (wilson_interval(n - 1, n)[1] < 1).all()


def test_wilson_interval_without_trials_is_all_of_it() -> None:
    lo, hi = wilson_interval([0, 5], [0, 10])
    assert (lo[0], hi[0]) == (0, 1)


def test_wilson_interval_refuses_more_correct_than_trials() -> None:
    with pytest.raises(DataError, match="n_correct must be"):
        wilson_interval(11, 10)


def test_permutation_test_counts_all_permutations_of_small_samples() -> None:
    rng = np.random.default_rng(0)
    found = permutation_test([5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0], paired=False, rng=rng)
    assert found.exact
    assert (found.difference, found.p_value) == pytest.approx((4.0, 2 / 70))
    paired = permutation_test([5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0], paired=True, rng=rng)
    assert paired.p_value == pytest.approx(2 / 16)
    assert paired.n == 4


def test_permutation_p_is_uniform_without_a_difference() -> None:
    rng = np.random.default_rng(2)
    pairs = rng.standard_normal((300, 2, 30))
    p = [permutation_test(a, b, paired=False, rng=rng, n_resamples=199).p_value for a, b in pairs]
    assert scipy_stats.kstest(p, "uniform").pvalue > 0.01
    assert min(p) >= 1 / 200


@pytest.mark.parametrize(("a", "b"), [([], [1.0]), ([np.nan, 1.0], [1.0, 2.0]), ([1.0, 2.0], [1.0])])
def test_permutation_test_refuses_unusable_samples(a: list[float], b: list[float]) -> None:
    with pytest.raises(DataError):
        permutation_test(a, b, paired=True, rng=np.random.default_rng(0))


def test_random_effects_with_equal_errors_has_its_closed_form() -> None:
    y = np.array([1.2, 0.7, 1.9, 1.4, 0.2, 1.1, 2.3, 0.9])
    error = 0.4
    found = random_effects(y, np.full(8, error))
    between = y.var(ddof=1) - error**2
    interval = scipy_stats.t.interval(0.95, 7, y.mean(), y.std(ddof=1) / np.sqrt(8))
    q = y.var() * 8 / scipy_stats.chi2.ppf([0.975, 0.025], 7) - error**2
    assert found.mean == pytest.approx(y.mean())
    assert found.sd == pytest.approx(np.sqrt(between), rel=1e-6)
    assert (found.lo, found.hi) == pytest.approx(interval)
    assert (found.sd_lo, found.sd_hi) == pytest.approx(tuple(np.sqrt(np.maximum(q, 0))), rel=1e-6)


def test_random_effects_without_errors_is_the_t_interval() -> None:
    y = np.array([3.0, 5.0, 4.0, 8.0])
    found = random_effects(y, np.zeros(4))
    assert (found.mean, found.sd) == pytest.approx((5.0, y.std(ddof=1)))
    expected = scipy_stats.t.interval(0.95, 3, 5.0, y.std(ddof=1) / 2)
    assert (found.lo, found.hi) == pytest.approx(expected)


def test_random_effects_spread_is_zero_where_errors_explain_all() -> None:
    found = random_effects([1.0, 1.1, 0.9, 1.05], np.full(4, 0.5))
    assert (found.sd, found.sd_lo) == (0, 0)


def test_random_effects_interval_covers_the_population_mean() -> None:
    rng = np.random.default_rng(4)
    covered, spread_covered = [], []
    for _ in range(1000):
        errors = rng.uniform(0.05, 0.4, 14)
        y = rng.normal(0.5, 0.2, 14) + errors * rng.standard_normal(14)
        found = random_effects(y, errors)
        covered.append(found.lo <= 0.5 <= found.hi)
        spread_covered.append(found.sd_lo <= 0.2 <= found.sd_hi)
    assert 0.93 < np.mean(covered) < 0.97
    assert 0.93 < np.mean(spread_covered) < 0.97


def test_random_effects_of_one_unit_has_no_interval() -> None:
    found = random_effects([2.0], [0.1])
    assert found.mean == 2
    assert np.isnan([found.lo, found.hi, found.sd]).all()


def test_random_effects_refuses_nan() -> None:
    with pytest.raises(DataError, match="finite"):
        random_effects([1.0, np.nan], [0.1, 0.1])


def test_correlation_is_scipys() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal(60)
    y = 0.6 * x + rng.standard_normal(60)
    pearson = correlation(x, y, rng=rng)
    assert pearson.estimate == pytest.approx(scipy_stats.pearsonr(x, y).statistic)
    by_fisher = scipy_stats.pearsonr(x, y).confidence_interval()
    assert (pearson.lo, pearson.hi) == pytest.approx((by_fisher.low, by_fisher.high), abs=0.1)
    assert correlation(x, y, rank=True, rng=rng).estimate == pytest.approx(
        scipy_stats.spearmanr(x, y).statistic
    )


def test_correlation_with_a_constant_is_nan() -> None:
    assert np.isnan(correlation([1, 1, 1, 1], [1, 2, 3, 4], rng=np.random.default_rng(0)).estimate)
