"""The six search experiments: geometry in degrees, as in Gupta et al. (2021); each has an easy and a hard
side.

*Easy* and *hard* are what they are for people. Every task keeps one target among distractors on a jittered
grid. Sizes, grids, set sizes and greys are the paper's; nothing here was adjusted to any model.

References
----------
Wolfe, Yee, Friedman-Hill (1992), Perception 21, 465-480: curvature.
Kleffner, Ramachandran (1992), Perception & Psychophysics 52, 18-36: lighting.
Wolfe, DiMase (2003), Perception 32, 871-881: intersection, letters.
Wolfe, Friedman-Hill, Stewart, O'Connell (1992), J. Exp. Psychol. HPP 18, 34-49: orientation,
orientation_mixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cogattn.psychophysics.search.displays.items import BLACK, WHITE, Arc, Item, ShadedDisc, Strokes, bar

Role = Literal["easy", "hard"]


@dataclass(frozen=True)
class Condition:
    """One side of a task.

    Parameters
    ----------
    name : str
        Key in every table.
    title : str
        What a person reads.
    role : {"easy", "hard"}
        For people.
    targets, distractors : tuple of Item
        The kinds of each; within a display each kind occurs as often as the others, give or take one.
    """

    name: str
    title: str
    role: Role
    targets: tuple[Item, ...]
    distractors: tuple[Item, ...]

    def category(self, item: Item) -> str:
        """Return ``target`` or ``distractor`` and the number of the kind."""
        if item in self.targets:
            return f"target {self.targets.index(item)}"
        return f"distractor {self.distractors.index(item)}"


@dataclass(frozen=True)
class Task:
    """A search experiment.

    Parameters
    ----------
    name, title : str
        Key in every table; what a person reads.
    field_deg : float
        Side of the square field that holds the items.
    n_columns : int
        Cells of the grid along each side.
    background : float
        Luminance from 0 to 1.
    set_sizes : tuple of int
        Numbers of items, the target included.
    easy, hard : Condition
        The two sides.
    absent : bool
        Whether its displays are also shown without their target, whatever the settings.
    """

    name: str
    title: str
    field_deg: float
    n_columns: int
    background: float
    set_sizes: tuple[int, ...]
    easy: Condition
    hard: Condition
    absent: bool = False

    @property
    def cell_deg(self) -> float:
        """Side of a grid cell."""
        return self.field_deg / self.n_columns

    @property
    def conditions(self) -> tuple[Condition, Condition]:
        """The easy side, then the hard one."""
        return self.easy, self.hard


def _two_sides(
    a: tuple[Item, ...],
    b: tuple[Item, ...],
    *,
    easy: tuple[str, str],
    hard: tuple[str, str],
) -> tuple[Condition, Condition]:
    """Make the conditions "a among b", easy, and "b among a", hard."""
    return Condition(*easy, "easy", a, b), Condition(*hard, "hard", b, a)


def _curvature() -> Task:
    turns = (-45.0, -90.0, -135.0, 180.0)
    curves = tuple(Arc(1.0, 1.3, 1 / 6, box_deg=1.6, luminance=WHITE, angle_deg=a) for a in turns)
    lines = tuple(bar(1.2, 0.2, box_deg=1.6, luminance=WHITE, angle_deg=a) for a in turns)
    easy, hard = _two_sides(
        curves,
        lines,
        easy=("curve_in_lines", "curve among lines"),
        hard=("line_in_curves", "line among curves"),
    )
    return Task("curvature", "Curvature", 11.3, 6, BLACK, (8, 16, 32), easy, hard)


def _lighting() -> Task:
    def disc(light_deg: float) -> tuple[Item]:
        return (ShadedDisc(1.04, light_deg),)

    easy = Condition("top_lit", "lit from above among below", "easy", disc(0), disc(180))
    hard = Condition("side_lit", "lit from left among right", "hard", disc(90), disc(270))
    return Task("lighting", "Lighting", 6.6, 4, 27 / 255, (1, 6, 12), easy, hard)


Stroke = tuple[float, float, float, float]
_LENGTH, _WIDTH = 5.5, 0.55
_STEM = (-_WIDTH / 2, -_LENGTH / 2, _WIDTH / 2, _LENGTH / 2)


def _across(step: int, left: float = -_LENGTH / 2, right: float = _LENGTH / 2) -> Stroke:
    """A horizontal stroke from `step` to `step` + 1 stroke widths below the top."""
    top = -_LENGTH / 2 + step * _WIDTH
    return (left, top, right, top + _WIDTH)


def _quarter_turns(strokes: tuple[Stroke, ...]) -> tuple[Strokes, ...]:
    item = Strokes(strokes, box_deg=5.9)
    return tuple(replace(item, angle_deg=90.0 * turn) for turn in range(4))


def _intersection() -> Task:
    crosses = _quarter_turns((_STEM, _across(3)))
    noncrosses = _quarter_turns((_STEM, _across(3, right=0.0), _across(6, left=0.0)))
    easy, hard = _two_sides(
        noncrosses,
        crosses,
        easy=("noncross_in_crosses", "non-cross among crosses"),
        hard=("cross_in_noncrosses", "cross among non-crosses"),
    )
    return Task("intersection", "Intersection", 20.5, 3, WHITE, (3, 6, 9), easy, hard)


def _letters() -> Task:
    side = (-_LENGTH / 2, -_LENGTH / 2, -_LENGTH / 2 + _WIDTH, _LENGTH / 2)
    ts, ls = _quarter_turns((_STEM, _across(0))), _quarter_turns((side, _across(9)))
    easy, hard = _two_sides(ts, ls, easy=("t_in_l", "T among Ls"), hard=("l_in_t", "L among Ts"))
    return Task("letters", "Letters", 20.5, 3, WHITE, (3, 6, 9), easy, hard)


def _tilted(*angles_deg: float) -> tuple[Strokes, ...]:
    return tuple(bar(2.0, 0.3, box_deg=2.0, luminance=BLACK, angle_deg=a) for a in angles_deg)


def _orientation() -> Task:
    easy, hard = _two_sides(
        _tilted(-20),
        _tilted(0),
        easy=("tilted_in_vertical", "tilted among vertical"),
        hard=("vertical_in_tilted", "vertical among tilted"),
    )
    return Task("orientation", "Orientation", 11.3, 4, WHITE, (1, 4, 8, 12), easy, hard)


def _orientation_mixed() -> Task:
    mixed = (-80, -60, -40, 20, 40, 60, 80)
    easy = Condition("vertical_in_mixed", "vertical among mixed", "easy", _tilted(0), _tilted(-20, *mixed))
    hard = Condition("tilted_in_mixed", "tilted among mixed", "hard", _tilted(-20), _tilted(0, *mixed))
    return Task("orientation_mixed", "Orientation, mixed", 11.3, 4, WHITE, (1, 4, 8, 12), easy, hard)


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (_curvature(), _lighting(), _intersection(), _letters(), _orientation(), _orientation_mixed())
}
"""The six experiments by name, in the paper's order."""


def find_condition(name: str) -> tuple[Task, Condition]:
    """Return the task and condition with this condition name; raise KeyError for another."""
    for task in TASKS.values():
        for condition in task.conditions:
            if condition.name == name:
                return task, condition
    raise KeyError(name)
