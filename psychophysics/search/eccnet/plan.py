"""What eccNET's cells take, and what can be known to be wrong with them. Imports no torch before it is asked."""

from __future__ import annotations

from cogattn.errors import ConfigError
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.study import Cell, Cost


def check(config: SearchConfig) -> None:
    """Refuse networks and settings that eccNET has no use for."""
    raise ConfigError(f"searcher must be matching: eccNET is not there yet; got {config.searcher}")


def cost(config: SearchConfig, cell: Cell) -> Cost:
    """Return what a cell needs."""
    return Cost(cpu_s=float("nan"))
