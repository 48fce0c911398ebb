"""Sequence Score and MultiMatch in batches beside what the field uses, pair by pair; answers are compared first.

The peer of the Sequence Score is the alignment loop that scanpath repositories share, written out here with numpy
scalars as they have it; that of MultiMatch is the package multimatch-gaze.

    OMP_NUM_THREADS=1 python benchmarks/scanpath_metrics.py [--pairs 20000] [--fixations 15]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import multimatch_gaze
import numpy as np
from ratios import add_json, ratio, write

from cogattn.psychophysics.scanpath.metrics import multimatch, sequence_score

SCREEN = (1680, 1050)
FEW = 300
"""Pairs that the peers compare: they take milliseconds each."""


def aligned_loop(a: np.ndarray, b: np.ndarray) -> float:
    """Needleman and Wunsch's table, a cell at a time, gaps free."""
    table = np.zeros((len(a) + 1, len(b) + 1))
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            match = table[i - 1, j - 1] + (a[i - 1] == b[j - 1])
            table[i, j] = np.max((match, table[i - 1, j], table[i, j - 1]))
    return float(table[-1, -1] / max(len(a), len(b)))


def gaze_package(a: np.ndarray, b: np.ndarray) -> list[float]:
    return multimatch_gaze.docomparison(_record(a), _record(b), list(SCREEN))


def _record(path: np.ndarray) -> np.ndarray:
    kinds = [("start_x", float), ("start_y", float), ("duration", float)]
    return np.array([tuple(row) for row in path], dtype=kinds)


def cpu_us(work: Callable[[], object], n: int, repeats: int = 3) -> float:
    """Least CPU time a pair in microseconds."""
    best = float("inf")
    for _ in range(repeats):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best / n * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--fixations", type=int, default=15)
    add_json(parser)
    options = parser.parse_args()
    rng, n, k = np.random.default_rng(0), options.pairs, options.fixations
    objects = [[rng.integers(0, 84, k) for _ in range(n)] for _ in range(2)]
    paths = [
        [np.column_stack([rng.random((k, 2)) * SCREEN, rng.integers(80, 600, k)]) for _ in range(n)]
        for _ in range(2)
    ]

    def few(loop: Callable, pairs: list[list[np.ndarray]]) -> list:
        return [loop(a, b) for a, b in zip(pairs[0][:FEW], pairs[1][:FEW], strict=True)]

    contests = {
        "Sequence Score": (aligned_loop, objects, lambda: sequence_score(*objects)),
        "MultiMatch": (gaze_package, paths, lambda: multimatch(*paths, SCREEN)),
    }
    print(f"{n} pairs of {k} fixations, CPU microseconds a pair, one thread")
    rows, peers = (
        [],
        {"Sequence Score": "the alignment loop of scanpath repositories", "MultiMatch": "multimatch-gaze"},
    )
    for name, (loop, pairs, batch) in contests.items():
        difference = float(np.abs(np.asarray(few(loop, pairs)) - batch()[:FEW]).max())
        if difference > 1e-9:
            print(f"{name}: answers differ by {difference:.1e}: no ratio")
            return 1
        theirs, ours = cpu_us(lambda loop=loop, pairs=pairs: few(loop, pairs), FEW), cpu_us(batch, n)
        print(f"{name:16} loop {theirs:8.1f}   batch {ours:6.2f}   ratio {theirs / ours:6.1f}")
        rows.append(ratio(f"{name}, {k} fixations", peers[name], ours, theirs, "CPU µs a pair"))
    write(options.json, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
