"""Twins: what they see and learn from, against an own computation; plans, pairing, and what a run leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal.columns import ANSWERS, PERSONS, TABLES
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.rules import rule_of
from cogattn.rehearsal.trees import checks, learning, networks
from cogattn.rehearsal.trees.design import Course, simulated
from cogattn.seeds import Streams
from cogattn.study import Outcome

ROOT = Streams(4)
SMALL = RehearsalConfig(scenario="trees", trees={"n_twins": 2}, network={"widths": (12,)})


def generators(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def trials(n: int) -> NDArray[np.int64]:
    return np.arange(400)[None].repeat(n, 0)


def test_inputs_are_gaussians_of_steps_and_the_garden() -> None:
    seen = networks.inputs().numpy()
    assert seen.shape == (50, 27)
    row = (1 * 5 + 2) * 5 + 3  # second garden, branch 2, leaf 3
    for branch in range(5):
        for leaf in range(5):
            expected = np.exp(-((branch - 2) ** 2 + (leaf - 3) ** 2) / 2)
            assert seen[row, branch * 5 + leaf] == pytest.approx(expected, rel=1e-6)
    assert seen[row, 25:].tolist() == [0, 1]
    assert seen[0, 25:].tolist() == [1, 0]


def own_learner(
    course: Course, who: int, items: NDArray[np.int64], weights: list[NDArray[np.float64]], rate: float
) -> NDArray[np.bool_]:
    """The same learner in plain numpy: gradients of reward times probability, by hand."""
    seen = networks.inputs().double().numpy()
    w1, b1, w2, b2 = (one.copy() for one in weights)
    tree = (course.garden[who] * 5 + course.branch[who]) * 5 + course.leaf[who]
    odds = np.full(600, np.nan)
    for trial in [*items, *range(400, 600)]:
        x = seen[tree[trial]]
        hidden = np.maximum(x @ w1 + b1, 0)
        z = float(hidden @ w2[:, 0] + b2[0])
        if np.isnan(odds[trial]):
            odds[trial] = z
        if trial < 400:
            p = 1 / (1 + np.exp(-z))
            up = rate * course.reward[who, trial] * p * (1 - p)
            back = up * w2[:, 0] * (hidden > 0)
            w2[:, 0] += up * hidden
            b2 += up
            w1 += np.outer(x, back)
            b1 += back
    return (odds > 0) == (course.category[who] > 0)


def test_a_stack_learns_as_a_plain_computation_does() -> None:
    from cogattn.rehearsal.networks import StackedMLP

    course = simulated("1a", 1, ROOT)
    rng = np.random.default_rng(0)
    items = np.stack([np.sort(np.append(np.arange(400), rng.integers(400, size=60))) for _ in range(4)])
    items[:, 1:] = np.where(items[:, 1:] == items[:, :-1], np.maximum(items[:, 1:] - 7, 0), items[:, 1:])
    found = networks.learn(course, items, width=9, learning_rate=0.5, generators=generators(4))
    start = StackedMLP((27, 9, 1), generators(4))
    for who in range(2):
        weights = [
            start.weights[0][who],
            start.biases[0][who, 0],
            start.weights[1][who],
            start.biases[1][who, 0],
        ]
        plain = own_learner(
            course, who, items[who], [one.detach().double().numpy() for one in weights], rate=0.5
        )
        assert (found[who] == plain).mean() > 0.995  # odds near 0 may round to either side
    assert found[:, 400:].mean() > 0.5


def test_trees_on_the_boundary_teach_nothing() -> None:
    course = simulated("1a", 1, ROOT)
    nothing = Course(
        "1a",
        course.persons,
        course.groups,
        course.garden,
        course.branch,
        course.leaf,
        np.zeros_like(course.reward),
    )
    untaught = networks.learn(nothing, trials(4), width=5, learning_rate=1.0, generators=generators(4))
    tree = (course.garden * 5 + course.branch) * 5 + course.leaf
    for own, answer in zip(tree, untaught, strict=True):
        by_tree = {(int(t), bool(a)) for t, a in zip(own, answer, strict=True)}
        assert len(by_tree) == 50  # the same answer to a tree all along


def test_interleaved_networks_learn_both_rules_and_blocked_ones_forget_the_first() -> None:
    course = simulated("1a", 5, ROOT)
    right = networks.learn(course, trials(20), width=100, learning_rate=1.0, generators=generators(20))
    counts, test = course.category != 0, np.arange(600) >= 400
    groups = np.array(course.groups)

    def accuracy(group: str, there: NDArray[np.bool_]) -> float:
        chosen = counts & test & there & (groups == group)[:, None]
        return float(right[chosen].mean())

    assert accuracy("interleaved", counts) > 0.9
    assert accuracy("b200", course.second) > 0.95
    assert accuracy("b200", ~course.second) < 0.75


def items_by(text: str, budget: float, *persons: str) -> NDArray[np.int64]:
    schedule = learning.drawn_by(SMALL, rule_of(text, "introduced"), budget)
    return learning.items_of(persons, schedule, ROOT)


@pytest.mark.parametrize("text", ["none", "uniform", "power:1", "power:1@last", "actr:0.5"])
def test_every_schedule_makes_the_same_number_of_steps_and_meets_each_trial_in_order(text: str) -> None:
    items = items_by(text, 0.25, "a", "b")
    assert items.shape == (2, 500)
    for own in items:
        first = np.unique(own, return_index=True)[1]
        assert (np.diff(first) > 0).all()
        assert own[0] == 0
        running = np.maximum.accumulate(own)
        assert (own <= running).all()  # nothing is rehearsed before it was met
        if text == "none":
            assert np.array_equal(own, running)


@pytest.mark.parametrize("text", ["uniform", "exponential:80"])
def test_trials_come_back_as_often_as_their_need_says(text: str) -> None:
    """One rehearsed item a trial: trial k was met 2 (t - k) items before the t-th is over."""
    items = items_by(text, 1.0, *"abcde")
    back = items[:, 3::2]  # after trials 1, 2, ...: after the first there is none but itself
    found = np.mean([np.arange(1, 400) - own for own in back])
    need = {"uniform": lambda lag: np.ones_like(lag), "exponential:80": lambda lag: np.exp(-lag / 80)}[text]
    expected = []
    for now in range(1, 400):
        lags = np.arange(now, 0, -1.0)
        expected.append((lags * need(2 * lags)).sum() / need(2 * lags).sum())
    assert found == pytest.approx(np.mean(expected), rel=0.06)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return learning.run(SMALL, rule_of("power:1", "introduced"), 0.25, ROOT)


def test_a_run_has_persons_and_answers_by_schedule_and_budget(outcome: Outcome) -> None:
    assert set(outcome.trials) == {PERSONS, ANSWERS}
    for name, rows in outcome.trials.items():
        assert list(rows) == list(TABLES[name])
        assert set(rows["observer"]) == {"power:1"}
        assert set(rows["budget"]) == {0.25}
    persons = outcome.trials[PERSONS]
    assert persons["person"].nunique() == 8
    assert persons.groupby("person")["measure"].nunique().eq(5).all()
    assert set(persons.loc[persons["measure"] == "test_accuracy.b2", "group"]) == {"b2"}


def test_a_run_repeats_itself(outcome: Outcome) -> None:
    again = learning.run(SMALL, rule_of("power:1", "introduced"), 0.25, ROOT)
    assert again.trials[PERSONS].equals(outcome.trials[PERSONS])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"penalties": ("ewc:3",)}, "penalties must be left out"),
        ({"schedules": ("uniform", "cumulative")}, "schedules must keep to the budget"),
        ({"network": {"widths": (10, 20)}}, "network.widths must be one"),
        ({"training": {"batch": 8}}, "training.batch must be left out"),
        ({"training": {"n_new": 8}}, "training.n_new must be left out"),
    ],
    ids=["penalties", "cumulative", "widths", "batch", "n_new"],
)
def test_settings_without_a_part_are_refused(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        checks.check(RehearsalConfig(scenario="trees", **changed))


def test_people_that_are_not_there_are_refused(tmp_path: Path) -> None:
    config = RehearsalConfig(scenario="trees", trees={"path": tmp_path})
    with pytest.raises(DataError, match=r"trees\.path must be a folder with allData_exp1a\.mat"):
        checks.check(config)
    checks.check(SMALL)
    assert checks.contents(SMALL) == {}


def test_what_matters_is_one_width_the_rate_and_the_twins_or_the_people() -> None:
    plain = checks.relevant(SMALL)
    assert set(plain) == {"trees", "network", "training"}
    assert plain["network"].widths == (12,)
    assert plain["network"].depth == RehearsalConfig().network.depth
    assert plain["training"].learning_rate == 1.0
    given = RehearsalConfig(scenario="trees", trees={"path": "there", "n_twins": 7})
    assert checks.relevant(given)["trees"].n_twins == 40
