"""What is measured of people and networks that learn two rules, group by group."""

from __future__ import annotations

from collections.abc import Iterator

from cogattn.measures import Measure
from cogattn.rehearsal.trees.design import GROUPS

TEST = Measure("test_accuracy", "share", "test accuracy", scale="share")
"""Share of right answers in the test; trees on the boundary have none and are left out, misses are wrong."""
SWITCH = Measure("switch_accuracy", "share", "test accuracy after a switch", scale="share")
"""Of trials in another garden than the trial before."""
STAY = Measure("stay_accuracy", "share", "test accuracy after a stay", scale="share")
"""Of trials in the same garden as the trial before."""
INTRUSION = Measure("intrusion", "share", "intrusion")
"""Test accuracy on trees of which both gardens' rules say the same less that on trees of which they say the opposite: 0
where the rules are kept apart, .5 where one garden's rule, or the sum of both, serves both gardens."""
TRAINING = Measure("training_accuracy", "share", "training accuracy", scale="share")
"""Of all training trials, each before its feedback."""

OF_PERSONS = (TEST, SWITCH, STAY, INTRUSION, TRAINING)
"""Each by group: ``test_accuracy.b200``."""

BENEFIT = Measure("benefit_of_blocking", "share", "benefit of blocking")
"""Mean test accuracy of those who learnt the gardens one after the other (b200) less that of those who learnt them
interleaved."""
PROTECTION = BENEFIT.at("intrusion", label="benefit of blocking: less intrusion")
"""Mean intrusion of the interleaved less that of the blocked."""
OF_GROUPS = (BENEFIT, PROTECTION)

ALL = (*OF_PERSONS, *OF_GROUPS)
"""Each as it is or of a group."""


def of_group(measure: Measure, group: str) -> Measure:
    """Return a person's measure as that of a group's members."""
    return measure.at(group, label=f"{measure.label}, {group}")


def of_groups() -> Iterator[tuple[Measure, str]]:
    """Yield every measure of persons with each group, as summaries list them."""
    for measure in OF_PERSONS:
        for group in GROUPS:
            yield measure, group
