"""Weights on timm's model hub: from its cache without a network, by download, or one clear sentence.

timm builds the architecture and fits the tensors' names to it; the file itself is read here, because timm before
1.0.26 executes what is pickled in one.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import timm
import torch
from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.utils import EntryNotFoundError
from timm.models import PretrainedCfg
from torch import Tensor, nn

from cogattn.errors import ObserverError
from cogattn.observers.tensors import read_tensors

TIMEOUT_S = 3.0
"""How long the hub may take to answer before it counts as out of reach."""
SAFE = "model.safetensors"
PICKLED = "pytorch_model.bin"
SAFE_NAMES = {PICKLED: SAFE, "open_clip_pytorch_model.bin": "open_clip_model.safetensors"}
"""What timm itself looks for before it opens a pickled file."""


def create_from_hub(model_name: str) -> nn.Module:
    """Return timm's network `model_name` with the weights that timm publishes for it.

    Raises
    ------
    ObserverError
        If there are none, the hub is out of reach and its cache does not hold them, the download fails, or the file
        holds anything but tensors that fit.
    """
    file = fetched_file(model_name)
    return fitted(model_name, read_tensors(file), source=str(file))


def fitted(model_name: str, state: dict[str, Tensor], *, source: str) -> nn.Module:
    """Return timm's network `model_name` with published tensors, renamed as its architecture asks.

    Raises
    ------
    ObserverError
        If they do not fit.
    """
    try:
        module = timm.create_model(model_name, pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    except (RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise ObserverError(f"the weights of {model_name} must fit it; got {cause} ({source})") from error
    if isinstance(module.pretrained_cfg, dict):
        module.pretrained_cfg.pop("state_dict", None)  # or it would keep all tensors twice
    return module


def check_reach(model_name: str) -> None:
    """Raise ObserverError unless timm publishes weights for `model_name` and they can be had now.

    They can if they are in the hub's cache, or if the hub answers.
    """
    cfg = timm.get_pretrained_cfg(model_name)
    if cfg is None or not cfg.has_weights:
        raise ObserverError(
            f"observer.weights must be random or a file, since timm has no weights for {model_name}; got auto"
        )
    place = place_of(model_name)
    if cached_file(model_name) is None and not answers(place):
        raise ObserverError(
            f"the weights of {model_name} are on the model hub, out of reach now ({place}). "
            "Without it there are tf_efficientnet_lite0, observer.weights = random or a .safetensors or .pth "
            "file, and observer.kind = factory (`cogattn models` lists what is installed)"
        )


def place_of(model_name: str) -> str:
    """Return the address that publishes the weights of `model_name`: the hub's, or a file's of its own."""
    cfg = timm.get_pretrained_cfg(model_name)
    return str(cfg.url) if cfg is not None and not cfg.hf_hub_id else constants.ENDPOINT


def cached_file(model_name: str) -> str | None:
    """Return the file in the hub's cache that holds the weights of `model_name`, or None."""
    cfg = timm.get_pretrained_cfg(model_name)
    if cfg is None:
        return None
    if not cfg.hf_hub_id:
        file = _file_of_url(cfg)
        return str(file) if file is not None and file.is_file() else None
    repository, revision = _repository(cfg)
    found = (try_to_load_from_cache(repository, name, revision=revision) for name in _file_names(cfg))
    return next((path for path in found if isinstance(path, str)), None)


def fetched_file(model_name: str) -> Path:
    """Return the file that holds the weights of `model_name`, downloaded where the cache does not hold it.

    Raises
    ------
    ObserverError
        If there are none, or they cannot be had.
    """
    check_reach(model_name)
    cached = cached_file(model_name)
    if cached is not None:
        return Path(cached)
    try:
        return _downloaded(timm.get_pretrained_cfg(model_name) or PretrainedCfg())
    except Exception as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise ObserverError(
            f"the weights of {model_name} must be a whole download; got {type(error).__name__}: {cause}"
        ) from error


def size_of(model_name: str) -> int:
    """Return how many bytes the published weights of `model_name` have, as whoever publishes them says.

    Raises
    ------
    ObserverError
        If there are none, or nobody says.
    """
    cfg = timm.get_pretrained_cfg(model_name)
    try:
        if cfg is not None and cfg.has_weights:
            return _size_on_hub(cfg) if cfg.hf_hub_id else _size_of_url(str(cfg.url))
        cause = "none"
    except Exception as error:  # noqa: BLE001 - the hub's client hands on what its own client of HTTP raises
        cause = (str(error).splitlines() or [type(error).__name__])[0][:160]
    raise ObserverError(f"the weights of {model_name} must be published; got {cause}")


def _size_on_hub(cfg: PretrainedCfg) -> int:
    repository, revision = _repository(cfg)
    names = _file_names(cfg)
    for name in names:
        url = hf_hub_url(repository, name, revision=revision)
        try:
            size = get_hf_file_metadata(url, timeout=TIMEOUT_S).size
        except EntryNotFoundError:
            continue
        if size:
            return size
    raise LookupError(f"no {' and no '.join(names)} in {repository}")


def _size_of_url(url: str) -> int:
    request = urllib.request.Request(url, method="HEAD")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return int(answer.headers["Content-Length"])


def _downloaded(cfg: PretrainedCfg) -> Path:
    if not cfg.hf_hub_id:
        file = _file_of_url(cfg)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(str(cfg.url), str(file), progress=False)
        return file
    repository, revision = _repository(cfg)
    *safe, last = _file_names(cfg)
    for name in safe:
        try:
            return _of_hub(repository, name, revision)
        except EntryNotFoundError:
            continue
    return _of_hub(repository, last, revision)


def _of_hub(repository: str, name: str, revision: str | None) -> Path:
    return Path(hf_hub_download(repository, name, revision=revision))


def _repository(cfg: PretrainedCfg) -> tuple[str, str | None]:
    """Name on the hub and revision, which timm writes as one: ``timm/resnet50@main``."""
    name, _, revision = str(cfg.hf_hub_id).partition("@")
    return name, revision or None


def _file_names(cfg: PretrainedCfg) -> tuple[str, ...]:
    """Files that may hold the weights, safetensors before pickled ones."""
    name = cfg.hf_hub_filename or PICKLED
    if not name.endswith(".bin"):
        return (name,)
    return (SAFE_NAMES.get(name, name.removesuffix(".bin") + ".safetensors"), name)


def _file_of_url(cfg: PretrainedCfg) -> Path:
    """Where torch keeps downloads that are on no hub."""
    return Path(torch.hub.get_dir()) / "checkpoints" / str(cfg.url).rpartition("/")[2]


def answers(place: str) -> bool:
    """Tell whether a server answers, asked once and briefly: the hub's own client would retry for most of a minute."""
    request = urllib.request.Request(place, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError:
        return True  # an answer, if an unfriendly one
    except OSError:
        return False
    return True
