"""What front ends hear: when, from when on, until when; networks small and untrained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from cogattn.eeg.encoding.columns import Columns
from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.fronts import aligned, build, content, network, of_module
from cogattn.eeg.types import FloatArray
from cogattn.errors import ObserverError

RATE = 16000.0
SETTINGS = EncodingSettings(image_size=64, n_mels=64)


def noise(seconds: float = 8.0) -> FloatArray:
    return np.random.default_rng(0).standard_normal(round(seconds * RATE))


class Convolution(nn.Module):
    """One layer of 5 frames, stride 2, all bands: its receptive field is known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, (64, 5), stride=(1, 2), padding=(0, 2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.conv(images)


class Loudness(nn.Module):
    """Reads waveforms: mean magnitude of 10-ms pieces and its rise."""

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        level = nn.functional.avg_pool1d(sound.abs()[:, None], 160)[:, 0]
        rise = torch.relu(torch.diff(level, dim=1, prepend=level[:, :1]))
        return torch.stack([level, rise], dim=2)


def columns_of(module: nn.Module, settings: EncodingSettings, sound: FloatArray) -> Columns:
    (found,) = of_module(module.eval(), settings)(sound, RATE).values()
    return found


def test_the_receptive_field_of_a_convolution_is_its_kernel() -> None:
    torch.manual_seed(0)
    found = columns_of(Convolution(), SETTINGS, noise())
    # the kernel covers 2 frames before and after frame 2 j; the column's middle is frame 2 j + 1
    assert found.past_s == pytest.approx(0.03 + 0.0125)
    assert found.future_s == pytest.approx(0.02 + 0.0125)
    assert np.allclose(np.diff(found.times_s), 0.02)


def test_windows_set_end_to_end_are_the_whole_sound_at_once() -> None:
    torch.manual_seed(0)
    module = Convolution().eval()
    found = columns_of(module, SETTINGS, noise())
    from cogattn.eeg.encoding.spectrogram import log_mel

    levels, _ = log_mel(noise(), RATE)
    image = torch.from_numpy((levels.T + 60) / 80).float()
    with torch.inference_mode():
        whole = module(((image - 0.5) / 0.25).expand(1, 3, -1, -1))[0, :, 0].T.numpy()
    inner = slice(4, 396)  # silence begins where the sound ends
    assert np.abs(found.values[inner] - whole[inner]).max() < 1e-4


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext"])
def test_causal_features_do_not_know_what_was_not_heard(name: str) -> None:
    settings = EncodingSettings(image_size=160)
    front = build(name, settings, seed=0)
    sound = noise(10.0)
    other = sound.copy()
    other[80000:] = np.random.default_rng(9).standard_normal(80000)  # another future from 5 s on
    pair = [next(iter(front(s, RATE).values())) for s in (sound, other)]
    first, second = (aligned(c, 320, 32.0) for c in pair)
    change = np.abs(first - second).max(axis=1) / first.std()
    # splines and the filter of the resampling spread a little, over a few samples
    assert change[:152].max() < 1e-3 < 0.1 < change[168:].max()
    told = np.abs(aligned(pair[0], 320, 32.0, causal=False) - aligned(pair[1], 320, 32.0, causal=False))
    assert told[:160].max() > 10 * np.abs(first - second)[:160].max()


def test_attention_sees_the_whole_window() -> None:
    (found,) = build("test_vit", EncodingSettings(), seed=0)(noise(), RATE).values()
    assert found.past_s + found.future_s > 1.6
    assert found.future_s > 0.8


def test_a_network_that_reads_waveforms_gives_a_column_for_each_of_its_times() -> None:
    settings = EncodingSettings(hears="waveform", window_s=2.0)
    found = columns_of(Loudness(), settings, noise())
    assert found.values.shape == (800, 2)
    assert found.future_s == pytest.approx(0.005, abs=1e-3)
    assert 0.005 <= found.past_s <= 0.016  # the rise looks one piece back


def test_features_stand_at_the_time_of_what_they_are_of() -> None:
    sound = 1e-3 * noise()
    sound[64000:65600] += np.random.default_rng(2).standard_normal(1600)  # a burst at 4.0-4.1 s
    found = columns_of(Loudness(), EncodingSettings(hears="waveform", window_s=2.0), sound)
    values = aligned(found, 512, 64.0, causal=False)
    assert np.argmax(values[:, 0]) / 64 == pytest.approx(4.05, abs=0.05)
    delayed = aligned(replace(found, future_s=0.5), 512, 64.0)
    assert np.argmax(delayed[:, 0]) / 64 == pytest.approx(4.55, abs=0.05)


@pytest.mark.parametrize("name", ["gammatone", "spectrogram", "test_resnet", "test_vit", "test_efficientnet"])
def test_every_front_end_gives_finite_features_on_the_samples_of_the_eeg(name: str) -> None:
    settings = EncodingSettings()
    (found,) = build(name, settings, seed=0)(noise(6.0), RATE).values()
    values = aligned(found, 192, 32.0)
    assert len(values) == 192
    assert np.isfinite(values).all()
    assert values.std(axis=0).max() > 0


def test_untrained_networks_follow_from_the_seed_and_controls_from_another_draw() -> None:
    def weights(seed: int, *, untrained: bool) -> torch.Tensor:
        module = network("test_resnet", EncodingSettings(), seed=seed, untrained=untrained)
        return next(module.parameters())

    assert torch.equal(weights(0, untrained=False), weights(0, untrained=False))
    assert not torch.equal(weights(0, untrained=False), weights(1, untrained=False))


def test_names_and_layers_that_nobody_has_are_refused_by_name() -> None:
    with pytest.raises(ObserverError, match="test_resnet"):
        build("test_resnett", EncodingSettings(), seed=0)
    front = build("test_resnet", EncodingSettings(layer="layer9"), seed=0)
    with pytest.raises(ObserverError, match=r"encoding\.layer must be one of test_resnet's .* got layer9"):
        front(noise(4.0), RATE)
    flat = build("test_resnet", EncodingSettings(layer="fc"), seed=0)
    with pytest.raises(ObserverError, match="axis of time"):
        flat(noise(4.0), RATE)


def test_a_factory_is_known_by_weights_and_code(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from torch import nn\n\ndef build(width=2):\n    return nn.Conv2d(3, width, 3, padding=1)\n"
    (tmp_path / "my_front_end.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings = EncodingSettings(image_size=64)
    known = content("my_front_end:build(width=3)", settings, seed=0)
    assert set(known) >= {"weights", "code"}
    assert known != content("my_front_end:build(width=3)", settings, seed=1)
    assert known == content("my_front_end:build(width=3)", settings, seed=0)
    front = build("my_front_end:build(width=3)", settings, seed=0)
    assert front(noise(4.0), RATE)["output"].values.shape[1] == 3
    assert content("gammatone", settings, seed=0) == {}
