"""Foveal attention and box pooling on a CPU against what torch offers; answers are compared before times.

Run ``python benchmarks/kernels_cpu.py`` on a quiet machine; ``--quick`` keeps to the small sizes. Times are CPU
seconds of one thread. Every method of every row runs in processes of its own, ours and theirs by turns, and the
best time of all counts; peak memory is that of a process during one call, less what it held before. A row whose
answers differ gets no ratio. Behind each ratio stands the goal that it is held against, if any; the exit status
is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from cogattn.kernels import box_means, dispatch, foveal_attention, ring_boxes

BATCH, HEADS, DIM = 4, 8, 64
ALPHA, E2 = 2.0, 3.0
AGREEMENT = 2e-5  # largest relative error (Frobenius) of a row that is reported
AT_LEAST_S = 1.0  # short calls are repeated for this long
NEVER_SLOWER = 0.9  # speed-up that no row of `auto` may fall below


def lattice(side: int) -> Tensor:
    place = torch.arange(float(side))
    return torch.cartesian_prod(place, place)[None]


def radius_for(place: Tensor, keep: float) -> float | None:
    """Radius within which a query sees the fraction `keep` of the keys, on average."""
    if keep == 1:
        return None
    offset = place[0, :: max(1, place.shape[1] // 256), None] - place[0]
    return float(torch.quantile((offset * offset).sum(-1).sqrt().flatten(), keep))


def dense_attention(q, k, v, place, alpha, e2, radius):
    """Attention with a mask of all scores, built in the call: what torch offers for this bias."""
    offset = place[0, :, None] - place[0]
    squared = (offset * offset).sum(-1)
    distance = torch.where(squared > 0, torch.where(squared > 0, squared, 1).sqrt(), 0)
    bias = -alpha[:, None, None] * torch.log1p(distance / e2[:, None, None])
    if radius is not None:
        bias = bias.masked_fill(squared > radius * radius, -torch.inf)
    return scaled_dot_product_attention(q, k, v, attn_mask=bias[None])


def our_attention(q, k, v, place, alpha, e2, radius):
    return foveal_attention(q, k, v, place, place, bias="log", alpha=alpha, e2=e2, radius=radius)


ATTENTION = {"dense": dense_attention, "ours": our_attention}


def attention_row(method: str, side: int, batch: int, keep: float, learn: bool) -> dict:
    """Time and memory of one method on one problem, and its answers."""
    generator = torch.Generator().manual_seed(0)
    place = lattice(side)
    q, k, v = (torch.randn(batch, HEADS, side * side, DIM, generator=generator) for _ in range(3))
    alpha, e2 = torch.full((HEADS,), ALPHA), torch.full((HEADS,), E2)
    radius = radius_for(place, keep)
    leaves = [q, k, v, alpha, e2]
    if learn:
        for leaf in leaves:
            leaf.requires_grad_()

    def step() -> list[Tensor]:
        out = ATTENTION[method](q, k, v, place, alpha, e2, radius)
        grads = torch.autograd.grad(out.square().sum(), leaves) if learn else ()
        return [out.detach(), *grads]

    return timed(step) | {"impl": dispatch.last_used.get("foveal_attention", "")}


POOL_MAPS = {"64x56x56": (64, 56, 20, 2), "64x112x112": (64, 112, 33, 2), "256x28x28": (256, 28, 10, 1)}
N_GAZES = 16


def pool_row(method: str, shape: str) -> dict:
    """Pool one map for 16 gazes with a window per ring, as eccNET does."""
    channels, side, largest, stride = POOL_MAPS[shape]
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, channels, side, side, generator=generator)
    gazes = torch.rand(1, N_GAZES, 2, generator=generator) * side
    windows = tuple(range(2, largest + 1))
    boxes = ring_boxes(
        gazes, side, side, stride=stride, windows=windows, fovea=side / 8, ring=side / (1.2 * len(windows))
    ).flatten(1, 3)
    methods: dict[str, Callable[[], Tensor]] = {
        "ours": lambda: box_means(features, boxes),
        "loop": lambda: loop_over_windows(features, boxes),
    }
    with torch.no_grad():
        return timed(lambda: [methods[method]()])


def loop_over_windows(features: Tensor, boxes: Tensor) -> Tensor:
    image = features[0]
    means = [image[:, t:b, l:r].mean((1, 2)) for l, t, r, b in boxes[0].tolist()]  # noqa: E741
    return torch.stack(means)[None]


def timed(step: Callable[[], list[Tensor]]) -> dict:
    """Answers, best time and peak memory of a step."""
    our_attention(
        *(torch.zeros(1, 1, 4, 8),) * 3, lattice(2), torch.ones(1), torch.ones(1), None
    )  # loads code
    before = forget_peak_memory()
    seconds, answers = cpu_seconds(step)
    peak = memory_mb("VmHWM") - before
    total = seconds
    while total < AT_LEAST_S:
        again, _ = cpu_seconds(step)
        seconds, total = min(seconds, again), total + again
    return {"seconds": seconds, "peak_mb": peak, "answers": [a.numpy() for a in answers]}


def cpu_seconds(step: Callable[[], list[Tensor]]) -> tuple[float, list[Tensor]]:
    start = time.process_time()
    answers = step()
    return time.process_time() - start, answers


def forget_peak_memory() -> float:
    """Start anew to record the peak (Linux); return the memory that is held now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory_mb("VmRSS")


def memory_mb(field: str) -> float:
    """Resident memory (VmRSS) or its peak (VmHWM) of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(field + ":")[1].split()[0]) / 1024


def _work(function: Callable[..., dict], arguments: tuple, pipe) -> None:
    torch.set_num_threads(1)
    pipe.send(function(*arguments))


def fresh(function: Callable[..., dict], *arguments) -> dict:
    """Run in a process of its own, so that peak memory means something."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(function, arguments, send))
    process.start()
    send.close()
    result = receive.recv()
    process.join()
    return result


def disagreement(first: dict, second: dict) -> float:
    """Largest relative error between the answers of two rows."""
    pairs = zip(first["answers"], second["answers"], strict=True)
    tensors = ((torch.from_numpy(a).double(), torch.from_numpy(b).double()) for a, b in pairs)
    return max(float((a - b).norm() / b.norm()) for a, b in tensors)


def best(results: list[dict]) -> dict:
    """The fastest of several runs of one method, with the largest memory any of them took."""
    fastest = min(results, key=lambda result: result["seconds"])
    return fastest | {"peak_mb": max(result["peak_mb"] for result in results)}


def compare(
    name: str, runs: list[tuple[dict, dict]], *, speed_goal: float = 0.0, memory_goal: float = 0.0
) -> dict:
    """One line of the table from (ours, theirs) of several rounds; no ratio where the answers differ.

    `memory_goal` is how many times less memory ours is to take.
    """
    ours, theirs = (best(list(results)) for results in zip(*runs, strict=True))
    error = max(disagreement(mine, other) for mine, other in runs)
    agrees = error <= AGREEMENT
    speed_up = theirs["seconds"] / ours["seconds"] if agrees else None
    saving = theirs["peak_mb"] / max(ours["peak_mb"], 1.0)
    met = agrees and speed_up >= speed_goal and saving >= memory_goal
    row = {
        "case": name,
        "impl": ours.get("impl", ""),
        "error": error,
        "ours_ms": 1e3 * ours["seconds"],
        "theirs_ms": 1e3 * theirs["seconds"],
        "speed_up": speed_up,
        "speed_goal": speed_goal,
        "ours_mb": ours["peak_mb"],
        "theirs_mb": theirs["peak_mb"],
        "memory_saving": saving,
        "memory_goal": memory_goal,
        "met": met,
    }
    goals = [f">= {speed_goal:g}x"] * (speed_goal > 0) + [f"1/{memory_goal:g} memory"] * (memory_goal > 0)
    verdict = f"{', '.join(goals)}: {'met' if met else 'MISSED'}" if goals else ""
    speed = f"{speed_up:6.2f}x" if agrees else "  WRONG"
    print(
        f"{name:49s} {row['impl']:8s} {row['ours_ms']:9.1f} ms {row['theirs_ms']:9.1f} ms {speed} "
        f"{row['ours_mb']:7.1f} MB {row['theirs_mb']:7.0f} MB  error {error:.0e}  {verdict}",
        flush=True,
    )
    return row


def attention_table(options: argparse.Namespace) -> list[dict]:
    rows = []
    for side in [32] if options.quick else [32, 64]:
        for keep, (learn, images) in itertools.product(
            (1, 0.2, 0.05), ((False, BATCH), (True, options.train_batch))
        ):
            runs = [
                tuple(fresh(attention_row, method, side, images, keep, learn) for method in ("ours", "dense"))
                for _ in range(options.rounds)
            ]
            sparse = side == 64 and keep == 0.05
            goal = (8.0 if learn else 3.0) if sparse else NEVER_SLOWER
            label = (
                f"{'fwd+bwd' if learn else 'forward'} B={images} N={side * side} keep {keep:.0%} / dense mask"
            )
            rows.append(compare(label, runs, speed_goal=goal, memory_goal=10.0 if sparse else 0.0))
    return rows


def pool_table(options: argparse.Namespace) -> list[dict]:
    rows = []
    for shape in POOL_MAPS:
        runs = [
            tuple(fresh(pool_row, method, shape) for method in ("ours", "loop"))
            for _ in range(options.rounds)
        ]
        name = f"box_pool {shape}, {N_GAZES} gazes / loop over windows"
        rows.append(compare(name, runs, speed_goal=20.0))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="attention of N=1024 only")
    parser.add_argument(
        "--train-batch", type=int, default=BATCH, help="images of a training step (2.8 GB each)"
    )
    parser.add_argument("--rounds", type=int, default=2, help="processes of each method")
    parser.add_argument("--json", type=Path, help="file to write the table to")
    options = parser.parse_args()
    print(
        f"{'case':49s} {'impl':8s} {'ours':>12s} {'theirs':>12s} {'ratio':>7s} {'ours':>10s} {'theirs':>10s}"
    )
    rows = attention_table(options) + pool_table(options)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(0 if all(row["met"] for row in rows) else 1)


if __name__ == "__main__":
    main()
