"""Which object a fixation is on.

An object is its polygon where it has one, else its box. Where several objects hold a fixation, the smallest is meant: a
cup on a table, not the table. A fixation on none of them counts for the nearest outline (Fang et al., 2024, take the
nearest middle of a box, which gives a fixation at the edge of a large object to a small one beside it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, area_px
from cogattn.vision.scenes.scene import SceneObject


@dataclass(frozen=True, eq=False)
class Assignment:
    """Objects of fixations.

    Parameters
    ----------
    objects : array of int, shape (n,)
        The smallest object that holds a fixation, else the nearest one.
    beside_px : array, shape (n,)
        How far from the object's outline a fixation lies; 0 within.
    n_holding : array of int, shape (n,)
        How many objects hold it.
    """

    objects: Ints
    beside_px: Array
    n_holding: Ints


def assign(objects: Sequence[SceneObject], points_px: Array, size_px: tuple[int, int]) -> Assignment:
    """Tell the object of each point.

    Parameters
    ----------
    objects : sequence of SceneObject
        At least one.
    points_px : array, shape (n, 2)
        x and y.
    size_px : tuple of int
        (height, width) of the image. Boxes hold their left and top edges, and their others only at the image's border.

    Returns
    -------
    Assignment
        Of equally small, or equally near, objects the first.
    """
    points = np.asarray(points_px, dtype=float).reshape(-1, 2)
    holds = holding(objects, points, size_px)
    n_holding = holds.sum(axis=1)
    smallest = np.argmin(np.where(holds, areas_px(objects), np.inf), axis=1)
    found = np.where(n_holding > 0, smallest, 0)
    beside = np.zeros(len(points))
    if (off := n_holding == 0).any():
        distances = distances_px(objects, points[off])
        found[off], beside[off] = distances.argmin(axis=1), distances.min(axis=1)
    return Assignment(found.astype(np.int64), beside, n_holding.astype(np.int64))


def holding(objects: Sequence[SceneObject], points_px: Array, size_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Tell which objects hold which points, shape (n_points, n_objects)."""
    border = np.array(size_px[::-1], dtype=float)
    points = np.where(points_px == border, np.nextafter(border, 0.0), points_px)
    boxes = boxes_px(objects)
    within = (points[:, None] >= boxes[:, :2]) & (points[:, None] < boxes[:, 2:])
    holds: NDArray[np.bool_] = np.asarray(within.all(axis=2))
    for number, thing in enumerate(objects):
        if thing.polygon_px is not None:
            holds[:, number] = _in_polygon(thing.polygon_px, points)
    return holds


def _in_polygon(polygon: Array, points: Array) -> NDArray[np.bool_]:
    from matplotlib.path import Path

    return Path(polygon).contains_points(points)


def distances_px(objects: Sequence[SceneObject], points_px: Array) -> Array:
    """Return how far points lie from the outlines of objects, shape (n_points, n_objects); 0 within a box."""
    boxes = boxes_px(objects)
    outside = np.maximum(boxes[:, :2] - points_px[:, None], points_px[:, None] - boxes[:, 2:])
    distances = np.linalg.norm(np.maximum(outside, 0.0), axis=2)
    for number, thing in enumerate(objects):
        if thing.polygon_px is not None:
            distances[:, number] = _to_outline(thing.polygon_px, points_px)
    return distances


def _to_outline(polygon: Array, points: Array) -> Array:
    """Distance of points (n, 2) to the nearest side of a polygon (k, 2)."""
    along = np.roll(polygon, -1, axis=0) - polygon
    offset = points[:, None] - polygon  # (n, k, 2)
    length = np.maximum((along**2).sum(axis=1), np.finfo(float).tiny)
    part = np.clip((offset * along).sum(axis=2) / length, 0.0, 1.0)
    return np.linalg.norm(offset - part[..., None] * along, axis=2).min(axis=1)


def boxes_px(objects: Sequence[SceneObject]) -> Array:
    """Return left, top, right and bottom of each object, shape (n_objects, 4)."""
    return np.array([thing.box_px for thing in objects], dtype=float).reshape(-1, 4)


def areas_px(objects: Sequence[SceneObject]) -> Array:
    """Return the area of each object's polygon, else of its box, in square pixels, shape (n_objects,)."""
    return np.array([area_px(thing.polygon_px, thing.box_px) for thing in objects])
