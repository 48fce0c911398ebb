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
from .reporting.report.model import Report as Report
from .sweeps.api import Sweep as Sweep
from .sweeps.api import sweep as sweep

__version__: str

__all__ = [
    "Card",
    "CogattnError",
    "Comparison",
    "ConfigError",
    "DataError",
    "ObserverError",
    "Report",
    "Run",
    "RunFailed",
    "StoreError",
    "Sweep",
    "compare",
    "load",
    "run",
    "sweep",
]
