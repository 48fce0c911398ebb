"""Claims: paired intervals, what they say, and of what they are said."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.measures import Estimate
from cogattn.rehearsal import claims
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig
from cogattn.rehearsal.measures import ACCURACY, Measures
from cogattn.rehearsal.needs import Uniform
from cogattn.rehearsal.rules import Rule, rules_of
from cogattn.rehearsal.trained import VALUES, Point, Values, trained_of, weights_of
from tests.rehearsal import known

CONFIG = RehearsalConfig(
    schedules=("none", "uniform", "exponential:1", "power:1", "power:0.5"),
    penalties=("ewc:3", "ewc:30", "si:1"),
    n_tasks=(6,),
    n_seeds=8,
    n_bins=10,
)
MEASURES = Measures.of(ACCURACY)
BASE = Point(0.25, 6, 100)


def values_of(config: RehearsalConfig, **settings: object) -> Values:
    trained = trained_of(known.trials(config, **settings))
    need = partial(weights_of, Uniform())
    return Values.of(trained, MEASURES, need=need, none="none", uniform="uniform")


def claimed(config: RehearsalConfig, **settings: object) -> pd.DataFrame:
    return claims.claims_table(values_of(config, **settings), rules_of(config))


@pytest.fixture(scope="module")
def said() -> pd.DataFrame:
    return claimed(CONFIG, loss={**known.LOSS, "ewc:30": 0.045, "si:1": 0.03}, boost={"power:1": 0.05})


def one(said: pd.DataFrame, claim: str, rule: str, against: str, measure: str = "accuracy") -> pd.Series:
    own = said[(said["claim"] == claim) & (said["rule"] == rule)]
    (row,) = own[(own["against"] == against) & (own["measure"] == measure)].itertuples()
    return row


def test_differences_are_those_that_were_put_in(said: pd.DataFrame) -> None:
    mean_age = np.arange(6).mean()
    for against, claim in (
        ("none", claims.MITIGATES),
        ("uniform", claims.BEATS_REHEARSAL),
        ("exponential:1", claims.BEATS_REHEARSAL),
        ("ewc:3", claims.BEATS_PENALTIES),
    ):
        truth = (known.LOSS[against] - known.LOSS["power:1"]) * mean_age
        row = one(said, claim, "power:1", against)
        assert row.estimate == pytest.approx(truth, abs=0.006)
        assert row.n == 8
        assert row.verdict == ("holds" if truth > 0 else "does not hold")


def test_no_power_law_is_held_against_another_and_none_against_itself(said: pd.DataFrame) -> None:
    assert set(said["rule"]) == {"power:1", "power:0.5"}
    other = said.loc[said["claim"] == claims.BEATS_REHEARSAL, "against"]
    assert set(other) == {"uniform", "exponential:1"}


def test_less_forgetting_is_a_difference_above_zero(said: pd.DataFrame) -> None:
    row = one(said, claims.FORGETS_LESS, "power:1", "none", "forgetting")
    # of task j: loss times the phases since, which are 5, 4, ..., 1
    assert row.estimate == pytest.approx((known.LOSS["none"] - known.LOSS["power:1"]) * 3, abs=1e-9)


def test_the_interval_of_less_forgetting_is_turned_with_its_sign() -> None:
    rows = [("none", *BASE, seed, "forgetting", value) for seed, value in enumerate((0.30, 0.33, 0.36))]
    rows += [("power:1", *BASE, seed, "forgetting", 0.1) for seed in range(3)]
    values = Values(pd.DataFrame(rows, columns=VALUES), MEASURES)
    said = claims.claims_table(values, rules_of(RehearsalConfig(schedules=("none", "power:1"))))
    row = one(said, claims.FORGETS_LESS, "power:1", "none", "forgetting")
    half = stats.t.isf(0.025, 2) * 0.03 / np.sqrt(3)
    assert (row.lo, row.estimate, row.hi) == pytest.approx((0.23 - half, 0.23, 0.23 + half))
    assert row.verdict == "holds"


def test_of_a_penalty_the_best_strength_counts(said: pd.DataFrame) -> None:
    own = said[said["claim"] == claims.BEATS_PENALTIES]
    assert set(own["against"]) == {"ewc:3", "si:1"}
    worse = claimed(CONFIG, loss={**known.LOSS, "ewc:3": 0.06, "ewc:30": 0.045})
    assert set(worse.loc[worse["claim"] == claims.BEATS_PENALTIES, "against"]) == {"ewc:30", "si:1"}


def test_facilitation_is_beyond_the_control_where_later_phases_start_better(said: pd.DataFrame) -> None:
    row = one(said, claims.FACILITATES, "power:1", "none", "facilitation")
    assert row.estimate == pytest.approx(0.05)
    assert one(said, claims.FACILITATES, "power:0.5", "none", "facilitation").estimate == pytest.approx(0.0)
    # over as many new items all are early in phase 1, and `none` in all phases: 40 of 100 items, not of 80
    row = one(said, claims.FACILITATES, "power:1", "none", "facilitation.equal_items")
    assert row.estimate == pytest.approx(0.05 + 0.6 * (0.25 - 0.2))


def test_unequal_budgets_support_no_claim() -> None:
    schedules = ("none", "cumulative", "table", "power:1")
    config = CONFIG.model_copy(update={"schedules": schedules, "penalties": ()})
    said = claimed(config)
    assert set(said["rule"]) == {"power:1"}
    assert set(said["against"]) == {"none"}


def test_what_is_robust_holds_at_every_point_and_has_its_smallest_difference() -> None:
    config = CONFIG.model_copy(
        update={
            "budgets": (0.25, 0.5),
            "n_tasks": (6, 3),
            "network": NetworkSettings(widths=(100, 10)),
            "schedules": ("none", "uniform", "power:1"),
            "penalties": (),
            "n_seeds": 4,
        }
    )
    said = claimed(config)
    own = said[said["claim"] == f"{claims.ROBUST} over the number of tasks: {claims.MITIGATES}"]
    row = own[(own["rule"] == "power:1") & (own["measure"] == "accuracy")].iloc[0]
    assert row["verdict"] == "holds"
    assert row["condition"] == "n_tasks 6, 3"
    assert row["estimate"] == pytest.approx((known.LOSS["none"] - known.LOSS["power:1"]) * 1, abs=0.006)
    uniform = said[said["claim"] == f"{claims.ROBUST} over the size of the network: {claims.BEATS_REHEARSAL}"]
    uniform = uniform[(uniform["against"] == "uniform") & (uniform["rule"] == "power:1")]
    assert set(uniform["verdict"]) == {"does not hold"}
    plain = said[~said["claim"].str.startswith(claims.ROBUST)]
    assert plain["condition"].nunique() == 8  # every point of the grid, along an axis or not


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        (("holds", "holds"), "holds"),
        (("holds", "undecided"), "undecided"),
        (("undecided", "does not hold"), "does not hold"),
    ],
    ids=["both", "one undecided", "one fails"],
)
def test_robustness_is_as_good_as_the_worst_point(verdicts: tuple[str, str], whole: str) -> None:
    shift = {"holds": 0.1, "undecided": 0.0, "does not hold": -0.1}
    scatter = np.array([-0.02, 0.02, -0.01, 0.01])
    rows = []
    for budget, said in zip((0.25, 0.5), verdicts, strict=True):
        for seed in range(4):
            for observer, value in (("none", 0.5), ("power:1", 0.5 + shift[said] + scatter[seed])):
                rows.append((observer, budget, 6, 100, seed, "accuracy", value))
    values = Values(pd.DataFrame(rows, columns=VALUES), MEASURES)
    config = RehearsalConfig(schedules=("none", "power:1"))
    said = claims.claims_table(values, rules_of(config))
    (row,) = said[said["claim"].str.startswith(claims.ROBUST)].itertuples()
    assert row.verdict == whole


@pytest.mark.parametrize(
    ("lo", "hi", "said"),
    [
        (0.01, 0.02, "holds"),
        (-0.02, -0.01, "does not hold"),
        (-0.01, 0.02, "undecided"),
        (0.0, 0.02, "undecided"),
        (-0.02, 0.0, "undecided"),
        (np.nan, np.nan, "undecided"),
    ],
    ids=["above", "below", "both sides", "from zero", "to zero", "no interval"],
)
def test_a_verdict_is_what_the_interval_says(lo: float, hi: float, said: str) -> None:
    assert claims.verdict(Estimate(0.5 * (lo + hi), lo, hi, 4)) == said


def test_paired_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Networks of a seed share much: pairing takes it out, and 95 % of intervals of four pairs hold the difference."""
    rng, truth, n_runs, n_seeds = np.random.default_rng(0), 0.02, 1500, 4
    shared = rng.normal(scale=0.05, size=(n_runs, n_seeds))
    first = 0.8 + truth + shared + rng.normal(scale=0.01, size=shared.shape)
    second = 0.8 + shared + rng.normal(scale=0.01, size=shared.shape)
    series = {}
    for run in range(n_runs):
        series["a", Point(0.25, run, 100), "accuracy"] = dict(enumerate(first[run]))
        series["b", Point(0.25, run, 100), "accuracy"] = dict(enumerate(second[run]))
    values = Values(pd.DataFrame(columns=VALUES), MEASURES)
    values.__dict__["_by_seed"] = series
    found = [values.difference("a", "b", MEASURES.average, Point(0.25, run, 100)) for run in range(n_runs)]
    covered = np.mean([one.lo <= truth <= one.hi for one in found])
    assert covered == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / n_runs))
    width = np.median([one.hi - one.lo for one in found])
    assert (
        width < 2 * 3.18 * np.sqrt(2) * 0.01 / 2 * 1.2
    )  # of the networks' own scatter, not of what they share


def test_only_seeds_that_both_have_are_paired() -> None:
    rows = [("a", *BASE, seed, "accuracy", 0.5 + 0.1 * seed) for seed in (0, 1, 2)]
    rows += [("b", *BASE, seed, "accuracy", 0.4 + 0.1 * seed) for seed in (2, 1)]
    values = Values(pd.DataFrame(rows, columns=VALUES), MEASURES)
    found = values.difference("a", "b", MEASURES.average, BASE)
    assert found.n == 2
    assert found.estimate == pytest.approx(0.1)


def test_a_power_law_is_one_by_its_need() -> None:
    config = RehearsalConfig(
        schedules=(
            "power:1@last",
            "shifted:0.1:5.6",
            "actr:0.5",
            "index:4",
            "linear",
            "table",
            "exponential:1",
        ),
        penalties=("lwf:1",),
    )
    own: list[Rule] = [rule for rule in rules_of(config) if claims.is_power_law(rule)]
    assert [rule.text for rule in own] == ["power:1@last", "shifted:0.1:5.6", "actr:0.5"]
