"""Figures of the masking study: accuracy by noise SD and band, thresholds, channels, the stimuli themselves."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from cogattn import figures
from cogattn.psychophysics.masking.channel.fit import Channel
from cogattn.psychophysics.masking.channel.population import PopulationChannel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from cogattn.psychophysics.masking.config import MaskingConfig

FREQUENCIES_CPI = np.geomspace(1, 160, 241)


def channel_figure(channels: Mapping[str, Channel], people: PopulationChannel) -> Figure:
    """Draw the power gain of each observer's channel over that of people.

    Parameters
    ----------
    channels : mapping of str to Channel
        Observers by name; a channel that is not identified is named in the legend and not drawn.
    people : PopulationChannel
        Mean over persons; each person's channel is drawn thin.
    """
    figure, panels = figures.new_figure(width_in=5.2, height_in=3.3)
    axes = panels[0, 0]
    with figures.style():
        _draw_people(axes, people, "people")
        for colour, (name, channel) in zip(_colours(len(channels)), channels.items(), strict=True):
            _draw_channel(axes, channel, name, colour)
        _frequency_axis(axes)
        axes.set(ylabel="power gain of the channel", ylim=(0, 1.05), yticks=(0, 0.5, 1))
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=1)
        n = figures.count_text([channel.n_trials for channel in channels.values()])
        figures.caption(
            figure,
            f"n = {n} trials; people: n = {people.n_observers}, thin lines; widths with 95 % intervals",
        )
    return figure


def _draw_people(axes: Axes, people: PopulationChannel, label: str) -> None:
    colour = figures.COLOURS["human"]
    for person in people.channels:
        if person.identified:
            axes.plot(FREQUENCIES_CPI, person.gain(FREQUENCIES_CPI), color=colour, alpha=0.18, linewidth=0.8)
    width, center = people.bandwidth_octaves, people.center_cpi.mean
    gain = np.exp2(-((2 * np.log2(FREQUENCIES_CPI / center) / width.mean) ** 2))
    text = f"{label}: {width.mean:.2f} [{width.interval[0]:.2f}, {width.interval[1]:.2f}] octaves"
    axes.plot(FREQUENCIES_CPI, gain, color=colour, linewidth=2.2, label=text)


def _draw_channel(axes: Axes, channel: Channel, name: str, colour: str) -> None:
    if not np.isfinite([channel.bandwidth_octaves, channel.center_cpi]).all():
        axes.plot([], [], color=colour, linestyle=":", label=f"{name}: not determined")
        return
    lo, hi = channel.bandwidth_interval
    octaves = np.abs(np.log2(FREQUENCIES_CPI / channel.center_cpi))[:, None]
    flanks = np.exp2(-((2 * octaves / np.maximum([lo, min(hi, 50.0)], 1e-6)) ** 2))
    label = f"{name}: {channel.bandwidth_octaves:.2f} [{lo:.2f}, {hi:.2f}] octaves"
    gain = channel.gain(FREQUENCIES_CPI)
    figures.draw_band(axes, FREQUENCIES_CPI, gain, flanks[:, 0], flanks[:, 1], colour=colour, label=label)


def accuracy_figure(accuracy: pd.DataFrame, people: pd.DataFrame) -> Figure:
    """Draw accuracy over band, a curve a noise SD, a panel an observer; people come first.

    Parameters
    ----------
    accuracy, people : DataFrame
        Columns observer, noise_sd, mean_cpi, accuracy, lo, hi, n_trials.
    """
    names = [*people["observer"].unique(), *accuracy["observer"].unique()]
    columns = min(len(names), 3)
    n_rows = -(-len(names) // columns)
    figure, panels = figures.new_figure(
        n_rows, columns, width_in=2.7 * columns + 0.6, height_in=2.7 * n_rows + 0.5
    )
    with figures.style():
        shade = _shades(sorted({*accuracy["noise_sd"], *people["noise_sd"]}))
        for axes, name in zip(panels.flat, names, strict=False):
            table = people if name in set(people["observer"]) else accuracy
            _draw_accuracy(axes, table[table["observer"] == name], shade)
            axes.set_title(textwrap.fill(str(name), 28), fontsize=9)
        for axes in panels.flat[len(names) :]:
            axes.set_axis_off()
        for axes in panels[:, 0]:
            axes.set_ylabel("share correct")
        handles, labels = panels.flat[
            -1 if len(names) == panels.size else len(names) - 1
        ].get_legend_handles_labels()
        figure.legend(handles, labels, title="noise SD", loc="outside right upper")
        per_cell = figures.count_text([people["n_trials"].median(), accuracy["n_trials"].median()])
        figures.caption(
            figure, f"median n per dot = {per_cell} trials; bars: 95 % Wilson intervals; dotted: guessing"
        )
    return figure


def _draw_accuracy(axes: Axes, table: pd.DataFrame, shade: Mapping[float, tuple[float, ...]]) -> None:
    for sd, rows in table.groupby("noise_sd"):
        rows = rows[rows["n_trials"] > 0].sort_values("mean_cpi")
        if sd == 0:
            axes.axhline(rows["n_correct"].sum() / rows["n_trials"].sum(), color=shade[0.0], label="none")
            continue
        x, estimate, lo, hi = rows[["mean_cpi", "accuracy", "lo", "hi"]].to_numpy(float).T
        colour = shade[cast(float, sd)]
        figures.draw_estimate(axes, x, estimate, lo, hi, label=f"{sd:g}", colour=colour, line=True)
    axes.axhline(table["guessing"].iloc[0], color="#999999", linestyle=":", linewidth=1)
    _frequency_axis(axes)
    axes.set_ylim(0, 1.02)


def threshold_figure(thresholds: pd.DataFrame, people: pd.DataFrame) -> Figure:
    """Draw the noise SD that halves accuracy above chance, by band; open triangles are bounds.

    Parameters
    ----------
    thresholds, people : DataFrame
        Columns observer, mean_cpi, threshold_sd, lo, hi, n_trials.
    """
    figure, panels = figures.new_figure(width_in=5.2, height_in=3.3)
    axes = panels[0, 0]
    with figures.style():
        for name, rows in people.groupby("observer", sort=False):
            _draw_thresholds(axes, rows, str(name), figures.COLOURS["human"])
        groups = list(thresholds.groupby("observer", sort=False))
        for colour, (name, rows) in zip(_colours(len(groups)), groups, strict=True):
            _draw_thresholds(axes, rows, str(name), colour)
        _frequency_axis(axes)
        axes.set(yscale="log", ylabel="threshold noise SD")
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2))
        n = figures.count_text([*thresholds["n_trials"], *people["n_trials"]])
        figures.caption(figure, f"n per band = {n} trials; bars: 95 % intervals; triangles: bounds")
    return figure


def _draw_thresholds(axes: Axes, rows: pd.DataFrame, label: str, colour: str) -> None:
    values = rows[["mean_cpi", "threshold_sd", "lo", "hi"]].to_numpy(float).T
    figures.draw_estimate(axes, *values, label=label, colour=colour, line=True)
    frequency, threshold, lo, hi = values
    unknown = ~np.isfinite(threshold)
    for bound, marker in ((np.where(lo > 0, lo, np.nan), "^"), (np.where(np.isfinite(hi), hi, np.nan), "v")):
        axes.plot(frequency[unknown], bound[unknown], marker, color=colour, markersize=9, fillstyle="none")


def stimulus_sheet(
    stimuli: NDArray[np.float32], sds: Sequence[float], labels_cpi: Sequence[float] | NDArray[np.float64]
) -> Figure:
    """Show stimuli as an observer gets them: a row a noise SD, a column a band.

    Parameters
    ----------
    stimuli : array, shape (n_sds, n_bands, size, size)
        Luminance in [0, 1].
    sds : sequence of float, length n_sds
        Row labels.
    labels_cpi : sequence of float, length n_bands
        Column labels.
    """
    n_sds, n_bands = stimuli.shape[:2]
    figure, panels = figures.new_figure(n_sds, n_bands, width_in=n_bands + 0.4, height_in=n_sds + 0.5)
    with figures.style():
        for (row, column), axes in np.ndenumerate(panels):
            axes.imshow(stimuli[row, column], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_visible(False)
            if row == 0:
                axes.set_title(f"{labels_cpi[column]:g}", loc="center", fontsize=8)
            if column == 0:
                axes.set_ylabel(f"SD {sds[row]:g}", fontsize=8)
        figure.suptitle("noise band, cycles per image", fontsize=8)
    return figure


def sheet_of(config: MaskingConfig) -> Figure:
    """Draw the stimulus sheet of a run: its first images, in every band at four noise SDs."""
    from cogattn.psychophysics.masking.stimuli.noise import spectra
    from cogattn.psychophysics.masking.trials import example_stimuli

    sds = [sd for sd in config.noise.sds if sd > 0]
    sds = [sds[i] for i in np.unique(np.linspace(0, len(sds) - 1, 4).round().astype(int))]
    labels = spectra(config.noise, config.images.size).nominal_cpi
    return stimulus_sheet(example_stimuli(config, sds), sds, labels)


def _frequency_axis(axes: Axes) -> None:
    ticks = (2, 4, 8, 16, 32, 64, 128)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(1.1, 170)
    axes.set_xlabel("frequency, cycles per image")


def _colours(n: int) -> list[str]:
    return [figures.SERIES[i % len(figures.SERIES)] for i in range(n)]


def _shades(sds: Sequence[float]) -> dict[float, tuple[float, ...]]:
    """Light for weak noise, dark for strong; black for none."""
    from matplotlib import colormaps

    noisy = [float(sd) for sd in sds if sd > 0]
    tones = colormaps["viridis_r"](np.linspace(0.1, 0.95, max(len(noisy), 1)))
    return {0.0: (0.0, 0.0, 0.0, 1.0), **{sd: tuple(tone) for sd, tone in zip(noisy, tones, strict=True)}}
