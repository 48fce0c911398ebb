"""A pack of runs comes into a store: all of it, checked as ``cogattn runs verify`` checks, or nothing.

What the archive claims is checked from outside first: its own hash, plain members of known names, no more bytes than
the file has, the hash of each. Then it is laid out in a folder of its own, verified there as a store, and moved into
place, cells first. What is in the store already stays, and must be the same.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import zipfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from pydantic import ValidationError

from cogattn.archives import MOST_FILES
from cogattn.errors import DataError, StoreError
from cogattn.running.atomic import (
    MAX_BYTES,
    abandoned,
    read_regular,
    sha256_hex,
    sync_folder,
    temporary_beside,
    unsealed,
    write_atomically,
)
from cogattn.running.catalogue import files_of, verify
from cogattn.running.cells import CELL_NAME, CELLS, SEAL_BYTES
from cogattn.running.packing import PackRecord, digest_of
from cogattn.running.records import CRATE, CellList, Manifest, Provenance
from cogattn.running.store import FOLDERS, RESERVED, RUN_ID, STUDY_NAME, RunFolder

FILE = r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}"
RUN_MEMBER = re.compile(
    rf"(?P<study>{STUDY_NAME.pattern})/(?P<id>{RUN_ID.pattern})/(?:(?:{'|'.join(FOLDERS)})/)?{FILE}"
)
CELL_MEMBER = re.compile(
    rf"{CELLS}/(?P<study>{STUDY_NAME.pattern})/(?P<shard>[0-9a-f]{{2}})/(?P<name>{CELL_NAME.pattern})\.zip"
)
STAGE = "unpacked"
NOT_A_PACK = (
    ValueError, KeyError, EOFError, OSError, OverflowError, RuntimeError, struct.error, zipfile.BadZipFile
)  # fmt: skip
"""What zipfile raises over bytes that are none of ours, and what is raised here."""


@dataclass(frozen=True)
class Unpacked:
    """What came of one run of a pack.

    Parameters
    ----------
    run : RunFolder
        Where it is now.
    new : bool
        False where the store had it already.
    n_cells, n_new_cells : int
        Cells of it in the pack, and those that the store did not have.
    """

    run: RunFolder
    new: bool
    n_cells: int
    n_new_cells: int


def unpack(archive: Path, out: Path) -> list[Unpacked]:
    """Bring the runs of a pack into the store at `out`.

    Raises
    ------
    DataError
        If it is no pack, or a bit of it differs from what was packed; the store is as it was.
    StoreError
        If the store has other content under the same name, or cannot be written; the store is as it was, but for cells
        that no run lists where the disk failed half way.
    """
    root = out.absolute()
    with closing(_opened(archive)) as file, _stage(root) as stage:
        record = _laid_out(archive, file, stage)
        runs = [RunFolder(stage, *name.split("/")) for name in record.runs]
        _refuse_unsound(archive, runs, record)
        return [_published(run, root) for run in _without_conflict(runs, root)]


def _opened(archive: Path) -> BufferedReader:
    try:
        if not archive.is_file():
            raise DataError(f"a pack must be a file; got {archive}")
        return open(archive, "rb")
    except OSError as error:
        raise DataError(f"a pack must be a readable file; got {error.strerror} ({archive})") from error


@contextmanager
def _stage(root: Path) -> Generator[Path]:
    """A folder in the store that holds no runs; removed at the end, and so is what a killed process has left."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        for path in root.glob(f".{STAGE}.*"):
            if path.is_dir() and not path.is_symlink() and abandoned(path):
                shutil.rmtree(path)
        stage = temporary_beside(root / STAGE)
        stage.mkdir()
    except OSError as error:
        raise StoreError(f"--out must be a writable folder; got {error.strerror} ({root})") from error
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _laid_out(archive: Path, file: BufferedReader, stage: Path) -> PackRecord:
    """Check the archive from outside, and write its members into the stage as they are checked."""
    try:
        n_bytes = file.seek(0, os.SEEK_END) - SEAL_BYTES
        if n_bytes < 0 or digest_of(file, n_bytes).encode() != file.read(SEAL_BYTES):
            raise ValueError("its SHA-256 differs from the one it carries")
        with zipfile.ZipFile(file) as pack:
            members = _members(pack, n_bytes)
            record = PackRecord.model_validate(unsealed(pack.read(members.pop(PackRecord.file))))
            _refuse_other_files(record, members)
            for name, info in members.items():
                data = pack.read(info)
                if sha256_hex(data) != record.files[name]:
                    raise ValueError(f"{name} differs from what was packed")
                _lay_out(stage.joinpath(*name.split("/")), data)
    except ValidationError:
        raise DataError(f"{archive.name} must be a pack of runs; got another record in it") from None
    except NOT_A_PACK as error:
        raise DataError(
            f"{archive.name} must be a pack of runs as it was packed; got damage: {error}"
        ) from error
    return record


def _lay_out(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the store must be writable; got {error.strerror} ({path.parent})") from error
    write_atomically(path, data)


def _members(pack: zipfile.ZipFile, n_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """Members by name: stored as they are, so that none can be larger than the file, and nowhere outside."""
    infos = pack.infolist()
    members = {info.filename: info for info in infos}
    if len(members) < len(infos) or len(infos) > MOST_FILES:
        raise ValueError(f"{len(infos):,} members, {len(members):,} of them distinct")
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.file_size > MAX_BYTES:
            raise ValueError(f"{info.filename[:80]!r} is compressed, encrypted or too large")
        if info.filename != PackRecord.file and not _is_of_a_store(info.filename):
            raise ValueError(f"{info.filename[:80]!r} is no file of a run")
    if sum(info.file_size for info in infos) > n_bytes:
        raise ValueError("its members overlap")
    if PackRecord.file not in members:
        raise ValueError(f"it has no {PackRecord.file}")
    return members


def _is_of_a_store(name: str) -> bool:
    match = CELL_MEMBER.fullmatch(name)
    if match:
        return match["study"] not in RESERVED and match["name"].startswith(match["shard"])
    match = RUN_MEMBER.fullmatch(name)
    return match is not None and match["study"] not in RESERVED


def _refuse_other_files(record: PackRecord, members: Iterable[str]) -> None:
    """The record tells of all members and of no other, and each lies in one of its runs or is a cell."""
    if set(record.files) != set(members):
        raise ValueError(f"{PackRecord.file} tells of other files than there are")
    folders = {"/".join(name.split("/")[:2]) for name in members if not name.startswith(f"{CELLS}/")}
    if folders != set(record.runs) or len(record.runs) != len(folders):
        raise ValueError(f"{PackRecord.file} tells of other runs than there are")


def _refuse_unsound(archive: Path, runs: Iterable[RunFolder], record: PackRecord) -> None:
    """Raise DataError unless each run verifies where it was laid out, and each cell is one that a run lists."""
    wanted: set[str] = set()
    for run in runs:
        try:
            problems = verify(run)
            cells = run.read(CellList)
            problems += [] if run.finished or not _tables(run) else ["it has tables and no manifest"]
        except StoreError as error:
            problems, cells = [str(error)], None
        if problems or cells is None:
            raise DataError(
                f"{archive.name} must hold sound runs; got {run.study}/{run.id}: {(problems or ['no cells'])[0]}"
            )
        wanted.update(f"{CELLS}/{run.study}/{cell.name[:2]}/{cell.name}.zip" for cell in cells.cells)
    stray = sorted(name for name in record.files if name.startswith(f"{CELLS}/") and name not in wanted)
    if stray:
        raise DataError(f"{archive.name} must hold cells that its runs list; got {stray[0]}")


def _tables(run: RunFolder) -> list[str]:
    return [name for name in files_of(run) if "/" in name]


def _without_conflict(runs: list[RunFolder], root: Path) -> list[RunFolder]:
    """Return the runs; raise StoreError where the store holds something else under a name of theirs."""
    for staged in runs:
        here = RunFolder(root, staged.study, staged.id)
        if here.path().exists() and (other := _difference(staged, here)):
            raise StoreError(
                f"run {here.id} must not be in the store with other content; got another {other}; unpack elsewhere, or "
                f"delete it first ({here.folder})"
            )
        for name in _cells(staged):
            path = here.cells.path(name)
            if path.exists() and read_regular(path) != read_regular(staged.cells.path(name)):
                raise StoreError(
                    f"cell {name} must not be in the store with other content; got another; unpack elsewhere ({path})"
                )
    return runs


def _difference(staged: RunFolder, here: RunFolder) -> str:
    """The first file in which two folders of a run differ; empty where they do not."""
    names = {
        name for run in (staged, here) for name in (*files_of(run), Manifest.file, Provenance.file, CRATE)
    }
    return next((name for name in sorted(names) if _bytes(staged, name) != _bytes(here, name)), "")


def _bytes(run: RunFolder, name: str) -> bytes | None:
    with suppress(FileNotFoundError):
        return read_regular(run.path(*name.split("/")))
    return None


def _cells(run: RunFolder) -> Iterator[str]:
    """Names of the run's cells that were packed, each once."""
    listed = run.read(CellList)
    names = dict.fromkeys(cell.name for cell in listed.cells) if listed else {}
    return (name for name in names if run.cells.has(name))


def _published(staged: RunFolder, root: Path) -> Unpacked:
    """Move a run's cells and then its folder into the store."""
    here = RunFolder(root, staged.study, staged.id)
    names = list(_cells(staged))
    with here.cells.lock():
        try:
            n_new = sum(_moved(staged.cells.path(name), here.cells.path(name)) for name in names)
            new = not here.path().exists()
            if new:
                for folder in FOLDERS:
                    staged.path(folder).mkdir(exist_ok=True)
                here.folder.parent.mkdir(parents=True, exist_ok=True)
                os.rename(staged.folder, here.path())
                sync_folder(here.folder.parent)
        except OSError as error:
            raise StoreError(f"the store must be writable; got {error.strerror} ({root})") from error
    return Unpacked(here, new, len(names), n_new)


def _moved(staged: Path, path: Path) -> bool:
    """Publish a cell unless it is there; the staged one stays for other runs that list it."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(staged, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        write_atomically(path, read_regular(staged))
    sync_folder(path.parent)
    return True
