"""What is natural to look at in each study's tables: a curve over one quantity, its points joined to trials.

A `Curve` names a table of a run and its columns, no more; the numbers and their intervals are those that the run
wrote. A study that is not listed here has the intervals of its summary alone. Points share columns with a table of
trials, so a point that is picked has its trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt
import numpy as np
import pandas as pd

from cogattn.apps.dashboard.charts import DASHES, FONT_PX, SHAPES, colour
from cogattn.apps.dashboard.theme import VERMILION
from cogattn.reporting.tables import interval_text

AxisScale = Literal["linear", "log", "nominal"]
PICK = "pick"
"""Name of the selection of a point; its field is `POINT`."""
POINT = "point"
"""Column with the number of a curve's row."""
HEIGHT_PX = 340
WORDS = {"noise_sd": "noise SD", "mean_cpi": "c/image", "n_tasks": "tasks", "window_s": "window (s)"}
"""Columns that are not called by their names."""
NARROW_PX = 26
"""Height of a row where names are the axis."""


@dataclass(frozen=True)
class Curve:
    """A curve that a table of a run holds.

    Parameters
    ----------
    study, table, title : str
        Whose table, which, and what it shows.
    x, y : str
        Columns of the axes.
    x_label, y_label : str
        With units.
    n : str
        Column with the number of units behind a point; empty where there is none.
    series : str
        Column whose values are lines of their own; empty: the observers are.
    panel : sequence of str
        Columns of which one value is looked at at a time (an observer, a task).
    observer : str
        Column that says whose a row is.
    ends : (str, str)
        Columns of the interval.
    x_scale, y_scale : {"linear", "log", "nominal"}
    human : str
        Column with people's mean at the same place; empty where there is none.
    trials : str
        Table of trials that a point's keys are columns of; empty where there is none.
    keys : sequence of str
        Columns that a point shares with its trials.
    """

    study: str
    table: str
    title: str
    x: str
    y: str
    x_label: str
    y_label: str
    n: str = ""
    series: str = ""
    panel: Sequence[str] = ()
    observer: str = "observer"
    ends: tuple[str, str] = ("lo", "hi")
    x_scale: AxisScale = "linear"
    y_scale: AxisScale = "linear"
    human: str = ""
    trials: str = ""
    keys: Sequence[str] = ()

    @property
    def line(self) -> str:
        """Column whose values are lines."""
        return self.series or self.observer

    @property
    def needed(self) -> set[str]:
        """Columns without which it cannot be drawn."""
        return {self.x, self.y, *self.ends, self.line, self.observer, *self.panel}


CURVES: Sequence[Curve] = (
    Curve(
        "masking", "accuracy", "Accuracy by frequency of the noise", "mean_cpi", "accuracy",
        "mean frequency of the noise (cycles per image)", "accuracy (share)", n="n_trials", series="noise_sd",
        panel=("observer",), x_scale="log", trials="masking", keys=("observer", "noise_sd", "band"),
    ),
    Curve(
        "masking", "thresholds", "Threshold by frequency of the noise", "mean_cpi", "threshold_sd",
        "mean frequency of the noise (cycles per image)", "noise SD at threshold", n="n_trials", x_scale="log",
        y_scale="log",
    ),
    Curve(
        "search", "times", "Reaction time by set size", "set_size", "rt_ms", "set size (items)",
        "reaction time (ms)", n="n", series="condition", panel=("observer", "task"), human="human_ms", trials="search",
        keys=("observer", "task", "condition", "set_size"),
    ),
    Curve(
        "naming", "categories", "Shape bias by category", "category", "shape_bias", "category of the shape",
        "shape bias (shape / (shape + texture))", x_scale="nominal", trials="conflicts",
        keys=("observer", "category"),
    ),
    Curve(
        "naming", "robustness", "Accuracy under attack", "epsilon", "accuracy", "radius of the attack",
        "accuracy (share)", n="n", trials="attacked", keys=("observer", "epsilon"),
    ),
    Curve(
        "naming", "conditions", "By condition", "label", "estimate", "condition", "estimate", n="n",
        panel=("measure",), x_scale="nominal", trials="set", keys=("observer", "condition"),
    ),
    Curve(
        "aad", "accuracy", "Accuracy by length of the window", "window_s", "accuracy",
        "length of the decision window (s)", "accuracy (share)", n="n_listeners", observer="decoder",
        x_scale="log",
    ),
    Curve(
        "aad", "listener_accuracy", "Accuracy of each listener", "window_s", "accuracy",
        "length of the decision window (s)", "accuracy (share)", n="n", series="listener", panel=("decoder",),
        observer="decoder", x_scale="log",
    ),
    Curve(
        "efr", "followed", "Coherence with the envelope", "frequency_hz", "coherence", "frequency (Hz)", "coherence",
        n="n", ends=("coherence_lo", "coherence_hi"), panel=("channel",),
    ),
    Curve(
        "scanpath", "likelihood", "How well fixations are told", "observer", "estimate", "observer", "estimate",
        n="n", panel=("measure",), x_scale="nominal",
    ),
    Curve(
        "rehearsal", "early", "Accuracy early in each phase", "phase", "early", "phase (task that is learnt)",
        "accuracy early in the phase (share)", n="n", ends=("early_lo", "early_hi"),
        panel=("budget", "n_tasks", "width"),
    ),
)  # fmt: skip


def curves_of(study: str, tables: Mapping[str, pd.DataFrame]) -> list[Curve]:
    """Return the curves of a study that these tables hold: every column there, and a point at least."""
    return [
        curve
        for curve in CURVES
        if curve.study == study and curve.table in tables
        if curve.needed <= set(tables[curve.table].columns)
        if np.isfinite(tables[curve.table][curve.y].astype(float)).any()
    ]


def points_of(curve: Curve, table: pd.DataFrame) -> pd.DataFrame:
    """Return a curve's rows that have a value, numbered in the column `POINT` by their place in the table."""
    rows = table.assign(**{POINT: np.arange(len(table))})
    return rows[np.isfinite(rows[curve.y].astype(float))]


def trials_of_point(curve: Curve, row: Mapping[str, object], trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of a point: those with its keys, or, where none have all, with all but that of the axis.

    A stimulus without noise belongs to no band, and is told as that of the first.
    """
    keys = [key for key in curve.keys if key in trials]
    for wanted in (keys, [key for key in keys if key not in ("band", curve.x)]):
        same = np.ones(len(trials), dtype=bool)
        for key in wanted:
            same &= (trials[key] == row[key]).to_numpy()
        if same.any():
            break
    return trials[same]


def curve_chart(curve: Curve, points: pd.DataFrame, *, lines: str = "", pick: bool = False) -> alt.LayerChart:
    """Draw a curve: lines with their intervals, told apart by colour, dashes and the shape of their points.

    Parameters
    ----------
    curve : Curve
        Which.
    points : DataFrame
        As `points_of` makes them, of one panel.
    lines : str
        Column whose values are lines; the curve's own when absent.
    pick : bool
        Whether a point can be picked by a click.
    """
    drawn = _drawn(curve, points, lines or curve.line)
    names = list(dict.fromkeys(drawn["line"]))
    legend = alt.Legend(
        title=None, orient="bottom", columns=2, labelLimit=320, labelFontSize=FONT_PX, symbolSize=120
    )
    look = {
        "color": alt.Color(
            "line:N", scale=alt.Scale(domain=names, range=_each(names, colour)), legend=legend
        ),
        "shape": alt.Shape(
            "line:N", scale=alt.Scale(domain=names, range=_each(names, _shape)), legend=legend
        ),
    }
    dash = alt.StrokeDash("line:N", scale=alt.Scale(domain=names, range=_each(names, _dash)), legend=None)
    nominal = curve.x_scale == "nominal"
    place = _names_axis(drawn, curve) if nominal else _number_axis(curve)
    value = _value_axis(curve, drawn, nominal)
    channels = {"y": place, "x": value} if nominal else {"x": place, "y": value}
    ends = {"x": "lo:Q", "x2": "hi:Q", "y": place} if nominal else {"y": "lo:Q", "y2": "hi:Q", "x": place}
    base = alt.Chart(drawn)
    rules = base.mark_rule(strokeWidth=1.6, opacity=0.7).encode(**ends, color=look["color"])
    marks = base.mark_point(size=90, filled=True, opacity=1).encode(
        **channels,
        **look,
        tooltip=[alt.Tooltip("told:N", title="point"), alt.Tooltip("text:N", title="value")],
    )
    if pick:
        marks = marks.add_params(alt.selection_point(name=PICK, fields=[POINT]))
    joined = (
        []
        if nominal
        else [base.mark_line(strokeWidth=1.8).encode(**channels, color=look["color"], strokeDash=dash)]
    )
    n_names = drawn["x"].nunique()
    theirs = [_people_layer(base, place)] if curve.human in points and not nominal else []
    return alt.layer(*joined, rules, *theirs, marks).properties(
        height=NARROW_PX * n_names + 120 if nominal else HEIGHT_PX
    )


def _people_layer(base: alt.Chart, place: alt.X) -> alt.Chart:
    """People's means at the places of the points, open and vermilion."""
    tips = [alt.Tooltip("told:N", title="people at"), alt.Tooltip("human:Q", title="mean", format=".4~g")]
    marks = base.mark_point(shape="diamond", size=110, filled=False, color=VERMILION, strokeWidth=1.8)
    return marks.encode(x=place, y="human:Q", tooltip=tips)


def point_name(curve: Curve, row: Mapping[str, object]) -> str:
    """Return a point in words: its panel, its line, its place."""
    columns = dict.fromkeys([*curve.panel, curve.line, curve.x])
    return ", ".join(f"{word(column)} {_short(row[column])}" for column in columns)


def word(column: str) -> str:
    """Return what a reader calls a column."""
    return WORDS.get(column, column.replace("_", " "))


def _drawn(curve: Curve, points: pd.DataFrame, lines: str) -> pd.DataFrame:
    """What the chart needs, under names of its own."""
    y, lo, hi = (points[name].astype(float) for name in (curve.y, *curve.ends))
    bounded = {"lo": lo.where(np.isfinite(lo), y), "hi": hi.where(np.isfinite(hi), y)}
    if curve.y_scale == "log":
        bounded["lo"] = bounded["lo"].where(bounded["lo"] > 0, y)
    n = points[curve.n] if curve.n else pd.Series([math.nan] * len(points), index=points.index)
    return pd.DataFrame(
        {
            POINT: points[POINT].astype(int),
            "line": [_line_name(lines, value) for value in points[lines]],
            "x": points[curve.x].astype(str) if curve.x_scale == "nominal" else points[curve.x].astype(float),
            "y": y,
            **bounded,
            "human": points[curve.human].astype(float) if curve.human in points else math.nan,
            "text": [
                f"{interval_text(*ends)}{'' if math.isnan(float(count)) else f', n {int(count):,}'}"
                for *ends, count in zip(y, lo, hi, n, strict=True)
            ],
            "told": [point_name(curve, row) for row in points.to_dict("records")],
        }
    )


def _line_name(column: str, value: object) -> str:
    return f"{word(column)} {_short(value)}" if isinstance(value, float) else str(value)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _each(names: Sequence[str], look: object) -> list[object]:
    return [look(number) for number in range(len(names))] if callable(look) else []


def _shape(number: int) -> str:
    return SHAPES[number % len(SHAPES)]


def _dash(number: int) -> list[int]:
    return DASHES[number % len(DASHES)]


def _number_axis(curve: Curve) -> alt.X:
    scale = alt.Scale(type=curve.x_scale, nice=False, zero=False, padding=16)
    return alt.X("x:Q", title=curve.x_label, scale=scale, axis=_axis())


def _names_axis(drawn: pd.DataFrame, curve: Curve) -> alt.Y:
    order = list(dict.fromkeys(drawn["x"]))
    return alt.Y(
        "x:N", title=curve.x_label, sort=order, axis=alt.Axis(labelFontSize=FONT_PX, titleFontSize=FONT_PX)
    )


def _value_axis(curve: Curve, drawn: pd.DataFrame, lying: bool) -> alt.X | alt.Y:
    logarithmic = curve.y_scale == "log" and bool((drawn["y"] > 0).all())
    scale = alt.Scale(type="log" if logarithmic else "linear", zero=False, nice=not logarithmic)
    channel = alt.X if lying else alt.Y
    return channel("y:Q", title=curve.y_label, scale=scale, axis=_axis())


def _axis() -> alt.Axis:
    return alt.Axis(labelFontSize=FONT_PX, titleFontSize=FONT_PX, format=".4~g", tickCount=6)
