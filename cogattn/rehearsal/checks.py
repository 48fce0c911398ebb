"""All that can be known to be wrong with a run before its first cell."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from cogattn.config import refuse_changed
from cogattn.errors import ConfigError
from cogattn.rehearsal import costs, needs, plan, rules
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.measures import ACCURACY
from cogattn.rehearsal.scenario import Kind
from cogattn.rehearsal.scenarios import kinds

MAX_CELLS = 100_000
MAX_MEMORY_MB = 64_000.0
OF_KINDS = ("data", "diet", "observer")
"""Settings that a scenario reads if it says so (`Kind.relevant`)."""
OF_PEOPLE = ("trees", "transfer")
OF_TASKS = ("environment", "n_test", "evaluate", "n_seeds", "stack", "n_bins")
"""Settings that nobody reads beside people."""
NEEDS_CLASSES = ("ewc", "lwf")
"""Penalties that ask for a network's chances of classes."""


def check(config: RehearsalConfig) -> None:
    """Refuse settings that no run can end well with.

    Raises
    ------
    ConfigError
        If a schedule, a regulariser or a scenario is unknown, something is named twice, budgets are unequal, a setting
        has no part in the run, or the run has no bound.
    DataError
        If pictures, people's trials or another scenario's data cannot be used.
    ObserverError
        If a network is unknown or its weights are out of reach.
    """
    _check_lists(config)
    found = rules.rules_of(config)
    _check_environment(config)
    _check_diet(config)
    _check_unread(config)
    if plan.beside_people(config):
        _check_beside_people(config)
    else:
        _check_kind(config, found)
    _check_equal(config, found)
    _check_size(config)


def _check_lists(config: RehearsalConfig) -> None:
    lists: Mapping[str, Sequence[object]] = {
        "budgets": config.budgets,
        "n_tasks": config.n_tasks,
        "network.widths": config.network.widths,
    }
    for setting, values in lists.items():
        if len(set(values)) < len(values):
            raise ConfigError(f"{setting} must name each once; got {', '.join(map(str, values))}")


def _check_environment(config: RehearsalConfig) -> None:
    try:
        need = rules.rule_of(config.environment, "introduced").need
    except ConfigError as error:
        raise ConfigError(f"environment must be a need kernel: {error}") from error
    if need is None or isinstance(need, needs.NoRehearsal | needs.Cumulative):
        raise ConfigError(
            f"environment must be a need kernel such as power:1 or uniform; got {config.environment}"
        )


def _check_diet(config: RehearsalConfig) -> None:
    if config.diet and config.scenario not in (RehearsalConfig().scenario, plan.DIETS):
        raise ConfigError(f"scenario must be {plan.DIETS} where diet is given; got {config.scenario}")


def _check_unread(config: RehearsalConfig) -> None:
    """Settings that another one has no use for."""
    if config.rehearsal.source == "environment":
        refuse_changed(config, ("rehearsal.memory",), "rehearsal.source is environment: nothing is held")
    if plan.scenario_of(config) != plan.TREES or config.trees.path is None:
        refuse_changed(config, ("n_bootstrap",), "there are no people to draw again (trees.path)")


def _check_beside_people(config: RehearsalConfig) -> None:
    name = plan.scenario_of(config)
    others = tuple(other for other in OF_PEOPLE if other != name)
    refuse_changed(config, (*OF_KINDS, *others, *OF_TASKS), f"scenario is {name}")
    if name == plan.TREES:
        from cogattn.rehearsal.trees import checks as trees

        trees.check(config)
    else:
        from cogattn.rehearsal.transfer import checks as transfer

        transfer.check(config)


def _check_kind(config: RehearsalConfig, found: Sequence[rules.Rule]) -> None:
    """The scenario can be had, reads what was given, and can be learnt by these rules."""
    name = plan.scenario_of(config)
    kind = kinds.kind_of(name)
    read = kind.relevant(config)
    unread = [setting for setting in (*OF_KINDS, "network") if setting not in read]
    if name in kinds.BUILT_IN:
        unread.remove("network")
    refuse_changed(config, (*OF_PEOPLE, *unread), f"scenario is {name}")
    kind.check(config)
    _check_penalties(kind, found)
    training = plan.training_of(config)
    for budget in config.budgets:
        if round(budget * (training.n_new or 0)) < 1:
            raise ConfigError(
                f"budgets must leave a phase at least one item to rehearse; got {budget:g} of {training.n_new} new "
                "items (training.n_new)"
            )


def _check_penalties(kind: Kind, found: Sequence[rules.Rule]) -> None:
    for rule in found:
        if rule.penalty in NEEDS_CLASSES and kind.score.key != ACCURACY.key:
            raise ConfigError(
                f"penalties must be si where a scenario does not classify ({kind.name}); got {rule.text}"
            )


def _check_equal(config: RehearsalConfig, found: Sequence[rules.Rule]) -> None:
    """Schedules are compared at equal budget, unless somebody wants to see others."""
    unequal = [rule.text for rule in found if not rule.equal_budget]
    if unequal and config.rehearsal.unequal == "refuse":
        raise ConfigError(
            f"schedules must all rehearse as much as the budget says; got {', '.join(unequal)}, which rehearse "
            "otherwise (rehearsal.unequal = show shows them)"
        )


def _check_size(config: RehearsalConfig) -> None:
    cells = list(itertools.islice(plan.each_cell(config), MAX_CELLS + 1))
    if len(cells) > MAX_CELLS:
        raise ConfigError(
            f"schedules, budgets, n_tasks, network.widths and n_seeds must plan at most {MAX_CELLS:,} cells together; "
            "got more"
        )
    largest = max((costs.cost(config, cell).memory_mb, cell.label) for cell in cells)
    if largest[0] > MAX_MEMORY_MB:
        raise ConfigError(
            f"network.widths, training.n_new and stack must leave a cell at most {MAX_MEMORY_MB:,.0f} MB; got about "
            f"{largest[0]:,.0f} ({largest[1]})"
        )
