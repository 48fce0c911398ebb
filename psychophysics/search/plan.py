"""Who searches what: the observers and cells of a run, and the settings that can reach the trials of one cell.

A cell is one searcher before up to ten displays of each set size of one condition, with or without their targets.
Its condition, its displays and its searcher are fields of the cell, so that a further network, control, task or
display adds cells and leaves the others as they are. A cell of the multiverse is the same searcher before the same
displays, once for every combination of choices. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

from cogattn.observers import alone, roster
from cogattn.observers.config import TimmObserver
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import (
    Control,
    DisplaySettings,
    EccnetRule,
    EccnetSettings,
    FoveaSettings,
    MatchingSettings,
    MultiverseSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.study import Cell, Schema

if TYPE_CHECKING:
    from cogattn.psychophysics.search.displays.tasks import Condition

Variant = Literal[
    "", "no fovea", "untrained", "pixels", "ideal", "chance", "without window", "without rings", "without half_scale",
    "without map_scaling", "without sharpening", "without pixels", "without painting", "without touching",
]  # fmt: skip
"""What a searcher is; the last eight are eccNET without one of its rules."""

ABLATIONS: Mapping[Variant, EccnetRule] = {
    cast(Variant, f"without {rule}"): rule for rule in get_args(EccnetRule)
}
"""Variants of eccNET by the rule that each lacks."""

TABLE, MULTIVERSE = "search", "multiverse"
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
    },
    MULTIVERSE: {
        "observer": "str",
        "task": "str",
        "condition": "str",
        "role": "str",
        "fovea": "str",
        "levels": "str",
        "targets": "str",
        "temperature": "float64",
        "set_size": "int64",
        "display": "int64",
        "n_searches": "int64",
        "n_fixations": "float64",
        "rt_ms": "float64",
    },
}
"""One row a search: ``role`` is what the condition is for people (``easy`` or ``hard``), ``display`` the number of the
display among those of its set size, ``n_fixations`` counts saccades, ``rt_ms`` follows from them, ``response`` is
``present``, ``absent``, or ``none`` at the limit. In the multiverse a row is a display under one combination of
choices, means over ``n_searches`` searches."""

DISPLAYS_PER_CELL = 10
"""Of each set size: some seconds of a small network on one core. Cells start at multiples of it, whatever their
number, so that further displays leave all full cells as they are."""

BLIND: frozenset[Variant] = frozenset({"ideal", "chance"})
"""Variants that look at no pixel."""


@dataclass(frozen=True, kw_only=True)
class SearcherCell(Cell):
    """Something that one searcher does.

    Parameters
    ----------
    parent, variant, copy
        Of the searcher, as `Observer` has them.
    """

    parent: str
    variant: Variant
    copy: int

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


@dataclass(frozen=True, kw_only=True)
class SearchCell(SearcherCell):
    """One searcher before some displays of one condition.

    Parameters
    ----------
    condition : str
        Key of one side of a task.
    start, stop : int
        Numbers of the first display and of the one after the last, of each set size.
    target_present : bool
        Whether the target is among the items.
    """

    condition: str
    start: int
    stop: int
    target_present: bool


def observers_of(config: SearchConfig) -> tuple[Observer, ...]:
    """Return the networks of a run, then their controls and those that need no network, in the order given.

    Under eccNET each network is also searched with once without each rule that is to be ablated.
    """
    networks = networks_of(config)
    controls = [observer for control in config.controls for observer in _made(control, networks, config)]
    rules = config.eccnet.ablate if config.searcher == "eccnet" else ()
    ablated = [network.control(f"without {rule}") for network in networks for rule in rules]
    return (*networks, *ablated, *controls)


def networks_of(config: SearchConfig) -> tuple[Observer, ...]:
    """Return the networks under test."""
    return roster.observers_of(config.observer)


def model_name(observer: Observer) -> str:
    """Return the name that `build_network` knows an observer's network by; empty where it has none."""
    if observer.role == "network":
        return observer.id
    return observer.parent


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
    ablated = len(config.eccnet.ablate) * (config.searcher == "eccnet")
    networks = len(networks_of(config))
    once = networks * (1 + ablated + ("no_fovea" in config.controls)) + alone
    searched = once * _n_blocks(config.displays.n_displays) + networks * copies * _n_blocks(
        _n_displays(config, "untrained")
    )
    sides = sum(len(shown) for _, shown in _sides(config))
    chosen = (
        networks * (1 + copies) * _n_blocks(config.multiverse.n_displays) if config.multiverse.foveas else 0
    )
    return searched * sides + chosen * len(_two_sided(config))


def _n_blocks(n_displays: int) -> int:
    return -(-n_displays // DISPLAYS_PER_CELL)


def _n_displays(config: SearchConfig, variant: str) -> int:
    """Displays of each set size and condition that a searcher sees."""
    shown = config.displays.n_displays
    return min(shown, config.n_random_displays) if variant == "untrained" else shown


def _sides(config: SearchConfig) -> list[tuple[Condition, tuple[bool, ...]]]:
    """Every condition, and whether its displays are shown with their target or with it and without it."""
    # loads numpy, which ``--help`` does without
    from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS

    tasks = [EXPERIMENTS[name] for name in config.tasks]
    return [
        (condition, (True, False) if config.displays.target_absent or task.absent else (True,))
        for task in tasks
        for condition in task.conditions
    ]


def _two_sided(config: SearchConfig) -> list[Condition]:
    """Conditions of tasks that may be asymmetric."""
    return [condition for condition, _ in _sides(config) if condition.role != "only"]


def cells_of(config: SearchConfig) -> list[SearchCell]:
    """Return the plan: searcher by searcher, condition by condition; then the multiverse's."""
    searched = [
        _cell(searcher, condition, block, present)
        for searcher in observers_of(config)
        for condition, shown in _sides(config)
        for block in _blocks(_n_displays(config, searcher.variant))
        for present in shown
    ]
    return searched + _multiverse_cells(config)


def _multiverse_cells(config: SearchConfig) -> list[SearchCell]:
    """Networks and their untrained copies in tasks with two sides, targets present; none unless foveas are named."""
    if not config.multiverse.foveas:
        return []
    return [
        _cell(searcher, condition, block, True, task=MULTIVERSE)
        for searcher in observers_of(config)
        if searcher.variant in ("", "untrained")
        for condition in _two_sided(config)
        for block in _blocks(config.multiverse.n_displays)
    ]


def _blocks(n_displays: int) -> list[tuple[int, int]]:
    """First display of each cell, and the one after its last."""
    starts = range(0, n_displays, DISPLAYS_PER_CELL)
    return [(start, min(start + DISPLAYS_PER_CELL, n_displays)) for start in starts]


def _cell(
    searcher: Observer, condition: Condition, block: tuple[int, int], present: bool, *, task: str = TABLE
) -> SearchCell:
    start, stop = block
    shown = ("" if present else " without a target") + (", all choices" if task == MULTIVERSE else "")
    return SearchCell(
        label=f"{searcher.name}, {condition.title}, displays {start}-{stop - 1}{shown}",
        task=task,
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
    cannot change it, and eccNET has its own rules of looking.
    """
    network = model_name(cell.searcher)
    if by_eccnet(config, cell):
        return SearchConfig(
            seed=config.seed,
            searcher="eccnet",
            eccnet=EccnetSettings(without=lacking(config, cell.variant)),
            displays=_displays(config.displays, cell.variant),
            observer=alone.settings_of(config.observer, network, cell.variant),
        )
    if cell.task == MULTIVERSE:
        return _relevant_to_all_choices(config, cell)
    return SearchConfig(
        seed=config.seed,
        n_searches=config.n_searches,
        rules=_rules(config.rules, cell),
        displays=_displays(config.displays, cell.variant),
        matching=_matching(config.matching, cell.variant),
        fovea=_fovea(config.fovea, cell.variant) if network else FoveaSettings(),
        observer=alone.settings_of(config.observer, network, cell.variant) if network else TimmObserver(),
    )


def _relevant_to_all_choices(config: SearchConfig, cell: SearchCell) -> SearchConfig:
    """What is chosen among stands in ``multiverse``; its own number of displays stands in the cell."""
    chosen_matching, chosen_rules = {"levels", "targets"}, {"temperature"}
    return SearchConfig(
        seed=config.seed,
        n_searches=config.n_searches,
        rules=RulesSettings(**config.rules.model_dump(exclude=chosen_rules)),
        displays=_displays(config.displays, cell.variant),
        matching=MatchingSettings(**config.matching.model_dump(exclude=chosen_matching)),
        observer=alone.settings_of(config.observer, model_name(cell.searcher), cell.variant),
        multiverse=MultiverseSettings(**config.multiverse.model_dump(exclude={"n_displays"})),
    )


def by_eccnet(config: SearchConfig, cell: SearchCell) -> bool:
    """Whether a cell is searched by eccNET's algorithm; chance, pixels and the ideal searcher never are."""
    return config.searcher == "eccnet" and bool(model_name(cell.searcher))


def lacking(config: SearchConfig, variant: Variant) -> tuple[EccnetRule, ...]:
    """Return the rules that eccNET does without in a cell: the run's, and its own where it is an ablation."""
    left_out = {*config.eccnet.without, *([ABLATIONS[variant]] if variant in ABLATIONS else [])}
    return tuple(rule for rule in get_args(EccnetRule) if rule in left_out)


def _rules(rules: RulesSettings, cell: SearchCell) -> RulesSettings:
    from cogattn.psychophysics.search.displays.tasks import find_condition

    unused = {"memory"} if cell.variant == "ideal" else set()  # which never forgets
    if rules.quit_below is not None or not find_condition(cell.condition)[0].absent:
        unused.add("misses")  # nothing is practised
    return RulesSettings(**rules.model_dump(exclude=unused))


def _displays(displays: DisplaySettings, variant: Variant) -> DisplaySettings:
    if variant in BLIND:
        return DisplaySettings()
    return DisplaySettings(pixels_per_degree=displays.pixels_per_degree)


def _matching(matching: MatchingSettings, variant: Variant) -> MatchingSettings:
    if variant in BLIND:
        return MatchingSettings()
    unused = {"n_levels", "levels"} if variant == "pixels" else set()  # whose pixels are its only level
    return MatchingSettings(**matching.model_dump(exclude=unused))


def _fovea(fovea: FoveaSettings, variant: Variant) -> FoveaSettings:
    unused = {"preset"} if variant == "no fovea" else set()
    return FoveaSettings(**fovea.model_dump(exclude=unused))


def contents(config: SearchConfig, cell: SearchCell) -> Mapping[str, str]:
    """Return the digests of the network of a cell's searcher; none where it needs no network."""
    return network_contents(config, cell.searcher)


def network_contents(config: SearchConfig, searcher: Observer) -> Mapping[str, str]:
    """Return the digests of a searcher's network; none where it needs none."""
    return alone.network_contents(config.observer, model_name(searcher), searcher, seed=config.seed)
