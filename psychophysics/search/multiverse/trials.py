"""One cell of the multiverse: the same displays searched under every combination of choices.

The network sees a display once; foveas, rules of levels, what is told of the target and temperatures work on its match
maps. Each combination draws from a stream of its own, so that what is left out changes nothing in the others.

References
----------
Steegen, Tuerlinckx, Gelman, Vanpaemel (2016), Perspectives on Psychological Science 11, 702-712.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cogattn.psychophysics.search.config import (
    FoveaSettings,
    Knowledge,
    LevelRule,
    MultiverseSettings,
    Preset,
    SearchConfig,
)
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.plan import SearchCell
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import search
from cogattn.psychophysics.search.slopes import reaction_time_ms
from cogattn.psychophysics.search.trials import build_searcher, displays_of, rules_of
from cogattn.seeds import Streams
from cogattn.vision.retina import INTEGRATIONS


@dataclass(frozen=True)
class Choice:
    """One combination of what could have been chosen; columns of the trial table."""

    fovea: Preset
    levels: LevelRule
    targets: Knowledge
    temperature: float


def choices_of(settings: MultiverseSettings) -> list[Choice]:
    """Return every combination, temperatures changing fastest."""
    axes = (settings.foveas, settings.levels, settings.targets, settings.temperatures)
    return [Choice(*chosen) for chosen in itertools.product(*axes)]


def run(config: SearchConfig, cell: SearchCell, rng: Streams) -> pd.DataFrame:
    """Return the searches of a cell under every combination; columns as in `plan.TABLES`."""
    choices = choices_of(config.multiverse)
    searchers = searchers_of(config, cell, choices)
    shown = displays_of(config, cell.condition, cell.start, cell.stop, target_present=cell.target_present)
    rows = [row for number, display in shown for row in _rows(config, cell, searchers, number, display, rng)]
    return pd.DataFrame(rows)


def searchers_of(
    config: SearchConfig, cell: SearchCell, choices: Sequence[Choice]
) -> dict[Choice, MatchingSearcher]:
    """Return the cell's searcher under each combination; all share the passes of its network.

    Searchers that differ in nothing but temperature are one.
    """
    plain = build_searcher(config.model_copy(update={"fovea": FoveaSettings()}), cell.searcher)
    if not isinstance(plain, MatchingSearcher):
        raise TypeError(f"a multiverse needs a searcher that matches features; got {plain.name}")
    made: dict[tuple[str, str, str], MatchingSearcher] = {}
    for choice in choices:
        key = (choice.fovea, choice.levels, choice.targets)
        if key not in made:
            made[key] = plain.variant(
                integration=INTEGRATIONS[choice.fovea], levels=choice.levels, targets=choice.targets
            )
    return {choice: made[choice.fovea, choice.levels, choice.targets] for choice in choices}


def _rows(
    config: SearchConfig,
    cell: SearchCell,
    searchers: dict[Choice, MatchingSearcher],
    number: int,
    display: Display,
    rng: Streams,
) -> Iterator[dict[str, object]]:
    """One row a combination: the means of its searches of a display, of one at temperature 0, where all are alike."""
    for choice, searcher in searchers.items():
        rules = rules_of(config.rules, cell.searcher).model_copy(update={"temperature": choice.temperature})
        names = (choice.fovea, choice.levels, choice.targets, str(choice.temperature))
        found = search(
            searcher,
            display,
            rules=rules,
            rng=rng.generator("choice", *names, display.set_size, number),
            n_searches=config.n_searches if choice.temperature > 0 else 1,
        )
        n_fixations = float(np.mean([one.n_fixations for one in found]))
        yield {
            "observer": cell.observer,
            "task": display.task.name,
            "condition": display.condition.name,
            "role": display.condition.role,
            **vars(choice),
            "set_size": display.set_size,
            "display": number,
            "n_searches": len(found),
            "n_fixations": n_fixations,
            "rt_ms": float(reaction_time_ms(n_fixations)),
        }
