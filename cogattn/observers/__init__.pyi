from .build import build_network as build_network
from .models import list_models as list_models
from .network import Network as Network
from .readout import Readout as Readout

__all__ = [
    "Network",
    "Readout",
    "build_network",
    "list_models",
]
