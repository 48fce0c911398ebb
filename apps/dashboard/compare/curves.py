"""Runs over one axis: a curve that several of them hold, a line for each run and observer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.drawing.charts import show
from cogattn.apps.dashboard.drawing.curves import POINT, Curve, curve_chart, curves_of, points_of, word
from cogattn.apps.dashboard.run.reading import Reading

WHOSE = "whose"
"""Column with the run's sign and the observer."""
MOST_LINES = 12


def overlaid(readings: Sequence[Reading], marks: Mapping[str, str]) -> None:
    """Draw the curves that at least two of the runs hold."""
    shared: dict[Curve, list[pd.DataFrame]] = {}
    everybody: dict[str, None] = {}
    for reading in readings:
        tables = reading.tables()
        for curve in curves_of(reading.run.study, tables):
            points = points_of(curve, tables[curve.table])
            whose = [f"{marks[reading.name]} {who}" for who in points[curve.observer]]
            everybody |= dict.fromkeys(whose)
            shared.setdefault(curve, []).append(points.assign(**{WHOSE: whose}))
    drawn = {curve: parts for curve, parts in shared.items() if len(parts) > 1}
    if not drawn:
        st.caption("No two of these share a curve.")
    for curve, parts in drawn.items():
        _curve(curve, pd.concat(parts, ignore_index=True), list(everybody))


def _curve(curve: Curve, points: pd.DataFrame, everybody: Sequence[str]) -> None:
    st.subheader(curve.title)
    key = f"compare-{curve.study}-{curve.table}"
    panels = [curve.series, *curve.panel] if curve.series else list(curve.panel)
    for column in panels:
        if column != curve.observer:
            points = _panel(points, column, key)
    lines = list(dict.fromkeys(points[WHOSE]))
    if len(lines) > MOST_LINES:
        lines = st.multiselect("Lines", lines, default=lines[:MOST_LINES], key=f"{key}-lines")
        points = points[points[WHOSE].isin(lines)]
    points = points.assign(**{POINT: np.arange(len(points))})
    show(
        curve_chart(curve, points, lines=WHOSE, order=everybody),
        alt_text=f"{curve.title}, a line each for {', '.join(map(str, lines))}",
    )


def _panel(points: pd.DataFrame, column: str, key: str) -> pd.DataFrame:
    """One value of a column, that which most lines share at first."""
    values = sorted(dict.fromkeys(points[column]))
    shares = points.groupby(column)[WHOSE].nunique()
    first = values.index(max(values, key=lambda value: (shares[value], values.index(value))))
    value = values[0]
    if len(values) > 1:
        value = st.selectbox(word(column), values, index=first, key=f"{key}-{column}")
    return points[points[column] == value]
