"""The Triton kernels against float64 on small problems with all the awkward parts: part of ``gpu.py``."""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import torch
from attention_peers import Bias
from gpu_measures import DEVICE, REFUSALS, reason
from torch import Tensor

from cogattn.kernels import foveal_attention
from cogattn.kernels.foveal_attention.api import Impl

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
TOLERANCE = {"float32": 5e-6, "float16": 1e-3, "bfloat16": 1e-2}
BIAS_FACTOR = 5  # gradients of the bias's parameters, weights and positions may be this much worse
WORKERS = 6  # processes that check, so that six kernels are compiled at a time
Variant = tuple[str, Bias, str]  # dtype, bias, situation
BIASES: tuple[Bias, ...] = ("smooth", "log", "gauss", "none")
SITUATIONS = ("all keys", "radius", "skipped blocks")


def errors(
    dtype: str, bias: Bias, situation: str, sizes: tuple[int, int, int] = (333, 517, 64)
) -> dict[str, float]:
    """Relative error (Frobenius) of the output and of every gradient against float64, by name."""
    tensors = arguments(DTYPES[dtype], situation, sizes)
    radius = tensors.pop("radius", None)
    weights = torch.randn_like(tensors["q"])

    def answers(impl: Impl) -> dict[str, Tensor]:
        leaves = {name: t.detach().requires_grad_() for name, t in tensors.items()}
        content = (leaves[name] for name in ("q", "k", "v", "query_position", "key_position"))
        out = foveal_attention(
            *content, log_weight=leaves["log_weight"], bias=bias, alpha=leaves["alpha"], e2=leaves["e2"],
            radius=radius, impl=impl,
        )  # fmt: skip
        assert isinstance(out, Tensor)
        grads = torch.autograd.grad(
            out, list(leaves.values()), weights, allow_unused=True, materialize_grads=True
        )
        return {"out": out.detach()} | dict(zip(leaves, grads, strict=True))

    got, truth = answers("triton"), answers("reference")
    return {
        name: float((got[name].double() - true.double()).norm() / true.double().norm().clamp(min=1e-9))
        for name, true in truth.items()
    }


def arguments(dtype: torch.dtype, situation: str, sizes: tuple[int, int, int]) -> dict[str, Tensor]:
    """Two images of four heads, a part of the keys padding."""
    generator = torch.Generator(DEVICE).manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=DEVICE)

    if situation == "skipped blocks":  # patches of a strip look at those near them, by a radius per head
        along = torch.arange(sizes[1], device=DEVICE)
        strip = torch.stack([along // 4, along % 4], -1).float()
        place = torch.stack([strip, strip.flip(0)])
        tensors = {"query_position": place, "key_position": place.flip(0) + 0.25}
        tensors["radius"] = torch.tensor([1.6, 2.6, 1.1, 2.1], device=DEVICE)
    else:
        tensors = {"query_position": 4 * normal(2, sizes[0], 2), "key_position": 4 * normal(2, sizes[1], 2)}
    if situation == "radius":
        tensors["radius"] = torch.tensor([4.0], device=DEVICE)
    n_queries, n_keys = tensors["query_position"].shape[1], tensors["key_position"].shape[1]
    tensors["q"] = normal(2, 4, n_queries, sizes[2]).to(dtype)
    tensors |= {name: normal(2, 4, n_keys, sizes[2]).to(dtype) for name in "kv"}
    tensors |= {"log_weight": normal(2, n_keys), "alpha": normal(4).abs() + 1, "e2": normal(4).abs() + 1}
    tensors["log_weight"][:, n_keys // 5 : n_keys // 4] = -torch.inf
    return tensors


def check() -> list[dict]:
    """All variants against float64."""
    rows = []
    for (dtype, bias, situation), found in measured_errors():
        bounds = {n: TOLERANCE[dtype] * (1 if n in ("out", "q", "k", "v") else BIAS_FACTOR) for n in found}
        bad = {n: e for n, e in found.items() if not e <= bounds[n]}
        rows.append(
            {"dtype": dtype, "bias": bias, "situation": situation, "errors": found, "bad": sorted(bad)}
        )
        verdict = f"BAD {bad}" if bad else "ok"
        print(
            f"check {dtype:9s} {bias:7s} {situation:15s} worst {max(found.values()):.1e} {verdict}",
            flush=True,
        )
    return rows


def measured_errors() -> Iterator[tuple[Variant, dict[str, float]]]:
    """Errors of every variant, on a GPU by several processes, for the kernels' compilation takes longest."""
    variants: list[Variant] = list(itertools.product(DTYPES, BIASES, SITUATIONS))
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
    sizes = (333, 517, 64) if DEVICE == "cuda" else (33, 47, 16)
    if variant[2] == "skipped blocks":  # as many tiles of 128 on a GPU as of 32 in the interpreter
        sizes = (0, 1024, 64) if DEVICE == "cuda" else (0, 128, 16)
    try:
        return errors(*variant, sizes=sizes)
    except REFUSALS as error:
        return {reason(error): float("inf")}
