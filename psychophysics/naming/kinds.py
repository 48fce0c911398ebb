"""Trials of two observers by who was right: four kinds of trials, statistics of their shares, and the posterior.

A trial is one of four kinds: both right, the first only, the second only, none. Arrays of counts are (..., 4), of
shares (first right, second right, both right) (..., 3); the leading axes are pairs of observers.

References
----------
Klein, Meyen, Brendel, Wichmann, Meding (2025), arXiv 2507.06645. Brown, Cai, DasGupta (2001), Stat. Science 16,
101-133. Rao, Scott (1992), Biometrics 48, 577-585.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Statistic = Callable[[Array], Array]

N_DRAWS = 4000
"""Draws from a posterior."""
KINDS = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]], dtype=float)
"""What a trial of each of four kinds adds: right answers of the first, of the second, of both."""
ELSEWHERE = 4
"""Kind of a trial that one of two has not seen."""
_JEFFREYS = 0.5


def kind_of(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Kind of each trial, 0 to 3, from who was right."""
    return 3 - 2 * first.astype(np.int64) - second


def kappa_of(shares: Array) -> Array:
    """Error consistency of (..., 3) shares; NaN where the expected agreement is 1."""
    p, q, both = np.moveaxis(shares, -1, 0)
    unexpected = p + q - 2 * p * q
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(unexpected > 0, 2 * (both - p * q) / unexpected, np.nan)


def copying_of(shares: Array) -> Array:
    """Copy probability of (..., 3) shares, the second being copied; NaN where it is always, or never, right."""
    p, q, both = np.moveaxis(shares, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(q * (1 - q) > 0, (both - p * q) / (q * (1 - q)), np.nan)


def influence(statistic: Statistic, shares: Array, *, step: float = 1e-6) -> Array:
    """How far a trial of each kind pulls the statistic: (..., 4), 0 on average."""
    moved = (1 - step) * shares[..., None, :] + step * KINDS
    return (statistic(moved) - statistic(shares)[..., None]) / step


def design_effects(
    statistic: Statistic, kinds: Counts, of_trial: Counts, starts: NDArray[np.intp], n_images: Counts
) -> Array:
    """Variance over images relative to that of as many independent trials, at least 1.

    Parameters
    ----------
    statistic : callable
        Of (..., 3) shares.
    kinds : array, shape (n_pairs, 4)
        Trials of each kind.
    of_trial : array of int, shape (n_pairs, n_trials)
        Kind of each trial, `ELSEWHERE` where one of the two has not seen it; trials of an image side by side.
    starts : array of int, shape (n_all_images,)
        Where each image begins.
    n_images : array of int, shape (n_pairs,)
        Images that both have seen.

    Returns
    -------
    array, shape (n_pairs,)
    """
    n = kinds.sum(axis=-1)
    pull = influence(statistic, kinds @ KINDS / n[:, None])
    alone = (kinds * pull**2).sum(axis=-1)
    pulls = np.take_along_axis(np.pad(pull, ((0, 0), (0, 1))), of_trial, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = (np.add.reduceat(pulls, starts, axis=1) ** 2).sum(axis=1) * (n_images / (n_images - 1))
        effect = np.where(alone > 0, np.maximum(1.0, together / alone), 1.0)
    return np.where(n_images == n, 1.0, effect)


def drawn_shares(counts: Array, rng: np.random.Generator, n_draws: int) -> Array:
    """Draws of a pair's shares from the posterior of its (4,) counts under Jeffreys' prior: (n_draws, 3)."""
    return rng.dirichlet(counts + _JEFFREYS, size=n_draws) @ KINDS


def estimates(
    statistic: Statistic,
    kinds: Counts,
    effects: Array,
    n_images: Counts,
    *,
    streams: Sequence[Callable[[], np.random.Generator]],
    confidence: float,
    n_draws: int,
) -> Array:
    """A statistic of each pair with its posterior interval.

    Where a kind was not seen the interval reaches to the estimate, as Jeffreys' interval of a share does at 0 and 1
    (Brown et al. 2001).

    Parameters
    ----------
    statistic, kinds, n_images
        As for `design_effects`, whose answer is `effects`.
    streams : sequence of callable, one per pair
        Each makes the stream that the pair's posterior is drawn from.
    confidence : float
        Level of the interval.
    n_draws : int
        Number of draws.

    Returns
    -------
    array, shape (n_pairs, 3)
        Value, lower and upper end; no interval of fewer than two images, or where there is no value.
    """
    value = statistic(kinds @ KINDS / kinds.sum(axis=-1, keepdims=True))
    found = np.stack([value, np.full_like(value, np.nan), np.full_like(value, np.nan)], axis=-1)
    known = np.flatnonzero(np.isfinite(value) & (n_images > 1))
    if not len(known):
        return found
    drawn = np.stack([drawn_shares(kinds[i] / effects[i], streams[i](), n_draws) for i in known])
    tail = (1 - confidence) / 2
    lo, hi = np.quantile(statistic(drawn), [tail, 1 - tail], axis=-1)
    unseen = (kinds[known] == 0).any(axis=-1)
    found[known, 1] = np.where(unseen, np.minimum(lo, value[known]), lo)
    found[known, 2] = np.where(unseen, np.maximum(hi, value[known]), hi)
    return found
