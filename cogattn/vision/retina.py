"""Geometry of the visual field in degrees: one definition for every study.

Points are (x, y) in degrees of visual angle, x to the right and y downwards, from whatever origin the caller keeps;
where they lie in an image `cogattn.vision.scenes.Scene` knows. Eccentricity is the distance from gaze. Two things grow
worse with it, and each has one formula here: visibility (and with it cortical magnification) falls as
``1 / (1 + e / e2)``, and the width over which features are integrated rises along a straight line.

References
----------
Rovamo, Virsu (1979), Exp. Brain Res. 37, 495-510; Horton, Hoyt (1991), Arch. Ophthalmol. 109, 816-824 (magnification).
Najemnik, Geisler (2005), Nature 434, 387-391 (visibility).
Freeman, Simoncelli (2011), Nature Neurosci. 14, 1195-1201 (pooling widths of V1 and V2).
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34 (eccNET).
Strasburger, Rentschler, Juettner (2011), J. Vision 11(5):13 (a review of these constants).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]


def pixels_per_degree(*, distance_cm: float, width_cm: float, width_px: int) -> float:
    """Return the scale, at its middle, of a flat screen that faces the observer.

    >>> round(pixels_per_degree(distance_cm=57.3, width_cm=40.0, width_px=1600), 1)
    40.0
    """
    return width_px / width_cm * distance_cm * math.radians(1)


def eccentricity_deg(points_deg: Tensor, gaze_deg: Tensor) -> Tensor:
    """Return the distance of every point from every gaze.

    Parameters
    ----------
    points_deg : Tensor, shape (..., n_points, 2)
        Places.
    gaze_deg : Tensor, shape (..., n_gazes, 2)
        Where the eye looks.

    Returns
    -------
    Tensor, shape (..., n_gazes, n_points)
        In degrees; its gradient at distance 0 is 0.
    """
    import torch

    squared = (points_deg.unsqueeze(-3) - gaze_deg.unsqueeze(-2)).square().sum(-1)
    zero = squared == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, squared).sqrt())


@overload
def visibility(eccentricity: Array, *, e2_deg: float = 2.3) -> Array: ...
@overload
def visibility(eccentricity: Tensor, *, e2_deg: float = 2.3) -> Tensor: ...
def visibility(eccentricity: Array | Tensor, *, e2_deg: float = 2.3) -> Array | Tensor:
    """Return how well things are seen, ``1 / (1 + e / e2)``: 1 at gaze, a half at `e2_deg`.

    Eccentricities are in degrees and may have any shape.
    So falls linear cortical magnification, relative to the fovea's; the area of cortex goes with the square.
    """
    return 1 / (1 + eccentricity / e2_deg)


@dataclass(frozen=True)
class Integration:
    """Width over which features are averaged: ``base + slope * max(e - onset, 0)``.

    Parameters
    ----------
    slopes : tuple of float
        Degrees of width per degree of eccentricity, one for each level of features from fine to coarse, or
        one for all.
    onset_deg : float
        Radius within which nothing is added.
    source : str
        Where the constants are from.
    """

    slopes: tuple[float, ...]
    onset_deg: float = 0.0
    source: str = ""

    def slope(self, level: int, n_levels: int) -> float:
        """Return the slope of a level; raise ValueError if there are neither one nor `n_levels` of them."""
        if len(self.slopes) not in (1, n_levels):
            raise ValueError(f"slopes must be one, or one for each of {n_levels} levels; got {self.slopes}")
        return self.slopes[0] if len(self.slopes) == 1 else self.slopes[level]

    def width_deg(
        self, eccentricity: Tensor, *, base_deg: float, level: int = 0, n_levels: int = 1
    ) -> Tensor:
        """Return the width in degrees, at eccentricities of any shape, of a level with cells `base_deg` wide."""
        return base_deg + self.slope(level, n_levels) * (eccentricity - self.onset_deg).clamp(min=0)


ECCNET_ONSET_DEG = 128 / 30
"""eccNET's fovea: 4 degrees in its code, 128 of its 30 pixels per degree in effect."""

INTEGRATIONS: Mapping[str, Integration] = {
    "uniform": Integration((0.0,), 0.0, "no fovea"),
    "eccnet": Integration((0.07, 0.16, 0.32), ECCNET_ONSET_DEG, "Gupta et al. 2021, pool3 to pool5"),
    "v1": Integration((0.25,), 0.0, "Freeman & Simoncelli 2011, scaling of V1"),
    "v2": Integration((0.5,), 0.0, "Freeman & Simoncelli 2011, scaling of V2; Bouma's law of crowding"),
}
"""Integration widths by name; ``uniform`` leaves features as they are."""
