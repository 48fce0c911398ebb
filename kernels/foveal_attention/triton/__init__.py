"""Triton kernels of foveal attention, loaded at first use, so that a machine without triton can ask why.

The polar bias has none. Its calls are small (16 gazes, 80 objects: 1280 scores a head against 16.8 million of 4096
patches), so that they are bound by launches, which CUDA graphs or `torch.compile` of ``impl="reference"`` save; and a
kernel would have to scatter the gradient of the table into a few rows from all scores, by atomics or with much
memory. On a GPU it runs as ``blocked``, which is plain torch.
"""

from __future__ import annotations

import importlib.util
import os
from types import ModuleType

import torch

from cogattn.kernels.foveal_attention.call import Call

MAX_DIM = 128
INSTALLED = importlib.util.find_spec("triton") is not None


def obstacle(call: Call) -> str:
    """Return why the kernels cannot run `call`, or ``""``."""
    interpreting = os.environ.get("TRITON_INTERPRET") == "1"
    dim = max(call.q.shape[-1], call.v.shape[-1])
    if not INSTALLED:
        return "triton is not installed"
    if call.q.device.type != "cuda" and not interpreting:
        return f"triton needs a CUDA device; the tensors are on {call.q.device.type}"
    if not call.q.numel() or not call.k.numel():
        return "there is no query or no key"
    if call.bias == "polar":
        return "the polar bias has no triton kernel: a layout's tens of gazes and objects are too few for one to pay"
    if dim > MAX_DIM:
        return f"the head dimension must be at most {MAX_DIM}; got {dim}"
    if call.q.dtype == torch.float64 and not interpreting:
        return "float64 runs in triton's interpreter alone"
    return ""


def load() -> ModuleType:
    """Return the module whose `forward` and `backward` launch the kernels."""
    from cogattn.kernels.foveal_attention.triton import launch

    return launch
