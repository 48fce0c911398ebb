"""A measure's axis in a small figure: where values lie on it, and which of them are written below.

What is compared by ratios has a logarithmic axis; all others are even in their own unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

MOST_TICKS = 6
MARGIN = 0.06
"""Of the width, left free at both ends."""


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, drawn from `left` to `right` pixels.

    Parameters
    ----------
    low, high : float
        Ends, in the measure's unit.
    left, right : float
        Where they are drawn.
    log : bool
        Whether equal ratios are equally long.
    """

    low: float
    high: float
    left: float
    right: float
    log: bool

    @classmethod
    def around(cls, values: Iterable[float], *, left: float, right: float, log: bool) -> Axis:
        """Make one that holds all finite values; logarithmic only where all are above 0."""
        finite = sorted(value for value in values if math.isfinite(value)) or [0.0, 1.0]
        log = log and finite[0] > 0
        ends = (math.log(finite[0]), math.log(finite[-1])) if log else (finite[0], finite[-1])
        room = MARGIN * (ends[1] - ends[0]) or (0.1 if log else 0.1 * abs(ends[0]) or 1.0)
        low, high = ends[0] - room, ends[1] + room
        return (
            cls(math.exp(low), math.exp(high), left, right, log) if log else cls(low, high, left, right, log)
        )

    def at(self, value: float) -> float:
        """Return where a value is drawn; what is beyond an end, on it."""
        value = min(max(value, self.low), self.high)
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        share = ((math.log(value) if self.log else value) - low) / (high - low)
        return self.left + share * (self.right - self.left)

    def ticks(self) -> list[float]:
        """Return two to six round values."""
        if self.log:
            for mantissas in ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0)):
                found = self._rounds(mantissas)
                if 3 <= len(found) <= MOST_TICKS:
                    return found
        step = _round_step((self.high - self.low) / (MOST_TICKS - 1))
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(k * step, 12) for k in range(first, last + 1)]

    def _rounds(self, mantissas: Iterable[float]) -> list[float]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [m * 10.0**power for power in powers for m in mantissas]
        return [value for value in values if self.low <= value <= self.high]


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= least * (1 - 1e-9))
