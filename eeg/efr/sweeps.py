"""Responses to sounds that repeat: steady-state (ASSR), envelope (EFR) and frequency following (FFR).

Sweeps are equal stretches of EEG, cut at the period of the stimulus. Their DFT at the modulation rate, the
fundamental and its harmonics is what the detectors test; averaging over polarities parts the response to the
envelope from that to the fine structure; F0 tracking follows a voice pitch that moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.eeg.efr.detectors import t2circ
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError


def values_at(
    sweeps: ArrayLike, *, sfreq: float, frequencies_hz: Sequence[float] | FloatArray
) -> ComplexArray:
    """Complex amplitude of every sweep at chosen frequencies, without a taper.

    Parameters
    ----------
    sweeps : array, shape (n_sweeps, ..., n_times)
        Any unit.
    sfreq : float
        Sampling rate in Hz.
    frequencies_hz : sequence of float
        Each must complete whole cycles in a sweep, to a hundredth of a cycle.

    Returns
    -------
    complex array, shape (n_sweeps, ..., n_frequencies)
        The sinusoid a cos(2 pi f t + phi) gives a exp(i phi).

    Raises
    ------
    DataError
        If a frequency falls between bins, where a neighbour's power would leak in, or is not below Nyquist.
    """
    data = np.asarray(sweeps, dtype=np.float64)
    if data.ndim < 2 or not np.isfinite(data).all():
        raise DataError(f"sweeps must be finite, of shape (n_sweeps, ..., n_times); got shape {data.shape}")
    n_times = data.shape[-1]
    frequencies = np.atleast_1d(np.asarray(frequencies_hz, dtype=np.float64))
    cycles = frequencies * n_times / sfreq
    for frequency, count in zip(frequencies, cycles, strict=True):
        if not 0 < frequency < sfreq / 2:
            raise DataError(f"frequencies_hz must lie between 0 and {sfreq / 2:g} Hz; got {frequency:g} Hz")
        if abs(count - round(count)) > 0.01:
            raise DataError(
                f"frequencies_hz must fall on a DFT bin; got {frequency:g} Hz, {count:.3f} cycles in "
                f"{n_times / sfreq:g} s; cut sweeps at {round(count) / frequency:.6g} s"
            )
    phase = 2 * np.pi * np.outer(np.arange(n_times) / n_times, np.round(cycles))
    # Real products: a complex carrier would have all sweeps copied as complex numbers.
    rows = data.reshape(-1, n_times)
    values = (rows @ np.cos(phase) - 1j * (rows @ np.sin(phase))) * (2 / n_times)
    return values.reshape(*data.shape[:-1], len(frequencies))


@dataclass(frozen=True)
class PolarityPair:
    """Half sum and half difference of responses to a sound and to the same sound upside down.

    Parameters
    ----------
    envelope : array
        (positive + negative) / 2: what does not depend on polarity, the envelope and its distortion.
    fine_structure : array
        (positive - negative) / 2: what changes sign with the sound.
    """

    envelope: NDArray
    fine_structure: NDArray


def polarity_pair(positive: ArrayLike, negative: ArrayLike) -> PolarityPair:
    """Part the responses to envelope and fine structure; sweeps are paired in order.

    Parameters
    ----------
    positive, negative : array, shape (n_sweeps, ...)
        Real sweeps or complex amplitudes, equal shapes.

    Raises
    ------
    DataError
        If the shapes differ.

    References
    ----------
    Aiken and Picton (2008), Hear. Res. 245, 35-47.
    """
    plus, minus = np.asarray(positive), np.asarray(negative)
    if plus.shape != minus.shape:
        raise DataError(f"both polarities must have the same shape; got {plus.shape} and {minus.shape}")
    return PolarityPair((plus + minus) / 2, (plus - minus) / 2)


def harmonics(fundamental_hz: float, *, below_hz: float, most: int | None = None) -> FloatArray:
    """Return the fundamental and its multiples below a frequency (at most `most` of them), in Hz."""
    series = fundamental_hz * np.arange(1, int(np.ceil(below_hz / fundamental_hz)))
    return series[:most]


@dataclass(frozen=True)
class Growth:
    """How a response comes out of the noise as sweeps add up; arrays of shape (n_counts, ...).

    Parameters
    ----------
    n_sweeps : int array, shape (n_counts,)
        Sweeps averaged.
    amplitude : array
        |mean|.
    noise : array
        Expected |mean| without a response, from the scatter of the sweeps.
    snr_db : array
        20 log10(amplitude / noise).
    p : array
        Of T2circ at that count. Looking at every count and stopping at the first p <= .05 finds responses in
        noise: correct for the looks.
    """

    n_sweeps: NDArray[np.intp]
    amplitude: FloatArray
    noise: FloatArray
    snr_db: FloatArray
    p: FloatArray


def growth(x: ArrayLike, counts: Sequence[int] | NDArray[np.intp]) -> Growth:
    """Detect a response in the first n sweeps, for each n in `counts`.

    Parameters
    ----------
    x : complex array, shape (n_sweeps, ...)
        Amplitude of each sweep, in the order of recording; trailing axes (channel, frequency) are kept, so a
        row of frequencies gives a map of frequency by count.
    counts : sequence of int
        Rising, from 2 to n_sweeps.

    Raises
    ------
    DataError
        If `x` is not complex or `counts` leaves the range.
    """
    values = np.asarray(x)
    n = np.asarray(counts, dtype=np.intp)
    if not np.iscomplexobj(values):
        raise DataError(f"x must be complex, one amplitude per sweep; got {values.dtype}")
    if n.size == 0 or n.min() < 2 or n.max() > len(values):
        raise DataError(f"counts must lie between 2 and the {len(values)} sweeps; got {list(counts)}")
    found = [t2circ(values[:count]) for count in n]
    amplitude = np.stack([np.abs(values[:count].mean(axis=0)) for count in n])
    ratio = np.stack([count * one.statistic for count, one in zip(n, found, strict=True)])
    return Growth(
        n_sweeps=n,
        amplitude=amplitude,
        noise=amplitude / np.sqrt(ratio),
        snr_db=10 * np.log10(ratio),
        p=np.stack([one.p for one in found]),
    )


@dataclass(frozen=True)
class PitchTrack:
    """F0 over time; arrays of shape (n_windows,).

    Parameters
    ----------
    time_s : array
        Centres of the windows.
    f0_hz : array
        Inverse lag of the autocorrelation's peak.
    strength : array
        Height of that peak, -1 to 1.
    """

    time_s: FloatArray
    f0_hz: FloatArray
    strength: FloatArray


def track_f0(
    signal: ArrayLike,
    *,
    sfreq: float,
    f0_range_hz: tuple[float, float],
    window_s: float = 0.04,
    step_s: float = 0.001,
) -> PitchTrack:
    """Follow the pitch of a stimulus or of an averaged FFR by short-time autocorrelation.

    Parameters
    ----------
    signal : array, shape (n_times,)
        Any unit.
    sfreq : float
        Sampling rate in Hz.
    f0_range_hz : (float, float)
        Lowest and highest F0 searched.
    window_s, step_s : float
        Length of a window, at least twice the longest period, and distance between windows, in seconds.

    Raises
    ------
    DataError
        If the signal or the window is too short, or the range leaves (0, sfreq / 2).

    References
    ----------
    Krishnan et al. (2005), Cogn. Brain Res. 25, 161-168; Skoe and Kraus (2010), Ear Hear. 31, 302-324.
    """
    data = np.asarray(signal, dtype=np.float64)
    low, high = f0_range_hz
    if not 0 < low < high < sfreq / 2:
        raise DataError(f"f0_range_hz must rise within 0 and {sfreq / 2:g} Hz; got {f0_range_hz}")
    length, step = round(window_s * sfreq), max(1, round(step_s * sfreq))
    longest, shortest = int(np.ceil(sfreq / low)), int(sfreq / high)
    if length < 2 * longest or data.ndim != 1 or len(data) < length:
        raise DataError(
            f"window_s must hold two periods of {low:g} Hz and fit into the signal; got {window_s:g} s of "
            f"{data.size / sfreq:g} s"
        )
    windows = np.lib.stride_tricks.sliding_window_view(data, length)[::step]
    correlation = _normalised_autocorrelation(windows, longest + 2)
    region = correlation[:, shortest : longest + 1]
    best = shortest + np.argmax(region, axis=1)
    rows = np.arange(len(windows))
    before, at, after = (correlation[rows, np.maximum(best + k, 0)] for k in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.clip(np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0), -0.5, 0.5)
    centre = (rows * step + (length - 1) / 2) / sfreq
    return PitchTrack(centre, sfreq / (best + shift), at - 0.25 * (before - after) * shift)


@dataclass(frozen=True)
class TrackingScore:
    """How well a response follows the pitch of its stimulus.

    Parameters
    ----------
    correlation : float
        Pearson's r between both tracks.
    error_hz : float
        Mean absolute difference in Hz.
    strength : float
        Mean pitch strength of the response.
    lag_s : float
        Delay of the response that was allowed for.
    """

    correlation: float
    error_hz: float
    strength: float
    lag_s: float


def compare_tracks(stimulus: PitchTrack, response: PitchTrack, *, lag_s: float = 0.007) -> TrackingScore:
    """Score a response's F0 track against its stimulus'.

    Parameters
    ----------
    stimulus, response : PitchTrack
        Of stimulus and response, both timed from stimulus onset.
    lag_s : float
        Neural delay in seconds: the response at t is compared with the stimulus at t - lag.

    Raises
    ------
    DataError
        If fewer than three windows overlap.
    """
    shifted = response.time_s - lag_s
    inside = (shifted >= stimulus.time_s[0]) & (shifted <= stimulus.time_s[-1])
    if inside.sum() < 3:
        raise DataError(f"the tracks must share at least 3 windows; got {inside.sum()}")
    wanted = np.interp(shifted[inside], stimulus.time_s, stimulus.f0_hz)
    found = response.f0_hz[inside]
    varies = np.ptp(wanted) > 1e-9 and np.ptp(found) > 1e-9
    return TrackingScore(
        correlation=float(np.corrcoef(wanted, found)[0, 1]) if varies else float("nan"),
        error_hz=float(np.abs(wanted - found).mean()),
        strength=float(response.strength[inside].mean()),
        lag_s=lag_s,
    )


def _normalised_autocorrelation(windows: FloatArray, n_lags: int) -> FloatArray:
    """Correlation of each window's head with its tail, for lags 0 to n_lags - 1: (n_windows, n_lags)."""
    centred = windows - windows.mean(axis=1, keepdims=True)
    length = windows.shape[1]
    spectrum = np.fft.rfft(centred, 2 * length, axis=1)
    products = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :n_lags]
    squares = np.concatenate([np.zeros((len(centred), 1)), np.cumsum(centred**2, axis=1)], axis=1)
    lags = np.arange(n_lags)
    heads, tails = squares[:, length - lags], squares[:, -1:] - squares[:, lags]
    scale = np.sqrt(heads * tails)
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
