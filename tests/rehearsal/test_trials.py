"""A cell says what its networks did, whatever loop trained them, and keeps the networks of other packages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load

from cogattn.rehearsal import plan, trials
from cogattn.rehearsal.columns import CONDITION, ITEMS, LEARNING, SCORES, TABLES
from cogattn.rehearsal.config import NetworkSettings, RehearsalConfig, RehearsalSettings, TrainingSettings
from cogattn.running.checkpoints import Checkpoint
from cogattn.study import Outcome
from tests.rehearsal.blobs import TARGET

SMALL = RehearsalConfig(
    schedules=("none", "uniform"),
    n_tasks=(3,),
    n_seeds=2,
    n_bins=4,
    n_test=50,
    training=TrainingSettings(n_new=120, batch=16),
    network=NetworkSettings(widths=(12,), depth=1),
)


def ran(config: RehearsalConfig, number: int = 0) -> Outcome:
    cell = plan.cells_of(config)[number]
    return trials.run(plan.relevant(config, cell), cell, Checkpoint())


def changed(config: RehearsalConfig, **settings: object) -> RehearsalConfig:
    return RehearsalConfig.model_validate(dict(config) | settings)


@pytest.fixture(scope="module")
def uniform() -> Outcome:
    return ran(SMALL, 1)


def test_tables_have_their_columns_and_all_their_rows(uniform: Outcome) -> None:
    for name in (SCORES, LEARNING, ITEMS):
        assert dict(uniform.trials[name].dtypes.astype(str).replace("object", "str")) == dict(TABLES[name])
    assert len(uniform.trials[SCORES]) == 2 * 4 * 3
    assert len(uniform.trials[LEARNING]) == 2 * 3 * 4
    assert len(uniform.trials[ITEMS]) == 2 * 3 * 3
    seeds = uniform.trials[SCORES].groupby(list(CONDITION)).ngroups
    assert seeds == 2
    assert uniform.trials[LEARNING]["score"].between(0, 1).all()  # a share of a bin's items
    first, second = (uniform.trials[SCORES].query(f"seed == {seed}")["score"].tolist() for seed in (0, 1))
    assert first != second
    assert not uniform.artefacts  # perceptrons of ours are trained in seconds


def test_items_are_the_budgets(uniform: Outcome) -> None:
    own = uniform.trials[ITEMS].query("seed == 1").pivot(index="phase", columns="task", values="items")
    assert own.to_numpy().tolist() == [[150, 0, 0], [30, 120, 0], [15, 15, 120]]
    assert set(uniform.trials[ITEMS]["updates"]) == {10}  # of 150 items in batches of 16
    bins = uniform.trials[LEARNING].groupby(["seed", "phase"])["n"].sum()
    assert set(bins) <= {120, 150}  # where nothing can be rehearsed all are new


def test_schedules_meet_the_same_tasks_from_the_same_weights(uniform: Outcome) -> None:
    none = ran(SMALL, 0)
    first = [one.trials[SCORES].query("after <= 1")["score"].to_numpy() for one in (none, uniform)]
    assert np.array_equal(*first)
    last = [one.trials[SCORES].query("after == 3")["score"].to_numpy() for one in (none, uniform)]
    assert not np.array_equal(*last)


def test_a_stack_is_its_networks_one_by_one(uniform: Outcome) -> None:
    alone = changed(SMALL, stack=1)
    parts = [ran(alone, number).trials for number in (2, 3)]
    for name in (SCORES, LEARNING, ITEMS):
        joined = pd.concat([part[name] for part in parts], ignore_index=True)
        pd.testing.assert_frame_equal(joined, uniform.trials[name], atol=0.021)  # a picture of 50


def test_a_regularised_network_starts_as_its_rivals_do(uniform: Outcome) -> None:
    config = changed(SMALL, penalties=("si:1",))
    own = ran(config, 2).trials
    untrained = [
        one.query("after == 0 and seed == 0")["score"] for one in (own[SCORES], uniform.trials[SCORES])
    ]
    assert untrained[0].tolist() == untrained[1].tolist()
    assert own[ITEMS].query("task != phase")["items"].sum() == 0
    assert own[ITEMS].groupby("phase")["items"].sum().tolist() == [150, 150, 150]


def test_only_tasks_that_were_met_are_tested_where_asked() -> None:
    scores = ran(changed(SMALL, evaluate="lower"), 1).trials[SCORES].query("seed == 0")
    met = scores.query("after > 0")
    assert [tuple(row) for row in met[["after", "task"]].to_numpy()] == [
        (k, j) for k in (1, 2, 3) for j in range(1, k + 1)
    ]


@pytest.mark.parametrize("source", ["reservoir", "per_task"])
def test_memories_are_rehearsed_from(source: str) -> None:
    settings = RehearsalSettings.model_validate(
        {"source": source, "memory": 10, "since": "last", "unit": "step"}
    )
    own = ran(changed(SMALL, rehearsal=settings, schedules=("power:1",))).trials[ITEMS]
    assert set(own.groupby(["seed", "phase"])["items"].sum()) == {150}


def test_networks_of_other_packages_are_kept_before_and_after() -> None:
    config = RehearsalConfig(scenario=TARGET, schedules=("uniform",), n_seeds=2)
    outcome = ran(config, 1)
    assert set(outcome.artefacts) == {"seed1-before.safetensors", "seed1-after.safetensors"}
    before, after = (load(outcome.artefacts[f"seed1-{when}.safetensors"]) for when in ("before", "after"))
    names = ("weight", "bias", "running_mean", "running_var")
    shapes = {"1.weight": (2, 3), "1.bias": (2,), **{f"0.{name}": (3,) for name in names}}
    assert {name: value.shape for name, value in before.items()} == {**shapes, "0.num_batches_tracked": ()}
    assert (
        after["0.num_batches_tracked"] == 3 * before["0.num_batches_tracked"]
    )  # three phases, one of them before
    assert not np.array_equal(before["1.weight"], after["1.weight"])
    short = ran(changed(config, n_tasks=(2,)), 1)
    assert np.array_equal(load(short.artefacts["seed1-before.safetensors"])["1.weight"], before["1.weight"])
    assert list(outcome.trials[SCORES]["name"].unique()) == ["blob 0", "blob 1", "blob 2"]
    assert set(outcome.trials[SCORES]["width"]) == {0}
