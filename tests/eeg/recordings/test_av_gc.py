"""The AV-GC-AAD layout: envelopes, conditions, gaze, sides, EOG."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from cogattn.eeg.recordings.av_gc import read_av_gc
from cogattn.eeg.recordings.config import AvGc
from cogattn.eeg.recordings.files import folder_files, listeners
from cogattn.errors import DataError

NAMES = ["Fp1", "AF7", "Cz", "EXG3", "EXG4"]


def content(rng, *, n_times=400, n_channels=5, channels=NAMES):
    eeg = [20 * rng.standard_normal((n_times, n_channels)) for _ in range(2)]
    envelopes = {
        role: [rng.random((n_times, 1)) for _ in range(2)]
        for role in ("attendedEnvelopes", "unattendedEnvelopes")
    }
    header = {"FileHeader": {"Channels": [{"Label": name} for name in channels]}}
    return {
        "fs": 128.0,
        "subjID": "S03",
        "data": eeg,
        "stimulus": envelopes,
        "conditionID": ["FixedVideo1", "MovingTargetNoise2"],
        "initAttention": ["left", "right"],
        "metadata": [header, header],
        "randomization": [
            {"left": "a.wav", "right": "b.wav", "switch_times": 300.0},
            {"left": "c.wav", "right": "d.wav", "switch_times": 300.0},
        ],
    }


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "2024-AV-GC-AAD-sub03_preprocessed.mat"


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_it_is_read_from_either_version(file, eeg_files, rng, version):
    told = content(rng)
    eeg_files.save[version](file, told)
    found = read_av_gc(file)
    assert (found.subject, found.sfreq, found.unit) == ("sub03", 128.0, "V")
    assert found.channels == tuple(NAMES)
    for k, trial in enumerate(found.trials):
        np.testing.assert_allclose(trial.eeg, 1e-6 * told["data"][k])
        for role in ("attended", "unattended"):
            np.testing.assert_allclose(trial.streams[role], told["stimulus"][f"{role}Envelopes"][k][:, 0])
    assert found.trials[0].labels == {
        "condition": "FixedVideo",
        "gaze": "attended side",
        "side": "L, then R",
        "story": "a.wav",
        "attended_audio": "a.wav",
        "unattended_audio": "b.wav",
    }
    second = found.trials[1].labels
    assert (second["condition"], second["gaze"], second["side"]) == (
        "MovingTargetNoise",
        "moving",
        "R, then L",
    )
    assert (second["attended_audio"], second["unattended_audio"]) == ("d.wav", "c.wav")


def cell(values):
    out = np.empty((1, len(values)), dtype=object)
    for i, value in enumerate(values):
        out[0, i] = value
    return out


def struct(rows):
    out = np.empty((1, len(rows)), dtype=[(key, object) for key in rows[0]])
    for i, row in enumerate(rows):
        for key, value in row.items():
            out[0, i][key] = value
    return out


@pytest.mark.parametrize("n_trials", [1, 2, 3])
def test_structure_arrays_are_read_however_many_trials_there_are(file, rng, n_trials):
    """As MATLAB writes them; readers unwrap what holds one thing."""
    header = {"FileHeader": {"Channels": struct([{"Label": name} for name in NAMES])}, "RawData": 1.0}
    drawn = [{"left": f"a{i}.wav", "right": f"b{i}.wav", "switch_times": 300.0} for i in range(n_trials)]
    told = content(rng)
    told |= {
        "data": cell([rng.standard_normal((400, 5)).astype("f4") for _ in range(n_trials)]),
        "stimulus": {
            role: cell([rng.random((400, 1)) for _ in range(n_trials)]) for role in told["stimulus"]
        },
        "conditionID": cell(["NoVisuals1"] * n_trials),
        "initAttention": cell(["right"] * n_trials),
        "metadata": struct([header] * n_trials),
        "randomization": struct(drawn),
    }
    savemat(file, told)
    found = read_av_gc(file)
    assert found.channels == tuple(NAMES)
    assert [trial.eeg.shape for trial in found.trials] == [(400, 5)] * n_trials
    assert [trial.labels["story"] for trial in found.trials] == [f"b{i}.wav" for i in range(n_trials)]
    assert found.trials[-1].labels["gaze"] == "centre"


def test_files_without_headers_have_the_channels_of_the_cap_and_the_eyes(file, eeg_files, rng):
    told = content(rng, n_channels=68)
    del told["metadata"], told["randomization"]
    eeg_files.save["v7"](file, told)
    found = read_av_gc(file)
    assert found.channels[:2] == ("Fp1", "AF7")
    assert found.channels[64:] == ("EXG3", "EXG4", "EXG5", "EXG6")
    assert "story" not in found.trials[0].labels


def test_what_is_missing_or_does_not_agree_is_refused(file, eeg_files, rng):
    told = content(rng)
    told["stimulus"]["attendedEnvelopes"].pop()
    eeg_files.save["v7"](
        file, {**told, "stimulus": {**told["stimulus"], "attendedEnvelopes": [np.ones((3, 1))]}}
    )
    with pytest.raises(DataError, match="a cell per trial; got 2, 1 and 2"):
        read_av_gc(file)
    eeg_files.save["v7"](file, {"data": told["data"], "fs": 128.0})
    with pytest.raises(DataError, match="'stimulus'"):
        read_av_gc(file)


def test_listeners_are_named_by_the_files(tmp_path):
    for number in (1, 16):
        (tmp_path / f"2024-AV-GC-AAD-sub{number:02d}_preprocessed.mat").touch()
    source = AvGc(path=tmp_path)
    assert listeners(source) == ["sub01", "sub16"]
    assert list(folder_files(source)) == ["sub01", "sub16"]
