"""What a training leaves, whatever loop ran it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RunResult:
    """One network, trained through all phases.

    Parameters
    ----------
    scores : array, shape (n_tasks + 1, n_tasks)
        R with the untrained row first: row k is after phase k, column j is task j; NaN where nothing was measured.
    n : array of int64, shape (n_tasks,)
        Test items of each task.
    learning : array, shape (n_tasks, n_bins, 2)
        Sum of the scores of a phase's new items, each before the update that it is part of, and how many they are, in
        equal bins of the phase's new items.
    items : array of int64, shape (n_tasks, n_tasks)
        Items that each phase (row) trained on, by task.
    updates : array of int64, shape (n_tasks,)
        Steps of each phase.
    weights : dict of str to array
        Tensors of the trained network, each of its own shape, as float32; empty where they are not kept.
    before : dict of str to array
        The same, of the same shapes, after the first phase.
    """

    scores: NDArray[np.float64]
    n: NDArray[np.int64]
    learning: NDArray[np.float64]
    items: NDArray[np.int64]
    updates: NDArray[np.int64]
    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    before: dict[str, NDArray[np.float32]] = field(default_factory=dict)
