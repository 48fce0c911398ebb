"""Files of weights at first sight: that they are there, of a sane size, and what they call themselves.

Imports no torch, so that a file that cannot be one of tensors is refused before any work.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from cogattn.errors import ObserverError

ENDINGS = (".safetensors", ".pth", ".pt")
MAX_FILE_BYTES = 64 * 2**30
"""No file of weights is larger: the largest network of timm has a quarter of that."""
MAX_TABLE_BYTES = 100 * 2**20
"""Of what a file says about its tensors: the header of safetensors, the pickled table of a .pth file."""


def weights_file(weights: str) -> Path:
    """Return the file that ``observer.weights`` names; raise ObserverError unless it is one of tensors by its name."""
    path = Path(weights)
    if path.suffix not in ENDINGS or not path.is_file():
        raise ObserverError(
            f"observer.weights must be auto, random, or a .safetensors or .pth file; got {path}"
        )
    return path


def check_file(path: Path) -> None:
    """Raise ObserverError unless `path` looks like a file of tensors from outside; its numbers are not read."""
    try:
        _check_size(path)
        if path.suffix == ".safetensors":
            _check_header(path)
        elif zipfile.is_zipfile(path):
            _check_archive(path)
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise refusal(path, error) from None


def refusal(path: Path, error: Exception | str) -> ObserverError:
    """Return the sentence that refuses a file."""
    found = error if isinstance(error, str) else (str(error).splitlines() or [type(error).__name__])[0][:120]
    return ObserverError(f"weights must be a file of tensors only; got {found} ({path})")


def _check_size(path: Path) -> None:
    if not path.is_file():
        raise ValueError("no file")
    n_bytes = path.stat().st_size
    if not 8 < n_bytes <= MAX_FILE_BYTES:
        raise ValueError(f"{n_bytes:,} bytes")


def _check_header(path: Path) -> None:
    """The header says where each tensor lies; all of them must lie in the file."""
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(MAX_TABLE_BYTES, n_bytes - 8):
            raise ValueError(f"a header of {length:,} bytes")
        table = json.loads(file.read(length))
    if not isinstance(table, dict):
        raise ValueError("a header without tensors")
    ends = [_end(entry) for name, entry in table.items() if name != "__metadata__"]
    if not ends or max(ends) != n_bytes - 8 - length:
        raise ValueError(f"{n_bytes:,} bytes where the header says {max(ends, default=0) + 8 + length:,}")


def _end(entry: object) -> int:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(isinstance(n, int) for n in offsets):
        raise ValueError("a header without places of tensors")
    return offsets[1]


def _check_archive(path: Path) -> None:
    """Refuse what torch never writes: compressed entries, which may unpack to any size, and a huge table."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("compressed entries")
    table = max((entry.file_size for entry in entries if entry.filename.endswith("data.pkl")), default=0)
    if not 0 < table <= MAX_TABLE_BYTES:
        raise ValueError(f"a table of {table:,} bytes")
