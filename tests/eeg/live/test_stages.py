"""Each stage carries its state: any chunks give what one pass gives; offsets, rates and edges are as they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.eeg.live import EnvelopeFollower
from cogattn.eeg.live.sampling import Resampler, ratio_of
from cogattn.eeg.live.stages import BandPass, Picked
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.errors import ConfigError, DataError

CUTS = st.lists(st.integers(0, 400), max_size=12)


def pushed(stage, rows: np.ndarray, cuts: list[int]) -> np.ndarray:
    return np.concatenate([stage.push(part) for part in np.split(rows, sorted(cuts)) if len(part)])


@given(CUTS, st.sampled_from([(512.0, 64.0), (500.0, 64.0), (128.0, 128.0), (50.0, 64.0), (250.0, 100.0)]))
@settings(max_examples=40)
def test_a_resampler_does_not_care_about_chunks(cuts, rates) -> None:
    rows = np.random.default_rng(0).standard_normal((400, 3))
    whole = Resampler(*rates, 9.0).push(rows)
    np.testing.assert_allclose(pushed(Resampler(*rates, 9.0), rows, cuts), whole, rtol=0, atol=1e-13)


@given(CUTS)
@settings(max_examples=30)
def test_a_band_pass_does_not_care_about_chunks(cuts) -> None:
    rows = np.random.default_rng(0).standard_normal((400, 3))
    whole = BandPass(1.0, 9.0, 64.0).push(rows)
    np.testing.assert_array_equal(pushed(BandPass(1.0, 9.0, 64.0), rows, cuts), whole)


@given(CUTS)
@settings(max_examples=10)
def test_an_envelope_follower_does_not_care_about_chunks(cuts) -> None:
    rows = np.random.default_rng(0).standard_normal((4000, 2))
    whole = EnvelopeFollower(16_000.0).push(rows)
    chunked = pushed(EnvelopeFollower(16_000.0), rows, [10 * cut for cut in cuts])
    np.testing.assert_allclose(chunked, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rates", [(512.0, 64.0), (500.0, 64.0), (44_100.0, 8_000.0), (50.0, 64.0)])
def test_a_resampled_sine_stands_where_it_should(rates) -> None:
    sfreq, new_sfreq = rates
    frequency = min(rates) / 12
    times = np.arange(round(40 * sfreq / frequency)) / sfreq
    out = Resampler(*rates, min(rates) / 4).push(np.sin(2 * np.pi * frequency * times)[:, None])[:, 0]
    expected = np.sin(2 * np.pi * frequency * np.arange(len(out)) / new_sfreq)
    middle = slice(len(out) // 4, 3 * len(out) // 4)
    assert np.abs(out - expected)[middle].max() < 3e-3


@pytest.mark.parametrize("sfreq", [127.7, 333.25, 1000 / 3, 2048.0])
def test_a_rate_in_single_precision_is_the_same_rate(sfreq) -> None:
    assert ratio_of(float(np.float32(sfreq)), 64.0) == ratio_of(sfreq, 64.0)
    assert ratio_of(float(np.float32(sfreq)), sfreq) == 1
    assert float(ratio_of(sfreq, 64.0)) == pytest.approx(sfreq / 64, rel=1e-7)


def test_what_would_alias_into_the_band_is_kept_out() -> None:
    times = np.arange(512 * 20) / 512.0
    out = Resampler(512.0, 64.0, 9.0).push(np.sin(2 * np.pi * 60.0 * times)[:, None])[:, 0]  # would be 4 Hz
    assert np.abs(out[64:]).max() < 2e-3


def test_a_constant_stays_constant_at_odd_ratios_and_leaves_no_trace_in_the_band() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2000, 2))
    for offset in (50.0, -5000.0):
        clean, shifted = (
            BandPass(1.0, 9.0, 64.0).push(Resampler(500.0, 64.0, 9.0).push(part))
            for part in (rows, rows + offset)
        )
        np.testing.assert_allclose(shifted, clean, rtol=0, atol=1e-12 * abs(offset))


def test_the_delay_of_a_band_pass_is_where_its_energy_comes_through() -> None:
    band = BandPass(1.0, 9.0, 64.0)
    rng = np.random.default_rng(0)
    bursts = np.zeros((64 * 400, 1))
    starts = np.arange(64, len(bursts) - 128, 128)
    bursts[starts] = rng.choice([-1.0, 1.0], (len(starts), 1))
    out = band.push(bursts)[:, 0]
    energy = np.mean([out[s : s + 128] ** 2 for s in starts], axis=0)
    centroid = energy @ np.arange(128) / energy.sum() / 64
    assert abs(centroid - band.delay_s) < 0.01
    assert 0.3 < band.settling_s < 2


def test_a_followed_envelope_is_that_of_recordings() -> None:
    rng = np.random.default_rng(0)
    slow = np.interp(np.arange(10 * 16_000) / 16_000, np.arange(160) / 16, rng.random(160))
    sound = slow * rng.standard_normal(len(slow))
    live = Resampler(8000.0, 64.0, 9.0).push(EnvelopeFollower(16_000.0).push(sound[:, None]))[:, 0]
    offline = Envelope(sfreq=64.0)(sound, 16_000.0)[: len(live)]
    both = [BandPass(1.0, 9.0, 64.0).push(x[:, None])[64:, 0] for x in (live, offline)]
    assert np.corrcoef(*both)[0, 1] > 0.999


def test_channels_are_found_by_name_and_referenced() -> None:
    rows = np.array([[1.0, 2.0, 4.0, 9.0]])
    available = ("A", "B", "C", "M")
    np.testing.assert_allclose(Picked(available, ("C", "A"), "none")(rows), [[4.0, 1.0]])
    np.testing.assert_allclose(Picked(available, ("C", "A"), "average")(rows), [[1.5, -1.5]])
    np.testing.assert_allclose(Picked(available, ("C", "A"), ("M",))(rows), [[-5.0, -8.0]])
    with pytest.raises(DataError, match="missing: X"):
        Picked(available, ("X", "A"), "average")
    with pytest.raises(DataError, match="twice"):
        Picked(("A", "A"), ("A",), "none")


def test_impossible_rates_are_refused() -> None:
    with pytest.raises(ConfigError, match="half the lower rate"):
        Resampler(512.0, 16.0, 9.0)
    with pytest.raises(ConfigError, match=r"simple ratio; got 20000.61803 and 64 Hz$"):
        Resampler(20_000.6180339887, 64.0, 9.0)
    with pytest.raises(ConfigError, match="8000 Hz"):
        EnvelopeFollower(4000.0)
    with pytest.raises(ConfigError, match="low_hz < high_hz"):
        BandPass(9.0, 1.0, 64.0)
