"""The GPU benchmark runs its checks without a GPU, so that it works the first time on one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("gpu_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("bias", ["log", "none"])
def test_its_check_passes_and_sees_every_gradient(gpu, bias):
    found = gpu.errors(torch.float32, bias, 4.0, sizes=(33, 47, 16))
    assert found.keys() >= {
        "out",
        "q",
        "k",
        "v",
        "query_position",
        "key_position",
        "log_weight",
        "alpha",
        "e2",
    }
    assert max(found.values()) < gpu.BIAS_FACTOR * gpu.TOLERANCE[torch.float32]


def test_a_variant_that_does_not_run_is_named_with_its_cause(gpu):
    found = gpu.errors_or_reason((torch.float32, "linear", None))
    assert list(found.values()) == [float("inf")]
    assert "bias must be one of" in next(iter(found))


def test_its_dense_peer_computes_the_same(gpu):
    place = gpu.lattice(256)
    radius = gpu.radius_for(place, 0.2)
    q, k, v = gpu.content(256, 16, torch.float32, learn=False)
    mask = gpu.dense_bias(place, "log", radius, torch.float32)
    dense = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    ours = gpu.foveal_attention(q, k, v, place, place, bias="log", alpha=gpu.ALPHA, e2=gpu.E2, radius=radius)
    torch.testing.assert_close(ours, dense, rtol=1e-3, atol=1e-4)
