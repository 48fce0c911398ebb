from .build import build_network as build_network
from .config import FactoryObserver as FactoryObserver
from .config import ModuleObserver as ModuleObserver
from .config import ReadoutObserver as ReadoutObserver
from .config import TimmObserver as TimmObserver
from .content import content_of as content_of
from .live import register as register
from .models import list_models as list_models
from .network import Network as Network
from .observer import Observer as Observer
from .readout import Readout as Readout
from .roster import observers_of as observers_of

__all__ = [
    "FactoryObserver",
    "ModuleObserver",
    "Network",
    "Observer",
    "Readout",
    "ReadoutObserver",
    "TimmObserver",
    "build_network",
    "content_of",
    "list_models",
    "observers_of",
    "register",
]
