"""Masking noise in bands one octave apart, and the power spectra of the bands.

Two kinds of band. *Octave* bands are exact: every DFT coefficient with radius in [fc / sqrt 2, fc * sqrt 2)
is drawn, no other. *Pyramid* bands are those of Subramanian et al. (2023): white Gaussian noise, one level of
its Laplacian pyramid (Burt and Adelson 1983; five-tap binomial filter, edges reflected), scaled to the root
mean square of the top level, which is 0.943 of the white noise's. Pyramid bands overlap, the lowest is a
low-pass and the highest a high-pass, and their mean frequencies lie about half as high as the paper's labels.

A field depends on its own generator only, never on the batch it is made in. Every field has a root mean
square fixed in advance (1 for octave bands), not just in expectation, as in the paper: the lowest octave band
has only 16 degrees of freedom, so the power of free draws would vary by a third from trial to trial. By
symmetry this leaves the flat spectrum within the band as it is.

References
----------
Burt and Adelson (1983), IEEE Trans. Commun. 31, 532-540.
Subramanian, Sizikova, Majaj and Pelli (2023), NeurIPS; arXiv 2309.13190.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import ConfigError
from cogattn.psychophysics.masking.stimuli.pyramid import expected_powers, pyramid_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from cogattn.psychophysics.masking.config import NoiseSettings

BINS_PER_OCTAVE = 24


@dataclass(frozen=True, eq=False)
class BandSpectra:
    """Power spectra of noise bands of unit nominal SD.

    Parameters
    ----------
    nominal_cpi : array, shape (n_bands,)
        What a band is called: its centre in cycles per image.
    frequencies_cpi : array, shape (n_frequencies,)
        Rising radial frequencies in cycles per image; the first is 0, the mean.
    power : array, shape (n_bands, n_frequencies)
        Expected power at each frequency; a row sums to the pixel variance of the band at nominal SD 1.
    """

    nominal_cpi: NDArray[np.float64]
    frequencies_cpi: NDArray[np.float64]
    power: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.nominal_cpi, self.frequencies_cpi, self.power):
            array.flags.writeable = False

    @property
    def mean_cpi(self) -> NDArray[np.float64]:
        """Power-weighted log-mean frequency of each band, DC left out, in cycles per image; (n_bands,)."""
        power, log_f = self.power[:, 1:], np.log(self.frequencies_cpi[1:])
        return np.exp(power @ log_f / power.sum(axis=1))


def spectra(settings: NoiseSettings, size: int) -> BandSpectra:
    """Return the spectra of the bands that `settings` name, in images of `size` pixels a side."""
    if settings.bands == "octave":
        return octave_spectra(settings.n_bands, settings.lowest_cpi, size)
    return pyramid_spectra(settings.n_bands, size)


@lru_cache(maxsize=32)
def octave_spectra(n_bands: int = 7, lowest_cpi: float = 1.75, size: int = 224) -> BandSpectra:
    """Spectra of octave bands, exact on the DFT grid: equal power in every coefficient, 1 in all.

    Parameters
    ----------
    n_bands : int
        Number of bands.
    lowest_cpi : float
        Centre of the lowest band in cycles per image; band k has its centre at ``lowest_cpi * 2**k``.
    size : int
        Side of the image in pixels.

    Raises
    ------
    ConfigError
        If a band holds no DFT frequency.
    """
    edges = octave_bands(n_bands, lowest_cpi, size)
    radius2 = _radius_squared(size)
    inside = [_inside(radius2, low, high) for low, high in edges]
    nominal = lowest_cpi * np.exp2(np.arange(n_bands, dtype=np.float64))
    return _radial(nominal, [band / band.sum() for band in inside], np.sqrt(radius2))


@lru_cache(maxsize=32)
def pyramid_spectra(n_bands: int = 7, size: int = 224) -> BandSpectra:
    """Spectra of the paper's Laplacian-pyramid bands: expected cosine spectra in closed form.

    They overlap, the lowest is a low-pass with a third of its power at DC, and the highest is a high-pass. See
    `expected_powers`.

    Parameters
    ----------
    n_bands : int
        Levels of the pyramid, the low-pass residual included. Band 0 is the residual.
    size : int
        Side of the image in pixels. Band k is called ``size / 2**(n_bands - k)`` cycles per image, which
        for 224 pixels and seven bands are the paper's 1.75 ... 112.

    Raises
    ------
    ConfigError
        If the image is too small for so many levels.
    """
    nominal = size / 2.0 ** np.arange(n_bands, 0, -1)
    half_cycles = np.arange(size) / 2
    return _radial(nominal, expected_powers(n_bands, size), np.hypot(half_cycles[:, None], half_cycles))


@lru_cache(maxsize=32)
def octave_bands(n_bands: int, lowest_cpi: float, size: int) -> NDArray[np.float64]:
    """Edges of octave bands, [low, high) in cycles per image, shape (n_bands, 2).

    Raises
    ------
    ConfigError
        If a band holds no frequency of the DFT of a `size` x `size` image.
    """
    centres = lowest_cpi * 2.0 ** np.arange(n_bands)
    edges = np.stack([centres / np.sqrt(2), centres * np.sqrt(2)], axis=1)
    radius2 = _radius_squared(size)
    for centre, (low, high) in zip(centres, edges, strict=True):
        if not _inside(radius2, low, high).any():
            raise ConfigError(
                f"noise.lowest_cpi and noise.n_bands must give bands that a {size}-pixel image can hold; "
                f"got none of its frequencies in the octave about {centre:g} cycles per image"
            )
    edges.flags.writeable = False
    return edges


def unit_noise(
    settings: NoiseSettings,
    generators: Sequence[np.random.Generator],
    bands: Sequence[int] | NDArray[np.int64],
    *,
    size: int,
) -> Tensor:
    """Noise of nominal SD 1 in the bands that `settings` name: `octave_noise` or `pyramid_noise`.

    Parameters
    ----------
    settings : NoiseSettings
        Kind and number of bands; the SDs are not used.
    generators : sequence of Generator, length n
        One per field, made from names (``streams.generator("noise", image_id, band)``).
    bands : sequence of int, length n
        Band of each field, 0 the lowest.
    size : int
        Side in pixels.

    Returns
    -------
    Tensor, shape (n, size, size), float32
        Multiply by the noise SD.
    """
    if settings.bands == "octave":
        return octave_noise(
            generators, bands, size=size, n_bands=settings.n_bands, lowest_cpi=settings.lowest_cpi
        )
    return pyramid_noise(generators, bands, size=size, n_bands=settings.n_bands)


def octave_noise(
    generators: Sequence[np.random.Generator],
    bands: Sequence[int] | NDArray[np.int64],
    *,
    size: int,
    n_bands: int = 7,
    lowest_cpi: float = 1.75,
) -> Tensor:
    """Gaussian noise in exact octave bands, each field with mean 0 and root mean square 1.

    Only the coefficients inside the band are drawn; by Parseval's theorem the sum of their squared
    magnitudes is the mean square of the field, so the field is scaled before it exists.

    Parameters
    ----------
    generators : sequence of Generator, length n
        One per field; a field depends on its own generator only.
    bands : sequence of int, length n
        Band of each field, 0 the lowest.
    size : int
        Side in pixels.
    n_bands, lowest_cpi
        As for `octave_spectra`.

    Returns
    -------
    Tensor, shape (n, size, size), float32
    """
    import torch

    edges = octave_bands(n_bands, lowest_cpi, size)
    half = size // 2 + 1
    coefficients = np.zeros((len(bands), size * half), dtype=np.complex64)
    for row, generator, band in zip(coefficients, generators, bands, strict=True):
        _draw(row, generator, _half_plane(size, *map(float, edges[band])))
    spectrum = torch.from_numpy(coefficients).view(-1, size, half)
    return torch.fft.irfft2(spectrum, s=(size, size), norm="forward")


@dataclass(frozen=True, eq=False)
class _HalfPlane:
    """The DFT coefficients of a band that are free to draw, in the flattened layout of rfft2."""

    drawn: NDArray[np.intp]  # (n,) one of each conjugate pair
    self_conjugate: NDArray[np.bool_]  # (n,) real coefficients
    mirrored: NDArray[np.intp]  # (m,) entries of the first and Nyquist column that repeat a drawn one
    source: NDArray[np.intp]  # (m,) which of the drawn ones


@lru_cache(maxsize=64)
def _half_plane(size: int, low_cpi: float, high_cpi: float) -> _HalfPlane:
    half = size // 2 + 1
    inside = _inside(_radius_squared(size)[:, :half], low_cpi, high_cpi)
    row, column = np.nonzero(inside)
    partner = -row % size
    doubled = (column == 0) | (2 * column == size)  # rfft2 keeps both of a conjugate pair here
    free = ~doubled | (row <= partner)
    drawn = (row * half + column)[free]
    copied = ~free
    source = np.searchsorted(drawn, (partner * half + column)[copied])
    return _HalfPlane(drawn, (doubled & (row == partner))[free], (row * half + column)[copied], source)


def _draw(row: NDArray[np.complex64], generator: np.random.Generator, plane: _HalfPlane) -> None:
    """Fill one spectrum with Gaussian coefficients whose squares, mirrored ones counted, sum to 1."""
    free = generator.standard_normal((len(plane.drawn), 2), dtype=np.float32)
    free[plane.self_conjugate] *= np.array([np.sqrt(2), 0], dtype=np.float32)
    power = 2 * np.vdot(free, free) - np.vdot(free[plane.self_conjugate], free[plane.self_conjugate])
    values = (free / np.sqrt(power)).view(np.complex64)[:, 0]
    row[plane.drawn] = values
    row[plane.mirrored] = values[plane.source].conj()


def _radius_squared(size: int) -> NDArray[np.float64]:
    """Squared radial frequency of every DFT coefficient, in (cycles per image)^2, integers; (size, size)."""
    frequency = np.round(np.fft.fftfreq(size) * size)
    return frequency[:, None] ** 2 + frequency**2


def _inside(radius2: NDArray[np.float64], low_cpi: float, high_cpi: float) -> NDArray[np.bool_]:
    """Which radii lie in [low, high); the squared edges are rounded so that equal radii compare as equal."""
    return (radius2 >= np.round(low_cpi**2, 9)) & (radius2 < np.round(high_cpi**2, 9))


def _radial(
    nominal: NDArray[np.float64], powers: Sequence[NDArray[np.float64]], radius: NDArray[np.float64]
) -> BandSpectra:
    """Sum two-dimensional power over rings 1/24 octave wide; DC apart."""
    with np.errstate(divide="ignore"):
        ring = np.where(radius > 0, np.round(BINS_PER_OCTAVE * np.log2(radius)), -np.inf)
    _, index = np.unique(ring, return_inverse=True)
    index = index.ravel()
    frequencies = np.bincount(index, radius.ravel()) / np.bincount(index)
    power = np.array([np.bincount(index, p.ravel()) for p in powers], dtype=np.float64)
    return BandSpectra(nominal, frequencies, power)
