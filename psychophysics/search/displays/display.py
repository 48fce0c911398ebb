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
from cogattn.vision.scenes.scene import Scene, SceneObject, Target

Array = NDArray[np.float64]

MARGIN_DEG = 64 / 30
"""Background around the field that is part of the image, as in the reference (64 pixels)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Display(Scene):
    """A drawn scene with its truth: ``image``, ``objects``, ``target`` and so on are those of `Scene`.

    Parameters
    ----------
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
    target_index : int or None
        Index of the target among the items; None where it is absent.
    sought : Item
        The kind of target that is looked for in this display, whether it is there or not.

    Notes
    -----
    ``target.picture`` holds the pixels of the target's own box, on its background. Categories of ``objects`` are
    ``target`` or ``distractor`` and the number of the kind in the condition.
    """

    task: Task
    condition: Condition
    items: tuple[Item, ...]
    centers_deg: Array
    cells: NDArray[np.int64]
    target_index: int | None
    sought: Item

    @property
    def set_size(self) -> int:
        """Number of items."""
        return len(self.items)

    @property
    def target_cell(self) -> int | None:
        """Grid cell of the target, or None where it is absent."""
        return None if self.target_index is None else int(self.cells[self.target_index])

    @property
    def boxes_deg(self) -> Array:
        """Left, top, right and bottom of each item's box, shape (n_items, 4)."""
        return _boxes(self.items, self.centers_deg)


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
    Jitter is uniform over the room that an item's box has in its cell. `Task.dealing` says how kinds of distractors
    are dealt.
    """
    n_cells = task.n_columns**2
    if not 1 <= set_size <= n_cells:
        raise DataError(f"set size must be from 1 to the {n_cells} grid cells of {task.name}; got {set_size}")
    sought, items = _deal(task, condition, set_size, rng, target_present=target_present)
    cells = rng.permutation(n_cells)[:set_size]
    room = np.array([task.cell_deg - item.box_deg for item in items])[:, None]
    centers = cell_centers_deg(task)[cells] + (rng.random((set_size, 2)) - 0.5) * room
    image = draw(
        items,
        centers,
        background=task.background,
        side_deg=task.field_deg + 2 * margin_deg,
        pixels_per_degree=pixels_per_degree,
    )
    boxes = (_boxes(items, centers) * pixels_per_degree + len(image) / 2).tolist()
    return Display(
        f"{condition.name}, {set_size} items",
        image,
        (len(image), len(image)),
        pixels_per_degree,
        objects=_objects(condition, items, boxes),
        target=_target(
            task, condition, sought, boxes[0] if target_present else None, image, pixels_per_degree
        ),
        task=task,
        condition=condition,
        items=items,
        centers_deg=centers,
        cells=cells,
        target_index=0 if target_present else None,
        sought=sought,
    )


def _boxes(items: Sequence[Item], centers_deg: Array) -> Array:
    """Left, top, right and bottom in degrees, (n_items, 4)."""
    half = np.array([item.box_deg / 2 for item in items])[:, None]
    return np.hstack([centers_deg - half, centers_deg + half])


def _objects(
    condition: Condition, items: Sequence[Item], boxes_px: Sequence[Sequence[float]]
) -> tuple[SceneObject, ...]:
    return tuple(
        SceneObject(f"item {number}", (left, top, right, bottom), condition.category(item))
        for number, (item, (left, top, right, bottom)) in enumerate(zip(items, boxes_px, strict=True))
    )


def _target(
    task: Task,
    condition: Condition,
    sought: Item,
    box_px: Sequence[float] | None,
    image: NDArray[np.float32],
    pixels_per_degree: float,
) -> Target:
    """The target told by its picture, cut out of the display, or drawn alone where it is absent."""
    name, category = condition.name, condition.category(sought)
    side = round(sought.box_deg * pixels_per_degree)
    if box_px is not None:
        left, top, right, bottom = box_px
        column, row = round(left), round(top)
        picture = image[row : row + side, column : column + side].copy()
        return Target(name, picture, (left, top, right, bottom), category)
    alone = draw(
        (sought,),
        np.zeros((1, 2)),
        background=task.background,
        side_deg=side / pixels_per_degree,
        pixels_per_degree=pixels_per_degree,
    )
    return Target(name, alone, None, category, present=False)


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
    array of float32, shape (size, size), or (size, size, 3) where an item has a colour
        Luminance, or red, green and blue, in [0, 1].
    """
    size = round(side_deg * pixels_per_degree)
    along = np.asarray((np.arange(size) + 0.5 - size / 2) / pixels_per_degree, dtype=np.float64)  # degrees
    where = [
        _around(center, item.box_deg / np.sqrt(2) + 1 / pixels_per_degree, along)
        for item, center in zip(items, centers_deg, strict=True)
    ]
    painted = [
        item.paint(*np.meshgrid(along[columns] - x, along[rows] - y), pixel_deg=1 / pixels_per_degree)
        for item, (x, y), (rows, columns) in zip(items, centers_deg, where, strict=True)
    ]
    in_colour = any(ink.ndim == 3 for _, ink in painted)
    image = np.full((size, size, 3 if in_colour else 1), float(background))
    for (coverage, ink), at in zip(painted, where, strict=True):
        image[at] += coverage[..., None] * (np.atleast_3d(ink) - image[at])
    return (image if in_colour else image[..., 0]).astype(np.float32)


def _around(center_deg: Array, reach_deg: float, along: Array) -> tuple[slice, slice]:
    """Rows and columns that an item may reach, however it is turned."""
    columns, rows = (slice(*np.searchsorted(along, [at - reach_deg, at + reach_deg])) for at in center_deg)
    return rows, columns


def _deal(
    task: Task, condition: Condition, set_size: int, rng: np.random.Generator, *, target_present: bool
) -> tuple[Item, tuple[Item, ...]]:
    """The kind that is looked for, and the items in random order but for the target, which comes first."""
    kinds, n = condition.distractors, set_size - target_present
    if task.dealing == "in_turn":
        order = rng.permutation(np.arange(set_size) % len(kinds))
        target = int(order[0]) if target_present else int(rng.integers(len(condition.targets)))
        order = order[set_size - n :]
    else:
        target = int(rng.integers(len(condition.targets)))
        order = rng.integers(len(kinds), size=n) if task.dealing == "freely" else _evenly(len(kinds), n, rng)
    sought, distractors = condition.targets[target], tuple(kinds[number] for number in order)
    return sought, (sought, *distractors) if target_present else distractors


def _evenly(n_kinds: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw `n` kinds, each as often as the others give or take one, in random order."""
    rounds = [rng.permutation(n_kinds) for _ in range(-(-n // n_kinds))]
    return rng.permutation(np.concatenate([np.empty(0, dtype=np.int64), *rounds])[:n])
