"""Multilayer perceptrons, one or several at once.

Layers hold a matrix for each network, and a step is a batched product.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["relu", "identity"]


class StackedMLP(nn.Module):
    """As many perceptrons of one shape as there are generators; no two share anything.

    Parameters
    ----------
    sizes : sequence of int
        Units of the input, each hidden layer, and the output.
    generators : sequence of torch.Generator
        Initial weights of each network: uniform within 1 / sqrt(inputs) (PyTorch's default), or normal with `scales`.
    activation : {"relu", "identity"}
        After each hidden layer.
    bias : bool
        Whether layers have one.
    scales : sequence of float, optional
        Standard deviation of each layer's initial weights.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        generators: Sequence[torch.Generator],
        *,
        activation: Activation = "relu",
        bias: bool = True,
        scales: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.activation = activation
        layers = [
            _layer(sizes[k], sizes[k + 1], generators, None if scales is None else scales[k])
            for k in range(len(sizes) - 1)
        ]
        self.weights = nn.ParameterList([weight for weight, _ in layers])  # (networks, inputs, outputs)
        self.biases = nn.ParameterList([bias for _, bias in layers] if bias else [])  # (networks, 1, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs, (networks, items, outputs), for inputs (networks, items, inputs)."""
        for k, weight in enumerate(self.weights):
            product = (
                torch.baddbmm(self.biases[k], inputs, weight)
                if len(self.biases)
                else torch.bmm(inputs, weight)
            )
            last = k == len(self.weights) - 1
            inputs = product.relu() if self.activation == "relu" and not last else product
        return inputs


def _layer(
    n_in: int, n_out: int, generators: Sequence[torch.Generator], scale: float | None
) -> tuple[Tensor, Tensor]:
    """Weights and biases of one layer of each network, drawn one network after the other."""
    bound = n_in**-0.5
    weights, biases = [], []
    for generator in generators:
        if scale is None:
            weights.append(torch.empty(n_in, n_out).uniform_(-bound, bound, generator=generator))
        else:
            weights.append(torch.empty(n_in, n_out).normal_(0, scale, generator=generator))
        biases.append(torch.empty(1, n_out).uniform_(-bound, bound, generator=generator))
    return torch.stack(weights), torch.stack(biases)
