"""Numbers as text: the interval beside the estimate, as many decimals for both."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.people.placing import PLACE_COLUMNS
from cogattn.reporting.tables import aligned, interval_text, printable, rows_json, summary_text

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


PEAK = Measure("peak", "", "peak")
ROWS = summary_table(
    [
        Row(
            Observer("resnet50"),
            Measure("bandwidth", "octaves", "bandwidth of the channel of an observer of photographs"),
            Estimate(2.16, 1.72, 2.71, 1050),
            Estimate(1.42, 1.33, 1.52, 14),
        ),
        Row(Observer("resnet50"), PEAK, Estimate(0.7, NAN, NAN, 1050), note="paper's fit"),
        Row(Observer("vit"), PEAK, Estimate(NAN, NAN, NAN, 1050), Estimate(1.0, NAN, NAN, 0), "paper's fit"),
    ]
)


def test_remarks_come_before_any_number_and_notes_after() -> None:
    lines = summary_text(ROWS, ["Three images were skipped."]).splitlines()
    assert lines[0] == "* Three images were skipped."
    first = next(i for i, line in enumerate(lines) if "2.16" in line)
    assert lines[first].split("  ")[-1].strip() == "1,050"
    assert "2.16 [1.72, 2.71]" in lines[first]
    assert "1.42 [1.33, 1.52], n 14" in lines[first]
    assert lines[-1] == "(1) paper's fit"
    assert sum("peak (1)" in line for line in lines) == 2


def test_each_observer_is_a_heading_with_its_role() -> None:
    lines = summary_text(ROWS).splitlines()
    assert lines.index("resnet50 (network)") < lines.index("vit (network)")


def test_below_an_observer_stands_whether_it_could_be_one_of_the_people() -> None:
    rows = [
        ("vit", "network", "peak", 1.0, 0.5, 1.5, 0.3, 0.2, 0.76, 14, "people saw other stimuli"),
        ("resnet50", "network", "bandwidth", 4.0, 2.0, 6.0, 0.004, 0.07, 0.76, 14, ""),
        ("resnet50", "network", "peak", 1.0, 0.5, 1.5, 0.3, 0.2, 0.76, 14, ""),
        ("resnet50", "network", "bandwidth peak", 5.0, 2.0, 7.0, 0.0014, 0.07, 0.62, 14, ""),
    ]
    text = summary_text(ROWS, place=pd.DataFrame(rows, columns=list(PLACE_COLUMNS)))
    first, second = text.split("vit (network)")
    line = "p = 0.001, by bandwidth of the channel of an observer of photographs and peak (n 14; power 0.62)"
    assert line in " ".join(first.split())
    assert "one of the people? p = 0.30, by peak (n 14; power 0.76) (2)" in " ".join(second.split())
    assert "(2) people saw other stimuli" in second
    unknown = pd.DataFrame(rows, columns=list(PLACE_COLUMNS)).assign(p=NAN)
    assert summary_text(ROWS, place=unknown) == summary_text(ROWS)


def test_no_line_is_wider_than_the_terminal() -> None:
    remark = (
        "People saw photographs in pyramid bands and the network drawn objects in octave bands, so that " * 3
    )
    for width in (80, 100):
        text = summary_text(ROWS, [remark], title="masking", width=width)
        assert max(map(len, text.splitlines())) <= width
        assert "2.16 [1.72, 2.71]" in text


def test_a_summary_without_people_says_nothing_of_them() -> None:
    (line,) = (line for line in summary_text(ROWS).splitlines() if "0.700" in line)
    assert line.split()[-2:] == ["-", "1,050"]


def test_control_characters_are_not_printed() -> None:
    assert "\x1b" not in summary_text(ROWS, ["\x1b[2J"])
    assert printable("a\x1b[0m\nb\u202e") == "a\ufffd[0m\nb\ufffd"


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
