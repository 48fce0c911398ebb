"""The lock of a run's folder: held for the moment of writing records, given up by a dying process, never silent."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from cogattn.errors import StoreError
from cogattn.running.atomic import read_regular

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""After so long a wait the log says who holds the lock, and again each time as much again has passed."""
LIMIT_S = 600.0
"""After so long a wait it is an error: records are written in seconds."""


@contextmanager
def held(path: Path, *, run: str, limit_s: float = LIMIT_S) -> Generator[None]:
    """Hold the lock file at `path`.

    Parameters
    ----------
    path : Path
        The lock file; who holds it is told in a file beside it.
    run : str
        What to call the run in sentences.
    limit_s : float
        How long to wait for another holder.

    Raises
    ------
    StoreError
        If the folder is not writable, or another process holds the lock for longer than `limit_s`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # filelock's word on file systems without flock
        lock = FileLock(path)
        try:
            _acquire(lock, path, run, limit_s)
        except OSError as error:
            raise StoreError(f"run {run} must be writable; got {error.strerror} ({path.parent})") from error
    owner = _owner_file(path)
    try:
        owner.write_text(json.dumps([socket.gethostname(), os.getpid(), time.time()]))
        yield
    except OSError as error:
        raise StoreError(f"run {run} must be writable; got {error.strerror} ({path.parent})") from error
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, path: Path, run: str, limit_s: float) -> None:
    start, patience = time.monotonic(), min(PATIENCE_S, limit_s)
    while True:
        try:
            lock.acquire(timeout=patience)
            return
        except Timeout:
            waited = time.monotonic() - start
            sentence = f"the lock of run {run} is held by {_owner(path)}; waited {waited:.0f} s ({path})"
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
