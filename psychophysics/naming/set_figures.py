"""Figures of a set: accuracy and error consistency by condition, people behind; of many observers, ranked.

A few observers have a curve each over the conditions; more have a row each, sorted by the mean over the conditions that
count, people on top. A set of one condition has a dot an observer, however many they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cogattn import figures
from cogattn.psychophysics.naming.made import MadeImages
from cogattn.psychophysics.naming.set_rows import Named
from cogattn.psychophysics.naming.sets import Conditions, SetImages

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

FEW = len(figures.SERIES)
"""So many observers have a colour each."""
ROW_IN = 0.15
LABELS = {
    "accuracy": "share named right",
    "error_consistency": "error consistency with people, kappa",
}
NAMES = {"accuracy": "accuracy", "error_consistency": "error consistency"}
LIMITS = {"accuracy": (0.0, 1.0), "error_consistency": (-0.2, 0.8)}
PEOPLE = {"accuracy": "people, mean", "error_consistency": "people among each other"}
CHANCE = 1 / 16


def set_figure(
    table: pd.DataFrame, people: pd.DataFrame, measure: str, named: Named, names: Mapping[str, str]
) -> Figure:
    """Draw a measure of all observers in each condition of a set.

    Parameters
    ----------
    table, people : DataFrame
        As `set_rows.condition_table` and `set_rows.ceiling_table` return them; people may be nobody.
    measure : {"accuracy", "error_consistency"}
        Which.
    named : Named
        The set.
    names : mapping of str to str
        What observers are called, by id.
    """
    own, theirs = (one[one["measure"] == measure] for one in (table, people))
    own = own.assign(called=[figures.shortened(names[str(one)], 34) for one in own["observer"]])
    if len(named.conditions.names) == 1:
        return _dots(own, theirs, measure, named)
    draw = _map if own["observer"].nunique() > FEW else _curves
    return draw(own, theirs, measure, named)


def set_sheet(images: SetImages | MadeImages, conditions: Conditions) -> Figure:
    """Show an image in each condition as an observer gets it: of made ones the same, else the first of each."""
    chosen = [images.conditions.index(name) for name in conditions.names if name in images.conditions]
    shown = [images.load(index) for index in chosen]
    if isinstance(images, MadeImages):
        shown = [images.made(chosen[0], images.conditions[index]) for index in chosen]
    labels = dict(zip(conditions.names, conditions.labels, strict=True))
    columns = min(4, len(chosen))
    rows = -(-len(chosen) // columns)
    figure, panels = figures.new_figure(
        rows, columns, width_in=1.7 * columns + 0.3, height_in=1.8 * rows + 0.4
    )
    with figures.style():
        for place, axes in enumerate(panels.flat):
            axes.set_axis_off()
            if place < len(chosen):
                axes.imshow(shown[place].transpose(1, 2, 0), interpolation="nearest", vmin=0, vmax=1)
                axes.set_title(labels[images.conditions[chosen[place]]], fontsize=8)
        if conditions.axis:
            figures.caption(figure, f"above the images: {conditions.axis}")
    return figure


def _curves(table: pd.DataFrame, people: pd.DataFrame, measure: str, named: Named) -> Figure:
    n, conditions = table["observer"].nunique(), named.conditions
    figure, panels = figures.new_figure(width_in=5.2, height_in=3.0 + 0.17 * n)
    axes = panels[0, 0]
    x = np.arange(len(conditions.names))
    with figures.style():
        if len(people):
            human = _in_order(people, conditions, ("estimate", "lo", "hi"))
            figures.draw_band(axes, x, *human, role="human", label=PEOPLE[measure])
        for i, (_, rows) in enumerate(table.groupby("observer", sort=False)):
            own = _in_order(rows, conditions, ("estimate", "lo", "hi"))
            aside = x + 0.08 * (i - (n - 1) / 2)
            figures.draw_estimate(
                axes, aside, *own, label=rows["called"].iloc[0], colour=figures.SERIES[i], line=True
            )
        axes.axhline(CHANCE if measure == "accuracy" else 0.0, color="#999999", linestyle=":", linewidth=1)
        axes.set_xticks(x, conditions.labels)
        axes.set(xlabel=conditions.axis, ylabel=LABELS[measure], ylim=_limits(table, people, measure))
        axes.set_title(named.name)
        axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2))
        dotted = "guessing" if measure == "accuracy" else "independent errors"
        figures.caption(figure, f"{_caption(table, people, measure)}; dotted: {dotted}")
    return figure


def _dots(table: pd.DataFrame, people: pd.DataFrame, measure: str, named: Named) -> Figure:
    """An observer a row, the highest on top."""
    rows = table.sort_values("estimate", ascending=False, kind="stable")
    n = len(rows)
    figure, panels = figures.new_figure(width_in=5.2, height_in=1.3 + ROW_IN * max(n, 3))
    axes = panels[0, 0]
    with figures.style():
        for mean, lo, hi in people[["estimate", "lo", "hi"]].to_numpy(float)[:1]:
            if np.isfinite([lo, hi]).all():
                axes.axvspan(lo, hi, color=figures.COLOURS["human"], alpha=0.18, linewidth=0)
            axes.axvline(mean, color=figures.COLOURS["human"])
        y = np.arange(n)[::-1]
        estimate, lo, hi = rows[["estimate", "lo", "hi"]].to_numpy(float).T
        axes.hlines(y, lo, hi, color=figures.COLOURS["model"], linewidth=1.2)
        axes.plot(estimate, y, "o", color=figures.COLOURS["model"], markersize=3.5)
        axes.set_yticks(y, rows["called"], fontsize=6 if n > 12 else 8)
        axes.set(ylim=(-0.8, n - 0.2), xlabel=LABELS[measure])
        axes.set_title(named.name)
        figures.caption(figure, _caption(table, people, measure))
    return figure


def _map(table: pd.DataFrame, people: pd.DataFrame, measure: str, named: Named) -> Figure:
    """An observer a row, a condition a column, the value as a colour and its number written in it."""
    conditions = named.conditions
    grid = table.pivot(index="observer", columns="condition", values="estimate").reindex(
        columns=conditions.names
    )
    counted = grid.loc[:, list(conditions.counted)].mean(axis=1)
    grid = grid.loc[counted.sort_values(ascending=False, kind="stable").index]
    labels = grid.index.map(dict(zip(table["observer"], table["called"], strict=True))).tolist()
    values = grid.to_numpy(float)
    if len(people):
        values = np.vstack([*_in_order(people, conditions, ("estimate",)), values])
        labels = [PEOPLE[measure], *labels]
    n, columns = values.shape
    figure, panels = figures.new_figure(width_in=3.0 + 0.42 * columns, height_in=1.3 + ROW_IN * n)
    axes = panels[0, 0]
    with figures.style():
        low, high = LIMITS[measure]
        colours = "cividis" if measure == "accuracy" else "PuOr"
        image = axes.imshow(values, aspect="auto", vmin=low, vmax=high, cmap=colours)
        for row, column in np.argwhere(np.isfinite(values)):
            value = values[row, column]
            told = {"ha": "center", "va": "center", "fontsize": 5.5, "color": _ink(image, value)}
            axes.text(column, row, _short(value), **told)
        axes.set_xticks(np.arange(columns), conditions.labels)
        axes.set_yticks(np.arange(n), labels, fontsize=6)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(conditions.axis)
        axes.set_title(f"{named.name}: {NAMES[measure]}")
        figures.caption(figure, "rows by the mean over conditions that count; intervals in the table")
    return figure


def _ink(image: AxesImage, value: float) -> str:
    """Black on light, white on dark."""
    red, green, blue, _ = image.cmap(image.norm(value))
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5 else "white"


def _short(value: float) -> str:
    """Two decimals without the leading zero."""
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.0f}"


def _limits(table: pd.DataFrame, people: pd.DataFrame, measure: str) -> tuple[float, float]:
    if measure == "accuracy":
        return 0.0, 1.02
    tables = (one[["estimate", "lo", "hi"]].to_numpy(float).ravel() for one in (table, people))
    values = np.concatenate(list(tables))
    values = values[np.isfinite(values)]
    return min(-0.1, values.min() - 0.03), max(0.7, values.max() + 0.03)


def _in_order(
    rows: pd.DataFrame, conditions: Conditions, columns: Sequence[str]
) -> list[NDArray[np.float64]]:
    found = rows.set_index("condition").reindex(conditions.names)
    return [found[column].to_numpy(float) for column in columns]


def _caption(table: pd.DataFrame, people: pd.DataFrame, measure: str) -> str:
    n = figures.count_text(table["n"])
    theirs = f", band (n = {figures.count_text(people['n'])})" if len(people) else ""
    return f"n = {n} {'images' if measure == 'accuracy' else 'people'}; bars{theirs}: 95 % intervals"
