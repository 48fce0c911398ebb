"""Figures of the envelope-following study, drawn from its table; details are those of the first recording.

Grey stretches are masked mains and notches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cogattn import figures
from cogattn.eeg.efr.bands import above_background
from cogattn.eeg.efr.group import mean_of
from cogattn.eeg.efr.table import grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cogattn.eeg.efr.spectra import Floats

MASK_COLOUR = "#DDDDDD"
CALLED_COLOUR = figures.SERIES[1]


def spectra(trials: pd.DataFrame, alpha: float) -> Figure:
    """Power with its background, and coherence with the envelope over chance; a column for each recording."""
    observers = list(dict.fromkeys(trials["observer"]))[:3]
    figure, panels = figures.new_figure(2, max(2, len(observers)), height_in=5.4)
    with figures.style():
        for column, observer in enumerate(observers):
            rows = trials[trials["observer"] == observer]
            _draw_power(panels[0, column], rows)
            _draw_coherence(panels[1, column], rows, alpha)
            panels[0, column].set_title(observer)
        for axes in panels[:, len(observers) :].flat:
            axes.set_visible(False)
        panels[0, 0].set_ylabel("power density (dB re 1 µV²/Hz)")
        panels[1, 0].set_ylabel("squared coherence with envelope")
        for axes in panels[1]:
            axes.set_xlabel("frequency (Hz)")
        panels[0, 0].legend(loc="upper right", fontsize=6)
        panels[1, 0].legend(loc="upper right", fontsize=6)
        figures.caption(figure, _caption(trials, "band: 95 % bootstrap interval of the best channel"))
    return figure


def transfer(trials: pd.DataFrame, alpha: float) -> Figure:
    """Gain and phase of the best followed channels, and gain over time, of the first recording."""
    observer = trials["observer"].iloc[0]
    rows = trials[trials["observer"] == observer]
    figure, panels = figures.new_figure(1, 3, height_in=3.1)
    with figures.style():
        channels, _, coherence = grid(rows, "coherence")
        _, _, q = grid(rows, "coherence", "q")
        for colour, index in zip(figures.SERIES, _best(coherence)[:2], strict=False):
            _draw_transfer(panels[0, :2], rows, index, channels[index], q[index] <= alpha, colour)
        panels[0, 0].set(xlabel="frequency (Hz)", ylabel="gain (µV per unit of envelope)", yscale="log")
        panels[0, 1].set(xlabel="frequency (Hz)", ylabel="phase (rad), where followed")
        panels[0, 0].legend(loc="lower left")
        _draw_over_time(figure, panels[0, 2], rows)
        for axes in panels[0, :2]:
            _shade_mask(axes, rows)
        panels[0, 0].set_title(observer)
        text = "pale bands: 95 % bootstrap intervals; gain holds noise where the envelope is not followed"
        figures.caption(figure, _caption(rows, text))
    return figure


def coupling(trials: pd.DataFrame, alpha: float) -> Figure:
    """Coherence of all pairs beside what lags, in the strongest band, and where the envelope is followed."""
    rows = trials[trials["observer"] == trials["observer"].iloc[0]]
    low, high = _shown_band(rows)
    figure, panels = figures.new_figure(1, 3, height_in=2.9)
    with figures.style():
        pairs = rows[(rows["part"] == "pair") & (rows["low_hz"] == low) & (rows["high_hz"] == high)]
        channels, _, _ = grid(rows, "coherence")
        for axes, measure, title in (
            (panels[0, 0], "coherence", "coherence"),
            (panels[0, 1], "imaginary", "|imaginary part|"),
        ):
            matrix = np.abs(_matrix(pairs[pairs["measure"] == measure], channels))
            image = axes.imshow(matrix, vmin=0, vmax=1 if measure == "coherence" else None)
            _name_channels(axes, channels)
            axes.set_title(title)
            figure.colorbar(image, ax=axes, shrink=0.8)
        _draw_topography(figure, panels[0, 2], rows, low, high)
        lagged = (pairs.loc[pairs["measure"] == "imaginary", "q"] <= alpha).mean()
        text = (
            f"{low:.1f}-{high:.1f} Hz; left: raised by volume conduction and reference; middle: by lags only "
            f"({100 * lagged:.0f} % of pairs with q <= {alpha:g})"
        )
        counts = rows.loc[rows["part"] == "spectrum", "n"]
        figures.caption(figure, f"n = {figures.count_text(counts)} segments; {text}")
    return figure


def group(trials: pd.DataFrame, alpha: float) -> Figure:
    """What listeners share: their curves, the mean and its interval over listeners."""
    figure, panels = figures.new_figure(1, 2, height_in=2.9)
    labels = {
        "following": "squared coherence with envelope",
        "response": "power over background (dB)",
    }
    with figures.style():
        for axes, (measure, label) in zip(panels[0], labels.items(), strict=True):
            curves = trials[(trials["part"] == "curve") & (trials["measure"] == measure)]
            shown = curves.assign(value=curves["value"].where(curves["usable"]))
            table = shown.pivot(index="frequency_hz", columns="observer", values="value")
            f, own = table.index.to_numpy(), table.to_numpy()
            axes.plot(f, own, color="#999999", alpha=0.4, linewidth=0.5)
            ends = [mean_of(row) for row in own]
            figures.draw_band(
                axes,
                f,
                *(np.array([getattr(e, k) for e in ends]) for k in ("estimate", "lo", "hi")),
                label="mean",
            )
            axes.set(xlabel="frequency (Hz)", ylabel=label)
            _shade_mask(axes, trials)
        panels[0, 0].legend(loc="upper right")
        n = trials["observer"].nunique()
        text = "mean over channels, debiased; thin: each listener; band: 95 % t interval; grey: masked mains"
        figures.caption(figure, f"n = {n} listeners; {text}")
    return figure


def steady_state(trials: pd.DataFrame, alpha: float) -> Figure:
    """T2circ at each harmonic, signal to noise as sweeps add up, and the same over frequency."""
    observers = list(dict.fromkeys(trials["observer"]))
    figure, panels = figures.new_figure(1, 3, height_in=3.0)
    with figures.style():
        left, middle, right = panels[0]
        for colour, observer in zip(figures.SERIES, observers, strict=False):
            rows = trials[trials["observer"] == observer]
            tests = rows[(rows["part"] == "steady_state") & (rows["measure"] == "t2circ")]
            for marker, (response, own) in zip("ox", tests.groupby("response", sort=False), strict=False):
                label = observer if response == "as recorded" else f"{observer}, {response}"
                strength = -np.log10(np.maximum(own["p"], 1e-300))
                left.plot(own["frequency_hz"], strength, marker, color=colour, alpha=0.5, label=label)
            rate = _draw_growth(middle, rows, colour, ranged=len(observers) <= 2)
        left.axhline(-np.log10(alpha), color=figures.COLOURS["reference"], linewidth=0.8)
        left.set(xlabel="harmonic (Hz)", ylabel="-log10 p of T2circ")
        left.set_ylim(top=1.35 * left.get_ylim()[1])
        middle.axhline(0, color=figures.COLOURS["reference"], linewidth=0.8)
        middle.set_ylim(bottom=max(-15, middle.get_ylim()[0]))
        middle.set(xlabel="sweeps averaged", ylabel=f"signal to noise at {rate:g} Hz (dB)")
        left.legend(loc="upper right", fontsize=6)
        _draw_growth_map(figure, right, trials[trials["observer"] == observers[0]])
        n = figures.count_text(trials.loc[trials["part"] == "steady_state", "n"])
        text = (
            f"left: a dot a channel, line: p = {alpha:g}; middle: median of channels (pale: range); right: power over "
            f"channels, {observers[0]}"
        )
        figures.caption(figure, f"n = {n} sweeps; {text}")
    return figure


def pitch(trials: pd.DataFrame, alpha: float) -> Figure:
    """F0 of the sound and of the average response, a panel for each of the first recordings."""
    observers = list(dict.fromkeys(trials["observer"]))[:3]
    figure, panels = figures.new_figure(1, max(2, len(observers)), height_in=2.8)
    with figures.style():
        for axes, observer in zip(panels[0], observers, strict=False):
            rows = trials[(trials["observer"] == observer) & (trials["part"] == "pitch")]
            for name, colour in (("stimulus", "#000000"), ("response", figures.COLOURS["model"])):
                own = rows[rows["measure"] == name]
                axes.plot(1e3 * own["time_s"], own["value"], color=colour, label=name)
            axes.set(xlabel="time (ms)", title=observer)
        for axes in panels[0, len(observers) :]:
            axes.set_visible(False)
        panels[0, 0].set_ylabel("F0 (Hz)")
        panels[0, 0].legend(loc="upper right")
        n = figures.count_text(trials.loc[trials["part"] == "pitch_score", "n"])
        figures.caption(figure, f"n = {n} sweeps; spatial filter fitted on the others; the response lags")
    return figure


def _draw_growth(axes: Axes, rows: pd.DataFrame, colour: str, *, ranged: bool) -> float:
    """Signal to noise at the rate over the number of sweeps; return the rate."""
    grown = rows[(rows["part"] == "growth") & (rows["response"] != "fine structure")]
    rate = float(grown["frequency_hz"].min())
    at_rate = grown[grown["frequency_hz"] == rate].groupby("n")["value"]
    middle = at_rate.median()
    if ranged:
        ends = at_rate.min().to_numpy(), at_rate.max().to_numpy()
        figures.draw_band(axes, middle.index.to_numpy(), middle.to_numpy(), *ends, colour=colour)
    else:
        axes.plot(middle.index, middle, color=colour)
    return rate


def _draw_growth_map(figure: Figure, axes: Axes, rows: pd.DataFrame) -> None:
    """Signal to noise at every frequency (down) and number of sweeps (across)."""
    grown = rows[(rows["part"] == "growth_map") & (rows["response"] != "fine structure")]
    table = grown.pivot(index="frequency_hz", columns="n", values="value")
    f, counts = table.index.to_numpy(), table.columns.to_numpy()
    step, half = counts[1] - counts[0], (f[1] - f[0]) / 2
    edges = (counts[0] - step / 2, counts[-1] + step / 2, f[0] - half, f[-1] + half)
    top = max(6.0, float(np.percentile(table, 98)))
    image = axes.imshow(table, aspect="auto", origin="lower", extent=edges, vmin=-3, vmax=top)
    axes.set(xlabel="sweeps averaged", ylabel="frequency (Hz)", title="signal to noise (dB)")
    figure.colorbar(image, ax=axes, shrink=0.8)


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
    _shade_mask(axes, rows)


def _draw_coherence(axes: Axes, rows: pd.DataFrame, alpha: float) -> None:
    channels, f, coherence = grid(rows, "coherence")
    _, _, critical = grid(rows, "chance")
    _, _, mean = grid(rows, "chance", "lo")
    _, _, q = grid(rows, "coherence", "q")
    best = _best(coherence)[0]
    _, _, low = grid(rows, "coherence", "lo")
    _, _, high = grid(rows, "coherence", "hi")
    figures.draw_band(
        axes, f, coherence[best], low[best], high[best], label=f"best channel, {channels[best]}"
    )
    floor = (critical - mean)[best]
    axes.plot(f, floor, color=figures.COLOURS["reference"], linewidth=1, label="chance, 95 %")
    top = max(float(high[best].max()), 1e-3)
    share = (q <= alpha).mean(axis=0)
    called = share > 0
    axes.scatter(
        f[called],
        np.full(called.sum(), -0.08 * top),
        c=CALLED_COLOUR,
        s=8 * share[called] + 1,
        marker="s",
        label=f"channels with q <= {alpha:g} (size: share)",
    )
    axes.set_ylim(-0.14 * top, 1.35 * top)
    _shade_mask(axes, rows)


def _draw_transfer(
    panels: np.ndarray, rows: pd.DataFrame, index: int, channel: str, followed: np.ndarray, colour: str
) -> None:
    _, f, gain = grid(rows, "gain")
    _, _, low = grid(rows, "gain", "lo")
    _, _, high = grid(rows, "gain", "hi")
    _, _, phase = grid(rows, "phase")
    figures.draw_band(
        panels[0], f, *(1e6 * v[index] for v in (gain, low, high)), colour=colour, label=channel
    )
    panels[1].plot(f[followed], phase[index][followed], ".", color=colour, markersize=3)


def _draw_over_time(figure: Figure, axes: Axes, rows: pd.DataFrame) -> None:
    gain = rows[rows["part"] == "over_time"]
    times = np.unique(gain["time_s"])
    f = gain.loc[gain["time_s"] == times[0], "frequency_hz"].to_numpy()
    power = (1e6 * gain["value"].where(gain["usable"]).to_numpy().reshape(len(times), len(f)).T) ** 2
    width = max(1, round(2 / (f[1] - f[0])))  # bins in 2 Hz
    n_rows = len(f) // width
    image = 10 * np.log10(power[: n_rows * width].reshape(n_rows, width, -1).mean(axis=1))  # NaN: masked
    f = f[: n_rows * width]
    step = times[1] - times[0] if len(times) > 1 else 1.0
    edges = (times[0] / 60, (times[-1] + step) / 60, f[0], f[-1])
    low, high = np.nanpercentile(image, [2, 98])
    shown = axes.imshow(image, aspect="auto", origin="lower", extent=edges, vmin=low, vmax=high)
    axes.set(xlabel="time (min)", ylabel="frequency (Hz)", title="gain over time (dB)")
    figure.colorbar(shown, ax=axes, shrink=0.8)


def _draw_topography(figure: Figure, axes: Axes, rows: pd.DataFrame, low: float, high: float) -> None:
    """Mean coherence with the envelope within a band: on the scalp where electrodes are known, else as bars."""
    channels, f, coherence = grid(rows, "coherence")
    inside = (f >= low) & (f <= high)
    values = coherence[:, inside].mean(axis=1)
    axes.set_title("following")
    info, known = _electrodes(channels)
    if len(known) < max(4, 0.6 * len(channels)):
        axes.barh(np.arange(len(channels)), values, color=figures.COLOURS["model"])
        axes.set_yticks(np.arange(len(channels)), channels, fontsize=6)
        axes.set_xlabel("squared coherence")
        return
    from mne.viz import plot_topomap

    image, _ = plot_topomap(values[known], info, axes=axes, show=False, cmap="cividis", contours=4)
    figure.colorbar(image, ax=axes, shrink=0.7, label="squared coherence")


def _electrodes(channels: list[str]) -> tuple[object, list[int]]:
    """Channels of the 10-05 system as mne knows them, and which of ours they are."""
    import mne

    name = "colin27_1005" if "colin27_1005" in mne.channels.get_builtin_montages() else "standard_1005"
    montage = mne.channels.make_standard_montage(name)
    spelling = {known.lower(): known for known in montage.ch_names}
    known = [i for i, channel in enumerate(channels) if channel.lower() in spelling]
    info = mne.create_info([spelling[channels[i].lower()] for i in known], 1.0, "eeg")
    return info.set_montage(montage, verbose="error"), known


def _shade_mask(axes: Axes, rows: pd.DataFrame) -> None:
    left, right = axes.get_xlim()
    for line in rows[rows["part"] == "mains"].itertuples():
        axes.axvspan(line.low_hz, line.high_hz, color=MASK_COLOUR, linewidth=0, zorder=0)
    axes.set_xlim(left, right)


def _best(coherence: Floats) -> np.ndarray:
    """Channels by falling largest coherence."""
    return np.argsort(-coherence.max(axis=1), kind="stable")


def _shown_band(rows: pd.DataFrame) -> tuple[float, float]:
    """The highest dominant band of what is followed, else the first band that has pairs."""
    bands = rows[(rows["part"] == "band") & (rows["measure"] == "following")]
    pairs = rows[rows["part"] == "pair"]
    if len(bands):
        best = bands.loc[bands["value"].idxmax()]
        return round(best["low_hz"], 2), round(best["high_hz"], 2)
    return pairs["low_hz"].iloc[0], pairs["high_hz"].iloc[0]


def _matrix(pairs: pd.DataFrame, channels: list[str]) -> Floats:
    index = {channel: i for i, channel in enumerate(channels)}
    matrix = np.full((len(channels), len(channels)), np.nan)
    one, other = pairs["channel"].map(index), pairs["other"].map(index)
    matrix[one, other] = matrix[other, one] = pairs["value"]
    return matrix


def _name_channels(axes: Axes, channels: list[str]) -> None:
    step = max(1, len(channels) // 16)
    places = np.arange(0, len(channels), step)
    names = [channels[i] for i in places]
    axes.set_xticks(places, names, rotation=90, fontsize=6)
    axes.set_yticks(places, names, fontsize=6)


def _caption(rows: pd.DataFrame, text: str) -> str:
    counts = rows.loc[rows["part"] == "spectrum", "n"]
    return f"n = {figures.count_text(counts)} segments; {text}; grey: masked mains"
