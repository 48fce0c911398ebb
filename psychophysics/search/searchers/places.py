"""Where a search may look, what a look there visits, and where it finds the target.

Every place of a drawn display lies in a grid cell: a look visits the whole cell, and one in the target's cell finds
it. In any other scene a look visits a square about itself, and finds the target in its box or close by.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.search.displays.display import Display, cell_of
from cogattn.psychophysics.search.displays.tasks import Task
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]
NOWHERE = np.zeros(0, dtype=bool)


@dataclass(frozen=True, eq=False)
class Places:
    """A lattice over the field.

    Parameters
    ----------
    points_deg : array, shape (n_places, 2)
        In degrees from the image's middle.
    cells : array of int, shape (n_places,)
        Grid cell of each; in a scene without a grid every place is a cell of its own.
    n_cells : int
        How many cells there are.
    on_target : array of bool, shape (n_places,)
        Where a look finds the target; nowhere when left out.
    pitch_deg : float
        Distance of neighbours.
    inhibition_deg : float, optional
        Side of the square about a look that it visits; the grid cell when absent.
    """

    points_deg: Array
    cells: NDArray[np.int64]
    n_cells: int
    on_target: NDArray[np.bool_] = field(default_factory=lambda: NOWHERE)
    pitch_deg: float = np.inf
    inhibition_deg: float | None = None

    def __post_init__(self) -> None:
        if self.on_target is NOWHERE:
            object.__setattr__(self, "on_target", np.zeros(len(self.points_deg), dtype=bool))

    @classmethod
    def of(cls, display: Display, *, pitch_deg: float) -> Places:
        """Cover the field of a display, each grid cell alike, with points at most `pitch_deg` apart."""
        task = display.task
        n = _places_along(task, pitch_deg)
        points = _lattice((n, n), (task.field_deg, task.field_deg))
        cells = cell_of(task, points)
        sought = -1 if display.target_cell is None else display.target_cell
        return cls(points, cells, task.n_columns**2, cells == sought, task.field_deg / n)

    @classmethod
    def over(
        cls, scene: Scene, *, pitch_deg: float, inhibition_deg: float, found_within_deg: float = 0.0
    ) -> Places:
        """Cover a scene of any size.

        Parameters
        ----------
        scene : Scene
            Of known scale.
        pitch_deg : float
            Points are at most so far apart.
        inhibition_deg : float
            Side of the square about a look that it visits.
        found_within_deg : float
            A look in the target's box or at most so far beside it finds it; the place nearest to the box always does.

        Raises
        ------
        DataError
            If the scene's scale is not known.
        """
        shape, size_deg = _shape(scene, pitch_deg)
        points = _lattice(shape, size_deg)
        return cls(
            points,
            np.arange(len(points)),
            len(points),
            _on_target(scene, points, found_within_deg),
            max(side / n for side, n in zip(size_deg, shape, strict=True)),
            inhibition_deg,
        )

    def nearest(self, points_deg: Array) -> NDArray[np.int64]:
        """Return the place nearest to each point (..., 2)."""
        away = self.points_deg - np.asarray(points_deg, dtype=float)[..., None, :]
        return np.square(away).sum(axis=-1).argmin(axis=-1)

    def closed_by(self, points_deg: Array) -> NDArray[np.bool_]:
        """Return which places a look at each point (..., 2) visits, (..., n_places); none where it leaves the field."""
        away = np.abs(self.points_deg - np.asarray(points_deg, dtype=float)[..., None, :]).max(axis=-1)
        if self.inhibition_deg is not None:
            return away <= self.inhibition_deg / 2
        nearest = away.argmin(axis=-1)[..., None]
        inside = np.take_along_axis(away, nearest, axis=-1) <= self.pitch_deg * (0.5 + 1e-9)
        return inside & (self.cells == self.cells[nearest])


def n_places(task: Task, *, pitch_deg: float) -> int:
    """Return how many places `Places.of` makes for a display of a task."""
    return _places_along(task, pitch_deg) ** 2


def n_places_over(scene: Scene, *, pitch_deg: float) -> int:
    """Return how many places `Places.over` makes."""
    columns, rows = _shape(scene, pitch_deg)[0]
    return columns * rows


def _places_along(task: Task, pitch_deg: float) -> int:
    return int(np.ceil(task.cell_deg / pitch_deg)) * task.n_columns


def _shape(scene: Scene, pitch_deg: float) -> tuple[tuple[int, int], tuple[float, float]]:
    """Columns and rows, width and height in degrees."""
    height, width = (side / scene.scale for side in scene.size_px)
    return (int(np.ceil(width / pitch_deg)), int(np.ceil(height / pitch_deg))), (width, height)


def _lattice(shape: tuple[int, int], size_deg: tuple[float, float]) -> Array:
    """Points row by row, (n, 2), of a field about its middle."""
    along = [(np.arange(n) + 0.5) * side / n - side / 2 for n, side in zip(shape, size_deg, strict=True)]
    x, y = np.meshgrid(*along)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _on_target(scene: Scene, points_deg: Array, within_deg: float) -> NDArray[np.bool_]:
    """Places in the target's box or beside it, at least one; none where there is no target to be found."""
    target = scene.target
    if target is None or not target.present or target.box_px is None:
        return np.zeros(len(points_deg), dtype=bool)
    corner, opposite = scene.to_degrees(np.reshape(target.box_px, (2, 2)))
    beside = np.maximum(corner - points_deg, points_deg - opposite).max(axis=1)
    return beside <= max(within_deg, beside.min())
