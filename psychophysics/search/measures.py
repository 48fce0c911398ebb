"""What the search study measures: the keys that its summary rows carry."""

from __future__ import annotations

from cogattn.measures import Measure

ASYMMETRY = Measure("asymmetry", "", "asymmetry", limits=(-1.0, 1.0))
"""``(hard - easy) / (hard + easy)`` of two search slopes, hard and easy as they are for people."""

MEAN_ASYMMETRY = ASYMMETRY.at("mean", label="asymmetry, mean of six tasks")

SLOPE_CORRELATION = Measure(
    "slope_correlation", "", "correlation with people's twelve slopes", scale="correlation"
)

RANK_CORRELATION = Measure(
    "slope_rank_correlation", "", "rank correlation with people's twelve slopes", scale="correlation"
)

LOG_CORRELATION = Measure(
    "slope_log_correlation", "", "correlation of log slopes with people's", scale="correlation"
)
"""Over the conditions in which the observer's slope is above 0; n says how many."""

TIMES_LIKELIHOOD = Measure(
    "times_likelihood", "nats/time", "log likelihood of people's times above no slopes"
)

CURVES_LIKELIHOOD = TIMES_LIKELIHOOD.at(
    "curves", label="log likelihood of people's times above no slopes, given whole search functions"
)

LINE_LIKELIHOOD = TIMES_LIKELIHOOD.at(
    "one_line", label="log likelihood of people's times above their mean, one scale and one offset"
)

LIKELIHOOD_SHARE = Measure(
    "times_likelihood_share",
    "share",
    "log likelihood of people's times, share of the best slopes'",
    scale="share",
)
"""Of what people's own slopes reach; 0 where slopes tell nothing, 1 for people's slopes times any number."""

ABSENT_UNANSWERED = Measure(
    "unanswered.absent", "share", "searches without a target that found no end", scale="share"
)
"""Of the searches without a target, those that ran out of fixations before they gave up."""

SLOPE = Measure("slope", "ms/item", "search slope")
"""Of mean reaction times of right answers over set size; by task and by whether there was a target."""

SLOPE_ASYMMETRY = Measure("slope_asymmetry", "", "slope, hard over easy", scale="log")
"""By task: the slope of the condition that is hard for people over the easy one's, where both are above 0."""

SLOPE_RATIO = Measure("slope_ratio", "", "slope without over with a target", scale="log")
"""By task; 2 where a search without a target ends when all items have been seen."""

ERRORS = Measure("errors", "share", "errors", scale="share")
"""By task and by whether there was a target."""

SCALE_FREE = (
    ASYMMETRY, SLOPE_ASYMMETRY, SLOPE_CORRELATION, RANK_CORRELATION, LOG_CORRELATION, TIMES_LIKELIHOOD,
    LIKELIHOOD_SHARE, SLOPE_RATIO, ABSENT_UNANSWERED, ERRORS,
)  # fmt: skip
"""What stays the same if all times of an observer are multiplied: comparable over searchers whose fixations cost
another time, or none that is known."""

ALL = (*SCALE_FREE, SLOPE)
"""What persons may have been measured by, each as it is or under parameters."""


def side_slope_of(task: str, role: str, title: str) -> Measure:
    """Return the search slope of the ``easy`` or the ``hard`` side of a task, by that side's title."""
    return SLOPE.at(task, role, label=f"search slope, {title}")


def slope_asymmetry_of(task: str, title: str) -> Measure:
    """Return the ratio of slopes, hard over easy, of one task, by its key and its title."""
    return SLOPE_ASYMMETRY.at(task, label=f"slope, hard over easy, {title[:1].lower()}{title[1:]}")


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
