"""Figures of many observers: a row an observer, on a page that can be read up to a hundred of them.

Two forms. `rows_figure` has a dot and an interval a row, a panel a measure. `cells_figure` has colours for numbers, a
panel a block of columns. Rows stand in the order in which they are given: a study ranks them by what the figure is
about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cogattn.figures import COLOURS, WIDE_IN, caption, plain_log_ticks, shortened, style
from cogattn.measures import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.image import AxesImage
    from matplotlib.layout_engine import ConstrainedLayoutEngine

Array = NDArray[np.float64]
ROW_IN, MANY_ROW_IN = 0.17, 0.125
"""Height of a row, and where there are more than `MANY`."""
MANY = 24
MOST_ROWS = 90
"""More rows than these stand in several blocks side by side."""
LONGEST_NAME = 34


@dataclass(frozen=True, eq=False)
class Column:
    """One measure of all observers: a panel of `rows_figure`.

    Parameters
    ----------
    label : str
        With its unit, below the panel.
    values : array, shape (n_observers, 3)
        Estimate, lower and upper end; NaN where there is none.
    limits : tuple of float
        Ends of the axis; intervals are cut there.
    log : bool
        Whether the axis is logarithmic.
    human : Estimate, optional
        People's mean, a line, and its interval, a band.
    ticks : sequence of float
        Of the axis; matplotlib's own where there are none.
    title : str
        Above the panel.
    """

    label: str
    values: Array
    limits: tuple[float, float]
    log: bool = False
    human: Estimate | None = None
    ticks: Sequence[float] = ()
    title: str = ""


def rows_figure(names: Sequence[str], columns: Sequence[Column], text: str) -> Figure:
    """Draw a row an observer and a panel a measure: a dot with its interval, a cross where there is no value.

    Parameters
    ----------
    names : sequence of str, length n_observers
        From above.
    columns : sequence of Column
        Panels.
    text : str
        The caption.
    """
    n_blocks = max(1, -(-len(names) // MOST_ROWS))
    size = max(1, -(-len(names) // n_blocks))
    height = ROW_IN if size <= MANY else MANY_ROW_IN
    width = (WIDE_IN if len(columns) > 1 else 5.2) * n_blocks
    figure = _page(width, 1.1 + height * max(size, 4))
    with style():
        panels = figure.subplots(1, n_blocks * len(columns), squeeze=False)[0]
        for place, axes in enumerate(panels):
            block, column = divmod(place, len(columns))
            part = slice(block * size, (block + 1) * size)
            _draw_column(axes, columns[column], columns[column].values[part], size)
            shown = names[part] if column == 0 else [""] * len(names[part])
            name_rows(axes, shown)
        caption(figure, text)
    return figure


def _draw_column(axes: Axes, column: Column, values: Array, size: int) -> None:
    human, limits = column.human, column.limits
    if human is not None and np.isfinite(human.estimate):
        if np.isfinite([human.lo, human.hi]).all():
            axes.axvspan(
                *np.clip([human.lo, human.hi], *limits), color=COLOURS["human"], alpha=0.18, linewidth=0
            )
        axes.axvline(human.estimate, color=COLOURS["human"])
    rows = np.arange(len(values))
    value, lo, hi = values.T
    known = np.isfinite(value)
    ends = np.clip(np.stack([np.where(np.isnan(lo), value, lo), np.where(np.isnan(hi), value, hi)]), *limits)
    axes.hlines(rows[known], *ends[:, known], color=COLOURS["model"], linewidth=1.2 if size <= MANY else 0.9)
    axes.plot(value[known], rows[known], "o", color=COLOURS["model"], markersize=3.5 if size <= MANY else 2.5)
    edge = (
        limits[0] * (limits[1] / limits[0]) ** 0.03
        if column.log
        else limits[0] + 0.03 * (limits[1] - limits[0])
    )
    axes.plot(np.full((~known).sum(), edge), rows[~known], "x", color=COLOURS["reference"], markersize=3)
    axes.set(
        xscale="log" if column.log else "linear", xlim=limits, ylim=(size - 0.3, -0.7), xlabel=column.label
    )
    axes.set_title(column.title, fontsize=8)
    if column.ticks and column.log:
        plain_log_ticks(axes, [tick for tick in column.ticks if limits[0] <= tick <= limits[1]])
    elif column.ticks:
        axes.set_xticks(column.ticks)


@dataclass(frozen=True, eq=False)
class Cells:
    """A block of columns of `cells_figure`.

    Parameters
    ----------
    values : array, shape (n_rows, n_columns)
        NaN where nothing is known.
    labels : sequence of str, length n_columns
        Below the columns.
    title : str
        Above the block.
    texts : array of str, shape (n_rows, n_columns), optional
        Written into the cells.
    """

    values: Array
    labels: Sequence[str]
    title: str = ""
    texts: NDArray[np.str_] | None = None


def cells_figure(
    names: Sequence[str],
    blocks: Sequence[Cells],
    *,
    limits: tuple[float, float],
    label: str,
    text: str,
    n_people: int = 0,
    xlabel: str = "",
    width_in: float = 9.0,
) -> tuple[Figure, Colorbar]:
    """Draw numbers as colours, a row an observer; blank where nothing is known.

    Parameters
    ----------
    names : sequence of str
        Of the rows, from above; people's come first, and a line sets them apart.
    blocks : sequence of Cells
        From the left.
    limits : tuple of float
        What the ends of the scale of colours stand for.
    label : str
        What the colours mean.
    text : str
        The caption.
    n_people : int
        How many of the rows are people.
    xlabel : str
        What the columns are.
    width_in : float
        Of the figure.

    Returns
    -------
    Figure, Colorbar
    """
    height = ROW_IN if len(names) <= MANY else MANY_ROW_IN
    figure = _page(width_in, 1.3 + height * max(len(names), 6))
    with style():
        widths = [max(len(block.labels), 1.6) for block in blocks]
        panels = figure.subplots(1, len(blocks), squeeze=False, width_ratios=widths)[0]
        for place, (axes, block) in enumerate(zip(panels, blocks, strict=True)):
            image = draw_cells(axes, block.values, limits, texts=block.texts)
            axes.set_xticks(range(len(block.labels)), block.labels, fontsize=6, rotation=90)
            axes.set_title(block.title, fontsize=7, loc="center")
            name_rows(axes, names if place == 0 else [""] * len(names), n_people=n_people)
        cast("ConstrainedLayoutEngine", figure.get_layout_engine()).set(w_pad=0.02, wspace=0.0)
        bar = figure.colorbar(image, ax=list(panels), aspect=40, fraction=0.05, pad=0.01)
        bar.set_label(label, fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
        panels[len(panels) // 2].set_xlabel(xlabel, fontsize=8)
        caption(figure, text)
    return figure, bar


def draw_cells(
    axes: Axes, values: Array, limits: tuple[float, float], *, texts: NDArray[np.str_] | None = None
) -> AxesImage:
    """Draw numbers, (rows, columns), as colours between `limits`, and perhaps as text; NaN is blank."""
    shown = np.ma.masked_invalid(values)
    image = axes.imshow(shown, vmin=limits[0], vmax=limits[1], aspect="auto", interpolation="nearest")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for (row, column), text in np.ndenumerate(texts if texts is not None else np.empty((0, 0))):
        light = np.isfinite(values[row, column]) and cast(float, image.norm(values[row, column])) > 0.5
        colour = "black" if light or not np.isfinite(values[row, column]) else "white"
        axes.text(column, row, str(text), ha="center", va="center", fontsize=5, color=colour)
    return image


def name_rows(axes: Axes, names: Sequence[str], *, n_people: int = 0, fontsize: float = 6) -> None:
    """Write a name before each row; people's, who come first, in their colour, with a line below them."""
    axes.set_yticks(range(len(names)), [shortened(name, LONGEST_NAME) for name in names], fontsize=fontsize)
    for label in axes.get_yticklabels()[:n_people]:
        label.set_color(COLOURS["human"])
    if 0 < n_people < len(names):
        axes.axhline(n_people - 0.5, color="white", linewidth=2)


def by_likeness(kappas: Array) -> NDArray[np.intp]:
    """Return an order in which those stand side by side whose kappas are high: (n,) of an (n, n) table.

    Leaves of the tree of average linkage over 1 - kappa; the diagonal does not count, what is not known counts as 0.
    """
    n = len(kappas)
    if n < 3:
        return np.arange(n)
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - np.nan_to_num((kappas + kappas.T) / 2)
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True)).astype(
        np.intp
    )


def _page(width_in: float, height_in: float) -> Figure:
    with style():
        figure = Figure(figsize=(width_in, height_in))
        FigureCanvasAgg(figure)
    return figure
