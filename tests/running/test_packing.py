"""Runs as one file: they come back as they were, whole or not at all, whatever was done to the file."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from cogattn.cli import main
from cogattn.errors import ConfigError, DataError, StoreError
from cogattn.running.atomic import sealed, sha256_file, sha256_hex, temporary_beside, unsealed
from cogattn.running.catalogue import list_runs, verify, verify_deep
from cogattn.running.cells import SEAL_BYTES, STAMP
from cogattn.running.execute import open_run, run_study
from cogattn.running.packing import PackRecord, pack
from cogattn.running.records import CellList, ConfigRecord, Manifest, Provenance
from cogattn.running.store import RunFolder
from cogattn.running.unpacking import _members, unpack
from cogattn.testing.coin import CoinConfig

COIN = "cogattn.testing.coin:CoinStudy"
FEW, MANY = CoinConfig(n_cells=1), CoinConfig(n_cells=2)
"""FEW's two cells are among MANY's four."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    store = tmp_path_factory.mktemp("store")
    return [run_study(COIN, config, out=store) for config in (FEW, MANY)]


@pytest.fixture(scope="module")
def packed(runs: list[RunFolder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pack(runs, tmp_path_factory.mktemp("packed") / "runs.zip").path


def contents(root: Path) -> dict[str, bytes]:
    """All files of a store but locks."""
    found = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".lock"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_runs_come_back_as_they_were(tmp_path: Path, runs: list[RunFolder], packed: Path) -> None:
    found = unpack(packed, tmp_path)
    assert contents(tmp_path) == contents(runs[0].root)
    counts = {one.run.id: (one.new, one.n_cells) for one in found}
    assert counts == {runs[0].id: (True, 2), runs[1].id: (True, 4)}
    assert sum(one.n_new_cells for one in found) == 4
    for one in found:
        assert verify(one.run) == []
        assert verify_deep(one.run, study=COIN) == []
    for run, config in zip(runs, (FEW, MANY), strict=True):
        before = contents(tmp_path)
        assert run_study(COIN, config, out=tmp_path).id == run.id
        assert contents(tmp_path) == before


def test_equal_runs_give_equal_bytes_and_anybody_can_open_them(
    tmp_path: Path, runs: list[RunFolder], packed: Path
) -> None:
    again = pack([runs[1], runs[0], runs[1]], tmp_path / "again.zip")
    assert again.path.read_bytes() == packed.read_bytes()
    assert again.sha256 == sha256_file(packed)
    assert (again.n_runs, again.n_cells, again.n_bytes) == (2, 4, packed.stat().st_size)
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {STAMP}
    assert set(names) == {*contents(runs[0].root), PackRecord.file}
    assert len(names) == len(set(names))


def test_a_pack_that_is_unpacked_and_packed_again_has_the_same_bytes(tmp_path: Path, packed: Path) -> None:
    found = [one.run for one in unpack(packed, tmp_path / "there")]
    assert pack(found, tmp_path / "again.zip").path.read_bytes() == packed.read_bytes()


def test_what_is_there_already_stays(tmp_path: Path, packed: Path) -> None:
    unpack(packed, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    found = unpack(packed, tmp_path)
    assert [(one.new, one.n_new_cells) for one in found] == [(False, 0)] * 2
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert {p: t for p, t in after.items() if ".lock" not in p.name} == {
        p: t for p, t in before.items() if ".lock" not in p.name
    }


def test_any_damage_is_refused_and_nothing_is_published(tmp_path: Path, packed: Path) -> None:
    data, rng = packed.read_bytes(), random.Random(0)
    broken = tmp_path / "broken.zip"
    damaged = [data[: rng.randrange(len(data))] for _ in range(20)] + [data + b"x", b"", b"PK" * 40]
    for _ in range(150):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(flipped))
    for one in damaged:
        broken.write_bytes(one)
        with pytest.raises(
            DataError, match=r"broken\.zip must be a pack of runs as it was packed; got damage"
        ):
            unpack(broken, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def repacked(
    packed: Path,
    to: Path,
    change: Callable[[dict[str, bytes]], None],
    *,
    record: Mapping[str, object] | None = None,
) -> Path:
    """A pack by somebody who can seal: members changed, their hashes told as they are now."""
    with zipfile.ZipFile(packed) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    told = unsealed(members.pop(PackRecord.file))
    change(members)
    told["files"] = {name: sha256_hex(data) for name, data in members.items()}
    told |= record or {}  # type: ignore[arg-type]
    return sealed_archive(to, [*members.items(), (PackRecord.file, sealed(told))])


def sealed_archive(to: Path, members: list[tuple[str, bytes]], **options: int) -> Path:
    with zipfile.ZipFile(to, "w", options.get("compression", zipfile.ZIP_STORED)) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, STAMP)
            info.compress_type = options.get("compression", zipfile.ZIP_STORED)
            info.external_attr = options.get("attributes", 0)
            archive.writestr(info, data)
        archive.comment = b"0" * SEAL_BYTES
    body = to.read_bytes()[:-SEAL_BYTES]
    to.write_bytes(body + sha256_hex(body).encode())
    return to


def test_a_pack_by_somebody_who_can_seal_comes_in_too(
    tmp_path: Path, packed: Path, runs: list[RunFolder]
) -> None:
    """So that what is refused below is refused for what was changed."""
    unpack(repacked(packed, tmp_path / "same.zip", lambda members: None), tmp_path / "out")
    assert contents(tmp_path / "out") == contents(runs[0].root)


def first(members: Mapping[str, bytes], part: str) -> str:
    return next(name for name in sorted(members) if part in name)


def moved(part: str, new: Callable[[str], str]) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        name = first(members, part)
        members[new(name)] = members.pop(name)

    return change


def added(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({name: b"x"})


def edited(part: str) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({(name := first(members, part)): members[name] + b" "})


def dropped(part: str) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.pop(first(members, part)) and None


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], None], str]] = {
    "up and out": (added("../evil"), "is no file of a run"),
    "up within": (added("coin/0123456789ab/../../evil"), "is no file of a run"),
    "absolute": (added("/tmp/evil"), "is no file of a run"),
    "a drive": (added("C:/evil"), "is no file of a run"),
    "backslashes": (added("coin\\0123456789ab\\evil"), "is no file of a run"),
    "a folder": (added("coin/0123456789ab/tables/"), "is no file of a run"),
    "hidden": (added("coin/0123456789ab/.lock"), "is no file of a run"),
    "a folder of the store": (added("jobs/0123456789ab/x"), "is no file of a run"),
    "a file beside": (added("readme.txt"), "is no file of a run"),
    "a run more": (added("coin/0123456789ab/x"), "tells of other runs than there are"),
    "a file more in a run": (
        lambda members: added(first(members, "config.json").replace("config.json", "tables/x.csv"))(members),
        "tables/x.csv is not in MANIFEST.json",
    ),
    "an edited table": (edited("tables/summary.csv"), "tables/summary.csv is damaged"),
    "an edited record": (edited("config.json"), "config.json"),
    "a table less": (dropped("tables/summary.csv"), "tables/summary.csv is missing"),
    "no provenance": (dropped("provenance.json"), "provenance.json is missing"),
    "no settings": (dropped("config.json"), "config.json is missing"),
    "no list of cells": (dropped("/cells.json"), "cells.json is missing"),
    "tables and no manifest": (dropped("MANIFEST.json"), "it has tables and no manifest"),
    "an edited cell": (edited("cells/coin"), "is damaged"),
    "a cell less": (dropped("cells/coin"), "is missing"),
    "a cell of another name": (
        moved("cells/coin", lambda name: f"cells/coin/{'0' * 2}/{'0' * 32}-{'0' * 16}.zip"),
        "is missing",
    ),
    "a cell more": (
        lambda members: added(f"cells/coin/00/{'0' * 32}-{'0' * 16}.zip")(members),
        "must hold cells that its runs list; got cells/coin/00/",
    ),
    "a cell in another drawer": (moved("cells/coin", lambda n: f"cells/coin/zz{n[13:]}"), "is no file of a run"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pack_is_refused_and_nothing_is_published(tmp_path: Path, packed: Path, name: str) -> None:
    change, sentence = HOSTILE[name]
    hostile = repacked(packed, tmp_path / "hostile.zip", change)
    with pytest.raises(DataError) as refused:
        unpack(hostile, tmp_path / "out")
    assert sentence in str(refused.value)
    assert "hostile.zip" in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile.zip", "out"]


def test_settings_of_another_run_are_refused(tmp_path: Path, packed: Path, runs: list[RunFolder]) -> None:
    few, many = (f"coin/{run.id}/config.json" for run in runs)
    with pytest.raises(DataError, match=r"config.json"):
        unpack(
            repacked(packed, tmp_path / "x.zip", lambda members: members.update({few: members[many]})),
            tmp_path / "out",
        )


@pytest.mark.parametrize("told", [{"runs": []}, {"files": {}}, {"more": 1}, {"runs": ["coin/0123456789ab"]}])
def test_a_record_that_tells_otherwise_is_refused(
    tmp_path: Path, packed: Path, told: dict[str, object]
) -> None:
    hostile = repacked(packed, tmp_path / "x.zip", lambda members: None, record=told)
    with pytest.raises(DataError, match=r"x\.zip must be a pack of runs"):
        unpack(hostile, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bomb_twins_and_an_archive_without_a_record_are_refused(tmp_path: Path) -> None:
    place = "coin/0123456789ab/x"
    bomb = sealed_archive(tmp_path / "bomb.zip", [(place, bytes(10**7))], compression=zipfile.ZIP_DEFLATED)
    with pytest.warns(UserWarning, match="Duplicate name"):
        twins = sealed_archive(tmp_path / "twins.zip", [(place, b"1"), (place, b"2")])
    bare = sealed_archive(tmp_path / "bare.zip", [(place, b"1")])
    cases = (
        (bomb, "compressed, encrypted or too large"),
        (twins, "2 members, 1 of them distinct"),
        (bare, "no pack.json"),
    )
    for archive, sentence in cases:
        with pytest.raises(DataError, match=sentence):
            unpack(archive, tmp_path / "out")
    with pytest.raises(DataError, match="a pack must be a file; got"):
        unpack(tmp_path / "nowhere.zip", tmp_path / "out")


def test_members_that_claim_more_than_the_file_has_are_refused() -> None:
    claims = [zipfile.ZipInfo(f"coin/0123456789ab/{name}") for name in "ab"]
    for info in claims:
        info.file_size = 600
    pack = SimpleNamespace(infolist=lambda: claims)
    with pytest.raises(ValueError, match="its members overlap"):
        _members(pack, 1000)  # type: ignore[arg-type]


def test_a_link_in_a_pack_is_a_file_that_does_not_verify(tmp_path: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = first(members, "tables/summary.csv")
    told = unsealed(members.pop(PackRecord.file))
    members[name] = b"/etc/passwd"
    told["files"][name] = sha256_hex(members[name])  # type: ignore[index]
    hostile = sealed_archive(
        tmp_path / "x.zip", [*members.items(), (PackRecord.file, sealed(told))], attributes=0o120777 << 16
    )
    with pytest.raises(DataError, match=r"summary\.csv is damaged"):
        unpack(hostile, tmp_path / "out")


def test_other_content_in_the_store_stays_and_the_pack_is_refused(tmp_path: Path, packed: Path) -> None:
    unpack(packed, tmp_path)
    run = list_runs(tmp_path)[0]
    sessions = (run.read(Provenance) or Provenance()).sessions
    run.write(Provenance(sessions=sessions * 2))
    before = contents(tmp_path)
    with pytest.raises(
        StoreError, match=rf"run {run.id} must not be in the store with other content; got another prov"
    ):
        unpack(packed, tmp_path)
    assert contents(tmp_path) == before
    run.write(Provenance(sessions=sessions))
    cell = sorted((tmp_path / "cells").rglob("*.zip"))[0]
    cell.write_bytes(b"other")
    before = contents(tmp_path)
    with pytest.raises(StoreError, match=rf"cell {cell.stem} must not be in the store with other content"):
        unpack(packed, tmp_path)
    assert contents(tmp_path) == before


def test_a_link_in_the_store_is_not_followed(tmp_path: Path, packed: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "coin").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(StoreError, match="must not be symbolic links"):
        unpack(packed, tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_an_unfinished_run_takes_its_stored_cells_along_and_goes_on(tmp_path: Path) -> None:
    here = run_study(COIN, MANY, out=tmp_path / "here")
    here.reopen()
    listed = here.read(CellList)
    assert listed is not None
    here.write(CellList(cells=tuple(cell.model_copy(update={"sha256": None}) for cell in listed.cells)))
    here.cells.delete(listed.cells[0].name)
    (one,) = unpack(pack([here], tmp_path / "run.zip").path, tmp_path / "there")
    assert (one.new, one.n_cells, one.run.finished) == (True, 3, False)
    before = set(contents(tmp_path / "there"))
    assert verify(one.run) == []
    run_study(COIN, MANY, out=tmp_path / "there")
    new = {name for name in set(contents(tmp_path / "there")) - before if name.startswith("cells/")}
    assert [Path(name).stem for name in new] == [listed.cells[0].name]


@pytest.mark.parametrize(
    "kind", ["tables/summary.csv", Manifest.file, ConfigRecord.file, "a cell", "a file more"]
)
def test_a_damaged_run_is_named_and_not_packed(tmp_path: Path, packed: Path, kind: str) -> None:
    unpack(packed, tmp_path / "store")
    run = list_runs(tmp_path / "store")[0]
    listed = run.read(CellList)
    assert listed is not None
    path = run.cells.path(listed.cells[0].name) if kind == "a cell" else run.folder / kind
    path.write_bytes(path.read_bytes()[:-2] if path.exists() else b"")
    with pytest.raises(StoreError, match=listed.cells[0].name if kind == "a cell" else kind):
        pack([run], tmp_path / "run.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_pack_replaces_nothing(tmp_path: Path, runs: list[RunFolder]) -> None:
    (tmp_path / "run.zip").write_text("mine")
    with pytest.raises(ConfigError, match="--to must name a file that is not there yet"):
        pack(runs, tmp_path / "run.zip")
    assert (tmp_path / "run.zip").read_text() == "mine"
    with pytest.raises(StoreError, match="--to must be a writable file; got No such file"):
        pack(runs, tmp_path / "nowhere" / "run.zip")


def test_what_a_killed_unpacking_has_left_is_removed_and_another_s_stays(
    tmp_path: Path, packed: Path
) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    left = temporary_beside(tmp_path / "unpacked")
    living, left = left, left.with_name(left.name.replace(f".{os.getpid()}.", f".{dead.stdout.strip()}."))
    for folder in (living, left):
        (folder / "coin").mkdir(parents=True)
    unpack(packed, tmp_path)
    assert living.exists()
    assert not left.exists()


def test_a_disk_that_fails_half_way_publishes_no_run(
    tmp_path: Path, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogattn.running.unpacking.os.rename", full)
    with pytest.raises(StoreError, match="the store must be writable; got No space left on device"):
        unpack(packed, tmp_path)
    assert list_runs(tmp_path) == []
    monkeypatch.undo()
    assert all(one.new for one in unpack(packed, tmp_path))


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_tell_what_they_did(
    in_folder: Path, packed: Path, runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(runs[0].root)
    assert (
        main(["runs", "pack", runs[0].id[:6], f"coin/{runs[1].id}", "--to", "runs.zip", "--out", store]) == 0
    )
    assert capsys.readouterr().out.startswith("written: runs.zip, 2 run(s), 4 cells, 0.")
    assert (in_folder / "runs.zip").read_bytes() == packed.read_bytes()
    assert main(["runs", "unpack", "runs.zip", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sorted(row["run"] for row in rows) == sorted(run.id for run in runs)
    assert main(["runs", "unpack", "runs.zip"]) == 0
    assert "there already: runs/coin/" in capsys.readouterr().out
    assert main(["runs", "verify"]) == 0
    capsys.readouterr()
    assert main(["runs", "pack", "--to", "x.zip"]) == 2
    assert capsys.readouterr().err == "cogattn: runs pack must be told which runs; got none\n"
    (in_folder / "x.zip").write_bytes(b"PK")
    assert main(["runs", "unpack", "x.zip"]) == 2
    assert "x.zip must be a pack of runs as it was packed" in capsys.readouterr().err
    assert open_run(COIN, FEW, in_folder / "runs").finished
