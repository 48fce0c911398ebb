"""Box means by their definition: every pixel weighted by its overlap with the box, in float64."""

from __future__ import annotations

import torch
from torch import Tensor

from cogattn.kernels.box_pool.table import area


def box_means(features: Tensor, boxes: Tensor) -> Tensor:
    """Means (batch, n, channels) of features (batch, channels, height, width) over clipped boxes (batch, n, 4)."""
    height, width = features.shape[-2:]
    boxes = boxes.double()
    across = _overlap(boxes[..., 0], boxes[..., 2], width)
    down = _overlap(boxes[..., 1], boxes[..., 3], height)
    sums = torch.einsum("bni,bcij,bnj->bnc", down, features.double(), across)
    return (sums / area(boxes)[..., None]).to(features.dtype)


def _overlap(low: Tensor, high: Tensor, n: int) -> Tensor:
    """Length of each pixel within [low, high], (batch, n_boxes, n)."""
    pixel = torch.arange(n, dtype=low.dtype, device=low.device)
    return (torch.minimum(high[..., None], pixel + 1) - torch.maximum(low[..., None], pixel)).clamp(min=0)
