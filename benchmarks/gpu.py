"""Foveal attention and box pooling on a GPU: correctness against float64 first, then the table.

Run ``python benchmarks/gpu.py --json table.json`` on a machine with one GPU and nothing else running on it, after
``pip install --no-deps --no-build-isolation .`` (setuptools 77 or newer). Rows come in the order of their importance,
one of each shape before the second of any, as long as the next is likely to end within ``--minutes``; the file is
written anew after each, and ``--resume`` goes on where a file ends. In every row each method's output and gradients
are held against float64 on the very tensors that are timed; ours gets a ratio only where both are right, and where the
kind and dtype of the row passed the checks that come first. Peers are those of ``attention_peers.py``. Without a GPU,
``TRITON_INTERPRET=1 python benchmarks/gpu.py --check-only`` checks small problems.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import attention_peers as peers
import torch
import triton
from attention_peers import Attend, Bias, Learned, Problem
from gpu_checks import BIAS_FACTOR, DTYPES, TOLERANCE, check
from gpu_measures import DEVICE, REFUSALS, by_turns, clocks, graph_ms, milliseconds, peak_mb, reason, waits
from torch import Tensor
from torch.nn.attention import SDPBackend
from torch.nn.functional import scaled_dot_product_attention

from cogattn.kernels import box_means, foveal_attention
from cogattn.kernels.box_pool.api import Impl

BATCH, HEADS = 4, 8
ALPHA, E2 = 2.0, 3.0
PEER_FACTOR = 4  # peers may be this much worse: they round an output before they make gradients of it
POOL_MAPS = ((64, 56), (64, 112), (256, 28))  # channels, side
LARGEST_MASK = 2**30  # numbers in a dense mask


class Kind(NamedTuple):
    """What is computed, whatever the shape."""

    bias: Bias
    keep: float  # part of the keys within the radius
    learned: Learned = "content"
    dtype: str = "bfloat16"
    n_gazes: int = 0  # 0: every patch looks from its own place


class Shape(NamedTuple):
    n: int  # patches
    dim: int  # of a head


SHAPES = (Shape(4096, 64), Shape(16384, 64), Shape(1024, 64), Shape(4096, 128))
KINDS = (
    Kind("log", 0.05),
    Kind("log", 1.0, n_gazes=16),
    Kind("log", 0.05, "bias"),
    Kind("none", 0.05),
    Kind("log", 1.0),
    Kind("log", 0.05, "places"),
    Kind("smooth", 0.05),
    Kind("log", 0.2),
    Kind("log", 0.05, "bias", n_gazes=16),
    Kind("none", 1.0),
    Kind("smooth", 0.05, "bias"),
    Kind("log", 0.05, dtype="float32"),
    Kind("gauss", 0.05),
    Kind("log", 0.05, "weights"),
    Kind("log", 0.2, "bias"),
)
MASKS = ("mask kept, efficient", "mask kept, cuDNN", "mask built, compiled")
OURS, FLEX = "ours, layout", "flex"
METHODS: dict[str, Callable[[Problem], Attend]] = {
    OURS: peers.ours_with_layout,
    "ours": peers.ours,
    MASKS[0]: partial(peers.kept, backend=SDPBackend.EFFICIENT_ATTENTION),
    MASKS[1]: partial(peers.kept, backend=SDPBackend.CUDNN_ATTENTION),
    MASKS[2]: peers.compiled,
    "no bias, flash": partial(peers.unbiased, backend=SDPBackend.FLASH_ATTENTION),
    "no bias, cuDNN": partial(peers.unbiased, backend=SDPBackend.CUDNN_ATTENTION),
}


def goal(kind: Kind) -> tuple[str, float]:
    """Phase that the goal is of, and least ratio to flex_attention."""
    if kind.learned in ("bias", "places"):
        return "both", 2.0
    return "forward", 1.0 if kind.bias == "none" else 1.5


def problem_of(kind: Kind, shape: Shape) -> Problem:
    place = peers.lattice(round(shape.n**0.5), DEVICE)
    gaze = place
    if kind.n_gazes:
        generator = torch.Generator(DEVICE).manual_seed(0)
        corner = place.amax()
        gaze = torch.rand(BATCH, kind.n_gazes, 2, generator=generator, device=DEVICE) * corner
        gaze = (4 * gaze).round() / 4  # on quarters float32 and float64 agree on what is within the radius
    return peers.problem_of(
        gaze, place, images=BATCH, heads=HEADS, dim=shape.dim, radius=peers.radius_for(gaze, place, kind.keep),
        bias=kind.bias, learned=kind.learned, dtype=DTYPES[kind.dtype], alpha=ALPHA, e2=E2,
    )  # fmt: skip


# rows


def prepared(problem: Problem, found: dict[str, dict]) -> dict[str, Attend]:
    """Calls by method; those that refuse the problem are noted in `found`."""
    n_numbers = HEADS * len(problem.gaze) * problem.q.shape[2] * problem.k.shape[2]
    methods: dict[str, Attend] = {}
    for name, prepare in {**METHODS, FLEX: partial(tuned_flex, found=found)}.items():
        found[name] = {}
        try:
            if name in MASKS and n_numbers > LARGEST_MASK:
                raise ValueError(f"a mask of {n_numbers:.1e} numbers")
            methods[name] = prepare(problem)
        except REFUSALS as error:
            found[name]["refused"] = reason(error)
    return methods


def tuned_flex(problem: Problem, found: dict[str, dict]) -> Attend:
    """flex_attention with its fastest block size and tiles; the time to build its block mask is noted."""
    block = peers.best_block(problem, milliseconds)
    mode = "max-autotune-no-cudagraphs" if DEVICE == "cuda" else "default"
    if problem.radius is not None:
        build = partial(peers.block_mask, problem, peers.axes_of(problem), block)
        found[FLEX] |= {"block": block, "mask_ms": milliseconds(build)}
    return peers.flex(problem, block, mode)


def verified(name: str, attend: Attend, problem: Problem, upstream: Tensor, true: list[Tensor]) -> dict:
    """Errors of one method's answers and whether they are within its bounds; another function has none."""
    if name.startswith("no bias"):
        attend()
        return {}
    bound = TOLERANCE[str(problem.q.dtype).removeprefix("torch.")]
    bound *= 1 if name.startswith("ours") else PEER_FACTOR
    found = peers.errors(peers.answers(attend, problem, upstream), true)
    right = all(e <= bound * (1 if i < 4 else BIAS_FACTOR) for i, e in enumerate(found))
    return {"errors": found, "right": right}


def attention_row(kind: Kind, shape: Shape, no_graph: set[str]) -> dict:
    """Answers, times, memory and graphs of ours and of the peers for one problem."""
    problem = problem_of(kind, shape)
    upstream = torch.randn_like(problem.q)
    found: dict[str, dict] = {}
    methods = prepared(problem, found)
    true = peers.truth(problem, upstream, most_scores=2**27)
    for name, attend in list(methods.items()):
        try:
            found[name] |= verified(name, attend, problem, upstream, true)
        except REFUSALS as error:
            found[name]["refused"] = reason(error)
            del methods[name]
    with torch.no_grad():
        time_phase("forward", methods, found)
        for name in methods.keys() - no_graph:
            found[name] |= graphed(methods[name])
            if "graph: refused" in found[name]:
                no_graph.add(name)
    passes = {name: partial(peers.answers, attend, problem, upstream) for name, attend in methods.items()}
    time_phase("both", passes, found)
    return {"kind": list(kind), "shape": list(shape), "methods": found, "clocks": clocks()}


def time_phase(phase: str, steps: Mapping[str, Callable[[], object]], found: dict[str, dict]) -> None:
    for name, times in by_turns(steps).items():
        found[name][phase] = times | {"mb": peak_mb(steps[name])}


def graphed(attend: Callable[[], object]) -> dict:
    """Time in a CUDA graph and what waits; a step that cannot be captured is not tried again in later rows."""
    try:
        return {"waits": waits(attend), "graph": graph_ms(attend)}
    except REFUSALS as error:
        return {"graph: refused": reason(error)}


def judged(row: dict, checks: list[dict]) -> dict:
    """Add the ratio to flex_attention and whether the goal is met, where both are right."""
    kind = Kind(*row["kind"])
    phase, least = goal(kind)
    sides = [row.get("methods", {}).get(name, {}) for name in (FLEX, OURS)]
    failed = [c for c in checks if c["bad"] and (c["dtype"], c["bias"]) == (kind.dtype, kind.bias)]
    if failed:
        row["unsound"] = f"{len(failed)} checks of {kind.bias} in {kind.dtype} failed"
    elif not sides[1].get("right"):
        row["unsound"] = "ours is wrong or refused"
    elif all(side.get("right") and phase in side for side in sides):
        theirs, mine = (side[phase]["ms"] for side in sides)
        row |= {"phase": phase, "ratio": theirs / mine, "goal": least, "met": theirs >= least * mine}
    return row


def show(row: dict) -> None:
    kind, shape = Kind(*row["kind"]), Shape(*row["shape"])
    gazes = f"{kind.n_gazes} gazes, " if kind.n_gazes else ""
    print(
        f"{gazes}N={shape.n} D={shape.dim} {kind.bias} keep {kind.keep:.0%} {kind.learned} {kind.dtype}  "
        f"{row.get('clocks') or ''}"
    )
    for name, method in row.get("methods", {}).items():
        print(f"  {name:22s} {described(method)}", flush=True)
    if "met" in row:
        verdict = "met" if row["met"] else "MISSED"
        print(f"  {row['ratio']:.2f}x flex, {row['phase']}, goal {row['goal']:g}x: {verdict}", flush=True)
    for key in ("unsound", "refused"):
        if key in row:
            print(f"  {key}: {row[key]}", flush=True)


def described(method: dict) -> str:
    if "refused" in method:
        return method["refused"]
    cells = [
        f"{phase} {method[phase]['ms']:.3f} ms +-{method[phase]['spread'] / 2:.0%} {method[phase]['mb'] or 0:.0f} MB"
        for phase in ("forward", "both")
        if phase in method
    ]
    cells += [f"graph {method['graph']:.3f} ms"] if "graph" in method else []
    cells += (
        [f"error {max(method['errors']):.0e}" + " WRONG" * (not method["right"])]
        if "errors" in method
        else []
    )
    cells += [f"blocks {method['block']}, mask {method['mask_ms']:.2f} ms"] if "block" in method else []
    cells += [f"waits: {method['waits']}"] if method.get("waits") else []
    return "  ".join(cells)


def deterministic() -> bool | str:
    """Whether two backward passes with learned bias and positions agree to the last bit; or why they did not run."""
    shape = Shape(1024, 64) if DEVICE == "cuda" else Shape(64, 16)
    problem = problem_of(Kind("log", 0.2, "places"), shape)
    problem.alpha.requires_grad_()
    upstream = torch.ones_like(problem.q)
    try:
        passes = [peers.answers(peers.ours(problem), problem, upstream) for _ in range(2)]
    except REFUSALS as error:
        return reason(error)
    return all(torch.equal(a, b) for a, b in zip(*passes, strict=True))


def scanpath_row() -> dict:
    """The scale of object scanpaths, which is bound by launches, against the chain of torch operations."""
    generator = torch.Generator(DEVICE).manual_seed(0)
    q = torch.randn(256, 8, 16, 32, generator=generator, device=DEVICE)
    k = torch.randn(256, 8, 80, 32, generator=generator, device=DEVICE)
    gaze = torch.randn(256, 16, 2, generator=generator, device=DEVICE)
    place = torch.randn(256, 80, 2, generator=generator, device=DEVICE)

    def chain(q: Tensor, k: Tensor, gaze: Tensor, place: Tensor) -> Tensor:
        bias = (torch.cdist(gaze, place) / E2).add_(1).log_().mul_(-ALPHA)
        return scaled_dot_product_attention(q, k, k, attn_mask=bias[:, None].expand(-1, 8, -1, -1))

    compiled = torch.compile(chain)
    steps: dict[str, Callable[[], object]] = {
        "ours": lambda: foveal_attention(q, k, k, gaze, place, bias="log", alpha=ALPHA, e2=E2),
        "eager": lambda: chain(q, k, gaze, place),
        "compiled": lambda: compiled(q, k, gaze, place),
    }
    times = by_turns(steps)
    return {name: times[name] | graphed(step) for name, step in steps.items()}


def pool_rows() -> list[dict]:
    """Box means of 16 gazes by our kernel and by embedding_bag, the table's building included in both."""
    return [pool_row(*size) for size in POOL_MAPS]


def pool_row(channels: int, side: int) -> dict:
    features = torch.randn(1, channels, side, side, device=DEVICE, requires_grad=True)
    low = torch.rand(1, 16 * side * side, 2, device=DEVICE) * side
    boxes = torch.cat([low, low + 1 + 12 * torch.rand_like(low)], -1)
    upstream = torch.randn_like(box_means(features, boxes).detach())

    def forward(impl: Impl) -> Tensor:
        return box_means(features, boxes, impl=impl)

    def both(impl: Impl) -> list[Tensor]:
        out = forward(impl)
        return [out.detach(), *torch.autograd.grad(out, features, upstream)]

    true = both("reference")
    row: dict = {"map": f"{channels}x{side}x{side}", "errors": {}}
    names: dict[str, Impl] = {"ours": "auto", "embedding_bag": "bag"}
    for name, impl in names.items():
        row["errors"][name] = peers.errors(both(impl), [t.double() for t in true])
    with torch.no_grad():
        row["forward"] = by_turns({name: partial(forward, impl) for name, impl in names.items()})
    row["both"] = by_turns({name: partial(both, impl) for name, impl in names.items()})
    return row


# the run


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="start no row that may end after this")
    parser.add_argument("--check-only", action="store_true")
    parser.add_argument("--json", type=Path, help="file to write everything to, anew after each row")
    parser.add_argument("--resume", action="store_true", help="go on where that file ends")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run what fits into the time; returns the exit status."""
    options = options_of(arguments)
    start = time.monotonic()
    device = torch.cuda.get_device_name() if DEVICE == "cuda" else "interpreter"
    report: dict = {
        "device": device,
        "torch": torch.__version__,
        "triton": triton.__version__,
        "clocks": clocks(),
    }
    print(json.dumps(report), flush=True)
    if options.resume and options.json and options.json.exists():
        report = json.loads(options.json.read_text())

    def keep(name: str, measure: Callable[[], object]) -> None:
        if name in report:
            return
        try:
            report[name] = measure()
        except REFUSALS as error:
            report[name] = {"refused": reason(error)}
        write(report, options.json)

    keep("checks", check)
    keep("deterministic", deterministic)
    print(f"deterministic: {report['deterministic']}", flush=True)
    if not options.check_only:
        keep("scanpath", scanpath_row)
        keep("box_pool", pool_rows)
        print(json.dumps({name: report[name] for name in ("scanpath", "box_pool")}), flush=True)
        attention_table(report, options, start + 60 * options.minutes)
    return 0 if sound(report) else 1


def attention_table(report: dict, options: argparse.Namespace, end: float) -> None:
    """Rows that are not in the report yet, as long as the longest so far would end in time."""
    rows = report.setdefault("attention", [])
    done = {(Kind(*row["kind"]), Shape(*row["shape"])) for row in rows}
    longest, no_graph = 0.0, set()
    report["skipped"] = []
    for kind, shape in itertools.product(KINDS, SHAPES):
        began = time.monotonic()
        if (kind, shape) in done:
            continue
        if began + longest > end:
            report["skipped"].append([list(kind), list(shape)])
            continue
        row = judged(row_or_reason(kind, shape, no_graph), report["checks"])
        rows.append(row)
        show(row)
        longest = max(longest, time.monotonic() - began)
        write(report, options.json)
    print(f"{len(report['skipped'])} rows skipped", flush=True)
    write(report, options.json)


def row_or_reason(kind: Kind, shape: Shape, no_graph: set[str]) -> dict:
    torch._dynamo.reset()
    try:
        return attention_row(kind, shape, no_graph)
    except REFUSALS as error:
        return {"kind": list(kind), "shape": list(shape), "refused": reason(error)}


def sound(report: dict) -> bool:
    """Whether all checks passed, two passes agreed, and no row missed its goal."""
    checked = isinstance(report["checks"], list) and not any(row["bad"] for row in report["checks"])
    missed = any(not row.get("met", True) or "refused" in row for row in report.get("attention", []))
    return checked and report["deterministic"] is True and not missed


def write(report: dict, path: Path | None) -> None:
    if path:
        path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
