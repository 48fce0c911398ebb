"""Unpacking archives of strangers: nothing leads out of the folder, nothing grows without measure."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from cogattn.errors import DataError

FREE_BYTES = 256 * 2**20
"""Up to this size any archive may unpack."""
LARGEST_RATIO = 100
"""Larger contents must not be more than this many times their archive, unless more is announced."""
MOST_FILES = 1_000_000

_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


def unpack(archive: Path, folder: Path, *, most_bytes: int | None = None) -> None:
    """Unpack a .zip or .tar archive into a new folder.

    Parameters
    ----------
    archive, folder : Path
        From where to where.
    most_bytes : int, optional
        Size that the contents may have; by default 256 MB, or a hundred times the archive.

    Raises
    ------
    DataError
        If the archive cannot be read, is encrypted or packed by an unknown method, unpacks to more, or a path or link
        in it would lead out of `folder`; nothing is kept.
    """
    if most_bytes is None:
        most_bytes = max(FREE_BYTES, LARGEST_RATIO * archive.stat().st_size)
    folder.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, folder, most_bytes)
        else:
            _unpack_tar(archive, folder, most_bytes)
    except BaseException as error:
        shutil.rmtree(folder)
        if isinstance(error, DataError) or not isinstance(error, Exception):
            raise
        # zipfile and tarfile hand on what their decompressors raise: RuntimeError, zlib.error, LZMAError and more
        raise DataError(f"{archive.name} must be a whole .zip or .tar archive; got {error}") from error


def _unpack_zip(archive: Path, folder: Path, most_bytes: int) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        _check_members(archive, ((m.filename, m.file_size) for m in members), most_bytes)
        for member in members:
            if member.flag_bits & 1:
                raise DataError(f"{archive.name} must not be encrypted; got {member.filename!r}, which is")
            if member.compress_type not in _ZIP_METHODS:
                raise DataError(
                    f"{archive.name} must be packed by a known method; got number {member.compress_type} "
                    f"for {member.filename!r}"
                )
        file.extractall(folder)


def _unpack_tar(archive: Path, folder: Path, most_bytes: int) -> None:
    with tarfile.open(archive) as file:
        _check_members(archive, ((m.name, m.size) for m in file), most_bytes)
        file.extractall(folder, filter="data")


def _check_members(archive: Path, members: Iterable[tuple[str, int]], most_bytes: int) -> None:
    """Names stay inside; sizes are added up as they are announced, before anything is unpacked."""
    total = 0
    for count, (name, n_bytes) in enumerate(members, start=1):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
            raise DataError(f"paths in {archive.name} must stay inside its folder; got {name!r}")
        total += n_bytes
        if total > most_bytes or count > MOST_FILES:
            raise DataError(
                f"{archive.name} must not unpack to more than {most_bytes:,} bytes in {MOST_FILES:,} files; got "
                f"{total:,} by file {count:,}"
            )
