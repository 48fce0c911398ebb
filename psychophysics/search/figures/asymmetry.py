"""The asymmetry of each task: people, networks, their untrained copies, eccNET; and one display of each condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, SERIES, caption, count_text, draw_estimate, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.sheet import stimulus_sheet
from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS, TASKS
from cogattn.psychophysics.search.figures.parts import GREY, Array, drawn, left_out, spread
from cogattn.psychophysics.search.people import human_asymmetry, published_models
from cogattn.psychophysics.search.plan import copies_of
from cogattn.psychophysics.search.slopes import prediction_interval
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PUBLISHED = "eccNET"
ROOM = 0.07
"""Half the width of a cloud of untrained copies, tasks being 1 apart."""
GOLDEN = 0.6180339887498949


def asymmetry_figure(index: pd.DataFrame, observers: Sequence[Observer]) -> Figure:
    """Draw the asymmetry index of each task: people, networks with intervals, untrained copies, eccNET.

    Parameters
    ----------
    index : DataFrame
        From `cogattn.psychophysics.search.asymmetries`.
    observers : sequence of Observer
        Networks are drawn in colour, their untrained copies as grey dots.
    """
    networks, tasks = drawn(observers), [task for task in TASKS if task in set(index["task"])]
    x = np.arange(len(tasks), dtype=float)
    figure, panels = new_figure(1, 1, width_in=7.2, height_in=3.2)
    axes = panels[0, 0]
    with style():
        axes.axhline(0, color=GREY, linewidth=0.8)
        human, published = human_asymmetry(), published_models().set_index("model").loc[PUBLISHED]
        axes.plot(x - 0.3, [human[task] for task in tasks], "D", color=COLOURS["human"], label="people")
        axes.plot(x - 0.18, [published[t] for t in tasks], "x", color="black", label="eccNET, published")
        for offset, network, colour in zip(spread(len(networks)), networks, SERIES, strict=False):
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
            f"{left_out(observers)}n = {count_text(n)} displays a task; bars: 95 % (grey: of one more untrained "
            "copy); open dots: a slope is 0 (saturated)",
        )
    return figure


def _draw_copies(
    axes: Axes, index: pd.DataFrame, observers: Sequence[Observer], places: Mapping[str, float]
) -> None:
    """Grey dots for the untrained copies, and lines where one more copy of each network would be expected."""
    label: str | None = "untrained copies"
    networks = drawn(observers)
    for offset, network in zip(spread(len(networks)), networks, strict=True):
        copies = index[index["observer"].isin([c.id for c in copies_of(network, observers, "untrained")])]
        for task, values in copies.groupby("task", sort=False)["index"]:
            place = places[str(task)] + 0.3 + offset / 2
            axes.plot(
                place + _beside_each_other(len(values), len(networks)), values, "o", color=COLOURS["reference"],
                markersize=2.2, markeredgewidth=0, alpha=0.7, label=label,
            )  # fmt: skip
            lo, hi = np.clip(prediction_interval(values), -1, 1)
            axes.vlines(place, lo, hi, color=COLOURS["reference"], linewidth=0.8)
            label = None


def _beside_each_other(n: int, n_networks: int) -> Array:
    """Offsets by which `n` dots stand beside their place, so that equal values can be counted."""
    steps = (np.arange(1, n + 1) * GOLDEN) % 1
    return ROOM / max(1, n_networks - 1) * (2 * steps - 1) if n > 1 else np.zeros(n)


def stimuli(config: SearchConfig) -> Figure:
    """Draw one display of each condition of the run."""
    return stimulus_sheet([EXPERIMENTS[task] for task in config.tasks], rng=Streams(config.seed))
