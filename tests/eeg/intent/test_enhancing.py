"""A mixture enhanced by a decoded envelope: what it gains, and that it is left alone when nothing was decoded."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.intent import LOUDNESS_ONLY, Band, EnvelopeEnhancer, Prior, Tracking, si_sdr
from cogattn.eeg.intent.components import SOUND_SFREQ, Components, components_of, sound_of, spectrum_of
from cogattn.eeg.intent.enhancing import posterior, take_apart
from cogattn.errors import DataError

from .conftest import BAND, tracking_at

USUAL = Prior()


def gain_db(scenes, r, prior=USUAL) -> float:
    *known, scene = scenes
    enhance = EnvelopeEnhancer(tracking_at(r, known), prior)
    decoded = scene.decoded(r, np.random.default_rng(9))
    found = enhance(scene.mixture, decoded, audio_sfreq=SOUND_SFREQ)
    return si_sdr(found, scene.attended) - si_sdr(scene.mixture, scene.attended)


def test_the_better_the_decoder_the_more_the_mixture_gains(scenes) -> None:
    perfect, good, fair = (gain_db(scenes, r) for r in (1.0, 0.6, 0.3))
    assert perfect > good > fair > 0.1
    assert perfect > 4


def test_components_do_more_than_a_gain_of_the_whole_mixture(scenes) -> None:
    assert gain_db(scenes, 0.6) > gain_db(scenes, 0.6, LOUDNESS_ONLY) + 0.5


def test_a_decoder_that_follows_nobody_leaves_the_mixture_as_it_is(scenes) -> None:
    scene = scenes[3]
    enhance = EnvelopeEnhancer(Tracking(BAND, 0.1, 0.1, np.ones(64)))
    found = enhance(scene.mixture, scene.decoded(1.0, np.random.default_rng(0)), audio_sfreq=SOUND_SFREQ)
    assert si_sdr(found, scene.mixture) > 60
    assert abs(gain_db(scenes, 0.0)) < 0.3


def test_the_other_talker_is_enhanced_for_a_listener_to_the_other(scenes) -> None:
    *known, scene = scenes
    enhance = EnvelopeEnhancer(tracking_at(0.99, known))
    swapped = type(scene)(scene.other, scene.attended)
    found = enhance(scene.mixture, swapped.decoded(0.99, np.random.default_rng(0)), audio_sfreq=SOUND_SFREQ)
    assert si_sdr(found, scene.other) > si_sdr(scene.mixture, scene.other) + 3
    assert si_sdr(found, scene.attended) < si_sdr(scene.mixture, scene.attended) - 3


def test_the_posterior_is_that_of_the_joint_normal_distribution() -> None:
    """Against the conditional mean of weights and observation, all written out as one covariance."""
    rng = np.random.default_rng(0)
    n, k = 120, 3
    levels, activations = rng.random((n, k)), rng.random((k, n))
    found = Components(np.ones((1, k)), activations, levels)
    noise = 0.3 * np.exp(-np.arange(20) / 3.0)
    tracking = Tracking(Band(2.0, 9.0, 32.0), 0.9, 0.2, noise)
    prior = Prior(lasting=0.1, passing=0.05, passing_s=0.2, kinship=0.4, gain=0.02)
    decoded = rng.standard_normal(n)
    got = posterior(found, levels, decoded, tracking, prior)

    lag = np.arange(n)[:, None] - np.arange(n)
    moment = np.exp(-0.5 * (lag / 32.0 / 0.2) ** 2)
    kin = 0.6 * np.eye(k) + 0.4 * np.corrcoef(np.sqrt(activations))
    weights = np.kron(kin, 0.1 + 0.05 * moment) + np.kron(
        np.ones((k, k)), 0.02 * moment
    )  # component by component
    band = tracking.band.of(np.eye(n))
    heard = 0.7 * band @ np.hstack([np.diag(levels[:, i]) for i in range(k)])  # (n, k * n)
    covariance = np.zeros((n, n))
    for i in range(20):
        covariance[np.abs(lag) == i] = noise[i]
    signal = heard @ weights @ heard.T
    covariance += signal + (0.01 * noise[0] + 1e-3 * np.trace(signal) / n) * np.eye(n)
    expected = 0.5 * 1.1 * band @ levels.sum(axis=1)
    truth = 0.5 + weights @ heard.T @ np.linalg.solve(covariance, decoded - expected)
    np.testing.assert_allclose(got, truth.reshape(k, n), atol=1e-8)


def test_components_add_up_to_the_envelope_and_to_the_mixture(scenes) -> None:
    from cogattn.eeg.intent.components import levels_of

    spectrum = spectrum_of(scenes[0].mixture)
    found = components_of(spectrum, n_components=8, seed=0)
    np.testing.assert_allclose(found.levels.sum(axis=1), levels_of(spectrum).sum(axis=0), rtol=1e-6)
    whole = found.mask(np.ones((8, spectrum.shape[1])))
    np.testing.assert_allclose(whole, 1, atol=1e-6)
    back = sound_of(spectrum, scenes[0].mixture.size)
    np.testing.assert_allclose(back, scenes[0].mixture, atol=1e-9)


def test_blocks_of_a_long_mixture_follow_each_other_without_gap(scenes) -> None:
    parts = take_apart(scenes[0].mixture, audio_sfreq=SOUND_SFREQ, n_components=4, block_s=6.0)
    frames = [frame for block, _ in parts.blocks for frame in range(block.start, block.stop)]
    assert frames == list(range(parts.spectrum.shape[1]))
    assert len(parts.blocks) == 4
    silent = Tracking(BAND, 0.0, 0.0, np.ones(8))
    found = EnvelopeEnhancer(silent).enhance(parts, np.zeros(640))
    assert si_sdr(found, scenes[0].mixture) > 60


def test_each_block_is_weighed_by_its_own_stretch_of_the_envelope(scenes) -> None:
    *known, scene = scenes
    parts = take_apart(scene.mixture, audio_sfreq=SOUND_SFREQ, n_components=12, block_s=7.0)
    enhance = EnvelopeEnhancer(tracking_at(0.99, known))
    found = enhance.enhance(parts, scene.decoded(0.99, np.random.default_rng(0)))
    last = slice(-round(6 * SOUND_SFREQ), None)
    gain = si_sdr(found[last], scene.attended[last]) - si_sdr(scene.mixture[last], scene.attended[last])
    assert gain > 3


def test_silence_and_what_does_not_last_as_long_are_refused(scenes) -> None:
    enhance = EnvelopeEnhancer(Tracking(BAND, 1.0, 0.0, np.ones(64)))
    with pytest.raises(DataError, match="mixture must be finite and vary"):
        enhance(np.zeros(16_000), np.zeros(64), audio_sfreq=SOUND_SFREQ)
    with pytest.raises(DataError, match="must last as long"):
        enhance(scenes[0].mixture, np.zeros(64), audio_sfreq=SOUND_SFREQ)
    with pytest.raises(DataError, match="low_hz and high_hz"):
        Band(1.0, 20.0, 32.0)
