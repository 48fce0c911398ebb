"""Locks of a store: held for the moment of writing records, given up by a dying process, never silent; and claims.

A claim says that a process is at work in a folder, for as long as it is. Several may be at work in one; each has a
claim of its own, a lock file that nobody else takes, so that a process which dies gives its claim up as well.
"""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import socket
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from cogattn.errors import StoreError
from cogattn.running.atomic import alive, read_regular

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""After so long a wait the log says who holds the lock, and again each time as much again has passed."""
LOCK = ".lock"
LOCK_FILE = re.compile(r"\.lock(-[0-9a-f]{8})?(-owner)?")
"""Names of all files that locks and claims leave in a folder."""
CLAIM_FILE = re.compile(r"\.lock-[0-9a-f]{8}")
LIMIT_S = 600.0
"""After so long a wait it is an error: records are written in seconds."""


@contextmanager
def held(path: Path, *, of: str, limit_s: float = LIMIT_S) -> Generator[None]:
    """Hold the lock file at `path`.

    Parameters
    ----------
    path : Path
        The lock file; who holds it is told in a file beside it.
    of : str
        Whose lock it is, in sentences: ``run 171a581f0c3d``.
    limit_s : float
        How long to wait for another holder.

    Raises
    ------
    StoreError
        If the folder is not writable, or another process holds the lock for longer than `limit_s`.
    """
    with _quiet():
        lock = FileLock(path)
        try:
            _acquire(lock, path, of, limit_s)
        except OSError as error:
            raise StoreError(f"{of} must be writable; got {error.strerror} ({path.parent})") from error
    owner = _owner_file(path)
    try:
        _sign(owner)
        yield
    except OSError as error:
        raise StoreError(f"{of} must be writable; got {error.strerror} ({path.parent})") from error
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


@contextmanager
def claimed(folder: Path, *, of: str) -> Generator[None]:
    """Say, for as long as the block runs, that this process is at work in `folder`.

    Raises
    ------
    StoreError
        If the folder is not writable.
    """
    path = folder / f"{LOCK}-{secrets.token_hex(4)}"
    owner = _owner_file(path)
    with _quiet():
        lock = FileLock(path)
        try:
            lock.acquire(timeout=LIMIT_S)
            _sign(owner)
        except OSError as error:
            raise StoreError(f"{of} must be writable; got {error.strerror} ({folder})") from error
    try:
        yield
    finally:
        with suppress(OSError):
            owner.unlink(missing_ok=True)
            lock.release()
            path.unlink(missing_ok=True)


def claims(folder: Path) -> list[str]:
    """Return who is at work in `folder`; claims of processes that have died are removed.

    Call it under the lock that is held where claims are made.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not CLAIM_FILE.fullmatch(path.name):
            continue
        if _abandoned(path):
            _owner_file(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        else:
            found.append(_owner(path))
    return found


def _abandoned(path: Path) -> bool:
    """Whether nobody holds the lock file; without flock, whether a process of this host does that is no more."""
    with _quiet():
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with suppress(OSError, ValueError, TypeError, RecursionError):
                host, pid, _ = json.loads(read_regular(_owner_file(path), limit=4096))
                return host == socket.gethostname() and not alive(int(pid))
            return False
        except OSError as error:
            raise StoreError(f"{path} must be lockable; got {error.strerror}") from error
        lock.release()
        return True


@contextmanager
def _quiet() -> Generator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # filelock's word on file systems without flock
        yield


def _sign(owner: Path) -> None:
    owner.write_text(json.dumps([socket.gethostname(), os.getpid(), time.time()]))


def _acquire(lock: FileLock, path: Path, of: str, limit_s: float) -> None:
    start, patience = time.monotonic(), min(PATIENCE_S, limit_s)
    while True:
        try:
            lock.acquire(timeout=patience)
            return
        except Timeout:
            waited = time.monotonic() - start
            sentence = f"the lock of {of} is held by {_owner(path)}; waited {waited:.0f} s ({path})"
            if waited >= limit_s:
                raise StoreError(
                    f"{sentence}; end that process, or remove the file if its host is gone"
                ) from None
            log.warning("%s", sentence)
            patience = min(2 * patience, max(0.1, limit_s - waited))


def _owner(path: Path) -> str:
    try:
        host, pid, since = json.loads(read_regular(_owner_file(path), limit=4096))
        return f"{str(host)[:80]}, process {int(pid)}, for {max(0.0, time.time() - float(since)):.0f} s"
    except (OSError, ValueError, TypeError, RecursionError):
        return "another process"


def _owner_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-owner")
