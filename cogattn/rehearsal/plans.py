"""What a network is trained on, planned before any training: which item of which task, batch by batch.

A plan depends on the schedule, the sizes of the tasks and its random streams, and on no network; so a resumed run makes
the same plan again, and every loop (stacked, general, anybody's DataLoader) trains on the same draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Draws:
    """What one phase trains on, in order.

    Parameters
    ----------
    task : array of int64, shape (n_items,)
        Number of each item's task, from 0.
    index : array of int64, shape (n_items,)
        Its number in that task's training part.
    new : array of bool, shape (n_items,)
        Whether it was met as news; a rehearsed item is not.
    offsets : array of int64, shape (n_updates + 1,)
        Where batches begin; the last is the number of items.
    """

    task: NDArray[np.int64]
    index: NDArray[np.int64]
    new: NDArray[np.bool_]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def batches(self) -> Iterator[slice]:
        """Yield where each batch lies in `task`, `index` and `new`."""
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            yield slice(int(start), int(stop))

    def items(self, n_tasks: int) -> NDArray[np.int64]:
        """Return how many items each task has here, shape (n_tasks,)."""
        return np.bincount(self.task, minlength=n_tasks)


def bins_of(n_new: int, n_bins: int) -> NDArray[np.int64]:
    """Return the bin of each of a phase's new items, shape (n_new,): item i is in bin ``i * n_bins // n_new``."""
    return np.arange(n_new) * n_bins // max(n_new, 1)
