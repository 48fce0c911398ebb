from .config import EncodingSettings as EncodingSettings
from .fronts import aligned as aligned
from .fronts import build as build
from .fronts import of_module as of_module
from .listening import ceiling as ceiling
from .listening import encode as encode
from .model import Explained as Explained
from .model import Heard as Heard
from .model import explain as explain
from .modulation import layer_transfers as layer_transfers

__all__ = [
    "EncodingSettings",
    "Explained",
    "Heard",
    "aligned",
    "build",
    "ceiling",
    "encode",
    "explain",
    "layer_transfers",
    "of_module",
]
