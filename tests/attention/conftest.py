"""Tokens in the visual field, in double precision so that claims can be tested to the last digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor


@dataclass
class Scene:
    """Some gazes and some objects."""

    queries: Tensor  # (batch, n_queries, width)
    objects: Tensor  # (batch, n_objects, width)
    gaze: Tensor  # (batch, n_queries, 2)
    position: Tensor  # (batch, n_objects, 2)

    def moved(self, move) -> Scene:
        return replace(self, gaze=move(self.gaze), position=move(self.position))

    def arguments(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.queries, self.objects, self.gaze, self.position

    def padded(self, n: int) -> tuple[Scene, Tensor]:
        """The scene with `n` more objects, and the mask of those that were there."""
        batch, n_objects, width = self.objects.shape
        extra, nowhere = torch.randn(batch, n, width), torch.randn(batch, n, 2)
        present = torch.arange(n_objects + n) < n_objects
        return replace(
            self,
            objects=torch.cat([self.objects, extra], 1),
            position=torch.cat([self.position, nowhere], 1),
        ), present.expand(batch, -1)


@pytest.fixture(autouse=True)
def seeded_in_double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_default_dtype(before)


@pytest.fixture
def scene() -> Scene:
    return Scene(
        torch.randn(2, 5, 16), torch.randn(2, 9, 16), 4 * torch.randn(2, 5, 2), 4 * torch.randn(2, 9, 2)
    )


@pytest.fixture
def stir():
    """Give every parameter of a module a value of its own, so that nothing is tested at its neutral start."""

    def stirred(module: torch.nn.Module) -> torch.nn.Module:
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return module

    return stirred
