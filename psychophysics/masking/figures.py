"""Figures of the masking study: accuracy by noise SD and band, thresholds, channels, the stimuli themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from cogattn import figures
from cogattn.psychophysics.masking import many
from cogattn.psychophysics.masking.channel.fit import Channel
from cogattn.psychophysics.masking.channel.population import PopulationChannel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from cogattn.psychophysics.masking.config import MaskingConfig

FREQUENCIES_CPI = np.geomspace(1, 160, 241)
FEW = len(figures.SERIES)
"""So many observers have a colour each; more are drawn in panels or rows of their own."""
MOST_PANELS = 20
"""More observers than these have a row of colours, not a panel."""
DODGE_OCTAVES = 0.11
"""Between the dots of two noise SDs at one band, so that their bars can be told apart."""


def channel_figure(channels: Mapping[str, Channel], people: PopulationChannel | None) -> Figure:
    """Draw the power gain of each observer's channel over that of people; of many observers, width and centre.

    Parameters
    ----------
    channels : mapping of str to Channel
        Observers by name; a channel that is not identified is named and not drawn.
    people : PopulationChannel or None
        Mean over persons; each person's channel is drawn thin. None where their channels are not known.
    """
    if len(channels) > FEW:
        return many.channel_rows(channels, people, _trials_text(channels, people))
    figure, panels = figures.new_figure(width_in=5.2, height_in=3.0 + 0.17 * len(channels))
    axes = panels[0, 0]
    with figures.style():
        if people is not None:
            _draw_people(axes, people, "people")
        for colour, (name, channel) in zip(figures.SERIES, channels.items(), strict=False):
            _draw_channel(axes, channel, figures.shortened(name, 28), colour)
        _frequency_axis(axes)
        axes.set(ylabel="power gain of the channel", ylim=(0, 1.05), yticks=(0, 0.5, 1))
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2))
        thin = "" if people is None else "; thin: persons"
        figures.caption(
            figure,
            f"{_trials_text(channels, people)}{thin}; widths at half height, 95 % intervals; D: deviance",
        )
    return figure


def _trials_text(channels: Mapping[str, Channel], people: PopulationChannel | None) -> str:
    n = figures.count_text([channel.n_trials for channel in channels.values()])
    theirs = "" if people is None else f"; people: n = {people.n_observers}"
    return f"n = {n} trials{theirs}"


def _draw_people(axes: Axes, people: PopulationChannel, label: str) -> None:
    colour = figures.COLOURS["human"]
    for person in people.channels:
        if person.identified:
            axes.plot(FREQUENCIES_CPI, person.gain(FREQUENCIES_CPI), color=colour, alpha=0.18, linewidth=0.8)
    width, center = people.bandwidth_octaves, people.center_cpi.mean
    if not np.isfinite([width.mean, center]).all():
        axes.plot([], [], color=colour, linestyle=":", label=f"{label}: not determined")
        return
    gain = np.exp2(-((2 * np.log2(FREQUENCIES_CPI / center) / width.mean) ** 2))
    own = [person.gain(FREQUENCIES_CPI) for person in people.channels if person.identified]
    if own and any(person.gain_name != "log-gaussian" for person in people.channels):
        gain = np.exp(np.mean(np.log(np.maximum(own, 1e-12)), axis=0))
        gain = gain / gain.max()
    text = f"{label}: {width.mean:.2f} [{width.interval[0]:.2f}, {width.interval[1]:.2f}] octaves"
    axes.plot(FREQUENCIES_CPI, gain, color=colour, linewidth=2.2, label=text)


def _draw_channel(axes: Axes, channel: Channel, name: str, colour: str) -> None:
    if not np.isfinite([channel.bandwidth_octaves, channel.center_cpi]).all():
        axes.plot([], [], color=colour, linestyle=":", label=f"{name}: not determined")
        return
    lo, hi = channel.bandwidth_interval
    label = (
        f"{name}: {channel.bandwidth_octaves:.2f} [{lo:.2f}, {hi:.2f}] octaves; "
        f"D / df {channel.dispersion:.1f}"
    )
    gain = channel.gain(FREQUENCIES_CPI)
    narrow, wide = (_stretched(channel, end) for end in (max(lo, 1e-2), min(hi, 50.0)))
    figures.draw_band(axes, FREQUENCIES_CPI, gain, narrow, wide, colour=colour, label=label)


def _stretched(channel: Channel, bandwidth_octaves: float) -> NDArray[np.float64]:
    """The gain as it would be if it were this wide about the same centre."""
    octaves = np.log2(FREQUENCIES_CPI / channel.center_cpi) * channel.bandwidth_octaves / bandwidth_octaves
    return channel.gain(channel.center_cpi * np.exp2(np.clip(octaves, -100, 100)))


def accuracy_figure(accuracy: pd.DataFrame, people: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw accuracy over band, a curve a noise SD, a panel an observer; people come first.

    Parameters
    ----------
    accuracy, people : DataFrame
        Columns observer, noise_sd, mean_cpi, accuracy, lo, hi, n_correct, n_trials, guessing; people may be nobody.
    names : mapping of str to str
        What the observers of `accuracy` are called, by id.
    """
    if len(names) > MOST_PANELS:
        return many.accuracy_cells(accuracy, people, names)
    panels_of = {str(name): rows for name, rows in people.groupby("observer", sort=False)}
    panels_of |= {names[str(key)]: rows for key, rows in accuracy.groupby("observer", sort=False)}
    figure, panels = _grid(len(panels_of))
    with figures.style():
        shade = _shades(sorted({*accuracy["noise_sd"], *people["noise_sd"]}))
        lowest = min([*accuracy["mean_cpi"], *people["mean_cpi"]])
        for axes, (name, table) in zip(panels.flat, panels_of.items(), strict=False):
            _draw_accuracy(axes, table, shade, lowest_cpi=lowest)
            _title(axes, name, n_columns=panels.shape[1])
        _tidy_grid(panels, len(panels_of), ylabel="share correct")
        handles = {
            label: handle
            for axes in panels.flat
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        labels = sorted(handles, key=lambda label: 0.0 if label == "none" else float(label))
        figure.legend(
            [handles[label] for label in labels], labels, title="noise SD", loc="outside right upper"
        )
        theirs = f"people {people['n_trials'].median():,.0f}, others " if len(people) else ""
        n = f"{theirs}{accuracy['n_trials'].median():,.0f}"
        figures.caption(figure, f"trials a dot, median: {n}; bars: 95 % Wilson intervals; dotted: guessing")
    return figure


def _draw_accuracy(
    axes: Axes, table: pd.DataFrame, shade: Mapping[float, tuple[float, ...]], *, lowest_cpi: float
) -> None:
    shown = [sd for sd in sorted(table["noise_sd"].unique()) if sd > 0]
    for sd, rows in table.groupby("noise_sd"):
        rows = rows[rows["n_trials"] > 0].sort_values("mean_cpi")
        if sd == 0:
            axes.axhline(
                rows["n_correct"].sum() / rows["n_trials"].sum(), color=shade[0.0], linewidth=1, label="none"
            )
            continue
        x, estimate, lo, hi = rows[["mean_cpi", "accuracy", "lo", "hi"]].to_numpy(float).T
        aside = np.exp2(DODGE_OCTAVES * (shown.index(sd) - (len(shown) - 1) / 2))
        axes.errorbar(
            x * aside,
            estimate,
            yerr=np.abs(np.stack([estimate - lo, hi - estimate])),
            fmt="o-",
            color=shade[cast(float, sd)],
            markersize=2.4,
            linewidth=0.9,
            elinewidth=0.6,
            label=f"{sd:g}",
        )
    axes.axhline(table["guessing"].iloc[0], color="#999999", linestyle=":", linewidth=1)
    _frequency_axis(axes, lowest_cpi)
    axes.set_ylim(0, 1.02)


def threshold_figure(thresholds: pd.DataFrame, people: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw the noise SD that halves accuracy above chance, by band; open triangles are bounds.

    Parameters
    ----------
    thresholds, people : DataFrame
        Columns observer, mean_cpi, threshold_sd, lo, hi, n_trials; people may be nobody.
    names : mapping of str to str
        What the observers of `thresholds` are called, by id; more than a few get a panel each.
    """
    groups = {names[str(key)]: rows for key, rows in thresholds.groupby("observer", sort=False)}
    if len(groups) > MOST_PANELS:
        return many.threshold_cells(thresholds, people, names)
    each = len(groups) > FEW
    limits = _threshold_limits(thresholds, people)
    if each:
        figure, panels = _grid(len(groups))
    else:
        figure, panels = figures.new_figure(width_in=5.2, height_in=3.0 + 0.17 * len(groups))
    with figures.style():
        for i, (name, rows) in enumerate(groups.items()):
            axes = panels.flat[i if each else 0]
            if each or i == 0:
                for label, theirs in people.groupby("observer", sort=False):
                    _draw_thresholds(axes, theirs, str(label), figures.COLOURS["human"], small=each)
            colour = figures.COLOURS["model"] if each else figures.SERIES[i]
            _draw_thresholds(axes, rows, figures.shortened(name, 50), colour, small=each)
            _frequency_axis(axes, min([*thresholds["mean_cpi"], *people["mean_cpi"]]))
            axes.set(yscale="log", ylim=limits)
            figures.plain_log_ticks(axes, (0.01, 0.1), axis="y")
            if each:
                _title(axes, name, n_columns=panels.shape[1])
        if each:
            _tidy_grid(panels, len(groups), ylabel="threshold SD")
        else:
            panels[0, 0].set_ylabel("threshold noise SD")
            panels[0, 0].legend(loc="upper left", bbox_to_anchor=(0, -0.2))
        who = "vermilion: people; " if each and len(people) else ""
        n = figures.count_text([*thresholds["n_trials"], *people["n_trials"]])
        figures.caption(figure, f"{who}n per band = {n} trials; bars: 95 % intervals; triangles: bounds")
    return figure


def _threshold_limits(*tables: pd.DataFrame) -> tuple[float, float]:
    """Ends of an axis that holds all thresholds and bounds, and their intervals as far as four times beyond."""
    values = np.concatenate([table[["threshold_sd", "lo", "hi"]].to_numpy(float) for table in tables])
    known = values[:, 0][np.isfinite(values[:, 0])]
    ends = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return float(ends.min(initial=0.01) / 1.5), float(ends.max(initial=0.2) * 1.5)
    low, high = max(ends.min(), known.min() / 4), min(ends.max(), known.max() * 4)
    return float(min(low, known.min()) / 1.3), float(max(high, known.max()) * 1.3)


def _draw_thresholds(axes: Axes, rows: pd.DataFrame, label: str, colour: str, *, small: bool) -> None:
    frequency, threshold, lo, hi = rows[["mean_cpi", "threshold_sd", "lo", "hi"]].to_numpy(float).T
    known = np.isfinite(threshold)
    ends = np.abs(np.stack([threshold - lo, hi - threshold]))[:, known]
    axes.errorbar(
        frequency[known],
        threshold[known],
        yerr=np.where(np.isfinite(ends), ends, 0),
        fmt="o-",
        color=colour,
        markersize=2.4 if small else 5,
        linewidth=0.9 if small else 1.6,
        elinewidth=0.6 if small else 1.2,
        label=label,
    )
    for bound, marker in ((np.where(lo > 0, lo, np.nan), "^"), (np.where(np.isfinite(hi), hi, np.nan), "v")):
        size = 4 if small else 9
        axes.plot(frequency[~known], bound[~known], marker, color=colour, markersize=size, fillstyle="none")


def stimulus_sheet(
    stimuli: NDArray[np.float32], sds: Sequence[float], labels_cpi: Sequence[float] | NDArray[np.float64]
) -> Figure:
    """Show one stimulus as an observer gets it: a row a noise SD, a column a band; without noise it is shown once.

    Parameters
    ----------
    stimuli : array, shape (n_sds, n_bands, size, size)
        In [0, 1].
    sds : sequence of float, length n_sds
        Row labels.
    labels_cpi : sequence of float, length n_bands
        Column labels.
    """
    n_sds, n_bands = stimuli.shape[:2]
    figure, panels = figures.new_figure(n_sds, n_bands, width_in=n_bands + 0.4, height_in=n_sds + 0.4)
    first_noisy = next((row for row, sd in enumerate(sds) if sd > 0), 0)
    with figures.style():
        for (row, column), axes in np.ndenumerate(panels):
            if sds[row] == 0 and column > 0:
                axes.set_axis_off()
                continue
            axes.imshow(stimuli[row, column], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_visible(False)
            if row == first_noisy:
                axes.set_title(f"{labels_cpi[column]:g}", loc="center", fontsize=8)
            if column == 0:
                axes.set_ylabel(f"SD {sds[row]:g}" if sds[row] else "no noise", fontsize=8)
        figures.caption(figure, "above the columns: centre of the noise band in cycles per image")
    return figure


def sheet_of(config: MaskingConfig) -> Figure:
    """Draw the stimulus sheet of a run: one of its images without noise and at each noise SD in every band."""
    from cogattn.psychophysics.masking.presentation import example_stimuli
    from cogattn.psychophysics.masking.stimuli.noise import spectra

    sds = config.noise.sds
    if len(sds) > MOST_ROWS:
        sds = tuple(sds[i] for i in np.unique(np.linspace(0, len(sds) - 1, MOST_ROWS).round().astype(int)))
    labels = spectra(config.noise, config.images.size).nominal_cpi
    return stimulus_sheet(example_stimuli(config, sds), sds, labels)


MOST_ROWS = 8
"""Of a stimulus sheet."""


def _grid(n: int) -> tuple[Figure, NDArray]:
    """Panels for `n` observers: wide ones for a few, five a row for many."""
    if n <= FEW:
        columns = min(n, 3)
        rows = -(-n // columns)
        return figures.new_figure(rows, columns, width_in=2.5 * columns + 0.9, height_in=2.3 * rows + 0.4)
    rows = -(-n // 5)
    return figures.new_figure(rows, 5, width_in=9.0, height_in=1.55 * rows + 0.5)


def _tidy_grid(panels: NDArray, n: int, *, ylabel: str) -> None:
    """Blank what is left over; labels at the left and at the bottom of each column only."""
    columns = panels.shape[1]
    for place, axes in enumerate(panels.flat):
        if place >= n:
            axes.set_axis_off()
            continue
        small = columns > 3
        axes.tick_params(labelsize=6 if small else 8)
        axes.xaxis.label.set_size(7 if small else 9)
        if place % columns == 0:
            axes.set_ylabel(ylabel, fontsize=7 if small else 9)
        else:
            axes.tick_params(labelleft=False)
        lowest, last_row = place + columns >= n, place // columns == len(panels) - 1
        axes.tick_params(labelbottom=lowest)
        if small:
            figures.plain_log_ticks(axes, (2, 8, 32, 128))
        if not last_row:
            axes.set_xlabel("")
        elif small:
            axes.set_xlabel("cycles per image")


def _title(axes: Axes, name: str, *, n_columns: int) -> None:
    size, width = (8, 34) if n_columns <= 3 else (7, 27)
    axes.set_title(figures.broken(name, width), fontsize=size)


def _frequency_axis(axes: Axes, lowest_cpi: float = 2.0) -> None:
    """Octaves; from below the lowest band where that is lower than usual."""
    axes.set_xscale("log", base=2)
    figures.plain_log_ticks(axes, (2, 4, 8, 16, 32, 64, 128))
    axes.set_xlim(min(1.1, 0.75 * lowest_cpi), 170)
    axes.set_xlabel("frequency, cycles per image")


def _shades(sds: Sequence[float]) -> dict[float, tuple[float, ...]]:
    """Light for weak noise, dark for strong; black for none."""
    from matplotlib import colormaps

    noisy = [float(sd) for sd in sds if sd > 0]
    tones = colormaps["viridis_r"](np.linspace(0.1, 0.95, max(len(noisy), 1)))
    return {0.0: (0.0, 0.0, 0.0, 1.0), **{sd: tuple(tone) for sd, tone in zip(noisy, tones, strict=True)}}
