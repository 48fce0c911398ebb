"""Networks that live in this process: a ``torch.nn.Module`` out of a notebook takes part like any other.

`register` keeps a copy as it is now, under the digest of its tensors, layers and code; training that goes on
afterwards makes another observer. Worker processes get it as a parcel, which only they accept: it is signed with the
key that Python gives to a process and its own children, and nothing of a parcel is read before its signature is.
"""

from __future__ import annotations

import copy
import hmac
import io
import multiprocessing
import pickle
import sys
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler

from torch import Tensor, nn

from cogattn.errors import ObserverError
from cogattn.observers.anatomy import Code, module_digest, own_code
from cogattn.observers.code import has_source, observer_code
from cogattn.observers.config import Interpolation, ModuleObserver, Triple
from cogattn.observers.factory import probe
from cogattn.observers.network import Network
from cogattn.running.digests import combined

SIGNATURE_BYTES = 32
_registered: dict[str, nn.Module] = {}


@dataclass(frozen=True)
class _Preprocessing:
    image_size: int = 224
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    interpolation: Interpolation = "bicubic"


def register(
    module: nn.Module,
    *,
    name: str | None = None,
    image_size: int | None = None,
    mean: Triple | None = None,
    std: Triple | None = None,
    interpolation: Interpolation | None = None,
) -> ModuleObserver:
    """Keep a copy of a network as it is now, and return the settings that name it.

    Parameters
    ----------
    module : torch.nn.Module
        Maps images (n, 3, image_size, image_size) to scores (n, n_classes); neither moved nor changed.
    name : str, optional
        What tables call it. Default: a timm network's own name, else the class's.
    image_size : int, optional
        Side of the images that it takes, in pixels. Default: a timm network's own, else 224.
    mean, std : tuple of float, optional
        The module sees ``(image - mean) / std`` of an image in [0, 1], per channel. Default: a timm network's own,
        else the image as it is.
    interpolation : {"bilinear", "bicubic"}, optional
        How images of another size are resized. Default: a timm network's own, else bicubic.

    Raises
    ------
    ObserverError
        If it cannot be copied, or does not answer two grey images with finite scores.

    Examples
    --------
    >>> import torchvision
    >>> network = torchvision.models.resnet18()
    >>> register(network, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)).name
    'ResNet'
    """
    if not isinstance(module, nn.Module):
        raise ObserverError(f"observer must be a torch.nn.Module; got {type(module).__name__}")
    own = _own_preprocessing(module)
    kept = _copied(module)
    settings = ModuleObserver(
        name=name or _own_name(module),
        digest=_digest(kept),
        image_size=image_size or own.image_size,
        mean=mean or own.mean,
        std=std or own.std,
        interpolation=interpolation or own.interpolation,
    )
    wrapped(_copied(kept), settings)
    _registered[settings.digest] = kept
    return settings


def find(digest: str) -> nn.Module:
    """Return a copy of the network that was registered under `digest`.

    Raises
    ------
    ObserverError
        If this process has none.
    """
    if digest not in _registered:
        raise ObserverError(
            f"observer.digest must be of a network that this process holds; got {digest[:12]}...; pass the network "
            "itself to cogattn.run again"
        )
    return _copied(_registered[digest])


def forget(digest: str) -> None:
    """Let go of a registered network; unknown digests are no error."""
    _registered.pop(digest, None)


def wrapped(module: nn.Module, settings: ModuleObserver) -> Network:
    """Return a module, frozen, behind the preprocessing that its settings say; raise ObserverError as `probe` does."""
    network = Network(
        module,
        name=settings.name,
        n_classes=0,
        input_size=settings.image_size,
        mean=settings.mean,
        std=settings.std,
        interpolation=settings.interpolation,
    )
    network.n_classes = probe(network, setting="observer")
    return network


def can_travel(digest: str) -> bool:
    """Tell whether a worker process can rebuild the network: all its code must come from files that it can import."""
    module = _registered.get(digest)
    if module is None or not all(map(_can_be_imported, own_code(module))):
        return False
    try:
        _WithoutTensors(io.BytesIO()).dump(module)
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError, RecursionError):
        return False
    return True


def parcel(digest: str) -> bytes:
    """Return a registered network for this process's own workers, signed with the key that they share.

    Raises
    ------
    ObserverError
        If there is none of this digest, or it cannot travel.
    """
    module = find(digest)
    if not can_travel(digest):
        raise ObserverError(
            f"a network for workers must be of classes in modules that they can import; got {type(module).__name__}; "
            "use one worker"
        )
    data = pickle.dumps((digest, module), protocol=4)
    return _signature(data) + data


def restore(*parcels: bytes) -> list[str]:
    """Register the networks of `parcel`s in a worker process; return their digests.

    Raises
    ------
    ObserverError
        If the parcel is not from this process's own family (nothing of it is then read), or the network comes out
        as another one than was sent: its code has changed in between.
    """
    return [_restored(data) for data in parcels]


def receive(*networks: tuple[str, nn.Module]) -> None:
    """Register networks in a worker of somebody else's executor, which has unpickled them as it does all it is sent.

    Parameters
    ----------
    *networks : tuple of str and torch.nn.Module
        Digest, as it was registered, and the network.

    Raises
    ------
    ObserverError
        If a network comes out as another one than was sent: its code is another here.
    """
    for digest, module in networks:
        if _digest(module) != digest:
            raise ObserverError(
                f"a network for workers must arrive as it was sent; got another digest than {digest[:12]}...: the "
                "worker has other code of it"
            )
        _registered[digest] = module


def _restored(data: bytes) -> str:
    signature, content = data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(content)):
        raise ObserverError(
            "a parcel must come from the process that started this one; got another signature"
        )
    digest, module = ForkingPickler.loads(content)
    if _digest(module) != digest:
        raise ObserverError(
            f"a network for workers must arrive as it was sent; got another digest than {digest[:12]}...: its code "
            "was edited since; restart Python"
        )
    _registered[digest] = module
    return digest


def _digest(module: nn.Module) -> str:
    return combined({"network": module_digest(module), **observer_code(own_code(module)).contents})


def _copied(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module).cpu()
    except Exception as error:
        cause = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}"
        raise ObserverError(f"observer must be a network that can be copied; got {cause}") from error


def _own_name(module: nn.Module) -> str:
    config = getattr(module, "pretrained_cfg", None)
    named = config.get("architecture") if isinstance(config, dict) else None
    return str(named or type(module).__name__)


def _own_preprocessing(module: nn.Module) -> _Preprocessing:
    """What a network of timm says of itself; what others see is the image as it is."""
    if not isinstance(getattr(module, "pretrained_cfg", None), dict):
        return _Preprocessing()
    from timm.data import resolve_model_data_config

    data = resolve_model_data_config(module)
    bilinear = data["interpolation"] == "bilinear"
    return _Preprocessing(
        data["input_size"][-1], tuple(data["mean"]), tuple(data["std"]), "bilinear" if bilinear else "bicubic"
    )


def _signature(data: bytes) -> bytes:
    return hmac.digest(bytes(multiprocessing.current_process().authkey), data, "sha256")


class _WithoutTensors(pickle.Pickler):
    """Writes down what a network is made of, less its numbers."""

    def persistent_id(self, value: object) -> str | None:
        return "tensor" if isinstance(value, Tensor) else None


def _can_be_imported(code: Code) -> bool:
    """Whether a process with the same ``sys.path`` finds the code; what is imported here may have come otherwise."""
    if not has_source(code):
        return False
    top = code.__module__.partition(".")[0]
    return any(finder.find_spec(top, None) is not None for finder in sys.meta_path)
