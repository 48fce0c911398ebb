"""What a cell costs the store: CPU per cell to lease, to look for and to write, beside 100 and 100,000 stored ones.

    python benchmarks/store_scale.py [--most 100000]

First a check: what is written comes back. The other cells are files of the right name in the right place; nothing that
is timed opens them. The time of the disk is not counted, only that of the processor.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import pandas as pd

from cogattn.running.cells import CellStore
from cogattn.running.leases import Leases
from cogattn.running.records import CellRecord
from cogattn.study import Outcome

TABLES = {"tosses": {"observer": "str", "correct": "bool"}}
TRIALS = pd.DataFrame({"observer": ["coin"] * 50, "correct": [True] * 50})
N_TIMED = 300


def record(number: int) -> CellRecord:
    return CellRecord(
        study="coin", cell={"part": number}, settings={"tosses": 50}, contents={}, code="c" * 64,
        libraries={"numpy": "2"}, device="cpu", cpu="",
    )  # fmt: skip


def fill(store: CellStore, start: int, stop: int) -> None:
    for number in range(start, stop):
        path = store.path(record(10**6 + number).name)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


def cpu_ms_per_cell(store: CellStore, start: int) -> float:
    """Best of five: other processes slow a shared machine, nothing makes it faster."""
    times = []
    for attempt in range(5):
        records = [record(start + attempt * N_TIMED + n) for n in range(N_TIMED)]
        begun = time.process_time()
        for r in records:
            if not store.has(r.name):
                store.write(r, Outcome({"tosses": TRIALS}), TABLES)
        times.append(1000 * (time.process_time() - begun) / N_TIMED)
    back = store.read(record(start).name)[1].trials["tosses"]
    if not back.equals(TRIALS):
        raise SystemExit("what is read is not what was written")
    return min(times)


def lease_ms_per_cell(store: CellStore, start: int) -> tuple[float, float]:
    """CPU and wall time to lease a cell and give it back, as a driver does it; best of five."""
    times = []
    with Leases(store) as leases:
        for attempt in range(5):
            names = [record(start + attempt * N_TIMED + n).name for n in range(N_TIMED)]
            begun, begun_wall = time.process_time(), time.perf_counter()
            for name in names:
                if leases.take(name) is not None or store.has_by_now(name):
                    raise SystemExit("a cell that nobody has is leased or stored")
                leases.release(name)
            ended, ended_wall = time.process_time(), time.perf_counter()
            times.append((ended - begun, ended_wall - begun_wall))
    cpu_s, wall_s = (min(column) for column in zip(*times, strict=True))
    return 1000 * cpu_s / N_TIMED, 1000 * wall_s / N_TIMED


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=100_000)
    most = parser.parse_args().most
    with tempfile.TemporaryDirectory() as folder:
        store, stored, first = CellStore(Path(folder), "coin"), 0, None
        print("stored cells   CPU per cell   ratio to 100   of it a lease (wall)")
        for n in (100, 1_000, 10_000, 100_000, 1_000_000):
            if n > most:
                break
            fill(store, stored, n)
            stored = n
            ms = cpu_ms_per_cell(store, start=-n * 10)
            lease_ms, wall_ms = lease_ms_per_cell(store, 10**8 + n * 10)
            ms += lease_ms
            first = first or ms
            print(f"{n:12,}   {ms:9.2f} ms   {ms / first:12.2f}   {lease_ms:7.2f} ms ({wall_ms:.2f} ms)")


if __name__ == "__main__":
    main()
