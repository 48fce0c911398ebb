"""Outlines of sixteen everyday objects with random proportions.

Coordinates run right and down; an object spans roughly [-1, 1] in its longer direction, upright. A silhouette
is a list of parts painted in order: solid parts add to it, the others are cut out of what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]  # (n, 2): x, y


@dataclass(frozen=True, eq=False)
class Part:
    """One closed outline, shape (n, 2), painted or cut out."""

    outline: Points
    solid: bool = True


def anchor(rng: Generator) -> list[Part]:
    """Ring, stock, shank and two flukes."""
    width, reach = rng.uniform(0.08, 0.11), rng.uniform(0.56, 0.7)
    stock, stock_y = rng.uniform(0.3, 0.42), rng.uniform(-0.48, -0.36)
    arms = _arc(0, 0.85 - reach, reach, 0.1 * np.pi, 0.9 * np.pi)
    fluke = np.array([[-0.2, 0.1], [0.05, -0.3], [0.2, 0.14]]) * rng.uniform(0.85, 1.15) + arms[0]
    return [
        Part(_disc(0, -0.8, 0.2)),
        Part(_disc(0, -0.8, 0.1), solid=False),
        Part(_stroke([[0, -0.62], [0, 0.85]], width)),
        Part(_stroke([[-stock, stock_y], [stock, stock_y]], width)),
        Part(_stroke(arms, width * np.interp(np.linspace(-1, 1, len(arms)), [-1, 0, 1], [0.8, 1.3, 0.8]))),
        Part(fluke),
        Part(fluke * [-1, 1]),
    ]


def arrow(rng: Generator) -> list[Part]:
    """A shaft with a barbed head."""
    head, spread, shaft = rng.uniform(0.6, 0.85), rng.uniform(0.48, 0.62), rng.uniform(0.13, 0.2)
    barb, notch = rng.uniform(0.0, 0.18), rng.uniform(0.0, 0.2)
    neck, back = 0.95 - head + barb, 0.95 - head
    half = [[0.95, 0], [back, -spread], [neck, -shaft], [-0.95, -shaft], [-0.95 + notch, 0]]
    return [Part(_mirrored(half, axis=1))]


def bottle(rng: Generator) -> list[Part]:
    """A lip, a neck, a shoulder and a body."""
    body, neck = rng.uniform(0.3, 0.42), rng.uniform(0.1, 0.15)
    shoulder, top = rng.uniform(-0.3, 0.0), rng.uniform(-0.55, -0.4)
    lip = neck + 0.045
    half = [
        [0, -1], [lip, -1], [lip, -0.88], [neck, -0.87], [neck, top],
        [body, shoulder], [body, shoulder + 0.25], [body, 0.8], [body * 0.95, 1], [0, 1],
    ]  # fmt: skip
    return [Part(_rounded(_mirrored(half, axis=0)))]


def butterfly(rng: Generator) -> list[Part]:
    """Two pairs of wings, a body and feelers."""
    high, low = rng.uniform(0.85, 1.1, 2), rng.uniform(0.8, 1.1, 2)
    upper = (
        np.array([[0, -0.12], [0.22, -0.55], [0.7, -0.85], [0.98, -0.62], [0.75, -0.08], [0, 0.08]]) * high
    )
    lower = np.array([[0, -0.02], [0.62, 0.02], [0.78, 0.38], [0.48, 0.82], [0.22, 0.6], [0, 0.2]]) * low
    spot = upper[2:4].mean(axis=0) * [0.8, 0.8]
    radius = rng.uniform(0.08, 0.13)
    feeler = _arc(0.34, -0.45, 0.3, 0.95 * np.pi, 1.4 * np.pi)
    wings = [Part(_rounded(wing) * [side, 1]) for wing in (upper, lower) for side in (-1, 1)]
    spots = [Part(_disc(side * spot[0], spot[1], radius), solid=False) for side in (-1, 1)]
    body = Part(_disc(0, 0.05, 0.075, rng.uniform(0.48, 0.6)))
    return [*wings, *spots, body, *(Part(_stroke(feeler * [side, 1], 0.025)) for side in (-1, 1))]


def fish(rng: Generator) -> list[Part]:
    """A body with an eye, a forked tail and a fin on the back."""
    height, tail, fork = rng.uniform(0.36, 0.52), rng.uniform(0.36, 0.5), rng.uniform(0.62, 0.78)
    half = [
        [-0.95, 0], [-0.75, -0.7 * height], [-0.35, -height], [0.1, -0.85 * height],
        [0.5, -0.13], [0.68, -0.16], [0.98, -tail], [fork, 0],
    ]  # fmt: skip
    fin = [[-0.3, -0.8 * height], [0.02, -height - rng.uniform(0.14, 0.26)], [0.26, -0.45 * height]]
    gill = _arc(-0.62, 0.0, 0.24, -0.28 * np.pi, 0.28 * np.pi)
    return [
        Part(_rounded(_mirrored(half, axis=1), 2)),
        Part(_rounded(np.array(fin), 1)),
        Part(_disc(-0.68, -0.22 * height, 0.065), solid=False),
        Part(_stroke(gill, 0.025), solid=False),
    ]


def flower(rng: Generator) -> list[Part]:
    """A head of five to eight petals on a stem with a leaf."""
    petals, sharpness = int(rng.integers(5, 9)), rng.uniform(0.5, 0.9)
    angle = np.linspace(0, 2 * np.pi, 241)[:-1]
    radius = 0.28 + rng.uniform(0.3, 0.36) * np.abs(np.cos(petals * angle / 2)) ** sharpness
    head = np.stack([radius * np.sin(angle), -0.38 - radius * np.cos(angle)], axis=1)
    bend, side = rng.uniform(-0.2, 0.2), rng.choice([-1, 1])
    stem = _curve([[0, -0.3], [bend, 0.4], [0.3 * bend, 1]])
    leaf = _lens(0.55, 0.16) @ _rotation(-0.6) + [0.25, 0.0]
    center = rng.uniform(0.14, 0.19)
    return [
        Part(_stroke(stem, 0.05)),
        Part(leaf * [side, 1] + [stem[30, 0], 0.5]),
        Part(head),
        Part(_disc(0, -0.38, center + 0.06), solid=False),
        Part(_disc(0, -0.38, center)),
    ]


def gear(rng: Generator) -> list[Part]:
    """A wheel of eight to twelve teeth with a bore."""
    teeth, depth = int(rng.integers(8, 13)), rng.uniform(0.72, 0.8)
    width, flank = rng.uniform(0.22, 0.28), 0.06
    turns = (np.arange(teeth)[:, None] + np.array([-width - flank, -width, width, width + flank])) / teeth
    angle, radius = 2 * np.pi * turns.ravel(), np.tile([depth, 1, 1, depth], teeth)
    outline = np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    return [Part(outline * 0.9), Part(_disc(0, 0, rng.uniform(0.26, 0.42)), solid=False)]


def hammer(rng: Generator) -> list[Part]:
    """A handle, a face and a claw."""
    length, grip, height = rng.uniform(0.95, 1.1), rng.uniform(0.1, 0.13), rng.uniform(0.15, 0.19)
    claw = _curve([[0.05, -0.66], [0.5, -0.74], [0.86, -0.3]])
    return [
        Part(_stroke([[0, -0.6], [0, 0.1], [0, length]], np.array([0.75, 0.85, 1.1]) * grip)),
        Part(_box(-0.62, -0.66 - 0.75 * height, 0.2, -0.66 + 0.75 * height)),
        Part(_box(-0.78, -0.66 - 1.25 * height, -0.52, -0.66 + 1.25 * height)),
        Part(_stroke(claw, np.linspace(0.8 * height, 0.035, len(claw)))),
    ]


def heart(rng: Generator) -> list[Part]:
    """Two lobes and a point."""
    t = np.linspace(0, 2 * np.pi, 121)[:-1]
    cleft, point = rng.uniform(4.0, 6.0), rng.uniform(0.85, 1.1)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - cleft * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return [Part(np.stack([x, np.where(y > 0, point * y, y)], axis=1) / 17)]


def house(rng: Generator) -> list[Part]:
    """Walls, a gable roof, a chimney, a door and two windows."""
    wall, eaves, ridge = rng.uniform(0.6, 0.72), rng.uniform(-0.2, 0.0), rng.uniform(-0.95, -0.75)
    over, side = rng.uniform(0.1, 0.18), rng.choice([-1, 1])
    chimney = side * rng.uniform(0.3, 0.42)
    pane = rng.uniform(0.1, 0.14)
    windows = [_box(x - pane, 0.2 - pane, x + pane, 0.2 + pane) for x in (-0.36, 0.36)]
    return [
        Part(_box(chimney - 0.1, ridge - 0.02, chimney + 0.1, eaves)),
        Part(np.array([[-wall - over, eaves], [0, ridge], [wall + over, eaves]])),
        Part(_box(-wall, eaves, wall, 0.85)),
        Part(_box(-0.13, 0.32, 0.13, 0.86), solid=False),
        *(Part(window, solid=False) for window in windows),
    ]


def key(rng: Generator) -> list[Part]:
    """A round bow, a shaft and two or three teeth."""
    bow, shaft, bit = rng.uniform(0.38, 0.46), rng.uniform(0.1, 0.13), rng.uniform(0.26, 0.36)
    edges = [(0.72, 0.92), (0.4, 0.58), (0.14, 0.26)][: int(rng.integers(2, 4))]
    teeth = [_box(x0, 0, x1, shaft + bit * rng.uniform(0.75, 1)) for x0, x1 in edges]
    return [
        Part(_disc(-0.58, 0, bow)),
        Part(_disc(-0.6, 0, bow * rng.uniform(0.45, 0.6)), solid=False),
        Part(_stroke([[-0.58 + bow, 0], [0.9, 0]], shaft)),
        *(Part(tooth) for tooth in teeth),
    ]


def leaf(rng: Generator) -> list[Part]:
    """A serrated blade with veins and a stalk."""
    width, teeth = rng.uniform(0.4, 0.52), int(rng.integers(7, 11))
    blade = _lens(1.9, width, teeth=teeth, depth=rng.uniform(0.05, 0.09))
    veins = [
        _stroke([[x, 0], [x - 0.3, side * (0.62 * width * np.cos(1.3 * x))]], 0.018)
        for x in (-0.3, 0.1, 0.5)
        for side in (-1, 1)
    ]
    stalk = _curve([[0.75, 0], [1.1, 0.02], [1.35, rng.uniform(-0.15, 0.15)]])
    return [
        Part(blade),
        Part(_stroke([[-0.75, 0], [0.9, 0]], [0.012, 0.035]), solid=False),
        *(Part(vein, solid=False) for vein in veins),
        Part(_stroke(stalk, 0.045)),
    ]


def mug(rng: Generator) -> list[Part]:
    """A body with an open rim and a handle."""
    top, bottom, height = rng.uniform(0.5, 0.6), rng.uniform(0.42, 0.56), rng.uniform(0.6, 0.78)
    grip, rim = rng.uniform(0.34, 0.42), rng.uniform(0.08, 0.13)
    half = [[0, -height], [top, -height], [bottom, height - 0.15], [bottom - 0.1, height], [0, height]]
    x = (top + bottom) / 2
    return [
        Part(_disc(x, 0, 0.85 * grip, grip)),
        Part(_disc(x, 0, 0.5 * grip, 0.62 * grip), solid=False),
        Part(_mirrored(half, axis=0)),
        Part(_disc(0, -height, top, rim)),
        Part(_disc(0, -height, top - 0.07, rim - 0.035), solid=False),
    ]


def star(rng: Generator) -> list[Part]:
    """Five points."""
    angle = np.pi * np.arange(10) / 5
    radius = np.where(np.arange(10) % 2 == 0, 1.0, rng.uniform(0.36, 0.5))
    return [Part(np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1))]


def tree(rng: Generator) -> list[Part]:
    """A conifer of three or four tiers on a trunk."""
    tiers, spread = int(rng.integers(3, 5)), rng.uniform(0.5, 0.65)
    bottom = np.linspace(-0.45, 0.68, tiers)
    top = np.concatenate([[-1.0], bottom[:-1] - rng.uniform(0.12, 0.22)])
    half_width = spread * np.linspace(0.5, 1, tiers)
    trunk = rng.uniform(0.09, 0.13)
    boughs = [
        np.array([[-w, b], [-0.45 * w, t + 0.45 * (b - t)], [0, t], [0.45 * w, t + 0.45 * (b - t)], [w, b],
                  [0, b - 0.06]])
        for w, b, t in zip(half_width, bottom, top, strict=True)
    ]  # fmt: skip
    return [Part(_box(-trunk, 0.4, trunk, 1)), *(Part(bough) for bough in boughs)]


def umbrella(rng: Generator) -> list[Part]:
    """A scalloped canopy, a shaft and a hook."""
    height, panels = rng.uniform(0.7, 0.9), int(rng.integers(4, 6))
    dome = _disc(0, 0, 0.98, height)
    canopy = dome[dome[:, 1] <= 1e-9]
    scallops = [_disc(x, 0.0, 0.98 / panels, 0.16) for x in np.linspace(-0.98, 0.98, 2 * panels + 1)[1::2]]
    hook = np.concatenate([[[0.0, -0.2], [0, 0.75]], _arc(0.16, 0.75, 0.16, np.pi, 0.05 * np.pi)])
    return [
        Part(canopy),
        *(Part(scallop, solid=False) for scallop in scallops),
        Part(_stroke(hook, 0.055)),
        Part(_stroke([[0, -height - 0.12], [0, -height + 0.1]], 0.04)),
    ]


SILHOUETTES: dict[str, Callable[[Generator], list[Part]]] = {
    draw.__name__: draw
    for draw in (
        anchor, arrow, bottle, butterfly, fish, flower, gear, hammer,
        heart, house, key, leaf, mug, star, tree, umbrella,
    )
}  # fmt: skip
"""Makers of a silhouette by name, in alphabetical order."""


def pebble(rng: Generator) -> Points:
    """A rounded stone of about unit radius about the origin."""
    angle = 2 * np.pi * (np.arange(6) + rng.uniform(-0.3, 0.3, 6)) / 6
    corners = rng.uniform(0.7, 1.3, 6)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _rounded(corners * [1, rng.uniform(0.5, 1)], 2)


def blade(rng: Generator) -> Points:
    """A blade of grass that grows from the lower edge of the unit square."""
    foot, tip = rng.uniform(-0.1, 1.1), rng.uniform(0.25, 0.75)
    path = _curve([[foot, 1.02], [foot + rng.normal(0, 0.1), 0.6], [foot + rng.normal(0, 0.25), tip]])
    return _stroke(path, rng.uniform(0.006, 0.012) * np.linspace(1, 0.1, len(path)))


def _disc(x: float, y: float, radius: float, radius_y: float | None = None) -> Points:
    angle = np.linspace(0, 2 * np.pi, 65)[:-1]
    return np.stack([x + radius * np.cos(angle), y + (radius_y or radius) * np.sin(angle)], axis=1)


def _box(x0: float, y0: float, x1: float, y1: float) -> Points:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _arc(x: float, y: float, radius: float, start: float, stop: float) -> Points:
    angle = np.linspace(start, stop, 40)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def _curve(control: ArrayLike) -> Points:
    """Quadratic Bezier curve through 60 points."""
    a, b, c = np.asarray(control, dtype=float)
    t = np.linspace(0, 1, 60)[:, None]
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c


def _lens(length: float, half_width: float, *, teeth: int = 0, depth: float = 0.0) -> Points:
    """A pointed oval along x about the origin, its edge serrated."""
    t = np.linspace(0, 1, 121)
    saw = 1 - depth * ((teeth * t) % 1) * (teeth > 0) * 2
    half = np.stack([length * (t - 0.5), half_width * np.sin(np.pi * t**0.85) * saw], axis=1)
    return _mirrored(half, axis=1)


def _stroke(path: ArrayLike, half_width: ArrayLike) -> Points:
    """Outline of a path of varying thickness with round ends."""
    path = np.asarray(path, dtype=float)
    width = np.broadcast_to(np.asarray(half_width, dtype=float), len(path))[:, None]
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = tangent[:, ::-1] * [-1, 1]
    turn = np.linspace(-np.pi / 2, np.pi / 2, 9)[1:-1, None]
    end = path[-1] + width[-1] * (np.cos(turn) * tangent[-1] - np.sin(turn) * normal[-1])
    start = path[0] - width[0] * (np.cos(turn) * tangent[0] - np.sin(turn) * normal[0])
    return np.concatenate([path + width * normal, end, (path - width * normal)[::-1], start])


def _mirrored(half: ArrayLike, *, axis: int) -> Points:
    """Close half an outline by its mirror image; `axis` is the coordinate that changes sign."""
    half = np.asarray(half, dtype=float)
    return np.concatenate([half, half[::-1] * np.where(np.arange(2) == axis, -1, 1)])


def _rounded(outline: Points, times: int = 3) -> Points:
    """Cut the corners of a closed outline (Chaikin 1974)."""
    for _ in range(times):
        following = np.roll(outline, -1, axis=0)
        cut = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], axis=1)
        outline = cut.reshape(-1, 2)
    return outline


def _rotation(angle: float) -> NDArray[np.float64]:
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
