"""Encoding models against normal equations written out, useless features, and listeners of known kind."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.fronts import FrontEnd, aligned, build, of_module
from cogattn.eeg.encoding.model import SCALES, Heard, explain
from cogattn.eeg.encoding.simulate import RATE, SFREQ, Talker, two_bands
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

from .conftest import filtered

N = 8


class Changes(nn.Module):
    """Reads waveforms: how fast loudness changes, up or down."""

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        level = nn.functional.avg_pool1d(sound.abs()[:, None], 480, 80, padding=240)[:, 0]
        return torch.diff(level, dim=1, prepend=level[:, :1]).abs()[:, :, None]


def features_of(front: FrontEnd, sounds: list[FloatArray]) -> list[FloatArray]:
    found = [next(iter(front(sound, RATE).values())) for sound in sounds]
    return filtered(
        [aligned(c, round(len(s) / RATE * SFREQ), SFREQ) for c, s in zip(found, sounds, strict=True)]
    )


def change_of(talker: Talker) -> FloatArray:
    return np.abs(np.diff(talker.envelope, prepend=talker.envelope[0]))


def ridge_by_hand(
    x: list[FloatArray], y: list[FloatArray], test: int, n_lags: int, alpha: float
) -> FloatArray:
    """Predict a trial from the rows of all others, lags 0 ... n_lags - 1, as one equation."""

    def rows(trial: FloatArray) -> FloatArray:
        late = [
            np.concatenate([np.zeros((k, trial.shape[1])), trial[: len(trial) - k]]) for k in range(n_lags)
        ]
        return np.concatenate(late, axis=1)

    a = np.concatenate([rows(t) for k, t in enumerate(x) if k != test])
    b = np.concatenate([t for k, t in enumerate(y) if k != test])
    weights = np.linalg.solve(a.T @ a + alpha * np.trace(a.T @ a) / a.shape[1] * np.eye(a.shape[1]), a.T @ b)
    return rows(x[test]) @ weights


def test_the_features_model_is_ridge_on_components_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogattn.eeg.encoding.model.RELATIVE_ALPHAS", (0.1,))
    rng = np.random.default_rng(0)
    features = [rng.standard_normal((200, 5)) @ rng.standard_normal((5, 5)) for _ in range(4)]
    features = [f - f.mean(axis=0) for f in features]
    eeg = [f[:, :3] + rng.standard_normal((200, 3)) for f in features]
    eeg = [e - e.mean(axis=0) for e in eeg]
    envelope = [rng.standard_normal(200) for _ in features]
    found = explain(
        eeg,
        Heard(envelope, features),
        sfreq=100.0,
        tmax=0.03,
        n_components=3,
        shift=False,
        folds=[([0, 1, 3], [2])],
    )
    stacked = np.concatenate([features[k] for k in (0, 1, 3)])
    sd = stacked.std(axis=0)
    values, vectors = np.linalg.eigh(np.cov((stacked / sd).T, bias=True))
    basis = vectors[:, -3:] / sd[:, None] / np.sqrt(values[-3:].mean())
    predicted = ridge_by_hand([f @ basis for f in features], eeg, 2, 4, 0.1)
    by_hand = [np.corrcoef(predicted[:, c], eeg[2][:, c])[0, 1] for c in range(3)]
    assert np.allclose(found.features[2], by_hand, atol=1e-6)
    assert np.isnan(found.features[[0, 1, 3]]).all()


def test_the_joint_model_is_ridge_with_two_penalties(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cogattn.eeg.encoding.model.RELATIVE_ALPHAS", (0.1,))
    monkeypatch.setattr("cogattn.eeg.encoding.model.SCALES", (0.3,))
    rng = np.random.default_rng(1)
    features = [rng.standard_normal((300, 1)) for _ in range(4)]
    envelope = [rng.standard_normal(300) for _ in range(4)]
    features, envelope = ([v - v.mean(axis=0) for v in values] for values in (features, envelope))
    eeg = [
        (e[:, None] + 2 * f) + 0.5 * rng.standard_normal((300, 2))
        for e, f in zip(envelope, features, strict=True)
    ]
    eeg = [e - e.mean(axis=0) for e in eeg]
    found = explain(eeg, Heard(envelope, features), sfreq=100.0, tmax=0.02, shift=False)
    assert (found.scale == 0.3).all()
    train = [k for k in range(4) if k != 1]
    sd_e = np.sqrt(np.mean(np.concatenate([envelope[k] for k in train]) ** 2))
    sd_f = np.concatenate([features[k] for k in train]).std()
    both = [
        np.stack([e / sd_e, 0.3 * f[:, 0] / sd_f], axis=1) for e, f in zip(envelope, features, strict=True)
    ]
    predicted = ridge_by_hand(both, eeg, 1, 3, 0.1)
    by_hand = [np.corrcoef(predicted[:, c], eeg[1][:, c])[0, 1] for c in range(2)]
    assert np.allclose(found.both[1], by_hand, atol=1e-6)


def test_a_tested_trial_teaches_nothing() -> None:
    rng = np.random.default_rng(2)
    features = [rng.standard_normal((200, 6)) for _ in range(5)]
    envelope = [rng.standard_normal(200) for _ in range(5)]
    eeg = [
        f[:, :2] + e[:, None] + rng.standard_normal((200, 2)) for f, e in zip(features, envelope, strict=True)
    ]
    once = explain(eeg, Heard(envelope, features), sfreq=32.0, n_components=2, shift=False)
    louder = [f * (50.0 if k == 0 else 1.0) for k, f in enumerate(features)]
    changed = [e * (50.0 if k == 0 else 1.0) for k, e in enumerate(eeg)]
    again = explain(changed, Heard(envelope, louder), sfreq=32.0, n_components=2, shift=False)
    assert np.allclose(once.features[0], again.features[0], atol=1e-9)
    assert not np.allclose(once.features[1], again.features[1], atol=1e-3)


@pytest.mark.slow
def test_useless_features_gain_about_nothing(talkers: list[Talker], heard) -> None:
    """Four listeners who follow the envelope; 12 random features. The bound is a twentieth of the envelope's r."""
    envelope = filtered([t.envelope for t in talkers])
    gains, r = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        eeg = heard(rng, [t.envelope for t in talkers])
        useless = filtered([rng.standard_normal((len(e), 12)) for e in eeg])
        found = explain(eeg, Heard([e[:, 0] for e in envelope], useless), sfreq=SFREQ)
        gains += [found.gain.mean(), (found.shifted - found.envelope).mean()]
        r.append(found.envelope.mean())
    assert np.mean(r) > 0.1
    assert abs(np.mean(gains)) < 0.05 * np.mean(r)
    assert np.mean(gains) <= 0.001


def gains_of(talkers: list[Talker], signals: list[FloatArray], heard) -> dict[str, float]:
    """What gammatone bands and changes of loudness add to the envelope of a listener who follows these signals."""
    sounds = [t.sound for t in talkers]
    settings = EncodingSettings(sound_hz=RATE)
    waveform = settings.model_copy(update={"hears": "waveform", "window_s": 2.0})
    fronts = {"bands": build("gammatone", settings, seed=0), "changes": of_module(Changes(), waveform)}
    envelope = [e[:, 0] for e in filtered([t.envelope for t in talkers])]
    eeg = heard(np.random.default_rng(5), signals, snr_db=-6.0)
    return {
        name: float(
            explain(
                eeg, Heard(envelope, features_of(front, sounds)), sfreq=SFREQ, n_components=8, shift=False
            ).gain.mean()
        )
        for name, front in fronts.items()
    }


@pytest.mark.slow
def test_a_listener_to_bands_is_explained_by_bands(talkers: list[Talker], heard) -> None:
    followed = [t.envelope + 1.5 * (t.bands[:, 0] - t.bands[:, 1]) for t in talkers]
    gain = gains_of(talkers, followed, heard)
    assert gain["bands"] > 0.1
    assert abs(gain["changes"]) < 0.02


@pytest.mark.slow
def test_a_listener_to_changes_is_explained_by_changes(heard) -> None:
    rng = np.random.default_rng(8)
    talkers = [two_bands(rng, duration_s=30.0, alike=True) for _ in range(N)]
    followed = [t.envelope / t.envelope.std() + change_of(t) / change_of(t).std() for t in talkers]
    gain = gains_of(talkers, followed, heard)
    assert gain["changes"] > 0.05
    assert abs(gain["bands"]) < 0.3 * gain["changes"]


@pytest.mark.slow
def test_a_listener_to_the_envelope_leaves_nothing_to_explain(talkers: list[Talker], heard) -> None:
    gain = gains_of(talkers, [t.envelope for t in talkers], heard)
    assert max(map(abs, gain.values())) < 0.005


def test_the_attended_talker_is_told_from_the_ignored_one(talkers: list[Talker], heard) -> None:
    attended, ignored = talkers[:4], talkers[4:]
    eeg = heard(np.random.default_rng(7), [t.envelope for t in attended])
    streams = [
        Heard([e[:, 0] for e in filtered([t.envelope for t in side])], filtered([t.bands for t in side]))
        for side in (attended, ignored)
    ]
    found = explain(eeg, *streams, sfreq=SFREQ, shift=False)
    assert found.features.mean() - found.features_unattended.mean() > 0.1
    assert abs(found.both_unattended.mean()) < 0.05


def test_what_cannot_be_compared_is_refused() -> None:
    rng = np.random.default_rng(0)
    eeg = [rng.standard_normal((100, 2)) for _ in range(4)]
    envelope = [rng.standard_normal(100) for _ in range(4)]
    short = [rng.standard_normal((99, 2)) for _ in range(4)]
    with pytest.raises(DataError, match="as long as the EEG"):
        explain(eeg, Heard(envelope, short), sfreq=32.0)
    same = [rng.standard_normal((100, 2)) for _ in range(4)]
    with pytest.raises(DataError, match="folds must train on two trials"):
        explain(eeg, Heard(envelope, same), sfreq=32.0, folds=[([0, 1, 2], [2])])
    with pytest.raises(DataError, match="at least 3 trials"):
        explain(eeg[:2], Heard(envelope[:2], same[:2]), sfreq=32.0)
    with pytest.raises(DataError, match="features must vary"):
        explain(eeg, Heard(envelope, [np.ones((100, 2))] * 4), sfreq=32.0)
    assert len(SCALES) > 1
