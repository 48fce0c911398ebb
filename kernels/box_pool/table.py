"""The summed-area table: any box sum is a difference of its corners, whatever the size of the box.

``T[y, x]`` is the sum of the pixels above and left of corner (x, y). Along each axis a box edge at a fractional
coordinate lies between two corners and mixes them linearly, which is exact where a pixel covers its unit square.
So a box sum is ``sum_ij wy_i wx_j T[y_i, x_j]`` over 2 x 2 corners for whole boxes and 4 x 4 for real ones.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

Table = Literal["float64", "centred"]


def summed_area_table(features: Tensor) -> Tensor:
    """Table (batch, height + 1, width + 1, channels) of features (batch, channels, height, width)."""
    rows = features.movedim(1, -1).cumsum(1).cumsum(2)
    return pad(rows, (0, 0, 1, 0, 1, 0)).contiguous()


def taps(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Corners along one axis and their weights, (..., 2) for integer edges and (..., 4) for real ones."""
    if not low.dtype.is_floating_point:
        return torch.stack([low, high], -1), torch.tensor([-1, 1], device=low.device).expand(*low.shape, 2)
    floors = torch.stack([low, high], -1).floor()
    part_low, part_high = low - floors[..., 0], high - floors[..., 1]
    weights = torch.stack([part_low - 1, -part_low, 1 - part_high, part_high], -1)
    corners = floors.long()[..., None] + torch.arange(2, device=low.device)
    return corners.flatten(-2), weights


def corners(boxes: Tensor, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of the flattened table, their weights along y and x, for clipped boxes (batch, n, 4).

    The rows have shape (batch, n, taps, taps), the weights (batch, n, taps) each packed as (2, ...): y, x.
    """
    columns, weights_x = taps(boxes[..., 0], boxes[..., 2])
    lines, weights_y = taps(boxes[..., 1], boxes[..., 3])
    # a corner past the last has weight 0
    index = lines.clamp(max=height)[..., :, None] * (width + 1) + columns.clamp(max=width)[..., None, :]
    image = torch.arange(boxes.shape[0], device=boxes.device)[:, None, None, None]
    return index + image * ((height + 1) * (width + 1)), weights_y, weights_x


def clip(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes restricted to the map; those beside it become empty."""
    size = torch.tensor([width, height, width, height], dtype=boxes.dtype, device=boxes.device)
    clipped = torch.minimum(boxes.clamp(min=0), size)
    return torch.cat([clipped[..., :2], torch.maximum(clipped[..., 2:], clipped[..., :2])], -1)


def area(boxes: Tensor) -> Tensor:
    """Area of clipped boxes in square pixels, 1 where empty, for division."""
    value = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return torch.where(value > 0, value, 1)
