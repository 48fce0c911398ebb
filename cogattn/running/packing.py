"""Runs as one file: a store of 100,000 cells is 100,000 files, which no parallel file system and no e-mail likes.

A pack is a ZIP archive of a store's own paths, ``<study>/<id>/...`` and ``cells/<study>/...``, so that it opens
anywhere. Nothing in it is compressed, for Parquet and pictures are. Its last member, ``pack.json``, has the SHA-256 of
every other; its comment, the last 64 bytes, is the SHA-256 of all bytes before, as a cell's is. Equal runs give equal
bytes.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedIOBase, BufferedRandom
from pathlib import Path
from typing import ClassVar

from cogattn.errors import ConfigError, StoreError
from cogattn.reporting.crate import files as crate
from cogattn.running.atomic import (
    read_regular,
    sealed,
    sha256_file,
    sha256_hex,
    sync_folder,
    temporary_beside,
)
from cogattn.running.catalogue import files_of
from cogattn.running.cells import CELLS, SEAL_BYTES, STAMP
from cogattn.running.records import CRATE, CellList, ConfigRecord, ListedCell, Manifest, Provenance, Record
from cogattn.running.store import RunFolder, cause

UNIX = 3
"""What a ZIP archive says of the system that wrote it: the same everywhere."""
CHUNK = 1 << 20
RECORDS = (ConfigRecord, CellList, Provenance)
"""What every run has, finished or not."""


class PackRecord(Record):
    """What a pack holds."""

    file: ClassVar[str] = "pack.json"

    runs: tuple[str, ...]
    """``study/id`` of each."""
    files: dict[str, str]
    """SHA-256 by path below the store."""


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Parameters
    ----------
    path : Path
        The file.
    n_runs, n_cells, n_bytes : int
        What it holds, and its size.
    sha256 : str
        Of the file.
    """

    path: Path
    n_runs: int
    n_cells: int
    n_bytes: int
    sha256: str


def pack(runs: Sequence[RunFolder], to: Path) -> Packed:
    """Pack runs of one store, each with its cells; unfinished ones with those that are stored.

    Parameters
    ----------
    runs : sequence of RunFolder
        Which; at least one.
    to : Path
        A file that is not there yet.

    Raises
    ------
    ConfigError
        If something stands at `to`.
    StoreError
        If a file of a run or a cell is not as it was written, or the pack cannot be written; nothing is left behind.
    """
    if to.exists():
        raise ConfigError(f"--to must name a file that is not there yet; got {to}")
    chosen = sorted(set(runs), key=_name)
    temporary = temporary_beside(to)
    try:
        with open(temporary, "x+b") as file:
            found = _written(file, chosen)
            _seal(file)
            os.fsync(file.fileno())
        digest, n_bytes = sha256_file(temporary), temporary.stat().st_size
        os.replace(temporary, to)
        sync_folder(to.absolute().parent)
    except OSError as error:
        raise StoreError(f"--to must be a writable file; got {error.strerror} ({to})") from error
    finally:
        temporary.unlink(missing_ok=True)
    n_cells = sum(name.startswith(f"{CELLS}/") for name in found.files)
    return Packed(to, len(chosen), n_cells, n_bytes, digest)


def _written(file: BufferedRandom, runs: Sequence[RunFolder]) -> PackRecord:
    """Write all members, and the record of them last."""
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _contents(runs):
            if name not in hashes:
                archive.writestr(_info(name), data)
                hashes[name] = sha256_hex(data)
        record = PackRecord(runs=tuple(map(_name, runs)), files=hashes)
        archive.writestr(_info(PackRecord.file), sealed(record.model_dump(mode="json")))
        archive.comment = b"0" * SEAL_BYTES
    return record


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, STAMP)
    info.create_system = UNIX
    return info


def _seal(file: BufferedRandom) -> None:
    """Put the SHA-256 of all bytes before into the last 64."""
    n_bytes = file.seek(0, os.SEEK_END) - SEAL_BYTES
    seal = digest_of(file, n_bytes)
    file.seek(n_bytes)
    file.write(seal.encode())
    file.flush()


def digest_of(file: BufferedIOBase, n_bytes: int) -> str:
    """Return the SHA-256 of the first bytes of an open file, which is then read up to there."""
    digest = hashlib.sha256()
    file.seek(0)
    while n_bytes > 0 and (data := file.read(min(n_bytes, CHUNK))):
        digest.update(data)
        n_bytes -= len(data)
    return digest.hexdigest()


def _contents(runs: Sequence[RunFolder]) -> Iterator[tuple[str, bytes]]:
    for run in runs:
        yield from _files(run)
        listed = run.read(CellList)
        for cell in listed.cells if listed else ():
            data = _cell(run, cell)
            if data is not None:
                yield run.cells.path(cell.name).relative_to(run.root).as_posix(), data


def _files(run: RunFolder) -> Iterator[tuple[str, bytes]]:
    """The run's records and, where it is finished, all that its manifest lists; each checked."""
    for kind in RECORDS:
        if run.read(kind) is None:
            raise StoreError(f"run {run.id} must have {kind.file} to be packed; got none ({run.folder})")
    manifest = run.read(Manifest)
    if manifest is None:
        for name in sorted(kind.file for kind in RECORDS):
            yield f"{_name(run)}/{name}", _read(run, name)
        return
    if (problem := crate.problem(run, manifest)) is not None:
        raise StoreError(problem)
    beside = [Manifest.file, Provenance.file, *([CRATE] if run.path(CRATE).exists() else [])]
    stray = sorted(set(files_of(run)) - set(manifest.files))
    if stray:
        raise StoreError(f"files of run {run.id} must be in {Manifest.file}; got {stray[0]} ({run.folder})")
    for name in sorted([*manifest.files, *beside]):
        data = _read(run, name)
        if name in manifest.files and sha256_hex(data) != manifest.files[name]:
            raise StoreError(
                f"{name} of run {run.id} must have the SHA-256 of the manifest to be packed; got another ({run.folder})"
            )
        yield f"{_name(run)}/{name}", data


def _read(run: RunFolder, name: str) -> bytes:
    try:
        return read_regular(run.path(*name.split("/")))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{name} of run {run.id} must be readable; got {cause(error)} ({run.folder})"
        ) from error


def _cell(run: RunFolder, cell: ListedCell) -> bytes | None:
    """A cell's bytes; None where it is not stored, and the run does not say that it is."""
    if cell.sha256 is None and not run.cells.has(cell.name):
        return None
    problem = run.cells.problem(cell.name, cell.sha256)
    if problem is not None:
        raise StoreError(
            f"cell {cell.label!r} ({cell.name}) of run {run.id} must be as it was written; it {problem}"
        )
    return read_regular(run.cells.path(cell.name))


def _name(run: RunFolder) -> str:
    return f"{run.study}/{run.id}"
