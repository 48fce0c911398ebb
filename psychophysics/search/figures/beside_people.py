"""Slopes and mean times of networks against people's, a panel a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

from cogattn.figures import caption, count_text, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.figures.parts import (
    GREY,
    MARKERS,
    Array,
    drawn,
    fill,
    left_out,
    role_handles,
    task_colours,
    task_handles,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SLOPE_TICKS = (1, 3, 10, 30, 100)
"""In ms per item, on people's axis."""


def slope_figure(slopes: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw a network's slopes against people's, easy and hard side of each task joined.

    Parameters
    ----------
    slopes : DataFrame
        From `cogattn.psychophysics.search.search_slopes`, with ``human_slope``.
    observers : sequence of Observer
        Networks get one panel each.
    """
    figure, panels, networks = _panels(observers)
    tasks = task_colours(slopes["task"].unique())
    with style():
        for axes, network in zip(panels, networks, strict=False):
            own = slopes[slopes["observer"] == network.id]
            for task, colour in tasks.items():
                _draw_pair(axes, own[own["task"] == task], colour)
            _slope_axes(axes, network.name)
        _finish(figure, panels[len(networks) :], tasks)
        own = slopes[slopes["observer"].isin([network.id for network in networks])]
        caption(
            figure,
            f"{left_out(observers)}n = {count_text(own['n'])} displays a slope; bars: 95 %; dotted: as people",
        )
    return figure


def times_figure(times: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw a network's mean times against people's, the set sizes of each condition joined.

    Times that agreed but for one scale and one offset would lie on one straight line; with an offset of its own for
    each condition, on parallel ones.

    Parameters
    ----------
    times : DataFrame
        From `cogattn.psychophysics.search.mean_times`, with ``human_ms``.
    observers : sequence of Observer
        Networks get one panel each.
    """
    figure, panels, networks = _panels(observers)
    tasks = task_colours(times["task"].unique())
    own = times[times["observer"].isin([network.id for network in networks])]
    with style():
        for axes, network in zip(panels, networks, strict=False):
            for (task, role), rows in own[own["observer"] == network.id].groupby(
                ["task", "role"], sort=False
            ):
                _draw_condition(axes, rows, tasks[task], str(role))
            axes.set(title=network.name, xlabel="people (ms)", ylabel="model (ms)")
        _finish(figure, panels[len(networks) :], tasks)
        n_times = own.groupby("observer").size()
        caption(
            figure,
            f"{left_out(observers)}{count_text(n_times)} means of n = {count_text(own['n'])} displays; bars: 95 %",
        )
    return figure


def _panels(observers: Sequence[Observer]) -> tuple[Figure, Sequence[Axes], list[Observer]]:
    networks = drawn(observers)
    n_columns = min(len(networks), 3)
    n_rows = -(-len(networks) // n_columns)
    figure, panels = new_figure(
        n_rows, n_columns, width_in=max(3.0 * n_columns, 4.2), height_in=3.0 * n_rows + 0.9
    )
    return figure, list(panels.flat), networks


def _finish(figure: Figure, empty: Sequence[Axes], tasks: dict[str, str]) -> None:
    for axes in empty:
        axes.set_axis_off()
    figure.legend(handles=[*task_handles(tasks), *role_handles("")], loc="outside upper center", ncols=3)


def _draw_condition(axes: Axes, rows: pd.DataFrame, colour: str, role: str) -> None:
    people = rows["human_ms"]
    axes.vlines(people, rows["lo"], rows["hi"], color=colour, linewidth=0.8)
    axes.plot(
        people, rows["rt_ms"], MARKERS[role], linestyle="-", color=colour, mfc=fill(role, colour), linewidth=0.8,
        markersize=4,
    )  # fmt: skip


def _draw_pair(axes: Axes, pair: pd.DataFrame, colour: str) -> None:
    axes.plot(pair["human_slope"], pair["slope"], color=colour, linewidth=0.8)
    for row in pair.to_dict("records"):
        place, marker = row["human_slope"], MARKERS[row["role"]]
        axes.vlines(place, row["lo"], row["hi"], color=colour, linewidth=0.8)
        axes.plot(place, row["slope"], marker, color=colour, mfc=fill(row["role"], colour))


def _slope_axes(axes: Axes, title: str) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(title=title, xlabel="people (ms per item)", ylabel="model (ms per item)")
    axes.set_xscale("log")
    axes.set_xlim(0.5, 150)
    axes.xaxis.set_major_locator(FixedLocator(SLOPE_TICKS))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    lo, hi = axes.get_ylim()
    same: Array = np.geomspace(0.5, 150, 200)
    axes.plot(same, same, ":", color=GREY, linewidth=0.8)
    axes.set_ylim(lo, hi)
