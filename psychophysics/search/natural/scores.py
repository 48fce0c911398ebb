"""Scores of densities at the places that were looked at: log likelihood, information gain, NSS, AUC.

A density is over places, its rows sum to 1.

References
----------
Kümmerer, Wallis, Bethge (2015), PNAS 112, 16054-16059: information gain.
Peters, Iyer, Itti, Koch (2005), Vision Research 45, 2397-2416: NSS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class GazeScore:
    """Scores of next-fixation densities.

    Parameters
    ----------
    log_likelihood_bits : float
        Mean log2 density at the fixated place.
    information_gain_bits : float
        The same above a baseline density.
    nss : float
        Mean standardised density at the fixated place.
    auc : float
        Chance that the fixated place has a higher density than another one, ties counting half.
    n : int
        Fixations.
    """

    log_likelihood_bits: float
    information_gain_bits: float
    nss: float
    auc: float
    n: int


def score_fixations(
    densities: Array, fixated: NDArray[np.int64], *, baseline: Array | None = None, floor: float = 1e-12
) -> GazeScore:
    """Score densities at fixated places.

    Parameters
    ----------
    densities : array, shape (n_fixations, n_places)
        Rows sum to 1.
    fixated : array of int, shape (n_fixations,)
        Places looked at.
    baseline : array, shape (n_places,) or (n_fixations, n_places), optional
        Density to gain over; uniform when absent.
    floor : float
        Smallest density that counts, so that one surprise does not cost infinitely much.

    Returns
    -------
    GazeScore

    Raises
    ------
    DataError
        If rows do not sum to 1 or there is no fixation.
    """
    if len(densities) == 0 or not np.allclose(densities.sum(axis=1), 1, atol=1e-6):
        raise DataError("densities must be rows that sum to 1, at least one; got other")
    n, n_places = densities.shape
    each = np.arange(n)
    at = densities[each, fixated]
    reference = np.full(n_places, 1 / n_places) if baseline is None else baseline
    expected = np.broadcast_to(reference, densities.shape)[each, fixated]
    log_likelihood = np.log2(np.maximum(at, floor))
    return GazeScore(
        log_likelihood_bits=float(log_likelihood.mean()),
        information_gain_bits=float((log_likelihood - np.log2(np.maximum(expected, floor))).mean()),
        nss=float(nss_of(densities, fixated).mean()),
        auc=float(auc_of(densities, fixated).mean()),
        n=n,
    )


def nss_of(densities: Array, fixated: NDArray[np.int64]) -> Array:
    """Return the standardised density (n,) at the fixated place of each row; 0 where a density is even."""
    spread = densities.std(axis=1)
    above = densities[np.arange(len(densities)), fixated] - densities.mean(axis=1)
    return np.where(spread > 0, above / np.where(spread > 0, spread, 1), 0.0)


def auc_of(values: Array, fixated: NDArray[np.int64]) -> Array:
    """Return the share (n,) of a row's other places that lie below the fixated one, ties counting half."""
    at = values[np.arange(len(values)), fixated][:, None]
    below = (values < at).sum(axis=1) + 0.5 * ((values == at).sum(axis=1) - 1)
    return below / (values.shape[1] - 1)
