"""Charts: everybody is drawn, axes have units, nothing is told by colour alone."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from cogattn.apps.dashboard.drawing.charts import TITLE_CHARACTERS, Bar, axis_title, interval_chart
from cogattn.apps.dashboard.drawing.curves import CURVES, POINT, curve_chart
from cogattn.apps.dashboard.run import summary
from cogattn.apps.dashboard.theme import VERMILION
from cogattn.measures import Measure, people_table

PEOPLE = [(f"P{i}", 1 + 0.1 * i) for i in range(14)]
(THRESHOLDS,) = [curve for curve in CURVES if curve.table == "thresholds"]
LENGTH = Measure("length", "fixations", "length")
BARS = [
    Bar("first", 1.2, 0.9, 1.5, 10),
    Bar("second", 1.4, 1.1, math.inf, 10, series=1),
    Bar("people", 1.6, 1.5, 1.8, 14, role="human"),
]


def data_of(chart: dict) -> list[list[dict]]:
    return [chart["datasets"][layer["data"]["name"]] for layer in chart["layer"]]


def test_every_person_is_a_dot_in_the_row_of_people() -> None:
    drawn = data_of(interval_chart(BARS, title="bandwidth (octaves)", people=PEOPLE).to_dict())
    assert {(row["person"], row["x"]) for row in drawn[0]} == set(PEOPLE)
    assert {row["name"] for row in drawn[0]} == {"people"}


@pytest.mark.parametrize(
    ("simulated", "shape"), [(False, "circle"), (True, "square")], ids=["people", "simulated"]
)
def test_simulated_persons_are_hollow_and_of_another_shape_and_colour(simulated: bool, shape: str) -> None:
    chart = interval_chart(BARS, title="x", people=PEOPLE, people_row="who", simulated=simulated).to_dict()
    mark = chart["layer"][0]["mark"]
    assert mark["shape"] == shape
    assert mark["filled"] is False
    assert (mark["color"] == VERMILION) is not simulated
    assert chart["layer"][0]["encoding"]["tooltip"][0]["title"].startswith("simulated") is simulated


@pytest.mark.parametrize("simulated", [False, True], ids=["people", "simulated"])
def test_the_run_page_says_in_words_and_marks_whether_persons_are_simulated(
    simulated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[dict, str]] = []
    captions: list[str] = []
    monkeypatch.setattr(summary, "show", lambda chart, *, alt_text: drawn.append((chart.to_dict(), alt_text)))
    monkeypatch.setattr(summary.st, "caption", captions.append)
    table = pd.DataFrame(
        {
            "observer": ["net", "people"], "role": ["network", "person"], "measure": "length", "label": "length",
            "unit": "fixations", "scale": "linear", "estimate": [5.0, 4.0], "lo": [4.0, 3.0], "hi": [6.0, 5.0], "n": 9,
            "human": [4.0, math.nan], "human_lo": [3.0, math.nan], "human_hi": [5.0, math.nan], "human_n": [14, 0],
        }
    )  # fmt: skip
    people = people_table([(name, LENGTH, value, 0.1, 9) for name, value in PEOPLE])
    summary.beside_people(table, people, simulated=simulated, key="k")
    ((chart, alt_text),) = drawn
    rows = {row["name"]: row for row in data_of(chart)[-1]}
    assert set(rows) == {"net", "simulated persons" if simulated else "people"}
    assert ("simulated" in alt_text) is simulated
    assert (captions == [summary.SIMULATED]) is simulated
    assert {row["name"] for row in data_of(chart)[0]} == set(rows) - {"net"}
    assert len({row["colour"] for row in rows.values()}) == 2
    assert (VERMILION in {row["colour"] for row in rows.values()}) is not simulated


def test_the_axis_carries_its_unit() -> None:
    assert axis_title("bandwidth", "octaves") == "bandwidth (octaves)"
    assert axis_title("d'", "") == "d'"
    chart = interval_chart(BARS, title=axis_title("bandwidth", "octaves")).to_dict()
    assert chart["layer"][-1]["encoding"]["x"]["title"] == "bandwidth (octaves)"


def test_a_long_title_of_an_axis_is_broken_into_lines() -> None:
    title = "search slope, lit from above among below (ms/item)"
    chart = interval_chart(BARS, title=title).to_dict()
    lines = chart["layer"][-1]["encoding"]["x"]["title"]
    assert " ".join(lines) == title
    assert max(map(len, lines)) <= TITLE_CHARACTERS
    assert chart["height"] > interval_chart(BARS, title="x").to_dict()["height"]


def points(observers: list[str]) -> pd.DataFrame:
    """Thresholds of masking at two frequencies."""
    rows = [(name, x, 0.1, 0.05, 0.2) for name in observers for x in (2.0, 8.0)]
    table = pd.DataFrame(rows, columns=["observer", "mean_cpi", "threshold_sd", "lo", "hi"])
    return table.assign(n_trials=10, **{POINT: range(len(table))})


@pytest.mark.parametrize(
    ("observers", "columns"),
    [(["one", "two"], 2), (["template 1.5 octaves at 8 c/image", "two"], 1)],
    ids=["short", "long"],
)
def test_no_name_of_a_curve_s_legend_is_cut_on_a_telephone(observers: list[str], columns: int) -> None:
    chart = curve_chart(THRESHOLDS, points(observers)).to_dict()
    assert chart["layer"][-1]["encoding"]["color"]["legend"]["columns"] == columns


def test_a_line_looks_the_same_in_all_charts_of_a_page() -> None:
    def colours(observers: list[str]) -> dict[str, str]:
        chart = curve_chart(THRESHOLDS, points(observers), order=["a", "b", "c"]).to_dict()
        scale = chart["layer"][-1]["encoding"]["color"]["scale"]
        return dict(zip(scale["domain"], scale["range"], strict=True))

    every = colours(["a", "b", "c"])
    assert len(set(every.values())) == 3
    assert colours(["a", "c"]) == {name: every[name] for name in ("a", "c")}


def test_names_that_are_an_axis_are_not_said_again_in_a_legend() -> None:
    (curve,) = [curve for curve in CURVES if curve.study == "scanpath"]
    table = pd.DataFrame({"observer": ["net", "uniform"], "estimate": 1.0, "lo": 0.5, "hi": 2.0, "n": 9})
    told = table.assign(measure="bits", **{POINT: [0, 1]})
    chart = curve_chart(curve, told).to_dict()
    assert chart["layer"][-1]["encoding"]["color"]["legend"] is None
    assert chart["layer"][-1]["encoding"]["y"]["axis"]["labelOverlap"] is False


def test_rows_differ_in_shape_as_well_as_in_colour() -> None:
    rows = data_of(interval_chart(BARS, title="x").to_dict())[-1]
    assert len({row["colour"] for row in rows}) == len({row["shape"] for row in rows}) == 3


def test_an_open_interval_has_an_arrow_and_no_bar_to_infinity() -> None:
    chart = interval_chart(BARS, title="x").to_dict()
    arrows = [layer for layer in chart["layer"] if layer["mark"].get("angle") == 90]
    assert len(arrows) == 1
    assert all(math.isfinite(row["hi"]) for rows in data_of(chart) for row in rows if "hi" in row)


@pytest.mark.parametrize(("scale", "n_open"), [("log", 1), ("linear", 0)])
def test_an_interval_from_zero_is_open_where_the_axis_never_gets_there(scale: str, n_open: int) -> None:
    """It was not drawn at all: a value with a wide interval looked like one without."""
    chart = interval_chart([Bar("centre", 4.0, 0.0, 9.0, 10), *BARS], title="x", scale=scale).to_dict()
    assert sum(layer["mark"].get("angle") == 270 for layer in chart["layer"]) == n_open
    (row,) = [row for row in data_of(chart)[0] if row["name"] == "centre"]
    assert (row["lo"], row["hi"]) == ((4.0, 9.0) if n_open else (0.0, 9.0))


@pytest.mark.parametrize(("scale", "kind"), [("log", "log"), ("linear", None)])
def test_what_is_compared_by_ratios_has_a_logarithmic_axis(scale: str, kind: str | None) -> None:
    chart = interval_chart(BARS, title="x", scale=scale).to_dict()
    assert chart["layer"][-1]["encoding"]["x"]["scale"].get("type") == kind


def test_an_estimate_that_is_missing_is_left_out() -> None:
    chart = interval_chart([*BARS, Bar("none", math.nan)], title="x").to_dict()
    assert "none" not in {row["name"] for row in data_of(chart)[-1]}
