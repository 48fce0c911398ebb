"""What cannot end well is refused before the first cell, in a sentence that names the setting."""

from __future__ import annotations

import pytest

from cogattn.errors import CogattnError
from cogattn.rehearsal import checks
from cogattn.rehearsal.checks import check
from cogattn.rehearsal.config import (
    NetworkSettings,
    RehearsalConfig,
    RehearsalSettings,
    TrainingSettings,
    TreesSettings,
)
from cogattn.rehearsal.plan import cells_of, demo
from cogattn.rehearsal.rules import rules_of
from tests.rehearsal.blobs import TARGET

REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a schedule": (
        {"schedules": ("power", "pwoer:1")},
        "schedules must be none, uniform, .*; got 'pwoer:1'",
    ),
    "a penalty": ({"penalties": ("ewc",)}, "penalties must be ewc:strength, .*; got 'ewc'"),
    "a schedule twice": ({"schedules": ("power:1", "power:1.0")}, "schedules must name each rule once"),
    "a budget twice": ({"budgets": (0.2, 0.2)}, "budgets must name each once; got 0.2, 0.2"),
    "a width twice": ({"network": NetworkSettings(widths=(9, 9))}, "network.widths must name each once"),
    "a scenario": ({"scenario": "splt"}, "scenario must be one that is known; got splt; did you mean split"),
    "data": ({"data": "mnits"}, "data must be digits, mnist or a folder of idx files; got mnits"),
    "an environment": ({"environment": "often"}, "environment must be a need kernel: .*got 'often'"),
    "no environment": ({"environment": "none"}, "environment must be a need kernel such as power:1"),
    "unequal budgets": (
        {"schedules": ("uniform", "cumulative", "table")},
        r"schedules must all rehearse as much as the budget says; got cumulative, table, .*rehearsal.unequal = show",
    ),
    "less than an item": (
        {"budgets": (0.01,), "training": TrainingSettings(n_new=40)},
        "budgets must leave a phase at least one item to rehearse; got 0.01 of 40 new items",
    ),
    "too many pairs": (
        {"scenario": "split", "n_tasks": (6,)},
        "n_tasks must be at most 5 where each has 2 of 10",
    ),
    "people of another": (
        {"trees": TreesSettings(n_twins=9)},
        "trees must be left as it is where scenario is permut",
    ),
    "pictures beside people": (
        {"scenario": "trees", "data": "mnist"},
        "data must be left as it is where scenario is trees; got mnist",
    ),
    "seeds beside people": ({"scenario": "transfer", "n_seeds": 9}, "n_seeds must be left as it is"),
    "a scenario beside diets": (
        {"diet": ("plain", "rotated"), "scenario": "split"},
        "scenario must be diets where diet is given; got split",
    ),
    "a network of another": (
        {"scenario": TARGET, "network": NetworkSettings(depth=3)},
        "network must be left as it is where scenario is tests.*; got depth = 3",
    ),
    "what a scenario refuses": (
        {"scenario": TARGET, "data": "mnist"},
        "data must be left as it is; got mnist",
    ),
    "classes where there are none": (
        {"scenario": TARGET, "penalties": ("si:1", "ewc:1")},
        r"penalties must be si where a scenario does not classify \(blobs\); got ewc:1",
    ),
    "memory of no source": (
        {"rehearsal": RehearsalSettings(memory=9)},
        "rehearsal.memory must be left as it is where rehearsal.source is environment",
    ),
    "resamples of nobody": (
        {"n_bootstrap": 300},
        "n_bootstrap must be left as it is where there are no people",
    ),
    "what trees have settled": (
        {"scenario": "trees", "network": NetworkSettings(depth=1)},
        "network.depth must be left as it is where scenario is trees; got 1",
    ),
    "memory": (
        {"network": NetworkSettings(widths=(4096,), depth=8), "n_seeds": 64, "stack": 64},
        "network.widths, training.n_new and stack must leave a cell at most 64,000 MB; got about",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_end_well_is_refused(what: str) -> None:
    settings, told = REFUSED[what]
    with pytest.raises(CogattnError, match=told) as error:
        check(RehearsalConfig.model_validate(settings))
    assert "\n" not in str(error.value)


FINE: dict[str, dict[str, object]] = {
    "the defaults": {},
    "unequal, to be shown": {
        "schedules": ("cumulative", "table"),
        "rehearsal": RehearsalSettings(unequal="show"),
    },
    "split": {"scenario": "split", "penalties": ("lwf:1",)},
    "split of fewer": {"scenario": "split", "n_tasks": (2, 5)},
    "another package's": {"scenario": TARGET, "penalties": ("si:1",)},
    "trees": {"scenario": "trees", "schedules": ("none", "power:1")},
    "transfer": {"scenario": "transfer", "schedules": ("none", "power:1")},
}


@pytest.mark.parametrize("what", FINE)
def test_what_can_is_let_through(what: str) -> None:
    config = RehearsalConfig.model_validate(FINE[what])
    check(config)
    assert {cell.observer for cell in cells_of(config)} == {rule.text for rule in rules_of(config)}


def test_a_run_without_a_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MAX_CELLS", 8)
    with pytest.raises(CogattnError, match="must plan at most 8 cells together; got more"):
        check(RehearsalConfig())
    check(RehearsalConfig(schedules=("none", "uniform")))


def test_the_demo_is_let_through() -> None:
    check(demo())
