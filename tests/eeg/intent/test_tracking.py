"""How a decoded envelope follows the sounds of a scene, learned from held-out trials."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.intent import Tracking
from cogattn.eeg.intent.components import part_of
from cogattn.eeg.intent.tracking import shrunk
from cogattn.errors import DataError

from .conftest import BAND, tracking_at


def parts_in_band(scene) -> np.ndarray:
    return BAND.of(BAND.from_frames(np.stack(part_of(scene.attended, scene.other), axis=1)))


def test_gains_and_noise_are_recovered(scenes) -> None:
    rng = np.random.default_rng(0)
    decoded = []
    for scene in scenes:
        parts = parts_in_band(scene)
        noise = 0.05 * BAND.of(rng.standard_normal(len(parts)))
        decoded.append(0.3 * parts[:, 0] + 0.1 * parts[:, 1] + noise)
    found = Tracking.fit(decoded, [(s.attended, s.other) for s in scenes], band=BAND)
    np.testing.assert_allclose([found.attended_gain, found.other_gain], [0.3, 0.1], atol=0.01)
    truth = np.var(0.05 * BAND.of(rng.standard_normal(100_000)))
    np.testing.assert_allclose(found.noise[0], truth, rtol=0.1)


def test_what_two_sounds_add_is_the_envelope_of_their_mixture(scenes) -> None:
    from cogattn.eeg.intent.components import levels_of, spectrum_of

    first, second = part_of(scenes[0].attended, scenes[0].other)
    np.testing.assert_allclose(
        first + second, levels_of(spectrum_of(scenes[0].mixture)).sum(axis=0), rtol=1e-9
    )
    mine, usual = parts_in_band(scenes[0])[:640, 0], scenes[0].envelope
    assert np.corrcoef(mine, usual)[0, 1] > 0.8


def test_a_decoder_that_follows_nobody_has_mostly_no_contrast(scenes) -> None:
    contrasts = np.array([tracking_at(0.0, scenes, seed).contrast for seed in range(20)])
    followed = tracking_at(0.6, scenes).contrast
    assert np.mean(contrasts == 0) >= 0.4
    assert contrasts.max() < 0.5 * followed


def test_shrinking_takes_away_what_the_variance_explains() -> None:
    assert shrunk(-1.0, 0.0) == shrunk(1.0, 1.5) == 0.0
    assert shrunk(1.0, 0.0) == 1.0
    np.testing.assert_allclose(shrunk(2.0, 1.0), 1.5)


def test_one_trial_or_sounds_of_another_length_are_refused(scenes) -> None:
    first = scenes[0]
    with pytest.raises(DataError, match="two trials or more"):
        Tracking.fit([first.envelope], [(first.attended, first.other)], band=BAND)
    with pytest.raises(DataError, match="as long as the reconstruction"):
        Tracking.fit([first.envelope[:300]] * 2, [(first.attended, first.other)] * 2, band=BAND)
