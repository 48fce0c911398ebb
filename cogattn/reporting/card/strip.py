"""One measure as a small figure, in SVG: every person a dot, the observer a diamond below, on the measure's own axis.

Simulated persons are hollow squares, they and their mean in grey.

Colours are the page's own (``--people``, ``--observer``, ``currentColor``), so that the figure follows it into the dark
and onto paper. Dots that would cover each other are moved apart upwards and downwards, which means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from cogattn.reporting.card.axis import Axis
from cogattn.reporting.card.row import CardRow
from cogattn.reporting.card.words import spoken
from cogattn.reporting.tables import printable

WIDTH, HEIGHT = 340, 104
LEFT, RIGHT = 54, 330
PEOPLE_Y, OBSERVER_Y, AXIS_Y = 26, 56, 70
RADIUS, SIDE = 2.8, 4.6
"""Of a person's dot, and of a simulated one's square."""
TOP_ALONE = 40
"""Where the figure of an observer without people begins."""
LANE = 16.0
"""Half the height that people have."""


def strip(row: CardRow, observer: str) -> str:
    """Return the figure of a row as one SVG element; empty where there is nothing to draw.

    Parameters
    ----------
    row : CardRow
        What is drawn.
    observer : str
        Whose row it is, for the text alternative.
    """
    people = [(name, value) for name, value in row.people if math.isfinite(value)]
    numbers = [value for _, value in people]
    numbers += [row.human, row.human_lo, row.human_hi, row.estimate, row.lo, row.hi]
    if not (math.isfinite(row.estimate) or math.isfinite(row.human) or people):
        return ""
    axis = Axis.around(numbers, left=LEFT, right=RIGHT, log=row.scale == "log")
    with_people = bool(people) or math.isfinite(row.human)
    top = 0 if with_people else TOP_ALONE
    frame = f"0 {top} {WIDTH} {HEIGHT - top}"
    parts = [
        f'<svg class="strip" viewBox="{frame}" role="img" aria-label="{_escaped(spoken(row, observer))}">',
        *_scale(axis, row.unit or row.label),
        f'<text x="0" y="{PEOPLE_Y + 4}">{"simulated" if row.simulated else "people"}</text>'
        if with_people
        else "",
        *_mean(axis, row),
        *_dots(axis, people, simulated=row.simulated),
        *_estimate(axis, row, observer),
        "</svg>",
    ]
    return "".join(parts)


def swarm(places: Sequence[float], *, radius: float = RADIUS, most: float = LANE) -> list[float]:
    """Return how far above or below its line each dot is drawn, so that none covers another as long as there is room.

    Parameters
    ----------
    places : sequence of float
        Where the dots are along the line.
    radius, most : float
        Of a dot; the furthest that one is moved.
    """
    steps = [0.0]
    while steps[-1] + radius <= most:
        steps.append(steps[-1] + radius)
    offsets = sorted({sign * step for step in steps for sign in (1, -1)}, key=abs)
    moved = [0.0] * len(places)
    done: list[tuple[float, float]] = []
    for index in sorted(range(len(places)), key=places.__getitem__):
        x = places[index]
        near = [(there, y) for there, y in done if abs(there - x) < 2 * radius]
        free = (y for y in offsets if all((x - a) ** 2 + (y - b) ** 2 >= 4 * radius**2 for a, b in near))
        moved[index] = next(free, 0.0)
        done.append((x, moved[index]))
    return moved


def _scale(axis: Axis, unit: str) -> Iterator[str]:
    yield f'<path class="axis" d="M{LEFT - 4} {AXIS_Y}H{RIGHT + 4}"/>'
    for tick in axis.ticks():
        x = axis.at(tick)
        yield f'<path class="axis" d="M{x:.1f} {AXIS_Y}v4"/>'
        yield f'<text x="{x:.1f}" y="{AXIS_Y + 15}" text-anchor="middle">{tick:g}</text>'
    told = f"{unit}, log scale" if axis.log else unit
    yield f'<text class="unit" x="{(LEFT + RIGHT) / 2}" y="{HEIGHT - 5}" text-anchor="middle">{_escaped(told)}</text>'


def _mean(axis: Axis, row: CardRow) -> Iterator[str]:
    """People's mean as a line with its interval as a band, behind everything."""
    if not math.isfinite(row.human):
        return
    kind = " simulated" if row.simulated else ""
    if math.isfinite(row.human_lo) and math.isfinite(row.human_hi):
        lo, hi = axis.at(row.human_lo), axis.at(row.human_hi)
        yield f'<rect class="band{kind}" x="{lo:.1f}" y="6" width="{max(hi - lo, 0.5):.1f}" height="{AXIS_Y - 6}"/>'
    yield f'<path class="mean{kind}" d="M{axis.at(row.human):.1f} 6V{AXIS_Y}"/>'


def _dots(axis: Axis, people: Sequence[tuple[str, float]], *, simulated: bool) -> Iterator[str]:
    places = [axis.at(value) for _, value in people]
    for (name, value), x, up in zip(people, places, swarm(places), strict=True):
        told = f"<title>{_escaped(name)}: {value:.4g}</title>"
        y = PEOPLE_Y - up
        if simulated:
            left, top, side = x - SIDE / 2, y - SIDE / 2, f'width="{SIDE}" height="{SIDE}"'
            yield f'<rect class="person simulated" x="{left:.1f}" y="{top:.1f}" {side}>{told}</rect>'
        else:
            yield f'<circle class="person" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}">{told}</circle>'


def _estimate(axis: Axis, row: CardRow, observer: str) -> Iterator[str]:
    """The observer as a diamond with its interval; an end without bound is an arrow."""
    if not math.isfinite(row.estimate):
        return
    yield f'<text x="0" y="{OBSERVER_Y + 4}">observer</text>'
    x = axis.at(row.estimate)
    if not (math.isnan(row.lo) or math.isnan(row.hi)):
        lo, hi = axis.at(row.lo), axis.at(row.hi)
        yield f'<path class="interval" d="M{lo:.1f} {OBSERVER_Y}H{hi:.1f}"/>'
        for end, place, way in ((row.lo, lo, 1), (row.hi, hi, -1)):
            if math.isinf(end):
                back = f"M{place + 5 * way:.1f} {OBSERVER_Y - 4}L{place:.1f} {OBSERVER_Y}l{5 * way} 4"
                yield f'<path class="open" d="{back}"/>'
    told = f"<title>{_escaped(observer)}: {row.estimate:.4g}</title>"
    yield f'<path class="observer" d="M{x:.1f} {OBSERVER_Y - 6}l6 6l-6 6l-6 -6Z">{told}</path>'


def _escaped(text: str) -> str:
    return escape(printable(text), quote=True)
