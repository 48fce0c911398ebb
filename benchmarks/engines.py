"""What running costs beside the work: efficiency on two workers beside joblib, time lost between cells, CPU a cell.

    python benchmarks/engines.py [efficiency] [between] [stored] [--studies masking aad] [--json FILE]

Run it on a quiet machine of at least two cores. *Efficiency* is the time of the cells of one study on one worker over
twice that on two, from the moment that the plan is made: starts of workers, imports and weights are in it, tables and
figures are not. joblib's workers call the same function on the same cells; the trials of both are compared first.
*Between* has cells that wait for a second each: what two workers take beyond it, from the first cells that were
finished to the last. *Stored* is the CPU of all processes for a cell that does next to nothing beside 10,000 that are
stored. The exit status is 1 where a goal is missed: 85 %, 5 % and 20 ms.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # one thread a worker on both sides

import psutil
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor

from cogattn.config import StudyConfig
from cogattn.running.checkpoints import Checkpoint
from cogattn.running.crew import Progress
from cogattn.running.engines import checked_engine
from cogattn.running.execute import Execution, loaded_study, open_run, run_cell, run_study
from cogattn.running.executors import keep_freed_memory
from cogattn.running.identity import PlannedCell, make_plan
from cogattn.study import Outcome

COIN = "cogattn.testing.coin:CoinStudy"
DESIGNS: dict[str, dict] = {
    "masking": {"images": {"kind": "procedural", "n_images": 4096}},
    "aad": {"recordings": {"kind": "simulated_talkers", "n_listeners": 8, "n_trials": 20}},
}
EFFICIENT, MOST_BETWEEN, MOST_CPU_MS = 0.85, 0.05, 20.0
N_STORED, N_MORE, N_WARM = 10_000, 1_000, 100


class Event(NamedTuple):
    """How many cells were stored, when, and the CPU of this process and its children until then."""

    stored: int
    wall_s: float
    cpu_s: float


class AllStored(Exception):
    """All cells are stored, and nothing else is wanted."""


def events_of(
    study: str, config: StudyConfig, out: Path, execution: Execution, *, cells_only: bool = False
) -> list[Event]:
    """Run a study, or its cells only, and return an event at its start and for each cell."""
    me, found = psutil.Process(), []

    def tell(progress: Progress) -> None:
        if found and progress.stored == found[-1].stored:
            return  # what follows the cells
        processes = [me, *me.children(recursive=True)]
        cpu_s = sum(sum(process.cpu_times()[:2]) for process in processes)
        found.append(Event(progress.stored, time.perf_counter(), cpu_s))
        if cells_only and progress.stored == progress.total:
            raise AllStored

    with suppress(AllStored):
        run_study(study, config, out=out, execution=execution, on_progress=tell)
    return found


def in_a_process(function: Callable, *arguments: object):
    """Call a function in a process of its own, which has imported nothing yet and may start workers."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_send, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        sys.exit(f"{function.__name__}{arguments} failed")
    finally:
        process.join()


def _send(pipe, function: Callable, arguments: Sequence[object]) -> None:
    pipe.send(function(*arguments))


# efficiency


def by_cogattn(study: str, workers: int) -> tuple[float, dict[str, Outcome]]:
    """Seconds of the cells, and their trials by name."""
    loaded = loaded_study(study)
    config = loaded.Config.model_validate(DESIGNS[study])
    with tempfile.TemporaryDirectory() as folder:
        events = events_of(study, config, Path(folder), Execution(workers=workers), cells_only=True)
        run, plan = open_run(loaded, config, Path(folder)), make_plan(loaded, config)
        stored = {cell.name: run.cells.read(cell.name)[1] for cell in plan.cells}
    return events[-1].wall_s - events[0].wall_s, stored


def by_joblib(study: str, workers: int) -> tuple[float, dict[str, Outcome]]:
    """The same of a pool that stores nothing and knows nothing of cells."""
    from engines import one_cell  # by a name that workers can import: this process is of another

    loaded = loaded_study(study)
    config = loaded.Config.model_validate(DESIGNS[study])
    loaded.check(config)
    cells = make_plan(loaded, config).cells
    begun = time.perf_counter()
    outcomes = Parallel(n_jobs=workers)(delayed(one_cell)(study, cell) for cell in cells)
    seconds = time.perf_counter() - begun
    get_reusable_executor().shutdown()  # its workers would wait for more for minutes
    return seconds, dict(zip((cell.name for cell in cells), outcomes, strict=True))


def one_cell(study: str, planned: PlannedCell) -> Outcome:
    keep_freed_memory()  # as ours do
    loaded = loaded_study(study)
    return run_cell(loaded, loaded.Config.model_validate_json(planned.settings), planned.cell, Checkpoint())


def equal(ours: dict[str, Outcome], theirs: dict[str, Outcome]) -> bool:
    return ours.keys() == theirs.keys() and all(
        outcome.trials.keys() == theirs[name].trials.keys()
        and all(
            table.equals(theirs[name].trials[key][table.columns]) for key, table in outcome.trials.items()
        )
        for name, outcome in ours.items()
    )


def efficiency(study: str) -> dict:
    """Efficiency of both on the same cells; the one after the other for one worker and for two."""
    seconds: dict[str, list[float]] = {"cogattn": [], "joblib": []}
    answers = []
    for workers in (1, 2):
        for name, function in (("cogattn", by_cogattn), ("joblib", by_joblib)):
            found, outcomes = in_a_process(function, study, workers)
            seconds[name].append(found)
            answers.append(outcomes)
    if not all(equal(answers[0], other) for other in answers[1:]):
        sys.exit(f"{study}: the trials of cogattn and joblib differ")
    row: dict = {"case": f"{study}, {len(answers[0])} cells"}
    for name, (one, two) in seconds.items():
        row[name] = {"one_s": one, "two_s": two, "efficiency": one / (2 * two)}
    row["met"] = row["cogattn"]["efficiency"] >= EFFICIENT
    return row


# between cells


def between(engine: str, n_cells: int = 60) -> dict:
    """Share of time lost between cells of a second on two workers."""
    events = in_a_process(_waiting, engine, n_cells)
    first = next(event for event in events if event.stored >= 2)
    ideal_s = (events[-1].stored - first.stored) / 2
    lost = (events[-1].wall_s - first.wall_s) / ideal_s - 1
    start_s = first.wall_s - events[0].wall_s - 1
    return {"case": f"cells of 1 s, {engine}", "lost": lost, "start_s": start_s, "met": lost <= MOST_BETWEEN}


def _execution(engine: str) -> Execution:
    cluster = "local" if engine == "dask" else None
    return Execution(workers=2, engine=checked_engine(engine, cluster=cluster, workers=2))


def _waiting(engine: str, n_cells: int) -> list[Event]:
    config = loaded_study(COIN).Config.model_validate(
        {"coins": {"kind": "fair", "n": 1}, "n_cells": n_cells, "seconds_per_cell": 1.0}
    )
    with tempfile.TemporaryDirectory() as folder:
        return events_of(COIN, config, Path(folder), _execution(engine))


# beside many stored cells


def stored(engine: str) -> dict:
    """CPU a cell of all processes, the first `N_WARM` left out."""
    with tempfile.TemporaryDirectory() as folder:
        in_a_process(_tossing, "pool", Path(folder), N_STORED)
        events = in_a_process(_tossing, engine, Path(folder), N_STORED + N_MORE)
    first = next(event for event in events if event.stored >= N_STORED + N_WARM)
    last = events[-1]
    ms = 1000 * (last.cpu_s - first.cpu_s) / (last.stored - first.stored)
    return {"case": f"{N_STORED:,} stored, {engine}", "ms": ms, "met": ms <= MOST_CPU_MS}


def _tossing(engine: str, folder: Path, n_cells: int) -> list[Event]:
    config = loaded_study(COIN).Config.model_validate(
        {"coins": {"kind": "fair", "n": n_cells // 1000}, "n_cells": 1000}
    )
    return events_of(COIN, config, folder, _execution(engine))


def show(row: dict) -> None:
    parts = [f"{row['case']:28s}"]
    for name in ("cogattn", "joblib"):
        if name in row:
            side = row[name]
            parts.append(
                f"{name} {side['one_s']:.1f} s, {side['two_s']:.1f} s on two: {side['efficiency']:.0%}"
            )
    if "lost" in row:
        parts.append(f"{row['lost']:.1%} lost, {row['start_s']:.1f} s to start")
    if "ms" in row:
        parts.append(f"{row['ms']:.1f} ms of CPU a cell")
    print("  ".join(parts), "met" if row["met"] else "MISSED", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["efficiency", "between", "stored"])
    parser.add_argument("--studies", nargs="+", default=list(DESIGNS), choices=list(DESIGNS))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    jobs: list[Callable[[], dict]] = []
    if "efficiency" in given.parts:
        jobs += [lambda study=study: efficiency(study) for study in given.studies]
    for name, function in (("between", between), ("stored", stored)):
        if name in given.parts:
            jobs += [lambda f=function, e=engine: f(e) for engine in ("pool", "dask")]
    rows = []
    for job in jobs:
        rows.append(job())
        show(rows[-1])
        if given.json:
            given.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(0 if all(row["met"] for row in rows) else 1)


if __name__ == "__main__":
    main()
