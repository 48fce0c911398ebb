"""Forgetting curves: a task's score against the phases that passed since it was learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from cogattn.figures import WIDE_IN, caption, count_text, new_figure, style
from cogattn.measures import Measure
from cogattn.rehearsal.figures.lines import Line, draw_legend, legend_in
from cogattn.rehearsal.measures import Measures
from cogattn.rehearsal.trained import Array, Trained, groups, mean_over_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def curves_of(matrix: Array) -> Array:
    """Return a task's scores by phases since it was learnt, (n_tasks, n_tasks), NaN beyond the last phase."""
    n = len(matrix)
    found = np.full((n, n), np.nan)
    for task in range(n):
        found[task, : n - task] = matrix[task:, task]
    return found


def forgetting_figure(trained: Sequence[Trained], lines: Mapping[str, Line], measures: Measures) -> Figure:
    """Draw the first task's curve, and the mean curve of all tasks that are so old.

    Parameters
    ----------
    trained : sequence of Trained
        Networks of one point of the sweep.
    lines : mapping of str to Line
        How each is drawn.
    measures : Measures
        Of the scenario.
    """
    figure, panels = new_figure(1, 2, width_in=WIDE_IN, height_in=2.9 + legend_in(len(lines)))
    with style():
        for (observer, *_), own in groups(trained).items():
            curves = np.stack([curves_of(one.matrix) for one in own])
            with np.errstate(invalid="ignore"):
                everything = np.nanmean(curves, axis=1)
            for axes, values in zip(panels[0], (curves[:, 0], everything), strict=True):
                draw_line(axes, np.arange(values.shape[1]), values, lines[observer], measures.average)
        for axes, title in zip(panels[0], ("task 1", "all tasks"), strict=True):
            axes.set(title=title, xlabel="phases since it was learnt")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0, 0].set_ylabel(measures.average.label)
        draw_legend(figure, panels[0, 0])
        n = count_text([len(own) for own in groups(trained).values()])
        said = "bars at the end: 95 %; of all tasks, fewer are older"
        caption(figure, f"{trained[0].point}; n = {n} networks, mean; {said}")
    return figure


def draw_line(axes: Axes, x: Array, values: Array, line: Line, measure: Measure) -> None:
    """Draw the mean over seeds of values (n_seeds, n), with its 95 % interval at the last."""
    each = [mean_over_seeds(column, measure) for column in values.T]
    means = np.array([one.estimate for one in each])
    axes.plot(x, means, line.style, color=line.colour, label=line.name, linewidth=1.2)
    if np.isfinite([each[-1].lo, each[-1].hi]).all():
        ends = [[means[-1] - each[-1].lo], [each[-1].hi - means[-1]]]
        axes.errorbar(
            x[-1:], means[-1:], yerr=ends, fmt=line.mark, color=line.colour, markersize=3, elinewidth=1
        )
