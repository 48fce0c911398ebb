"""What a reader of a run must hear before the numbers: other displays than people's first, then what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig

Table = Mapping[str, pd.DataFrame]

GROUP_MEANS = (
    "People's times are published group means only: no single persons, no intervals, from each laboratory's own "
    "displays; ours are drawn after Gupta et al. (2021)."
)
TARGET_CELL = "A fixation in the target's grid cell ends a search: nothing is recognised, as in the paper."
FEWER_NONCROSSES = (
    "intersection: non-crosses are of one handedness in two orientations; the paper's displays have both."
)
ROOMIER = (
    "orientation: items have more room in their cells than in the paper (boxes of 2.0, not 2.3 degrees)."
)


def remarks_of(
    config: SearchConfig, observers: Sequence[Observer], tables: Table, persons: str
) -> tuple[str, ...]:
    """Return the remarks of a run.

    Parameters
    ----------
    config : SearchConfig
        Its settings.
    observers : sequence of Observer
        Those that are in the tables.
    tables : mapping of str to DataFrame
        ``asymmetry``, ``untrained`` and ``outcomes``.
    persons : str
        Who the single persons are, and what of them is compared.
    """
    networks = [one for one in observers if one.role == "network"]
    found = [sentence for network in networks for sentence in _findings(network, tables)]
    return (GROUP_MEANS, persons, *_differences(config), *_limits(tables["outcomes"]), *found)


def _differences(config: SearchConfig) -> Iterator[str]:
    """In what the displays, or what is asked of them, are not what people had."""
    yield TARGET_CELL
    resolution = config.displays.pixels_per_degree
    if resolution != 30:
        yield f"Displays have {resolution:g} pixels a degree, the paper's 30: a network sees other sizes of items."
    if "intersection" in config.tasks:
        yield FEWER_NONCROSSES
    if {"orientation", "orientation_mixed"} & set(config.tasks):
        yield ROOMIER


def _limits(outcomes: pd.DataFrame) -> Iterator[str]:
    limits, searches = int(outcomes["limits"].sum()), int(outcomes["searches"].sum())
    if limits:
        yield f"{limits} of {searches} searches ran out of fixations; they count with that many."


def _findings(network: Observer, tables: Table) -> Iterator[str]:
    own = tables["asymmetry"][tables["asymmetry"]["observer"] == network.id]
    yield (
        f"{network.name} shares the human polarity in {int((own['index'] > 0).sum())} of {len(own)} tasks, surely "
        f"(95 %) in {int((own['lo'] > 0).sum())}."
    )
    against = tables["untrained"]
    rows = against[(against["observer"] == network.id) & (against["task"] != "mean")]
    if len(rows):
        largest = rows["human_polarity"] & (rows["index"] > rows["untrained_max"])
        above = rows["human_polarity"] & rows["above"]
        n = int(rows["n_untrained"].max())
        yield (
            f"Of these it is above all its untrained copies ({n}) in {int(largest.sum())}, "
            f"above the 95 % interval of one more in {int(above.sum())}."
        )
    if own["saturated"].any():
        yield f"{network.name}: index saturated in {', '.join(own.loc[own['saturated'], 'task'])}."
