"""Every side-by-side benchmark, one after the other, and all ratios in one table with the peers' versions.

    python benchmarks/all.py                           # on a quiet machine
    python benchmarks/all.py --quick                   # short forms: they say whether it runs, not how fast
    python benchmarks/all.py --only consistency efr
    python benchmarks/all.py --peer-python OTHER/bin/python    # avalanche-lib as well, in an environment of its own

Each script compares answers before times and is usable by itself; this one runs it on one thread and reads what it
writes with ``--json``. A full run is kept as ``results/DATE-COMMIT.json`` and ``.md`` with processor and versions. A
script that fails or misses a goal of its own is named at the end, and the exit status is 1. What takes a GPU is in
``gpu.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ratios import Ratio, ratio

from cogattn.running.environment import cpu_name, git_commit

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OURS = ("cogattn", "torch", "numpy", "scipy")
Reader = Callable[[object], Iterator[Ratio]]


def plain(document: object) -> Iterator[Ratio]:
    """Rows that are written in the form of `ratios.Ratio` already."""
    yield from document  # ty: ignore[not-iterable]


def attention(document) -> Iterator[Ratio]:
    """Rows of ``attention_decoding.py``; one whose answers differ has no ratio and is left out."""
    for row in document:
        if row["ratio"] is not None:
            yield ratio(
                row["case"], "torch.nn.Transformer, or ours anew", row["ours_ms"], row["theirs_ms"], "CPU ms"
            )


def kernels(document) -> Iterator[Ratio]:
    """Rows of ``kernels_cpu.py``: one for each peer whose answers are right."""
    for row in document:
        for name, verdict in row["verdicts"].items():
            sides = (row["methods"][one]["seconds"] for one in (verdict["ours"], name))
            yield ratio(f"{row['case']}, {verdict['ours']}", name, *sides)


def searches(document) -> Iterator[Ratio]:
    """Rows of ``search.py``: seconds a search, the reference's passes one a fixation."""
    for name, row in document["rows"].items():
        if "reference" not in name:
            theirs = row["ratio"] * row["search_s"]
            yield ratio(name, "reference form of eccNET", row["search_s"], theirs, "CPU s a search")


def engines(document) -> Iterator[Ratio]:
    """Rows of ``engines.py`` that have a peer: seconds on two workers."""
    for row in document:
        if "joblib" in row:
            yield ratio(
                row["case"], "joblib, two workers", row["cogattn"]["two_s"], row["joblib"]["two_s"], "s"
            )


@dataclass(frozen=True)
class Benchmark:
    """A script of this folder, what to add for its short form, whom it is held against, and how it is read."""

    name: str
    peers: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    read: Reader = plain

    @property
    def script(self) -> Path:
        """Where it is."""
        return HERE / f"{self.name}.py"


BENCHMARKS = (
    Benchmark("aad", ("mtrf", "fftrf"), ("--trials", "8")),
    Benchmark("aad_command", (), ("--trials", "12", "--repeats", "1")),
    Benchmark("attention_decoding", ("torch",), ("--quick", "--rounds", "1"), read=attention),
    Benchmark("consistency", (), ("--networks", "8", "--trials", "200", "--pairs", "4")),
    Benchmark(
        "efr", ("scipy", "mne-connectivity"), ("--channels", "4", "--minutes", "1"), ("--threads", "1")
    ),
    Benchmark("engines", ("joblib",), ("efficiency", "--studies", "masking"), ("efficiency",), engines),
    Benchmark("foveated_cost", ("timm",), ("--sides", "224", "--rounds", "1")),
    Benchmark("kernels_cpu", ("torch",), ("--quick", "--rounds", "1"), read=kernels),
    Benchmark("masking_channel", ("scipy",), ("--networks", "1", "--repeats", "1")),
    Benchmark("masking_stimuli", ("pyrtools",), ("--repeats", "1")),
    Benchmark("scanpath_metrics", ("multimatch-gaze",), ("--pairs", "500")),
    Benchmark("search", ("torch",), ("--rounds", "1"), read=searches),
)
REHEARSAL = Benchmark("rehearsal", (), ("--rounds", "1"))


@dataclass(frozen=True)
class Outcome:
    """What a benchmark said: its ratios, seconds, and what one complained of that ended with something else than 0."""

    name: str
    rows: tuple[Ratio, ...]
    seconds: float
    complaint: str = ""


def run(benchmark: Benchmark, *, quick: bool, more: Sequence[str] = ()) -> Outcome:
    """Run a benchmark in a process of its own, on one thread, and read what it has written."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ratios.json"
        words = [*(benchmark.quick if quick else benchmark.full), *more]
        command = [sys.executable, str(benchmark.script), *words, "--json", str(file)]
        began = time.monotonic()
        done = subprocess.run(
            command,
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        rows = tuple(benchmark.read(json.loads(file.read_text()))) if file.is_file() else ()
    said = ((done.stderr.strip() if not rows else "") or done.stdout.strip()).splitlines() or ["no message"]
    missed = [" ".join(line.split()) for line in said if "MISSED" in line or "WRONG" in line]
    complaint = "; ".join(missed or said[-1:]) if done.returncode else ""
    return Outcome(benchmark.name, rows, seconds, complaint)


def versions(names: Sequence[str]) -> dict[str, str]:
    """Versions of distributions; a word for one that is not installed."""
    found = {}
    for name in dict.fromkeys(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def table(outcomes: Sequence[Outcome]) -> str:
    """Every ratio in one table of Markdown."""
    lines = ["| benchmark | case | peer | ours | theirs | | ratio |", "|---|---|---|---|---|---|---|"]
    for one in outcomes:
        for row in one.rows:
            case, peer = (row[name].replace("|", "/") for name in ("case", "peer"))
            sides = f"{row['ours']:.3g} | {row['theirs']:.3g} | {row['unit']}"
            lines.append(f"| {one.name} | {case} | {peer} | {sides} | {row['ratio']:.2f} |")
    return "\n".join(lines)


def record(chosen: Sequence[Benchmark], outcomes: Sequence[Outcome]) -> dict:
    """What a run is kept as: when, where, of what, and all ratios."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": git_commit(HERE.parent) or "unknown",
        "processor": cpu_name(),
        "platform": platform.platform(),
        "versions": versions([*OURS, *(peer for one in chosen for peer in one.peers)]),
        "seconds": {one.name: round(one.seconds, 1) for one in outcomes},
        "complaints": {one.name: one.complaint for one in outcomes if one.complaint},
        "ratios": {one.name: list(one.rows) for one in outcomes},
    }


def keep(kept: dict, text: str, folder: Path) -> Path:
    """Write a run as JSON and Markdown, named by date and commit."""
    folder.mkdir(exist_ok=True)
    stem = folder / f"{kept['date']}-{kept['commit'][:7]}"
    stem.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    head = [f"# Benchmarks of {kept['date']}", "", *(f"- {line}" for line in about(kept)), "", text, ""]
    stem.with_suffix(".md").write_text("\n".join(head), encoding="utf-8")
    return stem.with_suffix(".md")


def about(kept: dict) -> list[str]:
    """Where a run was made, a line each."""
    known = ", ".join(f"{name} {found}" for name, found in kept["versions"].items())
    lines = [f"commit {kept['commit']}", f"{kept['processor']}, {kept['platform']}", known]
    return lines + [f"{name}: {said}" for name, said in kept["complaints"].items()]


def main(words: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit status is 1 where a benchmark failed or missed a goal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [one.name for one in (*BENCHMARKS, REHEARSAL)]
    parser.add_argument("--quick", action="store_true", help="the short form of each; nothing is kept")
    parser.add_argument("--only", nargs="+", choices=names, help="these alone; nothing is kept")
    parser.add_argument("--peer-python", help="a Python with avalanche-lib, for the benchmark of rehearsal")
    options = parser.parse_args(words)
    peer = ("--peer-python", options.peer_python) if options.peer_python else ()
    chosen = [*BENCHMARKS, *([REHEARSAL] if peer else ())]
    chosen = [one for one in chosen if not options.only or one.name in options.only]
    outcomes = []
    for one in chosen:
        print(f"{one.name} ...", file=sys.stderr, flush=True)
        outcomes.append(run(one, quick=options.quick, more=peer if one is REHEARSAL else ()))
        print(
            f"{table(outcomes[-1:])}\n{outcomes[-1].seconds:.0f} s {outcomes[-1].complaint}",
            file=sys.stderr,
            flush=True,
        )
    text, kept = table(outcomes), record(chosen, outcomes)
    print("\n".join([text, "", *about(kept)]))
    if not (options.quick or options.only):
        print(f"kept: {keep(kept, text, RESULTS)}")
    return 1 if kept["complaints"] else 0


if __name__ == "__main__":
    sys.exit(main())
