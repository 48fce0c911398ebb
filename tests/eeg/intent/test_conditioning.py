"""A speech model gets sounds and how likely each is wanted, with and without a separation model."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.intent import (
    EnvelopeDriven,
    EnvelopeEnhancer,
    Selector,
    SeparatedTalkers,
    blend,
    condition,
    si_sdr,
)
from cogattn.eeg.intent.components import SOUND_SFREQ
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.errors import DataError

from .conftest import BAND, tracking_at


def given(*sounds):
    """A separation model that knows the answer."""
    return lambda mixture, *, sfreq: sounds


@pytest.mark.parametrize("attended_first", [True, False])
def test_the_talker_who_was_decoded_comes_out(scenes, attended_first) -> None:
    scene = scenes[3]
    order = (scene.attended, scene.other) if attended_first else (scene.other, scene.attended)
    talkers = SeparatedTalkers(given(*order), Selector(50.0, 5.0), BAND)
    decoded = scene.decoded(0.5, np.random.default_rng(0))
    found = condition(scene.mixture, decoded, audio_sfreq=SOUND_SFREQ, scene=talkers)
    assert found.intent.probabilities[0 if attended_first else 1] > 0.99
    assert si_sdr(found.output, scene.attended) > 30


def test_without_evidence_nobody_is_taken_away(scenes) -> None:
    scene = scenes[3]
    talkers = SeparatedTalkers(given(scene.attended, scene.other), Selector(0.0, 5.0), BAND)
    decoded = scene.decoded(0.5, np.random.default_rng(0))
    found = condition(scene.mixture, decoded, audio_sfreq=SOUND_SFREQ, scene=talkers)
    np.testing.assert_allclose(found.intent.probabilities, 0.5)
    np.testing.assert_allclose(found.output, scene.mixture / 2)


def test_three_talkers_have_three_probabilities(scenes) -> None:
    scene, third = scenes[3], scenes[0].attended
    talkers = SeparatedTalkers(given(third, scene.other, scene.attended), Selector(20.0, 5.0), BAND)
    decoded = scene.decoded(0.6, np.random.default_rng(0))
    found = condition(scene.mixture + third, decoded, audio_sfreq=SOUND_SFREQ, scene=talkers)
    assert found.intent.probabilities.argmax() == 2
    np.testing.assert_allclose(found.intent.probabilities.sum(), 1)


def test_any_speech_model_takes_the_place_of_the_default(scenes) -> None:
    scene = scenes[3]

    def transcriber(sounds, intent, *, sfreq) -> str:
        return (
            f"{len(sounds)} sound of {sounds[0].size / sfreq:g} s, wanted with {intent.probabilities[0]:.0%}"
        )

    way = EnvelopeDriven(EnvelopeEnhancer(tracking_at(0.6, scenes[:3])))
    decoded = scene.decoded(0.6, np.random.default_rng(0))
    found = condition(scene.mixture, decoded, audio_sfreq=SOUND_SFREQ, scene=way, model=transcriber)
    assert found.output == "1 sound of 20 s, wanted with 100%"
    sound = condition(scene.mixture, decoded, audio_sfreq=SOUND_SFREQ, scene=way).output
    assert si_sdr(sound, scene.attended) > si_sdr(scene.mixture, scene.attended) + 0.5


def test_the_envelope_may_be_the_users_own(scenes) -> None:
    scene = scenes[3]
    recipe = Envelope("rms", sfreq=64.0)
    talkers = SeparatedTalkers(given(scene.attended, scene.other), Selector(50.0, 5.0), BAND, recipe)
    decoded = scene.decoded(0.5, np.random.default_rng(0))
    assert (
        condition(scene.mixture, decoded, audio_sfreq=SOUND_SFREQ, scene=talkers).intent.probabilities[0]
        > 0.9
    )


def test_blending_has_the_least_squared_error_of_all_fixed_weights() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 4000))
    from cogattn.eeg.intent import Intent

    p = 0.8
    blended = blend([first, second], Intent(np.array([p, 1 - p]), first, 32.0), sfreq=8000.0)

    def risk(sound) -> float:
        return p * np.mean((sound - first) ** 2) + (1 - p) * np.mean((sound - second) ** 2)

    others = [w * first + (1 - w) * second for w in (0.0, 0.5, 0.7, 0.9, 1.0)]
    assert all(risk(blended) < risk(other) for other in others)


def test_a_separator_that_returns_one_sound_or_another_length_is_refused(scenes) -> None:
    scene = scenes[3]
    for sounds in ((scene.attended,), (scene.attended[:100], scene.other[:100])):
        talkers = SeparatedTalkers(given(*sounds), Selector(1.0, 5.0), BAND)
        with pytest.raises(DataError, match="two sounds or more"):
            condition(scene.mixture, scene.envelope, audio_sfreq=SOUND_SFREQ, scene=talkers)
    talkers = SeparatedTalkers(given(scene.attended, scene.other), Selector(1.0, 5.0), BAND)
    with pytest.raises(DataError, match="as long as"):
        condition(scene.mixture, scene.envelope[:200], audio_sfreq=SOUND_SFREQ, scene=talkers)


def test_si_sdr_ignores_scale_and_measures_noise() -> None:
    rng = np.random.default_rng(0)
    sound, noise = rng.standard_normal((2, 100_000))
    np.testing.assert_allclose(si_sdr(3 * (sound + 0.1 * noise), sound), 20, atol=0.1)
