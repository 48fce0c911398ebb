"""One cell of a search of scenes."""

from __future__ import annotations

from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.natural.plan import not_there
from cogattn.seeds import Streams
from cogattn.study import Cell, Outcome


def run(config: SearchConfig, cell: Cell, rng: Streams) -> Outcome:
    """Return the searches of a cell."""
    raise not_there(config)
