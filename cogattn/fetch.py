"""Data sets by name: packaged, downloaded once and checked, or put in place by hand.

A download is pinned by its SHA-256: pooch fetches to a temporary file, checks, and only then moves it into
the cache, so nothing unchecked is ever at the destination. A data set whose hash nobody has been able to
take is never downloaded; it is listed with instructions, and a folder or link of its name in the cache
satisfies it.

Data sets are announced by studies and plugins as entry points of the group ``cogattn.datasets``, each a
sequence of the classes below.
"""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path, PurePosixPath

from cogattn.errors import ConfigError, DataError
from cogattn.running.atomic import sha256_file
from cogattn.running.digests import CACHE_VARIABLE as CACHE_VARIABLE

DATASETS = "cogattn.datasets"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class DataSet:
    """What every data set tells.

    Parameters
    ----------
    name : str
        Lower-case letters, digits, - and _.
    about : str
        What it is and what for, in a line.
    licence : str
        Terms as the source states them, or ``none stated``.
    source : str
        Where it comes from: page or paper.
    """

    name: str
    about: str
    licence: str
    source: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"name of a data set must be lower-case letters, digits, - and _; got {self.name!r}"
            )
        if not self.licence:
            raise ConfigError(f"data set {self.name} must state its licence; got none")


@dataclass(frozen=True)
class Packaged(DataSet):
    """A table that ships with cogattn.

    Parameters
    ----------
    package, resource : str
        Import name and file below it.
    """

    package: str
    resource: str


@dataclass(frozen=True)
class Download(DataSet):
    """One file on the web.

    Parameters
    ----------
    url : str
        https address.
    sha256 : str
        64 hex digits; a download without is refused here.
    n_bytes : int
        Size.
    archive : bool
        Unpack a .zip, .tar or .tar.gz into a folder of the data set's name.
    """

    url: str
    sha256: str
    n_bytes: int
    archive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _SHA256.fullmatch(self.sha256):
            raise ConfigError(
                f"data set {self.name} must have a SHA-256 of 64 hex digits; got {self.sha256!r}"
            )

    @property
    def file_name(self) -> str:
        """Name of the file in the cache."""
        return f"{self.name}--{self.url.rpartition('/')[2]}"


@dataclass(frozen=True)
class Manual(DataSet):
    """A data set that has to be put in place by hand.

    Parameters
    ----------
    instructions : str
        How to get it; the cache's path is added.
    """

    instructions: str


def data_sets() -> dict[str, DataSet]:
    """Return every announced data set by name; raise ConfigError where two share one."""
    found: dict[str, DataSet] = {}
    for entry in sorted(entry_points(group=DATASETS), key=lambda e: (e.name, e.value)):
        for data_set in entry.load():
            if found.setdefault(data_set.name, data_set) != data_set:
                raise ConfigError(
                    f"names of data sets must be unique; got {data_set.name} twice ({entry.value})"
                )
    return found


def locate(data_set: DataSet, cache: Path) -> Path | None:
    """Return where the data set is, None where it is not here yet; hashes are checked on arrival."""
    if isinstance(data_set, Packaged):
        return Path(str(files(data_set.package) / data_set.resource))
    name = data_set.file_name if isinstance(data_set, Download) and not data_set.archive else data_set.name
    place = cache / name
    return place if place.exists() else None


def fetch(data_set: DataSet, cache: Path, *, progress: bool = False) -> Path:
    """Return where the data set is, after downloading, checking and unpacking what is not here yet.

    Parameters
    ----------
    data_set : DataSet
        One of `data_sets`.
    cache : Path
        Folder of downloads.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    DataError
        If there is no network or the file is another than the one that was pinned (both hashes are told, and
        what to do by hand); nothing is then at the destination. Also where the data set comes by hand only.
    """
    if (place := locate(data_set, cache)) is not None:
        return place
    if not isinstance(data_set, Download):
        raise DataError(by_hand(data_set, cache))
    file = _downloaded(data_set, cache, progress=progress)
    return _unpacked(data_set, file, cache) if data_set.archive else file


def adopt(data_set: DataSet, source: Path, cache: Path) -> Path:
    """Satisfy a data set with what the user has: a file, checked and copied, or a folder, linked.

    Raises
    ------
    DataError
        If a download's file has another hash, or a folder is needed and `source` is none.
    """
    cache.mkdir(parents=True, exist_ok=True)
    if isinstance(data_set, Download):
        if not source.is_file() or (actual := sha256_file(source)) != data_set.sha256:
            got = f"SHA-256 {actual}" if source.is_file() else "no file"
            raise DataError(f"{source} must have the SHA-256 {data_set.sha256} of {data_set.name}; got {got}")
        file = cache / data_set.file_name
        _copy_then_move(source, file)
        return _unpacked(data_set, file, cache) if data_set.archive else file
    if not isinstance(data_set, Manual) or not source.is_dir():
        raise DataError(f"{data_set.name} must be given as a folder; got {source}")
    place = cache / data_set.name
    if place.is_symlink():
        place.unlink()
    if place.exists():
        raise DataError(f"{data_set.name} must not be in the cache already; got {place}; remove it first")
    place.symlink_to(source.resolve(), target_is_directory=True)
    return place


def by_hand(data_set: DataSet, cache: Path) -> str:
    """Return one sentence: how to get the data set without a network here."""
    if isinstance(data_set, Download):
        return (
            f"download {data_set.url} ({data_set.n_bytes:,} bytes, SHA-256 {data_set.sha256}, licence "
            f"{data_set.licence}) elsewhere and run: cogattn data fetch {data_set.name} --from FILE"
        )
    instructions = data_set.instructions if isinstance(data_set, Manual) else "it ships with cogattn"
    return (
        f"{data_set.name} must be put in place by hand: {instructions}; then run: "
        f"cogattn data fetch {data_set.name} --from FOLDER "
        f"(it is linked at {cache / data_set.name}; licence: {data_set.licence})"
    )


def _downloaded(data_set: Download, cache: Path, *, progress: bool) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    try:
        path = pooch.retrieve(
            data_set.url,
            known_hash=f"sha256:{data_set.sha256}",
            fname=data_set.file_name,
            path=cache,
            downloader=pooch.HTTPDownloader(progressbar=progress, timeout=30),  # ty: ignore[invalid-argument-type]
        )
    except ValueError as error:
        got = re.search(r"but got (\w+)", str(error))
        raise DataError(
            f"{data_set.name} must have the SHA-256 {data_set.sha256}; got {got[1] if got else error} "
            f"from {data_set.url}; it was not kept; {by_hand(data_set, cache)}"
        ) from error
    except (requests.RequestException, OSError) as error:
        raise DataError(
            f"{data_set.name} must be reachable; got {type(error).__name__} at {data_set.url}; "
            f"{by_hand(data_set, cache)}"
        ) from error
    return Path(path)


def _unpacked(data_set: Download, archive: Path, cache: Path) -> Path:
    """Unpack beside the place and move there, so that a half-unpacked data set is never found."""
    place = cache / data_set.name
    with tempfile.TemporaryDirectory(dir=cache, prefix=".unpacking-") as temporary:
        folder = Path(temporary) / "content"
        unpack(archive, folder)
        folder.rename(place)
    return place


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a .zip or .tar archive into a new folder.

    Raises
    ------
    DataError
        If the archive cannot be read, or a path or link in it would lead out of `folder`; nothing is kept.
    """
    folder.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                _refuse_escapes(archive, file.namelist())
                file.extractall(folder)
        else:
            with tarfile.open(archive) as file:
                _refuse_escapes(archive, file.getnames())
                file.extractall(folder, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError) as error:
        shutil.rmtree(folder)
        raise DataError(f"{archive.name} must be a whole .zip or .tar archive; got {error}") from error
    except DataError:
        shutil.rmtree(folder)
        raise


def _refuse_escapes(archive: Path, names: Sequence[str]) -> None:
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[:1]:
            raise DataError(f"paths in {archive.name} must stay inside its folder; got {name!r}")


def _copy_then_move(source: Path, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".copying-") as temporary:
        copy = Path(temporary) / place.name
        shutil.copyfile(source, copy)
        copy.replace(place)
