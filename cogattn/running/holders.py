"""Drivers at work in a store: each counts in a file of its own, and is dead when it counts no more.

No clock of one host is compared with that of another. A driver says that it is alive by a count that grows once a beat
in ``leases/<token>.json``; an observer calls it stale after three looks, each a beat of its own clock after the one
before, that saw the same. An observer that was itself asleep has looked once, however long it slept. A process of the
same host is stale as soon as it is gone.

The count is written in place: a client of a file server may go on reading a file that was replaced for as long as it
remembers the folder, which is longer than three beats.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError

from cogattn.errors import StoreError
from cogattn.running.atomic import alive, read_regular
from cogattn.running.records import Record

log = logging.getLogger(__name__)

BEAT_S = 10.0
BEATS = 3
"""Looks without a new count after which a driver counts as dead."""
HOLDER_FILE = re.compile(r"[0-9a-f]{16}\.json")
HOLDER_BYTES = 1024
"""Length of a driver's file whatever its count, so that it can be written in place."""


class Holder(Record):
    """A driver as it describes itself: a process that has cells computed, by itself or by whatever executor."""

    token: str = Field(pattern=r"^[0-9a-f]{16}$")
    host: str = Field(pattern=r"^[A-Za-z0-9_.?-]+$", max_length=255)
    pid: int = Field(ge=1)
    boot: str = Field(default="", max_length=64)
    """Of the host, by its kernel; empty where it does not tell."""
    namespace: str = Field(default="", max_length=64)
    """In which the process has its number."""
    born: str = Field(default="", max_length=64)
    """When the process started, in ticks of its kernel: numbers come again."""
    beat_s: float = Field(gt=0, le=3600)
    beat: int = Field(default=0, ge=0)
    """How often it has said that it is alive."""

    @classmethod
    def of_this_process(cls, beat_s: float) -> Holder:
        """Return a new driver, of this process."""
        boot, namespace = _here()
        return cls(
            token=secrets.token_hex(8),
            host=re.sub(r"[^A-Za-z0-9_.-]", "?", socket.gethostname())[:255] or "?",
            pid=os.getpid(),
            boot=boot,
            namespace=namespace,
            born=_born(os.getpid()),
            beat_s=beat_s,
        )

    def __str__(self) -> str:
        return f"{self.host}, process {self.pid}"

    @property
    def is_gone(self) -> bool:
        """Whether it was a process of this host and is no more; False where that cannot be told."""
        if not (self.boot and self.namespace) or (self.boot, self.namespace) != _here():
            return False
        return not alive(self.pid) or self.born != _born(self.pid)

    def packed(self, beat: int) -> bytes:
        """Return the bytes of its file at this count."""
        return self.model_copy(update={"beat": beat}).model_dump_json().encode().ljust(HOLDER_BYTES)


def read_holder(path: Path) -> Holder | None:
    """Return the driver that a file describes; None where it describes none (yet).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    """
    try:
        return Holder.model_validate_json(read_regular(path, limit=4 * HOLDER_BYTES))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, ValidationError):
        return None


class Pulse:
    """Counts in this driver's file, once a beat, from `start` to `stop`.

    Parameters
    ----------
    holder : Holder
        This driver.
    folder : Path
        Where its file lies.
    """

    def __init__(self, holder: Holder, folder: Path) -> None:
        self.holder, self.file = holder, folder / f"{holder.token}.json"
        self._beat, self._told = 0, False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._count, daemon=True, name="pulse")

    def start(self) -> None:
        """Write the file and begin to count; raise StoreError where it cannot be written."""
        try:
            self.write()
        except StoreError:
            self._remove()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Count no more, and remove the file."""
        self._end.set()
        self._thread.join()
        self._remove()

    def write(self) -> None:
        """Write the file as it is to be now; raise StoreError where the folder or the disk refuses."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.file, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
            with os.fdopen(handle, "wb") as file:
                file.write(self.holder.packed(self._beat))
        except OSError as error:
            raise StoreError(
                f"the store must be writable; got {error.strerror} ({self.file.parent})"
            ) from error

    def _remove(self) -> None:
        with suppress(OSError):
            self.file.unlink(missing_ok=True)

    def _count(self) -> None:
        while not self._end.wait(self.holder.beat_s):
            self._beat += 1
            try:
                self.write()
            except StoreError as error:
                if not self._told:
                    log.warning("%s; others may compute the same cells", error)
                self._told = True


@dataclass
class _Sight:
    """What was last seen of a driver."""

    source: Path
    every_s: float
    content: bytes | None
    at: float
    misses: int = 0

    def look(self) -> bool:
        """Whether three looks in a row have seen the same; looks again if the last one is a beat ago."""
        now = time.monotonic()
        if now - self.at >= self.every_s:
            content = _content(self.source)
            self.misses = self.misses + 1 if content == self.content else 0
            self.content, self.at = content, now
        return self.misses >= BEATS


@dataclass
class Watch:
    """What one observer has seen of the drivers that it met, by its own clock."""

    _seen: dict[Path, _Sight] = field(default_factory=dict)

    def meet(self, source: Path, every_s: float) -> None:
        """Begin to look at the file of a driver, every `every_s`, unless it is known already."""
        if source not in self._seen:
            self._seen[source] = _Sight(source, every_s, _content(source), time.monotonic())

    def is_stale(self, source: Path, every_s: float) -> bool:
        """Whether the file at `source` has not changed in three looks, each `every_s` after the one before."""
        self.meet(source, every_s)
        return self._seen[source].look()

    def look(self) -> None:
        """Look at all of them as far as it is time to, so that who has died is known before it is asked for."""
        for sight in self._seen.values():
            sight.look()

    def dead(self) -> list[Path]:
        """Return the files of those that are stale."""
        return [path for path, sight in self._seen.items() if sight.misses >= BEATS]


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path, limit=4 * HOLDER_BYTES)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=1)
def _here() -> tuple[str, str]:
    """Boot of this host and namespace of this process: equal for processes that see each other's numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return boot[:64], str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:  # no Linux
        return "", ""


def _born(pid: int) -> str:
    """When a process started, as the kernel counts; empty where it does not tell."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
