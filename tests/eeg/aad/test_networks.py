"""Networks learn what there is to learn on simulated listeners, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cogattn.eeg.aad import cross_validate, window_accuracy
from cogattn.eeg.aad.config import TrainingSettings
from cogattn.eeg.aad.metrics import accuracy
from cogattn.eeg.aad.networks import PIECE, AttentionReconstructor, TwoStreamNetwork
from cogattn.eeg.aad.trainable import NetworkReconstructor, SpeakerClassifier
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
from cogattn.errors import DataError
from cogattn.kernels import dispatch

SFREQ = 32.0


@pytest.fixture(scope="module")
def session():
    rng = np.random.default_rng(1)
    listener = draw_listener(rng, name="S", n_channels=6, sfreq=SFREQ, snr_db=-12)
    made = simulate_recording(rng, listener, n_trials=10, duration_s=60, sfreq=SFREQ)
    return made.eeg, made.stream("attended"), made.stream("unattended")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["cnn", "attention"])
def test_a_reconstructor_decodes_unseen_trials(session, architecture) -> None:
    eeg, attended, unattended = session
    decoder = NetworkReconstructor(SFREQ, architecture, training=TrainingSettings(n_epochs=10)).fit(
        eeg[:8], attended[:8]
    )
    decoded = decoder.predict(eeg[8:])
    right = window_accuracy(decoded, attended[8:], unattended[8:], sfreq=SFREQ, windows_s=[5])
    assert right[0] > 0.8
    np.testing.assert_array_equal(decoder.predict(eeg[8]), decoded[0])


@pytest.mark.slow
def test_the_classifier_decodes_unseen_trials_and_is_antisymmetric(session) -> None:
    eeg, attended, unattended = session
    model = SpeakerClassifier(SFREQ, training=TrainingSettings(n_epochs=15)).fit(
        eeg[:8], attended[:8], unattended[:8]
    )
    margins = [model.margins(eeg[k], attended[k], unattended[k], window_s=5.0) for k in (8, 9)]
    swapped = model.margins(eeg[8], unattended[8], attended[8], window_s=5.0)
    assert accuracy(np.concatenate(margins)) > 0.75
    np.testing.assert_allclose(swapped, -margins[0], atol=1e-5)


def test_the_same_seed_gives_the_same_network_and_leaves_the_global_stream_alone(session) -> None:
    eeg, attended, _ = session
    state = torch.random.get_rng_state()
    first, second = (
        NetworkReconstructor(SFREQ, training=TrainingSettings(n_epochs=1))
        .fit(eeg[:2], attended[:2])
        .predict(eeg[3])
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert torch.equal(state, torch.random.get_rng_state())


def test_attention_is_the_cores_and_looks_ahead_only() -> None:
    torch.manual_seed(0)
    network, eeg = AttentionReconstructor(3, context=8), torch.randn(1, 3, 3 * PIECE + 5)
    before = network(eeg)
    assert "foveal_attention" in dispatch.last_used
    for t in (0, PIECE - 1, PIECE, 2 * PIECE + 30):
        changed = eeg.clone()
        changed[:, :, t] += 1
        moved = (network(changed) != before)[0].nonzero()[:, 0]
        assert moved.numel()
        assert t - 7 <= moved.min()
        assert moved.max() <= t


def test_latencies_are_learned(session) -> None:
    eeg, attended, _ = session
    start = AttentionReconstructor(6, context=8).latencies()
    decoder = NetworkReconstructor(SFREQ, "attention", context_s=0.25, training=TrainingSettings(n_epochs=2))
    learned = decoder.fit(eeg[:4], attended[:4]).network_.latencies()
    assert not torch.allclose(learned.cpu(), start)


def test_tuning_is_nested_in_the_training_trials(session) -> None:
    eeg, attended, _ = session
    settings = TrainingSettings(n_epochs=3, learning_rates=(1e-6, 3e-3))
    decoder = NetworkReconstructor(SFREQ, training=settings).fit(eeg[:5], attended[:5])
    assert decoder.learning_rate_ == 3e-3
    assert 1 <= decoder.n_epochs_ <= 3
    # the held-out trial tunes and never trains: with noise in its place the first epoch's weights stay the same
    rng = np.random.default_rng(0)
    one = NetworkReconstructor(SFREQ, training=TrainingSettings(n_epochs=1))
    first = one.fit(eeg[:5], attended[:5]).predict(eeg[6])
    spoiled = [*attended[:4], rng.random(attended[4].size)]
    np.testing.assert_array_equal(one.fit(eeg[:5], spoiled).predict(eeg[6]), first)


def test_a_network_needs_data_and_a_fit(session) -> None:
    eeg, attended, _ = session
    with pytest.raises(DataError, match="fitted"):
        NetworkReconstructor(SFREQ).predict(eeg[0])
    with pytest.raises(DataError, match="fit into a trial"):
        NetworkReconstructor(SFREQ, training=TrainingSettings(window_s=100)).fit(eeg, attended)
    with pytest.raises(DataError, match="architecture"):
        NetworkReconstructor(SFREQ, "rnn").fit(eeg[:1], attended[:1])
    broken = [x.copy() for x in eeg[:2]]
    broken[1][3, 2] = np.nan
    with pytest.raises(DataError, match="trial 2, channel 2"):
        NetworkReconstructor(SFREQ).fit(broken, attended[:2])


def test_ridge_is_at_least_as_good_on_so_little_data(session) -> None:
    ridge = cross_validate(*session, sfreq=SFREQ)
    assert ridge.accuracy([5])[0] > 0.8


def test_a_longer_window_of_the_same_signals_gives_the_same_logits() -> None:
    """The match of EEG and sound is a correlation: it does not grow with the window."""
    torch.manual_seed(0)
    network = TwoStreamNetwork(4).eval()
    eeg, sound = torch.randn(1, 4, 640), torch.randn(1, 640)
    with torch.no_grad():
        once = network(eeg, sound) - network.score.bias
        twice = network(eeg.repeat(1, 1, 4), sound.repeat(1, 4)) - network.score.bias
    torch.testing.assert_close(twice, once, rtol=0.15, atol=0.01)
