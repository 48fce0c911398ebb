"""Plans: equal budgets, exact numbers, pairing between schedules, clocks, sources, streams of trials."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal import needs
from cogattn.rehearsal.config import SCHEDULES, RehearsalConfig
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.quotas import quota
from cogattn.rehearsal.rules import rule_of
from cogattn.rehearsal.schedules import Schedule, plan_phases, plan_stream, planned_items, schedule_of
from cogattn.seeds import Streams

SIZES = (300, 300, 200, 300, 250)
POWER = needs.PowerLaw(1)
RULES = (*SCHEDULES, "actr:0.5", "power:1@last", "exponential:2@all", "ewc:3")
NAMES = {"unit": ("phase", "step", "item"), "mixing": ("shuffled", "each_batch")}


def planned(
    schedule: Schedule, sizes: Sequence[int] = SIZES, n_new: int = 100, batch: int = 16, seed: int = 0
) -> tuple[Draws, ...]:
    return plan_phases(schedule, sizes, n_new=n_new, batch=batch, streams=Streams(seed).child("seed", 0))


def by_rule(text: str, budget: float = 0.25, **rehearsal: object) -> tuple[Draws, ...]:
    config = RehearsalConfig.model_validate({"rehearsal": rehearsal})
    return planned(schedule_of(config, rule_of(text, "introduced"), budget))


def news(draws: Draws, n_new: int = 100) -> list[int]:
    """What is new to a phase: the first of its own items that a schedule with rehearsal has."""
    return draws.index[draws.new].tolist()[:n_new]


@pytest.mark.parametrize("unit", NAMES["unit"])
@pytest.mark.parametrize("mixing", NAMES["mixing"])
def test_all_rules_of_one_budget_make_the_same_updates_on_the_same_news(unit: str, mixing: str) -> None:
    reference = by_rule("uniform", unit=unit, mixing=mixing)
    assert [draws.offsets[-1] for draws in reference] == [125] * 5
    for text in RULES:
        for draws, other in zip(by_rule(text, unit=unit, mixing=mixing), reference, strict=True):
            assert draws.offsets.tolist() == other.offsets.tolist()
            places = np.flatnonzero(other.new)
            assert draws.index[places].tolist() == other.index[places].tolist()
            assert draws.new[places].all()


@pytest.mark.parametrize("text", ["none", "ewc:3"])
def test_without_rehearsal_the_budget_goes_to_further_new_items(text: str) -> None:
    for phase, draws in enumerate(by_rule(text)):
        assert (draws.task == phase).all()
        assert draws.new.all()
        assert len(set(draws.index.tolist())) == 125  # all different
    first = by_rule("power:1")[0]
    assert first.index.tolist() == by_rule(text)[0].index.tolist()


def test_news_are_the_same_at_any_budget_and_without_any() -> None:
    plans = [planned(Schedule(POWER, budget, mixing="each_batch")) for budget in (0.0, 0.1, 1.0)]
    plans.append(planned(Schedule(needs.Cumulative(), 0.25)))
    for phase in range(1, 5):
        assert len({tuple(news(plan[phase])) for plan in plans}) == 1
    assert [len(draws.task) for draws in plans[0]] == [100] * 5


def test_a_phase_has_each_past_tasks_quota() -> None:
    for phase, draws in enumerate(by_rule("power:1", budget=0.5)):
        lags = np.arange(phase, 0, -1)
        wanted = quota(1 / lags, 50).tolist() if phase else []
        own = 100 if phase else 150
        assert draws.items(5).tolist() == [*wanted, own, *[0] * (4 - phase)]
        assert draws.new.sum() == own
        assert (draws.new == (draws.task == phase)).all()


def test_unrestricted_schedules_rehearse_what_they_say_and_are_counted_before() -> None:
    for text, lag_one in (("cumulative", 100), ("table", 59)):
        schedule = schedule_of(RehearsalConfig(), rule_of(text, "introduced"), 0.25)
        plan = planned(schedule)
        assert len(plan[0].task) == 100
        assert plan[4].items(5)[3] == lag_one
        assert [len(draws.task) for draws in plan] == planned_items(schedule, 5, n_new=100).tolist()
    assert [len(draws.task) for draws in by_rule("cumulative")] == [100, 200, 300, 400, 500]
    assert planned_items(Schedule(POWER, 0.25), 3, n_new=100).tolist() == [125] * 3


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    n_new=st.integers(1, 60),
    batch=st.integers(1, 30),
    budget=st.sampled_from([0.0, 0.05, 0.3, 1.0, 2.5]),
    unit=st.sampled_from(NAMES["unit"]),
    mixing=st.sampled_from(NAMES["mixing"]),
    source=st.sampled_from(["environment", "reservoir", "per_task"]),
    apportion=st.sampled_from(["largest_remainder", "multinomial"]),
    since=st.sampled_from(["introduced", "last", "all"]),
)
def test_totals_are_exact_and_items_exist(
    sizes, n_new, batch, budget, unit, mixing, source, apportion, since
) -> None:
    schedule = Schedule(needs.PowerLaw(1, since=since), budget, unit, apportion, mixing, source, memory=5)
    total = n_new + round(budget * n_new)
    for phase, draws in enumerate(planned(schedule, sizes, n_new, batch)):
        assert draws.offsets.tolist() == [*range(0, total, batch), total]
        assert len(draws.task) == len(draws.index) == len(draws.new) == total
        assert ((draws.index >= 0) & (draws.index < np.array(sizes)[draws.task])).all()
        assert draws.new.sum() == (n_new if phase and round(budget * n_new) else total)
        assert (draws.task <= phase).all()


@pytest.mark.parametrize("unit", ["step", "item"])
def test_needs_that_are_worked_out_step_by_step_keep_totals_exact(unit: str) -> None:
    by_phase, by_step = by_rule("uniform", unit="phase"), by_rule("uniform", unit=unit)
    for one, other in zip(by_phase, by_step, strict=True):
        assert one.new.tolist() == other.new.tolist()
        assert np.abs(one.items(5) - other.items(5)).max() <= 2
        assert len(one.task) == len(other.task)


def test_time_in_steps_lets_lags_grow_within_a_phase() -> None:
    schedule = Schedule(needs.PowerLaw(2), 1.0, unit="step", mixing="each_batch")
    draws = planned(schedule, [4000] * 3, n_new=2000, batch=20)[2]
    odds = []
    for quarter in np.split(np.arange(4000), [1000, 3000])[::2]:
        old, recent = (((draws.task == task)[quarter]).sum() for task in (0, 1))
        odds.append(recent / old)
    # tasks came at steps 0 and 200; in steps 400 to 450, and 550 to 600
    first, last = (
        np.mean([(now / (now - 200)) ** 2 for now in steps]) for steps in (range(400, 450), range(550, 600))
    )
    assert odds == pytest.approx([first, last], rel=0.02)


def test_rehearsal_resets_the_clock_of_a_task() -> None:
    """By hand: three past tasks and one item a phase; a power law steep enough to take the largest weight."""
    plan = planned(Schedule(needs.PowerLaw(1, since="last"), 0.01), [300] * 5)
    # the one rehearsed item goes to the task that was met last, ties to the newer: always the newest
    assert [draws.items(5).argmin() for draws in plan[2:]] == [0, 0, 0]
    assert [draws.items(5)[phase] for phase, draws in enumerate(plan[1:])] == [1, 1, 1, 1]
    weights = needs.PowerLaw(1, since="last").weights(3, [[[0, 9], [2, 3]], [[1, 9], [2, 3]], [[2, 9]]])
    assert planned(Schedule(needs.PowerLaw(1, since="last"), 0.3), [300] * 4)[3].items(4).tolist() == [
        *quota(weights, 30), 100
    ]  # fmt: skip


@pytest.mark.parametrize("mixing", NAMES["mixing"])
def test_mixing_puts_rehearsed_items_anywhere_or_as_many_in_each_batch(mixing: str) -> None:
    draws = planned(Schedule(POWER, 0.6, mixing=mixing), [900] * 2, n_new=800, batch=16)[1]
    each = np.add.reduceat(~draws.new, draws.offsets[:-1], dtype=int)
    assert each.sum() == 480
    if mixing == "each_batch":
        assert set(each.tolist()) == {6}
    else:
        # hypergeometric: 16 of 1280 at a share of .375
        assert each.var() == pytest.approx(16 * 0.375 * 0.625 * (1280 - 16) / 1279, rel=0.35)
        halves = (~draws.new).reshape(2, -1).sum(axis=1)
        assert chisquare(halves).pvalue > 0.001


def test_what_comes_back_of_a_task_is_any_of_its_items_and_none_twice_before_all() -> None:
    counts = np.zeros(40, dtype=np.int64)
    for seed in range(150):
        draws = planned(Schedule(POWER, 0.5), [40, 40], n_new=20, batch=10, seed=seed)[1]
        again = draws.index[~draws.new]
        assert len(set(again.tolist())) == 10
        counts[again] += 1
    assert chisquare(counts).statistic / (1 - 10 / 40) == pytest.approx(39, abs=4 * np.sqrt(78))
    twice = planned(Schedule(POWER, 4.5), [40, 40], n_new=20, batch=10)[1]
    assert set(np.bincount(twice.index[~twice.new], minlength=40).tolist()) == {2, 3}


def test_chance_shares_a_budget_out_by_need() -> None:
    schedule = Schedule(POWER, 1.0, apportion="multinomial")
    counts = np.sum([planned(schedule, [60] * 4, 60, 20, seed)[3].items(4)[:3] for seed in range(60)], axis=0)
    assert counts.sum() == 3600
    assert chisquare(counts, needs.PowerLaw(1).weights(3, [[[t, 1]] for t in range(3)]) * 3600).pvalue > 0.001


@pytest.mark.parametrize("source", ["reservoir", "per_task"])
def test_memories_hold_only_what_was_met_and_are_the_same_for_all_schedules(source: str) -> None:
    held = {}
    for need in (POWER, needs.Uniform()):
        plan = planned(Schedule(need, 1.0, source=source, memory=6), [400] * 3)
        for phase, draws in enumerate(plan):
            for task in range(phase):
                own = set(draws.index[draws.task == task].tolist())
                assert own <= set(plan[task].index[plan[task].new].tolist())
                held.setdefault((phase, task), []).append(own)
    sizes = [len(own) for plans in held.values() for own in plans]
    if source == "per_task":
        assert set(sizes) == {6}
    else:
        assert sum(len(held[2, task][0]) for task in (0, 1)) == 6
    assert all(one == other for one, other in held.values())


def test_a_plan_is_the_same_again_and_another_with_another_seed() -> None:
    one, again, other = (planned(Schedule(POWER, 0.25), seed=seed) for seed in (0, 0, 1))
    assert [draws.index.tolist() for draws in one] == [draws.index.tolist() for draws in again]
    assert [draws.index.tolist() for draws in one] != [draws.index.tolist() for draws in other]


BLOCKED = np.repeat([5, 2, 5], [8, 8, 4])
INDEX = np.array([*range(8), *range(8), *range(8, 12)])


def streamed(schedule: Schedule, batch: int = 1, task=BLOCKED, index=INDEX, **options: bool) -> Draws:
    return plan_stream(schedule, task, index, batch=batch, streams=Streams(4), **options)


@pytest.mark.parametrize("batch", [1, 3, 50])
@pytest.mark.parametrize("budget", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("text", ["none", "uniform", "power:1@last", "actr:0.5"])
def test_a_stream_keeps_its_order_and_the_budgets_part_at_every_step(
    text: str, budget: float, batch: int
) -> None:
    need = rule_of(text, "introduced").need
    draws = streamed(Schedule(need, budget, unit="item"), batch)
    assert draws.task[draws.new].tolist() == BLOCKED.tolist()
    assert draws.index[draws.new].tolist() == INDEX.tolist()
    for step, rows in enumerate(draws.batches()):
        met = min((step + 1) * batch, 20)
        assert draws.new[: rows.stop].sum() == met
        assert rows.stop == met + np.rint(budget * met)
        assert draws.new[rows].tolist() == sorted(
            draws.new[rows].tolist(), reverse=True
        )  # its own trials first


def test_a_stream_rehearses_only_other_tasks_trials_that_were_met() -> None:
    draws = streamed(Schedule(POWER, 2.0))
    for step, rows in enumerate(draws.batches()):
        own, again = draws.task[rows][0], draws.task[rows][1:]
        if step < 8:  # nothing else was met: the trial itself, twice more
            assert again.tolist() == [own, own]
            assert draws.index[rows].tolist() == [INDEX[step]] * 3
        else:
            assert (again != own).all()
            assert (draws.index[rows][1:] < 8).all()


def test_the_task_at_hand_comes_back_where_it_may() -> None:
    draws = streamed(Schedule(needs.Uniform(), 1.0), include_current=True)
    again = draws.index[1::2]
    assert again[0] == 0  # of the first trial nothing was met before
    assert all(again[k] < max(k, 1) for k in range(8))
    assert set(draws.task[1::2][10:].tolist()) == {2, 5}


def test_time_of_a_stream_runs_in_items_steps_or_changes_of_task() -> None:
    """Two past tasks, 30 and 10 trials long, then a long third one: what it rehearses of them, by hand."""
    task, index = np.repeat([0, 1, 2], [30, 10, 200]), np.arange(240)
    for unit in NAMES["unit"]:
        draws = plan_stream(Schedule(POWER, 1.0, unit=unit), task, index, batch=1, streams=Streams(0))
        late = draws.task[1::2][40:]
        by_lag = sum(
            1 / (1 + now / (now - 30)) for now in range(40, 240)
        )  # in items both lags are twice as long
        wanted = 200 / 3 if unit == "phase" else by_lag
        assert np.bincount(late)[0] == pytest.approx(wanted, abs=2)


@pytest.mark.parametrize("since", ["last", "all"])
def test_what_a_stream_rehearses_counts_as_met(since: str) -> None:
    """Needs are worked out again from what the plan says was met, step by step."""
    task = np.repeat([0, 1, 2, 3], [5, 20, 10, 150])
    schedule = Schedule(needs.PowerLaw(1.5, since=since), 1.0, unit="step")
    draws = plan_stream(schedule, task, np.arange(len(task)), batch=1, streams=Streams(0))
    due, met = np.zeros(4), [[] for _ in range(4)]
    for step, (own, again) in enumerate(draws.task.reshape(-1, 2).tolist()):
        if step >= 35:
            lags = [step - np.array(times[-1:] if since == "last" else times) for times in met[:3]]
            sums = np.array([(lag**-1.5).sum() for lag in lags])
            due[:3] += sums / sums.sum()
        met[own].append(step)
        met[again].append(step)
    assert np.bincount(draws.task[1::2][35:]) == pytest.approx(due[:3], abs=2)


@pytest.mark.parametrize("source", ["reservoir", "per_task"])
def test_a_stream_can_have_a_memory(source: str) -> None:
    draws = streamed(Schedule(POWER, 1.0, source=source, memory=2))
    again = draws.index[1::2][8:16]  # of the first block, whose two or fewer are kept
    assert len(set(again.tolist())) <= 2 if source == "per_task" else True
    assert set(again.tolist()) <= set(range(8))


def test_counts_of_a_phase_are_refused_in_a_stream_and_shapes_and_budgets_are_checked() -> None:
    with pytest.raises(ConfigError, match="must keep to the budget"):
        streamed(Schedule(needs.Cumulative(), 1.0))
    with pytest.raises(DataError, match="one length"):
        streamed(Schedule(POWER, 1.0), index=INDEX[:3])
    with pytest.raises(DataError, match="at least 1"):
        streamed(Schedule(POWER, 1.0), task=[], index=[])
    with pytest.raises(DataError, match="at least 1"):
        planned(Schedule(POWER, 1.0), [3, 0])
    with pytest.raises(ConfigError, match="budgets must be at least 0"):
        Schedule(POWER, -0.1)
    with pytest.raises(ConfigError, match=r"rehearsal\.memory"):
        Schedule(POWER, 0.1, memory=0)
