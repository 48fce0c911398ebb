"""What predicts scanpaths: one protocol for networks, baselines, other viewers and predictions from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cogattn.psychophysics.scanpath.layouts.items import Array, Ints, Layout, ObjectPath, PathSet


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a predictor says of one scanpath, fixation by fixation, each after the true ones before it.

    Parameters
    ----------
    log_p : array, shape (n - n_given, n_objects)
        ln of the chance that fixation n_given + k is on each object, given that the path goes on: rows sum to 1.
    log_end : array, shape (n - n_given + 1,), optional
        ln of the chance that the path ends before fixation n_given + k; the last one is that of the true end. None
        where the predictor does not say.
    duration_ms : array, shape (n,), optional
        Expected duration of each fixation.
    """

    log_p: Array
    log_end: Array | None = None
    duration_ms: Array | None = None


class Predictor(Protocol):
    """Something that predicts scanpaths."""

    def predict(self, data: PathSet, paths: Sequence[ObjectPath]) -> list[Prediction]:
        """Return a prediction of each path."""
        ...

    def sample(
        self,
        data: PathSet,
        paths: Sequence[ObjectPath],
        *,
        n: int,
        rng: np.random.Generator,
        max_length: int,
    ) -> list[list[Ints]]:
        """Return `n` scanpaths (objects) of its own for each path, each beginning with the path's given fixations.

        No path is empty, and none is longer than `max_length`. With ``n=0`` one path: at each step what is most likely.
        """
        ...

    def state(self) -> Mapping[str, np.ndarray]:
        """Return what was learned, arrays by name: saved as safetensors, read back by the class's `load`."""
        ...


def target_of(layout: Layout) -> int:
    """Return the index of the target that a model knows; -1 where there is none."""
    return -1 if layout.target is None else layout.target
