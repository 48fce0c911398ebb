from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.search import measures, people


def trials(slopes: dict[str, float], *, n: int = 30, sd: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Search times on straight lines with known slopes (ms per item), by role."""
    rng = np.random.default_rng(seed)
    rows = [
        ("a", "letters", role, role, size, display, 400 + slope * size + sd * rng.standard_normal())
        for role, slope in slopes.items()
        for size in (3, 6, 9)
        for display in range(n)
    ]
    return pd.DataFrame(
        rows, columns=["searcher", "task", "condition", "role", "set_size", "display", "rt_ms"]
    )


@pytest.mark.parametrize(
    ("hard", "easy", "index"),
    [(33, 14, 19 / 47), (1, 0, 1), (0, 1, -1), (0, 0, 0), (-3, -1, 0), (5, -1, 1), (2, 2, 0)],
)
def test_index_is_the_clipped_contrast_of_two_slopes(hard: float, easy: float, index: float) -> None:
    assert measures.asymmetry_index(hard, easy) == pytest.approx(index)
    assert measures.asymmetry_index(easy, hard) == pytest.approx(-index)


def test_index_of_a_missing_slope_is_missing() -> None:
    assert np.isnan(measures.asymmetry_index(float("nan"), 1.0))


def test_human_slopes_and_indices_are_the_published_ones() -> None:
    slopes = people.human_slopes().set_index("condition")["slope_ms"]
    published = {
        "curve_in_lines": 0.8, "line_in_curves": 7.6, "top_lit": 4.2, "side_lit": 23.9,
        "noncross_in_crosses": 45, "cross_in_noncrosses": 96, "t_in_l": 14, "l_in_t": 33,
        "tilted_in_vertical": 2.4, "vertical_in_tilted": 9.9, "vertical_in_mixed": 23.7,
        "tilted_in_mixed": 71.1,
    }  # fmt: skip
    assert set(slopes.index) == set(published)
    for condition, value in published.items():
        assert slopes[condition] == pytest.approx(value, abs=0.05)
    index = people.human_asymmetry()
    expected = {
        "curvature": 0.81,
        "lighting": 0.70,
        "intersection": 0.36,
        "letters": 0.40,
        "orientation": 0.61,
    }
    for task, value in (expected | {"orientation_mixed": 0.50}).items():
        assert index[task] == pytest.approx(value, abs=0.006)
    assert np.mean(list(index.values())) == pytest.approx(0.564, abs=0.001)


def test_shipped_reaction_times_are_those_of_the_shared_table(shared_data) -> None:
    shared = pd.read_csv(shared_data / "search" / "human_rt.csv")
    assert sorted(shared["rt_ms"]) == sorted(people.human_times()["rt_ms"])


def test_published_means_are_the_means_of_their_tasks() -> None:
    table = people.published_models()
    tasks = list(people.human_asymmetry())
    assert np.abs(table[tasks].mean(axis=1) - table["mean"]).max() < 0.01
    assert ((table["lo"] <= table["mean"]) & (table["mean"] <= table["hi"])).all()


def test_one_fixation_costs_a_quarter_of_a_second() -> None:
    assert measures.reaction_time_ms([0, 1, 10]) == pytest.approx([376.271, 628.63, 2899.861])


def test_slope_of_a_straight_line_is_exact() -> None:
    found = measures.search_slopes(trials({"hard": 33, "easy": 14})).set_index("role")
    assert found["slope"].to_dict() == pytest.approx({"hard": 33, "easy": 14})
    assert found["intercept"].to_dict() == pytest.approx({"hard": 400, "easy": 400})
    assert (found["n"] == 90).all()


def test_slope_agrees_with_an_independent_fit() -> None:
    table = trials({"easy": 14}, sd=80)
    fit = np.polyfit(table["set_size"], table["rt_ms"], 1)
    assert measures.search_slopes(table)["slope"].item() == pytest.approx(fit[0])


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    covered = np.zeros(2)
    for seed in range(200):
        table = trials({"hard": 33, "easy": 14}, n=20, sd=120, seed=seed)
        slope = measures.search_slopes(table, rng=rng, n_resamples=300).iloc[0]
        index = measures.asymmetries(table, rng=rng, n_resamples=300).iloc[0]
        covered += [slope["lo"] <= 33 <= slope["hi"], index["lo"] <= 19 / 47 <= index["hi"]]
    assert (covered / 200 > 0.89).all()
    assert (covered / 200 < 0.99).all()


def test_one_more_value_lies_in_its_prediction_interval_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(0.3, 0.2, (4000, 6))
    inside = [lo <= last <= hi for *five, last in draws for lo, hi in [measures.prediction_interval(five)]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    assert all(np.isnan(bound) for bound in measures.prediction_interval([0.1]))


def test_a_slope_of_zero_saturates_the_index_and_is_flagged() -> None:
    found = measures.asymmetries(trials({"hard": 1, "easy": 0})).iloc[0]
    assert found["index"] == 1
    assert found["saturated"]
    assert np.isnan(found["ratio"])
    healthy = measures.asymmetries(trials({"hard": 33, "easy": 14})).iloc[0]
    assert not healthy["saturated"]
    assert healthy["ratio"] == pytest.approx(33 / 14)
    assert healthy["ratio_lo"] <= healthy["ratio"] <= healthy["ratio_hi"]
    assert measures.asymmetry_index(healthy["ratio_hi"], 1.0) == pytest.approx(healthy["hi"])


def test_equal_times_have_a_slope_of_exactly_zero() -> None:
    table = trials({"hard": 0, "easy": 0}).assign(rt_ms=measures.reaction_time_ms(1).item())
    found = measures.asymmetries(table).iloc[0]
    assert (found["hard_slope"], found["index"], found["lo"], found["hi"]) == (0, 0, 0, 0)
    assert found["saturated"]


def test_repeated_searches_of_a_display_are_no_further_units() -> None:
    once = trials({"hard": 33, "easy": 14}, sd=50)
    twice = pd.concat([once, once])
    a, b = (measures.asymmetries(t, rng=np.random.default_rng(3)).iloc[0] for t in (once, twice))
    assert a.equals(b)


def test_own_slopes_reach_the_ceiling_and_flat_ones_gain_nothing() -> None:
    times = people.human_times()
    own = dict(people.human_slopes()[["condition", "slope_ms"]].to_numpy())
    scaled = measures.agreement({k: 3 * v for k, v in own.items()}, times)
    assert scaled.log_likelihood == pytest.approx(scaled.ceiling)
    assert scaled.scale == pytest.approx(1 / 3)
    assert scaled.correlation == pytest.approx(1)
    flat = measures.agreement(dict.fromkeys(own, 0.0), times)
    assert flat.log_likelihood == 0
    assert np.isnan(flat.correlation)
    reversed_ = measures.agreement({k: -v for k, v in own.items()}, times)
    assert reversed_.scale == 0
    assert reversed_.log_likelihood == 0
    assert (flat.n_conditions, flat.n_times) == (12, 40)


def test_published_correlation_of_eccnet_slopes_lies_in_its_own_wide_interval() -> None:
    r, lo, hi = measures._pearson(np.arange(12.0), np.arange(12.0) + 8 * np.sin(np.arange(12) * 2.0))
    assert lo < r < hi


def test_one_set_size_is_refused() -> None:
    table = trials({"easy": 14})
    with pytest.raises(DataError, match="two set sizes"):
        measures.search_slopes(table[table["set_size"] == 3])
    with pytest.raises(DataError, match="columns"):
        measures.search_slopes(table.drop(columns="display"))
    with pytest.raises(DataError, match="both conditions"):
        measures.asymmetries(table)
