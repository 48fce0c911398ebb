"""How well next-fixation densities tell where people looked: log likelihood, information gain, NSS, AUC.

A density is over places, its rows sum to 1; a fixation is the place nearest to it. All four are means over
fixations.

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
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.searchers.searching import (
    Places,
    Searcher,
    inhibition,
    next_fixation_density,
    priority,
)

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
    baseline : array, shape (n_places,), optional
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
    at = densities[np.arange(n), fixated]
    reference = np.full(n_places, 1 / n_places) if baseline is None else baseline
    log_likelihood = np.log2(np.maximum(at, floor))
    spread = densities.std(axis=1)
    nss = np.where(spread > 0, (at - 1 / n_places) / np.where(spread > 0, spread, 1), 0)
    below = (densities < at[:, None]).sum(axis=1) + 0.5 * ((densities == at[:, None]).sum(axis=1) - 1)
    return GazeScore(
        log_likelihood_bits=float(log_likelihood.mean()),
        information_gain_bits=float((log_likelihood - np.log2(np.maximum(reference[fixated], floor))).mean()),
        nss=float(nss.mean()),
        auc=float((below / (n_places - 1)).mean()),
        n=n,
    )


def densities_along(
    searcher: Searcher,
    display: Display,
    fixations_deg: Array,
    *,
    rules: RulesSettings,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.int64]]:
    """Return the density of each next fixation of a given scanpath, as the searcher would have drawn it.

    Parameters
    ----------
    searcher, display, rules, rng
        As for `cogattn.psychophysics.search.searchers.searching.search`.
    fixations_deg : array, shape (n, 2)
        Somebody's fixations after the start at the centre.

    Returns
    -------
    densities : array, shape (n, n_places)
    fixated : array of int, shape (n,)
        The place nearest to each fixation.

    Raises
    ------
    DataError
        If endless inhibition leaves no place for a fixation, every cell having been visited.
    """
    places = Places.of(display, pitch_deg=rules.pitch_deg)
    view = searcher.begin(display, places, rng)
    belief = np.zeros((1, len(places.points_deg)))
    visits = np.full(belief.shape, np.inf)
    gaze = np.zeros((1, 2))
    densities = []
    for fixation in np.asarray(fixations_deg, dtype=float):
        belief = rules.memory * belief + view.evidence(gaze)
        held_back = inhibition(visits, rules)
        if np.isinf(held_back).all():
            raise DataError(
                "rules.inhibition must be finite for scanpaths that go on after every cell was visited; got "
                f"{len(fixations_deg)} fixations on {places.n_cells} cells"
            )
        worth = priority(belief, held_back, gaze, places, rules)
        densities.append(next_fixation_density(worth, rules.temperature)[0])
        gaze = fixation[None]
        visits = np.where(places.closed_by(gaze), 0, visits + 1)
    return np.stack(densities), places.nearest(fixations_deg)
