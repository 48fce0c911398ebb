"""Rows that are kept for other observers: whole or absent, checked when read, bounded, never in the way."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from cogattn.errors import ConfigError
from cogattn.running import shelf as module
from cogattn.running.atomic import temporary_beside
from cogattn.running.execute import Execution, checked_shelf, run_study
from cogattn.running.records import CellList
from cogattn.running.shelf import Shelf, current
from cogattn.seeds import Streams
from cogattn.study import Outcome
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy, FairCoins

ROW = np.dtype([("image", "<f4", (3, 3)), ("n", "<i8")])
WHAT = {"seed": 1}
N = 5
FILE_BYTES = N * (4 + ROW.itemsize)


def made(n: int = N) -> np.ndarray:
    rows = np.zeros(n, ROW)
    rows["image"] = np.random.default_rng(0).standard_normal((n, 3, 3))
    rows["n"] = np.arange(n)
    return rows


def shelf(folder: Path, **changes: object) -> Shelf:
    return Shelf(folder, **{"limit_bytes": 10**6, "made_by": "code", **changes})


def put(where: Shelf, what: dict = WHAT) -> None:
    with where.rows(what, N, ROW) as rows:
        assert rows.read(0, N) is None
        rows.write(2, made()[2:])
        rows.write(0, made()[:2])


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_what_one_wrote_another_reads(tmp_path: Path) -> None:
    put(shelf(tmp_path))
    with shelf(tmp_path).rows(WHAT, N, ROW) as rows:
        np.testing.assert_array_equal(rows.read(1, 4), made()[1:4])
        np.testing.assert_array_equal(rows.read(0, 5), made())
        rows.write(0, made()[:1])  # is there already
    assert [path.stat().st_size for path in files(tmp_path)] == [FILE_BYTES]


@pytest.mark.parametrize(
    ("changes", "what", "n", "dtype"),
    [
        ({"made_by": "other code"}, WHAT, N, ROW),
        ({}, {"seed": 2}, N, ROW),
        ({}, WHAT, N + 1, ROW),
        ({}, WHAT, N, np.dtype([("image", "<f4", (3, 3)), ("n", "<i4")])),
    ],
    ids=["code", "settings", "number", "type"],
)
def test_whatever_makes_rows_otherwise_finds_none(
    tmp_path: Path, changes: dict, what: dict, n: int, dtype: np.dtype
) -> None:
    put(shelf(tmp_path))
    with shelf(tmp_path, **changes).rows(what, n, dtype) as rows:
        assert rows.read(0, n) is None


@pytest.mark.parametrize("place", [0, 3, 4, 60, FILE_BYTES - 1])
def test_a_flipped_bit_is_noticed_and_the_file_made_anew(
    tmp_path: Path, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    put(shelf(tmp_path))
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING), shelf(tmp_path).rows(WHAT, N, ROW) as rows:
        assert [rows.read(i, i + 1) is None for i in range(N)].count(True) >= 1
    assert "was damaged" in caplog.text
    assert files(tmp_path) == []
    put(shelf(tmp_path))


def test_a_file_cut_short_counts_as_none(tmp_path: Path) -> None:
    put(shelf(tmp_path))
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    put(shelf(tmp_path))
    assert [path.stat().st_size for path in files(tmp_path)] == [FILE_BYTES]


def test_rows_that_were_not_all_written_are_not_published(tmp_path: Path) -> None:
    with shelf(tmp_path).rows(WHAT, N, ROW) as rows:
        rows.write(0, made()[:4])
    assert files(tmp_path) == []
    with suppress(ZeroDivisionError), shelf(tmp_path).rows(WHAT, N, ROW) as rows:
        rows.write(0, made())
        raise ZeroDivisionError
    assert files(tmp_path) == []


def test_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    first, second = (shelf(tmp_path).rows(WHAT, N, ROW) for _ in range(2))
    with first, second, ThreadPoolExecutor(8) as pool:
        for rows in (first, second):
            list(pool.map(lambda i, rows=rows: rows.write(i, made()[i : i + 1]), range(N)))
    with shelf(tmp_path).rows(WHAT, N, ROW) as rows:
        np.testing.assert_array_equal(rows.read(0, N), made())
    assert len(files(tmp_path)) == 1


def test_a_full_shelf_lets_go_of_earlier_runs_rows_and_keeps_its_own(tmp_path: Path) -> None:
    for age, seed in ((30, 1), (20, 2), (10, 3)):
        put(shelf(tmp_path), {"seed": seed})
        for path in files(tmp_path):
            if path.stat().st_mtime_ns > 10**18:
                os.utime(path, ns=(0, 10**15 - age))
    now = shelf(tmp_path, limit_bytes=3 * FILE_BYTES, since_ns=10**15)
    with now.rows({"seed": 1}, N, ROW) as rows:  # used by this run
        assert rows.read(0, N) is not None
    put(now, {"seed": 4})
    kept = {seed for seed in range(1, 8) if now.rows({"seed": seed}, N, ROW)._path.exists()}
    assert kept == {1, 3, 4}
    put(now, {"seed": 5})
    put(now, {"seed": 6})  # no room left that is not this run's
    kept = {seed for seed in range(1, 8) if now.rows({"seed": seed}, N, ROW)._path.exists()}
    assert kept == {1, 4, 5}


def test_what_a_dead_writer_left_is_swept(tmp_path: Path) -> None:
    left = temporary_beside(tmp_path / "x.rows")
    host, pid = left.name.split(".")[-4:-2]
    dead = left.with_name(left.name.replace(f".{host}.{pid}.", f".{host}.4194999."))
    dead.write_bytes(b"x")
    put(shelf(tmp_path))
    assert [path.suffix for path in files(tmp_path)] == [".rows"]


def test_a_disk_that_fails_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write_all", full)
    with caplog.at_level(logging.WARNING), shelf(tmp_path).rows(WHAT, N, ROW) as rows:
        rows.write(0, made())
        rows.write(0, made())
    assert files(tmp_path) == []
    assert caplog.text.count("No space left on device") == 1
    (tmp_path / "file").touch()
    with shelf(tmp_path / "file").rows(WHAT, N, ROW) as rows:
        rows.write(0, made())
        assert rows.read(0, N) is None


class ShelvedCoins(CoinStudy):
    """Coins that tell where they could keep rows."""

    name: ClassVar[str] = "shelved"

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> Outcome:
        kept = current()
        told = f"{kept.limit_bytes} {kept.made_by} {kept.folder.name}" if kept else "none"
        return Outcome({"tosses": super().run_cell(config, cell, rng)}, {"shelf.txt": told.encode()})


def told(folder: Path, n_coins: int, gigabytes: float | None) -> set[str]:
    config = CoinConfig(coins=FairCoins(n=n_coins), n_cells=1)
    run = run_study(ShelvedCoins(), config, out=folder, execution=Execution(shelf_gb=gigabytes))
    outcomes = [run.cells.read(cell.name)[1] for cell in run.read(CellList).cells]
    return {outcome.artefacts["shelf.txt"].decode() for outcome in outcomes}


@pytest.mark.parametrize(
    ("n_coins", "gigabytes", "limit"),
    [(1, None, None), (2, None, 8 * 10**9), (2, 0.0, None), (1, 0.5, 5 * 10**8)],
    ids=["one observer", "several", "none wanted", "wanted"],
)
def test_a_run_of_several_observers_has_a_shelf_and_others_where_asked_for(
    tmp_path: Path, n_coins: int, gigabytes: float | None, limit: int | None
) -> None:
    (found,) = told(tmp_path, n_coins, gigabytes)
    if limit is None:
        assert found == "none"
        return
    limit_bytes, made_by, folder = found.split()
    assert (int(limit_bytes), len(made_by), folder) == (limit, 64, "shelved")
    assert current() is None


def test_a_shelf_below_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="--shelf-gb must be 0 or more; got -1"):
        checked_shelf(-1.0)
