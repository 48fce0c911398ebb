"""Bits per fixation of all observers beside those of the choice model that is told of other viewers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import COLOURS, caption, count_text, new_figure, style
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.figures.rows import Drawn, rows_of
from cogattn.psychophysics.scanpath.likelihood import HISTORY, VIEWERS
from cogattn.psychophysics.scanpath.measures import BITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def bits_figure(likelihood: pd.DataFrame, viewers: pd.DataFrame, observers: Mapping[str, Observer]) -> Figure:
    """Draw a row an observer, and below them the curve of other viewers: where a network's line meets it is its worth.

    Parameters
    ----------
    likelihood : DataFrame
        Table ``likelihood``.
    viewers : DataFrame
        Table ``viewers``; may be empty.
    observers : mapping of str to Observer
        By id.
    """
    values = likelihood[likelihood["measure"] == BITS.key].set_index("observer")
    finite = values[np.isfinite(values["estimate"])]
    told = {name for name in finite.index if observers[name].variant in (VIEWERS, HISTORY)}
    shown = [name for name in finite.index if not len(viewers) or name not in told]
    order = finite.loc[shown, "estimate"].sort_values(ascending=False, kind="stable").index
    rows = rows_of([observers[name] for name in order])
    n_rows = len(rows) + len(viewers)
    figure, panels = new_figure(1, 1, width_in=6.0, height_in=1.1 + 0.24 * max(n_rows, 2))
    axes = panels[0, 0]
    with style():
        for place, row in enumerate(rows):
            _draw_row(axes, n_rows - 1 - place, row, finite)
        _draw_viewers(axes, viewers)
        names = [f"choice model, {_told(n)}" for n in viewers["n_viewers"]]
        axes.set_yticks(range(n_rows)[::-1], [row.name for row in rows] + names)
        axes.set(xlabel="bits per fixation (less is better)", ylim=(-0.6, n_rows - 0.4))
        n = count_text(finite["n"]) if len(finite) else "0"
        caption(figure, f"n = {n} fixations; bars and bands: 95 %, over layouts and people")
    return figure


def _draw_row(axes: Axes, place: int, row: Drawn, values: pd.DataFrame) -> None:
    own = values.reindex(row.observers).dropna(subset="estimate")
    for one in own.to_dict("records"):
        axes.plot(one["estimate"], place, "o", color=row.colour, markersize=5 if len(own) == 1 else 3)
        if len(own) > 1 or not np.isfinite([one["lo"], one["hi"]]).all():
            continue
        axes.hlines(place, one["lo"], one["hi"], color=row.colour, linewidth=1.2)
        if row.network:
            axes.axvline(one["estimate"], color=row.colour, linewidth=0.8, linestyle="--")


def _draw_viewers(axes: Axes, viewers: pd.DataFrame) -> None:
    """The curve, no viewers on top."""
    places = np.arange(len(viewers))[::-1]
    bits, lo, hi = (viewers[name].to_numpy(float) for name in ("bits", "lo", "hi"))
    axes.plot(bits, places, "o-", color=COLOURS["human"])
    if len(viewers) > 1:
        axes.fill_betweenx(places, lo, hi, color=COLOURS["human"], alpha=0.18, linewidth=0)


def _told(n: float) -> str:
    return "alone" if n == 0 else f"told of {n:g} viewer{'s' if n > 1 else ''}"
