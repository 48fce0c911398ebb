"""The channel as Subramanian et al. (2023) estimate it: integer thresholds, then a least-squares Gaussian.

For each band the threshold is a count: how many noise SDs, from the highest down, are failed (accuracy at
most the criterion) before the first that is passed. A Gaussian ``A exp(-(x - mu)^2 / 2 s^2)`` is fitted to
the counts over the band's index x, from (1, 0, 1), with ``0 <= A <= n_levels``. Then

- bandwidth = 2 sqrt(ln 4) s octaves (full width at half maximum),
- centre = (nominal label of the lowest band) * 2^mu cycles per image,
- peak noise sensitivity = 0.01 / (SD at threshold) = 0.01 * ratio^A / sd_max, the SDs being a ladder of
  constant ratio; 2^(A - 4) for the paper's 0.02, 0.04, 0.08, 0.16.

The procedure is kept as it is, for comparison with published numbers. Added here: a negative s (its sign is
free in the fit) counts as its size and is noted, and a fit that the counts do not determine says so.

References
----------
Subramanian, Sizikova, Majaj, Pelli (2023), NeurIPS, arXiv 2309.13190; analysis code of its authors.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import OptimizeWarning, curve_fit

from cogattn.errors import DataError

FWHM = 2 * np.sqrt(np.log(4))
"""Full width at half maximum of a Gaussian, in units of its SD."""
_START = (1.0, 0.0, 1.0)
_FLAT = 1e-3


@dataclass(frozen=True)
class GaussianFit:
    """Gaussian over band index, as the paper fits it to integer thresholds.

    Parameters
    ----------
    height, mean, sd : float
        A in SD steps, mu in band indices from the lowest band, s in octaves and positive; NaN where the
        counts do not determine them.
    identified : bool
        False where the numbers are NaN, and where they rest on the bound A <= n_levels or on extrapolation.
    reason : str
        Why not, or a note (negative s); empty otherwise.
    """

    height: float
    mean: float
    sd: float
    identified: bool
    reason: str = ""

    @property
    def bandwidth_octaves(self) -> float:
        """Full width at half maximum in octaves."""
        return float(FWHM * self.sd)

    def center_cpi(self, lowest_cpi: float) -> float:
        """Centre in cycles per image, given the nominal label of the lowest band."""
        return float(lowest_cpi * 2**self.mean)

    def peak_sensitivity(self, noise_sds: ArrayLike) -> float:
        """Peak noise sensitivity: 0.01 over the noise SD at threshold (1 where 0.01 is the threshold)."""
        levels = noise_ladder(noise_sds)
        return float(0.01 / levels[-1] * (levels[-1] / levels[-2]) ** self.height)


def noise_ladder(noise_sds: ArrayLike) -> NDArray[np.float64]:
    """Return the SDs above 0; raise DataError unless they are two or more in constant ratio."""
    sds = np.asarray(noise_sds, dtype=float)
    levels = sds[sds > 0]
    ratios = levels[1:] / levels[:-1]
    if len(levels) < 2 or np.ptp(ratios) > 0.01 * ratios.min():
        raise DataError(
            "noise_sds must hold at least two SDs above 0 in constant ratio for estimator 'paper'; "
            f"got {sds.tolist()}; use estimator 'ml'"
        )
    return levels


def integer_thresholds(
    accuracy: ArrayLike, noise_sds: ArrayLike, *, criterion: float = 0.5
) -> NDArray[np.int64]:
    """Count, per band, the noise SDs from the highest down that are failed before the first that is passed.

    Parameters
    ----------
    accuracy : array, shape (..., n_sds, n_bands)
        Proportion correct, rows as in `noise_sds`.
    noise_sds : array, shape (n_sds,)
        Rising; a row at 0 plays no part.
    criterion : float
        Passed means accuracy above it.

    Returns
    -------
    array of int, shape (..., n_bands)
        0 where the highest SD is passed, the number of SDs above 0 where none is.
    """
    noisy = np.asarray(noise_sds, dtype=float) > 0
    passed = (np.asarray(accuracy, dtype=float)[..., noisy, :] > criterion)[..., ::-1, :]
    return np.where(passed.any(axis=-2), passed.argmax(axis=-2), noisy.sum())


def fit_gaussian(thresholds: Sequence[int] | NDArray[np.int64], *, n_levels: int) -> GaussianFit:
    """Fit the paper's Gaussian to integer thresholds, and say whether they determine it.

    Parameters
    ----------
    thresholds : array of int, shape (n_bands,)
        From `integer_thresholds`.
    n_levels : int
        Number of SDs above 0: the upper bound of the height.

    Returns
    -------
    GaussianFit
    """
    counts = np.asarray(thresholds, dtype=float)
    fit = least_squares_gaussian(thresholds, n_levels=n_levels)
    if fit.identified and _at_bound(fit.height, n_levels) and _bound_sets_width(counts, fit.sd):
        return replace(fit, identified=False, reason=f"the bandwidth rests on the bound A <= {n_levels}")
    return fit


def least_squares_gaussian(thresholds: Sequence[int] | NDArray[np.int64], *, n_levels: int) -> GaussianFit:
    """Fit as `fit_gaussian`, but do not ask whether the bound sets the width: for resamples."""
    counts = np.asarray(thresholds, dtype=float)
    if np.ptp(counts) == 0:
        return _nothing(f"all bands have the same threshold, {counts[0]:.0f} of {n_levels} SD steps")
    found = _least_squares(counts, n_levels)
    if found is None:
        return _nothing("the paper's least-squares fit does not converge")
    height, mean, sd = found
    if _flat(height, mean, sd, len(counts), _at_bound(height, n_levels)):
        return _nothing("the thresholds fit many Gaussians equally well")
    if FWHM * abs(sd) > len(counts):
        return GaussianFit(height, mean, abs(sd), False, f"wider than the {len(counts)} octaves tested")
    note = "the fitted s is negative and counts as its size" if sd < 0 else ""
    return GaussianFit(height, mean, abs(sd), True, note)


def _at_bound(height: float, n_levels: int) -> bool:
    return height > n_levels * (1 - 1e-6)


def _gaussian(x: NDArray[np.float64], height: float, mean: float, sd: float) -> NDArray[np.float64]:
    return height * np.exp(-((x - mean) ** 2) / (2.0 * sd**2))


def _least_squares(counts: NDArray[np.float64], upper: float) -> tuple[float, float, float] | None:
    """Height, mean and signed SD as the reference finds them; None where it fails.

    Those that the published people ask for, resampled ones too, are on file: every run needs them again.
    """
    key = (upper, *counts.tolist())
    return _on_file()[key] if key in _on_file() else _fitted(counts, upper)


@lru_cache(maxsize=1)
def _on_file() -> dict[tuple[float, ...], tuple[float, float, float] | None]:
    """Fits by upper bound and thresholds; None (on file NaN) where there is none."""
    lines = (files("cogattn.psychophysics.masking") / "data" / "gaussians.csv").read_text().splitlines()
    rows = [tuple(map(float, line.split(","))) for line in lines[1:]]
    return {row[:-3]: None if np.isnan(row[-1]) else (row[-3], row[-2], row[-1]) for row in rows}


def _fitted(counts: NDArray[np.float64], upper: float) -> tuple[float, float, float] | None:
    bounds = ((0, -np.inf, -np.inf), (upper, np.inf, np.inf))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # no covariance: `_flat` tells
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow at s near 0: `_flat` tells
        try:
            best, _ = curve_fit(_gaussian, np.arange(len(counts)), counts, p0=_START, bounds=bounds)
        except (RuntimeError, ValueError):
            return None
    return float(best[0]), float(best[1]), float(best[2])


def _flat(height: float, mean: float, sd: float, n_bands: int, bound: bool) -> bool:
    """Whether some direction in (height unless at its bound, mean, log sd) leaves the curve as it is."""
    z = (np.arange(n_bands) - mean) / sd
    shape = np.exp(-(z**2) / 2)
    slopes = np.stack([shape, height * shape * z / sd, height * shape * z**2], axis=1)
    slopes = slopes[:, 1:] if bound else slopes
    return not np.isfinite(slopes).all() or np.linalg.svd(slopes, compute_uv=False)[-1] < _FLAT


def _bound_sets_width(counts: NDArray[np.float64], sd: float) -> bool:
    """Whether the width changes by more than 1 % once the height is free."""
    free = _least_squares(counts, np.inf)
    return free is None or not abs(abs(free[2]) / sd - 1) < 0.01


def _nothing(reason: str) -> GaussianFit:
    return GaussianFit(np.nan, np.nan, np.nan, identified=False, reason=reason)
