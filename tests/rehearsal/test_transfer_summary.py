"""What is said of networks beside people: means, shares, the order of near and far, humps."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.errors import ConfigError, DataError
from cogattn.figures import render
from cogattn.measures import summary_table
from cogattn.rehearsal.columns import ANSWERS, PERSONS, TABLES
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.transfer import checks, summary
from cogattn.rehearsal.transfer.measures import published
from cogattn.statistics.intervals import mean_interval
from cogattn.study import Outcome, Trials

WEIGHTS = {"near": (0.95, 1.0, 1.0, 0.02, 0.5), "far": (0.0, 0.0, 0.05, 0.2, 0.0)}


def config_of(**settings: object) -> RehearsalConfig:
    return RehearsalConfig.model_validate(
        {"scenario": "transfer", "schedules": ("none", "uniform"), **settings}
    )


def trials_of(observers: tuple[str, ...] = ("none", "uniform"), budget: float = 0.25) -> Trials:
    persons = [
        (observer, budget, f"{group} {k}", group, measure, value, 0.1, 60)
        for observer in observers
        for group, weights in WEIGHTS.items()
        for k, weight in enumerate(weights)
        for measure, value in (
            ("interference", weight),
            ("lumper", float(weight > 0.5)),
            ("transfer", -0.1 * k),
        )
    ]
    blocks = [
        (observer, budget, f"{group} {k}", group, f"{part}.{tenth + 1:02d}", season, 0.5 + 0.04 * tenth, 6)
        for observer in observers
        for group in WEIGHTS
        for k in range(2)
        for part in ("A1", "B", "A2")
        for tenth in range(10)
        for season in ("summer", "winter")
    ]
    tables = {
        name: pd.DataFrame(rows, columns=list(TABLES[name]))
        for name, rows in ((PERSONS, persons), (ANSWERS, blocks))
    }
    return Trials.of(TABLES, [Outcome(tables)])


def table_of(config: RehearsalConfig, trials: Trials) -> pd.DataFrame:
    return summary_table(summary.rows(config, trials)).set_index(["observer", "measure"])


def test_a_group_has_the_mean_of_its_learners_and_welch_tells_near_from_far() -> None:
    table = table_of(config_of(), trials_of())
    near = table.loc[("none", "interference.near")]
    assert near["estimate"] == pytest.approx(np.mean(WEIGHTS["near"]))
    assert near["n"] == 5
    apart = table.loc[("none", "interference.near_less_far")]
    found = stats.ttest_ind(WEIGHTS["near"], WEIGHTS["far"], equal_var=False).confidence_interval()
    assert (apart["lo"], apart["hi"]) == pytest.approx((found.low, found.high))
    assert apart["n"] == 10


def test_ends_and_lumpers_are_shares_of_learners() -> None:
    table = table_of(config_of(), trials_of())["estimate"]
    assert table["none", "low_hump.near"] == pytest.approx(0.2)
    assert table["none", "high_hump.near"] == pytest.approx(0.6)
    assert table["none", "low_hump.far"] == pytest.approx(0.8)
    assert table["none", "lumper.near"] == pytest.approx(0.6)


def test_printed_means_stand_beside_where_no_people_are_given() -> None:
    """Interference 1 less .508 and .557, people by study as t and d leave them; transfer of study 1 as printed."""
    found = published()
    assert found["interference.near"].estimate == pytest.approx((41 * 0.492 + 39 * 0.443) / 80)
    assert found["interference.near"].lo < 0.4 < found["interference.near"].hi
    assert found["interference.far"].lo < 0.3 < found["interference.far"].hi
    assert found["interference.near_less_far"].lo > 0
    assert found["transfer.far"].estimate == pytest.approx(-0.332)
    row = table_of(config_of(), trials_of()).loc[("uniform", "interference.near")]
    assert (row["human"], row["human_n"]) == (found["interference.near"].estimate, 80)
    assert "printed" in row["note"]


def test_the_printed_numbers_of_people_agree_with_each_other() -> None:
    """Means, standard errors and the numbers of people give back the printed t of near against far."""
    for near, far, n_near, n_far, t in (
        ((0.492, 0.065), (0.288, 0.049), 41, 47, 2.555),
        ((0.443, 0.072), (0.260, 0.043), 39, 47, 2.268),
    ):
        pooled = ((n_near - 1) * n_near * near[1] ** 2 + (n_far - 1) * n_far * far[1] ** 2) / (
            n_near + n_far - 2
        )
        error = math.sqrt(pooled * (1 / n_near + 1 / n_far))
        assert (near[0] - far[0]) / error == pytest.approx(t, abs=0.02)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.5, 0.4, "two humps"),
        (0.9, 0.05, "one hump"),
        (0.2, 0.2, "no humps at the ends"),
        (0.0, 1.0, "one hump"),
    ],
    ids=["both", "low", "middle", "high"],
)
def test_humps_are_at_both_ends(low: float, high: float, said: str) -> None:
    assert summary.humps(low, high) == said


def test_remarks_say_order_and_humps_of_each_schedule() -> None:
    said = summary.remarks(config_of(), trials_of())
    assert said[0].startswith("No people were given")
    assert "weight of rule B 0.69 near and 0.05 far, near less far +0.64" in said[1]
    assert "near above far" in said[1]
    assert "near: 20% below 0.1, 60% above 0.9 (two humps)" in said[1]
    assert said[2].startswith("Uniform: ")


def test_learners_who_all_answer_alike_have_no_interval() -> None:
    trials = trials_of()
    persons = trials[PERSONS]
    persons.loc[persons["measure"] == "interference", "estimate"] = (persons["group"] == "near").astype(float)
    row = table_of(config_of(), trials).loc[("none", "interference.near_less_far")]
    assert row["estimate"] == 1
    assert math.isnan(row["lo"])
    assert "near less far +1.00;" in summary.remarks(config_of(), trials)[1]


def test_several_budgets_are_told_apart() -> None:
    config = config_of(budgets=(0.05, 0.25))
    parts = [trials_of(budget=budget) for budget in config.budgets]
    trials = Trials.of(TABLES, [Outcome({name: part[name] for name in (PERSONS, ANSWERS)}) for part in parts])
    keys = {row.measure.key for row in summary.rows(config, trials)}
    assert {"interference.near.budget_0_05", "interference.near.budget_0_25"} <= keys
    assert set(summary.figures(config, trials)) == {
        "transfer_weights_0_05", "transfer_blocks_0_05", "transfer_weights_0_25", "transfer_blocks_0_25",
    }  # fmt: skip


def test_blocks_have_the_mean_of_their_learners_with_students_interval() -> None:
    trials = trials_of()
    answers = trials[ANSWERS]
    answers["score"] = np.random.default_rng(0).random(len(answers))
    row = summary.tables(config_of(), trials)["transfer_blocks"].iloc[3]
    own = answers
    for name in ("observer", "group", "part", "task"):
        own = own[own[name] == row[name]]
    found = mean_interval(own["score"], lowest=0, highest=1)
    assert (row["score"], row["lo"], row["hi"], row["n"]) == pytest.approx(
        (found.estimate, found.lo, found.hi, 2)
    )


def test_figures_are_drawn() -> None:
    drawn = {name: draw() for name, draw in summary.figures(config_of(), trials_of()).items()}
    assert render(drawn["transfer_weights"], "png").startswith(b"\x89PNG")
    lines = drawn["transfer_blocks"].axes[0].get_lines()
    assert [len(line.get_xdata()) for line in lines[:2]] == [30, 30]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"penalties": ("ewc:3",)}, "^penalties must be left as it is where scenario is transfer; got ewc:3"),
        ({"schedules": ("none", "cumulative")}, "^schedules must rehearse by the budget .* got cumulative"),
        ({"n_tasks": (5,)}, "^n_tasks must be left as it is .* got 5"),
    ],
    ids=["penalty", "unequal", "tasks"],
)
def test_what_this_scenario_cannot_do_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checks.check(config_of(**settings))


def test_people_that_are_not_there_are_refused() -> None:
    config = config_of(transfer={"path": "nowhere"})
    with pytest.raises(DataError, match=r"^transfer\.path must be a folder of trial files; got nowhere"):
        checks.check(config)
    with pytest.raises(DataError, match=r"^transfer\.path"):
        checks.contents(config)
    assert checks.contents(config_of()) == {}
    assert summary.people(config_of()) is None
