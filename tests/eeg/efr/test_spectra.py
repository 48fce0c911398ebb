"""Spectra against scipy and mne; transfer function and coherence against a path that is known."""

from __future__ import annotations

import mne
import numpy as np
import pytest
import scipy.signal

from cogattn.eeg.efr.response import path_over_time, path_response, resample_response
from cogattn.eeg.efr.spectra import multitaper_segments, welch_segments
from cogattn.eeg.recordings.simulate_path import MIDBRAIN, AuditoryPath, NoiseLevels, simulate_path
from cogattn.errors import DataError

SFREQ = 256.0
QUIET = NoiseLevels(background_v=3e-6, sensor_v=5e-7, reference_v=5e-7, mains_v=1e-6)


@pytest.fixture
def pair() -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8000, 2))
    x[:, 1] += 0.8 * np.roll(x[:, 0], 3)
    return x


@pytest.mark.parametrize(("length", "overlap"), [(512, 0.5), (511, 0.5), (400, 0.75), (333, 0.0)])
def test_welch_power_is_scipys(pair, length, overlap):
    spectra = welch_segments([pair], sfreq=SFREQ, segment_s=length / SFREQ, band_hz=(1, 100), overlap=overlap)
    shared = length - max(1, round(length * (1 - overlap)))
    f, power = scipy.signal.welch(pair.T, SFREQ, nperseg=length, noverlap=shared)
    inside = (f >= 1) & (f <= 100)
    np.testing.assert_allclose(spectra.frequencies_hz, f[inside])
    np.testing.assert_allclose(spectra.power, power[:, inside], rtol=1e-5)


def test_multitaper_power_is_mnes(pair):
    spectra = multitaper_segments([pair], sfreq=SFREQ, segment_s=4, band_hz=(1, 100), half_bandwidth_hz=1.0)
    windows = pair[: 7 * 1024].T.reshape(2, 7, 1024)
    power, f = mne.time_frequency.psd_array_multitaper(
        windows, SFREQ, 1, 100, bandwidth=2.0, normalization="full", verbose="error"
    )
    np.testing.assert_allclose(spectra.frequencies_hz, f)
    np.testing.assert_allclose(spectra.power, power.mean(axis=1), rtol=1e-5)


def test_coherence_and_transfer_are_scipys(pair):
    settings = {"sfreq": SFREQ, "segment_s": 2.0, "band_hz": (1.0, 100.0)}
    stimulus, eeg = welch_segments([pair[:, :1]], **settings), welch_segments([pair[:, 1:]], **settings)
    response = path_response(stimulus, eeg, ridge=0)
    f, coherence = scipy.signal.coherence(*pair.T, SFREQ, nperseg=512)
    _, cross = scipy.signal.csd(*pair.T, SFREQ, nperseg=512)  # scipy conjugates its first argument
    _, power = scipy.signal.welch(pair[:, 0], SFREQ, nperseg=512)
    inside = (f >= 1) & (f <= 100)
    np.testing.assert_allclose(response.coherence[0], coherence[inside], rtol=1e-4)
    np.testing.assert_allclose(response.transfer[0], (cross / power)[inside], rtol=1e-4)


def test_trials_are_never_joined_and_short_ones_are_left_out(pair):
    settings = {"sfreq": SFREQ, "segment_s": 2.0, "band_hz": (1.0, 100.0)}
    apart = welch_segments([pair[:3000], pair[3000:3300], pair[3300:]], **settings)
    first, last = welch_segments([pair[:3000]], **settings), welch_segments([pair[3300:]], **settings)
    np.testing.assert_array_equal(apart.values, np.concatenate([first.values, last.values], axis=2))
    assert set(apart.trial) == {0, 2}


def test_effective_number_of_overlapping_segments_matches_white_noise():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((256 * 30, 400))
    spectra = welch_segments([x], sfreq=256, segment_s=1, band_hz=(20, 100))
    variance = (spectra.power.var(axis=0) / spectra.power.mean(axis=0) ** 2).mean()
    assert spectra.n_effective == pytest.approx(1 / variance, rel=0.05)
    assert spectra.n_segments == 59
    assert spectra.n_effective == pytest.approx(56.3, abs=0.5)


def test_delay_shows_as_falling_phase():
    path = AuditoryPath(n_channels=2, generators=(MIDBRAIN,))
    recording = simulate_path(
        np.random.default_rng(3), path, duration_s=120, sfreq=SFREQ, kind="noise", noise=QUIET
    )
    settings = {"sfreq": SFREQ, "segment_s": 2.0, "band_hz": (36.0, 44.0)}
    stimulus = welch_segments([recording.stream("stimulus")[0][:, None]], **settings)
    response = path_response(stimulus, welch_segments(recording.eeg, **settings))
    slope = np.polyfit(response.frequencies_hz, np.unwrap(np.angle(response.transfer[1])), 1)[0]
    assert -slope / (2 * np.pi) == pytest.approx(0.025, abs=0.002)


def test_gain_that_falls_over_the_recording_is_followed():
    path = AuditoryPath(n_channels=2, final_gain=0.2)
    recording = simulate_path(
        np.random.default_rng(4), path, duration_s=600, sfreq=SFREQ, kind="noise", noise=QUIET
    )
    settings = {"sfreq": SFREQ, "segment_s": 2.0, "band_hz": (30.0, 45.0)}
    stimulus = welch_segments([recording.stream("stimulus")[0][:, None]], **settings)
    start_s, transfer = path_over_time(stimulus, welch_segments(recording.eeg, **settings), stretch_s=60)
    truth = path.transfer(stimulus.frequencies_hz)
    gain = np.real(transfer * truth.conj()).sum(axis=(1, 2)) / (np.abs(truth) ** 2).sum()
    middle_s = start_s + 30
    np.testing.assert_allclose(gain, 1 - 0.8 * middle_s / 600, atol=0.08)


def test_regularisation_bounds_the_transfer_where_the_envelope_is_silent(pair):
    silent = scipy.signal.sosfiltfilt(scipy.signal.butter(8, 20, fs=SFREQ, output="sos"), pair[:, :1], axis=0)
    settings = {"sfreq": SFREQ, "segment_s": 2.0, "band_hz": (1.0, 100.0)}
    stimulus, eeg = welch_segments([silent], **settings), welch_segments([pair[:, 1:]], **settings)
    free, bound = path_response(stimulus, eeg, ridge=0), path_response(stimulus, eeg, ridge=1e-3)
    high, low = stimulus.frequencies_hz > 60, stimulus.frequencies_hz < 15
    assert np.abs(free.transfer[0, high]).min() > 100 * np.abs(bound.transfer[0, high]).max()
    np.testing.assert_allclose(free.transfer[0, low], bound.transfer[0, low], rtol=0.01)
    np.testing.assert_allclose(bound.shrinkage[low], 1, atol=0.01)


@pytest.mark.parametrize("n_blocks", [5, 30])
def test_bootstrap_interval_of_debiased_coherence_covers_the_truth(n_blocks):
    rng = np.random.default_rng(5)
    n_channels, settings = 40, {"sfreq": 64.0, "segment_s": 1.0, "band_hz": (4.0, 28.0)}
    e = rng.standard_normal((64 * 8 * n_blocks, 1))
    y = 0.5 * e + rng.standard_normal((len(e), n_channels))
    truth = 0.25 / 1.25
    stimulus, eeg = welch_segments([e], **settings), welch_segments([y], **settings)
    resampled = resample_response(stimulus, eeg, rng, n_samples=200, block_s=8)
    response = path_response(stimulus, eeg)
    low, high = resampled.coherence_interval(response)
    assert 0.92 < np.mean((low <= truth) & (truth <= high)) < 0.98
    low, high = resampled.gain_interval(response)
    assert 0.92 < np.mean((low <= 0.5) & (high >= 0.5)) < 0.98


def test_intervals_of_coherence_and_gain_hold_the_estimate_and_stay_in_their_range(pair):
    settings = {"sfreq": SFREQ, "segment_s": 2.0, "band_hz": (1.0, 100.0)}
    stimulus, eeg = welch_segments([pair[:, :1]], **settings), welch_segments([pair[:, 1:]], **settings)
    response = path_response(stimulus, eeg)
    resampled = resample_response(stimulus, eeg, np.random.default_rng(0), n_samples=50, block_s=4)
    low, high = resampled.coherence_interval(response)
    assert (low <= response.debiased).all()
    assert (response.debiased <= high).all()
    assert high.max() <= 1
    assert (low[response.debiased >= 0] >= 0).all()
    assert resampled.gain_interval(response)[0].min() >= 0


def test_debiased_coherence_of_nothing_is_zero_on_average():
    rng = np.random.default_rng(6)
    settings = {"sfreq": 64.0, "segment_s": 1.0, "band_hz": (4.0, 28.0)}
    stimulus = welch_segments([rng.standard_normal((64 * 30, 1))], **settings)
    eeg = welch_segments([rng.standard_normal((64 * 30, 200))], **settings)
    response = path_response(stimulus, eeg)
    assert response.debiased.mean() == pytest.approx(0, abs=0.0015)
    assert response.coherence.mean() == pytest.approx(1 / eeg.n_effective, rel=0.05)
    resampled = resample_response(stimulus, eeg, rng, n_samples=20, block_s=2)
    assert resampled.debiased.mean() == pytest.approx(response.debiased.mean(), abs=0.004)


@pytest.mark.parametrize(
    ("trials", "segment_s", "band_hz", "rule"),
    [
        ([np.ones((100, 1))], 1.0, (1.0, 30.0), "fit into the longest"),
        ([np.full((600, 1), np.nan)], 1.0, (1.0, 30.0), "finite"),
        ([np.ones((600, 1))], 1.0, (10.2, 10.4), "hold a frequency bin"),
        ([np.ones(600)], 1.0, (1.0, 30.0), "shape"),
        ([], 1.0, (1.0, 30.0), "shape"),
    ],
)
def test_unfit_trials_are_refused(trials, segment_s, band_hz, rule):
    with pytest.raises(DataError, match=rule):
        welch_segments(trials, sfreq=SFREQ, segment_s=segment_s, band_hz=band_hz)


def test_segments_that_differ_are_refused(pair):
    one = welch_segments([pair[:, :1]], sfreq=SFREQ, segment_s=2, band_hz=(1, 90))
    other = welch_segments([pair[:, 1:]], sfreq=SFREQ, segment_s=1, band_hz=(1, 90))
    with pytest.raises(DataError, match="same segments"):
        path_response(one, other)
    with pytest.raises(DataError, match="one signal"):
        path_response(welch_segments([pair], sfreq=SFREQ, segment_s=2, band_hz=(1, 90)), one)
