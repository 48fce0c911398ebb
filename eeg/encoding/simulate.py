"""Sounds of two bands that rise and fall apart, and listeners who follow whatever is chosen: truth for encoding models.

A listener who follows one band, or how fast loudness changes, is explained by front ends that tell bands, or changes,
apart, and by no others; one who follows the envelope leaves them nothing to explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.eeg.recordings.recording import Recording, Trial, resample
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, convolve, speech_kernel
from cogattn.eeg.types import FloatArray

RATE, SFREQ = 8000.0, 32.0
"""Of sounds and of EEG in Hz."""
TONES_HZ = (450.0, 2300.0)
MODULATION_HZ = (0.5, 6.0)
FLOOR = 0.1
"""SD of noise around the tones: without it bands far from a tone hear nothing but its changes."""


@dataclass(frozen=True)
class Talker:
    """One sound at `RATE`, and the truth at `SFREQ`.

    Parameters
    ----------
    sound : array, shape (n_samples,)
        Two modulated tones in noise.
    envelope : array, shape (n_times,)
        How loud it is: the mean of both bands.
    bands : array, shape (n_times, 2)
        How loud each tone is.
    """

    sound: FloatArray
    envelope: FloatArray
    bands: FloatArray


def two_bands(rng: np.random.Generator, *, duration_s: float, alike: bool = False) -> Talker:
    """Draw a sound of two tones, each with an envelope of its own, or both with the same one where `alike`."""
    n_slow = round(duration_s * 2 * SFREQ)
    slow_hz = np.fft.rfftfreq(n_slow, 1 / (2 * SFREQ))[:, None]
    inside = (slow_hz > MODULATION_HZ[0]) & (slow_hz < MODULATION_HZ[1])
    drawn = np.fft.irfft(np.fft.rfft(rng.standard_normal((n_slow, 2)), axis=0) * inside, n_slow, axis=0)
    drawn = drawn[:, [0, 0]] if alike else drawn
    envelopes = np.maximum(1 + 0.3 * drawn / drawn.std(axis=0), 0.05)
    time_s = np.arange(round(duration_s * RATE)) / RATE
    loud = np.maximum(resample(envelopes, 2 * SFREQ, RATE), 0)
    sound = (loud * np.sin(2 * np.pi * time_s[:, None] * np.array(TONES_HZ))).sum(axis=1)
    sound += FLOOR * rng.standard_normal(sound.size)
    bands = resample(envelopes, 2 * SFREQ, SFREQ)
    return Talker(sound, bands.mean(axis=1), bands)


def respond(
    rng: np.random.Generator,
    followed: Sequence[FloatArray],
    *,
    snr_db: float = -12.0,
    n_channels: int = 6,
    kernel: FloatArray | None = None,
) -> list[FloatArray]:
    """Return EEG (n_times, n_channels) of each trial that follows one signal at `SFREQ` in 1/f noise of unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the kernel, where none is given, and the noise.
    followed : sequence of array, each (n_times,)
        A signal a trial.
    snr_db : float
        Variance of the response over that of the noise, in decibels.
    n_channels : int
        Of the kernel that is drawn.
    kernel : array, shape (n_lags, n_channels), optional
        Response to a unit impulse.
    """
    shape = speech_kernel(rng, n_channels=n_channels, sfreq=SFREQ) if kernel is None else kernel
    trials = []
    for signal in followed:
        response = convolve(signal - signal.mean(), shape)
        noise = coloured_noise(rng, response.shape, sfreq=SFREQ)
        trials.append(10 ** (snr_db / 20) * response / response.std() + noise)
    return trials


def recording_of(
    eeg: Sequence[FloatArray], attended: Sequence[Talker], unattended: Sequence[Talker], *, subject: str
) -> Recording:
    """Return a recording with the streams ``attended`` and ``unattended``, trials named by number."""
    channels = tuple(f"E{k + 1}" for k in range(eeg[0].shape[1]))
    trials = tuple(
        Trial(e, f"trial {k}", {"attended": a.envelope, "unattended": u.envelope})
        for k, (e, a, u) in enumerate(zip(eeg, attended, unattended, strict=True))
    )
    return Recording(subject, SFREQ, channels, trials, "arbitrary")
