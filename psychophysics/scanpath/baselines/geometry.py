"""What is fixed between the objects of a layout, seen from each of them: distances, directions, neighbourhoods."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cogattn.psychophysics.scanpath.baselines.moments import Floats
from cogattn.psychophysics.scanpath.layouts.items import Array, Layout

E2_DEG = 1.0
"""Distances count as rho = ln(1 + r / e2)."""
KNOTS_DEG = (0.6, 1.2, 2.0, 3.0, 4.5, 6.5, 9.5, 14.0, 20.0, 30.0)
"""Distances at which a function of distance may bend; it is level beyond the last and before the first one."""
FEW_DEG = (1.5, 4.0, 9.0, 20.0)
"""The same for functions that are known less well."""
AROUND_DEG = (1.5, 4.0)
"""Standard deviations of neighbourhoods."""


class Geometry:
    """Tables between objects: rows are where gaze is, columns where it may go.

    The last row, numbered -1, is of gaze that is nowhere yet: its distances are from the image's middle, and it has no
    part in `polar`.

    Attributes
    ----------
    distance : array, shape (n_objects + 1, n_objects)
        Degrees.
    x, y : array, shape (n_objects + 1, n_objects)
        Cosine and sine of the direction, clockwise from rightwards; 0 where there is none.
    few : array, shape (n_few, n_objects + 1, n_objects)
        Tents over distance, knots at `FEW_DEG`.
    polar : array, shape (n_knots * 5, n_objects + 1, n_objects)
        Tents with knots at `KNOTS_DEG`, each times 1, cos, sin, cos 2 and sin 2 of the direction, knot by knot.
    around : array, shape (n_around, n_objects, n_objects)
        Gaussians of distance.
    """

    def __init__(self, position_deg: Array) -> None:
        places = np.concatenate([position_deg, np.zeros((1, 2))])
        way = position_deg - places[:, None]
        distance = np.hypot(way[..., 0], way[..., 1])
        unit = way / np.where(distance > 0, distance, 1)[..., None]
        x, y = unit[..., 0].astype(np.float32), unit[..., 1].astype(np.float32)
        moves = (distance > 0).astype(np.float32)
        moves[-1] = 0
        turns = np.stack([np.ones_like(x), x, y, x**2 - y**2, 2 * x * y]) * moves
        polar = tents(distance, KNOTS_DEG)[:, None] * turns
        near = (distance[:-1] / np.array(AROUND_DEG)[:, None, None]) ** 2
        self.distance, self.x, self.y = distance.astype(np.float32), x, y
        self.few = tents(distance, FEW_DEG)
        self.polar = polar.reshape(-1, *distance.shape)
        self.around = np.exp(-near / 2).astype(np.float32)


def geometry_of(layout: Layout) -> Geometry:
    """Return a layout's geometry; layouts of the same grid share it."""
    return _geometry(layout.position_deg.tobytes())


@lru_cache(maxsize=4)
def _geometry(positions: bytes) -> Geometry:
    return Geometry(np.frombuffer(positions).reshape(-1, 2))


def tents(distance_deg: Array, knots_deg: tuple[float, ...]) -> Floats:
    """Return weights (n_knots, ...) that add up a piecewise linear function of rho from its values at knots."""
    rho, knots = np.log1p(distance_deg / E2_DEG), np.log1p(np.array(knots_deg) / E2_DEG)
    return np.stack([np.interp(rho, knots, row) for row in np.eye(len(knots))]).astype(np.float32)
