"""Envelopes: the published bank, an independent gammatone, and what a modulated tone must give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import wavfile

from cogattn.eeg.recordings.envelope import Envelope, erb_centres, gammatone_band, read_audio
from cogattn.errors import DataError

PUBLISHED_CENTRES_HZ = (
    *(178.7, 250.3, 334.5, 433.5, 549.9, 686.8, 847.7, 1036.9),
    *(1259.3, 1520.9, 1828.4, 2190.0, 2615.1, 3114.9, 3702.6),
)


def test_the_bank_has_the_published_centres() -> None:
    np.testing.assert_allclose(erb_centres(150, 4000, 1.5), PUBLISHED_CENTRES_HZ, atol=0.06)


@pytest.mark.parametrize("centre_hz", [250.3, 1036.9, 2615.1])
def test_a_band_matches_an_independent_gammatone(centre_hz: float) -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(16000)
    times = np.arange(1024) / 8000
    width = 1.019 * 24.7 * (4.37e-3 * centre_hz + 1)
    response = times**3 * np.exp(-2 * np.pi * width * times) * np.cos(2 * np.pi * centre_hz * times)
    gain = np.abs(np.sum(response * np.exp(-2j * np.pi * centre_hz * times)))
    expected = np.convolve(sound, response / gain)[: sound.size]
    ours = gammatone_band(sound, 8000.0, centre_hz)
    assert np.corrcoef(ours, expected)[0, 1] > 0.999
    np.testing.assert_allclose(ours.std(), expected.std(), rtol=0.02)


@pytest.mark.parametrize("kind", ["gammatone", "hilbert", "rms"])
def test_an_amplitude_modulation_is_recovered(kind: str) -> None:
    times = np.arange(16000 * 8) / 16000
    modulation = 1 + 0.8 * np.sin(2 * np.pi * 3 * times)
    sound = modulation * np.sin(2 * np.pi * 1000 * times)
    envelope = Envelope(kind, sfreq=64.0)(sound, 16000.0)
    assert envelope.shape == (512,)
    assert envelope.min() >= 0
    expected = (
        1 + 0.8 * np.sin(2 * np.pi * 3 * (np.arange(512) + (0.5 if kind == "rms" else 0)) / 64)
    ) ** 0.6
    assert np.corrcoef(envelope[32:-32], expected[32:-32])[0, 1] > 0.99


def test_power_law_compresses_a_level_change() -> None:
    rng = np.random.default_rng(2)
    sound = rng.standard_normal(8000)
    envelope = Envelope()
    np.testing.assert_allclose(envelope(10 * sound, 8000.0), 10**0.6 * envelope(sound, 8000.0), rtol=1e-9)


def test_summed_bands_are_the_gammatone_envelope() -> None:
    sound = np.random.default_rng(2).standard_normal(8000)
    bands = Envelope().bands(sound, 8000.0)
    assert bands.shape == (64, 15)
    np.testing.assert_allclose(np.maximum(bands.sum(axis=1), 0), Envelope()(sound, 8000.0))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.float32])
def test_wav_files_are_read_at_full_scale_one(tmp_path, dtype) -> None:
    wave = np.stack([np.sin(np.arange(800) / 9), np.sin(np.arange(800) / 9)], axis=1) * 0.9
    scale = {np.int16: 2**15, np.int32: 2**31, np.uint8: 128}.get(dtype, 1)
    stored = wave * scale + (128 if dtype is np.uint8 else 0)
    wavfile.write(tmp_path / "a.wav", 8000, stored.astype(dtype))
    samples, rate = read_audio(tmp_path / "a.wav")
    assert rate == 8000
    np.testing.assert_allclose(samples, wave[:, 0], atol=0.01)


@pytest.mark.parametrize(
    ("sound", "word"),
    [(np.zeros(800), "silence"), (np.array([1.0, np.nan]), "finite"), (np.ones((8, 2)), "n_samples")],
)
def test_a_bad_sound_is_refused(sound, word) -> None:
    with pytest.raises(DataError, match=word):
        Envelope()(sound, 8000.0)


def test_an_unreadable_file_is_named(tmp_path) -> None:
    (tmp_path / "b.wav").write_bytes(b"RIFFxx")
    with pytest.raises(DataError, match=r"b\.wav"):
        read_audio(tmp_path / "b.wav")


def test_flac_is_read_by_soundfile(tmp_path) -> None:
    soundfile = pytest.importorskip("soundfile")
    wave = 0.5 * np.sin(np.arange(800) / 9)
    soundfile.write(tmp_path / "a.flac", wave, 8000)
    samples, rate = read_audio(tmp_path / "a.flac")
    assert rate == 8000
    np.testing.assert_allclose(samples, wave, atol=1e-4)
    (tmp_path / "b.flac").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"b\.flac"):
        read_audio(tmp_path / "b.flac")
