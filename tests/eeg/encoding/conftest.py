"""Sounds whose bands rise and fall apart from each other, and listeners whose EEG follows what a test chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from cogattn.eeg.recordings.recording import Recording, Trial, resample
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, convolve, speech_kernel
from cogattn.eeg.types import FloatArray

RATE, SFREQ = 8000.0, 32.0
TONES_HZ = (450.0, 2300.0)


@dataclass(frozen=True)
class Talker:
    """One sound at 8 kHz, and the truth at 32 Hz: how loud it is, and each of its two bands."""

    sound: FloatArray
    envelope: FloatArray
    bands: FloatArray


def two_bands(rng: np.random.Generator, *, duration_s: float, alike: bool = False) -> Talker:
    """Two tones, each with an envelope of its own unless alike: modulations below 6 Hz, rises as fast as falls."""
    n_slow = round(duration_s * 64)
    slow_hz = np.fft.rfftfreq(n_slow, 1 / 64)[:, None]
    spectrum = np.fft.rfft(rng.standard_normal((n_slow, 2)), axis=0) * ((slow_hz > 0.5) & (slow_hz < 6))
    drawn = np.fft.irfft(spectrum, n_slow, axis=0)
    drawn = drawn[:, [0, 0]] if alike else drawn
    envelopes = np.maximum(1 + 0.3 * drawn / drawn.std(axis=0), 0.05)
    time_s = np.arange(round(duration_s * RATE)) / RATE
    loud = np.maximum(resample(envelopes, 64.0, RATE), 0)
    sound = (loud * np.sin(2 * np.pi * time_s[:, None] * np.array(TONES_HZ))).sum(axis=1)
    sound += 0.1 * rng.standard_normal(sound.size)  # else bands far from a tone hear nothing but its changes
    slow = resample(envelopes, 64.0, SFREQ)
    return Talker(sound, slow.mean(axis=1), slow)


def listener(
    rng: np.random.Generator, followed: list[FloatArray], *, snr_db: float = -12.0, n_channels: int = 6
) -> list[FloatArray]:
    """EEG at 32 Hz that follows one signal a trial, with one kernel, in 1/f noise; filtered as it will be compared."""
    kernel = speech_kernel(rng, n_channels=n_channels, sfreq=SFREQ)
    trials = []
    for signal in followed:
        response = convolve(signal - signal.mean(), kernel)
        noise = coloured_noise(rng, response.shape, sfreq=SFREQ)
        trials.append(10 ** (snr_db / 20) * response / response.std() + noise)
    return trials


def filtered(arrays: list[FloatArray]) -> list[FloatArray]:
    """1-9 Hz, as EEG and envelopes are for decoding."""
    columns = [np.reshape(a, (len(a), -1)) for a in arrays]
    names = tuple(f"C{k}" for k in range(columns[0].shape[1]))
    trials = tuple(Trial(a, f"trial {k}") for k, a in enumerate(columns))
    return Recording("a", SFREQ, names, trials, "arbitrary").filtered(1.0, 9.0).eeg


@pytest.fixture(scope="session")
def talkers() -> list[Talker]:
    """Eight trials of 30 s."""
    rng = np.random.default_rng(3)
    return [two_bands(rng, duration_s=30.0) for _ in range(8)]


@pytest.fixture(scope="session")
def heard() -> Callable[..., list[FloatArray]]:
    """Filtered EEG that follows what is given."""

    def make(rng: np.random.Generator, followed: list[FloatArray], **how: float) -> list[FloatArray]:
        return filtered(listener(rng, followed, **how))

    return make
