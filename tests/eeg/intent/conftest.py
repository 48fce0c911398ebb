"""Talkers that need no recording: harmonics of a gliding pitch under two moving formants and syllables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest

from cogattn.eeg.intent import Band, Tracking
from cogattn.eeg.intent.components import SOUND_SFREQ
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.eeg.recordings.simulate_talkers import speech_envelope

BAND = Band(1.0, 9.0, 32.0)
DURATION_S = 20.0


def talker(rng: np.random.Generator, pitch_hz: float) -> np.ndarray:
    """A voiced sound of unit power at `SOUND_SFREQ`."""
    times_s = np.arange(round(DURATION_S * SOUND_SFREQ)) / SOUND_SFREQ

    def wandering(mean: float, share: float) -> np.ndarray:
        knots = mean * (1 + share * rng.uniform(-1, 1, round(4 * DURATION_S) + 1))
        return np.interp(times_s, np.linspace(0, DURATION_S, knots.size), knots)

    pitch = wandering(pitch_hz, 0.06)
    phase = 2 * np.pi * np.cumsum(pitch) / SOUND_SFREQ
    formants = (wandering(550.0, 0.4), 90.0), (wandering(1500.0, 0.3), 150.0)
    voice = np.zeros(times_s.size)
    for k in range(1, int(3500 / pitch.max())):
        gain = sum(1 / (1 + ((k * pitch - centre) / width) ** 2) for centre, width in formants)
        voice += (gain + 0.02) * np.sin(k * phase + k)
    loudness = speech_envelope(rng, duration_s=DURATION_S, sfreq=64.0)
    voice *= np.interp(times_s, np.arange(loudness.size) / 64.0, loudness)
    return voice / voice.std()


@dataclass(frozen=True)
class Scene:
    """Two talkers, equally loud."""

    attended: np.ndarray
    other: np.ndarray

    @property
    def mixture(self) -> np.ndarray:
        return self.attended + self.other

    @cached_property
    def envelope(self) -> np.ndarray:
        return BAND.of(Envelope(sfreq=BAND.sfreq)(self.attended, SOUND_SFREQ))

    def decoded(self, r: float, rng: np.random.Generator) -> np.ndarray:
        """The attended envelope in noise of its spectrum, at exactly this correlation."""
        z = (self.envelope - self.envelope.mean()) / self.envelope.std()
        noise = np.fft.irfft(
            np.abs(np.fft.rfft(z)) * np.exp(2j * np.pi * rng.random(z.size // 2 + 1)), z.size
        )
        noise -= noise.mean() + (noise @ z) / (z @ z) * z
        return r * z + np.sqrt(1 - r * r) * noise / noise.std()


def tracking_at(r: float, scenes: list[Scene], seed: int = 0) -> Tracking:
    rng = np.random.default_rng(seed)
    return Tracking.fit(
        [s.decoded(r, rng) for s in scenes], [(s.attended, s.other) for s in scenes], band=BAND
    )


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    """Three to learn from and one to enhance, whose talkers have other pitches."""
    rng = np.random.default_rng(0)
    pitches = ((105, 190), (170, 120), (130, 210), (115, 200))
    return [Scene(talker(rng, a), talker(rng, b)) for a, b in pitches]
