"""The study end to end: plan, cells, summary, controls, and files from a folder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.session import IGNORED
from cogattn.eeg.aad.study import AadStudy
from cogattn.eeg.simulate import draw_listener, simulate_recording
from cogattn.errors import ConfigError, DataError
from cogattn.seeds import Streams

STUDY = AadStudy()


def run(config: AadConfig) -> pd.DataFrame:
    cells = STUDY.cells(config)
    return pd.concat(
        [STUDY.run_cell(config, c, Streams(config.seed).child(c.key)) for c in cells], ignore_index=True
    )


def small(**changes) -> AadConfig:
    base = {
        "recordings": {
            "kind": "simulated", "n_subjects": 2, "n_trials": 6, "trial_s": 30, "n_channels": 6, "snr_db": -22
        },
        "windows_s": [2, 10, 30],
        "n_permutations": 99,
    }  # fmt: skip
    return AadConfig.parse({**base, **changes})


@pytest.fixture(scope="module")
def finished():
    config = small(decoders=["ridge", "ledoit-wolf", "forward", "cca"])
    return config, run(config)


def test_every_decoder_decodes_better_than_the_control(finished) -> None:
    config, trials = finished
    results = STUDY.summarise(config, trials)
    table = results.tables["accuracy"].set_index(["decoder", "window_s"])["accuracy"]
    for decoder in config.decoders:
        assert table[decoder, 30.0] > 0.8
    assert table[IGNORED, 10.0] < table["ridge", 10.0] - 0.1
    durations = results.tables["subjects"].groupby("decoder")["mesd_s"].median()
    assert durations["ridge"] < durations[IGNORED]


def test_the_response_peaks_after_the_sound(finished) -> None:
    _, trials = finished
    response = trials[trials["task"] == "response"]
    power = (response["amplitude"] ** 2).groupby(response["lag_s"]).mean()
    assert 0.03 < power.idxmax() < 0.25


def test_rows_are_tidy(finished) -> None:
    _, trials = finished
    decoded = trials[trials["task"] == "decoding"]
    assert set(decoded["response"]) <= {"attended", "unattended", "tie"}
    np.testing.assert_array_equal(decoded["correct"] == 1, decoded["response"] == "attended")
    per_cell = decoded.groupby(["observer", "subject"]).size().unique()
    assert per_cell.tolist() == [6 * (15 + 3 + 1)]


def test_the_plan_has_a_cell_per_subject_decoder_control_and_response() -> None:
    assert len(STUDY.cells(small(decoders=["ridge", "cca"]))) == 2 * (2 + 1 + 1)
    assert len(STUDY.cells(small(decoders=["ridge"], control=False))) == 2 * (1 + 1)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"windows_s": [5, 2]}, "windows_s"),
        ({"windows_s": [2, 90]}, "trial_s"),
        ({"decoders": ["ridge", "ridge"]}, "decoders"),
        ({"preprocessing": {"low_hz": 9, "high_hz": 1}}, "preprocessing"),
        ({"lags": {"tmin_s": 0.5}}, "lags"),
        ({"recordings": {"kind": "simulated", "n_trials": 1}}, "n_trials"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, path) -> None:
    with pytest.raises(ConfigError, match=path):
        small(**changes)


def dtu_folder(folder, *, damage: str = "") -> None:
    rng = np.random.default_rng(0)
    for subject in ("S1", "S2"):
        listener = draw_listener(rng, name=subject, n_channels=5, sfreq=64.0, snr_db=-18)
        made = simulate_recording(rng, listener, n_trials=4, duration_s=20, sfreq=64.0)
        cells = {name: np.empty((1, 4), dtype=object) for name in ("eeg", "wavA", "wavB")}
        for k, trial in enumerate(made.trials):
            cells["eeg"][0, k] = trial.eeg * (1.0 if damage == "unit" else 1e6)
            cells["wavA"][0, k] = trial.streams["attended"][:, None]
            cells["wavB"][0, k] = trial.streams["unattended"][:, None]
        if damage == "nan" and subject == "S2":
            cells["eeg"][0, 1][5, 2] = np.nan
        savemat(folder / f"{subject}_data_preproc.mat", {"data": {**cells, "fsample": {"eeg": 64.0}}})


def folder_config(path) -> AadConfig:
    recordings = {"kind": "folder", "layout": "dtu", "path": str(path)}
    return small(recordings=recordings, decoders=["ridge"], windows_s=[2, 10], control=False)


def test_a_folder_of_recordings_is_decoded_and_fingerprinted(tmp_path) -> None:
    pytest.importorskip("pymatreader")
    dtu_folder(tmp_path)
    config = folder_config(tmp_path)
    table = STUDY.summarise(config, run(config)).tables["accuracy"]
    assert table["accuracy"].iloc[-1] > 0.8
    assert table["n_subjects"].iloc[-1] == 2
    before = STUDY.inputs(config)
    dtu_folder(tmp_path, damage="unit")
    assert before.keys() == {"S1", "S2"}
    assert STUDY.inputs(config) != before


@pytest.mark.parametrize(
    ("damage", "words"), [("nan", ["S2", "trial 2", "ch3"]), ("unit", ["S1", "volts", "scaled twice"])]
)
def test_a_damaged_recording_is_named(tmp_path, damage, words) -> None:
    pytest.importorskip("pymatreader")
    dtu_folder(tmp_path, damage=damage)
    with pytest.raises(DataError) as caught:
        run(folder_config(tmp_path))
    assert all(word in str(caught.value) for word in words), caught.value


def test_an_empty_folder_is_refused_before_any_work(tmp_path) -> None:
    with pytest.raises(DataError, match="must hold dtu files"):
        STUDY.cells(folder_config(tmp_path))


PUBLISHED = {  # mean accuracy in per cent at 1, 2, 5, 10, 20, 40 s
    ("SS", "LSQ", "Das"): (58.6, 62.0, 67.5, 72.9, 78.3, 84.6),
    ("SS", "CCA", "Das"): (60.3, 63.9, 69.9, 74.9, 79.8, 82.2),
    ("SS", "NSR", "Das"): (55.5, 59.1, 64.8, 69.5, 75.2, 80.8),
    ("SS", "AADNet", "Das"): (57.9, 62.7, 69.9, 76.6, 83.2, 89.4),
    ("SS", "LSQ", "DTU"): (60.6, 66.6, 74.6, 81.1, 86.9, 92.3),
    ("LOSO", "LSQ", "Das"): (55.6, 57.7, 61.5, 65.6, 69.9, 75.3),
    ("LOSO", "AADNet", "DTU"): (57.5, 62.5, 69.9, 76.2, 83.0, 89.4),
}
MEDIAN_MESD_S = {
    ("SS", "LSQ", "Das"): 18.1,
    ("SS", "CCA", "Das"): 13.0,
    ("SS", "NSR", "Das"): 29.7,
    ("SS", "AADNet", "Das"): 19.4,
    ("SS", "LSQ", "DTU"): 11.8,
}


@pytest.mark.parametrize("key", PUBLISHED, ids="-".join)
def test_published_accuracies_and_switch_durations_are_reproduced(shared_data, key) -> None:
    from cogattn.eeg.aad import mesd

    split, model, data = key
    ending = "SI" if split == "LOSO" else "SS"
    scores = np.load(shared_data / "aad" / "published" / f"{split}_{model}_{data}_final_{ending}_acc.npy")[0]
    scores = scores / (100 if scores.max() > 1 else 1)
    np.testing.assert_allclose(100 * scores.mean(axis=1), PUBLISHED[key], atol=0.06)
    if key in MEDIAN_MESD_S:
        each = [mesd([1, 2, 5, 10, 20, 40], subject) for subject in scores.T]
        assert abs(np.median(each) - MEDIAN_MESD_S[key]) < 0.06
