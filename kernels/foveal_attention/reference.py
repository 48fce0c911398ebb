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


def attend(call: Call) -> Tensor:
    """Return the output, (batch, heads, n_queries, dim_v), computed in float64."""
    scores = pair_scores(_as_double(call)).masked_fill(~within_radius(call), -torch.inf)
    dead = torch.isneginf(scores).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(dead, 0), -1) * ~dead
    return (weights @ call.v.double()).to(call.q.dtype)


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
            call.query_position, call.key_position, call.e2, call.extent_deg, call.coefficients.shape[1]
        )
        return polar_terms(polar, call.coefficients)
    squared = squared_eccentricity(call.query_position, call.key_position)[:, None]
    return None, -call.coefficients[:, None, None] * profile(call.bias, squared, call.e2[:, None, None])


def within_radius(call: Call) -> Tensor:
    """Mask of the pairs within the radius, broadcastable to the scores; tested in the positions' dtype."""
    squared = squared_eccentricity(call.query_position, call.key_position)[:, None]
    if call.radius is None:
        return torch.ones_like(squared, dtype=torch.bool)
    return squared <= (call.radius * call.radius)[:, None, None]


def _as_double(call: Call) -> Call:
    return call._replace(
        **{name: value.double() for name, value in call._asdict().items() if isinstance(value, Tensor)}
    )
