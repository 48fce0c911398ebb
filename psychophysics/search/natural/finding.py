"""How soon targets are found, where searches are broken off after different numbers of saccades.

A search that was broken off after n saccades says that its target was not found by then, and no more. The share found
by n saccades is Kaplan and Meier's product over k <= n of 1 - d_k / r_k: of the r_k searches that came to a k-th
saccade, d_k found the target with it. The mean number of saccades is taken up to a horizon, as the sum of the shares
not yet found: a search that never ends counts as the horizon.

References
----------
Kaplan, Meier (1958), J. Am. Stat. Assoc. 53, 457-481. Irwin (1949), J. Hygiene 47, 188-189: the restricted mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.statistics.crossed import Draws
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]
ALLOWED = 0.1
"""The horizon is the largest number of saccades that at least this share of people's searches might have had."""


@dataclass(frozen=True, eq=False)
class Searches:
    """Searches by scene and person, counted.

    Parameters
    ----------
    found : array, shape (n_scenes, n_people, horizon)
        How many found their target with saccade 1, 2, ...
    tried : array, same shape
        How many came to that saccade.
    """

    found: Array
    tried: Array

    @classmethod
    def of(
        cls,
        scene: NDArray[np.int64],
        person: NDArray[np.int64],
        n_saccades: NDArray[np.int64],
        found: NDArray[np.bool_],
        *,
        shape: tuple[int, int, int],
    ) -> Searches:
        """Count searches.

        Parameters
        ----------
        scene, person : array of int, shape (n,)
            Whose and where.
        n_saccades : array of int, shape (n,)
            Saccades until the target was found, or until the search was broken off.
        found : array of bool, shape (n,)
            Which.
        shape : tuple of int
            (n_scenes, n_people, horizon).
        """
        steps = np.arange(1, shape[2] + 1)
        tables = np.zeros((2, *shape))
        ended = (n_saccades[:, None] == steps) & np.asarray(found, dtype=bool)[:, None]
        for table, counted in zip(tables, (ended, n_saccades[:, None] >= steps), strict=True):
            np.add.at(table, (scene, person), counted.astype(float))
        return cls(*tables)

    def shares(self, draws: Draws) -> Array:
        """Return the share found by 1, 2, ... saccades in each resample, (n_resamples + 1, horizon)."""
        return found_by(draws.sums(self.found), draws.sums(self.tried))

    def by_scene(self) -> Array:
        """Return the share found by 1, 2, ... saccades in each scene, (n_scenes, horizon)."""
        return found_by(self.found.sum(axis=1), self.tried.sum(axis=1))

    @property
    def n_searches(self) -> float:
        """Searches that came to a first saccade."""
        return float(self.tried[..., 0].sum())


def found_by(found: Array, tried: Array) -> Array:
    """Return Kaplan and Meier's share found by each saccade; NaN from where nobody came to, unless all had found.

    Parameters
    ----------
    found, tried : array, shape (..., horizon)
        How many found with a saccade, of how many who came to it.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(tried > 0, 1 - found / np.where(tried > 0, tried, 1), np.nan)
    all_found = np.concatenate([np.zeros_like(kept[..., :1], dtype=bool), (kept == 0)[..., :-1]], axis=-1)
    kept = np.where(np.isnan(kept) & np.maximum.accumulate(all_found, axis=-1), 0.0, kept)
    return 1 - np.cumprod(kept, axis=-1)


def mean_saccades(shares: Array) -> Array:
    """Return the mean number of saccades up to the horizon, from shares found by 1, 2, ... of them (..., horizon)."""
    return 1 + (1 - shares[..., :-1]).sum(axis=-1)


def standard_errors(found: Array, tried: Array) -> Array:
    """Return Greenwood's standard error of `found_by`, same shape; 0 where nothing is left to chance."""
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where((found > 0) & (tried > found), found / (tried * (tried - found)), 0.0)
    return (1 - found_by(found, tried)) * np.sqrt(np.cumsum(terms, axis=-1))


def mean_standard_errors(found: Array, tried: Array) -> Array:
    """Return the standard error of `mean_saccades`, (...,): Irwin (1949), as Greenwood has it for shares."""
    not_yet = 1 - found_by(found, tried)
    later = np.cumsum(not_yet[..., ::-1], axis=-1)[..., ::-1] - not_yet[..., -1:]  # k .. horizon - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where((found > 0) & (tried > found), found / (tried * (tried - found)), 0.0)
    return np.sqrt((later**2 * terms).sum(axis=-1))


@dataclass(frozen=True, eq=False)
class HumanSearches:
    """Searches of people, one a row.

    Parameters
    ----------
    scene : array of int, shape (n,)
        Its number.
    person : array of int, shape (n,)
        Number in `people`.
    n_saccades : array of int, shape (n,)
        Recorded ones.
    found : array of bool, shape (n,)
        Whether the target was.
    allowed : array, shape (n,)
        How many saccades there might have been; infinite where there was no limit.
    people : array of str
        Names, sorted.
    """

    scene: NDArray[np.int64]
    person: NDArray[np.int64]
    n_saccades: NDArray[np.int64]
    found: NDArray[np.bool_]
    allowed: Array
    people: NDArray[np.str_]

    @classmethod
    def at(cls, scenes: Sequence[Scene]) -> HumanSearches:
        """Collect the searches of which it is known whether the target was found."""
        paths = [
            (number, path) for number, scene in enumerate(scenes) for path in scene.scanpaths
            if path.found is not None
        ]  # fmt: skip
        names = np.array([path.person for _, path in paths], dtype=str)
        people = np.unique(names)
        return cls(
            np.array([number for number, _ in paths], dtype=np.int64),
            np.searchsorted(people, names).astype(np.int64),
            np.array([path.n_saccades for _, path in paths], dtype=np.int64),
            np.array([bool(path.found) for _, path in paths], dtype=bool),
            np.array([np.inf if path.max_saccades is None else path.max_saccades for _, path in paths]),
            people,
        )

    def __len__(self) -> int:
        return len(self.scene)

    @property
    def horizon(self) -> int:
        """The largest number of saccades that a tenth of the searches might have had (made, where none was limited)."""
        might = np.where(np.isfinite(self.allowed), self.allowed, self.n_saccades)
        return max(int(np.quantile(might, 1 - ALLOWED, method="lower")), 1) if len(self) else 1

    def limits(self, horizon: int, *, least: float = 0.05) -> tuple[int, ...]:
        """Return the limits up to the horizon that were set in so large a share of searches, the horizon with them."""
        values, counts = np.unique(self.allowed[np.isfinite(self.allowed)], return_counts=True)
        common = values[counts >= least * max(len(self), 1)]
        return tuple(sorted({int(value) for value in common if value <= horizon} | {horizon}))

    def counted(self, shape: tuple[int, int, int]) -> Searches:
        """Count them, (n_scenes, n_people, horizon); one that was broken off ends with its last recorded saccade."""
        return Searches.of(self.scene, self.person, self.n_saccades, self.found, shape=shape)
