"""All scores at once, in the precision of the call: the fastest where they are few, or where a layout keeps the mask.

A bias that is not learned is a mask for torch's own attention. One that is learned, and the polar kind with its gain on
content, is written out for autograd, which recomputes nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from cogattn.kernels.foveal_attention.bias import masked_terms
from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.reference import written_out
from cogattn.kernels.foveal_attention.visibility import hidden_pairs


def attend(call: Call) -> tuple[Tensor, Tensor | None]:
    """Return the output (batch, heads, n_queries, dim_v) and the log-sum-exp, None where torch does not tell it."""
    if call.bias == "polar" or call.return_lse or (torch.is_grad_enabled() and call.learns_bias):
        call = call.tensors()
        out, log_sum = written_out(call, hidden_pairs(call))
        return out.to(call.q.dtype), log_sum
    mask = _mask(call.tensors()).to(call.q.dtype)
    return scaled_dot_product_attention(call.q, call.k, call.v, attn_mask=mask, scale=call.scale), None


def n_scores(call: Call) -> int:
    """Numbers of all scores, or of a mask that some images and heads may share."""
    parameters = (call.coefficients, call.e2, call.radius)
    per_head = any(isinstance(value, Tensor) and len(value) > 1 for value in parameters)
    per_head = per_head or (call.mask is not None and call.mask.shape[1] > 1)
    rows = call.n_position_batches * (call.q.shape[1] if per_head else 1)
    return rows * call.q.shape[2] * call.k.shape[2]


def _mask(call: Call) -> Tensor:
    """The bias as a mask; the layout that the caller made keeps it, outside of compiled graphs."""

    def make() -> Tensor:
        with torch.no_grad():
            return masked_terms(call)[1]

    if call.layout is None or torch.compiler.is_compiling():
        return make()
    return call.layout.keep(("mask", call.q.shape[2], call.wide), make, of=call.values())
