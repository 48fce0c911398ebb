"""Networks of sixteen categories for tests with workers, which import them by name."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

VARIABLE = "COGATTN_TEST_BUILDS"


class Sixteen(nn.Module):
    """Prefers category 5 the more, the brighter the image."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.eye(16)[5])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(dim=(1, 2, 3))[:, None] * self.weights


def counted() -> nn.Module:
    """Write down which process makes the network."""
    if VARIABLE in os.environ:
        with Path(os.environ[VARIABLE]).open("a") as file:
            file.write(f"{os.getpid()}\n")
    return Sixteen()
