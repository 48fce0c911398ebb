"""Scores of predicted paths beside shuffled order, random paths and people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, WIDE_IN, caption, count_text, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.figures.bits import network_colours
from cogattn.psychophysics.scanpath.likeness import PEOPLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "sequence_score": "sequence score",
    "levenshtein": "Levenshtein, edits",
    "scanmatch": "ScanMatch",
    "multimatch_direction": "MultiMatch, direction",
}
MARKERS = {"greedy": "D", "sampled": "o"}
KIND_LABELS = {"greedy": "likeliest path", "sampled": "sampled paths"}


def scores_figure(scores: pd.DataFrame, observers: Mapping[str, Observer]) -> Figure:
    """Draw a panel a score and a row an observer; people as a band, random paths as a line.

    Parameters
    ----------
    scores : DataFrame
        Table ``scores``.
    observers : mapping of str to Observer
        By id.
    """
    own = scores[scores["observer"] != PEOPLE]
    names = list(dict.fromkeys(own["observer"]))[::-1]
    colours = network_colours(list(observers.values()))
    figure, panels = new_figure(1, len(PANELS), width_in=WIDE_IN, height_in=1.6 + 0.24 * len(names))
    with style():
        for axes, (measure, title) in zip(panels[0], PANELS.items(), strict=True):
            _draw_people(axes, scores[scores["measure"] == measure])
            for row in own[own["measure"] == measure].to_dict("records"):
                colour = colours.get(row["observer"], COLOURS["reference"])
                _draw_row(axes, names.index(row["observer"]), row, colour)
            axes.set(title=title, ylim=(-0.6, len(names) - 0.4))
            axes.set_yticks(range(len(names)), [""] * len(names))
        panels[0, 0].set_yticks(range(len(names)), [observers[name].name for name in names])
        handles, labels = _legend(panels[0, 0])
        figure.legend(handles, labels, loc="outside upper center", ncols=5)
        n = count_text(own["n"]) if len(own) else "0"
        caption(figure, f"n = {n} paths; bars and bands: 95 %, over layouts and people")
    return figure


def _draw_people(axes: Axes, rows: pd.DataFrame) -> None:
    """People with one another and paths at random."""
    if not len(rows):
        return
    first = rows.iloc[0]
    if np.isfinite(first["people"]):
        axes.axvline(first["people"], color=COLOURS["human"], label="people")
        if np.isfinite([first["people_lo"], first["people_hi"]]).all():
            axes.axvspan(
                first["people_lo"], first["people_hi"], color=COLOURS["human"], alpha=0.18, linewidth=0
            )
    if np.isfinite(first["uniform"]):
        axes.axvline(first["uniform"], color=COLOURS["reference"], linestyle=":", label="random paths")


def _draw_row(axes: Axes, place: int, row: Mapping[str, object], colour: str) -> None:
    shift = 0.14 if row["kind"] == "greedy" else -0.14
    estimate, lo, hi, shuffled = (float(str(row[name])) for name in ("estimate", "lo", "hi", "shuffled"))
    kind = str(row["kind"])
    axes.plot(estimate, place + shift, MARKERS[kind], color=colour, markersize=4, label=KIND_LABELS[kind])
    if np.isfinite([lo, hi]).all():
        axes.hlines(place + shift, lo, hi, color=colour, linewidth=1.1)
    if np.isfinite(shuffled):
        axes.plot(shuffled, place + shift, "|", color=colour, markersize=7, label="order shuffled")


def _legend(axes: Axes) -> tuple[list[object], list[str]]:
    """One entry a label."""
    handles, labels = axes.get_legend_handles_labels()
    each = dict(zip(labels, handles, strict=True))
    return list(each.values()), list(each)
