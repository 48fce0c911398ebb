"""The search experiments: geometry in degrees; six with an easy and a hard side, three with and without a target.

The six are those of Gupta et al. (2021); *easy* and *hard* are what they are for people. Every task keeps at most one
target among distractors on a jittered grid. Fields, grids, set sizes, boxes, greys, strokes as drawn and how kinds are
dealt are the paper's; nothing here was adjusted to any model. What differs: four corners of an L, each as often as the
others (the paper's displays have three, one of them twice as often); positions between pixels, in a grid that fills the
whole field (theirs are whole pixels of cells cut to whole pixels); edges softened over one pixel.

The other three are those of Wolfe, Palmer and Horowitz (2010): half of their displays have no target, and the searcher
says so. Field, grid, set sizes and sizes of items are theirs. Assumed, because their tables do not tell: the monitor's
pure red and green, white digits with strokes 0.3 degrees wide, as many distractors of either kind in the conjunction.

References
----------
Wolfe, Yee, Friedman-Hill (1992), Perception 21, 465-480: curvature.
Kleffner, Ramachandran (1992), Perception & Psychophysics 52, 18-36: lighting.
Wolfe, DiMase (2003), Perception 32, 871-881: intersection, letters.
Wolfe, Friedman-Hill, Stewart, O'Connell (1992), J. Exp. Psychol. HPP 18, 34-49: orientation,
orientation_mixed.
Wolfe, Palmer, Horowitz (2010), Vision Research 50, 1304-1311: feature, conjunction, 2v5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cogattn.psychophysics.search.displays.items import (
    BLACK,
    WHITE,
    Arc,
    Coloured,
    Item,
    ShadedDisc,
    Strokes,
    bar,
)

Role = Literal["easy", "hard", "only"]
Dealing = Literal["evenly", "freely", "in_turn"]


@dataclass(frozen=True)
class Condition:
    """One side of a task.

    Parameters
    ----------
    name : str
        Key in every table.
    title : str
        What a person reads.
    role : {"easy", "hard", "only"}
        For people; ``only`` where a task has one side.
    targets, distractors : tuple of Item
        The kinds of each; `Task.dealing` says how often each occurs.
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
    conditions : tuple of Condition
        The easy and the hard side, or the only one.
    dealing : {"evenly", "freely", "in_turn"}
        Each kind of distractor as often as the others, give or take one; any kind any time; or one kind after the
        other through all items, so that the target takes the place of a distractor of its own number.
    absent : bool
        Whether people saw displays without a target, too.
    """

    name: str
    title: str
    field_deg: float
    n_columns: int
    background: float
    set_sizes: tuple[int, ...]
    conditions: tuple[Condition, ...]
    dealing: Dealing = "evenly"
    absent: bool = False

    @property
    def cell_deg(self) -> float:
        """Side of a grid cell."""
        return self.field_deg / self.n_columns

    @property
    def easy(self) -> Condition:
        """The side that is easy for people; raise KeyError where there is only one side."""
        return self._side("easy")

    @property
    def hard(self) -> Condition:
        """The side that is hard for people; raise KeyError where there is only one side."""
        return self._side("hard")

    def _side(self, role: Role) -> Condition:
        return {condition.role: condition for condition in self.conditions}[role]


def _two_sides(
    a: tuple[Item, ...],
    b: tuple[Item, ...],
    *,
    easy: tuple[str, str],
    hard: tuple[str, str],
) -> tuple[Condition, Condition]:
    """Make the conditions "a among b", easy, and "b among a", hard."""
    return Condition(*easy, "easy", a, b), Condition(*hard, "hard", b, a)


_ARC_STROKE = 6.8 / 30
"""Stroke of the paper's curves as drawn, which gives them their ink; 1/6 degree was asked for."""


def _curvature() -> Task:
    turns = (45.0, 0.0, -45.0, -90.0)
    curves = tuple(Arc(1.0, 1.3, _ARC_STROKE, box_deg=1.6, luminance=WHITE, angle_deg=a) for a in turns)
    lines = tuple(bar(1.2, 0.2, box_deg=1.6, luminance=WHITE, angle_deg=a) for a in turns)
    sides = _two_sides(
        curves,
        lines,
        easy=("curve_in_lines", "curve among lines"),
        hard=("line_in_curves", "line among curves"),
    )
    return Task("curvature", "Curvature", 11.3, 6, BLACK, (8, 16, 32), sides, dealing="in_turn")


def _lighting() -> Task:
    def disc(light_deg: float) -> tuple[Item]:
        return (ShadedDisc(1.0, light_deg, box_deg=1.04, step_deg=1 / 15),)

    easy = Condition("top_lit", "lit from above among below", "easy", disc(0), disc(180))
    hard = Condition("side_lit", "lit from left among right", "hard", disc(90), disc(270))
    return Task("lighting", "Lighting", 6.6, 4, 27 / 255, (1, 6, 12), (easy, hard))


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


def _both_hands(strokes: tuple[Stroke, ...]) -> tuple[Strokes, ...]:
    """Of a shape that half a turn leaves as it is: upright and lying, each as drawn and mirrored."""
    item = Strokes(strokes, box_deg=5.9)
    return tuple(
        replace(item, angle_deg=turn, mirrored=hand) for turn in (0.0, 90.0) for hand in (False, True)
    )


def _intersection() -> Task:
    sides = _two_sides(
        _both_hands((_STEM, _across(3, right=0.0), _across(6, left=0.0))),
        _quarter_turns((_STEM, _across(3))),
        easy=("noncross_in_crosses", "non-cross among crosses"),
        hard=("cross_in_noncrosses", "cross among non-crosses"),
    )
    return Task("intersection", "Intersection", 20.5, 3, WHITE, (3, 6, 9), sides, dealing="freely")


def _letters() -> Task:
    side = (-_LENGTH / 2, -_LENGTH / 2, -_LENGTH / 2 + _WIDTH, _LENGTH / 2)
    ts, ls = _quarter_turns((_STEM, _across(0))), _quarter_turns((side, _across(9)))
    sides = _two_sides(ts, ls, easy=("t_in_l", "T among Ls"), hard=("l_in_t", "L among Ts"))
    return Task("letters", "Letters", 20.5, 3, WHITE, (3, 6, 9), sides, dealing="freely")


def _tilted(*angles_deg: float) -> tuple[Strokes, ...]:
    return tuple(bar(2.0, 0.3, box_deg=2.3, luminance=BLACK, angle_deg=a) for a in angles_deg)


def _orientation() -> Task:
    sides = _two_sides(
        _tilted(-20),
        _tilted(0),
        easy=("tilted_in_vertical", "tilted among vertical"),
        hard=("vertical_in_tilted", "vertical among tilted"),
    )
    return Task("orientation", "Orientation", 11.3, 4, WHITE, (1, 4, 8, 12), sides)


def _orientation_mixed() -> Task:
    mixed = (-80, -60, -40, 20, 40, 60, 80)
    easy = Condition("vertical_in_mixed", "vertical among mixed", "easy", _tilted(0), _tilted(-20, *mixed))
    hard = Condition("tilted_in_mixed", "tilted among mixed", "hard", _tilted(-20), _tilted(0, *mixed))
    return Task("orientation_mixed", "Orientation, mixed", 11.3, 4, WHITE, (1, 4, 8, 12), (easy, hard))


RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def _coloured_bar(rgb: tuple[float, float, float], angle_deg: float = 0.0) -> Item:
    return Coloured(bar(3.5, 1.0, box_deg=3.5, luminance=WHITE, angle_deg=angle_deg), rgb)


def _digit(*, mirrored: bool) -> Strokes:
    """A digital 2, 1.5 by 2.7 degrees; mirrored, a digital 5."""
    x, y, w = 0.75, 1.35, 0.3
    flat = tuple((-x, top, x, top + w) for top in (-y, -w / 2, y - w))
    upright = ((x - w, -y, x, 0.0), (-x, 0.0, -x + w, y))
    return Strokes((*flat, *upright), box_deg=2.7, luminance=WHITE, mirrored=mirrored)


def _with_and_without(name: str, title: str, words: str, target: Item, distractors: tuple[Item, ...]) -> Task:
    """A task of Wolfe, Palmer and Horowitz (2010)."""
    only = Condition(name, words, "only", (target,), distractors)
    return Task(name, title, 22.5, 5, BLACK, (3, 6, 12, 18), (only,), absent=True)


def _feature() -> Task:
    return _with_and_without(
        "feature", "Feature", "red among green", _coloured_bar(RED), (_coloured_bar(GREEN),)
    )


def _conjunction() -> Task:
    distractors = (_coloured_bar(GREEN), _coloured_bar(RED, 90.0))
    words = "red vertical among red horizontal and green vertical"
    return _with_and_without("conjunction", "Conjunction", words, _coloured_bar(RED), distractors)


def _two_among_fives() -> Task:
    two, five = _digit(mirrored=False), _digit(mirrored=True)
    return _with_and_without("2v5", "2 among 5s", "2 among 5s", two, (five,))


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (_curvature(), _lighting(), _intersection(), _letters(), _orientation(), _orientation_mixed())
}
"""The six experiments with two sides by name, in the paper's order."""

EXPERIMENTS: Mapping[str, Task] = {
    **TASKS,
    **{task.name: task for task in (_feature(), _conjunction(), _two_among_fives())},
}
"""All experiments by name, the three with and without a target last."""


def find_condition(name: str) -> tuple[Task, Condition]:
    """Return the task and condition with this condition name; raise KeyError for another."""
    for task in EXPERIMENTS.values():
        for condition in task.conditions:
            if condition.name == name:
                return task, condition
    raise KeyError(name)
