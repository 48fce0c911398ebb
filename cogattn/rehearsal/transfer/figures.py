"""Figures of tasks A, B and A: distributions of the weight of rule B, and accuracy block by block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cogattn.figures import COLOURS, SERIES, caption, draw_band, new_figure, style
from cogattn.rehearsal.transfer.design import GROUPS, N_BLOCKS, PARTS
from cogattn.rehearsal.transfer.measures import INTERFERENCE, published
from cogattn.rehearsal.transfer.people import PEOPLE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = np.linspace(0, 1, 21).tolist()
TWO_RULES = ("near", "far")
GROUP_COLOURS = dict(zip(GROUPS, SERIES, strict=False))
MOST_CURVES = 5
"""Observers of the figure of blocks; more would hide one another."""
ROW_IN = 1.0


def weights_figure(learners: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw how the weights of rule B are distributed, a row an observer, near and far beside each other.

    Parameters
    ----------
    learners : DataFrame
        Columns of ``persons``, people's rows among them where there are any.
    names : mapping of str to str
        Of observers by id, in their order.
    """
    own = learners[learners["measure"] == INTERFERENCE.key]
    shown = [one for one in names if one in set(own["observer"])]
    figure, axes = new_figure(len(shown), 2, height_in=0.8 + ROW_IN * len(shown))
    printed = published() if PEOPLE not in shown else {}
    with style():
        for row, observer in zip(axes, shown, strict=True):
            for panel, group in zip(row, TWO_RULES, strict=True):
                theirs = own[(own["observer"] == observer) & (own["group"] == group)]
                _draw_weights(panel, theirs["estimate"].to_numpy(float), people=observer == PEOPLE)
                if mean := printed.get(f"{INTERFERENCE.key}.{group}"):
                    panel.axvspan(mean.lo, mean.hi, color=COLOURS["human"], alpha=0.2, linewidth=0)
                    panel.axvline(mean.estimate, color=COLOURS["human"], linewidth=1)
            row[0].set_ylabel(names[observer].replace(", ", ",\n"), rotation=0, ha="right", va="center")
        for panel, group in zip(axes[0], TWO_RULES, strict=True):
            panel.set_title(f"rules {group}")
        for panel in axes[-1]:
            panel.set_xlabel("weight of rule B when A is met again")
    people = "; vermilion: people's printed mean and its 95 % interval" if printed else ""
    caption(figure, f"Share of learners in bins of .05; line: their mean{people}")
    return figure


def _draw_weights(panel: Axes, weights: np.ndarray, *, people: bool) -> None:
    colour = COLOURS["human" if people else "model"]
    if len(weights):
        share = np.full(len(weights), 1 / len(weights))
        panel.hist(weights, bins=BINS, weights=share, color=colour, alpha=0.8)
        panel.axvline(weights.mean(), color=colour, linewidth=1)
        panel.text(0.99, 0.85, f"n = {len(weights)}", transform=panel.transAxes, ha="right", fontsize=7)
    panel.set(xlim=(-0.02, 1.02), ylim=(0, 1.05), yticks=(0, 0.5, 1))


def curves_figure(blocks: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw accuracy through A1, B and A2, a row an observer, summer and winter beside each other.

    Parameters
    ----------
    blocks : DataFrame
        Columns observer, group, part (``A1.01``), task (the season), score, lo, hi.
    names : mapping of str to str
        Of observers by id, in their order; the first few are drawn.
    """
    present = [one for one in names if one in set(blocks["observer"])]
    shown = present[:MOST_CURVES]
    figure, axes = new_figure(len(shown), 2, height_in=0.8 + 1.5 * len(shown))
    with style():
        for row, observer in zip(axes, shown, strict=True):
            for panel, season in zip(row, ("summer", "winter"), strict=True):
                own = blocks[(blocks["observer"] == observer) & (blocks["task"] == season)]
                _draw_curves(panel, own)
            row[0].set_ylabel(names[observer].replace(", ", ",\n"))
        for panel, season in zip(axes[0], ("summer", "winter"), strict=True):
            panel.set_title(season)
        for panel in axes[:-1].flat:
            panel.set_xticks([])
        for panel in axes[-1]:
            panel.set_xticks([N_BLOCKS * (k + 0.5) - 0.5 for k in range(len(PARTS))], PARTS)
        axes[0, 0].legend(loc="lower right", ncols=3)
    left = len(present) - len(shown)
    more = f"; {left} more are in the table" if left else ""
    caption(figure, f"Accuracy by tenth of each part, chance .5; bands: 95 % over learners{more}")
    return figure


def _draw_curves(panel: Axes, own: pd.DataFrame) -> None:
    for group in GROUPS:
        rows = own[own["group"] == group].sort_values("part", key=_order)
        if len(rows):
            x = np.arange(len(rows))
            lo, hi = (rows[end].fillna(rows["score"]).to_numpy(float) for end in ("lo", "hi"))
            draw_band(
                panel, x, rows["score"].to_numpy(float), lo, hi, colour=GROUP_COLOURS[group], label=group
            )
    for k in (1, 2):
        panel.axvline(N_BLOCKS * k - 0.5, color=COLOURS["reference"], linewidth=0.8, linestyle=":")
    panel.set(ylim=(0, 1.02), yticks=(0, 0.5, 1))
    panel.tick_params(bottom=False)


def _order(parts: pd.Series) -> pd.Series:
    """Numbers by which A1.01 to A2.10 are in the order in which they were met."""
    return parts.map(lambda name: PARTS.index(name.split(".")[0]) * N_BLOCKS + int(name.split(".")[1]))
