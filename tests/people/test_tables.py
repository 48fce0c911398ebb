"""Tables of persons are read or refused with the line, and stand beside an observer as a mean with its interval."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.errors import DataError
from cogattn.measures import PEOPLE_COLUMNS, Estimate, Measure, Row, people_table
from cogattn.observers.observer import Observer
from cogattn.people.tables import beside, digests, holds_persons, mean_of, read_persons, remark_on
from cogattn.running.formats import csv_bytes

HEADER = "person,measure,estimate,se,n\n"
WIDTH = Measure("width", "octaves", "width", scale="log")
SHARE = Measure("accuracy", "share", "accuracy", scale="share")
INDEX = Measure("index", "", "index", limits=(-1.0, 1.0))
RATE = Measure("rate", "bits/min", "rate", limits=(0.0, math.inf))
NET = Observer("net")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "persons.csv"
    path.write_text(text, encoding="utf-8")
    return path


def row(measure: Measure, human: Estimate | None = None) -> Row:
    return Row(NET, measure, Estimate(0.5, 0.4, 0.6, 10), human)


def test_a_run_s_own_persons_are_read_as_they_were_written(tmp_path: Path) -> None:
    table = people_table(
        [("ann", WIDTH, 1.5, 0.1, 1050), ("bob", WIDTH, math.nan, math.nan, 12), ("bob", SHARE, 1.0, 0.01, 7)]
    )
    path = tmp_path / "people.csv"
    path.write_bytes(csv_bytes(table))
    assert holds_persons(path)
    pd.testing.assert_frame_equal(read_persons(path, known=(WIDTH, SHARE)), table)


def test_errors_and_numbers_of_trials_need_not_be_known(tmp_path: Path) -> None:
    found = read_persons(written(tmp_path, "measure,person,estimate,age\naccuracy.5s, ann ,0.5,31\n"))
    assert tuple(found.columns) == PEOPLE_COLUMNS
    assert found.loc[0, ["person", "measure", "estimate", "n"]].tolist() == ["ann", "accuracy.5s", 0.5, 0]
    assert math.isnan(found.loc[0, "se"])


@pytest.mark.parametrize(
    ("text", "rule", "where"),
    [
        ("person,measure\nann,width\n", "the column estimate", "persons: person, measure, estimate"),
        (HEADER + "ann,width,1,0.1,5\n,width,1,0.1,5\n", "a name in column person", "line 3"),
        (HEADER + "ann,Width of it,1,0.1,5\n", "a measure's key in column measure", "line 2"),
        (HEADER + "ann,width,1,0.1,5\nann ,width,2,0.1,5\n", "each measure once a person", "line 3"),
        (HEADER + "ann,width,inf,0.1,5\n", "a number, or nothing in column estimate", "line 2"),
        (HEADER + "ann,width,nan,0.1,5\n", "a number, or nothing in column estimate", "line 2"),
        (HEADER + "ann,width,wide,0.1,5\n", "a number, or nothing in column estimate", "'wide'"),
        (HEADER + "ann,width,1,-0.1,5\n", "a number from 0, or nothing in column se", "line 2"),
        (HEADER + "ann,width,1,0.1,2.5\n", "a whole number from 0", "column n"),
        (HEADER + "ann,width,0,0.1,5\n", "a number above 0 in column estimate", "line 2"),
        (HEADER + "ann,accuracy.60s,88,0.1,5\n", "a share from 0 to 1 in column estimate", "'88'"),
        (
            HEADER + "ann,index.b,1,0.1,5\nbob,index.b,1.7,0.1,5\n",
            "a number from -1 to 1 in column",
            "line 3",
        ),
        (HEADER + "ann,rate,-0.1,0.1,5\n", "a number from 0 in column estimate", "line 2"),
        (HEADER + "ann,rate,-1,0,5\nann,width,-1,0,5\n", "a number from 0 in column estimate", "line 2"),
        (HEADER, "at least one row", "persons.csv"),
        ("", "a CSV file with a header", "persons.csv"),
    ],
)
def test_a_table_that_breaks_a_rule_is_refused_with_column_and_line(
    tmp_path: Path, text: str, rule: str, where: str
) -> None:
    with pytest.raises(DataError, match=rf"^humans must (have|hold|be) {re.escape(rule)}") as caught:
        read_persons(written(tmp_path, text), known=(WIDTH, SHARE, INDEX, RATE))
    assert where in str(caught.value)


def test_a_name_that_does_not_ship_is_refused_with_those_that_do() -> None:
    with pytest.raises(
        DataError, match=r"listeners must be one of wolfe2010 or a readable CSV file; got nobody"
    ):
        read_persons("nobody", shipped={"wolfe2010": pd.DataFrame}, setting="listeners")
    with pytest.raises(DataError, match="humans must be a readable CSV file; got nobody"):
        digests("nobody")


def test_a_table_that_ships_needs_no_file() -> None:
    table = people_table([("ann", WIDTH, 1.5, 0.1, 10)])
    assert read_persons("ours", shipped={"ours": lambda: table}) is table
    assert digests("ours", shipped=("ours",)) == digests("") == {}


def test_a_file_is_known_by_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "ann,width,1,0.1,5\n")
    assert digests(path) == {"humans": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_counts_are_no_persons_and_a_file_that_is_not_there_neither(tmp_path: Path) -> None:
    assert not holds_persons(written(tmp_path, "observer,noise_sd,band,n_correct,n_trials\nann,0,0,1,2\n"))
    assert not holds_persons(tmp_path / "none.csv")


def test_means_are_taken_where_the_measure_is_compared() -> None:
    values = [0.9, 1.4, 1.6, 2.2]
    lo, hi = np.exp(stats.t.interval(0.95, 3, np.log(values).mean(), stats.sem(np.log(values))))
    found = mean_of(values, "log")
    assert (found.estimate, found.lo, found.hi) == pytest.approx((stats.gmean(values), lo, hi))
    z = np.arctanh([0.1, 0.5, 0.8])
    lo, hi = np.tanh(stats.t.interval(0.95, 2, z.mean(), stats.sem(z)))
    found = mean_of([0.1, 0.5, 0.8, math.nan], "correlation")
    assert (found.estimate, found.lo, found.hi, found.n) == pytest.approx((np.tanh(z.mean()), lo, hi, 3))
    lo, hi = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    found = mean_of(values, "linear")
    assert (found.estimate, found.lo, found.hi) == pytest.approx((np.mean(values), lo, hi))


def test_the_interval_of_a_share_stays_a_share() -> None:
    found = mean_of([1.0, 0.8, 1.0], "share")
    assert found.estimate == pytest.approx(2.8 / 3)
    assert found.hi == 1
    assert 0 < found.lo < found.estimate


def test_the_interval_of_what_has_limits_stays_within_them() -> None:
    people = people_table(
        [(name, one, value, 0.1, 9) for one in (INDEX, RATE) for name, value in (("ann", 0.1), ("bob", 0.9))]
    )
    index, rate = (one.human for one in beside([row(INDEX), row(RATE)], people))
    assert index is not None
    assert rate is not None
    assert (index.estimate, index.lo, index.hi) == (0.5, -1, 1)
    assert rate.lo == 0
    assert rate.hi > 1


def test_one_person_has_no_interval_and_nobody_no_mean() -> None:
    alone = mean_of([1.5], "log")
    assert (alone.estimate, alone.n) == (1.5, 1)
    assert math.isnan(alone.lo)
    assert mean_of([math.nan], "log").n == 0


def test_people_stand_beside_the_rows_that_have_their_measure_and_nobody_yet() -> None:
    people = people_table(
        [("ann", WIDTH, 1.0, 0.1, 9), ("bob", WIDTH, 4.0, 0.1, 9), ("bob", SHARE, math.nan, 0.1, 9)]
    )
    own, group = Estimate(7.0, 6.0, 8.0, 14), Estimate.bare(7.0, 0)
    rows = [row(WIDTH), row(WIDTH, own), row(WIDTH, group), row(SHARE), row(Measure("other", "", "other"))]
    found = beside(rows, people)
    assert found[0].human is not None
    assert (found[0].human.estimate, found[0].human.n) == pytest.approx((2.0, 2))
    assert found[1] == rows[1]
    assert found[2].human == found[0].human
    assert found[3:] == rows[3:]
    assert [one.value for one in found] == [one.value for one in rows]
    assert beside(rows, None) == rows


def test_it_is_said_when_people_have_no_measure_of_the_observer() -> None:
    people = people_table(
        [
            ("ann", WIDTH, 1.0, 0.1, 9),
            ("ann", SHARE, 0.4, 0.1, 9),
            ("bob", SHARE, 0.5, 0.1, 9),
            ("cat", SHARE, math.nan, 0.1, 9),
        ]
    )
    assert remark_on("own.csv", people, [row(SHARE)]) == (
        "people: own.csv, 2 persons; mean and interval over persons, of accuracy"
    )
    assert remark_on("own.csv", people[people["person"] == "bob"], [row(SHARE)]) == (
        "people: own.csv, 1 person; no interval over persons, of accuracy"
    )
    apart = remark_on("own.csv", people, [row(Measure("other", "", "other"))])
    assert "no measure of theirs (width, accuracy) is one of the observer's, so nothing is compared" in apart
