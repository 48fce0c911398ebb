"""How a network is trained, whatever loop does it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Loop:
    """What every loop is told beside its data and its plan.

    Parameters
    ----------
    learning_rate : float
        Of the optimiser.
    optimiser : {"adam", "sgd"}
        PyTorch's, with its other defaults.
    reset : bool
        Whether the optimiser starts anew in every phase.
    evaluate : {"all", "lower"}
        After each phase all tasks are tested, or only those that were met.
    n_bins : int
        Points of each phase's learning curve.
    keep_weights : bool
        Whether the result holds the trained network's tensors.
    """

    learning_rate: float
    optimiser: Literal["adam", "sgd"] = "adam"
    reset: bool = False
    evaluate: Literal["all", "lower"] = "all"
    n_bins: int = 20
    keep_weights: bool = False
