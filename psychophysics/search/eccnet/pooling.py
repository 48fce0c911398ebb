"""eccNET's pooling: averages over windows of one size within each ring about the fixation, every other cell.

Rings, one degree wide beyond a fovea of four, are counted in cells of the pooled map about one of its cells; the
width of a window grows with its ring's outer border. Windows lie as TensorFlow's ``same`` padding puts them, and only
what lies within the map is averaged.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, equations 1 to 3, and the authors' public code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

FOVEA_DEG = 4
"""Radius within which all windows are 2 x 2."""
STRIDE = 2

Span = tuple[int, int]


@dataclass(frozen=True)
class Ring:
    """Cells of a pooled map that average over windows of one size.

    Parameters
    ----------
    inner, outer : float
        Distance from the middle cell in cells: ``inner <= r < outer``.
    window : int
        Side of the window in cells of the map that is pooled.
    """

    inner: float
    outer: float
    window: int


def rings(n_out: int, *, slope: float, cells_per_degree: int) -> list[Ring]:
    """Return the rings of a pooling, from the fovea outwards.

    Parameters
    ----------
    n_out : int
        Side of the pooled map.
    slope : float
        Growth of the window with eccentricity, both in cells of the map that is pooled.
    cells_per_degree : int
        Of the map that is pooled.

    Returns
    -------
    list of Ring
        Neighbours differ in their windows; the last one has no outer border.
    """
    fovea, step = round(FOVEA_DEG * cells_per_degree / 2), max(1, round(cells_per_degree / 2))
    if slope == 0 or fovea > n_out / 2:
        return [Ring(0, np.inf, STRIDE)]
    borders = [fovea, *range(fovea + step, -(-n_out // 2), step)]
    found = [Ring(0, fovea, STRIDE)]
    for inner, outer in zip(borders, [*borders[1:], borders[-1] + step], strict=True):
        window = STRIDE + round(slope * (2 * outer - FOVEA_DEG * cells_per_degree))
        if window == found[-1].window:
            found[-1] = Ring(found[-1].inner, outer, window)
        else:
            found.append(Ring(inner, outer, window))
    return [*found[:-1], Ring(found[-1].inner, np.inf, found[-1].window)]


@dataclass(frozen=True)
class Window:
    """Where windows of one size lie along one side of a map, as TensorFlow pads it.

    Parameters
    ----------
    size : int
        Of the window.
    n : int
        Cells of the map along that side.
    """

    size: int
    n: int

    @property
    def before(self) -> int:
        """Cells of padding before the first one."""
        return max((-(-self.n // STRIDE) - 1) * STRIDE + self.size - self.n, 0) // 2

    def touching(self, cells: Span) -> Span:
        """Return which windows, from and to, hold any of some cells."""
        first = (cells[0] + self.before - self.size) // STRIDE + 1
        return max(0, first), min(-(-self.n // STRIDE), -(-(cells[1] + self.before) // STRIDE))

    def reach(self, windows: Span) -> Span:
        """Return the cells, from and to, that some windows cover, padding included."""
        return windows[0] * STRIDE - self.before, (windows[1] - 1) * STRIDE - self.before + self.size

    def counts(self, windows: Span) -> Tensor:
        """Return how many cells of the map each of some windows covers."""
        low = torch.arange(*windows) * STRIDE - self.before
        return (low + self.size).clamp(max=self.n) - low.clamp(min=0)


def distances(n_rows: int, n_columns: int, centre: tuple[int, int]) -> NDArray[np.float64]:
    """Return how far each cell of a pooled map is from one of its cells, (n_rows, n_columns)."""
    return np.hypot(*np.ogrid[-centre[0] : n_rows - centre[0], -centre[1] : n_columns - centre[1]])


def pool_ring(
    part: Tensor, origin: tuple[int, int], size: tuple[int, int], rows: Span, columns: Span, window: int
) -> Tensor:
    """Return the averages of some windows of one size.

    Parameters
    ----------
    part : Tensor, shape (n, channels, height, width)
        A part of the map that holds all cells that the windows cover.
    origin, size : tuple of int
        Row and column of the part's first cell in the map, and the map's height and width.
    rows, columns : tuple of int
        Which cells of the pooled map, from and to.
    window : int
        Side of the windows.

    Returns
    -------
    Tensor, shape (n, channels, n_rows, n_columns)
    """
    along = (Window(window, size[0]), Window(window, size[1]))
    cut, room = [], []
    for one, span, first, n in zip(along, (rows, columns), origin, size, strict=True):
        low, high = one.reach(span)
        cut.append(slice(max(low, 0) - first, min(high, n) - first))
        room.append((max(-low, 0), max(high - n, 0)))
    held = functional.pad(part[..., cut[0], cut[1]], (*room[1], *room[0]))
    sums = functional.avg_pool2d(held, window, STRIDE, divisor_override=1)
    counts = along[0].counts(rows)[:, None] * along[1].counts(columns)
    return sums / counts.to(sums)
