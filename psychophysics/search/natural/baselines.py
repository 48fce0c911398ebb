"""What can be told of the next fixation without a look at the image.

Two densities, both from people in other scenes:

- the centre bias: a kernel density of their fixations, over the image's width and height;
- no content: the centre bias, and where the person is and has been. With gaze f, the one before f', earlier ones H

      log p(x | f, f', H) = a log c(x) + A(|x - f|) + D(angle of x - f) + T(turn from f - f')
                            + R(|x - f'|) + E(|x - nearest of H|) + const

  where c is the centre bias and A, R and E are piecewise linear in distance; of first saccades a and A have terms of
  their own. It is the conditional logit of McFadden, fitted by penalised maximum likelihood.

Cross-validation is nested: what is told of a scene is fitted and chosen on scenes of other groups, and what these are
told meanwhile is fitted without both them and that scene's group.

References
----------
Kümmerer, Wallis, Bethge (2015), PNAS 112, 16054-16059: the centre bias as the baseline of information gain.
McFadden (1974), in Zarembka (ed.), Frontiers in Econometrics, 105-142: conditional logit.
Tatler, Vincent (2009), Visual Cognition 17, 1029-1054: how much directions and lengths of saccades tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from cogattn.psychophysics.search.natural.folds import Folds
from cogattn.psychophysics.search.natural.looks import Index, Looks
from cogattn.psychophysics.search.natural.maps import Common
from cogattn.psychophysics.search.natural.scores import auc_of, nss_of

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

BANDWIDTHS_DEG = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
AMPLITUDES_DEG = (0.0, 1.0, 2.0, 3.5, 5.5, 8.0, 12.0, 17.0, 25.0)
RETURNS_DEG = (0.0, 1.0, 2.0, 4.0)
"""Knots of the piecewise linear terms; beyond the last one a term stays what it is there."""
N_FITTED = 2500
"""Looks, at most, that the conditional logit is fitted to: its parameters are two dozen."""
RIDGE = 1.0
"""Nats a squared unit of a coefficient costs: nothing beside hundreds of looks, all that there is beside none."""


@dataclass(frozen=True, eq=False)
class Told:
    """How well something tells of every look, where it was fitted on other scenes.

    Parameters
    ----------
    log2 : array, shape (n_looks, n_folds)
        Log2 of the place's probability as told without the scenes of each group (and without its own scene).
    nss, auc : array, shape (n_looks,)
        Of the densities told without the look's own group.
    """

    log2: Array
    nss: Array
    auc: Array

    def own(self, looks: Looks, folds: Folds) -> Array:
        """Return log2 (n_looks,) of what is told without the look's own group."""
        return self.log2[np.arange(len(looks)), folds.of_scene[looks.scene]]


@dataclass(frozen=True, eq=False)
class Baselines:
    """What other scenes tell.

    Parameters
    ----------
    centre, no_content : Told
        Of the two densities.
    bandwidths_deg : array, shape (n_folds,)
        Chosen for the centre bias.
    coefficients : array, shape (n_folds, n_features)
        Of the conditional logit.
    """

    centre: Told
    no_content: Told
    bandwidths_deg: Array
    coefficients: Array


Watch = Callable[[int, Array, Array], None]
"""Is told a scene's number, its centre bias and its no-content densities (n_looks, n_places)."""


def baselines(
    looks: Looks, folds: Folds, *, rng: np.random.Generator, watch: Watch | None = None
) -> Baselines:
    """Fit both baselines.

    Parameters
    ----------
    looks : Looks
        Of everybody, at two scenes at least.
    folds : Folds
        Groups of the scenes.
    rng : numpy.random.Generator
        Draws the looks that are fitted.
    watch : callable, optional
        Sees both densities of every scene, as told without its group, which are too many to keep.

    Returns
    -------
    Baselines
    """
    common = Common.of(looks)
    bandwidths, maps = zip(*(_centre_maps(common, train) for _, train in folds), strict=True)
    sample = np.sort(rng.permutation(len(looks))[:N_FITTED])
    conditional = _Logit(looks, sample)
    fits: list[Array] = []
    for (_, train), centre in zip(folds, maps, strict=True):
        conditional.set_centre(common, centre)
        fits.append(conditional.fit(train[looks.scene[sample]]))
    coefficients = np.stack(fits)
    centre, no_content = _tell(looks, folds, common, np.stack(maps), coefficients, watch)
    return Baselines(centre, no_content, np.array(bandwidths), coefficients)


def _centre_maps(common: Common, train: NDArray[np.bool_]) -> tuple[float, Array]:
    """Bandwidth chosen on the training scenes, and the centre bias for every scene (n_scenes, n_bins).

    A training scene's own looks are left out of the bias that it is told of; so are those of other scenes.
    """
    together = common.counts[train].sum(axis=0)
    others = together - common.counts * train[:, None]
    best, chosen = (-np.inf, others), BANDWIDTHS_DEG[0]
    for bandwidth in BANDWIDTHS_DEG:
        told = common.smooth(others, bandwidth)
        likelihood = float((common.counts * np.log(told))[train].sum())
        if likelihood > best[0]:
            best, chosen = (likelihood, told), bandwidth
    return chosen, best[1]


class _Logit:
    """The conditional logit of some looks; scenes with fewer places than others are filled up with impossible ones."""

    def __init__(self, looks: Looks, sample: Index) -> None:
        self.looks, self.sample = looks, sample
        most = max(len(lattice.points_deg) for lattice in looks.lattices)
        self.features = np.zeros((len(sample), most, N_FEATURES), dtype=np.float32)
        self.possible = np.zeros((len(sample), most), dtype=bool)
        for scene, own in self._by_scene():
            n = len(looks.lattices[scene].points_deg)
            self.features[own, :n] = features_of(looks, sample[own])
            self.possible[own, :n] = True

    def set_centre(self, common: Common, centre: Array) -> None:
        """Take a centre bias (n_scenes, n_bins)."""
        for scene, own in self._by_scene():
            n = len(self.looks.lattices[scene].points_deg)
            _set_centre(self.features[own, :n], np.log(common.on_scene(centre[scene], scene)))

    def fit(self, used: NDArray[np.bool_]) -> Array:
        """Return the coefficients most likely for the looks in use; a start from other fits would know of others."""
        in_use, options = used.astype(np.float32), {"maxiter": 100, "ftol": 1e-7}
        return minimize(self._loss, PRIOR, args=(in_use,), jac=True, method="L-BFGS-B", options=options).x

    def _loss(self, coefficients: Array, used: Floats) -> tuple[float, Array]:
        n, most, k = self.features.shape
        each, fixated = np.arange(n), self.looks.place[self.sample]
        logits = (self.features.reshape(-1, k) @ coefficients.astype(np.float32)).reshape(n, most)
        logits[~self.possible] = -np.inf
        told = log_softmax(logits, axis=1)
        residual = np.exp(told)
        residual[each, fixated] -= 1
        slope = (residual * used[:, None]).reshape(-1) @ self.features.reshape(-1, k)
        away = coefficients - PRIOR
        loss = -float((told[each, fixated] * used).sum(dtype=float)) + 0.5 * RIDGE * float(away @ away)
        return loss, slope.astype(float) + RIDGE * away

    def _by_scene(self) -> Iterator[tuple[int, slice]]:
        """Numbers of scenes, and where their looks are in the sample, which is sorted by scene."""
        scenes = self.looks.scene[self.sample]
        for scene in np.unique(scenes):
            first, last = np.searchsorted(scenes, [scene, scene + 1])
            yield int(scene), slice(int(first), int(last))


N_FEATURES = 2 + 2 * len(AMPLITUDES_DEG) + 4 + 2 + 2 * (len(RETURNS_DEG) - 1)
PRIOR = np.eye(N_FEATURES)[0]
"""The centre bias as it is."""


def features_of(looks: Looks, which: Index) -> Floats:
    """Return the features of every place for looks at one scene, (n, n_places, N_FEATURES).

    The first two are for the log of the centre bias and left 0: of all looks, and of first ones.
    """
    rows = looks.rows.iloc[which]
    points = looks.lattices[int(rows["scene"].iloc[0])].points_deg
    gaze, previous = rows["gaze"].to_numpy(int), rows["previous"].to_numpy(int)
    first = (rows["fixation"].to_numpy(int) == 1)[:, None, None]
    away, x, y = _vectors(points, points[gaze])
    back = np.linalg.norm(points - points[np.maximum(previous, 0)][:, None], axis=-1)
    came = _unit(points[gaze] - points[np.maximum(previous, 0)]) * (previous >= 0)[:, None]
    turn = x * came[:, :1] + y * came[:, 1:]
    amplitude = _hats(away, AMPLITUDES_DEG)
    moved = came.any(axis=1)[:, None] & (away > 0)
    features = (
        np.zeros((*away.shape, 2)), amplitude, amplitude * first,
        np.stack([x, y, x**2 - y**2, (x**2 - y**2) ** 2 - (2 * x * y) ** 2], axis=-1),
        np.stack([turn, np.where(moved, 2 * turn**2 - 1, 0)], axis=-1),
        _hats(np.where((previous >= 0)[:, None], back, np.inf), RETURNS_DEG)[..., :-1],
        _hats(_nearest_of(points, rows["earlier"].tolist()), RETURNS_DEG)[..., :-1],
    )  # fmt: skip
    return np.concatenate(features, axis=-1).astype(np.float32)


def _set_centre(features: Floats, log_centre: Array) -> None:
    """Fill the first two features in; whether a look is a first one shows in those of its amplitude."""
    of_first = features[:, :, 2 + len(AMPLITUDES_DEG) : 2 + 2 * len(AMPLITUDES_DEG)]
    first = of_first.reshape(len(features), -1).any(axis=1)
    features[..., 0] = log_centre
    features[..., 1] = np.outer(first, log_centre)


def _vectors(points: Array, gaze: Array) -> tuple[Array, Array, Array]:
    """Distances (n, n_places) of points from gazes (n, 2), and the components of their directions."""
    step = points - gaze[:, None]
    unit = _unit(step)
    return np.linalg.norm(step, axis=-1), unit[..., 0], unit[..., 1]


def _unit(vectors: Array) -> Array:
    """Vectors of length 1, or 0 where there is none."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def _nearest_of(points: Array, earlier: list[tuple[int, ...]]) -> Array:
    """Distance (n, n_places) of each place from the nearest of some places; infinite where there are none."""
    nearest = np.full((len(earlier), len(points)), np.inf)
    for row, places in enumerate(earlier):
        if places:
            been = points[list(set(places))]
            nearest[row] = np.linalg.norm(points - been[:, None], axis=-1).min(axis=0)
    return nearest


def _hats(values: Array, knots: tuple[float, ...]) -> Array:
    """Weights (..., n_knots) by which a piecewise linear function is added up from its values at knots."""
    return np.stack([np.interp(values, knots, row) for row in np.eye(len(knots))], axis=-1)


def _tell(
    looks: Looks, folds: Folds, common: Common, maps: Array, coefficients: Array, watch: Watch | None
) -> tuple[Told, Told]:
    """What both baselines tell of every look, scene by scene; maps (n_folds, n_scenes, n_bins)."""
    told = [
        (np.zeros((len(looks), len(folds))), np.zeros(len(looks)), np.zeros(len(looks))) for _ in range(2)
    ]
    for scene in range(len(looks.scenes)):
        own = looks.of_scene(scene)
        if not len(own):
            continue
        centre = common.on_scene(maps[:, scene], scene)  # (n_folds, n_places)
        features = features_of(looks, own)
        for fold, coefficient in enumerate(coefficients):
            _set_centre(features, np.log(centre[fold]))
            logits = features @ coefficient.astype(np.float32)
            densities = np.broadcast_to(centre[fold], logits.shape), softmax(logits.astype(float), axis=1)
            for (log2, nss, auc), density in zip(told, densities, strict=True):
                log2[own, fold] = np.log2(density[np.arange(len(own)), looks.place[own]])
                if fold == folds.of_scene[scene]:
                    nss[own], auc[own] = nss_of(density, looks.place[own]), auc_of(density, looks.place[own])
            if watch is not None and fold == folds.of_scene[scene]:
                watch(scene, *densities)
    centre_told, no_content = (Told(*one) for one in told)
    return centre_told, no_content
