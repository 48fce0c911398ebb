"""How fast a network answers, estimated before it is run: its work is counted on the meta device, without numbers.

The time of an image is linear in multiply-accumulates and in activations (values that convolutions and linear layers
put out), which most networks wait for. `RTX_4090` was fitted to what timm's authors measured on one (commit 7479d45,
``results/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv``: batches of 512 under autocast, channels last), as
``benchmarks/masking_cost.py`` says. An `H200` has 4.8 times its memory bandwidth (4.8 against 1.008 TB/s) and 6 times
its dense bf16 rate (989 against 165 TFLOP/s), by the makers' data sheets. So it is at best 4.8 times as fast, and there
is no reason why it should be slower; between the two nothing was measured here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cogattn.attention.config import NO_FOVEA, FoveaConfig
from cogattn.observers.config import ReadoutObserver, TimmObserver
from cogattn.observers.skeletons import skeleton_of


@dataclass(frozen=True)
class Work:
    """What one image costs a network.

    Parameters
    ----------
    gmacs : float
        Multiply-accumulates, in billions.
    macts : float
        Outputs of convolutions and linear layers, in millions.
    n_parameters : int
        Of the network.
    """

    gmacs: float
    macts: float
    n_parameters: int


@dataclass(frozen=True)
class Rate:
    """Seconds of a device for a billion multiply-accumulates, and for a million activations."""

    s_per_gmac: float
    s_per_mact: float

    def seconds(self, work: Work) -> float:
        """Return the seconds of an image."""
        return self.s_per_gmac * work.gmacs + self.s_per_mact * work.macts

    def times(self, faster: float) -> Rate:
        """Return the rate of a device so many times as fast."""
        return Rate(self.s_per_gmac / faster, self.s_per_mact / faster)


RTX_4090 = Rate(s_per_gmac=1.34e-5, s_per_mact=1.46e-5)
H200_AT_BEST = RTX_4090.times(4.8)


def gpu_seconds(settings: object, name: str) -> float:
    """Return the seconds of an RTX 4090, under autocast, for an image that the observer `name` of `settings` names.

    NaN for networks that timm does not know.
    """
    known = isinstance(settings, ReadoutObserver | TimmObserver)
    return RTX_4090.seconds(work_of(name, settings.fovea)) if known else math.nan


@lru_cache(maxsize=256)
def work_of(name: str, fovea: FoveaConfig = NO_FOVEA) -> Work:
    """Return the work of timm's network `name` for one image of its own size, as if no patch were dropped."""
    network = skeleton_of(name, fovea.model_copy(update={"radius_deg": None}))
    return count_work(network.module, size=network.input_size)


def count_work(module: nn.Module, *, size: int) -> Work:
    """Return the work of a module on the meta device for one image, `size` pixels a side."""
    n_values = 0

    def add(layer: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal n_values
        n_values += output.numel()

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    try:
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            module(torch.empty(1, 3, size, size, device="meta"))
    finally:
        for hook in hooks:
            hook.remove()
    n_parameters = sum(parameter.numel() for parameter in module.parameters())
    return Work(counter.get_total_flops() / 2e9, n_values / 1e6, n_parameters)
