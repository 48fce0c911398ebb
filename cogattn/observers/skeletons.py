"""Networks without numbers: what can be told of one before its weights are read or drawn."""

from __future__ import annotations

import timm
import torch

from cogattn.attention.config import NO_FOVEA, FoveaConfig
from cogattn.observers.build import foveated, timm_network
from cogattn.observers.network import Network


def skeleton_of(name: str, fovea: FoveaConfig = NO_FOVEA) -> Network:
    """Return timm's network `name` without numbers: its layers and what it says of its features.

    Raises
    ------
    ObserverError
        If it can have no such fovea.
    """
    with torch.device("meta"):
        return timm_network(foveated(timm.create_model(name), fovea, name=name), name=name, device="meta")
