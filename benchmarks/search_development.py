"""Twelve other search asymmetries, on which the searcher's constants and rules were chosen; none is among the study's.

Only their polarity in people is used, no reaction time; sizes and grids are our own. Six are small, as the study's
bars and curves, and six have strokes as large as its letters and crossings. In people the first of each pair is the
one that is found more easily among the second:

========== =========================================================== =======================================
small      large
========== =========================================================== =======================================
tail       tail_large: a circle crossed by a line, among circles        Treisman, Souther (1985)
gap        gap_large: a circle with a gap, among whole ones             Treisman, Souther (1985)
length     length_large: a long line, among short ones                  Treisman, Gormican (1988)
pair       pair_large: two lines, among single ones                     Treisman, Gormican (1988)
ellipse    an ellipse, among circles                                    Treisman, Gormican (1988)
contrast   a dark disc, among lighter ones on a white ground            Treisman, Gormican (1988)
           converging: two lines that converge, among parallel ones     Treisman, Gormican (1988)
           mirrored: a reversed N, among normal ones                    Frith (1974); Malinowski, Huebner (2001)
========== =========================================================== =======================================

References
----------
Frith (1974), Perception & Psychophysics 16, 113-116.
Malinowski, Huebner (2001), Perception & Psychophysics 63, 458-463: not for readers of an alphabet that has both.
Treisman, Souther (1985), J. Exp. Psychol. General 114, 285-310.
Treisman, Gormican (1988), Psychol. Review 95, 15-48.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.search.displays.items import BLACK, WHITE, Arc, Item, Strokes, Together, bar
from cogattn.psychophysics.search.displays.tasks import Condition, Task

Array = NDArray[np.float64]

SMALL, LARGE = 1.6, 5.9
"""Sides of items' boxes in degrees; the study's letters have the latter."""
_THIN, _THICK = 0.15, 0.55
_SHORT, _LONG = 3.7, 5.5


@dataclass(frozen=True)
class Ellipse:
    """An outline or a filled ellipse, upright, in degrees; `stroke_deg` 0 fills it."""

    width_deg: float
    height_deg: float
    stroke_deg: float
    box_deg: float
    luminance: float = BLACK

    def paint(self, x: Array, y: Array, *, pixel_deg: float) -> tuple[Array, Array]:
        """Return coverage and luminance; see `Item`. Distances are to first order in the distance to the outline."""
        a, b = self.width_deg / 2, self.height_deg / 2
        radius = np.hypot(x / a, y / b)
        slope = np.maximum(np.hypot(x / a**2, y / b**2), 1e-9)
        distance = radius * (radius - 1) / slope
        if self.stroke_deg:
            distance = np.abs(distance) - self.stroke_deg / 2
        return np.clip(0.5 - distance / pixel_deg, 0, 1), np.full_like(x, self.luminance)


def _task(
    name: str, title: str, easy: tuple[Item, ...], hard: tuple[Item, ...], words: tuple[str, str]
) -> Task:
    """Small items: a 5 x 5 grid 11 degrees wide with 2, 8 or 16; large ones: the letters' grid with 3, 6 or 9."""
    a, b = words
    large = easy[0].box_deg == LARGE
    return Task(
        name,
        title,
        field_deg=20.5 if large else 11.0,
        n_columns=3 if large else 5,
        background=WHITE,
        set_sizes=(3, 6, 9) if large else (2, 8, 16),
        conditions=(
            Condition(f"{a}_in_{b}", f"{a} among {b}", "easy", easy, hard),
            Condition(f"{b}_in_{a}", f"{b} among {a}", "hard", hard, easy),
        ),
    )


def _ring(radius_deg: float, stroke_deg: float, box_deg: float, *, gap_rad: float = 0.0) -> Arc:
    return Arc(radius_deg, 2 * math.pi - gap_rad, stroke_deg, box_deg=box_deg, luminance=BLACK)


def _turned(item: Arc | Strokes) -> tuple[Arc | Strokes, ...]:
    return tuple(replace(item, angle_deg=90.0 * turn) for turn in range(4))


def _tailed(radius_deg: float, stroke_deg: float, box_deg: float, turns: int) -> tuple[Item, ...]:
    """A circle that a line crosses, half of it outside."""
    half, reach = stroke_deg / 2, box_deg / 2
    tail = Strokes(((-half, 2 * radius_deg - reach, half, reach),), box_deg)
    ring = _ring(radius_deg, stroke_deg, box_deg)
    return tuple(Together((ring, one), box_deg) for one in _turned(tail)[:turns])


def _line(length_deg: float, width_deg: float, box_deg: float) -> Strokes:
    return bar(length_deg, width_deg, box_deg=box_deg, luminance=BLACK, angle_deg=0)


def _pair(
    length_deg: float,
    width_deg: float,
    box_deg: float,
    *,
    apart_deg: float,
    lean_deg: float = 0.0,
    turn_deg: float = 0.0,
) -> Together:
    """Two upright lines side by side that lean towards each other at the top, turned as a whole."""
    left, half, reach = -apart_deg / 2, width_deg / 2, length_deg / 2
    stroke = Strokes(((left - half, -reach, left + half, reach),), box_deg, angle_deg=turn_deg - lean_deg)
    return Together((stroke, replace(stroke, mirrored=True, angle_deg=turn_deg + lean_deg)), box_deg)


def _converging(turns: int, lean_deg: float) -> tuple[Item, ...]:
    """Two lines in each of `turns` quarter turns."""
    return tuple(
        _pair(4.8, _THICK, LARGE, apart_deg=2.6, lean_deg=lean_deg, turn_deg=90.0 * turn)
        for turn in range(turns)
    )


def _letter_n(*, reversed_: bool) -> tuple[Item]:
    """Two stems and the diagonal between them, from the top left, or from the top right when reversed."""
    height, width = 5.2, 3.6
    half = _THICK / 2
    stems = Strokes(
        tuple((x - half, -height / 2, x + half, height / 2) for x in (-width / 2, width / 2)), LARGE
    )
    lean = math.degrees(math.atan2(width, height - _THICK))
    diagonal = bar(
        math.hypot(width, height - _THICK),
        _THICK,
        box_deg=LARGE,
        luminance=BLACK,
        angle_deg=-lean if reversed_ else lean,
    )
    return (Together((stems, diagonal), LARGE),)


def _tasks() -> tuple[Task, ...]:
    thin, thick = _ring(0.6, _THIN, SMALL), _ring(2.2, _THICK, LARGE)
    one, two = _line(1.2, _THIN, SMALL), _pair(1.2, _THIN, SMALL, apart_deg=0.6)
    ones, twos = _line(4.8, _THICK, LARGE), _pair(4.8, _THICK, LARGE, apart_deg=2.2)
    gap = _turned(_ring(0.6, _THIN, SMALL, gap_rad=1.0))
    gap_large = _turned(_ring(2.2, _THICK, LARGE, gap_rad=1.0))
    return (
        _task("tail", "Circle with a tail", _tailed(0.6, _THIN, SMALL, 1), (thin,), ("tail", "ring")),
        _task("gap", "Circle with a gap", gap, (thin,), ("gap", "whole")),
        _task(
            "length", "Length", (_line(1.5, _THIN, SMALL),), (_line(1.0, _THIN, SMALL),), ("long", "short")
        ),
        _task("pair", "Number of lines", (two,), (one,), ("two", "one")),
        _task(
            "ellipse",
            "Ellipse",
            (Ellipse(0.9, 1.35, _THIN, SMALL),),
            (Ellipse(1.1, 1.1, _THIN, SMALL),),
            ("ellipse", "circle"),
        ),
        _task(
            "contrast",
            "Contrast",
            (Ellipse(1.1, 1.1, 0, SMALL, 0.25),),
            (Ellipse(1.1, 1.1, 0, SMALL, 0.5),),
            ("dark", "light"),
        ),
        _task(
            "tail_large",
            "Large circle with a tail",
            _tailed(2.0, _THICK, LARGE, 4),
            (_ring(2.0, _THICK, LARGE),),
            ("large_tail", "large_ring"),
        ),
        _task("gap_large", "Large circle with a gap", gap_large, (thick,), ("large_gap", "large_whole")),
        _task(
            "length_large",
            "Length, large",
            (_line(_LONG, _THICK, LARGE),),
            (_line(_SHORT, _THICK, LARGE),),
            ("large_long", "large_short"),
        ),
        _task("pair_large", "Number of large lines", (twos,), (ones,), ("large_two", "large_one")),
        _task(
            "converging",
            "Convergence",
            _converging(4, 12.0),
            _converging(2, 0.0),
            ("converging", "parallel"),
        ),
        _task(
            "mirrored",
            "Reversed letter",
            _letter_n(reversed_=True),
            _letter_n(reversed_=False),
            ("reversed", "normal"),
        ),
    )


DEVELOPMENT_TASKS: Mapping[str, Task] = {task.name: task for task in _tasks()}
"""The twelve by name."""
LARGE_TASKS = tuple(name for name, task in DEVELOPMENT_TASKS.items() if task.n_columns == 3)
"""Those with strokes as large as letters."""
