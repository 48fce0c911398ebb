"""Foveal attention and box pooling on a CPU against every honest peer; answers are compared before times.

Run ``python benchmarks/kernels_cpu.py`` on a quiet machine; ``--quick`` keeps to small sizes and peers that need no
compiler. Each case runs in a process of its own: the answers and gradients of all methods against float64, then the
peak memory of a call and what a method keeps between calls, then CPU seconds of one thread, methods by turns, the least
of all rounds. A method whose answers are wrong gets no ratio. A peer that builds its mask in the call stands beside
ours with positions in the call; a peer that keeps one beside ours with a `Layout`. Behind a ratio stands the goal that
it is held against, if any; the exit status is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import attention_peers as peers
import torch
from attention_peers import Attend, Learned, Problem
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from cogattn.kernels import box_means, dispatch, ring_boxes
from cogattn.running.executors import keep_freed_memory

HEADS, DIM = 8, 64
AGREEMENT = 2e-5  # largest relative error (Frobenius) of a method that gets a ratio
AT_LEAST_S = 0.2  # short calls are repeated for this long
NEVER_SLOWER = 0.9  # against every dense mask, whatever the case
BUILT, COMPILED, KEPT = "mask built", "mask built, compiled", "mask kept"
LIMIT = "no bias (limit)"  # computes another function
DENSE = (BUILT, COMPILED, KEPT)
OURS, OURS_KEPT = "ours", "ours, layout"
METHODS: dict[str, Callable[[Problem], Attend]] = {
    OURS: peers.ours,
    OURS_KEPT: peers.ours_with_layout,
    BUILT: peers.dense,
    COMPILED: peers.compiled,
    KEPT: peers.kept,
    "tiles, lists kept": peers.tiles,
    "flex, lists kept": peers.flex,
    LIMIT: peers.unbiased,
}
NEED_COMPILER = (COMPILED, "flex, lists kept")
IMAGES = 4  # of a forward pass


class Case(NamedTuple):
    """A problem: patches that look at patches, or gazes at them, and what has gradients."""

    side: int
    keep: float
    learned: Learned = ""
    n_gazes: int = 0  # 0: every patch looks from its place
    radii: tuple[float, ...] = ()  # one per head, instead of `keep`

    @property
    def sparse(self) -> bool:
        return self.side == 64 and self.keep == 0.05 and not self.radii

    def name(self, images: int) -> str:
        what = f"{self.n_gazes} gazes, " if self.n_gazes else ""
        keep = f"radii {min(self.radii):g} to {max(self.radii):g}" if self.radii else f"keep {self.keep:.0%}"
        passes = f"fwd+bwd, {self.learned}" if self.learned else "forward"
        return f"{what}N={self.side**2} {keep} B={images} {passes}"

    def problem(self, images: int) -> Problem:
        place = peers.lattice(self.side)
        gaze = place if not self.n_gazes else some_gazes(images, self.n_gazes, self.side)
        radius = torch.tensor(self.radii) if self.radii else peers.radius_for(gaze, place, self.keep)
        return peers.problem_of(
            gaze, place, images=images, heads=HEADS, dim=DIM, radius=radius, learned=self.learned
        )


LEARNED: tuple[Learned, ...] = ("", "content", "bias")
CASES = (
    *(Case(side, keep, learned) for side in (32, 64) for keep in (1, 0.2, 0.05) for learned in LEARNED),
    *(Case(side, 0.05, "places") for side in (32, 64)),
    *(Case(128, keep, learned, n_gazes=16) for keep, learned in ((1, ""), (0.05, ""), (0.05, "bias"))),
    Case(64, 1, radii=(3.0,) * 7 + (30.0,)),
)


def some_gazes(images: int, n: int, side: int) -> Tensor:
    """Gazes (images, n, 2) on quarters of a patch, so that float32 and float64 agree on what is within the radius."""
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(images, n, 2, generator=generator) * (side - 1) * 4).round() / 4


def goals(case: Case) -> dict[str, float]:
    """Least ratio to each peer."""
    least = dict.fromkeys(DENSE, NEVER_SLOWER)
    if case.n_gazes and case.keep < 1:
        return least | {BUILT: 5.0, COMPILED: 5.0}
    if case.sparse and not case.learned:
        return least | {BUILT: 4.0, COMPILED: 4.0, KEPT: 2.5}
    if case.sparse and case.learned == "bias":
        return least | {BUILT: 8.0, COMPILED: 8.0, KEPT: 8.0}
    return least


def memory_goals(case: Case) -> dict[str, float]:
    """How many times less memory than a peer."""
    return {BUILT: 10.0} if case.sparse and case.learned == "bias" else {}


def attention_row(case: Case, images: int, rounds: int, compilers: bool) -> dict:
    """Errors, memory and seconds of every method on one case."""
    problem = case.problem(images)
    upstream = torch.randn(problem.q.shape, generator=torch.Generator().manual_seed(1))
    makers = {
        name: partial(step_of, prepare, problem, upstream)
        for name, prepare in METHODS.items()
        if compilers or name not in NEED_COMPILER
    }
    return {"case": case.name(images)} | compared(makers, peers.truth(problem, upstream), rounds)


Step = Callable[[], list[Tensor]]


def step_of(prepare: Callable[[Problem], Attend], problem: Problem, upstream: Tensor) -> Step:
    return partial(peers.answers, prepare(problem), problem, upstream)


def compared(makers: Mapping[str, Callable[[], Step]], true: list[Tensor], rounds: int) -> dict:
    """Error, implementation, memory and least seconds of what each maker makes, and why one makes nothing."""
    steps: dict[str, Step] = {}
    found: dict[str, dict] = {}
    refused: dict[str, str] = {}
    for name, make in makers.items():
        before = settled_mb()
        try:
            steps[name] = make()
        except ValueError as reason:
            refused[name] = str(reason)
            continue
        error = max(peers.errors(steps[name](), true))  # what is compiled, or made once, is made now
        kept = 0.0 if name in NEED_COMPILER else max(0.0, settled_mb() - before)
        found[name] = {"error": error, "kept_mb": kept, "mb": peak_mb(steps[name])}
        found[name]["impl"] = dispatch.last_used.get("foveal_attention", "")
    for _ in range(rounds):
        for name, step in steps.items():
            found[name]["seconds"] = min(found[name].get("seconds", 1e9), least_seconds(step))
    return {"methods": found, "refused": refused}


def least_seconds(step: Step) -> float:
    """Least CPU time of a step that is repeated for a while."""
    least, total = 1e9, 0.0
    while total < AT_LEAST_S:
        start = time.process_time()
        step()
        seconds = time.process_time() - start
        least, total = min(least, seconds), total + seconds
    return least


def peak_mb(step: Step) -> float:
    """Peak memory of a step, less what is held before, in MB (Linux)."""
    before = settled_mb()
    Path("/proc/self/clear_refs").write_text("5")
    step()
    return memory_mb("VmHWM") - before


def settled_mb() -> float:
    """Memory that is held once what is free has been given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return memory_mb("VmRSS")


def memory_mb(field: str) -> float:
    """Resident memory (VmRSS) or its peak (VmHWM) of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0]) / 1024


# box pooling

POOL_MAPS = {"64x56x56": (64, 56, 20, 2), "64x112x112": (64, 112, 33, 2), "256x28x28": (256, 28, 10, 1)}
N_GAZES = 16


def pool_row(shape: str, rounds: int) -> dict:
    """Pool one map for 16 gazes with a window per ring, as eccNET does."""
    channels, side, largest, stride = POOL_MAPS[shape]
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, channels, side, side, generator=generator)
    gazes = torch.rand(1, N_GAZES, 2, generator=generator) * side
    windows = tuple(range(2, largest + 1))
    boxes = ring_boxes(
        gazes, side, side, stride=stride, windows=windows, fovea=side / 8, ring=side / (1.2 * len(windows))
    ).flatten(1, 3)
    steps: dict[str, Step] = {
        OURS: lambda: [box_means(features, boxes)],
        LOOP: lambda: [loop_over_windows(features, boxes)],
        "summed areas by hand": lambda: [summed_areas(features, boxes)],
        "a pooling per size": lambda: [pooling_per_size(features, boxes)],
    }
    with torch.no_grad():
        true = [loop_over_windows(features.double(), boxes)]
        makers = {name: partial(lambda step: step, step) for name, step in steps.items()}
        return {"case": f"box_pool {shape}, {N_GAZES} gazes"} | compared(makers, true, rounds)


LOOP = "loop over windows"


def loop_over_windows(features: Tensor, boxes: Tensor) -> Tensor:
    image = features[0]
    means = [image[:, t:b, l:r].mean((1, 2)) for l, t, r, b in boxes[0].long().tolist()]  # noqa: E741
    return torch.stack(means)[None]


def summed_areas(features: Tensor, boxes: Tensor) -> Tensor:
    """Four readings of a table of sums in float64, channels last."""
    table = pad(features[0].double().cumsum(1).cumsum(2), (1, 0, 1, 0)).permute(1, 2, 0).contiguous()
    left, top, right, bottom = boxes[0].long().unbind(-1)
    total = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    return (total / ((right - left) * (bottom - top))[:, None]).to(features.dtype)[None]


def pooling_per_size(features: Tensor, boxes: Tensor) -> Tensor:
    """One average pooling of the whole map, at stride 1, for each size of box; the gazes share it."""
    left, top, right, bottom = boxes[0].long().unbind(-1)
    means = features.new_empty(boxes.shape[1], features.shape[1])
    sizes = torch.stack([bottom - top, right - left], -1)
    for size in sizes.unique(dim=0):
        same = (sizes == size).all(-1)
        pooled = avg_pool2d(features, tuple(size.tolist()), stride=1)[0]
        means[same] = pooled[:, top[same], left[same]].mT
    return means[None]


# the table


def judged(row: dict, least: dict[str, float], memory: dict[str, float]) -> dict:
    """Add ratios, savings of memory and whether each goal is met; no ratio where answers are wrong."""
    methods = row["methods"]
    right = {name for name, method in methods.items() if method["error"] <= AGREEMENT}
    row["wrong"] = sorted(methods.keys() - right - {LIMIT})
    row["verdicts"] = {}
    for name in methods.keys() - {OURS, OURS_KEPT}:
        mine = rival(name, methods)
        if mine not in right or (name not in right and name != LIMIT):
            continue
        ratio = methods[name]["seconds"] / methods[mine]["seconds"]
        saving = total_mb(methods[name]) / max(total_mb(methods[mine]), 1.0)
        met = ratio >= least.get(name, 0) and saving >= memory.get(name, 0)
        row["verdicts"][name] = {
            "ours": mine, "ratio": ratio, "goal": least.get(name), "saving": saving,
            "saving_goal": memory.get(name), "met": met,
        }  # fmt: skip
    row["met"] = not row["wrong"] and all(verdict["met"] for verdict in row["verdicts"].values())
    return row


def total_mb(method: dict) -> float:
    return method["mb"] + method["kept_mb"]


def rival(name: str, methods: dict) -> str:
    """Which of ours a peer stands beside: the one that keeps as much as the peer does."""
    return OURS_KEPT if OURS_KEPT in methods and name not in (BUILT, COMPILED) else OURS


def show(row: dict) -> None:
    print(row["case"], flush=True)
    for name, method in row["methods"].items():
        memory = f"{method['mb']:6.0f} MB + {method['kept_mb']:4.0f} kept"
        text = f"  {name:22s} {1e3 * method['seconds']:9.1f} ms {memory}  error {method['error']:.0e}"
        verdict = row["verdicts"].get(name)
        print(text + (f"  {described(verdict)}" if verdict else "  WRONG" * (name in row["wrong"])))
    for name, reason in row["refused"].items():
        print(f"  {name:22s} {reason}")


def described(verdict: dict) -> str:
    goals = [f">= {verdict['goal']:g}x"] if verdict["goal"] else []
    goals += [f">= {verdict['saving_goal']:g}x less memory"] if verdict["saving_goal"] else []
    end = f"  {', '.join(goals)}: {'met' if verdict['met'] else 'MISSED'}" if goals else ""
    return f"{verdict['ratio']:6.2f}x {verdict['ours']:12s} 1/{verdict['saving']:.1f} memory{end}"


def become_like_a_worker() -> None:
    """One thread, and freed memory is used again; else a large mask is half page faults."""
    torch.set_num_threads(1)
    keep_freed_memory()


def in_a_process(function: Callable[..., dict], *arguments) -> dict:
    """Run a row in a process of its own, so that no row leaves memory to the next."""
    with multiprocessing.get_context("spawn").Pool(1, become_like_a_worker) as pool:
        return pool.apply(function, arguments)


def rows(options: argparse.Namespace) -> Iterator[dict]:
    compilers = not (options.quick or options.no_compiler)
    for case in CASES:
        images = options.train_batch if case.learned else IMAGES
        if options.only in case.name(images) and not (options.quick and (case.side > 32 or case.keep == 0.2)):
            row = in_a_process(attention_row, case, images, options.rounds, compilers)
            yield judged(row, goals(case), memory_goals(case))
    for shape in POOL_MAPS:
        if options.only in f"box_pool {shape}":
            yield judged(in_a_process(pool_row, shape, options.rounds), {LOOP: 20.0}, {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="N=1024 at 100 %% and 5 %%, no compiler")
    parser.add_argument(
        "--no-compiler", action="store_true", help="leave out peers that take a minute to compile"
    )
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--train-batch", type=int, default=1, help="images of a training step (2 GB each)")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each method")
    parser.add_argument("--json", type=Path, help="file to write the table to, anew after each row")
    options = parser.parse_args()
    table = []
    for row in rows(options):
        table.append(row)
        show(row)
        if options.json:
            options.json.write_text(json.dumps(table, indent=1) + "\n")
    missed = [row["case"] for row in table if not row["met"]]
    print(f"{len(table)} cases; a goal is missed in: {'; '.join(missed) or 'none'}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
