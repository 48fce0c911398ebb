"""Figures of encoding models: what each front end adds to the envelope, and how layers pass modulations on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cogattn.eeg.encoding.measures import ATTENDED, GAIN, SHIFTED
from cogattn.figures import COLOURS, SERIES, WIDE_IN, caption, new_figure, style
from cogattn.people.tables import mean_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def encoding_figure(listeners: pd.DataFrame, ceilings: Mapping[str, float]) -> Figure:
    """Draw each front end's r and its gain beyond the envelope: listeners as dots, means with intervals.

    Parameters
    ----------
    listeners : DataFrame
        As `cogattn.eeg.encoding.rows.listener_table` makes it.
    ceilings : mapping of str to float
        What other listeners predict of each, if anything.
    """
    with style():
        return _encoding(listeners, ceilings)


def _encoding(listeners: pd.DataFrame, ceilings: Mapping[str, float]) -> Figure:
    models = list(dict.fromkeys(listeners["model"]))
    figure, axes = new_figure(1, 2, width_in=WIDE_IN, height_in=1.2 + 0.35 * len(models))
    left, right = axes.ravel()
    _dots(left, listeners, ATTENDED.key, models, COLOURS["model"])
    if ceilings:
        mean = mean_of(list(ceilings.values()), "correlation").estimate
        left.axvline(mean, color=COLOURS["human"], linewidth=1.2)
        left.annotate(
            "other listeners", (mean, 0.5), xytext=(3, 0), textcoords="offset points", rotation=90,
            color=COLOURS["human"], va="bottom", fontsize=7,
        )  # fmt: skip
    left.set(xlabel="r of predicted and recorded EEG", title="Features alone, attended talker")
    features = [model for model in models if (listeners["model"] == model).sum() and model != "envelope"]
    _dots(right, listeners, SHIFTED.key, features, COLOURS["reference"], below=0.25)
    _dots(right, listeners, GAIN.key, features, COLOURS["model"])
    right.set(xlabel="gain in r", title="Beyond the envelope")
    n = listeners["listener"].nunique()
    caption(figure, f"n = {n} listeners (dots), means with 95 % intervals; grey: features moved in time")
    return figure


def modulation_figure(layers: pd.DataFrame, listeners: pd.DataFrame) -> Figure:
    """Draw the gain of each layer over modulation frequency beside the listeners', decibels below each one's largest.

    Parameters
    ----------
    layers : DataFrame
        As the trial table ``modulation``.
    listeners : DataFrame
        Columns listener, frequency_hz, gain, followed.
    """
    with style():
        return _modulation(layers, listeners)


def _modulation(layers: pd.DataFrame, listeners: pd.DataFrame) -> Figure:
    models = list(dict.fromkeys(layers["observer"]))
    figure, axes = new_figure(1, max(len(models), 1), width_in=WIDE_IN, height_in=2.8)
    for axis, model in zip(axes.ravel(), models, strict=True):
        own = layers[layers["observer"] == model]
        names = list(dict.fromkeys(own["layer"]))
        for number, name in enumerate(names):
            rows = own[own["layer"] == name]
            axis.plot(
                rows["frequency_hz"], _decibels(rows["gain"]), color=SERIES[number % len(SERIES)], label=name
            )
        _listeners(axis, listeners)
        axis.set(xscale="log", ylim=(-30, 3), xlabel="modulation frequency (Hz)", title=model)
        axis.legend(fontsize=7)
    axes.ravel()[0].set_ylabel("gain (dB below its largest)")
    return figure


def _listeners(axis: Axes, listeners: pd.DataFrame) -> None:
    for number, (_, rows) in enumerate(listeners.groupby("listener", sort=False)):
        followed = rows[rows["followed"]]
        axis.plot(
            followed["frequency_hz"], _decibels(followed["gain"]), ".", color=COLOURS["human"], markersize=3,
            alpha=0.6, label="listeners" if number == 0 else None,
        )  # fmt: skip


def _dots(
    axis: Axes, table: pd.DataFrame, key: str, models: Sequence[str], colour: str, *, below: float = 0.0
) -> None:
    axis.axvline(0, color=COLOURS["reference"], linewidth=0.6)
    for place, model in enumerate(models):
        values = table.loc[(table["model"] == model) & (table["measure"] == key), "estimate"].to_numpy(float)
        if not len(values):
            continue
        y = place - below
        axis.plot(values, np.full(len(values), y), ".", color=colour, alpha=0.35)
        mean = mean_of(values.tolist(), "linear")
        axis.plot(mean.estimate, y, "o", color=colour)
        if np.isfinite(mean.lo):
            axis.plot([mean.lo, mean.hi], [y, y], color=colour)
    axis.set_yticks(range(len(models)), models)


def _decibels(gain: pd.Series) -> np.ndarray:
    values = gain.to_numpy(float)
    largest = np.nanmax(values) if np.isfinite(values).any() else 1.0
    return 20 * np.log10(np.maximum(values, 1e-12) / max(largest, 1e-12))
