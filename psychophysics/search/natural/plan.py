"""Who searches which scenes: the cells of a run on photographs, and the settings that can reach their trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cogattn.errors import ConfigError
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.natural.columns import (
    DENSITIES,
    DENSITY,
    GAZE,
    GAZES,
    PATH,
    PATHS,
    SEARCH,
    TABLE,
)
from cogattn.study import Cell, Cost, Schema

TABLES: Mapping[str, Schema] = {TABLE: SEARCH, PATHS: PATH, GAZE: GAZES, DENSITY: DENSITIES}


def cells_of(config: SearchConfig) -> Sequence[Cell]:
    """Return the plan."""
    raise not_there(config)


def observers_of(config: SearchConfig) -> tuple[Observer, ...]:
    """Return who searches."""
    raise not_there(config)


def n_cells(config: SearchConfig) -> int:
    """Return the number of cells of a plan without making it."""
    raise not_there(config)


def relevant(config: SearchConfig, cell: Cell) -> SearchConfig:
    """Return the settings that can change a cell's trials, all others at their defaults."""
    raise not_there(config)


def contents(config: SearchConfig, cell: Cell) -> Mapping[str, str]:
    """Return the digests of the network and of the scenes of a cell."""
    raise not_there(config)


def inputs(config: SearchConfig) -> Mapping[str, str]:
    """Return the digests of what the summary reads beside the trials."""
    raise not_there(config)


def cost(config: SearchConfig, cell: Cell) -> Cost:
    """Return what a cell needs."""
    raise not_there(config)


def not_there(config: SearchConfig) -> ConfigError:
    """Return the refusal of scenes."""
    return ConfigError(f"scenes.path must be left out: scenes cannot be searched yet; got {config.scenes.path}")
