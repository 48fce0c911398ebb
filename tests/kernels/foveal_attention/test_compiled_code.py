"""What the compiler makes of the kernels for compute capability 9.0, read without a GPU.

Bounds are for the inner loop, in instructions per score and lane: a kernel that misses the one-instruction
logarithm, keeps its tiles out of registers or loses the tensor cores fails here before anyone times it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "compile_sm90.py"
SHARED_MEMORY = 227 * 1024

# variant, bound on instructions per score, on special-function instructions per score
VARIANTS = {
    "forward, log": ({"kernel": "forward", "bias": "log"}, 36, 3.2),
    "forward, smooth": ({"kernel": "forward", "bias": "smooth"}, 36, 2.2),
    "forward, window only": ({"kernel": "forward", "bias": "none"}, 30, 1.2),
    "forward, wide": ({"kernel": "forward", "dim": 128, "dtype": "float16"}, 40, 3.2),
    "forward, sparse": ({"kernel": "forward", "kept": 0.1}, 36, 3.2),
    "forward, few queries": ({"kernel": "forward", "n_queries": 16, "splits": 8}, 48, 3.2),
    "forward, float32": ({"kernel": "forward", "dtype": "float32"}, None, None),
    "forward, float32, wide": ({"kernel": "forward", "dtype": "float32", "dim": 128}, None, None),
    "query side": ({"kernel": "query_side", "learns_position": True}, 64, 4.2),
    "query side, wide": ({"kernel": "query_side", "dim": 128, "learns_position": True}, 64, 4.2),
    "query side, few queries": ({"kernel": "query_side", "n_queries": 16, "splits": 8}, 72, 4.2),
    "query side, float32": ({"kernel": "query_side", "dtype": "float32"}, None, None),
    "query side, float32, wide": ({"kernel": "query_side", "dtype": "float32", "dim": 128}, None, None),
    "key side": ({"kernel": "key_side"}, 36, 3.2),
    "key side, positions": ({"kernel": "key_side", "learns_position": True}, 50, 4.2),
    "key side, shared keys": ({"kernel": "key_side", "learns_position": True, "group": 4}, 50, 4.2),
    "key side, few queries": ({"kernel": "key_side", "n_queries": 16}, 48, 3.2),
    "key side, wide": ({"kernel": "key_side", "dim": 128, "learns_position": True}, 56, 4.2),
    "key side, float32": ({"kernel": "key_side", "dtype": "float32"}, None, None),
    "key side, float32, wide": ({"kernel": "key_side", "dtype": "float32", "dim": 128}, None, None),
}
SMALL = {name: {"kernel": name} for name in ("visits", "merge", "join", "box_means")}
STACK = 160  # bytes: positions at a head dimension of 128 do not fit into registers; all else does
NARROW_COPIES = 4  # to shared memory of less than 16 bytes, in the loop: weights and list entries


@pytest.fixture(scope="module")
def compiled():
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    named = {name: variant for name, (variant, *_) in VARIANTS.items()} | SMALL
    variants = [json.dumps(variant) for variant in named.values()]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *variants],
        env=environment | {"TRITON_DEFAULT_FP_FUSION": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=280,
    )
    return dict(zip(named, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_code_is_lean(compiled, name):
    code = compiled[name]
    variant, per_score, special = VARIANTS[name]
    assert code["stack_bytes"] <= STACK
    assert code["shared"] < SHARED_MEMORY
    assert code["atomic"] == 0
    assert code["narrow_copies"] <= NARROW_COPIES
    if variant.get("dtype") != "float32":
        assert code["tensor_core"] > 0
        assert code["per_score"] <= per_score
        assert code["special_per_score"] <= special


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_small_kernels_compile_without_spills(compiled, name):
    assert compiled[name]["stack_bytes"] == 0
    assert compiled[name]["shared"] < SHARED_MEMORY
