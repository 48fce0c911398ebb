"""Shapes of the channel's power gain G over frequency: log-Gaussian, asymmetric, and free.

With x the base-2 logarithm of cycles per image:

- ``log-gaussian``: log2 G = -(2 (x - centre) / bandwidth)^2.
- ``asymmetric``: a log-Gaussian on either side of its peak, the upper half exp(asymmetry) times as wide as the lower.
- ``free``: ln G is a log-Gaussian plus a cubic spline with as many knots as there are bands, evenly spaced in x between
  the lowest and the highest band's mean. The spline holds no parabola, which is the log-Gaussian's part. Its
  coefficients are its third derivatives, in nat per octave^3: how fast the curvature of ln G changes.

What is compared between observers means the same for all three. Bandwidth is the full width at half the maximum, in
octaves; the centre lies midway, in octaves, between the two half heights; peak sensitivity is that at the maximum. Of
the free gain they are read off the curve, interpolated on a grid of 1/48 octave. Beyond its knots the spline goes on as
a straight line; a gain that does not fall to half within an octave of the frequencies that carry noise has no width.

Asymmetry and third derivatives have normal priors of mean 0, so that counts which say nothing about them leave the
log-Gaussian: SD ln 2 (halves as unequal as 1 to 2) and SD 1 (from octave to octave the curvature changes by 1, where
a log-Gaussian of 2 octaves has -1.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline

Array = NDArray[np.float64]
GainName = Literal["log-gaussian", "asymmetric", "free"]
GAINS: tuple[GainName, ...] = get_args(GainName)
"""From the plainest."""
N_SHARED = 5
"""Parameters that come before a gain's own: those of `likelihood.PARAMETERS`."""
N_FEATURES = 3
"""ln bandwidth, log2 centre and ln peak sensitivity."""

_LN2 = float(np.log(2.0))
_PER_OCTAVE = 48
_MARGIN_OCTAVES = 1.0


@dataclass(frozen=True, eq=False)
class LogGaussian:
    """The log-Gaussian gain, and what the others share.

    Parameters
    ----------
    name : {"log-gaussian", "asymmetric", "free"}
        Which one it is.
    own : tuple of str
        Names of its parameters after the shared ones.
    prior_sd, limit : tuples of float, length n_own
        SD of the normal prior of each own parameter, whose mean is 0, and how far it may lie from 0.
    """

    name: GainName = "log-gaussian"
    own: tuple[str, ...] = ()
    prior_sd: tuple[float, ...] = ()
    limit: tuple[float, ...] = ()

    def log_gain(self, theta: Array, x: Array) -> tuple[Array, Array]:
        """Return ln G and its slopes.

        Parameters
        ----------
        theta : array, shape (n, 5 + n_own)
            The shared parameters (of which ln bandwidth and log2 centre count here) and the own ones.
        x : array, shape (n_x,)
            log2 of cycles per image.

        Returns
        -------
        log_gain : array, shape (n, n_x)
        slopes : array, shape (n, n_x, 2 + n_own)
            By ln bandwidth, log2 centre and each own parameter.
        """
        return _log_gaussian(theta, x)

    def features(self, theta: Array) -> tuple[Array, Array]:
        """Return ln bandwidth (octaves), log2 centre (cycles per image) and ln peak sensitivity (1 / SD).

        Parameters
        ----------
        theta : array, shape (n, 5 + n_own)
            Parameters.

        Returns
        -------
        values : array, shape (n, 3)
            NaN where the gain does not fall to half.
        slopes : array, shape (n, 3, 5 + n_own)
            By each parameter.
        """
        slopes = np.zeros((len(theta), N_FEATURES, theta.shape[1]))
        slopes[:, range(N_FEATURES), range(N_FEATURES)] = 1.0
        return theta[:, :N_FEATURES].copy(), slopes

    @property
    def explicit(self) -> bool:
        """Whether the features are the first three parameters themselves."""
        return True


@dataclass(frozen=True, eq=False)
class Asymmetric(LogGaussian):
    """Two halves of log-Gaussians; parameter ``asymmetry`` = ln(upper half width / lower half width)."""

    name: GainName = "asymmetric"
    own: tuple[str, ...] = ("asymmetry",)
    prior_sd: tuple[float, ...] = (_LN2,)
    limit: tuple[float, ...] = (4 * _LN2,)

    def log_gain(self, theta: Array, x: Array) -> tuple[Array, Array]:
        """Return ln G and its slopes; see `LogGaussian.log_gain`."""
        bandwidth, skew = np.exp(theta[:, 0, None]), np.tanh(theta[:, N_SHARED, None] / 2)
        mode = theta[:, 1, None] - bandwidth * skew / 2
        side = np.where(x > mode, 1.0, -1.0)
        half = bandwidth * (1 + side * skew) / 2
        z = (x - mode) / half
        turn = bandwidth * (1 - skew**2) / 4  # slope of the upper half width by the asymmetry
        by_bandwidth = bandwidth * skew / 2 - z * half
        by_asymmetry = turn * (1 - side * z)
        parts = np.stack([by_bandwidth, np.full_like(z, -1.0), by_asymmetry], axis=-1)
        return -_LN2 * z**2, -2 * _LN2 * (z / half)[..., None] * parts


@dataclass(frozen=True, eq=False)
class Free(LogGaussian):
    """A log-Gaussian plus a smooth deviation; see the module.

    Parameters
    ----------
    first, last : float
        First and last knot, in octaves.
    n_knots : int
        At least 4.
    lowest, highest : float
        Frequencies that carry noise, in octaves.
    """

    name: GainName = "free"
    first: float = 0.0
    last: float = 1.0
    n_knots: int = 4
    lowest: float = 0.0
    highest: float = 1.0

    @classmethod
    def over(cls, band_means: Array, carrying: Array) -> Free:
        """Make the gain for bands of these mean frequencies, and for the frequencies that carry noise, in octaves."""
        n = max(len(band_means) - 3, 0)
        return cls(
            own=tuple(f"third_derivative_{i + 1}" for i in range(n)),
            prior_sd=(1.0,) * n,
            limit=(6.0,) * n,
            first=float(band_means[0]),
            last=float(band_means[-1]),
            n_knots=len(band_means),
            lowest=float(carrying[0]),
            highest=float(carrying[-1]),
        )

    @cached_property
    def _spline(self) -> BSpline:
        """One cubic spline per own parameter: its third derivative about one place is 1, and it holds no parabola."""
        knots = np.linspace(self.first, self.last, self.n_knots)
        third = np.diff(np.eye(self.n_knots), n=3, axis=0) / (knots[1] - knots[0]) ** 3
        return make_interp_spline(knots, np.linalg.pinv(third), k=3)

    def deviation(self, x: Array) -> Array:
        """Return how ln G changes with each own parameter, shape (n_x, n_own)."""
        if not self.own:
            return np.zeros((len(x), 0))
        inside = np.clip(x, self.first, self.last)
        return self._spline(inside) + self._spline(inside, nu=1) * (x - inside)[:, None]

    def log_gain(self, theta: Array, x: Array) -> tuple[Array, Array]:
        """Return ln G and its slopes; see `LogGaussian.log_gain`. G is 1 at its maximum only without deviation."""
        return self._with(theta, x, self.deviation(x))

    def _with(self, theta: Array, x: Array, deviation: Array) -> tuple[Array, Array]:
        value, slopes = _log_gaussian(theta, x)
        each = np.broadcast_to(deviation, (len(theta), *deviation.shape))
        return value + theta[:, N_SHARED:] @ deviation.T, np.concatenate([slopes, each], axis=-1)

    @property
    def explicit(self) -> bool:
        """Whether the features are the first three parameters themselves."""
        return not self.own

    @cached_property
    def _grid(self) -> tuple[Array, Array]:
        x = np.arange(self.lowest - _MARGIN_OCTAVES, self.highest + _MARGIN_OCTAVES, 1 / _PER_OCTAVE)
        return x, self.deviation(x)

    def features(self, theta: Array) -> tuple[Array, Array]:
        """Return ln bandwidth, log2 centre and ln peak sensitivity with slopes; see `LogGaussian.features`."""
        if self.explicit:
            return super().features(theta)
        x, deviation = self._grid
        value, slopes = self._with(theta, x, deviation)
        rows, top = np.arange(len(theta)), value.argmax(axis=1)
        height, by_height = value[rows, top], slopes[rows, top]
        ends, by_ends = zip(*(_half_height(x, value, slopes, top, side) for side in (-1, 1)), strict=True)
        width = ends[1] - ends[0]
        features = np.stack([np.log(width), (ends[0] + ends[1]) / 2, theta[:, 2] + height / 2], axis=1)
        by = [(by_ends[1] - by_ends[0]) / width[:, None], (by_ends[0] + by_ends[1]) / 2, by_height / 2]
        found = np.zeros((len(theta), N_FEATURES, theta.shape[1]))
        found[..., :2], found[..., N_SHARED:] = np.stack(by, 1)[..., :2], np.stack(by, 1)[..., 2:]
        found[:, 2, 2] = 1.0
        return features, found


def gain_named(name: GainName, band_means: Array, carrying: Array) -> LogGaussian:
    """Return the gain of this name for bands of these mean frequencies and the frequencies that carry noise, log2."""
    if name == "free":
        return Free.over(band_means, carrying)
    return Asymmetric() if name == "asymmetric" else LogGaussian()


def _log_gaussian(theta: Array, x: Array) -> tuple[Array, Array]:
    """ln G (n, n_x), and its slopes by ln bandwidth and log2 centre."""
    bandwidth = np.exp(theta[:, 0, None])
    distance = x - theta[:, 1, None]
    value = -_LN2 * (2 * distance / bandwidth) ** 2
    return value, np.stack([-2 * value, 8 * _LN2 * distance / bandwidth**2], axis=-1)


def _half_height(
    x: Array, value: Array, slopes: Array, top: NDArray[np.intp], side: int
) -> tuple[Array, Array]:
    """Where each curve, going from its top to this side, first falls to half: x (n,) and slopes by the parameters.

    NaN where it does not within the grid.
    """
    rows, last = np.arange(len(value)), len(x) - 1
    level = value[rows, top] - _LN2
    beyond = (side * (np.arange(len(x)) - top[:, None]) > 0) & (value < level[:, None])
    found = beyond.any(axis=1)
    outer = beyond.argmax(axis=1) if side > 0 else last - beyond[:, ::-1].argmax(axis=1)
    outer = np.where(found, outer, np.clip(top + side, 0, last))
    inner = np.clip(outer - side, 0, last)
    step = x[outer] - x[inner]
    step = np.where(step == 0, 1.0, step)
    rise = (value[rows, outer] - value[rows, inner]) / step
    rise = np.where(found, rise, 1.0)
    part = (level - value[rows, inner]) / rise  # octaves from the inner point
    share = (part / step)[:, None]
    at = slopes[rows, inner] * (1 - share) + slopes[rows, outer] * share
    by = (slopes[rows, top] - at) / rise[:, None]
    return np.where(found, x[inner] + part, np.nan), by
