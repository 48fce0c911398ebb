"""Figures of many observers in noise: rows of channels, accuracy and thresholds as colours, kappas of all pairs.

A few observers have a colour or a panel each (`figures`); more have a row, so that a hundred fit on a page and can be
compared at a glance. Numbers and intervals that a row of colours cannot show are in the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn import figures, many
from cogattn.measures import Estimate
from cogattn.psychophysics.masking.channel.fit import Channel
from cogattn.psychophysics.masking.channel.population import PopulationChannel
from cogattn.psychophysics.naming.likeness import over_pairs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEAREST_OCTAVES = 0.5
"""People's bands stand in the column of a band of the run that is no farther away."""
MOST_NUMBERS = 12
"""Up to so many observers have their kappas written into the cells."""
TICKS = tuple(np.exp2(np.arange(-2, 9)))
THRESHOLD_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def channel_rows(channels: Mapping[str, Channel], people: PopulationChannel | None, text: str) -> Figure:
    """Draw bandwidth, centre and misfit, a row an observer, by rank of the bandwidth.

    Parameters
    ----------
    channels : mapping of str to Channel
        Observers by name.
    people : PopulationChannel or None
        Mean over persons, a line and a band.
    text : str
        How many trials.
    """
    order = sorted(channels, key=lambda name: -np.nan_to_num(channels[name].bandwidth_octaves, nan=-np.inf))
    ranked = [channels[name] for name in order]
    human: dict[str, Estimate] = {}
    if people is not None:
        human = {
            label: Estimate(value.mean, *value.interval, people.n_observers)
            for label, value in (("bandwidth", people.bandwidth_octaves), ("centre", people.center_cpi))
        }
    columns = [
        many.Column(
            "bandwidth, octaves",
            np.array([[c.bandwidth_octaves, *c.bandwidth_interval] for c in ranked]),
            (0.4, 8.0), log=True, human=human.get("bandwidth"), ticks=TICKS,
        ),
        many.Column(
            "centre, cycles per image",
            np.array([[c.center_cpi, *c.center_interval] for c in ranked]),
            (4.0, 128.0), log=True, human=human.get("centre"), ticks=TICKS,
        ),
        many.Column(
            "deviance over df",
            np.array([[c.dispersion, np.nan, np.nan] for c in ranked]),
            (0.5, max(8.0, 1.2 * float(np.nanmax([c.dispersion for c in ranked], initial=0)))),
            log=True, ticks=(0.5, 1, 2, 4, 8, 16, 32, 64),
        ),
    ]  # fmt: skip
    theirs = "" if people is None else "; vermilion: people"
    return many.rows_figure(
        order, columns, f"{text}{theirs}; 95 % intervals; x: not determined; by bandwidth"
    )


def accuracy_cells(accuracy: pd.DataFrame, people: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw accuracy as colours: a row an observer, a block of columns a noise SD, in it a column a band.

    Parameters
    ----------
    accuracy, people : DataFrame
        As for `figures.accuracy_figure`. People's mean comes first, then observers by their mean accuracy in noise.
    names : mapping of str to str
        What the observers of `accuracy` are called, by id.
    """
    bands = accuracy.groupby("band")["mean_cpi"].mean()
    sds = sorted(accuracy["noise_sd"].unique())
    own = _shares(accuracy, bands, sds)
    noisy = [column for column in own.columns if column[0] > 0]
    own = own.loc[own[noisy].mean(axis=1).sort_values(ascending=False, kind="stable").index]
    theirs = _shares(people, bands, sds) if len(people) else own.iloc[:0]
    shown = pd.concat([theirs, own])
    blocks = [
        many.Cells(
            shown.xs(sd, axis=1, level=0).to_numpy(float),
            [f"{cpi:.3g}" for cpi in bands] if sd else ["all"],
            f"SD {sd:g}" if sd else "none",
        )
        for sd in sds
    ]
    n = f"{accuracy['n_trials'].median():,.0f}"
    who = "people, then observers" if len(theirs) else "observers"
    figure, _ = many.cells_figure(
        [*theirs.index, *(names[str(key)] for key in own.index)],
        blocks,
        limits=(0, 1),
        label=f"share correct (guessing: {accuracy['guessing'].iloc[0]:.3f})",
        text=f"{who} by mean accuracy in noise; trials a cell, median: {n}; blank: not shown",
        n_people=len(theirs),
        xlabel="noise band, cycles per image",
    )
    return figure


def _shares(table: pd.DataFrame, bands: pd.Series, sds: Sequence[float]) -> pd.DataFrame:
    """Accuracy by observer and (noise SD, band of the run), all bands together without noise; NaN: nothing shown."""
    octaves = np.abs(np.log2(table["mean_cpi"].to_numpy(float)[:, None] / bands.to_numpy(float)))
    near = octaves.min(axis=1) <= NEAREST_OCTAVES
    column = np.where(near, bands.index.to_numpy()[octaves.argmin(axis=1)], -1)
    placed = table.assign(column=np.where(table["noise_sd"] == 0, 0, column))
    placed = placed[(placed["column"] >= 0) & (placed["n_trials"] > 0)]
    sums = placed.groupby(["observer", "noise_sd", "column"], sort=False)[["n_correct", "n_trials"]].sum()
    share = (sums["n_correct"] / sums["n_trials"]).unstack(["noise_sd", "column"])
    wanted = [(sd, band) for sd in sds for band in (bands.index if sd else [0])]
    return share.reindex(columns=pd.MultiIndex.from_tuples(wanted), index=table["observer"].unique())


def threshold_cells(thresholds: pd.DataFrame, people: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw thresholds as colours with their numbers: a row an observer, a column a band.

    Parameters
    ----------
    thresholds, people : DataFrame
        As for `figures.threshold_figure`. People come first, then observers by their mean threshold; ``>`` and ``<``
        are bounds.
    names : mapping of str to str
        What the observers of `thresholds` are called, by id.
    """
    bands = np.array(sorted(thresholds["mean_cpi"].unique()))
    theirs, their_texts = _thresholds(people, bands)
    own, texts = _thresholds(thresholds, bands)
    order = _by_height(np.log(own))
    values = np.concatenate([theirs, own[order]])
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.01, 0.2)
    persons = [str(name) for name in people["observer"].unique()]
    figure, bar = many.cells_figure(
        [*persons, *(names[str(key)] for key in thresholds["observer"].unique()[order])],
        [
            many.Cells(
                np.log10(values),
                [f"{cpi:.3g}" for cpi in bands],
                "",
                np.concatenate([their_texts, texts[order]]),
            )
        ],
        limits=(np.log10(low), np.log10(high)),
        label="threshold noise SD",
        text=f"{'people, then ' if persons else ''}observers by mean threshold; > and <: bounds; blank: not known",
        n_people=len(persons),
        xlabel="noise band, cycles per image",
        width_in=6.2,
    )
    ticks = [tick for tick in THRESHOLD_TICKS if low <= tick <= high]
    bar.set_ticks(np.log10(ticks).tolist(), labels=[f"{tick:g}" for tick in ticks])
    return figure


def _thresholds(
    table: pd.DataFrame, bands: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Thresholds, else their bounds, and how they are written: (observers, bands)."""
    observers = list(table["observer"].unique())
    values, texts = (np.full((len(observers), len(bands)), empty) for empty in (np.nan, " " * 8))
    for row in table.to_dict("records"):
        octaves = np.abs(np.log2(bands / row["mean_cpi"]))
        at_least = row["lo"] if row["lo"] > 0 else np.nan
        bounds = ((row["threshold_sd"], ""), (at_least, ">"), (row["hi"], "<"))
        value, sign = next((pair for pair in bounds if np.isfinite(pair[0])), (np.nan, ""))
        if octaves.min() <= NEAREST_OCTAVES and np.isfinite(value):
            place = observers.index(row["observer"]), int(octaves.argmin())
            values[place], texts[place] = value, sign + f"{value:.2g}".removeprefix("0")
    return values, texts


def _by_height(logs: NDArray[np.float64]) -> NDArray[np.intp]:
    """From high to low, each band less its mean; those of whom fewer than half of the bands are known come last."""
    known = np.isfinite(logs)
    n_known = np.maximum(known.sum(axis=1), 1)
    means = np.where(known, logs, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    height = np.where(known, logs - means, 0).sum(axis=1) / n_known
    few = known.sum(axis=1) < logs.shape[1] / 2
    return np.lexsort((-height, few))


def consistency_figure(pairs: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw the kappa of all pairs as a square of colours: people first, then observers, alike ones side by side.

    Parameters
    ----------
    pairs : DataFrame
        Columns first, second, kappa, n_trials.
    names : mapping of str to str
        What the tested observers are called, by id; everybody else is one of the people.
    """
    ids = [str(key) for key in dict.fromkeys(pairs[["first", "second"]].to_numpy().ravel())]
    square = pairs.pivot(index="first", columns="second", values="kappa").reindex(index=ids, columns=ids)
    kappas = square.to_numpy(float)
    kappas = np.where(np.isnan(kappas), kappas.T, kappas)
    person = np.array([key not in names for key in ids])
    groups = [np.flatnonzero(group) for group in (person, ~person)]
    order = np.concatenate([group[many.by_likeness(kappas[np.ix_(group, group)])] for group in groups])
    shown, n_people = kappas[np.ix_(order, order)], int(person.sum())
    known = shown[np.isfinite(shown)]
    limits = float(min(0.0, known.min(initial=0))), float(max(0.1, known.max(initial=0)))
    people = over_pairs(pairs[~pairs[["first", "second"]].isin(list(names)).any(axis=1)], "kappa")
    size = max(1.8, min(0.36 * len(ids), 5.0), 0.075 * len(ids))
    figure, panels = figures.new_figure(width_in=size + 3.0, height_in=size + 0.7)
    axes = panels[0, 0]
    texts = np.array([[f"{k:.2f}" if np.isfinite(k) else "" for k in row] for row in shown])
    with figures.style():
        image = many.draw_cells(axes, shown, limits, texts=texts if len(ids) <= MOST_NUMBERS else None)
        axes.set_xticks([])
        small = len(ids) > many.MANY
        many.name_rows(
            axes, [names.get(ids[i], ids[i]) for i in order], n_people=n_people, fontsize=4.5 if small else 6
        )
        if 0 < n_people < len(ids):
            axes.axvline(n_people - 0.5, color="white", linewidth=2)
        bar = figure.colorbar(image, ax=axes, aspect=30, fraction=0.05, pad=0.02)
        bar.set_label("error consistency (kappa)", fontsize=8)
        bar.outline.set_visible(False)
        _mark_people(bar.ax, people)
        n = figures.count_text(pairs["n_trials"])
        figures.caption(figure, f"n = {n} trials a pair; {_means(pairs, names, people)}")
    return figure


def _mark_people(axes: Axes, people: Estimate) -> None:
    """People's mean kappa among each other, and its interval, on the scale of colours."""
    if np.isfinite(people.estimate):
        axes.axhline(people.estimate, color=figures.COLOURS["human"], linewidth=2)
    if np.isfinite([people.lo, people.hi]).all():
        axes.plot([0.5, 0.5], [people.lo, people.hi], color=figures.COLOURS["human"], linewidth=2)


def _means(pairs: pd.DataFrame, names: Mapping[str, str], people: Estimate) -> str:
    """Mean kappa among observers, of observers with people, and of people among each other with its interval."""
    tested = pairs[["first", "second"]].isin(list(names)).sum(axis=1)
    texts = []
    for count, who in ((2, "among observers"), (1, "with people")):
        kappas = pairs.loc[tested == count, "kappa"].dropna()
        texts += [f"mean {who} {kappas.mean():.2f}"] if len(kappas) else []
    if people.n:
        ends = f" [{people.lo:.2f}, {people.hi:.2f}]" if np.isfinite(people.lo) else ""
        texts.append(f"of people (vermilion) {people.estimate:.2f}{ends}")
    return ", ".join(texts)
