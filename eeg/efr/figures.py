"""Figures of the envelope-following study, drawn from its tables; details are those of one recording, which they name.

Grey stretches are masked mains and notches.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from cogattn import figures
from cogattn.eeg.efr.bands import above_background
from cogattn.eeg.efr.group import LEAST_LISTENERS
from cogattn.eeg.efr.sweep_cutting import AS_RECORDED, FINE_STRUCTURE
from cogattn.eeg.recordings.montage import fills_a_map, head_info
from cogattn.eeg.types import FloatArray
from cogattn.statistics.intervals import mean_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from cogattn.study import Trials

MASK_COLOUR, CALLED_COLOUR, OURS = "#DDDDDD", figures.SERIES[1], figures.COLOURS["model"]
MOST = 3
"""Recordings that have a panel of their own."""
CAPTION_WIDTH = 112
"""Letters that fit under a page-wide figure."""


def drawn(trials: Trials, alpha: float) -> dict[str, Callable[[], Figure]]:
    """Figures of what there is to show, by name; each is drawn in the house style when it is called."""
    there = {
        spectra: len(trials["spectrum"]) > 0,
        transfer: (trials["spectrum"]["q"] <= alpha).any(),
        coupling: len(trials["pair"]) > 0,
        steady_state: len(trials["growth"]) > 0,
        pitch: len(trials["pitch"]) > 0,
        group: trials["curve"]["observer"].nunique() > 1,
    }
    return {make.__name__: partial(_draw, make, trials, alpha) for make, shown in there.items() if shown}


def _draw(make: Callable[[Trials, float], Figure], trials: Trials, alpha: float) -> Figure:
    with figures.style():
        return make(trials, alpha)


def spectra(trials: Trials, alpha: float) -> Figure:
    """Power with its background, and coherence with the envelope over chance; a column for each recording."""
    spectrum = trials["spectrum"]
    names = list(dict.fromkeys(spectrum["observer"]))[:MOST]
    figure, panels = figures.new_figure(2, len(names), width_in=figures.WIDE_IN, height_in=5.4)
    for (upper, lower), name in zip(panels.T, names, strict=True):
        _draw_power(upper, _of(spectrum, name))
        _draw_coherence(lower, _of(spectrum, name), alpha)
        for axes in (upper, lower):
            _over_frequency(axes, _of(trials["mains"], name))
        upper.set(title=name, xlabel="")
    panels[0, 0].set_ylabel("power density (dB re 1 µV²/Hz)")
    panels[1, 0].set_ylabel("squared coherence with envelope")
    _legend(figure, *panels[:, 0])
    return _said(figure, spectrum, "segments", "band: 95 % bootstrap interval; grey: masked mains")


def _draw_power(axes: Axes, rows: pd.DataFrame) -> None:
    power = 1e12 * rows.pivot(index="frequency_hz", columns="channel", values="power")
    f, mean = power.index.to_numpy(), np.exp(np.log(power.to_numpy()).mean(axis=1))
    background = 10 * np.log10(mean) - above_background(f, mean)
    axes.plot(f, 10 * np.log10(power), color=OURS, alpha=0.15, linewidth=0.6)
    axes.plot(f, 10 * np.log10(mean), color=OURS, label="mean of channels")
    axes.plot(f, background, "--", color="#000000", linewidth=1, label="background (noise floor)")


def _draw_coherence(axes: Axes, rows: pd.DataFrame, alpha: float) -> None:
    channel = _best(rows)[0]
    own = rows[rows["channel"] == channel]
    f, *ends = (own[column] for column in ("frequency_hz", "coherence", "coherence_lo", "coherence_hi"))
    figures.draw_band(axes, f, *ends, label="best channel")
    chance: dict[str, Any] = {
        "color": figures.COLOURS["reference"],
        "linewidth": 1,
        "label": "its chance, 95 %",
    }
    axes.plot(f, own["chance"] - own["chance_mean"], **chance)
    share, level = (rows["q"] <= alpha).groupby(rows["frequency_hz"]).mean(), -0.08 * max(ends[2].max(), 1e-3)
    share, label = share[share > 0], f"channels with q <= {alpha:g} (size: share)"
    heights = np.full(len(share), level)
    axes.scatter(share.index, heights, c=CALLED_COLOUR, s=8 * share + 1, marker="s", label=label)
    axes.set(title=f"best channel: {channel}", ylim=(1.75 * level, None))


def transfer(trials: Trials, alpha: float) -> Figure:
    """Gain and phase of the best channels, and gain over time, of the first recording that follows the envelope."""
    followed = trials["spectrum"][trials["spectrum"]["q"] <= alpha]
    name = followed["observer"].iloc[0]
    rows, mains, over_time = (_of(trials[table], name) for table in ("spectrum", "mains", "over_time"))
    followed = _of(followed, name)
    best = [channel for channel in _best(rows) if channel in set(followed["channel"])][:2]
    figure, ((left, middle, right),) = figures.new_figure(1, 3, height_in=3.1)
    for channel, colour, marker in zip(best, figures.SERIES, "ox", strict=False):
        _draw_transfer(left, middle, rows[rows["channel"] == channel], alpha, colour, marker)
    _limit_gain(left, 1e6 * followed.loc[followed["channel"].isin(best), "gain"])
    _draw_over_time(right, over_time, followed["frequency_hz"].unique())
    _over_frequency(left, mains, ylabel="gain (µV per unit of envelope)")
    _over_frequency(middle, mains, ylabel="phase (rad)", ylim=(-3.3, 3.3))
    _legend(figure, left)
    text = "dots: followed; pale: 95 % bootstrap interval; white: not followed; grey: masked mains"
    return _said(figure, rows, "segments", text, of=name)


def _draw_transfer(
    left: Axes, right: Axes, own: pd.DataFrame, alpha: float, colour: str, marker: str
) -> None:
    """Gain with its interval, and phase, of one channel: dots where it follows; between, the gain is thin and pale."""
    own, followed = own.assign(**(1e6 * own[["gain", "gain_lo", "gain_hi"]])), own["q"] <= alpha
    f, there = own["frequency_hz"], own[followed]
    dots: dict[str, Any] = {
        "color": colour,
        "markersize": 2.0 if marker == "o" else 3.0,
        "markeredgewidth": 0.6,
    }
    left.semilogy(f, own["gain"], color=colour, linewidth=0.5, alpha=0.4)
    left.fill_between(
        f, own["gain_lo"], own["gain_hi"], where=followed, color=colour, alpha=0.18, linewidth=0
    )
    left.plot(there["frequency_hz"], there["gain"], marker, label=there["channel"].iloc[0], **dots)
    right.plot(there["frequency_hz"], there["phase_rad"], marker, **dots)


def _limit_gain(axes: Axes, held: pd.Series) -> None:
    """Let the axis hold what is followed, and not the noise far below."""
    axes.set_ylim(held.min() / 2, 2 * held.max())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_over_time(axes: Axes, rows: pd.DataFrame, followed_hz: FloatArray) -> None:
    """Mean power of the gain in bands of 2 Hz, of the frequencies that some channel follows."""
    power = rows.pivot(index="frequency_hz", columns="time_s", values="gain") ** 2
    f = power.index.to_numpy()
    width = max(2.0, f[1] - f[0])
    bands = power.loc[followed_hz].reindex(f).groupby(width * (f / width).round()).mean()
    level = 120 + 10 * np.log10(bands.set_axis(bands.columns / 60, axis=1))
    _image(axes, level, *np.nanpercentile(level, [2, 98]), first=0.0)
    axes.set(xlabel="time (min)", ylabel="frequency (Hz)", title="gain over time (dB)")


def coupling(trials: Trials, alpha: float) -> Figure:
    """Coherence of all pairs beside what lags, in the strongest band, and where the envelope is followed."""
    name = trials["pair"]["observer"].iloc[0]
    rows, pairs, bands = (_of(trials[table], name) for table in ("spectrum", "pair", "band"))
    low, high = _shown_band(bands, pairs)
    pairs, channels = pairs[(pairs["low_hz"] == low) & (pairs["high_hz"] == high)], rows["channel"].unique()
    figure, (panels,) = figures.new_figure(1, 3, height_in=2.7)
    shown = np.where(np.arange(len(channels)) % max(1, len(channels) // 16), "", channels)
    titles = {"coherence": ("coherence", 1), "imaginary": ("|imaginary part|", None)}
    for axes, (column, (title, most)) in zip(panels, titles.items(), strict=False):
        half = pairs.pivot(index="channel", columns="other", values=column).reindex(
            channels, columns=channels
        )
        _colour_bar(axes, axes.imshow(np.abs(half.fillna(half.T)), vmin=0, vmax=most))
        axes.set_xticks(range(len(channels)), shown, rotation=90, fontsize=6)
        axes.set_yticks(range(len(channels)), shown, fontsize=6)
        axes.set_title(title)
    _draw_topography(panels[2], rows, low, high)
    lagged = f"{100 * (pairs['q'] <= alpha).mean():.0f} % of pairs with q <= {alpha:g}"
    text = f"left: raised by volume conduction and reference; middle: by lags only ({lagged})"
    return _said(figure, rows, "segments", text, of=f"{name}, {low:.1f}-{high:.1f} Hz")


def _draw_topography(axes: Axes, rows: pd.DataFrame, low: float, high: float) -> None:
    """Mean coherence with the envelope within a band: on the scalp where electrodes are known, else as bars."""
    from mne.viz import plot_topomap

    inside = rows[rows["frequency_hz"].between(low, high)]
    values = inside.groupby("channel", sort=False)["coherence"].mean()
    known = [channel for channel in values.index if head_info([channel])]
    info = head_info(known) if len(known) >= max(4, 0.6 * len(values)) else None
    axes.set_title("coherence with envelope")
    if info is None or not fills_a_map(info):
        axes.barh(values.index, values, color=OURS)
        axes.tick_params(axis="y", labelsize=6)
        axes.set(xlabel="squared coherence", box_aspect=1)
        return
    image, _ = plot_topomap(values[known].to_numpy(), info, axes=axes, show=False, cmap="cividis", contours=4)
    centre, half = np.mean(axes.get_ylim()), np.ptp([*axes.get_xlim(), *axes.get_ylim()]) / 2
    axes.set(xlim=(-half, half), ylim=(centre - half, centre + half))  # a square, like the matrices
    _colour_bar(axes, image)


def _shown_band(bands: pd.DataFrame, pairs: pd.DataFrame) -> tuple[float, float]:
    """The highest dominant band of what is followed, else the first band that has pairs."""
    following = bands[bands["measure"] == "following"]
    if following.empty:
        return pairs["low_hz"].iloc[0], pairs["high_hz"].iloc[0]
    best = following.loc[following["height"].idxmax()]
    return round(best["low_hz"], 2), round(best["high_hz"], 2)


def group(trials: Trials, alpha: float) -> Figure:
    """What listeners share: their curves, the mean and, from three on, its interval over listeners."""
    figure, (panels,) = figures.new_figure(1, 2, height_in=2.9)
    labels = {"following": "squared coherence with envelope", "response": "power over background (dB)"}
    curves, n = trials["curve"], trials["curve"]["observer"].nunique()
    curves = curves.assign(value=curves["value"].where(curves["usable"]))  # gaps where mains are masked
    for axes, (measure, label) in zip(panels, labels.items(), strict=True):
        own = curves[curves["measure"] == measure]
        _draw_listeners(axes, own.pivot(index="frequency_hz", columns="observer", values="value"))
        _over_frequency(axes, trials["mains"], ylabel=label)
    _legend(figure, panels[0])
    band = "band: 95 % t interval" if n >= LEAST_LISTENERS else "no interval of fewer than three listeners"
    return _said(figure, n, "listeners", f"mean over channels, debiased; {band}; grey: masked mains")


def _draw_listeners(axes: Axes, table: pd.DataFrame) -> None:
    """Curves of all listeners, (frequency, listener), and their mean; the axis holds the curves, not the band."""
    lines = axes.plot(table.index, table, color="#999999", alpha=0.5, linewidth=0.5)
    lines[0].set_label("each listener")
    limits, ends = axes.get_ylim(), [mean_interval(row) for row in table.to_numpy()]
    mean, lo, hi = (np.array([getattr(e, k) for e in ends]) for k in ("estimate", "lo", "hi"))
    if table.shape[1] >= LEAST_LISTENERS:
        figures.draw_band(axes, table.index.to_numpy(), mean, lo, hi, label="mean of listeners")
    else:
        axes.plot(table.index, mean, color=OURS, label="mean of listeners")
    axes.set_ylim(limits)


def steady_state(trials: Trials, alpha: float) -> Figure:
    """T2circ at each harmonic, signal to noise as sweeps add up, and the same over frequency."""
    detection, growth, power = (trials[table] for table in ("detection", "growth", "growth_map"))
    growth, power = (rows[rows["response"] != FINE_STRUCTURE] for rows in (growth, power))
    names = list(dict.fromkeys(detection["observer"]))
    colours = dict(zip(names, figures.SERIES, strict=False))
    figure, ((left, middle, right),) = figures.new_figure(1, 3, height_in=3.2)
    _draw_tests(left, detection, alpha, colours)
    _draw_growth(middle, growth[growth["frequency_hz"] == growth["frequency_hz"].min()], colours)
    table = _of(power, names[0]).pivot(index="frequency_hz", columns="n", values="snr_db")
    _image(right, table, -3, max(6.0, float(np.percentile(table, 98))))
    right.set(xlabel="sweeps averaged", ylabel="frequency (Hz)", title="signal to noise (dB)")
    _legend(figure, left)
    grey = "" if detection["testable"].all() else " (grey: not testable, mains would pass for a response)"
    pale = " (pale: half of them)" if len(names) <= 2 else ""
    some = f"; the first {len(colours)} of {len(names)} listeners" if len(names) > len(colours) else ""
    left_said = f"left: a dot a channel, line: p = {alpha:g}{grey}; middle: median of channels{pale}"
    return _said(figure, detection, "sweeps", f"{left_said}; right: power over channels, {names[0]}{some}")


def _draw_tests(axes: Axes, detection: pd.DataFrame, alpha: float, colours: dict[str, str]) -> None:
    """Dots of each listener beside a harmonic, crosses of a second response; grey where nothing could be tested."""
    rates = np.unique(detection["frequency_hz"])
    for number, (name, colour) in enumerate(colours.items()):
        tests = _of(detection[detection["detector"] == "t2circ"], name)
        beside = 0.1 * rates[0] * (number - (len(colours) - 1) / 2)
        for marker, (response, own) in zip("ox", tests.groupby("response", sort=False), strict=False):
            label = name if response == AS_RECORDED else f"{name}, {response}"
            strength = -np.log10(np.maximum(own["p"], 1e-300))  # NaN where not testable: no dot
            dots: dict[str, Any] = {"color": colour, "alpha": 0.5, "markersize": 4, "label": label}
            axes.plot(own["frequency_hz"] + beside, strength, marker, **dots)
    axes.axhline(-np.log10(alpha), color=figures.COLOURS["reference"], linewidth=0.8)
    shown, margin = rates[:: -(-len(rates) // 5)], 0.5 * rates[0]  # as many ticks as there is room for
    axes.set_xticks(shown, [f"{rate:.4g}" for rate in shown])
    axes.set(xlim=(rates[0] - margin, rates[-1] + margin), ylim=(min(0, axes.get_ylim()[0]), None))
    axes.set(xlabel="harmonic (Hz)", ylabel="-log10 p of T2circ")
    for rate in np.unique(detection.loc[~detection["testable"], "frequency_hz"]):
        axes.axvspan(rate - margin / 4, rate + margin / 4, color=MASK_COLOUR, linewidth=0, zorder=0)


def _draw_growth(axes: Axes, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    """Signal to noise at one rate over the number of sweeps: median of channels, and half of them around it."""
    for name, colour in colours.items():
        grown = _of(rows, name).groupby("n")["snr_db"]
        axes.plot(grown.median(), color=colour)
        if rows["observer"].nunique() <= 2:
            ends = grown.quantile(0.25), grown.quantile(0.75)
            axes.fill_between(ends[0].index, *ends, color=colour, alpha=0.18, linewidth=0)
    axes.axhline(0, color=figures.COLOURS["reference"], linewidth=0.8)
    title = f"at {rows['frequency_hz'].min():g} Hz{'' if rows['p'].notna().any() else ', not testable'}"
    axes.set(xlabel="sweeps averaged", ylabel="signal to noise (dB)", title=title)
    axes.set_ylim(bottom=max(-15, axes.get_ylim()[0]))


def pitch(trials: Trials, alpha: float) -> Figure:
    """F0 of the sound and of the average response, a panel for each of the first recordings."""
    names = list(dict.fromkeys(trials["pitch"]["observer"]))[:MOST]
    figure, (panels,) = figures.new_figure(1, len(names), width_in=figures.WIDE_IN, height_in=2.8)
    for axes, name in zip(panels, names, strict=True):
        for track, colour in (("stimulus", "#000000"), ("response", OURS)):
            own = _of(trials["pitch"][trials["pitch"]["track"] == track], name)
            axes.plot(1e3 * own["time_s"], own["f0_hz"], color=colour, label=track)
        axes.set(xlabel="time (ms)", title=name)
    panels[0].set_ylabel("F0 (Hz)")
    _legend(figure, panels[0])
    text = "spatial filter fitted on the others; the response lags"
    return _said(figure, trials["pitch_score"], "sweeps", text)


def _of(rows: pd.DataFrame, observer: str) -> pd.DataFrame:
    return rows[rows["observer"] == observer]


def _best(rows: pd.DataFrame) -> list[str]:
    """Channels by falling largest coherence."""
    largest = rows.groupby("channel", sort=False)["coherence"].max()
    return list(largest.sort_values(ascending=False, kind="stable").index)


def _over_frequency(axes: Axes, mains: pd.DataFrame, **settings: object) -> None:
    """Name the axis, and shade what is masked."""
    limits, masked = axes.get_xlim(), mains[mains["masked"]]
    for low_hz, high_hz in zip(masked["low_hz"], masked["high_hz"], strict=True):
        axes.axvspan(low_hz, high_hz, color=MASK_COLOUR, linewidth=0, zorder=0)
    axes.set(xlim=limits, xlabel="frequency (Hz)", **settings)


def _image(axes: Axes, table: pd.DataFrame, low: float, high: float, *, first: float | None = None) -> None:
    """A table as colours between two values, each in the middle of its cell, or columns from `first` on."""
    x, y = table.columns.to_numpy(float), table.index.to_numpy(float)
    dx, dy = x[1] - x[0] if len(x) > 1 else 1.0, y[1] - y[0]
    left = x[0] - dx / 2 if first is None else first
    extent = (left, left + len(x) * dx, y[0] - dy / 2, y[-1] + dy / 2)
    image = axes.imshow(table, aspect="auto", origin="lower", extent=extent, vmin=low, vmax=high)
    _colour_bar(axes, image)


def _colour_bar(axes: Axes, image: AxesImage) -> None:
    """A bar beside the panel, exactly as high as what is drawn in it."""
    cast("Figure", axes.get_figure()).colorbar(image, cax=axes.inset_axes((1.04, 0.0, 0.05, 1.0)))


def _legend(figure: Figure, *panels: Axes) -> None:
    """One legend above the panels, where it covers no curve and no mask."""
    named = [pair for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    figure.legend(*zip(*named, strict=True), loc="outside upper left", fontsize=6, ncols=4)


def _said(figure: Figure, counted: pd.DataFrame | int, unit: str, text: str, *, of: str = "") -> Figure:
    """The figure with a caption below: whose it is, n, what bands and colours are."""
    n = str(counted) if isinstance(counted, int) else figures.count_text(counted["n"])
    said = f"{of}; n = {n} {unit}; {text}".removeprefix("; ")
    figures.caption(figure, textwrap.fill(said, CAPTION_WIDTH))
    return figure
