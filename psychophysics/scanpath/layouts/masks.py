"""Pixels inside an outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.scanpath.layouts.items import Array


def pixels_in(polygon_px: Array, size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of an image have their middle inside a polygon.

    Parameters
    ----------
    polygon_px : array, shape (n, 2)
        Corners (x, y) in order; where it crosses itself, what it goes round twice is outside.
    size_px : tuple of int
        (height, width).

    Returns
    -------
    array of bool, shape (height, width)
    """
    height, width = size_px
    start, end = polygon_px, np.roll(polygon_px, -1, axis=0)
    middles = np.arange(height) + 0.5
    side, row = ((start[:, 1, None] <= middles) != (end[:, 1, None] <= middles)).nonzero()
    (x, y), (along_x, along_y) = start[side].T, (end - start)[side].T
    crossing = x + (middles[row] - y) * along_x / along_y
    first = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)  # pixel to the right of the crossing
    crossings = np.zeros((height, width + 1), dtype=np.int64)
    np.add.at(crossings, (row, first), 1)
    return crossings.cumsum(axis=1)[:, :width] % 2 == 1
