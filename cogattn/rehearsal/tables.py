"""Tables of a run beside its summary: the sweep, mean matrices, items of each phase, metrics in every variant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cogattn.measures import Estimate
from cogattn.observers.observer import Observer
from cogattn.rehearsal import metrics
from cogattn.rehearsal.trained import Point, Trained, Values, fewest_new, groups, mean_of
from cogattn.statistics.intervals import mean_interval

WHO = ["observer", *Point._fields]
NUMBERS = ["estimate", "lo", "hi", "n"]


def sweep_table(values: Values, observers: Sequence[Observer]) -> pd.DataFrame:
    """Return every measure of every observer at every point of the sweep, a row each."""
    rows = [
        (one.id, one.role, *point, measure.key, measure.unit, *_numbers(value))
        for point in values.points
        for one in observers
        for measure in values.measures
        if (value := values.mean(one.id, measure, point)).n
    ]
    return pd.DataFrame(rows, columns=["observer", "role", *Point._fields, "measure", "unit", *NUMBERS])


def _numbers(value: Estimate) -> tuple[float, float, float, int]:
    return value.estimate, value.lo, value.hi, value.n


def matrix_table(trained: Sequence[Trained]) -> pd.DataFrame:
    """Return the mean matrix over seeds, a row an entry: ``after`` 0 is untrained, tasks count from 1.

    ``se`` is the standard error over seeds, ``n`` are those that were measured; entries of which none was are left out.
    """
    parts = []
    for key, own in groups(trained).items():
        stack = np.stack([one.scores for one in own])
        after, task = np.indices(stack.shape[1:])
        mean, se, n = mean_of(stack)
        entries = pd.DataFrame(
            {
                "after": after.ravel(),
                "task": task.ravel() + 1,
                "score": mean.ravel(),
                "se": se.ravel(),
                "n": n.ravel(),
            }
        )
        for place, (name, value) in enumerate(zip(WHO, key, strict=True)):
            entries.insert(place, name, value)
        parts.append(entries[entries["n"] > 0])
    return pd.concat(parts, ignore_index=True)


def items_table(trained: Sequence[Trained]) -> pd.DataFrame:
    """Return what each phase trained on, a row an observer, point and phase.

    Items and updates are means over seeds, ``fewest`` and ``most`` the extremes of items; ``rehearsed`` are items of
    tasks before the phase's own.
    """
    rows = []
    for key, own in groups(trained).items():
        items = np.stack([one.items for one in own])
        updates = np.stack([one.updates for one in own])
        totals, n_tasks = items.sum(axis=2), items.shape[1]
        rehearsed = totals - items[:, np.arange(n_tasks), np.arange(n_tasks)]
        for k in range(n_tasks):
            spread = totals[:, k].min(), totals[:, k].max()
            means = totals[:, k].mean(), *spread, rehearsed[:, k].mean(), updates[:, k].mean()
            rows.append((*key, k + 1, *means, len(own)))
    columns = ["phase", "items", "fewest", "most", "rehearsed", "updates", "n"]
    return pd.DataFrame(rows, columns=[*WHO, *columns])


def variants_table(trained: Sequence[Trained], point: Point) -> pd.DataFrame:
    """Return every metric in every variant, of each observer at a point: mean over seeds with Student's interval."""
    rows = []
    for key, own in groups([one for one in trained if one.point == point and one.is_whole]).items():
        each = pd.DataFrame([metrics.variants(one.matrix, one.scores[0]) for one in own])
        for name in each.columns:
            if (value := mean_interval(each[name].to_numpy(float))).n:
                rows.append((key[0], name, *_numbers(value)))
    return pd.DataFrame(rows, columns=["observer", "metric", *NUMBERS])


def early_table(trained: Sequence[Trained]) -> pd.DataFrame:
    """Return how well new items are met early in each phase, over as many updates and over as many new items.

    ``early`` is the area under the first half of the phase's learning curve, ``early_items`` that under as many new
    items in all phases of all observers at a point: half of those of the phase that has the fewest.
    """
    rows = list(_early(trained))
    columns = ["phase", *(f"{kind}_{name}" for kind in ("early", "early_items") for name in NUMBERS[:3]), "n"]
    return pd.DataFrame(rows, columns=[*WHO, *columns]).rename(
        columns={"early_estimate": "early", "early_items_estimate": "early_items"}
    )


def _early(trained: Sequence[Trained]) -> Iterator[tuple[object, ...]]:
    fewest = fewest_new(trained)
    for key, own in groups([one for one in trained if np.isfinite(one.n_new)]).items():
        items = metrics.EARLY * fewest[own[0].point]
        halves, equal = (np.stack([one.early(reach) for one in own]) for reach in (None, items))
        for k in range(halves.shape[1]):
            first, second = mean_interval(halves[:, k]), mean_interval(equal[:, k])
            yield *key, k + 1, *_numbers(first)[:3], *_numbers(second)[:3], first.n
