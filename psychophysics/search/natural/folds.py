"""Who is weighed by whom: scenes in groups, so that nothing is chosen on a scene that it is told of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_FOLDS = 10


@dataclass(frozen=True, eq=False)
class Folds:
    """Groups of scenes.

    Parameters
    ----------
    of_scene : array of int, shape (n_scenes,)
        Group of each scene.
    """

    of_scene: NDArray[np.int64]

    @classmethod
    def of(cls, n_scenes: int, rng: np.random.Generator) -> Folds:
        """Deal scenes to ten groups, or one each where there are fewer."""
        return cls(rng.permutation(n_scenes) % min(n_scenes, N_FOLDS))

    def __len__(self) -> int:
        return int(self.of_scene.max()) + 1

    def __iter__(self) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        """Yield each group's number and the scenes that are outside of it."""
        for fold in range(len(self)):
            yield fold, self.of_scene != fold
