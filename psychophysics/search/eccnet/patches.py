"""Maps that differ from those of a blank window within a rectangle only, and what is computed of them.

A network's map of a window that shows a display on a background is that of the blank window wherever the display is
out of reach. What follows computes the rest alone: the numbers are those of the whole map, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cogattn.psychophysics.search.eccnet.pooling import STRIDE, Span, Window, pool_ring

Place = tuple[Span, Span]
"""Rows and columns, from and to."""


@dataclass(frozen=True)
class Seen:
    """A map that differs from that of the blank window within a rectangle only.

    Parameters
    ----------
    blank : Tensor, shape (1, channels, height, width)
        The blank window's map.
    patch : Tensor, shape (1, channels, rows, columns)
        What is there instead.
    place : tuple of spans
        Rows and columns of the patch, from and to.
    """

    blank: Tensor
    patch: Tensor
    place: Place

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the map."""
        return self.blank.shape[-2], self.blank.shape[-1]

    def crop(self, place: Place) -> Tensor:
        """Return a part of the map."""
        if place == self.place:
            return self.patch
        part = self.blank[..., slice(*place[0]), slice(*place[1])].clone()
        common = [(max(own[0], at[0]), min(own[1], at[1])) for own, at in zip(self.place, place, strict=True)]
        if all(low < high for low, high in common):
            part[_within(common, place)] = self.patch[_within(common, self.place)]
        return part

    def grown(self, by: int) -> Place:
        """Return the patch's place with so many cells more at every side, within the map."""
        rows, columns = (
            (max(0, span[0] - by), min(n, span[1] + by))
            for span, n in zip(self.place, self.size, strict=True)
        )
        return rows, columns

    def whole(self) -> Tensor:
        """Return all of the map."""
        height, width = self.size
        return self.crop(((0, height), (0, width)))


def run(block: nn.Sequential, seen: Seen, blank: Tensor) -> Seen:
    """Run a block where its map differs from the blank window's map `blank`."""
    reach = n_convolutions(block)
    place, held = seen.grown(reach), seen.grown(2 * reach)
    return Seen(blank, block(seen.crop(held))[_within(place, held)], place)


def fill(patch: Tensor, seen: Seen, window: int, cells: NDArray[np.bool_], origin: tuple[int, int]) -> None:
    """Write averages over windows of one size into some cells of a pooled map.

    Parameters
    ----------
    patch : Tensor, shape (1, channels, n_rows, n_columns)
        A part of the pooled map, written to.
    seen : Seen
        What is pooled.
    window : int
        Side of the windows.
    cells : array of bool
        Which cells of the whole pooled map.
    origin : tuple of int
        Row and column, in the pooled map, of the patch's first cell.
    """
    if not cells.any():
        return
    rows, columns = bounds(cells)
    reach = [Window(window, n).reach(span) for n, span in zip(seen.size, (rows, columns), strict=True)]
    top, left = (max(0, low) for low, _ in reach)
    bottom, right = (min(n, high) for n, (_, high) in zip(seen.size, reach, strict=True))
    averages = pool_ring(
        seen.crop(((top, bottom), (left, right))),
        origin=(top, left),
        size=seen.size,
        rows=rows,
        columns=columns,
        window=window,
    )
    own = torch.from_numpy(cells[slice(*rows), slice(*columns)]).to(patch.device)
    into = patch[
        ..., rows[0] - origin[0] : rows[1] - origin[0], columns[0] - origin[1] : columns[1] - origin[1]
    ]
    into.copy_(torch.where(own, averages, into))


def differing(window: NDArray[np.uint8], background: NDArray[np.uint8]) -> Place | None:
    """Return the rows and columns, from and to, that hold all of a window that is not background; None if none."""
    other = window != np.asarray(background)
    other = other.any(axis=-1) if other.ndim == 3 else other
    return bounds(other) if other.any() else None


def n_convolutions(block: nn.Sequential) -> int:
    """Return how many 3 x 3 convolutions a block has, which is how far, in cells, a cell's change reaches."""
    return sum(isinstance(layer, nn.Conv2d) for layer in block)


def bounds(cells: NDArray[np.bool_]) -> Place:
    """Rows and columns, from and to, that hold all true cells."""
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) for axis in (1, 0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def surrounded(maps: Tensor, colour: Tensor, room: list[Span]) -> Tensor:
    """Put rows and columns of one colour a channel about a map."""
    (top, bottom), (left, right) = room
    height, width = maps.shape[-2:]
    full = colour.expand(1, maps.shape[1], height + top + bottom, width + left + right).clone()
    full[..., top : top + height, left : left + width] = maps
    return full


def evened(maps: Tensor, place: Place, colour: Tensor) -> tuple[Tensor, Place]:
    """Widen a map so that it begins and ends at even cells."""
    room = [(span[0] % STRIDE, span[1] % STRIDE) for span in place]
    rows, columns = ((span[0] - more[0], span[1] + more[1]) for span, more in zip(place, room, strict=True))
    return surrounded(maps, colour, room), (rows, columns)


def scaled(place: Place) -> Place:
    """Return the place after a pooling of even cells."""
    rows, columns = ((span[0] // STRIDE, span[1] // STRIDE) for span in place)
    return rows, columns


def widened(place: Place, by: int) -> Place:
    """Return a place with so many cells more at every side."""
    rows, columns = ((span[0] - by, span[1] + by) for span in place)
    return rows, columns


def _within(place: Sequence[Span], outer: Sequence[Span]) -> tuple[EllipsisType, slice, slice]:
    """Index of a place in maps that hold no more than `outer`."""
    rows, columns = (slice(low - at[0], high - at[0]) for (low, high), at in zip(place, outer, strict=True))
    return ..., rows, columns
