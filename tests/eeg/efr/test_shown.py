"""What is shown behind a row holds the row's number: coherence and power at its frequency, amplitude of its sweeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cogattn.eeg.efr.config import EfrConfig, SignificanceSettings, SpectrumSettings, SteadyStateSettings
from cogattn.eeg.efr.steady import FILTERED
from cogattn.eeg.efr.study import EfrStudy
from cogattn.eeg.recordings.config import SimulatedPath, SimulatedSweeps
from cogattn.errors import CogattnError
from cogattn.exhibits import Series, Shown

QUICK = SignificanceSettings(n_bootstrap=50, block_s=2.0)
PATH = EfrConfig(recordings=SimulatedPath(n_listeners=2, n_channels=4, duration_s=120), significance=QUICK)
SWEEPS = EfrConfig(
    recordings=SimulatedSweeps(n_listeners=2, n_channels=4, n_sweeps=60, modulation_hz=40),
    following=False,
    steady_state=SteadyStateSettings(modulation_hz=40, alternating=True),
)
STUDY = EfrStudy()


def series(one: Shown | None) -> list[Series]:
    assert one is not None
    return [part for part in one.parts if isinstance(part, Series)]


def at_mark(part: Series, line: str) -> float:
    """The line where the chart is marked."""
    (mark,) = part.marks
    return float(part.lines[line][np.argmin(np.abs(part.x - mark))])


@pytest.mark.parametrize("estimator", ["welch", "multitaper"])
def test_coherence_and_power_at_the_mark_are_the_row_s(run_efr, estimator: str) -> None:
    config = PATH.model_copy(update={"spectrum": SpectrumSettings(estimator=estimator)})
    _, trials = run_efr(config)
    rows = trials["spectrum"]
    for _, row in rows.iloc[:: len(rows) // 9].iterrows():
        one = STUDY.stimulus(config, "spectrum", row.to_dict())
        _, spectra, coherence = series(one)
        assert at_mark(coherence, "with the envelope") == pytest.approx(row["coherence"], abs=1e-5)
        same = rows[(rows["observer"] == row["observer"]) & (rows["channel"] == row["channel"])]
        drawn = same[same["frequency_hz"].isin(spectra.x)]["power"].to_numpy()
        line = spectra.lines[f"EEG, {row['channel']}"]
        np.testing.assert_allclose(line, 10 * np.log10(drawn / drawn.mean()), atol=1e-3)
        assert one.facts["listener"] == row["observer"]
        assert "differs" not in one.facts


def test_the_beginning_of_the_recording_is_that_of_the_cell(run_efr, load) -> None:
    _, trials = run_efr(PATH)
    row = trials["spectrum"].iloc[-1].to_dict()
    beginning, *_ = series(STUDY.stimulus(PATH, "spectrum", row))
    recording = load(PATH, 1)
    n, column = len(beginning.x), recording.channels.index(row["channel"])
    eeg, sound = recording.eeg[0][:n, column], recording.stream("stimulus")[0][:n]
    assert np.corrcoef(beginning.lines[f"EEG, {row['channel']}"], eeg)[0, 1] == pytest.approx(1)
    assert np.corrcoef(beginning.lines["envelope of the sound"], sound)[0, 1] == pytest.approx(1)
    assert n == round(10 / row["frequency_hz"] * recording.sfreq)


@pytest.mark.parametrize("task", ["amplitude", "growth", "detection"])
def test_sweeps_are_averaged_as_the_row_did(run_efr, task: str) -> None:
    _, trials = run_efr(SWEEPS)
    rows = trials[task][trials[task]["channel"] != FILTERED]
    assert set(rows["response"]) == {"envelope", "fine structure"}
    for _, row in rows.iloc[:: len(rows) // 12].iterrows():
        one = STUDY.stimulus(SWEEPS, task, row.to_dict())
        heard, average, spectrum = series(one)
        assert one.facts["sweeps averaged"] == row["n"]
        assert "differs" not in one.facts
        amplitude = at_mark(spectrum, "average of the sweeps")
        if task == "amplitude":
            assert amplitude == pytest.approx(1e6 * row["amplitude"], rel=1e-6)
        if task == "growth":
            noise = at_mark(spectrum, "noise to be expected")
            assert 20 * np.log10(amplitude / noise) == pytest.approx(row["snr_db"], abs=1e-6)
        assert len(heard.x) == len(average.x) == max(2, round(10 / row["frequency_hz"] * 512))


@pytest.mark.parametrize(
    ("config", "task"), [(PATH, "spectrum"), (SWEEPS, "amplitude")], ids=["path", "sweeps"]
)
def test_another_seed_s_recording_is_told_from_the_run_s(run_efr, config: EfrConfig, task: str) -> None:
    row = run_efr(config)[1][task].iloc[5].to_dict()
    assert "differs" in STUDY.stimulus(config.model_copy(update={"seed": 1}), task, row).facts


def test_the_same_is_shown_again(run_efr) -> None:
    for config, task in ((PATH, "spectrum"), (SWEEPS, "growth")):
        row = run_efr(config)[1][task].iloc[3].to_dict()
        first, second = (STUDY.stimulus(config, task, row) for _ in range(2))
        assert first.digest() == second.digest()


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("detection", {"channel": FILTERED}),
        ("detection", {"observer": "listener 9"}),
        ("detection", {"response": "as recorded"}),
        ("growth_map", {}),
        ("spectrum", {}),
    ],
    ids=["spatial filter", "listener", "response", "all channels", "not analysed"],
)
def test_what_is_of_no_single_channel_of_the_run_is_not_shown(run_efr, task: str, change: dict) -> None:
    row = {**run_efr(SWEEPS)[1]["detection"].iloc[0].to_dict(), **change}
    assert STUDY.stimulus(SWEEPS, task, row) is None


def test_a_recording_that_is_gone_is_named(tmp_path: Path) -> None:
    config = EfrConfig.parse({"recordings": {"kind": "files", "files": [str(tmp_path / "away.edf")]}})
    row = {"observer": "away", "channel": "Cz", "frequency_hz": 10.0}
    with pytest.raises(CogattnError, match=r"away\.edf"):
        STUDY.stimulus(config, "spectrum", row)
