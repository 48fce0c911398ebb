"""What a cell depends on: its own recording, its task's settings, the bytes of its files, and nothing else."""

from __future__ import annotations

import pytest

from cogattn.eeg.efr.config import (
    EfrConfig,
    MainsSettings,
    SignificanceSettings,
    SpectrumSettings,
    SteadyStateSettings,
)
from cogattn.eeg.efr.study import EfrStudy
from cogattn.eeg.recordings.config import EnvelopeSettings, Files, SimulatedPath, SimulatedSweeps
from cogattn.running.formats import parquet_bytes
from cogattn.study import Cell, streams_of
from cogattn.testing.variations import variations

TINY = EfrConfig(
    recordings=SimulatedPath(n_listeners=1, n_channels=2, duration_s=30, sfreq=64),
    spectrum=SpectrumSettings(segment_s=1, high_hz=20, lag_low_s=-0.05, lag_high_s=0.2),
    significance=SignificanceSettings(n_bootstrap=50, block_s=3, min_shift_s=3),
    steady_state=SteadyStateSettings(modulation_hz=8, n_harmonics=2),
)
PITCH = EfrConfig(
    recordings=SimulatedSweeps(n_sweeps=24, modulation_hz=80, sfreq=512, n_channels=2, sweep_s=0.25),
    following=False,
    steady_state=SteadyStateSettings(modulation_hz=80, sweep_s=0.25, f0_low_hz=60, f0_high_hz=100, n_side=3),
)


def with_settings(config: EfrConfig, **groups: dict[str, object]) -> EfrConfig:
    """Settings with some groups of them at other values than the defaults."""
    return EfrConfig.parse({**config.model_dump(), **groups})


VARIANTS = {
    "welch": TINY,
    "multitaper": with_settings(TINY, spectrum={"estimator": "multitaper", "segment_s": 1, "high_hz": 20}),
    "phases": with_settings(
        TINY, significance={"surrogates": "phase", "n_shuffles": 19, "n_bootstrap": 50, "block_s": 3}
    ),
    "pitch": PITCH,
}


def relevant(config: EfrConfig) -> dict[str, EfrConfig]:
    """Settings of every cell, by its key."""
    study = EfrStudy()
    return {cell.key: study.relevant(config, cell) for cell in study.cells(config)}


def tables(config: EfrConfig, cell: Cell) -> dict[str, bytes]:
    outcome = EfrStudy().run_cell(config, cell, streams_of(config, cell))
    return {name: parquet_bytes(rows) for name, rows in outcome.trials.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_a_setting_that_is_not_relevant_changes_no_byte_even_if_it_is_seen(name):
    """Cells run with all settings, each changed by itself: where the relevant ones are equal, so are the tables."""
    study, config = EfrStudy(), VARIANTS[name]
    cells = study.cells(config)
    before = {cell: tables(study.relevant(config, cell), cell) for cell in cells}
    n_seen = 0
    for path, changed in variations(config):
        for cell in cells:
            if cell in study.cells(changed) and study.relevant(changed, cell) == study.relevant(config, cell):
                assert tables(changed, cell) == before[cell], f"{path} is forgotten in {cell.label}"
                n_seen += 1
    assert n_seen >= 5


@pytest.mark.parametrize(
    "update",
    [
        {"spectrum": SpectrumSettings(high_hz=30, ridge=1e-3)},
        {"significance": SignificanceSettings(alpha=0.01, n_bootstrap=300)},
        {"mains": MainsSettings(mains_hz=60)},
        {"envelope": EnvelopeSettings(method="rms")},
    ],
)
def test_settings_of_following_are_nothing_to_a_steady_state_cell(update):
    before, after = relevant(TINY), relevant(TINY.model_copy(update=update))
    steady = [key for key, own in before.items() if own.steady_state is not None]
    assert len(steady) == 1
    assert after[steady[0]] == before[steady[0]]


def test_settings_of_steady_state_are_nothing_to_a_following_cell():
    update = {"steady_state": SteadyStateSettings(modulation_hz=10, alternating=True, sweep_s=2)}
    before, after = relevant(TINY), relevant(TINY.model_copy(update=update))
    following = [key for key, own in before.items() if own.following]
    assert len(following) == 1
    assert after[following[0]] == before[following[0]]


def test_mains_are_found_in_the_data_of_a_steady_state_cell_whatever_the_setting_says():
    ((_, before),) = relevant(PITCH).items()
    ((_, after),) = relevant(PITCH.model_copy(update={"mains": MainsSettings(mains_hz=60)})).items()
    assert before == after


def test_a_further_simulated_listener_changes_no_cell():
    more = TINY.model_copy(update={"recordings": TINY.recordings.model_copy(update={"n_listeners": 5})})
    assert relevant(TINY).items() <= relevant(more).items()


def files_config(names: str, stimuli: str = "", **more: object) -> EfrConfig:
    source = {"kind": "files", "files": [f"{n}.bdf" for n in names], "stimuli": list(stimuli.split())}
    return EfrConfig.parse({"recordings": {**source, **more}})


def test_a_recording_is_the_same_cell_wherever_it_stands_and_whoever_is_beside_it():
    one = relevant(files_config("b", "b.wav"))
    three = relevant(files_config("abc", "a.wav b.wav c.wav"))
    assert one.items() <= three.items()
    assert relevant(files_config("cab", "c.wav a.wav b.wav")) == three
    other = relevant(files_config("b", "other.wav"))
    assert other.keys() == one.keys()
    assert other != one


@pytest.mark.parametrize(
    ("source", "update", "matters"),
    [
        ({"stimuli": "s.wav"}, {"envelope": {"method": "rms"}}, True),
        ({"stimuli": "s.npy"}, {"envelope": {"method": "rms"}}, False),
        ({"stimuli": "", "audio_channel": "A"}, {"envelope": {"method": "rms"}}, False),
        ({"stimuli": "", "audio_channel": "A"}, {"envelope": {"power": 1.0}}, True),
        ({"stimuli": "s.wav"}, {"recordings": {"envelope_sfreq": 64}}, False),
        ({"stimuli": "s.npy"}, {"recordings": {"envelope_sfreq": 64}}, True),
        ({"stimuli": "s.wav"}, {"talker": "unattended"}, False),
        ({"stimuli": "s.wav"}, {"recordings": {"trial_s": 5}}, True),
    ],
)
def test_what_is_heard_decides_which_settings_of_sound_matter(source, update, matters):
    before = files_config("a", **source)
    values = before.model_dump()
    merged = {k: {**values[k], **v} if isinstance(v, dict) else v for k, v in update.items()}
    after = EfrConfig.parse({**values, **merged})
    assert (relevant(before) != relevant(after)) == matters


def digests(config: EfrConfig) -> dict[str, str]:
    study = EfrStudy()
    return dict(study.contents(config, study.cells(config)[0]))


def test_a_byte_of_recording_or_stimulus_changes_what_a_cell_reads(tmp_path, eeg_files):
    eeg_files.write_brainvision(tmp_path / "a.vhdr")
    (tmp_path / "s.npy").write_bytes(b"envelope")
    source = Files(files=(tmp_path / "a.vhdr",), stimuli=(tmp_path / "s.npy",))
    config = EfrConfig(recordings=source)
    seen = digests(config)
    assert set(seen) == {"recording", "stimulus 1"}
    for name in ("a.vhdr", "a.eeg", "a.vmrk", "s.npy"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(bytes([data[0] ^ 1]) + data[1:])
        changed = digests(config)
        assert [key for key in seen if changed[key] != seen[key]] == [
            "stimulus 1" if name == "s.npy" else "recording"
        ]
        seen = changed


def test_samples_under_another_name_and_parts_of_a_fif_file_belong_to_a_recording(tmp_path, eeg_files):
    eeg_files.write_brainvision(tmp_path / "a.vhdr")
    text = (tmp_path / "a.vhdr").read_text(encoding="utf-8").replace("DataFile=a.eeg", "DataFile=b.eeg")
    (tmp_path / "a.vhdr").write_text(text, encoding="utf-8")
    for name in ("b.eeg", "c_raw.fif", "c_raw-1.fif"):
        (tmp_path / name).write_bytes(b"1")
    for recording, part in (("a.vhdr", "b.eeg"), ("c_raw.fif", "c_raw-1.fif")):
        config = EfrConfig(recordings=Files(files=(tmp_path / recording,)))
        before = digests(config)
        (tmp_path / part).write_bytes(b"2")
        assert digests(config) != before


def test_of_a_bids_subject_only_what_belongs_to_the_task_counts(tmp_path, eeg_files):
    pytest.importorskip("edfio")
    root = tmp_path / "bids"
    eeg_files.write_bids(root, events=[("story", 1.0)])
    source = {"kind": "bids", "root": root, "subjects": ["01"], "task": "listen", "stimuli": []}
    config = EfrConfig.parse({"recordings": source})
    before = digests(config)
    folder = root / "sub-01" / "eeg"
    (folder / "sub-01_task-rest_eeg.json").write_text("{}", encoding="utf-8")
    (root / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n", encoding="utf-8")
    assert digests(config) == before
    events = folder / "sub-01_task-listen_events.tsv"
    events.write_text(events.read_text(encoding="utf-8").replace("story", "other"), encoding="utf-8")
    assert digests(config) != before
    again = digests(config)
    (root / "task-listen_events.json").write_text("{}", encoding="utf-8")
    assert digests(config) != again


def test_cost_grows_with_the_recording(tmp_path):
    study = EfrStudy()

    def seconds(config: EfrConfig) -> float:
        return study.cost(config, study.cells(config)[0]).cpu_s

    longer = TINY.model_copy(update={"recordings": TINY.recordings.model_copy(update={"duration_s": 3000})})
    assert seconds(longer) > seconds(TINY) > 0
    (tmp_path / "a.bdf").write_bytes(bytes(1000))
    (tmp_path / "b.bdf").write_bytes(bytes(10**8))
    small, large = (EfrConfig(recordings=Files(files=(tmp_path / f"{n}.bdf",))) for n in "ab")
    assert seconds(large) > seconds(small)
