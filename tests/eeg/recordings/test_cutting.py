"""Trials cut out of recordings in memory: where they begin, what is left of them, what is said of the rest."""

from __future__ import annotations

import mne
import numpy as np
import pytest

from cogattn.eeg.recordings import Cleaning, from_epochs, from_raw
from cogattn.eeg.recordings.alignment import trigger_events
from cogattn.eeg.recordings.intake import intake_remarks, intake_rows
from cogattn.errors import DataError

SFREQ = 64.0
AS_IS = Cleaning()


def continuous() -> mne.io.RawArray:
    """Hundred seconds of three channels, codes 7 at 10 s and 9 at 50 s."""
    data = 1e-5 * np.random.default_rng(0).standard_normal((3, 6400))
    stim = np.zeros((1, 6400))
    for sample, code in ((640, 7), (3200, 9)):
        stim[0, sample : sample + 6] = code
    info = mne.create_info(["Fz", "Cz", "Pz", "STI"], SFREQ, ["eeg"] * 3 + ["stim"])
    return mne.io.RawArray(np.vstack([data, stim]), info, verbose="error")


def marked(*marks: tuple[float, float, str]) -> mne.io.RawArray:
    raw = continuous()
    raw.set_annotations(mne.Annotations(*(list(part) for part in zip(*marks, strict=True))))
    return raw


def test_trials_start_at_their_triggers() -> None:
    raw = continuous()
    cut = from_raw(raw, triggers=[7, 9], duration_s=20.0, subject="S1")
    np.testing.assert_array_equal(cut.eeg[1], raw.get_data(picks="eeg")[:, 3200:4480].T)
    assert [trial.labels["condition"] for trial in cut.trials] == ["7", "9"]
    assert [trial.onset_s for trial in cut.trials] == [10.0, 50.0]
    with pytest.raises(DataError, match=r"\[7, 9\]"):
        from_raw(raw, triggers=[3], duration_s=20.0)
    with pytest.raises(DataError, match=r"within the recording.*S1, trial 2"):
        from_raw(raw, [10.0, 50.0], duration_s=60.0, subject="S1")
    with pytest.raises(DataError, match="must not overlap; got trial 1 and trial 2"):
        from_raw(raw, [10.0, 25.0], duration_s=20.0)
    with pytest.raises(DataError, match="and not both"):
        from_raw(raw, [10.0], triggers=[7])


def test_without_a_length_a_trial_lasts_to_the_next() -> None:
    cut = from_raw(continuous(), [10.0, 50.0])
    assert [len(eeg) / SFREQ for eeg in cut.eeg] == [40.0, 50.0]


def test_annotations_give_the_same_onsets_and_epochs_the_same_samples() -> None:
    raw = marked((10.0, 0, "story"), (50.0, 0, "story"))
    assert trigger_events(raw, ["story"]) == [(10.0, "story"), (50.0, "story")]
    events = np.array([[640, 0, 1], [3200, 0, 1]])
    epochs = mne.Epochs(raw, events, {"story": 1}, -0.5, 20 - 1 / SFREQ, baseline=None, verbose="error")
    found = from_epochs(epochs, subject="S1", labels=[{"side": "L"}, {"side": "R"}])
    np.testing.assert_array_equal(found.eeg[1], from_raw(raw, [10.0, 50.0], duration_s=20.0).eeg[1])
    assert found.trials[1].labels == {"condition": "story", "side": "R"}


def test_streams_and_labels_belong_to_their_trials() -> None:
    rng = np.random.default_rng(1)
    heard = [{"attended": rng.random(1280), "unattended": rng.random(1280)} for _ in range(2)]
    cut = from_raw(continuous(), [10.0, 50.0], streams=heard, labels=[{"story": "a"}, {"story": "b"}])
    np.testing.assert_array_equal(cut.stream("unattended")[1], heard[1]["unattended"])
    assert cut.trials[1].labels == {"story": "b"}
    with pytest.raises(DataError, match="streams must be one for each trial; got 1 for 2"):
        from_raw(continuous(), [10.0, 50.0], streams=heard[:1])


def test_bad_spans_leave_pieces_that_know_their_place() -> None:
    raw = marked((15.0, 4.0, "BAD_movement"), (55.0, 60.0, "bad end"), (12.0, 0.0, "note"))
    stream = [{"attended": np.arange(1280.0) + np.random.default_rng(0).random(1280)} for _ in range(2)]
    cut = from_raw(raw, [10.0, 50.0], streams=stream)
    placed = [(trial.name, trial.start_s, len(trial.eeg) / SFREQ) for trial in cut.trials]
    assert placed == [("trial 1", 0.0, 5.0), ("trial 1", 9.0, 11.0), ("trial 2", 0.0, 5.0)]
    np.testing.assert_array_equal(cut.trials[1].streams["attended"], stream[0]["attended"][576:])
    assert cut.intake.lost_s == 19.0
    assert "19 of 40 s are left out" in " ".join(intake_remarks(intake_rows(cut)))
    whole = from_raw(raw, [10.0, 50.0], duration_s=20.0, cleaning=Cleaning(reject_annotations=False))
    assert len(whole.trials) == 2
    assert intake_remarks(intake_rows(whole)) == ()


@pytest.mark.parametrize("mark", ["boundary", "EDGE boundary"])
def test_a_trial_ends_where_the_recording_was_edited(mark: str) -> None:
    raw = marked((10.0, 0.0, mark), (18.0, 0.0, mark), (80.0, 0.0, mark))
    for cleaning in (AS_IS, Cleaning(reject_annotations=False)):
        cut = from_raw(raw, [10.0, 50.0], duration_s=20.0, cleaning=cleaning)
        assert [(t.name, t.start_s, len(t.eeg) / SFREQ) for t in cut.trials] == [
            ("trial 1", 0.0, 8.0),
            ("trial 2", 0.0, 20.0),
        ]
        assert "the recording was edited 8 s into trial 1" in " ".join(intake_remarks(intake_rows(cut)))


def test_a_trial_that_is_all_bad_is_gone_and_counted() -> None:
    cut = from_raw(marked((9.0, 25.0, "BAD")), [10.0, 50.0], duration_s=20.0)
    assert [trial.name for trial in cut.trials] == ["trial 2"]
    assert cut.intake.lost_trials == 1
    assert "1 trials wholly" in " ".join(intake_remarks(intake_rows(cut)))
    with pytest.raises(DataError, match="must be left between BAD spans"):
        from_raw(marked((0.0, 99.0, "BAD")), [10.0, 50.0], duration_s=20.0)


def test_pieces_that_a_filter_would_fill_are_dropped_and_counted() -> None:
    cut = from_raw(marked((12.0, 1.0, "BAD")), [10.0, 50.0], duration_s=20.0)
    filtered = cut.filtered(1.0, 9.0)
    assert [len(trial.eeg) / SFREQ for trial in filtered.trials] == [17.0, 20.0]
    assert filtered.intake.lost_s == pytest.approx(3.0)
    short = from_raw(continuous(), [10.0, 50.0], duration_s=2.0)
    with pytest.raises(DataError, match="must outlast the filter"):
        short.filtered(1.0, 9.0)


def test_nan_in_a_bad_span_does_no_harm_and_elsewhere_it_is_named() -> None:
    raw = marked((15.0, 4.0, "BAD_gap"))
    raw._data[1, 1000:1100] = np.nan
    cut = from_raw(raw, [10.0, 50.0], duration_s=20.0, cleaning=Cleaning(reference="average"))
    assert all(np.isfinite(eeg).all() for eeg in cut.eeg)
    raw._data[1, 3300] = np.nan
    with pytest.raises(DataError, match=r"finite.*trial 2, channel Cz"):
        from_raw(raw, [10.0, 50.0], duration_s=20.0, cleaning=Cleaning(reference="average"))
