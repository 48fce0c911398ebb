"""The published trials of Flesch et al. (2018): published figures come out, what is damaged is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.io import savemat

from cogattn.errors import DataError
from cogattn.rehearsal.trees import reading, scoring
from cogattn.rehearsal.trees.design import GROUPS, RUNS, Course, simulated
from cogattn.seeds import Streams

Fields = dict[str, NDArray]
N_TWINS = 2


def values(people: reading.People, measure: str) -> dict[str, NDArray]:
    scores = scoring.scored(people.course, people.correct)
    return {
        group: scores.loc[scores["measure"] == f"{measure}.{group}", "estimate"].to_numpy()
        for group in GROUPS
    }


@pytest.fixture(scope="module")
def cardinal(shared_data: Path) -> reading.People:
    return reading.read(shared_data / "rehearsal" / "flesch2018", "1a")


@pytest.fixture(scope="module")
def diagonal(shared_data: Path) -> reading.People:
    return reading.read(shared_data / "rehearsal" / "flesch2018", "1b")


def test_published_test_of_curricula_comes_out(cardinal: reading.People) -> None:
    """Flesch et al. (2018), p. E10315: F(3, 172) = 5.06; B200 against interleaved t(93) = 2.32, d = .47."""
    accuracy = values(cardinal, "test_accuracy")
    blocked, interleaved = accuracy["b200"], accuracy["interleaved"]
    assert sum(map(len, accuracy.values())) == 176
    assert stats.f_oneway(*accuracy.values()).statistic == pytest.approx(5.06, abs=0.005)
    assert len(blocked) + len(interleaved) - 2 == 93
    assert stats.ttest_ind(blocked, interleaved).statistic == pytest.approx(2.32, abs=0.005)
    pooled = np.sqrt((blocked.var(ddof=1) + interleaved.var(ddof=1)) / 2)
    assert (blocked.mean() - interleaved.mean()) / pooled == pytest.approx(0.47, abs=0.01)


@pytest.mark.parametrize(("experiment", "published"), [("1a", 2.99), ("1b", 3.11)], ids=["1a", "1b"])
def test_intrusion_is_less_after_blocks_about_as_surely_as_published(
    experiment: str, published: float, request: pytest.FixtureRequest
) -> None:
    """Published are rank sums of slopes over the irrelevant dimension (p. E10315, E10316), not of this difference."""
    people = request.getfixturevalue("cardinal" if experiment == "1a" else "diagonal")
    intrusion = values(people, "intrusion")
    z = stats.ranksums(intrusion["interleaved"], intrusion["b200"]).statistic
    assert z == pytest.approx(published, abs=0.15)


def test_diagonal_rules_have_166_persons_and_no_benefit_of_blocking(diagonal: reading.People) -> None:
    accuracy = values(diagonal, "test_accuracy")
    assert {group: len(own) for group, own in accuracy.items()} == {
        "b200": 42,
        "b20": 40,
        "b2": 40,
        "interleaved": 44,
    }
    assert stats.ttest_ind(accuracy["b200"], accuracy["interleaved"]).pvalue > 0.9


def test_persons_are_numbered_and_misses_are_wrong(cardinal: reading.People) -> None:
    assert cardinal.course.persons[:2] == ("1a-001", "1a-002")
    assert not (cardinal.correct & cardinal.missed).any()
    assert cardinal.missed.sum() == 732


def fields_of(course: Course, correct: NDArray[np.bool_]) -> Fields:
    """A struct as the authors' from a course and answers."""
    category = course.category
    planted = np.where(correct, category == 1, category != 1).astype(float)
    codes = np.zeros((7, len(course)), dtype=np.uint8)
    codes[0] = [3 if group == "interleaved" else 1 for group in course.groups]
    codes[4] = [RUNS.get(group, 200) for group in course.groups]
    codes[5] = course.experiment == "1b"
    return {
        "expt_contextIDX": (course.garden + 1).T.astype(np.uint8),
        "expt_branchIDX": (course.branch + 1).T.astype(np.uint8),
        "expt_leafIDX": (course.leaf + 1).T.astype(np.uint8),
        "expt_rewardIDX": (course.reward * 50).T.astype(np.int16),
        "expt_catIDX": category.T.astype(np.int16),
        "expt_sessIDX": np.repeat([1, 2], [400, 200])[:, None].repeat(len(course), 1).astype(np.uint8),
        "resp_category": planted.T,
        "resp_correct": correct.T.astype(np.uint8),
        "resp_reactiontime": np.ones((600, len(course))),
        "subCodes": codes,
    }


def answered(experiment: str) -> tuple[Course, NDArray[np.bool_]]:
    course = simulated(experiment, N_TWINS, Streams(3))
    return course, np.random.default_rng(0).random(course.garden.shape) < 0.8


def saved(folder: Path, fields: Fields, experiment: str = "1a") -> Path:
    savemat(folder / f"allData_exp{experiment}.mat", {"allData": fields})
    return folder


@pytest.mark.parametrize("experiment", ["1a", "1b"])
def test_what_was_written_is_read(experiment: str, tmp_path: Path) -> None:
    course, correct = answered(experiment)
    fields = fields_of(course, correct)
    fields["resp_reactiontime"][7, 1] = 5.5
    fields["resp_category"][9, 2], fields["resp_correct"][9, 2] = np.nan, 0
    people = reading.read(saved(tmp_path, fields, experiment), experiment)
    for name in ("garden", "branch", "leaf", "reward"):
        assert np.array_equal(getattr(people.course, name), getattr(course, name))
    assert people.course.groups == course.groups
    expected = correct.copy()
    expected[1, 7] = expected[2, 9] = False
    assert np.array_equal(people.correct, expected)
    assert [tuple(place) for place in np.argwhere(people.missed)] == [(1, 7), (2, 9)]


def _swap(name: str, first: int, second: int) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        fields[name][[first, second]] = fields[name][[second, first]]

    return change


def _set(name: str, place: object, value: float) -> Callable[[Fields], None]:
    def change(fields: Fields) -> None:
        fields[name] = fields[name].astype(float)
        fields[name][place] = value

    return change


def _flip_category(fields: Fields) -> None:
    fields["expt_catIDX"] = -fields["expt_catIDX"]


def _flip_a_rule_for_a_while(fields: Fields) -> None:
    there = fields["expt_contextIDX"] == 1
    there[200:] = False
    for name in ("expt_rewardIDX", "expt_catIDX"):
        fields[name] = np.where(there, -fields[name], fields[name])


def _drop(fields: Fields) -> None:
    del fields["resp_correct"]


def _shorten(fields: Fields) -> None:
    fields["expt_leafIDX"] = fields["expt_leafIDX"][:599]


DAMAGES: dict[str, tuple[Callable[[Fields], None], str]] = {
    "a garden": (_set("expt_contextIDX", (5, 0), 3), "expt_contextIDX"),
    "a degree": (_set("expt_leafIDX", (5, 0), 0), "expt_leafIDX"),
    "half a degree": (_set("expt_branchIDX", (5, 0), 1.5), "expt_branchIDX"),
    "no reward": (_set("expt_rewardIDX", (5, 0), np.nan), "expt_rewardIDX"),
    "another reward": (_set("expt_rewardIDX", (5, 0), 49), "rules of experiment 1a"),
    "a rule turned in between": (_flip_a_rule_for_a_while, "rules of experiment 1a"),
    "categories": (_flip_category, "expt_catIDX"),
    "sessions": (_swap("expt_sessIDX", 399, 400), "expt_sessIDX"),
    "answers": (_set("resp_category", (5, 0), 2), "resp_category"),
    "right ones": (_set("resp_correct", slice(None), 1), "resp_correct"),
    "a curriculum": (_set("subCodes", (4, 0), 50), "subCodes"),
    "another curriculum": (_set("subCodes", (4, 2), 200), "runs of 200"),
    "all of one curriculum": (_set("subCodes", 0, 3), "subCodes"),
    "rules' code": (_set("subCodes", 5, 1), "rules of experiment 1a"),
    "a field": (_drop, "without resp_correct"),
    "a trial": (_shorten, "expt_leafIDX"),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_damaged_trials_are_refused(damage: str, tmp_path: Path) -> None:
    course, correct = answered("1a")
    fields = fields_of(course, correct)
    change, told = DAMAGES[damage]
    change(fields)
    with pytest.raises(DataError, match=told):
        reading.read(saved(tmp_path, fields), "1a")


def test_trees_that_are_met_too_often_are_refused(tmp_path: Path) -> None:
    course, correct = answered("1a")
    fields = fields_of(course, correct)
    rows = np.flatnonzero(fields["expt_contextIDX"][:400, 0] == 1)
    for name, values_ in fields.items():
        if name.startswith(("expt_branch", "expt_leaf", "expt_reward", "expt_cat", "resp")):
            values_[rows[0], 0] = values_[rows[30], 0]
    with pytest.raises(DataError, match="every tree 8 times"):
        reading.read(saved(tmp_path, fields), "1a")


def test_the_other_experiment_and_other_files_are_refused(tmp_path: Path) -> None:
    course, correct = answered("1b")
    saved(tmp_path, fields_of(course, correct), "1b")
    shutil.copy(tmp_path / "allData_exp1b.mat", tmp_path / "allData_exp1a.mat")
    with pytest.raises(DataError, match="rules of experiment 1a"):
        reading.read(tmp_path, "1a")
    savemat(tmp_path / "allData_exp1a.mat", {"other": np.zeros(3)})
    with pytest.raises(DataError, match="one struct allData"):
        reading.read(tmp_path, "1a")
    with pytest.raises(DataError, match=r"trees.path must be a folder with allData_exp1a\.mat"):
        reading.read(tmp_path / "nowhere", "1a")


@pytest.mark.parametrize("kept", [0, 100, 130, 200, 2000, -1], ids=str)
def test_a_file_that_ends_early_is_refused(kept: int, tmp_path: Path) -> None:
    file = saved(tmp_path, fields_of(*answered("1a"))) / "allData_exp1a.mat"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"allData_exp1a\.mat must"):
        reading.read(tmp_path, "1a")
