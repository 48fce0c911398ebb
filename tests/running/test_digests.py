"""Digests of files are those of their bytes, whatever the index of earlier answers holds."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cogattn.errors import DataError
from cogattn.running.digests import INDEX, YOUNG_NS, cache_folder, combined, file_digest

OPENED: list[str] | None = None


def note_opened(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and OPENED is not None:
        OPENED.append(str(arguments[0]))


sys.addaudithook(
    note_opened
)  # the interpreter's own word on which files were opened; cannot be taken out again


@contextmanager
def opened_files() -> Iterator[list[str]]:
    global OPENED
    OPENED = []
    try:
        yield OPENED
    finally:
        OPENED = None


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def old_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files old enough to be remembered; each test takes its own."""
    folder = tmp_path_factory.mktemp("old")
    for index in range(300):
        (folder / f"{index}.png").write_bytes(f"image {index}".encode() * 7)
    time.sleep(YOUNG_NS / 1e9 + 0.1)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_digest_is_the_sha256_of_the_bytes(old_folder: Path, cache: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for path in (old_folder / "0.png", old_folder / "1.png", empty):
        assert file_digest(path, cache=cache) == sha256(path)
        assert file_digest(path, cache=cache) == sha256(path)


def test_a_file_that_is_remembered_is_not_opened_again(old_folder: Path, cache: Path) -> None:
    path = old_folder / "2.png"
    with opened_files() as first:
        file_digest(path, cache=cache)
    with opened_files() as second:
        file_digest(path, cache=cache)
    assert (str(path) in first, str(path) in second) == (True, False)


def test_another_process_reads_no_file_that_this_one_has_read(old_folder: Path, cache: Path) -> None:
    path = old_folder / "3.png"
    file_digest(path, cache=cache)
    code = (
        "import sys; from pathlib import Path; from cogattn.running.digests import file_digest\n"
        "sys.addaudithook(lambda e, a: print('opened') if e == 'open' and a[0] == sys.argv[1] else None)\n"
        "print(file_digest(Path(sys.argv[1]), cache=Path(sys.argv[2])))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, path, cache], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == [sha256(path)]


def test_a_changed_byte_is_noticed_though_size_and_mtime_are_as_before(old_folder: Path, cache: Path) -> None:
    path = old_folder / "4.png"
    before, times = file_digest(path, cache=cache), path.stat()
    path.write_bytes(b"I" + path.read_bytes()[1:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)
    assert file_digest(path, cache=cache) == sha256(path) != before


def test_another_file_moved_into_place_is_noticed(old_folder: Path, cache: Path) -> None:
    path, other = old_folder / "5.png", old_folder / "6.png"
    file_digest(path, cache=cache)
    other.replace(path)
    assert file_digest(path, cache=cache) == sha256(path)


def test_a_link_that_is_set_to_another_file_is_noticed(old_folder: Path, cache: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(old_folder / "7.png")
    first = file_digest(link, cache=cache)
    link.unlink()
    link.symlink_to(old_folder / "8.png")
    assert file_digest(link, cache=cache) == sha256(old_folder / "8.png") != first


def test_a_young_file_is_read_every_time(tmp_path: Path, cache: Path) -> None:
    """Two writes within one tick of the clock leave the same times."""
    path = tmp_path / "young"
    for content in (b"one", b"two", b"six"):
        path.write_bytes(content)
        with opened_files() as opened:
            assert file_digest(path, cache=cache) == sha256(path)
        assert str(path) in opened


def test_an_old_mtime_does_not_make_a_young_file_old(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "unpacked"
    path.write_bytes(b"from an archive")
    os.utime(path, (0, 0))
    file_digest(path, cache=cache)
    with opened_files() as opened:
        file_digest(path, cache=cache)
    assert str(path) in opened


WRITER = """
import sys
from pathlib import Path
from cogattn.running.digests import file_digest
for path in sorted(Path(sys.argv[1]).glob("1*.png"), reverse=sys.argv[3] == "1"):
    print(path.name, file_digest(path, cache=Path(sys.argv[2])))
"""


def test_many_processes_at_once_agree_and_leave_one_whole_index(old_folder: Path, cache: Path) -> None:
    crew = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, old_folder, cache, str(n % 2)], stdout=subprocess.PIPE, text=True
        )
        for n in range(6)
    ]
    expected = {path.name: sha256(path) for path in old_folder.glob("1*.png")}
    for process in crew:
        told = dict(line.split() for line in process.communicate()[0].splitlines())
        assert (process.returncode, told) == (0, expected)
    with sqlite3.connect(cache / INDEX) as index:
        assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = {
            Path(path).name: digest for path, digest in index.execute("SELECT path, sha256 FROM digests")
        }
    assert stored == expected


def test_threads_share_an_index(old_folder: Path, cache: Path) -> None:
    paths = sorted(old_folder.glob("2?.png"))
    told: dict[int, list[str]] = {}

    def work(me: int) -> None:
        told[me] = [file_digest(path, cache=cache) for path in paths]

    crew = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    assert [told[me] for me in range(4)] == [[sha256(path) for path in paths]] * 4


def test_without_a_writable_cache_the_file_is_read(old_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for cache in (tmp_path / "file" / "below", Path("/proc/nothing/here")):
        assert file_digest(old_folder / "30.png", cache=cache) == sha256(old_folder / "30.png")


def test_a_folder_at_the_place_of_the_index_is_left_alone(old_folder: Path, cache: Path) -> None:
    (cache / INDEX).mkdir(parents=True)
    assert file_digest(old_folder / "31.png", cache=cache) == sha256(old_folder / "31.png")
    assert (cache / INDEX).is_dir()


def flooded(whole: bytes) -> bytes:
    return whole[:100] + b"\xff" * (len(whole) - 100)


def other_table(_: bytes) -> bytes:
    index = sqlite3.connect(":memory:")
    index.execute("CREATE TABLE digests (something INTEGER)")
    return index.serialize()


@pytest.mark.parametrize(
    "damage", [flooded, other_table, lambda whole: b"no index at all" * 90, lambda whole: whole[:5000]]
)
def test_a_damaged_index_is_ignored_and_made_anew(old_folder: Path, tmp_path: Path, damage) -> None:
    """Each damage meets a fresh process, as it does after a crash: two children, one before and one after."""
    path, cache = old_folder / "32.png", tmp_path / "cache"
    code = (
        "import sys; from pathlib import Path; from cogattn.running.digests import file_digest\n"
        "for _ in range(3): print(file_digest(Path(sys.argv[1]), cache=Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, path, cache]
    subprocess.run(command, check=True, capture_output=True)
    index = cache / INDEX
    index.write_bytes(damage(index.read_bytes()))
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    assert told.stdout.split() == [sha256(path)] * 3
    with sqlite3.connect(index) as again:
        assert again.execute("SELECT sha256 FROM digests").fetchall() == [(sha256(path),)]


def test_a_flipped_digit_in_the_index_is_no_answer(old_folder: Path, cache: Path) -> None:
    path = old_folder / "33.png"
    digest = file_digest(path, cache=cache)
    wrong = ("0" if digest[0] != "0" else "1") + digest[1:]
    with sqlite3.connect(cache / INDEX) as index:
        index.execute("UPDATE digests SET sha256 = ?", (wrong,))
    assert file_digest(path, cache=cache) == digest


def test_an_index_that_somebody_has_locked_costs_time_only(old_folder: Path, cache: Path) -> None:
    file_digest(old_folder / "34.png", cache=cache)
    lock = sqlite3.connect(cache / INDEX, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        assert file_digest(old_folder / "35.png", cache=cache) == sha256(old_folder / "35.png")
    finally:
        lock.close()
    file_digest(old_folder / "35.png", cache=cache)
    with opened_files() as opened:
        file_digest(old_folder / "34.png", cache=cache)
        file_digest(old_folder / "35.png", cache=cache)
    assert not [path for path in opened if path.endswith(".png")]


def test_what_is_no_readable_file_is_named(tmp_path: Path, cache: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    cases = {
        tmp_path / "missing": "No such file or directory",
        tmp_path: "a folder",
        tmp_path / "pipe": "a pipe, socket or device",
        Path("/dev/null"): "a pipe, socket or device",
        tmp_path / "loop": "Too many levels of symbolic links",
        tmp_path / "nul\0byte": "embedded null byte",
    }
    for path, cause in cases.items():
        with pytest.raises(DataError, match=f"{cause}$") as caught:
            file_digest(path, cache=cache)
        assert str(caught.value).startswith(str(path))


def test_a_file_that_grows_while_it_is_read_is_refused_or_whole(tmp_path: Path, cache: Path) -> None:
    path, stop = tmp_path / "growing", threading.Event()
    path.write_bytes(b"")

    def grow() -> None:
        with open(path, "ab", buffering=0) as file:
            while not stop.is_set() and file.tell() < 50_000_000:  # the disk is others' too
                file.write(b"x" * 100_000)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(20):
            try:
                file_digest(path, cache=cache)
            except DataError as error:
                assert "somebody is writing" in str(error)  # noqa: PT017 - either answer is right
    finally:
        stop.set()
        writer.join()
    assert file_digest(path, cache=cache) == sha256(path)


def test_the_default_index_lies_where_downloads_go(
    old_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COGATTN_DATA", str(tmp_path / "moved"))
    file_digest(old_folder / "36.png")
    assert (tmp_path / "moved" / INDEX).is_file()


def test_without_a_moved_cache_the_folder_is_that_of_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    monkeypatch.delenv("COGATTN_DATA", raising=False)
    assert cache_folder() == pooch.os_cache("cogattn")


def test_combined_is_blind_to_order_and_to_nothing_else() -> None:
    parts = {"a": "1", "b": "2"}
    assert combined(parts) == combined({"b": "2", "a": "1"})
    others = [{"a": "1"}, {"a": "2", "b": "1"}, {"a": "1", "b": "2", "c": ""}, {"ab": "12"}, {}]
    assert len({combined(p) for p in [parts, *others]}) == 1 + len(others)
    assert combined({"é": "1"}) == hashlib.sha256(b'{"\\u00e9":"1"}').hexdigest()
