"""A learned table over offsets: the relative position bias of Swin and NATTEN, for positions of any dimension.

The offset of a key from its query, in units of `spacing`, is looked up around the table's centre, linearly between its
cells, so that positions have gradients; beyond the edge the table is constant. Where offsets are whole numbers of cells
this is the table's entry itself. The gradient of the table is summed in a fixed order, on a CPU and on a GPU: nothing
is added atomically.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding


class Axis(NamedTuple):
    """Where pairs (batch, n_queries, n_keys) fall along one axis of the table."""

    low: Tensor  # cell below
    part: Tensor  # of the way to the next
    inside: Tensor  # bool: not beyond the edge
    step: int  # between neighbours of the axis in the flat table


def table_bias(
    table: Tensor, query_position: Tensor, key_position: Tensor, spacing: Sequence[float]
) -> Tensor:
    """Return the bias (batch, heads or 1, n_queries, n_keys) of `table` (heads or 1, *cells)."""
    axes = _axes(table, query_position, key_position, spacing)
    flat = table.flatten(1).mT.contiguous()  # (cells, heads)
    seen = (
        _weight(axes, corner)[..., None] * embedding(_index(axes, corner), flat) for corner in _corners(axes)
    )
    return sum(seen, start=flat.new_zeros(())).movedim(-1, 1)


def table_backward(
    grad_bias: Tensor, table: Tensor, query_position: Tensor, key_position: Tensor, spacing: Sequence[float]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the table and of both positions (batch, n, n_dims) from that of the bias (batch, heads, ...)."""
    axes = _axes(table, query_position, key_position, spacing)
    flat = table.flatten(1).mT.contiguous()
    grad_bias = grad_bias.sum(1, keepdim=True) if len(table) == 1 else grad_bias
    grad_pairs = grad_bias.movedim(1, -1)  # (batch, n_queries, n_keys, heads)
    grad_table = torch.zeros_like(flat)
    grad_axes = [torch.zeros_like(axis.part) for axis in axes]
    for corner in _corners(axes):
        index = _index(axes, corner)
        weighted = (grad_pairs * _weight(axes, corner)[..., None]).flatten(0, 2)
        grad_table += torch.ops.aten.embedding_dense_backward(weighted, index.flatten(), len(flat), -1, False)
        pull = (grad_pairs * embedding(index, flat)).sum(-1)
        for i, axis in enumerate(axes):
            grad_axes[i] += (pull if corner[i] else -pull) * axis.inside * _weight(axes, corner, but=i)
    offsets = torch.stack([grad / unit for grad, unit in zip(grad_axes, spacing, strict=True)], -1)
    return grad_table.mT.reshape(table.shape), -offsets.sum(2), offsets.sum(1)


def _axes(
    table: Tensor, query_position: Tensor, key_position: Tensor, spacing: Sequence[float]
) -> list[Axis]:
    sizes = table.shape[1:]
    positions = zip(query_position.unbind(-1), key_position.unbind(-1), strict=True)
    return [
        _axis((key[..., None, :] - query[..., :, None]) / unit, size, math.prod(sizes[i + 1 :]))
        for i, ((query, key), unit, size) in enumerate(zip(positions, spacing, sizes, strict=True))
    ]


def _axis(offset: Tensor, size: int, step: int) -> Axis:
    place = offset + (size - 1) / 2
    inside = (place >= 0) & (place <= size - 1)
    place = place.clamp(0, size - 1)
    low = place.detach().floor().clamp(max=size - 2)
    return Axis(low.long(), place - low, inside, step)


def _corners(axes: Sequence[Axis]) -> Iterator[tuple[int, ...]]:
    return itertools.product((0, 1), repeat=len(axes))


def _index(axes: Sequence[Axis], corner: Sequence[int]) -> Tensor:
    return torch.stack([(axis.low + c) * axis.step for axis, c in zip(axes, corner, strict=True)]).sum(0)


def _weight(axes: Sequence[Axis], corner: Sequence[int], *, but: int = -1) -> Tensor:
    """Product of the shares of a corner along all axes, or all but one."""
    shares = (axis.part if c else 1 - axis.part for axis, c in zip(axes, corner, strict=True))
    ones = torch.ones_like(axes[0].part)
    return functools.reduce(torch.mul, (share for i, share in enumerate(shares) if i != but), ones)
