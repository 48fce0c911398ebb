"""Compile the kernels for compute capability 9.0 without a GPU, and print what the compiler made as JSON.

Run as a script in a process of its own, because triton decides once per process whether it interprets:
``python compile_sm90.py '{"kernel": "forward", "dim": 64, "dtype": "bfloat16", "bias": "log"}' ...``
Kernels without a loop over scores are ``{"kernel": "visits"}``, ``"merge"``, ``"join"`` and ``"box_means"``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, CompiledKernel

from cogattn.kernels.box_pool.triton import BOX_BLOCK, CHANNEL_BLOCK, box_means_kernel
from cogattn.kernels.foveal_attention.call import make_call
from cogattn.kernels.foveal_attention.triton import launch
from cogattn.kernels.foveal_attention.triton.forward import forward_kernel, merge_kernel
from cogattn.kernels.foveal_attention.triton.key_side import key_side_kernel
from cogattn.kernels.foveal_attention.triton.query_side import join_kernel, query_side_kernel
from cogattn.kernels.foveal_attention.triton.tiling import Tiling, tiling
from cogattn.kernels.foveal_attention.triton.visits import visits_kernel

KERNELS = {"forward": forward_kernel, "query_side": query_side_kernel, "key_side": key_side_kernel}
NUMBERS = {"scale", "alpha", "e2", "radius"}
SMALL = {
    "visits": (
        visits_kernel,
        {"BLOCK_ROWS": 128, "BLOCK_COLUMNS": 64, "CHUNK": 16, "DIMS": 2, "FAST": True}
        | {"ROWS_WEIGHTED": False, "COLUMNS_WEIGHTED": True, "row_weight_ptr": None}
        | {"BOUNDED": True, "CAUSAL": False, "SEQUENCED": False, "TRANSPOSED": False}
        | {"row_ids_ptr": None, "column_ids_ptr": None}
        | {"step_row": 1, "step_column": 1, "step_radius": None},
    ),
    "merge": (merge_kernel, {"DIM": 64, "BLOCK_D": 64, "BLOCK_M": 16, "SPLITS": 8, "ACC": tl.float32}),
    "join": (
        join_kernel,
        {"DIM": 64, "BLOCK_D": 64, "BLOCK_M": 16, "SPLITS": 8, "SUMS": 5, "ACC": tl.float32},
    ),
    "box_means": (
        box_means_kernel,
        {"TAPS": 2, "BOX_BLOCK": BOX_BLOCK, "CHANNEL_BLOCK": CHANNEL_BLOCK},
    ),
}
TARGET = GPUTarget("cuda", 90, 32)
TYPES = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}
CONTENT = {"q", "k", "v", "out", "grad_out", "grad_q", "grad_k", "grad_v"}


def compile_kernel(
    kernel: str,
    dim: int = 64,
    dtype: str = "bfloat16",
    bias: str = "log",
    *,
    bounded: bool = True,
    weighted: bool = True,
    learns: bool = True,
    learns_position: bool = False,
    n_dims: int = 2,
    n_queries: int = 4096,
    splits: int = 1,
    kept: float = 1.0,
    group: int = 1,
    tile: list[int] | None = None,
    precision: str = "ieee",
) -> dict[str, object]:
    """Registers, spills, shared memory and instruction counts of one variant."""
    content = torch.zeros(1, 1, 4096, dim, dtype=getattr(torch, dtype))
    place = torch.zeros(1, 4096, n_dims)
    queries, weight = content.expand(-1, group, -1, -1), place[..., 0] if weighted else None
    call = make_call(
        queries, content, content, place, place, log_weight=weight, bias=bias, alpha=2.0, e2=1.0,
        radius=1.0 if bounded else None, table=None, extent_deg=1.0, scale=None, precision=precision,
    )  # fmt: skip
    chosen = (
        Tiling(*tile)
        if tile
        else tiling(kernel, dim, content.dtype, n_queries, kept=kept, learns_position=learns_position)
    )
    constants = launch._constants(call, chosen) | dict.fromkeys(("step_alpha", "step_e2", "step_radius"))
    constants |= {"step_gaze": 1, "SPLITS": splits}
    options = {name: constants.pop(name) for name in ("num_warps", "num_stages", "enable_fp_fusion")}
    if kernel != "forward":
        constants |= {"LEARN_BIAS": learns, "LEARN_POSITION": learns_position}
    if kernel == "key_side":
        del constants["SPLITS"]
    absent = {"mask_ptr", "query_ids_ptr", "key_ids_ptr"} | ({"weight_ptr"} if not weighted else set())
    absent |= {"grad_log_sum_ptr"} if kernel == "query_side" else set()
    if not bounded:
        absent |= {"radius", "count_ptr", "index_ptr"}
    compiled = triton.compile(
        _source(KERNELS[kernel], constants | dict.fromkeys(absent), TYPES[content.dtype]),
        target=TARGET,
        options=options,
    )
    with _cubin(compiled) as cubin:
        code = _resources(cubin) | _loop(_instructions(cubin), chosen)
    return {
        "kernel": kernel,
        "tile": list(vars(chosen).values()),
        "shared": compiled.metadata.shared,
        **code,
    }


def compile_small(kernel: str) -> dict[str, object]:
    """Registers, spills and shared memory of a kernel without tensor cores."""
    function, constants = SMALL[kernel]
    signature = {
        name: "constexpr"
        if name in constants
        else "*" + ("i32" if name in ("count_ptr", "index_ptr") else "fp32")
        if name.endswith("_ptr")
        else "fp32"
        if name in NUMBERS
        else "i32"
        for name in function.arg_names
    }
    compiled = triton.compile(ASTSource(function, signature, constexprs=constants), target=TARGET)
    with _cubin(compiled) as cubin:
        return {"kernel": kernel, "shared": compiled.metadata.shared, **_resources(cubin)}


@contextmanager
def _cubin(compiled: CompiledKernel) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(compiled.asm["cubin"])
        yield Path(file.name)


def _source(function: triton.JITFunction, constants: dict[str, object], content_type: str) -> ASTSource:
    signature, attributes = {}, {}
    for position, name in enumerate(function.arg_names):
        if name in constants:
            signature[name] = "constexpr"
            continue
        stem = name.removesuffix("_ptr")
        if stem == name:
            signature[name] = "fp32" if name in NUMBERS else "i32"
        else:
            kind = content_type if stem in CONTENT else "i32" if stem in ("count", "index") else "fp32"
            signature[name] = f"*{kind}"
        if stem != name or re.fullmatch(r"stride_[qkvogp].|n_queries|n_keys", name):
            attributes[(position,)] = [["tt.divisibility", 16]]
    return ASTSource(function, signature, constexprs=constants, attrs=attributes)


def _tool(name: str, *arguments: str) -> str:
    tool = next(Path(triton.__file__).parent.glob(f"backends/nvidia/bin/{name}"))
    return subprocess.run([tool, *arguments], check=True, capture_output=True, text=True).stdout


def _resources(cubin: Path) -> dict[str, int]:
    text = _tool("cuobjdump", "--dump-resource-usage", str(cubin))
    return {
        name: int(re.search(rf"{key}:(\d+)", text)[1])
        for name, key in (("registers", "REG"), ("stack_bytes", "STACK"))
    }


def _instructions(cubin: Path) -> list[re.Match]:
    """Address, name and operands of each instruction."""
    instruction = re.compile(r"\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+ )?([A-Z0-9]+)(.*);")
    lines = _tool("cuobjdump", "-sass", str(cubin)).splitlines()
    return [m for line in lines if (m := instruction.match(line))]


def _loop(code: list[re.Match], tile: Tiling) -> dict[str, float]:
    """Instructions of the longest innermost loop, per score and lane, its tensor-core ones, and all atomic ones."""
    at = {int(m[1], 16): i for i, m in enumerate(code)}
    loops = [
        range(start, i + 1)
        for i, m in enumerate(code)
        if m[2] == "BRA"
        and (to := re.search(r"0x([0-9a-f]+)", m[3]))
        and (start := at.get(int(to[1], 16), i)) < i
    ]
    innermost = [one for one in loops if not any(set(other) < set(one) for other in loops)]
    longest = max(innermost, key=len)
    names = [code[i][2] for i in longest]
    scores = tile.queries * tile.keys / (32 * tile.warps)  # of a tile, per lane
    return {
        "atomic": sum(m[2].startswith(("ATOM", "RED")) and m[2] != "REDUX" for m in code),
        "narrow_copies": sum(code[i][2] == "LDGSTS" and "128" not in code[i][3].split()[0] for i in longest),
        "tensor_core": sum(name in ("HGMMA", "HMMA") for name in names),
        "per_score": round(len(names) / scores, 1),
        "special_per_score": round(names.count("MUFU") / scores, 2),
    }


if __name__ == "__main__":
    for variant in map(json.loads, sys.argv[1:]):
        found = compile_small(**variant) if variant["kernel"] in SMALL else compile_kernel(**variant)
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
