"""Rules: what the settings call a schedule or a penalty."""

from __future__ import annotations

import pytest

from cogattn.errors import ConfigError
from cogattn.rehearsal import needs
from cogattn.rehearsal.config import SCHEDULES, RehearsalConfig
from cogattn.rehearsal.rules import rule_of, rules_of

NEEDS = {
    "none": needs.NoRehearsal(),
    "uniform": needs.Uniform(),
    "power:0.5": needs.PowerLaw(0.5),
    "power": needs.PowerLaw(1),
    "power:1@last": needs.PowerLaw(1, since="last"),
    "shifted:0.1:5.6": needs.ShiftedPower(0.1, 5.6),
    "shifted:0.2:3@all": needs.ShiftedPower(0.2, 3, since="all"),
    "exponential:2": needs.Exponential(2),
    "linear": needs.Linear(),
    "linear@last": needs.Linear(since="last"),
    "actr:0.4": needs.ActR(0.4),
    "actr:0.5@introduced": needs.ActR(0.5, since="introduced"),
    "index:4": needs.TaskIndex(4),
    "table": needs.Table(),
    "cumulative": needs.Cumulative(),
}
WRONG = (
    "", "powr:1", "power:x", "power:1:2", "power:-1", "power:nan", "shifted:0.1", "uniform@last", "table@last",
    "power:1@never", "power:1@", "none:1", "exponential:0", "Power:1",
)  # fmt: skip


@pytest.mark.parametrize("text", NEEDS)
def test_each_schedule_is_its_need(text: str) -> None:
    rule = rule_of(text, "introduced")
    assert rule.need == NEEDS[text]
    assert type(rule.need) is type(NEEDS[text])
    assert (rule.penalty, rule.strength) == ("", 0.0)
    assert rule.observer.id == rule.text == text


def test_the_settings_clock_is_that_of_schedules_which_name_none_and_not_of_actr() -> None:
    assert rule_of("power:1", "last").need == needs.PowerLaw(1, since="last")
    assert rule_of("power:1@introduced", "last").need == needs.PowerLaw(1)
    assert rule_of("actr:0.5", "last").need == needs.ActR(0.5, since="all")
    assert rule_of("uniform", "last").need == needs.Uniform()


@pytest.mark.parametrize(
    ("text", "penalty", "strength"),
    [("ewc:3", "ewc", 3.0), ("si:0.1", "si", 0.1), ("lwf:1", "lwf", 1.0)],
    ids=["ewc", "si", "lwf"],
)
def test_each_penalty_has_its_strength_and_no_need(text: str, penalty: str, strength: float) -> None:
    rule = rule_of(text, "introduced")
    assert (rule.need, rule.penalty, rule.strength) == (None, penalty, strength)
    assert rule.equal_budget


@pytest.mark.parametrize("text", WRONG)
def test_an_unknown_schedule_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^schedules must be none, uniform, power:d.*got '"):
        rule_of(text, "introduced")


@pytest.mark.parametrize("text", ["ewc", "ewc:0", "si:-1", "lwf:x", "ewc:1:2", "ewc:inf"])
def test_an_impossible_penalty_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^penalties must be ewc:strength"):
        rule_of(text, "introduced")


def test_only_the_full_counts_leave_the_budget() -> None:
    unequal = {text for text in NEEDS if not rule_of(text, "introduced").equal_budget}
    assert unequal == {"table", "cumulative"}


def test_no_rehearsal_and_all_of_it_are_controls_and_the_rest_networks() -> None:
    roles = {text: rule_of(text, "introduced").observer.role for text in (*NEEDS, "ewc:1")}
    assert {text for text, role in roles.items() if role == "control"} == {"none", "cumulative"}
    assert set(roles.values()) == {"control", "network"}


def test_names_are_readable_and_say_a_clock_of_their_own() -> None:
    names = [
        rule_of(text, "introduced").observer.name for text in ("power:1", "power:2@last", "ewc:3", "actr")
    ]
    assert names == [
        "power law, d = 1",
        "power law, d = 2, since last met",
        "EWC, lambda = 3",
        "ACT-R, d = 0.5",
    ]


def test_rules_are_schedules_then_penalties() -> None:
    rules = rules_of(RehearsalConfig(penalties=("ewc:3", "si:1")))
    assert [rule.text for rule in rules] == [*SCHEDULES, "ewc:3", "si:1"]
    assert len({rule.observer.name for rule in rules}) == len(rules)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"schedules": ("power:1", "power:1.0")}, "once; got power:1 and power:1.0"),
        ({"schedules": ("power:1", "power:1@introduced")}, "schedules must name each rule once"),
        ({"penalties": ("ewc:3", "ewc:3")}, "penalties must name each rule once"),
        ({"schedules": ("ewc:3",)}, "schedules must be none"),
        ({"penalties": ("power:1",)}, "penalties must be ewc"),
    ],
    ids=["same number", "same clock", "same penalty", "penalty as schedule", "schedule as penalty"],
)
def test_doubled_and_misplaced_rules_are_refused(given: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        rules_of(RehearsalConfig(**given))
