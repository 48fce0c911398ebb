"""Who searches which scenes: the observers and cells of a run, and what can reach the trials of one cell.

A cell is one searcher before up to ten scenes. Its scenes are fields of the cell by name and identified by their
content, so that further scenes at the end of the list add cells and leave full ones as they are. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cogattn.errors import ConfigError
from cogattn.observers import alone
from cogattn.observers.config import TimmObserver
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search import plan
from cogattn.psychophysics.search.config import (
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    ScenesSettings,
    SearchConfig,
)
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
from cogattn.psychophysics.search.plan import Variant
from cogattn.study import Cell, Schema
from cogattn.vision.scenes.keeping import kept_digests, kept_scenes

if TYPE_CHECKING:
    from cogattn.vision.scenes import Scene, SceneSet

TABLES: Mapping[str, Schema] = {TABLE: SEARCH, PATHS: PATH, GAZE: GAZES, DENSITY: DENSITIES}
SCENES_PER_CELL = 10
"""Some seconds of a small network on one core."""
MAX_SACCADES = 20
"""End of a search where neither settings nor people tell one."""
WITHOUT_PART = frozenset({"temperature", "pitch_deg", "max_fixations", "misses"})
"""Rules of looking that ``scenes`` has its own for, or that displays alone have a use for."""
BETWEEN = "\n"
"""Parts the names of a cell's scenes."""


@dataclass(frozen=True, kw_only=True)
class SceneCell(plan.SearcherCell):
    """One searcher before some scenes.

    Parameters
    ----------
    scenes : str
        Names, one a line.
    limit : int
        Saccades after which a search ends.
    """

    scenes: str
    limit: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the scenes."""
        return tuple(self.scenes.split(BETWEEN))


def observers_of(config: SearchConfig) -> tuple[Observer, ...]:
    """Return the networks, their controls, and those that need no network; none is ideal before a photograph."""
    everyone = plan.observers_of(config.model_copy(update={"n_random": config.scenes.n_random}))
    return tuple(one for one in everyone if one.variant != "ideal")


def n_cells(config: SearchConfig) -> int:
    """Return the number of cells of a plan without making it."""
    return len(observers_of(config)) * -(-len(searched(config)) // SCENES_PER_CELL)


def cells_of(config: SearchConfig) -> Sequence[Cell]:
    """Return the plan: searcher by searcher, ten scenes by ten."""
    names, limit = [scene.name for scene in searched(config)], limit_of(config)
    return [
        _cell(searcher, names, start, limit)
        for searcher in observers_of(config)
        for start in range(0, len(names), SCENES_PER_CELL)
    ]


def _cell(searcher: Observer, names: Sequence[str], start: int, limit: int) -> SceneCell:
    own = names[start : start + SCENES_PER_CELL]
    return SceneCell(
        label=f"{searcher.name}, scenes {start}-{start + len(own) - 1}",
        task=TABLE,
        observer=searcher.id,
        parent=searcher.parent,
        variant=cast(Variant, searcher.variant),
        copy=searcher.copy,
        scenes=BETWEEN.join(own),
        limit=limit,
    )


def limit_of(config: SearchConfig) -> int:
    """Return the saccades after which a search ends: as set, or the most that people were allowed, or 20."""
    if config.scenes.max_saccades is not None:
        return config.scenes.max_saccades
    allowed = [path.max_saccades for scene in searched(config) for path in scene.scanpaths]
    return max((most for most in allowed if most is not None), default=MAX_SACCADES)


def searched(config: SearchConfig) -> tuple[Scene, ...]:
    """Return the scenes that a run searches; raise as `scenes_of` does."""
    return scenes_of(config).scenes[: config.scenes.n_scenes]


def scenes_of(config: SearchConfig) -> SceneSet:
    """Return the whole set, from which a run may search a part; files that stay as they are are not read again.

    Raises
    ------
    ConfigError, DataError
        If no scenes are named, or they cannot be read.
    """
    given = config.scenes
    return kept_scenes(_path(config), layout=given.layout, pixels_per_degree=given.pixels_per_degree)


def digests_of(config: SearchConfig, names: Iterable[str]) -> dict[str, str]:
    """Return the digests of scenes of the set by their names."""
    given = config.scenes
    return kept_digests(names, _path(config), layout=given.layout, pixels_per_degree=given.pixels_per_degree)


def _path(config: SearchConfig) -> Path:
    if config.scenes.path is None:
        raise ConfigError("scenes.path must be given for a search of scenes; got none")
    return config.scenes.path


def relevant(config: SearchConfig, cell: Cell) -> SearchConfig:
    """Return the settings that can change a cell's trials, all others at their defaults."""
    own = own_cell(cell)
    network, blind = plan.model_name(own.searcher), own.variant == "chance"
    return SearchConfig(
        seed=config.seed,
        n_searches=config.n_searches,
        scenes=ScenesSettings(**config.scenes.model_dump(exclude={"n_scenes", "n_random", "max_saccades"})),
        rules=RulesSettings(**config.rules.model_dump(exclude=set(WITHOUT_PART))),
        matching=MatchingSettings() if blind else _matching(config.matching, own.variant),
        fovea=_fovea(config.fovea, own.variant) if network else FoveaSettings(),
        observer=alone.settings_of(config.observer, network, own.variant) if network else TimmObserver(),
    )


def _matching(matching: MatchingSettings, variant: Variant) -> MatchingSettings:
    unused = {"knows_distractors", "targets"}
    if variant == "pixels":
        unused |= {"n_levels", "levels"}
    return MatchingSettings(**matching.model_dump(exclude=unused))


def _fovea(fovea: FoveaSettings, variant: Variant) -> FoveaSettings:
    unused = {"preset"} if variant == "no fovea" else set()
    return FoveaSettings(**fovea.model_dump(exclude=unused))


def contents(config: SearchConfig, cell: Cell) -> Mapping[str, str]:
    """Return the digests of a cell's network, of its scenes, and of others that its targets' looks come from."""
    from cogattn.psychophysics.search.natural.targets import shown

    own, scenes = own_cell(cell), {scene.name: scene for scene in scenes_of(config)}
    names = set(own.names)
    if own.variant != "chance":
        every = tuple(scenes.values())
        names |= {look.scene for name in own.names for look in shown(scenes[name], every).looks}
    found = {f"scene {name}": digest for name, digest in digests_of(config, sorted(names)).items()}
    return found | dict(plan.network_contents(config, own.searcher))


def inputs(config: SearchConfig) -> Mapping[str, str]:
    """Return the digests of what the summary reads beside the trials: the scenes, for their people."""
    names = [scene.name for scene in searched(config)]
    return {f"scene {name}": digest for name, digest in digests_of(config, names).items()}


def own_cell(cell: Cell) -> SceneCell:
    """Return a cell that is one of scenes; raise TypeError for any other."""
    if not isinstance(cell, SceneCell):
        raise TypeError(f"a cell of a search of scenes must be a SceneCell; got {type(cell).__name__}")
    return cell
