"""The untrained control of any network: its architecture, with parameters drawn anew.

Layers that know how to start (``reset_parameters``: all that torch has) do; where a layer does not, parameters of
two dimensions or more are drawn as He et al. (2015) do, biases are set to zero and other vectors and scalars, which
scale, to one. The running statistics of torch's norms start again with them; other buffers (tables of positions) stay.
"""

from __future__ import annotations

import copy

import torch
from torch import nn

from cogattn.errors import ObserverError
from cogattn.observers.factory import seeded

RESETS = ("reset_parameters", "_reset_parameters")
"""How torch's layers call it; multi-head attention has the second."""
SHIFTS = ("bias", "beta", "shift", "offset")
"""What the name of a vector that is added ends with."""


def untrained_copy(module: nn.Module, *, seed: int, name: str) -> nn.Module:
    """Return a copy of `module` whose parameters depend on `seed` and `name` alone; `module` stays as it is.

    Raises
    ------
    ObserverError
        If it cannot be copied, or a layer cannot be reset.
    """
    try:
        fresh = copy.deepcopy(module)
        with torch.no_grad(), seeded(seed, "untrained", name):
            for layer in fresh.modules():
                _start_anew(layer)
    except Exception as error:
        cause = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}"
        raise ObserverError(f"{name} must have layers that can be drawn anew; got {cause}") from error
    return fresh


def _start_anew(layer: nn.Module) -> None:
    resets = [method for name in RESETS if callable(method := getattr(layer, name, None))]
    if resets:
        resets[0]()
        return
    for name, parameter in layer.named_parameters(recurse=False):
        if parameter.ndim >= 2:
            nn.init.kaiming_normal_(parameter)
        elif name.endswith(SHIFTS):
            nn.init.zeros_(parameter)
        else:
            nn.init.ones_(parameter)
