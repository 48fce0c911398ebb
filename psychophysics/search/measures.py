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


def asymmetry_of(task: str, title: str) -> Measure:
    """Return the asymmetry of one task, by its key and its title."""
    return ASYMMETRY.at(task, label=f"asymmetry, {title[:1].lower()}{title[1:]}")
