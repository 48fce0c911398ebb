"""Figures of the naming study: shape bias by category, error consistency, accuracy under attack, the images shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cogattn import figures
from cogattn.many import MANY, Column, rows_figure
from cogattn.measures import Estimate, Row
from cogattn.psychophysics.naming.likeness import over_pairs
from cogattn.statistics.intervals import mean_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cogattn.psychophysics.naming.config import NamingConfig

FEW = len(figures.SERIES)
"""So many observers have a colour each; more are drawn in rows of their own."""
PANELS = 4
"""Most radii that have a panel each where observers are many."""
SHEET = (2, 6)
"""Rows and columns of a sheet of images."""


def shape_bias_figure(
    table: pd.DataFrame, people: pd.DataFrame, names: Mapping[str, str], rows: Mapping[str, Row]
) -> Figure:
    """Draw the share of shape answers by category, a colour an observer; of many observers, each one's shape bias.

    Parameters
    ----------
    table, people : DataFrame
        Columns observer, category, shape_bias, n_shape, n_texture; people may be nobody.
    names : mapping of str to str
        What the observers of `table` are called, by id.
    rows : mapping of str to Row
        Each observer's shape bias, with people's beside it, by id.
    """
    if len(names) > FEW:
        return _bias_rows(names, rows)
    order = table.groupby("category")["shape_bias"].mean().sort_values(na_position="first").index
    place = {category: k for k, category in enumerate(order)}
    figure, panels = figures.new_figure(width_in=5.2, height_in=1.4 + 0.2 * len(order) + 0.17 * len(names))
    axes = panels[0, 0]
    with figures.style():
        if len(people):
            mean = people.groupby("category")["shape_bias"].mean()
            n = people["observer"].nunique()
            axes.plot(
                people["shape_bias"], people["category"].map(place), "o", color=figures.COLOURS["human"],
                alpha=0.25, markersize=3, markeredgewidth=0,
            )  # fmt: skip
            _draw_bias(axes, mean, place, figures.COLOURS["human"], f"people (n = {n})", _people_of(rows))
        for colour, (key, name) in zip(figures.SERIES, names.items(), strict=False):
            own = table[table["observer"] == key].set_index("category")["shape_bias"]
            row = rows.get(key)
            _draw_bias(axes, own, place, colour, figures.shortened(name, 32), row.value if row else None)
        axes.set(xlim=(-0.02, 1.02), xlabel="shape answers over shape and texture answers")
        axes.set_yticks(range(len(order)), list(order))
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.14))
        decided = table.groupby("observer")[["n_shape", "n_texture"]].sum().sum(axis=1)
        text = f"n = {figures.count_text(decided.clip(lower=1))} shape or texture answers an observer"
        figures.caption(figure, f"{text}; lines: all categories")
    return figure


def _draw_bias(
    axes: Axes,
    values: pd.Series,
    place: Mapping[str, int],
    colour: str,
    label: str,
    overall: Estimate | None,
) -> None:
    """A dot a category, and a line through all: the shape bias, or the mean over categories."""
    mean = overall.estimate if overall else float(values.mean())
    text = f"{label}: {mean:.2f}"
    if overall and np.isfinite([overall.lo, overall.hi]).all():
        text += f" [{overall.lo:.2f}, {overall.hi:.2f}]"
    axes.plot(values, [place[name] for name in values.index], "o", color=colour, label=text)
    if np.isfinite(mean):
        axes.axvline(mean, color=colour, linewidth=1, alpha=0.7)


def _bias_rows(names: Mapping[str, str], rows: Mapping[str, Row]) -> Figure:
    values = {key: rows[key].value for key in names if key in rows}
    human = _people_of(rows)
    n = figures.count_text([max(value.n, 1) for value in values.values()])
    theirs = "; line, band: people" if human else ""
    text = f"n = {n} answers; bars: 95 % intervals{theirs}; x: not determined"
    return _ranked(names, values, "shape answers over shape and texture answers", (0.0, 1.0), human, text)


def _people_of(rows: Mapping[str, Row]) -> Estimate | None:
    """People's value, where it is the same for all observers: not where each of them is one of the people."""
    values = {row.human for row in rows.values() if row.human}
    return values.pop() if len(values) == 1 else None


def _ranked(
    names: Mapping[str, str],
    values: Mapping[str, Estimate],
    label: str,
    limits: tuple[float, float],
    human: Estimate | None,
    text: str,
) -> Figure:
    """One measure of many observers, the highest first."""
    order = sorted(values, key=lambda key: -np.nan_to_num(values[key].estimate, nan=-np.inf))
    table = np.array([[values[key].estimate, values[key].lo, values[key].hi] for key in order])
    return rows_figure([names[key] for key in order], [Column(label, table, limits, human=human)], text)


def naming_figure(pairs: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Draw error consistency: pairs of people as grey dots, each observer's with every person in colour.

    Parameters
    ----------
    pairs : DataFrame
        Columns first, second, kappa, n_trials; an observer is the first of its pair.
    names : mapping of str to str
        What the observers are called, by id; a row each, below that of the people.
    """
    among = pairs[~pairs["first"].isin(names)]
    if among.empty:  # the observers are people themselves, each pair both ways
        among = pairs[pairs["first"] < pairs["second"]]
    groups = {"people with people": among["kappa"]}
    means = {"people with people": over_pairs(among, "kappa")}
    for key, rows in pairs[pairs["first"].isin(names)].groupby("first", sort=False):
        groups[names[str(key)]], means[names[str(key)]] = rows["kappa"], mean_interval(rows["kappa"])
    if len(groups) - 1 > MANY:
        human = means.pop("people with people")
        n = figures.count_text(pairs["n_trials"])
        text = f"n = {n} images a pair; bars: 95 % over persons; line, band: people with people"
        return _ranked(
            dict(zip(means, means, strict=True)), means, "error consistency (kappa)", (-0.2, 1.0), human, text
        )
    many = len(groups) - 1 > FEW
    figure, panels = figures.new_figure(width_in=5.2, height_in=1.2 + (0.2 if many else 0.34) * len(groups))
    axes = panels[0, 0]
    colours = [figures.COLOURS["model"]] * len(groups) if many else figures.SERIES
    with figures.style():
        drawn = zip(groups, (figures.COLOURS["reference"], *colours), strict=False)
        for row, (name, colour) in enumerate(drawn):
            values, mean = groups[name], means[name]
            aside = 0.24 * np.sin(2.4 * np.arange(len(values)))  # dots of equal kappa side by side
            axes.plot(values, row + aside, "o", color=colour, alpha=0.6, markersize=2.5 if many else 3.5)
            axes.plot(mean.estimate, row, "|", color=colour, markersize=9 if many else 16)
            axes.hlines(row, mean.lo, mean.hi, color=colour, linewidth=1.2)
        axes.axvline(0, color="#999999", linestyle=":", linewidth=1)
        axes.set(xlabel="error consistency (kappa)", ylim=(len(groups) - 0.4, -0.6))
        axes.set_yticks(
            range(len(groups)),
            [figures.shortened(name, 34) for name in groups],
            fontsize=6 if many else 8,
        )
        n = figures.count_text(pairs["n_trials"])
        figures.caption(
            figure, f"n = {n} images a pair; lines: means, 95 % over persons; dotted: independent errors"
        )
    return figure


def robustness_figure(table: pd.DataFrame, names: Mapping[str, str], norm: str) -> Figure:
    """Draw accuracy over the radius of the attack, a curve an observer; of many, a panel a radius, a row each.

    Parameters
    ----------
    table : DataFrame
        Columns observer, epsilon (0 without attack), n, accuracy, lo, hi.
    names : mapping of str to str
        What the observers are called, by id.
    norm : str
        Of the perturbation.
    """
    if len(names) > FEW:
        return _robustness_rows(table, names, norm)
    figure, panels = figures.new_figure(width_in=5.2, height_in=2.8 + 0.17 * len(names))
    axes = panels[0, 0]
    radii = sorted(set(table["epsilon"]))
    with figures.style():
        for k, (colour, (key, name)) in enumerate(zip(figures.SERIES, names.items(), strict=False)):
            rows = table[table["observer"] == key].sort_values("epsilon")
            x = [radii.index(epsilon) + 0.06 * (k - (len(names) - 1) / 2) for epsilon in rows["epsilon"]]
            estimate, lo, hi = (rows[column] for column in ("accuracy", "lo", "hi"))
            figures.draw_estimate(
                axes, x, estimate, lo, hi, label=figures.shortened(name, 40), colour=colour, line=True
            )
        axes.set_xticks(range(len(radii)), ["none", *(f"{radius:g}" for radius in radii[1:])])
        axes.set(xlabel=f"radius of the attack ({norm})", ylabel="share correct", ylim=(-0.02, 1.02))
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2))
        n = figures.count_text(table["n"])
        figures.caption(figure, f"n = {n} images; bars: 95 % Wilson intervals")
    return figure


def _robustness_rows(table: pd.DataFrame, names: Mapping[str, str], norm: str) -> Figure:
    """A panel a radius, the most accurate under the weakest attack first."""
    radii = sorted(set(table["epsilon"]))
    if len(radii) > PANELS:
        radii = [radii[k] for k in np.unique(np.linspace(0, len(radii) - 1, PANELS).round().astype(int))]
    by_radius = {
        radius: table[table["epsilon"] == radius].set_index("observer").reindex(list(names))
        for radius in radii
    }
    order = by_radius[radii[1]]["accuracy"].sort_values(ascending=False, kind="stable").index
    columns = [
        Column(
            "share correct",
            rows.loc[order, ["accuracy", "lo", "hi"]].to_numpy(float),
            (0.0, 1.0),
            ticks=(0.0, 0.5, 1.0),
            title=f"{norm} {radius:g}" if radius else "no attack",
        )
        for radius, rows in by_radius.items()
    ]
    text = f"n = {figures.count_text(table['n'])} images; bars: 95 % Wilson intervals"
    return rows_figure([names[key] for key in order], columns, text)


def sheet_of(config: NamingConfig) -> Figure:
    """Show some of a run's cue-conflict images as an observer gets them, with shape and texture."""
    from cogattn.psychophysics.naming.material import conflict_images

    images = conflict_images(config)
    n_rows, n_columns = SHEET
    n = min(n_rows * n_columns, len(images.ids))
    chosen = np.linspace(0, len(images.ids) - 1, n).round().astype(int)
    figure, panels = figures.new_figure(n_rows, n_columns, width_in=7.2, height_in=1.35 * n_rows + 0.3)
    with figures.style():
        for place, axes in enumerate(panels.flat):
            axes.set_axis_off()
            if place >= n:
                continue
            index = int(chosen[place])
            axes.imshow(images.load(index).transpose(1, 2, 0), interpolation="nearest")
            axes.set_title(f"{images.shapes[index]}\nof {images.textures[index]}", fontsize=7)
        figures.caption(figure, "above the images: shape, and of what it is made")
    return figure
