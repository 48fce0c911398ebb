"""What each person chooses by: weights of the choice model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, WIDE_IN, caption, count_text, draw_estimate, new_figure, style
from cogattn.statistics.scales import Z_95

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_ROW = 3


def weights_figure(weights: pd.DataFrame) -> Figure:
    """Draw a panel a weight: persons with intervals, everybody's as a band.

    Parameters
    ----------
    weights : DataFrame
        Table ``scanpath_weights``; person "" is everybody.
    """
    names = list(dict.fromkeys(weights["weight"]))
    n_rows = -(-len(names) // PER_ROW)
    figure, panels = new_figure(n_rows, PER_ROW, width_in=WIDE_IN, height_in=0.5 + 2.0 * n_rows)
    people = sorted(set(weights["person"]) - {""})
    with style():
        for axes in panels.flat[len(names) :]:
            axes.set_axis_off()
        for axes, name in zip(panels.flat, names, strict=False):
            own = weights[weights["weight"] == name].set_index("person")
            if "" in own.index:
                value, error = (float(own.loc["", column]) for column in ("estimate", "se"))
                axes.axhline(value, color=COLOURS["reference"])
                if np.isfinite(error):
                    axes.axhspan(
                        value - Z_95 * error,
                        value + Z_95 * error,
                        color=COLOURS["reference"],
                        alpha=0.18,
                        linewidth=0,
                    )
            each = own.drop(index="", errors="ignore")
            value, error = (each[column].to_numpy(float) for column in ("estimate", "se"))
            places = [people.index(person) for person in each.index]
            draw_estimate(axes, places, value, value - Z_95 * error, value + Z_95 * error, role="human")
            axes.axhline(0, color="#999999", linewidth=0.6, linestyle=":")
            shown = people if len(people) <= 16 else [""] * len(people)
            axes.set_xticks(range(len(people)), shown, rotation=60, fontsize=6)
            axes.set(title=name, xlim=(-0.6, max(len(people), 1) - 0.4))
        for axes in panels[:, 0]:
            axes.set_ylabel("log odds")
        n = count_text(weights.loc[weights["person"] != "", "n"])
        caption(figure, f"n = {n} fixations a person; bars: 95 %; grey: everybody")
    return figure
