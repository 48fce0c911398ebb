"""What a reader of a run must hear before the numbers: other displays than people's first, then what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.agreement import rank_correlation
from cogattn.psychophysics.search.config import RulesSettings, SearchConfig
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.people import published_models
from cogattn.psychophysics.search.rows import runs_all_tasks
from cogattn.psychophysics.search.steps import remarks_on_steps

Table = Mapping[str, pd.DataFrame]

GROUP_MEANS = (
    "People's times are published group means only: no single persons, no intervals, from each laboratory's own "
    "displays; ours are drawn after Gupta et al. (2021)."
)
TARGET_CELL = "A fixation in the target's grid cell ends a search: nothing is recognised, as in the paper."
RULES_OF_OTHERS = (
    "Networks search by eccNET's rules, once a display; rules, matching and n_searches are those of pixels, ideal and "
    "chance alone."
)
TARGET_TOUCHED = (
    "A network's search ends when 10 x 10 pixels about a fixation touch the target's grid cell, even from the next "
    "one: nothing is recognised, as in the paper."
)

FOUR_CORNERS = (
    "letters: each of an L's four corners occurs as often; the paper's displays have three corners, one of them twice "
    "as often."
)
WITH_AND_WITHOUT = (
    "feature, conjunction, 2v5: drawn after Wolfe, Palmer and Horowitz (2010); hues and the strokes of digits are "
    "assumed, and reaction times follow from fixations by a line that was fitted to another search."
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
        ``asymmetry``, ``means``, ``agreement``, ``untrained``, ``steps`` and ``outcomes``.
    persons : str
        Who the single persons are, and what of them is compared.
    """
    networks = [one for one in observers if one.role == "network"]
    whole = runs_all_tasks(tables)
    compared = [GROUP_MEANS] if set(TASKS) & set(config.tasks) else []
    return (
        *compared,
        persons,
        *_differences(config),
        *_fewer_displays(config, observers),
        *_limits(tables["outcomes"]),
        *([what_the_index_ranks()] if whole and networks else []),
        *(sentence for network in networks for sentence in _findings(network, tables)),
        *remarks_on_steps(tables["steps"], observers),
        *(_place(network, tables) for network in networks if whole),
    )


def _differences(config: SearchConfig) -> Iterator[str]:
    """In what the displays, or what is asked of them, are not what people had."""
    if config.searcher == "eccnet":
        yield RULES_OF_OTHERS
    touched = config.searcher == "eccnet" and "touching" not in config.eccnet.without
    yield TARGET_TOUCHED if touched else TARGET_CELL
    resolution = config.displays.pixels_per_degree
    if resolution != 30:
        yield f"Displays have {resolution:g} pixels a degree, the paper's 30: a network sees other sizes of items."
    if "letters" in config.tasks:
        yield FOUR_CORNERS
    if {"feature", "conjunction", "2v5"} & set(config.tasks):
        yield WITH_AND_WITHOUT
        yield _giving_up(config.rules)


def _giving_up(rules: RulesSettings) -> str:
    if rules.quit_below is not None:
        return (
            f"Searches give up where a target is less likely than {rules.quit_below:g} to be anywhere left."
        )
    return (
        f"Searches give up where practice taught them to, so that {100 * rules.misses:g} % of those with a target "
        "may miss it: errors are set by this rule, times without a target are not."
    )


def _fewer_displays(config: SearchConfig, observers: Sequence[Observer]) -> Iterator[str]:
    n, few = config.displays.n_displays, config.n_random_displays
    if few < n and any(one.variant == "untrained" for one in observers):
        yield (
            f"Untrained copies saw {few} displays of each set size, all others {n}: their indices scatter more, so the "
            "interval of one more copy is rather too wide."
        )


def _limits(outcomes: pd.DataFrame) -> Iterator[str]:
    limits, searches = int(outcomes["limits"].sum()), int(outcomes["searches"].sum())
    if limits:
        yield f"{limits} of {searches} searches ran out of fixations; they count with that many."


def what_the_index_ranks() -> str:
    """Say how the mean index and the likelihood of people's times go together over the published searchers."""
    published = published_models()
    r, lo, hi = rank_correlation(published["mean"], published["log_likelihood"])
    return (
        f"The mean index alone does not rank searchers: over the {len(published)} published ones its rank correlation "
        f"with the likelihood of people's times is {r:.2f} [{lo:.2f}, {hi:.2f}]."
    )


def _place(network: Observer, tables: Table) -> str:
    """Where a network would stand among the published searchers, by index and by likelihood."""
    published = published_models()
    index = _of(tables["means"], network, "mean")
    gain = _of(tables["agreement"], network, "log_likelihood")
    by_index, by_gain = (published["mean"] > index).sum() + 1, (published["log_likelihood"] > gain).sum() + 1
    return (
        f"{network.name}, put among the {len(published)} published searchers: place {by_index} by mean index, "
        f"{by_gain} by the likelihood of people's times."
    )


def _of(table: pd.DataFrame, network: Observer, column: str) -> float:
    return float(table.set_index("observer").at[network.id, column])


def _findings(network: Observer, tables: Table) -> Iterator[str]:
    own = tables["asymmetry"][tables["asymmetry"]["observer"] == network.id]
    if own.empty:
        return
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
