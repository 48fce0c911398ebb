"""What is measured of a learner of tasks A, B and A: the keys of rows and of persons, and what is published of people.

Accuracies are 1 less the error as a share of half the ring, so that chance is .5. As published, transfer is the
accuracy of the first six winter answers in B less that of the last six in A1 (0 is perfect, below 0 is a cost), and
interference is the weight of rule B among the winter answers in A2.

The published figures are those that the saved outputs of the public code print: interference of those people for whom
rule B is likelier than rule A in part B, in both studies (174 people; how many of them are near and how many far is
what the printed t and Cohen's d leave: 80 and 94, give or take one), and transfer in study 1 (51, 50 and 50 people).

References
----------
Holton et al. (2026), Nature Human Behaviour 10, 111-125; notebook figure2_transfer_interference of its public code
(github.com/eleanorholton/transfer-interference).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from cogattn.measures import Estimate, Measure
from cogattn.rehearsal.transfer.design import Group

TRANSFER = Measure("transfer", "share", "transfer")
INTERFERENCE = Measure("interference", "share", "weight of rule B", scale="share")
LUMPER = Measure("lumper", "share", "answers A by rule B", scale="share")
"""Whether rule B alone is likelier than rule A alone in A2, 0 or 1: lumpers, as the paper calls them, or splitters."""
RETENTION = Measure("retention", "share", "retention")
"""Winter accuracy in A2 less that of the last six winter answers in A1."""
GENERALISATION = Measure("generalisation", "share", "untold winter", scale="share")
"""Accuracy on the plant whose winter was not told, in the second half of A1."""
FINAL = Measure("final_accuracy", "share", "end of A1, winter", scale="share")
"""Accuracy of the last six winter answers in A1."""
SUMMER = Measure("summer_accuracy", "share", "summer in A1", scale="share")

OF_PERSONS = (TRANSFER, INTERFERENCE, LUMPER, RETENTION, GENERALISATION, FINAL, SUMMER)

LOW, HIGH = 0.1, 0.9
LOW_HUMP = Measure("low_hump", "share", f"weight below {LOW:g}", scale="share")
HIGH_HUMP = Measure("high_hump", "share", f"weight above {HIGH:g}", scale="share")
NEAR_LESS_FAR = Measure("interference.near_less_far", "share", "weight of rule B, near less far")


def of_group(measure: Measure, group: Group) -> Measure:
    """Return a measure of one group: ``interference.near``."""
    return measure.at(group, label=f"{measure.label}, {group}")


@dataclass(frozen=True)
class _Mean:
    """A printed mean with its standard error."""

    mean: float
    se: float
    n: int


_INTERFERENCE: dict[str, tuple[_Mean, ...]] = {
    "near": (_Mean(0.492, 0.065, 41), _Mean(0.443, 0.072, 39)),
    "far": (_Mean(0.288, 0.049, 47), _Mean(0.260, 0.043, 47)),
}
_TRANSFER: dict[str, _Mean] = {
    "same": _Mean(-0.112, 0.023, 51),
    "near": _Mean(-0.183, 0.027, 50),
    "far": _Mean(-0.332, 0.028, 50),
}
_DIFFERENCES = (_Mean(0.204, 0.204 / 2.555, 88), _Mean(0.183, 0.183 / 2.268, 86))
"""Of near less far, from the printed t."""


def published() -> dict[str, Estimate]:
    """Return what is published of people, by key; both studies together where both are printed."""
    found = {f"{INTERFERENCE.key}.{group}": _pooled(own) for group, own in _INTERFERENCE.items()}
    found |= {f"{TRANSFER.key}.{group}": _pooled((own,)) for group, own in _TRANSFER.items()}
    return found | {NEAR_LESS_FAR.key: _pooled(_DIFFERENCES)}


def _pooled(means: tuple[_Mean, ...]) -> Estimate:
    """Mean over the persons of all studies, with Student's interval."""
    n = sum(one.n for one in means)
    mean = sum(one.n * one.mean for one in means) / n
    se = math.sqrt(sum((one.n * one.se) ** 2 for one in means)) / n
    half = float(stats.t.ppf(0.975, n - len(means))) * se
    return Estimate(mean, mean - half, mean + half, n)
