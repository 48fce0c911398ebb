"""What the settings call a schedule or a penalty: ``power:1@last``, ``ewc:3``; each is an observer of the study."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from cogattn.errors import ConfigError
from cogattn.observers.observer import Observer
from cogattn.rehearsal import needs
from cogattn.rehearsal.config import RehearsalConfig, Since

Penalty = Literal["", "ewc", "si", "lwf"]
SYNTAX = (
    "none, uniform, power:d, shifted:beta:psi, exponential:tau, linear, actr:d, index:degree, table or cumulative "
    "(a kernel of lags may end in @introduced, @last or @all)"
)
PENALTY_SYNTAX = "ewc:strength, si:strength or lwf:strength"


@dataclass(frozen=True)
class Rule:
    """By what past tasks are kept: a schedule of rehearsal, or a penalty without any.

    Parameters
    ----------
    text : str
        As the settings have it; the observer's id.
    need : Need or None
        The schedule's kernel; None for a penalty.
    penalty : {"", "ewc", "si", "lwf"}
        The regulariser; empty for a schedule.
    strength : float
        Of the penalty.
    """

    text: str
    need: needs.Need | None
    penalty: Penalty = ""
    strength: float = 0.0

    @property
    def observer(self) -> Observer:
        """Networks under this rule; those without rehearsal, and with everything rehearsed, are controls."""
        control = isinstance(self.need, (needs.NoRehearsal, needs.Cumulative))
        return Observer(self.text, _readable(self), "control" if control else "network")

    @property
    def equal_budget(self) -> bool:
        """Whether its networks train on as many items as the budget says."""
        return self.need is None or self.need.equal_budget


@dataclass(frozen=True)
class _Form:
    """A kernel's arguments, whether it has a clock, and how a reader calls it."""

    make: Callable[..., needs.Need]
    arguments: tuple[str, ...]
    timed: bool
    title: str


_FORMS = {
    "none": _Form(needs.NoRehearsal, (), False, "no rehearsal"),
    "uniform": _Form(needs.Uniform, (), False, "uniform"),
    "power": _Form(needs.PowerLaw, ("d",), True, "power law"),
    "shifted": _Form(needs.ShiftedPower, ("beta", "psi"), True, "shifted power law"),
    "exponential": _Form(needs.Exponential, ("tau",), True, "exponential"),
    "linear": _Form(needs.Linear, (), True, "linear"),
    "actr": _Form(needs.ActR, ("d",), True, "ACT-R"),
    "index": _Form(needs.TaskIndex, ("degree",), False, "task number"),
    "table": _Form(needs.Table, (), False, "unrestricted table"),
    "cumulative": _Form(needs.Cumulative, (), False, "cumulative"),
}
_PENALTIES: dict[str, tuple[Penalty, str, str]] = {
    "ewc": ("ewc", "EWC", "lambda"),
    "si": ("si", "SI", "c"),
    "lwf": ("lwf", "LwF", "lambda"),
}
_CLOCKS = {
    "introduced": "since introduced",
    "last": "since last met",
    "all": "over all meetings",
}


def rule_of(text: str, since: Since) -> Rule:
    """Return the rule that `text` says.

    Parameters
    ----------
    text : str
        A schedule or a penalty.
    since : {"introduced", "last", "all"}
        Clock of schedules that name none; ``actr`` sums over all encounters unless it names one.

    Returns
    -------
    Rule

    Raises
    ------
    ConfigError
        If `text` is no rule, or a number in it is out of bounds.

    Examples
    --------
    >>> rule_of("power:1@last", "introduced").need
    PowerLaw(since='last', d=1.0)
    """
    name = text.split(":")[0].split("@")[0].strip()
    return _penalty_of(text) if name in _PENALTIES else _schedule_of(text, since)


def rules_of(config: RehearsalConfig) -> tuple[Rule, ...]:
    """Return the schedules, then the penalties.

    Raises
    ------
    ConfigError
        If one is unknown, stands in the other's list, or is there twice.
    """
    schedules = [_schedule_of(text, config.rehearsal.since) for text in config.schedules]
    rules = (*schedules, *(_penalty_of(text) for text in config.penalties))
    seen: dict[object, Rule] = {}
    for rule in rules:
        meant = (rule.need, rule.penalty, rule.strength)
        if meant in seen:
            path = "penalties" if rule.penalty else "schedules"
            raise ConfigError(f"{path} must name each rule once; got {seen[meant].text} and {rule.text}")
        seen[meant] = rule
    return rules


def _schedule_of(text: str, since: Since) -> Rule:
    bare, at, clock = text.strip().partition("@")
    name, *given = bare.split(":")
    form = _FORMS.get(name)
    if form is None or (given and len(given) != len(form.arguments)):
        raise ConfigError(f"schedules must be {SYNTAX}; got {text!r}")
    if at and not (form.timed and clock in get_args(Since)):
        raise ConfigError(f"schedules must be {SYNTAX}; got {text!r}")
    values = dict(zip(form.arguments, _numbers(given, text, "schedules", SYNTAX), strict=False))
    try:
        need = form.make(**values)
    except ConfigError as error:
        raise ConfigError(f"schedules must be {SYNTAX}; got {text!r}, where {error}") from error
    if at or (form.timed and name != "actr"):
        need = replace(need, since=clock or since)
    return Rule(text.strip(), need)


def _penalty_of(text: str) -> Rule:
    name, *given = text.strip().split(":")
    if name not in _PENALTIES or len(given) != 1:
        raise ConfigError(f"penalties must be {PENALTY_SYNTAX}; got {text!r}")
    (strength,) = _numbers(given, text, "penalties", PENALTY_SYNTAX)
    if strength <= 0:
        raise ConfigError(f"penalties must be {PENALTY_SYNTAX}; got {text!r}, where strength must be above 0")
    return Rule(text.strip(), None, _PENALTIES[name][0], strength)


def _numbers(given: list[str], text: str, path: str, syntax: str) -> list[float]:
    try:
        values = [float(part) for part in given]
    except ValueError as error:
        raise ConfigError(f"{path} must be {syntax}; got {text!r}, with text for a number") from error
    if not all(map(math.isfinite, values)):
        raise ConfigError(f"{path} must be {syntax}; got {text!r}, with a number that is not finite")
    return values


def _readable(rule: Rule) -> str:
    if rule.need is None:
        _, title, symbol = _PENALTIES[rule.penalty]
        return f"{title}, {symbol} = {rule.strength:g}"
    bare, at, clock = rule.text.partition("@")
    form = _FORMS[bare.split(":")[0]]
    parts = [form.title, *(f"{name} = {getattr(rule.need, name):g}" for name in form.arguments)]
    return ", ".join([*parts, _CLOCKS[clock]] if at else parts)
