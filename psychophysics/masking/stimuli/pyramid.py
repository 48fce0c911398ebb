"""The paper's noise bands: levels of the Laplacian pyramid of white Gaussian noise.

A level of the pyramid (Burt and Adelson 1983) is what one blurring and halving takes away from an image. With
D_k the matrix that takes a row of pixels down k levels (five-tap binomial filter, edges reflected, every second
sample kept) and U_k the one that brings it up again, level k of the image x is
``S_k x S_k' - S_(k+1) x S_(k+1)'`` with ``S_k = U_k D_k``: all of it is algebra with small matrices.
Band 0 is the low-pass residual, the last band the top level.

References
----------
Burt and Adelson (1983), IEEE Trans. Commun. 31, 532-540.
Subramanian, Sizikova, Majaj and Pelli (2023), NeurIPS; arXiv 2309.13190.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import dct

from cogattn.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

BINOMIAL = np.sqrt(2) / 16 * np.array([1.0, 4.0, 6.0, 4.0, 1.0])
FEW_COEFFICIENTS = 8
"""Below this many coefficients a side, scaling a field to a fixed RMS changes its spectrum by more than 1 %."""


def pyramid_noise(
    generators: Sequence[np.random.Generator],
    bands: Sequence[int] | NDArray[np.int64],
    *,
    size: int,
    n_bands: int = 7,
) -> Tensor:
    """The paper's noise, drawn at the level of the pyramid itself.

    The coefficients that white noise has at a level are Gaussian with a known covariance, so they are drawn
    there, a quarter as many with each level, instead of filtering a whole image of white noise. The law is
    that of `pyramid_band`, but for one thing: there the RMS is that of the top level of each sample, which
    varies by 0.4 % from sample to sample at 224 pixels; here it is its expectation.

    Parameters
    ----------
    generators : sequence of Generator, length n
        One per field; a field depends on its own generator only.
    bands : sequence of int, length n
        Band of each field, 0 the low-pass residual.
    size : int
        Side in pixels.
    n_bands : int
        Levels of the pyramid.

    Returns
    -------
    Tensor, shape (n, size, size), float32
        Root mean square of each field 0.943 at 224 pixels, in general that of `pyramid_spectra`.
    """
    import torch

    levels = _pyramid_levels(n_bands, size)
    noise = torch.empty(len(bands), size, size)
    for index, rows in _by_level(bands, n_bands):
        white = torch.empty(len(rows), *levels[index].root.shape)
        for field, row in zip(white.numpy(), rows, strict=True):
            generators[row].standard_normal(dtype=np.float32, out=field)
        coefficients = _separable(levels[index].root, white) if index else white
        noise[rows] = _rebuilt(levels, index, coefficients)
    return noise.mul_(_top_rms(n_bands, size) / _rms(noise))


def pyramid_band(white: Tensor, bands: Sequence[int], *, n_bands: int = 7) -> Tensor:
    """One level of each field's Laplacian pyramid, scaled to the root mean square of the field's top level.

    Parameters
    ----------
    white : Tensor, shape (n, size, size)
        Noise to be filtered.
    bands : sequence of int, length n
        Band of each field, 0 the low-pass residual.
    n_bands : int
        Levels of the pyramid.

    Returns
    -------
    Tensor, shape (n, size, size)
        In the precision of `white`.
    """
    levels = _pyramid_levels(n_bands, white.shape[-1])
    noise = white.new_empty(white.shape)
    for index, rows in _by_level(bands, n_bands):
        noise[rows] = _rebuilt(levels, index, _separable(levels[index].down, white[rows]))
    return noise.mul_(_rms(_rebuilt(levels, 0, white)) / _rms(noise))


def expected_powers(n_bands: int, size: int) -> list[NDArray[np.float64]]:
    """Expected cosine spectra of the bands of white noise of SD 1, in closed form.

    The pyramid reflects the image at its edges, and so does the cosine transform (DCT-II). A periodogram repeats it
    instead: where opposite edges do not meet it sees a jump, and puts some of the power of a low band at all higher
    frequencies, where the noise has none. For a log-Gaussian filter of 1.5 octaves at 8 cycles per image the variance
    of what it passes of band 0 is 1.5e-5 (drawn fields, middle of the image), by this spectrum 1.9e-5, by the
    periodogram 3.8e-2.

    Scaling each field to a fixed RMS changes the shape of the spectrum where a band has few coefficients (the
    low-pass of 224 pixels has 16); for these the expected *share* of power is computed, exactly.

    Parameters
    ----------
    n_bands : int
        Levels of the pyramid, the low-pass residual included.
    size : int
        Side of the image in pixels.

    Returns
    -------
    list of array, shape (size, size)
        Power of every DCT coefficient, band 0 first; coefficient k of a row has k / 2 cycles per image. All sum to
        the same: the expected mean square of the top level.

    Raises
    ------
    ConfigError
        If the image is too small for so many levels.
    """
    levels = _pyramid_levels(n_bands, size)
    smooth = [level.up @ level.down for level in levels] + [np.zeros((size, size))]
    powers = [_expected_power(a, b) for a, b in pairwise(smooth)]
    top = powers[0].sum()
    shares = [
        _expected_share(level.up, a, b) if len(level.down) < FEW_COEFFICIENTS else power / power.sum()
        for level, a, b, power in zip(levels, smooth, smooth[1:], powers, strict=False)
    ]
    return [top * share for share in reversed(shares)]


@dataclass(frozen=True, eq=False)
class _Level:
    """What a level of a pyramid of m coefficients a side does to each of the two axes."""

    down: NDArray[np.float64]  # (m, size) from the image
    up: NDArray[np.float64]  # (size, m) to the image
    root: NDArray[np.float64]  # (m, m) root of the covariance that white noise has at this level
    reduce: NDArray[np.float64]  # (ceil(m / 2), m) to the next level
    expand: NDArray[np.float64]  # (m, ceil(m / 2)) back from it


@lru_cache(maxsize=16)
def _pyramid_levels(n_bands: int, size: int) -> tuple[_Level, ...]:
    """All levels, the image itself first."""
    down, up, levels = np.eye(size), np.eye(size), []
    for index in range(n_bands):
        n = len(down)
        if index < n_bands - 1 and n < len(BINOMIAL):
            raise ConfigError(
                f"noise.n_bands must be at most {index + 1} for pyramid bands of {size}-pixel images; "
                f"got {n_bands}"
            )
        root = np.linalg.cholesky(down @ down.T).astype(np.float64)
        levels.append(_Level(down, up, root, _reduce(n), _expand(n)))
        down, up = _reduce(n) @ down, up @ _expand(n)
    return tuple(levels)


def _by_level(bands: Sequence[int] | NDArray[np.int64], n_bands: int) -> list[tuple[int, list[int]]]:
    """Level of the pyramid, and which fields are of its band."""
    levels = n_bands - 1 - np.asarray(bands)
    return [(int(level), np.flatnonzero(levels == level).tolist()) for level in np.unique(levels)]


def _rebuilt(levels: Sequence[_Level], index: int, coefficients: Tensor) -> Tensor:
    """The part of an image that one level holds: (n, m, m) Gaussian-pyramid coefficients -> (n, size, size)."""
    level = levels[index]
    if index + 1 < len(levels):
        smooth = _separable(level.expand, _separable(level.reduce, coefficients))
        coefficients = coefficients - smooth
    return _separable(level.up, coefficients) if index else coefficients


def _rms(images: Tensor) -> Tensor:
    """Root mean square of each image; (n, 1, 1)."""
    import torch

    return torch.linalg.vector_norm(images, dim=(1, 2), keepdim=True) / images.shape[-1]


@lru_cache(maxsize=16)
def _top_rms(n_bands: int, size: int) -> float:
    """Expected root mean square of the top level of white noise of SD 1."""
    level = _pyramid_levels(n_bands, size)[1]
    smooth = level.up @ level.down
    return float(np.sqrt(size**2 - 2 * np.trace(smooth) ** 2 + (smooth**2).sum() ** 2) / size)


def _reduce(n: int) -> NDArray[np.float64]:
    """Blur n samples and keep every second one; shape (ceil(n / 2), n)."""
    return _blur(n)[::2]


def _expand(n: int) -> NDArray[np.float64]:
    """Set every second of n samples, the others zero, and blur; shape (n, ceil(n / 2))."""
    return _blur(n)[:, ::2]


def _blur(n: int) -> NDArray[np.float64]:
    """Correlate n samples with the binomial filter, reflected about the end samples; shape (n, n)."""
    matrix = np.zeros((n, n))
    for lag, weight in zip(range(-2, 3), BINOMIAL, strict=True):
        index = np.abs(np.arange(n) + lag)
        np.add.at(matrix, (np.arange(n), np.minimum(index, 2 * (n - 1) - index)), weight)
    return matrix


def _separable(matrix: NDArray[np.float64], images: Tensor) -> Tensor:
    """Apply one matrix to both axes of images; (n, a, a) -> (n, b, b)."""
    import torch

    weights = torch.from_numpy(matrix).to(images)
    return weights @ images @ weights.T


def _dct(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """DCT-II of each column, so scaled that squares (of both axes) sum to the mean square."""
    return dct(columns, axis=0, norm="ortho") / np.sqrt(len(columns))


def _expected_power(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected spectrum of ``a x a' - b x b'`` for white x of variance 1; (size, size)."""
    fa, fb = _dct(a), _dct(b)
    aa, bb, ab = (fa**2).sum(axis=1), (fb**2).sum(axis=1), (fa * fb).sum(axis=1)
    return np.outer(aa, aa) + np.outer(bb, bb) - 2 * np.outer(ab, ab)


def _expected_share(
    up: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Expected spectrum of ``a x a' - b x b'`` over its own sum, where `up` has few columns.

    The field lies in the span of `up`. In its principal components it is Gaussian with variances v, and
    E[v_i z_i^2 / sum_j v_j z_j^2] = integral of v_i / (1 + 2 v_i t) * prod_j (1 + 2 v_j t)^(-1/2) dt, t > 0.
    """
    basis = np.linalg.qr(up)[0]  # (size, m)
    a, b = basis.T @ a, basis.T @ b
    ab = a @ b.T
    covariance = np.kron(a @ a.T, a @ a.T) + np.kron(b @ b.T, b @ b.T) - np.kron(ab, ab) - np.kron(ab.T, ab.T)
    variances, vectors = np.linalg.eigh(covariance)
    variances = np.clip(variances / variances.sum(), 0, None)
    log_t = np.linspace(-15, 15, 2001)
    growth = 1 + 2 * variances[:, None] * np.exp(log_t)  # (m * m, times)
    density = np.exp(log_t - 0.5 * np.log(growth).sum(axis=0))
    share = np.trapezoid(variances[:, None] / growth * density, log_t, axis=1)
    m, transform = basis.shape[1], _dct(basis) * np.sqrt(len(basis))  # columns of unit energy
    patterns = transform @ vectors.T.reshape(-1, m, m) @ transform.T  # (m * m, size, size)
    return np.einsum("i,iuv->uv", share, patterns**2)
