"""Networks that learn tasks A, B and A: their steps, what is rehearsed, and the published outcome."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from cogattn.rehearsal.columns import ANSWERS, PERSONS, TABLES
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.networks import StackedMLP
from cogattn.rehearsal.rules import rule_of
from cogattn.rehearsal.transfer import learning
from cogattn.rehearsal.transfer.design import GROUPS, accuracy, simulated, wrapped
from cogattn.rehearsal.transfer.learning import Steps, initial_weights, steps_of, train
from cogattn.seeds import Streams

STREAMS = Streams(5)
RULES = ("none", "uniform", "power:1", "exponential:1")


def config_of(**transfer: object) -> RehearsalConfig:
    return RehearsalConfig.model_validate(
        {"scenario": "transfer", "transfer": {"n_twins": 2, "passes": 2, **transfer}}
    )


def plan_of(rule: str, budget: float = 0.25, **transfer: object) -> Steps:
    config = config_of(**transfer)
    courses = simulated(config.transfer.n_twins, STREAMS)
    return steps_of(config, rule_of(rule, "introduced"), budget, courses, STREAMS)


def test_rules_are_the_same_near_and_far() -> None:
    for course, apart in zip(simulated(1, STREAMS), (0.0, math.pi / 6, math.pi), strict=True):
        assert abs(wrapped(np.array(course.rule_b - course.rule_a))) == pytest.approx(apart)
        for part, rule in enumerate((course.rule_a, course.rule_b, course.rule_a)):
            summer, winter = course.place[part, ::2], course.place[part, 1::2]
            np.testing.assert_allclose(wrapped(winter - summer - rule), 0, atol=1e-9)


def test_a_block_asks_for_each_plant_in_summer_and_then_in_winter() -> None:
    for course in simulated(2, STREAMS):
        plants = course.stimulus.reshape(3, 10, 6, 2)
        assert (plants[..., 0] == plants[..., 1]).all()
        np.testing.assert_array_equal(np.sort(plants[..., 0], axis=-1)[1], np.tile(np.arange(6, 12), (10, 1)))
        np.testing.assert_array_equal(np.sort(plants[..., 0], axis=-1)[2], np.tile(np.arange(6), (10, 1)))
        assert (course.season == np.tile([0, 1], 60)).all()


def test_accuracy_is_1_right_half_at_chance_and_0_opposite() -> None:
    answers = np.array([0.1, math.pi / 2 + 0.1, math.pi + 0.1, 0.1 - 2 * math.pi])
    np.testing.assert_allclose(accuracy(answers, np.full(4, 0.1)), [1, 0.5, 0, 1], atol=1e-12)


def test_winters_of_a2_and_the_untold_winter_are_not_learnt_and_b_is_learnt_whole() -> None:
    for course in simulated(2, STREAMS):
        learnt = pd.DataFrame(
            {
                "plant": course.stimulus.ravel(),
                "winter": course.season.ravel(),
                "learnt": course.trained.ravel(),
            }
        ).assign(part=np.repeat([0, 1, 2], 120))
        counts = learnt.groupby(["part", "winter"])["learnt"].sum()
        assert counts.tolist() == [60, 50, 60, 60, 60, 0]
        silent = learnt[(learnt["part"] == 0) & ~learnt["learnt"]]
        assert set(silent["plant"]) == {course.untold}
        assert set(silent["winter"]) == {1}


@pytest.mark.parametrize("rule", RULES)
def test_all_schedules_make_as_many_updates(rule: str) -> None:
    steps = plan_of(rule)
    learnt = 2 * (110 + 120 + 60)
    assert (steps.met.sum(axis=1) == 2 * 360).all()
    assert (steps.learns.sum(axis=1) == learnt + round(0.25 * learnt)).all()


def test_courses_are_met_in_order_whatever_is_rehearsed() -> None:
    courses = simulated(2, STREAMS)
    for rule in RULES:
        steps = plan_of(rule)
        for k, course in enumerate(courses):
            for name in ("stimulus", "season"):
                own = getattr(steps, name)[k][steps.met[k]].reshape(3, 2, 120)
                np.testing.assert_array_equal(own, np.repeat(getattr(course, name)[:, None], 2, axis=1))


def test_without_rehearsal_the_trial_at_hand_is_repeated() -> None:
    steps = plan_of("none")
    key = 2 * steps.stimulus + steps.season
    again = np.flatnonzero(~steps.met[0])
    np.testing.assert_array_equal(key[0, again], key[0, again - 1])


def test_what_is_rehearsed_was_learnt_before() -> None:
    for rule in ("uniform", "power:1"):
        steps = plan_of(rule)
        key = 2 * steps.stimulus + steps.season
        for k in range(len(key)):
            first = {}
            for at in np.flatnonzero(steps.met[k] & steps.learns[k]):
                first.setdefault(int(key[k, at]), at)
            assert all(first[int(key[k, at])] < at for at in np.flatnonzero(~steps.met[k]))


def _share_of_a(rule: str) -> float:
    """Of what is rehearsed in the second half of B."""
    steps = plan_of(rule, passes=10)
    trial = np.cumsum(steps.met[0])
    late = ~steps.met[0] & (trial > 1800) & (trial <= 2400)
    return float((steps.stimulus[0, late] < 6).mean())


def test_steeper_needs_rehearse_less_of_a_in_b() -> None:
    uniform, power, exponential, none = (
        _share_of_a(rule) for rule in ("uniform", "power:1", "exponential:1", "none")
    )
    assert uniform == pytest.approx(0.5, abs=0.1)
    assert uniform > power > exponential
    assert none == 0


def test_a_step_is_that_of_automatic_differentiation() -> None:
    steps = plan_of("uniform", passes=1)
    settings = config_of(hidden=7, scale=0.5).transfer
    n = len(steps.met)
    first, second = initial_weights(settings, n, STREAMS)
    network = StackedMLP(
        (12, 7, 4), [torch.Generator() for _ in range(n)], activation="identity", bias=False, scales=(1, 1)
    ).double()
    with torch.no_grad():
        network.weights[0].copy_(torch.tensor(first))
        network.weights[1].copy_(torch.tensor(second))
    n_steps = 30
    short = Steps(
        *(getattr(steps, name)[:, :n_steps] for name in ("stimulus", "season", "learns", "met")),
        steps.targets,
    )
    outputs = train(short, first, second)
    for t in range(n_steps):
        plant, asked = torch.tensor(short.stimulus[:, t]).long(), torch.tensor(short.season[:, t]).long()
        answer = network(torch.nn.functional.one_hot(plant, 12).double()[:, None])[:, 0].reshape(n, 2, 2)
        pair = answer[torch.arange(n), asked]
        np.testing.assert_allclose(outputs[t], pair.detach(), rtol=1e-5, atol=1e-7)
        right = torch.tensor(short.targets)[torch.arange(n), plant, asked]
        loss = ((pair - right) ** 2).mean(dim=1)[torch.tensor(short.learns[:, t])].sum()
        slopes = torch.autograd.grad(loss, list(network.weights))
        with torch.no_grad():
            for weight, slope in zip(network.weights, slopes, strict=True):
                weight -= 0.01 * slope
    np.testing.assert_allclose(first, network.weights[0].detach(), atol=1e-12)
    np.testing.assert_allclose(second, network.weights[1].detach(), atol=1e-12)


def test_schedules_are_paired() -> None:
    """The same tasks and initial weights: nothing differs before anything is rehearsed."""
    config = config_of()
    blocks = [
        learning.run(config, rule_of(rule, "introduced"), 0.001, STREAMS).trials[ANSWERS]
        for rule in ("none", "uniform")
    ]
    first = [table[table["part"] == "A1.01"]["score"].to_numpy() for table in blocks]
    np.testing.assert_array_equal(*first)
    again = learning.run(config, rule_of("uniform", "introduced"), 0.001, STREAMS).trials[ANSWERS]
    pd.testing.assert_frame_equal(again, blocks[1])


def test_tables_are_as_declared() -> None:
    trials = learning.run(config_of(), rule_of("power:1", "introduced"), 0.05, STREAMS).trials
    for name in (PERSONS, ANSWERS):
        assert dict(trials[name].dtypes.astype(str)) | {} == {
            key: "object"
            if kind == "str" and trials[name][key].dtype == object
            else str(trials[name][key].dtype)
            for key, kind in TABLES[name].items()
        }
    persons, answers = trials[PERSONS], trials[ANSWERS]
    assert persons["person"].nunique() == 2 * len(GROUPS)
    assert len(answers) == 2 * len(GROUPS) * 3 * 10 * 2
    assert set(answers["n"]) == {12}
    weights = persons[persons["measure"] == "interference"]
    assert set(weights["group"]) == {"near", "far"}
    assert set(weights["n"]) == {60}


def test_rich_networks_interfere_near_and_not_far_as_published() -> None:
    """Printed with the public code: weight of rule A in A2 is 0.000 near and 1.000 far, over 202 networks."""
    trials = learning.run(config_of(passes=50), rule_of("none", "introduced"), 0.001, STREAMS).trials
    weights = trials[PERSONS].query("measure == 'interference'").groupby("group")["estimate"].mean()
    assert weights["near"] == pytest.approx(1, abs=0.01)
    assert weights["far"] == pytest.approx(0, abs=0.01)
