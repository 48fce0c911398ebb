"""The built-in scenarios' learner: a multilayer perceptron on pictures that stay in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from cogattn.rehearsal.networks import StackedMLP
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.rehearsal.resident import Labelled, ResidentTasks


class MLPLearner:
    """A perceptron that names what pictures show; one network of `networks.StackedMLP`.

    Parameters
    ----------
    tasks : ResidentTasks
        Pictures.
    hidden : sequence of int
        Units of each hidden layer.
    streams : Streams
        Initial weights: one torch generator is seeded from this stream.
    """

    def __init__(self, tasks: ResidentTasks, hidden: Sequence[int], streams: Streams) -> None:
        self.tasks = tasks
        generator = torch.Generator().manual_seed(int(streams.generator().integers(2**63)))
        sizes = (tasks.pictures.train.shape[1], *hidden, tasks.pictures.n_classes)
        self.model = StackedMLP(sizes, [generator])

    def outputs(self, batch: Labelled) -> Tensor:
        """Return logits, shape (n_items, n_classes)."""
        return self.model(batch.inputs[None])[0]

    def loss(self, batch: Labelled) -> tuple[Tensor, Tensor]:
        """Return the mean cross entropy, and whether each item was named right."""
        logits, labels = self.outputs(batch), batch.labels
        return F.cross_entropy(logits, labels), logits.detach().argmax(dim=1) == labels

    def score(self, task: int) -> tuple[float, int]:
        """Return the share of a task's test pictures that were named right, and their number."""
        tested = self.tasks.tested(task)
        right = self.outputs(tested).argmax(dim=1) == tested.labels
        return int(right.sum()) / len(right), len(right)

    def classes(self, task: int) -> Tensor:
        """Return what a task's pictures show."""
        return self.tasks.pictures.train_labels[self.tasks.train_items[task]].unique()

    @torch.no_grad()
    def squared_gradients(self, batch: Labelled, labels: Tensor) -> list[Tensor]:
        """Return sums over items of the squared gradients of each one's log likelihood, by parameter.

        Labels are (n_items,). A layer's gradient is an outer product for each item, so that its square is one too.
        """
        inputs = [batch.inputs]  # of each layer, (items, units)
        for weight, bias in zip(self.model.weights, self.model.biases, strict=True):
            inputs.append(torch.relu(inputs[-1] @ weight[0] + bias[0]))
        logits = inputs[-2] @ self.model.weights[-1][0] + self.model.biases[-1][0]
        error = logits.softmax(dim=1) - F.one_hot(labels, logits.shape[1])
        weights, biases = [], []
        for k in reversed(range(len(self.model.weights))):
            weights.insert(0, (inputs[k] ** 2).T @ error**2)
            biases.insert(0, (error**2).sum(dim=0))
            error = (error @ self.model.weights[k][0].T) * (inputs[k] > 0)
        return [square[None] for square in weights] + [square[None, None] for square in biases]
