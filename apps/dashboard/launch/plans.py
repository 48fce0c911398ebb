"""What a run would take, asked of the command line's ``--dry-run`` in a process of its own.

The study's check looks at files and may import torch, which takes seconds; a page asks and looks again, and the others
are not held up. Plans are remembered by what was asked, so that a second tab has them at once; none is worth keeping
beyond the server.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cogattn.config import StudyConfig
from cogattn.running.atomic import sealed
from cogattn.running.records import ConfigRecord
from cogattn.running.store import config_record

TIMEOUT_S = 180.0
KEPT = 64
"""Plans that are remembered."""
TOLD = "cogattn: "
"""Begins what the command line complains of."""
SUM = re.compile(
    r"(?P<cells>\d+) cells, (?P<stored>\d+) stored, (?P<missing>\d+) to compute: about (?P<times>.+), "
    r"(?P<memory>[\d.na]+ GB) of memory"
)


@dataclass(frozen=True)
class Planned:
    """What the command line said.

    Parameters
    ----------
    taken : bool
        Whether the study takes the settings.
    text : str
        The plan, or the sentence of what is wrong.
    at : str
        When it was asked, ISO 8601 in UTC.
    """

    taken: bool
    text: str
    at: str

    @property
    def sums(self) -> dict[str, str]:
        """Cells, stored, missing, times and memory in words; empty where nothing was planned."""
        found = SUM.search(self.text) if self.taken else None
        return found.groupdict() if found else {}


class Planner:
    """Asks one plan at a time, in the order of the questions."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="plan")
        self._futures: OrderedDict[tuple[str, str, int | None], Future[Planned]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, study: str, config: StudyConfig, workers: int | None) -> None:
        """Ask for a plan, anew if it is known already."""
        with self._lock:
            known = self._futures.get((study, config.digest(), workers))
            if known is not None and not known.done():
                return
            record = config_record(study, config)
            future = self._executor.submit(planned, self._root, record, workers)
            self._futures[study, config.digest(), workers] = future
            while len(self._futures) > KEPT:
                self._futures.popitem(last=False)[1].cancel()

    def told(self, study: str, config: StudyConfig, workers: int | None) -> Future[Planned] | None:
        """Return the plan that was asked for, done or not; None where it was not."""
        with self._lock:
            return self._futures.get((study, config.digest(), workers))


def planned(root: Path, record: ConfigRecord, workers: int | None) -> Planned:
    """Run ``cogattn STUDY --dry-run`` on a run's settings and return what it says."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ConfigRecord.file
        path.write_bytes(sealed(record.model_dump(mode="json")))
        words = [record.study, "--config", str(path), "--out", str(root), "--dry-run"]
        words += ["--workers", str(workers)] if workers else []
        try:
            done = subprocess.run(
                [sys.executable, "-m", "cogattn.cli", *words],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Planned(False, f"a plan must be told within {TIMEOUT_S:.0f} s; got none", at)
    said, complaint = (part.decode(errors="replace").strip() for part in (done.stdout, done.stderr))
    if done.returncode == 0:
        return Planned(True, said, at)
    return Planned(False, complaint.rpartition(TOLD)[2] or f"the plan ended with code {done.returncode}", at)
