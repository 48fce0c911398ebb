"""Figures of the search study: asymmetry by task, search functions, slopes against people's, the displays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

from cogattn.figures import COLOURS, SERIES, caption, count_text, draw_estimate, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.sheet import stimulus_sheet
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.people import human_asymmetry, human_times, published_models
from cogattn.psychophysics.search.plan import copies_of
from cogattn.psychophysics.search.slopes import prediction_interval
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PUBLISHED = "eccNET"
MARKERS = {"easy": "o", "hard": "s"}
LINES: dict[str, Literal["-", "--"]] = {"easy": "-", "hard": "--"}
SLOPE_TICKS = (1, 3, 10, 30, 100)
"""In ms per item, on people's axis."""


def asymmetry_figure(index: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw the asymmetry index of each task: people, networks with intervals, untrained copies, eccNET.

    Parameters
    ----------
    index : DataFrame
        From `cogattn.psychophysics.search.asymmetries`.
    observers : sequence of Observer
        Networks are drawn in colour, their untrained copies as grey dots.
    """
    networks, tasks = _drawn(observers), [task for task in TASKS if task in set(index["task"])]
    x = np.arange(len(tasks), dtype=float)
    figure, panels = new_figure(1, 1, width_in=7.2, height_in=3.2)
    axes = panels[0, 0]
    with style():
        axes.axhline(0, color="#999999", linewidth=0.8)
        human, published = human_asymmetry(), published_models().set_index("model").loc[PUBLISHED]
        axes.plot(x - 0.3, [human[task] for task in tasks], "D", color=COLOURS["human"], label="people")
        axes.plot(x - 0.18, [published[t] for t in tasks], "x", color="black", label="eccNET, published")
        for offset, network, colour in zip(_spread(len(networks)), networks, SERIES, strict=False):
            own = index[index["observer"] == network.id].set_index("task").loc[tasks]
            draw_estimate(
                axes, x + offset, own["index"], own["lo"], own["hi"], label=network.name, colour=colour
            )
            saturated = own["saturated"].to_numpy(bool)
            axes.plot(
                (x + offset)[saturated], own["index"][saturated], "o", color=colour, mfc="white", zorder=3
            )
        _draw_copies(axes, index, observers, dict(zip(tasks, x, strict=True)))
        axes.set_xticks(x, [TASKS[task].title for task in tasks])
        axes.set(ylim=(-1.15, 1.15), ylabel="asymmetry index")
        figure.legend(loc="outside upper center", ncols=4)
        n = index.loc[index["observer"].isin([network.id for network in networks]), "n"]
        caption(
            figure,
            f"{_left_out(observers)}n = {count_text(n)} displays a task; bars: 95 % (grey: of one more untrained "
            "copy); open dots: a slope is 0 (saturated)",
        )
    return figure


def _draw_copies(
    axes: Axes, index: pd.DataFrame, observers: Sequence[Observer], places: Mapping[str, float]
) -> None:
    """Grey dots for the untrained copies, and lines where one more copy of each network would be expected."""
    label: str | None = "untrained copies"
    networks = _drawn(observers)
    for offset, network in zip(_spread(len(networks)), networks, strict=True):
        copies = index[index["observer"].isin([c.id for c in copies_of(network, observers, "untrained")])]
        for task, values in copies.groupby("task", sort=False)["index"]:
            place = places[str(task)] + 0.3 + offset / 2
            axes.plot([place] * len(values), values, ".", color=COLOURS["reference"], label=label)
            lo, hi = np.clip(prediction_interval(values), -1, 1)
            axes.vlines(place, lo, hi, color=COLOURS["reference"], linewidth=0.8)
            label = None


def search_functions(displays: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw time against set size, a row for people and one for each network, a column a task.

    The panels of a column have one axis, so that slopes may be compared by eye.

    Parameters
    ----------
    displays : DataFrame
        Of those with a target: ``observer``, ``task``, ``role``, ``set_size``, ``display``, ``rt_ms``, averaged over
        searches.
    observers : sequence of Observer
        Networks are drawn.
    """
    networks, tasks = _drawn(observers), [task for task in TASKS if task in set(displays["task"])]
    sources = [("people", human_times(), COLOURS["human"])]
    sources += [
        (network.name, displays[displays["observer"] == network.id], colour)
        for network, colour in zip(networks, SERIES, strict=False)
    ]
    width, height = max(1.6 * len(tasks), 4.2), 1.7 * len(sources) + 0.5
    figure, panels = new_figure(len(sources), len(tasks), width_in=width, height_in=height)
    with style():
        for row, (name, source, colour) in zip(panels, sources, strict=True):
            for axes, top, task in zip(row, panels[0], tasks, strict=True):
                _draw_functions(axes, source[source["task"] == task], colour)
                if axes is not top:
                    axes.sharey(top)
            row[0].set_ylabel(f"{name}\ntime (ms)", fontsize=7)
        for axes, task in zip(panels[0], tasks, strict=True):
            axes.set_title(TASKS[task].title, fontsize=8)
            axes.autoscale(axis="y")
        for axes in panels[-1]:
            axes.set_xlabel("items")
        figure.legend(handles=_role_handles(), loc="outside upper right", ncols=2)
        own = displays[displays["observer"].isin([network.id for network in networks])]
        n = own.groupby(["observer", "task", "role", "set_size"])["display"].nunique()
        caption(figure, f"{_left_out(observers)}bars: 95 %; n = {count_text(n)} displays a dot")
    return figure


def _draw_functions(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    axes.set_xticks(sorted(rows["set_size"].unique()))
    for role, marker in MARKERS.items():
        grouped = rows[rows["role"] == role].groupby("set_size")["rt_ms"]
        mean, half = grouped.mean(), 1.96 * grouped.std().fillna(0) / np.sqrt(grouped.size())
        axes.errorbar(
            mean.index, mean, yerr=half, marker=marker, linestyle=LINES[role], color=colour, mfc=_fill(role, colour),
            elinewidth=1,
        )  # fmt: skip


def slope_figure(slopes: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw a network's slopes against people's, easy and hard side of each task joined.

    Parameters
    ----------
    slopes : DataFrame
        From `cogattn.psychophysics.search.search_slopes`, with ``human_slope``.
    observers : sequence of Observer
        Networks get one panel each.
    """
    networks = _drawn(observers)
    n_columns = min(len(networks), 3)
    n_rows = -(-len(networks) // n_columns)
    figure, panels = new_figure(
        n_rows, n_columns, width_in=max(3.0 * n_columns, 4.2), height_in=3.0 * n_rows + 0.9
    )
    tasks = {task: colour for task, colour in zip(TASKS, SERIES, strict=True) if task in set(slopes["task"])}
    with style():
        for axes, network in zip(panels.flat, networks, strict=False):
            own = slopes[slopes["observer"] == network.id]
            for task, colour in tasks.items():
                _draw_pair(axes, own[own["task"] == task], colour)
            _slope_axes(axes, network.name)
        for axes in panels.flat[len(networks) :]:
            axes.set_axis_off()
        figure.legend(
            handles=[*_task_handles(tasks), *_role_handles("")], loc="outside upper center", ncols=3
        )
        own = slopes[slopes["observer"].isin([network.id for network in networks])]
        caption(
            figure,
            f"{_left_out(observers)}n = {count_text(own['n'])} displays a slope; bars: 95 %; dotted: as people",
        )
    return figure


def _draw_pair(axes: Axes, pair: pd.DataFrame, colour: str) -> None:
    axes.plot(pair["human_slope"], pair["slope"], color=colour, linewidth=0.8)
    for row in pair.to_dict("records"):
        axes.vlines(row["human_slope"], row["lo"], row["hi"], color=colour, linewidth=0.8)
        axes.plot(
            row["human_slope"],
            row["slope"],
            MARKERS[row["role"]],
            color=colour,
            mfc=_fill(row["role"], colour),
        )


def _slope_axes(axes: Axes, title: str) -> None:
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.set(title=title, xlabel="people (ms per item)", ylabel="model (ms per item)")
    axes.set_xscale("log")
    axes.set_xlim(0.5, 150)
    axes.xaxis.set_major_locator(FixedLocator(SLOPE_TICKS))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    lo, hi = axes.get_ylim()
    same = np.geomspace(0.5, 150, 200)
    axes.plot(same, same, ":", color="#999999", linewidth=0.8)
    axes.set_ylim(lo, hi)


def stimuli(config: SearchConfig) -> Figure:
    """Draw one display of each condition of the run."""
    return stimulus_sheet([TASKS[task] for task in config.tasks], rng=Streams(config.seed))


def _drawn(observers: Sequence[Observer]) -> list[Observer]:
    """The networks that there are colours for."""
    return [one for one in observers if one.role == "network"][: len(SERIES)]


def _left_out(observers: Sequence[Observer]) -> str:
    n = sum(one.role == "network" for one in observers)
    return f"the first {len(SERIES)} of {n} networks; " if n > len(SERIES) else ""


def _fill(role: str, colour: str) -> str:
    return colour if role == "easy" else "white"


def _task_handles(tasks: Mapping[str, str]) -> list[Line2D]:
    return [Line2D([], [], color=colour, label=TASKS[task].title) for task, colour in tasks.items()]


def _role_handles(line: Literal["-", "--", "", "none"] | None = None) -> list[Line2D]:
    """What markers mean, with the lines that join them unless another style is asked for."""
    return [
        Line2D(
            [], [], color="#444444", marker=marker, mfc=_fill(role, "#444444"), label=f"{role} for people",
            linestyle=LINES[role] if line is None else line,
        )
        for role, marker in MARKERS.items()
    ]  # fmt: skip


def _spread(n: int) -> np.ndarray:
    return np.linspace(-0.06, 0.18, n) if n > 1 else np.zeros(1)
