"""Networks without numbers: what can be told of one before its weights are read or drawn."""

from __future__ import annotations

import timm
import torch

from cogattn.observers.build import timm_network
from cogattn.observers.network import Network


def skeleton_of(name: str) -> Network:
    """Return timm's network `name` without numbers: its layers and what it says of its features."""
    with torch.device("meta"):
        return timm_network(timm.create_model(name), name=name, device="meta")
