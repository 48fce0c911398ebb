"""Foveal attention and box pooling on a CPU against what torch offers; answers are compared before times.

Run ``python benchmarks/kernels_cpu.py`` on a quiet machine; ``--quick`` keeps to the small sizes. Times are CPU
seconds of one thread, best of a few; peak memory is that of a fresh process, less what it held before the call.
Every row is measured in a process of its own, one after another. The table is printed and, with ``--json``,
written to a file.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, scaled_dot_product_attention

from cogattn.kernels import box_means, dispatch, foveal_attention, ring_boxes

HEADS, DIM = 8, 64
ALPHA, E2 = 2.0, 3.0
AGREEMENT = 2e-5  # largest relative error (Frobenius) of a row that is reported


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


def plain_attention(q, k, v, *_):
    return scaled_dot_product_attention(q, k, v)


ATTENTION = {"dense": dense_attention, "ours": our_attention, "plain": plain_attention}


def attention_row(method: str, side: int, batch: int, keep: float, learn: bool, repeats: int) -> dict:
    """Time and memory of one method on one problem, and its answers."""
    generator = torch.Generator().manual_seed(0)
    place = lattice(side)
    q, k, v = (torch.randn(batch, HEADS, side * side, DIM, generator=generator) for _ in range(3))
    alpha, e2 = torch.full((HEADS,), ALPHA), torch.full((HEADS,), E2)
    radius = radius_for(place, keep)
    leaves = [q, k, v, alpha, e2] if method != "plain" else [q, k, v]
    if learn:
        for leaf in leaves:
            leaf.requires_grad_()

    def step() -> list[Tensor]:
        out = ATTENTION[method](q, k, v, place, alpha, e2, radius)
        grads = torch.autograd.grad(out.square().sum(), leaves) if learn else ()
        return [out.detach(), *grads]

    return timed(step, repeats) | {"impl": dispatch.last_used.get("foveal_attention", "")}


POOL_MAPS = {"64x56x56": (64, 56, 20, 2), "64x112x112": (64, 112, 33, 2), "256x28x28": (256, 28, 10, 1)}
N_GAZES = 16


def pool_row(method: str, shape: str, repeats: int) -> dict:
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
        "pools": lambda: pool_per_size(features, boxes),
    }
    with torch.no_grad():
        return timed(lambda: [methods[method]()], repeats)


def loop_over_windows(features: Tensor, boxes: Tensor) -> Tensor:
    image = features[0]
    means = [image[:, t:b, l:r].mean((1, 2)) for l, t, r, b in boxes[0].tolist()]  # noqa: E741
    return torch.stack(means)[None]


def pool_per_size(features: Tensor, boxes: Tensor) -> Tensor:
    """One pooling of the whole map per distinct window, then a selection of cells."""
    out = features.new_empty(boxes.shape[1], features.shape[1])
    left, top, right, bottom = boxes[0].unbind(-1)
    size = (bottom - top) * 1000 + (right - left)
    for value in size.unique().tolist():
        cells = size == value
        maps = avg_pool2d(features, (value // 1000, value % 1000), 1)[0]
        out[cells] = maps[:, top[cells], left[cells]].T
    return out[None]


def timed(step: Callable[[], list[Tensor]], repeats: int) -> dict:
    our_attention(
        *(torch.zeros(1, 1, 4, 8),) * 3, lattice(2), torch.ones(1), torch.ones(1), None
    )  # loads code
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return {"seconds": min(seconds), "peak_mb": peak / 1024, "answers": [a.numpy() for a in answers]}


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


def compare(name: str, ours: dict, theirs: dict) -> dict:
    """One line of the table; no ratio where the answers differ."""
    error = disagreement(ours, theirs)
    agrees = error <= AGREEMENT
    row = {
        "case": name,
        "impl": ours.get("impl", ""),
        "error": error,
        "ours_ms": 1e3 * ours["seconds"],
        "theirs_ms": 1e3 * theirs["seconds"],
        "speed_up": theirs["seconds"] / ours["seconds"] if agrees else None,
        "ours_mb": ours["peak_mb"],
        "theirs_mb": theirs["peak_mb"],
    }
    speed = f"{row['speed_up']:6.2f}x" if agrees else "  WRONG"
    print(
        f"{name:52s} {row['impl']:8s} {row['ours_ms']:9.1f} ms {row['theirs_ms']:9.1f} ms {speed} "
        f"{row['ours_mb']:7.0f} MB {row['theirs_mb']:7.0f} MB   error {error:.1e}",
        flush=True,
    )
    return row


def attention_table(sides: list[int], batch: int, train_batch: int, repeats: int) -> list[dict]:
    rows = []
    for side in sides:
        for keep in (1, 0.2, 0.05):
            label = f"N={side * side} keep {keep:.0%}"
            for learn, images in ((False, batch), (True, train_batch)):
                ours, theirs = (
                    fresh(attention_row, method, side, images, keep, learn, repeats)
                    for method in ("ours", "dense")
                )
                kind = "training, learned bias" if learn else "forward"
                rows.append(compare(f"{kind} B={images} {label} / dense mask", ours, theirs))
    return rows


def pool_table(repeats: int) -> list[dict]:
    rows = []
    for shape in POOL_MAPS:
        ours = fresh(pool_row, "ours", shape, repeats)
        for method in ("loop", "pools"):
            name = f"box_pool {shape}, {N_GAZES} gazes / {method}"
            rows.append(compare(name, ours, fresh(pool_row, method, shape, 1)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="N=1024 only")
    parser.add_argument(
        "--train-batch", type=int, default=1, help="images of a training step (dense: 3 GB each)"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write the table to")
    options = parser.parse_args()
    sides = [32] if options.quick else [32, 64]
    print(
        f"{'case':52s} {'impl':8s} {'ours':>12s} {'theirs':>12s} {'ratio':>7s} {'ours':>10s} {'theirs':>10s}"
    )
    rows = attention_table(sides, 4, options.train_batch, options.repeats) + pool_table(options.repeats)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
