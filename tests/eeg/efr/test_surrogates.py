"""Chance levels against simulated nulls, also with coloured and bursting signals."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.efr.spectra import SegmentSpectra, multitaper_segments, welch_segments
from cogattn.eeg.efr.surrogates import (
    false_discovery,
    phase_shuffled,
    shift_chance,
    shuffle_chance,
)
from cogattn.eeg.recordings.simulate_talkers import coloured_noise
from cogattn.errors import DataError

SETTINGS = {"sfreq": 128.0, "segment_s": 2.0, "band_hz": (2.0, 60.0)}


def spectra_of(e: np.ndarray, y: np.ndarray) -> tuple[SegmentSpectra, SegmentSpectra]:
    return welch_segments([e], **SETTINGS), welch_segments([y], **SETTINGS)


def null_p(exponent: float, burst: bool, n_sets: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """p values of independent 1/f envelopes and channels, counted and fitted."""
    fitted, counted = [], []
    for seed in range(n_sets):
        rng = np.random.default_rng(seed)
        e = coloured_noise(rng, (128 * 300, 1), sfreq=128, exponent=exponent)
        y = coloured_noise(rng, (128 * 300, 24), sfreq=128, exponent=exponent)
        if burst:  # both wax and wane slowly, as speech with pauses and drowsy EEG do
            e *= 1 + 0.9 * np.sin(2 * np.pi * np.arange(len(e))[:, None] / (128 * 37))
            y *= 1 + 0.9 * np.sin(2 * np.pi * np.arange(len(y))[:, None] / (128 * 61))
        chance = shift_chance(*spectra_of(e, y))
        fitted.append(chance.p)
        counted.append(chance.p_counted)
    return np.concatenate(fitted), np.concatenate(counted)


@pytest.mark.parametrize(("exponent", "burst"), [(0.0, False), (1.0, False), (1.0, True)])
def test_false_positive_rate_of_circular_shifts_is_alpha(exponent, burst):
    fitted, counted = null_p(exponent, burst)
    assert np.mean(counted < 0.05) == pytest.approx(0.05, abs=0.01)
    assert np.mean(fitted < 0.05) == pytest.approx(0.05, abs=0.01)


def test_fitted_tail_reaches_below_the_count_without_overshooting():
    fitted, _ = null_p(1.0, burst=False)
    assert np.mean(fitted < 1e-3) == pytest.approx(1e-3, abs=1e-3)
    assert fitted.min() > 1e-7  # of 33,000 tests


@pytest.mark.parametrize("n_tapers_hz", [None, 1.0])
def test_a_followed_envelope_is_beyond_all_surrogates(n_tapers_hz):
    rng = np.random.default_rng(7)
    e = rng.standard_normal((128 * 200, 1))
    y = np.hstack([0.5 * np.roll(e, 9, axis=0), np.zeros_like(e)]) + rng.standard_normal((len(e), 2))
    if n_tapers_hz is None:
        stimulus, eeg = spectra_of(e, y)
    else:
        tapers = {**SETTINGS, "half_bandwidth_hz": n_tapers_hz}
        stimulus, eeg = multitaper_segments([e], **tapers), multitaper_segments([y], **tapers)
    chance = shift_chance(stimulus, eeg)
    assert np.median(chance.p[0]) < 1e-6
    assert np.mean(chance.p[1] < 0.05) < 0.15
    assert np.mean(chance.p_counted[0] <= 1.01 / (1 + chance.n_surrogates)) > 0.95


def test_every_shift_is_the_coherence_of_the_shifted_envelope():
    rng = np.random.default_rng(8)
    stimulus, eeg = spectra_of(rng.standard_normal((128 * 60, 1)), rng.standard_normal((128 * 60, 3)))
    nearest = 5
    by_hand = []
    for shift in range(nearest, eeg.n_segments - nearest + 1):
        e = np.roll(stimulus.values, shift, axis=2)
        cross = np.abs((eeg.values * e.conj()).sum(axis=2)) ** 2
        by_hand.append(cross / ((np.abs(eeg.values) ** 2).sum(2) * (np.abs(e) ** 2).sum(2)))
    chance = shift_chance(stimulus, eeg, min_shift_s=5.0)
    assert chance.n_surrogates == len(by_hand)
    np.testing.assert_allclose(chance.mean, np.mean(by_hand, axis=0).T, rtol=1e-4)


def test_phase_shuffling_keeps_the_spectrum_and_breaks_the_timing():
    rng = np.random.default_rng(9)
    envelope = coloured_noise(rng, (1000, 1), sfreq=128)[:, 0] + 3
    shuffled = phase_shuffled(envelope, rng, 4)
    np.testing.assert_allclose(
        np.abs(np.fft.rfft(shuffled, axis=0)), np.abs(np.fft.rfft(envelope))[:, None].repeat(4, 1), atol=1e-9
    )
    assert np.abs(np.corrcoef(shuffled.T, envelope)[-1, :-1]).max() < 0.5


def test_phase_shuffles_agree_with_circular_shifts():
    rng = np.random.default_rng(10)
    e = coloured_noise(rng, (128 * 200, 1), sfreq=128)
    y = coloured_noise(rng, (128 * 200, 20), sfreq=128)
    y[:, :10] += 0.3 * e
    stimulus, eeg = spectra_of(e, y)
    shifts = shift_chance(stimulus, eeg)
    shuffles = shuffle_chance(
        stimulus,
        eeg,
        [e[:, 0]],
        rng,
        n_surrogates=60,
        transform=lambda trials: welch_segments(trials, **SETTINGS),
    )
    assert shuffles.mean.mean() == pytest.approx(shifts.mean.mean(), rel=0.08)
    assert np.mean((shuffles.p < 0.01) == (shifts.p < 0.01)) > 0.97


def test_false_discoveries_are_controlled_over_channels_and_frequencies():
    rng = np.random.default_rng(11)
    false = []
    for _ in range(200):
        p = rng.random((8, 50))
        p[:2, :10] = 1e-5
        q = false_discovery(p, np.arange(50) < 45)
        called = q <= 0.05
        assert called[:2, :10].all()
        assert (q[:, 45:] == 1).all()
        false.append((called.sum() - 20) / called.sum())
    assert np.mean(false) < 0.055


def test_too_few_surrogates_are_refused():
    rng = np.random.default_rng(12)
    stimulus, eeg = spectra_of(rng.standard_normal((128 * 20, 1)), rng.standard_normal((128 * 20, 1)))
    with pytest.raises(DataError, match="at least 19"):
        shift_chance(stimulus, eeg, min_shift_s=5.0)
