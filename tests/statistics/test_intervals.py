"""Intervals hold what they say at three, eight and sixteen units, and none is claimed where nothing is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from cogattn.errors import DataError
from cogattn.measures import Estimate
from cogattn.statistics.intervals import (
    bootstrap,
    mean_interval,
    median_interval,
    peak_interval,
    scatter_interval,
    statistic_interval,
    widened,
)

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
POPULATIONS: dict[str, tuple[Draw, float, float]] = {
    "normal": (lambda rng, shape: rng.standard_normal(shape), 0.0, 0.0),
    "exponential": (lambda rng, shape: rng.exponential(size=shape), 1.0, float(np.log(2))),
    "log-normal": (lambda rng, shape: rng.lognormal(size=shape), float(np.exp(0.5)), 1.0),
}
"""How units are drawn, their mean, their median."""
NOMINAL = {"normal": (0.93, 1.0), "exponential": (0.85, 0.95), "log-normal": (0.8, 0.9)}
"""What intervals of a mean must hold at 3, 8 and 16 units, as the module says, and four standard errors."""


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def held(found: list[Estimate], truth: float) -> float:
    """Share of intervals that hold the truth; those without bounds hold nothing."""
    return float(np.mean([e.lo <= truth <= e.hi for e in found]))


def pearson(rows: np.ndarray) -> float:
    return 0.0 if (np.ptp(rows, axis=0) == 0).any() else float(np.corrcoef(rows.T)[0, 1])


@pytest.mark.parametrize("n", [3, 8, 16])
@pytest.mark.parametrize("population", POPULATIONS)
def test_intervals_of_means_hold_as_often_as_the_module_says(population: str, n: int) -> None:
    draw, mean, _ = POPULATIONS[population]
    least, most = NOMINAL[population]
    assert least <= held([mean_interval(x) for x in draw(rng(), (2000, n))], mean) <= most


@pytest.mark.parametrize("population", POPULATIONS)
def test_intervals_of_any_statistic_of_few_units_are_students(population: str) -> None:
    """The pseudo-values of a mean are the values."""
    draw, _, _ = POPULATIONS[population]
    for x in draw(rng(), (20, 8)):
        by_jackknife, by_t = statistic_interval(x, np.mean, rng=rng()), mean_interval(x)
        assert (by_jackknife.lo, by_jackknife.hi) == pytest.approx((by_t.lo, by_t.hi))


@pytest.mark.slow
def test_intervals_of_any_statistic_of_sixteen_units_hold() -> None:
    draws, random = rng().standard_normal((200, 16)), rng()
    for statistic in (np.mean, np.median):
        found = [statistic_interval(x, statistic, rng=random, n_resamples=300) for x in draws]
        assert held(found, 0) > 0.95 - 3 * (0.95 * 0.05 / 200) ** 0.5
        assert held(found, 0) < 0.99


@pytest.mark.parametrize("n", [4, 8, 16])
@pytest.mark.parametrize("r", [0.0, 0.9])
@pytest.mark.slow
def test_intervals_of_correlations_hold_and_stay_in_range(n: int, r: float) -> None:
    random, root = rng(), np.linalg.cholesky([[1, r], [r, 1]])
    found = [
        statistic_interval(
            random.standard_normal((n, 2)) @ root.T, pearson, rng=random, scale="correlation", n_resamples=300
        )
        for _ in range(200)
    ]
    assert held(found, r) > 0.95 - 3 * (0.95 * 0.05 / 200) ** 0.5
    assert all(-1 <= e.lo <= e.hi <= 1 for e in found)


def test_three_units_have_no_correlation_to_speak_of() -> None:
    """Any two of them lie on a line."""
    for rows in rng().standard_normal((1000, 3, 2)):
        assert np.isnan(statistic_interval(rows, pearson, rng=rng(), scale="correlation").lo)


@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("n", [8, 16])
def test_intervals_of_medians_hold_whatever_the_population(population: str, n: int) -> None:
    draw, _, median = POPULATIONS[population]
    found = [median_interval(x) for x in draw(rng(), (1000, n))]
    assert held(found, median) > 0.95 - 3 * (0.95 * 0.05 / 1000) ** 0.5


def test_a_median_of_few_units_is_refused_an_interval_by_jackknife() -> None:
    """Pseudo-values of the median hold .76 of the claimed .95 at eight units."""
    for n in (4, 5, 8, 9):
        found = statistic_interval(rng().standard_normal(n), np.median, rng=rng())
        assert np.isnan([found.lo, found.hi]).all()
        assert found.n == n
    assert np.isnan(median_interval(np.arange(5.0)).lo)
    six = median_interval(np.arange(6.0))
    assert (six.lo, six.estimate, six.hi) == (0.0, 2.5, 5.0)


def test_the_scale_is_that_of_the_pseudo_values() -> None:
    """The SD of normal values: on its logarithm the interval holds, as it is it does not."""
    draws = rng().standard_normal((1000, 8))

    def sd(values: np.ndarray) -> float:
        return float(values.std(ddof=1))

    plain = [statistic_interval(x, sd, rng=rng()) for x in draws]
    logarithmic = [statistic_interval(x, sd, rng=rng(), scale="log") for x in draws]
    assert held(plain, 1) < 0.91 < 0.93 < held(logarithmic, 1)
    for share in (0.02, 0.5):
        found = statistic_interval(np.array([share, share / 2, 0.0]), np.mean, rng=rng(), scale="share")
        assert 0 <= found.lo <= found.estimate <= found.hi <= 1


def test_a_mean_is_cut_to_its_range_and_leaves_out_what_is_missing() -> None:
    found = mean_interval([0.1, np.nan, 0.9], lowest=0.0, highest=1.0)
    assert (found.lo, found.hi, found.n) == (0.0, 1.0, 2)
    free = mean_interval([0.1, 0.9])
    expected = stats.ttest_1samp([0.1, 0.9], 0).confidence_interval()
    assert (free.lo, free.hi) == pytest.approx((expected.low, expected.high))
    narrow = mean_interval([0.1, 0.9], confidence=0.5)
    assert free.lo < narrow.lo < narrow.hi < free.hi


def test_units_that_cannot_tell_how_others_differ_have_no_interval() -> None:
    for values, estimate in (([0.7], 0.7), ([0.7] * 3, 0.7), ([1.0, np.inf], np.inf)):
        for found in (mean_interval(values), statistic_interval(values, np.mean, rng=rng())):
            assert (found.estimate, found.n) == (pytest.approx(estimate), len(values))
            assert np.isnan([found.lo, found.hi]).all()
    assert mean_interval([]).n == mean_interval([np.nan]).n == 0
    assert np.isnan(statistic_interval([2.0] * 12, np.mean, rng=rng()).lo)


@pytest.mark.parametrize("method", ["percentile", "BCa"])
def test_bootstrap_interval_of_a_mean_covers_it(method: str) -> None:
    random = np.random.default_rng(1)
    samples = random.normal(3.0, 2.0, (300, 12))
    found = [bootstrap(s, np.mean, rng=random, method=method, n_resamples=300) for s in samples]
    assert 0.95 - 3 * (0.95 * 0.05 / 300) ** 0.5 < held(found, 3.0) < 0.99
    assert {e.n for e in found} == {12}


def test_bootstrap_draws_whole_rows() -> None:
    rows = np.column_stack([np.arange(30.0), 2 * np.arange(30.0)])
    found = bootstrap(
        rows, lambda r: r[:, 1].sum() / r[:, 0].sum(), rng=rng(), method="percentile", n_resamples=200
    )
    assert (found.lo, found.estimate, found.hi) == pytest.approx((2, 2, 2))


def test_bootstrap_of_one_unit_has_no_interval() -> None:
    found = bootstrap([4.0], np.mean, rng=rng())
    assert found.estimate == 4
    assert np.isnan([found.lo, found.hi]).all()


def test_the_widened_level_reaches_as_far_as_students() -> None:
    for n in (3, 10, 1000):
        z = stats.norm.isf((1 - widened(0.95, n)) / 2)
        assert z * np.sqrt((n - 1) / n) == pytest.approx(stats.t.isf(0.025, n - 1))
    assert widened(0.95, 10**6) == pytest.approx(0.95, abs=1e-5)


def test_the_interval_of_a_mean_from_the_scatter_of_its_samples_is_students() -> None:
    units = rng().standard_normal((6, 2))
    means = rng().choice(units, (40_000, 6)).mean(axis=1)  # (sample, column)
    lo, hi = scatter_interval(units.mean(axis=0), means, 6, confidence=0.9)
    wanted = stats.t.interval(0.9, 5, units.mean(axis=0), stats.sem(units))
    np.testing.assert_allclose([lo, hi], wanted, atol=0.02)


@pytest.mark.parametrize("n", [3, 8, 16])
def test_intervals_of_a_peak_hold_the_populations(n: int) -> None:
    """Units differ in height and in where they peak; noise is rough."""
    random, x = rng(), np.arange(20.0, 61.0)

    def drawn(n_units: int) -> np.ndarray:
        centre = 40.3 + 3 * random.standard_normal((n_units, 1))
        return random.uniform(0.5, 1.5, (n_units, 1)) * np.exp(-0.5 * ((x - centre) / 6) ** 2)

    truth = x[np.argmax(drawn(100_000).mean(axis=0))]
    found = [
        peak_interval(curves + 0.2 * random.standard_normal(curves.shape), x)
        for curves in (drawn(n) for _ in range(200))
    ]
    assert held(found, truth) > 0.95 - 3 * (0.95 * 0.05 / 200) ** 0.5
    assert all(e.lo <= e.estimate <= e.hi for e in found)
    assert np.median([e.hi - e.lo for e in found]) < (20 if n == 3 else 10)


def test_a_place_leaves_the_interval_of_a_peak_where_students_test_says_so() -> None:
    """Three units lead at the first place by 1, 2 and 3, t = 3.46, above Student's 2.92; less .4 it is 2.77."""
    for shift, hi in ((0.0, 1.0), (-0.4, 2.0)):
        curves = [[lead + shift, 0.0] for lead in (1.0, 2.0, 3.0)]
        found = peak_interval(curves, [1.0, 2.0])
        assert (found.estimate, found.lo, found.hi) == (1.0, 1.0, hi)


def test_a_peak_of_one_curve_has_no_interval_and_places_must_match() -> None:
    found = peak_interval([[1.0, 3.0, 2.0]], [5.0, 6.0, 7.0])
    assert (found.estimate, found.n) == (6.0, 1)
    assert np.isnan(found.lo)
    alike = peak_interval([[1.0, 3.0, 2.0]] * 3, [5.0, 6.0, 7.0])
    assert (alike.lo, alike.hi) == (6.0, 6.0)
    with pytest.raises(DataError, match="3 places"):
        peak_interval([[1.0, 2.0]], [5.0, 6.0, 7.0])
