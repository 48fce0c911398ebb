"""What an observer is worth in other viewers: from how many other people one would know as much.

Bits are compared with those of the choice model of geometry and history (``history``) that is told where n other
people looked in the scene. Its bits as a function of n, made monotone, are the scale: n = 0 is the choice model alone,
between 0 and 1 the scale is linear in n, above 1 in its logarithm. An observer that needs fewer bits than with the
most people at hand is worth at least so many; nothing is extrapolated.

References
----------
Barlow, Brunk (1972), J. Am. Stat. Assoc. 67, 140-147: isotonic regression.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Estimate
from cogattn.psychophysics.scanpath.units import Units
from cogattn.statistics.crossed import interval

Array = NDArray[np.float64]
MOST_BITS = 1e6
"""What an infinite difference counts as."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The choice model told of n other viewers.

    Parameters
    ----------
    n_viewers : tuple of int
        Ascending; the first is 0, the choice model alone.
    observers : tuple of str
        Id of each.
    """

    n_viewers: tuple[int, ...]
    observers: tuple[str, ...]

    @property
    def most(self) -> int:
        """Most viewers at hand."""
        return self.n_viewers[-1]


@dataclass(frozen=True)
class Worth:
    """How many viewers an observer is worth.

    Parameters
    ----------
    value : Estimate
        Viewers, n fixations; an end is infinite where it is beyond the most at hand.
    beyond : bool
        The estimate itself is beyond: at least so many.
    below : bool
        The observer tells less than the choice model alone: worth none.
    """

    value: Estimate
    beyond: bool
    below: bool

    @property
    def note(self) -> str:
        """What a reader must know of it."""
        if self.beyond:
            return f"more than the {self.value.estimate:g} at hand"
        return "no more than the choice model alone" if self.below else ""


def worth_of(units: Units, observer: str, curve: Curve) -> Worth:
    """Return what an observer is worth, on the fixations of which it and all of the curve speak.

    Parameters
    ----------
    units : Units
        Fixations.
    observer : str
        Id.
    curve : Curve
        The scale; at least one viewer.
    """
    own = units.column(observer, "", "bits")
    told = np.stack([units.column(one, "", "bits") for one in curve.observers])
    with np.errstate(invalid="ignore"):
        ahead = own - told  # bits that n viewers save, (n_points, n_fixations)
    ahead[:, np.isnan(ahead).any(axis=0)] = np.nan
    saved = np.stack([units.resampled(each) for each in ahead], axis=1)
    viewers = crossing_of(saved, curve.n_viewers)
    n = int((~np.isnan(ahead[0])).sum())
    value = interval(np.minimum(viewers, curve.most), n)
    beyond, below = bool(np.isinf(viewers[0])), bool(viewers[0] == 0)
    hi = np.inf if np.isfinite(value.hi) and value.hi >= curve.most else value.hi
    return Worth(Estimate(value.estimate, value.lo, hi, n), beyond, below)


def crossing_of(saved: Array, n_viewers: Sequence[int]) -> Array:
    """Return the number of viewers at which nothing is saved any more.

    Parameters
    ----------
    saved : array, shape (n_resamples, n_points)
        Bits that n viewers save against the observer: below 0 where they tell less.
    n_viewers : sequence of int
        Of each point, ascending from 0.

    Returns
    -------
    array, shape (n_resamples,)
        0 where even the first point saves something, infinite where not even the last one does.
    """
    rising = isotonic(np.clip(saved, -MOST_BITS, MOST_BITS))
    scale = np.array([_scale(n) for n in n_viewers])
    reached = rising >= 0
    after = reached.argmax(axis=1)
    before, row = np.maximum(after - 1, 0), np.arange(len(rising))
    low, high = rising[row, before], rising[row, after]
    step = np.divide(-low, high - low, out=np.zeros(len(row)), where=high > low)
    at = scale[before] + step * (scale[after] - scale[before])
    found = np.where(at < 1, at, 2 ** np.maximum(at - 1, 0))
    found[after == 0] = 0
    found[~reached.any(axis=1)] = np.inf
    found[np.isnan(saved).any(axis=1)] = np.nan
    return found


def isotonic(values: Array) -> Array:
    """Return the least-squares rising curves nearest to rows of values, (n_rows, n_points)."""
    n = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)
    result = np.full(values.shape, -np.inf)
    for start in range(n):
        ends = np.arange(start + 1, n + 1)
        means = (sums[:, ends] - sums[:, [start]]) / (ends - start)
        lowest = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]  # over all ends from each point on
        result[:, start:] = np.maximum(result[:, start:], lowest)
    return result


def table(units: Units, observers: Sequence[tuple[str, str]], curve: Curve) -> pd.DataFrame:
    """Return what observers, (id, role), are worth, a row each."""
    rows = []
    for name, role in observers:
        found = worth_of(units, name, curve)
        value = found.value
        rows.append((name, role, value.estimate, value.lo, value.hi, curve.most, value.n, found.note))
    columns = ["observer", "role", "viewers", "lo", "hi", "most", "n", "note"]
    return pd.DataFrame(rows, columns=columns)


def _scale(n: int) -> float:
    """0 at none, 1 at one, then one more for each doubling."""
    return float(n) if n < 1 else 1 + float(np.log2(n))
