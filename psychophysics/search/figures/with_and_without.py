"""Search functions with and without a target, people's and networks' above each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from cogattn.figures import COLOURS, SERIES, caption, count_text, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS
from cogattn.psychophysics.search.figures.parts import drawn, left_out
from cogattn.psychophysics.search.functions import fit_line
from cogattn.psychophysics.search.people import single_persons

if TYPE_CHECKING:
    from typing import Literal

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES: dict[str, Literal["-", "--"]] = {"present": "-", "absent": "--"}


def with_and_without_figure(times: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw times of right answers over set size where a target was there and where none was: a column a task.

    People's panels hold the line of each person, thin, and their mean, thick; people's trials themselves do not ship.

    Parameters
    ----------
    times : DataFrame
        ``observer``, ``task``, ``target`` (``present`` or ``absent``), ``set_size``, ``rt_ms``, ``lo``, ``hi``, ``n``.
    observers : sequence of Observer
        Networks are drawn.
    """
    networks, tasks = drawn(observers), [task for task in EXPERIMENTS if task in set(times["task"])]
    height = 1.7 * (1 + len(networks)) + 0.6
    figure, panels = new_figure(
        1 + len(networks), len(tasks), width_in=max(1.9 * len(tasks), 4.2), height_in=height
    )
    with style():
        for axes, task in zip(panels[0], tasks, strict=True):
            _draw_people(axes, task)
            axes.set_title(EXPERIMENTS[task].title, fontsize=8)
        for row, network, colour in zip(panels[1:], networks, SERIES, strict=False):
            for axes, task in zip(row, tasks, strict=True):
                own = times[(times["observer"] == network.id) & (times["task"] == task)]
                _draw_network(axes, own, colour)
        for row, name in zip(panels, ("people", *(network.name for network in networks)), strict=True):
            row[0].set_ylabel(f"{name}\ntime (ms)", fontsize=7)
        for axes in panels[-1]:
            axes.set_xlabel("items")
        figure.legend(handles=_handles(), loc="outside upper right", ncols=2)
        shown = times.loc[times["observer"].isin([network.id for network in networks]), "n"]
        caption(
            figure, f"{left_out(observers)}right answers; bars: 95 %; n = {count_text(shown)} displays a dot"
        )
    return figure


def _draw_people(axes: Axes, task: str) -> None:
    sizes = np.array(EXPERIMENTS[task].set_sizes, dtype=float)
    lines = single_persons()
    for target, style_ in LINES.items():
        own = lines[(lines["task"] == task) & (lines["target"] == target)]
        times = own["intercept_ms"].to_numpy()[:, None] + own["slope_ms"].to_numpy()[:, None] * sizes
        axes.plot(sizes, times.T, style_, color=COLOURS["human"], linewidth=0.4, alpha=0.5)
        axes.plot(sizes, times.mean(axis=0), style_, color=COLOURS["human"], linewidth=1.8)
    axes.set_xticks(sizes)


def _draw_network(axes: Axes, times: pd.DataFrame, colour: str) -> None:
    for target, style_ in LINES.items():
        own = times[times["target"] == target]
        size, rt = own["set_size"].to_numpy(float), own["rt_ms"].to_numpy(float)
        axes.vlines(size, own["lo"], own["hi"], color=colour, linewidth=1)
        axes.plot(size, rt, "o", color=colour, mfc=_fill(target, colour), zorder=3)
        if len(size) > 1:
            slope, intercept = fit_line(size, rt)
            axes.plot(size, intercept + slope * size, style_, color=colour, linewidth=1)
    axes.set_xticks(sorted(times["set_size"].unique()))


def _fill(target: str, colour: str) -> str:
    return colour if target == "present" else "white"


def _handles() -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            color="#444444",
            marker="o",
            mfc=_fill(target, "#444444"),
            linestyle=line,
            label=f"target {target}",
        )
        for target, line in LINES.items()
    ]
