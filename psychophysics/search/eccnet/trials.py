"""One cell of eccNET."""

from __future__ import annotations

import pandas as pd

from cogattn.errors import ConfigError
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.seeds import Streams
from cogattn.study import Cell


def run(config: SearchConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """Return the trials of a cell of eccNET."""
    raise ConfigError(f"searcher must be matching: eccNET is not there yet; got {config.searcher}")
