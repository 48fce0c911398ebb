"""Figures of the search study: asymmetry by task, search functions, slopes against people's, the displays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, SERIES, caption, draw_estimate, new_figure, style
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.measures import prediction_interval
from cogattn.psychophysics.search.people import human_asymmetry, human_slopes, human_times, published_models
from cogattn.psychophysics.search.sheet import stimulus_sheet
from cogattn.psychophysics.search.tasks import TASKS
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PUBLISHED = "eccNET"
EASY_MARKER, HARD_MARKER = "o", "s"


def asymmetry_figure(index: pd.DataFrame, networks: Sequence[str]) -> Figure:
    """Draw the asymmetry index of each task: people, networks with intervals, untrained copies, eccNET.

    Parameters
    ----------
    index : DataFrame
        From `cogattn.psychophysics.search.asymmetries`.
    networks : sequence of str
        Searchers drawn in colour; their untrained copies are drawn as grey dots.
    """
    tasks = [task for task in TASKS if task in set(index["task"])]
    x = np.arange(len(tasks), dtype=float)
    figure, panels = new_figure(1, 1, width_in=7.2, height_in=3.2)
    axes = panels[0, 0]
    with style():
        axes.axhline(0, color="#999999", linewidth=0.8)
        human, published = human_asymmetry(), published_models().set_index("model").loc[PUBLISHED]
        axes.plot(x - 0.3, [human[task] for task in tasks], "D", color=COLOURS["human"], label="people")
        axes.plot(x - 0.18, [published[t] for t in tasks], "x", color="black", label="eccNET, published")
        for offset, network, colour in zip(_spread(len(networks)), networks, SERIES, strict=False):
            own = index[index["searcher"] == network].set_index("task").loc[tasks]
            draw_estimate(axes, x + offset, own["index"], own["lo"], own["hi"], label=network, colour=colour)
            saturated = own["saturated"].to_numpy(bool)
            axes.plot((x + offset)[saturated], own["index"][saturated], "o", color=colour, mfc="white")
        copies = index[index["searcher"].str.contains(", untrained ")]
        if len(copies):
            at = copies["task"].map({task: place for task, place in zip(tasks, x, strict=True)})
            axes.plot(at + 0.3, copies["index"], ".", color=COLOURS["reference"], label="untrained copies")
            _draw_expected_copies(axes, copies, networks, dict(zip(tasks, x, strict=True)))
        axes.set_xticks(x, [TASKS[task].title for task in tasks])
        axes.set(ylim=(-1.15, 1.15), ylabel="asymmetry index")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=4)
        n = index.loc[index["searcher"].isin(networks), "n"]
        counts = f"{n.min()} to {n.max()}" if n.min() < n.max() else f"{n.min()}"
        caption(
            figure,
            f"n = {counts} displays a task; bars: 95 % (grey: of one more untrained copy); open dots: a slope is 0 "
            "(saturated)",
        )
    return figure


def _draw_expected_copies(
    axes: Axes, copies: pd.DataFrame, networks: Sequence[str], places: Mapping[str, float]
) -> None:
    for offset, network in zip(_spread(len(networks)), networks, strict=True):
        own = copies[copies["searcher"].str.startswith(f"{network}, untrained ")]
        for task, values in own.groupby("task")["index"]:
            lo, hi = np.clip(prediction_interval(values), -1, 1)
            axes.vlines(
                places[str(task)] + 0.3 + offset / 2, lo, hi, color=COLOURS["reference"], linewidth=0.8
            )


def search_functions(trials: pd.DataFrame, networks: Sequence[str]) -> Figure:
    """Draw reaction time against set size, a row for people and one for each network, a column a task.

    Parameters
    ----------
    trials : DataFrame
        Searches with a target, of `cogattn.psychophysics.search.trials`.
    networks : sequence of str
        Which searchers.
    """
    tasks = [task for task in TASKS if task in set(trials["task"])]
    rows = ["people", *networks]
    figure, panels = new_figure(
        len(rows), len(tasks), width_in=max(1.5 * len(tasks), 3.5), height_in=1.9 * len(rows)
    )
    human = human_times()
    with style():
        for row, name in enumerate(rows):
            source = human if row == 0 else trials[trials["searcher"] == name]
            for column, task in enumerate(tasks):
                axes = panels[row, column]
                _draw_functions(
                    axes, source[source["task"] == task], COLOURS["human"] if row == 0 else SERIES[row - 1]
                )
                if row == 0:
                    axes.set_title(TASKS[task].title, fontsize=8)
            panels[row, 0].set_ylabel(f"{name}\ntime (ms)", fontsize=7)
        for axes in panels[-1]:
            axes.set_xlabel("items")
        panels[0, 0].legend(fontsize=7, loc="upper left")
        n = int(trials.groupby(["searcher", "condition", "set_size"])["display"].nunique().to_numpy().min())
        caption(figure, f"easy and hard as they are for people; n = {n}")
    return figure


def _draw_functions(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    axes.set_xticks(sorted(rows["set_size"].unique()))
    for role, marker, line in (("easy", EASY_MARKER, "-"), ("hard", HARD_MARKER, "--")):
        own = rows[rows["role"] == role]
        if "display" in own:
            own = own.groupby(["set_size", "display"], as_index=False)["rt_ms"].mean()
        grouped = own.groupby("set_size")["rt_ms"]
        mean, half = grouped.mean(), 1.96 * grouped.std().fillna(0) / np.sqrt(grouped.size())
        axes.errorbar(
            mean.index, mean, yerr=half, marker=marker, linestyle=line, color=colour, label=role,
            mfc=colour if role == "easy" else "white", elinewidth=1,
        )  # fmt: skip


def slope_figure(slopes: pd.DataFrame, networks: Sequence[str]) -> Figure:
    """Draw a network's slopes against people's, easy and hard side of each task joined.

    Parameters
    ----------
    slopes : DataFrame
        From `cogattn.psychophysics.search.search_slopes`, with ``human_slope``.
    networks : sequence of str
        One panel each.
    """
    figure, panels = new_figure(1, len(networks), width_in=3.6 * len(networks), height_in=3.2)
    order = human_slopes()["task"].unique()
    with style():
        for axes, network in zip(panels[0], networks, strict=True):
            own = slopes[slopes["searcher"] == network]
            for task, colour in zip(order, SERIES, strict=True):
                pair = own[own["task"] == task].sort_values("role")
                if pair.empty:
                    continue
                axes.plot(pair["human_slope"], pair["slope"], color=colour, linewidth=0.8)
                for row in pair.to_dict("records"):
                    axes.errorbar(
                        row["human_slope"], row["slope"],
                        yerr=[[max(row["slope"] - row["lo"], 0)], [max(row["hi"] - row["slope"], 0)]],
                        fmt=EASY_MARKER if row["role"] == "easy" else HARD_MARKER, color=colour,
                        mfc=colour if row["role"] == "easy" else "white", elinewidth=0.8,
                        label=TASKS[task].title if row["role"] == "easy" else None,
                    )  # fmt: skip
            axes.axhline(0, color="#999999", linewidth=0.8)
            axes.set(title=network, xlabel="people (ms per item)", ylabel="model (ms per item)", xscale="log")
            axes.legend(fontsize=6)
        caption(figure, f"n = {int(slopes['n'].min())} displays a slope; bars: 95 %; filled: easy for people")
    return figure


def stimuli(config: SearchConfig) -> Figure:
    """Draw one display of each condition of the run."""
    return stimulus_sheet([TASKS[task] for task in config.tasks], rng=Streams(config.seed))


def _spread(n: int) -> np.ndarray:
    return np.linspace(-0.06, 0.18, n) if n > 1 else np.zeros(1)
