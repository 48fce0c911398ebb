"""Where channels miss: observed less fitted accuracy, by noise band and noise SD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

MOST_PANELS = 12
"""More observers than these have a row each."""
_LIMIT = 0.3
_COLOURS = "RdBu"


def misfit_figure(residuals: pd.DataFrame, people: pd.DataFrame | None, names: Mapping[str, str]) -> Figure:
    """Draw residuals as colours: blue where an observer is better than its channel says, red where it is worse.

    Parameters
    ----------
    residuals : DataFrame
        As `cogattn.psychophysics.masking.channel.misfit.residual_table`, with a column observer.
    people : DataFrame or None
        The same of each person; their mean comes first.
    names : mapping of str to str
        What the observers are called, by id. Up to `MOST_PANELS` have a panel each, more have a row each, the worst
        fit first.
    """
    groups = {} if people is None or people.empty else {"people, mean": people}
    groups |= {names[str(key)]: rows for key, rows in residuals.groupby("observer", sort=False)}
    if len(groups) > MOST_PANELS:
        return _rows(groups)
    columns = min(len(groups), 4)
    figure, panels = figures.new_figure(
        -(-len(groups) // columns), columns, width_in=max(3.4, 2.1 * columns), height_in=None
    )
    with figures.style():
        for axes in panels.flat[len(groups) :]:
            axes.set_axis_off()
        for place, (axes, (name, rows)) in enumerate(zip(panels.flat, groups.items(), strict=False)):
            image = _draw_panel(axes, rows)
            axes.set_title(figures.shortened(name, 26), fontsize=8)
            if place % columns == 0:
                axes.set_ylabel("noise SD")
            if place + columns >= len(groups):
                axes.set_xlabel("noise band, c/image")
        _finish(figure, image, panels, groups, "numbers: percentage points")
    return figure


def _draw_panel(axes: Axes, rows: pd.DataFrame) -> AxesImage:
    values = _grid(rows)
    image = _draw(axes, values.to_numpy(float))
    for (row, column), value in np.ndenumerate(values.to_numpy(float)):
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.6 * _LIMIT else "black"
            axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=5.5, color=colour)
    axes.set_yticks(range(len(values)), [f"{sd:g}" for sd in values.index], fontsize=6)
    axes.set_xticks(range(values.shape[1]), _labels(values.columns), fontsize=6)
    return image


def _rows(groups: Mapping[str, pd.DataFrame]) -> Figure:
    """A row an observer, a block of columns a noise SD."""
    theirs, own = ([n for n in groups if (n == "people, mean") is people] for people in (True, False))
    size = {name: _rms(groups[name]) for name in own}
    order = [*theirs, *sorted(own, key=lambda name: -size[name])]
    grids = {name: _grid(groups[name]) for name in order}
    sds = sorted({sd for grid in grids.values() for sd in grid.index})
    bands = grids[order[-1]].columns
    figure, panels = figures.new_figure(1, len(sds), width_in=9.0, height_in=1.3 + 0.13 * len(order))
    with figures.style():
        for place, (axes, sd) in enumerate(zip(panels[0], sds, strict=True)):
            blank = np.full(len(bands), np.nan)
            lines = [
                grids[name].loc[sd].to_numpy(float) if sd in grids[name].index else blank for name in order
            ]
            image = _draw(axes, np.array([line if len(line) == len(bands) else blank for line in lines]))
            axes.set_title(f"SD {sd:g}", fontsize=7, loc="center")
            axes.set_xticks(range(len(bands)), _labels(bands), fontsize=6, rotation=90)
            texts = [figures.shortened(name, 34) for name in order] if place == 0 else []
            axes.set_yticks(range(len(texts)), texts, fontsize=5)
        panels[0, len(sds) // 2].set_xlabel("noise band, cycles per image")
        _finish(figure, image, panels, groups, "the worst fit first")
    return figure


def _grid(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean residual by noise SD and mean frequency of the band, without the cell that has no noise."""
    noisy = rows[rows["noise_sd"] > 0]
    return noisy.pivot_table(
        index="noise_sd", columns="mean_cpi", values="residual", aggfunc="mean", dropna=False
    )


def _labels(bands_cpi: pd.Index) -> list[str]:
    return [f"{cpi:.0f}" if cpi >= 10 else f"{cpi:.1f}" for cpi in bands_cpi]


def _rms(rows: pd.DataFrame) -> float:
    value = float(np.sqrt(np.mean(np.square(rows["residual"].to_numpy(float)))))
    return value if np.isfinite(value) else -1.0


def _draw(axes: Axes, values: NDArray[np.float64]) -> AxesImage:
    image = axes.imshow(
        np.ma.masked_invalid(values),
        vmin=-_LIMIT,
        vmax=_LIMIT,
        cmap=_COLOURS,
        aspect="auto",
        interpolation="nearest",
    )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return image


def _finish(
    figure: Figure,
    image: AxesImage,
    panels: NDArray,
    groups: Mapping[str, pd.DataFrame],
    text: str,
) -> None:
    bar = figure.colorbar(image, ax=list(panels.flat), aspect=30, fraction=0.05, pad=0.02)
    bar.set_label("observed less fitted accuracy", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    n = figures.count_text(
        [value for rows in groups.values() for value in rows.loc[rows["noise_sd"] > 0, "n_trials"]]
    )
    figures.caption(figure, f"n = {n} trials a cell; {text}; blank: not shown, or no channel")
