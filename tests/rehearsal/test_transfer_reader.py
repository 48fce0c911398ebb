"""The reader of people's trial files, on files that are made here in the form of the published ones."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.rehearsal.transfer.design import Course, accuracy, simulated, wrapped
from cogattn.rehearsal.transfer.people import block_rows, person_rows, persons
from cogattn.rehearsal.transfer.reader import COLUMNS, digest, exclusions, read_people
from cogattn.rehearsal.transfer.scoring import mixture
from cogattn.seeds import Streams

SAME, NEAR, FAR = simulated(1, Streams(3))
Change = Callable[[pd.DataFrame], pd.DataFrame]


def table_of(course: Course, *, weight: float = 0.0, learns: bool = True, seed: int = 0) -> pd.DataFrame:
    """A person's file: answers scatter by six degrees; in A2 a share `weight` of winters follows rule B."""
    rng = np.random.default_rng(seed)
    parts = []
    for k, part in enumerate(("A1", "B", "A2")):
        season, place = course.season[k], course.place[k]
        answer = place + rng.normal(0, 0.1, len(place))
        if part == "A2":
            answer[1::2] += np.where(rng.random(60) < weight, course.rule_b - course.rule_a, 0)
        if not learns:
            answer = rng.uniform(-math.pi, math.pi, len(place))
        told = wrapped(place + rng.normal(0, math.radians(5), len(place)))
        told[course.tests[k] | ((k == 2) & (season == 1))] = np.nan
        parts.append(
            pd.DataFrame(
                {
                    "participant": course.person.replace(" ", "_"), "stimID": course.stimulus[k], "feature_idx": season,
                    "task_section": part, "taskID": int(k == 1), "block": 10 * k + np.arange(120) // 12,
                    "feat_val": place, "dial_resp": wrapped(answer), "noisy_feedback_value": told,
                    "resp_error": np.abs(wrapped(answer - place)), "debrief_tools": "no",
                }
            )
        )  # fmt: skip
    debriefing = pd.DataFrame(
        [{"participant": parts[0]["participant"][0], "task_section": "debrief", "debrief_tools": "no"}]
    )
    return pd.concat([*parts, debriefing], ignore_index=True)


def write(
    folder: Path, course: Course, *, number: int = 1, change: Change | None = None, **kwargs: float
) -> Path:
    table = table_of(replace(course, person=f"study1_{course.group}_sub{number}"), **kwargs)
    file = folder / f"study1_{course.group}_sub{number}.csv"
    (change(table) if change else table).to_csv(file, index=True, na_rep="NaN")
    return file


def test_what_was_written_is_read(tmp_path: Path) -> None:
    for course in (SAME, NEAR, FAR):
        write(tmp_path, course)
    found = read_people(tmp_path)
    assert [one.course.group for one in found.answers] == ["far", "near", "same"]
    for one, course in zip(found.answers, (FAR, NEAR, SAME), strict=True):
        assert one.course.person == f"study1_{course.group}_sub1"
        assert np.array_equal(one.course.stimulus, course.stimulus)
        np.testing.assert_allclose(wrapped(one.course.place - course.place), 0, atol=1e-9)
        assert wrapped(
            np.array([one.course.rule_a - course.rule_a, one.course.rule_b - course.rule_b])
        ) == pytest.approx(0, abs=1e-9)
        assert one.course.untold == course.untold
        table = table_of(course)[:360]
        expected = accuracy(table["dial_resp"], table["feat_val"]).reshape(3, 120)
        np.testing.assert_allclose(one.accuracy, expected, atol=1e-9)


def test_the_weight_of_rule_b_is_that_of_the_answers(tmp_path: Path) -> None:
    for number, weight in enumerate((0.0, 0.5, 1.0)):
        for course in (NEAR, FAR):
            write(tmp_path, course, number=number, weight=weight, seed=number)
    found = {one.course.person: mixture(one, 2) for one in read_people(tmp_path).answers}
    for group in ("near", "far"):
        assert found[f"study1_{group}_sub0"].weight < 0.05
        assert found[f"study1_{group}_sub1"].lo < 0.5 < found[f"study1_{group}_sub1"].hi
        assert found[f"study1_{group}_sub2"].weight > 0.95


def test_an_answer_is_held_against_the_summer_that_was_told(tmp_path: Path) -> None:
    """Summers are told 20 degrees off, winters answered by rule A from there: the rule applied is A exactly."""

    def tell(table: pd.DataFrame) -> pd.DataFrame:
        summer = table["feature_idx"] == 0
        table.loc[summer, "noisy_feedback_value"] = wrapped(table.loc[summer, "feat_val"] + math.radians(20))
        winter = table["feature_idx"] == 1
        table.loc[winter, "dial_resp"] = wrapped(table.loc[winter, "feat_val"] + math.radians(20))
        return table

    write(tmp_path, NEAR, change=tell)
    (one,) = read_people(tmp_path).answers
    np.testing.assert_allclose(wrapped(one.applied[2] - NEAR.rule_a), 0, atol=1e-9)


def test_pens_and_chance_are_left_out_and_named(tmp_path: Path) -> None:
    def pen(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(debrief_tools="yes-pen")

    write(tmp_path, NEAR, number=1)
    write(tmp_path, NEAR, number=2, change=pen)
    write(tmp_path, FAR, number=3, learns=False)
    found = read_people(tmp_path)
    assert found.pen == ("study1_near_sub2",)
    assert found.chance == ("study1_far_sub3",)
    assert [one.course.person for one in found.answers] == ["study1_near_sub1"]
    said = " ".join(exclusions(found))
    assert "1 who used a pen (debrief_tools): study1_near_sub2" in said
    assert "not better than chance at the end of A1: study1_far_sub3" in said


def test_only_the_last_24_answers_of_a1_decide_on_chance(tmp_path: Path) -> None:
    def fail(rows: slice) -> Change:
        def change(table: pd.DataFrame) -> pd.DataFrame:
            table.loc[table.index[rows], "resp_error"] = np.linspace(1.8, 2.2, len(table.index[rows]))
            return table

        return change

    write(tmp_path, NEAR, number=1, change=fail(slice(0, 96)))
    write(tmp_path, NEAR, number=2, change=fail(slice(96, 120)))
    assert read_people(tmp_path).chance == ("study1_near_sub2",)


def test_who_did_not_learn_rule_b_has_no_interference_and_is_named(tmp_path: Path) -> None:
    def by_rule_a(table: pd.DataFrame) -> pd.DataFrame:
        winter = (table["task_section"] == "B") & (table["feature_idx"] == 1)
        table.loc[winter, "dial_resp"] = wrapped(table.loc[winter, "feat_val"] + FAR.rule_a - FAR.rule_b)
        return table

    write(tmp_path, FAR, number=1, change=by_rule_a)
    write(tmp_path, FAR, number=2)
    assert read_people(tmp_path).unlearnt == ("study1_far_sub1",)
    rows = person_rows(tmp_path)
    assert set(rows[rows["measure"] == "interference"]["person"]) == {"study1_far_sub2"}


def test_an_answer_that_is_missing_is_left_out(tmp_path: Path) -> None:
    def miss(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table.index[[120, 241]], ["dial_resp", "resp_error"]] = (
            np.nan
        )  # a summer of B, a winter of A2
        return table

    write(tmp_path, FAR, change=miss)
    rows = person_rows(tmp_path).set_index("measure")
    assert rows.loc["interference", "n"] == 59
    assert rows["estimate"].notna().all()
    blocks = block_rows(tmp_path).set_index(["part", "task"])
    assert blocks.loc[("B.01", "summer"), "n"] == 5
    assert blocks.loc[("A2.01", "winter"), "n"] == 5


def test_persons_have_measures_of_their_group(tmp_path: Path) -> None:
    write(tmp_path, SAME)
    write(tmp_path, NEAR)
    found = persons(tmp_path)
    assert set(found[found["person"] == "study1_same_sub1"]["measure"]) == {
        "transfer.same", "retention.same", "generalisation.same", "final_accuracy.same", "summer_accuracy.same",
    }  # fmt: skip
    assert {"interference.near", "lumper.near"} <= set(found["measure"])


def test_the_digest_is_of_names_and_bytes(tmp_path: Path) -> None:
    file = write(tmp_path, NEAR)
    first = digest(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    assert digest(tmp_path) == first
    file.rename(tmp_path / "study1_near_sub9.csv")
    assert digest(tmp_path) != first


def _set(column: str, value: object, rows: slice = slice(0, 1)) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table[column] = table[column].astype(object)
        table.loc[table.index[rows], column] = value
        return table

    return change


BROKEN: dict[str, tuple[Change, str]] = {
    "no column": (lambda table: table.drop(columns="dial_resp"), "must have the column dial_resp"),
    "no section": (lambda table: table[table["task_section"] != "B"], "must have the sections A1, B, A2; got no B"),
    "unequal sections": (lambda table: table.drop(index=[0, 1]), "120 trials in each section; got 118 in A1, 120 in B"),
    "degrees": (_set("feat_val", 120.0), r"must have radians from -6.283 to 6.283 in column feat_val; got '120.0'"),
    "error below 0": (_set("resp_error", -0.1), "radians from 0 to 3.142 .*column resp_error; got '-0.1'"),
    "no place": (_set("feat_val", np.nan), "column feat_val; got 'NaN' .*line 2"),
    "plant 12": (_set("stimID", 12), "a whole number from 0 to 11 in column stimID; got '12'"),
    "third season": (_set("feature_idx", 2), "a whole number from 0 to 1 in column feature_idx"),
    "two people": (_set("participant", "another"), "one participant a file; got another, study1_near_sub1"),
    "winters first": (
        lambda table: table.iloc[[1, 0, *range(2, len(table))]],
        "in summer and then in winter .*got other orders in A1",
    ),
    "plant twice": (
        lambda table: table.assign(stimID=table["stimID"].where(table.index > 1, table["stimID"][2])),
        "the same six plants in each block; got others in A1",
    ),
    "long block": (_set("block", 0, slice(12, 13)), "blocks of 12 trials; got others in A1"),
    "task": (_set("taskID", 1), "taskID 0 in A1; got 1"),
    "two rules": (_set("feat_val", 0.123, slice(1, 2)), "one rule in A1; got several"),
    "moved plants": (
        lambda table: table.assign(feat_val=table["feat_val"] + 0.1 * (table["task_section"] == "A2")),
        "one place of a plant a season",
    ),
    "told winters": (lambda table: table.assign(noisy_feedback_value=0.0), "whose winter has no feedback; got 0"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_what_breaks_a_rule_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    write(tmp_path, NEAR, change=change)
    with pytest.raises(DataError, match=rf"^transfer.path .*{message}"):
        read_people(tmp_path)


def test_a_group_that_the_rules_belie_is_refused(tmp_path: Path) -> None:
    write(tmp_path, replace(NEAR, group="same"))
    with pytest.raises(
        DataError, match=r"one rule in A and B for same, two for near and far; got 0.524 radians"
    ):
        read_people(tmp_path)


def test_folders_without_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape("must be a folder of trial files; got none in")):
        read_people(tmp_path)
    with pytest.raises(DataError, match=r"must be a folder of trial files; got .*nowhere"):
        read_people(tmp_path / "nowhere")
    write(tmp_path, NEAR, learns=False)
    with pytest.raises(DataError, match="must hold people who can be used; got 1 left out"):
        read_people(tmp_path)


def test_every_column_of_the_form_is_needed() -> None:
    assert set(COLUMNS) <= set(table_of(NEAR))
