"""Whether a process may compute cells for a driver elsewhere: same folder, code, libraries and kind of device.

A worker that a scheduler brings may be of another host, where the store is not mounted, an older checkout is installed
or there is no GPU. What it made would be lost, or carry the name of something else. So it is asked before its first
cell.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from cogattn.errors import CogattnError, StoreError, UnfitWorker
from cogattn.registry import load_study
from cogattn.running.atomic import temporary_beside
from cogattn.running.environment import best_device
from cogattn.running.identity import cell_code, libraries_of
from cogattn.study import Study

MARK = "driver"


@lru_cache(maxsize=4)
def prepared(target: str) -> Study:
    """Return the study at a target, made once in a process."""
    return load_study(target)


@lru_cache(maxsize=16)
def made_by(target: str) -> tuple[str, dict[str, str]]:
    """Return the digest of the code that this process runs for a study, and the versions of the libraries below.

    Both are as they were when it was first asked, before its first cell.
    """
    prepared(target)
    code = cell_code(target)
    return code.sha256, libraries_of(code.packages)


@contextmanager
def marked(folder: Path) -> Generator[Path]:
    """Leave a file in a run's folder inside, by whose name a worker sees that it is this very folder."""
    mark = temporary_beside(folder / MARK)
    try:
        mark.touch()
    except OSError as error:
        raise StoreError(f"the store must be writable; got {error.strerror} ({folder})") from error
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def refuse_unfit(study: str, code: str, libraries: Mapping[str, str], device_type: str, mark: Path) -> None:
    """Raise UnfitWorker unless this process sees the driver's store and computes what the driver would.

    Parameters
    ----------
    study : str
        Target of the study's class.
    code : str
        Digest of the code that the driver's plan names.
    libraries : mapping of str to str
        Versions that it names.
    device_type : str
        ``cpu``, ``cuda`` or ``mps``, as it names.
    mark : Path
        A file that the driver has just made in the store.
    """
    host = f"worker {os.getpid()} on {socket.gethostname()}"
    if not mark.is_file():
        raise UnfitWorker(
            f"a worker must see the run's own folder under the same path; got another or none ({mark.parent}, {host})"
        )
    try:
        own_code, own_libraries = made_by(study)
    except CogattnError as error:
        raise UnfitWorker(f"a worker must have the study's code; got: {error} ({host})") from error
    if own_code != code:
        raise UnfitWorker(
            f"a worker must have the driver's code; got {own_code[:8]}, not {code[:8]} ({host})"
        )
    other = sorted(name for name in libraries if own_libraries.get(name) != libraries[name])
    if other:
        versions = ", ".join(f"{name} {own_libraries.get(name)}, not {libraries[name]}" for name in other)
        raise UnfitWorker(f"a worker must have the driver's versions of libraries; got {versions} ({host})")
    if device_type == "cuda" and best_device() != "cuda":
        raise UnfitWorker(f"a worker must have the device cuda; got none that torch can use ({host})")
