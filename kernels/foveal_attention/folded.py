"""Calls whose bias is an inner product: extra columns of q and k, and plain scaled dot-product attention.

Two cases need no kernel of their own. One gaze for all queries makes the bias a number per key. The Gaussian
kind is ``-(alpha/2 e2^2) |x - p|^2``: up to a constant per query, which the softmax ignores, an inner product
of (p, 1) with a function of x. Both are exact, keep torch's flash attention, and are differentiable in every
argument; the columns hold the bias in the dtype of q, so that half precision would be too coarse.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.reference import score_terms, within_radius

COLUMN_MULTIPLE = 8


def obstacle(call: Call) -> str:
    """Return why `call` does not fold, or ``""``."""
    if call.q.dtype not in (torch.float32, torch.float64):
        return f"the bias would be rounded to {call.q.dtype}"
    if call.bias == "polar":
        return "the polar bias has a gain on content"
    if call.bias == "none" and call.radius is None:
        return ""
    if call.query_position.shape[1] == 1:
        return ""
    if call.bias != "gauss":
        return f"the {call.bias} bias of many gazes is no inner product"
    return "" if call.radius is None else "a radius with many gazes is no inner product"


def attend(call: Call) -> Tensor:
    """Return the output, (batch, heads, n_queries, dim_v)."""
    if call.bias == "none" and call.radius is None:
        return _attend(call, None, None, None)
    if call.query_position.shape[1] == 1:
        _, bias = score_terms(call)  # (batch or 1, heads or 1, 1, keys)
        within = None if call.radius is None else within_radius(call)
        return _attend(call, None, bias.mT, within)
    return _attend(call, *_gaussian_columns(call), None)


def _gaussian_columns(call: Call) -> tuple[Tensor, Tensor]:
    """Columns of gazes (..., 2) and of keys (..., 3): two factors of the bias, then the keys' own."""
    centre = call.key_position.mean(1, keepdim=True)
    gaze = (call.query_position - centre)[:, None]
    place = (call.key_position - centre)[:, None]
    steepness = (call.coefficients / (call.e2 * call.e2))[:, None, None]
    alone = -0.5 * steepness * (place * place).sum(-1, keepdim=True)
    return gaze, torch.cat([steepness * place, alone], -1)


def _attend(call: Call, gaze: Tensor | None, columns: Tensor | None, within: Tensor | None) -> Tensor:
    """Plain attention with `columns` of the keys against `gaze` and a last column of ones."""
    mask = within
    if call.log_weight is not None:
        weight = call.log_weight[:, None, :, None]
        present = ~torch.isneginf(weight)
        mask = present.mT if mask is None else mask & present.mT
        weight = weight.masked_fill(~present, 0)
        columns = weight if columns is None else _add_last(columns, weight)
    if mask is not None:
        mask = mask.expand(mask.shape[0], mask.shape[1], call.q.shape[2], -1)
    q, k, v = call.q, call.k, call.v
    dim, dim_v = q.shape[-1], v.shape[-1]
    if columns is not None:
        batch, heads, n_queries, _ = q.shape
        ones = q.new_ones(1, 1, 1, 1) if gaze is None else gaze.new_ones((*gaze.shape[:-1], 1))
        rows = ones if gaze is None else torch.cat([gaze, ones], -1)
        rows = rows / call.scale
        q = torch.cat([q, rows.expand(batch, heads, n_queries, -1)], -1)
        k = torch.cat([k, columns.expand(batch, heads, -1, -1)], -1)
    width = -(-max(q.shape[-1], dim_v) // COLUMN_MULTIPLE) * COLUMN_MULTIPLE if columns is not None else dim
    q, k, v = (pad(t, (0, width - t.shape[-1])) if t.shape[-1] < width else t for t in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=call.scale)[..., :dim_v]


def _add_last(columns: Tensor, weight: Tensor) -> Tensor:
    return torch.cat([columns[..., :-1].expand(*_shape(columns, weight), -1), columns[..., -1:] + weight], -1)


def _shape(columns: Tensor, weight: Tensor) -> torch.Size:
    return torch.broadcast_shapes(columns.shape[:-1], weight.shape[:-1])
