"""Short-time spectra of envelope and EEG: the one transform that every spectral estimate here is made from.

A recording becomes complex values (frequency, signal, segment), by Welch's method (scipy's ShortTimeFFT with
a Hann window) or by Thomson's (mne's DPSS tapers). A mean over segments of products of two such values is
then a (cross-)spectral density in units squared per hertz, one-sided, as `scipy.signal.csd` defines it.

Convention: the transform uses exp(-2 pi i f t), so a response that lags its stimulus has falling phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    from scipy.signal import ShortTimeFFT


@dataclass(frozen=True)
class SegmentSpectra:
    """Complex short-time spectra of several signals over the same segments.

    Parameters
    ----------
    frequencies_hz : array, shape (n_frequencies,)
        Rising, evenly spaced.
    values : complex array, shape (n_frequencies, n_signals, n_segments)
        Scaled so that the mean of |values|^2 over segments is a one-sided power density, unit^2 / Hz.
    trial : int array, shape (n_segments,)
        Trial each segment was cut from.
    hop_s : float
        Time between the starts of two segments in a row, seconds.
    n_tapers : int
        Entries per stretch of time: segments lie taper by taper, ``n_tapers`` for each window.
    independence : float
        Effective over actual number of segments, 1 when they do not overlap.
    window : array, shape (n_window,), optional
        Welch's window, sampled every ``1 / (n_window spacing)`` seconds; None with several tapers.
    """

    frequencies_hz: FloatArray
    values: ComplexArray
    trial: NDArray[np.intp]
    hop_s: float
    n_tapers: int = 1
    independence: float = 1.0
    window: FloatArray | None = None

    @property
    def n_segments(self) -> int:
        """Number of segments (times tapers)."""
        return self.values.shape[2]

    @property
    def n_effective(self) -> float:
        """Number of independent segments that would vary as much."""
        return self.n_segments * self.independence

    @property
    def duration_s(self) -> float:
        """Time analysed, in seconds."""
        return self.n_segments / self.n_tapers * self.hop_s

    @property
    def coverage(self) -> float:
        """How evenly the windows cover time, 0-1: part of `duration_s` that an average over many bins is worth."""
        window, step_s = self._window()
        hop = round(self.hop_s / step_s)
        total = sum(
            np.pad(piece, (0, hop - len(piece)))
            for piece in np.split(window**2, range(hop, len(window), hop))
        )
        return float(np.mean(total) ** 2 / np.mean(total**2))

    def taper_overlap(self, lags_s: FloatArray) -> FloatArray:
        """Autocorrelation of the window: the factor by which H1 shrinks a response that comes so much later."""
        window, step_s = self._window()
        correlation = np.correlate(window, window, mode="full")[len(window) - 1 :]
        return np.interp(np.abs(lags_s), np.arange(len(window)) * step_s, correlation / correlation[0])

    def _window(self) -> tuple[FloatArray, float]:
        if self.window is None:
            raise DataError("lags must be smoothed after Welch's method; multitaper smooths by its bandwidth")
        spacing = self.frequencies_hz[1] - self.frequencies_hz[0]
        return self.window, float(1 / (spacing * len(self.window)))

    @property
    def power(self) -> FloatArray:
        """Power density, shape (n_signals, n_frequencies), unit^2 / Hz."""
        squares = np.einsum("fst,fst->fs", self.values.real, self.values.real)
        squares = squares + np.einsum("fst,fst->fs", self.values.imag, self.values.imag)
        return squares.T / self.n_segments

    def within(self, band_hz: tuple[float, float]) -> SegmentSpectra:
        """Return the spectra of the bins within a band, both edges included; a view."""
        kept = _bins_within(self.frequencies_hz, band_hz)
        return replace(self, frequencies_hz=self.frequencies_hz[kept], values=self.values[kept])


def welch_segments(
    trials: Sequence[FloatArray],
    *,
    sfreq: float,
    segment_s: float,
    band_hz: tuple[float, float],
    overlap: float = 0.5,
) -> SegmentSpectra:
    """Short-time spectra over overlapping Hann windows, mean removed from each (Welch).

    Parameters
    ----------
    trials : sequence of array, each (n_times, n_signals)
        Signals of each trial; lengths may differ, what does not fill a segment at the end is left out.
    sfreq : float
        Sampling rate in Hz.
    segment_s : float
        Length of a segment in seconds; bins lie 1 / `segment_s` apart.
    band_hz : (float, float)
        Lowest and highest frequency kept, in Hz.
    overlap : float
        Part of a segment shared with the next, 0 to below 1.

    Returns
    -------
    SegmentSpectra
        Single precision.

    Raises
    ------
    DataError
        If no trial is as long as a segment, or the band holds no bin.

    References ---------- Welch (1967), IEEE Trans. Audio Electroacoust. 15, 70-73, equation 12 for the
    effective number of segments.
    """
    from scipy.signal import ShortTimeFFT, get_window

    length = _segment_length(trials, sfreq, segment_s)
    hop = max(1, round(length * (1 - overlap)))
    window = get_window("hann", length)
    transform = ShortTimeFFT(window, hop, sfreq, fft_mode="onesided2X", scale_to="psd", phase_shift=None)
    keep = _bins_within(transform.f, band_hz)

    pieces, of_trial = [], []
    for index, trial in enumerate(trials):
        n_segments = (len(trial) - length) // hop + 1
        if n_segments < 1:
            continue
        pieces.append(_short_time(trial, transform, n_segments, keep))
        of_trial.append(np.full(n_segments, index))
    return SegmentSpectra(
        frequencies_hz=transform.f[keep],
        values=pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=2),
        trial=np.concatenate(of_trial),
        hop_s=hop / sfreq,
        independence=_independence(window, hop, sum(map(len, of_trial))),
        window=window,
    )


def multitaper_segments(
    trials: Sequence[FloatArray],
    *,
    sfreq: float,
    segment_s: float,
    band_hz: tuple[float, float],
    half_bandwidth_hz: float,
) -> SegmentSpectra:
    """Short-time spectra over adjoining windows and orthogonal tapers (Thomson), mean removed from each.

    Parameters
    ----------
    trials, sfreq, segment_s, band_hz
        As `welch_segments`; windows do not overlap.
    half_bandwidth_hz : float
        W in Hz: power is smoothed over +-W. The product N W = `segment_s` x W must be at least 1; about
        2 N W - 1 tapers are used (those that concentrate 90 % of their energy within the band).

    Returns
    -------
    SegmentSpectra
        Single precision, ``n_tapers`` entries per window; tapers are weighted by their concentration.

    Raises
    ------
    DataError
        As `welch_segments`, and if N W is below 1.

    References
    ----------
    Thomson (1982), Proc. IEEE 70, 1055-1096; Percival and Walden (1993), chapter 7.
    """
    from mne.time_frequency import psd_array_multitaper

    length = _segment_length(trials, sfreq, segment_s)
    if half_bandwidth_hz * segment_s < 1:
        least = 1 / segment_s
        raise DataError(
            f"half_bandwidth_hz must be at least 1 / segment_s = {least:g} Hz; got {half_bandwidth_hz:g}"
        )
    _bins_within(np.fft.rfftfreq(length, 1 / sfreq), band_hz)
    pieces, of_trial = [], []
    for index, trial in enumerate(trials):
        n_windows = len(trial) // length
        if n_windows < 1:
            continue
        windows = trial[: n_windows * length].reshape(n_windows, length, -1).swapaxes(1, 2)
        tapered, frequencies_hz, weights = psd_array_multitaper(
            windows,
            sfreq,
            *band_hz,
            bandwidth=2 * half_bandwidth_hz,
            output="complex",
            remove_dc=True,
            verbose="error",
        )  # (window, signal, taper, frequency)
        share = np.broadcast_to(weights, tapered.shape)[0, 0]  # (taper, 1 or frequency)
        scaled = tapered * (np.sqrt(2 * len(share) / (sfreq * (share**2).sum(axis=0))) * share)
        of_trial.append(np.full(n_windows * len(share), index))
        pieces.append(scaled.transpose(3, 1, 0, 2).reshape(len(frequencies_hz), trial.shape[1], -1))
    return SegmentSpectra(
        frequencies_hz=frequencies_hz,
        values=np.concatenate(pieces, axis=2).astype(np.complex64),
        trial=np.concatenate(of_trial),
        hop_s=segment_s,
        n_tapers=len(share),
    )


def _short_time(trial: FloatArray, transform: ShortTimeFFT, n_segments: int, keep: slice) -> ComplexArray:
    """Spectra of the full segments of one trial, a few signals at a time to bound the memory."""
    n_signals = trial.shape[1]
    out = np.empty((keep.stop - keep.start, n_signals, n_segments), dtype=np.complex64)
    for start in range(0, n_signals, 8):
        block = np.ascontiguousarray(trial[:, start : start + 8].T, dtype=np.float64)
        # The offset lets the first window start, rather than be centred, at the first sample.
        values = transform.stft_detrend(
            block, "constant", p0=0, p1=n_segments, k_offset=transform.m_num_mid
        )  # (signal, frequency, segment)
        out[:, start : start + 8] = values[:, keep].transpose(1, 0, 2)
    return out


def _segment_length(trials: Sequence[FloatArray], sfreq: float, segment_s: float) -> int:
    """Samples in a segment, once some trial is long enough and every trial is a table of equal width."""
    length = round(segment_s * sfreq)
    if length < 8:
        raise DataError(f"segment_s must span at least 8 samples; got {segment_s:g} s at {sfreq:g} Hz")
    if not trials or any(trial.ndim != 2 or trial.shape[1] != trials[0].shape[1] for trial in trials):
        raise DataError("trials must be arrays of shape (n_times, n_signals) with the same signals")
    if max(map(len, trials)) < length:
        longest_s = max(map(len, trials)) / sfreq
        raise DataError(f"segment_s must fit into the longest trial; got {segment_s:g} s for {longest_s:g} s")
    for index, trial in enumerate(trials):
        if not np.isfinite(trial).all():
            raise DataError(f"trials must be finite; got NaN or infinity in trial {index}")
    return length


def _bins_within(frequencies_hz: FloatArray, band_hz: tuple[float, float]) -> slice:
    """The bins from the lower to the upper edge of the band, both included."""
    low, high = np.searchsorted(frequencies_hz, [band_hz[0] - 1e-9, band_hz[1] + 1e-9])
    if low >= high:
        raise DataError(
            f"band_hz must hold a frequency bin; got {band_hz[0]:g}-{band_hz[1]:g} Hz with bins "
            f"{frequencies_hz[1]:g} Hz apart up to {frequencies_hz[-1]:g} Hz"
        )
    return slice(int(low), int(high))


def _independence(window: FloatArray, hop: int, n_segments: int) -> float:
    """Effective over actual number of overlapping segments."""
    excess = 0.0
    for lag in range(1, min(n_segments, -(-len(window) // hop))):
        overlap = np.dot(window[lag * hop :], window[: -lag * hop]) / np.dot(window, window)
        excess += 2 * (1 - lag / n_segments) * overlap**2
    return 1 / (1 + excess)
