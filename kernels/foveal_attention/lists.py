"""Which keys, or blocks of keys, lie within the radius of a block of queries.

A block is summarised by the bounding box of its positions. Two blocks are kept when the gap between their
boxes is at most the radius, which never drops a pair: rounding is monotonic, so the gap in floating point
never exceeds the distance ``dx*dx + dy*dy`` of a pair in floating point. Sparsity therefore depends on the
order of the tokens: neighbours in the list should be neighbours in the visual field (`spatial_order`).
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad


class BlockLists(NamedTuple):
    """For each block of rows, the blocks of columns to visit, like flex_attention's ``BlockMask``."""

    count: Tensor  # (batch, n_row_blocks) int32
    index: (
        Tensor  # (batch, n_row_blocks, n_column_blocks) int32; the first `count` are valid, in rising order
    )


def spatial_order(position: Tensor) -> Tensor:
    """Indices that sort positions, shape (..., n, n_dims), along a Morton curve: blocks of neighbours become compact.

    Any order gives the same attention; on a square grid of patches this one visits 8 x 8 tiles in turn and
    leaves half as many blocks within a radius as the raster order does.
    """
    position = position.detach()
    low = position.amin(-2, keepdim=True)
    span = (position - low).amax((-2, -1), keepdim=True).clamp(min=torch.finfo(position.dtype).tiny)
    n_bits = min(10, 63 // position.shape[-1])
    level = ((position - low) / span * (2**n_bits - 1)).to(torch.int64)
    return torch.argsort(_interleaved(level, n_bits), dim=-1, stable=True)


def _interleaved(level: Tensor, n_bits: int) -> Tensor:
    """One number (..., n) of the bits of all coordinates (..., n, n_dims), in turns."""
    n_dims = level.shape[-1]
    code = torch.zeros_like(level[..., 0])
    for bit, axis in itertools.product(range(n_bits), range(n_dims)):
        code |= (level[..., axis] >> bit & 1) << bit * n_dims + axis
    return code


def bounding_boxes(position: Tensor, block: int, absent: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Lowest and highest corner, (batch, n_blocks, n_dims), of each `block` of positions (batch, n, n_dims).

    Positions that are `absent` (batch, n) stretch no box; a block of absent ones has an empty box, which is
    infinitely far from all others.
    """
    low = high = position
    if absent is not None:
        low = position.masked_fill(absent[..., None], torch.inf)
        high = position.masked_fill(absent[..., None], -torch.inf)
    missing = (0, 0, 0, -position.shape[1] % block)
    low = pad(low, missing, value=torch.inf).unflatten(1, (-1, block))
    high = pad(high, missing, value=-torch.inf).unflatten(1, (-1, block))
    return low.amin(2), high.amax(2)


def boxes_within(
    boxes: tuple[Tensor, Tensor], others: tuple[Tensor, Tensor], radius: Tensor | None
) -> Tensor:
    """Mask (batch, n_boxes, n_others) of the pairs of boxes whose gap is at most the largest `radius`."""
    axes = zip(*(corner.movedim(-1, 0).contiguous() for corner in (*boxes, *others)), strict=True)
    gaps = (
        torch.maximum(other_low[:, None] - high[:, :, None], low[:, :, None] - other_high[:, None]).clamp_(0)
        for low, high, other_low, other_high in axes
    )
    squared = functools.reduce(torch.add, (gap.square_() for gap in gaps))
    if radius is None:
        return squared < torch.inf
    return (squared <= (radius * radius).amax()) & (squared < torch.inf)


def block_lists(keep: Tensor) -> BlockLists:
    """Compress a mask of blocks (batch, n_rows, n_columns) into lists of columns for each row."""
    order = torch.argsort(keep.to(torch.int8), dim=-1, descending=True, stable=True)
    return BlockLists(keep.sum(-1, dtype=torch.int32), order.to(torch.int32))


def kept_blocks(
    query_position: Tensor,
    key_position: Tensor,
    radius: Tensor | None,
    *,
    query_block: int,
    key_block: int,
    log_weight: Tensor | None = None,
) -> Tensor:
    """Mask (batch, n_query_blocks, n_key_blocks) of the blocks that may hold a pair within the radius."""
    absent = None if log_weight is None else torch.isneginf(log_weight)
    batch = max(key_position.shape[0], 1 if absent is None else absent.shape[0])
    keys = key_position.expand(batch, -1, -1)
    boxes = bounding_boxes(query_position, query_block)
    return boxes_within(boxes, bounding_boxes(keys, key_block, absent), radius)
