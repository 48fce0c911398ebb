"""Leases: a cell under way belongs to one driver, so that several drivers of one store share its cells.

Before a driver submits a cell it takes a lease, the file ``leases/<study>/<cell>.<n>``, and gives it back when the
cell is stored or has failed. Others skip a leased cell and come back to it. The lease that counts is the one with the
largest n: who finds lease n stale (`cogattn.running.holders`) takes the cell over by making n + 1, and of several who
try one does.

A lease is a hard link to its driver's file: one call, which fails where something stands there already, on a file
server too. Without hard links it is a file of the same content, made exclusively.

Who is called stale and is not (a process that was stopped, a host that was cut off) computes its cell beside its
successor: equal bytes, of which the store keeps one. So a cell is computed at least once, and more often only where
somebody died or fell silent.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cogattn.errors import StoreError
from cogattn.running.cells import CELL_NAME, CellStore, entries
from cogattn.running.holders import BEAT_S, HOLDER_FILE, Holder, Pulse, Watch, read_holder

LEASES = "leases"
LEASE_FILE = re.compile(r"(?P<what>[0-9a-f]{12}|[0-9a-f]{32}-[0-9a-f]{16})\.(?P<n>\d{1,6})")
"""Leases on cells, and on the tables of a run."""
POLL_S = 1.0
"""Most often that somebody else's cells are asked for."""
UNKNOWN = Holder(token="0" * 16, host="another", pid=1, beat_s=BEAT_S)
"""Who holds a lease that cannot be read: it is being written, or was when the power failed."""


class Leases:
    """The leases of one driver on cells of one study: a context, which gives back all of them at its end.

    Parameters
    ----------
    store : CellStore
        The cells.
    beat_s : float
        Seconds between two signs of life.

    Raises
    ------
    StoreError
        If the folder cannot be written, or a symbolic link could lead out of the store.
    """

    def __init__(self, store: CellStore, *, beat_s: float = BEAT_S) -> None:
        self.holder = Holder.of_this_process(beat_s)
        self._store, self._folder = store, _folder(store)
        self._pulse = Pulse(self.holder, self._folder.parent)
        self._watch = Watch()
        self._own: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._make_folder()
        self._pulse.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._own):
            self.release(name)
        for path in self._watch.dead():
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self._pulse.stop()

    @property
    def poll_s(self) -> float:
        """Seconds after which to ask again for what others have."""
        return min(POLL_S, self.holder.beat_s)

    def take(self, name: str) -> Holder | None:
        """Lease the cell, or the run, of this name; return None, or the driver that has it.

        Whoever takes a lease asks the store again, for leases are given back after their cells are stored.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        n = 0
        while name not in self._own:
            path = self._folder / f"{name}.{n}"
            if self._made(path):
                self._own[name] = n
                break
            try:
                holder = read_holder(path) or UNKNOWN
            except FileNotFoundError:  # given back meanwhile
                n = 0
                continue
            if holder.token == self.holder.token:  # made all the same: a file server's answer was lost
                self._own[name] = n
            elif self._is_stale(holder, path):
                n += 1
            else:
                return holder
        return None

    def release(self, name: str) -> None:
        """Give a lease back, and those that it took over; nothing where it is not ours."""
        for n in range(self._own.pop(name, -1) + 1):  # ours last: the one that counts must be the largest
            with suppress(OSError):
                (self._folder / f"{name}.{n}").unlink(missing_ok=True)

    @contextmanager
    def alone(self, name: str, waiting: Callable[[Holder], None]) -> Generator[None]:
        """Hold the lease of this name while the block runs; `waiting` is told who has it until then."""
        while (holder := self.take(name)) is not None:
            waiting(holder)
            time.sleep(self.poll_s)
        try:
            yield
        finally:
            self.release(name)

    def look(self) -> None:
        """Look whether the drivers that were met are still alive, as far as it is time to."""
        self._watch.look()

    def sweep(self) -> None:
        """Remove what drivers that were killed have left: leases on stored cells, and all that is of this host.

        A driver of another host cannot be asked: it is watched from now on, and its file removed at the end of this
        context if it has fallen silent by then.
        """
        for path in entries(self._folder):
            match = LEASE_FILE.fullmatch(path.name)
            if match is None:
                continue
            if CELL_NAME.fullmatch(match["what"]) and self._store.has(match["what"]):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            elif self.take(match["what"]) is None:
                self.release(match["what"])
        for path in entries(self._folder.parent):
            if not HOLDER_FILE.fullmatch(path.name):
                continue
            with suppress(OSError):
                holder = read_holder(path)
                if holder is not None and holder.is_gone:
                    path.unlink(missing_ok=True)
                elif holder is not None and holder.token != self.holder.token:
                    self._watch.meet(path, holder.beat_s)

    def _is_stale(self, holder: Holder, lease: Path) -> bool:
        if holder is UNKNOWN:
            return self._watch.is_stale(lease, self.holder.beat_s)
        source = self._folder.parent / f"{holder.token}.json"
        return holder.is_gone or self._watch.is_stale(source, holder.beat_s)

    def _made(self, path: Path) -> bool:
        """Whether this call has made the lease."""
        try:
            try:
                os.link(self._pulse.file, path)
            except FileNotFoundError:  # somebody has cleared the folder
                self._make_folder()
                self._pulse.write()
                os.link(self._pulse.file, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without hard links, or one that takes nothing at all
            return _made_exclusively(path, self.holder.packed(0))
        return True

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the store must be writable; got {error.strerror} ({self._folder})") from error


def at_work(store: CellStore, names: Collection[str]) -> Counter[str]:
    """Return who has leases on how many of these cells, the dead of other hosts included.

    Parameters
    ----------
    store : CellStore
        The cells.
    names : collection of str
        Those that are asked for.
    """
    latest: dict[str, tuple[int, Path]] = {}
    for path in entries(_folder(store)):
        match = LEASE_FILE.fullmatch(path.name)
        if match and match["what"] in names:
            latest[match["what"]] = max(latest.get(match["what"], (-1, path)), (int(match["n"]), path))
    found: Counter[str] = Counter()
    for _, path in latest.values():
        with suppress(FileNotFoundError):
            holder = read_holder(path)
            found[str(holder) if holder else "another process"] += not (holder and holder.is_gone)
    return +found


def forget(store: CellStore, names: Collection[str]) -> None:
    """Remove all leases on cells that are deleted."""
    for path in entries(_folder(store)):
        match = LEASE_FILE.fullmatch(path.name)
        if match and match["what"] in names:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _folder(store: CellStore) -> Path:
    """Where the study's leases are; StoreError where a symbolic link could lead out of the store."""
    folder = store.root / LEASES / store.study
    for path in (folder.parent, folder):
        if path.is_symlink():
            raise StoreError(f"paths of a store must not be symbolic links; got {path} -> {path.readlink()}")
    return folder


def _made_exclusively(path: Path, data: bytes) -> bool:
    """Whether this call has made the file, without a hard link."""
    try:
        with open(path, "xb") as file:
            try:
                file.write(data)
                file.flush()
            except OSError:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"the store must be writable; got {error.strerror} ({path.parent})") from error
    return True
