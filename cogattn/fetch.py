"""Data sets by name: packaged, downloaded once and checked, or put in place by hand.

A download is pinned by its SHA-256 and its size: pooch fetches to a temporary file, checks, and only then moves it
into the cache, so nothing unchecked is ever at the destination; more bytes than pinned, or more time than a slow
line needs, end it. A data set whose hash nobody has been able to take is never downloaded; it is listed with
instructions, and a folder of the user's satisfies it if the names of its files are the right ones.

Data sets are announced by studies and plugins as entry points of the group ``cogattn.datasets``, each a
sequence of the classes below.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Literal

from cogattn.archives import unpack
from cogattn.errors import ConfigError, DataError
from cogattn.running.atomic import sha256_file, sha256_hex
from cogattn.running.digests import file_digest

DATASETS = "cogattn.datasets"
SLOWEST_BYTES_PER_S = 50_000
"""A download that is slower on the whole is ended."""
State = Literal["packaged", "here", "damaged", "to fetch", "by hand"]

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

    def details(self) -> dict[str, str]:
        """Return what else there is to say, by heading."""
        return {}


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
        Size; a download of another size is refused.
    archive : bool
        Unpack a .zip, .tar or .tar.gz into a folder of the data set's name.
    unpacked_bytes : int, optional
        Size of everything in the archive, where that is more than a hundred times `n_bytes`.
    """

    url: str
    sha256: str
    n_bytes: int
    archive: bool = False
    unpacked_bytes: int | None = None

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
    pattern : str
        Regular expression of its files' names, wherever in the folder they lie; other files do not count.
    n_files : int
        How many files these are; at least, where their names are not known.
    names_sha256 : str
        `names_digest` of them, by which another folder is told; empty where their names are not known.
    """

    instructions: str
    pattern: str
    n_files: int
    names_sha256: str = ""


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


def names_digest(names: Iterable[str]) -> str:
    """SHA-256 of file names without their endings, sorted, one a line (a copy may be of another image format)."""
    return sha256_hex("\n".join(sorted(name.rpartition(".")[0] for name in names)).encode())


def locate(data_set: DataSet, cache: Path) -> Path | None:
    """Return where the data set is, None where it is not here yet; `check` tells whether it is what it should be."""
    if isinstance(data_set, Packaged):
        return Path(str(files(data_set.package) / data_set.resource))
    name = data_set.file_name if isinstance(data_set, Download) and not data_set.archive else data_set.name
    place = cache / name
    return place if place.exists() else None


def check(data_set: DataSet, place: Path) -> None:
    """Raise DataError unless what lies at `place` is the data set: by its hash, or by the names of its files.

    Of an unpacked archive only that it is a folder: its hash was taken before.
    """
    if isinstance(data_set, Manual):
        _check_names(data_set, place)
    elif isinstance(data_set, Download) and data_set.archive:
        if not place.is_dir():
            raise DataError(f"{data_set.name} must be a folder; got {place}")
    elif isinstance(data_set, Download) and (actual := file_digest(place)) != data_set.sha256:
        raise DataError(
            f"{place} must have the SHA-256 {data_set.sha256} of {data_set.name}; got SHA-256 {actual}; remove it"
        )


def state(data_set: DataSet, cache: Path) -> State:
    """Tell whether a data set is here and is what it should be."""
    if isinstance(data_set, Packaged):
        return "packaged"
    if (place := locate(data_set, cache)) is None:
        return "to fetch" if isinstance(data_set, Download) else "by hand"
    try:
        check(data_set, place)
    except DataError:
        return "damaged"
    return "here"


def fetch(data_set: DataSet, cache: Path, *, progress: bool = False, limit_s: float | None = None) -> Path:
    """Return where the data set is, after downloading, checking and unpacking what is not here yet.

    Parameters
    ----------
    data_set : DataSet
        One of `data_sets`.
    cache : Path
        Folder of downloads.
    progress : bool
        Show a bar on stderr.
    limit_s : float, optional
        Seconds that a download may take in all; by default a minute and what 50 kB/s take.

    Raises
    ------
    DataError
        If there is no network, the file is another than the one that was pinned (sizes or both hashes are told, and
        what to do by hand), or it does not arrive in time; nothing is then at the destination. Also where the data
        set comes by hand only, or what is here is not what it should be.
    """
    if (place := locate(data_set, cache)) is not None:
        check(data_set, place)
        return place
    if not isinstance(data_set, Download):
        raise DataError(by_hand(data_set, cache))
    limit_s = 60 + data_set.n_bytes / SLOWEST_BYTES_PER_S if limit_s is None else limit_s
    file = _downloaded(data_set, cache, progress=progress, limit_s=limit_s)
    return _unpacked(data_set, file, cache) if data_set.archive else file


def adopt(data_set: DataSet, source: Path, cache: Path) -> Path:
    """Satisfy a data set with what the user has: a file, checked and copied, or a folder, checked and linked.

    Raises
    ------
    DataError
        If a download's file has another hash, a folder is needed and `source` is none or holds other files, or the
        data set is in the cache already.
    """
    cache.mkdir(parents=True, exist_ok=True)
    if isinstance(data_set, Download) and not data_set.archive:
        return _copied(data_set, source, cache)
    if isinstance(data_set, Manual):
        if not source.is_dir():
            raise DataError(f"{data_set.name} must be given as a folder; got {source}")
        check(data_set, source)
    elif not isinstance(data_set, Download):
        raise DataError(f"{data_set.name} must not be given; it ships with cogattn")
    place = cache / data_set.name
    if place.is_symlink():
        place.unlink()
    if place.exists():
        raise DataError(f"{data_set.name} must not be in the cache already; got {place}; remove it first")
    if isinstance(data_set, Download):
        return _unpacked(data_set, _copied(data_set, source, cache), cache)
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


def _check_names(data_set: Manual, folder: Path) -> None:
    pattern = re.compile(data_set.pattern, re.IGNORECASE)
    names = [name for _, _, here in os.walk(folder) for name in here if pattern.fullmatch(name)]
    if not data_set.names_sha256:
        if len(names) < data_set.n_files:
            raise DataError(
                f"{data_set.name} must be a folder of at least {data_set.n_files:,} of its files; got {len(names):,} "
                f"with names of their kind ({folder}); {data_set.instructions}"
            )
    elif len(names) != data_set.n_files or names_digest(names) != data_set.names_sha256:
        others = "" if len(names) != data_set.n_files else ", not the same ones"
        raise DataError(
            f"{data_set.name} must be a folder of its {data_set.n_files:,} files; got {len(names):,} with names of "
            f"their kind{others} ({folder}); {data_set.instructions}"
        )


def _downloaded(data_set: Download, cache: Path, *, progress: bool, limit_s: float) -> Path:
    import pooch

    from cogattn.transfer import Transfer

    pooch.get_logger().setLevel("ERROR")
    transfer = Transfer(data_set.n_bytes, limit_s=limit_s, progress=progress)
    try:
        path = pooch.retrieve(
            data_set.url,
            known_hash=f"sha256:{data_set.sha256}",
            fname=data_set.file_name,
            path=cache,
            downloader=transfer,  # ty: ignore[invalid-argument-type]
        )
    except DataError as error:
        raise DataError(f"{data_set.name} {error}; {by_hand(data_set, cache)}") from error
    except ValueError as error:
        got = re.search(r"but got (\w+)", str(error))
        raise DataError(
            f"{data_set.name} must have the SHA-256 {data_set.sha256}; got {got[1] if got else error} "
            f"from {data_set.url}; it was not kept; {by_hand(data_set, cache)}"
        ) from error
    except OSError as error:
        raise DataError(f"the cache must have room for {data_set.name}; got {error} ({cache})") from error
    return Path(path)


def _unpacked(data_set: Download, archive: Path, cache: Path) -> Path:
    """Unpack beside the place and move there, so that a half-unpacked data set is never found."""
    place = cache / data_set.name
    with tempfile.TemporaryDirectory(dir=cache, prefix=".unpacking-") as temporary:
        folder = Path(temporary) / "content"
        unpack(archive, folder, most_bytes=data_set.unpacked_bytes)
        folder.rename(place)
    return place


def _copied(data_set: Download, source: Path, cache: Path) -> Path:
    """Copy beside the place, check the copy, and move it there."""
    place = cache / data_set.file_name
    with tempfile.TemporaryDirectory(dir=cache, prefix=".copying-") as temporary:
        copy, got = Path(temporary) / place.name, "no file"
        if source.is_file():
            shutil.copyfile(source, copy)
            got = f"SHA-256 {sha256_file(copy)}"
        if got != f"SHA-256 {data_set.sha256}":
            raise DataError(f"{source} must have the SHA-256 {data_set.sha256} of {data_set.name}; got {got}")
        copy.replace(place)
    return place
