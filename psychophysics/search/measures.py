"""What the search study measures: the keys that its summary rows carry."""

from __future__ import annotations

from cogattn.measures import Measure

ASYMMETRY = Measure("asymmetry", "", "asymmetry")
"""``(hard - easy) / (hard + easy)`` of two search slopes, hard and easy as they are for people, from -1 to 1."""

MEAN_ASYMMETRY = ASYMMETRY.at("mean", label="asymmetry, mean of six tasks")

SLOPE_CORRELATION = Measure(
    "slope_correlation", "", "correlation with people's twelve slopes", scale="correlation"
)

TIMES_LIKELIHOOD = Measure(
    "times_likelihood", "nats/time", "log likelihood of people's times above no slopes"
)

ABSENT_UNANSWERED = Measure(
    "unanswered.absent", "share", "searches without a target that found no end", scale="share"
)
"""Of the searches without a target, those that ran out of fixations before they gave up."""

SLOPE = Measure("slope", "ms/item", "search slope")
"""Of mean reaction times of right answers over set size; by task and by whether there was a target."""

SLOPE_RATIO = Measure("slope_ratio", "", "slope without over with a target", scale="log")
"""By task; 2 where a search without a target ends when all items have been seen."""

ERRORS = Measure("errors", "share", "errors", scale="share")
"""By task and by whether there was a target."""

ALL = (ASYMMETRY, SLOPE_CORRELATION, TIMES_LIKELIHOOD, ABSENT_UNANSWERED, SLOPE, SLOPE_RATIO, ERRORS)
"""What persons may have been measured by, each as it is or under parameters."""


def slope_of(task: str, target: str) -> Measure:
    """Return the search slope of a task where the target is ``present`` or ``absent``."""
    return SLOPE.at(task, target, label=f"search slope, {task}, target {target}")


def slope_ratio_of(task: str) -> Measure:
    """Return the slope without over that with a target of a task."""
    return SLOPE_RATIO.at(task, label=f"slope without over with a target, {task}")


def errors_of(task: str, target: str) -> Measure:
    """Return the share of wrong answers of a task where the target is ``present`` or ``absent``."""
    return ERRORS.at(task, target, label=f"errors, {task}, target {target}")


def asymmetry_of(task: str, title: str) -> Measure:
    """Return the asymmetry of one task, by its key and its title."""
    return ASYMMETRY.at(task, label=f"asymmetry, {title[:1].lower()}{title[1:]}")
