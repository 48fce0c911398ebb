"""Tasks made of one set of pictures that stays in memory as one tensor: permuted pixels, or some of the classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.exhibits import Picture
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.rehearsal.learner import MLPLearner


@dataclass(frozen=True)
class Pictures:
    """Pictures and what they show; tasks and seeds share them, nothing copies them.

    Parameters
    ----------
    train, test : Tensor, shape (n_pictures, n_pixels)
        float32, normalised by the training part's mean and standard deviation.
    train_labels, test_labels : Tensor, shape (n_pictures,)
        int64 from 0.
    n_classes : int
        Classes.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    n_classes: int


class Labelled(NamedTuple):
    """A batch: inputs, float32 of shape (n_items, n_pixels), and labels, int64 of shape (n_items,)."""

    inputs: Tensor
    labels: Tensor


@dataclass(frozen=True)
class ResidentTasks:
    """A scenario whose items are rows of one tensor, seen through each task's own order of pixels.

    Parameters
    ----------
    names : tuple of str
        Of the tasks.
    pictures : Pictures
        Shared.
    pixels : Tensor or None, shape (n_tasks, n_pixels)
        int64: item i of task t is ``pictures.train[i][pixels[t]]``; None leaves pixels in place.
    train_items, test_items : tuple of Tensor
        Of each task, int64: which pictures are its, in their order there; index i of a task in a plan is picture
        ``train_items[task][i]``.
    hidden : tuple of int
        Units of each hidden layer of the networks that learn them.
    """

    names: tuple[str, ...]
    pictures: Pictures
    pixels: Tensor | None
    train_items: tuple[Tensor, ...]
    test_items: tuple[Tensor, ...]
    hidden: tuple[int, ...] = (100, 100)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Training items of each task."""
        return tuple(len(items) for items in self.train_items)

    @property
    def layers(self) -> tuple[int, ...]:
        """Units of a network's layers: a pixel an input, a class an output."""
        return (self.pictures.train.shape[1], *self.hidden, self.pictures.n_classes)

    def batch(self, task: NDArray[np.int64], index: NDArray[np.int64]) -> Labelled:
        """Return the items with these numbers: inputs (n_items, n_pixels) and labels (n_items,)."""
        tasks = torch.from_numpy(task)
        found = self._numbers[self._starts[tasks] + torch.from_numpy(index)]
        inputs = self.pictures.train[found]
        if self.pixels is not None:
            inputs = inputs.gather(1, self.pixels[tasks])
        return Labelled(inputs, self.pictures.train_labels[found])

    def pictures_of(
        self, task: NDArray[np.int64], index: NDArray[np.int64], place: int
    ) -> tuple[Picture, ...]:
        """Return an item of a batch as the network meets it, and before its pixels were moved.

        Nothing where pixels are no square.
        """
        side = math.isqrt(self.pictures.train.shape[1])
        if side**2 != self.pictures.train.shape[1]:
            return ()
        inputs, labels = self.batch(task, index)
        name, number = self.names[task[place]], self._numbers[self._starts[task[place]] + index[place]]
        about = f"class {int(labels[place])}"
        met = Picture(self._grey(inputs[place], side), f"as it was learnt: {about}, {name}")
        if self.pixels is None:
            return (met,)
        return (
            met,
            Picture(self._grey(self.pictures.train[number], side), f"before pixels were moved: {about}"),
        )

    def _grey(self, inputs: Tensor, side: int) -> NDArray[np.float32]:
        """Pixels (side, side), 0 and 1 where the training pictures are darkest and brightest."""
        low, high = self.pictures.train.aminmax()
        return ((inputs - low) / (high - low)).numpy().reshape(side, side)

    def tested(self, task: int) -> Labelled:
        """Return a task's test part."""
        items = self.test_items[task]
        inputs = self.pictures.test[items]
        if self.pixels is not None:
            inputs = inputs[:, self.pixels[task]]
        return Labelled(inputs, self.pictures.test_labels[items])

    def learner(self, streams: Streams) -> MLPLearner:
        """Return an untrained perceptron."""
        from cogattn.rehearsal.learner import MLPLearner

        return MLPLearner(self, self.hidden, streams)

    @cached_property
    def _numbers(self) -> Tensor:
        """Pictures of all tasks, one task behind the other."""
        return torch.cat(self.train_items)

    @cached_property
    def _starts(self) -> Tensor:
        """Where each task begins there."""
        return torch.tensor([0, *np.cumsum(self.sizes)[:-1].tolist()])
