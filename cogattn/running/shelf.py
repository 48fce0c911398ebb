"""Rows that cells of several observers share, made once: finished stimuli, decoded images.

Seventy-six networks that are shown the same trials need the same stimuli. The first that makes a row puts it on the
shelf, a folder of the store, and the others read it. A file is named by the digest of all that makes its rows (code,
libraries, settings, seed, the images' bytes, the trials), is published whole in one move, and each row carries the
CRC-32 of its bytes, so that a damaged one is made anew.

It is a cache and nothing more: no number hangs on it, and where the disk is full or read-only, rows are made as if
there were none. Files are read by position and not mapped into memory, for a page of a map that cannot be had (a
disk that fails, a file cut short) kills the process; the page cache of the system serves all workers alike.

A full shelf keeps what this run has used and lets go of what earlier runs left, longest unused first. Rows beyond
that are not kept: networks go through the cells in the same order, so a shelf that pushed out its oldest rows for
new ones would never hold the one that is wanted next.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
import zlib
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from cogattn.running.atomic import sweep_temporaries, temporary_beside
from cogattn.running.records import digest

log = logging.getLogger(__name__)

SHELF = "shelf"
SUFFIX = ".rows"


@dataclass(frozen=True)
class Shelf:
    """A folder of rows.

    Parameters
    ----------
    folder : Path
        Where.
    limit_bytes : int
        Most that lies there.
    made_by : str
        Digest of the code and libraries that make rows now.
    since_ns : int
        When the run began: what was used later stays.
    """

    folder: Path
    limit_bytes: int
    made_by: str = ""
    since_ns: int = 0

    def rows(self, what: Mapping[str, JsonValue], n: int, dtype: np.dtype) -> Rows:
        """Return the `n` rows of `dtype` that `what` and this shelf's code make; a context to read and write in."""
        name = digest([self.made_by, dict(what), n, dtype.descr])[:32]
        return Rows(self, self.folder / f"{name}{SUFFIX}", n, dtype)

    def has_room(self, n_bytes: int) -> bool:
        """Let go of what earlier runs left, as far as it stands in the way of `n_bytes`; tell whether they fit."""
        files = sorted(_files(self.folder))
        used = sum(size for _, size, _ in files)
        for used_ns, size, path in files:
            if used + n_bytes <= self.limit_bytes or used_ns >= self.since_ns:
                break
            if path.suffix == SUFFIX:
                path.unlink(missing_ok=True)
                used -= size
        return used + n_bytes <= self.limit_bytes


class Rows:
    """The rows of one file: read where it is there, written where it is not and there is room.

    Threads may read and write different rows at once. Leaving the context publishes the file if every row was
    written, and drops it otherwise.
    """

    def __init__(self, shelf: Shelf, path: Path, n: int, dtype: np.dtype) -> None:
        self._shelf, self._path, self._n = shelf, path, n
        self._record = np.dtype([("crc32", "<u4"), ("row", dtype)])
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._temporary: Path | None = None
        self._written = np.zeros(n, dtype=bool)
        self._damaged = False

    def __enter__(self) -> Self:
        try:
            self._file = self._opened()
            if self._file is None and self._begin():
                self._temporary = temporary_beside(self._path)
                self._file = open(self._temporary, "xb", buffering=0)
        except OSError as error:
            self._give_up(error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None
    ) -> None:
        try:
            if self._file is not None:
                self._file.close()
            if self._temporary is not None and kind is None and self._written.all():
                os.replace(self._temporary, self._path)
                self._temporary = None
        except OSError as failure:
            self._give_up(failure)
        self._drop()

    def read(self, start: int, stop: int) -> NDArray | None:
        """Return rows `start` to `stop` (not included), or None where they are not kept, or damaged."""
        if self._file is None or self._temporary is not None or self._damaged:
            return None
        raw = np.empty((stop - start) * self._record.itemsize, np.uint8)
        try:
            with self._lock:
                self._file.seek(start * self._record.itemsize)
                whole = self._file.readinto(raw.data) == len(raw)
        except OSError:
            whole = False
        records: NDArray = raw.view(self._record)
        if whole and (_crc32(records) == records["crc32"]).all():
            return records["row"]
        self._remove_damaged()
        return None

    def write(self, start: int, rows: NDArray) -> None:
        """Keep `rows` from row `start` on, if there is room."""
        if self._temporary is None:
            return
        records: NDArray = np.empty(len(rows), self._record)
        records["row"] = rows
        records["crc32"] = _crc32(records)
        try:
            with self._lock:
                if self._file is not None and self._temporary is not None:
                    self._file.seek(start * self._record.itemsize)
                    _write_all(self._file, records.view(np.uint8).data)
                    self._written[start : start + len(rows)] = True
        except OSError as error:
            self._give_up(error)

    def _opened(self) -> FileIO | None:
        """Open the file, and note that it was used; one that was cut short is removed."""
        try:
            file = open(self._path, "rb", buffering=0)  # noqa: SIM115 - closed by __exit__
        except FileNotFoundError:
            return None
        if os.fstat(file.fileno()).st_size != self._n * self._record.itemsize:
            file.close()
            self._path.unlink(missing_ok=True)
            return None
        with suppress(OSError):
            os.utime(self._path)
        return file

    def _begin(self) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        sweep_temporaries(self._path.parent)
        return self._shelf.has_room(self._n * self._record.itemsize)

    def _remove_damaged(self) -> None:
        """Make this file's other rows, too: whoever wants them next makes them all."""
        if not self._damaged:
            log.warning("%s was damaged; what it held is made anew", self._path)
        self._damaged = True
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _give_up(self, error: OSError) -> None:
        log.warning("stimuli are not kept: %s (%s)", error.strerror, self._path.parent)
        self._drop()

    def _drop(self) -> None:
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink(missing_ok=True)
            self._temporary = None


def current() -> Shelf | None:
    """Return the shelf of the cell that runs now; None where nothing is kept."""
    return _in_use[-1]


@contextmanager
def using(shelf: Shelf | None) -> Generator[None]:
    """Have cells that run inside keep their rows on `shelf`."""
    _in_use.append(shelf)
    try:
        yield
    finally:
        _in_use.pop()


def clear(folder: Path) -> None:
    """Remove a shelf; a link is left alone."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


_in_use: list[Shelf | None] = [None]


def _files(folder: Path) -> Generator[tuple[int, int, Path]]:
    """When each file of a folder was used last, its size, and its path."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another worker was faster
                found = entry.stat(follow_symlinks=False)
                yield found.st_mtime_ns, found.st_size, Path(entry.path)


def _crc32(records: NDArray) -> NDArray[np.uint32]:
    """CRC-32 of the row in each record, without the four bytes that hold it."""
    raw = records.view(np.uint8).reshape(len(records), -1)
    return np.array([zlib.crc32(one[4:].data) for one in raw], dtype=np.uint32)


def _write_all(file: FileIO, data: memoryview) -> None:
    while data:
        data = data[file.write(data) :]
