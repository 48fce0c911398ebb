"""Search functions: time against set size, people and networks above each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, SERIES, caption, count_text, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.figures.parts import LINES, MARKERS, drawn, fill, left_out, role_handles
from cogattn.psychophysics.search.functions import fit_line
from cogattn.psychophysics.search.people import human_times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def search_functions(times: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw mean times as dots over set size with the lines that slopes are of: people, then networks, a column a task.

    The panels of a column have one axis, so that slopes may be compared by eye; dots that leave their line say where
    a slope is not the whole truth.

    Parameters
    ----------
    times : DataFrame
        From `cogattn.psychophysics.search.mean_times`.
    observers : sequence of Observer
        Networks are drawn.
    """
    networks, tasks = drawn(observers), [task for task in TASKS if task in set(times["task"])]
    people = human_times().assign(lo=np.nan, hi=np.nan)
    sources = [("people", people, COLOURS["human"])]
    sources += [
        (network.name, times[times["observer"] == network.id], colour)
        for network, colour in zip(networks, SERIES, strict=False)
    ]
    width, height = max(1.6 * len(tasks), 4.2), 1.7 * len(sources) + 0.5
    figure, panels = new_figure(len(sources), len(tasks), width_in=width, height_in=height)
    with style():
        for row, (name, source, colour) in zip(panels, sources, strict=True):
            for axes, top, task in zip(row, panels[0], tasks, strict=True):
                _draw_task(axes, source[source["task"] == task], colour)
                if axes is not top:
                    axes.sharey(top)
            row[0].set_ylabel(f"{name}\ntime (ms)", fontsize=7)
        for axes, task in zip(panels[0], tasks, strict=True):
            axes.set_title(TASKS[task].title, fontsize=8)
            axes.autoscale(axis="y")
        for axes in panels[-1]:
            axes.set_xlabel("items")
        figure.legend(handles=role_handles(), loc="outside upper right", ncols=2)
        n = times.loc[times["observer"].isin([network.id for network in networks]), "n"]
        caption(figure, f"{left_out(observers)}bars: 95 %; n = {count_text(n)} displays a dot")
    return figure


def _draw_task(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Dots with bars, and the least-squares line of each condition."""
    axes.set_xticks(sorted(rows["set_size"].unique()))
    for role, marker in MARKERS.items():
        own = rows[rows["role"] == role]
        size, rt = own["set_size"].to_numpy(float), own["rt_ms"].to_numpy(float)
        axes.vlines(size, own["lo"], own["hi"], color=colour, linewidth=1)
        axes.plot(size, rt, marker, color=colour, mfc=fill(role, colour), zorder=3)
        if len(size) > 1:
            slope, intercept = fit_line(size, rt)
            ends = size[[0, -1]]
            axes.plot(ends, intercept + slope * ends, linestyle=LINES[role], color=colour, linewidth=1)
