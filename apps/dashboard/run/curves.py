"""A run's curves, whose points have trials, whose trials have stimuli: pick a point and see what was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from cogattn.apps.dashboard.drawing.charts import show
from cogattn.apps.dashboard.drawing.curves import (
    PICK,
    POINT,
    Curve,
    curve_chart,
    curves_of,
    point_name,
    points_of,
    trials_of_point,
    word,
)
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.run.reading import Reading
from cogattn.apps.dashboard.run.stimulus import answers, draw, made
from cogattn.errors import CogattnError

TRIALS_AT_ONCE = 3


def curves(reading: Reading) -> None:
    """Draw the curves that the run's tables hold; a point that has trials can be picked."""
    tables = reading.tables()
    for curve in curves_of(reading.run.study, tables):
        st.fragment(_curve)(reading, curve, tables[curve.table])


def _curve(reading: Reading, curve: Curve, table: pd.DataFrame) -> None:
    st.subheader(curve.title)
    key = f"{reading.run.id}-{curve.table}"
    points = points_of(curve, table)
    for column in curve.panel:
        points = _panel(points, column, key)
    has_trials = bool(curve.trials) and curve.trials in reading.files("trials", ".parquet")
    picked = show(
        curve_chart(curve, points, pick=has_trials),
        alt_text=_in_words(curve, points),
        key=f"{key}-chart-{'-'.join(str(points[column].iloc[0]) for column in curve.panel)}",
        selects=has_trials,
    )
    if curve.human in points:
        st.caption("Open diamonds are people's means.")
    if has_trials:
        number = _picked(picked, points, curve, key)
        if number is None:
            st.caption("Click a point, or choose one above, to see the stimuli of its trials.")
        else:
            _stimuli(reading, curve, table.iloc[number].to_dict(), key)


def _panel(points: pd.DataFrame, column: str, key: str) -> pd.DataFrame:
    """One value of a column, which is chosen where there are several."""
    values = list(dict.fromkeys(points[column]))
    value = values[0] if len(values) == 1 else st.selectbox(word(column), values, key=f"{key}-{column}")
    return points[points[column] == value]


def _picked(picked: Mapping[str, object], points: pd.DataFrame, curve: Curve, key: str) -> int | None:
    """The number of the point that was clicked, or chosen from the list by keyboard."""
    names = {int(row[POINT]): point_name(curve, row) for row in points.to_dict("records")}
    listed = st.selectbox(
        "Point",
        list(names),
        index=None,
        format_func=lambda number: names[number],
        placeholder="click a point, or choose one here",
        key=f"{key}-point",
    )
    clicked = picked.get(PICK)
    if isinstance(clicked, list) and clicked and isinstance(clicked[0], dict):
        number = int(clicked[0].get(POINT, -1))
        return number if number in names else None
    return listed


# ---- stimuli


def _stimuli(reading: Reading, curve: Curve, row: Mapping[str, object], key: str) -> None:
    try:
        trials = reading.trials(curve.trials)
    except CogattnError as error:
        st.error(literal(str(error)))
        return
    own = trials_of_point(curve, row, trials) if trials is not None else pd.DataFrame()
    st.markdown(f"**{literal(point_name(curve, row))}**: {len(own):,} trial{'s' if len(own) != 1 else ''}")
    if not len(own):
        return
    n_pages = -(-len(own) // TRIALS_AT_ONCE)
    page = 1
    if n_pages > 1:
        page = st.number_input(
            f"Page of {n_pages}", 1, n_pages, 1, key=f"{key}-page-{point_name(curve, row)}"
        )
    first = (int(page) - 1) * TRIALS_AT_ONCE
    shown = own.iloc[first : first + TRIALS_AT_ONCE]
    for column, (number, trial) in zip(
        st.columns(max(2, min(len(own), TRIALS_AT_ONCE))),
        enumerate(shown.to_dict("records"), start=first + 1),
        strict=False,
    ):
        with column:
            st.markdown(f"**Trial {number}**")
            draw(made(reading, curve.trials, trial))
            answers(trial)


def _in_words(curve: Curve, points: pd.DataFrame) -> str:
    lines: Sequence[object] = list(dict.fromkeys(points[curve.line]))
    y = points[curve.y].astype(float)
    return (
        f"{curve.title}: {curve.y_label} over {curve.x_label}, {len(points)} points in {len(lines)} lines, "
        f"from {y.min():.3g} to {y.max():.3g}"
    )
