"""Trials of networks that were never trained: scores of known truth, so that what a summary says can be worked out."""

from __future__ import annotations

from collections.abc import Mapping
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
    tables: dict[str, list[pd.DataFrame]] = {SCORES: [], LEARNING: [], ITEMS: []}
    points = product(config.budgets, config.n_tasks, config.network.widths)
    for (budget, n_tasks, width), rule, seed in product(points, rules_of(config), range(config.n_seeds)):
        condition = dict(zip(CONDITION, (rule.text, budget, n_tasks, width, seed), strict=True))
        drawn = np.random.default_rng([seed, *rule.text.encode()]).normal(scale=scatter)
        shift = 0.01 * np.sin(seed) + drawn
        matrix = matrix_of(n_tasks, loss.get(rule.text, 0.02), shift, lower=lower)
        tables[SCORES].append(_scores(matrix).assign(**condition))
        tables[LEARNING].append(
            _learning(config, rule, budget, n_tasks, (boost or {}).get(rule.text, 0.0)).assign(**condition)
        )
        tables[ITEMS].append(items_of(rule, budget, n_tasks).assign(**condition))
    whole = {name: pd.concat(parts)[list(TABLES[name])] for name, parts in tables.items()}
    return Trials.of(TABLES, [Outcome(whole)])


def matrix_of(n_tasks: int, loss: float, shift: float = 0.0, *, lower: bool = False) -> np.ndarray:
    """R with the untrained row, (n_tasks + 1, n_tasks)."""
    after, task = np.indices((n_tasks + 1, n_tasks))
    age = after - 1 - task
    matrix = np.where(age >= 0, LEARNT - loss * age + shift, UNTRAINED)
    return np.where((age >= 0) | (after == 0), matrix, np.nan) if lower else matrix


def _scores(matrix: np.ndarray) -> pd.DataFrame:
    after, task = np.indices(matrix.shape)
    rows = pd.DataFrame({"after": after.ravel(), "task": task.ravel() + 1, "score": matrix.ravel()})
    return rows.dropna().assign(name=[f"task {task}" for task in rows.dropna()["task"]], n=N_TEST)


def _learning(config: RehearsalConfig, rule: Rule, budget: float, n_tasks: int, boost: float) -> pd.DataFrame:
    """The straight line runs over a phase's updates, so that halves of phases are alike without a boost."""
    n_bins = config.n_bins
    phase, place = np.indices((n_tasks, n_bins))
    extra = round(budget * N_NEW)
    spare = (phase == 0) | (rule.need is None or isinstance(rule.need, NoRehearsal))
    score = 0.3 + 0.6 * (place + 0.5) / n_bins + boost * (phase > 0)
    n = np.where(spare, N_NEW + extra, N_NEW) // n_bins
    return pd.DataFrame(
        {"phase": phase.ravel() + 1, "bin": place.ravel() + 1, "score": score.ravel(), "n": n.ravel()}
    )


def items_of(rule: Rule, budget: float, n_tasks: int) -> pd.DataFrame:
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
    return pd.DataFrame(
        {
            "phase": phase.ravel() + 1,
            "task": task.ravel() + 1,
            "items": items.ravel(),
            "updates": np.repeat(updates, n_tasks),
        }
    )
