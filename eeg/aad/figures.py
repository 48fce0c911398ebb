"""Figures of the attended-speaker study: accuracy with its chance band, switch durations, the response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cogattn.figures import COLOURS, SERIES, caption, draw_band, new_figure, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def accuracy_figure(table: pd.DataFrame, chance: Mapping[float, tuple[float, float]]) -> Figure:
    """Accuracy against window length, a curve a decoder, over the binomial 95 % band of chance."""
    figure, panels = new_figure(width_in=4.6, height_in=3.2)
    axes = panels[0, 0]
    windows = np.array(sorted(chance))
    low, high = np.array([chance[w] for w in windows]).T
    with style():
        axes.fill_between(
            windows, low, high, color=COLOURS["reference"], alpha=0.25, linewidth=0, label="chance, 95 %"
        )
        for i, (name, rows) in enumerate(table.groupby("decoder", sort=False)):
            values = rows[["window_s", "accuracy", "lo", "hi"]].to_numpy(float).T
            draw_band(axes, *values, label=str(name), colour=SERIES[i % len(SERIES)])
        axes.set_xscale("log")
        axes.set_xticks(windows, [f"{w:g}" for w in windows])
        axes.minorticks_off()
        axes.set_ylim(
            min(0.0, float(table["accuracy"].min())) if table["accuracy"].min() < 0.3 else 0.3, 1.02
        )
        axes.set_xlabel("decision window (s)")
        axes.set_ylabel("accuracy")
        axes.legend(loc="best")
        caption(
            figure, f"n = {int(table['n_subjects'].max())} listeners; bands: 95 % intervals over listeners"
        )
    return figure


def switch_figure(subjects: pd.DataFrame) -> Figure:
    """Minimal expected switch duration of each listener, a column a decoder; infinite ones at the top."""
    names = list(dict.fromkeys(subjects["decoder"]))
    figure, panels = new_figure(width_in=4.6, height_in=3.0)
    axes = panels[0, 0]
    finite = subjects["mesd_s"].to_numpy(float)
    top = 2 * float(finite[np.isfinite(finite)].max()) if np.isfinite(finite).any() else 100.0
    with style():
        for i, name in enumerate(names):
            values = subjects.loc[subjects["decoder"] == name, "mesd_s"].to_numpy(float)
            spread = i + np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.array([float(i)])
            bounded = np.isfinite(values)
            axes.plot(spread[bounded], values[bounded], "o", color=SERIES[i % len(SERIES)], alpha=0.7)
            axes.plot(
                spread[~bounded],
                np.full((~bounded).sum(), top),
                "^",
                color=SERIES[i % len(SERIES)],
                fillstyle="none",
            )
            axes.plot([i - 0.25, i + 0.25], [min(np.median(values), top)] * 2, color=SERIES[i % len(SERIES)])
        axes.set_yscale("log")
        axes.set_xticks(range(len(names)), [name.replace(", ", ",\n") for name in names])
        axes.set_ylabel("switch duration, MESD (s)")
        count = subjects.groupby("decoder")["subject"].nunique().max()
        caption(figure, f"n = {count} listeners; lines: medians; open triangles: none above chance")
    return figure


def response_figure(response: pd.DataFrame) -> Figure:
    """Response to the attended talker: every channel's mean course, and its topography over lags."""
    mean = response.groupby(["lag_s", "channel"], sort=False)["amplitude"].mean().unstack("channel") * 1e6
    lags_ms = 1e3 * mean.index.to_numpy(float)
    figure, panels = new_figure(1, 2, height_in=2.9)
    with style():
        courses, picture = panels[0]
        courses.plot(lags_ms, mean.to_numpy(), color=COLOURS["model"], alpha=0.35, linewidth=0.8)
        courses.axvline(0, color=COLOURS["reference"], linewidth=0.8)
        courses.set_xlabel("lag (ms)")
        courses.set_ylabel("amplitude (µV per envelope SD)")
        courses.set_title("all channels")
        bound = float(np.abs(mean.to_numpy()).max())
        image = picture.imshow(
            mean.to_numpy().T,
            aspect="auto",
            origin="lower",
            extent=(lags_ms[0], lags_ms[-1], 0.5, mean.shape[1] + 0.5),
            cmap="RdBu_r",
            vmin=-bound,
            vmax=bound,
        )
        picture.set_xlabel("lag (ms)")
        picture.set_ylabel("channel")
        picture.set_title("channels by lag")
        figure.colorbar(image, ax=picture, label="µV per SD")
        n = response["subject"].nunique()
        caption(figure, f"n = {n} listeners, mean; forward model of the attended envelope")
    return figure
