"""Recordings of every format reach the study from its command, aligned to what was heard.

In each, channel Fz follows the envelope and the others do not, so a recording that is read or aligned wrongly
shows no coherence.
"""

from __future__ import annotations

import inspect

import mne
import numpy as np
import pandas as pd
import pytest
import scipy.io.wavfile
import scipy.signal
from cyclopts import App

from cogattn.cli import main
from cogattn.cli.flags import flag_parameters, nested
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.study import EfrStudy
from cogattn.eeg.recordings.config import Files
from cogattn.eeg.recordings.simulate_talkers import coloured_noise
from cogattn.errors import ConfigError, DataError

pytest.importorskip("pymatreader")
pytest.importorskip("edfio")
SFREQ, SECONDS = 128, 60
NAMES = ("Fz", "Cz", "Pz", "Oz")
COMMON = ["--sfreq", "128", "--spectrum.high-hz", "40", "--significance.n-bootstrap", "50"]
COMMON += ["--envelope.method", "hilbert"]
ENVELOPES = ["--recordings.envelope-sfreq", "128"]


def heard_envelope(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    slow = coloured_noise(rng, (SFREQ * SECONDS, 1), sfreq=SFREQ, exponent=1.0)[:, 0]
    return 1 + 0.4 * slow.clip(-2, 2)


def scalp(*heard: tuple[int, np.ndarray], seed: int = 1) -> np.ndarray:
    """Microvolts, (4, n_times): Fz follows each envelope from its start (in seconds) on; 5 s are left."""
    start_s, envelope = heard[-1]
    n_times = (start_s + 5) * SFREQ + len(envelope)
    eeg = 10 * coloured_noise(np.random.default_rng(seed), (n_times, 4), sfreq=SFREQ).T
    for start_s, envelope in heard:
        eeg[0, start_s * SFREQ :][: len(envelope)] += 20 * (envelope - 1)
    return eeg


def status(n_times: int, *events: tuple[int, int]) -> np.ndarray:
    """A trigger channel with 5-sample pulses, (second, code)."""
    channel = np.zeros(n_times)
    for start_s, code in events:
        channel[start_s * SFREQ :][:5] = code
    return channel


def write_wav(path, envelope: np.ndarray) -> None:
    """A 29-Hz tone of this envelope, full scale 1, at 32 times the rate."""
    fine = np.interp(np.arange(32 * len(envelope)) / 32, np.arange(len(envelope)), envelope)
    carrier = fine * np.sin(2 * np.pi * 29 * np.arange(len(fine)) / (32 * SFREQ))
    scipy.io.wavfile.write(path, 32 * SFREQ, (carrier / np.abs(carrier).max()).astype(np.float32))


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """An empty folder but for the sound and its envelope; commands run in it."""
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "sound.wav", heard_envelope())
    np.save(tmp_path / "sound.npy", heard_envelope())
    return tmp_path


def settings_of(*words: str) -> EfrConfig:
    """Settings as `cogattn efr` makes them from its flags."""

    def take(**flags: object) -> EfrConfig:
        return EfrConfig.parse(nested(flags))

    parameters = flag_parameters(EfrConfig)
    take.__signature__ = inspect.Signature(parameters)
    take.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = App(result_action="return_value", exit_on_error=False, print_error=False)
    app.default(take)
    own = ENVELOPES if {"files", "bids", "table"} & set(words) else []
    return app([*COMMON, *own, *words])


@pytest.fixture
def largest_coherence(run_efr):
    """The row of the summary, of a run of one recording."""

    def row(config: EfrConfig) -> pd.Series:
        return run_efr(config)[0].summary.set_index("measure").loc["coherence.largest"]

    return row


@pytest.fixture
def assert_follows(largest_coherence):
    """One channel follows the envelope, and by far."""

    def check(config: EfrConfig, channel: str = "Fz") -> None:
        best = largest_coherence(config)
        assert best["note"].startswith(f"{channel},")
        assert best["lo"] > 0.2

    return check


@pytest.mark.parametrize("name", ["a.edf", "a.bdf", "a.vhdr", "a.set", "a_raw.fif"])
def test_every_continuous_format_is_analysed(lab, eeg_files, name, assert_follows):
    eeg = scalp((0, heard_envelope()))
    eeg_files.CONTINUOUS[name](lab / name, eeg, SFREQ, NAMES)
    words = ("--recordings.kind", "files", "--recordings.files", name, "--recordings.stimuli", "sound.wav")
    assert_follows(
        settings_of(*words, "--recordings.align", "start")
    )  # the BrainVision file has a marker later on


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_the_ku_leuven_layout_is_analysed(lab, eeg_files, version, assert_follows, largest_coherence):
    own, other = heard_envelope(0), heard_envelope(5)
    eeg = [scalp((0, own), seed=k)[:, : len(own)].T for k in (1, 2)]
    bands = [np.stack([own, other] if k == 0 else [other, own], axis=1)[:, None] / 2 for k in (0, 1)]
    eeg_files.save[version](lab / "S3.mat", eeg_files.kul_content(eeg, bands, SFREQ))
    words = ("--recordings.kind", "kul", "--recordings.path", "S3.mat")
    assert_follows(settings_of(*words), "ch1")
    ignored = largest_coherence(settings_of(*words, "--talker", "unattended"))
    assert ignored["estimate"] < 0.3


def test_the_ku_leuven_layout_finds_its_sounds_in_a_folder(lab, eeg_files, assert_follows):
    own, other = heard_envelope(0), heard_envelope(5)
    content = eeg_files.kul_content([scalp((0, own))[:, : len(own)].T], [own[:, None, None]], SFREQ)
    del content["trials"][0]["Envelope"]
    eeg_files.save["v7"](lab / "S3.mat", content)
    (lab / "sounds").mkdir()
    write_wav(lab / "sounds" / "part1_track1_dry.wav", own)
    write_wav(lab / "sounds" / "part1_track2_dry.wav", other)
    words = ("--recordings.kind", "kul", "--recordings.path", "S3.mat", "--recordings.audio", "sounds")
    config = settings_of(*words)
    assert_follows(config, "ch1")
    study = EfrStudy()
    assert set(study.contents(config, study.cells(config)[0])) == {"recording", "audio"}


def test_the_dtu_layout_is_analysed(lab, eeg_files, assert_follows):
    own, other = heard_envelope(0)[:, None], heard_envelope(5)[:, None]
    eeg = [scalp((0, own[:, 0]), seed=k)[:, : len(own)].T for k in (1, 2)]
    eeg_files.save["v7"](lab / "S1.mat", eeg_files.dtu_content(eeg, [own] * 2, [other] * 2, SFREQ))
    words = ("--recordings.kind", "dtu", "--recordings.path", "S1.mat")
    assert_follows(settings_of(*words), "ch1")


def test_cnd_is_analysed_with_the_feature_that_is_named(lab, eeg_files, assert_follows, load):
    own, other = heard_envelope(0), heard_envelope(5)
    features = np.empty((2, 1), dtype=object)
    features[0, 0], features[1, 0] = other[:, None], own[:, None]
    eeg_files.save_cnd(lab, [scalp((0, own))[:, : len(own)].T], features, ["music", "speech"], sfreq=SFREQ)
    words = ("--recordings.kind", "cnd", "--recordings.path", ".")
    assert_follows(settings_of(*words, "--recordings.attended", "speech"), "ch1")
    with pytest.raises(DataError, match=r"'music', 'speech'.*got 'attended'"):
        load(settings_of(*words))


def test_bids_subjects_are_analysed_from_their_events_on(lab, eeg_files, assert_follows):
    for subject in ("01", "02"):
        eeg = scalp((3, heard_envelope()), seed=int(subject))
        eeg_files.write_bids(lab / "bids", eeg, SFREQ, NAMES, subject=subject, events=[("story", 3.0)])
    words = ["--recordings.kind", "bids", "--recordings.root", "bids", "--recordings.task", "listen"]
    words += ["--recordings.stimuli", "sound.npy"]
    told = ["--recordings.align", "trigger", "--recordings.triggers", "story"]
    assert_follows(settings_of(*words, *told, "--recordings.subjects", "02"))
    both = settings_of(*words, "--recordings.subjects", "01", "02")
    assert [observer.id for observer in EfrStudy().observers(both)] == ["sub-01", "sub-02"]


def test_the_only_kind_of_event_is_when_sounds_begin_and_the_run_says_so(lab, eeg_files, run_efr):
    eeg_files.write_bids(lab / "bids", scalp((3, heard_envelope())), SFREQ, NAMES, events=[("story", 3.0)])
    words = [
        "--recordings.kind",
        "bids",
        "--recordings.root",
        "bids",
        "--recordings.task",
        "listen",
        "--recordings.subjects",
        "01",
    ]
    words += ["--recordings.stimuli", "sound.npy"]
    results, trials = run_efr(settings_of(*words))
    assert results.summary.set_index("measure").loc["coherence.largest", "lo"] > 0.3
    row = trials["recording"].iloc[0]
    assert (row["how"], row["events"], row["ignored"], row["n_trials"]) == ("trigger", "story", "", 1)
    assert "sub-01: 1 trials begin at the events story" in results.remarks
    ignoring, _ = run_efr(settings_of(*words, "--recordings.align", "start"))
    assert ignoring.summary.set_index("measure").loc["coherence.largest", "estimate"] < 0.3
    assert any(
        "its events (story) are ignored: sounds are taken to begin with the recording" in r
        for r in ignoring.remarks
    )


def test_of_several_kinds_of_events_one_must_be_named(lab, eeg_files):
    events = [("practice", 1.0), ("story", 3.0)]
    eeg_files.write_bids(lab / "bids", scalp((3, heard_envelope())), SFREQ, NAMES, events=events)
    words = [
        "--recordings.kind",
        "bids",
        "--recordings.root",
        "bids",
        "--recordings.task",
        "listen",
        "--recordings.subjects",
        "01",
    ]
    with pytest.raises(
        DataError, match=r"^recordings.triggers must name .* sub-01 has practice, story; .* start"
    ):
        EfrStudy().check(settings_of(*words, "--recordings.stimuli", "sound.npy"))


def test_codes_of_a_trigger_channel_are_events_too(lab, eeg_files, assert_follows):
    eeg = scalp((3, heard_envelope()))
    words = ["--recordings.kind", "files", "--recordings.files", "a.bdf", "--recordings.stimuli", "sound.npy"]
    eeg_files.write_edf(lab / "a.bdf", eeg, SFREQ, NAMES, status=status(eeg.shape[1], (3, 7)))
    assert_follows(settings_of(*words))
    eeg_files.write_edf(lab / "a.bdf", eeg, SFREQ, NAMES, status=status(eeg.shape[1], (3, 7), (50, 9)))
    with pytest.raises(DataError, match="a has 7, 9"):
        EfrStudy().check(settings_of(*words))


def test_marks_that_software_writes_are_no_onsets(lab, eeg_files, assert_follows):
    eeg_files.write_brainvision(
        lab / "a.vhdr", scalp((0, heard_envelope())), SFREQ, NAMES, markers=[("New Segment", 0)]
    )
    text = (lab / "a.vmrk").read_text(encoding="utf-8")
    (lab / "a.vmrk").write_text(text.replace("Stimulus,New", "New Segment,New"), encoding="utf-8")
    words = (
        "--recordings.kind",
        "files",
        "--recordings.files",
        "a.vhdr",
        "--recordings.stimuli",
        "sound.npy",
    )
    assert_follows(settings_of(*words))


@pytest.mark.parametrize("name", ["a.bdf", "a.vhdr", "a.edf"])
def test_integer_triggers_are_values_of_the_status_channel_or_numbers_of_markers(
    lab, eeg_files, name, assert_follows, load
):
    first, second = heard_envelope(0), heard_envelope(5)
    eeg = scalp((3, first), (70, second), (140, first))
    events = [(3, 7), (70, 12), (140, 7)]
    if name == "a.vhdr":
        markers = [(f"S{code:3d}", start_s * SFREQ) for start_s, code in events]
        eeg_files.write_brainvision(lab / name, eeg, SFREQ, NAMES, markers=markers)
    else:
        eeg_files.write_edf(lab / name, eeg, SFREQ, NAMES, status=status(eeg.shape[1], *events))
    words = ["--recordings.kind", "files", "--recordings.files", name, "--recordings.align", "trigger"]
    one = settings_of(*words, "--recordings.triggers", "7", "--recordings.stimuli", "sound.npy")
    assert len(load(one).trials) == 2
    assert_follows(one)
    np.save(lab / "second.npy", second)
    words += ["--recordings.triggers", "7", "12", "--recordings.stimuli", "sound.npy", "second.npy"]
    both = settings_of(*words, "--recordings.stimuli-by", "trigger")
    trials = load(both).trials
    assert [trial.labels["condition"] for trial in trials] == ["7", "12", "7"]
    assert [trial.name for trial in trials] == ["trial 1", "trial 2", "trial 3"]
    assert_follows(both)
    missing = settings_of(*words[:6], "--recordings.triggers", "9", "--recordings.stimuli", "sound.npy")
    with pytest.raises(DataError, match=r"^recordings.triggers .*\[9\], which has \[7, 12\]"):
        load(missing)


def test_epochs_are_analysed_from_their_sound_on(lab, assert_follows, load):
    first, second = heard_envelope(0), heard_envelope(5)
    np.save(lab / "second.npy", second)
    eeg = 1e-6 * scalp((3, first), (70, second))
    info = mne.create_info(list(NAMES), SFREQ, "eeg")
    raw = mne.io.RawArray(eeg, info, verbose="error")
    events = np.array([[3 * SFREQ, 0, 1], [70 * SFREQ, 0, 2]])
    epochs = mne.Epochs(
        raw, events, {"one": 1, "two": 2}, -0.5, 59.9, baseline=None, preload=True, verbose="error"
    )
    epochs.save(lab / "s1-epo.fif", verbose="error")
    words = [
        "--recordings.kind",
        "files",
        "--recordings.files",
        "s1-epo.fif",
        "--recordings.content",
        "epochs",
    ]
    words += ["--recordings.stimuli", "sound.npy", "second.npy", "--recordings.stimuli-by", "trigger"]
    config = settings_of(*words, "--recordings.align", "trigger", "--recordings.triggers", "one", "two")
    trials = load(config).trials
    np.testing.assert_allclose(trials[1].eeg[:10], eeg[:, 70 * SFREQ :][:, :10].T, atol=1e-11)
    assert_follows(config)


@pytest.fixture
def taped(lab):
    """A FIF recording with the sound from 3 s on in AUX1, and an annotation there."""
    envelope = heard_envelope()
    eeg = scalp((3, envelope))
    recorded = np.zeros(eeg.shape[1])
    recorded[3 * SFREQ :][: len(envelope)] = envelope * np.sin(
        2 * np.pi * 29 * np.arange(len(envelope)) / SFREQ
    )
    info = mne.create_info([*NAMES, "AUX1"], SFREQ, ["eeg"] * 4 + ["misc"])
    raw = mne.io.RawArray(np.vstack([1e-6 * eeg, recorded]), info, verbose="error")
    raw.set_annotations(mne.Annotations([3.0], [0.0], ["sound"]))
    raw.save(lab / "a_raw.fif", verbose="error")
    return lab


@pytest.mark.parametrize("stimulus", ["sound.wav", "sound.npy"])
@pytest.mark.parametrize(
    "align", [("trigger", "--recordings.triggers", "sound"), ("audio", "--recordings.audio-channel", "AUX1")]
)
def test_sound_or_envelope_is_aligned_by_annotation_or_found_in_the_audio(taped, stimulus, align, load):
    words = [
        "--recordings.kind",
        "files",
        "--recordings.files",
        "a_raw.fif",
        "--recordings.stimuli",
        stimulus,
    ]
    recording = load(settings_of(*words, "--recordings.align", *align))
    assert recording.channels == NAMES
    heard, truth = recording.stream("stimulus")[0], heard_envelope()
    assert len(heard) == len(truth)
    assert np.corrcoef(heard, truth)[0, 1] > 0.95
    assert np.corrcoef(heard, recording.eeg[0][:, 0])[0, 1] > 0.4


def test_without_a_stimulus_the_recorded_audio_is_what_was_heard(taped, assert_follows, load):
    words = [
        "--recordings.kind",
        "files",
        "--recordings.files",
        "a_raw.fif",
        "--recordings.audio-channel",
        "AUX1",
    ]
    assert_follows(settings_of(*words))
    cut = settings_of(
        *words,
        "--recordings.align",
        "trigger",
        "--recordings.triggers",
        "sound",
        "--recordings.trial-s",
        "55",
    )
    assert [len(trial.eeg) for trial in load(cut).trials] == [55 * SFREQ]
    assert_follows(cut)


def test_events_tell_nothing_of_a_sound_that_was_recorded_along_and_are_not_said_to_be_ignored(
    taped, run_cell
):
    words = [
        "--recordings.kind",
        "files",
        "--recordings.files",
        "a_raw.fif",
        "--recordings.audio-channel",
        "AUX1",
    ]
    row = run_cell(settings_of(*words)).trials["recording"].iloc[0]
    assert (row["how"], row["events"], row["ignored"]) == ("start", "", "")
    words += ["--recordings.stimuli", "sound.npy"]
    row = run_cell(settings_of(*words, "--recordings.align", "start")).trials["recording"].iloc[0]
    assert (row["how"], row["ignored"]) == ("start", "sound")
    row = run_cell(settings_of(*words)).trials["recording"].iloc[0]
    assert (row["how"], row["ignored"]) == ("audio", "sound")


def test_units_that_a_data_set_is_said_to_have_are_believed(lab, eeg_files, load):
    eeg_files.write_bids(lab / "bids", scalp((3, heard_envelope())), SFREQ, NAMES, events=[("story", 3.0)])
    words = [
        "--recordings.kind",
        "bids",
        "--recordings.root",
        "bids",
        "--recordings.task",
        "listen",
        "--recordings.subjects",
        "01",
    ]
    words += ["--recordings.stimuli", "sound.npy", "--recordings.unit"]
    assert load(settings_of(*words, "arbitrary")).unit == "arbitrary"
    with pytest.raises(DataError, match="scaled twice"):
        load(settings_of(*words, "uV"))


@pytest.mark.slow
def test_a_run_from_files_prints_its_table(lab, eeg_files, capsys):
    eeg = scalp((3, heard_envelope()))
    eeg_files.write_edf(lab / "a.bdf", eeg, SFREQ, NAMES, status=status(eeg.shape[1], (3, 7)))
    words = ["--recordings.kind", "files", "--recordings.files", "a.bdf", "--recordings.align", "trigger"]
    words += ["--recordings.triggers", "7", "--recordings.stimuli", "sound.npy", "--workers", "1"]
    assert main(["efr", *COMMON, *ENVELOPES, *words]) == 0
    out, err = capsys.readouterr()
    assert "coherence" in out
    assert "Traceback" not in err


def test_a_reference_is_subtracted_before_positions_are_picked(lab, eeg_files, load):
    eeg = scalp((0, heard_envelope()))
    eeg_files.write_fif(lab / "a_raw.fif", eeg, SFREQ, NAMES)
    words = [
        "--recordings.kind",
        "files",
        "--recordings.files",
        "a_raw.fif",
        "--recordings.stimuli",
        "sound.npy",
    ]
    words += ["--cleaning.channels", "Fz", "Cz"]
    average = load(settings_of(*words, "--cleaning.reference", "average"))
    n = average.eeg[0].shape[0]
    np.testing.assert_allclose(average.eeg[0], 1e-6 * (eeg - eeg.mean(axis=0))[:2, :n].T, atol=1e-11)
    mastoid = settings_of(*words, "--cleaning.reference", "channels", "--cleaning.reference-channels", "Oz")
    np.testing.assert_allclose(load(mastoid).eeg[0], 1e-6 * (eeg[:2] - eeg[3])[:, :n].T, atol=1e-11)


def test_real_fragments_load_and_align_on_their_audio_channel(shared_data, tmp_path, load):
    """A second of the recorded sound, cut out, resampled and in noise, is found where it was."""
    folder = shared_data / "efr" / "music_attention_edf"
    for path, start_s in zip(sorted(folder.glob("*.edf")), (2.5, 0.4), strict=True):
        raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
        audio = raw.get_data(picks=["AUX69"])[0]
        first = round(start_s * 2048)
        excerpt = scipy.signal.resample_poly(audio[first : first + 2048] - audio.mean(), 4, 1)
        excerpt += 0.1 * excerpt.std() * np.random.default_rng(0).standard_normal(len(excerpt))
        sound = (excerpt / np.abs(excerpt).max()).astype(np.float32)
        scipy.io.wavfile.write(tmp_path / "cut.wav", 8192, sound)
        source = Files(files=(path,), stimuli=(tmp_path / "cut.wav",), align="audio", audio_channel="AUX69")
        config = EfrConfig(
            recordings=source, cleaning={"channels": ("Fz", "Cz", "Pz", "Oz")}, envelope={"method": "hilbert"}
        )
        recording = load(config)
        assert recording.sfreq == 512
        whole = raw.get_data(picks=["Cz"])[0]
        found = recording.eeg[0][:, 1]
        expected = scipy.signal.resample_poly(whole, 1, 4, padtype="edge")[first // 4 :][: len(found)]
        assert np.corrcoef(found, expected)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"align": "trigger"}, "triggers must name"),
        ({"align": "audio"}, "audio_channel and stimuli"),
        ({"align": "start", "triggers": ["1"]}, "triggers must be left out when align is start"),
        ({"stimuli": ["a.wav", "b.wav", "c.wav"]}, "one for all recordings or one for each"),
        (
            {"stimuli": ["a.wav"], "stimuli_by": "trigger", "triggers": ["1", "2"], "align": "trigger"},
            "one for each",
        ),
    ],
)
def test_onsets_that_cannot_be_told_are_refused(settings, sentence):
    source = {"kind": "files", "files": ["x.bdf", "y.bdf"], **settings}
    with pytest.raises(ConfigError, match=sentence):
        EfrConfig.parse({"recordings": source})


def test_sounds_that_overrun_the_next_onset_are_refused(lab, eeg_files, load):
    eeg = scalp((3, heard_envelope()))
    eeg_files.write_edf(lab / "a.bdf", eeg, SFREQ, NAMES, status=status(eeg.shape[1], (3, 7), (4, 7)))
    words = ["--recordings.kind", "files", "--recordings.files", "a.bdf", "--recordings.align", "trigger"]
    config = settings_of(*words, "--recordings.triggers", "7", "--recordings.stimuli", "sound.npy")
    with pytest.raises(DataError, match=r"room before the next onset.*1 s for 60 s.*trial 1"):
        load(config)
