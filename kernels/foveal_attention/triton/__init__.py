"""Triton kernels of foveal attention; this file imports nothing, so that a machine without triton can ask why."""

from __future__ import annotations

import importlib.util
import os

from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call


def obstacle(call: Call) -> str:
    """Return why the kernels cannot run `call`, or ``""``."""
    return "not yet"


def forward(call: Call) -> tuple[Tensor, Tensor]:
    """Return the output and the natural log-sum-exp of the scores (batch, heads, n_queries)."""
    raise NotImplementedError


backward = forward
