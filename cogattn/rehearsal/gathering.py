"""Items of several steps and networks at once, out of pictures that stay in memory.

Rows are copied task by task, so that one order of pixels moves many of them; each row then goes to its place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cogattn.rehearsal.plans import Draws
from cogattn.rehearsal.resident import Labelled, ResidentTasks


class Gatherer:
    """Gathers items of networks that have tasks and plans of their own.

    Parameters
    ----------
    tasks : sequence of ResidentTasks
        Of each network.
    room : int
        Items of one network that are gathered at once, at most.
    """

    def __init__(self, tasks: Sequence[ResidentTasks], room: int) -> None:
        n_pixels = tasks[0].pictures.train.shape[1]
        self._tasks = tasks
        self._inputs = torch.empty(len(tasks), room, n_pixels)
        self._labels = torch.empty(len(tasks), room, dtype=torch.int64)
        self._rows, self._moved = torch.empty(room, n_pixels), torch.empty(room, n_pixels)

    def gather(self, draws: Sequence[Draws], begin: int, end: int) -> Labelled:
        """Return items `begin` to `end` of each network's draws; the next call overwrites them.

        Parameters
        ----------
        draws : sequence of Draws
            One phase of each network's plan.
        begin, end : int
            Numbers of items in the phase.

        Returns
        -------
        Labelled
            Inputs (n_networks, n_items, n_pixels) and labels (n_networks, n_items).
        """
        inputs, labels = self._inputs[:, : end - begin], self._labels[:, : end - begin]
        for network, (tasks, own) in enumerate(zip(self._tasks, draws, strict=True)):
            task, index = own.task[begin:end], own.index[begin:end]
            for one in np.unique(task).tolist():
                places = np.flatnonzero(task == one)
                numbers = tasks.train_items[one][torch.from_numpy(index[places])]
                where = torch.from_numpy(places)
                self._put(tasks, one, numbers, where, inputs[network])
                labels[network].index_copy_(0, where, tasks.pictures.train_labels[numbers])
        return Labelled(inputs, labels)

    def _put(self, tasks: ResidentTasks, task: int, numbers: Tensor, places: Tensor, inputs: Tensor) -> None:
        """Copy pictures to their places, through the task's order of pixels."""
        rows = torch.index_select(tasks.pictures.train, 0, numbers, out=self._rows[: len(numbers)])
        if tasks.pixels is not None:
            rows = torch.index_select(rows, 1, tasks.pixels[task], out=self._moved[: len(numbers)])
        inputs.index_copy_(0, places, rows)
