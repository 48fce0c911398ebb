"""Digests of files by their bytes, remembered on disk, so that 50,000 images are read once and not at every start.

An answer is remembered under the file's path together with its device, inode, size and times. Of the times,
``ctime`` is the one that nobody can set back: a byte that is changed and the old ``mtime`` restored is noticed (on
Windows, which has no such time, it is not). A file younger than two seconds is not remembered, because the next
write might leave the same times (git calls such entries racily clean). The index is a cache and nothing more: where
it cannot be written, every file is read; what is damaged in it is ignored and written anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

from cogattn.errors import DataError
from cogattn.running.atomic import sha256_hex

CACHE_VARIABLE = "COGATTN_DATA"
"""Environment variable that moves the folder of downloads, and with it the index."""
INDEX = "digests-1.sqlite3"
YOUNG_NS = 2_000_000_000
"""Age in nanoseconds below which a file's times may not tell two writes apart; FAT counts in steps of 2 s."""
ATTEMPTS = 3
_WAIT_S = 0.5
_CREATE = "CREATE TABLE IF NOT EXISTS digests (path TEXT PRIMARY KEY, stamp TEXT, sha256 TEXT, seal TEXT)"
_SELECT = "SELECT stamp, sha256, seal FROM digests WHERE path = ?"
_INSERT = "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)"


def file_digest(path: Path, *, cache: Path | None = None) -> str:
    """Return the SHA-256 of a regular file's bytes as 64 hex digits.

    Parameters
    ----------
    path : Path
        The file; a link is followed.
    cache : Path, optional
        Folder of the index of digests. Default: the folder of downloads.

    Raises
    ------
    DataError
        If it is missing, unreadable, a folder, a pipe or a device, or is being written while it is read.
    """
    index = (cache or cache_folder()) / INDEX
    place = os.path.abspath(path)
    try:
        now = os.stat(place)
        _refuse_irregular(path, now)
        known = _recall(index, place, _stamp(now))
        return known or _computed(path, place, index)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path} must be a readable file; got {cause}") from error


def cache_folder() -> Path:
    """Return the folder of downloads: what COGATTN_DATA says, else the user's cache, by pooch's rule.

    pooch itself takes a second to import and is left alone.
    """
    moved = os.environ.get(CACHE_VARIABLE)
    return Path(moved).absolute() if moved else _user_cache()


def combined(parts: Mapping[str, str]) -> str:
    """Return one SHA-256 of digests by name: that of their canonical JSON, in which order is of no account."""
    text = json.dumps(dict(parts), sort_keys=True, separators=(",", ":"))
    return sha256_hex(text.encode())


@functools.lru_cache(maxsize=1)
def _user_cache() -> Path:
    import platformdirs

    return Path(platformdirs.user_cache_dir("cogattn")).absolute()


def _refuse_irregular(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, socket or device"
        raise DataError(f"{path} must be a readable file; got {kind}")


def _stamp(found: os.stat_result) -> str:
    """What changes whenever a file's bytes do, as far as its folder tells."""
    parts = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return " ".join(map(str, parts))


def _computed(path: Path, place: str, index: Path) -> str:
    for _ in range(ATTEMPTS):
        started_ns = time.time_ns()
        with _opened(path, place) as file:
            before = os.fstat(file.fileno())
            digest = _sha256_of(file, before.st_size)
            after = os.fstat(file.fileno())
        if _stamp(before) == _stamp(after):
            if started_ns - max(before.st_mtime_ns, before.st_ctime_ns) >= YOUNG_NS and before.st_size:
                _remember(index, place, _stamp(before), digest)
            return digest
    raise DataError(f"{path} must stay as it is while it is read; got a file that somebody is writing")


def _sha256_of(file: FileIO, n_bytes: int) -> str:
    """Digest of the first bytes, as many as the file had: one that grows faster than it is read has no end."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(min(n_bytes, 1 << 18)))
    while n_bytes > 0 and (n_read := file.readinto(buffer[:n_bytes])):
        digest.update(buffer[:n_read])
        n_bytes -= n_read
    return digest.hexdigest()


def _opened(path: Path, place: str) -> FileIO:
    """Open a regular file without waiting for a pipe that has taken its place since."""
    handle = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _refuse_irregular(path, os.fstat(handle))
        return FileIO(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def _recall(index: Path, place: str, stamp: str) -> str | None:
    """Digest that the index holds for exactly this state of the file."""
    try:
        row = _connection(index, os.getpid(), threading.get_ident()).execute(_SELECT, (place,)).fetchone()
    except (sqlite3.Error, OSError, UnicodeError) as error:
        _discard_if_damaged(index, error)
        return None
    if row is None or row[0] != stamp or row[2] != _seal(place, *row[:2]):
        return None
    return row[1]


def _remember(index: Path, place: str, stamp: str, digest: str) -> None:
    row = (place, stamp, digest, _seal(place, stamp, digest))
    try:
        _connection(index, os.getpid(), threading.get_ident()).execute(_INSERT, row)
    except (sqlite3.Error, OSError, UnicodeError) as error:
        _discard_if_damaged(index, error)


def _seal(*parts: object) -> str:
    """Sixteen hex digits over a row: a bit that flipped on the disk is no answer."""
    return sha256_hex(repr(parts).encode(errors="backslashreplace"))[:16]


@functools.lru_cache(maxsize=16)
def _connection(index: Path, process: int, thread: int) -> sqlite3.Connection:
    """Open the index, once for each process and thread.

    Every row is its own transaction; what a crash of the machine takes from a cache is no loss, so none waits for
    the disk.
    """
    index.parent.mkdir(parents=True, exist_ok=True)
    found = sqlite3.connect(index, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    found.execute("PRAGMA synchronous = OFF")
    found.execute(_CREATE)
    return found


def _discard_if_damaged(index: Path, error: Exception) -> None:
    """Remove an index that SQLite calls damaged or foreign; one that is merely busy or read-only stays."""
    if getattr(error, "sqlite_errorname", None) in ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR"):
        _connection.cache_clear()
        with contextlib.suppress(OSError):
            index.unlink(missing_ok=True)
            index.with_name(f"{index.name}-journal").unlink(missing_ok=True)
