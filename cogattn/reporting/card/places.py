"""All tested rows at a glance: how far from people the observer is, in their own SDs, one small figure a row.

The axis begins at people's mean and is drawn tighter outwards (inverse hyperbolic sine), so that a distance of 1 and
one of 100 are seen on one page, and none is cut off. A bar marks the distance that the test finds with power 0.8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from cogattn.reporting.card.marks import MARKS, css_class
from cogattn.reporting.card.row import TARGET_POWER, CardRow
from cogattn.reporting.card.words import number_text
from cogattn.reporting.tables import interval_text, printable

WIDTH, HEIGHT, AXIS_HEIGHT = 220, 22, 20
LEFT, RIGHT = 8, 210
NEAREST_END = 4.0
"""The axis is never shorter, in SDs of people."""
APART = 20
"""Least pixels between two ticks."""


@dataclass(frozen=True)
class Distances:
    """The axis that all rows share.

    Parameters
    ----------
    end : float
        Its outer end, in SDs of people.
    """

    end: float

    @classmethod
    def of(cls, rows: Sequence[CardRow]) -> Distances:
        """Make one that holds every finite distance, interval and detectable distance."""
        values = [
            v for row in rows for v in (row.distance, row.distance_hi, row.detectable_sd) if math.isfinite(v)
        ]
        return cls(max([NEAREST_END, *values]) * 1.05)

    def at(self, distance: float) -> float:
        """Return where a distance is drawn."""
        return LEFT + (RIGHT - LEFT) * math.asinh(min(distance, self.end)) / math.asinh(self.end)

    def ticks(self) -> list[float]:
        """Return 0, 1, 2, 4, 8, ... as far as they stand apart."""
        found = [0.0]
        tick = 1.0
        while tick <= self.end:
            if self.at(tick) - self.at(found[-1]) >= APART:
                found.append(tick)
            tick *= 2
        return found

    def draw(self, row: CardRow) -> str:
        """Return one row's figure: interval, the status's shape at the distance, a bar at what can be detected."""
        said = (
            f"{interval_text(row.distance, row.distance_lo, row.distance_hi)} SD of people from their mean; "
            f"{number_text(row.detectable_sd)} are found with power {TARGET_POWER:g}"
        )
        return "".join([*_frame(HEIGHT, said), *self._marks(row), "</svg>"])

    def scale(self) -> str:
        """Return the axis below all rows."""
        parts = _frame(AXIS_HEIGHT, f"axis from 0 to {self.end:.3g} SD of people")
        ticks = (
            f'<path class="axis" d="M{self.at(tick):.1f} 0v4"/>'
            f'<text x="{self.at(tick):.1f}" y="15" text-anchor="middle">{tick:g}</text>'
            for tick in self.ticks()
        )
        return "".join([*parts, f'<path class="axis" d="M{LEFT} 0.5H{RIGHT}"/>', *ticks, "</svg>"])

    def _marks(self, row: CardRow) -> Iterator[str]:
        middle = HEIGHT / 2
        yield f'<path class="axis" d="M{LEFT} 2V{HEIGHT - 2}"/>'
        if math.isfinite(row.detectable_sd):
            yield f'<path class="detectable" d="M{self.at(row.detectable_sd):.1f} 3V{HEIGHT - 3}"/>'
        if math.isfinite(row.distance_lo) and not math.isnan(row.distance_hi):
            ends = self.at(row.distance_lo), self.at(row.distance_hi)
            yield f'<path class="interval" d="M{ends[0]:.1f} {middle}H{ends[1]:.1f}"/>'
        x = self.at(row.distance)
        yield f'<circle class="under" cx="{x:.1f}" cy="{middle}" r="7"/>'
        yield (
            f'<g class="{css_class(row.status)} place" '
            f'transform="translate({x - 6:.1f} {middle - 6}) scale(.75)">{MARKS[row.status].shape}</g>'
        )


def _frame(height: int, said: str) -> list[str]:
    label = escape(printable(said), quote=True)
    return [f'<svg class="strip places" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">']
