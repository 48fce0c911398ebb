"""Scores of predicted paths beside shuffled order, random paths and people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, WIDE_IN, caption, count_text, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.figures.rows import Drawn, rows_of

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "sequence_score": "sequence\nscore",
    "levenshtein": "Levenshtein\n(edits)",
    "scanmatch": "ScanMatch",
    "multimatch_direction": "MultiMatch\n(direction)",
}
MARKERS = {"consensus": "D", "sampled": "o"}
KIND_LABELS = {"consensus": "most typical path", "sampled": "sampled paths"}


def scores_figure(scores: pd.DataFrame, observers: Mapping[str, Observer]) -> Figure:
    """Draw a panel a score and a row an observer; people as a band, random paths as a line.

    Parameters
    ----------
    scores : DataFrame
        Table ``scores``.
    observers : mapping of str to Observer
        By id.
    """
    own = scores[scores["kind"].isin(list(MARKERS))]
    rows = rows_of([observers[name] for name in dict.fromkeys(own["observer"])])[::-1]
    places = {name: place for place, row in enumerate(rows) for name in row.observers}
    figure, panels = new_figure(1, len(PANELS), width_in=WIDE_IN, height_in=1.7 + 0.24 * len(rows))
    with style():
        for axes, (measure, title) in zip(panels[0], PANELS.items(), strict=True):
            _draw_people(axes, scores[scores["measure"] == measure])
            for row in own[own["measure"] == measure].to_dict("records"):
                place = places[row["observer"]]
                _draw_row(axes, place, row, rows[place])
            axes.set(title=title, ylim=(-0.6, len(rows) - 0.4))
            axes.set_yticks(range(len(rows)), [""] * len(rows))
        panels[0, 0].set_yticks(range(len(rows)), [row.name for row in rows])
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


def _draw_row(axes: Axes, place: int, row: Mapping[str, object], drawn: Drawn) -> None:
    shift = 0.14 if row["kind"] == "consensus" else -0.14
    estimate, lo, hi, shuffled = (float(str(row[name])) for name in ("estimate", "lo", "hi", "shuffled"))
    kind, colour, alone = str(row["kind"]), drawn.colour, len(drawn.observers) == 1
    axes.plot(estimate, place + shift, MARKERS[kind], color=colour, markersize=4, label=KIND_LABELS[kind])
    if alone and np.isfinite([lo, hi]).all():
        axes.hlines(place + shift, lo, hi, color=colour, linewidth=1.1)
    if alone and np.isfinite(shuffled):
        axes.plot(shuffled, place + shift, "|", color=colour, markersize=7, label="order shuffled")


def _legend(axes: Axes) -> tuple[list[Artist], list[str]]:
    """One entry a label."""
    handles, labels = axes.get_legend_handles_labels()
    each = dict(zip(labels, handles, strict=True))
    return list(each.values()), list(each)
