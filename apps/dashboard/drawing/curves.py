"""What is natural to look at in each study's tables: a curve over one quantity, its points joined to trials.

A `Curve` names a table of a run and its columns, no more; the numbers and their intervals are those that the run
wrote. A study that is not listed here has the intervals of its summary alone. Points share columns with a table of
trials, so a point that is picked has its trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import altair as alt
import numpy as np
import pandas as pd

from cogattn.apps.dashboard.drawing.charts import (
    AXIS_PX,
    DASHES,
    FONT_PX,
    SHAPES,
    TICKS,
    colour,
    legend_columns,
    names_axis,
)
from cogattn.apps.dashboard.theme import VERMILION
from cogattn.reporting.tables import interval_text

AxisScale = Literal["linear", "log", "nominal"]
PICK = "pick"
"""Name of the selection of a point; its field is `POINT`."""
POINT = "point"
"""Column with the number of a curve's row."""
HEIGHT_PX, LEGEND_PX = 320, 24
WORDS = {
    "noise_sd": "noise SD", "mean_cpi": "c/image", "n_tasks": "tasks", "window_s": "window (s)",
    "frequency_hz": "frequency (Hz)",
}  # fmt: skip
"""Columns that are not called by their names."""
NARROW_PX = 32
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
    joined : bool
        Whether points of a line are joined; not where the table leaves out those between them.
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
    joined: bool = True

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
        x_scale="log", trials="window", keys=("decoder", "window_s"),
    ),
    Curve(
        "aad", "listener_accuracy", "Accuracy of each listener", "window_s", "accuracy",
        "length of the decision window (s)", "accuracy (share)", n="n", series="listener", panel=("decoder",),
        observer="decoder", x_scale="log", trials="window", keys=("decoder", "listener", "window_s"),
    ),
    Curve(
        "efr", "followed", "Coherence with the envelope, where it is followed", "frequency_hz", "coherence",
        "frequency (Hz)", "squared coherence", n="n", ends=("coherence_lo", "coherence_hi"), panel=("channel",),
        trials="spectrum", keys=("observer", "channel", "frequency_hz"), joined=False,
    ),
    Curve(
        "scanpath", "likelihood", "How well fixations are told", "observer", "estimate", "observer", "estimate",
        n="n", panel=("measure",), x_scale="nominal", trials="scanpath_fixations", keys=("observer",),
    ),
    Curve(
        "rehearsal", "early", "Accuracy early in each phase", "phase", "early", "phase (task that is learnt)",
        "early accuracy (share)", n="n", ends=("early_lo", "early_hi"),
        panel=("budget", "n_tasks", "width"), trials="learning",
        keys=("observer", "budget", "n_tasks", "width", "phase"),
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


def curve_chart(
    curve: Curve, points: pd.DataFrame, *, lines: str = "", order: Sequence[str] = (), pick: bool = False
) -> alt.LayerChart:
    """Draw a curve: lines with their intervals, told apart by colour, dashes and the shape of their points.

    Parameters
    ----------
    curve : Curve
        Which.
    points : DataFrame
        As `points_of` makes them, of one panel.
    lines : str
        Column whose values are lines; the curve's own when absent.
    order : sequence of str
        Lines of several charts, each of which looks the same in all of them; the chart's own when absent.
    pick : bool
        Whether a point can be picked by a click.
    """
    drawn = _drawn(curve, points, lines or curve.line)
    names = list(dict.fromkeys(drawn["line"]))
    numbers = [list(order or names).index(name) for name in names]
    columns = legend_columns(names)
    lying = curve.x_scale == "nominal"
    told = lying and curve.x == (lines or curve.line)
    legend = None if told else alt.Legend(
        title=None, orient="bottom", columns=columns, labelLimit=320, labelFontSize=FONT_PX, symbolSize=120,
        symbolStrokeWidth=0, symbolOpacity=1,
    )  # fmt: skip
    colours = alt.Scale(domain=names, range=[colour(number) for number in numbers])
    shapes = alt.Scale(domain=names, range=[SHAPES[number % len(SHAPES)] for number in numbers])
    dashes = alt.Scale(domain=names, range=[DASHES[number % len(DASHES)] for number in numbers])
    hue = alt.Color("line:N", scale=colours, legend=legend)
    base = alt.Chart(drawn)
    if lying:
        x, y = alt.X("y:Q", **_of_value(curve, drawn)), alt.Y("x:N", **_of_names(drawn))
        ends = base.encode(x=alt.X("lo:Q"), x2="hi:Q", y=y, color=hue)
    else:
        x, y = alt.X("x:Q", **_of_number(curve, points)), alt.Y("y:Q", **_of_value(curve, drawn))
        ends = base.encode(x=x, y=alt.Y("lo:Q"), y2="hi:Q", color=hue)
    shape = alt.Shape("line:N", scale=shapes, legend=legend)
    tips = [alt.Tooltip("told:N", title="point"), alt.Tooltip("text:N", title="value")]
    dots = base.encode(x=x, y=y, color=hue, shape=shape, tooltip=tips)
    if pick:
        dots = dots.add_params(alt.selection_point(name=PICK, fields=[POINT]))
    layers: list[Any] = [ends.mark_rule(strokeWidth=1.6, opacity=0.7)]
    if curve.joined and not lying:
        joined = base.encode(
            x=x, y=y, color=hue, strokeDash=alt.StrokeDash("line:N", scale=dashes, legend=legend)
        )
        layers.insert(0, joined.mark_line(strokeWidth=1.8))
    if curve.human in points and not lying:
        layers.append(_people_layer(base, x))
    layers.append(dots.mark_point(size=90, filled=True, opacity=1))
    plot_px = NARROW_PX * drawn["x"].nunique() + AXIS_PX if lying else HEIGHT_PX
    legend_px = 0 if told else LEGEND_PX * math.ceil(len(names) / columns)
    return alt.LayerChart(layer=layers, height=plot_px + legend_px)


def _people_layer(base: alt.Chart, x: alt.X) -> alt.Chart:
    """People's means at the places of the points, open and vermilion."""
    tips = [alt.Tooltip("told:N", title="people at"), alt.Tooltip("human:Q", title="mean", format=".4~g")]
    placed = base.encode(x=x, y="human:Q", tooltip=tips)
    mark = placed.mark_point(shape="diamond", size=110, filled=False, color=VERMILION, strokeWidth=1.8)
    return cast("alt.Chart", mark)


def point_name(curve: Curve, row: Mapping[str, object]) -> str:
    """Return a point in words: its panel, its line, its place."""
    columns = dict.fromkeys([*curve.panel, curve.line, curve.x])
    return ", ".join(_named(column, row[column]) for column in columns)


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


def _named(column: str, value: object) -> str:
    """A value after its column's name, which is not said twice: "listener 1"."""
    text, name = _short(value), word(column)
    return text if text.startswith(f"{name} ") else f"{name} {text}"


def _line_name(column: str, value: object) -> str:
    return f"{word(column)} {_short(value)}" if isinstance(value, float) else str(value)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _of_number(curve: Curve, points: pd.DataFrame) -> dict[str, Any]:
    """The axis of places that are numbers."""
    scale = alt.Scale(nice=False, padding=16, **_reach(logarithmic=curve.x_scale == "log"))
    whole = pd.api.types.is_integer_dtype(points[curve.x])
    return {"title": curve.x_label, "scale": scale, "axis": _axis(**({"tickMinStep": 1} if whole else {}))}


def _of_names(drawn: pd.DataFrame) -> dict[str, Any]:
    """The axis of places that are names."""
    return {"sort": list(dict.fromkeys(drawn["x"])), "axis": names_axis()}


def _of_value(curve: Curve, drawn: pd.DataFrame) -> dict[str, Any]:
    """The axis of values."""
    logarithmic = curve.y_scale == "log" and bool((drawn["y"] > 0).all())
    scale = alt.Scale(nice=not logarithmic, **_reach(logarithmic=logarithmic))
    return {"title": curve.y_label, "scale": scale, "axis": _axis()}


def _reach(*, logarithmic: bool) -> dict[str, Any]:
    """The kind of a scale that need not hold 0, which a logarithmic one is not told."""
    return {"type": "log"} if logarithmic else {"type": "linear", "zero": False}


def _axis(**more: Any) -> alt.Axis:
    return alt.Axis(labelFontSize=FONT_PX, titleFontSize=FONT_PX, format=TICKS, tickCount=6, **more)
