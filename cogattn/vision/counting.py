"""How much work a network's features are: multiply-adds for each pixel of an image."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from cogattn.errors import CogattnError
from cogattn.observers.build import build_network
from cogattn.observers.config import NetworkObserver, TimmObserver
from cogattn.observers.network import Network
from cogattn.observers.skeletons import skeleton_of
from cogattn.vision.fovea import Backbone

SIDE_PX = 224


@lru_cache(maxsize=1024)
def macs_per_pixel(observer: NetworkObserver, name: str, n_levels: int) -> float:
    """Return how many multiply-adds a network spends on a pixel; NaN where it cannot be counted.

    Parameters
    ----------
    observer : settings
        They name the network; of timm's none is read or drawn.
    name : str
        Which.
    n_levels : int
        Depths that are looked at.
    """
    try:
        network = _network(observer, name)
        backbone = Backbone(network, n_levels=n_levels)
        image = torch.zeros(1, 3, SIDE_PX, SIDE_PX, device=network.device)
        backbone(image)  # the first call finds out how to be fast
        with FlopCounterMode(display=False) as counter:
            backbone(image)
    except (CogattnError, RuntimeError, NotImplementedError):
        return math.nan
    return counter.get_total_flops() / 2 / SIDE_PX**2


def _network(observer: NetworkObserver, name: str) -> Network:
    return skeleton_of(name) if isinstance(observer, TimmObserver) else build_network(observer, name, seed=0)
