"""Who learns what: the observers and cells of a run, and what can reach the trials of one cell.

An observer is a rule: a schedule of rehearsal, or a regulariser without rehearsal. A cell is one rule at one point of
the sweep (budget, tasks, width) and a stack of seeds, or one rule and budget beside people. What is learnt is
a setting, and the code of another package's scenario is among what identifies a cell. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from cogattn.observers.observer import Observer
from cogattn.rehearsal import rules
from cogattn.rehearsal.columns import PERSONS, SCORES
from cogattn.rehearsal.config import (
    NetworkSettings,
    RehearsalConfig,
    RehearsalSettings,
    TrainingSettings,
)
from cogattn.rehearsal.rules import Rule
from cogattn.rehearsal.scenarios import kinds
from cogattn.study import Cell

TREES, TRANSFER = "trees", "transfer"
BESIDE_PEOPLE = (TREES, TRANSFER)
"""Scenarios whose networks are held against single persons."""
DIETS = "diets"
"""The scenario that image diets (``diet``) imply."""


@dataclass(frozen=True, kw_only=True)
class RehearsalCell(Cell):
    """One rule at one point of the sweep, and the networks that are trained by it.

    Parameters
    ----------
    budget : float
        Rehearsed items per new one.
    n_tasks : int
        Tasks, a phase each; 0 beside people.
    width : int
        Hidden units of a layer; 0 where the network is the scenario's own.
    first_seed, n_seeds : int
        Number of the first network, and how many there are; 0 beside people.
    """

    budget: float
    n_tasks: int
    width: int
    first_seed: int
    n_seeds: int

    @property
    def seeds(self) -> range:
        """Numbers of the networks."""
        return range(self.first_seed, self.first_seed + self.n_seeds)


def scenario_of(config: RehearsalConfig) -> str:
    """Return the name of what is learnt: diets where some are given."""
    return DIETS if config.diet else config.scenario


def beside_people(config: RehearsalConfig) -> bool:
    """Whether networks are held against single persons."""
    return scenario_of(config) in BESIDE_PEOPLE


def observers_of(config: RehearsalConfig) -> tuple[Observer, ...]:
    """Return the schedules and the regularisers, as they are given."""
    return tuple(rule.observer for rule in rules.rules_of(config))


def rule_for(config: RehearsalConfig, cell: RehearsalCell) -> Rule:
    """Return the rule that a cell's networks are trained by."""
    return rules.rule_of(cell.observer, config.rehearsal.since)


def n_tasks_of(config: RehearsalConfig) -> tuple[int, ...]:
    """Return how many tasks there are: those of the settings, or the scenario's own number."""
    return config.n_tasks or (kinds.kind_of(scenario_of(config)).defaults(config).n_tasks,)


def training_of(config: RehearsalConfig) -> TrainingSettings:
    """Return how networks learn, with the scenario's own values where the settings say nothing."""
    own = kinds.kind_of(scenario_of(config)).defaults(config)
    given = config.training
    return given.model_copy(
        update={
            "n_new": given.n_new or own.n_new,
            "batch": given.batch or own.batch,
            "learning_rate": given.learning_rate or own.learning_rate,
        }
    )


def cells_of(config: RehearsalConfig) -> list[RehearsalCell]:
    """Return the plan: rule by rule, budget by budget, then along the other sweeps, stack by stack."""
    return list(each_cell(config))


def each_cell(config: RehearsalConfig) -> Iterator[RehearsalCell]:
    """Yield the cells of the plan one by one."""
    return (cell for rule in rules.rules_of(config) for cell in _cells_of_rule(config, rule))


def _cells_of_rule(config: RehearsalConfig, rule: Rule) -> Iterator[RehearsalCell]:
    if beside_people(config):
        yield from (_cell(config, rule, budget, 0, 0, 0, 0) for budget in config.budgets)
        return
    built_in = scenario_of(config) in kinds.BUILT_IN
    stack = config.stack if built_in and not rule.penalty else 1
    for budget in config.budgets:
        for n_tasks in n_tasks_of(config):
            for width in config.network.widths if built_in else (0,):
                for first in range(0, config.n_seeds, stack):
                    n_seeds = min(stack, config.n_seeds - first)
                    yield _cell(config, rule, budget, n_tasks, width, first, n_seeds)


def _cell(
    config: RehearsalConfig, rule: Rule, budget: float, n_tasks: int, width: int, first: int, n_seeds: int
) -> RehearsalCell:
    parts = [rule.observer.name, f"budget {budget:g}"]
    parts += [f"{n_tasks} tasks"] if n_tasks else []
    parts += [f"width {width}"] if width else []
    parts += [f"seeds {first}-{first + n_seeds - 1}"] if n_seeds else []
    return RehearsalCell(
        label=", ".join(parts),
        task=PERSONS if beside_people(config) else SCORES,
        observer=rule.text,
        budget=budget,
        n_tasks=n_tasks,
        width=width,
        first_seed=first,
        n_seeds=n_seeds,
    )


def relevant(config: RehearsalConfig, cell: RehearsalCell) -> RehearsalConfig:
    """Return the settings that can change a cell's trials, all others at their defaults.

    Budget, tasks, width and seeds are the cell's own. What other rules and points of the sweep there are, by what need
    accuracies are weighed in the end, and how many resamples, changes none.
    """
    name, rule = scenario_of(config), rule_for(config, cell)
    own: dict[str, object] = {
        "seed": config.seed,
        "scenario": name,
        "rehearsal": _rehearsal(config.rehearsal, rule),
    }
    if name in BESIDE_PEOPLE:
        return RehearsalConfig.model_validate(own | dict(_room_relevant(config)))
    own |= {
        "training": training_of(config),
        "n_test": config.n_test,
        "evaluate": config.evaluate,
        "n_bins": config.n_bins,
        **kinds.kind_of(name).relevant(config),
    }
    if cell.width:
        own["network"] = NetworkSettings(widths=(cell.width,), depth=config.network.depth)
    return RehearsalConfig.model_validate(own)


def _rehearsal(settings: RehearsalSettings, rule: Rule) -> RehearsalSettings:
    """Settings of rehearsal that matter to a rule; where nothing is rehearsed only how a phase is put together."""
    plain = RehearsalSettings()
    own: dict[str, object] = {"mixing": settings.mixing}
    if rule.need is not None and rule.need.rehearses:
        own |= {name: getattr(settings, name) for name in ("unit", "apportion", "source")}
        timed = rules.rule_of(rule.text, "introduced").need != rules.rule_of(rule.text, "last").need
        own["since"] = settings.since if timed else plain.since
        own["memory"] = settings.memory if settings.source != "environment" else plain.memory
    return plain.model_copy(update=own)


def _room_relevant(config: RehearsalConfig) -> Mapping[str, object]:
    if scenario_of(config) == TREES:
        from cogattn.rehearsal.trees import checks as trees

        return trees.relevant(config)
    from cogattn.rehearsal.transfer import checks as transfer

    return transfer.relevant(config)


def contents(config: RehearsalConfig, cell: RehearsalCell) -> Mapping[str, str]:
    """Return the digests of pictures, of people's trials, and of the code and data of other packages' scenarios."""
    return _contents(config)


def inputs(config: RehearsalConfig) -> Mapping[str, str]:
    """Return the digests of what the summary reads beside the trials: people's trials, another package's scenario."""
    name = scenario_of(config)
    if name in BESIDE_PEOPLE:
        return _contents(config)
    return {} if name in kinds.BUILT_IN else _code_of(name)


def _contents(config: RehearsalConfig) -> dict[str, str]:
    name = scenario_of(config)
    if name == TREES:
        from cogattn.rehearsal.trees import checks as trees

        return dict(trees.contents(config))
    if name == TRANSFER:
        from cogattn.rehearsal.transfer import checks as transfer

        return dict(transfer.contents(config))
    found = dict(kinds.kind_of(name).contents(config))
    return found if name in kinds.BUILT_IN else found | _code_of(name)


def _code_of(name: str) -> dict[str, str]:
    """Digests of the code of a scenario that the study's own code does not reach."""
    return {f"scenario {what}": digest for what, digest in _code_at(kinds.target_of(name))}


@lru_cache(maxsize=16)
def _code_at(target: str) -> tuple[tuple[str, str], ...]:
    from cogattn.observers.code import observer_code

    return tuple(observer_code([target]).contents.items())


def demo() -> RehearsalConfig:
    """Return a small run on scikit-learn's digits: few schedules, five tasks, narrow networks."""
    return RehearsalConfig(
        schedules=("none", "uniform", "power:1", "exponential:1"),
        penalties=("ewc:3",),
        n_tasks=(5,),
        network=NetworkSettings(widths=(64,), depth=1),
        training=TrainingSettings(n_new=500),
    )
