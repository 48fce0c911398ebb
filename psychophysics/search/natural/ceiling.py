"""What other people's fixations in the same scene tell of a person's: how much its content has to tell.

With h the kernel density of all others' fixations in the scene (the person's own are left out), c the centre bias and q
the no-content baseline,

    p(x) = q(x) (h(x) / c(x))^a / const

Bandwidth of h and exponent a are chosen on other scenes. People are few and h knows no order of fixations: it is a mark
that a searcher with the right map and the right dynamics may pass, no bound. Searchers are weighed otherwise, mixed
with q (`calibration`), for the product would need all their densities at once; so others are weighed in that way, too.

References
----------
Kümmerer, Wallis, Bethge (2015), PNAS 112, 16054-16059: the gold standard of information gain.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.search.natural.baselines import Told
from cogattn.psychophysics.search.natural.calibration import Calibrated, calibrate
from cogattn.psychophysics.search.natural.folds import Folds
from cogattn.psychophysics.search.natural.looks import Looks
from cogattn.psychophysics.search.natural.maps import others_density
from cogattn.psychophysics.search.natural.scores import auc_of, nss_of
from cogattn.vision.retina import visibility

Array = NDArray[np.float64]

BANDWIDTHS_DEG = (0.5, 0.75, 1.0, 1.5, 2.5)
EXPONENTS = (0.4, 0.6, 0.8, 1.0)
PAIRS = tuple(itertools.product(BANDWIDTHS_DEG, EXPONENTS))


@dataclass(frozen=True, eq=False)
class Ceiling:
    """What others tell of every look.

    Parameters
    ----------
    log2, nss, auc : array, shape (n_looks,)
        Of the product of their density and the no-content baseline.
    as_searcher : Calibrated
        Their density weighed as a searcher is.
    bandwidth_deg, exponent : float
        Medians of what was chosen.
    """

    log2: Array
    nss: Array
    auc: Array
    as_searcher: Calibrated
    bandwidth_deg: float
    exponent: float


class Others:
    """Watches the baselines and tells, scene by scene, what others' fixations add to them.

    Parameters
    ----------
    looks : Looks
        Of everybody.
    e2_deg : float
        Of the cortical area by which short saccades are likelier (`columns.LOG2_DENSITIES`).
    """

    def __init__(self, looks: Looks, *, e2_deg: float) -> None:
        self.looks, self.e2_deg = looks, e2_deg
        n = len(looks)
        self._products = np.zeros((3, n, len(PAIRS)))
        self._alone = np.zeros((n, 2 * len(BANDWIDTHS_DEG)))

    def __call__(self, scene: int, centre: Array, no_content: Array) -> None:
        """Weigh the looks at a scene; see `baselines.Watch`."""
        looks, own = self.looks, self.looks.of_scene(scene)
        each, place = np.arange(len(own)), looks.place[own]
        points = looks.lattices[scene].points_deg
        away = np.linalg.norm(points - points[looks.rows["gaze"].to_numpy(int)[own]][:, None], axis=-1)
        near = visibility(away, e2_deg=self.e2_deg) ** 2
        for number, bandwidth in enumerate(BANDWIDTHS_DEG):
            density = others_density(looks, scene, bandwidth)[looks.person[own]]
            for kind, worth in enumerate((density, density * near)):
                column = kind * len(BANDWIDTHS_DEG) + number
                self._alone[own, column] = np.log2(worth[each, place] / worth.sum(axis=1))
            for power, exponent in enumerate(EXPONENTS):
                product = no_content * (density / centre) ** exponent
                product /= product.sum(axis=1, keepdims=True)
                column = number * len(EXPONENTS) + power
                scores = np.log2(product[each, place]), nss_of(product, place), auc_of(product, place)
                self._products[:, own, column] = scores

    def ceiling(self, base: Told, folds: Folds) -> Ceiling:
        """Choose bandwidth and exponent for each group of scenes on the others, once all scenes have been seen.

        Parameters
        ----------
        base : Told
            The no-content baseline.
        folds : Folds
            Groups of scenes.

        Returns
        -------
        Ceiling
        """
        log2, group = self._products[0], folds.of_scene[self.looks.scene]
        best = np.array([log2[group != fold].mean(axis=0).argmax() for fold in range(len(folds))])
        told = self._products[:, np.arange(len(group)), best[group]]
        bandwidth, exponent = np.median(np.array(PAIRS)[best], axis=0)
        as_searcher = calibrate(self._alone, base.log2, group)
        return Ceiling(*told, as_searcher, float(bandwidth), float(exponent))
