"""Summary of task scenarios: rows, tables and remarks of networks whose scores are known."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.errors import ConfigError
from cogattn.measures import Estimate, Measure, Row
from cogattn.observers.observer import Observer
from cogattn.rehearsal import people, remarks, summary
from cogattn.rehearsal.columns import ITEMS, LEARNING, SCORES, TABLES
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig
from cogattn.rehearsal.measures import ACCURACY, ALL, Measures
from cogattn.rehearsal.needs import PowerLaw
from cogattn.rehearsal.trained import mean_of, trained_of, weights_of
from cogattn.study import Outcome, Results, Trials
from tests.rehearsal import known

CONFIG = RehearsalConfig(
    schedules=("none", "uniform", "power:1", "exponential:1"),
    penalties=("ewc:3",),
    n_tasks=(5,),
    n_seeds=4,
    n_bins=10,
)
SHARED = np.mean(0.01 * np.sin(np.arange(4)))
"""What the seeds' networks have in common, in the mean."""
TRUTHS = {
    "accuracy": known.LEARNT - 0.02 * 2,
    "accuracy.newest.3": known.LEARNT - 0.02 * 1,
    "accuracy.incremental": known.LEARNT - 0.02 * np.mean([0, 0.5, 1, 1.5, 2]),
    "forgetting": 0.02 * np.mean([4, 3, 2, 1]),
    "backward_transfer": -0.02 * np.mean([4, 3, 2, 1]),
    "forward_transfer": 0.0,
    "facilitation": 0.0,
    "accuracy.over_uniform": (0.01 - 0.02) * 2,
    "accuracy.over_none": (0.05 - 0.02) * 2,
}
"""Of ``power:1``, which loses .02 a phase."""


def summarised(
    config: RehearsalConfig, trials: Trials | None = None, score: Measure = ACCURACY, **of
) -> Results:
    return summary.summary_of(config, score, trials or known.trials(config, **of))


def changed(trials: Trials, **tables: pd.DataFrame) -> Trials:
    return Trials.of(TABLES, [Outcome({name: trials[name] for name in (SCORES, LEARNING, ITEMS)} | tables)])


@pytest.fixture(scope="module")
def results() -> Results:
    return summarised(CONFIG, boost={"power:1": 0.06})


@pytest.fixture(scope="module")
def exact() -> Results:
    return summarised(CONFIG, scatter=0.0)


def row(results: Results, observer: str, measure: str) -> pd.Series:
    own = results.summary
    (found,) = own[(own["observer"] == observer) & (own["measure"] == measure)].itertuples()
    return found


def test_rows_have_the_mean_over_seeds_and_students_interval(results: Results) -> None:
    trained = [one for one in trained_of(known.trials(CONFIG)) if one.observer == "power:1"]
    each = [one.matrix[-1].mean() for one in trained]
    low, high = stats.t.interval(0.95, 3, np.mean(each), stats.sem(each))
    found = row(results, "power:1", "accuracy")
    assert (found.estimate, found.lo, found.hi) == pytest.approx((np.mean(each), low, high))
    assert found.n == 4


@pytest.mark.parametrize("measure", list(TRUTHS))
def test_each_measure_is_what_was_put_in(exact: Results, measure: str) -> None:
    is_difference = "over" in measure or not measure.startswith("accuracy")
    truth = TRUTHS[measure] + (0.0 if is_difference else SHARED)
    assert row(exact, "power:1", measure).estimate == pytest.approx(truth, abs=1e-9)


def test_need_weighs_tasks_by_the_environment_from_lag_one(exact: Results) -> None:
    lags = np.array([5, 4, 3, 2, 1])
    weights = (1 / lags) / (1 / lags).sum()
    truth = known.LEARNT - 0.02 * weights @ (lags - 1) + SHARED
    assert row(exact, "power:1", "accuracy.need_weighted").estimate == pytest.approx(truth)
    assert weights_of(PowerLaw(d=1.0), 5) == pytest.approx(weights)


def test_facilitation_is_the_rise_of_early_new_items_beyond_none(results: Results) -> None:
    assert row(results, "power:1", "facilitation").estimate == pytest.approx(0.06)
    assert row(results, "power:1", "facilitation.over_none").estimate == pytest.approx(0.06)
    assert row(results, "none", "facilitation").estimate == pytest.approx(0.0)


def test_none_is_not_compared_with_itself(results: Results) -> None:
    own = results.summary[results.summary["observer"] == "none"]["measure"]
    assert not any(key.endswith("over_none") for key in own)
    assert "accuracy.over_uniform" in set(own)


def test_every_row_is_a_measure_of_the_study(results: Results) -> None:
    assert set(results.summary["measure"]) <= {measure.key for measure in ALL}
    assert set(results.tables["sweep"]["measure"]) <= {measure.key for measure in ALL}


def test_scores_that_are_no_share_have_keys_of_their_own_and_are_not_cut() -> None:
    gain = Measure("gain", "bits", "bits over equal chances")
    own = Measures.of(gain)
    assert not {one.key for one in own} & {one.key for one in ALL}
    assert {one.unit for one in own} == {"bits"}
    trials = known.trials(CONFIG)
    bits = changed(trials, **{SCORES: trials[SCORES].assign(score=trials[SCORES]["score"] + 2)})
    found = row(summarised(CONFIG, bits, gain), "power:1", "gain")
    assert found.hi > found.estimate > 2


def test_forward_transfer_is_of_runs_that_tested_every_task() -> None:
    lower = CONFIG.model_copy(update={"evaluate": "lower"})
    results = summarised(lower, lower=True)
    assert "forward_transfer" not in set(results.summary["measure"])
    assert not results.tables["metric_variants"]["metric"].str.startswith("forward").any()
    assert any("no forward transfer" in one for one in results.remarks)
    assert np.isfinite(row(results, "power:1", "forgetting").estimate)


def test_the_sweep_holds_every_point_and_the_summary_the_first() -> None:
    config = CONFIG.model_copy(
        update={
            "budgets": (0.5, 0.25),
            "network": NetworkSettings(widths=(10, 100)),
            "penalties": (),
            "n_seeds": 2,
        }
    )
    results = summarised(config)
    sweep = results.tables["sweep"]
    assert set(zip(sweep["budget"], sweep["width"], strict=True)) == {
        (0.5, 10),
        (0.5, 100),
        (0.25, 10),
        (0.25, 100),
    }
    base = sweep[(sweep["budget"] == 0.5) & (sweep["width"] == 10)]
    merged = results.summary.merge(base, on=["observer", "measure"], suffixes=("", "_swept"))
    assert len(merged) == len(results.summary) == len(base)
    assert (merged["estimate"] == merged["estimate_swept"]).all()
    assert "sweep" in results.figures


def test_the_mean_matrix_is_over_seeds_and_starts_untrained(exact: Results) -> None:
    own = exact.tables["matrix"].query("observer == 'power:1'")
    assert len(own) == 6 * 5
    assert (own.loc[own["after"] == 0, "score"] == known.UNTRAINED).all()
    entry = own[(own["after"] == 4) & (own["task"] == 2)].iloc[0]
    assert entry["score"] == pytest.approx(known.LEARNT - 0.02 * 2 + SHARED)
    assert entry["se"] == pytest.approx(stats.sem(0.01 * np.sin(np.arange(4))))
    assert entry["n"] == 4


def test_means_leave_out_what_was_not_measured() -> None:
    mean, se, n = mean_of(np.array([[1.0, np.nan, 3.0], [2.0, np.nan, np.nan]]))
    assert n.tolist() == [2, 0, 1]
    assert mean == pytest.approx([1.5, np.nan, 3.0], nan_ok=True)
    assert se == pytest.approx([0.5, np.nan, np.nan], nan_ok=True)


def test_items_are_counted_by_phase_and_equal_budgets_need_no_remark(results: Results) -> None:
    items = results.tables["items"]
    assert (items["items"] == known.N_NEW * 1.25).all()
    rehearsed = items[items["observer"] == "power:1"].sort_values("phase")["rehearsed"].tolist()
    assert rehearsed == [0, 20, 20, 20, 20]
    assert (items.loc[items["observer"].isin(["none", "ewc:3"]), "rehearsed"] == 0).all()
    assert not any(one.startswith("Not ") for one in results.remarks)


def test_a_phase_with_other_items_or_updates_is_said() -> None:
    trials = known.trials(CONFIG)
    for column in ("items", "updates"):
        items = trials[ITEMS].copy()
        hit = (items["observer"] == "uniform") & (items["phase"] == 3) & (items["task"] == 1)
        if column == "updates":
            hit = (items["observer"] == "uniform") & (items["phase"] == 3)
        items.loc[hit, column] += 1
        said = summarised(CONFIG, changed(trials, **{ITEMS: items})).remarks[0]
        assert said == (
            "Not a fair comparison: items or updates differ in phase 3 at budget 0.25, 5 tasks, 100 units."
        )


def test_what_is_not_at_equal_budget_is_named_first_with_how_much_more() -> None:
    config = CONFIG.model_copy(
        update={"schedules": ("none", "uniform", "cumulative", "power:1"), "penalties": ()}
    )
    results = summarised(config)
    ratio = known.N_NEW * (1.25 + 2 + 3 + 4 + 5) / (known.N_NEW * 1.25 * 5)
    assert results.remarks[0] == (
        f"Not at equal budget: cumulative ({ratio:.3g} times the items): it is an upper bound; no claim counts it."
    )
    notes = results.summary.set_index("observer")["note"]
    assert set(notes["cumulative"]) == {"not at equal budget"}
    assert set(notes["power:1"]) == {""}


def test_metrics_are_there_in_every_variant(exact: Results) -> None:
    own = exact.tables["metric_variants"].query("observer == 'power:1'").set_index("metric")["estimate"]
    assert len(own) == 13
    assert own["backward_transfer_gem"] == pytest.approx(own["backward_transfer"] * 4 / 5)
    assert own["forgetting_avalanche"] == pytest.approx(-own["backward_transfer"])
    assert own["forward_transfer_continuum"] == pytest.approx(known.UNTRAINED)


def test_early_learning_is_of_half_the_updates_or_of_as_many_items(results: Results) -> None:
    early = results.tables["early"].set_index(["observer", "phase"])
    # scores rise from .3 to .9 along each phase: their mean over the first half is .45, over 40 of 100 items .42
    assert early.loc[("none", 1), "early"] == pytest.approx(0.45)
    assert early.loc[("none", 5), "early_items"] == pytest.approx(0.42)
    assert early.loc[("power:1", 5), "early"] == pytest.approx(0.45 + 0.06)
    assert early.loc[("power:1", 5), "early_items"] == pytest.approx(0.45 + 0.06)
    assert early.loc[("power:1", 5), "n"] == 4


def test_a_network_whose_scores_are_no_numbers_is_left_out_and_named() -> None:
    trials = known.trials(CONFIG)
    scores = trials[SCORES].copy()
    scores.loc[
        (scores["observer"] == "power:1") & (scores["seed"] == 2) & (scores["after"] == 5), "score"
    ] = np.nan
    results = summarised(CONFIG, changed(trials, **{SCORES: scores}))
    assert row(results, "power:1", "accuracy").n == 3
    assert row(results, "power:1", "accuracy.over_none").n == 3
    assert any(
        one.startswith("1 of 20 networks have scores that are no numbers") and "power:1 (seed 2" in one
        for one in results.remarks
    )


def test_runs_without_learning_curves_have_no_facilitation() -> None:
    trials = known.trials(CONFIG)
    results = summarised(CONFIG, changed(trials, **{LEARNING: trials[LEARNING].iloc[:0]}))
    assert not results.summary["measure"].str.startswith("facilitation").any()
    assert "learning" not in results.figures
    assert len(results.tables["early"]) == 0


def test_a_rule_without_trials_is_left_out_and_a_run_without_any_is_empty() -> None:
    trials = known.trials(CONFIG.model_copy(update={"schedules": ("none", "power:1"), "penalties": ()}))
    results = summarised(CONFIG, trials)
    assert set(results.summary["observer"]) == {"none", "power:1"}
    assert any("Schedule uniform is not in the run" in one for one in results.remarks)
    assert len(summarised(CONFIG, Trials.of(TABLES, [])).summary) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "scikit-learn's 1,797 digits"),
        ({"scenario": "split"}, "Class-incremental"),
        ({"n_seeds": 3}, "Intervals are over 3 networks"),
        ({}, "Over 5 phases power laws and exponentials"),
        ({}, "which favours it: ewc:3."),
        ({}, "as the environment (power:1) asks for them"),
        ({}, "facilitation is beyond doubt only where both differences are above 0"),
        ({"schedules": ("uniform", "power:1")}, "Schedule none is not in the run"),
    ],
    ids=["digits", "split", "few", "short", "penalty", "need", "facilitation", "no none"],
)
def test_what_a_reader_must_know_is_said(change: dict[str, object], words: str) -> None:
    config = CONFIG.model_copy(update=change)
    assert any(words in one for one in summarised(config).remarks)


def test_mnist_and_long_enough_runs_need_no_excuse() -> None:
    config = CONFIG.model_copy(update={"data": "mnist", "n_tasks": (remarks.ENOUGH_TASKS,), "n_seeds": 4})
    said = " ".join(summarised(config).remarks)
    for words in ("digits", "tell form from steepness", "Intervals are over", "Class-incremental"):
        assert words not in said


def test_findings_name_who_is_better_and_who_is_worse(results: Results) -> None:
    said = [one for one in results.remarks if "at equal budget: " in one]
    assert len(said) == 4  # none, uniform, exponential, the best of EWC
    assert said[0].startswith("Over no rehearsal at equal budget: better are power:1 (+0.06")
    assert said[1].startswith("Over uniform at equal budget: worse are power:1 (-0.0")
    assert said[3].startswith("Over the best of its kind, ewc:3, at equal budget: better are power:1 (+0.0")
    alike = summarised(CONFIG, loss={**known.LOSS, "power:1": 0.01}, scatter=0.02)
    (other,) = (one for one in alike.remarks if one.startswith("Over uniform"))
    assert other.startswith("Over uniform at equal budget: undecided power:1 (")


@pytest.mark.parametrize("scenario", ["trees", "transfer"])
def test_scenarios_beside_people_have_rooms_of_their_own(
    scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = import_module(f"cogattn.rehearsal.{scenario}.summary")
    persons = pd.DataFrame({"person": ["one"], "measure": ["weight"]})
    for name, answer in (
        ("rows", [Row(Observer("power:1"), Measure("weight", "", "weight"), Estimate.bare(0.5, 3))]),
        ("tables", {"of their own": persons}),
        ("figures", {}),
        ("remarks", [f"of {scenario}"]),
    ):
        monkeypatch.setattr(room, name, lambda config, trials, answer=answer: answer)
    monkeypatch.setattr(room, "people", lambda config: persons)
    config = RehearsalConfig(scenario=scenario)
    results = summary.summarise(config, Trials.of(TABLES, []))
    assert results.remarks == (f"of {scenario}",)
    assert results.people is people.people(config) is persons
    assert results.summary["estimate"].tolist() == [0.5]
    assert list(results.tables) == ["of their own"]


def test_pictures_have_no_persons_and_their_scenarios_score() -> None:
    assert people.people(CONFIG) is None
    results = summary.summarise(CONFIG, known.trials(CONFIG))
    assert results.people is None
    assert "accuracy" in set(results.summary["measure"])


@pytest.mark.parametrize("environment", ["none", "ewc:3"])
def test_an_environment_that_needs_nothing_is_refused(environment: str) -> None:
    with pytest.raises(ConfigError, match=f"environment must be a need kernel; got {environment}"):
        summarised(CONFIG.model_copy(update={"environment": environment}))
