"""When scanpaths end: how often after so many fixations, or after what was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import log_expit

from cogattn.psychophysics.scanpath.baselines import logit
from cogattn.psychophysics.scanpath.baselines.moments import Moments, blocks
from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.predicting import target_of

LEAST_END = 1e-12
"""Chance of an end where no path can end: before anything was looked at."""
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


@dataclass(frozen=True, eq=False)
class EndModel:
    """Logit of ending, on how many fixations there were and on whether the target was or is looked at.

    Parameters
    ----------
    weights : array, shape (n_terms,)
        Log odds of ending a unit of each of `_end_terms`.
    """

    weights: Array

    @classmethod
    def fit(cls, data: PathSet, paths: Sequence[ObjectPath]) -> Self:
        """Fit the logit to all moments at which a path can end."""
        terms, ended = [], []
        for one in blocks(data, paths):
            may = one.moments.may_end
            terms.append(_end_terms(one.moments.take(may)))
            ended.append(one.chosen[may] < 0)
        known, happened = np.concatenate(terms), np.concatenate(ended)
        ridge = np.ones(known.shape[1])
        ridge[0] = 1e-6
        fit = logit.climb(
            lambda weights: logit.binary(known, happened, weights), np.zeros(len(ridge)), ridge, len(known)
        )
        return cls(fit.weights)

    def __call__(self, moments: Moments) -> Array:
        """Return ln of the chance that a path ends, shape (n,)."""
        log_odds = _end_terms(moments) @ self.weights
        return np.where(moments.may_end, log_expit(log_odds), np.log(LEAST_END))


END_KNOTS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 40.0)
"""Numbers of fixations between which the log odds of ending are linear in their logarithm."""


def _end_terms(moments: Moments) -> Array:
    """One, tents over ln of the number of fixations, and what of the target was seen, shape (n, n_terms)."""
    number = np.maximum(moments.number, 1)
    knots = np.log(END_KNOTS)
    tents = [np.interp(np.log(number), knots, row) for row in np.eye(len(knots))]
    target = target_of(moments.layout)
    visits = moments.visits[:, target] if target >= 0 else np.zeros(len(moments), dtype=np.float32)
    now, seen = (moments.now == target) & (target >= 0), visits > 0
    again = now & (moments.before == target)
    has = np.full(len(moments), float(target >= 0))
    late = np.log(number)
    parts = [np.ones(len(moments)), *tents, has, has * late, now, now * late, seen, again, now & (visits > 1)]
    return np.stack([np.asarray(part, dtype=float) for part in parts], axis=1)
