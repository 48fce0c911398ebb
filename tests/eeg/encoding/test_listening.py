"""A front end before a whole recording: matching, folds of pieces, the ceiling from listeners to the same sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.fronts import build
from cogattn.eeg.encoding.listening import by_name, ceiling, encode
from cogattn.eeg.encoding.plan import TABLES, encoding_cells, observers, relevant
from cogattn.eeg.encoding.simulate import RATE, SFREQ, Talker, recording_of, respond
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, convolve, speech_kernel
from cogattn.errors import DataError

CHANNELS = tuple(f"E{k}" for k in range(6))
SETTINGS = EncodingSettings(sound_hz=RATE)


def low_band(talkers: list[Talker], seed: int = 0) -> Recording:
    """Half of the talkers attended; the EEG follows the low band alone."""
    attended, ignored = talkers[: len(talkers) // 2], talkers[len(talkers) // 2 :]
    eeg = respond(np.random.default_rng(seed), [t.bands[:, 0] for t in attended], snr_db=-3.0)
    return recording_of(eeg, attended, ignored, subject=f"listener {seed}")


def sound_of(talkers: list[Talker]):
    def sound(trial: Trial, role: str):
        number = int(trial.name.split()[1]) + (len(talkers) // 2 if role == "unattended" else 0)
        return talkers[number].sound, RATE

    return sound


@pytest.mark.slow
def test_a_listener_to_the_low_band_is_explained_by_bands_beyond_the_envelope(talkers: list[Talker]) -> None:
    raw = low_band(talkers)
    recording = raw.filtered(1.0, 9.0, streams=("attended", "unattended"))
    front = build("gammatone", SETTINGS, seed=0)
    rows, channels = encode(recording, raw, front, sound_of(talkers), SETTINGS, band_hz=(1.0, 9.0))
    assert set(rows) == set(TABLES["encoding"]) - {"listener", "model"}
    assert set(channels) == set(TABLES["encoding_channel"]) - {"listener", "model"}
    assert (rows["both"] - rows["envelope"]).mean() > 0.1
    assert (rows["both"] - rows["both_unattended"]).mean() > 0.3
    assert (rows["shifted"] - rows["envelope"]).mean() < 0.005
    assert rows["n_features"].eq(15).all()


def test_trials_that_were_not_loaded_and_sounds_that_end_early_are_refused(talkers: list[Talker]) -> None:
    raw = low_band(talkers)
    recording = raw.filtered(1.0, 9.0, streams=("attended", "unattended"))
    front = build("gammatone", SETTINGS, seed=0)
    fewer = replace(raw, trials=raw.trials[1:])
    with pytest.raises(DataError, match="must be one that was loaded; got trial 0"):
        encode(recording, fewer, front, sound_of(talkers), SETTINGS, band_hz=(1.0, 9.0))

    def short(trial: Trial, role: str):
        sound, rate = sound_of(talkers)(trial, role)
        return sound[: len(sound) // 2], rate

    with pytest.raises(DataError, match=r"as long as its EEG; got 15\.0 s for 30\.0 s"):
        encode(recording, raw, front, short, SETTINGS, band_hz=(1.0, 9.0))


def test_pieces_of_one_trial_are_left_out_together() -> None:
    eeg = np.random.default_rng(0).standard_normal((10, 6))
    trials = tuple(
        Trial(eeg, name, start_s=s) for name, s in [("a", 0.0), ("a", 1.0), ("b", 0.0), ("c", 0.0)]
    )
    recording = Recording("x", SFREQ, CHANNELS, trials, "arbitrary")
    assert by_name(recording) == [([2, 3], [0, 1]), ([0, 1, 3], [2]), ([0, 1, 2], [3])]


def alike(talkers: list[Talker], n: int, *, shared: float = 1.0) -> list[Recording]:
    """Listeners who respond alike to the same sounds."""
    kernel = speech_kernel(np.random.default_rng(1), n_channels=6, sfreq=SFREQ)
    recordings = []
    for seed in range(n):
        rng = np.random.default_rng(100 + seed)
        trials = []
        for k, talker in enumerate(talkers):
            response = convolve(talker.envelope - talker.envelope.mean(), kernel)
            noise = coloured_noise(rng, response.shape, sfreq=SFREQ)
            eeg = shared * response / response.std() + noise
            trials.append(Trial(eeg, f"trial {k}", {"attended": talker.envelope}))
        recordings.append(Recording(f"listener {seed}", SFREQ, CHANNELS, tuple(trials), "arbitrary"))
    return [r.filtered(1.0, 9.0, streams=("attended",)) for r in recordings]


def test_the_ceiling_grows_with_what_listeners_share_and_their_number(talkers: list[Talker]) -> None:
    many = alike(talkers, 8)
    found = {n: ceiling(many[0], many[1 : n + 1])["r"].mean() for n in (1, 7)}
    nothing = alike(talkers, 4, shared=0.0)
    null = ceiling(nothing[0], nothing[1:])
    assert abs(null["r"].mean()) < 0.05
    # power 1 of the response against that of the noise in the same band
    response = np.corrcoef(many[0].eeg[0][:, 0], np.mean([m.eeg[0][:, 0] for m in many[1:]], axis=0))[0, 1]
    assert found[1] + 0.02 < found[7]
    assert found[7] == pytest.approx(response, abs=0.15)
    assert null["n_others"].eq(3).all()


def test_listeners_to_other_sounds_with_other_channels_or_the_same_one_are_no_others(
    talkers: list[Talker],
) -> None:
    first, second = alike(talkers, 2)
    assert ceiling(first, [first]).empty
    assert ceiling(first, [second.picked(CHANNELS[:5])]).empty
    moved = replace(
        second,
        trials=tuple(
            replace(t, streams={"attended": np.roll(t.streams["attended"], 100)}) for t in second.trials
        ),
    )
    assert ceiling(first, [moved]).empty


def test_untrained_networks_have_no_control_and_others_have() -> None:
    random = EncodingSettings()
    trained = EncodingSettings(weights="auto")
    names = ("gammatone", "test_resnet", "mylab.audio:build")
    assert [o.id for o in observers(names, random)] == [*names, "mylab.audio:build, untrained"]
    assert [o.id for o in observers(names, trained)] == [
        "gammatone", "test_resnet", "test_resnet, untrained", "mylab.audio:build", "mylab.audio:build, untrained",
    ]  # fmt: skip
    control = observers(names, trained)[2]
    assert (control.role, control.parent) == ("control", "test_resnet")


def test_cells_are_per_front_end_and_listener_and_forget_what_does_not_concern_them() -> None:
    cells = encoding_cells(("gammatone", "test_resnet"), EncodingSettings(), ["a", "b"], ceiling=True)
    assert [(c.task, c.observer) for c in cells] == [("encoding", "a"), ("encoding", "b")] * 2 + [
        ("ceiling", "a"), ("ceiling", "b")
    ]  # fmt: skip
    given = EncodingSettings(n_mels=32, layer="layer2", hears="waveform", weights="auto", n_components=4)
    assert relevant(given, cells[0]) == EncodingSettings(n_components=4)
    assert relevant(given, cells[2]) == EncodingSettings(
        n_components=4, n_mels=32, layer="layer2", weights="auto"
    )
    assert encoding_cells((), EncodingSettings(), ["a", "b"], ceiling=True) == []
    assert encoding_cells(("gammatone",), EncodingSettings(), ["a"], ceiling=True)[-1].task == "encoding"
