"""Listeners as tasks: what is trained on, what is held out, what a score is, and what is forgotten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from cogattn.eeg.aad import rehearsed
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.pool import Pool, prepared
from cogattn.eeg.aad.rehearsed import LISTENERS, ListenerLearner, ListenerTasks, held_out_pieces
from cogattn.eeg.aad.splits import TrialFacts
from cogattn.eeg.recordings.config import Bids, Cnd, Dtu, Kul, SimulatedTalkers, Table
from cogattn.eeg.recordings.guessing import source_of
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording
from cogattn.errors import ConfigError, DataError
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.rules import rule_of
from cogattn.rehearsal.schedules import plan_phases, schedule_of
from cogattn.rehearsal.training import train
from cogattn.seeds import Streams

CONFIG = RehearsalConfig(scenario="listeners")
STREAMS = Streams(0).child("seed", 1)
TALKERS = SimulatedTalkers(n_trials=10, trial_s=30.0, n_channels=16, snr_db=-10.0)


@pytest.fixture(scope="module")
def tasks() -> ListenerTasks:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rehearsed, "TALKERS", TALKERS)
        return LISTENERS.build(CONFIG, n_tasks=2, streams=STREAMS)


def test_a_batch_holds_the_windows_that_were_drawn(tasks: ListenerTasks) -> None:
    seed = int(STREAMS.child("tasks").generator("listeners").integers(2**31))
    source = TALKERS.model_copy(update={"n_listeners": 2})
    task, index = np.array([1, 0, 1]), np.array([0, 17, 5])
    batch = tasks.batch(task, index)
    for row, (t, i) in enumerate(zip(task, index, strict=True)):
        recording = prepared(AadConfig(recordings=source, seed=seed), tasks.names[t])
        piece, start = tasks.train[t].at[i]
        span = slice(start, start + 160)  # 5 s at 32 Hz
        trial = recording.trials[piece]
        assert np.corrcoef(batch.eeg[row, 3], trial.eeg[span, 3])[0, 1] == pytest.approx(1, abs=1e-6)
        np.testing.assert_allclose(batch.attended[row], trial.streams["attended"][span], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            batch.unattended[row], trial.streams["unattended"][span], rtol=1e-5, atol=1e-5
        )


def test_held_out_windows_are_of_other_trials_and_overlap_nowhere(tasks: ListenerTasks) -> None:
    for train_windows, test_windows in zip(tasks.train, tasks.test, strict=True):
        assert not set(train_windows.at[:, 0]) & set(test_windows.at[:, 0])
        assert len(set(test_windows.at[:, 0])) == 3  # a quarter of 10, rounded up
        assert len(test_windows.at) == 18
        for piece in set(test_windows.at[:, 0]):
            starts = test_windows.at[test_windows.at[:, 0] == piece, 1]
            assert (np.diff(starts) >= test_windows.length).all()


def test_trials_that_share_a_sound_are_held_out_together() -> None:
    """Two listeners hear the same four sounds, each listener's fourth trial the sound of the first, too."""
    facts = [TrialFacts(who, f"trial {k}") for who in "AB" for k in range(4)]
    heard = [0, 1, 2, 0] * 2
    sharing = [frozenset(j for j in range(8) if j != k and heard[j] == heard[k]) for k in range(8)]
    nothing = [np.zeros((4, 2))] * 8
    pool = Pool(nothing, nothing, nothing, facts, range(4), 32.0, sharing)
    for seed in range(5):
        tested = held_out_pieces(pool, np.random.default_rng(seed))
        assert {heard[k] for k in tested}.isdisjoint({heard[k] for k in range(8) if k not in tested})
        assert {facts[k].subject for k in tested} == {"A", "B"}
    everywhere = [frozenset(set(range(8)) - {k}) for k in range(8)]
    with pytest.raises(DataError, match="data must have trials of each listener whose sounds no other trial"):
        held_out_pieces(
            Pool(nothing, nothing, nothing, facts, range(4), 32.0, everywhere), np.random.default_rng(0)
        )


def test_a_score_is_the_share_of_windows_that_follow_the_attended_talker(tasks: ListenerTasks) -> None:
    class Follows(torch.nn.Module):
        """Says what it is told of each window, whatever the EEG is."""

        def __init__(self, sounds: torch.Tensor) -> None:
            super().__init__()
            self.sounds = sounds

        def forward(self, eeg: torch.Tensor) -> torch.Tensor:
            return 3 * self.sounds + 1

    held_out = tasks.held_out(1)
    told = held_out.attended.clone()
    told[:9] = held_out.unattended[:9]
    assert ListenerLearner(Follows(told), tasks).score(1) == (0.5, 18)
    batch = tasks.batch(np.array([0, 0]), np.array([0, 1]))
    loss, right = ListenerLearner(Follows(batch.attended), tasks).loss(batch)
    assert loss.item() == pytest.approx(-1, abs=1e-3)
    assert right.tolist() == [1, 1]


def test_listeners_are_forgotten_without_rehearsal_and_less_with_it(tasks: ListenerTasks) -> None:
    found = {}
    for rule in ("none", "uniform"):
        schedule = schedule_of(CONFIG, rule_of(rule, "introduced"), 0.5)
        plan = plan_phases(schedule, tasks.sizes, n_new=320, batch=16, streams=STREAMS)
        found[rule] = train(tasks, plan, loop=Loop(learning_rate=5e-3, n_bins=4), streams=STREAMS)
    for result in found.values():
        first, last = result.learning[0, [0, -1]].T[0] / result.learning[0, [0, -1]].T[1]
        assert last > first  # of new items, before each update
        assert np.diag(result.scores[1:]).mean() > 0.85
    lost = {rule: (np.diag(r.scores[1:]) - r.scores[-1])[0] for rule, r in found.items()}
    assert lost["none"] > 0.25
    assert lost["uniform"] < lost["none"] - 0.2


def test_another_seed_brings_other_listeners_and_the_same_seed_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        rehearsed, "TALKERS", TALKERS.model_copy(update={"n_trials": 4, "trial_s": 10.0, "n_channels": 4})
    )
    pieces = []
    for seed in (0, 0, 1):
        rehearsed._pool.cache_clear()
        tasks = LISTENERS.build(CONFIG, n_tasks=2, streams=Streams(0).child("seed", seed))
        pieces.append(tasks.train[0].pieces[0])
    assert torch.equal(pieces[0], pieces[1])
    assert not torch.equal(pieces[0], pieces[2])


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two listeners of four trials in DTU's layout."""
    rng = np.random.default_rng(0)
    for subject in ("S1", "S2"):
        listener = draw_listener(rng, name=subject, n_channels=4, sfreq=64.0, snr_db=0.0)
        made = simulate_recording(rng, listener, n_trials=4, duration_s=12.0, sfreq=64.0)
        cells = {name: np.empty((1, 4), dtype=object) for name in ("eeg", "wavA", "wavB")}
        for k, trial in enumerate(made.trials):
            cells["eeg"][0, k] = 1e6 * trial.eeg
            cells["wavA"][0, k] = trial.streams["attended"][:, None]
            cells["wavB"][0, k] = trial.streams["unattended"][:, None]
        savemat(tmp_path / f"{subject}_data_preproc.mat", {"data": {**cells, "fsample": {"eeg": 64.0}}})
    return tmp_path


def test_recordings_are_read_as_the_study_reads_them(recorded: Path) -> None:
    config = CONFIG.model_copy(update={"data": str(recorded)})
    LISTENERS.check(config)
    assert LISTENERS.defaults(config).n_tasks == 2
    tasks = LISTENERS.build(config, n_tasks=2, streams=STREAMS)
    assert sorted(tasks.names) == ["S1", "S2"]
    assert [len(windows.at) for windows in tasks.test] == [2, 2]  # of one trial of 12 s
    source = Dtu(path=recorded)
    for who, windows in zip(tasks.names, tasks.train, strict=True):
        trials = prepared(AadConfig(recordings=source), who).trials
        for piece, trial in zip(windows.pieces, trials, strict=True):
            assert np.corrcoef(piece[:, 0], trial.eeg[:, 0])[0, 1] == pytest.approx(1, abs=1e-6)
            np.testing.assert_allclose(piece[:, -1], trial.streams["unattended"], rtol=1e-4, atol=1e-5)


def test_contents_change_with_a_recording_and_fewer_listeners_than_tasks_are_refused(recorded: Path) -> None:
    config = CONFIG.model_copy(update={"data": str(recorded), "n_tasks": (3,)})
    with pytest.raises(
        ConfigError, match="n_tasks must be at least 2 and at most the listeners of data, 2; got 3"
    ):
        LISTENERS.check(config)
    first = dict(LISTENERS.contents(config))
    (recorded / "S2_data_preproc.mat").write_bytes(b"other")
    changed = dict(LISTENERS.contents(config))
    assert {name for name in first if first[name] != changed[name]} == {"S2: recording"}
    assert LISTENERS.contents(CONFIG) == {}


FOLDERS = {
    "table": (("trials.csv", "rec.bdf"), Table),
    "dtu": (("S1_data_preproc.mat", "S2_data_preproc.mat"), Dtu),
    "kul": (("S1.mat", "S2.mat"), Kul),
    "cnd": (("dataSub1.mat", "dataStim.mat"), Cnd),
    "bids": (
        (
            "dataset_description.json",
            "sub-01/eeg/sub-01_task-two_eeg.bdf",
            "sub-02/ses-a/eeg/sub-02_ses-a_task-two_eeg.vhdr",
        ),
        Bids,
    ),
}


@pytest.mark.parametrize("layout", list(FOLDERS))
def test_a_folder_is_told_by_the_names_of_its_files(tmp_path: Path, layout: str) -> None:
    names, kind = FOLDERS[layout]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    source = source_of(tmp_path)
    assert type(source) is kind
    if isinstance(source, Bids):
        assert (source.subjects, source.task, source.session) == (("01", "02"), "two", "a")
        (tmp_path / "sub-01/eeg/sub-01_task-rest_eeg.bdf").touch()
        with pytest.raises(ConfigError, match="data must be a BIDS data set of one task; got rest, two"):
            source_of(tmp_path)


def test_a_folder_of_no_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data must be a folder with trials\.csv, a BIDS data set or"):
        LISTENERS.check(CONFIG.model_copy(update={"data": str(tmp_path)}))
