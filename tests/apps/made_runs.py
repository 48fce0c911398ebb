"""Runs that nobody computed, written in no time: small, whole, and as the store writes them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cogattn.measures import SUMMARY_COLUMNS
from cogattn.registry import load_study
from cogattn.running.atomic import sealed, sha256_hex
from cogattn.running.records import CellList, ConfigRecord, ListedCell, Manifest, Provenance, Session
from cogattn.running.store import FOLDERS, RunFolder

TARGET = "cogattn.testing.coin:CoinStudy"
COIN = {"seed": 0, "coins": {"kind": "fair", "n": 2}, "n_cells": 2, "tosses": 50, "seconds_per_cell": 0.0}


@dataclass(frozen=True)
class Made:
    """What a made run holds.

    Parameters
    ----------
    observers : sequence of str
        Each has a row for ``heads``.
    role : str
        Of all of them.
    estimate : float
        Of all rows.
    n_cells, stored : int
        Cells in its list, and how many of them are in the store (as empty files: lists only look whether they are).
    finished : bool
        Whether it has a manifest.
    started : str
        ISO 8601.
    label, note : str
        Of the rows.
    remarks : sequence of str
        Of the manifest.
    """

    observers: Sequence[str] = ("coin 0",)
    role: str = "control"
    estimate: float = 0.5
    n_cells: int = 2
    stored: int = 0
    finished: bool = True
    started: str = "2026-11-01T10:00:00+00:00"
    label: str = "heads"
    note: str = ""
    remarks: Sequence[str] = ()


def masking(**settings: object) -> dict[str, object]:
    """Return the settings of a masking run of the template, some changed."""
    return (
        load_study("masking")
        .Config.parse({"observer": {"kind": "template"}, **settings})
        .model_dump(mode="json")
    )


def make_run(root: Path, study: str, settings: Mapping[str, object], made: Made = Made()) -> RunFolder:
    """Write a run and return it."""
    record = ConfigRecord(study=study, config=dict(settings))
    run = RunFolder(root, study, record.run_id)
    for folder in FOLDERS:
        (run.folder / folder).mkdir(parents=True)
    cells = _cells(record.run_id, made)
    for cell in cells.cells[: made.stored]:
        path = run.cells.path(cell.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    files = {
        "config.json": sealed(record.model_dump(mode="json")),
        "cells.json": sealed(cells.model_dump(mode="json")),
        "tables/summary.csv": _summary(made).encode(),
    }
    for name, data in files.items():
        (run.folder / name).write_bytes(data)
    (run.folder / "provenance.json").write_bytes(sealed(_provenance(study, made).model_dump(mode="json")))
    if made.finished:
        finish(run, made)
    return run


def finish(run: RunFolder, made: Made) -> None:
    """Write the manifest."""
    names = ("config.json", "cells.json", "tables/summary.csv")
    files = {name: sha256_hex((run.folder / name).read_bytes()) for name in names}
    manifest = Manifest(files=files, question="0" * 64, remarks=tuple(made.remarks))
    (run.folder / "MANIFEST.json").write_bytes(sealed(manifest.model_dump(mode="json")))


def _cells(run_id: str, made: Made) -> CellList:
    return CellList(
        cells=tuple(
            ListedCell(
                name=f"{sha256_hex(f'{run_id}{i}'.encode())[:32]}-{'0' * 16}",
                label=f"cell {i}",
                observer=made.observers[i % len(made.observers)],
                code="0" * 64,
            )
            for i in range(made.n_cells)
        )
    )


def _provenance(study: str, made: Made) -> Provenance:
    session = Session(
        started=made.started, argv=("cogattn", study), n_cells=made.n_cells, n_missing=0, workers=1,
        threads_per_worker=1, code="0" * 64, summary_code="0" * 64, versions={"cogattn": "0"}, git=None,
        platform="", cpu="", gpus=(), inputs={},
    )  # fmt: skip
    return Provenance(sessions=(session,))


def _summary(made: Made) -> str:
    sink = io.StringIO()
    rows = csv.writer(sink, lineterminator="\n")
    rows.writerow(SUMMARY_COLUMNS)
    for observer in made.observers:
        numbers = (made.estimate, made.estimate - 0.1, made.estimate + 0.1, 100)
        text = (observer, made.role, "heads", made.label, "share", "share")
        rows.writerow((*text, *numbers, *("" for _ in range(4)), made.note))
    return sink.getvalue()
