"""Dominant bands and mains: found where they were put, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from cogattn.eeg.efr.bands import Band, above_background, compare_reported, dominant_bands
from cogattn.eeg.efr.mains import mains_lines, usable_bins
from cogattn.eeg.efr.spectra import welch_segments
from cogattn.eeg.recordings.simulate_talkers import coloured_noise

F = np.arange(2, 120, 0.25)
ALL = np.ones(len(F), dtype=bool)


def noisy_curves(mean: np.ndarray, sd: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A curve with independent noise in each bin and bootstrap curves scattered about it alike."""
    rng = np.random.default_rng(seed)
    curve = mean + sd * rng.standard_normal(len(mean))
    return curve, curve + sd * rng.standard_normal((200, len(mean)))


def bump(center: float, fwhm: float) -> np.ndarray:
    return np.exp(-4 * np.log(2) * ((F - center) / fwhm) ** 2)


def test_two_bands_are_found_with_edges_and_peaks():
    curve, resampled = noisy_curves(bump(10, 4) + 0.6 * bump(40, 6), 0.02, 0)
    bands = dominant_bands(F, curve, resampled, usable=ALL)
    assert len(bands) == 2
    for band, center, fwhm in zip(bands, (10, 40), (4, 6), strict=True):
        assert band.peak_hz == pytest.approx(center, abs=0.75)
        assert band.high_hz - band.low_hz == pytest.approx(fwhm, rel=0.15)
        assert band.peak_lo_hz <= center <= band.peak_hi_hz
        assert band.height_lo <= band.height <= band.height_hi


def test_intervals_of_peak_and_height_hold_the_truth_when_few_blocks_are_resampled():
    """Twelve blocks, as of two minutes; a peak of 1 at 30 Hz."""
    held = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        blocks = bump(30, 8) + 0.4 * rng.standard_normal((12, len(F)))
        weights = rng.multinomial(12, np.full(12, 1 / 12), size=200) / 12
        (band,) = dominant_bands(F, blocks.mean(axis=0), weights @ blocks, usable=ALL, degrees_of_freedom=11)
        held.append(band.peak_lo_hz <= 30 <= band.peak_hi_hz)
    assert np.mean(held) > 0.88  # 95 % less two and a half standard errors


def test_featureless_curves_yield_bands_in_at_most_five_percent():
    curves = (noisy_curves(np.zeros(len(F)), 1.0, seed) for seed in range(200))
    found = [bool(dominant_bands(F, *curve, usable=ALL)) for curve in curves]
    assert np.mean(found) <= 0.08  # 5 % and two standard errors of 200 curves


@pytest.mark.parametrize("n_blocks", [12, 30])
def test_few_blocks_do_not_make_bands_of_noise(n_blocks):
    """Of 12 blocks the normal distribution's critical height finds a band in half of such curves."""
    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        blocks = rng.standard_normal((n_blocks, len(F)))
        weights = rng.multinomial(n_blocks, np.full(n_blocks, 1 / n_blocks), size=100) / n_blocks
        curves = blocks.mean(axis=0), weights @ blocks
        found.append(bool(dominant_bands(F, *curves, usable=ALL, degrees_of_freedom=n_blocks - 1)))
    assert np.mean(found) <= 0.1


def test_a_peak_in_a_masked_stretch_is_not_a_band():
    curve, resampled = noisy_curves(bump(50, 2) + bump(20, 4), 0.02, 1)
    bands = dominant_bands(F, curve, resampled, usable=np.abs(F - 50) > 3)
    assert [round(band.peak_hz) for band in bands] == [20]


def test_a_band_without_an_eligible_bin_is_left_out():
    curve, resampled = noisy_curves(bump(20, 4) + bump(80, 4), 0.02, 2)
    bands = dominant_bands(F, curve, resampled, usable=ALL, eligible=F > 60)
    assert [round(band.peak_hz) for band in bands] == [80]


def test_background_of_a_power_law_is_flat_and_a_peak_stands_out_by_its_height():
    spectrum = F**-1.4
    assert np.abs(above_background(F, spectrum)).max() < 0.2
    with_peak = above_background(F, np.stack([spectrum, spectrum * (1 + 9 * bump(11, 1.5))]))
    assert with_peak[1].max() == pytest.approx(10, abs=1)
    assert F[np.argmax(with_peak[1])] == pytest.approx(11)


def band_at(peak: float, half: float = 0.5) -> Band:
    return Band(peak - 1, peak + 1, peak, peak - half, peak + half, 1.0, 0.5, 1.5, at_mask=False)


def test_published_bands_are_reproduced_missed_or_not_testable():
    usable = np.abs(F - 54) > 1.5
    verdicts = compare_reported("response", [band_at(9.0), band_at(70.0)], F, usable, ALL)
    assert [v.verdict for v in verdicts] == ["reproduced", "not testable", "not reproduced"]
    low = F < 60
    assert compare_reported("csd", [], F[low], ALL[low], ALL[low])[2].verdict == "not testable"


def test_a_band_in_which_nothing_follows_the_envelope_is_not_reproduced():
    alpha, other = band_at(9.0), band_at(40.0)
    idle = F > 30
    first = compare_reported("response", [alpha, other], F, ALL, idle)[0]
    assert (first.verdict, first.band) == ("not reproduced", alpha)
    assert "followed at 0 % of its frequencies" in first.reason
    half = idle | ((F >= 8) & (F < 9.01))  # of 8 to 10 Hz, where ours and theirs meet
    assert compare_reported("response", [alpha], F, ALL, half)[0].verdict == "reproduced"
    fewer = idle | ((F >= 8) & (F < 8.8))
    assert compare_reported("response", [alpha], F, ALL, fewer)[0].verdict == "not reproduced"


def test_of_two_bands_the_one_that_follows_is_compared():
    low, high = Band(7.5, 8.5, 8, 7.9, 8.1, 2.0, 1, 3, at_mask=False), band_at(10.5)
    first = compare_reported("response", [low, high], F, ALL, F > 9)[0]
    assert (first.verdict, first.band) == ("reproduced", high)


def noisy_recording(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return coloured_noise(rng, (256 * 120, 4), sfreq=256)


def lines_of(x: np.ndarray, mains_hz=50):
    spectra = welch_segments([x], sfreq=256, segment_s=4, band_hz=(1, 121))
    return spectra.frequencies_hz, mains_lines(spectra.frequencies_hz, spectra.power, mains_hz=mains_hz)


def hum(frequency_hz: float, size: float = 0.3, n_times: int = 256 * 120) -> np.ndarray:
    return size * np.cos(2 * np.pi * frequency_hz * np.arange(n_times) / 256)[:, None]


def test_mains_pickup_is_measured_and_only_the_line_masked():
    frequencies, lines = lines_of(noisy_recording(3) + hum(50))
    assert [line.center_hz for line in lines] == [50, 60, 100, 120]
    assert lines[0].line_db > 10 > max(abs(line.line_db) for line in lines[1:])
    assert [line.kind for line in lines] == ["line", "none", "none", "none"]
    assert frequencies[~usable_bins(frequencies, lines)].tolist() == [
        *np.arange(49, 51.1, 0.25), *np.arange(99, 101.1, 0.25)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("picked_up", "mains_hz", "masked"),
    [
        ((), "auto", [50, 60, 100, 120]),
        ((50,), "auto", [50, 100]),
        ((60,), "auto", [60, 120]),
        ((100,), "auto", [50, 100]),
        ((50, 120), "auto", [50, 60, 100, 120]),
        ((60,), 50, [50, 60, 100]),
        ((120,), 50, [50, 100, 120]),
        ((), 60, [60, 120]),
        ((50, 60), 0, []),
    ],
)
def test_lines_of_both_countries_are_looked_for_whatever_is_set(picked_up, mains_hz, masked):
    x = noisy_recording(7)
    for frequency in picked_up:
        x = x + hum(frequency, 0.1)
    _, lines = lines_of(x, mains_hz)
    assert [line.center_hz for line in lines if line.kind == "line"] == list(picked_up)
    assert [line.center_hz for line in lines if line.masked] == masked


def test_a_line_stands_out_of_a_steep_slope_and_a_slope_is_no_line():
    """A filter's flank of 1 dB per Hz; a line of 4 dB; bins that scatter by .3 dB."""
    level = -F + 0.3 * np.random.default_rng(10).standard_normal(len(F))
    for size, kind in ((0.0, "none"), (4.0, "line")):
        power = 10 ** ((level + size * (np.abs(F - 60) < 0.3)) / 10)
        lines = {line.center_hz: line.kind for line in mains_lines(F, power[None], flank_hz=8.0)}
        assert lines[60] in (kind, "notch")
        assert (lines[60] == "line") == (kind == "line")


def test_clean_recordings_show_no_lines():
    found = [line.kind for seed in range(40) for line in lines_of(noisy_recording(100 + seed))[1]]
    assert sum(kind != "none" for kind in found) <= 3  # of 160


def test_a_response_that_peaks_at_mains_without_being_a_line_is_none():
    rng = np.random.default_rng(8)
    band = scipy.signal.butter(2, (54, 66), "bandpass", fs=256, output="sos")
    wide = scipy.signal.sosfilt(band, rng.standard_normal((256 * 120, 1)), axis=0)
    assert [line.kind for line in lines_of(noisy_recording(9) + wide)[1]] == ["none"] * 4


def test_a_notch_is_found_with_its_edges():
    x = noisy_recording(4)
    band_stop = scipy.signal.butter(4, (46, 54), "bandstop", fs=256, output="sos")
    frequencies, lines = lines_of(scipy.signal.sosfiltfilt(band_stop, x, axis=0))
    notch, harmonic = lines[0], lines[2]
    assert notch.kind == "notch"
    assert harmonic.kind == "none"
    assert notch.low_hz == pytest.approx(45, abs=0.8)
    assert notch.high_hz == pytest.approx(55, abs=0.8)
    assert not usable_bins(frequencies, lines)[(frequencies > 45.8) & (frequencies < 54.2)].any()
