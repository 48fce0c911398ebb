"""Digests of the house's own code, remembered on disk: reading half a million characters of it takes seconds.

An answer is remembered under the state of everything that the walk may read: path, inode, size and times of every file
of the house (as in `digests`, ``ctime`` cannot be set back), what is installed, what else could be imported from the
folder of the process. Anything in doubt is not remembered: code of others, a module that was loaded from elsewhere, a
file younger than two seconds. It is a cache and nothing more: where it cannot be written or is damaged, code is read.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cogattn.errors import StoreError
from cogattn.running.atomic import read_regular, sealed, unsealed, write_atomically
from cogattn.running.code import CodeDigest, code_digest
from cogattn.running.digests import YOUNG_NS, cache_folder
from cogattn.running.reach.places import HOUSE, Places, modules_in
from cogattn.running.records import digest

FOLDER = "code-1"
MAX_KEPT = 32
"""Answers that are kept; those used longest ago go."""
_LIMIT = 1 << 26
"""Bytes of a remembered answer."""


class _Remembered(BaseModel):
    """A `CodeDigest` as it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    parts: dict[str, str]
    packages: tuple[str, ...]


def house_digest(target: str, *, also: Sequence[str] = ()) -> CodeDigest:
    """Return what `code_digest` returns, from the disk if no file has changed since.

    Raises
    ------
    StoreError
        As `code_digest`.
    """
    state = _state() if all(_is_house(one) for one in (target, *also)) else None
    if state is None:
        return code_digest(target, also=also)
    place = cache_folder() / FOLDER / f"{digest([state, target, list(also)])}.json"
    known = _recall(place)
    if known is not None:
        return known
    found = code_digest(target, also=also)
    if all(_is_house(part) for part in found.parts) and _state() == state:
        _remember(place, found)
    return found


def _is_house(target: str) -> bool:
    return target.partition(":")[0].partition(".")[0] == HOUSE


def _state() -> str | None:
    """Digest of the state of all that the walk may read; None where that cannot be told."""
    places = Places()
    folders = _folders(places)
    if not folders or not all(_lies_in(folders, module) for module in list(sys.modules)):
        return None
    youngest_ns, stamps = 0, []
    with contextlib.suppress(OSError):
        for path in (*_files(folders.values()), *_installed()):
            found = os.stat(path)
            youngest_ns = max(youngest_ns, found.st_mtime_ns, found.st_ctime_ns)
            stamps.append((path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        if time.time_ns() - youngest_ns < YOUNG_NS:
            return None
        beside = [modules_in(Path(folder)) for folder in (*places.folders, os.getcwd())]
        return digest([sys.version, folders, stamps, beside])
    return None


def _folders(places: Places) -> dict[str, str]:
    """Folder of the house and of each of its packages, by name: in a checkout they lie beside each other."""
    places.own_top(HOUSE)
    root = places.find(HOUSE)
    names = (
        [HOUSE, *(f"{HOUSE}.{name}" for name in ("apps", "eeg", "kernels", "psychophysics"))] if root else []
    )
    found = {name: places.find(name) for name in names}
    return {name: str(place.file.parent) for name, place in found.items() if place and place.file}


def _lies_in(folders: dict[str, str], name: str) -> bool:
    """Whether a module that is loaded comes from where one of its name would be looked for."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if not _is_house(name) or not file:
        return True
    package = next((one for one in sorted(folders, reverse=True) if f"{name}.".startswith(f"{one}.")), None)
    if package is None:
        return False
    path = os.path.join(folders[package], *name.split(".")[package.count(".") + 1 :])
    return os.path.abspath(file) in (f"{path}.py", os.path.join(path, "__init__.py"))


def _files(folders: Iterable[str]) -> Iterator[str]:
    for folder in dict.fromkeys(folders):
        for where, below, names in os.walk(folder, followlinks=True):
            below[:] = sorted(name for name in below if name != "__pycache__")
            yield from (os.path.join(where, name) for name in sorted(names))


def _installed() -> Iterator[str]:
    """Folders in which packages are installed, and the files that say what the packages register."""
    for folder in dict.fromkeys(path for path in sys.path if path and os.path.isdir(path)):
        if folder == os.getcwd():
            continue
        yield folder
        entries = sorted(entry.path for entry in os.scandir(folder) if entry.name.endswith(("-info", ".pth")))
        for entry in entries:
            registers = os.path.join(entry, "entry_points.txt")
            yield registers if os.path.isfile(registers) else entry


def _recall(place: Path) -> CodeDigest | None:
    try:
        record = _Remembered.model_validate(unsealed(read_regular(place, limit=_LIMIT)))
        os.utime(place)
        return CodeDigest(record.code, record.parts, record.packages)
    except (OSError, StoreError, ValueError):
        return None


def _remember(place: Path, found: CodeDigest) -> None:
    record = _Remembered(code=found.sha256, parts=dict(found.parts), packages=found.packages)
    with contextlib.suppress(OSError, StoreError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, sealed(record.model_dump(mode="json")))
        kept = sorted(place.parent.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for old in kept[MAX_KEPT:]:
            old.unlink(missing_ok=True)
