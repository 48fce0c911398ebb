"""Figures of a comparison: who has what value, and how an outcome goes with what may explain it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from cogattn.figures import COLOURS, LABELS, caption, new_figure, style
from cogattn.reporting.compare.explain import Explained
from cogattn.reporting.compare.values import PEOPLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS = 12
COLUMNS = 4
MAX_NAMED = 24
"""Up to this many observers have their names at the axis."""
N_OUTLIERS = 3
LONGEST_NAME = 30
NARROW = 8
"""A logarithmic axis over less than this factor has even ticks, since powers of two would be few."""


def values_figure(values: pd.DataFrame) -> Figure:
    """Draw a panel per measure, observers by rank with their intervals, people as a band behind.

    Parameters
    ----------
    values : DataFrame
        As `cogattn.reporting.compare.values.pool` makes it; of more than twelve measures those with intervals come
        first.
    """
    tested = values[(values["role"] != PEOPLE) & np.isfinite(values["estimate"])]
    closed = tested.assign(closed=np.isfinite(tested["lo"])).groupby("measure", sort=False)["closed"].mean()
    measures = list(closed.sort_values(ascending=False, kind="stable").index)
    shown = measures[:MAX_PANELS]
    counts = tested[tested["measure"].isin(shown)].groupby("measure").size()
    named = counts[counts <= MAX_NAMED].max() if (counts <= MAX_NAMED).any() else 0
    n_columns = min(2 if named else COLUMNS, max(len(shown), 1))
    n_rows = max(1, math.ceil(len(shown) / n_columns))
    height = max(2.2 if (counts <= MAX_NAMED).all() else 3.2, 1.0 + 0.14 * named)
    figure, panels = new_figure(n_rows, n_columns, width_in=7.2, height_in=n_rows * height)
    with style():
        for axes, measure in zip(panels.flat, shown, strict=False):
            _draw_values(axes, tested[tested["measure"] == measure], values)
        for axes in list(panels.flat)[len(shown) :]:
            axes.set_axis_off()
        more = (
            f"; {len(measures) - len(shown)} more measures in the table" if len(measures) > len(shown) else ""
        )
        about = f"a dot an observer, bars: 95 % intervals (triangle: open); vermilion: people{more}"
        caption(figure, about + _of_people(values, shown))
    return figure


def _of_people(values: pd.DataFrame, measures: Sequence[str]) -> str:
    """A line with what must be known of people's means, where there is something."""
    theirs = values[(values["role"] == PEOPLE) & values["measure"].isin(measures)].drop_duplicates("measure")
    notes = [note for note in dict.fromkeys(theirs["note"]) if note]
    return f"\n{'; '.join(notes)}" if notes else ""


def _draw_values(axes: Axes, own: pd.DataFrame, values: pd.DataFrame) -> None:
    first = own.iloc[0]
    people = values[(values["role"] == PEOPLE) & (values["measure"] == first["measure"])]
    if len(people):
        _band(axes, people.iloc[0], vertical=True)
    own = own.sort_values("estimate", kind="stable").reset_index(drop=True)
    y = np.arange(len(own))
    middle, lo, hi = (own[name].to_numpy(float) for name in ("estimate", "lo", "hi"))
    lo = np.where((first["scale"] == "log") & (lo <= 0), -np.inf, lo)
    bars = np.abs(np.stack([middle - lo, hi - middle]))
    theirs = people[["estimate", "lo", "hi"]].to_numpy(float).ravel()
    ends = np.concatenate([middle, lo, hi, theirs])
    ends = ends[np.isfinite(ends)]
    axes.errorbar(
        middle, y, xerr=np.where(np.isfinite(bars), bars, 0), fmt="o", color=COLOURS["model"],
        markersize=3 if len(own) <= MAX_NAMED else 1.5, elinewidth=0.8 if len(own) <= MAX_NAMED else 0.5,
    )  # fmt: skip
    for opened, marker in ((np.isinf(lo), "<"), (np.isinf(hi), ">")):
        axes.plot(middle[opened], y[opened], marker, color=COLOURS["model"], markersize=7, fillstyle="none")
    if first["scale"] == "log":
        axes.set_xlim(ends.min() / 1.1, ends.max() * 1.1)
        _log_axis(axes, "x")
    if len(own) <= MAX_NAMED:
        several = own["source"].nunique() > 1 and own["observer"].duplicated().any()
        names = own["observer"] + (" (" + own["source"] + ")" if several else "")
        axes.set_yticks(y, [_short(name) for name in names], fontsize=6)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(own)} observers by rank")
    axes.set_title(
        str(first["label"]) if len(str(first["label"])) < 30 else str(first["measure"]), fontsize=8
    )
    axes.set_xlabel(str(first["unit"]))


def relation_figure(found: Explained, values: pd.DataFrame) -> Figure:
    """Draw the outcome over each predictor, and over what all predict of an observer that is left out.

    Parameters
    ----------
    found : Explained
        The relation.
    values : DataFrame
        As `cogattn.reporting.compare.values.pool` makes it, for people's means.
    """
    n_panels = len(found.by) + 1
    n_columns = 2 if n_panels in (2, 4) else 3
    n_rows = math.ceil(n_panels / n_columns)
    figure, panels = new_figure(n_rows, n_columns, width_in=7.2, height_in=2.7 * n_rows)
    entered = found.entered
    y = entered[found.outcome].to_numpy(float)
    n_out = int(found.relations["n_left_out"].iloc[0])
    with style():
        for axes, name in zip(panels.flat, found.by, strict=False):
            _draw_predictor(axes, found, name, entered[name].to_numpy(float), y, values)
        _draw_prediction(panels.flat[n_panels - 1], found, entered[list(found.by)].to_numpy(float), y)
        for axes in list(panels.flat)[n_panels:]:
            axes.set_axis_off()
        for row in panels:
            row[0].set_ylabel(_axis_label(found, found.outcome))
        left = f", {n_out} left out" if n_out else ""
        people = "; vermilion: people" if any(axes.get_label() == PEOPLE for axes in panels.flat) else ""
        text = f"n = {len(y):,} observers{left}{people}; named: the {N_OUTLIERS} farthest from the line"
        caption(figure, text + (_of_people(values, [*found.by, found.outcome]) if people else ""))
    return figure


def _draw_predictor(
    axes: Axes, found: Explained, name: str, x: NDArray, y: NDArray, values: pd.DataFrame
) -> None:
    raw, log = found.observers[name].to_numpy(float), name in found.logs
    _draw_dots(axes, found, raw, found.observers[found.outcome].to_numpy(float))
    if len(x) > 2 and np.ptp(x) > 0:
        slope, intercept = np.polyfit(x, y, 1)
        ends = np.array([x.min(), x.max()])
        line = intercept + slope * ends
        axes.plot(
            np.exp2(ends) if log else ends, np.exp2(line) if found.outcome in found.logs else line,
            color=COLOURS["reference"], linewidth=1,
        )  # fmt: skip
        _name_outliers(axes, found, raw, y - intercept - slope * x)
        r = np.corrcoef(x, y)[0, 1]
        axes.set_title(f"r = {r:.2f}, R² = {r**2:.2f}", fontsize=8)
    if log:
        _log_axis(axes, "x")
    _draw_people(axes, values, name, found.outcome)
    axes.set_xlabel(_axis_label(found, name))


def _draw_prediction(axes: Axes, found: Explained, x: NDArray, y: NDArray) -> None:
    rows = found.relations[found.relations["predictor"] == "all"].set_index("measure")
    whole = rows.loc["variance explained"]
    if not np.isfinite(whole["estimate"]):
        axes.set_axis_off()
        return
    design = np.column_stack([np.ones(len(y)), x])
    basis = np.linalg.svd(design / np.linalg.norm(design, axis=0), full_matrices=False)[0]
    residual = y - basis @ (basis.T @ y)
    predicted = y - residual / np.maximum(1 - (basis**2).sum(axis=1), 1e-12)
    raw = found.observers[found.outcome].to_numpy(float)
    predicted = np.exp2(predicted) if found.outcome in found.logs else predicted
    _draw_dots(axes, found, predicted, raw)
    ends = [min(predicted.min(), raw.min()), max(predicted.max(), raw.max())]
    axes.plot(ends, ends, color=COLOURS["reference"], linewidth=1)
    _name_outliers(axes, found, predicted, residual)
    left_out = rows.at["variance explained, leave-one-out", "estimate"]
    low, high = (f"{end:.2f}" for end in (whole["lo"], whole["hi"]))
    axes.set_title(f"R² = {whole['estimate']:.2f} [{low}, {high}], left out {left_out:.2f}", fontsize=8)
    axes.set_xlabel("predicted from the others")


def _draw_dots(axes: Axes, found: Explained, x: NDArray, y: NDArray) -> None:
    axes.plot(x, y, "o", color=COLOURS["model"], markersize=3, alpha=0.8)
    if found.outcome in found.logs:
        _log_axis(axes, "y")


def _axis_label(found: Explained, name: str) -> str:
    label, unit = found.about.at[name, "label"], found.about.at[name, "unit"]
    return f"{label} ({unit})" if unit else str(label)


def _name_outliers(axes: Axes, found: Explained, x: NDArray, residual: NDArray) -> None:
    """Names towards the middle of the panel, so that they stay inside it."""
    y = found.observers[found.outcome].to_numpy(float)
    middle = (np.nanmin(x) + np.nanmax(x)) / 2
    for rank, place in enumerate(np.argsort(-np.abs(residual))[:N_OUTLIERS]):
        name = str(found.observers.index[place])
        right = x[place] > middle
        axes.annotate(
            _short(name),
            (x[place], y[place]),
            xytext=(-4 if right else 4, -4 if rank % 2 else 1),
            textcoords="offset points",
            ha="right" if right else "left",
            fontsize=5,
        )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def _draw_people(axes: Axes, values: pd.DataFrame, predictor: str, outcome: str) -> None:
    """A dot where people have both, else a band across the panel."""
    people = values[values["role"] == PEOPLE].drop_duplicates("measure").set_index("measure")
    if predictor in people.index and outcome in people.index:
        at = (people.at[predictor, "estimate"], people.at[outcome, "estimate"])
        axes.plot(*at, "D", color=COLOURS["human"], markersize=4, label=LABELS["human"])
        axes.set_label(PEOPLE)
    elif predictor in people.index:
        _band(axes, people.loc[predictor], vertical=True)
    elif outcome in people.index:
        _band(axes, people.loc[outcome], vertical=False)


def _band(axes: Axes, people: pd.Series, *, vertical: bool) -> None:
    line, span = (axes.axvline, axes.axvspan) if vertical else (axes.axhline, axes.axhspan)
    axes.set_label(PEOPLE)
    line(people["estimate"], color=COLOURS["human"], linewidth=1)
    if np.isfinite([people["lo"], people["hi"]]).all():
        span(people["lo"], people["hi"], color=COLOURS["human"], alpha=0.18, linewidth=0)


def _log_axis(axes: Axes, side: Literal["x", "y"]) -> None:
    """Logarithmic, with plain numbers at its ticks; a narrow range has ticks that are evenly spaced in the unit."""
    setter = axes.set_xscale if side == "x" else axes.set_yscale
    setter("log")
    axis = axes.xaxis if side == "x" else axes.yaxis
    lo, hi = axis.get_view_interval()
    if hi < NARROW * lo:
        axis.set_major_locator(MaxNLocator(nbins=5))
    else:
        axis.set_major_locator(LogLocator(base=2))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
