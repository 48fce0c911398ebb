"""Foveal attention and box pooling on a GPU: correctness against float64 first, then the table.

Run ``python benchmarks/gpu.py --json table.json`` on a machine with one GPU and nothing else running on it; it
stops adding rows after ``--minutes``. Rows of a kernel that fails its check are not timed. Peers compute the same
function on the same inputs: torch's fused attention with a dense bias, flex_attention with the same bias and a
block mask of the same radius, and, as the speed limit, fused attention without any bias. Building block masks is
reported apart for the peers; our time includes the building of our lists.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable
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
CASES = [(1024, 64), (4096, 64), (16384, 64), (4096, 128)]  # n, head dimension
KEEPS = [1.0, 0.2, 0.05]


def lattice(n: int) -> Tensor:
    side = torch.arange(float(round(n**0.5)), device="cuda")
    place = torch.cartesian_prod(side, side)
    return place[spatial_order(place)][None]


def radius_for(place: Tensor, keep: float) -> float | None:
    """Radius within which a query sees the fraction `keep` of the keys, on average."""
    if keep == 1:
        return None
    offset = place[0, :: max(1, place.shape[1] // 128), None] - place[0]
    return float((offset * offset).sum(-1).sqrt().flatten().sort().values[int(keep * offset[..., 0].numel())])


def content(n: int, dim: int, dtype: torch.dtype, learn: bool, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator("cuda").manual_seed(seed)
    shape = (BATCH, HEADS, n, dim)
    return [
        torch.randn(shape, generator=generator, device="cuda").to(dtype).requires_grad_(learn)
        for _ in range(3)
    ]


# correctness


def errors(dtype: torch.dtype, bias: str, radius: float | None) -> dict[str, float]:
    """Relative error (Frobenius) of the output and of every gradient against float64, by name."""
    generator = torch.Generator("cuda").manual_seed(1)
    n_queries, n_keys, dim = 333, 517, 64

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device="cuda")

    tensors = {"q": normal(2, 4, n_queries, dim).to(dtype)}
    tensors |= {name: normal(2, 4, n_keys, dim).to(dtype) for name in "kv"}
    tensors |= {"query_position": 4 * normal(2, n_queries, 2), "key_position": 4 * normal(2, n_keys, 2)}
    tensors |= {"log_weight": normal(2, n_keys), "alpha": normal(4).abs() + 1, "e2": normal(4).abs() + 1}
    tensors["log_weight"][:, 100:120] = -torch.inf
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
    for dtype, bias, radius in itertools.product(TOLERANCE, ("smooth", "log", "gauss", "none"), (None, 4.0)):
        found = errors(dtype, bias, radius)
        bounds = {n: TOLERANCE[dtype] * (1 if n in ("out", "q", "k", "v") else BIAS_FACTOR) for n in found}
        bad = {n: e for n, e in found.items() if not e <= bounds[n]}
        if bad:
            failed.add(bias)
        rows.append(
            {"dtype": str(dtype), "bias": bias, "radius": radius, "errors": found, "bad": sorted(bad)}
        )
        worst = max(found.values())
        print(
            f"check {dtype!s:15s} {bias:7s} radius {radius!s:5s} worst {worst:.1e} {'BAD ' + str(bad) if bad else 'ok'}"
        )
    return rows, failed


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

    def score(s, b, h, i, j):
        dx, dy = x[j] - x[i], y[j] - y[i]
        return s - alpha[h] * torch.log1p(torch.sqrt(dx * dx + dy * dy) / e2[h])

    def within(b, h, i, j):
        dx, dy = x[j] - x[i], y[j] - y[i]
        return dx * dx + dy * dy <= radius * radius

    def build() -> BlockMask | None:
        if radius is None:
            return None
        reach = torch.tensor([radius], device="cuda")
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


def attention_row(n: int, dim: int, bias: str, keep: float, learn_bias: bool, block: int) -> dict:
    """Times of ours and of the peers for one problem, forward and forward with backward, in ms."""
    place = lattice(n)
    radius = radius_for(place, keep)
    q, k, v = content(n, dim, torch.bfloat16, learn=True)
    alpha, e2 = (
        torch.full((HEADS,), value, device="cuda", requires_grad=learn_bias) for value in (ALPHA, E2)
    )
    leaves = [q, k, v] + ([alpha, e2] if learn_bias else [])
    flexed, build_ms = flex(place, bias, alpha, e2, radius, block)

    def ours():
        return foveal_attention(q, k, v, place, place, bias=bias, alpha=alpha, e2=e2, radius=radius)

    methods: dict[str, tuple[Callable[[], Tensor], list[Tensor]]] = {
        "ours": (ours, leaves),
        "flex": (lambda: flexed(q, k, v), leaves),
    }
    if not learn_bias:
        methods["flash, no bias"] = (lambda: plain(q, k, v), leaves)
        if n <= 4096:
            mask = dense_bias(place, bias, radius, q.dtype)
            methods["dense bias"] = (lambda: masked(q, k, v, mask), leaves)
    row: dict = {
        "n": n,
        "dim": dim,
        "bias": bias,
        "keep": keep,
        "learn_bias": learn_bias,
        "flex_mask_ms": build_ms,
    }
    with torch.no_grad():
        truth = ours().double()
    for name, (function, inputs) in methods.items():
        try:
            with torch.no_grad():
                out = function().double()
                if "no bias" not in name:
                    row[f"{name}: difference"] = float((out - truth).norm() / truth.norm())
                row[f"{name}: forward"] = milliseconds(function)
            row[f"{name}: both"] = milliseconds(forward_backward(function, inputs))
        except (RuntimeError, torch._dynamo.exc.TorchDynamoException) as error:  # a peer may refuse a case
            row[f"{name}: refused"] = str(error).splitlines()[0][:200]
    return row


def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        return scaled_dot_product_attention(q, k, v)


def masked(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    with sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        return scaled_dot_product_attention(q, k, v, attn_mask=mask)


def show(row: dict) -> None:
    name = f"N={row['n']} D={row['dim']} {row['bias']} keep {row['keep']:.0%}{' learned' if row['learn_bias'] else ''}"
    for phase in ("forward", "both"):
        times = {k.split(":")[0]: t for k, t in row.items() if k.endswith(": " + phase)}
        mine = times.get("ours", float("nan"))
        cells = "  ".join(f"{peer} {t:.3f} ({t / mine:.2f}x)" for peer, t in times.items() if peer != "ours")
        print(f"{name:42s} {phase:8s} ours {mine:.3f} ms  {cells}", flush=True)
    for key in (k for k in row if k.endswith("refused")):
        print(f"{'':42s} {key}: {row[key]}")


def deterministic() -> bool:
    """Whether two backward passes with learned bias and positions agree to the last bit."""
    place = lattice(1024).requires_grad_()
    q, k, v = content(1024, 64, torch.bfloat16, learn=True)
    alpha = torch.full((HEADS,), ALPHA, device="cuda", requires_grad=True)
    passes = [
        torch.autograd.grad(
            foveal_attention(q, k, v, place, place, bias="log", alpha=alpha, e2=E2, radius=8.0).float().sum(),
            [q, k, v, place, alpha],
        )
        for _ in range(2)
    ]
    return all(torch.equal(a, b) for a, b in zip(*passes, strict=True))


def scanpath_row() -> dict:
    """The scale of object scanpaths: launch bound, against the chain of torch operations."""
    generator = torch.Generator("cuda").manual_seed(0)
    q = torch.randn(256, 8, 16, 32, generator=generator, device="cuda")
    k = torch.randn(256, 8, 80, 32, generator=generator, device="cuda")
    gaze = torch.randn(256, 16, 2, generator=generator, device="cuda")
    place = torch.randn(256, 80, 2, generator=generator, device="cuda")

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
        features = torch.randn(1, channels, side, side, device="cuda")
        low = torch.rand(1, 16 * side * side, 2, device="cuda") * side
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
    parser.add_argument("--minutes", type=float, default=7.0, help="add no row after this long")
    parser.add_argument("--flex-block", type=int, default=128, help="block of flex_attention's mask")
    parser.add_argument("--check-only", action="store_true")
    parser.add_argument("--json", type=Path, help="file to write everything to")
    options = parser.parse_args()
    start = time.monotonic()
    report: dict = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "triton": triton.__version__,
    }
    print(json.dumps(report))
    report["checks"], failed = check()
    report["deterministic"] = deterministic()
    print(f"deterministic: {report['deterministic']}")
    report["attention"], report["skipped"] = [], []
    if not options.check_only:
        report["scanpath"], report["box_pool"] = scanpath_row(), pool_rows()
        print(json.dumps({"scanpath": report["scanpath"], "box_pool": report["box_pool"]}, indent=1))
        for (n, dim), learn, bias, keep in itertools.product(CASES, (False, True), ("log", "none"), KEEPS):
            late = time.monotonic() - start > 60 * options.minutes
            if (learn and (bias == "none" or keep == 1)) or bias in failed or late:
                report["skipped"].append([n, dim, bias, keep, learn])
                continue
            torch._dynamo.reset()
            report["attention"].append(attention_row(n, dim, bias, keep, learn, options.flex_block))
            show(report["attention"][-1])
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
