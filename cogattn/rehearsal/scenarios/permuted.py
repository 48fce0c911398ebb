"""Permuted pictures: each task shows the same digits with their pixels in another order (Goodfellow et al., 2014).

The setting of the paper's first two versions, and of its likely ancestor code: labels stay, one output for all tasks
(domain-incremental). Every task has an order of its own, the first one too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.measures import ACCURACY
from cogattn.rehearsal.scenario import Defaults
from cogattn.rehearsal.scenarios import pictures
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.rehearsal.resident import ResidentTasks

N_TASKS = 10
OF_DIGITS = Defaults(n_tasks=N_TASKS, n_new=1000, batch=8, learning_rate=3e-3)
"""Of so few pictures many updates: at 32 items a step and 1e-3 a task is learnt to .83 only, so to .94."""
N_NEW, BATCH = 20_000, 64
"""New items a phase and items a step for larger sets of pictures."""


class PermutedKind(pictures.PictureKind):
    """Pictures with their pixels in another order in every task."""

    name = "permuted"
    about = "pictures of digits, their pixels in another order in every task"
    score = ACCURACY

    def defaults(self, config: RehearsalConfig) -> Defaults:
        """Return what it takes where the settings say nothing."""
        if config.data == pictures.DIGITS:
            return OF_DIGITS
        n_new = min(N_NEW, len(pictures.raw(config.data).train))
        return Defaults(n_tasks=N_TASKS, n_new=n_new, batch=BATCH, learning_rate=1e-3)

    def check(self, config: RehearsalConfig) -> None:
        """Refuse pictures that cannot be used."""
        pictures.raw(config.data)

    def build(self, config: RehearsalConfig, *, n_tasks: int, streams: Streams) -> ResidentTasks:
        """Return `n_tasks` orders of pixels, of the seed's own."""
        import torch

        from cogattn.rehearsal.resident import ResidentTasks

        found = pictures.pictures(config.data)
        orders = [
            streams.child("tasks").generator("pixels", task).permutation(found.train.shape[1])
            for task in range(n_tasks)
        ]
        train = torch.arange(len(found.train))
        test = torch.from_numpy(pictures.spread(len(found.test), config.n_test))
        return ResidentTasks(
            names=tuple(f"permutation {task + 1}" for task in range(n_tasks)),
            pictures=found,
            pixels=torch.stack([torch.from_numpy(order) for order in orders]),
            train_items=(train,) * n_tasks,
            test_items=(test,) * n_tasks,
            hidden=(config.network.widths[0],) * config.network.depth,
        )


PERMUTED = PermutedKind()
"""The kind, as the entry point names it."""
