"""Who searches what: the observers and cells of a run, and the settings that can reach the trials of one cell.

A cell is one searcher before up to ten displays of each set size of one condition, with or without their targets.
Its condition, its displays and its searcher are fields of the cell, so that a further network, control, task or
display adds cells and leaves the others as they are. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from cogattn.observers import roster
from cogattn.observers.config import FactoryObserver, ModuleObserver, TimmObserver
from cogattn.observers.content import content_of
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import (
    Control,
    DisplaySettings,
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.seeds import Streams
from cogattn.study import Cell, Schema

Searching = TimmObserver | FactoryObserver | ModuleObserver
"""Settings of networks that search."""

if TYPE_CHECKING:
    from cogattn.psychophysics.search.displays.tasks import Condition

Variant = Literal["", "no fovea", "untrained", "pixels", "ideal", "chance"]

TABLE = "search"
TABLES: Mapping[str, Schema] = {
    TABLE: {
        "observer": "str",
        "task": "str",
        "condition": "str",
        "role": "str",
        "set_size": "int64",
        "display": "int64",
        "repeat": "int64",
        "target_present": "bool",
        "n_fixations": "int64",
        "rt_ms": "float64",
        "response": "str",
        "correct": "bool",
    }
}
"""One row a search: ``role`` is what the condition is for people (``easy`` or ``hard``), ``display`` the number of the
display among those of its set size, ``n_fixations`` counts saccades, ``rt_ms`` follows from them, ``response`` is
``present``, ``absent``, or ``none`` at the limit."""

DISPLAYS_PER_CELL = 10
"""Of each set size: some seconds of a small network on one core. Cells start at multiples of it, whatever their
number, so that further displays leave all full cells as they are."""

BLIND: frozenset[Variant] = frozenset({"ideal", "chance"})
"""Variants that look at no pixel."""


@dataclass(frozen=True, kw_only=True)
class SearchCell(Cell):
    """One searcher before some displays of one condition.

    Parameters
    ----------
    parent, variant, copy
        Of the searcher, as `Observer` has them.
    condition : str
        Key of one side of a task.
    start, stop : int
        Numbers of the first display and of the one after the last, of each set size.
    target_present : bool
        Whether the target is among the items.
    """

    parent: str
    variant: Variant
    copy: int
    condition: str
    start: int
    stop: int
    target_present: bool

    @property
    def searcher(self) -> Observer:
        """Who searches."""
        return Observer(
            self.observer,
            role="control" if self.variant else "network",
            parent=self.parent,
            variant=self.variant,
            copy=self.copy,
        )


def observers_of(config: SearchConfig) -> tuple[Observer, ...]:
    """Return the networks of a run, then their controls and those that need no network, in the order given."""
    networks = networks_of(config)
    controls = [observer for control in config.controls for observer in _made(control, networks, config)]
    return (*networks, *controls)


def networks_of(config: SearchConfig) -> tuple[Observer, ...]:
    """Return the networks under test."""
    return roster.observers_of(config.observer)


def model_name(observer: Observer) -> str:
    """Return the name that `build_network` knows an observer's network by; empty where it has none."""
    if observer.role == "network":
        return observer.id
    return observer.parent


def network_seed(seed: int, observer: Observer) -> int:
    """Return the seed of an observer's network: the run's, or an untrained copy's own."""
    if observer.variant != "untrained":
        return seed
    return int(Streams(seed).entropy("untrained", observer.copy)[1])


def copies_of(network: Observer, observers: Sequence[Observer], variant: Variant) -> list[Observer]:
    """Return the controls of one variant that were made from a network."""
    return [one for one in observers if one.parent == network.id and one.variant == variant]


def _made(control: Control, networks: Sequence[Observer], config: SearchConfig) -> list[Observer]:
    match control:
        case "no_fovea":
            return [network.control("no fovea") for network in networks]
        case "random_weights":
            return [
                network.control("untrained", copy=copy)
                for network in networks
                for copy in range(config.n_random)
            ]
        case alone:
            return [Observer(alone, role="control", variant=alone)]


def n_cells(config: SearchConfig) -> int:
    """Return the number of cells of a plan without making it."""
    copies = config.n_random * ("random_weights" in config.controls)
    alone = len(set(config.controls) - {"no_fovea", "random_weights"})
    searchers = len(networks_of(config)) * (1 + copies + ("no_fovea" in config.controls)) + alone
    blocks = -(-config.displays.n_displays // DISPLAYS_PER_CELL)
    return searchers * 2 * len(config.tasks) * blocks * (1 + config.displays.target_absent)


def cells_of(config: SearchConfig) -> list[SearchCell]:
    """Return the plan: searcher by searcher, condition by condition."""
    from cogattn.psychophysics.search.displays.tasks import (
        TASKS,
    )  # loads numpy, which ``--help`` does without

    n, shown = config.displays.n_displays, (True, False) if config.displays.target_absent else (True,)
    return [
        _cell(searcher, condition, start, min(start + DISPLAYS_PER_CELL, n), present)
        for searcher in observers_of(config)
        for task in config.tasks
        for condition in TASKS[task].conditions
        for start in range(0, n, DISPLAYS_PER_CELL)
        for present in shown
    ]


def _cell(searcher: Observer, condition: Condition, start: int, stop: int, present: bool) -> SearchCell:
    shown = "" if present else " without a target"
    return SearchCell(
        label=f"{searcher.name}, {condition.title}, displays {start}-{stop - 1}{shown}",
        task=TABLE,
        observer=searcher.id,
        parent=searcher.parent,
        variant=cast(Variant, searcher.variant),
        copy=searcher.copy,
        condition=condition.name,
        start=start,
        stop=stop,
        target_present=present,
    )


def relevant(config: SearchConfig, cell: SearchCell) -> SearchConfig:
    """Return the settings that can change a cell's trials, all others at their defaults.

    Tasks, controls and numbers of displays and of copies stand in the cell itself; what a control does not look at
    cannot change it.
    """
    network = model_name(cell.searcher)
    return SearchConfig(
        seed=config.seed,
        n_searches=config.n_searches,
        rules=_rules(config.rules, cell.variant),
        displays=_displays(config.displays, cell.variant),
        matching=_matching(config.matching, cell.variant),
        fovea=_fovea(config.fovea, cell.variant) if network else FoveaSettings(),
        observer=_observer(config.observer, network, cell.variant) if network else TimmObserver(),
    )


def _rules(rules: RulesSettings, variant: Variant) -> RulesSettings:
    unused = {"memory"} if variant == "ideal" else set()  # which never forgets
    return RulesSettings(**rules.model_dump(exclude=unused))


def _displays(displays: DisplaySettings, variant: Variant) -> DisplaySettings:
    if variant in BLIND:
        return DisplaySettings()
    return DisplaySettings(pixels_per_degree=displays.pixels_per_degree)


def _matching(matching: MatchingSettings, variant: Variant) -> MatchingSettings:
    if variant in BLIND:
        return MatchingSettings()
    unused = {"n_levels"} if variant == "pixels" else set()
    return MatchingSettings(**matching.model_dump(exclude=unused))


def _fovea(fovea: FoveaSettings, variant: Variant) -> FoveaSettings:
    unused = {"preset"} if variant == "no fovea" else set()
    return FoveaSettings(**fovea.model_dump(exclude=unused))


def _observer(observer: Searching, network: str, variant: Variant) -> Searching:
    if isinstance(observer, TimmObserver) and variant == "untrained":
        return TimmObserver(models=(network,), weights="random")
    return cast(Searching, roster.only(observer, network))  # of the same kind


def contents(config: SearchConfig, cell: SearchCell) -> Mapping[str, str]:
    """Return the digests of the network of a cell's searcher; none where it needs no network."""
    network = model_name(cell.searcher)
    if not network:
        return {}
    return content_of(
        _observer(config.observer, network, cell.variant),
        network,
        seed=network_seed(config.seed, cell.searcher),
        untrained=cell.variant == "untrained",
    )
