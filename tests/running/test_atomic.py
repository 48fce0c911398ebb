"""Files that are whole or absent, and JSON that carries its hash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cogattn.errors import StoreError
from cogattn.running.atomic import (
    TEMPORARY,
    is_temporary,
    read_regular,
    sealed,
    sweep_temporaries,
    unsealed,
    write_atomically,
)

RECORD = {"study": "coin", "version": 1, "config": {"heads": 0.5, "names": ["a", "é"], "none": None}}


def test_a_sealed_record_comes_back() -> None:
    assert unsealed(sealed(RECORD)) == RECORD


def test_every_single_flipped_bit_of_a_sealed_record_is_found() -> None:
    data = sealed(RECORD)
    for position in range(len(data)):
        for bit in range(8):
            flipped = data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
            with pytest.raises(ValueError, match=r"."):
                unsealed(flipped)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"sha256": 3}', sealed(RECORD)[:-1], sealed(RECORD) + b" "]
)
def test_what_is_not_exactly_a_sealed_record_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        unsealed(data)


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="x must be writable; got No such file or directory"):
        write_atomically(tmp_path / "missing" / "x", b"1")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder must be writable; got Is a directory"):
        write_atomically(tmp_path / "folder", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_interrupted_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "x", b"1")
    assert list(tmp_path.iterdir()) == []


def test_only_temporaries_of_dead_processes_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kept(source: Path, target: Path) -> None:
        raise MemoryError

    monkeypatch.setattr(os, "replace", kept)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
    with pytest.raises(MemoryError):
        write_atomically(tmp_path / "x.json", b"1")
    monkeypatch.undo()
    (ours,) = tmp_path.iterdir()
    assert is_temporary(ours.name)
    dead = ours.with_name(ours.name.replace(f".{os.getpid()}.", ".999999999."))
    elsewhere = ours.with_name(f".x.json.otherhost.999999999.abcd{TEMPORARY}")
    dead.touch()
    elsewhere.touch()
    (tmp_path / "kept.json").touch()
    sweep_temporaries(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {ours.name, elsewhere.name, "kept.json"}


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_regular(tmp_path / "file") == b"1"
    for path in (tmp_path, tmp_path / "link", Path("/dev/null")):
        with pytest.raises(ValueError, match=r"not a regular file|symbolic link"):
            read_regular(path)
