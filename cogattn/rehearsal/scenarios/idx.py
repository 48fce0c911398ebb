"""Files in the idx format of LeCun's MNIST: a magic number, sizes, and bytes; compressed by gzip or as they are.

The header says how long a file must be, and no byte more than that is ever unpacked.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError

UNSIGNED_BYTES = 0x08
"""Code of the type: third byte of the magic number."""
MAX_BYTES = 1 << 31
PARTS = ("train", "t10k")
"""How names of training and test files begin."""


def read_idx(path: Path, *, n_dimensions: int) -> NDArray[np.uint8]:
    """Return the array of a file.

    Parameters
    ----------
    path : Path
        The file; one whose name ends in ``.gz`` is unpacked.
    n_dimensions : int
        How many the array must have.

    Returns
    -------
    array of uint8
        With the sizes that the file gives, the first varying slowest.

    Raises
    ------
    DataError
        If it cannot be read or is cut off, damaged, too long or of another type.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _array(file, path, n_dimensions)
    except (OSError, EOFError, zlib.error) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"{path} must be a readable idx file; got {cause}") from error


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _array(file: _Readable, path: Path, n_dimensions: int) -> NDArray[np.uint8]:
    magic = file.read(4)
    if magic != bytes((0, 0, UNSIGNED_BYTES, n_dimensions)):
        raise DataError(
            f"{path} must be an idx file of bytes in {n_dimensions} dimensions; got one that begins with {magic!r}"
        )
    header = file.read(4 * n_dimensions)
    sizes = tuple(int.from_bytes(header[4 * i : 4 * i + 4], "big") for i in range(n_dimensions))
    n_bytes = math.prod(sizes)
    if len(header) < 4 * n_dimensions or not 0 < n_bytes <= MAX_BYTES:
        raise DataError(f"{path} must say how many bytes it holds, at most {MAX_BYTES:,}; got {n_bytes:,}")
    data = file.read(n_bytes + 1)
    if len(data) != n_bytes:
        got = f"{len(data):,}" if len(data) < n_bytes else "more"
        raise DataError(f"{path} must hold {n_bytes:,} bytes, as it says; got {got}")
    return np.frombuffer(data, dtype=np.uint8).reshape(sizes)


def files_in(folder: Path) -> dict[str, Path]:
    """Return the four files of a folder by part and content (``train images``, ``t10k labels`` ...).

    Raises
    ------
    DataError
        If one is missing.
    """
    found = {}
    for part in PARTS:
        for content, n_dimensions in (("images", 3), ("labels", 1)):
            ends = [f"{sign}idx{n_dimensions}-ubyte{gz}" for gz in ("", ".gz") for sign in "-."]
            places = [folder / f"{part}-{content}{end}" for end in ends]
            here = [place for place in places if place.is_file()]
            if not here:
                raise DataError(
                    f"data must be a folder of four idx files ({part}-{content}-idx{n_dimensions}-ubyte.gz ...); "
                    f"got none of this name ({folder})"
                )
            found[f"{part} {content}"] = here[0]
    return found
