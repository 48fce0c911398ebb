"""Bits per fixation of all observers beside those of the choice model that is told of other viewers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, SERIES, WIDE_IN, caption, count_text, draw_estimate, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.likelihood import VIEWERS
from cogattn.psychophysics.scanpath.measures import BITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def bits_figure(likelihood: pd.DataFrame, viewers: pd.DataFrame, observers: Mapping[str, Observer]) -> Figure:
    """Draw bits per fixation: observers from left to right, most bits first, and the curve of other viewers.

    Parameters
    ----------
    likelihood : DataFrame
        Table ``likelihood``.
    viewers : DataFrame
        Table ``viewers``; may be empty.
    observers : mapping of str to Observer
        By id.
    """
    rows = likelihood[likelihood["measure"] == BITS.key]
    rows = rows[[observers[name].variant != VIEWERS for name in rows["observer"]]]
    rows = rows[np.isfinite(rows["estimate"])].sort_values("estimate", ascending=False, kind="stable")
    colours = network_colours(list(observers.values()))
    figure, panels = new_figure(1, 2, width_in=WIDE_IN, height_in=3.8)
    with style():
        left, right = panels[0]
        for place, row in enumerate(rows.to_dict("records")):
            colour = colours.get(row["observer"], COLOURS["reference"])
            draw_estimate(left, [place], [row["estimate"]], [row["lo"]], [row["hi"]], colour=colour)
        names = [observers[name].name for name in rows["observer"]]
        left.set_xticks(range(len(rows)), names, rotation=50, ha="right", rotation_mode="anchor")
        left.set(ylabel="bits per fixation", title="observers", xlim=(-0.6, len(rows) - 0.4))
        _draw_viewers(right, viewers, rows, observers, colours)
        right.set_ylim(left.get_ylim())
        n = count_text(rows["n"]) if len(rows) else "0"
        caption(figure, f"n = {n} fixations; bars and bands: 95 %, over layouts and people; less is better")
    return figure


def network_colours(observers: list[Observer]) -> dict[str, str]:
    """Return the colour of each network, as far as there are colours."""
    networks = [one.id for one in observers if one.role == "network"]
    return dict(zip(networks, SERIES, strict=False))


def _draw_viewers(
    axes: Axes,
    viewers: pd.DataFrame,
    rows: pd.DataFrame,
    observers: Mapping[str, Observer],
    colours: Mapping[str, str],
) -> None:
    """The curve, and a line for each network: where they meet is what a network is worth."""
    places = np.arange(len(viewers))
    if len(viewers):
        values = (viewers[name].to_numpy(float) for name in ("bits", "lo", "hi"))
        draw_estimate(
            axes, places, *values, role="human", label="choice model, told of other viewers", line=True
        )
    networks = rows[rows["observer"].isin(list(colours))]
    for row in networks.to_dict("records"):
        colour = colours[row["observer"]]
        axes.axhline(row["estimate"], color=colour, linewidth=1.2, label=observers[row["observer"]].name)
        if np.isfinite([row["lo"], row["hi"]]).all():
            axes.axhspan(row["lo"], row["hi"], color=colour, alpha=0.14, linewidth=0)
    axes.set_xticks(places, [f"{n:g}" for n in viewers["n_viewers"]] if len(viewers) else [])
    axes.set(xlabel="other viewers", title="worth in viewers", xlim=(-0.4, max(len(viewers), 1) - 0.6))
    axes.legend(loc="best", fontsize=7)
