"""What the trials say of each trained network: its matrix, learning curves and items, and the numbers made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cogattn.measures import Estimate, Measure
from cogattn.rehearsal import metrics
from cogattn.rehearsal.columns import CONDITION, ITEMS, LEARNING, SCORES
from cogattn.rehearsal.measures import N_NEWEST, Measures
from cogattn.rehearsal.needs import Need
from cogattn.statistics.intervals import mean_interval
from cogattn.study import Trials

Array = NDArray[np.float64]
Weights = Callable[[int], Array]
"""Of a number of tasks: how much each is needed at the end, shape (n_tasks,)."""
Key = tuple[str, float, int, int, int]
VALUES = [*CONDITION, "measure", "value"]


class Point(NamedTuple):
    """A point of the sweep."""

    budget: float
    n_tasks: int
    width: int

    def __str__(self) -> str:
        units = f", {self.width:,} units" if self.width else ""
        return f"budget {self.budget:g}, {self.n_tasks} tasks{units}"


@dataclass(frozen=True, eq=False)
class Trained:
    """One trained network.

    Parameters
    ----------
    observer : str
        By what schedule, or penalty.
    point : Point
        Of the sweep.
    seed : int
        Number of the seed; observers share tasks, initial weights and new items.
    scores : array, shape (n_tasks + 1, n_tasks)
        R with the untrained row first; NaN where nothing was measured.
    learning : array, shape (n_tasks, n_bins, 2)
        Mean score of new items by phase and bin (NaN where there is none), and how many.
    items : array, shape (n_tasks, n_tasks)
        Items that each phase trained on, by task.
    updates : array, shape (n_tasks,)
        Steps of each phase.
    """

    observer: str
    point: Point
    seed: int
    scores: Array
    learning: Array
    items: Array
    updates: Array

    @property
    def matrix(self) -> Array:
        """R without the untrained row."""
        return self.scores[1:]

    @property
    def is_whole(self) -> bool:
        """Whether every task has a score after each phase from its own on."""
        return bool(np.isfinite(self.matrix[np.tril_indices(len(self.matrix))]).all())

    @property
    def n_new(self) -> float:
        """New items of the phase that had the fewest; NaN where there is no learning curve."""
        totals = self.learning[..., 1].sum(axis=1)
        return float(totals.min()) if totals.size and totals.all() else float("nan")

    def early(self, items: float | None = None) -> Array:
        """Return the area under each phase's learning curve, over so many new items, or over its first half."""
        scores, n = self.learning[..., 0], self.learning[..., 1]
        reach = metrics.EARLY * n.sum(axis=1) if items is None else np.full(len(n), items)
        return np.array([metrics.area(scores[k], n[k], items=reach[k]) for k in range(len(n))])


def trained_of(trials: Trials) -> list[Trained]:
    """Return each trained network, in plan order."""
    learning, items = _parts(trials[LEARNING]), _parts(trials[ITEMS])
    found = []
    for key, rows in _parts(trials[SCORES]).items():
        observer, budget, n_tasks, width, seed = key
        point = Point(float(budget), int(n_tasks), int(width))
        curve, counts = _learning(learning.get(key), point), _items(items.get(key), point)
        found.append(Trained(str(observer), point, int(seed), _matrix(rows, point), curve, *counts))
    return found


def _parts(table: pd.DataFrame) -> dict[Key, pd.DataFrame]:
    return {cast(Key, key): rows for key, rows in table.groupby(list(CONDITION), sort=False)}


def _matrix(rows: pd.DataFrame, point: Point) -> Array:
    scores = np.full((point.n_tasks + 1, point.n_tasks), np.nan)
    scores[rows["after"], rows["task"] - 1] = rows["score"]
    return scores


def _learning(rows: pd.DataFrame | None, point: Point) -> Array:
    """Bins count from 0 or from 1: their order is all that matters."""
    if rows is None:
        return np.zeros((point.n_tasks, 0, 2))
    bins = np.unique(rows["bin"])
    curve = np.zeros((point.n_tasks, len(bins), 2))
    curve[..., 0] = np.nan
    place = rows["phase"] - 1, np.searchsorted(bins, rows["bin"])
    curve[(*place, 0)], curve[(*place, 1)] = rows["score"], rows["n"]
    return curve


def _items(rows: pd.DataFrame | None, point: Point) -> tuple[Array, Array]:
    items, updates = np.zeros((point.n_tasks, point.n_tasks)), np.zeros(point.n_tasks)
    if rows is not None:
        items[rows["phase"] - 1, rows["task"] - 1] = rows["items"]
        updates[rows["phase"] - 1] = rows["updates"]  # every task's row of a phase has them
    return items, updates


@dataclass(frozen=True, eq=False)
class Values:
    """Every measure of every trained network, and means of them over seeds.

    Parameters
    ----------
    table : DataFrame
        Columns `VALUES`; NaN where there is none.
    measures : Measures
        Of the scenario.
    """

    table: pd.DataFrame
    measures: Measures

    @classmethod
    def of(
        cls,
        trained: Sequence[Trained],
        measures: Measures,
        *,
        need: Weights,
        none: str | None,
        uniform: str | None,
    ) -> Values:
        """Compute them.

        Parameters
        ----------
        trained : sequence of Trained
            All networks.
        measures : Measures
            Of the scenario.
        need : callable
            Weights of tasks in the environment.
        none, uniform : str, optional
            Ids of those without rehearsal and with uniform rehearsal; differences to one that is absent are NaN.
        """
        fewest = fewest_new(trained)
        own = {
            (one.observer, *one.point, one.seed): _own(one, measures, need, metrics.EARLY * fewest[one.point])
            for one in trained
        }
        pairs = (
            (measures.over_uniform, measures.average, uniform),
            (measures.over_none, measures.average, none),
            (measures.facilitation_over_none, measures.facilitation, none),
            (measures.facilitation_items_over_none, measures.facilitation_items, none),
        )
        for key, values in own.items():
            for difference, measure, other in pairs:
                rival = own.get((other, *key[1:])) if other != key[0] else None
                values[difference.key] = (
                    values[measure.key] - rival[measure.key] if rival is not None else np.nan
                )
        rows = [(*key, name, value) for key, values in own.items() for name, value in values.items()]
        return cls(pd.DataFrame(rows, columns=VALUES), measures)

    @cached_property
    def _by_seed(self) -> dict[tuple[str, Point, str], dict[int, float]]:
        found: dict[tuple[str, Point, str], dict[int, float]] = {}
        held = self.table.dropna(subset="value")
        for observer, *point, seed, measure, value in held.itertuples(index=False, name=None):
            found.setdefault((observer, Point(*point), measure), {})[seed] = value
        return found

    @property
    def points(self) -> list[Point]:
        """Points of the sweep, the base first, in plan order."""
        rows = self.table[list(Point._fields)].drop_duplicates()
        return [Point(*row) for row in rows.itertuples(index=False, name=None)]

    def seeds(self, observer: str, measure: Measure, point: Point) -> dict[int, float]:
        """Return an observer's values by seed, those that are missing left out."""
        return self._by_seed.get((observer, point, measure.key), {})

    def mean(self, observer: str, measure: Measure, point: Point) -> Estimate:
        """Return the mean over seeds with Student's 95 % interval."""
        return mean_over_seeds(self.seeds(observer, measure, point).values(), measure)

    def difference(self, first: str, second: str, measure: Measure, point: Point) -> Estimate:
        """Return the mean over seeds of first less second, paired by seed, with Student's 95 % interval."""
        ours, theirs = self.seeds(first, measure, point), self.seeds(second, measure, point)
        return mean_interval([ours[seed] - theirs[seed] for seed in ours if seed in theirs])


def mean_over_seeds(values: Iterable[float], measure: Measure) -> Estimate:
    """Return the mean of networks with Student's 95 % interval, cut to what a share can be."""
    low, high = (0.0, 1.0) if measure.scale == "share" else (None, None)
    return mean_interval(np.asarray(list(values), dtype=float), lowest=low, highest=high)


def _own(one: Trained, measures: Measures, need: Weights, items: float) -> dict[str, float]:
    """What is of one network alone, by key; nothing where a score is missing that was to be measured."""
    matrix, untrained = one.matrix, one.scores[0]
    if not one.is_whole:
        return {measure.key: float("nan") for measure in measures}
    found = metrics.variants(matrix, untrained)
    return {
        measures.average.key: found["average_accuracy"],
        measures.need_weighted.key: metrics.need_weighted(matrix[-1], need(len(matrix))),
        measures.newest.key: metrics.newest(matrix, N_NEWEST),
        measures.incremental.key: found["average_incremental"],
        measures.forgetting.key: found["forgetting"],
        measures.backward.key: found["backward_transfer"],
        measures.forward.key: found["forward_transfer"],
        measures.facilitation.key: _rise(one, None),
        measures.facilitation_items.key: _rise(one, items),
    }


def _rise(one: Trained, items: float | None) -> float:
    if not np.isfinite(one.n_new):
        return float("nan")
    return metrics.rise(one.early(items))


def groups(trained: Sequence[Trained]) -> dict[tuple[str, float, int, int], list[Trained]]:
    """Return the networks of each observer at each point, in their order."""
    found: dict[tuple[str, float, int, int], list[Trained]] = {}
    for one in trained:
        found.setdefault((one.observer, *one.point), []).append(one)
    return found


def fewest_new(trained: Sequence[Trained]) -> dict[Point, float]:
    """Return the new items of the phase that has the fewest, at each point of the sweep; infinity where unknown."""
    fewest: dict[Point, float] = {}
    for one in trained:
        known = one.n_new if np.isfinite(one.n_new) else np.inf
        fewest[one.point] = min(fewest.get(one.point, np.inf), known)
    return fewest


def weights_of(need: Need, n_tasks: int) -> Array:
    """Return how a need weighs tasks that were introduced one a phase, the newest a phase ago, shape (n_tasks,)."""
    encounters = [np.array([[float(task), 1.0]]) for task in range(n_tasks)]
    return np.asarray(need.weights(n_tasks, encounters), dtype=float)


def mean_of(stack: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return mean, standard error and number of the values along the first axis, missing ones left out."""
    n = np.isfinite(stack).sum(axis=0)
    total = np.nansum(stack, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        variance = np.nansum((stack - mean) ** 2, axis=0) / (n - 1)
        return mean, np.sqrt(np.where(n > 1, variance, np.nan) / n), n
