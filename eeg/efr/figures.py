"""Figures of the envelope-following study, drawn from its tables; details are those of the first recording.

Grey stretches are masked mains and notches.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from cogattn import figures
from cogattn.eeg.efr.bands import above_background
from cogattn.eeg.efr.group import LEAST_LISTENERS
from cogattn.eeg.efr.measures import AS_RECORDED
from cogattn.eeg.efr.steady import FINE_STRUCTURE
from cogattn.eeg.efr.tables import grid
from cogattn.eeg.types import FloatArray
from cogattn.statistics.intervals import mean_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from cogattn.study import Trials

MASK_COLOUR, CALLED_COLOUR = "#DDDDDD", figures.SERIES[1]
MOST = 3
"""Recordings that have a panel of their own."""
CAPTION_WIDTH = 118
"""Letters that fit under a page-wide figure."""


def spectra(trials: Trials, alpha: float) -> Figure:
    """Power with its background, and coherence with the envelope over chance; a column for each recording."""
    spectrum = trials["spectrum"]
    names = _names(spectrum)
    figure, panels = figures.new_figure(2, max(2, len(names)), height_in=5.4)
    with figures.style():
        for column, name in zip(panels.T, names, strict=False):
            _draw_power(column[0], _of(spectrum, name))
            _draw_coherence(column[1], _of(spectrum, name), alpha)
            column[0].set_title(name)
            for axes in column:
                _shade_mask(axes, _of(trials["mains"], name))
            column[1].set_xlabel("frequency (Hz)")
        labels = ("power density (dB re 1 µV²/Hz)", "squared coherence with envelope")
        for axes, label in zip(panels[:, 0], labels, strict=True):
            axes.set_ylabel(label)
            axes.legend(loc="upper right", fontsize=6)
        for axes in panels[:, len(names) :].flat:
            axes.set_visible(False)
        _caption(
            figure, f"{_n(spectrum)}; band: 95 % bootstrap interval of the best channel; grey: masked mains"
        )
    return figure


def transfer(trials: Trials, alpha: float) -> Figure:
    """Gain and phase of the best followed channels, and gain over time, of the first recording."""
    (name,) = _names(trials["spectrum"])[:1]
    rows, (figure, panels) = _of(trials["spectrum"], name), figures.new_figure(1, 3, height_in=3.1)
    with figures.style():
        left, middle, right = panels[0]
        (channels, _, coherence), (_, _, q) = grid(rows, "coherence"), grid(rows, "q")
        best = _best(coherence)[:2]
        for index, colour, marker in zip(best, figures.SERIES, ("o", "s"), strict=False):
            _draw_transfer((left, middle), rows, index, channels[index], q[index] <= alpha, colour, marker)
        _limit_gain(left, rows, q <= alpha, best)
        left.set(xlabel="frequency (Hz)", ylabel="gain (µV per unit of envelope)")
        middle.set(xlabel="frequency (Hz)", ylabel="phase (rad), where followed", ylim=(-3.3, 3.3))
        _legend_above(left)
        _draw_over_time(right, _of(trials["over_time"], name))
        for axes in (left, middle):
            _shade_mask(axes, _of(trials["mains"], name))
        text = "bands: 95 % bootstrap intervals; thin: not followed, so noise; grey: masked mains"
        _caption(figure, f"{name}; {_n(rows)}; {text}")
    return figure


def coupling(trials: Trials, alpha: float) -> Figure:
    """Coherence of all pairs beside what lags, in the strongest band, and where the envelope is followed."""
    (name,) = _names(trials["pair"])[:1]
    rows, pairs, bands = (_of(trials[table], name) for table in ("spectrum", "pair", "band"))
    low, high = _shown_band(bands, pairs)
    figure, panels = figures.new_figure(1, 3, height_in=2.7)
    with figures.style():
        shown = pairs[(pairs["low_hz"] == low) & (pairs["high_hz"] == high)]
        channels, _, _ = grid(rows, "coherence")
        titles = {"coherence": "coherence", "imaginary": "|imaginary part|"}
        for axes, (measure, title) in zip(panels[0], titles.items(), strict=False):
            matrix = np.abs(_matrix(shown, measure, channels))
            image = axes.imshow(matrix, vmin=0, vmax=1 if measure == "coherence" else None)
            places = np.arange(0, len(channels), max(1, len(channels) // 16))
            axes.set_xticks(places, [channels[i] for i in places], rotation=90, fontsize=6)
            axes.set_yticks(places, [channels[i] for i in places], fontsize=6)
            axes.set_title(title)
            _colour_bar(axes, image)
        _draw_topography(panels[0, 2], rows, low, high)
        lagged = f"{100 * (shown['q'] <= alpha).mean():.0f} % of pairs with q <= {alpha:g}"
        text = f"left: raised by volume conduction and reference; middle: by lags only ({lagged})"
        _caption(figure, f"{name}, {low:.1f}-{high:.1f} Hz; {_n(rows)}; {text}")
    return figure


def group(trials: Trials, alpha: float) -> Figure:
    """What listeners share: their curves, the mean and, from three on, its interval over listeners."""
    figure, panels = figures.new_figure(1, 2, height_in=2.9)
    labels = {"following": "squared coherence with envelope", "response": "power over background (dB)"}
    n = trials["curve"]["observer"].nunique()
    with figures.style():
        for axes, (measure, label) in zip(panels[0], labels.items(), strict=True):
            curves = trials["curve"][trials["curve"]["measure"] == measure]
            shown = curves.assign(value=curves["value"].where(curves["usable"]))
            table = shown.pivot(index="frequency_hz", columns="observer", values="value")
            _draw_group(axes, table.index.to_numpy(), table.to_numpy())
            axes.set(xlabel="frequency (Hz)", ylabel=label)
            _shade_mask(axes, trials["mains"])
        _legend_above(panels[0, 0])
        interval = (
            "band: 95 % t interval" if n >= LEAST_LISTENERS else "no interval of fewer than three listeners"
        )
        text = f"mean over channels, debiased; thin: each listener; {interval}; grey: masked mains"
        _caption(figure, f"n = {n} listeners; {text}")
    return figure


def steady_state(trials: Trials, alpha: float) -> Figure:
    """T2circ at each harmonic, signal to noise as sweeps add up, and the same over frequency."""
    detection = trials["detection"]
    names = _names(detection, most=None)
    figure, panels = figures.new_figure(1, 3, height_in=3.2)
    with figures.style():
        figure.set_layout_engine("constrained", wspace=0.08)
        left, middle, right = panels[0]
        for colour, name in zip(figures.SERIES, names, strict=False):
            tests = _of(detection[detection["detector"] == "t2circ"], name)
            for marker, (response, own) in zip("ox", tests.groupby("response", sort=False), strict=False):
                label = name if response == AS_RECORDED else f"{name}, {response}"
                strength = -np.log10(np.maximum(own["p"], 1e-300))  # NaN where not testable: no dot
                left.plot(own["frequency_hz"], strength, marker, color=colour, alpha=0.5, label=label)
            rate = _draw_growth(middle, _of(trials["growth"], name), colour, ranged=len(names) <= 2)
        for axes, height in ((left, -np.log10(alpha)), (middle, 0)):
            axes.axhline(height, color=figures.COLOURS["reference"], linewidth=0.8)
        left.set(xlabel="harmonic (Hz)", ylabel="-log10 p of T2circ")
        _tick_harmonics(left, detection)
        middle.set(xlabel="sweeps averaged", ylabel="signal to noise (dB)", title=f"at {rate:g} Hz")
        middle.set_ylim(bottom=max(-15, middle.get_ylim()[0]))
        figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", fontsize=6, ncols=4)
        _draw_growth_map(right, _of(trials["growth_map"], names[0]))
        grey = "" if detection["testable"].all() else " (grey: not testable, mains would pass for a response)"
        text = (
            f"left: a dot a channel, line: p = {alpha:g}{grey}; middle: median of channels (pale: range); right: "
            f"power over channels, {names[0]}"
        )
        _caption(figure, f"n = {figures.count_text(detection['n'])} sweeps; {text}")
    return figure


def pitch(trials: Trials, alpha: float) -> Figure:
    """F0 of the sound and of the average response, a panel for each of the first recordings."""
    tracks = trials["pitch"]
    names = _names(tracks)
    figure, panels = figures.new_figure(1, max(2, len(names)), height_in=2.8)
    with figures.style():
        for axes, name in zip(panels[0], names, strict=False):
            for track, colour in (("stimulus", "#000000"), ("response", figures.COLOURS["model"])):
                own = _of(tracks[tracks["track"] == track], name)
                axes.plot(1e3 * own["time_s"], own["f0_hz"], color=colour, label=track)
            axes.set(xlabel="time (ms)", title=name)
        for axes in panels[0, len(names) :]:
            axes.set_visible(False)
        panels[0, 0].set_ylabel("F0 (Hz)")
        figure.legend(
            *panels[0, 0].get_legend_handles_labels(), loc="outside upper right", fontsize=6, ncols=2
        )
        n = figures.count_text(trials["pitch_score"]["n"])
        _caption(figure, f"n = {n} sweeps; spatial filter fitted on the others; the response lags")
    return figure


def _draw_group(axes: Axes, f: FloatArray, own: FloatArray) -> None:
    """Curves of all listeners, (frequency, listener), and their mean; the axis holds the curves, not the band."""
    axes.plot(f, own, color="#999999", alpha=0.5, linewidth=0.5)
    ends = [mean_interval(row) for row in own]
    mean, lo, hi = (np.array([getattr(e, k) for e in ends]) for k in ("estimate", "lo", "hi"))
    limits = axes.get_ylim()
    if own.shape[1] >= LEAST_LISTENERS:
        figures.draw_band(axes, f, mean, lo, hi, label="mean of listeners")
    else:
        axes.plot(f, mean, color=figures.COLOURS["model"], label="mean of listeners")
    axes.set_ylim(limits)


def _draw_growth(axes: Axes, rows: pd.DataFrame, colour: str, *, ranged: bool) -> float:
    """Signal to noise at the rate over the number of sweeps; return the rate."""
    grown = rows[rows["response"] != FINE_STRUCTURE]
    rate = float(grown["frequency_hz"].min())
    at_rate = grown[grown["frequency_hz"] == rate].groupby("n")["snr_db"]
    middle = at_rate.median()
    if ranged:
        ends = at_rate.min().to_numpy(), at_rate.max().to_numpy()
        figures.draw_band(axes, middle.index.to_numpy(), middle.to_numpy(), *ends, colour=colour)
    else:
        axes.plot(middle.index, middle, color=colour)
    return rate


def _draw_growth_map(axes: Axes, rows: pd.DataFrame) -> None:
    """Signal to noise at every frequency (down) and number of sweeps (across)."""
    grown = rows[rows["response"] != FINE_STRUCTURE]
    table = grown.pivot(index="frequency_hz", columns="n", values="snr_db")
    f, counts = table.index.to_numpy(), table.columns.to_numpy()
    step, half = counts[1] - counts[0], (f[1] - f[0]) / 2
    edges = (counts[0] - step / 2, counts[-1] + step / 2, f[0] - half, f[-1] + half)
    top = max(6.0, float(np.percentile(table, 98)))
    image = axes.imshow(table, aspect="auto", origin="lower", extent=edges, vmin=-3, vmax=top)
    axes.set(xlabel="sweeps averaged", ylabel="frequency (Hz)", title="signal to noise (dB)")
    _colour_bar(axes, image)


def _tick_harmonics(axes: Axes, detection: pd.DataFrame) -> None:
    """Ticks where something was tested, as many as there is room for; grey where it could not be."""
    rates = np.unique(detection["frequency_hz"])
    shown = rates[:: -(-len(rates) // 5)]
    axes.set_xticks(shown, [f"{rate:.4g}" for rate in shown])
    margin = 0.5 * rates[0]
    axes.set_xlim(rates[0] - margin, rates[-1] + margin)
    for rate in np.unique(detection.loc[~detection["testable"], "frequency_hz"]):
        axes.axvspan(rate - margin / 4, rate + margin / 4, color=MASK_COLOUR, linewidth=0, zorder=0)


def _draw_power(axes: Axes, rows: pd.DataFrame) -> None:
    _, f, power = grid(rows, "power")
    level = 10 * np.log10(power * 1e12)
    mean = 10 * np.log10(np.exp(np.log(power).mean(axis=0)))
    background = mean - above_background(f, np.exp(np.log(power).mean(axis=0)))
    axes.plot(f, level.T, color=figures.COLOURS["model"], alpha=0.15, linewidth=0.6)
    axes.plot(f, mean + 120, color=figures.COLOURS["model"], label="mean of channels")
    axes.plot(
        f, background + 120, color="#000000", linestyle="--", linewidth=1, label="background (noise floor)"
    )
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))  # room for the legend


def _draw_coherence(axes: Axes, rows: pd.DataFrame, alpha: float) -> None:
    channels, f, coherence = grid(rows, "coherence")
    columns = ("coherence_lo", "coherence_hi", "chance", "chance_mean", "q")
    low, high, critical, mean, q = (grid(rows, column)[2] for column in columns)
    best = _best(coherence)[0]
    label = f"best channel, {channels[best]}"
    figures.draw_band(axes, f, coherence[best], low[best], high[best], label=label)
    floor = (critical - mean)[best]
    axes.plot(f, floor, color=figures.COLOURS["reference"], linewidth=1, label="chance, 95 %")
    top, share = max(float(high[best].max()), 1e-3), (q <= alpha).mean(axis=0)
    sizes, level = 8 * share[share > 0] + 1, np.full(np.count_nonzero(share), -0.08 * top)
    label = f"channels with q <= {alpha:g} (size: share)"
    axes.scatter(f[share > 0], level, c=CALLED_COLOUR, s=sizes, marker="s", label=label)
    axes.set_ylim(-0.14 * top, 1.35 * top)


def _draw_transfer(
    panels: tuple[Axes, Axes], rows: pd.DataFrame, index: int, channel: str, followed: np.ndarray, colour: str,
    marker: str,
) -> None:  # fmt: skip
    """Gain with its interval, and phase, of one channel where it follows; the rest of the gain is thin and pale."""
    _, f, _ = grid(rows, "gain")
    gain, low, high = (1e6 * grid(rows, column)[2][index] for column in ("gain", "gain_lo", "gain_hi"))
    panels[0].semilogy(f, gain, color=colour, linewidth=0.5, alpha=0.3)
    shown = (np.where(followed, values, np.nan) for values in (gain, low, high))
    figures.draw_band(panels[0], f, *shown, colour=colour, label=channel)
    phase, round_ = grid(rows, "phase_rad")[2][index], marker == "o"
    filled = {"markerfacecolor": colour if round_ else "none", "markersize": 2.0 if round_ else 4.0}
    panels[1].plot(f[followed], phase[followed], marker, color=colour, markeredgewidth=0.7, **filled)


def _limit_gain(axes: Axes, rows: pd.DataFrame, followed: np.ndarray, best: np.ndarray) -> None:
    """Let the axis hold what is followed, where anything is, and not the noise far below."""
    gain = 1e6 * grid(rows, "gain")[2][best]
    held = gain[followed[best]] if followed[best].any() else gain
    axes.set_ylim(held.min() / 2, 2 * held.max())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_over_time(axes: Axes, gain: pd.DataFrame) -> None:
    times = np.unique(gain["time_s"])
    f = gain.loc[gain["time_s"] == times[0], "frequency_hz"].to_numpy()
    power = (1e6 * gain["gain"].where(gain["usable"]).to_numpy().reshape(len(times), len(f)).T) ** 2
    width = max(1, round(2 / (f[1] - f[0])))  # bins in 2 Hz
    n_rows = len(f) // width
    image = 10 * np.log10(power[: n_rows * width].reshape(n_rows, width, -1).mean(axis=1))  # NaN: masked
    f = f[: n_rows * width]
    step = times[1] - times[0] if len(times) > 1 else 1.0
    edges = (times[0] / 60, (times[-1] + step) / 60, f[0], f[-1])
    low, high = np.nanpercentile(image, [2, 98])
    shown = axes.imshow(image, aspect="auto", origin="lower", extent=edges, vmin=low, vmax=high)
    axes.set(xlabel="time (min)", ylabel="frequency (Hz)", title="gain over time (dB)")
    _colour_bar(axes, shown)


def _draw_topography(axes: Axes, rows: pd.DataFrame, low: float, high: float) -> None:
    """Mean coherence with the envelope within a band: on the scalp where electrodes are known, else as bars."""
    channels, f, coherence = grid(rows, "coherence")
    inside = (f >= low) & (f <= high)
    values = coherence[:, inside].mean(axis=1)
    axes.set_title("coherence with envelope")
    info, known = _electrodes(channels)
    if len(known) < max(4, 0.6 * len(channels)):
        axes.barh(np.arange(len(channels)), values, color=figures.COLOURS["model"])
        axes.set_yticks(np.arange(len(channels)), channels, fontsize=6)
        axes.set_xlabel("squared coherence")
        axes.set_box_aspect(1)
        return
    from mne.viz import plot_topomap

    image, _ = plot_topomap(values[known], info, axes=axes, show=False, cmap="cividis", contours=4)
    centre, half = np.mean(axes.get_ylim()), np.ptp([*axes.get_xlim(), *axes.get_ylim()]) / 2
    axes.set(xlim=(-half, half), ylim=(centre - half, centre + half))  # a square, like the matrices
    _colour_bar(axes, image)


def _colour_bar(axes: Axes, image: AxesImage) -> None:
    """A bar beside the panel, exactly as high as what is drawn in it."""
    axes.get_figure().colorbar(image, cax=axes.inset_axes((1.04, 0.0, 0.05, 1.0)))


def _legend_above(axes: Axes) -> None:
    """A legend over the panel, where it covers no curve and no mask."""
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), fontsize=6, ncols=2, borderaxespad=0.2)


def _electrodes(channels: list[str]) -> tuple[object, list[int]]:
    """Channels of the 10-05 system as mne knows them, and which of ours they are."""
    import mne

    name = "colin27_1005" if "colin27_1005" in mne.channels.get_builtin_montages() else "standard_1005"
    montage = mne.channels.make_standard_montage(name)
    spelling = {known.lower(): known for known in montage.ch_names}
    known = [i for i, channel in enumerate(channels) if channel.lower() in spelling]
    info = mne.create_info([spelling[channels[i].lower()] for i in known], 1.0, "eeg")
    return info.set_montage(montage, verbose="error"), known


def _of(rows: pd.DataFrame, observer: str) -> pd.DataFrame:
    return rows[rows["observer"] == observer]


def _shade_mask(axes: Axes, mains: pd.DataFrame) -> None:
    left, right = axes.get_xlim()
    for low_hz, high_hz in zip(
        *(mains.loc[mains["masked"], end] for end in ("low_hz", "high_hz")), strict=True
    ):
        axes.axvspan(low_hz, high_hz, color=MASK_COLOUR, linewidth=0, zorder=0)
    axes.set_xlim(left, right)


def _best(coherence: FloatArray) -> np.ndarray:
    """Channels by falling largest coherence."""
    return np.argsort(-coherence.max(axis=1), kind="stable")


def _shown_band(bands: pd.DataFrame, pairs: pd.DataFrame) -> tuple[float, float]:
    """The highest dominant band of what is followed, else the first band that has pairs."""
    following = bands[bands["measure"] == "following"]
    if len(following):
        best = following.loc[following["height"].idxmax()]
        return round(best["low_hz"], 2), round(best["high_hz"], 2)
    return pairs["low_hz"].iloc[0], pairs["high_hz"].iloc[0]


def _matrix(pairs: pd.DataFrame, measure: str, channels: list[str]) -> FloatArray:
    index = {channel: i for i, channel in enumerate(channels)}
    matrix = np.full((len(channels), len(channels)), np.nan)
    one, other = pairs["channel"].map(index), pairs["other"].map(index)
    matrix[one, other] = matrix[other, one] = pairs[measure]
    return matrix


def _names(rows: pd.DataFrame, most: int | None = MOST) -> list[str]:
    """Recordings in order, the first few of them."""
    return list(dict.fromkeys(rows["observer"]))[:most]


def _n(rows: pd.DataFrame) -> str:
    return f"n = {figures.count_text(rows['n'])} segments"


def _caption(figure: Figure, text: str) -> None:
    figures.caption(figure, textwrap.fill(text, CAPTION_WIDTH))
