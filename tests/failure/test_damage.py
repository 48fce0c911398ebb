"""Files change behind our back: bits, length, folders, links, hostile content. Nothing of it is read."""

from __future__ import annotations

import logging
import os
import pickle
import random
import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cogattn.errors import ConfigError, StoreError
from cogattn.running.atomic import sha256_hex
from cogattn.running.catalogue import find_run, list_runs, verify
from cogattn.running.execute import run_study
from cogattn.running.store import Run
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
CONFIG = CoinConfig(n_cells=2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run, _ = run_study(COIN, CONFIG, out=tmp_path_factory.mktemp("store"))
    return run


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A finished run that a test may damage."""
    shutil.copytree(finished.root, tmp_path / "store", symlinks=True)
    return Run(tmp_path / "store", finished.study, finished.id)


def first_cell(run: Run) -> Path:
    return min((run.folder / "cells").glob("*.parquet"))


def key_of(cell: Path) -> str:
    return cell.name.partition("-")[0]


@pytest.mark.parametrize(
    "pattern", ["cells/*.parquet", "trials.parquet", "*.json", "tables/*.csv", "figures/*.p*"]
)
def test_each_of_100_random_bit_flips_is_found(run: Run, pattern: str) -> None:
    rng = random.Random(pattern)
    files = sorted(run.folder.glob(pattern))
    assert files
    for _ in range(100):
        path = rng.choice(files)
        whole = path.read_bytes()
        position, bit = rng.randrange(len(whole)), rng.randrange(8)
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << bit]) + whole[position + 1 :])
        problems = verify(run)
        assert any(path.name in problem for problem in problems), (path.name, position, bit)
        path.write_bytes(whole)
    assert verify(run) == []


def test_each_of_100_flipped_cells_is_set_aside_and_computed_again(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)  # pytest keeps every record otherwise
    rng = random.Random(1)
    cell = first_cell(run)
    whole = cell.read_bytes()
    for _ in range(100):
        position, bit = rng.randrange(len(whole)), rng.randrange(8)
        cell.write_bytes(whole[:position] + bytes([whole[position] ^ 1 << bit]) + whole[position + 1 :])
        assert run.intact_cells([key_of(cell)]) == set()
        assert not cell.exists()
        cell.write_bytes(whole)
    assert len(list((run.folder / "quarantine").iterdir())) == 100


def test_a_damaged_cell_is_named_quarantined_and_recomputed_to_the_same_table(
    run: Run, finished: Run, caplog: pytest.LogCaptureFixture
) -> None:
    cell = first_cell(run)
    untouched = {path: path.stat().st_mtime_ns for path in (run.folder / "cells").iterdir() if path != cell}
    cell.write_bytes(cell.read_bytes()[:-1] + b"\0")
    run_study(COIN, CONFIG, out=run.root)
    assert cell.name in caplog.text
    assert [path.name for path in (run.folder / "quarantine").iterdir()] == [f"{cell.name}.0"]
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched
    for name in ("trials.parquet", "tables/summary.csv"):
        assert (run.folder / name).read_bytes() == (finished.folder / name).read_bytes()
    assert verify(run) == []


@pytest.mark.parametrize(
    "name", ["config.json", "tables/summary.csv", "figures/heads.png", "trials.parquet", "MANIFEST.json"]
)
def test_the_same_command_repairs_every_other_file(run: Run, name: str) -> None:
    (run.folder / name).write_bytes(b"")
    assert verify(run)
    run_study(COIN, CONFIG, out=run.root)
    assert verify(run) == []


def test_a_summary_that_is_not_the_stored_one_is_not_shown(run: Run) -> None:
    path = run.folder / "tables/summary.csv"
    path.write_text(path.read_text().replace("0.", "1."))
    with pytest.raises(
        StoreError, match=r"tables/summary.csv of run .* must have the SHA-256 of the manifest"
    ):
        run.summary()


def test_damaged_provenance_stops_a_run_that_would_add_to_it(run: Run) -> None:
    (run.folder / "provenance.json").write_text("{}")
    first_cell(run).unlink()
    with pytest.raises(StoreError, match=r"provenance.json of run .* must be undamaged"):
        run_study(COIN, CONFIG, out=run.root)


@pytest.mark.parametrize("sixteenth", range(16))
def test_a_truncated_cell_is_set_aside(run: Run, sixteenth: int) -> None:
    cell = first_cell(run)
    cell.write_bytes(cell.read_bytes()[: cell.stat().st_size * sixteenth // 16])
    with pytest.raises(StoreError, match=f"cell {key_of(cell)} of run {run.id} must be stored undamaged"):
        run.read_trials([key_of(cell)])
    assert not cell.exists()


def as_folder(cell: Path) -> None:
    cell.unlink()
    cell.mkdir()


def as_link(cell: Path) -> None:
    elsewhere = cell.parents[4] / "elsewhere.parquet"
    elsewhere.write_bytes(cell.read_bytes())
    cell.unlink()
    cell.symlink_to(elsewhere)


def as_pipe(cell: Path) -> None:
    cell.unlink()
    os.mkfifo(cell)


@pytest.mark.parametrize("replace", [as_folder, as_link, as_pipe], ids=["folder", "link", "pipe"])
def test_what_is_no_regular_file_is_set_aside_and_computed_again(
    run: Run, replace: Callable[[Path], None]
) -> None:
    cell = first_cell(run)
    replace(cell)
    assert any("is not a readable file" in problem for problem in verify(run))
    run_study(COIN, CONFIG, out=run.root)
    assert cell.is_file()
    assert not cell.is_symlink()
    assert verify(run) == []


@pytest.mark.parametrize("name", ["trials.parquet", "MANIFEST.json", "tables/summary.csv"])
def test_a_folder_in_the_place_of_a_file_is_a_named_error(run: Run, name: str) -> None:
    path = run.folder / name
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match=path.name):
        run_study(COIN, CONFIG, out=run.root)
    assert verify(run)


@pytest.mark.parametrize("name", ["cells", "tables", "quarantine", ".lock", "../26d025f13421", ".."])
def test_a_symbolic_link_out_of_the_store_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    path = (
        (run.folder / name) if not name.startswith("..") else {"..": run.folder.parent}.get(name, run.folder)
    )
    outside = tmp_path / "outside"
    if path.is_dir():
        path.rename(outside)
    else:
        path.unlink(missing_ok=True)
        outside.mkdir()
    path.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    with pytest.raises(StoreError, match="must not be symbolic links"):
        damage_and_run(run)
    assert sorted(outside.rglob("*")) == before
    assert all(path.is_symlink() is False for path in (entry.folder for entry in list_runs(run.root)))


def damage_and_run(run: Run) -> None:
    if (run.folder / "quarantine").is_symlink():
        cell = first_cell(run)
        cell.write_bytes(b"damaged")
    run_study(COIN, CONFIG, out=run.root)


@pytest.mark.parametrize(
    "hostile", ["../../etc", "..", "/etc/passwd", "abc", "26D025F13421", "", "26d025f13421\n", "a" * 9999]
)
def test_a_hostile_run_id_is_refused(tmp_path: Path, hostile: str) -> None:
    with pytest.raises(ConfigError, match="run id must be 12 hex digits"):
        Run(tmp_path, "coin", hostile)
    with pytest.raises(ConfigError, match="run must be the start of one stored id"):
        find_run(tmp_path, hostile)


@pytest.mark.parametrize("hostile", ["../x", "", ".", "Coin", "a/b", "a\0b", "coin\n", "x" * 65])
def test_a_hostile_study_name_is_refused(tmp_path: Path, hostile: str) -> None:
    with pytest.raises(ConfigError, match="study must be lower-case letters"):
        Run(tmp_path, hostile, "0" * 12)


def plant(run: Run, content: bytes) -> str:
    """Put a cell in the store whose name holds the right hash of the wrong content."""
    cell = first_cell(run)
    cell.unlink()
    (cell.parent / f"{key_of(cell)}-{sha256_hex(content)}.parquet").write_bytes(content)
    return key_of(cell)


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_no_pickle_is_ever_executed(run: Run, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    bomb = pickle.dumps(_Bomb(marker))
    key = plant(run, bomb)
    assert run.intact_cells([key]) == set()

    field = pa.field(
        "x",
        pa.int64(),
        metadata={"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": bomb},
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table([[1]], schema=pa.schema([field])), sink)
    run.write_cell("0" * 16, pq.read_table(pa.BufferReader(sink.getvalue())).to_pandas())
    hostile = sink.getvalue().to_pybytes()
    (run.folder / "cells" / f"{'1' * 16}-{sha256_hex(hostile)}.parquet").write_bytes(hostile)
    run.read_trials(["1" * 16])
    assert not marker.exists()


def test_a_header_that_claims_ten_gigabytes_costs_no_memory(run: Run) -> None:
    claims = b"PAR1" + b"\x15\x04\x19" + b"\xff" * 60 + (10**9 * 4 - 1).to_bytes(4, "little") + b"PAR1"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    key = plant(run, claims)
    assert run.intact_cells([key]) == set()
    metadata_lies = bytearray(first_cell(run).read_bytes())
    for position in range(len(metadata_lies) - 400, len(metadata_lies) - 8, 3):
        lies = metadata_lies.copy()
        lies[position : position + 5] = b"\xff\xff\xff\xff\x7f"
        path = run.folder / "cells" / f"{position:016x}-{sha256_hex(bytes(lies))}.parquet"
        path.write_bytes(lies)
        with suppress(StoreError):
            run.read_trials([f"{position:016x}"])
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) / 1024 < 200
