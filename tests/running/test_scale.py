"""A cell costs the same beside a hundred others and a hundred thousand: no listing, no lock, no second reading."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from cogattn.running import cells as cells_module
from cogattn.running.cells import CellStore
from cogattn.running.execute import run_study
from cogattn.running.lock import held
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"


def test_looking_for_and_writing_a_cell_lists_no_folder_and_takes_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_study(COIN, CoinConfig(), out=tmp_path)
    name = next(run.cells.folder.rglob("*.zip")).stem
    record, outcome, _ = run.cells.read(name)
    tables = {"tosses": {n: str(kind) for n, kind in outcome.trials["tosses"].dtypes.items()}}
    tables["tosses"] |= {"observer": "str", "condition": "str", "response": "str"}
    run.cells.path(name).unlink()

    def refused(*_: object, **__: object) -> object:
        raise AssertionError("the store must not be listed or locked for one cell")

    for listing in ("listdir", "scandir"):
        monkeypatch.setattr(os, listing, refused)
    monkeypatch.setattr(Path, "iterdir", refused)
    monkeypatch.setattr(Path, "glob", refused)
    monkeypatch.setattr("cogattn.running.store.held", refused)
    assert not run.cells.has(name)
    run.cells.write(record, outcome, tables)
    assert run.cells.has(name)


@pytest.mark.parametrize("state", ["finished", "unfinished", "fresh"])
def test_each_cell_is_read_once_per_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    config = CoinConfig(n_cells=3)
    if state != "fresh":
        run = run_study(COIN, config, out=tmp_path)
        if state == "unfinished":
            (run.folder / "MANIFEST.json").unlink()
    reads: Counter[str] = Counter()
    read = cells_module.read_regular

    def counted(path: Path, **options: int) -> bytes:
        reads[path.name] += 1
        return read(path, **options)

    monkeypatch.setattr(cells_module, "read_regular", counted)
    run_study(COIN, config, out=tmp_path)
    assert len(reads) == 6
    assert set(reads.values()) == {1}


def test_a_large_design_is_summarised_with_one_cell_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogattn.study.KEPT_VALUES", 0)
    run = run_study(COIN, CoinConfig(), out=tmp_path / "small")
    monkeypatch.undo()
    whole = run_study(COIN, CoinConfig(), out=tmp_path / "whole")
    for name in ("tables/summary.csv", "trials/tosses.parquet"):
        assert (run.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_lock_that_another_holds_is_told_with_owner_and_age(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from cogattn.errors import StoreError

    path = tmp_path / ".lock"
    with (
        held(path, of="run r"),
        pytest.raises(
            StoreError, match=rf"the lock of run r is held by .*, process {os.getpid()}, for \d+ s"
        ),
        held(path, of="run r", limit_s=0.2),
    ):
        pass
    with held(path, of="run r"):
        assert sorted(p.name for p in tmp_path.iterdir()) == [".lock", ".lock-owner"]
    assert not (tmp_path / ".lock-owner").exists()


def test_the_store_of_a_study_is_one_folder(tmp_path: Path) -> None:
    run_study(COIN, CoinConfig(), out=tmp_path)
    assert CellStore(tmp_path, "coin").folder == tmp_path / "cells" / "coin"
