"""A sound is found in a recording to a fraction of a sample, whatever the recorder's clock does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import resample_poly

from cogattn.eeg.recordings.clock import Clock, Jump, _lasts, find_sound, heard
from cogattn.eeg.recordings.simulate_talkers import speech_envelope
from cogattn.errors import DataError

SFREQ, FINE = 256.0, 8
ONSET_S = 7.3217


def spoken(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise with the envelope of speech, at `FINE` times the rate."""
    rng = np.random.default_rng(seed)
    loudness = np.repeat(speech_envelope(rng, duration_s=seconds, sfreq=SFREQ), FINE)
    return loudness * rng.standard_normal(loudness.size)


def taped(sound: np.ndarray, ppm: float, *, noise: float = 0.05) -> np.ndarray:
    """What a recorder with this drift has of the sound that begins at `ONSET_S`."""
    seconds = len(sound) / (FINE * SFREQ)
    n = round(SFREQ * (seconds * (1 + 1e-6 * ppm) + 20))
    at = (np.arange(FINE * n) - ONSET_S * SFREQ * FINE) / (1 + 1e-6 * ppm)
    tape = np.interp(at, np.arange(len(sound)), sound, left=0.0, right=0.0)
    thin = resample_poly(tape, 1, FINE)
    return thin + noise * thin.std() * np.random.default_rng(1).standard_normal(n)


def found(tape: np.ndarray, sound: np.ndarray) -> Clock:
    return find_sound(tape, sound, sfreq=SFREQ, audio_sfreq=FINE * SFREQ)


@pytest.mark.parametrize("ppm", [0.0, 50.0, -400.0])
def test_drift_and_onset_are_resolved(ppm) -> None:
    sound = spoken(300)
    clock = found(taped(sound, ppm), sound)
    assert clock.drift_ppm == pytest.approx(ppm, abs=3)
    assert clock.onset_s == pytest.approx(ONSET_S, abs=0.5 / SFREQ)
    assert clock.jumps == ()
    assert clock.r > 0.7


def test_a_drift_that_would_hide_the_sound_from_one_long_correlation_is_followed() -> None:
    sound = spoken(600)
    tape = taped(sound, 2000.0)  # 1.2 s over the sound
    assert found(tape, sound).drift_ppm == pytest.approx(2000, abs=3)


@pytest.mark.parametrize("dropped", [24, -24])
def test_a_dropped_or_doubled_block_is_found_where_it_is(dropped) -> None:
    sound = spoken(200)
    tape, at = taped(sound, 30.0), round((ONSET_S + 83) * SFREQ)
    kept = np.concatenate([tape[:at], tape[at + dropped :]])
    clock = found(kept, sound)
    (jump,) = clock.jumps
    assert jump.size_s == pytest.approx(dropped / SFREQ, abs=0.5 / SFREQ)
    assert jump.start_s < 83 < jump.stop_s
    assert jump.stop_s - jump.start_s < 2.5
    assert clock.drift_ppm == pytest.approx(30, abs=5)


def test_one_stretch_that_is_noise_is_no_jump() -> None:
    sound = spoken(120)
    tape = taped(sound, 0.0)
    noisy = slice(round(40 * SFREQ), round(52 * SFREQ))
    tape[noisy] = tape.std() * np.random.default_rng(2).standard_normal(noisy.stop - noisy.start)
    assert found(tape, sound).jumps == ()


def test_a_sound_that_is_not_there_is_refused() -> None:
    for seconds in (20, 30, 100):
        with pytest.raises(DataError, match="must be found in the audio channel"):
            found(taped(spoken(seconds, seed=5), 0.0), spoken(seconds))
    with pytest.raises(DataError, match="must be shorter than the recording"):
        found(taped(spoken(30), 0.0)[: round(20 * SFREQ)], spoken(30))


def test_an_envelope_is_stretched_by_the_clock_to_the_ends_of_half_an_hour() -> None:
    """A 20-Hz wave, 200 ppm off: 0.36 s late at the end, seven turns of it."""
    seconds, ppm = 1800, 200.0
    own = np.arange(round(seconds * SFREQ)) / SFREQ
    clock = Clock(2.0, ppm)
    n_times = round(clock.recorded_length_s(seconds) * SFREQ)
    out = heard(np.sin(2 * np.pi * 20 * own), SFREQ, clock, round(2.0 * SFREQ), n_times)
    recorded = np.arange(n_times) / SFREQ
    truth = np.sin(2 * np.pi * 20 * recorded / (1 + 1e-6 * ppm))
    inside = slice(10, -100)
    np.testing.assert_allclose(out[inside], truth[inside], atol=2e-3)


def test_without_drift_samples_stay_what_they_are() -> None:
    stream = np.random.default_rng(0).random(1000)
    np.testing.assert_array_equal(heard(stream, 64.0, Clock(3.0), 192, 900), stream[:900])
    shifted = heard(stream, 64.0, Clock(3.0 - 0.5 / 64), 192, 900)
    assert not np.allclose(shifted, stream[:900])


def test_behind_a_jump_the_sound_goes_on_where_the_recorder_does() -> None:
    clock = Clock(0.0, 0.0, (Jump(9.0, 11.0, 0.5),))
    np.testing.assert_allclose(clock.sound_s(np.array([5.0, 20.0])), [5.0, 20.5])
    assert clock.recorded_length_s(60.0) == 59.5


def test_a_stretch_that_was_found_in_a_wrong_place_is_no_jump() -> None:
    away_and_back, once = np.array([0.0, 90.0, -88.0, 0.0]), np.array([0.0, 90.0, 2.0, 0.0])
    assert [_lasts(away_and_back, k, 10.0) for k in (1, 2)] == [False, False]
    assert _lasts(once, 1, 10.0)
