"""What is added to the scores of all pairs of a tile, made in place: on a CPU it costs as much as the attention itself.

No gradient flows through it; `cogattn.kernels.foveal_attention.reference` has the same in plain, differentiable steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Call
from cogattn.kernels.foveal_attention.polar import polar_geometry, polar_terms
from cogattn.kernels.foveal_attention.radial import (
    Distances,
    Fall,
    distances,
    fall_backward,
    positions_backward,
    pull,
    radial_bias,
)
from cogattn.kernels.foveal_attention.table import table_backward, table_bias
from cogattn.kernels.foveal_attention.visibility import hidden_pairs


def masked_terms(part: Call, places: Distances | None = None) -> tuple[Tensor | None, Tensor]:
    """Gain on content (None for 1) and bias, broadcastable to the scores, with weights and -inf where none is seen.

    Where the places lie from one another may be known already.
    """
    places = places or distances(part.bias, part.query_position, part.key_position)
    others = other_terms(part, places.squared)
    gain, bias = _polar(part) if part.bias == "polar" else (None, _additive(part, places))
    if others is None:
        return gain, bias
    in_place = torch.broadcast_shapes(bias.shape, others.shape) == bias.shape
    return gain, bias.add_(others) if in_place else bias + others


def other_terms(part: Call, squared: Tensor) -> Tensor | None:
    """What no bias says: weights of keys, and -inf where a key is not seen; None where there is neither."""
    hidden = hidden_pairs(part, squared)
    weight = None if part.log_weight is None else part.log_weight[:, None, None]
    if hidden is None:
        return weight
    return torch.where(hidden, -torch.inf, squared.new_zeros(()) if weight is None else weight)


def bias_backward(
    part: Call, grad_bias: Tensor, *, learns_position: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of coefficients, e2 and both positions from that of a bias without gain (batch, heads, ...).

    Those of positions that are not learned are empty.
    """
    positions = part.query_position, part.key_position
    if part.bias == "table":
        grad_table, grad_gaze, grad_place = table_backward(
            grad_bias, part.coefficient_tensor, *positions, part.spacing
        )
        return grad_table, torch.zeros_like(part.e2_tensor), grad_gaze, grad_place
    alpha, e2 = part.coefficient_tensor, part.e2_tensor
    places = distances(part.bias, *positions)
    fall = Fall(part.bias, lambda: places.base, e2)
    none = grad_bias.new_zeros(0)
    grad_alpha, grad_e2, steep = fall_backward(grad_bias, fall, alpha, grad_bias.sum((0, 2, 3)))
    if not learns_position:
        return grad_alpha, grad_e2, none, none
    pulled = pull(steep, alpha) * places.base[:, 0]
    return grad_alpha, grad_e2, *positions_backward(pulled, places.squared, *positions)


def _additive(part: Call, places: Distances) -> Tensor:
    if part.bias == "table":
        positions = part.query_position, part.key_position
        return table_bias(part.coefficient_tensor, *positions, part.spacing).contiguous()
    return radial_bias(part.bias, places.base, part.coefficient_tensor, part.e2_tensor)


def _polar(part: Call) -> tuple[Tensor, Tensor]:
    polar = polar_geometry(
        part.query_position,
        part.key_position,
        part.e2_tensor,
        part.extent_deg,
        part.coefficient_tensor.shape[1],
    )
    return polar_terms(polar, part.coefficient_tensor)
