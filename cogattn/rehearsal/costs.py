"""What a cell takes, roughly: items through the network, forwards and back, and tests after each phase.

Calibrated on one core (`docs/rehearsal.md`). What networks of other packages take their scenario says, where it can.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from cogattn.rehearsal import plan
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.plan import RehearsalCell
from cogattn.rehearsal.scenario import Counted
from cogattn.rehearsal.scenarios import digits, kinds, pictures
from cogattn.rehearsal.schedules import planned_items, schedule_of
from cogattn.study import Cost

BASE_MB = 450.0
MACS_PER_S = 3e10
"""Of training and testing, on one core."""
ITEM_S = 2.5e-6
"""Of gathering one item."""
STEP_S = 2e-4
"""Of a step of a stack, however small."""
REGULARISED = {"": 1.0, "ewc": 2.3, "si": 2.6, "lwf": 3.6}
"""How much more a regularised network takes, in the general loop."""
TREES_S, TREES_TWIN_S = 0.4, 0.055
"""Beside people: of a cell, and of one network a curriculum."""
TRANSFER_S, TRANSFER_PASS_S, TRANSFER_TWIN_S = 0.3, 2.9e-3, 1.1e-3
"""Of a cell, of a pass, and of a pass of one network a condition."""
OF_TREES, OF_TRANSFER = 44, 100
"""People of a curriculum or a condition, about."""
PLAN_BYTES = 40
"""Of an item of a plan, while it is made."""


@dataclass(frozen=True)
class Sizes:
    """What a network of a cell learns.

    Parameters
    ----------
    items : int
        Of all phases.
    steps : int
        Of the optimiser.
    macs : int
        Multiply-adds of an item, forwards.
    weights : int
        Parameters.
    picture_bytes : int
        Of all pictures, as float32.
    """

    items: int
    steps: int
    macs: int
    weights: int
    picture_bytes: int


def cost(config: RehearsalConfig, cell: RehearsalCell) -> Cost:
    """Return what the cell needs; NaN seconds where its networks are other packages' that cannot tell."""
    if plan.beside_people(config):
        return Cost(_beside_people_s(config, cell), BASE_MB)
    if not cell.width:
        return _of_others(config, cell)
    sizes = _sizes(config, cell)
    tests = _tests(config, cell) * config.n_test * sizes.macs / MACS_PER_S
    training = cell.n_seeds * sizes.items * (3 * sizes.macs / MACS_PER_S + ITEM_S) + sizes.steps * STEP_S
    seconds = training * REGULARISED[plan.rule_for(config, cell).penalty] + cell.n_seeds * tests
    held = sizes.picture_bytes + cell.n_seeds * (16 * sizes.weights + PLAN_BYTES * sizes.items)
    return Cost(seconds, BASE_MB + held / 1e6)


def _of_others(config: RehearsalConfig, cell: RehearsalCell) -> Cost:
    """Of networks of another package's scenario, one after the other."""
    kind = kinds.kind_of(plan.scenario_of(config))
    effort = kind.effort(config) if isinstance(kind, Counted) else None
    if effort is None:
        return Cost(math.nan, BASE_MB)
    items, steps = _items(config, cell)
    training = items * effort.item_s + steps * effort.step_s
    tests = _tests(config, cell) * min(config.n_test, effort.most_tested) * effort.tested_s
    seconds = cell.n_seeds * (training * REGULARISED[plan.rule_for(config, cell).penalty] + tests)
    held = 16 * effort.weights + (plan.training_of(config).batch or 1) * effort.item_bytes
    return Cost(seconds, BASE_MB + held / 1e6)


def _tests(config: RehearsalConfig, cell: RehearsalCell) -> float:
    """How often a network is tested on a task, before the first phase and after each."""
    rounds = cell.n_tasks + 1 if config.evaluate == "all" else (cell.n_tasks + 1) / 2
    return cell.n_tasks * rounds


def _beside_people_s(config: RehearsalConfig, cell: RehearsalCell) -> float:
    if plan.scenario_of(config) == plan.TREES:
        given = config.trees
        return TREES_S + TREES_TWIN_S * (given.n_twins if given.path is None else OF_TREES)
    twins = config.transfer.n_twins if config.transfer.path is None else OF_TRANSFER
    a_pass = TRANSFER_PASS_S + TRANSFER_TWIN_S * twins
    return TRANSFER_S + config.transfer.passes * a_pass * (1 + cell.budget)


def _sizes(config: RehearsalConfig, cell: RehearsalCell) -> Sizes:
    items, steps = _items(config, cell)
    n_pixels, n_classes, n_pictures = _of_pictures(config)
    layers = (n_pixels, *(cell.width,) * config.network.depth, n_classes)
    macs = sum(a * b for a, b in itertools.pairwise(layers))
    return Sizes(items, steps, macs, macs + sum(layers[1:]), 4 * n_pixels * n_pictures)


def _items(config: RehearsalConfig, cell: RehearsalCell) -> tuple[int, int]:
    """Items that a network learns in all phases, and steps of the optimiser."""
    training = plan.training_of(config)
    schedule = schedule_of(config, plan.rule_for(config, cell), cell.budget)
    phases = planned_items(schedule, cell.n_tasks, n_new=training.n_new or 1)
    return int(phases.sum()), sum(math.ceil(items / (training.batch or 1)) for items in phases)


def _of_pictures(config: RehearsalConfig) -> tuple[int, int, int]:
    """Pixels, classes, and how many pictures there are."""
    if config.data == pictures.DIGITS:
        return digits.N_PIXELS, digits.N_CLASSES, digits.N_PICTURES
    found = pictures.raw(config.data)
    return found.train.shape[1], found.n_classes, len(found.train) + len(found.test)
