"""A coin study that writes down each start of a cell; drivers in other processes import it by name."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import pandas as pd

from cogattn.seeds import Streams
from cogattn.testing.coin import CoinCell, CoinConfig, CoinStudy

TARGET = "journal_study:JournalStudy"
VARIABLE = "COGATTN_TEST_JOURNAL"
"""Where it is written, apart from the settings: a run is the same run wherever that is."""


HOST = "COGATTN_TEST_HOST"
"""What the host is called in it, if not by its name."""


class JournalStudy(CoinStudy):
    """Coins whose tosses are written down."""

    name: ClassVar[str] = "journal"

    def run_cell(self, config: CoinConfig, cell: CoinCell, rng: Streams) -> pd.DataFrame:
        write(Path(os.environ[VARIABLE]), f"{cell.coin}/{cell.part}")
        return super().run_cell(config, cell, rng)


def write(journal: Path, line: str) -> None:
    """Append a line in one call, so that lines of several processes do not mix."""
    handle = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(
        handle,
        f"{line} {os.getpid()} {os.environ.get(HOST, os.uname().nodename)} {time.monotonic()}\n".encode(),
    )
    os.close(handle)


def starts(journal: Path) -> Counter[str]:
    """How often each cell was begun."""
    lines = journal.read_text().splitlines() if journal.exists() else []
    return Counter(line.split()[0] for line in lines)


def able_s(journal: Path, deaths: Mapping[str, Sequence[float]], end: float, *, cell_s: float) -> float:
    """Seconds in which hosts could work: from the first cell of each life of a host to its death, or to the `end`.

    `deaths` are times of `time.monotonic` by host; a process that another one of its host follows without one ended
    with its last cell.
    """
    begun = defaultdict(list)
    for line in journal.read_text().splitlines():
        _, pid, host, at = line.split()
        begun[host].append((float(at), pid))
    able = 0.0
    for host, starts_of in begun.items():
        first = None
        for (at, pid), (later, follower) in pairwise([*sorted(starts_of), (end, "")]):
            first = at if first is None else first
            died = [death for death in deaths.get(host, ()) if at < death <= later]
            if died or pid != follower:
                able += (died[0] if died else later if not follower else min(later, at + cell_s)) - first
                first = None
    return able
