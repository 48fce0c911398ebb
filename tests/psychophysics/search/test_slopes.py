from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.errors import DataError
from cogattn.psychophysics.search.slopes import (
    asymmetries,
    asymmetry_index,
    mean_indices,
    mean_times,
    prediction_interval,
    ratio_of,
    reaction_time_ms,
    search_slopes,
)


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
        rows, columns=["observer", "task", "condition", "role", "set_size", "display", "rt_ms"]
    )


@pytest.mark.parametrize(
    ("hard", "easy", "index"),
    [(33, 14, 19 / 47), (1, 0, 1), (0, 1, -1), (0, 0, 0), (-3, -1, 0), (5, -1, 1), (2, 2, 0)],
)
def test_index_is_the_clipped_contrast_of_two_slopes(hard: float, easy: float, index: float) -> None:
    assert asymmetry_index(hard, easy) == pytest.approx(index)
    assert asymmetry_index(easy, hard) == pytest.approx(-index)


def test_index_of_a_missing_slope_is_missing() -> None:
    assert np.isnan(asymmetry_index(float("nan"), 1.0))


def test_one_fixation_costs_a_quarter_of_a_second() -> None:
    assert reaction_time_ms([0, 1, 10]) == pytest.approx([376.271, 628.63, 2899.861])


def test_slope_of_a_straight_line_is_exact() -> None:
    found = search_slopes(trials({"hard": 33, "easy": 14})).set_index("role")
    assert found["slope"].to_dict() == pytest.approx({"hard": 33, "easy": 14})
    assert found["intercept"].to_dict() == pytest.approx({"hard": 400, "easy": 400})
    assert (found["n"] == 90).all()


def test_slope_agrees_with_an_independent_fit() -> None:
    table = trials({"easy": 14}, sd=80)
    fit = np.polyfit(table["set_size"], table["rt_ms"], 1)
    assert search_slopes(table)["slope"].item() == pytest.approx(fit[0])


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of slopes, indices, differences, ratios and mean times, from ten displays; .94 in 3,000 runs."""
    rng = np.random.default_rng(1)
    held, runs = np.zeros(5), 80
    for seed in range(runs):
        table = trials({"hard": 33, "easy": 14}, n=10, sd=80, seed=seed)
        slope = search_slopes(table, rng=rng, n_resamples=300).iloc[0]
        pair = asymmetries(table, rng=rng, n_resamples=300).iloc[0]
        time = mean_times(table, rng=rng, n_resamples=300).iloc[0]
        held += [
            slope["lo"] <= 33 <= slope["hi"],
            pair["lo"] <= 19 / 47 <= pair["hi"],
            pair["difference_lo"] <= 19 <= pair["difference_hi"],
            pair["ratio_lo"] <= 33 / 14 <= pair["ratio_hi"],
            time["lo"] <= 499 <= time["hi"],
        ]
    assert (held / runs > 0.85).all(), held
    assert (held / runs < 1).any(), held


def test_resampled_means_scatter_by_the_standard_error() -> None:
    """As those of few displays drawn with replacement do not: with two they have .71 of it."""
    table = trials({"easy": 14}, n=2, sd=80, seed=5)
    own = table[table["set_size"] == 3]["rt_ms"].to_numpy()
    found = mean_times(table, n_resamples=20_000, keep_resamples=True).iloc[0]
    assert found["resampled"].std() == pytest.approx(own.std(ddof=1) / np.sqrt(2), rel=0.02)
    assert found["resampled"].mean() == pytest.approx(own.mean(), rel=0.01)
    assert (found["lo"], found["hi"]) == (found["resampled"].min(), found["resampled"].max())


def test_interval_of_ten_displays_is_as_wide_as_students() -> None:
    table = trials({"easy": 14}, n=10, sd=80, seed=2)
    own = table[table["set_size"] == 6]["rt_ms"].to_numpy()
    found = mean_times(table, n_resamples=40_000).iloc[1]
    expected = stats.t.interval(0.95, 9, own.mean(), stats.sem(own))
    assert found["hi"] - found["lo"] == pytest.approx(expected[1] - expected[0], rel=0.06)


def test_one_display_a_set_size_has_a_slope_and_no_interval() -> None:
    found = search_slopes(trials({"easy": 14}, n=1)).iloc[0]
    assert found["slope"] == pytest.approx(14)
    assert np.isnan([found["lo"], found["hi"]]).all()


def test_times_are_means_over_displays_and_their_line_has_the_slope() -> None:
    table = trials({"hard": 33, "easy": 14}, sd=80)
    twice = pd.concat([table, table[table["display"] == 0].assign(rt_ms=900.0)])
    times = mean_times(table)
    by_hand = table.groupby(["role", "set_size"])["rt_ms"].agg(["mean", "size"])
    found = times.set_index(["role", "set_size"])
    assert found["rt_ms"].to_dict() == pytest.approx(by_hand["mean"].to_dict())
    assert (found["n"] == 30).all()
    assert ((found["lo"] < found["rt_ms"]) & (found["rt_ms"] < found["hi"])).all()
    changed = mean_times(twice).set_index(["role", "set_size"])["rt_ms"]
    first = table[table["display"] == 0].set_index(["role", "set_size"])["rt_ms"]
    assert (changed - found["rt_ms"]).to_dict() == pytest.approx(((900 - first) / 60).to_dict())
    for role, rows in times.groupby("role"):
        slope = np.polyfit(rows["set_size"], rows["rt_ms"], 1)[0]
        assert search_slopes(table).set_index("role").at[role, "slope"] == pytest.approx(slope)


def test_slopes_and_times_from_generators_alike_are_of_the_same_resamples() -> None:
    table = trials({"hard": 33, "easy": 14}, sd=80)
    slopes, times = (
        fit(table, rng=np.random.default_rng(7), n_resamples=50, keep_resamples=True)
        for fit in (search_slopes, mean_times)
    )
    for row in slopes.itertuples():
        drawn = np.stack(times[times["role"] == row.role]["resampled"].to_list(), axis=-1)
        assert row.resampled == pytest.approx(np.polyfit([3, 6, 9], drawn.T, 1)[0])
    assert "resampled" not in search_slopes(table, n_resamples=50)
    assert "resampled" not in mean_times(table, n_resamples=50)


def test_ratio_of_slopes_is_what_an_index_stands_for() -> None:
    assert ratio_of(asymmetry_index(33.0, 14.0)) == pytest.approx(33 / 14)
    assert (ratio_of(0.0), ratio_of(-1.0), ratio_of(1.0)) == (1, 0, np.inf)


def test_one_more_value_lies_in_its_prediction_interval_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(0.3, 0.2, (4000, 6))
    inside = [lo <= last <= hi for *five, last in draws for lo, hi in [prediction_interval(five)]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    assert all(np.isnan(bound) for bound in prediction_interval([0.1]))


def test_a_slope_of_zero_saturates_the_index_and_is_flagged() -> None:
    found = asymmetries(trials({"hard": 1, "easy": 0})).iloc[0]
    assert found["index"] == 1
    assert found["saturated"]
    assert np.isnan(found["ratio"])
    healthy = asymmetries(trials({"hard": 33, "easy": 14})).iloc[0]
    assert not healthy["saturated"]
    assert healthy["ratio"] == pytest.approx(33 / 14)
    assert healthy["ratio_lo"] <= healthy["ratio"] <= healthy["ratio_hi"]
    assert asymmetry_index(healthy["ratio_hi"], 1.0) == pytest.approx(healthy["hi"])


def test_equal_times_have_a_slope_of_exactly_zero() -> None:
    table = trials({"hard": 0, "easy": 0}).assign(rt_ms=reaction_time_ms(1).item())
    found = asymmetries(table).iloc[0]
    assert (found["hard_slope"], found["index"], found["lo"], found["hi"]) == (0, 0, 0, 0)
    assert found["saturated"]
    for size in (8, 16), (3, 6, 9), (8, 16, 32), (1, 4, 8, 12):
        times = pd.DataFrame({"set_size": size, "display": 0, "group": "a", "rt_ms": 628.63})
        (slope,) = search_slopes(times, by=("group",), n_resamples=100)["slope"]
        assert str(slope) == "0.0"  # not -0.0


def test_repeated_searches_of_a_display_are_no_further_units() -> None:
    once = trials({"hard": 33, "easy": 14}, sd=50)
    twice = pd.concat([once, once])
    a, b = (asymmetries(t, rng=np.random.default_rng(3)).iloc[0] for t in (once, twice))
    assert a.equals(b)


def test_one_set_size_is_refused() -> None:
    table = trials({"easy": 14})
    with pytest.raises(DataError, match="two set sizes"):
        search_slopes(table[table["set_size"] == 3])
    with pytest.raises(DataError, match="columns"):
        search_slopes(table.drop(columns="display"))
    with pytest.raises(DataError, match="both conditions"):
        asymmetries(table)


def test_what_a_group_draws_does_not_depend_on_the_other_groups() -> None:
    both = pd.concat([trials({"hard": 33, "easy": 14}, sd=50).assign(observer=name) for name in "ab"])
    for fit in (search_slopes, asymmetries):
        together, alone = (fit(t).query("observer == 'b'") for t in (both, both[both["observer"] == "b"]))
        pd.testing.assert_frame_equal(together.reset_index(drop=True), alone.reset_index(drop=True))
        own = fit(both)
        assert own["lo"].nunique() > own["observer"].nunique() - 1  # nobody shares another one's draws


def test_mean_index_is_the_mean_of_tasks_and_of_their_resamples() -> None:
    tasks = {"letters": 33.0, "lighting": 20.0, "curvature": 14.0}
    table = pd.concat(
        [trials({"hard": hard, "easy": 14}, sd=60, seed=3).assign(task=task) for task, hard in tasks.items()]
    )
    index = asymmetries(table, keep_resamples=True)
    (row,) = mean_indices(index).to_dict("records")
    assert row["mean"] == pytest.approx(index["index"].mean())
    resampled = sum(index["resampled"]) / 3
    tail = stats.norm.sf(stats.t.isf(0.025, 270))  # at least two displays a mean
    assert [row["lo"], row["hi"]] == pytest.approx(np.quantile(resampled, [tail, 1 - tail]), abs=1e-9)
    assert (row["n_tasks"], row["n"]) == (3, 3 * 180)
    narrowest = (index["hi"] - index["lo"]).min()
    assert row["hi"] - row["lo"] < narrowest  # independent tasks average out


def test_no_trials_give_empty_tables_with_all_columns() -> None:
    nothing = trials({"hard": 1, "easy": 1}).iloc[:0]
    full = asymmetries(trials({"hard": 1, "easy": 1}), keep_resamples=True)
    assert asymmetries(nothing, keep_resamples=True).columns.tolist() == full.columns.tolist()
    assert search_slopes(nothing).columns.tolist() == search_slopes(trials({"hard": 1})).columns.tolist()
    assert mean_indices(asymmetries(nothing, keep_resamples=True)).empty


def test_interval_of_a_mean_index_holds_the_truth() -> None:
    tasks = {"letters": 33.0, "lighting": 20.0, "curvature": 14.0}
    truth = np.mean([asymmetry_index(hard, 14.0) for hard in tasks.values()])
    held, runs = 0, 60
    for seed in range(runs):
        each = [
            trials({"hard": hard, "easy": 14}, n=10, sd=60, seed=3 * seed + k).assign(task=task)
            for k, (task, hard) in enumerate(tasks.items())
        ]
        index = asymmetries(pd.concat(each), n_resamples=300, keep_resamples=True)
        (row,) = mean_indices(index).to_dict("records")
        held += row["lo"] <= truth <= row["hi"]
    assert held / runs > 0.85
