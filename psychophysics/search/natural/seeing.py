"""A searcher of photographs: what looks like the target's picture, weighed by how much that says in this scene.

The network sees the scene once. Its features are taken less the scene's own mean, channel by channel; so are those of
the target's picture, which is shown at its own size, its surround mirrored outwards so that no border of ours is part
of the template. The match r(x | f) of a place x from gaze f is the normalised correlation of `templates`, pooled over a
window that grows with eccentricity, depths combined by a rule of `levels`.

On an empty display a match can be weighed as it is. In a photograph everything matches a little, more so where
windows are small, and a target far away matches little more than its surround. Evidence is therefore the log
likelihood ratio of two Gaussians of equal variance, at the place's eccentricity e:

    e(x | f) = (m1 - m0) / (s^2 + 1 / gain) * (r(x | f) - m0 - criterion * (m1 - m0))

``m0``, ``s0``: mean and SD of the scene's own matches at that eccentricity, from gazes all over it. ``m1``, ``s1``:
those of the target's picture, pasted into this scene at six places, one more pass of the network. ``s^2`` is the mean
of both variances, and ``1 / gain`` the internal noise that a searcher of drawn displays has: on empty ground, where m0
and s are 0, the evidence is that of `matching` times m1. Nothing of it is tuned on people, or on where targets are; but
the searcher knows what is in the whole scene on average, looked at or not.

References
----------
Green, Swets (1966), Signal Detection Theory and Psychophysics: the likelihood ratio of two Gaussians.
Geisler, Cormack (2011), in Liversedge et al., Oxford Handbook of Eye Movements: templates in natural backgrounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.errors import DataError
from cogattn.psychophysics.search.config import LevelRule
from cogattn.psychophysics.search.natural.learning import learn_looks
from cogattn.psychophysics.search.natural.targets import Image
from cogattn.psychophysics.search.searchers.expected import read_levels
from cogattn.psychophysics.search.searchers.levels import along, combine
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import View
from cogattn.psychophysics.search.searchers.templates import LevelsOf, as_rgb, match_maps
from cogattn.vision.fovea import FoveatedField, Level
from cogattn.vision.retina import Integration
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]

PASTED = (3, 2)
"""Columns and rows of pasted targets."""
GAZES = (6, 4)
"""Columns and rows of gazes from which the scene's own matches are read."""
N_ECCENTRICITIES = 16
KEPT_BYTES = 256_000_000
"""Evidence of one scene that is kept, so that nobody looks twice from the same place."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """Matches by eccentricity: 0, 1, ... n - 1 steps.

    Parameters
    ----------
    mean, variance : array, shape (..., n)
        Of matches.
    """

    mean: Array
    variance: Array


class SceneSearcher:
    """Searches scenes of any size with the foveated features of a frozen network.

    Parameters
    ----------
    levels_of : callable
        The network's features, `cogattn.vision.fovea.Backbone` for one.
    name : str
        What tables call it.
    integration : Integration
        The fovea; ``uniform`` for none.
    looks_of : callable
        From a scene to pictures of its target (`targets.shown`).
    gain, criterion : float
        One over the variance of internal noise, and where between a scene's and the target's match evidence turns.
    levels : str
        How depths are combined.
    """

    def __init__(
        self,
        levels_of: LevelsOf,
        *,
        name: str,
        integration: Integration,
        looks_of: Callable[[Scene], Sequence[Image]],
        gain: float = 200.0,
        criterion: float = 0.5,
        levels: LevelRule = "mean",
    ) -> None:
        self.levels_of, self.name, self.integration = levels_of, name, integration
        self.looks_of, self.gain, self.criterion, self.levels = looks_of, gain, criterion, levels

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> View:
        """Pass a scene through the network, and once more with targets pasted into it; `rng` is not used.

        Raises
        ------
        DataError
            If a target is larger than the scene, or the network's features of the scene are not finite.
        """
        return SceneView(self, scene, places)

    def weigh(self, matches: Array, steps: Array, scene: Distribution, target: Distribution) -> Array:
        """Return the evidence of matches (n_gazes, n_places) at eccentricities told in `steps`, in nats."""
        difference = np.maximum(target.mean - scene.mean, 0)
        slope = difference / ((scene.variance + target.variance) / 2 + 1 / self.gain)
        bar = scene.mean + self.criterion * difference
        return along(slope, steps, 1.0) * (matches - along(bar, steps, 1.0))


class SceneView:
    """A scene as a `SceneSearcher` sees it.

    Parameters
    ----------
    searcher : SceneSearcher
        Who sees.
    scene : Scene
        What.
    places : Places
        Where evidence is asked for.
    """

    def __init__(self, searcher: SceneSearcher, scene: Scene, places: Places) -> None:
        self._searcher, self._places = searcher, places
        image, looks = _colour(scene.image), [_colour(look) for look in searcher.looks_of(scene)]
        _check_sizes(scene, looks)
        raw = searcher.levels_of(as_rgb(image))
        self._ground = [level.maps.mean(dim=(0, 2, 3), keepdim=True) for level in raw]
        _check_finite(self._ground, scene, searcher.name)
        self._templates = learn_looks(searcher.levels_of, looks, self._ground)
        self._seen = self._field(raw, scene)
        self._step_deg = float(np.hypot(*scene.size_px)) / scene.scale / (N_ECCENTRICITIES - 1)
        pasted, centers_px = paste(image, looks)
        shown = self._field(searcher.levels_of(as_rgb(pasted)), scene)
        self._tell_apart(shown, scene.to_degrees(centers_px))
        self._kept: dict[bytes, Array] = {}

    def evidence(self, gaze_deg: Array) -> Array:
        """Return log likelihood ratios; see `View`."""
        gaze = np.ascontiguousarray(gaze_deg, dtype=float)
        keys = [row.tobytes() for row in gaze]
        new = {key: row for key, row in zip(keys, gaze, strict=True) if key not in self._kept}
        found = dict(zip(new, self._look(np.array(list(new.values()))), strict=True)) if new else {}
        rows = np.stack([found[key] if key in found else self._kept[key] for key in keys])
        if len(self._kept) * rows[0].nbytes < KEPT_BYTES:
            self._kept |= found
        return rows

    def _look(self, gaze_deg: Array) -> Array:
        points = self._places.points_deg
        steps = np.linalg.norm(points - gaze_deg[:, None], axis=-1) / self._step_deg
        matches = self._combined(self._responses(self._seen, points, gaze_deg), steps)
        return self._searcher.weigh(matches, steps, *self._distributions)

    def _field(self, levels: Sequence[Level], scene: Scene) -> FoveatedField:
        """Match maps of an image as large as the scene."""
        maps = match_maps(levels, self._ground, self._templates)
        return FoveatedField(
            [Level(found, level.stride_px) for found, level in zip(maps, levels, strict=True)],
            image_size=scene.size_px,
            pixels_per_degree=scene.scale,
            integration=self._searcher.integration,
        )

    def _responses(self, field: FoveatedField, points_deg: Array, gaze_deg: Array) -> Array:
        """Match of points with the target, (n_levels, n_gazes, n_points)."""
        maps = [level.maps for level in field.levels]
        points, gaze = (torch.from_numpy(np.ascontiguousarray(at)) for at in (points_deg, gaze_deg))
        return read_levels(field, maps, self._templates, points, gaze).numpy()[:, 0]

    def _tell_apart(self, pasted: FoveatedField, centers_deg: Array) -> None:
        """Learn what the scene and what the target looks like at each eccentricity, by level, then combined."""
        points = self._places.points_deg
        low, high = points.min(axis=0), points.max(axis=0)
        gaze = _grid(GAZES) * (high - low) + low
        steps = np.linalg.norm(points - gaze[:, None], axis=-1) / self._step_deg
        scene = self._responses(self._seen, points, gaze)
        away = np.arange(N_ECCENTRICITIES) * self._step_deg
        target = np.stack(
            [
                self._responses(pasted, center[None], center + away[:, None] * [1.0, 0.0])[..., 0]
                for center in centers_deg
            ],
            axis=-1,
        )  # (levels, eccentricities, targets)
        own_steps = np.repeat(np.arange(N_ECCENTRICITIES, dtype=float)[:, None], len(centers_deg), axis=1)
        apart = [_by_eccentricity(scene, steps), _of_samples(target)]
        self._reliability = np.maximum(apart[1].mean - apart[0].mean, 0) / (
            (apart[0].variance + apart[1].variance) / 2 + 1 / self._searcher.gain
        )
        self._distributions = (
            _by_eccentricity(self._combined(scene, steps), steps),
            _of_samples(self._combined(target, own_steps)),
        )

    def _combined(self, responses: Array, steps: Array) -> Array:
        """Combine levels (n_levels, n_gazes, n_points) at eccentricities (n_gazes, n_points)."""
        reliability = along(self._reliability, steps, 1.0) if self._searcher.levels == "reliability" else None
        return combine(responses[:, None], self._searcher.levels, reliability=reliability)[0]


def paste(image: Image, looks: Sequence[Image]) -> tuple[Image, Array]:
    """Lay pictures over an image at six places, in turn.

    Returns
    -------
    image : array, shape (height, width, 3)
    centers_px : array, shape (6, 2)
        Where their middles lie, (x, y).
    """
    result, centers = image.copy(), []
    height, width = image.shape[:2]
    for number, (x, y) in enumerate(_grid(PASTED)):
        look = looks[number % len(looks)]
        rows, columns = look.shape[:2]
        left = int(np.clip(round(x * width - columns / 2), 0, width - columns))
        top = int(np.clip(round(y * height - rows / 2), 0, height - rows))
        result[top : top + rows, left : left + columns] = look
        centers.append((left + columns / 2, top + rows / 2))
    return result, np.array(centers)


def _grid(shape: tuple[int, int]) -> Array:
    """Middles of the cells of a unit square cut into columns and rows, (n, 2)."""
    x, y = np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _by_eccentricity(matches: Array, steps: Array) -> Distribution:
    """Mean and variance of matches (..., n_gazes, n_places) at whole steps, each sample shared by its neighbours."""
    flat, at = matches.reshape(-1, steps.size), np.clip(steps.ravel(), 0, N_ECCENTRICITIES - 1)
    below = np.minimum(at.astype(int), N_ECCENTRICITIES - 2)
    weights = np.zeros((N_ECCENTRICITIES, at.size))
    weights[below, np.arange(at.size)] = 1 - (at - below)
    weights[below + 1, np.arange(at.size)] = at - below
    total = weights.sum(axis=1)
    known = np.flatnonzero(total > 0)
    mean = (flat @ weights[known].T) / total[known]
    variance = np.maximum((flat**2 @ weights[known].T) / total[known] - mean**2, 0)
    every = np.arange(N_ECCENTRICITIES)
    filled = [np.stack([np.interp(every, known, row) for row in table]) for table in (mean, variance)]
    shape = (*matches.shape[:-2], N_ECCENTRICITIES)
    return Distribution(filled[0].reshape(shape), filled[1].reshape(shape))


def _of_samples(matches: Array) -> Distribution:
    """Mean and variance over the last axis of (..., n_eccentricities, n_samples)."""
    return Distribution(matches.mean(axis=-1), matches.var(axis=-1, ddof=1))


def _colour(image: Image) -> Image:
    """An image (height, width, 3)."""
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def _check_sizes(scene: Scene, looks: Sequence[Image]) -> None:
    for look in looks:
        if look.shape[0] > scene.size_px[0] or look.shape[1] > scene.size_px[1]:
            raise DataError(
                f"a target's picture must not be larger than the scene; got {look.shape[1]} x {look.shape[0]} pixels "
                f"in one of {scene.size_px[1]} x {scene.size_px[0]} ({scene.name})"
            )


def _check_finite(ground: Sequence[Tensor], scene: Scene, name: str) -> None:
    if not all(bool(mean.isfinite().all()) for mean in ground):
        raise DataError(f"a network's features must be finite; got others from {name} ({scene.name})")
