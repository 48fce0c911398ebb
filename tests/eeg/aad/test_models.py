"""Forward models and CCA recover what was put in."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from cogattn.eeg.aad.cca import CcaDecoder
from cogattn.eeg.aad.forward import ForwardModel
from cogattn.eeg.aad.metrics import accuracy
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
from cogattn.errors import DataError

SFREQ = 64.0


def session(n_trials=6, snr_db=-10.0, duration_s=40.0, n_channels=6):
    rng = np.random.default_rng(2)
    listener = draw_listener(rng, name="S", n_channels=n_channels, sfreq=SFREQ, snr_db=snr_db)
    return listener, simulate_recording(rng, listener, n_trials=n_trials, duration_s=duration_s, sfreq=SFREQ)


def test_forward_model_recovers_the_response_and_its_timing() -> None:
    listener, made = session(snr_db=0.0, duration_s=120.0)
    both = [np.stack([t.streams["attended"], t.streams["unattended"]], axis=1) for t in made.trials]
    model = ForwardModel(SFREQ, tmin=-0.1, tmax=0.4).fit(both, made.eeg)
    before = round(0.1 * SFREQ)
    found, truth = model.coef_[before:, 0], listener.attended_trf
    assert np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.97
    assert np.abs(model.coef_[: before - 2, 0]).max() < 0.15 * np.abs(found).max()
    assert model.score(both, made.eeg).mean() > 0.3


def test_banded_ridge_drops_the_band_that_carries_nothing() -> None:
    _, made = session(snr_db=-15.0)
    rng = np.random.default_rng(0)
    stimulus = [
        np.column_stack([t.streams["attended"], rng.standard_normal((len(t.eeg), 8))]) for t in made.trials
    ]
    train, test = slice(0, 4), slice(4, 6)
    plain = ForwardModel(SFREQ, 0.0, 0.4).fit(stimulus[train], made.eeg[train])
    banded = ForwardModel(SFREQ, 0.0, 0.4, bands=[0] + [1] * 8).fit(stimulus[train], made.eeg[train])
    assert banded.scale_[1] == 0.1
    assert (
        banded.score(stimulus[test], made.eeg[test]).mean()
        > plain.score(stimulus[test], made.eeg[test]).mean()
    )
    with pytest.raises(DataError, match="bands"):
        ForwardModel(SFREQ, bands=[0, 1]).fit(stimulus, made.eeg)


def test_cca_equals_scikit_learn_without_context() -> None:
    rng = np.random.default_rng(0)
    sound = rng.standard_normal((2000, 1))
    eeg = sound @ rng.standard_normal((1, 4)) + rng.standard_normal((2000, 4))
    ours = CcaDecoder(SFREQ, 0.0, 0.0, n_components=1, shrinkage=0.0).fit(
        [eeg], [sound[:, 0]], [rng.standard_normal(2000)]
    )
    x, y = CCA(1, scale=False).fit_transform(eeg, sound)
    np.testing.assert_allclose(ours.canonical_[0], np.corrcoef(x.ravel(), y.ravel())[0, 1], rtol=1e-6)


def test_cca_decodes_attention_of_unseen_trials() -> None:
    _, made = session(n_trials=8, snr_db=-22.0)
    attended, unattended = made.stream("attended"), made.stream("unattended")
    model = CcaDecoder(SFREQ, n_components=3).fit(made.eeg[:5], attended[:5], unattended[:5])
    margins = [model.margins(made.eeg[k], attended[k], unattended[k], window_s=5.0) for k in range(5, 8)]
    swapped = model.margins(made.eeg[5], unattended[5], attended[5], window_s=5.0)
    assert accuracy(np.concatenate(margins)) > 0.85
    np.testing.assert_allclose(swapped, -margins[0])
    with pytest.raises(DataError, match="n_components"):
        CcaDecoder(SFREQ, n_components=500).fit(made.eeg, attended, unattended)
