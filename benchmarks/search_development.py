"""Three other search asymmetries, on which the searcher's constants were chosen; none is among the six tasks.

A Q is found among Os at once, an O among Qs is not; the same holds for a circle with a gap among whole ones, and
for a long bar among short ones (Treisman, Souther 1985; Treisman, Gormican 1988). Only these polarities are
used, no reaction times; sizes and grid are our own.

References
----------
Treisman, Souther (1985), J. Exp. Psychol. General 114, 285-310.
Treisman, Gormican (1988), Psychol. Review 95, 15-48.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from cogattn.psychophysics.search.displays.items import BLACK, WHITE, Arc, Strokes, Together, bar
from cogattn.psychophysics.search.displays.tasks import Condition, Task

_BOX, _STROKE = 1.6, 0.15
_RING = Arc(0.6, 2 * math.pi, _STROKE, box_deg=_BOX, luminance=BLACK)
_TAIL = Strokes(((-_STROKE / 2, 0.3, _STROKE / 2, 0.8),), _BOX, BLACK)


def _task(name: str, title: str, easy: tuple, hard: tuple, words: tuple[str, str]) -> Task:
    """A 5 x 5 grid 11 degrees wide with 2, 8 or 16 items."""
    a, b = words
    return Task(
        name,
        title,
        field_deg=11.0,
        n_columns=5,
        background=WHITE,
        set_sizes=(2, 8, 16),
        easy=Condition(f"{a}_in_{b}", f"{a} among {b}", "easy", easy, hard),
        hard=Condition(f"{b}_in_{a}", f"{b} among {a}", "hard", hard, easy),
    )


def _bars(length_deg: float) -> tuple[Strokes, ...]:
    return (bar(length_deg, _STROKE, box_deg=_BOX, luminance=BLACK, angle_deg=0),)


_GAPS = tuple(
    Arc(0.6, 2 * math.pi - 1.0, _STROKE, box_deg=_BOX, luminance=BLACK, angle_deg=90.0 * turn)
    for turn in range(4)
)

DEVELOPMENT_TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        _task("tail", "Circle with a tail", (Together((_RING, _TAIL), _BOX),), (_RING,), ("tail", "ring")),
        _task("gap", "Circle with a gap", _GAPS, (_RING,), ("gap", "whole")),
        _task("length", "Length", _bars(1.5), _bars(1.0), ("long", "short")),
    )
}
"""The three tasks by name."""
