"""Figures of a set: accuracy and error consistency by condition, people behind; of many observers, ranked.

A few observers have a curve each over the conditions; more have a row each, sorted by the mean over the conditions that
count, people on top. A set of one condition has a dot an observer, however many they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cogattn import figures, many
from cogattn.measures import Estimate
from cogattn.psychophysics.naming.sets.made import MadeImages
from cogattn.psychophysics.naming.sets.published import Conditions, SetImages
from cogattn.psychophysics.naming.sets.rows import Named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

FEW = len(figures.SERIES)
"""So many observers have a colour each."""
LABELS = {
    "accuracy": "share named right",
    "error_consistency": "error consistency with people, kappa",
}
CELL_LIMITS = {"accuracy": (0.0, 1.0), "error_consistency": (0.0, 0.7)}
"""What the ends of the scale of colours stand for; values beyond have its last colour."""
PEOPLE = {"accuracy": "people, mean", "error_consistency": "people among each other"}
CHANCE = 1 / 16


def set_figure(
    table: pd.DataFrame, people: pd.DataFrame, measure: str, named: Named, names: Mapping[str, str]
) -> Figure:
    """Draw a measure of all observers in each condition of a set.

    Parameters
    ----------
    table, people : DataFrame
        As `rows.condition_table` and `rows.ceiling_table` return them; people may be nobody.
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
    draw = _cells if own["observer"].nunique() > FEW else _curves
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
    values = rows[["estimate", "lo", "hi"]].to_numpy(float)
    theirs = [Estimate(*one) for one in people[["estimate", "lo", "hi", "n"]].itertuples(index=False)]
    column = many.Column(
        LABELS[measure],
        values,
        _limits(table, people, measure),
        human=theirs[0] if theirs else None,
        title=named.name,
    )
    return many.rows_figure(rows["called"].tolist(), [column], _caption(table, people, measure))


def _cells(table: pd.DataFrame, people: pd.DataFrame, measure: str, named: Named) -> Figure:
    """An observer a row, a condition a column, the value as a colour and its number written in it."""
    conditions = named.conditions
    grid = table.pivot(index="observer", columns="condition", values="estimate").reindex(
        columns=conditions.names
    )
    counted = grid.loc[:, list(conditions.counted)].mean(axis=1)
    grid = grid.loc[counted.sort_values(ascending=False, kind="stable").index]
    names = grid.index.map(dict(zip(table["observer"], table["called"], strict=True))).tolist()
    values = grid.to_numpy(float)
    if len(people):
        values = np.vstack([*_in_order(people, conditions, ("estimate",)), values])
        names = [PEOPLE[measure], *names]
    texts = np.array([[_short(value) for value in row] for row in values])
    figure, _ = many.cells_figure(
        names,
        [many.Cells(values, conditions.labels, named.name, texts)],
        limits=CELL_LIMITS[measure],
        label=LABELS[measure],
        text="rows by the mean over the conditions that count; intervals are in the tables",
        n_people=int(len(people) > 0),
        xlabel=conditions.axis,
        width_in=3.6 + 0.4 * len(conditions.names),
    )
    return figure


def _short(value: float) -> str:
    """Two decimals without the leading zero; nothing where there is no value."""
    if not np.isfinite(value):
        return ""
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
