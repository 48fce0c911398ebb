"""The cells of a store: files named by what made them, shared by all of its runs.

A cell is a ZIP archive, ``cells/<study>/<2 hex digits>/<what>-<how>.zip``, of its record (``cell.json``), its trials
(``trials/<table>.parquet``) and artefacts. Nothing in it is compressed beyond Parquet, so it opens anywhere. Its
comment, the last 64 bytes, is the SHA-256 of all bytes before. One name, one file: it is published by a hard link,
which the first writer wins, so that nothing needs a lock or a listing and a cell costs the same beside a hundred
others and a hundred thousand.
"""

from __future__ import annotations

import io
import logging
import os
import re
import zipfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from cogattn.errors import DataError, StoreError
from cogattn.running.atomic import publish_once, read_regular, sealed, sha256_hex, sweep_temporaries, unsealed
from cogattn.running.formats import conforming, parquet_bytes, read_parquet
from cogattn.running.lock import LOCK, held
from cogattn.running.records import CellRecord
from cogattn.study import Outcome, Schema

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

CELLS, QUARANTINE = "cells", "quarantine"
CELL_NAME = re.compile(r"([0-9a-f]{32})-([0-9a-f]{16})")
MEMBER = re.compile(r"trials/[a-z][a-z0-9_]{0,63}\.parquet|artefacts/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SEAL_BYTES = 64
STAMP = (1980, 1, 1, 0, 0, 0)


class DamagedCell(StoreError):
    """A stored cell is not what its name says; it has been set aside and can be computed again."""


@dataclass(frozen=True)
class CellStore:
    """The cells of one study in a store. Cheap to make and to send to a worker.

    Parameters
    ----------
    root : Path
        The store.
    study : str
        The study's name.
    """

    root: Path
    study: str

    @property
    def folder(self) -> Path:
        """Where the study's cells are."""
        return self.root / CELLS / self.study

    @contextmanager
    def lock(self) -> Generator[None]:
        """Hold the lock of the study's cells: a run's list is written, and cells are deleted, under it alone.

        So a list that is written names cells that stay, and cells that a deletion finds unlisted are wanted by nobody.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"--out must be a writable folder; got {error.strerror} ({self.root})"
            ) from error
        with held(self.folder / LOCK, of=f"the cells of study {self.study}"):
            yield

    def path(self, name: str) -> Path:
        """Return the file of the cell `name`.

        Raises
        ------
        StoreError
            If the name has another form, or a symbolic link on the way could lead out of the store.
        """
        if not CELL_NAME.fullmatch(name):
            raise StoreError(f"a cell's name must be two digests; got {name[:80]!r}")
        path = self.root
        for part in (CELLS, self.study, name[:2], f"{name}.zip"):
            path = path / part
            if path.is_symlink():
                raise StoreError(
                    f"paths of a store must not be symbolic links; got {path} -> {path.readlink()}"
                )
        return path

    def has(self, name: str) -> bool:
        """Whether a file of this name has been published (what it holds is checked when it is read)."""
        return self.path(name).is_file()

    def has_by_now(self, name: str) -> bool:
        """As `has`, asked anew: a client of a file server may remember for a minute that a file was not there."""
        with suppress(
            OSError
        ):  # no such folder; or folders cannot be opened here, and there is no such memory
            os.close(os.open(self.path(name).parent, os.O_RDONLY))
        return self.has(name)

    def write(self, record: CellRecord, outcome: Outcome, tables: Mapping[str, Schema]) -> None:
        """Publish a cell; where another worker has been faster, its file stays.

        Raises
        ------
        DataError
            If the outcome's tables are not those that the study declares.
        StoreError
            If the file cannot be written; no part of it is left behind.
        """
        data = pack(record, outcome, tables)
        path = self.path(record.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the store must be writable; got {error.strerror} ({path.parent})") from error
        publish_once(path, data)

    def read(self, name: str) -> tuple[CellRecord, Outcome, str]:
        """Return a cell's record, what it left, and the SHA-256 of its file.

        Raises
        ------
        DamagedCell
            If it is missing, damaged, or another cell than its name says; it is set aside.
        StoreError
            If it cannot be read.
        """
        data = self._bytes(name)
        try:
            record, outcome = unpack(data)
            self._refuse_foreign(name, record)
        except ValueError as error:
            raise self.set_aside(name, str(error)) from error
        return record, outcome, sha256_hex(data)

    def checked(self, name: str) -> str:
        """Return the SHA-256 of a cell's file after checking its seal and record; trials are not parsed.

        Raises
        ------
        DamagedCell, StoreError
            As `read`.
        """
        data = self._bytes(name)
        try:
            self._refuse_foreign(name, record_of(data))
        except ValueError as error:
            raise self.set_aside(name, str(error)) from error
        return sha256_hex(data)

    def problem(self, name: str, sha256: str | None) -> str | None:
        """Say what is wrong with a stored cell, None where nothing is; it is left where it is.

        Parameters
        ----------
        name : str
            Its name.
        sha256 : str or None
            What its file's SHA-256 must be; None where only its seal counts, and it may be missing.
        """
        try:
            data = read_regular(self.path(name))
            self._refuse_foreign(name, record_of(data))
        except FileNotFoundError:
            return None if sha256 is None else "is missing"
        except (OSError, ValueError) as error:
            return f"is damaged: {error}"
        return None if sha256 in (None, sha256_hex(data)) else "is another file than the run was made of"

    def siblings(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return, for each of `names` that is asked for, cells that answer the same with other code or libraries."""
        wanted = {name[:32]: name for name in names}
        found: dict[str, list[str]] = {}
        for shard in sorted({what[:2] for what in wanted}):
            for path in entries(self.folder / shard):
                name = CELL_NAME.fullmatch(path.stem)
                if name and path.suffix == ".zip" and name[1] in wanted and path.stem != wanted[name[1]]:
                    found.setdefault(wanted[name[1]], []).append(path.stem)
        return {name: sorted(others) for name, others in found.items()}

    def delete(self, name: str) -> int:
        """Remove a cell and return the bytes that it had; hold `lock`, and know that no run lists it."""
        path = self.path(name)
        try:
            n_bytes = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise StoreError(f"cell {name} must be deletable; got {error.strerror} ({path})") from error
        return n_bytes

    def sweep(self) -> None:
        """Remove what writers of this host that no longer live have left."""
        for shard in entries(self.folder):
            if shard.is_dir() and not shard.is_symlink():
                sweep_temporaries(shard)

    def _refuse_foreign(self, name: str, record: CellRecord) -> None:
        """Raise ValueError where a file holds another cell than its name says."""
        if record.name != name or record.study != self.study:
            raise ValueError(f"it holds the cell {record.name} of study {record.study}")

    def _bytes(self, name: str) -> bytes:
        path = self.path(name)
        try:
            return read_regular(path)
        except FileNotFoundError:
            raise DamagedCell(f"cell {name} must be stored; got no such file ({path.parent})") from None
        except ValueError as error:
            raise self.set_aside(name, str(error)) from error
        except OSError as error:
            raise StoreError(f"cell {name} must be readable; got {error.strerror} ({path})") from error

    def set_aside(self, name: str, reason: str) -> DamagedCell:
        """Move a damaged cell to quarantine, name it in the log, and return the error to raise."""
        path = self.path(name)
        folder = self.root / CELLS / QUARANTINE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.rename(folder / f"{name}.{sum(1 for _ in folder.iterdir())}.zip")
        except FileNotFoundError:
            pass  # another driver was faster
        except OSError as error:
            raise StoreError(f"{path.name} must be movable to {folder}; got {error.strerror}") from error
        log.warning("cell %s of study %s is damaged (%s); set aside in %s", name, self.study, reason, folder)
        return DamagedCell(f"cell {name} must be what its name says; got damage: {reason}")


def pack(record: CellRecord, outcome: Outcome, tables: Mapping[str, Schema]) -> bytes:
    """Return a cell as the bytes of its file: equal cells give equal bytes."""
    members = {CellRecord.file: sealed(record.model_dump(mode="json"))}
    for table, rows in outcome.trials.items():
        if table not in tables:
            raise DataError(f"a trial table must be one of {', '.join(tables)}; got {table}")
        members[f"trials/{table}.parquet"] = parquet_bytes(conforming(rows, tables[table], name=table))
    members |= {f"artefacts/{name}": data for name, data in outcome.artefacts.items()}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            if name != CellRecord.file and not MEMBER.fullmatch(name):
                raise DataError(f"names of artefacts must be letters, digits, . - and _; got {name[:80]!r}")
            archive.writestr(zipfile.ZipInfo(name, STAMP), data)
        archive.comment = b"0" * SEAL_BYTES
    body = sink.getvalue()[:-SEAL_BYTES]
    return body + sha256_hex(body).encode()


def record_of(data: bytes) -> CellRecord:
    """Return the record in a cell's file; raise ValueError where the seal does not hold or it is no cell."""
    with _archive(data) as archive:
        return _record(archive)


def unpack(data: bytes) -> tuple[CellRecord, Outcome]:
    """Return what `pack` was given; raise ValueError for so much as one flipped bit."""
    with _archive(data) as archive:
        record = _record(archive)
        trials: dict[str, pd.DataFrame] = {}
        artefacts: dict[str, bytes] = {}
        for info in archive.infolist():
            folder, _, name = info.filename.partition("/")
            if info.filename == CellRecord.file:
                continue
            if not MEMBER.fullmatch(info.filename):
                raise ValueError(f"it holds a file {info.filename[:80]!r}")
            if folder == "trials":
                trials[name.removesuffix(".parquet")] = read_parquet(_member(archive, info)).to_pandas()
            else:
                artefacts[name] = _member(archive, info)
    return record, Outcome(trials, artefacts)


def _archive(data: bytes) -> zipfile.ZipFile:
    """Open a cell's bytes, once their seal is seen to hold."""
    if data[-SEAL_BYTES:] != sha256_hex(data[:-SEAL_BYTES]).encode():
        raise ValueError("its SHA-256 differs from the one it carries")
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError) as error:
        raise ValueError(f"it is no cell ({error})") from error


def _record(archive: zipfile.ZipFile) -> CellRecord:
    try:
        return CellRecord.model_validate(unsealed(_member(archive, archive.getinfo(CellRecord.file))))
    except KeyError:
        raise ValueError("it has no record") from None
    except ValidationError:
        raise ValueError("its record has another content than that of a cell") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member's bytes; only stored ones are read, so that none can be larger than the file."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1:
        raise ValueError(f"{info.filename[:80]!r} is compressed or encrypted")
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"{info.filename[:80]!r} is damaged ({error})") from error


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder, nothing where there is none; raise StoreError where it cannot be read."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"the store must be readable; got {error.strerror} ({folder})") from error
