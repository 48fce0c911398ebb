"""Need curves: how much each schedule weighs a task by its age, and how many items it drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from cogattn.figures import WIDE_IN, caption, count_text, new_figure, style
from cogattn.rehearsal.figures.lines import Line, draw_legend, legend_in
from cogattn.rehearsal.trained import Trained, groups, weights_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def needs_figure(trained: Sequence[Trained], lines: Mapping[str, Line]) -> Figure:
    """Draw weights by lag, as if each task had been met once, and the items drawn in the last phase.

    Parameters
    ----------
    trained : sequence of Trained
        Networks of one point of the sweep.
    lines : mapping of str to Line
        How each is drawn; those that rehearse nothing are left out.
    """
    figure, panels = new_figure(1, 2, width_in=WIDE_IN, height_in=2.9 + legend_in(len(lines)))
    with style():
        for (observer, *_), own in groups(trained).items():
            line, items = lines[observer], np.mean([one.items[-1] for one in own], axis=0)
            n_past = len(items) - 1
            if line.rule.need is None or not items[:-1].any():
                continue
            lags = np.arange(n_past, 0, -1)
            form = f"{line.mark}{line.style}"
            weights = weights_of(line.rule.need, n_past)
            for axes, drawn in zip(panels[0], (weights, items[:-1]), strict=True):
                seen = np.where(drawn > 0, drawn, np.nan)
                axes.plot(
                    lags, seen, form, color=line.colour, label=line.name, markersize=3, linewidth=1.1,
                    zorder=2 if line.rule.equal_budget else 1,
                )  # fmt: skip
        for axes, title in zip(panels[0], ("need, sum 1", "items drawn in the last phase"), strict=True):
            axes.set(title=title, xlabel="phases since the task was introduced", yscale="log")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0, 0].set_ylabel("weight")
        panels[0, 1].set_ylabel("items")
        draw_legend(figure, panels[0, 0])
        n = count_text([len(own) for own in groups(trained).values()])
        caption(figure, f"{trained[0].point}; items: mean of n = {n} networks")
    return figure
