"""What the naming study measures; tables of other runs and studies join on the keys."""

from __future__ import annotations

from cogattn.measures import Measure

SHAPE_BIAS = Measure("shape_bias", "shape / (shape + texture)", "shape bias", scale="share")
SHAPE_ACCURACY = Measure("shape_accuracy", "share", "shape accuracy", scale="share")

ERROR_CONSISTENCY = Measure("error_consistency.people", "kappa", "error consistency with people")
COPYING = Measure("copy_probability.people", "probability", "copies a person's right and wrong")
WORTH = Measure("worth.naming", "people", "people that its naming is worth")

UNATTACKED = Measure("accuracy.unattacked", "share", "accuracy without attack", scale="share")
_ROBUST = Measure("robust_accuracy", "share", "robust accuracy", scale="share")
_KEPT = Measure("accuracy_kept", "share", "correct answers kept", scale="share")

ALL = (SHAPE_BIAS, SHAPE_ACCURACY, ERROR_CONSISTENCY, COPYING, WORTH, UNATTACKED, _ROBUST, _KEPT)
"""What persons may have been measured by, each as it is or under parameters."""


def robust_accuracy(norm: str, epsilon: float) -> Measure:
    """Return the share of all images that are named right though attacked within `epsilon`."""
    return _ROBUST.at(norm, epsilon, label=f"robust accuracy, {norm} {epsilon:g}")


def accuracy_kept(norm: str, epsilon: float) -> Measure:
    """Return the share of right answers that an attack within `epsilon` leaves right."""
    return _KEPT.at(norm, epsilon, label=f"correct answers kept, {norm} {epsilon:g}")
