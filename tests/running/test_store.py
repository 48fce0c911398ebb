"""Run folders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cogattn.errors import ConfigError, StoreError
from cogattn.running.catalogue import find_run, list_runs, verify
from cogattn.running.execute import open_run, run_study
from cogattn.running.records import Manifest
from cogattn.running.store import Run, run_id
from cogattn.study import SUMMARY_COLUMNS, Results
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
KEY, OTHER = "0" * 16, "1" * 16


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = CoinConfig()
    run = open_run(COIN, config, tmp_path)
    run.create(1, config)
    return run


def results(**changes: object) -> Results:
    row = (
        "a",
        "heads",
        "share",
        1 / 3,
        0.1,
        0.5,
        30,
        float("nan"),
        float("nan"),
        float("nan"),
        float("nan"),
        "",
    )
    return Results(pd.DataFrame([row], columns=list(SUMMARY_COLUMNS)), **changes)


def test_equal_settings_have_one_id_and_others_another() -> None:
    first = run_id("coin", 1, CoinConfig.parse({"seed": 3, "tosses": 7}))
    assert first == run_id("coin", 1, CoinConfig.parse({"tosses": 7, "seed": 3}))
    others = [
        run_id("coin", 2, CoinConfig(seed=3, tosses=7)),
        run_id("coin2", 1, CoinConfig(seed=3, tosses=7)),
        run_id("coin", 1, CoinConfig(seed=4, tosses=7)),
    ]
    assert len({first, *others}) == 4


def test_the_id_is_the_same_in_another_process() -> None:
    code = (
        "from cogattn.running.store import run_id; from cogattn.testing.coin import CoinConfig; "
        "print(run_id('coin', 1, CoinConfig()))"
    )
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    ).stdout
    assert told.strip() == run_id("coin", 1, CoinConfig())


def test_trials_come_back_in_the_order_asked_for(run: Run) -> None:
    run.write_cell(OTHER, pd.DataFrame({"x": [3]}))
    run.write_cell(KEY, pd.DataFrame({"x": [1, 2]}))
    assert run.read_trials([KEY, OTHER])["x"].tolist() == [1, 2, 3]
    assert run.read_trials([OTHER, KEY])["x"].tolist() == [3, 1, 2]
    assert run.n_stored() == 2


def test_the_first_to_publish_a_cell_wins(run: Run) -> None:
    run.write_cell(KEY, pd.DataFrame({"x": [1]}))
    run.write_cell(KEY, pd.DataFrame({"x": [2]}))
    assert run.read_trials([KEY])["x"].tolist() == [1]
    assert run.n_stored() == 1


def test_a_cell_file_carries_the_hash_of_its_content(run: Run) -> None:
    import hashlib

    run.write_cell(KEY, pd.DataFrame({"x": [1]}))
    (path,) = (run.folder / "cells").iterdir()
    assert path.name == f"{KEY}-{hashlib.sha256(path.read_bytes()).hexdigest()}.parquet"


def test_a_missing_cell_is_a_named_error(run: Run) -> None:
    with pytest.raises(StoreError, match=f"cell {KEY} of run {run.id} must be stored undamaged; got none"):
        run.read_trials([KEY])


@pytest.mark.parametrize("key", ["../../x", "0" * 15, "G" * 16, ""])
def test_a_key_that_is_no_key_is_refused(run: Run, key: str) -> None:
    with pytest.raises(StoreError, match="cell key must be 16 hex digits"):
        run.write_cell(key, pd.DataFrame({"x": [1]}))


def test_the_summary_that_is_shown_is_the_one_that_was_stored(run: Run) -> None:
    run.write_cell(KEY, pd.DataFrame({"x": [1]}))
    wanted = results(remarks=("mind the gap",))
    run.finish(wanted, run.read_trials([KEY]))
    pd.testing.assert_frame_equal(run.summary(), wanted.summary, check_dtype=False, check_exact=True)
    assert run.remarks() == ("mind the gap",)
    assert run.finished


def test_an_unfinished_run_has_no_summary(run: Run) -> None:
    with pytest.raises(StoreError, match=f"run {run.id} must be finished; got cells only"):
        run.summary()
    assert not run.finished


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b"])
def test_a_table_or_figure_cannot_be_named_out_of_the_run(run: Run, name: str) -> None:
    with pytest.raises(StoreError, match="names of tables and figures must be"):
        run.finish(results(tables={name: pd.DataFrame({"x": [1]})}), pd.DataFrame({"x": [1]}))


def test_the_manifest_lists_every_file_and_nothing_else(tmp_path: Path) -> None:
    run, _ = run_study(COIN, CoinConfig(), out=tmp_path)
    listed = run.read(Manifest).files
    there = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert set(listed) == there - {"MANIFEST.json", ".lock"}
    assert {
        "config.json",
        "provenance.json",
        "trials.parquet",
        "tables/summary.csv",
        "figures/heads.pdf",
    } <= set(listed)
    assert verify(run) == []


def test_files_that_come_and_go_are_told(tmp_path: Path) -> None:
    run, _ = run_study(COIN, CoinConfig(), out=tmp_path)
    (run.folder / "tables" / "extra.csv").write_text("x")
    (run.folder / "figures" / "heads.png").unlink()
    assert verify(run) == ["tables/extra.csv is not in MANIFEST.json", "figures/heads.png is missing"]


def test_a_run_moved_to_another_id_is_told(tmp_path: Path) -> None:
    run, _ = run_study(COIN, CoinConfig(), out=tmp_path)
    moved = Run(run.root, run.study, "0" * 12)
    run.folder.rename(moved.folder)
    assert verify(moved) == ["config.json belongs to another run than coin/000000000000"]


def test_runs_are_listed_and_found_by_the_start_of_their_id(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "missing") == []
    ids = [run_study(COIN, CoinConfig(seed=seed, n_cells=1), out=tmp_path)[0].id for seed in range(3)]
    (tmp_path / "coin" / "notes").mkdir()
    (tmp_path / "file").touch()
    assert [run.id for run in list_runs(tmp_path)] == sorted(ids)
    assert find_run(tmp_path, ids[0][:6]).id == find_run(tmp_path, f"coin/{ids[0]}").id == ids[0]
    for wrong in ("", "zz", "other/" + ids[0]):
        with pytest.raises(ConfigError, match="run must be the start of one stored id"):
            find_run(tmp_path, wrong)
