"""Geometry of the visual field in degrees: one definition for every study.

Points are (x, y) in degrees of visual angle, x to the right and y downwards, from whatever origin the caller
keeps. Eccentricity is the distance from gaze. Three things grow worse with it, and each has one formula here:
cortical magnification and visibility fall as ``1 / (1 + e / e2)``, and the width over which features are
integrated rises along a straight line.

References
----------
Cowey, Rolls (1974), Exp. Brain Res. 21, 447-454.
Rovamo, Virsu (1979), Exp. Brain Res. 37, 495-510.
Horton, Hoyt (1991), Arch. Ophthalmol. 109, 816-824.
Duncan, Boynton (2003), Neuron 38, 659-671.
Larsson, Heeger (2006), J. Neurosci. 26, 13128-13142.
Freeman, Simoncelli (2011), Nature Neurosci. 14, 1195-1201 (pooling widths of V1 and V2).
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34 (eccNET).
Strasburger, Rentschler, Juettner (2011), J. Vision 11(5):13 (a review of these constants).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Screen:
    """A flat image whose centre faces the observer, small enough for one scale to hold.

    Parameters
    ----------
    pixels_per_degree : float
        Scale.
    width_px, height_px : int
        Size; the origin in degrees is its middle, between pixels where the size is even.

    Notes
    -----
    Pixel coordinates are continuous: pixel i covers [i, i + 1).
    """

    pixels_per_degree: float
    width_px: int
    height_px: int

    @classmethod
    def of(cls, *, distance_cm: float, width_cm: float, width_px: int, height_px: int) -> Screen:
        """Return the screen as seen from a distance, its scale taken at the middle."""
        degrees_per_cm = math.degrees(1 / distance_cm)
        return cls(width_px / width_cm / degrees_per_cm, width_px, height_px)

    def to_degrees(self, points_px: Tensor) -> Tensor:
        """Return points (..., 2) given in pixels as degrees from the middle."""
        return (points_px - self._middle(points_px)) / self.pixels_per_degree

    def to_pixels(self, points_deg: Tensor) -> Tensor:
        """Return points (..., 2) given in degrees as pixels from the top left corner."""
        return points_deg * self.pixels_per_degree + self._middle(points_deg)

    def _middle(self, like: Tensor) -> Tensor:
        return like.new_tensor([self.width_px / 2, self.height_px / 2])


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
    squared = (points_deg.unsqueeze(-3) - gaze_deg.unsqueeze(-2)).square().sum(-1)
    zero = squared == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, squared).sqrt())


def visibility(eccentricity: Tensor, *, e2_deg: float = 2.3) -> Tensor:
    """Return how well things are seen, ``1 / (1 + e / e2)``: 1 at gaze, a half at `e2_deg`."""
    return 1 / (1 + eccentricity / e2_deg)


@dataclass(frozen=True)
class Magnification:
    """Linear cortical magnification ``m0 / (1 + e / e2)``.

    Parameters
    ----------
    m0_mm_per_deg : float
        At the fovea, in millimetres of cortex per degree.
    e2_deg : float
        Eccentricity at which it is halved.
    source : str
        Where the constants are from.
    """

    m0_mm_per_deg: float
    e2_deg: float
    source: str

    def mm_per_deg(self, eccentricity: Tensor) -> Tensor:
        """Return millimetres of cortex per degree."""
        return self.m0_mm_per_deg * visibility(eccentricity, e2_deg=self.e2_deg)

    def distance_mm(self, eccentricity: Tensor) -> Tensor:
        """Return millimetres of cortex from the foveal representation: the integral of `mm_per_deg`."""
        return self.m0_mm_per_deg * self.e2_deg * torch.log1p(eccentricity / self.e2_deg)


MAGNIFICATIONS: Mapping[str, Magnification] = {
    "cowey1974": Magnification(8.55, 1.75, "Cowey & Rolls 1974"),
    "rovamo1979": Magnification(7.99, 3.0, "Rovamo & Virsu 1979"),
    "horton1991": Magnification(23.1, 0.75, "Horton & Hoyt 1991"),
    "duncan2003": Magnification(18.5, 0.83, "Duncan & Boynton 2003"),
    "larsson2006": Magnification(22.5, 0.785, "Larsson & Heeger 2006"),
}
"""Human V1 by first author and year, in one common form (constants as tabulated by Strasburger et al.)."""


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
        """Return the width in degrees of a level whose own cells are `base_deg` wide."""
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


@dataclass(frozen=True)
class Tessellation:
    """Log-polar cells about gaze.

    Parameters
    ----------
    centers_deg : Tensor, shape (n_cells, 2)
        Middle of each cell, gaze at the origin; the central disc first, then ring by ring.
    areas_deg2 : Tensor, shape (n_cells,)
        Areas; they sum to that of the whole disc.
    inner_deg, outer_deg : Tensor, shape (n_cells,)
        Radii of the ring that a cell belongs to.
    """

    centers_deg: Tensor
    areas_deg2: Tensor
    inner_deg: Tensor
    outer_deg: Tensor


def log_polar_cells(*, radius_deg: float, fovea_deg: float = 1.0, scaling: float = 0.5) -> Tessellation:
    """Divide a disc into cells that grow with eccentricity and are about as wide as they are deep.

    Parameters
    ----------
    radius_deg : float
        Outer radius.
    fovea_deg : float
        Radius of the central disc, which is one cell.
    scaling : float
        Each ring's outer radius is its inner one times ``1 + scaling``; the last one ends at `radius_deg`.

    Returns
    -------
    Tessellation

    Raises
    ------
    ValueError
        Unless ``0 < fovea_deg <= radius_deg`` and `scaling` is above 0.
    """
    if not (0 < fovea_deg <= radius_deg and scaling > 0):
        raise ValueError(
            f"fovea_deg must be above 0 and at most radius_deg, and scaling above 0; got {fovea_deg}, "
            f"{radius_deg} and {scaling}"
        )
    rows = [torch.tensor([[0.0, 0.0, math.pi * fovea_deg**2, 0.0, fovea_deg]], dtype=torch.float64)]
    inner = fovea_deg
    while inner < radius_deg * (1 - 1e-12):
        outer = min(inner * (1 + scaling), radius_deg)
        rows.append(_ring(inner, outer))
        inner = outer
    cells = torch.cat(rows)
    return Tessellation(cells[:, :2], cells[:, 2], cells[:, 3], cells[:, 4])


def _ring(inner: float, outer: float) -> Tensor:
    """Cells of one ring: x, y, area, inner and outer radius; (n, 5)."""
    middle = math.sqrt(inner * outer)
    n = max(3, round(2 * math.pi * middle / (outer - inner)))
    angle = 2 * math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    constant = torch.tensor([math.pi * (outer**2 - inner**2) / n, inner, outer], dtype=torch.float64)
    return torch.cat(
        [middle * angle.cos()[:, None], middle * angle.sin()[:, None], constant.expand(n, 3)], dim=1
    )
