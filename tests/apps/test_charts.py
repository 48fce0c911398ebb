"""Charts: everybody is drawn, axes have units, nothing is told by colour alone; the theme can be read."""

from __future__ import annotations

import math

import pytest

from cogattn.apps.dashboard import theme
from cogattn.apps.dashboard.charts import Bar, axis_title, interval_chart

PEOPLE = [(f"P{i}", 1 + 0.1 * i) for i in range(14)]
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


def test_the_axis_carries_its_unit() -> None:
    assert axis_title("bandwidth", "octaves") == "bandwidth (octaves)"
    assert axis_title("d'", "") == "d'"
    chart = interval_chart(BARS, title=axis_title("bandwidth", "octaves")).to_dict()
    assert chart["layer"][-1]["encoding"]["x"]["title"] == "bandwidth (octaves)"


def test_rows_differ_in_shape_as_well_as_in_colour() -> None:
    rows = data_of(interval_chart(BARS, title="x").to_dict())[-1]
    assert len({row["colour"] for row in rows}) == len({row["shape"] for row in rows}) == 3


def test_an_open_interval_has_an_arrow_and_no_bar_to_infinity() -> None:
    chart = interval_chart(BARS, title="x").to_dict()
    arrows = [layer for layer in chart["layer"] if layer["mark"].get("angle") == 90]
    assert len(arrows) == 1
    assert all(math.isfinite(row["hi"]) for rows in data_of(chart) for row in rows if "hi" in row)


@pytest.mark.parametrize(("scale", "kind"), [("log", "log"), ("linear", None)])
def test_what_is_compared_by_ratios_has_a_logarithmic_axis(scale: str, kind: str | None) -> None:
    chart = interval_chart(BARS, title="x", scale=scale).to_dict()
    assert chart["layer"][-1]["encoding"]["x"]["scale"].get("type") == kind


def test_an_estimate_that_is_missing_is_left_out() -> None:
    chart = interval_chart([*BARS, Bar("none", math.nan)], title="x").to_dict()
    assert "none" not in {row["name"] for row in data_of(chart)[-1]}


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_text_and_links_stand_out_from_both_backgrounds(look: dict[str, str]) -> None:
    for text in ("textColor", "linkColor"):
        for ground in ("backgroundColor", "secondaryBackgroundColor"):
            assert contrast(look[text], look[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_marks_stand_out_from_the_background(look: dict[str, str]) -> None:
    marks = [theme.VERMILION, *theme.SERIES]
    assert min(contrast(mark, look["backgroundColor"]) for mark in marks) >= 2


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
