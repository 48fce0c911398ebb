"""Pictures to learn from, as bytes: scikit-learn's digits, MNIST, or a folder of idx files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.rehearsal.scenarios import digits, idx, mnist
from cogattn.rehearsal.scenarios.raw import Raw, from_files
from cogattn.running.digests import file_digest

if TYPE_CHECKING:
    from cogattn.rehearsal.config import RehearsalConfig
    from cogattn.rehearsal.resident import Pictures

DIGITS, MNIST = "digits", "mnist"


class PictureKind:
    """What the scenarios of pictures have in common: where these come from."""

    def contents(self, config: RehearsalConfig) -> Mapping[str, str]:
        """Return the digests of the pictures' files."""
        return contents(config.data)

    def relevant(self, config: RehearsalConfig) -> Mapping[str, object]:
        """Return where the pictures come from."""
        return {"data": config.data}


def files_of(data: str) -> dict[str, Path]:
    """Return the files that pictures are read from, by name; none for those in scikit-learn.

    Raises
    ------
    DataError
        If there are none, or MNIST's are not what was published.
    """
    if data == DIGITS:
        return {}
    if data == MNIST:
        return mnist.files()
    folder = Path(data)
    if not folder.is_dir():
        raise DataError(f"data must be {DIGITS}, {MNIST} or a folder of idx files; got {data}")
    return {path.name: path for path in idx.files_in(folder).values()}


def contents(data: str) -> Mapping[str, str]:
    """Return the digests of the files that pictures are read from."""
    return {name: file_digest(path) for name, path in files_of(data).items()}


def raw(data: str) -> Raw:
    """Return pictures as bytes; those of the last few sources are kept, as long as their files are what they were."""
    return _raw(data, tuple(contents(data).items()))


@lru_cache(maxsize=2)
def _raw(data: str, digests: tuple[tuple[str, str], ...]) -> Raw:
    if data == DIGITS:
        return digits.read()
    if data == MNIST:
        return mnist.read(mnist.files())
    return from_files(Path(data))


def pictures(data: str) -> Pictures:
    """Return pictures as tensors, kept likewise."""
    return _pictures(data, tuple(contents(data).items()))


@lru_cache(maxsize=1)
def _pictures(data: str, digests: tuple[tuple[str, str], ...]) -> Pictures:
    return _raw(data, digests).normalised()


def spread(n: int, most: int) -> NDArray[np.int64]:
    """Return numbers of at most `most` of `n` things, evenly spread over them."""
    return np.arange(min(n, most), dtype=np.int64) * n // min(n, most)
