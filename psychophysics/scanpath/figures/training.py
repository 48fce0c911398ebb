"""Bits by epoch while networks were trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.ticker import MaxNLocator

from cogattn.figures import COLOURS, SERIES, caption, new_figure, style
from cogattn.observers.observer import Observer

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def training_figure(training: pd.DataFrame, observers: Mapping[str, Observer]) -> Figure:
    """Draw validation bits (solid) and training bits (dotted) by epoch, a line a split; a dot where weights were kept.

    Parameters
    ----------
    training : DataFrame
        Table ``scanpath_training``.
    observers : mapping of str to Observer
        By id.
    """
    names = list(dict.fromkeys(training["observer"]))
    figure, panels = new_figure(1, 1, width_in=5.0, height_in=3.4)
    axes = panels[0, 0]
    with style():
        for number, name in enumerate(names):
            colour = SERIES[number] if number < len(SERIES) else COLOURS["reference"]
            label = observers[name].name if name in observers else name
            for _, own in training[training["observer"] == name].groupby("split"):
                epochs = own["epoch"] + 1
                axes.plot(epochs, own["validation_bits"], color=colour, linewidth=1.1, label=label)
                axes.plot(epochs, own["train_bits"], ":", color=colour, linewidth=0.8)
                kept = own[own["kept"]]
                axes.plot(kept["epoch"] + 1, kept["validation_bits"], "o", color=colour, markersize=4)
                label = None
        axes.set(xlabel="epoch", ylabel="bits per choice")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper center", ncols=3)
        n = training.groupby("observer")["split"].nunique().max()
        caption(
            figure,
            f"n = {n} splits, a line each; solid: validation, dotted: training; dots: the weights that were kept",
        )
    return figure
