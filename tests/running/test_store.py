"""Run folders and the cells that they share."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import ConfigError, DataError, StoreError
from cogattn.measures import Estimate, Measure, Row, summary_table
from cogattn.observers.observer import Observer
from cogattn.running.atomic import sha256_hex
from cogattn.running.catalogue import find_run, list_runs, verify
from cogattn.running.cells import CellStore, DamagedCell, pack, unpack
from cogattn.running.execute import open_run, run_study
from cogattn.running.records import CellList, CellRecord, Manifest
from cogattn.running.store import RunFolder, run_id
from cogattn.study import Outcome, Results
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
SCHEMA = {"x": {"x": "int64"}}


def record(number: int = 0, code: str = "c") -> CellRecord:
    return CellRecord(
        study="coin",
        cell={"part": number},
        settings={},
        contents={},
        code=code,
        libraries={},
        device="cpu",
        cpu="",
    )


def outcome(*values: int) -> Outcome:
    return Outcome({"x": pd.DataFrame({"x": list(values)})})


@pytest.fixture
def cells(tmp_path: Path) -> CellStore:
    return CellStore(tmp_path, "coin")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = open_run(COIN, CoinConfig(), tmp_path)
    run.create(CoinConfig())
    return run


def results(**changes: object) -> Results:
    rows = [Row(Observer("a"), Measure("heads", "share", "heads"), Estimate(1 / 3, 0.1, 0.5, 30))]
    return Results(summary_table(rows), **changes)


def finish(run: RunFolder, wanted: Results) -> None:
    run.finish(wanted, trials={}, cells=CellList(cells=()), question="q", withheld={})


def test_equal_settings_have_one_id_and_others_another() -> None:
    first = run_id("coin", CoinConfig.parse({"seed": 3, "tosses": 7}))
    assert first == run_id("coin", CoinConfig.parse({"tosses": 7, "seed": 3}))
    others = [run_id("coin2", CoinConfig(seed=3, tosses=7)), run_id("coin", CoinConfig(seed=4, tosses=7))]
    assert len({first, *others}) == 3


def test_the_id_is_the_same_in_another_process() -> None:
    code = (
        "from cogattn.running.store import run_id; from cogattn.testing.coin import CoinConfig; "
        "print(run_id('coin', CoinConfig()))"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    ).stdout
    assert told.strip() == run_id("coin", CoinConfig())


def test_a_cell_comes_back_as_it_was_written(cells: CellStore) -> None:
    cells.write(record(), Outcome(outcome(1, 2).trials, {"weights.bin": b"\0\1"}), SCHEMA)
    found, back, sha256 = cells.read(record().name)
    assert found == record()
    assert back.trials["x"]["x"].tolist() == [1, 2]
    assert back.artefacts == {"weights.bin": b"\0\1"}
    assert sha256 == sha256_hex(cells.path(record().name).read_bytes()) == cells.checked(record().name)


def test_the_first_to_publish_a_cell_wins(cells: CellStore) -> None:
    cells.write(record(), outcome(1), SCHEMA)
    cells.write(record(), outcome(2), SCHEMA)
    assert cells.read(record().name)[1].trials["x"]["x"].tolist() == [1]
    assert len(list(cells.folder.rglob("*"))) == 2  # a folder and a file: nothing is left beside


def test_a_cell_opens_with_ordinary_tools(cells: CellStore) -> None:
    cells.write(record(), outcome(7), SCHEMA)
    with zipfile.ZipFile(cells.path(record().name)) as archive:
        assert archive.testzip() is None
        table = pd.read_parquet(io.BytesIO(archive.read("trials/x.parquet")))
    assert table["x"].tolist() == [7]


def test_every_part_of_an_identity_changes_the_name() -> None:
    changes = {
        "study": "coin2", "cell": {"part": 9}, "settings": {"a": 1}, "contents": {"a": "b"},
        "code": "d", "libraries": {"numpy": "2"}, "device": "cuda",
    }  # fmt: skip
    names = {record().model_copy(update={field: value}).name for field, value in changes.items()}
    assert len(names | {record().name}) == len(changes) + 1
    assert record().model_copy(update={"cpu": "another"}).name == record().name


def test_a_missing_cell_is_a_named_error(cells: CellStore) -> None:
    with pytest.raises(DamagedCell, match=f"cell {record().name} must be stored; got no such file"):
        cells.read(record().name)


@pytest.mark.parametrize("name", ["../../x", "0" * 32, f"{'G' * 32}-{'0' * 16}", ""])
def test_a_name_that_is_no_name_is_refused(cells: CellStore, name: str) -> None:
    with pytest.raises(StoreError, match="a cell's name must be two digests"):
        cells.read(name)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (pd.DataFrame(), "trial table x must have the columns x; got none"),
        (pd.DataFrame({"y": [1]}), "trial table x must have the columns x; got y"),
        (pd.DataFrame({"x": [1], "y": [1]}), "must have the columns x; got x, y"),
        (pd.DataFrame({"x": [0.5]}), "column x of trial table x must be int64; got float64"),
        (pd.DataFrame({"x": ["a"]}), "column x of trial table x must be int64"),
    ],
)
def test_trials_of_another_shape_than_declared_are_refused(rows: pd.DataFrame, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        pack(record(), Outcome({"x": rows}), SCHEMA)


def test_a_table_that_is_not_declared_is_refused() -> None:
    with pytest.raises(DataError, match="a trial table must be one of x; got y"):
        pack(record(), Outcome({"y": pd.DataFrame({"x": [1]})}), SCHEMA)


def test_equal_cells_are_equal_bytes_and_every_bit_is_covered() -> None:
    data = pack(record(), outcome(1, 2, 3), SCHEMA)
    assert data == pack(record(), outcome(1, 2, 3), SCHEMA)
    rng = np.random.default_rng(0)
    for position in rng.integers(len(data), size=300):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(rng.integers(8))
        with pytest.raises(ValueError, match="SHA-256"):
            unpack(bytes(flipped))


def test_the_summary_that_is_shown_is_the_one_that_was_stored(run: RunFolder) -> None:
    wanted = results(remarks=("mind the gap",))
    finish(run, wanted)
    pd.testing.assert_frame_equal(run.summary(), wanted.summary, check_dtype=False, check_exact=True)
    assert run.remarks() == ("mind the gap",)
    assert run.finished


def test_tables_and_figures_of_an_earlier_question_do_not_stay(run: RunFolder) -> None:
    finish(run, results(tables={"old": pd.DataFrame({"x": [1]})}))
    finish(run, results(tables={"new": pd.DataFrame({"x": [1]})}))
    assert {path.name for path in (run.folder / "tables").iterdir()} == {"summary.csv", "new.csv"}


def test_an_unfinished_run_has_no_summary(run: RunFolder) -> None:
    with pytest.raises(StoreError, match=f"run {run.id} must be finished; got no tables"):
        run.summary()
    assert not run.finished


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b"])
def test_a_table_or_figure_cannot_be_named_out_of_the_run(run: RunFolder, name: str) -> None:
    with pytest.raises(StoreError, match="names of tables and figures must be"):
        finish(run, results(tables={name: pd.DataFrame({"x": [1]})}))


def test_the_manifest_lists_every_file_and_nothing_else(tmp_path: Path) -> None:
    run = run_study(COIN, CoinConfig(), out=tmp_path)
    listed = run.read(Manifest).files
    there = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert set(listed) == there - {"MANIFEST.json", "provenance.json", "ro-crate-metadata.json", ".lock"}
    assert {
        "config.json",
        "cells.json",
        "trials/tosses.parquet",
        "tables/summary.csv",
        "figures/heads.pdf",
    } <= set(listed)
    assert verify(run) == []


def test_files_that_come_and_go_are_told(tmp_path: Path) -> None:
    run = run_study(COIN, CoinConfig(), out=tmp_path)
    (run.folder / "tables" / "extra.csv").write_text("x")
    (run.folder / "figures" / "heads.png").unlink()
    assert verify(run) == ["figures/heads.png is missing", "tables/extra.csv is not in MANIFEST.json"]


def test_a_run_moved_to_another_id_is_told(tmp_path: Path) -> None:
    run = run_study(COIN, CoinConfig(), out=tmp_path)
    moved = RunFolder(run.root, run.study, "0" * 12)
    run.folder.rename(moved.folder)
    assert verify(moved) == ["config.json belongs to another run than coin/000000000000"]


def test_runs_are_listed_and_found_by_the_start_of_their_id(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "missing") == []
    ids = [run_study(COIN, CoinConfig(seed=seed, n_cells=1), out=tmp_path).id for seed in range(3)]
    (tmp_path / "coin" / "notes").mkdir()
    (tmp_path / "file").touch()
    assert [run.id for run in list_runs(tmp_path)] == sorted(ids)
    assert find_run(tmp_path, ids[0][:6]).id == find_run(tmp_path, f"coin/{ids[0]}").id == ids[0]
    for wrong in ("", "zz", "other/" + ids[0]):
        with pytest.raises(ConfigError, match="run must be the start of one stored id"):
            find_run(tmp_path, wrong)


@pytest.mark.parametrize("name", ["cells", "quarantine", "checkpoints"])
def test_a_study_cannot_be_called_as_a_folder_of_the_store(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="study must be"):
        RunFolder(tmp_path, name, "0" * 12)
