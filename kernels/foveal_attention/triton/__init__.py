"""Triton kernels of foveal attention, loaded at first use, so that a machine without triton can ask why."""

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
        return "the polar bias has no triton kernel"
    if dim > MAX_DIM:
        return f"the head dimension must be at most {MAX_DIM}; got {dim}"
    if call.q.dtype == torch.float64 and not interpreting:
        return "float64 runs in triton's interpreter alone"
    return ""


def load() -> ModuleType:
    """Return the module whose `forward` and `backward` launch the kernels."""
    from cogattn.kernels.foveal_attention.triton import launch

    return launch
