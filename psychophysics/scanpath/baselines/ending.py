"""When scanpaths end: how often after so many fixations, or after what was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, ObjectPath

PRIOR = 10.0
"""Paths that are taken to have ended at the mean rate at each length, so that a rare length is not called certain."""


@dataclass(frozen=True, eq=False)
class Hazard:
    """Chance that a path ends after so many fixations, if it is that long.

    Parameters
    ----------
    chance : array, shape (n,)
        After 0, 1, ... fixations; the last one holds for all longer paths.
    """

    chance: Array

    @classmethod
    def fit(cls, paths: Sequence[ObjectPath]) -> Self:
        """Count ends, each length's drawn to the rate of all."""
        lengths = np.array([len(path) for path in paths], dtype=np.int64)
        given = np.array([path.n_given for path in paths], dtype=np.int64)
        ends = np.bincount(lengths, minlength=int(lengths.max(initial=1)) + 2)
        at_risk = len(paths) - np.cumsum(ends) + ends  # paths at least so long
        at_risk = at_risk - np.cumsum(np.bincount(given, minlength=len(ends))[::-1])[::-1]  # that can end
        rate = (ends.sum() + 0.5) / (at_risk.sum() + 1)
        return cls((ends + PRIOR * rate) / (np.maximum(at_risk, 0) + PRIOR))

    def __call__(self, number: Ints) -> Array:
        """Return the chance after so many fixations, shape of `number`."""
        return self.chance[np.minimum(number, len(self.chance) - 1)]
