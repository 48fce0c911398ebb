"""Split pictures: each task shows two of the classes, and one output names them all (class-incremental).

The setting of the paper's third version (there with MNIST, CIFAR-100 and Tiny ImageNet). Which classes go together, and
in what order they come, is each seed's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import ConfigError
from cogattn.rehearsal.config import RehearsalConfig
from cogattn.rehearsal.measures import ACCURACY
from cogattn.rehearsal.scenario import Defaults
from cogattn.rehearsal.scenarios import pictures
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.rehearsal.resident import ResidentTasks

CLASSES = 2
"""Of each task."""
OF_DIGITS = Defaults(n_tasks=5, n_new=280, batch=8, learning_rate=3e-3)


class SplitKind(pictures.PictureKind):
    """Two classes of pictures a task, all named by one output."""

    name = "split"
    about = "pictures of digits, two classes in every task, one output for all"
    score = ACCURACY

    def defaults(self, config: RehearsalConfig) -> Defaults:
        """Return what it takes where the settings say nothing: of a phase all items that the smallest task can have."""
        if config.data == pictures.DIGITS:
            return OF_DIGITS
        counts = np.sort(np.bincount(pictures.raw(config.data).train_labels))
        n_new = max(1, int(counts[:CLASSES].sum()))
        return Defaults(len(counts) // CLASSES, n_new, batch=64, learning_rate=1e-3)

    def check(self, config: RehearsalConfig) -> None:
        """Refuse more tasks than there are pairs of classes, and pictures that cannot be used."""
        found = pictures.raw(config.data)
        for labels, part in ((found.train_labels, "training"), (found.test_labels, "test")):
            counts = np.bincount(labels, minlength=found.n_classes)
            if not counts.all():
                raise ConfigError(
                    f"data must have {part} pictures of every class; got none of {int(np.argmin(counts))}"
                )
        most = found.n_classes // CLASSES
        for n_tasks in config.n_tasks:
            if n_tasks > most:
                raise ConfigError(
                    f"n_tasks must be at most {most} where each has {CLASSES} of {found.n_classes} classes; "
                    f"got {n_tasks}"
                )

    def build(self, config: RehearsalConfig, *, n_tasks: int, streams: Streams) -> ResidentTasks:
        """Return `n_tasks` pairs of classes, in an order of the seed's own."""
        import torch

        from cogattn.rehearsal.resident import ResidentTasks

        found = pictures.pictures(config.data)
        order = streams.child("tasks").generator("classes").permutation(found.n_classes)
        pairs = [np.sort(order[CLASSES * task : CLASSES * (task + 1)]) for task in range(n_tasks)]
        labels, tested = found.train_labels.numpy(), found.test_labels.numpy()
        train = [_of(labels, pair) for pair in pairs]
        test = [_some(_of(tested, pair), config.n_test) for pair in pairs]
        return ResidentTasks(
            names=tuple(" and ".join(map(str, pair)) for pair in pairs),
            pictures=found,
            pixels=None,
            train_items=tuple(map(torch.from_numpy, train)),
            test_items=tuple(map(torch.from_numpy, test)),
            hidden=(config.network.widths[0],) * config.network.depth,
        )


def _of(labels: NDArray[np.int64], pair: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of the pictures of some classes."""
    return np.flatnonzero(np.isin(labels, pair))


def _some(numbers: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    return numbers[pictures.spread(len(numbers), most)]


SPLIT = SplitKind()
"""The kind, as the entry point names it."""
