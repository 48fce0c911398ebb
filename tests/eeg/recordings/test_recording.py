"""Recordings: faults are named, units are checked, edges stay within their trial."""

from __future__ import annotations

import mne
import numpy as np
import pytest

from cogattn.eeg.recordings.recording import Recording, Trial, resample
from cogattn.errors import DataError

SFREQ = 64.0
NAMES = ("Fz", "Cz", "Pz", "Oz")


def recording(change=lambda eeg: eeg, *, n_times: int = 1920, unit="V") -> Recording:
    rng = np.random.default_rng(3)
    trials = []
    for i in range(2):
        eeg = 1e-5 * rng.standard_normal((n_times, 4))
        played = {"attended": rng.random(n_times)}
        trials.append(Trial(change(eeg) if i == 1 else eeg, f"trial {i + 1}", played))
    return Recording("S07", SFREQ, NAMES, tuple(trials), unit)


def put(row, column, value):
    def change(eeg):
        eeg[row, column] = value
        return eeg

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put(5, 2, np.nan), ("finite", "S07", "trial 2", "Pz")),
        (put(5, 1, np.inf), ("finite", "S07", "trial 2", "Cz")),
        (put(slice(None), 3, 0.0), ("vary", "S07", "trial 2", "Oz")),
        (put(slice(None), 3, 2e-3), ("vary", "S07", "trial 2", "Oz")),
        (lambda eeg: eeg[:, [0, 1, 2, 1]], ("differ", "S07", "trial 2", "Cz", "Oz")),
        (lambda eeg: eeg * 1e6, ("volts", "S07", "trial 2", "microvolts")),
        (lambda eeg: eeg * 1e-6, ("volts", "S07", "trial 2", "scaled twice")),
        (lambda eeg: eeg[:-1], ("samples", "S07", "trial 2", "1920 for 1919")),
        (lambda eeg: eeg[: 1920 // 2], ("sampling rates", "S07", "trial 2")),
        (lambda eeg: eeg[:, :3], ("4 names for 3", "S07", "trial 2")),
    ],
)
def test_a_fault_is_refused_by_subject_trial_and_channel(change, words) -> None:
    with pytest.raises(DataError) as caught:
        recording(change).checked()
    assert all(word in str(caught.value) for word in words), caught.value


def test_no_trial_is_refused() -> None:
    with pytest.raises(DataError, match=r"at least one trial.*S07"):
        Recording("S07", SFREQ, NAMES, ()).checked()


def test_normalised_data_need_no_volts() -> None:
    recording(lambda eeg: eeg * 1e6, unit="arbitrary").checked()


def test_filtering_keeps_the_band_and_stays_within_the_trial() -> None:
    times = np.arange(1920) / SFREQ
    tones = 1e-5 * (np.sin(2 * np.pi * 4 * times) + np.sin(2 * np.pi * 20 * times))[:, None]
    silent = np.zeros((1920, 1))
    silent[0] = 1e-12
    pair = Recording("S", SFREQ, ("A",), (Trial(tones, "a"), Trial(silent, "b")))
    first, second = pair.filtered(1.0, 9.0).eeg
    middle = slice(480, -480)
    kept = 1e-5 * np.sin(2 * np.pi * 4 * times)[middle, None]
    np.testing.assert_allclose(first[middle], kept, atol=2e-7)
    assert np.abs(second).max() < 1e-11  # a neighbour's 10 microvolts never reach it


def test_a_filter_longer_than_the_trial_is_refused() -> None:
    with pytest.raises(DataError, match=r"outlast the filter.*S07, trial 1"):
        recording(n_times=64).filtered(0.5, 9.0)


@pytest.mark.parametrize("new", [32.0, 100.0, 44.1, 128.0])
def test_resampling_keeps_a_slow_tone_in_eeg_and_streams(new: float) -> None:
    times = np.arange(1920) / SFREQ
    tone = np.sin(2 * np.pi * 3 * times)
    one = Recording("S", SFREQ, ("A",), (Trial(1e-5 * tone[:, None], "a", {"attended": tone}),))
    out = one.resampled(new)
    expected = np.sin(2 * np.pi * 3 * np.arange(round(30 * new)) / new)
    assert out.sfreq == new
    inner = slice(round(new), -round(new))
    np.testing.assert_allclose(out.stream("attended")[0][inner], expected[inner], atol=5e-3)
    np.testing.assert_allclose(out.eeg[0][inner, 0], 1e-5 * expected[inner], atol=5e-8)


def test_a_sharp_edge_does_not_ring_at_the_ends_when_resampling() -> None:
    np.testing.assert_allclose(resample(np.full(640, 3.0), 64.0, 20.0), 3.0, rtol=1e-3)


def test_average_reference_sums_to_zero_and_pick_selects() -> None:
    out = recording().referenced()
    assert np.abs(out.eeg[0].sum(axis=1)).max() < 1e-18
    chosen = recording().picked(["Oz", "Fz"])
    np.testing.assert_array_equal(chosen.eeg[0], recording().eeg[0][:, [3, 0]])
    with pytest.raises(DataError, match="Cx"):
        recording().picked(["Cx"])


def continuous() -> mne.io.RawArray:
    rng = np.random.default_rng(0)
    data = 1e-5 * rng.standard_normal((3, 6400))
    stim = np.zeros((1, 6400))
    for sample, code in ((640, 7), (3200, 9)):
        stim[0, sample : sample + 6] = code
    info = mne.create_info(["Fz", "Cz", "Pz", "STI"], SFREQ, ["eeg"] * 3 + ["stim"])
    return mne.io.RawArray(np.vstack([data, stim]), info, verbose="error")
