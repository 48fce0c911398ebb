"""What can be tested: networks of timm, a module of your own, readouts on frozen features.

Importing this package, or `cogattn.observers.config`, imports no torch; the names below load when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogattn.observers.build import build_network as build_network
    from cogattn.observers.models import list_models as list_models
    from cogattn.observers.network import Network as Network
    from cogattn.observers.readout import Readout as Readout

_HOMES = {"Network": "network", "Readout": "readout", "build_network": "build", "list_models": "models"}
__all__ = ["Network", "Readout", "build_network", "list_models"]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
