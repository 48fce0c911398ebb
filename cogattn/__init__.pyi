from .api import Run as Run
from .api import load as load
from .api import run as run
from .errors import CogattnError as CogattnError
from .errors import ConfigError as ConfigError
from .errors import DataError as DataError
from .errors import ObserverError as ObserverError
from .errors import RunFailed as RunFailed
from .errors import StoreError as StoreError
from .reporting.card.model import Card as Card
from .reporting.compare.comparison import Comparison as Comparison
from .reporting.compare.comparison import compare as compare

__version__: str

__all__ = [
    "Card",
    "CogattnError",
    "Comparison",
    "ConfigError",
    "DataError",
    "ObserverError",
    "Run",
    "RunFailed",
    "StoreError",
    "compare",
    "load",
    "run",
]
