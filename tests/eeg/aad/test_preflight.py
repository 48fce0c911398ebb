"""What is wrong is said before the first cell, once, with the setting's path and what would do."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat, wavfile

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.recordings import sources
from cogattn.errors import ConfigError, DataError


def load(config: AadConfig, listener: str):
    how = {"cleaning": config.cleaning, "envelope": config.envelope, "seed": config.seed}
    return sources.load(config.recordings, listener, **how)


DOCS = Path(__file__).resolve().parents[3] / "docs" / "aad.md"
NETWORKS = {"decoders": ["cnn"], "windows_s": [2, 10]}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"windows_s": [5, 2]}, "windows_s"),
        ({"windows_s": [0, 2]}, "windows_s"),
        ({"decoders": ["ridge", "ridge"]}, "decoders"),
        ({"preprocessing": {"low_hz": 9, "high_hz": 1}}, "preprocessing"),
        ({"lags": {"tmin_s": 0.5}}, "lags"),
        ({"recordings": {"kind": "simulated_talkers", "n_trials": 1}}, "n_trials"),
    ],
)
def test_settings_that_cannot_be_are_refused(aad, changes, path) -> None:
    with pytest.raises(ConfigError, match=path):
        aad.small(**changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"windows_s": [2, 10, 30, 60]},
            r"^windows_s must fit into a trial; got 60 s where the longest lasts 30 s \(listener 1\); 2, 10, 30 s fit$",
        ),
        (
            {"windows_s": [0.1, 2]},
            r"^windows_s must hold at least 8 samples at preprocessing\.sfreq; got 0\.1 s at 32 Hz; 0\.25 s would do$",
        ),
        (
            {"lags": {"tmin_s": -0.2, "tmax_s": 0}, **NETWORKS},
            r"^lags\.tmax_s must be positive for cnn; got 0 s$",
        ),
        (
            {"training": {"window_s": 0.1}, **NETWORKS},
            r"^training\.window_s must hold at least 8 samples .* got 0\.1 s",
        ),
        (
            {"training": {"window_s": 31}, **NETWORKS},
            r"^training\.window_s must fit into every trial; got 31 s in 30 s",
        ),
        ({"lags": {"tmax_s": 31}}, r"^recordings must hold trials longer than the lags, 31 s; got 30 s"),
        (
            {"preprocessing": {"high_hz": 40, "sfreq": 100}},
            r"^preprocessing\.high_hz must lie below half the recording's rate; got 40 Hz at 64 Hz",
        ),
        (
            {"preprocessing": {"low_hz": 0.1}},
            r"^preprocessing\.low_hz must let the filter be shorter than a trial; got 0\.1 Hz, 33 s for 30 s",
        ),
    ],
)
def test_settings_that_do_not_fit_the_recordings_are_refused(aad, changes, sentence) -> None:
    with pytest.raises(ConfigError, match=sentence):
        aad.STUDY.check(aad.small(**changes))


def test_a_filter_that_just_fits_is_accepted_and_then_works(aad) -> None:
    preprocessing = {"low_hz": 0.111}
    config = aad.small(preprocessing=preprocessing, decoders=["ridge"], control=False)
    aad.STUDY.check(config)
    aad.run_cell(config, aad.STUDY.cells(config)[0])


@pytest.mark.parametrize(
    ("recordings", "validation", "sentence"),
    [
        ({"n_listeners": 1}, "subject", r"^validation = subject must have at least two listeners; got one$"),
        ({"n_trials": 2}, "trial", None),
        ({"n_trials": 2}, "speaker", None),
    ],
)
def test_what_is_left_out_must_leave_something(aad, recordings, validation, sentence) -> None:
    config = aad.small(recordings={**aad.LISTENERS, **recordings}, validation=validation, decoders=["ridge"])
    if sentence is None:
        aad.STUDY.check(config)
        return
    with pytest.raises(ConfigError, match=sentence):
        aad.STUDY.check(config)


def test_a_discriminant_needs_two_windows_to_learn_from(aad) -> None:
    short = {**aad.LISTENERS, "n_trials": 2, "trial_s": 10}
    aad.STUDY.check(aad.small(recordings=short, decoders=["cca"], windows_s=[2, 10]))
    # at 31.9 Hz no second window of 5 s fits into the other trial of 9.97 s
    preprocessing = {"sfreq": 31.9}
    with pytest.raises(ConfigError, match="decoders = cca must have two windows of 5 s to learn from; got 1"):
        aad.STUDY.check(
            aad.small(recordings=short, decoders=["cca"], windows_s=[2], preprocessing=preprocessing)
        )


def test_there_must_be_as_many_components_as_one_number_of_the_settings(aad) -> None:
    """At 32 Hz a sound of 1.2 s before has 39 lags; EEG of 0.02 s after two in each of six channels."""
    for given, most in (({}, 39), ({"eeg_contexts_s": [0.02]}, 12), ({"stimulus_contexts_s": [0.25]}, 9)):
        config = aad.small(decoders=["cca"], cca={**given, "n_components": [most, 500]})
        aad.STUDY.check(config)
        config = aad.small(decoders=["cca"], cca={**given, "n_components": [500, most + 1]})
        with pytest.raises(
            ConfigError, match=rf"^cca\.n_components must be at most {most}, .* got {most + 1} \(lis"
        ):
            aad.STUDY.check(config)
    beside = aad.small(decoders=["cca"], cca={"n_components": [500]}, features=["envelope", "onsets"])
    with pytest.raises(ConfigError, match=r"^cca\.n_components must be at most 78, "):
        aad.STUDY.check(beside)
    others = aad.small(decoders=["cca"], cca={"n_components": [40]}, validation="subject")
    with pytest.raises(ConfigError, match=r"^cca\.n_components must be at most 39, "):
        aad.STUDY.check(others)
    with pytest.raises(
        ConfigError, match=r"^cca\.n_components must be at most 39, "
    ):  # as where channels are bad
        aad.run_cell(others, aad.STUDY.cells(others)[0])


def test_speech_must_last_and_the_number_of_trials_that_fits_is_told(aad, tmp_path) -> None:
    for name in "ab":
        wavfile.write(tmp_path / f"{name}.wav", 8000, np.ones(62 * 8000))
    files = [str(tmp_path / f"{name}.wav") for name in "ab"]
    spoken = {**aad.LISTENERS, "speech": files}
    aad.STUDY.check(aad.small(recordings={**spoken, "n_trials": 2}))
    sentence = (
        r"^recordings\.speech must last 90 s .* got 62 s \(.*a\.wav\); recordings\.n_trials = 2 would do$"
    )
    with pytest.raises(ConfigError, match=sentence):
        aad.STUDY.check(aad.small(recordings={**spoken, "n_trials": 3}))
    with pytest.raises(DataError, match=r"^recordings\.speech: .*no\.wav"):
        aad.STUDY.check(
            aad.small(recordings={**spoken, "n_trials": 2, "speech": [files[0], str(tmp_path / "no.wav")]})
        )


def test_a_folder_must_be_there_and_hold_recordings(aad, tmp_path) -> None:
    with pytest.raises(DataError, match=r"^recordings\.path must hold dtu files; got"):
        aad.STUDY.check(aad.folder_config(tmp_path))
    with pytest.raises(ConfigError, match=r"^recordings\.path must be a folder; got"):
        aad.STUDY.check(aad.folder_config(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("nan", ["S2", "trial 2", "ch3", "finite"]),
        ("unit", ["S1", "volts", "scaled twice", "also damaged: S2"]),
        ("short envelope", ["S1", "trial 4", "as many samples", "also damaged: S2"]),
    ],
)
def test_damaged_recordings_are_named_in_one_sentence(aad, tmp_path, damage, words) -> None:
    pytest.importorskip("pymatreader")
    aad.dtu_folder(tmp_path, damage=damage)
    with pytest.raises(DataError) as caught:
        aad.STUDY.check(aad.folder_config(tmp_path))
    assert str(caught.value).startswith("recordings.path: ")
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_recording_that_was_mended_is_read_again(aad, tmp_path) -> None:
    pytest.importorskip("pymatreader")
    aad.dtu_folder(tmp_path)
    aad.STUDY.check(aad.folder_config(tmp_path))
    aad.dtu_folder(tmp_path, damage="nan")
    with pytest.raises(DataError, match="S2"):
        aad.STUDY.check(aad.folder_config(tmp_path))


def test_decoders_from_other_listeners_need_the_same_channels(aad, tmp_path) -> None:
    pytest.importorskip("pymatreader")
    aad.dtu_folder(tmp_path, damage="channels")
    aad.STUDY.check(aad.folder_config(tmp_path))  # each listener alone is fine
    with pytest.raises(ConfigError, match=r"^validation = subject .* got 4 \(S2\) and 5 \(S1\)"):
        aad.STUDY.check(aad.folder_config(tmp_path, validation="subject"))


def test_labels_that_validation_needs_must_be_there(aad, tmp_path) -> None:
    pytest.importorskip("pymatreader")
    aad.dtu_folder(tmp_path)
    with pytest.raises(
        ConfigError, match=r"^validation = story is impossible: every trial must have a story"
    ):
        aad.STUDY.check(aad.folder_config(tmp_path, validation="story"))
    aad.STUDY.check(aad.folder_config(tmp_path, validation="envelope"))


def test_listeners_must_not_be_called_like_decoders(aad, good_table, tmp_path) -> None:
    shutil.copytree(good_table, tmp_path, dirs_exist_ok=True)
    rows = pd.read_csv(tmp_path / "trials.csv", dtype=str).assign(subject="ridge")
    rows.to_csv(tmp_path / "trials.csv", index=False)
    with pytest.raises(
        DataError, match=r"^recordings\.path must name its listeners unlike decoders; got 'ridge'"
    ):
        aad.STUDY.check(aad.table_config(tmp_path))


def test_a_file_that_only_names_its_sounds_needs_their_folder(aad, tmp_path, eeg_files) -> None:
    pytest.importorskip("pymatreader")
    rng = np.random.default_rng(0)
    eeg = [20 * rng.standard_normal((15 * 128, 3)) for _ in range(2)]
    content = eeg_files.kul_content(eeg, [rng.random((15 * 128, 2, 2)) for _ in range(2)])
    for trial in content["trials"]:
        del trial["Envelope"]
    eeg_files.save["v7"](tmp_path / "S1.mat", content)
    recordings = {"kind": "kul", "path": str(tmp_path)}
    settings = {"decoders": ["ridge"], "windows_s": [2, 10]}
    with pytest.raises(
        ConfigError, match=r"^recordings\.audio must name the folder of the sounds; got none, and S1"
    ):
        aad.STUDY.check(aad.small(recordings=recordings, **settings))
    heard = {**recordings, "audio": str(tmp_path / "sounds")}
    (tmp_path / "sounds").mkdir()
    with pytest.raises(DataError, match=r"got none named part1_track1_hrtf\.wav"):
        aad.STUDY.check(aad.small(recordings=heard, **settings))
    for track in (1, 2):
        sound = rng.standard_normal(14 * 8000 if track == 1 else 16 * 8000)
        wavfile.write(tmp_path / "sounds" / f"part1_track{track}_dry.wav", 8000, sound)
    with pytest.raises(
        DataError, match=r"a sound must last as long as its EEG; got 14 s for 15 s .*track1_dry"
    ):
        aad.STUDY.check(aad.small(recordings=heard, **settings))
    wavfile.write(tmp_path / "sounds" / "part1_track1_dry.wav", 8000, rng.standard_normal(15 * 8000))
    aad.STUDY.check(aad.small(recordings=heard, **settings))


def test_one_channel_is_not_referenced_to_its_own_average(aad, good_table) -> None:
    alone = {"bads": ["Cz", "Pz", "Oz"]}
    with pytest.raises(DataError, match=r"^cleaning\.reference must be none or channels .* Fz alone"):
        aad.STUDY.check(aad.table_config(good_table, cleaning=alone))
    aad.STUDY.check(aad.table_config(good_table, cleaning={**alone, "reference": "none"}))
    some = {"channels": ["Fz"], "reference": "average"}  # of all, to which the others belong
    aad.STUDY.check(aad.table_config(good_table, cleaning=some))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="recording"), "column recording"),
        (lambda t: t.iloc[:0], "must have a row for each trial; got its columns alone"),
        (lambda t: t.drop(columns="onset_s"), "onset_s or trigger or audio_channel"),
        (lambda t: t.assign(onset_s="soon"), "number of seconds.*S1, trial 1"),
        (lambda t: t.assign(duration_s="nan"), "duration_s must be finite.*S1, trial 1"),
        (lambda t: t.assign(duration_s="-5"), "duration_s must be positive.*S1, trial 1"),
        (lambda t: t.assign(onset_s="", trigger="stop"), "trigger must occur.*codes must occur"),
        (lambda t: pd.concat([t, t]).assign(onset_s="", trigger="go"), "once for each.*trial 5"),
        (lambda t: t.assign(onset_s="", audio_channel="EXG"), "EXG"),
        (lambda t: t.assign(onset_s=["2", "25", "48", "80"]), "within the recording.*trial 4"),
        (lambda t: t.assign(onset_s=["2", "21.9", "50", "71"]), "overlap; got trial 1 and trial 2"),
        (lambda t: t.assign(recording="no.edf"), r"no\.edf"),
        (lambda t: t.assign(attended="no.wav"), r"no\.wav"),
        (lambda t: t.assign(duration_s="20.5"), "last as long as its EEG"),
    ],
)
def test_a_wrong_table_is_refused_by_the_check_and_by_the_reader(
    aad, good_table, tmp_path, change, words
) -> None:
    shutil.copytree(good_table, tmp_path, dirs_exist_ok=True)
    change(pd.read_csv(tmp_path / "trials.csv", dtype=str)).to_csv(tmp_path / "trials.csv", index=False)
    with pytest.raises(DataError, match=words) as caught:
        aad.STUDY.check(aad.table_config(tmp_path))
    assert str(caught.value).startswith("recordings.path")
    with pytest.raises(DataError, match=words):
        load(aad.table_config(tmp_path), "S1")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.assign(unattended=["", *t["unattended"][1:]]),
            r"unattended sound \(subject S1, trial 1, .*csv\)$",
        ),
        (
            lambda t: t.assign(attended=[*t["attended"][:3], ""]),
            r"attended sound \(subject S1, trial 4, .*csv\)$",
        ),
        (lambda t: t.drop(columns="unattended"), r"unattended sound \(subject S1, .*trials\.csv\)$"),
    ],
)
def test_a_trial_of_one_talker_is_named_with_its_table(aad, good_table, tmp_path, change, words) -> None:
    shutil.copytree(good_table, tmp_path, dirs_exist_ok=True)
    change(pd.read_csv(tmp_path / "trials.csv", dtype=str)).to_csv(tmp_path / "trials.csv", index=False)
    with pytest.raises(ConfigError, match=f"^recordings.path must tell what both .* got no {words}"):
        aad.STUDY.check(aad.table_config(tmp_path))


def test_one_sound_for_both_talkers_is_refused_by_its_name_or_else_by_its_samples(
    aad, good_table, tmp_path
) -> None:
    shutil.copytree(good_table, tmp_path, dirs_exist_ok=True)
    rows = pd.read_csv(tmp_path / "trials.csv", dtype=str)
    rows.loc[2, "unattended"] = "2a.wav"
    rows.to_csv(tmp_path / "trials.csv", index=False)
    config = aad.table_config(tmp_path)
    with pytest.raises(
        ConfigError,
        match=r"^recordings\.path must tell of two .* got 2a\.wav for both .*S1, trial 3, .*csv\)$",
    ):
        aad.STUDY.check(config)
    rate, samples = wavfile.read(tmp_path / "2a.wav")
    wavfile.write(tmp_path / "copy.wav", rate, (0.5 * samples).astype(np.float32))
    rows.loc[2, "unattended"] = "copy.wav"
    rows.to_csv(tmp_path / "trials.csv", index=False)
    aad.STUDY.check(config)
    with pytest.raises(
        DataError, match=r"two different sounds; got one for both .* \(subject S1, trial 3\)$"
    ):
        aad.run_cell(config, aad.STUDY.cells(config)[0])


def test_a_table_of_events_must_be_there_and_tell_both_talkers(aad, tmp_path, eeg_files) -> None:
    root, rng = tmp_path / "bids", np.random.default_rng(0)
    events = [("story", 2.0), ("story", 32.0), ("story", 62.0)]
    eeg_files.write_bids(root, 20 * rng.standard_normal((3, 95 * 128)), events=events)
    (root / "stimuli").mkdir()
    for name in ("a.wav", "b.wav"):
        wavfile.write(root / "stimuli" / name, 8000, rng.standard_normal(25 * 8000))
    (table,) = root.rglob("*_events.tsv")
    rows = pd.read_csv(table, sep="\t", dtype=str).assign(attended="a.wav", unattended="b.wav", duration="25")
    recordings = {"kind": "bids", "root": str(root), "subjects": ["01"], "task": "listen"}
    config = aad.small(recordings=recordings, decoders=["ridge"], windows_s=[2, 10], shared_sounds="allow")
    rows.to_csv(table, sep="\t", index=False)
    aad.STUDY.check(config)
    rows.assign(attended=["a.wav", "n/a", "a.wav"]).to_csv(table, sep="\t", index=False)
    with pytest.raises(ConfigError, match=r"no attended sound \(subject sub-01, trial 2, .*_events\.tsv\)$"):
        aad.STUDY.check(config)
    table.unlink()
    with pytest.raises(ConfigError, match=r"^recordings\.root must hold .* got no events\.tsv for sub-01 \("):
        aad.STUDY.check(config)


def test_a_silent_sound_is_named_with_who_heard_it(aad, good_table, tmp_path) -> None:
    shutil.copytree(good_table, tmp_path, dirs_exist_ok=True)
    wavfile.write(tmp_path / "2b.wav", 8000, np.zeros(20 * 8000))
    with pytest.raises(DataError, match=r"sound must vary; got silence \(subject S1, trial 3, .*2b\.wav\)$"):
        load(aad.table_config(tmp_path), "S1")


def test_a_trigger_places_trials_and_their_length_is_theirs(aad, good_table, tmp_path) -> None:
    shutil.copytree(good_table, tmp_path, dirs_exist_ok=True)
    rows = pd.read_csv(tmp_path / "trials.csv", dtype=str).assign(onset_s="", trigger="go", duration_s="5")
    rows.to_csv(tmp_path / "trials.csv", index=False)
    assert load(aad.table_config(tmp_path), "S1").eeg[3].shape[0] == 5 * 64
    aad.STUDY.check(aad.table_config(tmp_path, windows_s=[2, 5]))
    with pytest.raises(
        ConfigError, match=r"windows_s must fit .* got 10 s where the longest lasts 5 s \(S1\); 2 s fit"
    ):
        aad.STUDY.check(aad.table_config(tmp_path))


def test_the_check_reads_headers_and_no_samples_of_continuous_recordings(
    aad, good_table, monkeypatch
) -> None:
    import mne

    def refuse(*args, **options):
        raise AssertionError("samples were read")

    monkeypatch.setattr(mne.io.BaseRaw, "get_data", refuse)
    monkeypatch.setattr(mne.io.BaseRaw, "load_data", refuse)
    aad.STUDY.check(aad.table_config(good_table))


def documented(layout: str) -> list[str]:
    """Arguments of the documented command that reads this layout."""
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    (line,) = [text for text in lines if text.startswith("cogattn aad") and f"kind {layout}" in text]
    return shlex.split(line, comments=True)[2:]


def test_the_documented_command_for_dtu_decodes_trials_of_fifty_seconds(aad, tmp_path) -> None:
    pytest.importorskip("pymatreader")
    arguments = documented("dtu")
    at = arguments.index("--windows-s")
    windows_s = [float(word) for word in arguments[at + 1 :] if not word.startswith("--")]
    aad.dtu_folder(tmp_path, trial_s=50)
    recordings = {"kind": "dtu", "path": str(tmp_path)}
    assert "--recordings.path" in arguments[:at]
    aad.STUDY.check(AadConfig.parse({"recordings": recordings, "windows_s": windows_s}))
    with pytest.raises(ConfigError, match="got 60 s where the longest lasts 50 s"):
        aad.STUDY.check(AadConfig.parse({"recordings": recordings}))


def test_of_a_large_data_set_the_first_listener_is_read(aad, tmp_path, monkeypatch) -> None:
    pytest.importorskip("pymatreader")
    aad.dtu_folder(tmp_path, damage="nan")  # of the second
    monkeypatch.setattr("cogattn.eeg.recordings.outline.READ_AT_MOST", 1)
    aad.STUDY.check(aad.folder_config(tmp_path))
    savemat(tmp_path / "S0_data_preproc.mat", {"data": {"eeg": 1.0}})
    with pytest.raises(DataError, match="S0_data_preproc"):
        aad.STUDY.check(aad.folder_config(tmp_path))
