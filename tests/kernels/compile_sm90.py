"""Compile the kernels for compute capability 9.0 without a GPU, and print what the compiler made as JSON.

Run as a script in a process of its own, because triton decides once per process whether it interprets:
``python compile_sm90.py '{"kernel": "forward", "dim": 64, "dtype": "bfloat16", "bias": "log"}' ...``
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from cogattn.kernels.foveal_attention.call import make_call
from cogattn.kernels.foveal_attention.triton import launch
from cogattn.kernels.foveal_attention.triton.backward import key_side_kernel, query_side_kernel
from cogattn.kernels.foveal_attention.triton.forward import forward_kernel

KERNELS = {"forward": forward_kernel, "query_side": query_side_kernel, "key_side": key_side_kernel}
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
    tile: list[int] | None = None,
    precision: str = "ieee",
) -> dict[str, object]:
    """Registers, spills, shared memory and instruction counts of one variant."""
    content = torch.zeros(1, 1, 4096, dim, dtype=getattr(torch, dtype))
    place = torch.zeros(1, 4096, 2)
    call = make_call(
        content, content, content, place, place, log_weight=place[..., 0] if weighted else None, bias=bias,
        alpha=2.0, e2=1.0, radius=1.0 if bounded else None, table=None, extent_deg=1.0, scale=None,
        precision=precision,
    )  # fmt: skip
    chosen = launch.Tiling(*tile) if tile else launch._tiling(kernel, call)
    constants = launch._constants(call, chosen)
    options = {name: constants.pop(name) for name in ("num_warps", "num_stages", "enable_fp_fusion")}
    if kernel != "forward":
        constants |= {"LEARN_BIAS": learns, "LEARN_POSITION": learns_position}
    absent = {"weight_ptr"} if not weighted else set()
    if not bounded:
        absent |= {"radius_ptr", "count_ptr", "index_ptr"}
    compiled = triton.compile(
        _source(KERNELS[kernel], constants | dict.fromkeys(absent), TYPES[content.dtype]),
        target=GPUTarget("cuda", 90, 32),
        options=options,
    )
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(compiled.asm["cubin"])
        code = _resources(Path(file.name)) | _loop(Path(file.name), chosen)
    return {
        "kernel": kernel,
        "tile": list(vars(chosen).values()),
        "shared": compiled.metadata.shared,
        **code,
    }


def _source(function: triton.JITFunction, constants: dict[str, object], content_type: str) -> ASTSource:
    signature, attributes = {}, {}
    for position, name in enumerate(function.arg_names):
        if name in constants:
            signature[name] = "constexpr"
            continue
        stem = name.removesuffix("_ptr")
        if stem == name:
            signature[name] = "fp32" if name == "scale" else "i32"
        else:
            kind = content_type if stem in CONTENT else "i32" if stem in ("count", "index") else "fp32"
            signature[name] = f"*{kind}"
        if stem != name or re.fullmatch(r"stride_[qkvo].|n_queries|n_keys", name):
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


def _loop(cubin: Path, tile: launch.Tiling) -> dict[str, float]:
    """Instructions of the longest loop, per score and lane, and the number of tensor-core instructions."""
    instruction = re.compile(r"\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+ )?([A-Z0-9]+)(.*);")
    code = [
        m for line in _tool("cuobjdump", "-sass", str(cubin)).splitlines() if (m := instruction.match(line))
    ]
    at = {int(m[1], 16): i for i, m in enumerate(code)}
    loops = [
        range(start, i + 1)
        for i, m in enumerate(code)
        if m[2] == "BRA"
        and (to := re.search(r"0x([0-9a-f]+)", m[3]))
        and (start := at.get(int(to[1], 16), i)) < i
    ]
    names = [code[i][2] for i in max(loops, key=len)]
    scores = tile.queries * tile.keys / (32 * tile.warps)  # of a tile, per lane
    return {
        "tensor_core": sum(name in ("HGMMA", "HMMA") for name in names),
        "per_score": round(len(names) / scores, 1),
        "special_per_score": round(names.count("MUFU") / scores, 2),
    }


if __name__ == "__main__":
    for variant in map(json.loads, sys.argv[1:]):
        sys.stdout.write(json.dumps(compile_kernel(**variant)) + "\n")
        sys.stdout.flush()
