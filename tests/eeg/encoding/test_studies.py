"""Front ends in both studies, from the plan to the summary, on small simulated listeners."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.study import AadStudy
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.study import EfrStudy
from cogattn.eeg.encoding import modulation, rows, transfers
from cogattn.eeg.encoding.config import EncodingSettings
from cogattn.eeg.encoding.plan import MODULATION, TABLES
from cogattn.errors import ConfigError, ObserverError
from cogattn.study import Outcome, Trials, streams_of

TALKERS = {"kind": "simulated_talkers", "n_listeners": 2, "n_trials": 3, "trial_s": 10, "n_channels": 4}


def aad(**settings: object) -> AadConfig:
    return AadConfig.parse(
        {"recordings": TALKERS, "models": ["gammatone"], "windows_s": [5], "control": False, **settings}
    )


def test_a_cell_of_the_attended_speaker_study_says_what_bands_explain() -> None:
    study, config = AadStudy(), aad()
    cells = [cell for cell in study.cells(config) if cell.task == "encoding"]
    assert [cell.observer for cell in cells] == ["listener 1", "listener 2"]
    own = study.relevant(config, cells[0])
    outcome = study.run_cell(own, cells[0], streams_of(own, cells[0]))
    found = outcome.trials["encoding"]
    assert list(found) == list(TABLES["encoding"])
    assert found["trial"].tolist() == ["trial 1", "trial 2", "trial 3"]
    assert np.isfinite(found[["envelope", "features", "both", "both_unattended", "shifted"]]).all(axis=None)
    assert study.cost(config, cells[0]).cpu_s > 0
    assert [o.id for o in study.observers(config)][-3:] == ["gammatone", "listener 1", "listener 2"]


def test_settings_of_encoding_change_cells_of_encoding_and_no_others() -> None:
    study = AadStudy()
    one, other = aad(), aad(encoding={"n_components": 4})
    for cell in study.cells(one):
        same = study.relevant(one, cell) == study.relevant(other, cell)
        assert same == (cell.task != "encoding")


def test_without_front_ends_nothing_is_asked() -> None:
    assert not [c for c in AadStudy().cells(aad(models=())) if c.task in ("encoding", "ceiling")]
    efr = EfrConfig()
    assert not [c for c in EfrStudy().cells(efr) if c.task == "modulation"]


def test_recordings_of_envelopes_cannot_be_heard(tmp_path) -> None:
    from cogattn.eeg.encoding.preflight import check, check_sounds
    from cogattn.eeg.recordings.config import Dtu

    with pytest.raises(ConfigError, match="models must hear the sounds, which recordings of kind dtu"):
        check_sounds(("gammatone",), Dtu(path=tmp_path))
    check_sounds((), Dtu(path=tmp_path))
    with pytest.raises(ConfigError, match="named unlike listeners"):
        check(("gammatone",), EncodingSettings(), seed=0, taken=["gammatone"])
    with pytest.raises(ObserverError, match="test_resnett"):
        check(("test_resnett",), EncodingSettings(), seed=0)


def encoding_trials(gain: float, *, n_listeners: int = 5, ceiling: float | None = 0.3) -> Trials:
    """Trials of listeners whose means are known."""
    rng = np.random.default_rng(0)
    records = []
    for k in range(n_listeners):
        for t in range(4):
            envelope, noise = 0.1 + 0.01 * k, 0.001 * rng.standard_normal()
            records.append(
                (f"listener {k}", "test_vit", f"trial {t}", 640, envelope, 0.12, envelope + gain + noise,
                 0.01, 0.02, 0.01, envelope, 1.0, 64, 0.9, 1.1)
            )  # fmt: skip
    encoding = pd.DataFrame(records, columns=list(TABLES["encoding"]))
    outcome = {"encoding": encoding}
    if ceiling is not None:
        people = encoding[["listener", "trial"]].assign(r=ceiling, n_others=4)
        people["r"] += 0.01 * people["listener"].str[-1].astype(int)
        outcome["ceiling"] = people
    return Trials.of(TABLES, [Outcome(outcome)])


def test_rows_are_means_over_listeners_with_the_ceiling_beside_what_is_predicted() -> None:
    said = rows.summary(("test_vit",), EncodingSettings(), encoding_trials(0.05))
    found = {(row.observer.id, row.measure.key): row for row in said.rows}
    gain = found["test_vit", "explained.gain"]
    assert gain.value.estimate == pytest.approx(0.05, abs=0.001)
    assert gain.value.lo < 0.05 < gain.value.hi
    assert gain.value.n == 5
    assert gain.human is None
    assert found["test_vit", "explained.gain.shifted"].value.estimate == pytest.approx(0)
    assert found["test_vit", "explained.attention_gain"].value.estimate == pytest.approx(0.05, abs=0.001)
    attended = found["test_vit", "explained.attended"]
    assert attended.human is not None
    assert attended.human.estimate == pytest.approx(0.32, abs=0.001)
    assert attended.human.n == 5
    assert "untrained" in attended.note
    assert found["envelope", "explained.attended"].value.estimate == pytest.approx(0.12, abs=0.001)
    assert any("untrained, with random weights" in remark for remark in said.remarks)
    assert any("1.10 s after" in remark for remark in said.remarks)
    persons = {(who, measure.key): value for who, measure, value, *_ in said.people}
    assert persons["listener 3", "explained.attended"] == pytest.approx(0.33)
    assert persons["listener 3", "explained.gain.test_vit"] == pytest.approx(0.05, abs=0.002)
    said.figures["encoding"]()


def test_without_shared_sounds_there_is_no_ceiling_and_it_is_said() -> None:
    said = rows.summary(("test_vit",), EncodingSettings(), encoding_trials(0.0, ceiling=None))
    assert all(row.human is None for row in said.rows)
    assert any(remark.startswith("no ceiling") for remark in said.remarks)


def test_a_cell_of_the_envelope_following_study_measures_a_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modulation, "PROBE_S", 20.0)
    study = EfrStudy()
    config = EfrConfig(models=("spectrogram",))
    (cell,) = [cell for cell in study.cells(config) if cell.task == "modulation"]
    own = study.relevant(config, cell)
    outcome = study.run_cell(own, cell, streams_of(own, cell))
    assert list(outcome.trials["modulation"]) == list(MODULATION)
    assert study.contents(own, cell) == {}
    assert study.cost(own, cell).cpu_s > 0


def test_layers_stand_beside_listeners_who_follow_the_same() -> None:
    f = np.arange(1.0, 40.0)
    low = 1 / np.sqrt(1 + (f / 10) ** 2)
    layer = pd.DataFrame({"frequency_hz": f, "gain": low, "coherence": 0.5, "n": 60}).assign(
        observer="test_vit", layer="blocks.0", depth=0, rate_hz=100.0, past_s=0.1, future_s=0.1
    )
    listeners = [
        pd.DataFrame(
            {"frequency_hz": f, "gain": low * scale, "usable": True, "q": np.where(f < 30, 0.01, 0.5)}
        )
        .assign(observer=f"listener {k}", channel="Cz")
        .assign(gain=lambda t, k=k: t["gain"] * np.exp(0.1 * np.sin(t["frequency_hz"] + k)))
        for k, scale in enumerate((1e-6, 2e-6, 3e-6))
    ]
    trials = Trials.of(
        {**EfrStudy.tables, "modulation": MODULATION},
        [
            Outcome(
                {
                    "modulation": layer[list(MODULATION)],
                    "spectrum": pd.concat(listeners)
                    .reindex(columns=list(EfrStudy.tables["spectrum"]))
                    .fillna({name: 0 for name, kind in EfrStudy.tables["spectrum"].items() if kind != "str"}),
                }
            )
        ],
    )
    said = transfers.summary(("test_vit",), EncodingSettings(), trials, alpha=0.05)
    found = {row.measure.key: row for row in said.rows}
    shape = found["modulation.shape.blocks_0"]
    assert shape.value.n == 3
    assert shape.value.estimate > 0.95
    cutoff = found["modulation.cutoff.blocks_0"]
    assert cutoff.value.estimate == pytest.approx(10, abs=1)
    assert cutoff.human is not None
    assert cutoff.human.estimate == pytest.approx(10, abs=2)
    assert not math.isfinite(cutoff.value.lo)
    assert {who for who, *_ in said.people} == {"listener 0", "listener 1", "listener 2"}
    said.figures["modulation"]()
