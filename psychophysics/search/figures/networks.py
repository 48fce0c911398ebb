"""Many networks: how well each tells people's times, against something else that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.figures import caption, count_text, draw_estimate, new_figure, style
from cogattn.psychophysics.search.agreement import rank_correlation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMES = 6
"""Networks up to which each is named beside its dot; more are told apart in the table."""


def networks_figure(table: pd.DataFrame, column: str, *, label: str, log: bool = False) -> Figure:
    """Draw the likelihood of people's times that each network reaches against a column of the networks.

    Parameters
    ----------
    table : DataFrame
        One row a network: ``name``, ``log_likelihood`` with ``log_likelihood_lo`` and ``log_likelihood_hi``,
        ``ceiling``, ``n`` displays, and `column`; rows without a value in it are left out and counted.
    column : str
        What stands on the other axis.
    label : str
        Of that axis.
    log : bool
        Draw that axis by ratios.
    """
    known = table[table[column].notna()]
    figure, panels = new_figure(1, 1, width_in=5.0, height_in=3.6)
    axes = panels[0, 0]
    with style():
        draw_estimate(
            axes, known[column], known["log_likelihood"], known["log_likelihood_lo"], known["log_likelihood_hi"],
        )  # fmt: skip
        if log:
            axes.set_xscale("log")
        axes.margins(x=0.2, y=0.12)
        if len(known) <= MOST_NAMES:
            _name(axes, known.sort_values(column), column)
        axes.set(xlabel=label, ylabel="log likelihood of people's times\n(nats/time)")
        caption(figure, _said(table, known, column))
    return figure


def _said(table: pd.DataFrame, known: pd.DataFrame, column: str) -> str:
    """What the caption says: how both go together, who is missing, what people's own slopes would reach."""
    r, lo, hi = rank_correlation(known[column], known["log_likelihood"])
    related = [f"rank correlation {r:.2f} [{lo:.2f}, {hi:.2f}]"] if np.isfinite(r) else []
    unknown = len(table) - len(known)
    missing = [f"{unknown} of {len(table)} networks without a value"] if unknown else []
    first = "; ".join([*related, *missing, f"people's own slopes: {known['ceiling'].iloc[0]:.2f}"])
    return f"{first}\nn = {count_text(known['n'])} displays a network; bars: 95 % (displays resampled)"


def _name(axes: Axes, known: pd.DataFrame, column: str) -> None:
    """Names above the upper and below the lower ends of the bars, in turn, so that neighbours do not meet."""
    for number, row in enumerate(known.to_dict("records")):
        above = number % 2 == 0
        end = row["log_likelihood_hi" if above else "log_likelihood_lo"]
        axes.annotate(
            str(row["name"]), (row[column], end), xytext=(0, 3 if above else -3), fontsize=6, ha="center",
            va="bottom" if above else "top", textcoords="offset points",
        )  # fmt: skip
