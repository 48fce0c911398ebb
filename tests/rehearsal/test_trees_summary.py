"""The summary beside people: rows, tables, figures and remarks, from people who are known and twins who are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cogattn.people.tables import beside
from cogattn.rehearsal.columns import ANSWERS, PERSONS, TABLES
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.trees import reading, scoring, summary
from cogattn.rehearsal.trees.design import GROUPS, Course, simulated
from cogattn.seeds import Streams
from cogattn.study import Outcome, Trials


def outcome(course: Course, correct: NDArray[np.bool_], observer: str, budget: float = 0.25) -> Outcome:
    tables = {PERSONS: scoring.scored(course, correct), ANSWERS: scoring.answers(course, correct)}
    return Outcome(
        {
            name: rows.assign(observer=observer, budget=budget)[list(TABLES[name])]
            for name, rows in tables.items()
        }
    )


def forgetting(course: Course, share: float) -> NDArray[np.bool_]:
    """Blocked learners answer by the second garden's rule in a share of the first one's test trials."""
    rng = np.random.default_rng(0)
    blocked = (np.array(course.groups) == "b200")[:, None] & (np.arange(600) >= 400)
    wrong = blocked & ~course.second & (rng.random(course.garden.shape) < share)
    answer = np.where(wrong, course.other_category, course.category)
    lapse = rng.random(course.garden.shape) < 0.05
    return (answer == course.category) & ~lapse


@pytest.fixture(scope="module")
def alone() -> tuple[RehearsalConfig, Trials]:
    """Simulated: schedule none forgets, uniform does not."""
    course = simulated("1a", 12, Streams(0).child("tasks"))
    config = RehearsalConfig(
        scenario="trees", schedules=("none", "uniform"), trees={"n_twins": 12}, n_bootstrap=100
    )
    made = [
        outcome(course, forgetting(course, 1), "none"),
        outcome(course, forgetting(course, 0), "uniform"),
    ]
    return config, Trials.of(TABLES, made)


@pytest.fixture(scope="module")
def with_people(shared_data: Path) -> tuple[RehearsalConfig, Trials, reading.People]:
    """Twins of the schedule none are what people were, those of uniform forget."""
    folder = shared_data / "rehearsal" / "flesch2018"
    people = reading.read(folder, "1a")
    config = RehearsalConfig(
        scenario="trees", schedules=("none", "uniform"), trees={"path": folder}, n_bootstrap=100
    )
    course = people.course
    made = [outcome(course, people.correct, "none"), outcome(course, forgetting(course, 1), "uniform")]
    return config, Trials.of(TABLES, made), people


def test_benefit_of_blocking_is_negative_for_those_who_forget(alone: tuple[RehearsalConfig, Trials]) -> None:
    rows = {(row.observer.id, row.measure.key): row for row in summary.rows(*alone)}
    assert len(rows) == 2 * (5 * 4 + 2)
    lost = rows["none", "benefit_of_blocking"].value
    assert lost.hi < -0.15
    assert rows["none", "test_accuracy.b200"].value.estimate - rows[
        "none", "test_accuracy.interleaved"
    ].value.estimate == pytest.approx(lost.estimate)
    kept = rows["uniform", "benefit_of_blocking"].value
    assert kept.lo < 0 < kept.hi
    assert rows["none", "benefit_of_blocking.intrusion"].value.estimate < -0.3
    assert rows["none", "benefit_of_blocking"].human is None
    assert rows["none", "benefit_of_blocking"].note == ""


def test_without_people_there_are_no_persons_and_no_likeness(alone: tuple[RehearsalConfig, Trials]) -> None:
    assert summary.people(alone[0]) is None
    assert set(summary.tables(*alone)) == {"persons", "groups", "benefit", "learning"}
    assert summary.remarks(*alone)[0].startswith("No people (trees.path): 12 courses")
    assert "networks gain by no schedule and lose by 1 of 2" in summary.remarks(*alone)[2]


def test_people_stand_beside_every_row_once(
    with_people: tuple[RehearsalConfig, Trials, reading.People],
) -> None:
    config, trials, _ = with_people
    rows = summary.rows(config, trials)
    assert all(row.human is not None for row in rows)
    own = [row for row in rows if row.observer.id == "none"]
    assert all(row.value == row.human for row in own)  # these twins are the people
    notes = {(row.observer.id, row.measure.key): row.note for row in rows if row.note}
    assert notes["none", "benefit_of_blocking"] == "human sign"
    assert notes["uniform", "benefit_of_blocking"] == "opposite of the human sign"
    persons = summary.people(config)
    assert persons is not None
    assert persons["person"].nunique() == 176
    for row, again in zip(rows, beside([replace(row, human=None) for row in rows], persons), strict=True):
        if again.human is not None:
            assert again.human.estimate == pytest.approx(row.human.estimate)


def test_tables_hold_persons_beside_twins_and_whole_distributions(
    with_people: tuple[RehearsalConfig, Trials, reading.People],
) -> None:
    config, trials, _ = with_people
    tables = summary.tables(config, trials)
    persons = tables["persons"]
    assert list(persons) == ["person", "group", "measure", "people", "none", "uniform"]
    assert persons["people"].equals(persons["none"].rename("people"))
    likeness = tables["likeness"].set_index(["observer", "measure", "group"])
    assert len(likeness) == 2 * 2 * len(GROUPS)
    same = likeness.loc["none", "test_accuracy", "b200"]
    assert tuple(same[["wasserstein", "above", "ks", "p"]]) == (0, 0.5, 0, 1)
    assert likeness.loc["uniform", "test_accuracy", "b200"]["above"] < 0.1
    learning = tables["learning"].set_index(["observer", "group", "part", "task"])["score"]
    assert learning["people", "b200", "test", "first"] == learning["none", "b200", "test", "first"]
    assert learning["uniform", "b200", "test", "first"] < 0.6 < learning["uniform", "b200", "test", "second"]
    assert tables["benefit"]["human"].nunique() == 2


def test_remarks_say_who_people_are_and_what_counts(
    with_people: tuple[RehearsalConfig, Trials, reading.People],
) -> None:
    config, trials, _ = with_people
    said = summary.remarks(config, trials)
    assert "176 persons of experiment 1a" in said[0]
    assert "CC BY-NC-SA (b200 48, b20 41, b2 40, interleaved 47)" in said[0]
    assert said[1].startswith("Of 200 test trials 160 count")
    assert "people gain +0.042 [+0.006, +0.078]" in said[3]
    assert "networks gain by none and lose by 1 of 2; most by none, +0.042" in said[3]


def test_figures_draw_every_learner(with_people: tuple[RehearsalConfig, Trials, reading.People]) -> None:
    config, trials, people = with_people
    drawn = summary.figures(config, trials)
    assert set(drawn) == {"persons", "intrusion"}
    panels = drawn["persons"]().axes
    assert len(panels) == len(GROUPS) + 1
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["people", "no rehearsal", "uniform"]
    scores = scoring.scored(people.course, people.correct)
    for measure, axes in (("test_accuracy", panels[0]), ("intrusion", drawn["intrusion"]().axes[0])):
        own = scores.loc[scores["measure"] == f"{measure}.b200", "estimate"]
        assert np.array_equal(np.sort(axes.lines[0].get_xdata()), np.sort(own))


def test_a_schedule_that_failed_is_left_out(alone: tuple[RehearsalConfig, Trials]) -> None:
    config, trials = alone
    rows = trials[PERSONS]
    fewer = Trials.of(TABLES, [Outcome({PERSONS: rows[rows["observer"] == "uniform"]})])
    assert {row.observer.id for row in summary.rows(config, fewer)} == {"uniform"}
    nobody = Trials.of(TABLES, [])
    assert summary.rows(config, nobody) == []
    assert summary.figures(config, nobody) == {}
    assert len(summary.remarks(config, nobody)) == 2
