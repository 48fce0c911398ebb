"""Tasks made of one set of pictures that stays in memory as one tensor: permuted pixels, or some of the classes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


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
    """

    names: tuple[str, ...]
    pictures: Pictures
    pixels: Tensor | None
    train_items: tuple[Tensor, ...]
    test_items: tuple[Tensor, ...]
