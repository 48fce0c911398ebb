"""Log-mel spectrograms against tones, clicks and noise."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.encoding.spectrogram import log_mel, mel_bands
from cogattn.errors import DataError

RATE = 16000.0


def centres(n_mels: int) -> np.ndarray:
    mel = np.linspace(*(2595 * np.log10(1 + np.array([50.0, 8000.0]) / 700)), n_mels + 2)
    return 700 * (10 ** (mel[1:-1] / 2595) - 1)


@pytest.mark.parametrize("tone_hz", [200.0, 1000.0, 5000.0])
def test_a_tone_is_loudest_in_the_band_that_lies_nearest(tone_hz: float) -> None:
    sound = np.sin(2 * np.pi * tone_hz * np.arange(16000) / RATE)
    levels, _ = log_mel(sound, RATE, n_mels=40)
    assert np.argmax(levels[50]) == np.argmin(np.abs(centres(40) - tone_hz))


def test_a_click_is_in_the_frames_within_half_a_frame_of_its_time() -> None:
    sound = np.random.default_rng(0).standard_normal(16000) * 1e-4
    sound[8000] = 1.0  # at 0.5 s, frame 50
    levels, rate = log_mel(sound, RATE)
    assert rate == 100.0
    loud = np.flatnonzero(levels.mean(axis=1) > levels.mean() + 10)
    assert set(loud) <= {49, 50, 51}
    assert 50 in loud


def test_white_noise_is_flat_at_zero_decibels_and_loudness_changes_nothing() -> None:
    noise = np.random.default_rng(1).standard_normal(60 * 16000)
    levels, _ = log_mel(noise, RATE, n_mels=32)
    # the mean of a power of few degrees of freedom in decibels is a little below its mean power
    assert np.abs(10 * np.log10((10 ** (levels / 10)).mean(axis=0))).max() < 0.3
    assert np.allclose(levels, log_mel(1000 * noise, RATE, n_mels=32)[0])


def test_no_band_is_empty_however_many_there_are() -> None:
    assert (mel_bands(400, RATE, 128).sum(axis=1) > 0.5).all()


@pytest.mark.parametrize("sound", [np.zeros(1000), np.full(1000, np.nan), np.ones((10, 2))])
def test_what_is_no_sound_is_refused(sound: np.ndarray) -> None:
    with pytest.raises(DataError, match="sound must be finite"):
        log_mel(sound, RATE)
