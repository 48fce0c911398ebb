"""Foveal attention written out: all scores at once, in float64, with autograd for every gradient.

This is the truth that the other implementations are tested against, and the way to have the scores
themselves (`pair_scores`). Its memory grows with n_queries * n_keys.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.polar import polar_geometry, polar_terms
from cogattn.kernels.foveal_attention.radial import profile, squared_eccentricity
from cogattn.kernels.foveal_attention.table import table_bias
from cogattn.kernels.foveal_attention.visibility import hidden_pairs


def attend(call: Call) -> tuple[Tensor, Tensor | None]:
    """Return the output (batch, heads, n_queries, dim_v) and, if asked for, the log-sum-exp; computed in float64."""
    call = call.tensors()
    out, log_sum = written_out(_as_double(call), hidden_pairs(call))
    return out.to(call.q.dtype), None if log_sum is None else log_sum.to(call.wide)


def written_out(call: Call, hidden: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Scores, softmax and sum one after the other; a query that sees no key gives 0, and a log-sum-exp of -inf."""
    scores = pair_scores(call._replace(q=call.q.to(call.wide), k=call.k.to(call.wide)))
    scores = scores if hidden is None else scores.masked_fill(hidden, -torch.inf)
    dead = None
    if hidden is not None or call.log_weight is not None:
        dead = torch.isneginf(scores.detach()).all(-1, keepdim=True)
        scores = scores.masked_fill(dead, 0)
    weights = torch.softmax(scores, -1)
    weights = weights if dead is None else weights.masked_fill(dead, 0)
    log_sum = scores.logsumexp(-1) if call.return_lse else None
    if log_sum is not None and dead is not None:
        log_sum = log_sum.masked_fill(dead[..., 0], -torch.inf)
    return weights @ call.v.to(call.wide), log_sum


def pair_scores(call: Call) -> Tensor:
    """Scores before the softmax, (batch, heads, n_queries, n_keys), without the radius cut."""
    gain, bias = score_terms(call)
    content = call.q @ call.k.mT * call.scale
    scores = (content if gain is None else gain * content) + bias
    return scores if call.log_weight is None else scores + call.log_weight[:, None, None]


def score_terms(call: Call) -> tuple[Tensor | None, Tensor]:
    """Gain on content (None for 1) and bias of all pairs, broadcastable to the scores."""
    if call.bias == "polar":
        polar = polar_geometry(
            call.query_position,
            call.key_position,
            call.e2_tensor,
            call.extent_deg,
            call.coefficient_tensor.shape[1],
        )
        return polar_terms(polar, call.coefficient_tensor)
    if call.bias == "table":
        return None, table_bias(call.coefficient_tensor, call.query_position, call.key_position, call.spacing)
    squared = squared_eccentricity(call.query_position, call.key_position)[:, None]
    return None, -call.coefficient_tensor[:, None, None] * profile(
        call.bias, squared, call.e2_tensor[:, None, None]
    )


def _as_double(call: Call) -> Call:
    return call._replace(
        **{
            name: value.double()
            for name, value in call._asdict().items()
            if isinstance(value, Tensor) and value.is_floating_point()
        }
    )
