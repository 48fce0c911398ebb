"""Many networks: how well each tells people's times, against something else that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cogattn.figures import COLOURS, caption, count_text, draw_estimate, new_figure, style
from cogattn.psychophysics.search.agreement import rank_correlation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NAMES = 12
"""Networks up to which each is named beside its dot."""


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
        axes.axhline(
            known["ceiling"].iloc[0], color=COLOURS["human"], linewidth=1, label="people's own slopes"
        )
        draw_estimate(
            axes, known[column], known["log_likelihood"], known["log_likelihood_lo"], known["log_likelihood_hi"],
            label="networks",
        )  # fmt: skip
        if log:
            axes.set_xscale("log")
        axes.margins(x=0.12, y=0.08)
        if len(known) <= MOST_NAMES:
            for row in known.to_dict("records"):
                axes.annotate(
                    str(row["name"]), (row[column], row["log_likelihood"]), xytext=(4, 3), fontsize=6,
                    textcoords="offset points",
                )  # fmt: skip
        axes.set(xlabel=label, ylabel="log likelihood of people's times\n(nats/time)")
        figure.legend(loc="outside upper center", ncols=2)
        r, lo, hi = rank_correlation(known[column], known["log_likelihood"])
        related = f"rank correlation {r:.2f} [{lo:.2f}, {hi:.2f}]; " if r == r else ""
        unknown = len(table) - len(known)
        missing = f"{unknown} of {len(table)} networks without a value; " if unknown else ""
        caption(
            figure,
            f"{related}{missing}n = {count_text(known['n'])} displays a network; bars: 95 % (displays resampled)",
        )
    return figure
