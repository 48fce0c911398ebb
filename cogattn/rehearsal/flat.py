"""Forward and backward passes of a stack of perceptrons, written out, and all of its tensors in one vector.

For small networks autograd and an optimiser's way through many tensors cost as much as the products do. Here
products write into tensors that were made once, gradients go into slices of one vector, and the optimiser updates that
vector in one kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from cogattn.rehearsal.networks import StackedMLP

TESTED_AT_ONCE = 2_000_000
"""Activities of the first layer that are held at once in a test."""


class FlatMLP(nn.Module):
    """The networks of a `StackedMLP` with rectified hidden layers, as one parameter.

    Parameters
    ----------
    model : StackedMLP
        Initial weights and biases; they are copied.
    """

    def __init__(self, model: StackedMLP) -> None:
        super().__init__()
        tensors = [*model.weights, *model.biases]
        self.flat = nn.Parameter(torch.cat([tensor.detach().reshape(-1) for tensor in tensors]))
        self.flat.grad = torch.zeros_like(self.flat)
        self._names = list(model.state_dict())
        self._shapes = [tensor.shape for tensor in tensors]
        self._n_layers = len(model.weights)
        self.weights, self.biases = self._layers(self.flat.detach())
        self._to_weights, self._to_biases = self._layers(self.flat.grad)
        self._rooms: dict[
            int, list[tuple[Tensor, Tensor]]
        ] = {}  # by items: activities and errors of each layer

    @torch.no_grad()
    def learn(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Put the gradient of each network's mean cross entropy in ``flat.grad``.

        Parameters
        ----------
        inputs : Tensor, shape (n_networks, n_items, n_inputs)
            float32; each network has its own.
        labels : Tensor, shape (n_networks, n_items)
            int64.

        Returns
        -------
        Tensor, shape (n_networks, n_items)
            Whether each item is named right, by the weights as they are.
        """
        room = self._room(inputs.shape[1])
        activities = [inputs, *(activity for activity, _ in room)]
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            torch.baddbmm(bias, activities[k], weight, out=activities[k + 1])
            if k < self._n_layers - 1:
                activities[k + 1].relu_()
        right = activities[-1].argmax(dim=2) == labels
        self._start_errors(activities[-1], labels, room[-1][1])
        for k in reversed(range(self._n_layers)):
            error = room[k][1]
            torch.bmm(activities[k].transpose(1, 2), error, out=self._to_weights[k])
            torch.sum(error, dim=1, keepdim=True, out=self._to_biases[k])
            if k:
                torch.bmm(error, self.weights[k].transpose(1, 2), out=room[k - 1][1])
                room[k - 1][1].mul_(activities[k].sign_())  # rectified: 0 or 1; not needed again
        return right

    @torch.no_grad()
    def answers(self, network: int, inputs: Tensor, orders: Tensor | None = None) -> Tensor:
        """Return which output of a network is the highest, for each item as each task shows it.

        Parameters
        ----------
        network : int
            Which.
        inputs : Tensor, shape (n_items, n_inputs)
            As they lie in memory.
        orders : Tensor, optional, shape (n_tasks, n_inputs)
            int64: task t shows ``inputs[:, orders[t]]``; by default one task shows them as they are.

        Returns
        -------
        Tensor, shape (n_items, n_tasks)
            int64.
        """
        if orders is None:
            return self._answers(network, inputs, self.weights[0][network])
        at_once = max(1, TESTED_AT_ONCE // (len(inputs) * self.biases[0].shape[2]))
        return torch.cat(
            [self._answers(network, inputs, self._seen(network, some)) for some in orders.split(at_once)], 1
        )

    def _seen(self, network: int, orders: Tensor) -> Tensor:
        """The first layer's weights for inputs in their own order, of some tasks side by side.

        An order of pixels is undone on these weights, which are fewer than the inputs.
        """
        first = self.weights[0][network]
        wide = first.new_empty(len(first), len(orders), first.shape[1])
        for task, order in enumerate(orders):
            wide[order, task] = first
        return wide.flatten(1)

    def _answers(self, network: int, inputs: Tensor, first: Tensor) -> Tensor:
        """Highest outputs, (n_items, n_tasks), where `first` (n_inputs, n_tasks * n_hidden) is the first layer."""
        bias = self.biases[0][network]
        n_tasks = first.shape[1] // bias.shape[1]
        found = torch.addmm(bias.repeat(1, n_tasks), inputs, first).view(-1, bias.shape[1])
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            found = torch.addmm(bias[network], found.relu_(), weight[network])
        return found.argmax(1).view(-1, n_tasks)

    def reorder(self, vectors: Sequence[Tensor], orders: Sequence[Tensor]) -> None:
        """Put each network's inputs in another order, in its weights and whatever else is a number of each parameter.

        Parameters
        ----------
        vectors : sequence of Tensor
            Of the shape of ``flat``.
        orders : sequence of Tensor
            Of each network: which input comes in each place.
        """
        for vector in vectors:
            first = self._layers(vector)[0][0]
            for network, order in enumerate(orders):
                first[network] = first[network][order]

    def states(self, flat: Tensor) -> Iterator[dict[str, Tensor]]:
        """Yield each network's tensors out of such a vector, by name, as a `StackedMLP` of one has them."""
        weights, biases = self._layers(flat)
        for network in range(len(weights[0])):
            own = [tensor[network : network + 1] for tensor in (*weights, *biases)]
            yield dict(zip(self._names, own, strict=True))

    def _layers(self, flat: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Weights (networks, inputs, outputs) and biases (networks, 1, outputs), as views."""
        parts = torch.split(flat, [shape.numel() for shape in self._shapes])
        views = [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return views[: self._n_layers], views[self._n_layers :]

    def _room(self, n_items: int) -> Sequence[tuple[Tensor, Tensor]]:
        """Where a step of so many items writes what each layer says, and the loss's slope by it."""
        if n_items not in self._rooms:
            shapes = [(len(bias), n_items, bias.shape[2]) for bias in self.biases]
            self._rooms[n_items] = [(torch.empty(shape), torch.empty(shape)) for shape in shapes]
        return self._rooms[n_items]

    @staticmethod
    def _start_errors(logits: Tensor, labels: Tensor, errors: Tensor) -> None:
        """Slope of the mean cross entropy by each logit: its probability, less one where it is the label, by items."""
        torch.softmax(logits, dim=2, out=errors)
        errors.scatter_add_(2, labels[:, :, None], errors.new_full((1, 1, 1), -1.0).expand(*labels.shape, 1))
        errors.div_(labels.shape[1])
