"""Calls whose bias is an inner product: extra columns of q and k, and plain scaled dot-product attention.

Two cases need no kernel of their own. One gaze for all queries makes the bias a number per key. The Gaussian
kind is ``-(alpha/2 e2^2) |x - p|^2``: up to a constant per query, which the softmax ignores, an inner product
of (p, 1) with a function of x. Both are exact, keep torch's flash attention, and are differentiable in every
argument; the columns hold the bias in the dtype of q, so that half precision would be too coarse. Where a number per
key is not learned it is no column but a mask of one row, which costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.reference import score_terms
from cogattn.kernels.foveal_attention.visibility import hidden_pairs

COLUMN_MULTIPLE = 8


def obstacle(call: Call) -> str:
    """Return why `call` does not fold, or ``""``."""
    if call.q.dtype not in (torch.float32, torch.float64):
        return f"the bias would be rounded to {call.q.dtype}"
    if call.return_lse:
        return "torch's attention does not tell the log-sum-exp"
    if call.mask is not None or call.causal or call.sequences is not None:
        return "a mask of pairs is no inner product"
    if call.bias == "polar":
        return "the polar bias has a gain on content"
    if call.bias == "none" and call.radius is None:
        return ""
    if call.query_position.shape[1] == 1:
        return ""
    if call.bias != "gauss":
        return f"the {call.bias} bias of many gazes is no inner product"
    return "" if call.radius is None else "a radius with many gazes is no inner product"


def attend(call: Call) -> tuple[Tensor, None]:
    """Return the output, (batch, heads, n_queries, dim_v), without a log-sum-exp."""
    call = call.tensors()
    if _is_row(call) and not (call.learns_bias and torch.is_grad_enabled()):
        row = _row(call)
        mask = None if row is None else row.to(call.q.dtype).expand(-1, -1, call.q.shape[2], -1)
        return scaled_dot_product_attention(call.q, call.k, call.v, attn_mask=mask, scale=call.scale), None
    batch, heads, n_queries, _ = call.q.shape
    rows, columns = [call.q], [call.k]
    for row, column in _factors(call):
        rows.append((row / call.scale).expand(batch, heads, n_queries, -1))
        columns.append(column.expand(batch, heads, -1, -1))
    mask = _present(call)
    if mask is not None:
        mask = mask.expand(-1, -1, n_queries, -1)
    q, k, v = torch.cat(rows, -1), torch.cat(columns, -1), call.v
    dim_v = v.shape[-1]
    if q.shape[-1] != dim_v:
        width = -(-max(q.shape[-1], dim_v) // COLUMN_MULTIPLE) * COLUMN_MULTIPLE
        q, k, v = (pad(t, (0, width - t.shape[-1])) for t in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=call.scale)[..., :dim_v], None


def _is_row(call: Call) -> bool:
    return call.bias == "none" or call.query_position.shape[1] == 1


def _row(call: Call) -> Tensor | None:
    """What is added to the scores of each key, (batch or 1, heads or 1, 1, n_keys)."""
    row, hidden = None, hidden_pairs(call)
    if call.bias != "none":
        _, row = score_terms(call)
    if call.log_weight is not None:
        row = call.log_weight[:, None, None] if row is None else row + call.log_weight[:, None, None]
    if hidden is None:
        return row
    row = row if row is not None else call.query_position.new_zeros(hidden.shape)
    return row.masked_fill(hidden, -torch.inf)


def _factors(call: Call) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows of queries and columns of keys, (batch, heads, n, width), whose products sum to the bias."""
    ones = call.q.new_ones(1, 1, 1, 1)
    if call.bias != "none" and call.query_position.shape[1] == 1:
        _, bias = score_terms(call)
        yield ones, bias.mT
    elif call.bias == "gauss":
        centre = call.key_position.mean(1, keepdim=True)
        gaze = (call.query_position - centre)[:, None]
        place = (call.key_position - centre)[:, None]
        steepness = (call.coefficient_tensor / (call.e2_tensor * call.e2_tensor))[:, None, None]
        yield gaze, steepness * place
        yield ones, -0.5 * steepness * (place * place).sum(-1, keepdim=True)
    if call.log_weight is not None:
        yield ones, call.log_weight.masked_fill(torch.isneginf(call.log_weight), 0)[:, None, :, None]


def _present(call: Call) -> Tensor | None:
    """Mask of the keys that are neither padding nor beyond the radius of the one gaze."""
    hidden = hidden_pairs(call)
    if call.log_weight is not None:
        padding = torch.isneginf(call.log_weight)[:, None, None]
        hidden = padding if hidden is None else hidden | padding
    return None if hidden is None else ~hidden
