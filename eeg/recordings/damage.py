"""What reading a damaged or hostile file comes to: a DataError that names the file, before memory is taken.

mne, scipy, pymatreader, h5py and libsndfile raise whatever they meet, Exception itself, AssertionError and
UnboundLocalError among it, and they believe a header that claims gigabytes.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from cogattn.errors import CogattnError, DataError

FREE_BYTES = 256 * 2**20
"""Up to this size anything may unpack."""
LARGEST_RATIO = 100
"""Larger contents must not unpack to more than this many times their file: EEG and speech pack to a tenth."""


@contextmanager
def reading(path: Path, what: str) -> Generator[None]:
    """Raise a DataError that names `path` in place of whatever its reader raises.

    Parameters
    ----------
    path : Path
        Named in the message.
    what : str
        Starts it: "path must be a readable sound file".
    """
    try:
        yield
    except DataError as error:
        if Path(path).name in str(error):
            raise
        raise DataError(f"{error} ({path})") from error
    except CogattnError:
        raise
    except Exception as error:  # on a damaged file readers raise anything (see the top)
        raise DataError(f"{what}; got {path} ({type(error).__name__}: {_first_line(error)})") from error


def existing_file(path: Path) -> Path:
    """Return `path`; raise DataError for a missing file, a folder, or a pipe or device (reading may never end)."""
    if not path.is_file():
        got = "a folder" if path.is_dir() else "a pipe, socket or device" if path.exists() else "none"
        raise DataError(f"path must be a readable file; got {got} at {path}")
    return path


def check_unpacked(unpacked: int, packed: int, path: Path) -> None:
    """Raise DataError where contents claim to be much larger than the file that holds them, both in bytes."""
    if unpacked > max(FREE_BYTES, LARGEST_RATIO * packed):
        raise DataError(
            f"a file must not unpack to more than {LARGEST_RATIO} times its size; got {unpacked:,} bytes from "
            f"{packed:,} ({path})"
        )


def cut_short(there: str, promised: str, path: Path) -> DataError:
    """Make the error for a file that ends before its header says: "9 records" of "10"."""
    return DataError(f"a recording must be as long as its header says; got {there} of {promised} ({path})")


def optional(module: str) -> ModuleType:
    """Import one of the packages of the extra ``eeg``."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DataError(f"reading this format needs {module}; install cogattn[eeg]") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or "no message").splitlines()[0]
