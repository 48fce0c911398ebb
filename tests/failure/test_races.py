"""Several processes at once: two drivers on one run, many writers of one cell."""

from __future__ import annotations

import multiprocessing
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cogattn.running.catalogue import verify
from cogattn.running.cells import CellStore
from cogattn.running.execute import open_run, run_study
from cogattn.running.records import CellRecord
from cogattn.study import Outcome
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
RECORD = CellRecord(study="coin", cell={}, settings={}, contents={}, code="", libraries={}, device="", cpu="")
TABLES = {"x": {"writer": "int64"}}


@pytest.mark.slow
def test_two_drivers_on_one_run_both_end_well(
    tmp_path: Path, start_cli: Callable[..., subprocess.Popen[str]]
) -> None:
    words = (COIN, "--n-cells", 10, "--seconds-per-cell", 0.02, "--out", tmp_path / "shared", "--json")
    drivers = [start_cli(*words, "--workers", workers) for workers in (1, 2)]
    answers = [driver.communicate(timeout=60) for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    config = CoinConfig(n_cells=10, seconds_per_cell=0.02)
    shared = open_run(COIN, config, tmp_path / "shared")
    assert verify(shared) == []
    assert len(list((tmp_path / "shared" / "cells").rglob("*.zip"))) == 20
    alone = run_study(COIN, config, out=tmp_path / "alone")
    name = "trials/tosses.parquet"
    assert (shared.folder / name).read_bytes() == (alone.folder / name).read_bytes()


@pytest.mark.slow
def test_eight_writers_of_one_cell_never_show_a_torn_file(tmp_path: Path) -> None:
    store = CellStore(tmp_path, "coin")
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_many, args=(store, number)) for number in range(8)]
    for writer in writers:
        writer.start()
    n_reads = 0
    while any(writer.is_alive() for writer in writers):
        if store.has(RECORD.name):
            trials = store.read(RECORD.name)[1].trials["x"]
            assert len(trials) == 1000
            assert trials["writer"].nunique() == 1
            n_reads += 1
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert n_reads > 0
    assert not (tmp_path / "cells" / "quarantine").exists()
    assert len([path for path in store.folder.rglob("*") if path.is_file()]) == 1


def write_many(store: CellStore, number: int) -> None:
    """Write the same cell 50 times, with content that differs between writers: the worst case."""
    for _ in range(50):
        store.write(RECORD, Outcome({"x": pd.DataFrame({"writer": [number] * 1000})}), TABLES)
