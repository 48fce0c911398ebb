"""One cell of a search of scenes: a searcher before ten scenes, each of which it takes in once.

From one look at a scene come searches from the scene's own start, one from wherever each person began, and how well the
searcher tells where people looked next.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from cogattn.observers import build_network
from cogattn.observers.alone import network_seed
from cogattn.observers.network import Network
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.natural import plan
from cogattn.psychophysics.search.natural.columns import DENSITY, GAZE, PATH, PATHS, SEARCH, TABLE
from cogattn.psychophysics.search.natural.gaze import first_density, score, start_deg
from cogattn.psychophysics.search.natural.plan import SceneCell, own_cell, scenes_of
from cogattn.psychophysics.search.natural.seeing import SceneSearcher
from cogattn.psychophysics.search.natural.targets import Image, shown
from cogattn.psychophysics.search.plan import model_name
from cogattn.psychophysics.search.searchers.controls import ChanceSearcher, PixelLevels
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import Search, Searcher, look
from cogattn.psychophysics.search.searchers.templates import LevelsOf
from cogattn.seeds import Streams
from cogattn.study import Cell, Outcome
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS
from cogattn.vision.scenes.scene import Scene

Tables = dict[str, list[pd.DataFrame]]


def run(config: SearchConfig, cell: Cell, rng: Streams) -> Outcome:
    """Return the trials of one cell, tables as in `plan.TABLES`."""
    own, config = own_cell(cell), as_run(config)
    every = scenes_of(config).scenes
    by_name = {scene.name: scene for scene in every}
    searcher = build_searcher(config, own.searcher, every)
    tables: Tables = {name: [] for name in plan.TABLES}
    for number, name in enumerate(own.names):
        _before(config, own, searcher, by_name[name], rng, tables, first=number == 0)
    return Outcome({name: pd.concat(rows, ignore_index=True) for name, rows in tables.items() if rows})


def as_run(config: SearchConfig) -> SearchConfig:
    """Return settings whose rules of looking are those of scenes."""
    rules = config.rules.model_copy(update={"temperature": config.scenes.temperature})
    return config.model_copy(update={"rules": rules})


def build_searcher(config: SearchConfig, observer: Observer, scenes: Sequence[Scene]) -> Searcher:
    """Build a searcher of scenes; the last network is kept between the cells of a worker.

    Raises
    ------
    ObserverError
        If its network cannot be built or shows no features.
    """
    if observer.variant == "chance":
        return ChanceSearcher()
    blurred = observer.variant not in ("no fovea", "pixels")
    settings = config.matching

    def looks_of(scene: Scene) -> list[Image]:
        return [one.image for one in shown(scene, scenes).looks]

    return SceneSearcher(
        PixelLevels() if observer.variant == "pixels" else _levels_of(config, observer),
        name=observer.id,
        integration=INTEGRATIONS[config.fovea.preset if blurred else "uniform"],
        looks_of=looks_of,
        gain=settings.gain,
        criterion=settings.criterion,
        levels="mean" if observer.variant == "pixels" else settings.levels,
    )


def _levels_of(config: SearchConfig, observer: Observer) -> LevelsOf:
    seed, untrained = network_seed(config.seed, observer), observer.variant == "untrained"
    network = build_network(config.observer, model_name(observer), seed=seed, untrained=untrained)
    return _backbone(network, config.matching.n_levels)


@lru_cache(maxsize=1)
def _backbone(network: Network, n_levels: int) -> Backbone:
    return Backbone(network, n_levels=n_levels)


def places_of(config: SearchConfig, scene: Scene) -> Places:
    """Return where a scene may be looked at."""
    settings = config.scenes
    return Places.over(
        scene,
        pitch_deg=settings.pitch_deg,
        inhibition_deg=settings.inhibition_deg,
        found_within_deg=settings.found_within_deg,
    )


def _before(
    config: SearchConfig,
    cell: SceneCell,
    searcher: Searcher,
    scene: Scene,
    rng: Streams,
    tables: Tables,
    *,
    first: bool,
) -> None:
    """Take in a scene and add what comes of it to `tables`."""
    places = places_of(config, scene)
    view = searcher.begin(scene, places, rng.generator("eyes", scene.name))
    starts = _starts(config, scene)
    found = look(
        view,
        places,
        rules=config.rules,
        rng=rng.generator("search", scene.name),
        start_deg=starts["start_deg"],
        limit=cell.limit,
    )
    tables[TABLE].append(_searches(cell, scene, starts, found))
    if scene.scanpaths:
        tables[GAZE].append(score(view, scene, places, config, observer=cell.observer))
    if not cell.variant:
        tables[PATHS].append(_path(cell.observer, scene, found[0]))
        if first:
            tables[DENSITY].append(first_density(view, scene, places, config, observer=cell.observer))


def _starts(config: SearchConfig, scene: Scene) -> dict[str, np.ndarray]:
    """Where searches start, as columns: some from the scene's own start, then one from each person's."""
    n, paths = config.n_searches, scene.scanpaths
    own = np.repeat(start_deg(scene)[None], n, axis=0)
    theirs = [scene.to_degrees(path.fixations_px[:1]) for path in paths]
    return {
        "start_deg": np.concatenate([own, *theirs]),
        "person": np.array([""] * n + [path.person for path in paths], dtype=object),
        "trial": np.concatenate([np.full(n, -1), np.arange(len(paths))]),
        "repeat": np.concatenate([np.arange(n), np.zeros(len(paths), dtype=int)]),
        "allowed": np.array([0] * n + [path.max_saccades or 0 for path in paths]),
    }


def _searches(
    cell: SceneCell, scene: Scene, starts: dict[str, np.ndarray], found: Sequence[Search]
) -> pd.DataFrame:
    columns = {name: values for name, values in starts.items() if name != "start_deg"}
    target = scene.target
    rows = pd.DataFrame(
        columns
        | {
            "observer": cell.observer,
            "scene": scene.name,
            "target": "" if target is None else target.name,
            "target_present": target is not None and target.present,
            "limit": cell.limit,
            "n_fixations": [one.n_fixations for one in found],
            "outcome": [one.outcome for one in found],
            "found": [one.outcome == "found" for one in found],
        }
    )
    return rows[list(SEARCH)].astype(dict(SEARCH))


def _path(observer: str, scene: Scene, found: Search) -> pd.DataFrame:
    """The first search from the scene's own start, its start included."""
    points = np.concatenate([start_deg(scene)[None], found.fixations_deg])
    x, y = scene.to_pixels(points).T
    rows = pd.DataFrame(
        {
            "observer": observer,
            "scene": scene.name,
            "repeat": 0,
            "fixation": np.arange(len(points)),
            "x_px": x,
            "y_px": y,
        }
    )
    return rows[list(PATH)].astype(dict(PATH))
