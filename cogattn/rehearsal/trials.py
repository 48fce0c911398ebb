"""One cell of the rehearsal study: a stack of networks learns all tasks by one rule and is tested after each phase.

Which items a network meets is planned before it is trained, from streams of its seed that no rule's name enters: all
rules meet the same tasks, initial weights and new items, seed by seed. Networks of pictures are trained as one stack;
regularised ones, and those of other packages' scenarios, by the general loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from cogattn.rehearsal import plan
from cogattn.rehearsal.columns import CONDITION, ITEMS, LEARNING, SCORES, TABLES
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.loops import Loop
from cogattn.rehearsal.plan import RehearsalCell
from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import ResidentTasks
from cogattn.rehearsal.results import RunResult
from cogattn.rehearsal.scenario import Scenario
from cogattn.rehearsal.scenarios import kinds
from cogattn.rehearsal.schedules import Schedule, plan_phases, schedule_of
from cogattn.running.checkpoints import Checkpoint
from cogattn.seeds import Streams
from cogattn.study import Outcome

if TYPE_CHECKING:
    import pandas as pd

BEFORE, AFTER = "before", "after"
"""Artefacts of networks that other studies test: weights after the first phase, and after the last."""


def run(config: RehearsalConfig, cell: RehearsalCell, checkpoint: Checkpoint) -> Outcome:
    """Return the trials of one cell, columns as in `columns.TABLES`, and weights of networks of other packages."""
    if plan.beside_people(config):
        return _beside_people(config, cell)
    streams = [streams_of_seed(config, seed) for seed in cell.seeds]
    scenarios, plans = zip(*(meets(config, cell, own) for own in streams), strict=True)
    results = _trained(config, cell, scenarios, plans, streams, checkpoint)
    tables = [
        _tables(cell, seed, scenario.names, result)
        for seed, scenario, result in zip(cell.seeds, scenarios, results, strict=True)
    ]
    return Outcome(_joined(tables), _artefacts(cell, results))


def streams_of_seed(config: RehearsalConfig, seed: int) -> Streams:
    """Return the streams of a network and of what it meets, whatever rule it learns by."""
    return Streams(config.seed).child("seed", seed)


def meets(
    config: RehearsalConfig, cell: RehearsalCell, streams: Streams
) -> tuple[Scenario, tuple[Draws, ...]]:
    """Return the tasks that the network of a seed meets, and the items that it learns from in each phase.

    Parameters
    ----------
    config : RehearsalConfig
        What `plan.relevant` returned for the cell.
    cell : RehearsalCell
        Whose network.
    streams : Streams
        Of the seed.
    """
    kind = kinds.kind_of(plan.scenario_of(config))
    scenario = kind.build(config, n_tasks=cell.n_tasks, streams=streams)
    return scenario, _plan(config, cell, scenario, streams)


def _beside_people(config: RehearsalConfig, cell: RehearsalCell) -> Outcome:
    """Networks beside single persons: each such scenario trains and measures them by itself."""
    streams, rule = Streams(config.seed), plan.rule_for(config, cell)
    if plan.scenario_of(config) == plan.TREES:
        from cogattn.rehearsal.trees import learning as trees

        return trees.run(config, rule, cell.budget, streams)
    from cogattn.rehearsal.transfer import learning as transfer

    return transfer.run(config, rule, cell.budget, streams)


def schedule_for(config: RehearsalConfig, cell: RehearsalCell) -> Schedule:
    """Return the schedule that a cell's networks train by."""
    return schedule_of(config, plan.rule_for(config, cell), cell.budget)


def _plan(
    config: RehearsalConfig, cell: RehearsalCell, scenario: Scenario, streams: Streams
) -> tuple[Draws, ...]:
    training = plan.training_of(config)
    return plan_phases(
        schedule_for(config, cell),
        scenario.sizes,
        n_new=cast(int, training.n_new),
        batch=cast(int, training.batch),
        streams=streams,
    )


def _trained(
    config: RehearsalConfig,
    cell: RehearsalCell,
    scenarios: Sequence[Scenario],
    plans: Sequence[Sequence[Draws]],
    streams: Sequence[Streams],
    checkpoint: Checkpoint,
) -> list[RunResult]:
    """Networks of a cell after training: as one stack where nothing is in the way."""
    from cogattn.rehearsal.penalties import penalty_of

    rule, loop = plan.rule_for(config, cell), _loop(config, cell)
    tasks = [scenario for scenario in scenarios if isinstance(scenario, ResidentTasks)]
    if len(tasks) == len(scenarios) and not rule.penalty:
        from cogattn.rehearsal.stacked import train_stack

        return train_stack(
            tasks, plans, sizes=tasks[0].layers, loop=loop, streams=streams, checkpoint=checkpoint
        )
    from cogattn.rehearsal.turns import train_each

    return train_each(
        scenarios, plans, loop=loop, streams=streams, penalty=penalty_of(rule), checkpoint=checkpoint
    )


def _loop(config: RehearsalConfig, cell: RehearsalCell) -> Loop:
    training = plan.training_of(config)
    return Loop(
        learning_rate=cast(float, training.learning_rate),
        optimiser=training.optimiser,
        reset=training.reset,
        evaluate=config.evaluate,
        n_bins=config.n_bins,
        keep_weights=not cell.width,
    )


def _artefacts(cell: RehearsalCell, results: Sequence[RunResult]) -> dict[str, bytes]:
    """Safetensors of each network after its first phase and after its last, where they are kept."""
    from safetensors.numpy import save

    found = {}
    for seed, result in zip(cell.seeds, results, strict=True):
        for name, tensors in ((BEFORE, result.before), (AFTER, result.weights)):
            if tensors:
                found[f"seed{seed}-{name}.safetensors"] = save(
                    {
                        key: np.array(value, order="C") for key, value in tensors.items()
                    }  # single numbers stay so
                )
    return found


def _joined(tables: Sequence[Mapping[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    import pandas as pd

    return {
        name: pd.concat([one[name] for one in tables], ignore_index=True)
        for name in (SCORES, LEARNING, ITEMS)
    }


def _tables(
    cell: RehearsalCell, seed: int, names: Sequence[str], result: RunResult
) -> dict[str, pd.DataFrame]:
    """What one network's training leaves, as tables; tasks, phases and bins count from 1."""
    import pandas as pd

    own = (cell.observer, cell.budget, cell.n_tasks, cell.width, seed)
    rows = {SCORES: _scores(result, names), LEARNING: _learning(result), ITEMS: _items(result)}
    return {
        name: pd.DataFrame(
            [(*own, *row) for row in found], columns=[*CONDITION, *list(TABLES[name])[len(CONDITION) :]]
        ).astype(dict(TABLES[name]))
        for name, found in rows.items()
    }


def _scores(result: RunResult, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """R without what was not measured."""
    for after, task in np.argwhere(~np.isnan(result.scores)):
        yield after, task + 1, names[task], result.scores[after, task], result.n[task]


def _learning(result: RunResult) -> Iterator[tuple[object, ...]]:
    """Mean scores; bins without an item are left out."""
    for phase, place in np.argwhere(result.learning[..., 1] > 0):
        total, n = result.learning[phase, place]
        yield phase + 1, place + 1, total / n, n


def _items(result: RunResult) -> Iterator[tuple[object, ...]]:
    """Every task in every phase, those without an item too."""
    for phase, task in np.ndindex(*result.items.shape):
        yield phase + 1, task + 1, result.items[phase, task], result.updates[phase]
