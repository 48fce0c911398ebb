"""Search displays: items on a jittered grid, drawn from a seed, at any resolution, with their true boxes.

Positions are in degrees from the display's centre, where the search starts: x to the right, y downwards. An
item's box lies wholly within its grid cell, so a fixation in the target's cell is on no other item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.search.displays.items import Item
from cogattn.psychophysics.search.displays.tasks import Condition, Task

Array = NDArray[np.float64]

MARGIN_DEG = 64 / 30
"""Background around the field that is part of the image, as in the reference (64 pixels)."""


@dataclass(frozen=True, eq=False)
class Display:
    """A search display with its truth.

    Parameters
    ----------
    image : array of float32, shape (size, size)
        Luminance in [0, 1], the margin included.
    pixels_per_degree : float
        Resolution.
    task : Task
        Its geometry.
    condition : Condition
        What is searched among what.
    items : tuple of Item
        What is drawn.
    centers_deg : array, shape (n_items, 2)
        Their centres.
    cells : array of int, shape (n_items,)
        Their grid cells, counted row by row from the top left.
    target : int or None
        Index of the target among the items; None where it is absent.
    """

    image: NDArray[np.float32]
    pixels_per_degree: float
    task: Task
    condition: Condition
    items: tuple[Item, ...]
    centers_deg: Array
    cells: NDArray[np.int64]
    target: int | None

    @property
    def set_size(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def target_cell(self) -> int | None:
        """Grid cell of the target, or None where it is absent."""
        return None if self.target is None else int(self.cells[self.target])

    @property
    def boxes_deg(self) -> Array:
        """Left, top, right and bottom of each item's box, shape (n_items, 4)."""
        half = np.array([item.box_deg / 2 for item in self.items])[:, None]
        return np.hstack([self.centers_deg - half, self.centers_deg + half])


def make_display(
    task: Task,
    condition: Condition,
    set_size: int,
    *,
    rng: np.random.Generator,
    pixels_per_degree: float = 30.0,
    target_present: bool = True,
    margin_deg: float = MARGIN_DEG,
) -> Display:
    """Draw a display.

    Parameters
    ----------
    task, condition : Task, Condition
        From `cogattn.psychophysics.search.TASKS`.
    set_size : int
        Number of items, the target included; at most the number of grid cells.
    rng : numpy.random.Generator
        Draws kinds, cells and jitter. The same generator gives the same layout at any resolution.
    pixels_per_degree : float
        Resolution (reference: 30).
    target_present : bool
        Whether one of the items is the target.
    margin_deg : float
        Background around the field that the image includes.

    Returns
    -------
    Display

    Raises
    ------
    DataError
        If the items do not fit the grid.

    Notes
    -----
    Jitter is uniform over the room that an item's box has in its cell. Kinds of distractors are dealt so that
    each occurs as often as the others, give or take one, in random order.
    """
    n_cells = task.n_columns**2
    if not 1 <= set_size <= n_cells:
        raise DataError(f"set size must be from 1 to the {n_cells} grid cells of {task.name}; got {set_size}")
    n_distractors = set_size - 1 if target_present else set_size
    items = _deal(condition.distractors, n_distractors, rng)
    if target_present:
        items = (*_deal(condition.targets, 1, rng), *items)
    cells = rng.permutation(n_cells)[:set_size]
    room = np.array([task.cell_deg - item.box_deg for item in items])[:, None]
    jitter = (rng.random((set_size, 2)) - 0.5) * room
    centers = cell_centers_deg(task)[cells] + jitter
    image = draw(
        items,
        centers,
        background=task.background,
        side_deg=task.field_deg + 2 * margin_deg,
        pixels_per_degree=pixels_per_degree,
    )
    target = 0 if target_present else None
    return Display(image, pixels_per_degree, task, condition, items, centers, cells, target)


def cell_centers_deg(task: Task) -> Array:
    """Return the centres of the grid cells of a task, row by row, shape (n_cells, 2)."""
    along = (np.arange(task.n_columns) + 0.5) * task.cell_deg - task.field_deg / 2
    x, y = np.meshgrid(along, along)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def cell_of(task: Task, points_deg: Array) -> NDArray[np.int64]:
    """Return the grid cell at each point (..., 2), or -1 outside the field."""
    index = np.floor((np.asarray(points_deg) + task.field_deg / 2) / task.cell_deg).astype(np.int64)
    inside = ((index >= 0) & (index < task.n_columns)).all(axis=-1)
    return np.where(inside, index[..., 1] * task.n_columns + index[..., 0], -1)


def draw(
    items: Sequence[Item],
    centers_deg: Array,
    *,
    background: float,
    side_deg: float,
    pixels_per_degree: float,
) -> NDArray[np.float32]:
    """Draw items over a background.

    Parameters
    ----------
    items : sequence of Item
        Later ones lie over earlier ones.
    centers_deg : array, shape (n, 2)
        From the image's centre.
    background : float
        Luminance from 0 to 1.
    side_deg, pixels_per_degree : float
        Size of the square image, rounded to whole pixels, and its resolution.

    Returns
    -------
    array of float32, shape (size, size)
        Luminance in [0, 1].
    """
    size = round(side_deg * pixels_per_degree)
    image = np.full((size, size), float(background))
    along = (np.arange(size) + 0.5 - size / 2) / pixels_per_degree  # degrees
    for item, center in zip(items, np.asarray(centers_deg, dtype=float), strict=True):
        reach = item.box_deg / np.sqrt(2) + 1 / pixels_per_degree
        columns, rows = (slice(*np.searchsorted(along, [at - reach, at + reach])) for at in center)
        x, y = np.meshgrid(along[columns] - center[0], along[rows] - center[1])
        coverage, luminance = item.paint(x, y, pixel_deg=1 / pixels_per_degree)
        image[rows, columns] += coverage * (luminance - image[rows, columns])
    return image.astype(np.float32)


def _deal(kinds: tuple[Item, ...], n: int, rng: np.random.Generator) -> tuple[Item, ...]:
    """Draw `n` items, each kind as often as the others give or take one, in random order."""
    rounds = [rng.permutation(len(kinds)) for _ in range(-(-n // len(kinds)))]
    order = np.concatenate(rounds)[:n] if rounds else np.empty(0, dtype=int)
    return tuple(kinds[index] for index in rng.permutation(order))
