"""Repeated sounds: amplitudes by algebra, growth and noise floor by simulation, pitch of known sounds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io
import scipy.linalg
import scipy.signal

from cogattn.eeg import efr
from cogattn.eeg.efr.spatial import dss, held_out
from cogattn.eeg.efr.sweeps import (
    compare_tracks,
    growth,
    harmonics,
    polarity_pair,
    track_f0,
    values_at,
)
from cogattn.eeg.recordings.simulate_path import NoiseLevels, simulate_steady_state
from cogattn.errors import DataError

SFREQ = 1000.0
TIME = np.arange(1000) / SFREQ


def test_amplitude_and_phase_are_those_of_the_cosine():
    sweeps = np.stack([2.5 * np.cos(2 * np.pi * 40 * TIME + 0.6), np.cos(2 * np.pi * 80 * TIME)])
    values = values_at(sweeps, sfreq=SFREQ, frequencies_hz=[40, 80])
    np.testing.assert_allclose(values, [[2.5 * np.exp(0.6j), 0], [0, 1]], atol=1e-12)


@pytest.mark.parametrize(("frequency", "rule"), [(40.5, "fall on a DFT bin"), (500.0, "between 0 and")])
def test_a_frequency_between_bins_is_refused(frequency, rule):
    with pytest.raises(DataError, match=rule):
        values_at(np.ones((2, 1000)), sfreq=SFREQ, frequencies_hz=[frequency])


def test_polarities_part_envelope_and_fine_structure():
    envelope, fine = np.cos(2 * np.pi * 100 * TIME), np.cos(2 * np.pi * 430 * TIME)
    pair = polarity_pair(envelope + fine, envelope - fine)
    np.testing.assert_allclose(pair.envelope, envelope, atol=1e-12)
    np.testing.assert_allclose(pair.fine_structure, fine, atol=1e-12)
    with pytest.raises(DataError, match="same shape"):
        polarity_pair(envelope, fine[:-1])


def test_harmonics_stay_below_the_limit():
    assert harmonics(98.0, below_hz=500).tolist() == [98, 196, 294, 392, 490]
    assert harmonics(100.0, below_hz=500).tolist() == [100, 200, 300, 400]
    assert harmonics(100.0, below_hz=500, most=2).tolist() == [100, 200]


def complex_sweeps(signal: float, shape: tuple[int, ...], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return signal + (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)


def test_growth_at_every_count_is_the_detector_on_the_first_sweeps():
    x = complex_sweeps(0.4, (60, 3, 5), 0)
    result = growth(x, [2, 10, 60])
    for row, count in enumerate((2, 10, 60)):
        np.testing.assert_allclose(result.p[row], efr.t2circ(x[:count]).p, rtol=1e-9)
    assert result.snr_db.shape == (3, 3, 5)


def test_snr_grows_by_three_decibels_for_each_doubling():
    result = growth(complex_sweeps(0.5, (400, 4000), 1), [100, 200, 400])
    steps = np.diff(np.median(result.snr_db, axis=1))
    np.testing.assert_allclose(steps, 3.01, atol=0.3)


def test_repeated_looks_at_noise_hold_the_error_rate():
    result = growth(complex_sweeps(0.0, (200, 4000), 2), range(20, 201, 20))
    assert np.mean((result.p < 0.05 / 10).any(axis=0)) < 0.05
    assert np.mean((result.p < 0.05).any(axis=0)) > 0.1  # what uncorrected looks would give


def test_pitch_of_a_glide_is_followed():
    time_s = np.arange(4000) / 8000
    f0 = 100 + 60 * time_s
    voice = scipy.signal.sawtooth(2 * np.pi * np.cumsum(f0) / 8000)
    track = track_f0(voice, sfreq=8000, f0_range_hz=(70, 200))
    np.testing.assert_allclose(track.f0_hz, np.interp(track.time_s, time_s, f0), rtol=0.01)
    assert track.strength.min() > 0.9


def test_a_delayed_noisy_response_scores_against_its_stimulus():
    time_s = np.arange(4000) / 8000
    f0 = 120 + 25 * np.sin(2 * np.pi * 3 * time_s)
    voice = scipy.signal.sawtooth(2 * np.pi * np.cumsum(f0) / 8000)
    rng = np.random.default_rng(4)
    response = np.roll(voice, 56) + 0.5 * rng.standard_normal(len(voice))  # 7 ms
    settings = {"sfreq": 8000, "f0_range_hz": (80, 180)}
    score = compare_tracks(track_f0(voice, **settings), track_f0(response, **settings), lag_s=0.007)
    assert score.correlation > 0.98
    assert score.error_hz < 3
    deaf = track_f0(rng.standard_normal(len(voice)), **settings)
    assert abs(compare_tracks(track_f0(voice, **settings), deaf).correlation) < 0.5


@pytest.mark.parametrize("sound", ["syllPos", "tonePos"])
def test_pitch_of_the_recorded_stimuli_is_98_hz(shared_data, sound):
    sfreq, samples = scipy.io.wavfile.read(shared_data / "efr" / "ffr_stimuli" / f"{sound}.wav")
    samples = samples.astype(float).reshape(len(samples), -1)[:, 0]
    track = track_f0(samples, sfreq=sfreq, f0_range_hz=(70, 180))
    assert np.median(track.f0_hz[track.strength > 0.8]) == pytest.approx(98, abs=2)


@pytest.fixture(scope="module")
def assr():
    levels = NoiseLevels(mains_v=0, reference_v=0)
    recording = simulate_steady_state(
        np.random.default_rng(5),
        modulation_hz=40,
        amplitude_v=4e-7,
        n_sweeps=60,
        sweep_s=1,
        sfreq=250,
        noise=levels,
    )
    sweeps = np.stack(recording.eeg).swapaxes(1, 2)
    return sweeps, values_at(sweeps, sfreq=250, frequencies_hz=[40])[..., 0]


def test_a_simulated_steady_state_response_is_detected_at_its_rate_only(assr):
    sweeps, x = assr
    middle = 4
    assert efr.t2circ(x[:, middle]).p < 1e-4
    elsewhere = values_at(sweeps, sfreq=250, frequencies_hz=[33, 37, 43, 47])
    assert (efr.t2circ(elsewhere[:, middle]).p > 0.01).all()
    assert np.abs(x[:, middle].mean()) == pytest.approx(4e-7, rel=0.25)


def test_spatial_filters_gain_over_the_best_channel_on_held_out_sweeps(assr):
    _, x = assr
    assert efr.t2circ(held_out(x)[0]).statistic > 1.5 * efr.t2circ(x).statistic.max()


def test_the_first_pattern_is_the_topography_of_the_response(assr):
    _, x = assr
    truth = np.cos(np.pi / 2 * np.linspace(-0.5, 0.5, x.shape[1]))
    pattern = dss(x).patterns[0]
    assert abs(pattern @ truth) / np.linalg.norm(pattern) / np.linalg.norm(truth) > 0.9
    assert dss(x).scores[0] <= 1


def test_dss_is_meegkits(assr):
    """Weights up to sign; needs meegkit, which is no dependency."""
    theirs = pytest.importorskip("meegkit.dss", reason="meegkit is not installed")
    sweeps, _ = assr
    total = np.einsum("sct,sdt->cd", sweeps, sweeps) / len(sweeps)
    mean = sweeps.mean(axis=0)
    weights = theirs.dss0(total, mean @ mean.T)[0]
    ours = dss(sweeps).weights
    cosine = (
        np.abs((weights.T * ours).sum(axis=1))
        / np.linalg.norm(weights, axis=0)
        / np.linalg.norm(ours, axis=1)
    )
    np.testing.assert_allclose(cosine[:4], 1, atol=1e-9)


def test_filters_solve_the_generalised_eigenproblem(assr):
    _, x = assr
    wanted = np.outer(x.mean(axis=0), x.mean(axis=0).conj()).real
    total = (x.T @ x.conj()).real / len(x)
    filters = dss(x)
    expected, _ = scipy.linalg.eigh(wanted, total)
    np.testing.assert_allclose(filters.scores, expected[::-1], atol=1e-10)
    np.testing.assert_allclose(filters.weights @ total @ filters.weights.T, np.eye(x.shape[1]), atol=1e-8)


def test_holding_out_keeps_the_error_rate_that_reuse_breaks():
    x = complex_sweeps(0.0, (40, 8, 2000), 6)
    fair = [efr.t2circ(held_out(x[..., k])[0]).p for k in range(2000)]
    reused = [efr.t2circ(x[..., k] @ dss(x[..., k]).weights[0]).p for k in range(300)]
    assert np.mean(np.array(fair) < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(np.array(reused) < 0.05) > 0.5


def test_average_reference_does_not_break_the_filters(assr):
    _, x = assr
    referenced = x - x.mean(axis=1, keepdims=True)
    assert len(dss(referenced).scores) == x.shape[1] - 1
