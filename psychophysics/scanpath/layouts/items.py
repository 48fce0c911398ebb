"""Layouts and scanpaths as arrays: what every model, baseline and metric of the study works on.

Degrees are from the image's middle, x to the right and y downwards; where nobody knows the scale they are nominal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """The objects of a scene.

    Parameters
    ----------
    scene : Scene
        Its objects are those below, in this order; patches where the data have none.
    position_deg, size_deg : array, shape (n_objects, 2)
        Centres, and widths and heights.
    target : int, optional
        Which object is looked for; None where there is none, or models must not know.
    group : str
        Scenes of one group are one layout to a split: same image, or said to be the same.
    scale : float
        Pixels per degree, nominal or known.
    """

    scene: Scene
    position_deg: Array
    size_deg: Array
    target: int | None
    group: str
    scale: float

    @property
    def name(self) -> str:
        """The scene's."""
        return self.scene.name

    @property
    def target_name(self) -> str:
        """What is looked for, by which splits by target go; empty in free viewing."""
        return "" if self.scene.target is None else self.scene.target.name

    @property
    def n_objects(self) -> int:
        """How many."""
        return len(self.position_deg)

    @cached_property
    def log_area(self) -> Array:
        """ln of each object's area in square degrees, shape (n_objects,)."""
        areas = [area_px(thing.polygon_px, thing.box_px) for thing in self.scene.objects]
        return np.log(np.array(areas)) - 2 * np.log(self.scale)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """What each object is; empty text where nobody says."""
        return tuple(thing.category for thing in self.scene.objects)


@dataclass(frozen=True, eq=False)
class ObjectPath:
    """One person's scanpath over the objects of a layout.

    Parameters
    ----------
    layout : int
        Number of the layout in its `PathSet`.
    person : str
        Who.
    objects : array of int, shape (n,)
        Object of each fixation.
    fixations_px : array, shape (n, 2)
        Where the eye was.
    durations_ms : array, shape (n,), optional
        How long.
    n_given : int
        So many fixations at the start are told to a model, not asked of it: 0, or 1 where the experiment set it.
    """

    layout: int
    person: str
    objects: Ints
    fixations_px: Array
    durations_ms: Array | None = None
    n_given: int = 0

    def __len__(self) -> int:
        return len(self.objects)


@dataclass(frozen=True, eq=False)
class PathSet:
    """Layouts, scanpaths over them, and what a reader must know of both.

    Parameters
    ----------
    layouts : tuple of Layout
        Sorted by name.
    paths : tuple of ObjectPath
        Sorted by layout, then person; each has a fixation that is not given.
    left_out : tuple of str
        What was left out and why, a sentence a reason.
    remarks : tuple of str
        A nominal scale, patches instead of objects, fixations counted for the nearest object.
    """

    layouts: tuple[Layout, ...]
    paths: tuple[ObjectPath, ...]
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def layout_of(self, path: ObjectPath) -> Layout:
        """Return the layout that a path is over."""
        return self.layouts[path.layout]

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody, sorted."""
        return tuple(sorted({path.person for path in self.paths}))


def area_px(polygon: Array | None, box: tuple[float, float, float, float]) -> float:
    """Return the area of a polygon (n, 2), of a box where there is none."""
    if polygon is None:
        left, top, right, bottom = box
        return (right - left) * (bottom - top)
    x, y = polygon.T
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))
