"""Figures of the attended-speaker study: accuracy with its chance band, switch durations, the response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import LogLocator

from cogattn.eeg.aad.plan import CONTROL
from cogattn.eeg.recordings.montage import fills_a_map, head_info
from cogattn.figures import COLOURS, SERIES, caption, count_text, new_figure, style

if TYPE_CHECKING:
    import mne
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_S = 600.0
"""Switch durations beyond ten minutes are drawn at the top."""
MARKS = ("o-", "s--")
"""Of the decoders that the colours suffice for, and of those after them."""
DODGE = 0.018
"""Distance of neighbouring curves' dots, in powers of ten of the window."""


def accuracy_figure(table: pd.DataFrame, chance: Mapping[float, tuple[float, float]]) -> Figure:
    """Accuracy against window length over the 95 % of chance (beta-binomial): dots, and the fitted curves."""
    figure, panels = new_figure(width_in=4.6, height_in=3.4)
    axes = panels[0, 0]
    windows = np.array(sorted(chance))
    low, high = np.array([chance[w] for w in windows]).T
    names = list(dict.fromkeys(table["decoder"]))
    with style():
        axes.fill_between(
            windows, low, high, color=COLOURS["reference"], alpha=0.25, linewidth=0, label="chance, 95 %"
        )
        for i, name in enumerate(names):
            columns = ["window_s", "accuracy", "lo", "hi", "fitted"]
            rows = table.loc[table["decoder"] == name, columns].to_numpy(float)
            shift = 10 ** (DODGE * (i - (len(names) - 1) / 2))
            _draw_curve(axes, rows * [shift, 1, 1, 1, 1], i, name)
        axes.set_xscale("log")
        axes.set_xticks(windows, [f"{w:g}" for w in windows])
        axes.minorticks_off()
        lowest = float(np.nanmin(table[["accuracy", "lo"]].to_numpy(float)))
        axes.set_ylim(min(0.3, max(0.0, lowest - 0.02)), 1.02)
        axes.set_xlabel("decision window (s)")
        axes.set_ylabel("accuracy")
        axes.legend(loc="best")
        over = "listeners" if table["n_listeners"].max() > 1 else "trials"
        bars = f"; bars: 95 % intervals over {over}" if table["lo"].notna().any() else ""
        caption(figure, f"n = {count_text(table['n_listeners'])} listeners, mean; lines: fitted curves{bars}")
    return figure


def _draw_curve(axes: Axes, rows: np.ndarray, i: int, name: str) -> None:
    """One decoder's window, accuracy, lower and upper end, fitted accuracy, (n_windows, 5)."""
    window_s, accuracy, lo, hi, fitted = rows.T
    bars = np.nan_to_num(np.abs(np.stack([accuracy - lo, hi - accuracy])))  # 1 and an end of 1 - 2e-16
    mark, line = _mark(i, name)[0], _mark(i, name)[1:]
    axes.plot(window_s, fitted, line, color=_colour(i, name), linewidth=1.2)
    axes.errorbar(
        window_s,
        accuracy,
        yerr=bars,
        fmt=mark,
        color=_colour(i, name),
        elinewidth=1,
        markersize=3.5,
        label=name,
    )


def _colour(i: int, name: str) -> str:
    """The control is grey, as what a result is held against."""
    return COLOURS["reference"] if name == CONTROL.id else SERIES[i % len(SERIES)]


def _mark(i: int, name: str) -> str:
    return MARKS[1] if name == CONTROL.id else MARKS[i // len(SERIES) % len(MARKS)]


def switch_figure(listeners: pd.DataFrame) -> Figure:
    """Minimal expected switch duration of each listener, a column a decoder; endless ones at the top."""
    names = list(dict.fromkeys(listeners["decoder"]))
    figure, panels = new_figure(width_in=min(max(4.6, 1.0 + 0.9 * len(names)), 7.2), height_in=3.0)
    axes = panels[0, 0]
    with style():
        for i, name in enumerate(names):
            values = listeners.loc[listeners["decoder"] == name, "mesd_s"].to_numpy(float)
            _draw_durations(axes, i, values, _colour(i, name))
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        axes.set_xticks(range(len(names)), [name.replace(", ", ",\n").replace(" ", "\n") for name in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylabel("switch duration, MESD (s)")
        n = count_text(listeners.groupby("decoder")["listener"].nunique().tolist())
        caption(
            figure,
            f"n = {n} listeners, of fitted curves; lines: medians; open triangles: above {LONGEST_S:g} s or never",
        )
    return figure


def _draw_durations(axes: Axes, place: int, values: np.ndarray, colour: str) -> None:
    """Dots of one decoder, and their median where it is a duration."""
    spread = place + (np.linspace(-0.15, 0.15, len(values)) if len(values) > 1 else np.zeros(1))
    ends = values > LONGEST_S
    dots: dict[str, Any] = {"color": colour, "alpha": 0.8, "linestyle": ""}
    axes.plot(spread[~ends], values[~ends], "o", **dots)
    axes.plot(spread[ends], np.full(int(ends.sum()), 1.3 * LONGEST_S), "^", fillstyle="none", **dots)
    if np.median(values) <= LONGEST_S:
        axes.plot([place - 0.25, place + 0.25], [np.median(values)] * 2, color=colour)


def response_figure(response: pd.DataFrame, *, in_volts: bool = True) -> Figure:
    """Response to the attended talker: every channel's course, and its topography.

    Scalp maps at the two largest peaks where a standard montage knows all channels and they lie on no line, else
    channels by lag. EEG without a unit gets none.
    """
    mean = response.groupby(["lag_s", "channel"], sort=False)["amplitude"].mean().unstack("channel")
    mean, unit = (mean * 1e6, "µV") if in_volts else (mean, "response")
    mean = mean[list(dict.fromkeys(response["channel"]))]
    info = head_info(list(mean.columns))
    info = info if info is not None and fills_a_map(info) else None
    figure, panels = new_figure(1, 2 if info is None else 3, height_in=2.9 if info is None else 2.5)
    courses, *maps = panels[0]
    lags_ms = 1e3 * mean.index.to_numpy(float)
    with style():
        courses.plot(lags_ms, mean.to_numpy(), color=COLOURS["model"], alpha=0.35, linewidth=0.8)
        courses.axvline(0, color=COLOURS["reference"], linewidth=0.8)
        courses.set_xlabel("lag (ms)")
        courses.set_ylabel(f"{unit} per envelope SD")
        courses.set_title("all channels")
        if info is None:
            _draw_channels(maps[0], mean, lags_ms, unit)
        else:
            _draw_heads(maps, mean, info, courses, unit)
        n = response["listener"].nunique()
        caption(figure, f"n = {n} listeners, mean; forward model of the attended envelope")
    return figure


def _draw_heads(maps: Sequence[Axes], mean: pd.DataFrame, info: mne.Info, courses: Axes, unit: str) -> None:
    """Scalp maps at the largest peaks of the spread over channels, between 0 and 350 ms, in order."""
    from mne.viz import plot_topomap
    from scipy.signal import find_peaks

    lags_s = mean.index.to_numpy(float)
    power = np.where((lags_s > 0) & (lags_s < 0.35), mean.std(axis=1).to_numpy(), 0.0)
    peaks, _ = find_peaks(power)
    shown = sorted(sorted(peaks, key=lambda i: -power[i])[: len(maps)]) or [int(power.argmax())]
    bound = float(np.abs(mean.to_numpy()[shown]).max())
    for axes in maps[len(shown) :]:
        axes.set_axis_off()
    for axes, i in zip(maps, shown, strict=False):
        image, _ = plot_topomap(
            mean.iloc[i].to_numpy(),
            info,
            axes=axes,
            show=False,
            contours=4,
            cmap="RdBu_r",
            vlim=(-bound, bound),
        )
        axes.set_title(f"{1e3 * lags_s[i]:.0f} ms")
        courses.axvline(1e3 * lags_s[i], color=COLOURS["reference"], linewidth=0.8, linestyle=":")
    axes.figure.colorbar(image, ax=list(maps[: len(shown)]), label=f"{unit} per SD", shrink=0.7)


def _draw_channels(axes: Axes, mean: pd.DataFrame, lags_ms: np.ndarray, unit: str) -> None:
    bound = float(np.abs(mean.to_numpy()).max())
    image = axes.imshow(
        mean.to_numpy().T,
        aspect="auto",
        origin="lower",
        extent=(lags_ms[0], lags_ms[-1], 0.5, mean.shape[1] + 0.5),
        cmap="RdBu_r",
        vmin=-bound,
        vmax=bound,
    )
    axes.set_xlabel("lag (ms)")
    axes.set_ylabel("channel")
    axes.set_title("channels by lag")
    axes.figure.colorbar(image, ax=axes, label=f"{unit} per SD")
