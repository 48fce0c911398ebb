"""Learning curves of new items, and how well these are met early in each phase: facilitation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from cogattn.figures import WIDE_IN, caption, count_text, new_figure, style
from cogattn.measures import Measure
from cogattn.rehearsal import metrics
from cogattn.rehearsal.figures.lines import Line, draw_legend, legend_in
from cogattn.rehearsal.trained import Trained, groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_figure(
    trained: Sequence[Trained], early: pd.DataFrame, lines: Mapping[str, Line], score: Measure
) -> Figure:
    """Draw the learning curve of the last third of phases, and the early part of every phase.

    Parameters
    ----------
    trained : sequence of Trained
        Networks of one point of the sweep.
    early : DataFrame
        Table ``early`` at that point.
    lines : mapping of str to Line
        How each is drawn.
    score : Measure
        What a score is.
    """
    figure, panels = new_figure(1, 3, width_in=WIDE_IN, height_in=2.7 + legend_in(len(lines)))
    with style():
        for (observer, *_), own in groups([one for one in trained if one.learning.size]).items():
            line = lines[observer]
            late = np.concatenate([metrics.late(one.learning[..., 0]) for one in own])  # (phases, bins)
            met = np.flatnonzero(np.isfinite(late).any(axis=0))  # bins that an item fell in
            share, curve = (met + 0.5) / late.shape[1], np.nanmean(late[:, met], axis=0)
            panels[0, 0].plot(share, curve, line.style, color=line.colour, label=line.name, linewidth=1.1)
            rows = early[early["observer"] == observer]
            for axes, column in zip(panels[0, 1:], ("early", "early_items"), strict=True):
                axes.plot(rows["phase"], rows[column], line.style, color=line.colour, linewidth=1.1)
                last = rows.iloc[-1:]
                ends = np.abs(
                    last[[f"{column}_lo", f"{column}_hi"]].to_numpy(float) - last[[column]].to_numpy(float)
                )
                axes.errorbar(
                    last["phase"], last[column], yerr=np.nan_to_num(ends.T), fmt=line.mark, color=line.colour,
                    markersize=3, elinewidth=1,
                )  # fmt: skip
        panels[0, 0].axvline(metrics.EARLY, color="#999999", linewidth=0.6, linestyle=":")
        panels[0, 0].set(title="last third of phases", xlabel="share of the phase", ylabel=score.label)
        for axes, title in zip(panels[0, 1:], ("first half of updates", "as many new items"), strict=True):
            axes.set(title=title, xlabel="phase")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0, 2].sharey(panels[0, 1])
        draw_legend(figure, panels[0, 0])
        n = count_text([len(own) for own in groups(trained).values()])
        said = "new items, each before the update it is part of; bars at the end: 95 %"
        caption(figure, f"{trained[0].point}; n = {n} networks, mean; {said}")
    return figure
