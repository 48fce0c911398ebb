"""The smoothed transfer function against a path that is known, and its error against theory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.signal

from cogattn.eeg.efr.lags import LagSmoother, lag_smoother
from cogattn.eeg.efr.response import PathResponse, path_response
from cogattn.eeg.efr.spectra import SegmentSpectra, multitaper_segments, welch_segments
from cogattn.eeg.recordings.simulate_path import AuditoryPath, NoiseLevels, simulate_path
from cogattn.errors import DataError

SFREQ = 256.0
WIDE, BAND = (0.25, 120.0), (2.0, 110.0)
QUIET = NoiseLevels(background_v=3e-6, sensor_v=5e-7, reference_v=5e-7, mains_v=1e-6)


def off_mains(frequencies_hz: np.ndarray) -> np.ndarray:
    return (np.abs(frequencies_hz - 50) > 1) & (np.abs(frequencies_hz - 100) > 1)


def far_from_masks(frequencies_hz: np.ndarray) -> np.ndarray:
    return (np.abs(frequencies_hz - 50) > 5) & (np.abs(frequencies_hz - 100) > 5)


def smoother_of(eeg: SegmentSpectra, low_s: float = -0.1, high_s: float = 0.4) -> LagSmoother:
    usable = off_mains(eeg.frequencies_hz)
    return lag_smoother(eeg, low_s=low_s, high_s=high_s, band_hz=BAND, usable=usable)


def recovered(minutes: float, kind: str, seed: int) -> tuple[PathResponse, PathResponse, AuditoryPath]:
    """H1, its smoothed form, and the path."""
    path = AuditoryPath(n_channels=3)
    recording = simulate_path(
        np.random.default_rng(seed), path, duration_s=60 * minutes, sfreq=SFREQ, kind=kind, noise=QUIET
    )
    settings = {"sfreq": SFREQ, "segment_s": 4.0, "band_hz": WIDE}
    stimulus = welch_segments([recording.stream("stimulus")[0][:, None]], **settings)
    eeg = welch_segments(recording.eeg, **settings)
    raw = path_response(stimulus, eeg)
    return raw, raw.smoothed(smoother_of(eeg)), path


def errors(response: PathResponse, path: AuditoryPath) -> tuple[np.ndarray, np.ndarray]:
    """Relative error of the gain and its theoretical standard error, where squared coherence exceeds .3."""
    f = response.frequencies_hz
    followed = (response.coherence > 0.3) & off_mains(f) & (f >= BAND[0]) & (f <= BAND[1])
    error = np.abs(response.transfer) / np.abs(path.transfer(f)) - 1
    return error[followed], response.relative_error[followed]


@pytest.mark.parametrize("kind", ["noise", "speech"])
def test_the_error_of_the_gain_is_that_of_theory(kind):
    """H1's is pure estimator variance; smoothing takes it down as the number of averages says, and adds little."""
    raw, smooth, path = recovered(30, kind, 2)
    error, theory = errors(raw, path)
    assert np.sqrt(np.mean((error / theory) ** 2)) == pytest.approx(1, abs=0.08)
    assert abs(error.mean()) < 0.005
    error, theory = errors(smooth, path)
    assert np.median(smooth.n_transfer) > 3 * raw.n_transfer
    assert np.sqrt(np.mean((error / theory) ** 2)) == pytest.approx(1, abs=0.2)
    assert np.sqrt(np.mean(error**2)) < 0.016
    assert np.mean(np.abs(error) < 0.05) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_two_hours_recover_every_bin_within_five_percent_where_coherence_exceeds_three_tenths(seed):
    """After one hour a bin beside the masked mains, behind which fewer averages stand, may still miss it."""
    _, smooth, path = recovered(120, "noise", seed)
    error, _ = errors(smooth, path)
    assert len(error) > 400
    assert np.abs(error).max() < 0.05


def filtered_noise(kernel: np.ndarray, minutes: float = 10) -> tuple[SegmentSpectra, SegmentSpectra]:
    """White noise and its convolution with `kernel`, without further noise."""
    e = np.random.default_rng(0).standard_normal(round(60 * minutes * SFREQ))
    y = scipy.signal.oaconvolve(e, kernel)[: len(e)]
    settings = {"sfreq": SFREQ, "segment_s": 4.0, "band_hz": WIDE}
    return welch_segments([e[:, None]], **settings), welch_segments([y[:, None]], **settings)


def test_a_late_response_is_not_shrunk():
    """Half-way through a 4-s Hann window's memory H1 loses 5 %; the window gives it back."""
    kernel = np.zeros(round(0.36 * SFREQ))
    kernel[-1] = 1.0
    stimulus, eeg = filtered_noise(kernel)
    raw = path_response(stimulus, eeg)
    smooth = raw.smoothed(smoother_of(eeg))
    assert np.abs(raw.transfer).mean() < 0.96
    assert np.abs(smooth.transfer).mean() == pytest.approx(1, abs=0.005)
    lag_s = (len(kernel) - 1) / SFREQ
    turned = smooth.transfer * np.exp(2j * np.pi * smooth.frequencies_hz * lag_s)
    np.testing.assert_allclose(turned[0, far_from_masks(smooth.frequencies_hz)], 1, atol=0.03)


def test_masked_frequencies_are_filled_from_their_neighbours():
    kernel = np.hanning(40) * np.sin(np.arange(40))
    stimulus, eeg = filtered_noise(kernel)
    hum = np.cos(2 * np.pi * 50 * np.arange(round(600 * SFREQ)) / SFREQ)[:, None]
    hummed = welch_segments([hum], sfreq=SFREQ, segment_s=4.0, band_hz=WIDE)
    dirty = SegmentSpectra(
        eeg.frequencies_hz, eeg.values + 10 * hummed.values, eeg.trial, eeg.hop_s, window=eeg.window
    )
    smooth = path_response(stimulus, dirty).smoothed(smoother_of(eeg))
    f = smooth.frequencies_hz
    truth = np.exp(-2j * np.pi * np.outer(f, np.arange(40) / SFREQ)) @ kernel
    assert np.abs(smooth.transfer[0] - truth).max() < 0.05 * np.abs(truth).max()


def test_a_response_that_outlasts_its_lags_is_lost():
    kernel = np.zeros(round(0.9 * SFREQ))
    kernel[-1] = 1.0
    stimulus, eeg = filtered_noise(kernel)
    smooth = path_response(stimulus, eeg).smoothed(smoother_of(eeg))
    assert np.abs(smooth.transfer[0, far_from_masks(smooth.frequencies_hz)]).max() < 0.1


@pytest.mark.parametrize(("lag_s", "low", "high"), [(0.2, 0.9, 1.15), (0.9, 1.5, np.inf)])
def test_a_misfit_tells_of_a_response_beyond_the_lags(lag_s, low, high):
    kernel = np.zeros(round(lag_s * SFREQ) + 1)
    kernel[-1] = 0.5
    stimulus, eeg = filtered_noise(kernel)
    noise = np.random.default_rng(9).standard_normal((round(600 * SFREQ), 1))
    noise = welch_segments([noise], sfreq=SFREQ, segment_s=4.0, band_hz=WIDE)
    noisy = replace(eeg, values=eeg.values + noise.values)
    assert low < path_response(stimulus, noisy).smoothed(smoother_of(noisy)).misfit < high


def test_lags_must_fit_into_a_segment_and_welch_be_used():
    _, eeg = filtered_noise(np.ones(3), 1)
    with pytest.raises(DataError, match=r"below 0\.4 of a segment"):
        smoother_of(eeg, high_s=1.5)
    tapered = multitaper_segments(
        [np.random.default_rng(1).standard_normal((5000, 1))],
        sfreq=SFREQ,
        segment_s=4,
        band_hz=WIDE,
        half_bandwidth_hz=1,
    )
    with pytest.raises(DataError, match="after Welch"):
        smoother_of(tapered)
