"""Every kind of recordings comes in by one function, for either study, and says what it left out of account."""

from __future__ import annotations

import json
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from scipy.io import savemat, wavfile

from cogattn.eeg.recordings import sources
from cogattn.eeg.recordings.config import Cleaning, EnvelopeSettings, Source
from cogattn.eeg.recordings.files import files_of, listeners
from cogattn.eeg.recordings.outline import outline
from cogattn.eeg.recordings.recording import Recording
from cogattn.errors import DataError

SFREQ, NAMES = 128, ("Fz", "Cz", "Pz", "Oz")
RMS = EnvelopeSettings(method="rms", power=1.0)


def source_of(kind: str, **settings: object) -> Source:
    return TypeAdapter(Source).validate_python({"kind": kind, **settings})


def load(source: Source, listener: str = "", cleaning: Cleaning | None = None) -> Recording:
    """The recording, which must be as its outline says."""
    who = listener or listeners(source)[0]
    cleaning = cleaning or Cleaning()
    found = sources.load(source, who, cleaning=cleaning, envelope=RMS, seed=0)
    known = outline(source, who, cleaning)
    assert known.channels == found.channels
    assert known.sfreq == found.sfreq
    assert known.codes == tuple(trial.labels.get("condition", "") for trial in found.trials)
    assert set(known.streams) == set(found.trials[0].streams)
    assert max(abs(len(eeg) - n) for eeg, n in zip(found.eeg, known.n_times, strict=True)) <= 1
    assert files_of(source, who).keys() or source.kind.startswith("simulated")
    return found


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Microvolts, (4, n_times)."""
    return 10 * np.random.default_rng(seed).standard_normal((4, round(seconds * SFREQ)))


def sound(path: Path, seconds: float, seed: int) -> np.ndarray:
    """Write noise of changing loudness at 8 kHz; return its loudness at 10 Hz."""
    rng = np.random.default_rng(seed)
    loudness = 0.1 + rng.random(round(10 * seconds))
    wavfile.write(
        path,
        8000,
        (0.1 * np.repeat(loudness, 800) * rng.standard_normal(800 * len(loudness))).astype(np.float32),
    )
    return loudness


@pytest.mark.parametrize(
    ("kind", "settings", "streams"),
    [
        ("simulated_talkers", {"n_trials": 2, "trial_s": 10, "n_channels": 4}, {"attended", "unattended"}),
        ("simulated_path", {"n_channels": 4, "duration_s": 20, "sfreq": 64}, {"stimulus"}),
        ("simulated_sweeps", {"n_sweeps": 10, "sfreq": 256, "n_channels": 3}, {"stimulus"}),
    ],
)  # fmt: skip
def test_simulations_are_drawn_from_the_seed_and_have_sounds(kind, settings, streams) -> None:
    source = source_of(kind, **settings)
    found = load(source)
    assert set(found.trials[0].streams) == streams
    assert found.intake.how == "simulation"
    np.testing.assert_array_equal(found.eeg[0], load(source).eeg[0])
    role = sorted(streams)[0]
    samples, rate = sources.sound(
        source, found, found.trials[1 if len(found.trials) > 1 else 0], role, seed=0
    )
    again, _ = sources.sound(source, found, found.trials[1 if len(found.trials) > 1 else 0], role, seed=0)
    np.testing.assert_array_equal(samples, again)
    assert len(samples) / rate == pytest.approx(len(found.eeg[-1]) / found.sfreq)


def test_the_carrier_of_a_simulated_sound_has_the_stream_for_its_envelope() -> None:
    source = source_of("simulated_talkers", n_trials=2, trial_s=30, n_channels=3)
    found = load(source)
    samples, rate = sources.sound(source, found, found.trials[0], "attended", seed=0)
    heard = np.sqrt((samples.reshape(-1, round(rate / 64)) ** 2).mean(axis=1))
    assert np.corrcoef(heard, found.trials[0].streams["attended"])[0, 1] > 0.9


@pytest.fixture
def two_talkers(tmp_path, eeg_files) -> Path:
    """A FIF recording with a story from 3 s and one from 20 s on, and four sounds of ten seconds."""
    for i, name in enumerate(("a", "b", "c", "d")):
        sound(tmp_path / f"{name}.wav", 10, seed=i)
    info = mne.create_info(list(NAMES), SFREQ, "eeg")
    raw = mne.io.RawArray(1e-6 * noise(40), info, verbose="error")
    raw.set_annotations(mne.Annotations([3.0, 20.0], 0.0, ["one", "two"]))
    raw.save(tmp_path / "s1_raw.fif", verbose="error")
    return tmp_path


def test_files_with_a_sound_for_each_trigger_hold_both_talkers(two_talkers) -> None:
    names = {"stimuli": ["a.wav", "b.wav"], "unattended": ["c.wav", "d.wav"]}
    paths = {role: [two_talkers / name for name in of] for role, of in names.items()}
    source = source_of(
        "files", files=[two_talkers / "s1_raw.fif"], triggers=["one", "two"], stimuli_by="trigger", **paths
    )
    found = load(source)
    assert [trial.onset_s for trial in found.trials] == [3.0, 20.0]
    assert [len(eeg) for eeg in found.eeg] == [10 * SFREQ] * 2
    assert found.trials[1].labels["unattended_audio"].endswith("d.wav")
    samples, rate = sources.sound(source, found, found.trials[1], "unattended", seed=0)
    _, played = wavfile.read(two_talkers / "d.wav")
    np.testing.assert_allclose(samples, played, atol=1e-7)
    assert rate == 8000


@pytest.mark.parametrize("ending", ["npy", "mat", "mat with a rate"])
def test_an_envelope_that_was_computed_stands_in_for_a_sound_in_every_kind(two_talkers, ending) -> None:
    rng = np.random.default_rng(5)
    rate = 100 if ending == "mat with a rate" else 50
    envelopes = {name: rng.random(10 * rate) for name in ("a", "c")}
    suffix = ending[:3]
    for name, values in envelopes.items():
        if suffix == "npy":
            np.save(two_talkers / f"{name}.npy", values)
        else:
            savemat(two_talkers / f"{name}.mat", {"env": values} | ({"fs": 100.0} if rate == 100 else {}))
        (two_talkers / f"{name}.wav").unlink()
    row = {
        "subject": "S",
        "recording": "s1_raw.fif",
        "onset_s": 3,
        "attended": "a.wav",
        "unattended": f"c.{suffix}",
    }
    pd.DataFrame([row]).to_csv(two_talkers / "trials.csv", index=False)
    of_table = load(source_of("table", path=two_talkers, envelope_sfreq=50))
    of_files = load(
        source_of(
            "files", files=[two_talkers / "s1_raw.fif"], stimuli=[two_talkers / f"a.{suffix}"], triggers=["one"],
            envelope_sfreq=50,
        )
    )  # fmt: skip
    np.testing.assert_array_equal(of_table.stream("attended")[0], of_files.stream("stimulus")[0])
    found = of_table.stream("attended")[0]
    assert len(found) == 10 * SFREQ
    at = (np.arange(10 * rate) / rate * SFREQ).round().astype(int)
    assert np.corrcoef(found[at], envelopes["a"])[0, 1] > 0.9
    with pytest.raises(DataError, match="the attended sound itself must be known; got an envelope"):
        sources.sound(source_of("table", path=two_talkers), of_table, of_table.trials[0], "attended", seed=0)


def test_a_table_serves_a_study_of_one_sound_and_may_leave_lengths_to_it(two_talkers) -> None:
    rows = [
        {
            "subject": "S",
            "recording": "s1_raw.fif",
            "trigger": code,
            "stimulus": f"{name}.wav",
            "condition": code,
        }
        for code, name in (("one", "a"), ("two", "b"))
    ]
    pd.DataFrame(rows).to_csv(two_talkers / "trials.csv", index=False)
    found = load(source_of("table", path=two_talkers))
    assert [len(eeg) for eeg in found.eeg] == [10 * SFREQ] * 2
    assert found.intake.how == "table"


def bids_events(root: Path, rows: list[dict]) -> None:
    """Replace the table of events of sub-01."""
    table = root / "sub-01" / "eeg" / "sub-01_task-listen_events.tsv"
    pd.DataFrame(rows).to_csv(table, sep="\t", index=False, na_rep="n/a")


@pytest.fixture
def bids(tmp_path, eeg_files) -> Path:
    """A BIDS data set of one subject of 40 s, with four sounds in ``stimuli``."""
    root = tmp_path / "bids"
    eeg_files.write_bids(root, noise(40), SFREQ, NAMES, events=[("story", 3.0), ("story", 20.0)])
    (root / "stimuli").mkdir()
    for i, name in enumerate(("a", "b", "c", "d")):
        sound(root / "stimuli" / f"{name}.wav", 10, seed=i)
    return root


def test_bids_events_that_name_both_sounds_are_the_trials_with_their_labels(bids) -> None:
    story = {"trial_type": "story"}
    rows = [
        {"onset": 1.0, "duration": None, "trial_type": "fixation"},
        {"onset": 3.0, "duration": 9.0, **story, "attended": "a.wav", "unattended": "b.wav", "side": "L"},
        {"onset": 20.0, "duration": None, **story, "attended": "c.wav", "unattended": "d.wav", "side": "R"},
    ]  # fmt: skip
    bids_events(bids, rows)
    source = source_of("bids", root=bids, subjects=["01"], task="listen")
    found = load(source)
    assert [(trial.labels["side"], trial.labels["attended_audio"], len(trial.eeg)) for trial in found.trials] == [
        ("L", "a.wav", 9 * SFREQ), ("R", "c.wav", 10 * SFREQ)
    ]  # fmt: skip
    assert (found.intake.how, found.intake.events, found.intake.ignored) == ("events", "story", "fixation")
    assert "stimuli" in files_of(source, "sub-01")
    samples, _ = sources.sound(source, found, found.trials[1], "unattended", seed=0)
    np.testing.assert_allclose(samples, wavfile.read(bids / "stimuli" / "d.wav")[1], atol=1e-7)
    (bids / "stimuli" / "d.wav").unlink()
    with pytest.raises(DataError, match=r"none named d\.wav"):
        load(source)


def test_bids_own_column_of_sounds_is_used_for_one_stream(bids) -> None:
    bids_events(bids, [{"onset": 3.0, "duration": 0, "trial_type": "story", "stim_file": "a.wav"}])
    found = load(source_of("bids", root=bids, subjects=["01"], task="listen"))
    assert set(found.trials[0].streams) == {"stimulus"}
    assert [trial.onset_s for trial in found.trials] == [3.0]


def test_a_sound_of_the_settings_is_heard_from_the_only_kind_of_event_on(bids) -> None:
    source = source_of(
        "bids", root=bids, subjects=["01"], task="listen", stimuli=[bids / "stimuli" / "a.wav"]
    )
    found = load(source)
    assert [trial.onset_s for trial in found.trials] == [3.0, 20.0]
    assert (found.intake.how, found.intake.events) == ("trigger", "story")


AVERAGES = {"positive": np.sin(np.arange(400) / 9), "negative": -np.sin(np.arange(400) / 9)}


@pytest.mark.parametrize("ending", ["csv", "mat", "npy", "fif"])
def test_averages_come_in_from_every_export(tmp_path, ending) -> None:
    rng = np.random.default_rng(0)
    both = {name: values + 0.1 * rng.standard_normal(400) for name, values in AVERAGES.items()}
    path = tmp_path / (f"s1-ave.{ending}" if ending == "fif" else f"s1.{ending}")
    time_s = np.arange(400) / 4000
    if ending == "csv":
        pd.DataFrame({"time": time_s, **both}).to_csv(path, index=False)
    elif ending == "mat":
        savemat(path, {"posAvg": both["positive"], "negAvg": both["negative"], "fs": 4000.0})
    elif ending == "npy":
        np.save(path, np.stack(list(both.values())))
    else:
        info = mne.create_info(["Cz"], 4000.0, "eeg")
        evoked = [mne.EvokedArray(1e-6 * v[None], info, comment=k, nave=99) for k, v in both.items()]
        mne.write_evokeds(path, evoked, verbose="error")
    found = load(source_of("files", files=[path], content="averages", averages_sfreq=4000))
    assert found.sfreq == 4000
    assert "averages" in found.intake.how
    assert "cannot be tested" in found.intake.remarks[0]
    if ending == "npy":  # rows are channels there
        np.testing.assert_allclose(found.eeg[0].T, 1e-6 * np.stack(list(both.values())))
        return
    assert [trial.labels["condition"] for trial in found.trials] == ["positive", "negative"]
    np.testing.assert_allclose(found.eeg[1][:, 0], 1e-6 * both["negative"], rtol=1e-6)


def test_bad_channels_and_references_are_settings_of_every_kind(two_talkers) -> None:
    raw = mne.io.read_raw_fif(two_talkers / "s1_raw.fif", preload=True, verbose="error")
    raw.info["bads"] = ["Pz"]
    raw.save(two_talkers / "s1_raw.fif", overwrite=True, verbose="error")
    source = source_of(
        "files", files=[two_talkers / "s1_raw.fif"], triggers=["one"], stimuli=[two_talkers / "a.wav"]
    )
    found = sources.load(source, "s1_raw", cleaning=Cleaning(reference="average"), envelope=RMS, seed=0)
    assert found.channels == ("Fz", "Cz", "Oz")
    assert found.intake.bads == ("Pz",)
    assert "marked bad" in found.intake.remarks[-1]
    np.testing.assert_allclose(found.eeg[0].sum(axis=1), 0, atol=1e-18)


def test_what_the_reader_warns_of_is_said(tmp_path, eeg_files) -> None:
    eeg_files.write_edf(tmp_path / "a.edf", noise(20), SFREQ, NAMES)
    raw = (tmp_path / "a.edf").read_bytes()
    (tmp_path / "a.edf").write_bytes(raw[:236] + b"86400   " + raw[244:])  # a day, for 20 seconds
    with pytest.raises(DataError, match=r"as long as its header says; got 20 records .* of 86,400"):
        load(source_of("files", files=[tmp_path / "a.edf"]))
    (tmp_path / "b.edf").write_bytes(raw.replace(b"Oz              ", b"Fz              ", 1))
    found = load(source_of("files", files=[tmp_path / "b.edf"]))
    assert any("Channel names are not unique" in remark for remark in found.intake.remarks)


def test_a_folder_reads_those_who_are_asked_for(tmp_path, eeg_files) -> None:
    pytest.importorskip("pymatreader")
    for name in ("S1", "S2"):
        own = [np.random.default_rng(1).random((10 * SFREQ, 1))] * 2
        content = eeg_files.dtu_content([noise(10, seed=k).T for k in (1, 2)], own, own, SFREQ)
        eeg_files.save["v7"](tmp_path / f"{name}_data_preproc.mat", content)
    assert listeners(source_of("dtu", path=tmp_path)) == ["S1", "S2"]
    assert listeners(source_of("dtu", path=tmp_path, subjects=["S2"])) == ["S2"]
    assert listeners(source_of("dtu", path=tmp_path / "S1_data_preproc.mat")) == ["S1"]
    with pytest.raises(DataError, match=r"recordings\.subjects must be among S1, S2; got S3"):
        listeners(source_of("dtu", path=tmp_path, subjects=["S3"]))


def test_one_feature_is_enough_where_one_sound_was_heard(tmp_path, eeg_files) -> None:
    pytest.importorskip("pymatreader")
    features = np.empty((1, 2), dtype=object)
    for k in range(2):
        features[0, k] = np.random.default_rng(k).random((10 * SFREQ, 1))
    eeg_files.save_cnd(tmp_path, [noise(10, seed=k).T for k in (1, 2)], features, ["speech"], sfreq=SFREQ)
    found = load(source_of("cnd", path=tmp_path, attended="speech"))
    assert set(found.trials[0].streams) == {"attended"}


def test_settings_are_read_back_as_they_were_written() -> None:
    source = source_of("files", files=["a.bdf"], triggers=["7"])
    assert TypeAdapter(Source).validate_python(json.loads(source.model_dump_json())) == source
