"""Cells are what tells networks apart, and nothing else reaches their trials."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping

import pytest

from cogattn.observers.config import FactoryObserver
from cogattn.rehearsal import costs, plan
from cogattn.rehearsal.config import (
    NetworkSettings,
    RaisedObserver,
    RehearsalConfig,
    RehearsalSettings,
    TrainingSettings,
    TransferSettings,
)
from cogattn.rehearsal.plan import RehearsalCell
from cogattn.rehearsal.schedules import plan_phases, schedule_of
from cogattn.rehearsal.study import RehearsalStudy
from cogattn.seeds import Streams
from tests.rehearsal.blobs import TARGET

TWO = RehearsalConfig(schedules=("none", "power:1"), n_seeds=6, stack=4)
SWEPT = RehearsalConfig(
    schedules=("uniform",),
    budgets=(0.05, 0.25),
    n_tasks=(5, 10),
    network=NetworkSettings(widths=(50, 100)),
    n_seeds=2,
)


def identities(config: RehearsalConfig) -> dict[str, str]:
    """What tells each cell of a run, by label."""
    return {
        cell.label: f"{cell.key} {plan.relevant(config, cell).canonical()}" for cell in plan.cells_of(config)
    }


def changed(config: RehearsalConfig, **settings: object) -> RehearsalConfig:
    return RehearsalConfig.model_validate(dict(config) | settings)


def test_a_cell_is_a_rule_at_a_point_of_the_sweep_and_a_stack_of_seeds() -> None:
    points = [(cell.budget, cell.n_tasks, cell.width) for cell in plan.cells_of(SWEPT)]
    assert points == [(b, n, w) for b in (0.05, 0.25) for n in (5, 10) for w in (50, 100)]
    stacks = [(cell.observer, list(cell.seeds)) for cell in plan.cells_of(TWO)]
    assert stacks == [(name, seeds) for name in ("none", "power:1") for seeds in ([0, 1, 2, 3], [4, 5])]


def test_regularised_networks_and_other_packages_are_cells_of_one_seed() -> None:
    config = RehearsalConfig(schedules=("uniform",), penalties=("si:1",), n_seeds=3)
    assert [(cell.observer, cell.n_seeds) for cell in plan.cells_of(config)] == [("uniform", 3)] + [
        ("si:1", 1)
    ] * 3
    other = plan.cells_of(changed(config, scenario=TARGET))
    assert [(cell.width, cell.n_seeds) for cell in other] == [(0, 1)] * 6


def test_beside_people_a_cell_is_a_rule_and_a_budget() -> None:
    config = RehearsalConfig(scenario="transfer", schedules=("none", "uniform"), budgets=(0.1, 0.2))
    assert [(cell.observer, cell.budget, cell.task) for cell in plan.cells_of(config)] == [
        (name, budget, "persons") for name in ("none", "uniform") for budget in (0.1, 0.2)
    ]


def test_more_rules_points_and_seeds_leave_cells_as_they_are() -> None:
    before = identities(SWEPT)
    more = (
        changed(SWEPT, schedules=("uniform", "linear"), penalties=("ewc:1",)),
        changed(SWEPT, budgets=(0.25, 0.05, 1.0)),
        changed(SWEPT, n_tasks=(10, 20, 5)),
        changed(SWEPT, network=NetworkSettings(widths=(100, 7, 50))),
    )
    for config in more:
        assert identities(config).items() >= before.items()
    full = [label for label in identities(TWO) if "0-3" in label]
    longer = identities(changed(TWO, n_seeds=9))
    assert len(full) == 2
    assert all(longer[label] == identities(TWO)[label] for label in full)


HARMLESS = {
    "environment": {"environment": "uniform"},
    "n_bootstrap": {"n_bootstrap": 300},
    "unequal": {"rehearsal": RehearsalSettings(unequal="show")},
    "memory of no source": {"rehearsal": RehearsalSettings(memory=7)},
    "people": {"transfer": TransferSettings(hidden=9)},
    "the default in words": {"training": TrainingSettings(n_new=1000, batch=8, learning_rate=3e-3)},
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_no_network_meets_changes_no_cell(what: str) -> None:
    assert identities(changed(TWO, **HARMLESS[what])) == identities(TWO)


STALING = {
    "seed": {"seed": 1},
    "data": {"scenario": "split"},
    "optimiser": {"training": TrainingSettings(optimiser="sgd")},
    "depth": {"network": NetworkSettings(depth=1)},
    "test items": {"n_test": 50},
    "bins": {"n_bins": 3},
    "what is tested": {"evaluate": "lower"},
    "mixing": {"rehearsal": RehearsalSettings(mixing="each_batch")},
}


@pytest.mark.parametrize("what", STALING)
def test_what_networks_meet_changes_every_cell(what: str) -> None:
    before, after = identities(TWO), identities(changed(TWO, **STALING[what]))
    assert not set(before.values()) & set(after.values())


REHEARSED = {
    "source": RehearsalSettings(source="reservoir"),
    "unit": RehearsalSettings(unit="step"),
    "shares": RehearsalSettings(apportion="multinomial"),
    "clock": RehearsalSettings(since="last"),
}


@pytest.mark.parametrize("what", REHEARSED)
def test_how_past_tasks_come_back_changes_only_who_rehearses(what: str) -> None:
    config = changed(TWO, rehearsal=REHEARSED[what])
    before, after = identities(TWO), identities(config)
    same = {label for label in before if before[label] == after[label]}
    assert same == {label for label in before if label.startswith("no rehearsal")}


def test_how_much_a_memory_holds_changes_who_rehearses_from_it() -> None:
    small, large = (RehearsalSettings(source="per_task", memory=n) for n in (9, 20))
    before, after = (identities(changed(TWO, rehearsal=memory)) for memory in (small, large))
    assert [label for label in before if before[label] != after[label]] == [
        label for label in before if label.startswith("power law")
    ]


def test_a_clock_changes_only_those_that_look_at_it() -> None:
    config = RehearsalConfig(schedules=("uniform", "power:1", "power:1@all", "index:4"))
    before, after = identities(config), identities(changed(config, rehearsal=RehearsalSettings(since="last")))
    assert [label for label in before if before[label] != after[label]] == [
        label for label in before if label.startswith("power law, d = 1, budget")
    ]


def test_relevant_settings_stand_for_their_cell() -> None:
    for config in (SWEPT, RehearsalConfig(scenario="split"), RehearsalConfig(scenario="trees")):
        for cell in plan.cells_of(config):
            own = plan.relevant(config, cell)
            assert plan.relevant(own, cell) == own


def test_diets_are_a_scenario_of_their_own() -> None:
    config = RehearsalConfig(diet=("plain", "rotated"))
    assert plan.scenario_of(config) == "diets"
    assert plan.scenario_of(RehearsalConfig()) == "permuted"


def test_the_code_of_another_packages_scenario_is_part_of_its_cells() -> None:
    config = RehearsalConfig(scenario=TARGET, schedules=("none",), n_seeds=2)
    cell: RehearsalCell = plan.cells_of(config)[0]
    assert "scenario code" in plan.contents(config, cell)
    assert "scenario code" in plan.inputs(config)  # the summary reads what a score is
    plain = RehearsalConfig()
    assert plan.contents(plain, plan.cells_of(plain)[0]) == {}


@pytest.mark.parametrize("rule", ["none", "power:1", "cumulative"])
def test_costs_are_of_the_items_and_steps_that_are_planned(rule: str) -> None:
    config = RehearsalConfig(schedules=(rule,), n_tasks=(4,), training=TrainingSettings(n_new=130, batch=16))
    cell = plan.cells_of(config)[0]
    schedule = schedule_of(config, plan.rule_for(config, cell), cell.budget)
    draws = plan_phases(schedule, [500] * 4, n_new=130, batch=16, streams=Streams(0))
    sizes = costs._sizes(config, cell)
    assert sizes.items == sum(len(phase.task) for phase in draws)
    assert sizes.steps == sum(len(phase) for phase in draws)
    assert sizes.weights == sizes.macs + 100 + 100 + 10


DIETS = RehearsalConfig(diet=("plain", "rotated"), schedules=("none",), n_seeds=2)
NETWORKS = ("test_resnet.r160_in1k", "tf_efficientnet_lite0", "resnet50")


def cost_of(config: RehearsalConfig) -> float:
    """CPU seconds of the first cell."""
    return costs.cost(config, plan.cells_of(config)[0]).cpu_s


@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_that_is_raised_costs_more_with_more_items_phases_and_tests(model: str) -> None:
    def of(*diet: str, n_new: int = 480, n_test: int = 100, batch: int = 16) -> float:
        given = {"training": TrainingSettings(n_new=n_new, batch=batch), "n_test": n_test, "diet": diet}
        return cost_of(DIETS.model_copy(update={**given, "observer": RaisedObserver(models=(model,))}))

    plain = of("plain", "rotated")
    assert 0 < plain < math.inf
    assert of("plain", "rotated", n_new=960) == pytest.approx(2 * plain, rel=0.2)
    assert of("plain", "rotated", "lined") == pytest.approx(1.5 * plain, rel=0.2)
    assert plain < of("plain", "rotated", n_test=320) == of("plain", "rotated", n_test=2000)
    assert plain < of("plain", "rotated", batch=8)


def test_larger_networks_cost_more_and_regularised_ones_several_times_as_much() -> None:
    raised = [
        cost_of(DIETS.model_copy(update={"observer": RaisedObserver(models=(model,))})) for model in NETWORKS
    ]
    assert raised == sorted(raised)
    assert raised[2] > 3 * raised[0]
    config = DIETS.model_copy(update={"penalties": ("si:1",)})
    plain, penalised = (
        costs.cost(config, cell).cpu_s for cell in (plan.cells_of(config)[k] for k in (0, -1))
    )
    assert penalised > 2 * plain


def test_a_card_s_rehearsal_is_said_to_take_what_it_took() -> None:
    """Half a minute a cell (29 November, one core of two), pictures aside."""
    config = RehearsalStudy().carded("tf_efficientnet_lite0")
    assert config is not None
    assert cost_of(config) == pytest.approx(26, rel=0.3)


@pytest.mark.parametrize(
    "change",
    [{"scenario": TARGET, "diet": ()}, {"observer": FactoryObserver(target=("mylab.models:build",))}],
    ids=["cannot tell", "own network"],
)
def test_what_takes_nobody_knows_how_long_is_said_to(change: Mapping[str, object]) -> None:
    assert math.isnan(cost_of(DIETS.model_copy(update=change)))


def test_planning_imports_no_torch() -> None:
    code = (
        "import sys; from cogattn.rehearsal import plan; c = plan.demo(); "
        "[plan.relevant(c, cell) for cell in plan.cells_of(c)]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
