"""A training that is killed goes on where it was and ends with the same bits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from cogattn.eeg.aad.config import TrainingSettings
from cogattn.eeg.aad.journal import Journal
from cogattn.eeg.aad.trainable import NetworkReconstructor, SpeakerClassifier
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.executors import one_thread

FEW = {
    "kind": "simulated_talkers",
    "n_listeners": 1,
    "n_trials": 3,
    "trial_s": 12,
    "n_channels": 3,
    "snr_db": -5,
}
TRAINING = {"n_epochs": 3, "learning_rates": [1e-3, 3e-3], "batch_size": 2}
N_EPOCHS = 2 * 3
"""Of one fold: every learning rate has its own."""
N_SAVES = 3 * (N_EPOCHS + 1)
"""Of the three folds: after each epoch, and when the fold is done."""


class Stop(Exception):
    """The interruption."""


class Interrupted(Checkpoint):
    """A checkpoint that stops the training when it has been saved so many times."""

    def save(self, data: bytes) -> None:
        super().save(data)
        count = self.path.with_suffix(".count")
        n = int(count.read_text()) + 1 if count.exists() else 1
        count.write_text(str(n))
        if n == int(self.path.with_suffix(".stop").read_text()):
            raise Stop


def interrupted(path: Path, n_saves: int) -> Interrupted:
    path.with_suffix(".stop").write_text(str(n_saves))
    return Interrupted(path)


def config_of(aad, decoder: str):
    settings = {"recordings": FEW, "windows_s": [2, 6], "training": TRAINING, "control": False}
    return aad.small(**settings, decoders=[decoder])


def outcome(aad, decoder: str, checkpoint: Checkpoint | None = None):
    config = config_of(aad, decoder)
    with one_thread():
        return aad.run_cell(config, aad.STUDY.cells(config)[0], checkpoint=checkpoint)


@pytest.fixture(scope="module")
def undisturbed(aad):
    return {decoder: outcome(aad, decoder) for decoder in ("cnn", "attention", "classifier")}


def assert_equal(one, other) -> None:
    for name, rows in one.trials.items():
        assert rows.equals(other.trials[name]), name
    assert one.artefacts == other.artefacts


@pytest.mark.parametrize(
    ("decoder", "n_saves"),
    [
        ("cnn", 1),
        ("cnn", 2),
        ("cnn", 4),  # in the second learning rate
        ("cnn", N_EPOCHS),
        ("cnn", N_EPOCHS + 1),  # between two folds
        ("cnn", N_SAVES),
        ("attention", N_EPOCHS + 3),
        ("classifier", 2),
    ],
)
def test_a_stopped_training_ends_as_an_undisturbed_one(aad, undisturbed, tmp_path, decoder, n_saves) -> None:
    checkpoint = interrupted(tmp_path / "cell", n_saves)
    with pytest.raises(Stop):
        outcome(aad, decoder, checkpoint)
    assert_equal(outcome(aad, decoder, checkpoint), undisturbed[decoder])
    total = int((tmp_path / "cell.count").read_text())
    assert total <= N_SAVES  # nothing that was done is done again


@pytest.mark.slow
def test_a_training_that_is_stopped_again_and_again_ends_too(aad, undisturbed, tmp_path) -> None:
    for n_saves in range(1, N_SAVES + 1):
        with pytest.raises(Stop):
            outcome(aad, "cnn", interrupted(tmp_path / "cell", n_saves))
    assert_equal(outcome(aad, "cnn", Checkpoint(tmp_path / "cell")), undisturbed["cnn"])


CHILD = """
    import os, signal, sys
    from pathlib import Path
    from cogattn.eeg.aad.config import AadConfig
    from cogattn.eeg.aad.study import AadStudy
    from cogattn.running.checkpoints import Checkpoint
    from cogattn.running.executors import one_thread
    from cogattn.study import streams_of

    class Deadly(Checkpoint):
        saves = 0

        def save(self, data):
            super().save(data)
            Deadly.saves += 1
            if Deadly.saves == 9:
                os.kill(os.getpid(), signal.SIGKILL)

    config, study = AadConfig.model_validate_json(sys.argv[1]), AadStudy()
    cell = study.cells(config)[0]
    config = study.relevant(config, cell)
    with one_thread():
        study.run_cell(config, cell, streams_of(config, cell), checkpoint=Deadly(Path(sys.argv[2])))
"""


@pytest.mark.slow
def test_a_training_whose_process_was_killed_ends_as_an_undisturbed_one(aad, undisturbed, tmp_path) -> None:
    config, place = config_of(aad, "cnn"), tmp_path / "cell"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(CHILD), config.canonical(), str(place)])
    assert done.returncode == -signal.SIGKILL
    assert_equal(outcome(aad, "cnn", Checkpoint(place)), undisturbed["cnn"])


def test_a_damaged_checkpoint_costs_time_only(aad, undisturbed, tmp_path) -> None:
    with pytest.raises(Stop):
        outcome(aad, "cnn", interrupted(tmp_path / "cell", 4))
    data = bytearray((tmp_path / "cell").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "cell").write_bytes(data)
    assert_equal(outcome(aad, "cnn", Checkpoint(tmp_path / "cell")), undisturbed["cnn"])


def test_networks_leave_their_weights_and_solved_decoders_none(aad, undisturbed, tmp_path) -> None:
    artefacts = undisturbed["classifier"].artefacts
    assert set(artefacts) == {"weights.safetensors"}
    (tmp_path / "weights").write_bytes(artefacts["weights.safetensors"])
    with safe_open(tmp_path / "weights", framework="pt") as file:
        about = json.loads(file.metadata()["about"])
        folds = {name.split("/")[0] for name in file.keys()}  # noqa: SIM118 - no mapping
        rate = float(file.get_tensor("1/learning_rate"))
    assert about == {"decoder": "classifier", "listener": "listener 1"}
    assert folds == {"0", "1", "2"}  # one a trial that was left out
    assert rate in TRAINING["learning_rates"]
    assert outcome(aad, "ridge").artefacts == {}


@pytest.fixture(scope="module")
def session():
    rng = np.random.default_rng(1)
    listener = draw_listener(rng, name="S", n_channels=3, sfreq=32.0, snr_db=-5)
    made = simulate_recording(rng, listener, n_trials=3, duration_s=20, sfreq=32.0)
    return made.eeg, made.stream("attended"), made.stream("unattended")


def test_kept_weights_and_scales_decode_as_the_decoder_did(session) -> None:
    eeg, attended, unattended = session
    journal, training = Journal(), TrainingSettings(n_epochs=2)
    made = SpeakerClassifier(32.0, training=training).fit(eeg, attended, unattended, journal=journal)
    page = journal.read(0)
    again = SpeakerClassifier(32.0, training=training)
    again.network_ = made.network_
    for value in again.network_.state_dict().values():
        value.zero_()
    again.network_.load_state_dict(
        {k.removeprefix("weights/"): v for k, v in page.items() if "weights/" in k}
    )
    again.scale_, again.sound_scale_ = float(page["scale"]), float(page["sound_scale"])
    first, second = (d.margins(eeg[0], attended[0], unattended[0], window_s=5.0) for d in (made, again))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() > 0


def test_a_journal_does_not_change_what_is_learned(session) -> None:
    eeg, attended, _ = session
    training = TrainingSettings(n_epochs=2)
    plain = NetworkReconstructor(32.0, training=training).fit(eeg, attended)
    kept = NetworkReconstructor(32.0, training=training).fit(eeg, attended, journal=Journal())
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            plain.network_.state_dict().values(), kept.network_.state_dict().values(), strict=True
        )
    )
