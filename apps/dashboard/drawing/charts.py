"""Interactive charts in one hand: estimates with their intervals, and every person as a dot beside them.

Charts lie on their side, names on the left and the quantity along the bottom, so that they read on a telephone as well
as on a desk. People are vermilion and open dots, simulated persons grey and open squares, observers filled and of
their own colour and shape: nothing is told by colour alone. Streamlit lays its light or dark theme over what is left
open here.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import altair as alt
import numpy as np
import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.theme import GREY, SERIES, VERMILION
from cogattn.measures import Scale
from cogattn.reporting.tables import interval_text

Role = Literal["model", "human", "reference"]
SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross")
DIAMOND = SHAPES.index("diamond")
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [10, 4])
"""Of lines, in the order of `theme.SERIES`."""
ROW_PX, AXIS_PX, FONT_PX, LINE_PX = 40, 80, 13, 17
TICKS = ".6~g"
"""Format of the numbers along an axis: 10000 has no exponent."""
TITLE_CHARACTERS = 36
"""Of a line of an axis's title, which a telephone shows whole."""
NAME_CHARACTERS = 22
"""Of a line of a row's name, which may have two."""
LEGEND_CHARACTERS = 16
"""Longest name of which two stand side by side below a chart on a telephone."""
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Bar:
    """A row of an interval chart.

    Parameters
    ----------
    name : str
        Of the row; equal names share one.
    estimate, lo, hi : float
        In the quantity's unit; infinite bounds, and 0 on a logarithmic axis, are drawn as open ends.
    n : int
        Units behind the estimate.
    role : {"model", "human", "reference"}
        People are vermilion, a reference is grey.
    series : int
        Which colour and shape of several models.
    """

    name: str
    estimate: float
    lo: float = math.nan
    hi: float = math.nan
    n: int = 0
    role: Role = "model"
    series: int = 0


def axis_title(label: str, unit: str) -> str:
    """Return ``label (unit)``; a pure number has no unit."""
    return f"{label} ({unit})" if unit else label


def colour(series: int) -> str:
    """Return the colour of one of several models; they repeat after six, and shapes with them."""
    return SERIES[series % len(SERIES)]


def interval_chart(
    bars: Sequence[Bar],
    *,
    title: str,
    people: Iterable[tuple[str, float]] = (),
    people_row: str = "people",
    simulated: bool = False,
    ticks: Iterable[tuple[str, str, float]] = (),
    scale: Scale = "linear",
    pick: str = "",
) -> alt.LayerChart:
    """Draw estimates with their intervals, and every person as a dot.

    Parameters
    ----------
    bars : sequence of Bar
        From top to bottom.
    title : str
        Of the axis, with its unit; see `axis_title`.
    people : iterable of (str, float)
        Each person and their own value.
    people_row : str
        Name of the row in which the persons lie; it stands last where no bar has it.
    simulated : bool
        Whether these persons are simulated.
    ticks : iterable of (str, str, float)
        Row, whose and value of others that are too many for rows of their own: grey ticks.
    scale : {"linear", "log", "share", "correlation"}
        Of the quantity: a log scale has a logarithmic axis.
    pick : str
        Name of a selection by clicking an estimate, for ``st.altair_chart(on_select=...)``; its field is ``name``.

    Returns
    -------
    altair.LayerChart
        To be drawn by `show`.
    """
    bars = [bar for bar in bars if math.isfinite(bar.estimate)]
    dots = _people_table(people, people_row)
    others = pd.DataFrame([tick for tick in ticks if np.isfinite(tick[2])], columns=["name", "whose", "x"])
    logarithmic = scale == "log" and all(
        x > 0 for x in (*(b.estimate for b in bars), *dots["x"], *others["x"])
    )
    drawn = _bars_table(bars, lowest=0.0 if logarithmic else -math.inf)
    names = list(dict.fromkeys([*drawn["name"], *dots["name"], *others["name"]]))
    kind = (
        alt.Scale(type="log", nice=False, padding=14)
        if logarithmic
        else alt.Scale(zero=False, nice=False, padding=14)
    )
    bottom = alt.Axis(labelFontSize=FONT_PX, titleFontSize=FONT_PX, format=TICKS, tickCount=6)
    lines = textwrap.wrap(title, TITLE_CHARACTERS) or [title]
    x = alt.X("x:Q", title=lines if len(lines) > 1 else title, scale=kind, axis=bottom)
    y = alt.Y("name:N", sort=names, axis=names_axis())
    layers = [_rules(drawn, y), *_open_ends(drawn, x, y), _points(drawn, x, y, pick)]
    if len(dots):
        layers.insert(0, _dots(dots, x, y, simulated=simulated))
    if len(others):
        layers.insert(0, _ticks(others, x, y))
    drawing = alt.LayerChart(layer=layers)
    return drawing.properties(height=AXIS_PX + LINE_PX * (len(lines) - 1) + ROW_PX * max(1, len(names)))


def names_axis() -> alt.Axis:
    """Return the axis on which every name stands, in one line or two."""
    return alt.Axis(
        labelFontSize=FONT_PX, labelLimit=170, labelOverlap=False, title=None, labelExpr=_in_two_lines()
    )


def legend_columns(names: Iterable[str]) -> int:
    """Return how many names of a legend stand side by side, so that none is cut on a telephone."""
    return 2 if all(len(name) <= LEGEND_CHARACTERS for name in names) else 1


def show(
    chart: alt.TopLevelMixin, *, alt_text: str, key: str | None = None, selects: bool = False
) -> dict[str, object]:
    """Draw a chart as wide as the page, with what it shows in words; return what is selected in it.

    Parameters
    ----------
    chart : altair chart
        Which.
    alt_text : str
        What it shows, for those who do not see it.
    key : str, optional
        Of the widget, where it `selects`.
    selects : bool
        Whether the page is drawn anew when a point is picked.
    """
    configured = cast(
        "alt.LayerChart",
        chart.configure_legend(labelFontSize=FONT_PX, titleFontSize=FONT_PX, orient="bottom", columns=2),
    )
    if not selects:
        st.altair_chart(configured, width="stretch", key=key, alt=alt_text)
        return {}
    state = st.altair_chart(configured, width="stretch", key=key, alt=alt_text, on_select="rerun")
    return dict(state.get("selection", {}))


def _in_two_lines() -> str:
    """Vega's expression for a name that is broken at its last space within a line; the second ends as the name does."""
    n, name = NAME_CHARACTERS, "datum.label"
    space = f"lastindexof(slice({name}, 0, {n + 1}), ' ')"
    at = f"({space} > 0 ? {space} : {n})"
    rest = f"trim(slice({name}, {at}))"
    cut = f"(length({rest}) > {n} ? '\u2026' + slice({rest}, {1 - n}) : {rest})"
    return f"length({name}) > {n} ? [slice({name}, 0, {at}), {cut}] : {name}"


def _bars_table(bars: Sequence[Bar], lowest: float) -> pd.DataFrame:
    """Bars with what is drawn of them; a lower end that the axis never reaches, `lowest`, is open."""
    columns = ["name", "x", "lo", "hi", "text", "n", "colour", "shape", "open_lo", "open_hi"]
    rows = [
        (
            bar.name,
            bar.estimate,
            bar.estimate if math.isnan(bar.lo) or bar.lo <= lowest else bar.lo,
            bar.hi if math.isfinite(bar.hi) else bar.estimate,
            interval_text(bar.estimate, bar.lo, bar.hi),
            bar.n,
            {"human": VERMILION, "reference": GREY}.get(bar.role, colour(bar.series)),
            "diamond" if bar.role == "human" else SHAPES[bar.series % len(SHAPES)],
            bar.lo <= lowest,
            bar.hi == math.inf,
        )
        for bar in bars
    ]
    return pd.DataFrame(rows, columns=columns)


def _people_table(people: Iterable[tuple[str, float]], row: str) -> pd.DataFrame:
    """Persons by value, spread over the row's height so that equal values are seen as several."""
    rows = [
        (row, person, value, ((i + 1) * GOLDEN) % 1 - 0.5)
        for i, (person, value) in enumerate(sorted(people, key=lambda own: own[1]))
        if np.isfinite(value)
    ]
    return pd.DataFrame(rows, columns=["name", "person", "x", "spread"])


def _dots(table: pd.DataFrame, x: alt.X, y: alt.Y, *, simulated: bool) -> alt.Chart:
    spread = alt.YOffset("spread:Q", scale=alt.Scale(domain=[-0.7, 0.7]))
    who = "simulated person" if simulated else "person"
    tip = [alt.Tooltip("person:N", title=who), alt.Tooltip("x:Q", title="value", format=".4~g")]
    placed = alt.Chart(table).encode(x=x, y=y, yOffset=spread, tooltip=tip)
    shape, hue = ("square", GREY) if simulated else ("circle", VERMILION)
    mark = placed.mark_point(shape=shape, size=36, filled=False, opacity=0.9, color=hue, strokeWidth=1.3)
    return cast("alt.Chart", mark)


def _ticks(table: pd.DataFrame, x: alt.X, y: alt.Y) -> alt.Chart:
    tip = [alt.Tooltip("whose:N", title="whose"), alt.Tooltip("x:Q", title="value", format=".4~g")]
    placed = alt.Chart(table).encode(x=x, y=y, tooltip=tip)
    return cast("alt.Chart", placed.mark_tick(color=GREY, thickness=1.5, size=22))


def _rules(table: pd.DataFrame, y: alt.Y) -> alt.Chart:
    placed = alt.Chart(table).encode(x=alt.X("lo:Q"), x2="hi:Q", y=y, color=alt.Color("colour:N", scale=None))
    return cast("alt.Chart", placed.mark_rule(strokeWidth=2.5))


def _open_ends(table: pd.DataFrame, x: alt.X, y: alt.Y) -> Iterator[alt.Chart]:
    """An interval that goes on for ever has an arrow head beside its estimate."""
    for column, angle, shift in (("open_lo", 270, -14), ("open_hi", 90, 14)):
        ends = table[table[column].astype(bool)]
        if len(ends):
            placed = alt.Chart(ends).encode(x=x, y=y, color=alt.Color("colour:N", scale=None))
            mark = placed.mark_point(shape="triangle-up", size=90, filled=False, angle=angle, xOffset=shift)
            yield cast("alt.Chart", mark)


def _points(table: pd.DataFrame, x: alt.X, y: alt.Y, pick: str) -> alt.Chart:
    tip = [
        alt.Tooltip("name:N", title="whose"),
        alt.Tooltip("text:N", title="estimate [95 %]"),
        alt.Tooltip("n:Q", title="n"),
    ]
    placed = alt.Chart(table).encode(
        x=x,
        y=y,
        color=alt.Color("colour:N", scale=None),
        shape=alt.Shape("shape:N", scale=None),
        tooltip=tip,
    )
    if pick:
        placed = placed.add_params(alt.selection_point(name=pick, fields=["name"]))
    return cast("alt.Chart", placed.mark_point(size=110, filled=True, opacity=1, strokeWidth=1))
