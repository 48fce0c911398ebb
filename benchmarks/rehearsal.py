"""Rehearsal in CPU seconds of one core: stacks of networks, the way of items to them, and avalanche-lib's Replay.

    OMP_NUM_THREADS=1 python benchmarks/rehearsal.py --data FOLDER --schedules --data-path
    OMP_NUM_THREADS=1 python benchmarks/rehearsal.py --data FOLDER --peer-python OTHER/bin/python

``--schedules`` runs cells of the study: nine schedules and four seeds, ten tasks, 20,000 new items a phase, a
quarter rehearsed, 784-100-100-10, batch 64, Adam, the lower triangle of R on 2,000 test items. ``--data-path`` is
planning and gathering alone. ``--peer-python`` names a Python that has avalanche-lib 0.6.0: both train one network on
three tasks of 60,000 new items, from the second on 128 of a memory of 2,000 beside 128 new ones a step, by turns. The
peer is given its own PermutedMNIST, as its users have it, and tensors that were permuted beforehand, the fastest there
is. No ratio is printed where accuracies differ by more than half a point. The least time of several rounds counts; the
exit status is 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from ratios import Ratio, add_json, ratio, write

from cogattn.rehearsal import trials
from cogattn.rehearsal.columns import SCORES
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig, TrainingSettings
from cogattn.rehearsal.gathering import Gatherer
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.needs import NoRehearsal, PowerLaw, Uniform
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import ResidentTasks
from cogattn.rehearsal.scenarios import pictures
from cogattn.rehearsal.scenarios.permuted import PERMUTED
from cogattn.rehearsal.schedules import Schedule, plan_phases
from cogattn.rehearsal.stacked import AT_ONCE, train_stack
from cogattn.rehearsal.study import RehearsalStudy
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams

PEER = Path(__file__).with_name("rehearsal_avalanche.py")
GOALS = {100: 7.0, 400: 3.0}
"""How many times faster than the peer as it comes, by hidden units of each of two layers."""
OWN, TENSORS = "own", "tensors"
PEERS = {OWN: "its own PermutedMNIST", TENSORS: "tensors permuted beforehand"}
"""What the peer is given. With the second, which is its best, the network itself is most of its time: no goal."""
GRID_S, ITEM_US, AGREEMENT = 130.0, 3.0, 0.005
LEARNING_RATE, BATCH, MEMORY, N_NEW, N_TASKS = 0.1, 128, 2000, 60_000, 3
"""Of the contest."""


def cpu_s(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def settings(data: str, width: int = 100) -> RehearsalConfig:
    return RehearsalConfig(
        data=data,
        n_tasks=(10,),
        evaluate="lower",
        network=NetworkSettings(widths=(width,)),
        training=TrainingSettings(n_new=20_000, batch=64, learning_rate=1e-3),
    )


def schedules(data: str) -> bool:
    """Run the grid of the study; print each schedule's time and accuracy."""
    config, total = settings(data), 0.0
    seeds = [Streams(config.seed).child("seed", seed) for seed in range(2)]
    train_stack(*warm(config, seeds), sizes=(784, 8, 10), loop=Loop(1e-3), streams=seeds)
    for cell in RehearsalStudy().cells(config):
        before = time.process_time()
        scores = trials.run(config, cell, Checkpoint()).trials[SCORES]
        seconds = time.process_time() - before
        last = scores[scores["after"] == scores["after"].max()].groupby("seed")["score"].mean()
        print(
            f"{cell.observer:16} {len(last)} networks {seconds:7.2f} s   "
            f"accuracy {last.mean():.4f} (SE {last.sem():.4f})"
        )
        total += seconds
    print(f"nine schedules, four seeds {total:.1f} s (goal {GRID_S:g})")
    return total <= GRID_S


def warm(
    config: RehearsalConfig, streams: Sequence[Streams]
) -> tuple[list[ResidentTasks], list[tuple[Draws, ...]]]:
    """Two tasks of a few items: what a first call costs, pictures that are read too, is no part of the time."""
    tasks = [PERMUTED.build(config, n_tasks=2, streams=own) for own in streams]
    schedule = Schedule(Uniform(), 0.25)
    return tasks, [plan_phases(schedule, tasks[0].sizes, n_new=128, batch=64, streams=own) for own in streams]


def data_path(data: str, rounds: int) -> bool:
    """Time planning and gathering of four seeds' items; print both an item."""
    config = settings(data)
    streams = [Streams(config.seed).child("seed", seed) for seed in range(4)]
    tasks = [PERMUTED.build(config, n_tasks=10, streams=own) for own in streams]
    worst = 0.0
    for unit in ("phase", "step"):
        schedule = Schedule(PowerLaw(d=1), 0.25, unit=unit)

        def plan(schedule: Schedule = schedule) -> list[tuple[Draws, ...]]:
            return [
                plan_phases(schedule, tasks[0].sizes, n_new=20_000, batch=64, streams=own) for own in streams
            ]

        plans = plan()
        n_items = sum(len(draws.task) for own in plans for draws in own)
        planning = min(cpu_s(plan) for _ in range(rounds)) / n_items * 1e6
        gathering = (
            min(cpu_s(lambda plans=plans: gather(tasks, plans)) for _ in range(rounds)) / n_items * 1e6
        )
        worst = max(worst, planning + gathering)
        print(
            f"needs anew each {unit:5}   planning {planning:.2f}   gathering {gathering:.2f}   "
            f"us an item {planning + gathering:.2f} (goal {ITEM_US:g})"
        )
    return worst <= ITEM_US


def gather(tasks: Sequence[ResidentTasks], plans: Sequence[Sequence[Draws]]) -> None:
    """Gather all items, as a stack does."""
    at_once = AT_ONCE // len(tasks)
    gatherer = Gatherer(tasks, at_once)
    for phase, draws in enumerate(zip(*plans, strict=True)):
        gatherer.start(phase)
        n_items = len(draws[0].task)
        for begin in range(0, n_items, at_once):
            gatherer.gather(draws, begin, min(begin + at_once, n_items))


def contest(data: str, python: str, rounds: int, file: Path | None = None) -> bool:
    """Train ours and the peer's by turns; print times and ratios where they learn alike, and write them to a file."""
    reached, rows = True, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for width, goal in GOALS.items():
            ours, theirs = [], {how: [] for how in PEERS}
            for seed in range(rounds):
                tasks = PERMUTED.build(settings(data, width), n_tasks=N_TASKS, streams=Streams(seed))
                save(tasks, pictures.files_of(data), folder)
                ours.append(our_round(tasks, seed))
                for how, found in theirs.items():
                    found.append(peer_round(python, how, folder, width, seed))
            for how, found in theirs.items():
                label = f"784-{width}-{width}-10, {PEERS[how]}"
                reached &= report(label, goal if how == OWN else None, ours, found, rows)
    write(file, rows)
    return reached


def report(
    name: str, goal: float | None, ours: Sequence[dict], theirs: Sequence[dict], rows: list[Ratio]
) -> bool:
    accuracy = [float(np.mean([one["accuracy"] for one in rounds])) for rounds in (ours, theirs)]
    seconds = [np.min([one["seconds"] for one in rounds], axis=0) for rounds in (ours, theirs)]
    print(f"{name}   accuracy {accuracy[0]:.4f}, peer {accuracy[1]:.4f}", end="   ")
    if abs(accuracy[0] - accuracy[1]) > AGREEMENT:
        print("they do not learn alike: no ratio")
        return False
    (first, replay), (other_first, *other_replay) = seconds
    row = ratio(
        f"replay phase, {name}", "avalanche-lib's Replay", float(replay), float(np.mean(other_replay))
    )
    rows.append(row)
    print(
        f"replay phase {replay:.2f} s, peer {np.mean(other_replay):.2f} s: {row['ratio']:.1f}x"
        + (f" (goal {goal:g}x)" if goal else ""),
        end="   ",
    )
    print(f"first phase {first:.2f} s, peer {other_first:.2f} s: {other_first / first:.1f}x")
    return bool(row["ratio"] >= (goal or 0))


def our_round(tasks: ResidentTasks, seed: int) -> dict:
    """Seconds of a phase without and with replay, planning included, and accuracy on each task's whole test part."""
    alone = ResidentTasks(
        tasks.names[:1], tasks.pictures, tasks.pixels[:1], tasks.train_items[:1], one_each(1), tasks.hidden
    )
    timed = ResidentTasks(
        tasks.names, tasks.pictures, tasks.pixels, tasks.train_items, one_each(N_TASKS), tasks.hidden
    )
    trained(alone, seed, n_new=BATCH)  # what a first call costs is no part of the time
    first = cpu_s(lambda: trained(alone, seed))
    before = time.process_time()
    weights = trained(timed, seed)
    replay = (time.process_time() - before - first) / (N_TASKS - 1)
    return {"seconds": [first, replay], "accuracy": accuracies(tasks, weights)}


def one_each(n_tasks: int) -> tuple[torch.Tensor, ...]:
    """Next to no tests: the peer's are no part of its time either."""
    return (torch.arange(1),) * n_tasks


def trained(tasks: ResidentTasks, seed: int, n_new: int = N_NEW) -> dict[str, np.ndarray]:
    """Weights after a first phase of new items and, for each further task, one with as many from the memory."""
    streams, n_tasks = Streams(seed), len(tasks.names)
    first = Schedule(NoRehearsal(), 0)
    replay = Schedule(Uniform(), 1, mixing="each_batch", source="reservoir", memory=MEMORY)
    plan = plan_phases(first, tasks.sizes, n_new=n_new, batch=BATCH, streams=streams)[:1]
    if n_tasks > 1:
        plan += plan_phases(replay, tasks.sizes, n_new=n_new, batch=2 * BATCH, streams=streams)[1:]
    loop = Loop(LEARNING_RATE, "sgd", evaluate="lower", keep_weights=True)
    return train_stack([tasks], [plan], sizes=tasks.layers, loop=loop, streams=[streams])[0].weights


def accuracies(tasks: ResidentTasks, weights: dict[str, np.ndarray]) -> list[float]:
    found = []
    for order in tasks.pixels:
        outputs = tasks.pictures.test[:, order].numpy()
        for k in range(len(weights) // 2):
            outputs = (np.maximum(outputs, 0) if k else outputs) @ weights[f"weights.{k}"][0]
            outputs = outputs + weights[f"biases.{k}"][0]
        found.append(float(np.mean(outputs.argmax(1) == tasks.pictures.test_labels.numpy())))
    return found


def save(tasks: ResidentTasks, files: Mapping[str, Path], folder: Path) -> None:
    """Put the pictures, the orders of their pixels, and the idx files themselves where the peer reads them."""
    held = tasks.pictures
    np.savez(
        folder / "pictures.npz",
        train=held.train.numpy(),
        train_labels=held.train_labels.numpy(),
        test=held.test.numpy(),
        test_labels=held.test_labels.numpy(),
        orders=tasks.pixels.numpy(),
    )
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        (raw / name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))


def peer_round(python: str, how: str, folder: Path, width: int, seed: int) -> dict:
    """What the peer prints; its times are its own process's."""
    command = [python, str(PEER), how, str(folder), str(width), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist", help="mnist, or a folder of idx files")
    parser.add_argument("--schedules", action="store_true", help="the grid of schedules and seeds")
    parser.add_argument("--data-path", action="store_true", help="planning and gathering")
    parser.add_argument("--peer-python", help="a Python with avalanche-lib")
    parser.add_argument("--rounds", type=int, default=2)
    add_json(parser)
    options = parser.parse_args()
    torch.set_num_threads(1)
    reached = []
    if options.data_path:
        reached.append(data_path(options.data, options.rounds))
    if options.schedules:
        reached.append(schedules(options.data))
    if options.peer_python:
        reached.append(contest(options.data, options.peer_python, options.rounds, options.json))
    if not reached:
        parser.error("one of --schedules, --data-path and --peer-python is needed")
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
