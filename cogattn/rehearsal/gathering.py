"""Items of several steps and networks at once, out of pictures that stay in memory.

Pixels are gathered in the order of the task that a phase is about: so most pictures are copied as they lie in memory,
and only those of past tasks are moved, task by task. What learns from them has its inputs in that order too.
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
        self._phase, self._moves = 0, list[Tensor]()  # by network, and in it by task
        self._rows, self._moved = torch.empty(room, n_pixels), torch.empty(room, n_pixels)

    def start(self, phase: int) -> list[Tensor] | None:
        """Turn to a phase.

        Returns
        -------
        list of Tensor or None
            For each network, which of its inputs comes in each place during the phase, int64 of shape (n_pixels,);
            None where no task has an order of its own.
        """
        self._phase, self._moves = phase, []
        orders = [tasks.pixels for tasks in self._tasks if tasks.pixels is not None]
        if len(orders) < len(self._tasks):
            return None
        places = [order[phase].argsort() for order in orders]
        self._moves = [order[:, place] for order, place in zip(orders, places, strict=True)]
        return places

    def gather(self, draws: Sequence[Draws], begin: int, end: int) -> Labelled:
        """Return items `begin` to `end` of each network's draws; the next call overwrites them.

        Parameters
        ----------
        draws : sequence of Draws
            The phase of each network's plan.
        begin, end : int
            Numbers of items in the phase.

        Returns
        -------
        Labelled
            Inputs (n_networks, n_items, n_pixels), in the order that `start` returned, and labels
            (n_networks, n_items).
        """
        inputs, labels = self._inputs[:, : end - begin], self._labels[:, : end - begin]
        for network, (tasks, own) in enumerate(zip(self._tasks, draws, strict=True)):
            task, index = own.task[begin:end], torch.from_numpy(own.index[begin:end])
            places = {one: torch.from_numpy(np.flatnonzero(task == one)) for one in np.unique(task).tolist()}
            numbers = torch.empty_like(index)
            for one, where in places.items():
                numbers[where] = tasks.train_items[one][index[where]]
            torch.index_select(tasks.pictures.train, 0, numbers, out=inputs[network])
            torch.index_select(tasks.pictures.train_labels, 0, numbers, out=labels[network])
            if self._moves:
                self._move(places, self._moves[network], inputs[network])
        return Labelled(inputs, labels)

    def _move(self, places: dict[int, Tensor], moves: Tensor, inputs: Tensor) -> None:
        """Put pixels of other tasks' pictures where the phase's own task has them."""
        for task, where in places.items():
            if task != self._phase:
                rows = torch.index_select(inputs, 0, where, out=self._rows[: len(where)])
                moved = torch.index_select(rows, 1, moves[task], out=self._moved[: len(where)])
                inputs.index_copy_(0, where, moved)
