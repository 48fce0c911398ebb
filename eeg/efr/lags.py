"""A transfer function under a stated smoothness: the response to a click is over after some tenths of a second.

A path whose impulse response lies between two lags has a transfer function that is smooth over frequency. H1 is
brought to lags, weighted by a window that is 1 between those lags and falls to 0 beyond them, and brought back:
independent bins are averaged without the bias that plain averaging has where a delay turns the phase. Two faults
of H1 are mended on the way. A segment's taper overlaps itself less the later the response, which shrinks late
responses by the taper's autocorrelation; the window divides by it. Masked frequencies (mains, and zero frequency,
which the removal of means spoils) carry no weight: they are filled from the others.

References
----------
Jenkins and Watts (1968), Spectral Analysis and its Applications, chapters 9-10 (lag windows, alignment).
Papoulis (1975), IEEE Trans. Circuits Syst. 22, 735-742 (extrapolation of what is limited in the other domain).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from cogattn.eeg.efr.spectra import SegmentSpectra
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError

MARGIN_HZ = 10.0
"""Analysed beyond the upper edge of the band, so that the window's edges do not reach into it."""
RIDGE = 1e-3
"""Holds down what is filled into a mask that is wider than the window can see across."""


@dataclass(frozen=True)
class LagSmoother:
    """A linear map from H1 at some frequencies to the smoothed transfer function at others.

    Parameters
    ----------
    matrix : array, shape (2 n_in, 2 n_out)
        Real and imaginary parts set side by side, on both sides.
    kept : int array, shape (n_out,)
        Which of the frequencies that go in come out.
    usable : bool array, shape (n_out,)
        False where what comes out is filled in.
    n_averages : array, shape (n_out,)
        Independent averages behind each smoothed value, fewer beside a mask: the relative variance of |H| is
        (1 - g2) / (2 n g2), g2 the squared coherence (Bendat and Piersol 2010, equation 9.90).
    """

    matrix: NDArray[np.float32]
    kept: NDArray[np.intp]
    usable: NDArray[np.bool_]
    n_averages: FloatArray

    def __call__(self, transfer: ComplexArray) -> ComplexArray:
        """Smooth over the last axis: (..., n_in) to (..., n_out)."""
        scale = float(np.abs(transfer).max()) or 1.0  # volts are near the limit of single precision
        parts = np.concatenate([transfer.real, transfer.imag], axis=-1) / scale
        out = parts.astype(np.float32) @ self.matrix
        n_out = len(self.kept)
        return (out[..., :n_out] + 1j * out[..., n_out:]) * scale


def lag_smoother(
    spectra: SegmentSpectra,
    *,
    low_s: float,
    high_s: float,
    band_hz: tuple[float, float],
    usable: NDArray[np.bool_],
) -> LagSmoother:
    """Make the map for the spectra at hand.

    Parameters
    ----------
    spectra : SegmentSpectra
        Of Welch's method, from the first bin above zero to beyond the band.
    low_s, high_s : float
        The response lies between these lags (seconds, the sound at 0); beyond them the window falls over a fifth
        of their distance.
    band_hz : (float, float)
        Frequencies that come out.
    usable : bool array, shape (n_frequencies,)
        False where H1 carries no weight.

    Raises
    ------
    DataError
        If the window does not fit into a segment.
    """
    f = spectra.frequencies_hz
    spacing = f[1] - f[0]
    ramp_s = 0.2 * (high_s - low_s)
    if max(high_s, -low_s) + ramp_s > 0.4 / spacing:
        raise DataError(
            f"lags must stay below 0.4 of a segment, {0.4 / spacing:g} s; got {low_s:g} to {high_s:g} s and "
            f"{ramp_s:g} s of decline"
        )
    n_lags = 2 * (round(f[-1] / spacing) + 1)
    lags_s = fft.fftfreq(n_lags, spacing)
    rise = np.clip((lags_s - low_s) / ramp_s + 1, 0, 1)
    fall = np.clip((high_s - lags_s) / ramp_s + 1, 0, 1)
    window = 0.25 * (1 - np.cos(np.pi * rise)) * (1 - np.cos(np.pi * fall))
    width_s = (window**2).sum() / (n_lags * spacing)
    kept = np.flatnonzero((f >= band_hz[0] - 1e-9) & (f <= band_hz[1] + 1e-9))
    weight = window / spectra.taper_overlap(np.minimum(np.abs(lags_s), 0.4 / spacing))
    matrix = _matrix(round(f[0] / spacing), weight, window == 0, usable, kept)
    noise = (matrix**2).sum(axis=0).reshape(2, -1).sum(axis=0)
    n_averages = spectra.duration_s * spectra.coverage / width_s * np.median(noise) / noise
    return LagSmoother(matrix, kept, usable[kept], n_averages)


def _matrix(
    first: int,
    weight: FloatArray,
    outside: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    kept: NDArray[np.intp],
) -> NDArray[np.float32]:
    """The map, from what it does to a unit at each frequency that goes in."""
    n_in, n_bins = len(usable), len(weight) // 2 + 1
    units = np.zeros((2 * n_in, n_bins), dtype=np.complex128)
    columns = np.arange(n_in)
    units[columns, first + columns] = usable
    units[n_in + columns, first + columns] = 1j * usable
    unknown = np.ones(n_bins, dtype=bool)
    unknown[first : first + n_in] = ~usable
    unknown[first + n_in :] = (
        False  # beyond the analysed frequencies: Nyquist's bin of the lags, without power
    )
    missing = np.eye(n_bins)[unknown]
    missing = np.concatenate([missing, 1j * missing])
    lags = fft.irfft(units, len(weight), axis=1)
    of_missing = fft.irfft(missing, len(weight), axis=1)
    # The missing values are those that leave the least outside of the window.
    square = of_missing[:, outside] @ of_missing[:, outside].T
    square += RIDGE * np.eye(len(square)) * np.trace(square) / len(square)
    filling = -np.linalg.solve(square, of_missing[:, outside] @ lags[:, outside].T)
    smooth = fft.rfft((lags + filling.T @ of_missing) * weight, axis=1)[:, first + kept]
    return np.hstack([smooth.real, smooth.imag]).astype(np.float32)
