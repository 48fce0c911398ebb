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
_CODE = (".py", ".pyc", ".pyi", ".pyw", ".so", ".pyd")


class DataFiles:
    """Finds them; a folder is listed once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}
        self._folders: dict[str, set[str]] = {}

    def named(self, home: Path, uses: Uses) -> set[str]:
        """Return the files in `home`, or in a folder of data there, that code names, by relative path.

        A text is a name if it equals one, an f-string if it fits one. A folder that is named (``data`` also where
        it is not) is taken as a whole if no file in it is.
        """
        beside = self._in(home, deep=False)
        in_package = os.path.exists(home / "__init__.py")  # a factory's file may lie among anything
        found = {name for name in beside if name in uses.texts} | set(_fitting(beside, uses, ""))
        for folder in self._folders[str(home)]:
            started = any(text.startswith(f"{folder}/") for text in uses.texts | uses.patterns)
            mentioned = started or folder in uses.texts
            if folder != DATA and not (mentioned and in_package):
                continue
            inside = self._in(home / folder, deep=True)
            short = {name for name in inside if not uses.texts.isdisjoint((name, name.rpartition("/")[2]))}
            named = short | {name for name in inside if f"{folder}/{name}" in uses.texts}
            named |= set(_fitting(inside, uses, f"{folder}/"))
            found |= {f"{folder}/{name}" for name in named or (inside if mentioned else ())}
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


def _fitting(names: list[str], uses: Uses, prefix: str) -> Iterator[str]:
    for pattern in uses.patterns:
        if any(letter.isalnum() for letter in pattern.removeprefix(prefix)):
            expression = re.escape(pattern.removeprefix(prefix)).replace(re.escape("*"), ".*")
            yield from (name for name in names if re.fullmatch(expression, name))


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
