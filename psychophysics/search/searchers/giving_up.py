"""When a searcher says that there is no target: a limit of hope that practice teaches.

How likely a target still is (`searching.hope`) means little as such: a searcher's evidence is as strong as its gain
makes it, and what looks half like a target stirs hope all over a display. People learn when to give up from their
errors: they grow patient after a miss and hasty after right answers (Chun & Wolfe 1996). Here the limit is what such
learning ends in. The searcher practises on displays with a target and never gives up; each of these searches had a
moment of least hope before it found its target. The limit lies where a given share of them, the misses that are put up
with, had less hope than that. Searches of the same kind then end without their target in at most about that share, with
no word on how searches without a target come out: their number of fixations is a prediction.

References
----------
Chun, Wolfe (1996), Cognitive Psychology 30, 39-78.
Vovk, Gammerman, Shafer (2005), Algorithmic Learning in a Random World, Springer: the share holds for searches that
could have been practice.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.searchers.searching import Searcher, search

N_PRACTICE = 10
"""Displays of each set size on which a searcher of the study learns; they are shown in practice only."""


def practise(
    searcher: Searcher,
    displays: Iterable[Display],
    *,
    rules: RulesSettings,
    rng: np.random.Generator,
    misses: float,
    n_searches: int = 1,
) -> float:
    """Search displays with a target and return the hope, in nats, below which to give up.

    Parameters
    ----------
    searcher : Searcher
        Who practises.
    displays : iterable of Display
        With a target each.
    rules : RulesSettings
        How to look around.
    rng : numpy.random.Generator
        Draws fixations.
    misses : float
        Share of such searches, between 0 and 1, that may end without their target.
    n_searches : int
        Of each display.

    Returns
    -------
    float
        As `search` takes it; minus infinity, never to give up, where no search found its target.
    """
    patient = rules.model_copy(update={"quit_below": 0.0})
    done = [
        one
        for display in displays
        for one in search(searcher, display, rules=patient, rng=rng, n_searches=n_searches)
    ]
    return limit_of_hope([one.least_hope for one in done if one.outcome == "found"], misses)


def limit_of_hope(least: list[float], misses: float) -> float:
    """Return the highest limit below which at most a share `misses` of the searches' least hopes lie.

    It is one of the searches' own, the lowest where they are too few to tell, and chosen so that the next search, too,
    lies below it with that probability at most.
    """
    allowed = int(np.floor(misses * (len(least) + 1)))
    return float(np.sort(least)[allowed - 1]) if allowed else min(least, default=-np.inf)
