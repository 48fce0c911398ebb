"""Modulation transfer against filters whose transfer is known, and against what columns can carry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.signal import butter, freqz, lfilter

from cogattn.eeg.encoding.columns import Columns
from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.fronts import build
from cogattn.eeg.encoding.modulation import (
    cutoff_hz,
    layer_transfers,
    measure,
    probe,
    shape_correlation,
)
from cogattn.eeg.encoding.plan import MODULATION
from cogattn.eeg.encoding.transfers import listener_curves
from cogattn.eeg.types import FloatArray

RATE, SLOW = 2000.0, 200.0


@dataclass(frozen=True)
class LowPass:
    """Hears the very envelope (of a sound that is one), low-passed; beside it a feature that hears nothing."""

    cut_hz: float
    layers: tuple[str, ...] = ("output",)

    def __call__(self, sound: FloatArray, rate: float) -> dict[str, Columns]:
        slow = sound.reshape(-1, round(rate / SLOW)).mean(axis=1)
        b, a = butter(1, self.cut_hz, fs=SLOW)
        noise = np.random.default_rng(1).standard_normal((len(slow), 2))
        values = np.stack([lfilter(b, a, slow - slow.mean()), np.zeros(len(slow))], axis=1)
        times = (np.arange(len(slow)) + 0.5) / SLOW
        return {"output": Columns(times, values + np.array([0.02, 1.0]) * noise, 0.1, 0.0)}


def test_a_low_pass_has_its_own_gain_and_cutoff() -> None:
    _, envelope = probe(np.random.default_rng(0), duration_s=200.0, rate=RATE, high_hz=90.0)
    found = layer_transfers(LowPass(12.0), envelope, envelope, RATE, band_hz=(1.0, 60.0), segment_s=2.0)
    f, gain = found["frequency_hz"].to_numpy(), found["gain"].to_numpy()
    truth = np.abs(freqz(*butter(1, 12.0, fs=SLOW), worN=2 * np.pi * f / SLOW)[1])
    box = np.sinc(f / SLOW)  # the mean over ten samples
    ratio = gain / (truth * box)
    error_db = 20 * np.log10(ratio / ratio[f < 5].mean())
    assert np.abs(error_db[f < 40]).max() < 0.6
    assert np.abs(error_db).max() < 1.5  # far down its slope the filter lets little through
    assert cutoff_hz(f, gain) == pytest.approx(12.0, abs=1.0)
    assert set(found) == set(MODULATION) - {"observer"}


def test_a_front_end_that_hears_nothing_has_no_gain() -> None:
    _, envelope = probe(np.random.default_rng(2), duration_s=200.0, rate=RATE, high_hz=90.0)
    other = np.random.default_rng(3).standard_normal(len(envelope))
    found = layer_transfers(LowPass(12.0), other, envelope, RATE, band_hz=(1.0, 60.0), segment_s=2.0)
    heard = layer_transfers(LowPass(12.0), envelope, envelope, RATE, band_hz=(1.0, 60.0), segment_s=2.0)
    assert abs(found["coherence"].mean()) < 0.005
    assert found["gain"].mean() < 0.1 * heard["gain"].mean()


def test_gammatone_bands_carry_what_a_spectrogram_of_25_ms_frames_loses() -> None:
    settings = EncodingSettings(frame_hz=200.0)
    cut = {}
    for name in ("gammatone", "spectrogram"):
        found = measure(build(name, settings, seed=0), np.random.default_rng(0))
        cut[name] = cutoff_hz(found["frequency_hz"].to_numpy(), found["gain"].to_numpy())
    # power in a Hann window of 25 ms is 3 dB down near 0.72 / 25 ms = 29 Hz
    assert cut["spectrogram"] == pytest.approx(29, abs=6)
    assert not cut["gammatone"] < 45


def test_layers_are_measured_as_far_as_their_columns_carry() -> None:
    settings = EncodingSettings(image_size=64)
    front = build("test_convnext", settings, seed=0, all_layers=True)
    sound, envelope = probe(np.random.default_rng(0), duration_s=12.0, rate=16000.0, high_hz=60.0)
    found = layer_transfers(front, sound, envelope, 16000.0, band_hz=(1.0, 60.0), segment_s=2.0)
    rates = found.groupby("layer", sort=False)["rate_hz"].first()
    highest = found.groupby("layer", sort=False)["frequency_hz"].max()
    assert rates.tolist() == pytest.approx([25.0, 12.5, 6.25, 3.125], rel=0.02)
    assert (highest <= np.maximum(0.4 * rates, 1.0)).all()
    assert found.loc[found["layer"] == "stages.3", "gain"].isna().all()


def test_cutoffs_and_shapes_of_given_curves() -> None:
    f = np.arange(1.0, 60.0)
    gain = 1 / np.sqrt(1 + (f / 20) ** 2)
    assert cutoff_hz(f, gain) == pytest.approx(20, abs=1.0)
    assert np.isnan(cutoff_hz(f, np.ones(59)))
    assert np.isnan(cutoff_hz(f, np.full(59, np.nan)))
    assert shape_correlation(f, gain, f, 7 * gain**2) == pytest.approx(1.0)
    assert shape_correlation(f, gain, f, 1 / gain) == pytest.approx(-1.0)
    assert np.isnan(shape_correlation(f[:10], gain[:10], f[20:], gain[20:]))
    assert np.isnan(shape_correlation(f, np.ones(59), f, gain))


def test_listeners_follow_where_some_channel_does() -> None:
    spectrum = pd.DataFrame(
        {
            "observer": "a",
            "channel": ["Cz", "Fz"] * 3,
            "frequency_hz": [1.0, 1.0, 2.0, 2.0, 50.0, 50.0],
            "usable": [True] * 4 + [False] * 2,
            "gain": [3.0, 4.0, 1.0, 1.0, 9.0, 9.0],
            "q": [0.01, 0.5, 0.5, 0.5, 0.01, 0.01],
        }
    )
    found = listener_curves(spectrum, alpha=0.05)
    assert found["gain"].tolist() == pytest.approx([np.sqrt(12.5), 1.0])
    assert found["followed"].tolist() == [True, False]


def test_a_factory_is_not_called_untrained() -> None:
    """It brings its own weights, whatever `encoding.weights` says of timm's networks."""
    from cogattn.eeg.encoding.config import has_random_weights
    from cogattn.eeg.encoding.transfers import _note

    rows = pd.DataFrame({"frequency_hz": [1.0, 40.0], "rate_hz": [100.0, 100.0]})
    drawn, given = EncodingSettings(), EncodingSettings(weights="pretrained")
    told = [
        _note(name, drawn, rows).endswith("untrained") for name in ("test_resnet", "my_lab:net", "gammatone")
    ]
    assert told == [True, False, False]
    assert not has_random_weights("test_resnet", given)
