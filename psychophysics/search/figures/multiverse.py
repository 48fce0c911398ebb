"""How much of a result is choice: the mean asymmetry under every combination of settings, sorted, as a curve.

References
----------
Simonsohn, Simmons, Nelson (2020), Nature Human Behaviour 4, 1208-1214 (specification curves).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, caption, count_text, new_figure, style
from cogattn.psychophysics.search.figures.parts import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FACTORS = ("fovea", "levels", "targets", "temperature")
N_DRAWN = 3
"""Networks, a column each."""


def multiverse_figure(table: pd.DataFrame) -> Figure:
    """Draw the mean index under each combination, the untrained copies' behind it, and below which choices it took.

    Parameters
    ----------
    table : DataFrame
        One row a network, combination and task, of which those of the task ``mean`` are drawn: ``observer``,
        ``fovea``, ``levels``, ``targets``, ``temperature``, ``task``, ``index``, ``lo``, ``hi``, ``human_index``,
        ``untrained_lo``, ``untrained_hi`` (where one more copy would be expected; NaN without copies), ``n``.
    """
    means = table[table["task"] == "mean"]
    names = list(dict.fromkeys(means["observer"]))
    choices = _choices(means)
    figure, panels = new_figure(
        2,
        min(len(names), N_DRAWN),
        width_in=max(3.4 * min(len(names), N_DRAWN), 5.2),
        height_in=3.0 + 0.2 * len(choices),
    )
    panels[0, 0].get_gridspec().set_height_ratios([2.2, 0.2 * len(choices)])
    with style():
        for (above, below), name in zip(panels.T, names, strict=False):
            own = means[means["observer"] == name].sort_values("index", kind="stable").reset_index(drop=True)
            _draw_curve(above, own)
            above.set_title(name, fontsize=8)
            _draw_choices(below, own, choices)
            above.sharey(panels[0, 0])
        panels[0, 0].set_ylabel("asymmetry index, mean")
        for axes in panels[:, 1:].flat:
            axes.tick_params(labelleft=False)
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        left = f"the first {N_DRAWN} of {len(names)} networks; " if len(names) > N_DRAWN else ""
        caption(figure, f"{left}n = {count_text(means['n'])} displays a combination; bars: 95 %")
    return figure


def _choices(means: pd.DataFrame) -> list[tuple[str, object]]:
    """Every value of every factor that was varied, in the order in which they first appear."""
    return [
        (factor, value)
        for factor in FACTORS
        if means[factor].nunique() > 1
        for value in dict.fromkeys(means[factor])
    ] or [("fovea", means["fovea"].iloc[0])]


def _draw_curve(axes: Axes, own: pd.DataFrame) -> None:
    x = np.arange(len(own))
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axhline(own["human_index"].iloc[0], color=COLOURS["human"], linewidth=1.0, label="people")
    bounds = own[["untrained_lo", "untrained_hi"]].clip(-1, 1)
    if bounds.notna().all(axis=None):
        axes.vlines(
            x, bounds["untrained_lo"], bounds["untrained_hi"], color=COLOURS["reference"], alpha=0.35, linewidth=3,
            label="one more untrained copy",
        )  # fmt: skip
    axes.vlines(x, own["lo"], own["hi"], color=COLOURS["model"], linewidth=0.8)
    axes.plot(x, own["index"], ".", color=COLOURS["model"], label="network")
    axes.set(xlim=(-1, len(own)), xticks=[])


def _draw_choices(axes: Axes, own: pd.DataFrame, choices: list[tuple[str, object]]) -> None:
    rows = np.arange(len(choices), dtype=float)
    for row, (factor, value) in zip(rows, choices, strict=True):
        x = np.flatnonzero(own[factor] == value)
        axes.plot(x, np.full(len(x), row), "|", color="#444444", markersize=4)
    for row in range(1, len(choices)):
        if choices[row][0] != choices[row - 1][0]:
            axes.axhline(row - 0.5, color=GREY, linewidth=0.5)
    axes.set_yticks(rows, [f"{factor} {_text(value)}" for factor, value in choices], fontsize=6)
    axes.set(xlim=(-1, len(own)), ylim=(len(choices) - 0.5, -0.5), xticks=[], xlabel="combinations")


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace("_", " ")
