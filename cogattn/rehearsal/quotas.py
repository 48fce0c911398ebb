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
