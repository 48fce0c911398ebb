"""EEG data sets by name: fake folders of each are told by names, adopted and read by the settings that ship."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.aad.benchmark import frozen_config
from cogattn.eeg.datasets import DATASETS, Recordings, frozen_settings
from cogattn.errors import DataError
from cogattn.fetch import adopt, by_hand, check, data_sets, locate, state

FILES = {
    "kul-aad": [f"S{i}.mat" for i in range(1, 17)],
    "dtu-aad": [f"S{i}_data_preproc.mat" for i in range(1, 19)],
    "av-gc-aad": [f"2024-AV-GC-AAD-sub{i:02d}_preprocessed.mat" for i in (1, 3, 4, *range(7, 17))],
    "sparrkulee": ["sub-001_ses-shortstories01_task-listeningActive_run-01_eeg.bdf"],
    "etard-reichenbach": ["trials.csv"],
}
NAMED = {data_set.name: data_set for data_set in DATASETS}


def fake(folder, name):
    folder.mkdir(exist_ok=True)
    for file in FILES[name]:
        (folder / file).touch()
    return folder


def test_all_are_announced() -> None:
    announced = data_sets()
    assert set(FILES) == set(NAMED) <= set(announced)
    for name, data_set in NAMED.items():
        assert isinstance(data_set, Recordings)
        assert announced[name] == data_set
        assert data_set.licence
        assert data_set.labels
        assert data_set.settings() or data_set.reading


@pytest.mark.parametrize("name", FILES)
def test_a_folder_of_its_files_is_adopted_and_another_is_not(tmp_path, name) -> None:
    data_set, cache = NAMED[name], tmp_path / "cache"
    assert state(data_set, cache) == "by hand"
    assert data_set.source.partition(",")[0].partition(";")[0] in by_hand(data_set, cache)
    folder = fake(tmp_path / "own", name)
    (folder / "notes.txt").touch()  # other files do not count
    adopt(data_set, folder, cache)
    assert state(data_set, cache) == "here"
    assert locate(data_set, cache) == cache / name
    (folder / FILES[name][0]).unlink()
    assert state(data_set, cache) == "damaged"
    with pytest.raises(DataError, match=f"{name} must be a folder of"):
        check(data_set, folder)


@pytest.mark.parametrize("name", [name for name in FILES if frozen_settings(name)])
def test_frozen_settings_find_every_listener(tmp_path, name) -> None:
    from cogattn.eeg.recordings.files import listeners

    config = frozen_config(name, fake(tmp_path / name, name))
    assert len(listeners(config.recordings)) == NAMED[name].n_files


def test_frozen_settings_read_what_lies_there(tmp_path, eeg_files) -> None:
    """A two-trial file of each layout, through the study's own way in."""
    from cogattn.eeg.recordings import sources

    rng = np.random.default_rng(0)
    eeg = [rng.standard_normal((1280, 64)) * 20 for _ in range(2)]
    with_mastoids = [rng.standard_normal((1280, 66)) * 20 for _ in range(2)]
    for trial in with_mastoids:
        trial[:, 31] = 0  # a flat channel is interpolated, for the places of the cap are known
    sounds = [rng.random((1280, 1)) for _ in range(4)]
    bands = [np.stack([sounds[2 * k], sounds[2 * k + 1]], axis=2) for k in range(2)]
    av_gc = {
        "fs": 128.0,
        "data": [rng.standard_normal((1280, 68)) * 20 for _ in range(2)],
        "stimulus": {"attendedEnvelopes": sounds[:2], "unattendedEnvelopes": sounds[2:]},
        "conditionID": ["NoVisuals1", "NoVisuals2"],
        "initAttention": ["left", "right"],
    }
    contents = {
        "kul-aad": eeg_files.kul_content(eeg, bands, sfreq=128.0),
        "dtu-aad": eeg_files.dtu_content(with_mastoids, sounds[:2], sounds[2:], sfreq=128.0),
        "av-gc-aad": av_gc,
    }
    for name, content in contents.items():
        folder = tmp_path / name
        folder.mkdir()
        eeg_files.save["v7"](folder / FILES[name][0], content)
        config = frozen_config(name, folder)
        (listener,) = sources.listeners(config.recordings)
        found = sources.load(
            config.recordings, listener, cleaning=config.cleaning, envelope=config.envelope, seed=config.seed
        )
        assert set(found.trials[0].streams) == {"attended", "unattended"}
        assert len(found.channels) == (66 if name == "dtu-aad" else 64)
        assert found.intake.bads == ((found.channels[31],) if name == "dtu-aad" else ())
        np.testing.assert_allclose(sum(trial.eeg.sum(axis=1) for trial in found.trials), 0, atol=1e-12)


def test_sounds_of_ku_leuven_are_taken_from_their_folder(tmp_path) -> None:
    assert frozen_config("kul-aad", tmp_path).recordings.audio is None
    (tmp_path / "stimuli").mkdir()
    assert frozen_config("kul-aad", tmp_path).recordings.audio == tmp_path / "stimuli"


def test_about_prints_terms_labels_and_settings(capsys, tmp_path, monkeypatch) -> None:
    from cogattn.cli.data import about

    monkeypatch.setenv("COGATTN_DATA", str(tmp_path))
    assert about("av-gc-aad") == 0
    text = capsys.readouterr().out
    for words in (
        "zenodo.org/records/11058711",
        "licence:",
        "gaze",
        'kind = "av_gc"',
        "cogattn data fetch av-gc-aad",
    ):
        assert words in text
