"""What other people's fixations in the same scene tell of a person's: how much there is to be told by its content.

A kernel density of all others' fixations in the scene, the person's own left out, mixed with the no-content baseline.
It knows neither where the person stands nor what has been visited but through that baseline, and people are few: it
is a mark that a searcher with the right map and the right dynamics may pass, no bound.

References
----------
Kümmerer, Wallis, Bethge (2015), PNAS 112, 16054-16059: the gold standard of information gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.search.natural.baselines import Told
from cogattn.psychophysics.search.natural.calibration import Calibrated, calibrate
from cogattn.psychophysics.search.natural.folds import Folds
from cogattn.psychophysics.search.natural.looks import Looks
from cogattn.psychophysics.search.natural.maps import others_density
from cogattn.psychophysics.search.natural.scores import auc_of, nss_of

Array = NDArray[np.float64]

OTHERS_DEG = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Bandwidths of the density of others, of which other scenes choose."""


@dataclass(frozen=True, eq=False)
class Ceiling:
    """What others tell.

    Parameters
    ----------
    others : Calibrated
        Their density, mixed with the no-content baseline.
    nss, auc : array, shape (n_looks,)
        Of their density alone.
    """

    others: Calibrated
    nss: Array
    auc: Array


def ceiling(looks: Looks, base: Told, folds: Folds) -> Ceiling:
    """Tell every look by the other people in its scene.

    Parameters
    ----------
    looks : Looks
        Of everybody.
    base : Told
        What is mixed in.
    folds : Folds
        Groups of scenes; bandwidth and weight are chosen on other groups.

    Returns
    -------
    Ceiling
    """
    scored = np.zeros((3, len(looks), len(OTHERS_DEG)))
    for scene in range(len(looks.scenes)):
        own = looks.of_scene(scene)
        for number, bandwidth in enumerate(OTHERS_DEG):
            if len(own):
                density = others_density(looks, scene, bandwidth)[looks.person[own]]
                scored[:, own, number] = _scores(density, looks.place[own])
    log2, nss, auc = scored
    others = calibrate(log2, base, looks, folds)
    chosen = others.chosen[folds.of_scene[looks.scene]]
    each = np.arange(len(looks))
    return Ceiling(others, nss[each, chosen], auc[each, chosen])


def _scores(density: Array, place: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    return np.log2(density[np.arange(len(place)), place]), nss_of(density, place), auc_of(density, place)
