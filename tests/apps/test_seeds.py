"""Runs that differ in their seed alone: which they are, and the mean over them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cogattn.apps.dashboard.runs import seeds
from cogattn.running.listing import survey
from tests.apps.made_runs import COIN, Made, make_run


def test_groups_are_finished_runs_whose_other_settings_are_the_same(tmp_path: Path) -> None:
    same = [make_run(tmp_path, "coin", {**COIN, "seed": seed}) for seed in (10, 2, 1)]
    alone = make_run(tmp_path, "coin", {**COIN, "tosses": 7})
    unfinished = make_run(tmp_path, "coin", {**COIN, "seed": 3}, Made(finished=False))
    elsewhere = make_run(tmp_path, "spoon", {**COIN, "seed": 4})
    found = seeds.groups([survey(run) for run in [*same, alone, unfinished, elsewhere]])
    assert [[one.run.id for one in group.runs] for group in found] == [[run.id for run in reversed(same)]]


def test_mean_and_interval_are_students_over_seeds() -> None:
    values = [0.50, 0.52, 0.57, 0.49]
    found = seeds.over_seeds(values, "linear")
    expected = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.lo, found.hi) == pytest.approx(expected)
    assert found.n == 4


def test_what_is_compared_by_ratios_has_the_geometric_mean() -> None:
    found = seeds.over_seeds([1.0, 4.0, 16.0], "log")
    assert found.estimate == pytest.approx(4.0)
    assert found.lo * found.hi == pytest.approx(16.0)


def test_a_share_has_no_bound_beyond_one() -> None:
    assert seeds.over_seeds([0.9, 1.0, 1.0], "share").hi == 1.0


def test_one_seed_has_no_interval() -> None:
    assert math.isnan(seeds.over_seeds([0.4], "linear").lo)


def test_rows_keep_each_observer_and_measure_apart(tmp_path: Path) -> None:
    made = [Made(observers=("a", "b"), estimate=estimate) for estimate in (0.4, 0.6)]
    runs = [make_run(tmp_path, "coin", {**COIN, "seed": i}, own) for i, own in enumerate(made)]
    found = seeds.rows({run.id: seeds.values_of(run) for run in runs})
    assert [(row.value.observer, row.mean.estimate, row.mean.n) for row in found] == [
        ("a", 0.5, 2),
        ("b", 0.5, 2),
    ]
    assert found[0].seeds == ((runs[0].id, 0.4), (runs[1].id, 0.6))
