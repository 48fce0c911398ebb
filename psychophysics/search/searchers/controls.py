"""Searchers that tell what a result is worth: chance, pixels, and an ideal observer.

None of them needs a network. Each follows the same rules of looking as the model it is held against.

References
----------
Najemnik, Geisler (2005), Nature 434, 387-391: d' by eccentricity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cogattn.errors import DataError
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import View
from cogattn.vision.fovea import Level
from cogattn.vision.retina import visibility
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ChanceSearcher:
    """Sees nothing: looks anywhere that the rules allow."""

    name: str = "chance"

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> View:
        """Take in nothing."""
        return _Blind(len(places.points_deg))


@dataclass(frozen=True)
class _Blind:
    n_places: int

    def evidence(self, gaze_deg: Array) -> Array:
        """Return zeros."""
        return np.zeros((len(gaze_deg), self.n_places))


@dataclass(frozen=True)
class IdealSearcher:
    """Knows the target up to noise that grows with eccentricity, and nothing of how items look.

    Noise is drawn anew at each fixation; sums over fixations are ideal, ``rules.memory = 1``.

    Parameters
    ----------
    foveal_dprime : float
        d' of target against no target at gaze.
    e2_deg : float
        Eccentricity at which d' is halved.
    name : str
        What tables call it.
    """

    foveal_dprime: float = 4.0
    e2_deg: float = 2.3
    name: str = "ideal"

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> View:
        """Fix where the items are; noise is drawn anew at each fixation.

        Raises
        ------
        DataError
            If the scene is no drawn display: where a target could be is known of a grid alone.
        """
        if not isinstance(scene, Display):
            raise DataError(f"the ideal searcher must search a drawn display; got {scene.name}")
        return _IdealView(self, scene, places, rng)


class _IdealView:
    """Noisy templates at the centre of every grid cell."""

    def __init__(
        self, searcher: IdealSearcher, display: Display, places: Places, rng: np.random.Generator
    ) -> None:
        self._searcher, self._places, self._rng = searcher, places, rng
        self._signal = np.full(places.n_cells, -0.5)
        if display.target_cell is not None:
            self._signal[display.target_cell] = 0.5
        self._centers = np.stack(
            [places.points_deg[places.cells == cell].mean(axis=0) for cell in range(places.n_cells)]
        )

    def evidence(self, gaze_deg: Array) -> Array:
        """Return log likelihood ratios of new, independent responses: d'^2 times a noisy signal."""
        distance = np.linalg.norm(self._centers - np.asarray(gaze_deg)[:, None], axis=-1)
        dprime = self._searcher.foveal_dprime * visibility(distance, e2_deg=self._searcher.e2_deg)
        response = self._signal + self._rng.standard_normal(distance.shape) / dprime
        return (dprime**2 * response)[:, self._places.cells]


class PixelLevels:
    """Pixels instead of features: colours averaged over small squares, as the only level."""

    def __init__(self, stride_px: int = 4) -> None:
        self.stride_px = stride_px

    def __call__(self, images: Tensor) -> list[Level]:
        """Return one level with three channels."""
        stride = self.stride_px
        padding = (0, -images.shape[-1] % stride, 0, -images.shape[-2] % stride)
        padded = functional.pad(images, padding, mode="replicate")
        return [Level(functional.avg_pool2d(padded, stride), stride)]
