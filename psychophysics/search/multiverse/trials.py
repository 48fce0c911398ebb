"""One cell of the multiverse."""

from __future__ import annotations

import pandas as pd

from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.plan import SearchCell
from cogattn.seeds import Streams


def run(config: SearchConfig, cell: SearchCell, rng: Streams) -> pd.DataFrame:
    """Return the searches of a cell under every combination."""
    raise NotImplementedError
