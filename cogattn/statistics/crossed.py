"""Intervals over scenes and persons at once: both are drawn, so that a number holds for other scenes and other people.

The bootstrap of crossed factors draws scenes with replacement and, independently, persons, and weighs each pair by
the product of how often both were drawn. Its variance is a little too large, never too small, for means of what
varies with scene, with person and within their pairs.

References
----------
Owen (2007), Ann. Appl. Stat. 1, 386-411: the pigeonhole bootstrap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.measures import Estimate

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Draws:
    """How often each scene and each person was drawn.

    Parameters
    ----------
    scenes : array, shape (n_resamples, n_scenes)
        The first row is all ones: the data as they are.
    people : array, shape (n_resamples, n_people)
        Likewise.
    """

    scenes: Array
    people: Array

    @classmethod
    def of(
        cls, n_scenes: int, n_people: int, *, rng: np.random.Generator, n_resamples: int, n_fixed: int = 0
    ) -> Draws:
        """Draw `n_resamples` times after the data as they are; the last `n_fixed` of the people always once."""
        drawn: list[Array] = []
        for n, fixed in ((n_scenes, 0), (n_people, n_fixed)):
            free = max(n - fixed, 0)
            times = np.ones((n_resamples + 1, n))  # the first row is the data
            if free:
                times[1:, :free] = rng.multinomial(free, np.full(free, 1 / free), size=n_resamples)
            drawn.append(times)
        return cls(drawn[0], drawn[1])

    def sums(self, table: Array) -> Array:
        """Return weighed sums of a table (n_scenes, n_people, ...), (n_resamples + 1, ...)."""
        flat = table.reshape(*table.shape[:2], -1)
        by_person = np.einsum("rs,spk->rpk", self.scenes, flat, optimize=True)
        return np.einsum("rpk,rp->rk", by_person, self.people).reshape(-1, *table.shape[2:])

    def mean(self, totals: Array, counts: Array) -> Array:
        """Return means (n_resamples + 1,) of tables (n_scenes, n_people) of sums and counts."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.sums(totals) / self.sums(counts)


def interval(resampled: Array, n: int, *, confidence: float = 0.95) -> Estimate:
    """Return the first of the resampled values with the interval of the others; none for fewer than two units."""
    value, others = float(resampled[0]), resampled[1:][np.isfinite(resampled[1:])]
    if n < 2 or not len(others) or not np.isfinite(value):
        return Estimate.bare(value, n)
    lo, hi = np.quantile(others, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(lo), float(hi), n)
