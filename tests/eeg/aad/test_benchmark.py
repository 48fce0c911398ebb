"""The frozen benchmark: one table, published numbers beside runs of the same data and training only."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from cogattn.eeg.aad import benchmark, benchmark_command
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.metrics import mesd
from cogattn.eeg.aad.published import published_results
from cogattn.eeg.aad.study import AadStudy
from cogattn.errors import ConfigError
from cogattn.measures import SUMMARY_COLUMNS

AADNET = {"least squares": "LSQ", "CCA": "CCA", "NSR": "NSR", "AADNet": "AADNet"}
WINDOWS_S = [1, 2, 5, 10, 20, 40]


@pytest.mark.parametrize(("data_set", "file"), [("kul-aad", "Das"), ("dtu-aad", "DTU")])
@pytest.mark.parametrize(("trained_on", "first", "last"), [("own", "SS", "SS"), ("others", "LOSO", "SI")])
def test_published_means_are_those_of_the_published_listeners(
    shared_data, data_set, file, trained_on, first, last
):
    table = published_results()
    for decoder, short in AADNET.items():
        scores = np.load(shared_data / "aad" / "published" / f"{first}_{short}_{file}_final_{last}_acc.npy")[
            0
        ].T
        scores = scores[scores.min(axis=1) > 0]  # one run is missing at the source
        own = table[
            (table.data_set == data_set) & (table.decoder == decoder) & (table.trained_on == trained_on)
        ]
        own = own.set_index("measure")
        assert (own["n"] == len(scores)).all()
        for k, window_s in enumerate(WINDOWS_S):
            row = own.loc[f"accuracy.{window_s}s"]
            assert row["estimate"] == pytest.approx(scores[:, k].mean(), abs=1e-4)
            half = 1.96 * scores[:, k].std(ddof=1) / math.sqrt(len(scores))
            assert row["hi"] - row["estimate"] == pytest.approx(half, rel=0.12)  # Student's is wider
        mean_curve = mesd(np.array(WINDOWS_S, float), scores.mean(axis=0))
        assert own.loc["mesd", "estimate"] == pytest.approx(mean_curve, abs=0.01)


def test_published_tables_are_summaries() -> None:
    found = AadStudy().published()
    assert set(found) == {"kul-aad-published", "dtu-aad-published", "etard-reichenbach-published"}
    for make in found.values():
        table = make()
        assert tuple(table.columns) == SUMMARY_COLUMNS
        assert not table.duplicated(["observer", "measure"]).any()
        assert table["note"].str.len().gt(20).all()


def test_only_like_training_stands_beside_a_run(tmp_path) -> None:
    for validation, trained_on in benchmark.TRAINED_ON.items():
        config = benchmark.frozen_config("dtu-aad", tmp_path, validation=validation)
        table = benchmark.beside(benchmark.Entry("dtu-aad", config))
        want = published_results()
        want = want[(want["data_set"] == "dtu-aad") & (want["trained_on"] == trained_on)]
        assert table["estimate"].tolist() == want["estimate"].tolist()
        assert set(table["decoder"]) == set(AADNET)
    simulated = benchmark.Entry("simulated", benchmark.frozen_config("simulated", None))
    assert benchmark.beside(simulated).empty


def test_what_is_not_in_place_is_said_and_what_is_asked_for_must_be(tmp_path) -> None:
    found, missing = benchmark.entries((), tmp_path)
    assert [entry.name for entry in found] == ["simulated"]
    assert [sentence.partition(" ")[0] for sentence in missing] == ["kul-aad", "dtu-aad", "av-gc-aad"]
    with pytest.raises(ConfigError, match=r"kul-aad is not in place: download S1.mat"):
        benchmark.entries(("kul-aad",), tmp_path)
    with pytest.raises(ConfigError, match="data sets must be among simulated, kul-aad"):
        benchmark.entries(("sparrkulee",), tmp_path)
    with pytest.raises(ConfigError, match="version must be one of the benchmark's"):
        benchmark.entries((), tmp_path, version="1066.2")


def test_frozen_settings_are_those_that_were_frozen() -> None:
    """Whoever changes them makes a new version: numbers that were quoted must stay what they were."""
    settings = benchmark.frozen_config("simulated", None)
    assert settings.seed == 2026
    assert settings.decoders == ("ridge", "ledoit-wolf", "cca")
    assert settings.windows_s == (1, 2, 5, 10, 20, 30, 60)
    assert (settings.preprocessing.low_hz, settings.preprocessing.high_hz, settings.preprocessing.sfreq) == (
        1,
        9,
        32,
    )
    assert (settings.lags.tmin_s, settings.lags.tmax_s) == (0, 0.25)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """The benchmark's command on two small simulated listeners, where nothing else is in place."""
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "cache"))
    made = benchmark.frozen_config

    def tiny(name, place, **more):
        config = made(name, place, **more)
        talkers = {
            "kind": "simulated_talkers",
            "n_listeners": 2,
            "n_trials": 6,
            "trial_s": 30,
            "n_channels": 8,
        }
        change = {
            "recordings": talkers,
            "decoders": ["ridge"],
            "windows_s": [5, 10],
            "control": False,
            "significance": {"n_permutations": 19},
        }
        return AadConfig.parse({**config.model_dump(mode="json"), **change})

    monkeypatch.setattr(benchmark, "frozen_config", tiny)
    return tmp_path


@pytest.mark.slow
def test_the_command_prints_one_table_and_says_what_is_left_out(small, capsys) -> None:
    csv = small / "all.csv"
    assert benchmark_command.benchmark(out=small / "runs", workers=1, csv=csv) == 0
    text = capsys.readouterr().out
    (line,) = [line for line in text.splitlines() if line.startswith("simulated")]
    assert line.split()[1:4] == ["ridge", "run", "2"]
    assert "no published number is comparable" in text
    assert "left out: kul-aad is not in place" in " ".join(text.split())
    table = pd.read_csv(csv)
    assert tuple(table.columns) == benchmark.COLUMNS
    ours = table.set_index("measure")["estimate"]
    assert f"{100 * ours['accuracy.10s']:.1f}" in line
    assert {"accuracy.5s", "accuracy.10s", "mesd"} <= set(ours.index)
    assert benchmark_command.benchmark(out=small / "runs", workers=1, json=True) == 0  # from the store
    rows = json.loads(capsys.readouterr().out)
    assert [row["estimate"] for row in rows] == pytest.approx(table["estimate"].tolist(), nan_ok=True)


def test_a_cell_shows_what_there_is() -> None:
    rows = [
        ("x", "ridge", "run", "accuracy.5s", 0.5, 0.25, 0.75, 3, ""),
        ("x", "ridge", "run", "accuracy.10s", 0.875, np.nan, np.nan, 3, ""),
        ("x", "ridge", "run", "mesd", 20.0, 15.0, np.inf, 3, ""),
    ]
    (line,) = benchmark.wide(pd.DataFrame(rows, columns=list(benchmark.COLUMNS)), [5, 10, 20])
    assert line == ("x", "ridge", "run", "3", "50.0 [25.0, 75.0]", "87.5", "", "20.0 [15.0, >999]")
