"""Patches of a grid as objects, where the data have none; and the grid that objects are the cells of, if they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout
from cogattn.vision.scenes.scene import Scene, SceneObject

OFF_GRID = 0.25
"""Farthest that the middle of an object may lie from the middle of its cell, in cells."""


def patched(scene: Scene, grid: tuple[int, int]) -> Scene:
    """Return a scene whose objects are the cells of a grid over its image.

    Parameters
    ----------
    scene : Scene
        Its own objects are dropped.
    grid : tuple of int
        Rows and columns.

    Returns
    -------
    Scene
        Objects "r0c0", "r0c1", ... row by row; their boxes cover the image without a gap or an overlap.
    """
    return replace(scene, objects=patches(scene.size_px, grid))


def patches(size_px: tuple[int, int], grid: tuple[int, int]) -> tuple[SceneObject, ...]:
    """Return the cells of a grid over an image of (height, width), row by row."""
    (height, width), (n_rows, n_columns) = size_px, grid
    return tuple(
        SceneObject(
            f"r{row}c{column}",
            (
                width * column / n_columns,
                height * row / n_rows,
                width * (column + 1) / n_columns,
                height * (row + 1) / n_rows,
            ),
        )
        for row in range(n_rows)
        for column in range(n_columns)
    )


def cells_of(position: Array, size: Array) -> tuple[Ints, Ints] | None:
    """Find the row and column of each object of a layout; None where they are not the cells of a regular grid.

    Parameters
    ----------
    position, size : array, shape (n_objects, 2)
        Middles, and widths and heights, in any one unit; cells may be empty.

    Returns
    -------
    rows, columns : array of int, shape (n_objects,)
        From 0 at the top and at the left.
    """
    columns, rows = (_steps(position[:, axis], float(np.median(size[:, axis]))) for axis in (0, 1))
    if rows is None or columns is None:
        return None
    taken = set(zip(rows.tolist(), columns.tolist(), strict=True))
    return (rows, columns) if len(taken) == len(position) else None


def _steps(middles: Array, extent: float) -> Ints | None:
    """Number of each object along one axis: objects less than half of one apart are level with each other."""
    from scipy.stats import theilslopes

    order = np.argsort(middles, kind="stable")
    is_next: NDArray[np.bool_] = np.diff(middles[order]) > extent / 2
    level = np.empty(len(middles), dtype=np.int64)
    level[order] = np.concatenate([[0], np.cumsum(is_next)])
    lines = np.array([np.median(middles[level == one]) for one in range(level.max() + 1)])
    pitch = float(np.median(np.diff(lines))) if len(lines) > 1 else extent
    number = np.rint((lines - lines[0]) / pitch).astype(np.int64)
    if len(lines) > 1:
        pitch = float(theilslopes(lines, number)[0])
    number = number[level]
    start = float(np.median(middles - number * pitch))
    off = np.abs(middles - start - number * pitch) / pitch
    return number if off.max() <= OFF_GRID else None


def grid_of(layouts: Iterable[Layout]) -> tuple[int, int]:
    """Return the (rows, columns) that hold every one of some layouts.

    Raises
    ------
    DataError
        If a layout is no grid: the codes know rows and columns by their numbers.
    """
    rows, columns = 1, 1
    for layout in layouts:
        cells = cells_of(layout.position_deg, layout.size_deg)
        if cells is None:
            raise DataError(
                f"objects must be the cells of a regular grid for the published model; got others ({layout.name}); "
                f"set objects.source to grid, or models to ours"
            )
        rows, columns = max(rows, int(cells[0].max()) + 1), max(columns, int(cells[1].max()) + 1)
    return rows, columns
