"""A number of items shared out among tasks: exactly, by largest remainders, or drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError


def quota(weights: ArrayLike, total: int) -> NDArray[np.int64]:
    """Return whole numbers in proportion to weights that sum to `total` exactly (Hamilton's largest remainders).

    Parameters
    ----------
    weights : array, shape (n,)
        At least 0, on any scale; later ones are the newer tasks.
    total : int
        At least 0.

    Returns
    -------
    array of int64, shape (n,)
        Each share rounded down, and one more for the largest remainders; of equal ones the newer task's.

    Raises
    ------
    DataError
        If weights are negative or not finite, or all 0 with something to share out.

    Examples
    --------
    >>> quota([1, 1, 1], 5)
    array([1, 2, 2])
    """
    shares = _fractions(weights, total) * total
    counts = np.floor(shares).astype(np.int64)
    left = total - int(counts.sum())
    if left:
        counts[np.lexsort((-np.arange(len(shares)), counts - shares))[:left]] += 1
    return counts


def multinomial_quota(weights: ArrayLike, total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return numbers of `total` items that each fall on a task by chance, weights being their odds.

    Parameters
    ----------
    weights : array, shape (n,)
        At least 0, on any scale.
    total : int
        At least 0.
    rng : numpy.random.Generator
        Chance.

    Returns
    -------
    array of int64, shape (n,)
        With a sum of `total`.

    Raises
    ------
    DataError
        As `quota`.
    """
    return rng.multinomial(total, _fractions(weights, total)).astype(np.int64)


class CarriedQuota:
    """Numbers of items batch after batch, where what rounding leaves is made up for in later batches.

    Each batch's numbers sum to its total, and over batches each task has what its weights gave it, within a few items.

    Parameters
    ----------
    n : int
        Tasks, at most.

    Examples
    --------
    >>> shared = CarriedQuota(3)
    >>> [shared.of([1, 1, 1], 1).tolist() for _ in range(3)]
    [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    """

    def __init__(self, n: int) -> None:
        self._owed = np.zeros(n)

    def of(self, weights: ArrayLike, total: int) -> NDArray[np.int64]:
        """Return this batch's numbers, as `quota`; tasks with a weight of 0 have none, whatever they are owed."""
        due = _fractions(weights, total) * total
        owed = self._owed[: len(due)]
        wanted = np.where(due > 0, np.maximum(owed + due, 0.0), 0.0)
        counts = quota(wanted if wanted.any() else due, total)
        owed += due - counts
        return counts


def _fractions(weights: ArrayLike, total: int) -> NDArray[np.float64]:
    """Weights that sum to 1, or zeros where there is nothing to share out."""
    given = np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise DataError(f"weights must be finite and at least 0; got {given.tolist()}")
    if total < 0:
        raise DataError(f"total must be at least 0; got {total}")
    whole = given.sum()
    if whole == 0 and total:
        raise DataError(
            f"weights must not all be 0 where {total} item(s) are shared out; got {given.tolist()}"
        )
    return given / whole if whole else given
