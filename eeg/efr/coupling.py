"""Which channels share activity at a frequency, and whether more than one source seen twice.

Cross-spectral density and coherence between all pairs of channels, as published studies report them, beside
the measures that a source spreading to both channels (volume conduction) or a common reference cannot raise:
imaginary coherency and the weighted phase-lag index. They see only coupling with a lag other than zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cogattn.eeg.efr.spectra import SegmentSpectra
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError


@dataclass(frozen=True)
class Coupling:
    """Coupling of all pairs; arrays of shape (n_freqs, n_channels, n_channels), pair (i, j) at [:, i, j].

    Parameters
    ----------
    frequencies_hz : array, shape (n_frequencies,)
        In Hz.
    csd : complex array
        <X_i X_j*>, one-sided, unit^2 / Hz; power on the diagonal. Positive phase: i leads j.
    coherency : complex array
        csd / sqrt(P_i P_j); 1 on the diagonal.
    wpli : array
        Weighted phase-lag index |<Im>| / <|Im|>, 0-1; 0 on the diagonal.
    debiased_wpli : array
        Debiased square of it, about zero without lagged coupling (may be negative); 0 on the diagonal.
    p_lagged : array
        p of the imaginary part's mean against zero, that is against zero-lag mixing only; 1 on the diagonal.
    n_effective : float
        Independent segments.
    """

    frequencies_hz: FloatArray
    csd: ComplexArray
    coherency: ComplexArray
    wpli: FloatArray
    debiased_wpli: FloatArray
    p_lagged: FloatArray
    n_effective: float

    @property
    def coherence(self) -> FloatArray:
        """Squared coherence, 0-1."""
        return self.coherency.real**2 + self.coherency.imag**2

    @property
    def imaginary(self) -> FloatArray:
        """Imaginary coherency, -1 to 1; positive where i leads j by less than half a period."""
        return self.coherency.imag


def pair_coupling(spectra: SegmentSpectra) -> Coupling:
    """Coupling between all pairs of signals.

    Parameters
    ----------
    spectra : SegmentSpectra
        At least two signals and two segments.

    Raises
    ------
    DataError
        If there are fewer, or a signal has no power at a frequency.

    Notes
    -----
    Under zero-lag mixing of independent sources a cross-spectrum's imaginary part is as often positive as
    negative, so z = sum Im / sqrt(sum Im^2) is standard normal for independent segments (variance n /
    n_effective for overlapping ones); `p_lagged` is two-sided from z.

    References
    ----------
    Nolte et al. (2004), Clin. Neurophysiol. 115, 2292-2307; Vinck et al. (2011), NeuroImage 55, 1548-1565,
    equations 8 and 33.
    """
    from scipy.stats import norm

    n_frequencies, n, n_segments = spectra.values.shape
    if n < 2 or n_segments < 2:
        raise DataError(f"coupling must have at least 2 signals and 2 segments; got {n} and {n_segments}")
    coherency = np.empty((n_frequencies, n, n), dtype=np.complex64)
    csd = np.empty_like(coherency, dtype=np.complex128)
    sum_abs, sum_squares = np.empty((2, n_frequencies, n, n), dtype=np.float32)
    for f, values in enumerate(spectra.values):
        scale = np.sqrt((values.real**2 + values.imag**2).mean(axis=1, dtype=np.float64))
        if not scale.all():
            raise DataError(
                f"every signal must have power at {spectra.frequencies_hz[f]:g} Hz; got a silent one"
            )
        unit = values / scale[:, None].astype(np.float32)
        coherency[f] = unit @ unit.conj().T / n_segments
        csd[f] = coherency[f] * np.outer(scale, scale)
        sum_abs[f] = _sum_abs_imaginary(unit)
        sum_squares[f] = _sum_squared_imaginary(unit)
    total = coherency.imag * n_segments
    diagonal = np.eye(n, dtype=bool)
    z = _ratio(total, np.sqrt(sum_squares), diagonal) * np.sqrt(spectra.independence)
    return Coupling(
        frequencies_hz=spectra.frequencies_hz,
        csd=csd,
        coherency=coherency,
        wpli=_ratio(np.abs(total), sum_abs, diagonal),
        debiased_wpli=_ratio(total**2 - sum_squares, sum_abs**2 - sum_squares, diagonal),
        p_lagged=2 * norm.sf(np.abs(z)),
        n_effective=spectra.n_effective,
    )


def _sum_abs_imaginary(unit: ComplexArray) -> FloatArray:
    """Sum over segments of |Im(X_i X_j*)|, for all pairs."""
    real, imag = np.ascontiguousarray(unit.real), np.ascontiguousarray(unit.imag)
    n, n_segments = unit.shape
    out = np.zeros((n, n), dtype=np.float32)
    one, two = np.empty((2, n, n_segments), dtype=np.float32)
    for i in range(n - 1):
        left, right = one[i + 1 :], two[i + 1 :]
        np.multiply(imag[i], real[i + 1 :], out=left)
        np.multiply(real[i], imag[i + 1 :], out=right)
        np.subtract(left, right, out=left)
        np.abs(left, out=left)
        out[i, i + 1 :] = left.sum(axis=1)
    return out + out.T


def _sum_squared_imaginary(unit: ComplexArray) -> FloatArray:
    """Sum over segments of Im(X_i X_j*)^2, for all pairs, by three matrix products."""
    real, imag = unit.real, unit.imag
    squares_real, squares_imag, mixed = real**2, imag**2, real * imag
    one_way = squares_imag @ squares_real.T
    return np.maximum(one_way + one_way.T - 2 * (mixed @ mixed.T), 0)


def _ratio(top: FloatArray, bottom: FloatArray, diagonal: np.ndarray) -> FloatArray:
    """top / bottom, 0 on the diagonal and where the imaginary part vanishes altogether."""
    fit = (bottom > 0) & ~diagonal
    return np.divide(top, bottom, out=np.zeros(top.shape, dtype=np.float64), where=fit)
