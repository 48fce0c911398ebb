"""Files change behind our back: bits, length, folders, links, hostile content. Nothing of it is read."""

from __future__ import annotations

import io
import logging
import os
import pickle
import random
import resource
import shutil
import socket
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cogattn.cli import main
from cogattn.errors import ConfigError, StoreError
from cogattn.running import formats
from cogattn.running.atomic import sealed, sha256_hex
from cogattn.running.catalogue import find_run, list_runs, verify, verify_deep
from cogattn.running.cells import DamagedCell, pack
from cogattn.running.execute import run_study
from cogattn.running.records import CRATE, CellList, CellRecord, Manifest, Provenance
from cogattn.running.store import RunFolder
from cogattn.study import Outcome
from cogattn.testing.coin import CoinConfig, CoinStudy, LoadedCoins

COIN = "cogattn.testing.coin:CoinStudy"
CONFIG = CoinConfig(n_cells=2, coins=LoadedCoins(heads=(0.1, 0.9)))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run_study(COIN, CONFIG, out=tmp_path_factory.mktemp("store"))


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A finished run that a test may damage."""
    shutil.copytree(finished.root, tmp_path / "store", symlinks=True)
    return RunFolder(tmp_path / "store", finished.study, finished.id)


def cell_paths(run: RunFolder) -> list[Path]:
    return [run.cells.path(cell.name) for cell in run.read(CellList).cells]


def tables_of(run: RunFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run.folder / "tables").glob("*.csv")}


def flipped(data: bytes, rng: random.Random) -> bytes:
    position, bit = rng.randrange(len(data)), rng.randrange(8)
    return data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


@pytest.mark.parametrize(
    "pattern", ["../../cells/coin/*/*.zip", "trials/*", "*.json", "tables/*.csv", "figures/*.p*"]
)
def test_each_of_100_random_bit_flips_is_found(run: RunFolder, pattern: str) -> None:
    rng = random.Random(pattern)
    files = sorted(run.folder.glob(pattern))
    assert files
    for _ in range(100):
        path = rng.choice(files)
        whole = path.read_bytes()
        path.write_bytes(flipped(whole, rng))
        problems = verify(run)
        assert any(path.stem in problem for problem in problems), path.name
        path.write_bytes(whole)
    assert verify(run) == []


def test_each_of_100_flipped_cells_is_set_aside(run: RunFolder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)  # pytest keeps every record otherwise
    rng = random.Random(1)
    cell = cell_paths(run)[0]
    whole = cell.read_bytes()
    for _ in range(100):
        cell.write_bytes(flipped(whole, rng))
        with pytest.raises(DamagedCell):
            run.cells.read(cell.stem)
        assert not cell.exists()
        cell.write_bytes(whole)
    assert len(list((run.root / "cells" / "quarantine").iterdir())) == 100


def test_a_damaged_cell_is_named_quarantined_and_recomputed_to_the_same_table(
    run: RunFolder, finished: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    cell, *others = cell_paths(run)
    untouched = {path: path.stat().st_mtime_ns for path in others}
    cell.write_bytes(cell.read_bytes()[:-1] + b"\0")
    run_study(COIN, CONFIG, out=run.root)
    assert cell.stem in caplog.text
    assert [path.name for path in (run.root / "cells" / "quarantine").iterdir()] == [f"{cell.stem}.0.zip"]
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched
    assert tables_of(run) == tables_of(finished)
    assert verify(run) == []


FILES = (
    "config.json", "provenance.json", "cells.json", "tables/summary.csv", "figures/heads.png", "trials/tosses.parquet",
    "MANIFEST.json",
)  # fmt: skip
HOW = ("emptied", "deleted", "halved")


def every_other(rows: Sequence[object], columns: Sequence[object]) -> list[tuple[object, object]]:
    """Half of all pairs, in which each row and each column comes with about half of the others."""
    return [
        (row, column) for i, row in enumerate(rows) for j, column in enumerate(columns) if (i + j) % 2 == 0
    ]


@pytest.mark.parametrize(("name", "how"), every_other(FILES, HOW))
def test_the_same_command_repairs_every_file(
    run: RunFolder, finished: RunFolder, name: str, how: str
) -> None:
    path = run.folder / name
    whole = path.read_bytes()
    path.unlink() if how == "deleted" else path.write_bytes(
        whole[: len(whole) // 2] if how == "halved" else b""
    )
    assert verify(run) or name == "MANIFEST.json"
    run_study(COIN, CONFIG, out=run.root)
    assert tables_of(run) == tables_of(finished)
    assert [p for p in verify(run) if name != "provenance.json"] == []
    cell_paths(run)[0].unlink()  # what is damaged never stands in the way of new cells
    run_study(COIN, CONFIG, out=run.root)
    assert verify(run) == []


def test_a_summary_that_is_not_the_stored_one_is_not_shown(run: RunFolder) -> None:
    path = run.folder / "tables/summary.csv"
    path.write_text(path.read_text().replace("0.", "1."))
    with pytest.raises(
        StoreError, match=r"tables/summary.csv of run .* must have the SHA-256 of the manifest"
    ):
        run.summary()


def test_the_old_manifest_is_checked_before_anything_is_rewritten(
    run: RunFolder, finished: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    path = run.folder / "tables/summary.csv"
    path.write_text(path.read_text().replace("0.", "1."))
    run_study(COIN, CONFIG, out=run.root)
    assert "tables/summary.csv of run" in caplog.text
    assert "is damaged" in caplog.text
    assert list((run.folder / "quarantine").iterdir())
    assert tables_of(run) == tables_of(finished)


def test_damaged_provenance_is_set_aside_and_begun_anew(
    run: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (run.folder / "provenance.json").write_text("{}")
    cell_paths(run)[0].unlink()
    run_study(COIN, CONFIG, out=run.root)
    assert "provenance.json" in caplog.text
    assert len(run.read(Provenance).sessions) == 1


# -- seven ways to a wrong table, each of which a store bound to its own bytes alone would call whole ------------


def exchanged(run: RunFolder) -> None:
    """Two cells under each other's name."""
    first, *_, last = cell_paths(run)
    a, b = first.read_bytes(), last.read_bytes()
    first.write_bytes(b)
    last.write_bytes(a)


def doubled(run: RunFolder) -> None:
    """A cell replaced by another cell of the run."""
    first, *_, last = cell_paths(run)
    first.write_bytes(last.read_bytes())


def from_other_settings(run: RunFolder) -> None:
    """Cells of a run with other settings under the names of this one's."""
    other = CONFIG.model_copy(update={"coins": LoadedCoins(heads=(0.5, 0.5))})
    foreign = run_study(COIN, other, out=run.root.parent / "other")
    for path, theirs in zip(cell_paths(run), cell_paths(foreign), strict=True):
        path.write_bytes(theirs.read_bytes())


def rival(run: RunFolder) -> None:
    """A second file for a cell, beside the first, under a name that would sort before it."""
    path = cell_paths(run)[0]
    record, outcome, _ = run.cells.read(path.stem)
    rows = outcome.trials["tosses"].assign(correct=True)
    data = pack(record, Outcome({"tosses": rows}), CoinStudy.tables)
    path.with_name(f"{path.stem[:-1]}{'0' if path.stem[-1] != '0' else '1'}.zip").write_bytes(data)


def other_code(run: RunFolder) -> None:
    """A cell that says itself that other code has made it, under the present code's name."""
    path = cell_paths(run)[0]
    record, outcome, _ = run.cells.read(path.stem)
    rows = outcome.trials["tosses"].assign(correct=True)
    path.write_bytes(
        pack(record.model_copy(update={"code": "0" * 64}), Outcome({"tosses": rows}), CoinStudy.tables)
    )


def listed_otherwise(run: RunFolder) -> None:
    """The run's list of cells names one twice."""
    listed = run.read(CellList)
    run.write(CellList(cells=(listed.cells[0], *listed.cells[:-1])))


def edited_and_resealed(run: RunFolder) -> None:
    """A table edited and the manifest sealed again."""
    path = run.folder / "tables/summary.csv"
    told = path.read_text()
    edited = told.replace("heads,heads,share,share,0.1", "heads,heads,share,share,0.7", 1)
    assert edited != told
    path.write_text(edited)
    manifest = run.read(Manifest)
    files = {**manifest.files, "tables/summary.csv": sha256_hex(path.read_bytes())}
    run.write(manifest.model_copy(update={"files": files}))
    (run.folder / CRATE).unlink()  # it would tell of the other table


@pytest.mark.parametrize(
    "attack", [exchanged, doubled, from_other_settings, rival, other_code, listed_otherwise]
)
@pytest.mark.parametrize("state", ["finished", "unfinished"])
def test_no_attack_on_the_cells_changes_a_table(
    run: RunFolder, finished: RunFolder, attack: Callable[[RunFolder], None], state: str
) -> None:
    attack(run)
    if state == "unfinished":
        (run.folder / "MANIFEST.json").unlink()
    run_study(COIN, CONFIG, out=run.root)
    assert tables_of(run) == tables_of(finished)
    assert verify(run) == []
    assert verify_deep(run, study=COIN) == []


def test_a_table_that_does_not_follow_from_the_cells_is_found_by_a_deep_check(run: RunFolder) -> None:
    assert verify_deep(run, study=COIN) == []
    edited_and_resealed(run)
    assert verify(run) == []
    assert verify_deep(run, study=COIN) == ["tables/summary.csv does not follow from the cells"]
    assert main(["runs", "verify", "--deep", "--study", COIN, "--out", str(run.root)]) == 1


def test_a_run_whose_study_is_not_here_is_whole_and_not_called_damaged(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", "verify", "--deep", "--out", str(run.root)]) == 1
    out = capsys.readouterr().out
    assert "every file as it was written, but it cannot be made again" in out
    assert "study must be a registered name; got coin" in out
    assert "1 run(s), 0 damaged" in out


def test_what_a_killed_writer_left_is_swept_before_new_cells(run: RunFolder) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    cell, other = cell_paths(run)[:2]
    host = sha256_hex(socket.gethostname().encode())[:8]
    left = other.with_name(f".{other.name}.{host}.{dead.pid}.0123abcd.tmp")
    left.write_bytes(b"half a cell")
    cell.unlink()
    run_study(COIN, CONFIG, out=run.root)
    assert not left.exists()


def test_a_sealed_cell_of_another_shape_is_set_aside_and_computed_again(
    run: RunFolder, finished: RunFolder
) -> None:
    path = cell_paths(run)[0]
    record, outcome, _ = run.cells.read(path.stem)
    rows = outcome.trials["tosses"].drop(columns="trial")
    schema = {name: kind for name, kind in CoinStudy.tables["tosses"].items() if name != "trial"}
    path.write_bytes(pack(record, Outcome({"tosses": rows}), {"tosses": schema}))
    (run.folder / "MANIFEST.json").unlink()
    run_study(COIN, CONFIG, out=run.root)
    assert tables_of(run) == tables_of(finished)


def test_a_disk_that_spoils_each_cell_ends_in_a_sentence(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(data: bytes) -> tuple[CellRecord, Outcome]:
        raise ValueError("the disk spoils it")

    monkeypatch.setattr("cogattn.running.cells.unpack", spoilt)
    (run.folder / "MANIFEST.json").unlink()
    with pytest.raises(DamagedCell, match="the disk spoils it"):
        run_study(COIN, CONFIG, out=run.root)


def test_a_cell_whose_trials_were_edited_and_sealed_again_is_found_by_a_deep_check(run: RunFolder) -> None:
    for path in cell_paths(run):
        record, outcome, _ = run.cells.read(path.stem)
        rows = outcome.trials["tosses"]
        path.write_bytes(
            pack(record, Outcome({"tosses": rows.assign(correct=~rows["correct"])}), CoinStudy.tables)
        )
    (run.folder / "MANIFEST.json").unlink()
    run_study(COIN, CONFIG, out=run.root)
    assert verify(run) == []  # nothing but computing again can tell
    assert any("came out otherwise" in problem for problem in verify_deep(run, study=COIN))


# -- what a stranger may put into a store ------------------------------------------------------------------------


@pytest.mark.parametrize("sixteenth", [0, 1, 7, 15])
def test_a_truncated_cell_is_set_aside(run: RunFolder, sixteenth: int) -> None:
    cell = cell_paths(run)[0]
    cell.write_bytes(cell.read_bytes()[: cell.stat().st_size * sixteenth // 16])
    with pytest.raises(StoreError, match=f"cell {cell.stem} must be what its name says"):
        run.cells.read(cell.stem)
    assert not cell.exists()


def as_folder(cell: Path) -> None:
    cell.unlink()
    cell.mkdir()


def as_pipe(cell: Path) -> None:
    cell.unlink()
    os.mkfifo(cell)


@pytest.mark.parametrize("replace", [as_folder, as_pipe], ids=["folder", "pipe"])
def test_what_is_no_regular_file_is_set_aside_and_computed_again(
    run: RunFolder, replace: Callable[[Path], None]
) -> None:
    cell = cell_paths(run)[0]
    replace(cell)
    assert any("not a regular file" in problem for problem in verify(run))
    if replace is as_folder:
        (cell / "file").touch()
    run_study(COIN, CONFIG, out=run.root)
    assert cell.is_file()
    assert verify(run) == []


@pytest.mark.parametrize("name", ["trials/tosses.parquet", "tables/summary.csv"])
def test_a_folder_in_the_place_of_a_file_is_set_aside(run: RunFolder, finished: RunFolder, name: str) -> None:
    path = run.folder / name
    path.unlink()
    path.mkdir()
    assert verify(run)
    run_study(COIN, CONFIG, out=run.root)
    assert tables_of(run) == tables_of(finished)
    assert verify(run) == []


@pytest.mark.parametrize(
    "name",
    ["cells.json", "tables", "tables/summary.csv", "quarantine", ".lock", "../26d025f13421", "..", "a cell"],
)
def test_a_symbolic_link_out_of_the_store_is_refused(run: RunFolder, tmp_path: Path, name: str) -> None:
    special = {"..": run.folder.parent, "a cell": cell_paths(run)[0], "../26d025f13421": run.folder}
    path = special.get(name, run.folder / name)
    if name == ".lock":
        (run.folder / "MANIFEST.json").unlink()
    if name == "quarantine":
        (run.folder / "tables/summary.csv").write_bytes(b"")
    outside = tmp_path / "outside"
    if path.is_dir():
        path.rename(outside)
    elif path.exists():
        outside.write_bytes(path.read_bytes())
        path.unlink()
    else:
        outside.mkdir()
    path.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    with pytest.raises(StoreError, match="must not be symbolic links"):
        run_study(COIN, CONFIG, out=run.root)
    assert sorted(outside.rglob("*")) == before
    assert all(entry.folder.is_symlink() is False for entry in list_runs(run.root))


@pytest.mark.parametrize(
    "hostile", ["../../etc", "..", "/etc/passwd", "abc", "26D025F13421", "", "26d025f13421\n", "a" * 9999]
)
def test_a_hostile_run_id_is_refused(tmp_path: Path, hostile: str) -> None:
    with pytest.raises(ConfigError, match="run id must be 12 hex digits"):
        RunFolder(tmp_path, "coin", hostile)
    with pytest.raises(ConfigError, match="run must be the start of one stored id"):
        find_run(tmp_path, hostile)


@pytest.mark.parametrize("hostile", ["../x", "", ".", "Coin", "a/b", "a\0b", "coin\n", "x" * 65, "cells"])
def test_a_hostile_study_name_is_refused(tmp_path: Path, hostile: str) -> None:
    with pytest.raises(ConfigError, match="study must be lower-case letters"):
        RunFolder(tmp_path, hostile, "0" * 12)


DEEP = b'{"a":' * 200_000 + b"1" + b"}" * 200_000
WIDE = b"[" + b"1," * 1000 + b"1]"


HOSTILE = {
    "deep": DEEP, "wide": WIDE, "no text": b"\xff\xfe", "null": b"null", "string": b'"x"', "empty": b"{}",
    "infinite": b"1e999999",
}  # fmt: skip


@pytest.fixture(scope="module")
def neighbour(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run_study(COIN, CoinConfig(n_cells=1), out=tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize(
    ("name", "content"),
    every_other(("config.json", "provenance.json", "cells.json", "MANIFEST.json"), tuple(HOSTILE)),
)
def test_a_hostile_record_blocks_neither_the_run_nor_the_others(
    run: RunFolder,
    finished: RunFolder,
    neighbour: RunFolder,
    name: str,
    content: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = RunFolder(run.root, neighbour.study, neighbour.id)
    shutil.copytree(neighbour.root, run.root, dirs_exist_ok=True)
    (run.folder / name).write_bytes(HOSTILE[content])
    for words in (["list"], ["verify"], ["show", run.id]):
        assert main(["runs", *words, "--out", str(run.root)]) in (0, 1)
    assert other.id in capsys.readouterr().out
    run_study(COIN, CONFIG, out=run.root)
    assert tables_of(run) == tables_of(finished)


@pytest.mark.parametrize("name", ["..", "/etc/passwd", "tables/../../../x", "a\0b", "tables/", "tables/\\x"])
def test_a_manifest_that_names_files_elsewhere_is_harmless(run: RunFolder, name: str) -> None:
    manifest = run.read(Manifest)
    run.write(manifest.model_copy(update={"files": {**manifest.files, name: "0" * 64}}))
    verify(run)
    run_study(COIN, CONFIG, out=run.root)
    assert verify(run) == []


@pytest.mark.parametrize("name", [".x.tmp", "tables/.x.tmp", "stray", "cells", "trials/.a.b.c.d.tmp"])
def test_a_stray_file_never_blocks_a_run(run: RunFolder, finished: RunFolder, name: str) -> None:
    (run.folder / name).write_text("x")
    (run.root / "stray").write_text("x")
    (run.root / "cells" / "stray").write_text("x")
    (run.root / "cells" / "coin" / "stray").write_text("x")
    cell_paths(run)[0].unlink()
    run_study(COIN, CONFIG, out=run.root)
    assert tables_of(run) == tables_of(finished)
    assert main(["runs", "list", "--out", str(run.root)]) == 0


def plant(run: RunFolder, data: bytes) -> str:
    """Put bytes in the place of a cell."""
    cell = cell_paths(run)[0]
    cell.write_bytes(data)
    return cell.stem


def archive_of(run: RunFolder, trials: bytes, *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A cell with a right record, the given bytes as its trials, and a seal that holds."""
    record, _, _ = run.cells.read(cell_paths(run)[0].stem)
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        archive.writestr(zipfile.ZipInfo(CellRecord.file), sealed(record.model_dump(mode="json")))
        archive.writestr("trials/tosses.parquet", trials)
        archive.comment = b"0" * 64
    body = sink.getvalue()[:-64]
    return body + sha256_hex(body).encode()


class _Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


def test_no_pickle_is_ever_executed(run: RunFolder, tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    bomb = pickle.dumps(_Bomb(marker))
    for data in (bomb, archive_of(run, bomb)):
        name = plant(run, data)
        with pytest.raises(DamagedCell):
            run.cells.read(name)
        run_study(COIN, CONFIG, out=run.root)
    field = pa.field(
        "x",
        pa.int64(),
        metadata={"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": bomb},
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table([[1]], schema=pa.schema([field])), sink)
    run.cells.read(plant(run, archive_of(run, sink.getvalue().to_pybytes())))
    assert not marker.exists()


def test_a_compressed_member_is_refused_before_it_is_unpacked(run: RunFolder) -> None:
    name = plant(run, archive_of(run, b"\0" * 50_000_000, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(DamagedCell, match="is compressed or encrypted"):
        run.cells.read(name)


def test_a_table_that_claims_more_than_memory_holds_is_refused(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": pa.array([0] * 100_000)}), sink)
    monkeypatch.setattr(formats, "MAX_VALUES", 99_999)
    name = plant(run, archive_of(run, sink.getvalue().to_pybytes()))
    with pytest.raises(DamagedCell, match="it claims more than 99,999 values"):
        run.cells.read(name)


def test_a_sparse_file_of_64_gigabytes_is_refused_before_it_is_read(run: RunFolder) -> None:
    cell = cell_paths(run)[0]
    with open(cell, "r+b") as file:
        file.truncate(64 << 30)
    table = run.folder / "tables" / "summary.csv"
    with open(table, "r+b") as file:
        file.truncate(64 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum("larger than" in problem for problem in verify(run)) == 2
    run_study(COIN, CONFIG, out=run.root)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 200
    assert verify(run) == []


def test_a_header_that_claims_ten_gigabytes_costs_no_memory(run: RunFolder) -> None:
    claims = b"PAR1" + b"\x15\x04\x19" + b"\xff" * 60 + (10**9 * 4 - 1).to_bytes(4, "little") + b"PAR1"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    whole = cell_paths(run)[0].read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        trials = archive.read("trials/tosses.parquet")
    made = [archive_of(run, claims)]
    for position in range(len(trials) - 400, len(trials) - 8, 3):
        lies = bytearray(trials)
        lies[position : position + 5] = b"\xff\xff\xff\xff\x7f"
        made.append(archive_of(run, bytes(lies)))
    for data in made:
        with suppress(StoreError):
            run.cells.read(plant(run, data))
        cell_paths(run)[0].write_bytes(whole)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 200


def test_escape_sequences_of_a_stranger_s_run_do_not_reach_the_terminal(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = run.read(Manifest)
    run.write(manifest.model_copy(update={"remarks": ("\x1b[2J\x1b]0;gone\x07",)}))
    (run.folder / "tables" / "\x1b[31mred.csv").write_text("x")
    main(["runs", "show", run.id, "--out", str(run.root)])
    main(["runs", "verify", "--out", str(run.root)])
    assert "\x1b" not in capsys.readouterr().out
