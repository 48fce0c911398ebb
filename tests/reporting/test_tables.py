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


BANDWIDTH = Measure("bandwidth", "octaves", "bandwidth", scale="log")
OTHER = "people saw other stimuli"


def many_rows(n: int = 20) -> pd.DataFrame:
    """Bandwidths of 1, 2, ... octaves, the last not known; a peak for the first two only."""
    people = Estimate(1.4, 1.3, 1.5, 14)
    rows = []
    for i in range(1, n + 1):
        value = Estimate(i, i - 0.5, i + 0.5, 100) if i < n else Estimate(NAN, 0, INF, 100)
        note = OTHER if i < n else f"not known; {OTHER}"
        rows.append(Row(Observer(f"vit_large_patch14_clip_336.openai_{i}"), BANDWIDTH, value, people, note))
        if i < 3:
            rows.append(Row(rows[-1].observer, PEAK, Estimate(i / 10, NAN, NAN, 100)))
    return summary_table(rows)


def test_many_observers_have_a_line_each_by_rank_below_people() -> None:
    lines = summary_text(many_rows(), ["One image was skipped."], width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "* One image was skipped."
    head, units, _, people, *rest = lines[2:]
    assert head.split() == ["observer", "bandwidth", "(1)", "peak"]
    assert units.split() == ["(octaves)"]
    assert people.split() == ["people", "1.40", "[1.30,", "1.50]", "-"]
    values = [line.split()[1] for line in rest[:20]]
    assert [float(value) for value in values[:-1]] == sorted(range(1, 20), reverse=True)
    assert rest[19].split()[1:] == ["-", "(2)", "-"]
    assert rest[18].split()[1:] == ["1.00", "[0.50,", "1.50]", "0.100"]
    for i, line in enumerate(rest[:19]):
        assert "..." in line.split()[0]
        assert line.split()[0].endswith(f"_{19 - i}")
    assert rest[21:] == ["20 observers by bandwidth, with 95 % intervals", f"(1) {OTHER}", "(2) not known"]


def test_of_many_observers_as_many_measures_are_told_as_fit() -> None:
    rows = pd.concat([many_rows().query("measure == 'bandwidth'").assign(measure=f"m{i}") for i in range(9)])
    for width, shown in ((80, 2), (120, 4)):
        text = summary_text(rows, width=width)
        assert max(map(len, text.splitlines())) <= width
        assert text.splitlines()[0].split().count("(1)") == shown
        assert f"{9 - shown} more measures in tables/summary.csv" in text


def test_the_joint_p_of_many_stands_in_their_lines_and_notes_are_not_endless() -> None:
    names = many_rows()["observer"].unique()
    rows = [(names[18], "network", "bandwidth peak", 5.0, 2.0, 7.0, 0.0014, 0.07, 0.62, 14, "")]
    text = summary_text(many_rows(), place=pd.DataFrame(rows, columns=list(PLACE_COLUMNS)))
    assert text.splitlines()[4].split()[-1] == "0.001"
    assert text.splitlines()[5].split()[-1] == "-"
    noted = many_rows().assign(note=[f"note {i}" for i in range(22)])
    last = summary_text(noted).splitlines()[-2:]
    assert last[0].startswith("(8) ")
    assert last[1] == "and 14 more notes in tables/summary.csv"


def test_a_dozen_observers_keep_their_blocks() -> None:
    few = many_rows(12)
    assert summary_text(few).count("(network)") == 12
    assert "(network)" not in summary_text(many_rows(13))
