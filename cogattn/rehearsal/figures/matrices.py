"""The matrix of scores: after each phase (rows), of each task (columns)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from cogattn.figures import WIDE_IN, caption, count_text, new_figure, style
from cogattn.measures import Measure
from cogattn.rehearsal.figures.lines import Line
from cogattn.rehearsal.trained import Trained, groups, mean_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PER_ROW = 4


def matrices_figure(trained: Sequence[Trained], lines: Sequence[Line], score: Measure) -> Figure:
    """Draw a panel an observer, the mean over seeds; row 0 is untrained, white was not measured.

    Parameters
    ----------
    trained : sequence of Trained
        Networks of one point of the sweep.
    lines : sequence of Line
        Whom to draw.
    score : Measure
        What a score is.
    """
    means = {
        key[0]: mean_of(np.stack([one.scores for one in own]))[0] for key, own in groups(trained).items()
    }
    shown = [line for line in lines if line.rule.text in means]
    finite = np.concatenate([means[line.rule.text].ravel() for line in shown])
    n_rows, n_columns = -(-len(shown) // PER_ROW), min(PER_ROW, len(shown))
    width_in = WIDE_IN * max(n_columns, 2) / PER_ROW
    figure, panels = new_figure(n_rows, n_columns, width_in=width_in, height_in=0.6 + 2.0 * n_rows)
    with style():
        for axes in panels.flat[len(shown) :]:
            axes.set_axis_off()
        for axes, line in zip(panels.flat, shown, strict=False):
            matrix = means[line.rule.text]
            image = axes.imshow(
                matrix,
                vmin=np.nanmin(finite),
                vmax=np.nanmax(finite),
                extent=(0.5, matrix.shape[1] + 0.5, len(matrix) - 0.5, -0.5),
            )
            axes.set_title(line.name, fontsize=8)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(MaxNLocator(4, integer=True))
        for axes in panels[:, 0]:
            axes.set_ylabel("after phase")
        for axes in panels[-1]:
            axes.set_xlabel("task")
        bar = figure.colorbar(image, ax=panels.ravel().tolist(), shrink=0.8)
        bar.set_label(f"{score.label} ({score.unit})" if score.unit else score.label)
        n = count_text([len(own) for key, own in groups(trained).items() if key[0] in means])
        caption(figure, f"{trained[0].point}; n = {n} networks, mean; row 0: untrained")
    return figure
