"""What is searched for: bars, arcs, letters and shaded discs, in degrees of visual angle.

An item is a pure function of position: `Item.paint` says how much ink lies at a point and how light it is.
Edges come from signed distances, softened over one pixel, so that the same item is right at any resolution
and between pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BLACK, WHITE = 0.0, 1.0


class Item(Protocol):
    """A shape about its own centre, the origin; x to the right, y downwards, in degrees."""

    @property
    def box_deg(self) -> float:
        """Side of the square that the item takes up, in degrees."""
        ...

    def paint(self, x: Array, y: Array, *, pixel_deg: float) -> tuple[Array, Array]:
        """Return coverage (0 outside to 1 inside) and luminance (0 black to 1 white) at points in degrees.

        A coloured item returns red, green and blue, a further axis of three, instead of a luminance.
        """
        ...


@dataclass(frozen=True)
class Strokes:
    """Straight strokes of one width, turned and mirrored as a whole.

    Parameters
    ----------
    strokes : tuple of (left, top, right, bottom)
        Rectangles in degrees about the item's centre.
    box_deg : float
        Side of the item's square.
    luminance : float
        Of the ink, from 0 to 1.
    angle_deg : float
        Anticlockwise turn; a vertical bar turned by a negative angle leans to the right.
    mirrored : bool
        Mirror left and right before turning.
    """

    strokes: tuple[tuple[float, float, float, float], ...]
    box_deg: float
    luminance: float = BLACK
    angle_deg: float = 0.0
    mirrored: bool = False

    def paint(self, x: Array, y: Array, *, pixel_deg: float) -> tuple[Array, Array]:
        """Return coverage and luminance; see `Item`."""
        x, y = _turn(x, y, -self.angle_deg)
        if self.mirrored:
            x = -x
        distance = np.minimum.reduce([_to_rectangle(x, y, *stroke) for stroke in self.strokes])
        return _coverage(distance, pixel_deg), np.full_like(x, self.luminance)


@dataclass(frozen=True)
class Arc:
    """An arc of a circle, its middle at the left when not turned, centred in its box.

    Parameters
    ----------
    radius_deg, span_rad, stroke_deg : float
        Radius in degrees of visual angle, opening in radians, stroke width in degrees.
    box_deg, luminance, angle_deg : float
        As for `Strokes`.
    """

    radius_deg: float
    span_rad: float
    stroke_deg: float
    box_deg: float
    luminance: float = WHITE
    angle_deg: float = 0.0

    def paint(self, x: Array, y: Array, *, pixel_deg: float) -> tuple[Array, Array]:
        """Return coverage and luminance; see `Item`."""
        x, y = _turn(x, y, -self.angle_deg)
        sagitta = self.radius_deg * (1 - np.cos(self.span_rad / 2))
        x = x - (self.radius_deg - sagitta / 2)  # the circle's centre lies to the right
        angle = np.clip(np.arctan2(y, -x), -self.span_rad / 2, self.span_rad / 2)
        nearest_x, nearest_y = -self.radius_deg * np.cos(angle), self.radius_deg * np.sin(angle)
        distance = np.hypot(x - nearest_x, y - nearest_y) - self.stroke_deg / 2
        return _coverage(distance, pixel_deg), np.full_like(x, self.luminance)


@dataclass(frozen=True)
class ShadedDisc:
    """A disc whose grey rises in equal steps from one edge to the other: a bump lit from one side.

    Parameters
    ----------
    diameter_deg : float
        Diameter.
    light_deg : float
        Direction of the bright edge, anticlockwise from above: 0 is lit from above, 90 from the left.
    box_deg : float
        Side of the item's square.
    step_deg : float
        Width of a grey. The ramp runs from black to white in ``n_steps + 1`` greys, the whitest half as wide as the
        others, and lies in the middle of the box: a small disc lacks its ends.
    n_steps : int
        Steps of the ramp.
    """

    diameter_deg: float
    light_deg: float
    box_deg: float
    step_deg: float
    n_steps: int = 15

    def paint(self, x: Array, y: Array, *, pixel_deg: float) -> tuple[Array, Array]:
        """Return coverage and luminance; see `Item`."""
        _, along = _turn(x, y, -self.light_deg)
        dark_edge = (self.n_steps + 0.5) / 2 * self.step_deg
        step = np.floor((dark_edge - along) / self.step_deg)
        grey = np.clip(step, 0, self.n_steps) / self.n_steps
        return _coverage(np.hypot(x, y) - self.diameter_deg / 2, pixel_deg), grey


@dataclass(frozen=True)
class Together:
    """Several items as one, about a common centre; of one luminance.

    Parameters
    ----------
    parts : tuple of Item
        What it is made of.
    box_deg : float
        Side of the whole item's square.
    """

    parts: tuple[Item, ...]
    box_deg: float

    def paint(self, x: Array, y: Array, *, pixel_deg: float) -> tuple[Array, Array]:
        """Return coverage and luminance; see `Item`."""
        painted = [part.paint(x, y, pixel_deg=pixel_deg) for part in self.parts]
        return np.maximum.reduce([coverage for coverage, _ in painted]), painted[0][1]


@dataclass(frozen=True)
class Coloured:
    """An item in one colour.

    Parameters
    ----------
    shape : Item
        What is painted.
    rgb : tuple of float
        Red, green and blue from 0 to 1.
    """

    shape: Item
    rgb: tuple[float, float, float]

    @property
    def box_deg(self) -> float:
        """Side of the shape's square."""
        return self.shape.box_deg

    def paint(self, x: Array, y: Array, *, pixel_deg: float) -> tuple[Array, Array]:
        """Return coverage and colour (..., 3); see `Item`."""
        coverage, _ = self.shape.paint(x, y, pixel_deg=pixel_deg)
        return coverage, np.broadcast_to(np.array(self.rgb), (*coverage.shape, 3))


def bar(
    length_deg: float, width_deg: float, *, box_deg: float, luminance: float, angle_deg: float
) -> Strokes:
    """Return a bar that stands upright when `angle_deg` is 0."""
    half_width, half_length = width_deg / 2, length_deg / 2
    return Strokes(((-half_width, -half_length, half_width, half_length),), box_deg, luminance, angle_deg)


def _turn(x: Array, y: Array, angle_deg: float) -> tuple[Array, Array]:
    """Turn points anticlockwise as seen on a screen, where y points down."""
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return c * x + s * y, -s * x + c * y


def _to_rectangle(x: Array, y: Array, left: float, top: float, right: float, bottom: float) -> Array:
    """Signed distance to a rectangle, negative inside."""
    dx = np.abs(x - (left + right) / 2) - (right - left) / 2
    dy = np.abs(y - (top + bottom) / 2) - (bottom - top) / 2
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0)


def _coverage(distance: Array, pixel_deg: float) -> Array:
    return np.clip(0.5 - distance / pixel_deg, 0, 1)
