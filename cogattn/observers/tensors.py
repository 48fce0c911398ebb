"""Files of tensors, read as numbers and nothing else, and loaded where every key and shape fits.

No pickle is executed, whatever timm's version: files are opened here, by safetensors or by torch's reader of plain
tensors (``weights_only=True``), after a look at their size and their table of contents.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from cogattn.errors import ObserverError
from cogattn.observers.sources import check_file, refusal

WRAPPERS = ("_orig_mod.", "module.")
"""Prefixes that torch.compile and data-parallel training put before a network's own keys."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file, by name, also where they lie below ``state_dict`` or ``model``.

    Parameters
    ----------
    path : Path
        A .safetensors file, or what ``torch.save`` wrote (.pth, .pt, .bin).

    Raises
    ------
    ObserverError
        If the file is missing, too large, damaged, or holds other objects than tensors; nothing in it is executed.
    """
    check_file(path)
    try:
        found = safetensors.torch.load_file(path) if path.suffix == ".safetensors" else _read_pickled(path)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise refusal(path, error) from None
    except (AttributeError, LookupError, ValueError, TypeError) as error:  # what a damaged table leads to
        raise refusal(path, error) from None
    if not isinstance(found, Mapping):
        raise refusal(path, type(found).__name__)
    state = next(
        (found[key] for key in ("state_dict", "model") if isinstance(found.get(key), Mapping)), found
    )
    if not all(isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()):
        raise refusal(path, "other values")
    return {_unwrapped(name): tensor for name, tensor in state.items()}


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


def tensor_digest(tensor: Tensor) -> str:
    """SHA-256 of a tensor's type, shape and numbers, wherever and in whatever order of memory it lies."""
    plain = tensor.detach().cpu()
    plain = plain.to_dense() if plain.layout != torch.strided else plain.resolve_conj().resolve_neg()
    digest = hashlib.sha256(f"{plain.dtype} {tuple(plain.shape)}\n".encode())
    digest.update(memoryview(plain.contiguous().reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()


def _read_pickled(path: Path) -> object:
    with torch.serialization.safe_globals([argparse.Namespace]):  # timm's training keeps its options in one
        return torch.load(path, map_location="cpu", weights_only=True)


def _unwrapped(name: str) -> str:
    for prefix in (*WRAPPERS, WRAPPERS[0]):  # either may be around the other
        name = name.removeprefix(prefix)
    return name
