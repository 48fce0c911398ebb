"""eccNET's priority map: where the display is like the target, sharpened and enlarged to pixels.

What OpenCV does in the reference is done here by its definitions: Gaussian windows of odd size over mirrored borders,
and the enlargement that OpenCV calls *area*, in which a pixel takes the value of the cell that it lies in, or blends
two where it lies across their border.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, section 2, and the authors' public code.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from cogattn.errors import ConfigError

Array = NDArray[np.float64]
Gaussians = Sequence[Sequence[float]]
"""Two windows, the narrow one first: ``[[size, sd], [size, sd]]`` in cells of stride 16; an SD of 0 follows from the
size."""

ROUNDS = 3
"""How often a map is sharpened."""


def match(seen: Tensor, target: Tensor) -> Array:
    """Return the dot product of a target's map with a display's about each of its cells.

    Parameters
    ----------
    seen : Tensor, shape (1, channels, height, width)
        Of the display.
    target : Tensor, shape (1, channels, rows, columns)
        Of the target; the middle of an even number of cells is the one before it.

    Returns
    -------
    array, shape (height, width)
    """
    rows, columns = target.shape[-2:]
    room = ((columns - 1) // 2, columns // 2, (rows - 1) // 2, rows // 2)
    found = functional.conv2d(
        functional.pad(seen.double(), room), target.double()
    )  # rounding must not decide
    return found[0, 0].cpu().numpy()


def combine(matches: Sequence[Array], *, scaled: bool = True) -> Array:
    """Average maps, each scaled to 0 to 1, by weights proportional to their maxima before that.

    Parameters
    ----------
    matches : sequence of arrays, shape (height, width)
        Raw maps.
    scaled : bool
        False for their plain mean.
    """
    maps = np.asarray(matches)
    if not scaled:
        return maps.mean(axis=0)
    low, high = (reduce(maps, axis=(1, 2), keepdims=True) for reduce in (np.min, np.max))
    span = high - low
    flat = np.divide(maps - low, span, out=np.zeros_like(maps), where=span > np.finfo(float).eps)
    total = high.sum()
    return (flat * (high / total if total else 1 / len(maps))).sum(axis=0)


def sharpen(priority: Array, gaussians: Gaussians) -> Array:
    """Add the difference of two Gaussians of a map to it, three times."""
    (narrow, wide) = (gaussian(int(size), sd) for size, sd in gaussians)
    for _ in range(ROUNDS):
        priority = priority + (blurred(priority, narrow) - blurred(priority, wide))
    return priority


def gaussian(size: int, sd: float) -> Array:
    """Return a Gaussian window that sums to 1.

    Parameters
    ----------
    size : int
        Odd number of cells.
    sd : float
        In cells. When it is 0, windows of up to 7 cells are the binomial ones that OpenCV has for them, and the SD of
        longer ones is ``0.3 (size / 2 - 1.5) + 0.8``.

    Raises
    ------
    ConfigError
        If the size is even or below 1, or the SD negative.
    """
    if size < 1 or size % 2 == 0 or sd < 0:
        raise ConfigError(f"gaussians must have odd sizes and SDs of at least 0; got size {size}, SD {sd:g}")
    if sd == 0 and size in BINOMIAL:
        return np.array(BINOMIAL[size])
    sd = sd or 0.3 * ((size - 1) * 0.5 - 1) + 0.8
    window = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * sd**2))
    return window / window.sum()


BINOMIAL = {
    1: (1.0,),
    3: (0.25, 0.5, 0.25),
    5: (0.0625, 0.25, 0.375, 0.25, 0.0625),
    7: (0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125),
}


def blurred(values: Array, window: Array) -> Array:
    """Convolve a map with a window along both sides, mirrored about its outermost cells."""
    along = ndimage.correlate1d(values, window, axis=1, mode="mirror")
    return ndimage.correlate1d(along, window, axis=0, mode="mirror")


def enlarge(values: Array, size: tuple[int, int]) -> Array:
    """Enlarge a map (height, width) to `size` by area, as OpenCV does (``INTER_AREA``)."""
    for axis, n in enumerate(size):
        cell, share = blends(values.shape[axis], n)
        share = share.reshape([-1, 1] if axis == 0 else [1, -1])
        after = np.minimum(cell + 1, values.shape[axis] - 1)
        values = values.take(cell, axis) * (1 - share) + values.take(after, axis) * share
    return values


def blends(n_cells: int, n_pixels: int) -> tuple[NDArray[np.int64], Array]:
    """Return the cell that each pixel begins in, and the part of it that lies in the next one.

    Parameters
    ----------
    n_cells, n_pixels : int
        Along one side.

    Returns
    -------
    cell : array of int, shape (n_pixels,)
    share : array, shape (n_pixels,)
        From 0 to 1, of single precision as in the reference.
    """
    scale = n_pixels / n_cells
    pixel = np.arange(n_pixels)
    cell = np.floor(pixel * (1 / scale)).astype(np.int64)
    share = ((pixel + 1) - (cell + 1) * scale).astype(np.float32)
    share = np.where(share <= 0, 0, share - np.floor(share))
    return np.minimum(cell, n_cells - 1), np.where(cell >= n_cells - 1, 0, share).astype(np.float64)


def best_pixel(priority: Array, allowed: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the first pixel, row by row, of the highest priority among those allowed; (0, 0) if there is none.

    Priority counts from its minimum over all pixels, so that an allowed pixel at that minimum is none.
    """
    row, column = np.unravel_index(np.argmax((priority - priority.min()) * allowed), priority.shape)
    return int(row), int(column)


def best_cell(priority: Array, cells: NDArray[np.bool_]) -> tuple[int, int] | None:
    """Return the middle of the cell (n, height, width) with the highest mean priority, or None where all are empty."""
    sizes = cells.sum(axis=(1, 2))
    if not sizes.any():
        return None
    means = np.where(sizes > 0, (cells * priority).sum(axis=(1, 2)) / np.maximum(sizes, 1), -np.inf)
    rows, columns = np.nonzero(cells[int(np.argmax(means))])
    return int(rows.min() + rows.max() + 1) // 2, int(columns.min() + columns.max() + 1) // 2
