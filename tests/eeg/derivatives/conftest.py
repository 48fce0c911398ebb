"""Finished runs of both studies whose tables are written by hand: nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from cogattn.config import StudyConfig
from cogattn.eeg.aad.config import AadConfig
from cogattn.eeg.aad.plan import TABLES as AAD_TABLES
from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.tables import TABLES as EFR_TABLES
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.running.execute import open_run
from cogattn.running.formats import parquet_bytes
from cogattn.running.records import CellList, Provenance, Session
from cogattn.running.store import RunFolder
from cogattn.study import Results, empty_table

SESSION = Session(
    started="2026-01-02T03:04:05+00:00", argv=("cogattn", "aad"), n_cells=1, n_missing=1, workers=1,
    threads_per_worker=1, code="ab" * 32, summary_code="cd" * 32, versions={"cogattn": "0.1.0"}, git=None,
    platform="", cpu="a processor", gpus=(), inputs={},
)  # fmt: skip
DECISIONS = [
    ("1.0", 0, 0.25, "attended", 1.0),
    ("1.0", 1, -0.5, "unattended", 0.0),
    ("5.0", 0, 0.0, "tie", 0.5),
]
Make = Callable[..., RunFolder]


def intake(persons: Sequence[str], bads: Mapping[str, str]) -> pd.DataFrame:
    rows = [
        (name, "decoding", "layout", "", "", 2, 2, 0, 120.0, 1.5, float("nan"), 2, bads.get(name, ""), "")
        for name in persons
    ]
    return pd.DataFrame(rows, columns=list(AAD_TABLES["recording"]))


def aad_tables(persons: Sequence[str]) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Trial tables and tables of a run of ``aad``."""
    windows = [
        (name, "ridge", "trial 1", float(w), i, margin, response, correct)
        for name in persons
        for w, i, margin, response, correct in DECISIONS
    ]
    trial = [(name, "ridge", "trial 1", 0.2, 0.1, float("nan"), 0.01, "refit", "a\tb\nc") for name in persons]
    response = [(name, channel, 0.1, 1e-7) for name in persons for channel in ("Cz", "Fz")]
    accuracy = [("ridge", name, 1.0, 2, 0.5, 0.1, 0.9, 0.5, 0.1, 0.9) for name in persons]
    listener = [("ridge", name, float("inf"), 0.01, "refit", 0.5) for name in persons]
    columns = [
        "decoder",
        "listener",
        "window_s",
        "n",
        "accuracy",
        "lo",
        "hi",
        "fitted",
        "fitted_lo",
        "fitted_hi",
    ]
    return (
        {
            "window": pd.DataFrame(windows, columns=list(AAD_TABLES["window"])),
            "trial": pd.DataFrame(trial, columns=list(AAD_TABLES["trial"])),
            "response": pd.DataFrame(response, columns=list(AAD_TABLES["response"])),
        },
        {
            "listener_accuracy": pd.DataFrame(accuracy, columns=columns),
            "listeners": pd.DataFrame(
                listener, columns=["decoder", "listener", "mesd_s", "p", "test", "accuracy_1s"]
            ),
        },
    )


def efr_tables(persons: Sequence[str]) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Trial tables and tables of a run of ``efr``."""
    channels = ("Cz", "DSS, held out")
    detection = [
        (n, "as recorded", "t2circ", c, 40.0, 9.0, 1e-4, 2e-4, True, 60) for n in persons for c in channels
    ]
    amplitude = [(n, "as recorded", c, 40.0, 3e-7, 12.0, 0.2, 60) for n in persons for c in channels]
    return (
        {
            "detection": pd.DataFrame(detection, columns=list(EFR_TABLES["detection"])),
            "amplitude": pd.DataFrame(amplitude, columns=list(EFR_TABLES["amplitude"])),
        },
        {},
    )


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A run of ``aad`` or ``efr`` of these persons under these settings."""

    def made(
        study: str, persons: Sequence[str], *, bads: Mapping[str, str] = {}, **settings: object
    ) -> RunFolder:
        config: StudyConfig = {"aad": AadConfig, "efr": EfrConfig}[study].parse(settings)
        schemas = {"aad": AAD_TABLES, "efr": EFR_TABLES}[study]
        filled, tables = (aad_tables if study == "aad" else efr_tables)(persons)
        filled["recording"] = intake(persons, bads)
        trials = {name: filled.get(name, empty_table(schema)) for name, schema in schemas.items()}
        rows = [
            Row(
                Observer("ridge", role="decoder"),
                Measure("accuracy", "share", "accuracy"),
                Estimate(0.5, 0, 1, 2),
            )
        ]
        run = open_run(study, config, tmp_path / "runs")
        run.create(config)
        run.write(Provenance(sessions=(SESSION,)))
        run.finish(
            Results(summary_table(rows), tables, remarks=("two | listeners",)),
            trials={name: parquet_bytes(table) for name, table in trials.items()},
            cells=CellList(cells=()),
            question="q",
            withheld={},
        )
        return run

    return made
