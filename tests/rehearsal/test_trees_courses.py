"""Courses by the published design, and answers scored: truth by counting, and by learners whose rule is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.rehearsal.trees import scoring
from cogattn.rehearsal.trees.design import GROUPS, RUNS, Course, simulated
from cogattn.seeds import Streams


@pytest.fixture(scope="module", params=["1a", "1b"])
def course(request: pytest.FixtureRequest) -> Course:
    return simulated(request.param, 3, Streams(1))


def test_every_tree_is_met_eight_and_four_times_in_each_garden(course: Course) -> None:
    tree = (course.garden * 5 + course.branch) * 5 + course.leaf
    for own in tree:
        assert (np.bincount(own[:400], minlength=50) == 8).all()
        assert (np.bincount(own[400:], minlength=50) == 4).all()


def test_gardens_stay_as_long_as_the_curriculum_says(course: Course) -> None:
    for garden, group in zip(course.garden, course.groups, strict=True):
        lengths = np.diff(np.flatnonzero(np.diff(garden[:400], prepend=-1, append=-1)))
        if group in RUNS:
            assert set(lengths) == {RUNS[group]}
        else:
            assert lengths.max() < 20
            assert lengths.mean() == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize(
    ("experiment", "garden", "branch", "leaf", "expected"),
    [
        ("1a", 0, 0, 4, 1.0),
        ("1a", 1, 0, 4, -1.0),
        ("1a", 0, 3, 2, 0.0),
        ("1b", 0, 4, 3, 1.0),
        ("1b", 0, 1, 2, -0.5),
        ("1b", 1, 1, 4, 1.0),
        ("1b", 1, 3, 3, 0.0),
    ],
    ids=["leafy", "not branchy", "middle", "sum", "sum below", "difference", "on the diagonal"],
)
def test_rewards_follow_the_rule_of_the_garden(
    experiment: str, garden: int, branch: int, leaf: int, expected: float
) -> None:
    course = simulated(experiment, 2, Streams(0))
    there = (course.garden == garden) & (course.branch == branch) & (course.leaf == leaf)
    assert {abs(value) for value in course.reward[there]} == {abs(expected)}
    opposite = (course.garden == garden) & (course.branch == 4 - branch) & (course.leaf == 4 - leaf)
    for who in range(len(course)):
        assert course.reward[who, there[who]][0] == -course.reward[who, opposite[who]][0]


def test_first_twins_are_the_same_however_many_there_are() -> None:
    few, many = (simulated("1a", n, Streams(5)) for n in (2, 4))
    assert few.persons[2] == "b20 1"
    assert np.array_equal(few.reward[2], many.reward[4])
    assert not np.array_equal(few.reward[0], few.reward[1])


def means(course: Course, correct: np.ndarray) -> pd.Series:
    return scoring.scored(course, correct).groupby("measure")["estimate"].mean()


def test_a_learner_who_keeps_the_rules_apart_has_no_intrusion(course: Course) -> None:
    found = means(course, course.category != 0)
    assert (found[[f"test_accuracy.{group}" for group in GROUPS]] == 1).all()
    assert (found[[f"intrusion.{group}" for group in GROUPS]] == 0).all()


def test_the_rule_of_one_garden_for_both_is_half_an_intrusion(course: Course) -> None:
    answer = np.where(course.garden == 0, course.category, course.other_category)
    found = means(course, answer == course.category)
    assert found["intrusion.b2"] == pytest.approx(0.5)
    wrong = means(course, course.other_category == course.category)
    assert wrong["intrusion.b200"] == 1


def test_accuracy_is_of_trials_that_count_with_its_binomial_error(course: Course) -> None:
    correct = np.zeros(course.garden.shape, dtype=bool)
    counted = np.flatnonzero((course.category[0] != 0) & (np.arange(600) >= 400))
    correct[0, counted[:40]] = True
    correct[0, course.category[0] == 0] = True  # on the boundary: of no account
    row = scoring.scored(course, correct).set_index(["person", "measure"]).loc["b200 1", "test_accuracy.b200"]
    assert tuple(row[["estimate", "n"]]) == (0.25, 160)
    assert row["se"] == pytest.approx(np.sqrt(0.25 * 0.75 / 160))


def test_switches_and_stays_are_all_test_trials_but_the_first(course: Course) -> None:
    scores = scoring.scored(course, course.category > 0)
    wide = scores.assign(kind=scores["measure"].str.split(".").str[0]).pivot(
        index="person", columns="kind", values="n"
    )
    first = pd.Series(course.category[:, 400] != 0, index=course.persons).astype(int)
    total = wide["switch_accuracy"] + wide["stay_accuracy"]
    assert (total + first.reindex(wide.index) == wide["test_accuracy"]).all()
    garden, right = course.garden[0], course.category[0] > 0
    switched = [k for k in range(401, 600) if garden[k] != garden[k - 1] and course.category[0, k] != 0]
    own = scores.set_index(["person", "measure"]).loc[("b200 1", "switch_accuracy.b200"), "estimate"]
    assert own == pytest.approx(right[switched].mean())


def test_answers_tell_first_and_second_garden_by_stretches(course: Course) -> None:
    correct = course.category != 0
    correct[:, 200:400] = False
    table = scoring.answers(course, correct)
    blocked = table[table["person"] == "b200 1"].set_index(["part", "task"])["score"]
    assert list(blocked.index) == [
        *((f"training {k}", "first") for k in (1, 2, 3, 4)),
        *((f"training {k}", "second") for k in (5, 6, 7, 8)),
        ("test", "first"),
        ("test", "second"),
    ]
    assert list(blocked) == [1.0] * 4 + [0.0] * 4 + [1.0, 1.0]
    assert table["n"].sum() == (course.category != 0).sum()
