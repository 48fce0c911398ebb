"""Log-mel spectrograms: power in triangular bands, evenly spaced in mel, in decibels of the sound's own power.

Frames are 25 ms long (Hann), the usual length for speech. Mel as in O'Shaughnessy (1987):
2595 log10(1 + f / 700).

References
----------
Stevens, Volkmann and Newman (1937), J. Acoust. Soc. Am. 8, 185-190 (mel).
Davis and Mermelstein (1980), IEEE Trans. Acoust. Speech Signal Process. 28, 357-366 (triangular mel bands).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cogattn.eeg.recordings.recording import resample
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

FRAME_S = 0.025
FLOOR_DB, CEILING_DB = -60.0, 20.0
"""Levels within which spectrograms are cut, in decibels of the band's share of a flat spectrum of equal power."""
LOW_HZ, HIGH_HZ = 50.0, 8000.0
"""Range of the bands; a sound of a lower rate ends them at half its rate."""
_BLOCK = 2048


def log_mel(
    sound: FloatArray, rate: float, *, frame_hz: float = 100.0, n_mels: int = 64, sound_hz: float = 16000.0
) -> tuple[FloatArray, float]:
    """Return the log-mel spectrogram of a sound, and the rate of its frames.

    Parameters
    ----------
    sound : array, shape (n_samples,)
        Any scale; levels are told relative to its own power.
    rate : float
        Of the sound in Hz.
    frame_hz : float
        Frames a second; brought to a whole number of samples.
    n_mels : int
        Bands.
    sound_hz : float
        Rate at which the sound is analysed.

    Returns
    -------
    values : array, shape (n_frames, n_mels)
        Decibels, cut to `FLOOR_DB` ... `CEILING_DB`; frame i is centred at sample i / frame rate, beyond the sound's
        ends there is silence.
    frames_hz : float
        Frames a second.

    Raises
    ------
    DataError
        If the sound is not finite, one-dimensional, and other than silence, or has no sample a frame.
    """
    samples = _checked(sound, rate)
    samples = resample(samples, rate, sound_hz) if rate != sound_hz else samples
    hop, length = max(1, round(sound_hz / frame_hz)), round(FRAME_S * sound_hz)
    if length < 4:
        raise DataError(f"sound_hz must hold a frame of 25 ms; got {sound_hz:g} Hz")
    n_frames = -(-samples.size // hop)
    padded = np.pad(samples, (length // 2, length + hop))
    frames = sliding_window_view(padded, length)[: n_frames * hop : hop]
    window = np.hanning(length + 1)[:length]
    bands = mel_bands(length, sound_hz, n_mels, high_hz=min(HIGH_HZ, rate / 2, sound_hz / 2))
    power = np.empty((n_frames, n_mels))
    for start in range(0, n_frames, _BLOCK):
        spectra = np.fft.rfft(frames[start : start + _BLOCK] * window, axis=1)
        power[start : start + _BLOCK] = (spectra.real**2 + spectra.imag**2) @ bands.T
    flat = float(np.mean(samples**2)) * float(window @ window) * bands.sum(axis=1)
    least = 10 ** (FLOOR_DB / 10)
    levels = 10 * np.log10(np.maximum(power / flat, least))
    return np.minimum(levels, CEILING_DB), sound_hz / hop


def mel_bands(
    length: int, rate: float, n_mels: int, *, low_hz: float = LOW_HZ, high_hz: float = HIGH_HZ
) -> FloatArray:
    """Weights of each band for the power spectrum of a frame of `length` samples, (n_mels, length // 2 + 1).

    Triangles that overlap by half, no narrower than the bins are apart, so that no band is empty.
    """
    edges = _hertz(np.linspace(_mel(low_hz), _mel(high_hz), n_mels + 2))
    bins = np.fft.rfftfreq(length, 1 / rate)
    spacing = rate / length
    centre = edges[1:-1, None]
    below = np.maximum(centre - edges[:-2, None], spacing)
    above = np.maximum(edges[2:, None] - centre, spacing)
    return np.maximum(0.0, np.minimum(1 - (centre - bins) / below, 1 - (bins - centre) / above))


def _mel(frequency_hz: float) -> float:
    return float(2595 * np.log10(1 + frequency_hz / 700))


def _hertz(mel: FloatArray) -> FloatArray:
    return 700 * (10 ** (mel / 2595) - 1)


def _checked(sound: FloatArray, rate: float) -> FloatArray:
    samples = np.asarray(sound, dtype=np.float64)
    if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all() or not np.ptp(samples):
        raise DataError(
            f"sound must be finite numbers (n_samples,) that vary; got shape {samples.shape}; silence and NaN have "
            "no spectrogram"
        )
    if not rate > 0:
        raise DataError(f"rate must be positive; got {rate}")
    return samples
