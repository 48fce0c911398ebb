"""Densities of fixations over lattices: kernel densities of other scenes', or of other people's, fixations.

Scenes may differ in size. What is taken from one to another goes through a common lattice over the image's width and
height, whose degrees are those of the scenes' mean size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.search.natural.looks import Index, Lattice, Looks

Array = NDArray[np.float64]
EVEN = 0.01
"""Part of every density that is spread evenly, so that no place is impossible."""


@dataclass(frozen=True, eq=False)
class Common:
    """A lattice that all scenes share, and their looks on it.

    Parameters
    ----------
    shape : tuple of int
        (rows, columns).
    size_deg : array, shape (2,)
        Width and height, the mean over scenes.
    bins : tuple of arrays, shape (n_places,)
        Of each scene's places.
    counts : array, shape (n_scenes, rows * columns)
        Looks of each scene.
    """

    shape: tuple[int, int]
    size_deg: Array
    bins: tuple[Index, ...]
    counts: Array

    @classmethod
    def of(cls, looks: Looks) -> Common:
        """Make it as fine as the finest lattice of the scenes."""
        columns, rows = (
            max(len(np.unique(lattice.points_deg[:, axis].round(6))) for lattice in looks.lattices)
            for axis in (0, 1)
        )
        bins = tuple(_bins(lattice, (rows, columns)) for lattice in looks.lattices)
        counts = np.zeros((len(bins), rows * columns))
        for number, own in enumerate(bins):
            np.add.at(counts[number], own[looks.place[looks.of_scene(number)]], 1.0)
        size = np.mean([lattice.size_deg for lattice in looks.lattices], axis=0)
        return cls((rows, columns), size, bins, counts)

    def smooth(self, counts: Array, bandwidth_deg: float) -> Array:
        """Return counts (n, rows * columns) smoothed by a Gaussian, as densities; even ones where nobody looked."""
        rows, columns = self.shape
        width, height = self.size_deg
        down, across = (
            _kernel((np.arange(n) + 0.5) * side / n, bandwidth_deg)
            for n, side in ((rows, height), (columns, width))
        )
        smooth = np.einsum("ij,njk,lk->nil", down, counts.reshape(-1, rows, columns), across, optimize=True)
        return with_even_part(smooth.reshape(len(counts), -1))

    def on_scene(self, density: Array, scene: int) -> Array:
        """Return a density over the common lattice as one over a scene's places."""
        own = density[..., self.bins[scene]]
        return own / own.sum(axis=-1, keepdims=True)

    @cached_property
    def looked(self) -> NDArray[np.bool_]:
        """Scenes that anybody looked at."""
        return self.counts.sum(axis=1) > 0


def with_even_part(density: Array) -> Array:
    """Return rows made to sum to 1, `EVEN` of each spread evenly; even rows where there is nothing."""
    total = density.sum(axis=-1, keepdims=True)
    n = density.shape[-1]
    share = np.where(total > 0, density / np.where(total > 0, total, 1), 1 / n)
    return (1 - EVEN) * share + EVEN / n


def others_density(looks: Looks, scene: int, bandwidth_deg: float) -> Array:
    """Return where all others looked in a scene, for each of `Looks.people`.

    Parameters
    ----------
    looks : Looks
        Of everybody.
    scene : int
        Its number.
    bandwidth_deg : float
        Standard deviation of the Gaussian kernel.

    Returns
    -------
    array, shape (n_people, n_places)
        Rows sum to 1; even where nobody else looked.
    """
    points, own = looks.lattices[scene].points_deg, looks.of_scene(scene)
    counts = np.zeros((len(looks.people), len(points)))
    np.add.at(counts, (looks.person[own], looks.place[own]), 1.0)
    smooth = counts @ _kernel_of(points, bandwidth_deg)
    return with_even_part(np.maximum(smooth.sum(axis=0) - smooth, 0.0))


def _bins(lattice: Lattice, shape: tuple[int, int]) -> Index:
    rows, columns = shape
    place = np.clip(lattice.relative * (columns, rows), 0, (columns - 1, rows - 1)).astype(np.int64)
    return place[:, 1] * columns + place[:, 0]


def _kernel(along: Array, bandwidth_deg: float) -> Array:
    """How much of what is at place j goes to place i; nothing leaves the field."""
    weights = np.exp(-0.5 * ((along[:, None] - along) / bandwidth_deg) ** 2)
    return weights / weights.sum(axis=0)


def _kernel_of(points_deg: Array, bandwidth_deg: float) -> Array:
    """The same over points (n, 2), from row to column: the product over the two axes of a lattice."""
    axes = [np.unique(points_deg[:, axis].round(9), return_inverse=True) for axis in (0, 1)]
    down, across = (_kernel(values, bandwidth_deg)[np.ix_(index, index)] for values, index in axes)
    return (down * across).T
