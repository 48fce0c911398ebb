"""Small settings of the study, a run in memory, and folders of recordings to decode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat, wavfile

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.study import AadStudy
from cogattn.eeg.recordings.envelope import Envelope
from cogattn.eeg.recordings.simulate_talkers import (
    draw_listener,
    simulate_eeg,
    simulate_recording,
    speech_envelope,
)
from cogattn.study import Cell, Outcome, Results, Trials, streams_of

STUDY = AadStudy()
LISTENERS = {
    "kind": "simulated_talkers", "n_listeners": 2, "n_trials": 6, "trial_s": 30, "n_channels": 6, "snr_db": -22
}  # fmt: skip


def small(**changes) -> AadConfig:
    """Two listeners, three windows; `changes` replace whole groups."""
    base = {"recordings": LISTENERS, "windows_s": [2, 10, 30], "significance": {"n_permutations": 99}}
    return AadConfig.parse({**base, **changes})


def run_cell(config: AadConfig, cell: Cell, **options) -> Outcome:
    """Run a cell with its relevant settings, as the store does."""
    relevant = STUDY.relevant(config, cell)
    return STUDY.run_cell(relevant, cell, streams_of(relevant, cell), **options)


def run(config: AadConfig) -> dict[Cell, Outcome]:
    """Run all cells."""
    return {cell: run_cell(config, cell) for cell in STUDY.cells(config)}


def trials_of(outcomes: Sequence[Outcome]) -> Trials:
    return Trials.of(STUDY.tables, list(outcomes))


def summarised(config: AadConfig, done: dict[Cell, Outcome]) -> Results:
    return STUDY.summarise(config, trials_of(list(done.values())))


def dtu_folder(folder: Path, *, damage: str = "", trial_s: float = 20) -> None:
    """Two listeners of four trials in DTU's layout."""
    rng = np.random.default_rng(0)
    for subject in ("S1", "S2"):
        listener = draw_listener(rng, name=subject, n_channels=5, sfreq=64.0, snr_db=-18)
        made = simulate_recording(rng, listener, n_trials=4, duration_s=trial_s, sfreq=64.0)
        cells = {name: np.empty((1, 4), dtype=object) for name in ("eeg", "wavA", "wavB")}
        for k, trial in enumerate(made.trials):
            cells["eeg"][0, k] = trial.eeg * (1.0 if damage == "unit" else 1e6)
            cells["wavA"][0, k] = trial.streams["attended"][:, None]
            cells["wavB"][0, k] = trial.streams["unattended"][:, None]
        if damage == "repeated sound":
            cells["wavA"][0, 2] = 2 * cells["wavB"][0, 0] + 1
        if damage == "nan" and subject == "S2":
            cells["eeg"][0, 1][5, 2] = np.nan
        if damage == "short envelope":
            cells["wavB"][0, 3] = cells["wavB"][0, 3][:-1]
        if damage == "channels" and subject == "S2":
            for k in range(4):
                cells["eeg"][0, k] = cells["eeg"][0, k][:, :4]
        savemat(folder / f"{subject}_data_preproc.mat", {"data": {**cells, "fsample": {"eeg": 64.0}}})


def folder_config(path: Path, **changes) -> AadConfig:
    recordings = {"kind": "dtu", "path": str(path)}
    return small(
        recordings=recordings, decoders=["ridge"], **{"windows_s": [2, 10], "control": False, **changes}
    )


def table_folder(folder: Path, *, onsets: str) -> None:
    """One listener, a BDF and two WAV files a trial; the mixture is in the channel AUX."""
    edfio = pytest.importorskip("edfio")
    rng = np.random.default_rng(0)
    sfreq, n_trials, gap_s, trial_s = 64, 4, 3, 20
    listener = draw_listener(rng, name="S1", n_channels=4, sfreq=sfreq, snr_db=-10)
    total = np.zeros((5, n_trials * (trial_s + gap_s) * sfreq))
    total[:4] = 1e-7 * rng.standard_normal((4, total.shape[1]))
    total[4] = 1e-9 * rng.standard_normal(total.shape[1])
    rows, marks = [], []
    for k in range(n_trials):
        sounds = []
        for name in ("a", "b"):
            loudness = np.repeat(speech_envelope(rng, duration_s=trial_s, sfreq=64.0), 125)
            sounds.append(0.05 * loudness * rng.standard_normal(loudness.size))
            wavfile.write(folder / f"{k}{name}.wav", 8000, sounds[-1])
        heard = [Envelope(sfreq=sfreq)(sound, 8000.0) for sound in sounds]
        start = (k * (trial_s + gap_s) + 2) * sfreq
        part = slice(start, start + trial_s * sfreq)
        total[:4, part] += simulate_eeg(rng, listener, *heard, sfreq=sfreq).T
        total[4, part] += 1e-5 * Envelope("rms", sfreq=sfreq, power=1.0)(sum(sounds), 8000.0)
        marks.append(edfio.EdfAnnotation(start / sfreq, None, "go"))
        onset = {"onset_s": start / sfreq, "trigger": "go", "audio_channel": "AUX"}[onsets]
        rows.append(("S1", "S1.edf", trial_s, f"{k}a.wav", f"{k}b.wav", "AB"[k % 2], onset))
    names = ["Fz", "Cz", "Pz", "Oz", "AUX"]
    signals = [
        edfio.EdfSignal(1e6 * row, sfreq, label=name, physical_dimension="uV")
        for row, name in zip(total, names, strict=True)
    ]
    edfio.Edf(signals, annotations=marks).write(folder / "S1.edf")
    columns = ["subject", "recording", "duration_s", "attended", "unattended", "speaker", onsets]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "trials.csv", index=False)


def table_config(path: Path, **changes) -> AadConfig:
    recordings = {"kind": "table", "path": str(path)}
    return small(
        recordings=recordings, decoders=["ridge"], **{"windows_s": [2, 10], "control": False, **changes}
    )


@pytest.fixture(scope="session")
def aad() -> SimpleNamespace:
    """All of the above."""
    return SimpleNamespace(
        STUDY=STUDY, LISTENERS=LISTENERS, small=small, run_cell=run_cell, run=run, trials_of=trials_of,
        summarised=summarised, dtu_folder=dtu_folder, folder_config=folder_config, table_folder=table_folder,
        table_config=table_config,
    )  # fmt: skip


@pytest.fixture(scope="session")
def finished() -> SimpleNamespace:
    """Two listeners decoded by all decoders that are solved at once."""
    config = small(decoders=["ridge", "ledoit-wolf", "forward", "cca"])
    done = run(config)
    return SimpleNamespace(config=config, done=done, trials=trials_of(list(done.values())))


@pytest.fixture(scope="session")
def good_table(tmp_path_factory) -> Path:
    """A folder that holds a table of trials by onset."""
    folder = tmp_path_factory.mktemp("table")
    table_folder(folder, onsets="onset_s")
    return folder
