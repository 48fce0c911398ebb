"""Selecting and enhancing the attended talker, and what decoding errors cost."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.aad import RidgeDecoder
from cogattn.eeg.aad.intent import (
    MaskEnhancer,
    SpeakerTokens,
    condition,
    expected_error,
    si_sdr,
    talker_features,
)
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_eeg, speech_envelope
from cogattn.errors import DataError

SFREQ, AUDIO = 64.0, 8000.0


def talker(rng, *, pitch_hz: float, duration_s: float = 20.0) -> np.ndarray:
    """Harmonics of a pitch under a speech-like envelope."""
    times = np.arange(round(duration_s * AUDIO)) / AUDIO
    loudness = np.interp(times, np.arange(round(duration_s * SFREQ)) / SFREQ, speech_envelope(
        rng, duration_s=duration_s, sfreq=SFREQ
    ))  # fmt: skip
    return loudness * sum(np.sin(2 * np.pi * k * pitch_hz * times + k) / k for k in range(1, 12))


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    listener = draw_listener(rng, name="S", n_channels=8, sfreq=SFREQ, snr_db=-12)
    sounds = [(talker(rng, pitch_hz=110), talker(rng, pitch_hz=190)) for _ in range(4)]
    envelope = Envelope(sfreq=SFREQ)
    heard = [[envelope(s, AUDIO) for s in pair] for pair in sounds]
    eeg = [simulate_eeg(rng, listener, a, u, sfreq=SFREQ) for a, u in heard]
    return sounds, eeg, RidgeDecoder(SFREQ).fit(eeg[:3], [pair[0] for pair in heard[:3]])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_attended_talker_is_selected_and_enhanced(scene, order) -> None:
    sounds, eeg, decoder = scene
    streams = [sounds[3][i] for i in order]
    mixture = sum(streams)
    found = condition(decoder, eeg[3], mixture, streams, audio_sfreq=AUDIO, model=MaskEnhancer())
    assert order[found.selected] == 0
    assert found.margin > 0
    assert si_sdr(found.output, sounds[3][0]) > si_sdr(mixture, sounds[3][0]) + 6


def test_any_speech_model_can_take_the_place_of_the_default(scene) -> None:
    sounds, eeg, decoder = scene

    def transcriber(mixture, attended, others, *, sfreq) -> str:
        return f"{attended.size / sfreq:g} s of speech"

    found = condition(decoder, eeg[3], sum(sounds[3]), sounds[3], audio_sfreq=AUDIO, model=transcriber)
    assert found.output == "20 s of speech"


def test_tokens_tell_talkers_apart_and_follow_the_decoder() -> None:
    rng = np.random.default_rng(1)
    voices = [talker_features(talker(rng, pitch_hz=p, duration_s=5), AUDIO) for p in (100, 102, 230, 234)]
    tokens = SpeakerTokens(2).fit(np.array(voices))
    labels = tokens.token(np.array(voices))
    assert labels[0] == labels[1] != labels[2] == labels[3]
    p = tokens.decode([0.15, 0.02], np.array([voices[0], voices[2]]))
    assert p.argmax() == labels[0]
    np.testing.assert_allclose(p.sum(), 1)


def test_si_sdr_ignores_scale_and_measures_noise() -> None:
    rng = np.random.default_rng(0)
    sound, noise = rng.standard_normal((2, 100_000))
    np.testing.assert_allclose(si_sdr(3 * (sound + 0.1 * noise), sound), 20, atol=0.1)


def test_expected_error_is_a_mixture_and_equals_simulated_decisions() -> None:
    np.testing.assert_allclose(expected_error([1, 0, 0.5], on_target=10, on_other=90), [10, 90, 50])
    right = np.random.default_rng(0).random(100_000) < 0.8
    simulated = np.where(right, 10, 90).mean()
    np.testing.assert_allclose(expected_error(0.8, on_target=10, on_other=90), simulated, rtol=0.02)
    with pytest.raises(DataError, match="accuracy"):
        expected_error(1.2, on_target=0, on_other=1)


def test_one_stream_or_a_short_one_is_refused(scene) -> None:
    sounds, eeg, decoder = scene
    with pytest.raises(DataError, match="two talkers"):
        condition(decoder, eeg[3], sounds[3][0], sounds[3][:1], audio_sfreq=AUDIO, model=MaskEnhancer())
    short = [s[:8000] for s in sounds[3]]
    with pytest.raises(DataError, match="as long as the EEG"):
        condition(decoder, eeg[3], sum(short), short, audio_sfreq=AUDIO, model=MaskEnhancer())


def test_errors_of_the_decoder_reach_the_sound_as_expected(scene) -> None:
    sounds, eeg, decoder = scene
    enhance, length_s, rng = MaskEnhancer(), 1, np.random.default_rng(0)
    right, heard, on_target, on_other = [], [], [], []
    for clean, pair in zip(eeg, sounds, strict=True):
        trial = clean + 1.5 * clean.std() * rng.standard_normal(clean.shape)
        for start_s in range(0, 20, length_s):
            part = slice(int(start_s * SFREQ), int((start_s + length_s) * SFREQ))
            cut = [s[int(start_s * AUDIO) : int((start_s + length_s) * AUDIO)] for s in pair]
            found = condition(decoder, trial[part], sum(cut), cut, audio_sfreq=AUDIO, model=enhance)
            right.append(found.selected == 0)
            heard.append(si_sdr(found.output, cut[0]))
            on_target.append(si_sdr(enhance(sum(cut), *cut, sfreq=AUDIO), cut[0]))
            on_other.append(si_sdr(enhance(sum(cut), *cut[::-1], sfreq=AUDIO), cut[0]))
    assert 0.6 < np.mean(right) < 1
    expected = expected_error(np.mean(right), on_target=np.mean(on_target), on_other=np.mean(on_other))
    # the decoder's mistakes are not quite independent of the sounds, hence the tolerance in decibels
    assert abs(np.mean(heard) - expected) < 1.5
