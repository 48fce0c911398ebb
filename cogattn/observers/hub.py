"""Weights on timm's model hub: from its cache without a network, by download, or one clear sentence."""

from __future__ import annotations

import pickle
import urllib.error
import urllib.request

import timm
from huggingface_hub import constants, try_to_load_from_cache
from safetensors import SafetensorError
from torch import nn

from cogattn.errors import ObserverError

TIMEOUT_S = 3.0
"""How long the hub may take to answer before it counts as out of reach."""


def create_from_hub(model_name: str) -> nn.Module:
    """Return timm's network `model_name` with the weights that timm publishes for it.

    Raises
    ------
    ObserverError
        If there are none, the hub is out of reach and its cache does not hold them, or the download fails.
    """
    check_reach(model_name)
    cached = cached_file(model_name)
    overlay = {"file": cached} if cached else None
    try:
        return timm.create_model(model_name, pretrained=True, pretrained_cfg_overlay=overlay)
    except (OSError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise ObserverError(
            f"the weights of {model_name} must load from {cached or constants.ENDPOINT}; got {cause}"
        ) from error


def check_reach(model_name: str) -> None:
    """Raise ObserverError unless timm publishes weights for `model_name` and they can be had now.

    They can if they are in the hub's cache, or if the hub answers.
    """
    if not has_weights(model_name):
        raise ObserverError(
            f"observer.weights must be random or a file, since timm has no weights for {model_name}; got auto"
        )
    if cached_file(model_name) is None and not _answers():
        raise ObserverError(
            f"the weights of {model_name} are on the model hub, out of reach now ({constants.ENDPOINT}). "
            "Without it there are tf_efficientnet_lite0, observer.weights = random or a .safetensors or .pth "
            "file, and observer.kind = factory (`cogattn models` lists what is installed)"
        )


def has_weights(model_name: str) -> bool:
    """Whether timm publishes weights under this name."""
    cfg = timm.get_pretrained_cfg(model_name)
    return cfg is not None and cfg.has_weights


def cached_file(model_name: str) -> str | None:
    """Return the file in the hub's cache that holds the weights of `model_name`, or None."""
    cfg = timm.get_pretrained_cfg(model_name)
    if cfg is None or not cfg.hf_hub_id:
        return None
    names = (cfg.hf_hub_filename,) if cfg.hf_hub_filename else ("model.safetensors", "pytorch_model.bin")
    found = (try_to_load_from_cache(cfg.hf_hub_id, name) for name in names)
    return next((path for path in found if isinstance(path, str)), None)


def _answers() -> bool:
    """Ask once, briefly: the hub's own client would retry for most of a minute."""
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return True  # an answer, if an unfriendly one
    except OSError:
        return False
    return True
