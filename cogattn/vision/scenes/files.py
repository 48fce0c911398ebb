"""What readers of scenes share: files inside a folder, JSON that is what it must be, and names."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError


def inside(folder: Path, name: object) -> Path:
    """Return the path of a file that a table names; raise DataError where it leads out of the folder."""
    path = folder / str(name)
    if Path(str(name)).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"files of scenes must lie in their folder and be named from there; got {name} ({folder})"
        )
    return path


def read_json(file: Path) -> object:
    """Return what a JSON file holds; raise DataError where it is none."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} must be readable JSON; got {error}") from error


def rows_of(content: object, file: Path, fields: Sequence[str]) -> list[Mapping[str, object]]:
    """Return `content` as a list of objects that have all `fields`; raise DataError where it is no such list."""
    if not isinstance(content, list) or not all(isinstance(row, Mapping) for row in content):
        raise DataError(f"{file} must hold a list of objects; got {type(content).__name__}")
    for number, row in enumerate(content):
        if lacking := [field for field in fields if field not in row]:
            raise DataError(
                f"{file} must hold the fields {', '.join(fields)}; got none named {', '.join(lacking)} (entry {number})"
            )
    return content


def numbers(value: object, where: str) -> NDArray[np.float64]:
    """Return a list of numbers, shape (n,); raise DataError where it holds something else. None is NaN."""
    try:
        return np.atleast_1d(np.asarray(value, dtype=float)).ravel()
    except (TypeError, ValueError) as error:
        raise DataError(f"{where} must hold numbers; got {value!r}") from error


def names_of(searches: Sequence[tuple[str, str]]) -> list[str]:
    """Return a name for each (image, target): the image's, with the target's where an image has several.

    >>> names_of([("a/1.jpg", "cup"), ("a/2.jpg", "cup"), ("a/2.jpg", "fork")])
    ['a/1', 'a/2, cup', 'a/2, fork']
    """
    stems = [Path(image).with_suffix("").as_posix() for image, _ in searches]
    counts = Counter(stems)
    return [
        stem if counts[stem] == 1 or not target else f"{stem}, {target}"
        for stem, (_, target) in zip(stems, searches, strict=True)
    ]
