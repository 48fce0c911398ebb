"""What is shown of a decision is what it was made on: its window's envelopes and EEG give the margin of its row."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import mne
import numpy as np
import pandas as pd
import pytest

from cogattn.eeg.aad import shown
from cogattn.eeg.aad.pool import prepared
from cogattn.errors import CogattnError
from cogattn.exhibits import Series, Shown

LINEAR = ("ridge", "ledoit-wolf", "ridge, ignored talker")


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Nothing is kept from one test to the next."""
    yield
    shown._pool.cache_clear()
    shown._decoded.cache_clear()


def some(table: pd.DataFrame, *, each: int) -> list[dict]:
    """Rows of every decoder and length of window, spread over trials."""
    groups = table.groupby(["decoder", "window_s"], sort=False)
    picked = [rows.iloc[np.linspace(0, len(rows) - 1, each).astype(int)] for _, rows in groups]
    return pd.concat(picked).to_dict("records")


def series(one: Shown | None) -> tuple[Series, Series]:
    assert one is not None
    envelopes, eeg = one.parts
    assert isinstance(envelopes, Series)
    assert isinstance(eeg, Series)
    return envelopes, eeg


def margin_of(lines: Series) -> float:
    """Evidence for the attended talker in lines that are drawn."""
    decoded = lines.lines["decoded from EEG"]
    first, second = (np.corrcoef(decoded, lines.lines[name])[0, 1] for name in ("attended", "ignored"))
    return float(np.arctanh(first) - np.arctanh(second))


def test_what_is_drawn_of_a_window_gives_the_margin_of_its_row(aad, finished) -> None:
    rows = [row for row in some(finished.trials["window"], each=4) if row["decoder"] in LINEAR]
    assert len(rows) == 3 * 3 * 4
    for row in rows:
        one = aad.STUDY.stimulus(finished.config, "window", row)
        lines, _ = series(one)
        assert "differs" not in one.facts
        assert one.facts["decided for"] == row["response"]
        assert one.facts["right"] == ("yes" if row["correct"] else "no")
        if row["window_s"] <= shown.LONGEST_S:
            assert margin_of(lines) == pytest.approx(row["margin"], abs=1e-6)
            assert len(lines.x) == row["window_s"] * 32
            assert lines.x[0] == row["window"] * row["window_s"]
        else:
            assert "the first 10 s are drawn" in str(one.facts["seconds"])


@pytest.mark.slow
def test_eeg_and_envelopes_are_those_of_the_prepared_recording(aad, finished) -> None:
    for row in some(finished.trials["window"], each=2):
        lines, eeg = series(aad.STUDY.stimulus(finished.config, "window", row))
        assert ("decoded from EEG" in lines.lines) == (row["decoder"] in LINEAR)
        recording = prepared(finished.config, row["listener"])
        trial = next(trial for trial in recording.trials if trial.name == row["trial"])
        start, n = round(row["window"] * row["window_s"] * 32), len(eeg.x)
        for name, line in eeg.lines.items():
            column = recording.channels.index(name)
            np.testing.assert_allclose(line, 1e6 * trial.eeg[start : start + n, column], atol=1e-9)
        ignored = trial.streams["unattended"][start : start + n]
        assert np.corrcoef(ignored, lines.lines["ignored"])[0, 1] == pytest.approx(1, abs=1e-9)


def test_scores_of_a_whole_trial_are_its_row_s(aad, finished) -> None:
    row = finished.trials["trial"].iloc[3].to_dict()
    one = aad.STUDY.stimulus(finished.config, "trial", row)
    assert one.facts["score of the attended talker, whole trial"] == pytest.approx(row["attended"], abs=1e-4)
    assert one.facts["trial"] == row["trial"]
    assert len(series(one)[0].x) == shown.LONGEST_S * 32


def test_another_seed_s_recording_is_told_from_the_run_s(aad, finished) -> None:
    row = finished.trials["window"].iloc[0].to_dict()
    other = finished.config.model_copy(update={"seed": 1})
    assert "differs" in aad.STUDY.stimulus(other, "window", row).facts


def test_the_same_is_shown_again_from_nothing(aad, finished) -> None:
    row = finished.trials["window"].iloc[5].to_dict()
    first = aad.STUDY.stimulus(finished.config, "window", row)
    shown._pool.cache_clear()
    shown._decoded.cache_clear()
    assert aad.STUDY.stimulus(finished.config, "window", row).digest() == first.digest()


@pytest.mark.slow
def test_windows_are_found_in_the_pieces_of_a_trial(aad, good_table, tmp_path: Path) -> None:
    shutil.copytree(good_table, tmp_path / "table")
    raw = mne.io.read_raw_edf(tmp_path / "table" / "S1.edf", preload=True, verbose="error")
    raw.set_annotations(mne.Annotations([10.0], [4.0], ["BAD_movement"]))
    raw.save(tmp_path / "table" / "S1_raw.fif", verbose="error")
    table = tmp_path / "table" / "trials.csv"
    table.write_text(table.read_text().replace("S1.edf", "S1_raw.fif"))
    config = aad.table_config(tmp_path / "table", windows_s=[2])
    rows = aad.run_cell(config, aad.STUDY.cells(config)[0]).trials["window"]
    first = rows[rows["trial"] == rows["trial"].iloc[0]]
    starts = []
    for row in first.to_dict("records"):
        lines, _ = series(aad.STUDY.stimulus(config, "window", row))
        assert margin_of(lines) == pytest.approx(row["margin"], abs=1e-6)
        starts.append(lines.x[0])
    assert len(starts) == 8
    assert starts[3:5] == pytest.approx([6, 12], abs=0.1)  # the recording's seconds 10 to 14 are its 8 to 12


def test_of_decoders_that_learn_from_all_others_the_own_recording_is_shown(aad, finished) -> None:
    config = finished.config.model_copy(update={"validation": "subject"})
    row = {**finished.trials["window"].iloc[0].to_dict(), "listener": "listener 2"}
    lines, eeg = series(aad.STUDY.stimulus(config, "window", row))
    assert set(lines.lines) == {"attended", "ignored"}
    recording = prepared(config, "listener 2")
    for name, line in eeg.lines.items():
        own = recording.trials[0].eeg[: len(line), recording.channels.index(name)]
        np.testing.assert_allclose(line, 1e6 * own, atol=1e-9)


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("window", {"listener": "listener 9"}),
        ("window", {"trial": "trial 99"}),
        ("window", {"window": 10_000}),
        ("response", {}),
    ],
    ids=["listener", "trial", "window", "response to all trials"],
)
def test_what_the_run_does_not_have_is_not_shown(aad, finished, task: str, change: dict) -> None:
    row = {**finished.trials["window"].iloc[0].to_dict(), **change}
    assert aad.STUDY.stimulus(finished.config, task, row) is None


def test_a_folder_that_is_gone_is_named(aad, tmp_path: Path) -> None:
    (tmp_path / "dtu").mkdir()
    aad.dtu_folder(tmp_path / "dtu")
    config = aad.folder_config(tmp_path / "dtu")
    row = aad.run_cell(config, aad.STUDY.cells(config)[0]).trials["window"].iloc[0].to_dict()
    assert "differs" not in aad.STUDY.stimulus(config, "window", row).facts
    shown._pool.cache_clear()
    shutil.rmtree(tmp_path / "dtu")
    with pytest.raises(CogattnError, match="dtu"):
        aad.STUDY.stimulus(config, "window", row)
