"""Trials of networks that were never trained: scores of known truth, so that what a summary says can be worked out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from cogattn.rehearsal.columns import CONDITION, ITEMS, LEARNING, SCORES, TABLES
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.needs import NoRehearsal
from cogattn.rehearsal.rules import Rule, rules_of
from cogattn.rehearsal.trained import weights_of
from cogattn.study import Outcome, Trials

LEARNT, UNTRAINED, N_NEW, N_TEST, BATCH = 0.9, 0.1, 80, 200, 25
Columns = dict[str, np.ndarray]
LOSS = {
    "none": 0.05,
    "uniform": 0.01,
    "exponential:1": 0.03,
    "power:1": 0.02,
    "power:0.5": 0.015,
    "ewc:3": 0.04,
}
"""Of each rule: what a task loses a phase once it has been learnt."""


def trials(
    config: RehearsalConfig,
    *,
    loss: Mapping[str, float] = LOSS,
    scatter: float = 0.004,
    boost: Mapping[str, float] | None = None,
    lower: bool = False,
) -> Trials:
    """Return trials of all rules of the settings at every point of the sweep.

    After phase k task j scores ``LEARNT - loss * (k - j)``, shifted by what the seed's networks share and by a
    scatter of each network's own. New items score from .3 to .9 in a straight line through each phase, and `boost`
    more in all phases but the first.
    """
    tables: dict[str, list[Columns]] = {SCORES: [], LEARNING: [], ITEMS: []}
    points = product(config.budgets, config.n_tasks, config.network.widths)
    for (budget, n_tasks, width), rule, seed in product(points, rules_of(config), range(config.n_seeds)):
        condition = dict(zip(CONDITION, (rule.text, budget, n_tasks, width, seed), strict=True))
        drawn = np.random.default_rng([seed, *rule.text.encode()]).normal(scale=scatter)
        shift = 0.01 * np.sin(seed) + drawn
        matrix = matrix_of(n_tasks, loss.get(rule.text, 0.02), shift, lower=lower)
        higher = (boost or {}).get(rule.text, 0.0)
        for name, columns in (
            (SCORES, _scores(matrix)),
            (LEARNING, _learning(config.n_bins, rule, budget, n_tasks, higher)),
            (ITEMS, items_of(rule, budget, n_tasks)),
        ):
            n = len(next(iter(columns.values())))
            tables[name].append(columns | {key: np.full(n, value) for key, value in condition.items()})
    return Trials.of(TABLES, [Outcome({name: _table(name, parts) for name, parts in tables.items()})])


def _table(name: str, parts: list[Columns]) -> pd.DataFrame:
    return pd.DataFrame({key: np.concatenate([part[key] for part in parts]) for key in TABLES[name]})


def matrix_of(n_tasks: int, loss: float, shift: float = 0.0, *, lower: bool = False) -> np.ndarray:
    """R with the untrained row, (n_tasks + 1, n_tasks)."""
    after, task = np.indices((n_tasks + 1, n_tasks))
    age = after - 1 - task
    matrix = np.where(age >= 0, LEARNT - loss * age + shift, UNTRAINED)
    return np.where((age >= 0) | (after == 0), matrix, np.nan) if lower else matrix


def _scores(matrix: np.ndarray) -> Columns:
    after, task = np.nonzero(np.isfinite(matrix))
    names = np.array([f"task {number + 1}" for number in range(matrix.shape[1])])
    score, n = matrix[after, task], np.full(len(task), N_TEST)
    return {"after": after, "task": task + 1, "score": score, "name": names[task], "n": n}


@cache
def _learning(n_bins: int, rule: Rule, budget: float, n_tasks: int, boost: float) -> Columns:
    """The straight line runs over a phase's updates, so that halves of phases are alike without a boost."""
    phase, place = np.indices((n_tasks, n_bins))
    extra = round(budget * N_NEW)
    spare = (phase == 0) | (rule.need is None or isinstance(rule.need, NoRehearsal))
    score = 0.3 + 0.6 * (place + 0.5) / n_bins + boost * (phase > 0)
    n = np.where(spare, N_NEW + extra, N_NEW) // n_bins
    return {"phase": phase.ravel() + 1, "bin": place.ravel() + 1, "score": score.ravel(), "n": n.ravel()}


@cache
def items_of(rule: Rule, budget: float, n_tasks: int) -> Columns:
    """Items by phase and task at equal budget, phase 1 and those who rehearse nothing spending it on new items."""
    items = np.zeros((n_tasks, n_tasks), dtype=int)
    extra = round(budget * N_NEW)
    for k in range(n_tasks):
        items[k, k] = N_NEW
        if rule.need is not None and rule.need.rehearses and k:
            weights = weights_of(rule.need, k) if rule.equal_budget else np.ones(k) * N_NEW / extra
            shares = np.floor(weights * extra).astype(int)
            shares[-1] += extra - shares.sum() if rule.equal_budget else 0
            items[k, :k] = shares
        else:
            items[k, k] += extra
    phase, task = np.indices(items.shape)
    updates = -(-items.sum(axis=1) // BATCH)
    return {
        "phase": phase.ravel() + 1,
        "task": task.ravel() + 1,
        "items": items.ravel(),
        "updates": np.repeat(updates, n_tasks),
    }
