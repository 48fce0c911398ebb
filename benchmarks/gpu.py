"""Foveal attention and box pooling on a GPU: correctness against float64 first, then the table.

Run ``python benchmarks/gpu.py --json table.json`` on a machine with one GPU and nothing else running on it. Rows come
in the order of their importance until ``--minutes`` are over; the file is written anew after each. Rows of a bias
that fails its check are not timed. Peers compute the same function on the same inputs: torch's fused attention with a
dense bias, flex_attention with the same bias and a block mask of the same radius, and, as the speed limit, fused
attention without any bias. Building block masks is reported apart for the peers; our time includes the building of
our lists. Without a GPU, ``TRITON_INTERPRET=1 python benchmarks/gpu.py --check-only`` checks small problems.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch
import triton
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

from cogattn.kernels import box_means, foveal_attention, spatial_order
from cogattn.kernels.foveal_attention.lists import block_lists, kept_blocks

BATCH, HEADS = 4, 8
ALPHA, E2 = 2.0, 3.0
TOLERANCE = {torch.float32: 5e-6, torch.float16: 1e-3, torch.bfloat16: 1e-2}
BIAS_FACTOR = 5  # gradients of the bias's parameters and positions may be this much worse
KINDS = ("smooth", "log", "gauss", "none")
RADII = (None, 4.0)
CASES = [(4096, 64), (16384, 64), (1024, 64), (4096, 128)]  # n, head dimension
ROWS = [  # bias, part of the keys within the radius, what is learned beside q, k and v
    ("log", 0.05, ""),
    ("none", 0.05, ""),
    ("log", 0.05, "bias"),
    ("log", 1.0, ""),
    ("log", 0.05, "places"),
    ("none", 1.0, ""),
    ("log", 0.2, ""),
    ("log", 0.2, "bias"),
]
GOALS = {"none": ("forward", 1.0), "log": ("forward", 1.5), "bias": ("both", 2.0), "places": ("both", 2.0)}
REFUSALS = (RuntimeError, TypeError, ValueError, torch._dynamo.exc.TorchDynamoException, triton.TritonError)
Variant = tuple[torch.dtype, str, float | None]
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
WORKERS = 6  # processes that check, so that six kernels are compiled at a time


def lattice(n: int) -> Tensor:
    side = torch.arange(float(round(n**0.5)), device=DEVICE)
    place = torch.cartesian_prod(side, side)
    return place[spatial_order(place)][None]


def radius_for(place: Tensor, keep: float) -> float | None:
    """Radius within which a query sees the fraction `keep` of the keys, on average."""
    if keep == 1:
        return None
    offset = place[0, :: max(1, place.shape[1] // 128), None] - place[0]
    return float((offset * offset).sum(-1).sqrt().flatten().sort().values[int(keep * offset[..., 0].numel())])


def content(n: int, dim: int, dtype: torch.dtype, learn: bool, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator(DEVICE).manual_seed(seed)
    shape = (BATCH, HEADS, n, dim)
    return [
        torch.randn(shape, generator=generator, device=DEVICE).to(dtype).requires_grad_(learn)
        for _ in range(3)
    ]


# correctness


def errors(
    dtype: torch.dtype, bias: str, radius: float | None, sizes: tuple[int, int, int] = (333, 517, 64)
) -> dict[str, float]:
    """Relative error (Frobenius) of the output and of every gradient against float64, by name."""
    generator = torch.Generator(DEVICE).manual_seed(1)
    n_queries, n_keys, dim = sizes

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=DEVICE)

    tensors = {"q": normal(2, 4, n_queries, dim).to(dtype)}
    tensors |= {name: normal(2, 4, n_keys, dim).to(dtype) for name in "kv"}
    tensors |= {"query_position": 4 * normal(2, n_queries, 2), "key_position": 4 * normal(2, n_keys, 2)}
    tensors |= {"log_weight": normal(2, n_keys), "alpha": normal(4).abs() + 1, "e2": normal(4).abs() + 1}
    tensors["log_weight"][:, n_keys // 5 : n_keys // 4] = -torch.inf
    weights = normal(2, 4, n_queries, dim).to(dtype)

    def answers(impl: str) -> dict[str, Tensor]:
        leaves = {name: t.detach().requires_grad_() for name, t in tensors.items()}
        out = foveal_attention(**leaves, bias=bias, radius=radius, impl=impl)
        grads = torch.autograd.grad(
            out, list(leaves.values()), weights, allow_unused=True, materialize_grads=True
        )
        return {"out": out.detach()} | dict(zip(leaves, grads, strict=True))

    got, truth = answers("triton"), answers("reference")
    return {
        name: float((got[name].double() - true.double()).norm() / true.double().norm().clamp(min=1e-9))
        for name, true in truth.items()
    }


def check() -> tuple[list[dict], set[str]]:
    """All variants against float64; returns the rows and the biases that failed."""
    rows, failed = [], set()
    for (dtype, bias, radius), found in measured_errors():
        bounds = {n: TOLERANCE[dtype] * (1 if n in ("out", "q", "k", "v") else BIAS_FACTOR) for n in found}
        bad = {n: e for n, e in found.items() if not e <= bounds[n]}
        if bad:
            failed.add(bias)
        rows.append(
            {"dtype": str(dtype), "bias": bias, "radius": radius, "errors": found, "bad": sorted(bad)}
        )
        print(
            f"check {dtype!s:15s} {bias:7s} radius {radius!s:5s} worst {max(found.values()):.1e} "
            f"{'BAD ' + str(bad) if bad else 'ok'}",
            flush=True,
        )
    return rows, failed


def measured_errors() -> Iterator[tuple[Variant, dict[str, float]]]:
    """Errors of every variant, on a GPU by several processes, for the kernels' compilation takes longest."""
    variants = list(itertools.product(TOLERANCE, KINDS, RADII))
    if DEVICE == "cuda":
        try:
            with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("spawn")) as pool:
                found = list(pool.map(errors_or_reason, variants))
        except BrokenProcessPool as error:
            found = [{reason(error): float("inf")}]
        if any(len(errors) > 1 for errors in found):
            yield from zip(variants, found, strict=True)
            return
    yield from ((variant, errors_or_reason(variant)) for variant in variants)


def errors_or_reason(variant: Variant) -> dict[str, float]:
    """Errors by name; a variant that does not run has an infinite one, named by the cause."""
    try:
        return errors(*variant) if DEVICE == "cuda" else errors(*variant, sizes=(33, 47, 16))
    except REFUSALS as error:
        return {reason(error): float("inf")}


def reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


# timing


def milliseconds(step: Callable[[], object]) -> float:
    return float(triton.testing.do_bench(step, warmup=20, rep=100, return_mode="median"))


def forward_backward(function: Callable[..., Tensor], leaves: list[Tensor]) -> Callable[[], object]:
    upstream = torch.randn_like(function().detach())
    return lambda: torch.autograd.grad(function(), leaves, upstream)


def flex(
    place: Tensor, bias: str, alpha: Tensor, e2: Tensor, radius: float | None, block: int
) -> tuple[Callable, float]:
    """flex_attention with the same bias and radius, and the time to build its block mask in ms."""
    x, y = place[0, :, 0].contiguous(), place[0, :, 1].contiguous()
    plain_x, plain_y = x.detach(), y.detach()  # a mask is not learned
    place = place.detach()

    def score(s, b, h, i, j):
        dx, dy = x[j] - x[i], y[j] - y[i]
        return s - alpha[h] * torch.log1p(torch.sqrt(dx * dx + dy * dy) / e2[h])

    def within(b, h, i, j):
        dx, dy = plain_x[j] - plain_x[i], plain_y[j] - plain_y[i]
        return dx * dx + dy * dy <= radius * radius

    def build() -> BlockMask | None:
        if radius is None:
            return None
        reach = torch.tensor([radius], device=DEVICE)
        keep = kept_blocks(place, place, reach, query_block=block, key_block=block)
        lists = block_lists(keep)
        return BlockMask.from_kv_blocks(
            lists.count[:, None], lists.index[:, None], None, None, BLOCK_SIZE=block, mask_mod=within
        )

    mask = build()
    build_ms = milliseconds(build) if radius is not None else 0.0
    compiled = torch.compile(flex_attention, dynamic=False)
    return lambda q, k, v: compiled(
        q, k, v, score_mod=None if bias == "none" else score, block_mask=mask
    ), build_ms


def dense_bias(place: Tensor, bias: str, radius: float | None, dtype: torch.dtype) -> Tensor:
    offset = place[0, :, None] - place[0]
    squared = (offset * offset).sum(-1)
    scores = -ALPHA * torch.log1p(squared.sqrt() / E2) if bias == "log" else torch.zeros_like(squared)
    if radius is not None:
        scores = scores.masked_fill(squared > radius * radius, -torch.inf)
    return scores.to(dtype).expand(1, HEADS, -1, -1).contiguous()


def attention_row(n: int, dim: int, bias: str, keep: float, learned: str, block: int) -> dict:
    """Times of ours and of the peers for one problem, forward and forward with backward, in ms."""
    place = lattice(n)
    radius = radius_for(place, keep)
    q, k, v = content(n, dim, torch.bfloat16, learn=True)
    alpha, e2 = (
        torch.full((HEADS,), value, device=DEVICE, requires_grad=learned == "bias") for value in (ALPHA, E2)
    )
    place.requires_grad_(learned == "places")
    leaves = [q, k, v, *(t for t in (alpha, e2, place) if t.requires_grad)]

    def ours():
        return foveal_attention(q, k, v, place, place, bias=bias, alpha=alpha, e2=e2, radius=radius)

    methods: dict[str, Callable[[], Tensor]] = {"ours": ours}
    row: dict = {"n": n, "dim": dim, "bias": bias, "keep": keep, "learned": learned}
    with torch.no_grad():
        truth = ours().double()
    flexed, row["flex_mask_ms"] = flex(place, bias, alpha, e2, radius, block)
    methods["flex"] = lambda: flexed(q, k, v)
    if not learned:
        methods["flash, no bias"] = lambda: plain(q, k, v)
        if n <= 4096:
            mask = dense_bias(place.detach(), bias, radius, q.dtype)
            methods["dense bias"] = lambda: masked(q, k, v, mask)
    for name, function in methods.items():
        try:
            with torch.no_grad():
                out = function().double()
                if "no bias" not in name:
                    row[f"{name}: difference"] = float((out - truth).norm() / truth.norm())
                row[f"{name}: forward"] = milliseconds(function)
            row[f"{name}: both"] = milliseconds(forward_backward(function, leaves))
        except REFUSALS as error:  # a peer may refuse a case
            row[f"{name}: refused"] = reason(error)
    phase, goal = GOALS[learned or bias]
    times = [row.get(f"{name}: {phase}") for name in ("flex", "ours")]
    if None not in times and row["flex: difference"] < 2 * TOLERANCE[torch.bfloat16]:
        row |= {"goal": goal, "speed_up": times[0] / times[1], "met": times[0] >= goal * times[1]}
    return row


def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return scaled_dot_product_attention(q, k, v)


def masked(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        return scaled_dot_product_attention(q, k, v, attn_mask=mask)


def show(row: dict) -> None:
    name = f"N={row['n']} D={row['dim']} {row['bias']} keep {row['keep']:.0%} {row['learned']}"
    for phase in ("forward", "both"):
        times = {k.split(":")[0]: t for k, t in row.items() if k.endswith(": " + phase)}
        mine = times.get("ours", float("nan"))
        cells = "  ".join(f"{peer} {t:.3f} ({t / mine:.2f}x)" for peer, t in times.items() if peer != "ours")
        print(f"{name:42s} {phase:8s} ours {mine:.3f} ms  {cells}", flush=True)
    if "met" in row:
        verdict = "met" if row["met"] else "MISSED"
        print(f"{'':42s} {row['speed_up']:.2f}x flex, goal {row['goal']:g}x: {verdict}", flush=True)
    for key in (k for k in row if k.endswith("refused")):
        print(f"{'':42s} {key}: {row[key]}", flush=True)


def deterministic() -> bool:
    """Whether two backward passes with learned bias and positions agree to the last bit."""
    n, dim = (1024, 64) if DEVICE == "cuda" else (64, 16)
    place = lattice(n).requires_grad_()
    q, k, v = content(n, dim, torch.bfloat16, learn=True)
    alpha = torch.full((HEADS,), ALPHA, device=DEVICE, requires_grad=True)
    passes = [
        torch.autograd.grad(
            foveal_attention(q, k, v, place, place, bias="log", alpha=alpha, e2=E2, radius=8.0, impl="triton")
            .float()
            .square()
            .sum(),
            [q, k, v, place, alpha],
        )
        for _ in range(2)
    ]
    return all(torch.equal(a, b) for a, b in zip(*passes, strict=True))


def scanpath_row() -> dict:
    """The scale of object scanpaths: launch bound, against the chain of torch operations."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    q = torch.randn(256, 8, 16, 32, generator=generator, device=DEVICE)
    k = torch.randn(256, 8, 80, 32, generator=generator, device=DEVICE)
    gaze = torch.randn(256, 16, 2, generator=generator, device=DEVICE)
    place = torch.randn(256, 80, 2, generator=generator, device=DEVICE)

    def chain(q, k, gaze, place):
        bias = -ALPHA * torch.log1p(torch.cdist(gaze, place) / E2)
        return scaled_dot_product_attention(q, k, k, attn_mask=bias[:, None].expand(-1, 8, -1, -1))

    compiled = torch.compile(chain)
    return {
        "ours": milliseconds(lambda: foveal_attention(q, k, k, gaze, place, bias="log", alpha=ALPHA, e2=E2)),
        "eager": milliseconds(lambda: chain(q, k, gaze, place)),
        "compiled": milliseconds(lambda: compiled(q, k, gaze, place)),
    }


def pool_rows() -> list[dict]:
    """Box means of 16 gazes by our kernel and by embedding_bag, the table's building included in both."""
    rows = []
    for channels, side in ((64, 56), (64, 112), (256, 28)):
        features = torch.randn(1, channels, side, side, device=DEVICE)
        low = torch.rand(1, 16 * side * side, 2, device=DEVICE) * side
        boxes = torch.cat([low, low + 1 + 12 * torch.rand_like(low)], -1)
        difference = (box_means(features, boxes) - box_means(features, boxes, impl="bag")).abs().max()
        rows.append(
            {
                "map": f"{channels}x{side}x{side}",
                "difference": float(difference),
                "ours": milliseconds(lambda f=features, b=boxes: box_means(f, b)),
                "embedding_bag": milliseconds(lambda f=features, b=boxes: box_means(f, b, impl="bag")),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=6.5, help="add no row after this long")
    parser.add_argument("--flex-block", type=int, default=128, help="block of flex_attention's mask")
    parser.add_argument("--check-only", action="store_true")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    options = parser.parse_args()
    start = time.monotonic()
    device = torch.cuda.get_device_name() if DEVICE == "cuda" else "interpreter"
    report: dict = {"device": device, "torch": torch.__version__, "triton": triton.__version__}
    print(json.dumps(report), flush=True)

    def write() -> None:
        report["minutes"] = (time.monotonic() - start) / 60
        if options.json:
            options.json.write_text(json.dumps(report, indent=1) + "\n")

    report["checks"], failed = check()
    write()
    report["deterministic"] = deterministic()
    print(f"deterministic: {report['deterministic']}", flush=True)
    write()
    if options.check_only:
        sys.exit(1 if failed or not report["deterministic"] else 0)
    for name, measure in (("scanpath", scanpath_row), ("box_pool", pool_rows)):
        try:
            report[name] = measure()
        except REFUSALS as error:
            report[name] = {"refused": reason(error)}
        print(json.dumps({name: report[name]}), flush=True)
    report["attention"], report["skipped"] = [], []
    for (n, dim), (bias, keep, learned) in itertools.product(CASES, ROWS):
        if bias in failed or time.monotonic() - start > 60 * options.minutes:
            report["skipped"].append([n, dim, bias, keep, learned])
            continue
        torch._dynamo.reset()
        try:
            row = attention_row(n, dim, bias, keep, learned, options.flex_block)
        except REFUSALS as error:
            row = {"n": n, "dim": dim, "bias": bias, "keep": keep, "learned": learned}
            row["ours: refused"] = reason(error)
        report["attention"].append(row)
        show(row)
        write()
    print(f"{len(report['skipped'])} rows skipped, {(time.monotonic() - start) / 60:.1f} minutes", flush=True)
    write()


if __name__ == "__main__":
    main()
