"""Relations over observers: closed forms, scikit-learn and simulated observers of known reliability agree."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import LeaveOneGroupOut, LeaveOneOut, cross_val_predict

from cogattn.errors import DataError
from cogattn.statistics.relations import (
    RELATION_COLUMNS,
    left_out_r2,
    logged,
    partial_correlation,
    relate,
    reliability,
    spearman_brown,
    split_half,
    trials_for,
    variance_explained,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_partial_correlation_is_the_closed_form_of_the_three_correlations():
    x, y, z = rng(1).standard_normal((3, 40))
    x, y = x + z, y - 2 * z
    r = np.corrcoef([x, y, z])
    closed = (r[0, 1] - r[0, 2] * r[1, 2]) / math.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    found = partial_correlation(x, y, z, rng=rng())
    assert found.estimate == pytest.approx(closed)
    assert found.lo < closed < found.hi
    assert found.n == 40


def test_what_the_control_makes_alone_is_gone_when_it_is_held_constant():
    z = rng(2).standard_normal(400)
    x, y = z + rng(3).standard_normal((2, 400)) / 3
    assert np.corrcoef(x, y)[0, 1] > 0.8
    found = partial_correlation(x, y, z, rng=rng())
    assert found.lo < 0 < found.hi
    assert math.isnan(partial_correlation(z, y, z, rng=rng()).estimate)
    assert math.isnan(partial_correlation(x[:4], y[:4], z[:4].repeat(2).reshape(4, 2), rng=rng()).estimate)


def test_families_left_out_are_predicted_as_by_scikit_learn():
    x = rng(4).standard_normal((30, 2))
    family = np.array([f"family {k}" for k in rng(5).integers(0, 6, 30)])
    y = x @ [1, -1] + rng(6).standard_normal(30)
    splits = LeaveOneGroupOut()
    predicted, means = (
        cross_val_predict(LinearRegression(), design, y, groups=family, cv=splits)
        for design in (x, np.zeros((30, 1)))
    )
    truth = 1 - ((y - predicted) ** 2).sum() / ((y - means) ** 2).sum()
    assert left_out_r2(x, y, family) == pytest.approx(truth)
    assert math.isnan(left_out_r2(x, y, ["one"] * 30))
    assert math.isfinite(left_out_r2(x, y, ["one"] * 15 + ["two"] * 15))


def test_a_relation_within_families_only_does_not_hold_for_a_family_left_out():
    """Each family has its own level, which the predictor tells as long as some of the family is known."""
    family = np.repeat(np.arange(5), 8)
    level, shift = rng(7).permutation(5)[family], rng(8).normal(0, 10, 5)[family]
    x = np.eye(5)[family][:, :4]
    y = level * 3.0 + shift + rng(9).normal(0, 0.1, 40)
    table = pd.DataFrame(x, columns=list("abcd")).assign(y=y)
    found = relate(table, "y", predictors=list("abcd"), families=list(family), rng=rng(), n_resamples=20)
    rows = found.set_index(["measure", "predictor"])["estimate"]
    assert rows["variance explained, leave-one-out", "all"] > 0.99
    assert rows["variance explained, leave-one-family-out", "all"] < 0.3


def test_a_control_gives_three_models_and_a_partial_correlation_of_each_predictor():
    drawn = rng(10).standard_normal((60, 3))
    c, x, z = np.linalg.qr(drawn - drawn.mean(axis=0))[0].T  # exactly uncorrelated
    table = pd.DataFrame({"c": [*c, np.nan], "x": [*x, 9.0], "z": [*z, 9.0], "y": [*(c + x), 0.0]})
    found = relate(table, "y", predictors=["x", "z"], control=["c"], rng=rng(), n_resamples=50)
    assert tuple(found.columns) == RELATION_COLUMNS
    assert set(found["n"]) == {60}
    assert set(found["n_left_out"]) == {1}
    rows = found.set_index(["measure", "predictor"])["estimate"]
    assert rows["variance explained", "all"] == pytest.approx(0.5)
    assert rows["variance explained", "control"] == pytest.approx(0.5)
    assert rows["variance explained", "all and control"] == pytest.approx(1)
    assert rows["partial correlation", "x"] == pytest.approx(1)
    assert rows["partial correlation", "z"] == pytest.approx(0, abs=1e-9)


def test_octaves_are_logarithms_already():
    assert logged(scale="log", unit="c/image")
    assert logged(scale="log", unit="")
    assert not logged(scale="log", unit="octaves")
    assert not logged(scale="share", unit="share")


# ---- reliability


def test_what_does_not_vary_explains_nothing_and_is_said_to():
    x, y = rng(1).standard_normal((2, 12))
    table = pd.DataFrame({"x": x, "y": y, "still": np.full(12, 5.0)})
    alone = relate(table, "y", predictors=["still"], rng=rng())
    assert alone["estimate"].isna().all()
    assert alone["lo"].isna().all()
    assert alone["note"].tolist() == ["still does not vary"] * 3
    beside = relate(table, "y", predictors=["still"], control=["x"], rng=rng()).set_index(
        ["measure", "predictor"]
    )
    assert beside["estimate"].notna().groupby("predictor").any().to_dict() == {
        "all": False, "all and control": True, "control": True, "still": False,
    }  # fmt: skip
    told = relate(table, "still", predictors=["x", "y"], rng=rng())
    assert told["estimate"].isna().all()
    assert set(told["note"]) == {"still does not vary"}


def test_reliability_of_twice_the_trials_is_spearmans_and_browns():
    assert spearman_brown(0.5, 2) == pytest.approx(2 / 3)
    assert spearman_brown(0.54, 1) == 0.54
    assert spearman_brown(-1.0, 2) == -math.inf


def test_reliability_of_simulated_observers_is_the_share_of_true_variance():
    """True values of SD 1, errors of SD .5: .8; half of the trials double the error variance: 2 / 3."""
    true = rng(11).standard_normal(1500)
    error = rng(12).normal(0, math.sqrt(0.5), (2, 1500))
    whole = reliability(true + error.mean(axis=0), np.full(1500, 0.5))
    assert whole.estimate == pytest.approx(0.8, abs=0.03)
    assert whole.lo < 0.8 < whole.hi
    halves = split_half(*(true + error), rng=rng())
    pearson_of_halves, of_ranks = 2 / 3, 6 / math.pi * math.asin(1 / 3)  # of normal values
    assert of_ranks < pearson_of_halves
    assert halves.half.estimate == pytest.approx(of_ranks, abs=0.04)
    assert halves.full.estimate == pytest.approx(spearman_brown(halves.half.estimate, 2))
    assert halves.full.lo < spearman_brown(of_ranks, 2) < halves.full.hi


def test_reliability_follows_the_formula_and_says_when_errors_are_as_large_as_the_spread():
    found = reliability([1.0, 2.0, 4.0], [0.5, 0.5, 1.0])
    assert found.estimate == pytest.approx(1 - 0.5 / np.var([1, 2, 4], ddof=1))
    assert reliability([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]).estimate == pytest.approx(-3)
    assert math.isnan(reliability([1.0, 1.0, 1.0], [0.1] * 3).estimate)
    assert math.isnan(reliability([1.0, 2.0], [0.1] * 2).estimate)
    with pytest.raises(DataError, match="finite"):
        reliability([1.0, math.nan, 2.0], [0.1] * 3)


@pytest.mark.parametrize("n", [3, 5, 9, 10, 30])
def test_no_reliability_is_above_1_however_few_tell_it(n: int):
    estimates = np.linspace(0, 1, n) ** 2
    found = reliability(estimates, np.full(n, 0.1))
    assert found.lo < found.estimate < found.hi < 1


@pytest.mark.parametrize("n", [5, 10, 30])
@pytest.mark.parametrize("true", [0.0, 0.5, 0.9])
def test_the_interval_of_few_observers_holds_their_reliability(n: int, true: float):
    held, draws = 0, rng(3)
    for _ in range(400):
        found = reliability(draws.standard_normal(n), np.full(n, math.sqrt(1 - true)))
        held += found.lo <= true <= found.hi
    assert held / 400 >= 0.92


def test_observers_without_a_value_in_some_half_are_left_out():
    first = np.array([[1.0, 2, 3, 4, 5], [1, 2, 3, 4, np.nan]])
    found = split_half(first, first, rng=rng())
    assert found.half.n == 4
    assert found.n_splits == 2
    assert found.half.estimate == pytest.approx(1)
    assert math.isnan(split_half([1.0, 2], [1.0, 2], rng=rng()).half.estimate)


@pytest.mark.parametrize(("now", "n"), [(0.54, 1050), (0.85, 1050), (0.9, 300), (0.97, 300)])
def test_so_many_trials_have_the_reliability_that_was_asked_for(now: float, n: int):
    needed = trials_for(now, n, 0.9)
    assert needed == int(needed)
    assert spearman_brown(now, needed / n) >= 0.9 - 1e-9
    assert spearman_brown(now, (needed - 1) / n) < 0.9


def test_no_number_of_trials_is_known_where_nothing_is_reliable():
    assert trials_for(0.0, 100) == math.inf
    assert trials_for(-0.4, 100) == math.inf
    assert math.isnan(trials_for(math.nan, 100))
    with pytest.raises(DataError, match="between 0 and 1; got 1"):
        trials_for(0.5, 100, 1.0)


def test_variance_explained_by_one_predictor_is_the_squared_correlation() -> None:
    draws = np.random.default_rng(6)
    x = draws.standard_normal((50, 1))
    y = x[:, 0] + draws.standard_normal(50)
    found = variance_explained(x, y, rng=draws, n_resamples=200)
    assert found.estimate == pytest.approx(np.corrcoef(x[:, 0], y)[0, 1] ** 2)
    assert found.lo < found.estimate < found.hi


def test_leave_one_out_r2_is_that_of_refits() -> None:
    draws = np.random.default_rng(7)
    x = draws.standard_normal((20, 3))
    y = x @ [1.0, -0.5, 0.0] + draws.standard_normal(20)
    error, baseline = 0.0, 0.0
    for i in range(20):
        others = np.delete(np.arange(20), i)
        design = np.column_stack([np.ones(20), x])
        beta = np.linalg.lstsq(design[others], y[others], rcond=None)[0]
        error += (y[i] - design[i] @ beta) ** 2
        baseline += (y[i] - y[others].mean()) ** 2
    assert left_out_r2(x, y, range(20)) == pytest.approx(1 - error / baseline)


def test_leave_one_out_r2_of_noise_is_not_positive_on_average() -> None:
    draws = np.random.default_rng(8)
    drawn = [(draws.standard_normal((30, 4)), draws.standard_normal(30)) for _ in range(200)]
    found = [variance_explained(x, y, rng=draws, n_resamples=5).estimate for x, y in drawn]
    assert np.mean(found) == pytest.approx(4 / 29, abs=0.02)
    assert np.mean([left_out_r2(x, y, range(30)) for x, y in drawn]) < 0


def test_variance_explained_without_enough_units_is_nan() -> None:
    found = variance_explained(np.eye(3), [1.0, 2.0, 3.0], rng=np.random.default_rng(0))
    assert np.isnan(found.estimate)
    assert found.n == 3


def test_collinear_predictors_count_once() -> None:
    draws = np.random.default_rng(9)
    x = draws.standard_normal((40, 1))
    y = x[:, 0] + draws.standard_normal(40)
    once = variance_explained(x, y, rng=np.random.default_rng(0), n_resamples=50)
    twice = variance_explained(np.hstack([x, 2 * x]), y, rng=np.random.default_rng(0), n_resamples=50)
    assert twice.estimate == pytest.approx(once.estimate)
    loo, loo_twice = (left_out_r2(each, y, range(40)) for each in (x, np.hstack([x, 2 * x])))
    assert loo_twice == pytest.approx(loo)


THREE = ("bandwidth", "centre", "peak")


def related(n: int, *, noise: float) -> pd.DataFrame:
    """Networks whose outcome is the difference of two predictors, of unit variance, plus noise."""
    draws = rng(20)
    table = pd.DataFrame(draws.standard_normal((n, 3)), columns=list(THREE))
    outcome = (table["bandwidth"] - table["centre"]) / 2**0.5 + noise * draws.standard_normal(n)
    return table.assign(outcome=outcome)


def told(table: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    found = relate(table, "outcome", predictors=THREE, rng=rng(), n_resamples=100)
    assert tuple(found.columns) == RELATION_COLUMNS
    return {(row["measure"], row["predictor"]): row for _, row in found.iterrows()}


@pytest.mark.slow
def test_what_is_explained_wholly_or_half_is_found_so():
    whole, half = told(related(30, noise=0.0)), told(related(800, noise=1.0))
    for measure in ("variance explained", "variance explained, leave-one-out"):
        assert whole[measure, "all"]["estimate"] == pytest.approx(1)
    explained = half["variance explained", "all"]
    assert explained["estimate"] == pytest.approx(0.5, abs=0.08)
    assert explained["lo"] < 0.5 < explained["hi"]
    for predictor, truth in zip(THREE, (0.5, -0.5, 0.0), strict=True):
        assert half["Pearson correlation", predictor]["estimate"] == pytest.approx(truth, abs=0.1)


def test_all_of_a_relation_is_that_of_scikit_learn_and_scipy():
    table = related(25, noise=0.5)
    found, x, y = told(table), table[list(THREE)].to_numpy(), table["outcome"].to_numpy()
    predicted, means = (
        cross_val_predict(LinearRegression(), design, y, cv=LeaveOneOut())
        for design in (x, np.zeros((25, 1)))
    )
    left_out = 1 - ((y - predicted) ** 2).sum() / ((y - means) ** 2).sum()
    share = LinearRegression().fit(x, y).score(x, y)
    assert found["variance explained", "all"]["estimate"] == pytest.approx(share)
    assert found["variance explained, leave-one-out", "all"]["estimate"] == pytest.approx(left_out)
    for column, predictor in enumerate(THREE):
        for name, theirs in (("Pearson", pearsonr), ("Spearman", spearmanr)):
            row = found[f"{name} correlation", predictor]
            assert row["estimate"] == pytest.approx(theirs(x[:, column], y).statistic)
            assert row["lo"] < row["estimate"] < row["hi"]


def test_observers_without_a_value_are_left_out_and_counted_and_too_few_have_no_number():
    table = related(30, noise=0.5)
    gaps = table.copy()
    gaps.loc[3, "bandwidth"], gaps.loc[7, "centre"], gaps.loc[9, "outcome"] = np.nan, np.inf, np.nan
    with_gaps, without = told(gaps), told(table.drop([3, 7, 9]))
    for key, row in with_gaps.items():
        assert row["n_left_out"] == 3
        assert row["estimate"] == without[key]["estimate"]
    (few,) = told(table.head(4)).values()
    assert np.isnan(few["estimate"])
    assert few["note"] == "needs 5 observers or more"
