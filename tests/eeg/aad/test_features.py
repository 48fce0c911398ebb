"""Onsets and bands are what they are called, and what a feature adds is found where it adds something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cogattn.eeg.aad.features import N_BANDS, bands, columns_of, onsets, with_features
from cogattn.eeg.aad.forward import ForwardModel, fit_left_out, gains_left_out
from cogattn.eeg.aad.lagged import Lags
from cogattn.eeg.aad.penalties import Problem
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, convolve, speech_envelope
from cogattn.eeg.recordings.sources import load

SFREQ = 64.0


def test_onsets_are_the_rise_of_the_envelope() -> None:
    envelope = np.array([0.0, 1.0, 3.0, 2.0, 2.0, 5.0])
    np.testing.assert_array_equal(onsets(envelope, 10.0), [0, 10, 20, 0, 0, 30])


def test_a_tone_is_in_its_band_and_silence_follows_a_short_sound() -> None:
    t = np.arange(16000) / 8000
    found = [
        bands(np.sin(2 * np.pi * hz * t), 8000.0, sfreq=SFREQ, n_times=160) for hz in (200.0, 1000.0, 3500.0)
    ]
    assert all(one.shape == (160, N_BANDS) for one in found)
    loudest = [int(one[20:120].mean(axis=0).argmax()) for one in found]
    assert loudest == sorted(set(loudest))
    assert loudest[0] <= 1
    assert loudest[2] == N_BANDS - 1
    assert (found[0][128:] == 0).all()
    assert (found[0] >= 0).all()


def test_streams_hold_the_features_of_the_settings_in_order(aad) -> None:
    config = aad.small()
    recording = load(
        config.recordings, "listener 1", cleaning=config.cleaning, envelope=config.envelope, seed=config.seed
    )
    several = with_features(
        config.model_copy(update={"features": ("onsets", "envelope", "bands")}), recording
    )
    for before, after in zip(recording.trials, several.trials, strict=True):
        for role in ("attended", "unattended"):
            assert after.streams[role].shape == (len(before.eeg), 2 + N_BANDS)
            np.testing.assert_array_equal(after.streams[role][:, 1], before.streams[role])
            np.testing.assert_array_equal(
                after.streams[role][:, 0], onsets(before.streams[role], recording.sfreq)
            )
    assert with_features(config, recording) is recording
    assert columns_of(("onsets", "bands", "envelope")) == [0, *[1] * N_BANDS, 2]


@pytest.fixture(scope="module")
def answered():
    """EEG that answers the envelope and, elsewhere, another feature; a third is noise."""
    rng = np.random.default_rng(0)
    kernels = [np.outer([0.2, 1.0, 0.5], rng.standard_normal(5)) for _ in range(2)]
    stimulus, eeg = [], []
    for _ in range(8):
        first, second = (speech_envelope(rng, duration_s=20, sfreq=SFREQ) for _ in range(2))
        stimulus.append(np.column_stack([first, second, rng.standard_normal(first.size)]))
        noise = 8 * coloured_noise(rng, (first.size, 5), sfreq=SFREQ) * np.std(convolve(first, kernels[0]))
        eeg.append(convolve(first, kernels[0]) + convolve(second, kernels[1]) + noise)
    return stimulus, eeg, [([j for j in range(8) if j != k], [k]) for k in range(8)]


def gains(answered, **changes):
    stimulus, eeg, splits = answered
    settings = {"sfreq": SFREQ, "delays_s": (0.0, 0.2), "groups": [0, 1, 2], **changes}
    whole, without = gains_left_out(stimulus, eeg, splits, **settings)
    return whole, whole[:, None] - without


def test_features_that_are_answered_add_to_unseen_trials_and_noise_adds_nothing(answered) -> None:
    whole, gain = gains(answered)
    assert gain.shape == (8, 3)
    assert (gain[:, :2] > 0).all()
    assert abs(gain[:, 2].mean()) < 0.3 * gain[:, :2].mean(axis=0).min()
    assert whole.mean() > 0.1


def test_a_trial_is_predicted_by_models_that_have_not_seen_it(answered) -> None:
    stimulus, eeg, splits = answered
    whole, _ = gains(answered)
    for train, (k,) in splits[:2]:
        model = ForwardModel(SFREQ, 0.0, 0.2, bands=[0, 1, 2])
        model.fit([stimulus[j] for j in train], [eeg[j] for j in train])
        assert model.score([stimulus[k]], [eeg[k]]).mean() == pytest.approx(whole[k], abs=1e-9)


def test_pieces_of_a_trial_are_weighed_by_their_lengths(answered) -> None:
    stimulus, eeg, splits = answered
    cut = [*stimulus[:7], stimulus[7][:320], stimulus[7][320:]], [*eeg[:7], eeg[7][:320], eeg[7][320:]]
    pieces = [[k] for k in range(7)] + [[7, 8]]
    whole, _ = gains((*cut, splits), pieces=pieces, banded=False)
    model = ForwardModel(SFREQ, 0.0, 0.2).fit(stimulus[:7], eeg[:7])
    each = model.score([cut[0][7], cut[0][8]], [cut[1][7], cut[1][8]]).mean(axis=1)
    assert whole[7] == pytest.approx(np.average(each, weights=[320, 960]), abs=1e-9)


def test_scaling_moments_is_scaling_the_stimulus(answered) -> None:
    stimulus, eeg, _ = answered
    x, y = [s - s.mean(axis=0) for s in stimulus], [e - e.mean(axis=0) for e in eeg]
    lags, scale = Lags.forward(0.0, 0.2, SFREQ), np.array([1.0, 0.1, 10.0])
    ours = Problem.of(x, y, lags).scaled(scale)
    theirs = Problem.of([s * scale for s in x], y, lags)
    for a, b in zip(ours.parts, theirs.parts, strict=True):
        np.testing.assert_allclose(a.gram(), b.gram(), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(a.cross, b.cross, rtol=1e-9, atol=1e-9)
    (found,) = fit_left_out(theirs, [[0]], alphas=[3.0])
    (same,) = fit_left_out(ours, [[0]], alphas=[3.0])
    np.testing.assert_allclose(found.coef_, same.coef_, rtol=1e-6, atol=1e-12)


def test_features_have_rows_and_networks_one_of_them(aad) -> None:
    config = aad.small(features=["envelope", "onsets"], decoders=["forward", "ridge"], control=False)
    cells = {cell.label: cell for cell in aad.STUDY.cells(config)}
    outcome = aad.run_cell(config, cells["listener 1, features"])
    rows = outcome.trials["feature"]
    assert list(rows["feature"].unique()) == ["envelope", "onsets"]
    assert rows.groupby("feature").size().tolist() == [6, 6]
    assert np.isfinite(rows[["r", "without"]].to_numpy()).all()
    results = aad.summarised(config, {cells["listener 1, features"]: outcome})
    assert results.tables["features"]["gain"].notna().all()
    assert sum("adds" in remark for remark in results.remarks) == 2
    network = replace(cells["listener 1, ridge"], decoder="cnn")
    assert aad.STUDY.relevant(config, network).features == ("envelope",)
    assert not any("features" in cell.label for cell in aad.STUDY.cells(aad.small()))
