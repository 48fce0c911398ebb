from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.errors import DataError
from cogattn.psychophysics.search import people
from cogattn.psychophysics.search.agreement import Agreement, agreement, agreements, rank_correlation

PEOPLE = people.human_times()
OWN = dict(people.human_slopes()[["condition", "slope_ms"]].to_numpy())


def times_of(slopes: dict[str, float], *, base: float = 600.0) -> pd.DataFrame:
    """Times on straight lines, for the 40 places at which people were tested."""
    rows = PEOPLE[["task", "condition", "role", "set_size"]].copy()
    return rows.assign(rt_ms=base + rows["condition"].map(slopes).astype(float) * rows["set_size"])


def measured(truth: pd.DataFrame, *, n: int, sd: float, rng: np.random.Generator) -> Agreement:
    """What n displays a mean with such expected times and such scatter would say, and resamples of them."""
    means = truth["rt_ms"].to_numpy(float) + sd / np.sqrt(n) * rng.standard_normal(40)
    error = sd * np.sqrt(rng.chisquare(n - 1, 40) / (n - 1) / n)
    resampled = means[:, None] + error[:, None] * rng.standard_normal((40, 300))
    return agreement(truth.assign(rt_ms=means, resampled=list(resampled)), PEOPLE)


def test_own_slopes_reach_the_ceiling_and_flat_ones_gain_nothing() -> None:
    scaled = agreement(times_of({k: 3 * v for k, v in OWN.items()}), PEOPLE)
    assert scaled.log_likelihood == pytest.approx(scaled.ceiling)
    assert scaled.share == pytest.approx(1)
    assert scaled.scale == pytest.approx(1 / 3)
    assert (scaled.correlation, scaled.rank_correlation, scaled.log_correlation) == pytest.approx((1, 1, 1))
    flat = agreement(times_of(dict.fromkeys(OWN, 0.0)), PEOPLE)
    assert (flat.log_likelihood, flat.curve_likelihood, flat.line_likelihood, flat.share) == (0, 0, 0, 0)
    assert (flat.scale, flat.n_positive) == (0, 0)
    assert np.isnan([flat.correlation, flat.rank_correlation, flat.log_correlation]).all()
    turned = agreement(times_of({k: -v for k, v in OWN.items()}), PEOPLE)
    assert (turned.scale, turned.log_likelihood, turned.curve_likelihood) == (0, 0, 0)
    assert turned.correlation == pytest.approx(-1)
    assert (flat.n_conditions, flat.n_times) == (12, 40)


def test_likelihoods_are_those_of_linear_models_fitted_by_another_library() -> None:
    """Half the log of the ratio of two residual sums of squares, of models that differ in one coefficient."""
    rng = np.random.default_rng(3)
    truth = times_of({name: 20 + 30 * rng.random() for name in OWN})
    truth["rt_ms"] += 80 * rng.standard_normal(40)
    found = agreement(truth, PEOPLE)
    human, own = PEOPLE["rt_ms"].to_numpy(), truth["rt_ms"].to_numpy()
    offsets = pd.get_dummies(PEOPLE["condition"]).to_numpy(float)
    slope = np.zeros(40)
    for condition, rows in truth.groupby("condition"):
        slope[rows.index] = np.polyfit(rows["set_size"], rows["rt_ms"], 1)[0] * rows["set_size"]
        assert condition in OWN

    def gain(without: np.ndarray, extra: np.ndarray) -> float:
        sums = [
            np.linalg.lstsq(x, human, rcond=None)[1][0] for x in (without, np.column_stack([without, extra]))
        ]
        return 0.5 * np.log(sums[0] / sums[1])

    assert found.log_likelihood == pytest.approx(gain(offsets, slope))
    assert found.curve_likelihood == pytest.approx(gain(offsets, own))
    assert found.line_likelihood == pytest.approx(gain(np.ones((40, 1)), own))
    coefficients = np.linalg.lstsq(np.column_stack([offsets, slope]), human, rcond=None)[0]
    assert found.scale == pytest.approx(coefficients[-1])


def test_curves_and_levels_count_where_they_are_asked_for() -> None:
    """People's own times are told perfectly as curves, and no better than by their slopes as slopes."""
    own = agreement(PEOPLE, PEOPLE)
    assert own.log_likelihood == pytest.approx(own.ceiling) == pytest.approx(1.904, abs=0.001)
    assert own.curve_likelihood > 10
    assert own.line_likelihood > 10
    shifted = PEOPLE.assign(rt_ms=PEOPLE["rt_ms"] + 300 * (PEOPLE["role"] == "easy"))
    other = agreement(shifted, PEOPLE)
    assert other.curve_likelihood > 10
    assert other.line_likelihood < 0.5
    straight = agreement(times_of(OWN), PEOPLE)
    assert straight.curve_likelihood == pytest.approx(straight.ceiling)


def test_nothing_depends_on_the_unit_of_times_or_on_what_a_fixation_costs() -> None:
    rng = np.random.default_rng(0)
    a = measured(times_of(OWN), n=10, sd=100, rng=rng)
    rng = np.random.default_rng(0)
    truth = times_of(OWN)
    b = measured(truth.assign(rt_ms=7 * truth["rt_ms"] - 50), n=10, sd=700, rng=rng)
    for name, value in vars(a).items():
        expected = value / 7 if name == "scale" else value
        assert getattr(b, name) == pytest.approx(expected, rel=1e-6), name


def test_log_slopes_are_correlated_where_both_are_above_zero() -> None:
    slopes = {name: np.exp(number) for number, name in enumerate(OWN)}
    left_out = dict(zip(OWN, [-5.0, 0.0, *list(slopes.values())[2:]], strict=True))
    found = agreement(times_of(left_out), PEOPLE)
    x, y = np.log(list(slopes.values())[2:]), np.log(list(OWN.values())[2:])
    assert found.n_positive == 10
    assert found.log_correlation == pytest.approx(stats.pearsonr(x, y)[0])


def test_correlations_and_their_intervals_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    slopes = dict(zip(OWN, rng.uniform(1, 60, 12), strict=True))
    found = agreement(times_of(slopes), PEOPLE)
    pearson = stats.pearsonr(list(slopes.values()), list(OWN.values()))
    interval = pearson.confidence_interval()
    assert (found.correlation, found.correlation_lo, found.correlation_hi) == pytest.approx(
        (pearson.statistic, interval.low, interval.high), abs=1e-5
    )
    rank = stats.spearmanr(list(slopes.values()), list(OWN.values())).statistic
    assert found.rank_correlation == pytest.approx(rank)
    half = 1.959964 * np.sqrt((1 + rank**2 / 2) / 9)
    assert np.arctanh([found.rank_correlation_lo, found.rank_correlation_hi]) == pytest.approx(
        [np.arctanh(rank) - half, np.arctanh(rank) + half], abs=1e-5
    )


def test_three_pairs_and_constant_values_have_no_correlation() -> None:
    assert np.isnan(rank_correlation([1, 2, 3], [1, 2, 3])).all()
    assert np.isnan(rank_correlation([1, 1, 1, 1], [1, 2, 3, 4])).all()
    assert rank_correlation([1, 2, 3, 4], [1, 2, 3, 40])[0] == pytest.approx(1)


@pytest.mark.parametrize("r", [0.0, 0.5, 0.8])
def test_intervals_of_correlations_over_twelve_conditions_hold_the_truth(r: float) -> None:
    rng, n = np.random.default_rng(2), 800
    truth = np.array([r, 6 / np.pi * np.arcsin(r / 2)])  # Pearson's, and Spearman's of normal variables
    held = np.zeros(2)
    for _ in range(n):
        x, noise = rng.standard_normal((2, 12))
        y = r * x + np.sqrt(1 - r**2) * noise
        interval = stats.pearsonr(x, y).confidence_interval()
        _, lo, hi = rank_correlation(x, y)
        held += [interval.low <= truth[0] <= interval.high, lo <= truth[1] <= hi]
    assert (held / n > 0.93).all()
    assert (held / n < 0.98).all()


@pytest.mark.parametrize(("kind", "n", "sd"), [("none", 10, 100), ("any", 20, 150), ("people", 30, 250)])
def test_intervals_of_likelihoods_hold_the_truth_from_no_slopes_to_peoples_own(
    kind: str, n: int, sd: float
) -> None:
    rng = np.random.default_rng(4)
    slopes = {
        "none": dict.fromkeys(OWN, 0.0),
        "any": dict(zip(OWN, rng.uniform(0, 60, 12), strict=True)),
        "people": OWN,
    }[kind]
    truth = agreement(times_of(slopes), PEOPLE)
    names = ("log_likelihood", "share", "curve_likelihood", "line_likelihood")
    held, runs = np.zeros(len(names)), 150
    for _ in range(runs):
        found = measured(times_of(slopes), n=n, sd=sd, rng=rng)
        for number, name in enumerate(names):
            lo, value, hi = (getattr(found, key) for key in (f"{name}_lo", name, f"{name}_hi"))
            assert lo <= value <= hi
            held[number] += lo - 1e-9 <= getattr(truth, name) <= hi + 1e-9
    assert (held / runs > 0.9).all(), held
    if kind == "any":
        assert (held / runs < 0.99).any()  # not simply wide


def test_no_resamples_no_interval_and_no_condition_is_refused() -> None:
    found = agreement(times_of(OWN), PEOPLE)
    assert np.isnan([found.log_likelihood_lo, found.curve_likelihood_hi, found.share_lo]).all()
    with pytest.raises(DataError, match="got elsewhere"):
        agreement(times_of(OWN).assign(condition="elsewhere"), PEOPLE)


def test_observers_are_held_against_people_one_by_one() -> None:
    flat = dict.fromkeys(OWN, 0.0)
    both = pd.concat([times_of(OWN).assign(observer="own"), times_of(flat).assign(observer="flat")])
    table = agreements(both).set_index("observer")
    assert table["share"].to_dict() == pytest.approx({"own": 1.0, "flat": 0.0})
    assert agreements(both.iloc[:0]).empty
    assert agreements(both.iloc[:0]).columns.tolist() == ["observer", *vars(agreement(PEOPLE, PEOPLE))]
