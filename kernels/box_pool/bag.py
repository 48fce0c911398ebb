"""Box sums on a CPU: the corners of a box are a bag of table rows, which torch adds in one fused call."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import embedding_bag

from cogattn.kernels.box_pool.table import area, corners


def forward(table: Tensor, boxes: Tensor) -> Tensor:
    """Means (batch, n, channels) over clipped boxes (batch, n, 4), in the table's dtype."""
    batch, lines, columns, channels = table.shape
    rows, weights_y, weights_x = corners(boxes, lines - 1, columns - 1)
    weights = (weights_y[..., :, None] * weights_x[..., None, :]).to(table.dtype)
    weights = weights / area(boxes)[..., None, None]
    bags = embedding_bag(
        rows.flatten(2).flatten(0, 1),
        table.reshape(-1, channels),
        per_sample_weights=weights.flatten(2).flatten(0, 1),
        mode="sum",
    )
    return bags.unflatten(0, (batch, -1))
