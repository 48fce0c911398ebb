"""Files of data that lie beside a module and that its code names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cogattn.errors import StoreError
from cogattn.running.reach.names import Uses

DATA = "data"
_CODE = (".py", ".pyc", ".pyi", ".pyw")


class DataFiles:
    """Finds them; a folder is listed once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}
        self._folders: dict[str, set[str]] = {}

    def named(self, home: Path, uses: Uses, *, stem: str = "", whole: bool = False) -> set[str]:
        """Return the files in `home`, or in a folder of data there, that code names, by relative path.

        If `whole`, a folder that is named by itself is taken with all files: which are meant may come from elsewhere.
        With a `stem`, an ending alone names a file too (``Path(__file__).with_suffix(".json")``).
        """
        endings = {f"{stem}{text}" for text in uses.texts if stem and text.startswith(".")}
        found = {name for name in self._in(home, deep=False) if name in endings or _is_named(name, uses)}
        folders = self._folders[str(home)]
        in_package = bool(folders) and os.path.exists(
            home / "__init__.py"
        )  # else the file may lie among anything
        for folder in folders:
            mentioned = any(text == folder or f"{folder}/" in text for text in uses.texts | uses.patterns)
            alone = any(
                text.strip("/") == folder or text.rstrip("/").endswith(f"/{folder}") for text in uses.ends
            )
            if folder == DATA or (mentioned and in_package):
                inside = self._in(home / folder, deep=True)
                named = {
                    name for name in inside if _is_named(name, uses) or _is_named(f"{folder}/{name}", uses)
                }
                all_of_it = whole and (alone or (mentioned and not named))
                found |= {f"{folder}/{name}" for name in (inside if all_of_it else named)}
        return found

    def _in(self, folder: Path, *, deep: bool) -> list[str]:
        key = str(folder)
        if key not in self._files:
            self._folders[key] = set() if deep else set(_subfolders(folder))
            self._files[key] = sorted(_listed(key, deep=deep))
        return self._files[key]


def file_sha256(path: Path) -> str:
    """Return the digest of a file that is part of the code.

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path} must be readable, it is part of the code; got {error.strerror}") from error


def _is_named(name: str, uses: Uses) -> bool:
    """Whether a text is a file's relative path, or ends with it; or an f-string fits it, not by signs alone."""
    last = name.rpartition("/")[2]
    if not uses.texts.isdisjoint((name, last)) or any(text.endswith(f"/{name}") for text in uses.texts):
        return True
    for pattern in uses.patterns:
        expression = re.escape(pattern).replace(re.escape("*"), ".*")
        speaks = any(letter.isalnum() for letter in pattern.rpartition("/")[2])
        if speaks and any(re.fullmatch(expression, place) for place in (last, name, f"/{name}")):
            return True
    return False


def _subfolders(folder: Path) -> Iterator[str]:
    """Folders of data: those that are no packages."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        plain = entry.is_dir() and not entry.name.startswith((".", "__"))
        if plain and not os.path.exists(os.path.join(entry.path, "__init__.py")):
            yield entry.name


def _listed(folder: str, *, deep: bool) -> Iterator[str]:
    """Files in a folder that are no code, by relative path."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.is_file() and not entry.name.endswith(_CODE):
            yield entry.name
        elif deep and entry.is_dir():
            yield from (f"{entry.name}/{name}" for name in _listed(entry.path, deep=True))
