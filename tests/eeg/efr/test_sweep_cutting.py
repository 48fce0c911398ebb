"""Sweeps begin in phase with the sound, are rejected as mne does it, and every lost one is counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cogattn.eeg.efr import steady
from cogattn.eeg.efr.config import EfrConfig, SteadyStateSettings
from cogattn.eeg.efr.sweep_cutting import cut_sweeps
from cogattn.eeg.recordings.intake import Intake
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.errors import DataError

SFREQ = 200
RATE = SteadyStateSettings(modulation_hz=40, sweep_s=0.5, n_harmonics=1)


def recording_of(*trials: Trial, **intake) -> Recording:
    return Recording("S1", SFREQ, ("Fz", "Cz"), trials, intake=Intake(**intake))


def counted(n_times: int, first: int = 0) -> np.ndarray:
    """Samples that know their place."""
    return np.column_stack([np.arange(first, first + n_times)] * 2).astype(float)


def test_pieces_of_a_trial_are_cut_at_whole_sweeps_from_its_onset():
    """Samples 230 to 330 of the trial are marked bad: sweeps 2 and 3 of 100 samples are lost, no other."""
    pieces = (
        Trial(counted(230), "a", onset_s=3.0),
        Trial(counted(770, 330), "a", start_s=330 / SFREQ, onset_s=3.0),
        Trial(counted(430), "b", onset_s=20.0),
    )
    found = cut_sweeps(recording_of(*pieces), RATE)
    assert found.eeg[:, 0, 0].tolist() == [0, 100, *range(400, 1100 - 99, 100), 0, 100, 200, 300]
    assert found.onsets_s[:3].tolist() == pytest.approx([3.0, 3.5, 5.0])
    assert found.lost == {"short": 0, "bad": 2, "rejected": 0, "unpaired": 0}


def test_what_is_left_out_at_the_start_moves_every_sweep():
    settings = RATE.model_copy(update={"start_s": 0.25})
    found = cut_sweeps(recording_of(Trial(counted(1260), "a", onset_s=1.0)), settings)
    assert found.eeg[:, 0, 0].tolist() == list(range(50, 1251, 100))[:12]
    assert found.onsets_s[0] == pytest.approx(1.25)


def test_a_sweep_a_sample_short_is_used_and_shorter_ones_are_counted_with_the_length_that_fits():
    lengths = [100, 99, 97, 96, 100, 99] * 4
    trials = [Trial(counted(n), f"trial {i}", onset_s=0.6 * i) for i, n in enumerate(lengths)]
    found = cut_sweeps(recording_of(*trials), RATE)
    assert found.eeg.shape == (16, 2, 100)
    assert found.eeg[1, 0, -2:].tolist() == [98, 98]
    assert found.lost["short"] == 8
    assert found.fitting_s == pytest.approx(0.475)  # 19 cycles; 95 samples
    assert np.isnan(cut_sweeps(recording_of(*trials[:2] * 6), RATE).fitting_s)


def test_the_order_of_polarities_counts_sweeps_that_are_lost():
    lengths = [100, 50, 100, 100] * 4  # the second of four is short, and was the wrong way up
    trials = [Trial(counted(n), f"trial {i}", onset_s=0.6 * i) for i, n in enumerate(lengths)]
    alternating = RATE.model_copy(update={"alternating": True})
    found = cut_sweeps(recording_of(*trials), alternating)
    assert found.inverted.tolist() == [False, False, True] * 4
    assert found.lost["unpaired"] == 4
    with pytest.raises(DataError, match="alternating must go with recordings that lost no trial"):
        cut_sweeps(recording_of(*trials, lost_trials=1), alternating)


def test_sweeps_are_rejected_as_mne_rejects_epochs():
    import mne

    rng = np.random.default_rng(0)
    eeg = 10e-6 * rng.standard_normal((60, 100, 2)) * rng.uniform(0.2, 3, (60, 1, 2))
    trials = [Trial(sweep, f"trial {i}", onset_s=0.5 * i) for i, sweep in enumerate(eeg)]
    found = cut_sweeps(recording_of(*trials), RATE, reject_uv=100, flat_uv=20)
    epochs = mne.EpochsArray(eeg.swapaxes(1, 2), mne.create_info(2, SFREQ, "eeg"), verbose="error")
    epochs.drop_bad({"eeg": 100e-6}, {"eeg": 20e-6}, verbose="error")
    dropped = [i for i, why in enumerate(epochs.drop_log) if why]
    assert 5 < len(dropped) < 50
    assert found.lost["rejected"] == len(dropped)
    np.testing.assert_array_equal(found.eeg, np.delete(eeg, dropped, axis=0).swapaxes(1, 2))


def test_bounds_of_the_settings_reject_sweeps_and_not_the_recording(run_efr, tmp_path, eeg_files):
    pytest.importorskip("edfio")
    eeg = 5 * np.random.default_rng(1).standard_normal((2, 60 * SFREQ))
    eeg[0, 10 * SFREQ : 10 * SFREQ + 20] += 300
    eeg_files.write_edf(tmp_path / "a.bdf", eeg, SFREQ, ("Fz", "Cz"))
    values = {
        "recordings": {"kind": "files", "files": [str(tmp_path / "a.bdf")], "align": "start"},
        "cleaning": {"reject_uv": 150},
        "following": False, "sfreq": SFREQ, "steady_state": {"modulation_hz": 40, "sweep_s": 0.5, "n_harmonics": 1},
    }  # fmt: skip
    results, trials = run_efr(EfrConfig.parse(values))
    assert trials["sweeps"].iloc[0][["used", "rejected"]].tolist() == [119, 1]
    assert (
        results.remarks[0] == "a: 119 of 120 sweeps are used: 1 are rejected for their peak-to-peak amplitude"
    )


def test_averages_are_tested_against_neighbouring_frequencies_alone():
    rng = np.random.default_rng(2)
    time_s = np.arange(400) / SFREQ
    wave = 2e-6 * np.cos(2 * np.pi * 40 * time_s)[:, None]
    signs = {"positive": 1, "negative": -1}
    trials = [
        Trial(wave + s * wave / 2 + 1e-6 * rng.standard_normal((400, 2)), name, labels={"condition": name})
        for name, s in signs.items()
    ]
    settings = SteadyStateSettings(
        modulation_hz=20, n_harmonics=4, n_side=5, inverted=("negative",), sweep_s=0.5
    )
    tables = steady.tables_of(recording_of(*trials, how="averages"), settings, rng)
    assert set(tables) == {"detection", "amplitude", "lock"}
    rows = tables["detection"].set_index(["response", "frequency_hz"])
    assert set(rows["detector"]) == {"f_test"}
    assert (rows.loc[("envelope", 40), "p"] < 1e-6).all()
    assert (rows.loc[("fine structure", 40), "p"] < 1e-3).all()
    assert (rows.loc[("envelope", 20), "p"] > 1e-4).all()
    assert rows.loc[("envelope", 60), ["p", "q"]].isna().all(axis=None)
    assert tables["lock"]["rate_hz"].unique().tolist() == [60]
    amplitude = tables["amplitude"].set_index(["response", "frequency_hz"])["amplitude"]
    assert amplitude["envelope", 40].to_numpy() == pytest.approx(2e-6, rel=0.1)
    short = replace(trials[0], eeg=trials[0].eeg[:60])
    with pytest.raises(DataError, match="must fit into the averages"):
        steady.tables_of(recording_of(short, how="averages"), settings, rng)
