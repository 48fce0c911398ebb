"""One cell of the search study: a searcher before some displays of one condition.

Every searcher sees the same displays: they are drawn from the run's seed, the condition, the set size and the
display's number, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd

from cogattn.observers import build_network
from cogattn.observers.alone import network_seed
from cogattn.observers.network import Network
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import RulesSettings, SearchConfig
from cogattn.psychophysics.search.displays.display import Display, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.plan import SearchCell, model_name
from cogattn.psychophysics.search.searchers.controls import ChanceSearcher, IdealSearcher, PixelLevels
from cogattn.psychophysics.search.searchers.giving_up import N_PRACTICE, practise
from cogattn.psychophysics.search.searchers.inline import InlineSearcher
from cogattn.psychophysics.search.searchers.matching import LevelsOf, MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import Search, Searcher, search
from cogattn.psychophysics.search.slopes import reaction_time_ms
from cogattn.seeds import Streams
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

RESPONSES = {"found": "present", "absent": "absent", "limit": "none"}


def run(config: SearchConfig, cell: SearchCell, rng: Streams) -> pd.DataFrame:
    """Return the trials of one cell, columns as in `plan.TABLES`."""
    searcher = build_searcher(config, cell.searcher)
    rules, give_up = rules_of(config.rules, cell.searcher), learned(config, cell, searcher)
    shown = displays_of(config, cell.condition, cell.start, cell.stop, target_present=cell.target_present)
    tables = []
    for number, display in shown:
        found = search(
            searcher,
            display,
            rules=rules,
            rng=rng.generator("search", display.set_size, number),
            n_searches=config.n_searches,
            give_up=give_up,
        )
        tables.append(_trials(searcher.name, display, number, found))
    return pd.concat(tables, ignore_index=True)


def rules_of(rules: RulesSettings, searcher: Observer) -> RulesSettings:
    """Return how an observer looks around: all alike, but that the ideal one never forgets."""
    return rules.model_copy(update={"memory": 1.0}) if searcher.variant == "ideal" else rules


def learned(config: SearchConfig, cell: SearchCell, searcher: Searcher) -> float | None:
    """Return the hope below which a cell's searcher gives up; None where no practice teaches it.

    What it learns is the same in all cells of a condition, and kept from one to the next.
    """
    if config.rules.quit_below is not None or not find_condition(cell.condition)[0].absent:
        return None
    return _learned(config, cell.searcher, cell.condition, searcher)


@lru_cache(maxsize=1)
def _learned(config: SearchConfig, observer: Observer, condition: str, searcher: Searcher) -> float:
    displays = (display for _, display in displays_of(config, condition, 0, N_PRACTICE, named="practice"))
    return practise(
        searcher,
        displays,
        rules=rules_of(config.rules, observer),
        rng=Streams(config.seed).generator("practice", observer.id, condition),
        misses=config.rules.misses,
        n_searches=config.n_searches,
    )


def displays_of(
    config: SearchConfig,
    condition_name: str,
    start: int,
    stop: int,
    *,
    target_present: bool = True,
    named: str = "display",
) -> Iterator[tuple[int, Display]]:
    """Draw the displays of a condition, by set size and number; `named` tells those of practice from the others."""
    for set_size in find_condition(condition_name)[0].set_sizes:
        for number in range(start, stop):
            yield (
                number,
                display_of(
                    config, condition_name, set_size, number, target_present=target_present, named=named
                ),
            )


def display_of(
    config: SearchConfig,
    condition_name: str,
    set_size: int,
    number: int,
    *,
    target_present: bool = True,
    named: str = "display",
) -> Display:
    """Draw one display of a condition; any number of items that the grid holds will do."""
    task, condition = find_condition(condition_name)
    key = (named, condition_name, set_size, number, int(target_present))
    return make_display(
        task,
        condition,
        set_size,
        rng=Streams(config.seed).generator(*key),
        pixels_per_degree=config.displays.pixels_per_degree,
        target_present=target_present,
    )


def build_searcher(config: SearchConfig, observer: Observer) -> Searcher:
    """Build an observer of `config`; the last one with a network is kept between the cells of a worker.

    Raises
    ------
    ObserverError
        If its network cannot be built or shows no features.
    """
    match observer.variant:
        case "chance":
            return ChanceSearcher()
        case "ideal":
            return IdealSearcher()
        case "pixels":
            return _matching(config, PixelLevels(), observer.id, preset="uniform")
    return _with_network(config, observer, _network(config, observer))


@lru_cache(maxsize=1)
def _with_network(config: SearchConfig, observer: Observer, network: Network) -> Searcher:
    """The same searcher as long as `network` is the same object: `build_network` makes another for other bytes."""
    preset = "uniform" if observer.variant == "no fovea" else config.fovea.preset
    if config.fovea.place == "inline":
        return InlineSearcher(network, name=observer.id, preset=preset, **config.matching.model_dump())
    levels_of = Backbone(network, n_levels=config.matching.n_levels)
    return _matching(config, levels_of, observer.id, preset=preset)


def _network(config: SearchConfig, observer: Observer) -> Network:
    """The network of an observer, or a copy whose weights are drawn anew."""
    seed, untrained = network_seed(config.seed, observer), observer.variant == "untrained"
    return build_network(config.observer, model_name(observer), seed=seed, untrained=untrained)


def _matching(config: SearchConfig, levels_of: LevelsOf, name: str, *, preset: str) -> MatchingSearcher:
    settings = config.matching
    return MatchingSearcher(
        levels_of,
        name=name,
        integration=INTEGRATIONS[preset],
        gain=settings.gain,
        criterion=settings.criterion,
        knows_distractors=settings.knows_distractors,
        levels="mean" if isinstance(levels_of, PixelLevels) else settings.levels,
        targets=settings.targets,
    )


def _trials(name: str, display: Display, number: int, searches: list[Search]) -> pd.DataFrame:
    present = display.target_index is not None
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
