"""One cell of the search study: a searcher before the displays of one condition.

Every searcher sees the same displays: they are drawn from the run's seed, the condition, the set size and the
display's number, and from nothing else.

A trial is one search: ``observer``, ``task``, ``condition``, ``role`` (for people), ``set_size``,
``display`` (its number), ``repeat``, ``target_present``, ``n_fixations`` (saccades), ``rt_ms`` (from them),
``response`` (``present``, ``absent`` or ``none`` at the limit) and ``correct``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from cogattn.observers import build_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.search.config import RulesSettings, SearchConfig
from cogattn.psychophysics.search.controls import ChanceSearcher, IdealSearcher, PixelLevels
from cogattn.psychophysics.search.displays import Display, make_display
from cogattn.psychophysics.search.matching import LevelsOf, MatchingSearcher
from cogattn.psychophysics.search.measures import reaction_time_ms
from cogattn.psychophysics.search.searcher import Search, Searcher, search
from cogattn.psychophysics.search.tasks import find_condition
from cogattn.seeds import Streams
from cogattn.study import Cell
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

RESPONSES = {"found": "present", "absent": "absent", "limit": "none"}


def run(config: SearchConfig, cell: Cell, rng: Streams) -> pd.DataFrame:
    """Return the trials of one cell; see the module for the columns."""
    searcher = build_searcher(config, str(cell["searcher"]))
    rules = rules_of(config, searcher.name)
    tables = []
    for number, display in displays_of(config, str(cell["condition"]), int(cell["start"]), int(cell["stop"])):
        name = (display.set_size, number, int(display.target is not None))
        found = search(
            searcher,
            display,
            rules=rules,
            rng=rng.generator("search", *name),
            n_searches=config.n_searches,
        )
        tables.append(_trials(searcher.name, display, number, found))
    return pd.concat(tables, ignore_index=True)


def rules_of(config: SearchConfig, name: str) -> RulesSettings:
    """Return how a searcher looks around: all alike, but that the ideal one never forgets."""
    return config.rules.model_copy(update={"memory": 1.0}) if name == "ideal" else config.rules


def displays_of(
    config: SearchConfig, condition_name: str, start: int, stop: int
) -> Iterator[tuple[int, Display]]:
    """Draw the displays of a condition, by set size and number, target present before absent."""
    task, condition = find_condition(condition_name)
    for set_size in task.set_sizes:
        for number in range(start, stop):
            for present in (True, False) if config.displays.target_absent else (True,):
                stream = Streams(config.seed).generator(
                    "display", condition_name, set_size, number, int(present)
                )
                yield (
                    number,
                    make_display(
                        task,
                        condition,
                        set_size,
                        rng=stream,
                        pixels_per_degree=config.displays.pixels_per_degree,
                        target_present=present,
                    ),
                )


@lru_cache(maxsize=1)
def build_searcher(config: SearchConfig, name: str) -> Searcher:
    """Build the searcher `name` of `config`; the last one is kept between the cells of a worker.

    Raises
    ------
    ObserverError
        If its network cannot be built or shows no features.
    """
    match name:
        case "chance":
            return ChanceSearcher()
        case "ideal":
            return IdealSearcher()
        case "pixels":
            return _matching(config, PixelLevels(), name, preset="uniform")
    network_name, _, variant = name.partition(", ")
    observer, seed = config.observer, config.seed
    if variant.startswith("untrained"):
        copy = int(variant.removeprefix("untrained "))
        observer = TimmObserver(models=(network_name,), weights="random")
        seed = int(Streams(config.seed).entropy("untrained", copy)[1])
    network = build_network(observer, network_name, seed=seed)
    preset = "uniform" if variant == "no fovea" else config.fovea.preset
    if config.fovea.place == "inline":
        from cogattn.psychophysics.search.inline import InlineSearcher

        return InlineSearcher(network, name=name, preset=preset, **config.matching.model_dump())
    return _matching(config, Backbone(network, n_levels=config.matching.n_levels), name, preset=preset)


def _matching(config: SearchConfig, levels_of: LevelsOf, name: str, *, preset: str) -> MatchingSearcher:
    settings = config.matching
    return MatchingSearcher(
        levels_of,
        name=name,
        integration=INTEGRATIONS[preset],
        gain=settings.gain,
        criterion=settings.criterion,
        knows_distractors=settings.knows_distractors,
    )


def _trials(name: str, display: Display, number: int, searches: list[Search]) -> pd.DataFrame:
    present = display.target is not None
    n_fixations = np.array([s.n_fixations for s in searches])
    response = [RESPONSES[s.outcome] for s in searches]
    return pd.DataFrame(
        {
            "observer": name,
            "task": display.task.name,
            "condition": display.condition.name,
            "role": display.condition.role,
            "set_size": display.set_size,
            "display": number,
            "repeat": np.arange(len(searches)),
            "target_present": present,
            "n_fixations": n_fixations,
            "rt_ms": reaction_time_ms(n_fixations),
            "response": response,
            "correct": [r == ("present" if present else "absent") for r in response],
        }
    )
