"""Numbers as text: the interval beside the estimate, as many decimals for both."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from cogattn.reporting.tables import aligned, interval_text, rows_json, summary_text
from cogattn.study import SUMMARY_COLUMNS

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((2.16, 1.72, 2.71), "2.16 [1.72, 2.71]"),
        ((21.94, 19.1, 24.87), "21.9 [19.1, 24.9]"),
        ((0.0512, 0.04, 0.06), "0.0512 [0.0400, 0.0600]"),
        ((1234.5, 1000.1, 2000), "1,234 [1,000, 2,000]"),
        ((2.0, 1.0, INF), "2.00 [1.00, inf]"),
        ((-0.5, -INF, 0.25), "-0.500 [-inf, 0.250]"),
        ((39.6, NAN, NAN), "39.6"),
        ((NAN, NAN, NAN), "-"),
        ((NAN, 1, 2), "-"),
        ((None, None, None), "-"),
        ((0.0, 0.0, 0.0), "0.00 [0.00, 0.00]"),
        ((1e-30, 0, 2e-30), "0.000000000 [0.000000000, 0.000000000]"),
    ],
)
def test_an_estimate_is_told_with_its_interval(values: tuple[float, float, float], text: str) -> None:
    assert interval_text(*values) == text


ROWS = pd.DataFrame(
    [
        ("resnet50", "bandwidth", "octaves", 2.16, 1.72, 2.71, 1050, 1.42, 1.33, 1.52, 14700, ""),
        ("resnet50", "peak", "", 0.7, NAN, NAN, 1050, NAN, NAN, NAN, NAN, "paper's fit"),
        ("vit", "peak", "", NAN, NAN, NAN, 1050, 1.0, NAN, NAN, NAN, "paper's fit"),
    ],
    columns=list(SUMMARY_COLUMNS),
)


def test_a_summary_has_people_beside_the_model_and_notes_below() -> None:
    lines = summary_text(ROWS, ["three images skipped"]).splitlines()
    assert lines[2].split("  ")[0] == "resnet50"
    assert "bandwidth (octaves)  2.16 [1.72, 2.71]      1.42 [1.33, 1.52], n = 14,700  1,050" in lines[2]
    assert lines[3].endswith("1,050  (1)")
    assert lines[4].endswith("1,050  (1)")
    assert lines[5:] == ["(1) paper's fit", "three images skipped"]


def test_the_study_comes_first_where_there_are_several() -> None:
    assert summary_text(ROWS.assign(study="masking")).splitlines()[0].startswith("study    observer")


def test_columns_are_aligned() -> None:
    assert aligned(["a", "bb"], [["long", "x"], ["y", ""]]).splitlines() == [
        "a     bb",
        "--------",
        "long  x",
        "y",
    ]


def test_missing_and_infinite_numbers_are_null_in_json() -> None:
    rows = json.loads(rows_json(ROWS.assign(hi=INF)))
    assert rows[1]["lo"] is rows[0]["hi"] is rows[1]["human"] is None
    assert rows[0]["n"] == 1050
    assert json.loads(rows_json(pd.DataFrame())) == []
