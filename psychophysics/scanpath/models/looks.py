"""What crops of objects look like to the published model: a small network that is trained with the rest of it.

Its shape is that of Fang et al. (2024, ECCV). Departure: ReLU follows the maximum over windows instead of preceding it,
which is the same.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

CROPS_AT_ONCE = 96
"""Crops whose activations are in memory at a time; they are computed again for the gradient."""


class Looks(nn.Module):
    """The small network of crops: two convolutions with maxima over windows, and a linear layer.

    Parameters
    ----------
    width : int
        Features of a crop.
    crop_size : tuple of int
        (height, width) in pixels.
    """

    def __init__(self, width: int, crop_size: tuple[int, int]) -> None:
        super().__init__()
        height, across = (((side - 4) // 5 - 2) // 3 for side in crop_size)
        if min(height, across) < 1:
            raise ValueError(f"crops must be at least 29 pixels high and wide; got {crop_size}")
        self.convolutions = nn.Sequential(
            nn.Conv2d(3, 16, 5), nn.MaxPool2d(5), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.MaxPool2d(3), nn.ReLU()
        )
        self.linear = nn.Linear(32 * height * across, width)

    def forward(self, crops: Tensor) -> Tensor:
        """Return features (n, width) of crops (n, 3, height, width) from 0 to 1."""
        return self.linear(self.convolutions(crops).flatten(1))

    def of_many(self, crops: Tensor) -> Tensor:
        """Return features (n, width) of crops of uint8, some at a time."""
        again = partial(checkpoint, self._of_pixels, use_reentrant=False)
        look = again if torch.is_grad_enabled() else self._of_pixels
        return torch.cat([look(part) for part in crops.split(CROPS_AT_ONCE)])

    def _of_pixels(self, crops: Tensor) -> Tensor:
        return self(crops.float() / 255)
