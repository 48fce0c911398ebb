"""What the next fixation depends on that is no content: geometry, history, area, and the target's place if it is told.

Linear terms of a conditional logit, each for every object at every moment. Functions of distance are added up from
tents over rho = ln(1 + r / e2), and directions come as harmonics of each tent, so that the log odds of a saccade are a
smooth log-polar map; others let this map change with time, with where gaze is, and with the habits that the path has
shown.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.scanpath.baselines.geometry import (
    AROUND_DEG,
    E2_DEG,
    FEW_DEG,
    KNOTS_DEG,
    Geometry,
    geometry_of,
)
from cogattn.psychophysics.scanpath.baselines.moments import HABITS, Floats, Moments
from cogattn.psychophysics.scanpath.layouts.items import Array

RECENT = (1.5, 5.0)
"""Fixations over which it fades that something was looked at."""
LATE = 10.0
"""Fixations that are many: the lateness of a moment is ln(1 + number) / ln(1 + LATE)."""
FAR_DEG = 8.0
"""Saccades of so many degrees and more are far, or long."""
SIDE_DEG = 16.0
"""Where gaze is counts in units of so many degrees from the middle."""

POLAR = (
    "log distance",
    *(f"{knot:g} deg{turn}" for knot in KNOTS_DEG for turn in ("", " cos", " sin", " cos2", " sin2")),
    *(f"{knot:g} deg cos4" for knot in FEW_DEG),
    *(f"{knot:g} deg, late" for knot in FEW_DEG),
    *(f"{knot:g} deg from the middle, first" for knot in FEW_DEG),
)
STEADY = (
    "density", "density, first", "density, late", "log area", "log area, first",
    "x", "y", "x squared", "y squared", "distance to the middle",
)  # fmt: skip
BESIDE = (
    *(f"{way}, gaze at {side}{far}" for side in "xy" for way in ("cos", "sin") for far in ("", ", far")),
    *(f"{way}, gaze at {side} squared" for side in "xy" for way in ("cos2", "far")),
)
HISTORY = (
    "stays", "stays, late", "visited", "visited, late", "log visits", "just left",
    *(f"looked at within {tau:g} fixations" for tau in RECENT),
    *(f"visits within {sd:g} deg" for sd in AROUND_DEG),
    *(f"recent visits within {sd:g} deg" for sd in AROUND_DEG),
    *(f"{turn}, {way}" for turn in ("goes on", "goes on or back") for way in ("near", "far", "after a long one")),
)  # fmt: skip
HABIT = (
    "cos2, as before", "sin2, as before", "cos4, as before", "round", "round, as before",
    *(f"{knot:g} deg, amplitude before" for knot in FEW_DEG), "stays, as before", "goes back, as before",
)  # fmt: skip
TARGET = (
    "target", "target, late", "target, first", "target, seen", "target, seen twice", "target, seen lately",
    "target, now",
    *(f"target at {knot:g} deg" for knot in FEW_DEG),
    *(f"target at {knot:g} deg, late" for knot in FEW_DEG),
    *(f"target at {knot:g} deg before" for knot in FEW_DEG),
    *(f"{knot:g} deg from the target" for knot in FEW_DEG),
    "towards the target",
)  # fmt: skip
NAMES = (*POLAR, *STEADY, *BESIDE, *HISTORY, *HABIT, *TARGET)
"""Planes of `features`, in order."""
PLAIN = (
    "log distance", "density", "density, first", "log area", "stays", "visited", "just left", "goes on, near",
    "goes on, far", "target",
)  # fmt: skip
"""Terms that are likely to matter, and that the ridge hardly touches; the others refine them."""
LESS = 0.03
"""Part of the ridge that holds for them."""
RIDGE_OF = np.array([LESS if name in PLAIN else 1.0 for name in NAMES])
Planes = Iterator[NDArray[np.float32]]


def features(moments: Moments, density: Array, first_density: Array, target: int) -> Floats:
    """Return the terms of every object at every moment.

    Parameters
    ----------
    moments : Moments
        All over one layout.
    density, first_density : array, shape (n_objects,)
        How likely each object is to be looked at, at any time and first of all, by where fixations were in other
        layouts; above 0.
    target : int
        The object that is looked for; -1 where there is none or a model must not know.

    Returns
    -------
    array of float32, shape (n_features, n, n_objects)
        Planes as `NAMES`; without those of the target, which are last, where there is none.
    """
    n = len(NAMES) - (len(TARGET) if target < 0 else 0)
    planes = np.empty((n, len(moments), moments.layout.n_objects), dtype=np.float32)
    here = _Here(moments)
    groups = [
        _polar(here),
        _steady(here, density, first_density),
        _beside(here),
        _history(here),
        _habit(here),
    ]
    if target >= 0:
        groups.append(_of_target(here, target))
    at = 0
    for group in groups:
        for plane in group:
            planes[at] = plane
            at += 1
    return planes


class _Here:
    """What several groups of terms need: tables seen from where gaze is, columns (n, 1) about the moment."""

    def __init__(self, moments: Moments) -> None:
        now = moments.now
        self.moments, self.now = moments, now
        self.geometry: Geometry = geometry_of(moments.layout)
        self.begins = (now < 0).astype(np.float32)[:, None]
        self.goes = 1 - self.begins
        self.late = (np.log1p(moments.number) / np.log1p(LATE)).astype(np.float32)[:, None]
        self.few = self.geometry.few[:, now]
        self.x, self.y = self.geometry.x[now] * self.goes, self.geometry.y[now] * self.goes
        self.cos2, self.sin2 = self.x**2 - self.y**2, 2 * self.x * self.y
        self.cos4 = self.cos2**2 - self.sin2**2
        self.far = np.minimum(self.geometry.distance[now] / FAR_DEG, 1) * self.goes
        self.stays = (now[:, None] == np.arange(moments.layout.n_objects)).astype(np.float32)
        self.seen = (moments.visits > 0).astype(np.float32)
        lag = (moments.number[:, None] - moments.last).astype(np.float32)
        self.faded = [self.seen * np.exp(-lag / np.float32(tau)) for tau in RECENT]


def _polar(here: _Here) -> Planes:
    yield np.log1p(here.geometry.distance[here.now] / E2_DEG)
    yield from (table[here.now] for table in here.geometry.polar)
    yield from (tent * here.cos4 for tent in here.few)
    yield from (tent * here.late * here.goes for tent in here.few)
    yield from (tent * here.begins for tent in here.few)


def _steady(here: _Here, density: Array, first_density: Array) -> Planes:
    layout = here.moments.layout
    area = (layout.log_area - layout.log_area.mean()).astype(np.float32)
    dense, first = (np.log(one).astype(np.float32) - area for one in (density, first_density))
    height, width = layout.scene.size_px
    x, y = (layout.position_deg * layout.scale / (np.array([width, height]) / 2)).T.astype(np.float32)
    yield dense * here.goes
    yield first * here.begins
    yield dense * here.late * here.goes
    yield area * np.ones_like(here.begins)
    yield area * here.begins
    yield from (plane * here.goes for plane in (x, y, x**2, y**2, np.hypot(x, y)))


def _beside(here: _Here) -> Planes:
    """How the map of saccades changes with where gaze is: near an edge it goes back towards the middle."""
    places = np.concatenate([here.moments.layout.position_deg, np.zeros((1, 2))]) / SIDE_DEG
    sides = [side[:, None] for side in places[here.now].T.astype(np.float32)]
    for side in sides:
        for way in (here.x, here.y):
            yield side * way
            yield side * way * here.far
    for side in sides:
        yield side**2 * here.cos2
        yield side**2 * here.far


def _history(here: _Here) -> Planes:
    moments, n = here.moments, np.arange(here.moments.layout.n_objects)
    yield here.stays
    yield here.stays * here.late
    yield here.seen
    yield here.seen * here.late
    yield np.log1p(moments.visits)
    yield (moments.before[:, None] == n) * (1 - here.stays)
    yield from here.faded
    for visits in (moments.visits, here.faded[-1]):
        yield from (np.log1p(visits @ near) for near in here.geometry.around)
    yield from _turns(here)


def _turns(here: _Here) -> Planes:
    """Whether the next saccade goes on as the last one went, by how far it goes and how far the last one went."""
    geometry, now, before = here.geometry, here.now, here.moments.before
    came = ((before >= 0) & (now >= 0)).astype(np.float32)[:, None]
    x, y = geometry.x[before, now][:, None] * came, geometry.y[before, now][:, None] * came
    long_last = np.minimum(geometry.distance[before, now] / FAR_DEG, 1)[:, None]
    cosine = x * here.x + y * here.y
    moved = (x != 0) | (y != 0)
    for turn in (cosine, (2 * cosine**2 - 1) * (moved & (here.far > 0))):
        yield turn * (1 - here.far)
        yield turn * here.far
        yield turn * long_last


def _habit(here: _Here) -> Planes:
    """Whether the path keeps to directions, amplitudes, returns and a sense of rotation that it has shown."""
    sums = {name: here.moments.habits[:, [k]] for k, name in enumerate(HABITS)}
    moves = sums["moves"] + 1
    any_so_far = (sums["moves"] + sums["stays"] > 0).astype(np.float32)
    amplitude = (sums["log amplitude"] + 1.5) / moves * any_so_far
    places = np.concatenate([here.moments.layout.position_deg, np.zeros((1, 2))]).astype(np.float32)
    gaze_x, gaze_y = places[here.now].T[..., None]
    clockwise = np.sign(np.round(gaze_x * here.y - gaze_y * here.x, 5))
    yield sums["cos2"] / moves * here.cos2
    yield sums["sin2"] / moves * here.sin2
    yield sums["cos4"] / moves * here.cos4
    yield clockwise
    yield sums["round"] / moves * clockwise
    yield from (tent * amplitude * here.goes for tent in here.few)
    yield here.stays * sums["stays"] / (moves + sums["stays"] + 1)
    yield here.seen * (1 - here.stays) * sums["revisits"] / (moves + sums["stays"] + 1)


def _of_target(here: _Here, target: int) -> Planes:
    geometry, now, before = here.geometry, here.now, here.moments.before
    it = np.zeros((1, here.moments.layout.n_objects), dtype=np.float32)
    it[0, target] = 1
    visits = here.moments.visits[:, [target]]
    yield it * np.ones_like(here.begins)
    yield it * here.late
    yield it * here.begins
    yield it * (visits > 0)
    yield it * (visits > 1)
    yield it * here.faded[-1]
    yield it * (now == target)[:, None]
    yield from (it * tent for tent in here.few)
    yield from (it * tent * here.late for tent in here.few)
    yield from (it * table[before][:, [target]] * (before >= 0)[:, None] for table in geometry.few)
    yield from (table[target] * (1 - it) * np.ones_like(here.begins) for table in geometry.few)
    yield geometry.x[now, target][:, None] * here.x + geometry.y[now, target][:, None] * here.y
