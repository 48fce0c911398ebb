"""Is a response there? Tests of one frequency against noise, exact under circular Gaussian noise.

Two families. Over sweeps: `x` holds one complex DFT value per sweep, and a response is what repeats with the
same phase (`t2circ`, `magnitude_squared_coherence`, `hotelling_t2`, `rayleigh`). Over bins: `spectrum` holds
the power of one long average, and a response is what stands out from its neighbours (`f_test`, `snr_db`).

The first axis of `x` is the sweep; every further axis (channel, frequency, simulation) is tested on its own.
A sweep's phase must mean the same in all sweeps: cut them at the stimulus period, not at any sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError


class Detection(NamedTuple):
    """A test statistic and its p value, of equal shape; unpacks as ``statistic, p``.

    Parameters
    ----------
    statistic : array, shape of the values less their first axis
        The statistic, as the function that returned it defines it.
    p : array, same shape
        Probability of a statistic at least as large without a response.
    """

    statistic: FloatArray
    p: FloatArray


def t2circ(x: ArrayLike) -> Detection:
    """Test that the mean of complex values is zero, their noise being circular (Victor and Mast's T2circ).

    Parameters
    ----------
    x : complex array, shape (n_sweeps, ...)
        One DFT value per sweep, any unit; at least two sweeps.

    Returns
    -------
    Detection
        ``statistic`` is T2circ = ``(n - 1) |m|^2 / sum |x - m|^2`` with m the mean over n sweeps; under the null
        n T2circ follows F(2, 2n - 2). Shape ``x.shape[1:]``.

    Raises
    ------
    DataError
        If `x` is not complex, not finite, zero throughout, or has fewer than two sweeps.

    Notes
    -----
    Equivalent to `magnitude_squared_coherence`: n T2circ = (n - 1) MSC / (1 - MSC).

    References
    ----------
    Victor and Mast (1991), Electroencephalogr. Clin. Neurophysiol. 78, 378-388, equations 1-3.
    """
    values = _sweeps(x, least=2)
    n = len(values)
    mean = values.mean(axis=0)
    scatter = _power(values - mean).sum(axis=0)
    with np.errstate(divide="ignore"):
        statistic = (n - 1) * _power(mean) / scatter
    return Detection(statistic, stats.f.sf(n * statistic, 2, 2 * n - 2))


def magnitude_squared_coherence(x: ArrayLike) -> Detection:
    """Test the coherence of complex values with a fixed phase: power of the mean over mean power.

    Parameters
    ----------
    x : complex array, shape (n_sweeps, ...)
        One DFT value per sweep, any unit; at least two sweeps.

    Returns
    -------
    Detection
        ``statistic`` is MSC = ``|sum x|^2 / (n sum |x|^2)``, in 0-1, 1/n on average without a response;
        p = (1 - MSC)^(n - 1). Shape ``x.shape[1:]``.

    Raises
    ------
    DataError
        As `t2circ`.

    References
    ----------
    Dobie and Wilson (1989), Hear. Res. 40, 195-204.
    """
    values = _sweeps(x, least=2)
    n = len(values)
    mean = values.mean(axis=0)
    # The scatter about the mean, rather than the total power, keeps 1 - MSC accurate close to 1.
    scatter = _power(values - mean).sum(axis=0)
    total = scatter + n * _power(mean)
    return Detection(n * _power(mean) / total, (scatter / total) ** (n - 1))


def hotelling_t2(x: ArrayLike) -> Detection:
    """Test that the mean of complex values is zero, whatever the shape of their noise ellipse.

    Parameters
    ----------
    x : complex array, shape (n_sweeps, ...)
        One DFT value per sweep, any unit; at least three sweeps.

    Returns
    -------
    Detection
        ``statistic`` is T2 = n m' S^-1 m, m and S the mean and sample covariance of (real, imaginary); under
        the null (n - 2) / (2 (n - 1)) T2 follows F(2, n - 2). Shape ``x.shape[1:]``.

    Raises
    ------
    DataError
        As `t2circ`, and if the values of all sweeps lie on one line, where T2 is not defined.

    References
    ----------
    Hotelling (1931), Ann. Math. Stat. 2, 360-378; Picton et al. (1987), J. Acoust. Soc. Am. 82, 165-178.
    """
    values = _sweeps(x, least=3)
    n = len(values)
    mean = values.mean(axis=0)
    centred = values - mean
    s_rr = (centred.real**2).sum(axis=0) / (n - 1)
    s_ii = (centred.imag**2).sum(axis=0) / (n - 1)
    s_ri = (centred.real * centred.imag).sum(axis=0) / (n - 1)
    determinant = s_rr * s_ii - s_ri**2
    if np.any(determinant <= 1e-12 * (s_rr + s_ii) ** 2):
        raise DataError(
            "x must vary in both real and imaginary part for Hotelling's T2; got sweeps on one line"
        )
    form = s_ii * mean.real**2 - 2 * s_ri * mean.real * mean.imag + s_rr * mean.imag**2
    statistic = n * form / determinant
    return Detection(statistic, stats.f.sf((n - 2) / (2 * (n - 1)) * statistic, 2, n - 2))


def rayleigh(x: ArrayLike) -> Detection:
    """Test that phases are not uniform, amplitudes put aside.

    Parameters
    ----------
    x : complex array, shape (n_sweeps, ...)
        One DFT value per sweep, any unit, none of them zero; at least two sweeps.

    Returns
    -------
    Detection
        ``statistic`` is the phase-locking value ``|mean(x / |x|)|``, in 0-1, which is biased: about
        sqrt(pi / (4 n)) without a response (see `pairwise_phase_consistency`). ``p`` is Zar's approximation,
        exp(sqrt(1 + 4n + 4(n^2 - R^2)) - (1 + 2n)) with R = n PLV. Shape ``x.shape[1:]``.

    Raises
    ------
    DataError
        As `t2circ`, and if any value is zero, whose phase is not defined.

    References
    ----------
    Zar (1999), Biostatistical Analysis, 4th ed., equation 27.4; Fisher (1993), section 4.3.
    """
    phasors = _phasors(x)
    n = len(phasors)
    locking = np.abs(phasors.mean(axis=0))
    resultant_2 = (n * locking) ** 2
    exponent = np.sqrt(np.maximum(1 + 4 * n + 4 * (n**2 - resultant_2), 0)) - (1 + 2 * n)
    return Detection(locking, np.minimum(np.exp(exponent), 1.0))


def pairwise_phase_consistency(x: ArrayLike) -> FloatArray:
    """Mean cosine of the phase difference between two sweeps: an unbiased square of the phase-locking value.

    Parameters
    ----------
    x : complex array, shape (n_sweeps, ...)
        One DFT value per sweep, any unit, none of them zero; at least two sweeps.

    Returns
    -------
    array
        PPC = ``(|sum x / |x||^2 - n) / (n (n - 1))``, in -1/(n - 1) to 1, zero on average without a response
        whatever n. Shape ``x.shape[1:]``. It rises with the phase-locking value, so `rayleigh` gives its p.

    Raises
    ------
    DataError
        As `rayleigh`.

    References
    ----------
    Vinck et al. (2010), NeuroImage 51, 112-122, equation 14.
    """
    phasors = _phasors(x)
    n = len(phasors)
    return (_power(phasors.sum(axis=0)) - n) / (n * (n - 1))


def f_test(spectrum: ArrayLike, bin: int, n_side: int, *, n_skip: int = 0) -> Detection:
    """Test one bin of a power spectrum against its neighbours (the F-test of MASTER).

    Parameters
    ----------
    spectrum : array, shape (..., n_bins)
        Power, ``|X|^2`` in any unit, of one (averaged) sweep.
    bin : int
        Index of the tested bin.
    n_side : int
        Bins on each side that estimate the noise.
    n_skip : int, default 0
        Bins next to `bin` on each side that are left out because a window spills into them (1 for Hann when
        the response falls on a bin).

    Returns
    -------
    Detection
        ``statistic`` is F = power of the bin / mean power of the N = 2 `n_side` neighbours; F(2, 2N) under
        the null. Shape ``spectrum.shape[:-1]``.

    Raises
    ------
    DataError
        If `spectrum` is complex, negative or not finite, its noise bins are all zero, or bins are missing on
        a side.

    Notes
    -----
    The null is exact for independent complex bins, that is for an untapered spectrum of noise that is white
    across the neighbours. Zero frequency and the Nyquist bin are real: keep them out of the neighbours.

    References
    ----------
    John and Picton (2000), Comput. Methods Programs Biomed. 61, 125-150; Zurek (1992), J. Acoust. Soc. Am.
    91, 3391-3396.
    """
    signal, noise = _bin_and_neighbours(spectrum, bin, n_side, n_skip)
    statistic = signal / noise
    return Detection(statistic, stats.f.sf(statistic, 2, 4 * n_side))


def snr_db(spectrum: ArrayLike, bin: int, n_side: int, *, n_skip: int = 0) -> FloatArray:
    """Power of one bin over the mean power of its neighbours, in decibels.

    Parameters
    ----------
    spectrum, bin, n_side, n_skip
        As in `f_test`.

    Returns
    -------
    array, shape ``spectrum.shape[:-1]``
        10 log10(F). The bin holds noise too, so a response of no power gives 0 dB on average of the ratio.

    Raises
    ------
    DataError
        As `f_test`.
    """
    signal, noise = _bin_and_neighbours(spectrum, bin, n_side, n_skip)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(signal / noise)


def _sweeps(x: ArrayLike, *, least: int) -> NDArray[np.complex128]:
    """Return `x` as complex128 once it is fit for a test over sweeps."""
    values = np.asarray(x)
    if not np.iscomplexobj(values):
        raise DataError(f"x must be complex, one DFT value per sweep; got {values.dtype}")
    if values.ndim == 0 or len(values) < least:
        raise DataError(f"x must have at least {least} sweeps on its first axis; got shape {values.shape}")
    if not np.isfinite(values).all():
        raise DataError(
            f"x must be finite; got {np.count_nonzero(~np.isfinite(values))} NaN or infinite values"
        )
    if not values.any(axis=0).all():
        raise DataError(
            "x must differ from zero in some sweep; got a channel or frequency that is zero throughout"
        )
    return values.astype(np.complex128, copy=False)


def _phasors(x: ArrayLike) -> NDArray[np.complex128]:
    """Return x / |x|."""
    values = _sweeps(x, least=2)
    amplitude = np.abs(values)
    if not amplitude.all():
        raise DataError(
            "x must differ from zero in every sweep to have a phase; got a sweep that is exactly zero"
        )
    return values / amplitude


def _power(values: NDArray[np.complex128]) -> FloatArray:
    return values.real**2 + values.imag**2


def _bin_and_neighbours(
    spectrum: ArrayLike, bin: int, n_side: int, n_skip: int
) -> tuple[FloatArray, FloatArray]:
    """Return the power of `bin` and the mean power of its neighbours."""
    power = np.asarray(spectrum)
    if np.iscomplexobj(power):
        raise DataError("spectrum must be power, |X|^2; got complex values")
    if n_side < 1 or n_skip < 0:
        raise DataError(f"n_side must be at least 1 and n_skip at least 0; got {n_side} and {n_skip}")
    reach = n_side + n_skip
    if power.ndim == 0 or not reach <= bin < power.shape[-1] - reach:
        raise DataError(
            f"bin must have {reach} bins on each side in the spectrum; got bin {bin} in a spectrum of shape "
            f"{power.shape}"
        )
    window = power[..., bin - reach : bin + reach + 1].astype(np.float64)
    if not np.isfinite(window).all() or (window < 0).any():
        raise DataError(f"spectrum must be finite and not negative around bin {bin}")
    sides = np.concatenate([window[..., :n_side], window[..., window.shape[-1] - n_side :]], axis=-1)
    noise = sides.mean(axis=-1)
    if not noise.all():
        raise DataError(f"spectrum must have noise around bin {bin}; got neighbours that are all zero")
    return window[..., reach], noise
