"""All that can be known to be wrong with a search of scenes before its first one."""

from __future__ import annotations

from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.natural.plan import not_there


def check(config: SearchConfig) -> None:
    """Refuse scenes that cannot be read or searched."""
    raise not_there(config)
