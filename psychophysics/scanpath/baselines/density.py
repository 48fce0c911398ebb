"""Where fixations were in other layouts: a kernel density over the image's width and height, shared by all layouts.

Fixations are counted where they fell, moved to the nearest point of the object that they count for, over bins of the
image's width and height; a density is added up over the bins that an object's box covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from cogattn.psychophysics.scanpath.layouts.items import Array, Layout, ObjectPath, PathSet

ROWS, COLUMNS = 72, 112
"""Bins, over every image alike; cells of the usual grids hold whole ones."""
BANDWIDTHS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
"""Standard deviations of the kernel that are tried, parts of the image's width and height; 0 for none."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Fixations over bins, in all and layout by layout.

    Parameters
    ----------
    by_layout : dict
        Counts (rows, columns) by the number of the layout.
    total : array, shape (rows, columns)
        Their sum.
    """

    by_layout: dict[int, Array]
    total: Array

    @classmethod
    def of(cls, data: PathSet, paths: Sequence[ObjectPath], *, first: bool = False) -> Counts:
        """Count fixations that are not given; only the first ones of paths with ``first``."""
        own: dict[int, Array] = {}
        for path in paths:
            counts = own.setdefault(path.layout, np.zeros((ROWS, COLUMNS)))
            some = slice(path.n_given, path.n_given + 1 if first else None)
            at = _relative(data.layouts[path.layout], path, some)
            row = np.clip((at[:, 1] * ROWS).astype(int), 0, ROWS - 1)
            np.add.at(counts, (row, np.clip((at[:, 0] * COLUMNS).astype(int), 0, COLUMNS - 1)), 1.0)
        return cls(own, sum(own.values(), np.zeros((ROWS, COLUMNS))))

    def without(self, layout: int) -> Array:
        """Return the counts of all other layouts."""
        return self.total - self.by_layout.get(layout, 0.0)


def smoothed(counts: Array, bandwidth: float) -> Array:
    """Return counts (rows, columns) as a density, one fixation spread evenly on top."""
    density = counts + 1.0 / counts.size
    if bandwidth > 0:
        density = gaussian_filter(density, (bandwidth * ROWS, bandwidth * COLUMNS), mode="reflect")
    return density / density.sum()


def over_objects(density: Array, layout: Layout) -> Array:
    """Return how much of a density over bins (rows, columns) each object's box covers, shape (n_objects,).

    Objects with a polygon get the part of their box that their area is.
    """
    share = np.exp(layout.log_area) / np.prod(layout.size_deg, axis=1)
    low, high = edges(layout)
    down = _covered(low[:, 1], high[:, 1], density.shape[0])
    across = _covered(low[:, 0], high[:, 0], density.shape[1])
    return np.maximum(np.einsum("or,rc,oc->o", down, density, across, optimize=True) * share, 1e-12)


def edges(layout: Layout) -> tuple[Array, Array]:
    """Return left and top, and right and bottom, of each box in parts of the image, shape (n_objects, 2)."""
    height, width = layout.scene.size_px
    size = np.array([width, height], dtype=float)
    middle = layout.position_deg * layout.scale / size + 0.5
    half = layout.size_deg * layout.scale / size / 2
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def _covered(low: Array, high: Array, n: int) -> Array:
    """Part of each of n bins that lies between low and high, shape (n_objects, n)."""
    left = np.arange(n) / n
    inside = np.minimum(high[:, None], left + 1 / n) - np.maximum(low[:, None], left)
    return np.maximum(inside, 0) * n


def _relative(layout: Layout, path: ObjectPath, some: slice) -> Array:
    """Fixations in parts of the image, each moved into its object's box."""
    height, width = layout.scene.size_px
    low, high = edges(layout)
    own = path.objects[some]
    inside = (high - low)[own] * 1e-6
    at = path.fixations_px[some] / np.array([width, height])
    return np.clip(at, low[own] + inside, high[own] - inside)
