"""What the naming study measures; tables of other runs and studies join on the keys."""

from __future__ import annotations

from cogattn.measures import Measure

SHAPE_BIAS = Measure("shape_bias", "shape / (shape + texture)", "shape bias", scale="share")
SHAPE_ACCURACY = Measure("shape_accuracy", "share", "shape accuracy", scale="share")

ERROR_CONSISTENCY = Measure("error_consistency.people", "kappa", "error consistency with people")
COPYING = Measure("copy_probability.people", "probability", "copies a person's right and wrong")
WORTH = Measure("worth.naming", "people", "people that its naming is worth")

ACCURACY = Measure("accuracy", "share", "accuracy", scale="share")
OBSERVED = Measure("observed_consistency.people", "share", "right or wrong as a person", scale="share")
DIFFERENCE = Measure(
    "accuracy_difference.people", "squared share", "squared difference from people's accuracy"
)
_WITH_PEOPLE = {
    "error_consistency": ERROR_CONSISTENCY,
    "observed_consistency": OBSERVED,
    "accuracy_difference": DIFFERENCE,
    "copy_probability": COPYING,
}

UNATTACKED = Measure("accuracy.unattacked", "share", "accuracy without attack", scale="share")
_ROBUST = Measure("robust_accuracy", "share", "robust accuracy", scale="share")
_KEPT = Measure("accuracy_kept", "share", "correct answers kept", scale="share")

ALL = (
    SHAPE_BIAS, SHAPE_ACCURACY, ERROR_CONSISTENCY, COPYING, WORTH, UNATTACKED, _ROBUST, _KEPT, ACCURACY, OBSERVED,
    DIFFERENCE,
)  # fmt: skip
"""What persons may have been measured by, each as it is or under parameters."""


def robust_accuracy(norm: str, epsilon: float) -> Measure:
    """Return the share of all images that are named right though attacked within `epsilon`."""
    return _ROBUST.at(norm, epsilon, label=f"robust accuracy, {norm} {epsilon:g}")


def accuracy_kept(norm: str, epsilon: float) -> Measure:
    """Return the share of right answers that an attack within `epsilon` leaves right."""
    return _KEPT.at(norm, epsilon, label=f"correct answers kept, {norm} {epsilon:g}")


def accuracy(set_name: str) -> Measure:
    """Return the share of a set's images that are named right, over the conditions that count."""
    return ACCURACY.at(set_name, label=f"accuracy, {set_name}")


def with_people(statistic: str, set_name: str) -> Measure:
    """Return what an observer shares with people over a set: one of `by_condition.STATISTICS`."""
    measure = _WITH_PEOPLE[statistic]
    return measure.at(set_name, label=f"{measure.label}, {set_name}")
