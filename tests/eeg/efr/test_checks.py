"""Wrong input stops before the first cell, in one sentence that starts with the setting's path."""

from __future__ import annotations

import re
from pathlib import Path

import mne
import numpy as np
import pytest

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.study import EfrStudy
from cogattn.errors import CogattnError, ConfigError, DataError

pytest.importorskip("edfio")
SFREQ, SECONDS, NAMES = 128, 40, ("Fz", "Cz", "Pz")
SPECTRUM = {"high_hz": 40, "segment_s": 1, "lag_high_s": 0.2, "lag_low_s": 0}
SIGNIFICANCE = {"min_shift_s": 2, "block_s": 4}


@pytest.fixture
def lab(tmp_path, eeg_files) -> Path:
    """Recordings of forty seconds with codes 7 and 9 at three and at twenty seconds, and sounds."""
    rng = np.random.default_rng(0)
    codes = np.zeros(SECONDS * SFREQ)
    codes[3 * SFREQ :][:4], codes[20 * SFREQ :][:4] = 7, 9
    for name in ("a", "b"):
        eeg = 20 * rng.standard_normal((3, SECONDS * SFREQ))
        eeg_files.write_edf(tmp_path / f"{name}.bdf", eeg, SFREQ, NAMES, status=codes)
    eeg_files.write_fif(tmp_path / "plain_raw.fif", eeg, SFREQ, NAMES)
    np.save(tmp_path / "short.npy", 1 + rng.random(10 * SFREQ))
    np.save(tmp_path / "long.npy", 1 + rng.random(100 * SFREQ))
    np.save(tmp_path / "table.npy", rng.random((10, 2)))
    (tmp_path / "notes.txt").write_text("no sound", encoding="utf-8")
    return tmp_path


def parsed(lab: Path, source: dict, **more: object) -> EfrConfig:
    """Settings with files of `lab`, by their names."""
    paths = ("files", "stimuli", "root")
    values = {
        key: [lab / name for name in value] if isinstance(value, list) else lab / value
        for key, value in source.items()
        if key in paths
    }
    shared = {"kind": "files", "envelope_sfreq": SFREQ, **source, **values}
    groups = {"sfreq": SFREQ, "spectrum": SPECTRUM, "significance": SIGNIFICANCE}
    return EfrConfig.parse({**groups, **more, "recordings": shared})


FINE = {"files": ["a.bdf", "b.bdf"], "stimuli": ["short.npy"], "triggers": ["7", "9"]}
STEADY = {"modulation_hz": 20, "n_harmonics": 1, "n_side": 3}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"steady_state": STEADY},
        {"following": False, "steady_state": {**STEADY, "inverted": ["7"], "sweep_s": 0.5}},
    ],
)
def test_what_can_be_analysed_is_not_refused_and_is_analysed(lab, run_cell, more):
    config = parsed(lab, FINE, **more)
    EfrStudy().check(config)
    assert len(run_cell(config).trials["recording"]) == 1


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"files": ["a.bdf", "no.bdf"]}, r"recordings.files\[1\] must exist; got .*no.bdf"),
        ({"files": ["notes.txt"]}, r"recordings.files\[0\] must end in one of \.bdf, .*notes.txt"),
        ({"files": ["a.bdf", "a.bdf"]}, "recordings.files must have different names.*got a twice"),
        ({"files": ["broken.bdf"]}, r"recordings.files: .*broken.bdf"),
        ({"stimuli": ["no.wav"]}, r"recordings.stimuli\[0\] must exist"),
        ({"stimuli": ["notes.txt"]}, r"recordings.stimuli\[0\] must end in one of \.wav"),
        ({"stimuli": ["folder.wav"]}, r"recordings.stimuli\[0\] must be a file"),
        (
            {"stimuli": ["table.npy"]},
            r"recordings.stimuli: .* one row of numbers; got float64 of shape \(10, 2\)",
        ),
        ({"stimuli": ["broken.wav"]}, r"recordings.stimuli: .*broken.wav"),
        (
            {"stimuli": []},
            "recordings.stimuli or recordings.audio_channel must tell what was heard; got neither",
        ),
        (
            {"triggers": ["7", "8"]},
            "recordings.triggers must occur in the recordings; got '8', which none has",
        ),
        ({"triggers": ["8"]}, r"recordings.triggers must occur in a: .*got \[8\], which has \[7, 9\]"),
        ({"triggers": []}, "recordings.triggers must name the events at which sounds start.*a has 7, 9"),
        (
            {"stimuli": ["long.npy"]},
            r"recordings.stimuli must have room.*17 s for 100 s \(subject a, trial 1\)",
        ),
        ({"trial_s": 12}, r"recordings.trial_s must not exceed the sound; got 12 s for 10 s \(.*short.npy\)"),
        (
            {"audio_channel": "AUX", "triggers": []},
            "recordings.audio_channel must be one of .*got 'AUX' .a has Fz",
        ),
        (
            {"audio_channel": "Pz", "triggers": [], "stimuli": ["long.npy"]},
            "recordings.stimuli must be shorter .*100 s for 40 s",
        ),
        (
            {"files": ["x.mat"], "content": "epochs", "triggers": []},
            r"recordings.files\[0\] must end in one of \.fif, \.set",
        ),
    ],
)
def test_files_events_and_sounds_that_do_not_fit_are_refused(lab, source, sentence):
    (lab / "folder.wav").mkdir()
    for name in ("broken.bdf", "broken.wav", "x.mat"):
        (lab / name).write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(CogattnError, match=f"^{sentence}"):
        EfrStudy().check(parsed(lab, {**FINE, **source}))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"cleaning": {"channels": ["Fz", "Oz"]}},
            "cleaning.channels must be among .*got 'Oz' .subject a has Fz, Cz, Pz",
        ),
        (
            {"cleaning": {"reference": "channels", "reference_channels": ["M1"]}},
            "cleaning.reference_channels must be among .*got 'M1'",
        ),
        (
            {"cleaning": {"channels": ["Fz", "Cz"], "reference": "channels", "reference_channels": ["Cz"]}},
            "cleaning.channels must leave at least two EEG channels; got Fz",
        ),
        (
            {"sfreq": 512, "spectrum": {**SPECTRUM, "high_hz": 100}},
            r"spectrum.high_hz must lie below half of the sampling rate, 64 Hz \(a\); got 100 Hz",
        ),
        (
            {"spectrum": {**SPECTRUM, "segment_s": 11}},
            "spectrum.segment_s must .*fit into a trial; got 11 s, .*10 s",
        ),
        (
            {"spectrum": {**SPECTRUM, "estimator": "multitaper", "half_bandwidth_hz": 0.5}},
            "spectrum.half_bandwidth_hz must be at least",
        ),
        (
            {"significance": {**SIGNIFICANCE, "block_s": 10}},
            "significance.block_s must leave at least 5 blocks .*got 2",
        ),
        (
            {"significance": {**SIGNIFICANCE, "min_shift_s": 8}},
            "significance.min_shift_s must leave at least 19 .*got 7 ",
        ),
        (
            {"significance": {**SIGNIFICANCE, "alpha": 0.01}},
            "significance.min_shift_s must leave at least 99 .*alpha = 0.01",
        ),
        (
            {"significance": {**SIGNIFICANCE, "surrogates": "phase", "n_shuffles": 40, "alpha": 0.02}},
            "significance.n_shuffles must be at least 49 surrogates.*got 40",
        ),
        (
            {"steady_state": {**STEADY, "modulation_hz": 64}},
            r"steady_state.modulation_hz .*half .*64 Hz \(a\); got 64 Hz",
        ),
        (
            {"steady_state": {**STEADY, "sweep_s": 0.333}},
            "steady_state.sweep_s must be whole samples; got 0.333 s",
        ),
        (
            {"steady_state": {**STEADY, "modulation_hz": 20.5}},
            "steady_state.sweep_s must hold whole cycles.*20.500",
        ),
        (
            {"steady_state": {**STEADY, "sweep_s": 5}},
            "steady_state.sweep_s must leave at least 10 sweeps; got 4 of 5 s",
        ),
        (
            {"steady_state": {**STEADY, "start_s": 6}},
            "steady_state.sweep_s must leave at least 10 sweeps; got 8 of 1 s",
        ),
        (
            {"steady_state": {**STEADY, "inverted": ["7", "9"]}},
            "steady_state.inverted must leave .*got 0 and 20",
        ),
        (
            {"steady_state": {**STEADY, "alternating": True, "sweep_s": 2}},
            "steady_state.alternating must leave at least 10 sweeps of each polarity; got 5 and 5",
        ),
        ({"steady_state": {**STEADY, "n_side": 900}}, "steady_state.n_side must leave 901 bins"),
        (
            {"steady_state": {**STEADY, "f0_low_hz": 20, "f0_high_hz": 64, "f0_window_s": 0.2}},
            "steady_state.f0_high_hz must lie below half",
        ),
        (
            {"steady_state": {**STEADY, "f0_low_hz": 20, "f0_high_hz": 50, "f0_window_s": 2}},
            "steady_state.f0_window_s must hold two periods of f0_low_hz and fit into a sweep",
        ),
        (
            {"steady_state": {**STEADY, "f0_low_hz": 20, "f0_high_hz": 50, "f0_window_s": 0.1}},
            "steady_state.f0_window_s must hold two periods of f0_low_hz and fit into a sweep",
        ),
    ],
)
def test_settings_that_do_not_fit_a_recording_are_refused(lab, more, sentence):
    with pytest.raises(CogattnError, match=f"^{sentence}"):
        EfrStudy().check(parsed(lab, FINE, **more))


def test_pitch_needs_a_sound(lab):
    source = {"files": ["plain_raw.fif"]}
    steady = {**STEADY, "f0_low_hz": 20, "f0_high_hz": 50, "f0_window_s": 0.2}
    with pytest.raises(ConfigError, match=r"^steady_state.f0_low_hz must go with recordings.stimuli"):
        EfrStudy().check(parsed(lab, source, following=False, steady_state=steady))


def test_refusals_before_the_cells_are_those_of_the_cells(lab, run_cell):
    """The check counts segments, blocks and shifts as the analysis does: it refuses just where that fails."""
    for shift_s, block_s in ((2, 4), (4, 2), (5, 2), (4.5, 3), (2, 8)):
        config = parsed(lab, FINE, significance={**SIGNIFICANCE, "min_shift_s": shift_s, "block_s": block_s})
        said = []
        for attempt in (lambda c=config: EfrStudy().check(c), lambda c=config: run_cell(c)):
            try:
                attempt()
                said.append("")
            except CogattnError as error:
                said.append(re.findall(r"at least (\d+)", str(error))[0])
        assert said[0] == said[1], (shift_s, block_s)


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ({"root": "nowhere"}, "recordings.root must be the folder of a BIDS data set; got .*nowhere"),
        ({"subjects": ["01", "03"]}, "recordings.subjects must be one of 01, 02 .*; got 03"),
        ({"subjects": ["01", "01"]}, "recordings.subjects must be different; got 01 twice"),
        ({"task": "lisen"}, r"recordings.task must be one of listen \(for sub-01\); got lisen"),
        (
            {"session": "1"},
            "recordings.session must be one that the data set has, and it has none .for sub-01.; got 1",
        ),
        ({"run": "2"}, "recordings.run must be one that the data set has, and it has none .*; got 2"),
    ],
)
def test_labels_that_a_bids_data_set_does_not_have_are_named_with_those_it_has(
    tmp_path, eeg_files, label, sentence
):
    for subject in ("01", "02"):
        eeg_files.write_bids(tmp_path / "bids", subject=subject, events=[("story", 1.0)])
    source = {
        "kind": "bids",
        "root": "bids",
        "subjects": ["01"],
        "task": "listen",
        "stimuli": ["s.npy"],
        **label,
    }
    np.save(tmp_path / "s.npy", 1 + np.random.default_rng(0).random(SFREQ))
    with pytest.raises(
        DataError if label.get("subjects") != ["01", "01"] else ConfigError, match=f"^{sentence}"
    ):
        EfrStudy().check(parsed(tmp_path, source))


def test_sessions_and_runs_must_be_told_where_there_are_several(tmp_path, eeg_files):
    eeg_files.write_bids(tmp_path / "bids", events=[("story", 1.0)])
    folder = tmp_path / "bids" / "sub-01"
    for path in list((folder / "eeg").iterdir()):
        for run in ("1", "2"):
            name = path.name.replace("task-listen", f"ses-a_task-listen_run-{run}")
            (folder / "ses-a" / "eeg").mkdir(parents=True, exist_ok=True)
            (folder / "ses-a" / "eeg" / name).write_bytes(path.read_bytes())
        path.unlink()
    source = {"kind": "bids", "root": "bids", "subjects": ["01"], "task": "listen", "audio_channel": "Fz"}
    with pytest.raises(DataError, match=r"^recordings.session must be one of a \(for sub-01\); got none"):
        EfrStudy().check(parsed(tmp_path, source))
    with pytest.raises(DataError, match=r"^recordings.run must be one of 1, 2 .*; got none"):
        EfrStudy().check(parsed(tmp_path, {**source, "session": "a"}))


def test_epochs_without_a_sound_of_their_own_are_refused(tmp_path):
    info = mne.create_info(list(NAMES), SFREQ, "eeg")
    raw = mne.io.RawArray(2e-5 * np.random.default_rng(0).standard_normal((3, 6000)), info, verbose="error")
    events = np.array([[500, 0, 1], [3000, 0, 2]])
    epochs = mne.Epochs(
        raw, events, {"one": 1, "two": 2}, 0, 15, baseline=None, preload=True, verbose="error"
    )
    epochs.save(tmp_path / "s-epo.fif", verbose="error")
    np.save(tmp_path / "s.npy", 1 + np.random.default_rng(0).random(15 * SFREQ))
    source = {
        "files": ["s-epo.fif"], "content": "epochs", "stimuli": ["s.npy"], "stimuli_by": "trigger",
        "triggers": ["one"],
    }  # fmt: skip
    with pytest.raises(
        DataError, match=r"^recordings.triggers must name every kind of epoch; got none for 'two'"
    ):
        EfrStudy().check(parsed(tmp_path, source))
    both = {**source, "stimuli": ["s.npy", "s.npy"], "triggers": ["one", "two"]}
    EfrStudy().check(parsed(tmp_path, both))


def test_simulations_are_held_against_their_own_rate_and_channels():
    values = {"recordings": {"kind": "simulated_path", "n_channels": 4}}
    with pytest.raises(DataError, match=r"^cleaning.channels must be among .*got 'Xz' \(listener 1 has Fp1"):
        EfrStudy().check(EfrConfig.parse({**values, "cleaning": {"channels": ["Xz", "Fp1"]}}))
    sweeps = {"recordings": {"kind": "simulated_sweeps"}, "spectrum": {"high_hz": 100}}
    with pytest.raises(ConfigError, match=r"^spectrum.segment_s must .*fit into a trial"):
        EfrStudy().check(EfrConfig.parse(sweeps))
