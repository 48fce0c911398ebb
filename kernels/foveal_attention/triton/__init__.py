"""Triton kernels of foveal attention, loaded at first use, so that a machine without triton can ask why.

The polar bias has none. Its calls are small (16 gazes, 80 objects: 1280 scores a head against 16.8 million of 4096
patches), so that they are bound by launches, which CUDA graphs or `torch.compile` of ``impl="reference"`` save; and a
kernel would have to scatter the gradient of the table into a few rows from all scores, by atomics or with much
memory. On a GPU it runs as ``blocked``, which is plain torch.
"""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from types import ModuleType

import torch

from cogattn.kernels.foveal_attention.call import Call

MAX_DIM = 128
MAX_AXES = 3
SHARED_MEMORY = 99 * 1024  # of a block: what the widest tiles take, and Ampere and Ada have at least
INSTALLED = importlib.util.find_spec("triton") is not None


def obstacle(call: Call) -> str:
    """Return why the kernels cannot run `call`, or ``""``."""
    return _obstacle_of_machine(call.q.device) or _obstacle_of_call(call)


def _obstacle_of_machine(device: torch.device) -> str:
    if not INSTALLED:
        return "triton is not installed"
    if _interpreting():
        return ""
    if device.type != "cuda":
        return f"triton needs a CUDA device; the tensors are on {device.type}"
    if torch.version.hip:
        return "the kernels hold instructions of NVIDIA's GPUs; this torch is built for ROCm"
    return _obstacle_of_gpu(device)


@lru_cache
def _obstacle_of_gpu(device: torch.device) -> str:
    gpu = torch.cuda.get_device_properties(device)
    if gpu.major < 8:
        return f"the kernels need compute capability 8.0; {gpu.name} has {gpu.major}.{gpu.minor}"
    memory = getattr(gpu, "shared_memory_per_block_optin", SHARED_MEMORY)
    if memory < SHARED_MEMORY:
        return f"the kernels need {SHARED_MEMORY} bytes of shared memory a block; {gpu.name} has {memory}"
    return ""


def _obstacle_of_call(call: Call) -> str:
    dim, n_dims = max(call.q.shape[-1], call.v.shape[-1]), call.key_position.shape[-1]
    if not call.q.numel() or not call.k.numel():
        return "there is no query or no key"
    if call.bias == "polar":
        return "the polar bias has no triton kernel: a layout's tens of gazes and objects are too few for one to pay"
    if call.bias == "table":
        return "the table of offsets has no triton kernel: its gradient would be scattered, by atomics or with memory"
    if n_dims > MAX_AXES:
        return f"the kernels take positions of at most {MAX_AXES} coordinates; got {n_dims}"
    if dim > MAX_DIM:
        return f"the head dimension must be at most {MAX_DIM}; got {dim}"
    if call.q.dtype == torch.float64 and not _interpreting():
        return "float64 runs in triton's interpreter alone"
    programs = call.q.shape[0] * call.q.shape[1] * (max(call.q.shape[2], call.k.shape[2]) // 16 + 1)
    return "" if programs < 2**31 else f"a grid holds less than 2^31 programs; the call may need {programs}"


def _interpreting() -> bool:
    return os.environ.get("TRITON_INTERPRET") == "1"


def load() -> ModuleType:
    """Return the module whose `forward` and `backward` launch the kernels."""
    from cogattn.kernels.foveal_attention.triton import launch

    return launch
