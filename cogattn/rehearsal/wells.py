"""Quadratic penalties: each weight held near where it was, all past tasks' parabolas as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cogattn.running.pages import named, part

if TYPE_CHECKING:
    from cogattn.running.pages import Page


class Well:
    """A sum of quadratics, one parameter by itself: the sum over tasks of depth (theta - bottom)^2, kept as one.

    Parameters
    ----------
    depths, bottoms : sequence of Tensor
        Of each parameter, in order; none is a plain without a well.
    """

    def __init__(self, depths: Sequence[Tensor] = (), bottoms: Sequence[Tensor] = ()) -> None:
        self.depths, self.bottoms = list(depths), list(bottoms)
        self.floor = torch.zeros((), dtype=torch.float64)

    def value(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the sum at these weights."""
        total = self.floor.to(weights[0])
        for weight, depth, bottom in zip(weights, self.depths, self.bottoms, strict=False):
            total = total + (depth * (weight - bottom) ** 2).sum()
        return total

    @torch.no_grad()
    def pull(self, weights: Sequence[Tensor], strength: float) -> None:
        """Add the gradient of `strength` times the sum to that of each parameter."""
        if self.depths:
            away = torch._foreach_sub(list(weights), self.bottoms)
            torch._foreach_addcmul_(gradients_of(weights), self.depths, away, value=2 * strength)

    @torch.no_grad()
    def deepen(self, depths: Sequence[Tensor], bottoms: Sequence[Tensor]) -> None:
        """Add a quadratic to the sum, completing the square."""
        if not self.depths:
            self.depths, self.bottoms = copies(depths), copies(bottoms)
            return
        for k, (depth, bottom) in enumerate(zip(depths, bottoms, strict=True)):
            total = self.depths[k] + depth
            share = torch.where(total > 0, depth / total, 0)
            apart = bottom - self.bottoms[k]
            self.floor += (self.depths[k] * share * apart**2).sum(dtype=torch.float64).cpu()
            self.depths[k], self.bottoms[k] = total, self.bottoms[k] + share * apart

    def page(self) -> Page:
        """Return everything that it remembers."""
        return {
            "floor": self.floor,
            **named("depths", by_number(self.depths)),
            **named("bottoms", by_number(self.bottoms)),
        }

    def restore(self, page: Page, weights: Sequence[Tensor]) -> None:
        """Go back to where `page` was written, for these parameters."""
        self.floor = page["floor"]
        self.depths, self.bottoms = (in_order(part(page, name), weights) for name in ("depths", "bottoms"))


def gradients_of(weights: Sequence[Tensor]) -> list[Tensor]:
    """Return parameters' gradients; those that the loss did not reach are given one of zero."""
    gradients = []
    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        gradients.append(weight.grad)
    return gradients


def copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return tensors by themselves, where they are."""
    return [tensor.detach().clone() for tensor in tensors]


def by_number(tensors: Sequence[Tensor]) -> Page:
    """Return tensors by their numbers, as a page has them."""
    return {str(i): tensor for i, tensor in enumerate(tensors)}


def in_order(page: Page, like: Sequence[Tensor]) -> list[Tensor]:
    """Return what `by_number` was given, each where the parameter of its number is."""
    return [page[str(i)].to(like[i].device) for i in range(len(page))]
