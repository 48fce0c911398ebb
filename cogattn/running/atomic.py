"""Files that are whole or absent: written beside their place, synced, moved; JSON that carries its hash.

Parquet, PNG and JSON all load a flipped bit without a word, so every file of a store is covered by a SHA-256:
a cell and the JSON records by a seal inside, everything else by the run's MANIFEST.json.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import socket
import stat
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cogattn.errors import StoreError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

TEMPORARY = ".tmp"
SEAL = "sha256"
MAX_BYTES = 1 << 31
"""Larger files are refused before they are read: no file of a store comes near."""
TEMPORARY_NAME = re.compile(r"\..+\.([0-9a-f]{8})\.(\d+)\.[0-9a-f]{8}\.tmp")


def sha256_hex(data: bytes) -> str:
    """SHA-256 of `data` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file of any size as 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Publish `data` at `path` in one move; on failure nothing is left behind and an older file stays.

    Raises
    ------
    StoreError
        If the disk is full, the folder is missing or not writable, or a folder stands at `path`.
    """
    with _written_beside(path, data) as temporary:
        os.replace(temporary, path)


def publish_once(path: Path, data: bytes) -> None:
    """Publish `data` at `path` unless something stands there already: the first writer wins, without a lock.

    Raises
    ------
    StoreError
        As `write_atomically`.
    """
    with _written_beside(path, data) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            if not path.exists():
                os.replace(temporary, path)


@contextmanager
def _written_beside(path: Path, data: bytes) -> Generator[Path]:
    """Write and sync a temporary file for the caller to move into place; remove it, and sync the folder."""
    temporary = temporary_beside(path)
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path.name} must be writable; got {error.strerror} ({path.parent})") from error


def temporary_beside(path: Path) -> Path:
    """Return a name that nobody else writes to, beside `path`; `sweep_temporaries` knows whose it is."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY}")


def sync_folder(folder: Path) -> None:
    """Make a move into `folder` survive a power cut (a no-op where folders cannot be synced)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_regular(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes.

    Raises
    ------
    ValueError
        For a folder, link, device, or larger file.
    OSError
        As usual.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError("it is a symbolic link") from error
        raise
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > limit:
            raise ValueError(f"it is larger than {limit:,} bytes")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def sweep_temporaries(folder: Path) -> None:
    """Remove what writers of this host that no longer live have left in `folder`."""
    for path in folder.glob(f".*{TEMPORARY}"):
        if abandoned(path):
            path.unlink(missing_ok=True)


def abandoned(path: Path) -> bool:
    """Whether a temporary file or folder is one of a writer of this host that no longer lives."""
    name = TEMPORARY_NAME.fullmatch(path.name)
    return name is not None and name[1] == _host() and not alive(int(name[2]))


def is_temporary(name: str) -> bool:
    """Tell whether a file of this name is one that `write_atomically` has not published yet."""
    return name.startswith(".") and name.endswith(TEMPORARY)


def sealed(record: Mapping[str, Json]) -> bytes:
    """Return `record` as readable JSON, with the SHA-256 of the rest under the key ``sha256``."""
    seal = sha256_hex(_plain(record))
    return _plain({**record, SEAL: seal})


def unsealed(data: bytes) -> dict[str, Json]:
    """Return the record that `sealed` wrote; raise ValueError if so much as one bit of `data` differs."""
    try:
        record = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(record, dict):
        raise ValueError("not a sealed record")
    seal = record.pop(SEAL, None)
    if not _carries(data, seal) and (seal != sha256_hex(_plain(record)) or sealed(record) != data):
        raise ValueError("its SHA-256 differs from the one it carries")
    return record


def _carries(data: bytes, seal: Json) -> bool:
    """Whether the bytes before the seal are those that it was made of: ten times faster than writing them again."""
    end = f',\n "{SEAL}": "{seal}"\n}}\n'.encode()
    return data.endswith(end) and sha256_hex(data.removesuffix(end) + b"\n}\n") == seal


def _plain(record: Mapping[str, Json]) -> bytes:
    return (json.dumps(record, indent=1, allow_nan=False) + "\n").encode()


def _host() -> str:
    return sha256_hex(socket.gethostname().encode())[:8]


def alive(pid: int) -> bool:
    """Whether a process still runs; one that died and waits for its parent (a zombie) does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except OSError:  # another user's process, or a system without /proc
        return True
    return state != "Z"
