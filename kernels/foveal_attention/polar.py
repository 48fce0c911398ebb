"""The log-polar table: an eccentricity-dependent gain on content and a spatial prior with direction.

With ``delta = x - p`` the offset of key x from gaze p, ``E = |delta|``, ``rho = ln(1 + E/e2)`` and the
direction ``(c, s) = delta / E`` (0 at E = 0), the score is

    S = gain(rho) * (q . k) * scale + bias(rho, direction) + log_weight
    gain = sum_k B_k(rho) T_k0,   bias = sum_k B_k(rho) (T_k1 + T_k2 c + T_k3 s + T_k4 cos 2t + T_k5 sin 2t)

where B_k are linear tents on knots equally spaced in rho from 0 to ``ln(1 + extent/e2)``; beyond the last
knot the table is constant. The gain stands for visibility and crowding, the bias for saccade amplitude and
direction. A table whose first column is 1 and whose others are 0 is plain attention.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.radial import safe_sqrt


class Polar(NamedTuple):
    """Geometry of all pairs, each (batch, n_queries, n_keys) but the last two."""

    eccentricity: Tensor
    inverse: Tensor  # 1 / eccentricity, 0 at the gaze
    cosine: Tensor
    sine: Tensor
    knot: Tensor  # fractional index of the knot, clamped to the last
    tents: Tensor  # (..., n_knots)
    angular: Tensor  # (..., 5)


def polar_geometry(
    query_position: Tensor, key_position: Tensor, e2: Tensor, extent_deg: float, n_knots: int
) -> Polar:
    """Eccentricity, direction, tents and angular basis of all pairs."""
    offset = key_position[:, None] - query_position[:, :, None]  # (batch, queries, keys, 2)
    squared = offset[..., 0] * offset[..., 0] + offset[..., 1] * offset[..., 1]
    eccentricity = safe_sqrt(squared)
    inverse = torch.where(squared > 0, 1 / torch.where(squared > 0, eccentricity, 1), 0)
    cosine, sine = offset[..., 0] * inverse, offset[..., 1] * inverse
    knot = (torch.log1p(eccentricity / e2) / knot_spacing(e2, extent_deg, n_knots)).clamp(max=n_knots - 1)
    knots = torch.arange(n_knots, dtype=knot.dtype, device=knot.device)
    tents = (1 - (knot[..., None] - knots).abs()).clamp(min=0)
    angular = torch.stack(
        [torch.ones_like(cosine), cosine, sine, cosine * cosine - sine * sine, 2 * sine * cosine], -1
    )
    return Polar(eccentricity, inverse, cosine, sine, knot, tents, angular)


def knot_spacing(e2: Tensor, extent_deg: float, n_knots: int) -> Tensor:
    """Distance of neighbouring knots in rho."""
    return torch.log1p(extent_deg / e2) / (n_knots - 1)


def polar_terms(polar: Polar, table: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and bias, (batch, heads or 1, n_queries, n_keys), from `table` (heads or 1, n_knots, 6)."""
    gain = polar.tents @ table[..., 0].mT
    features = (polar.tents[..., :, None] * polar.angular[..., None, :]).flatten(-2)
    bias = features @ table[..., 1:].flatten(1).mT
    return gain.movedim(-1, 1), bias.movedim(-1, 1)


def polar_backward(
    polar: Polar, table: Tensor, e2: Tensor, extent_deg: float, grad_gain: Tensor, grad_bias: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of the table, e2 (1,), and both positions from those of gain and bias (batch, heads, ...)."""
    if table.shape[0] == 1:
        grad_gain, grad_bias = grad_gain.sum(1, keepdim=True), grad_bias.sum(1, keepdim=True)
    features = (polar.tents[..., :, None] * polar.angular[..., None, :]).flatten(-2)
    grad_table = torch.cat(
        [
            torch.einsum("bhmn,bmnk->hk", grad_gain, polar.tents)[..., None],
            torch.einsum("bhmn,bmnf->hf", grad_bias, features).unflatten(-1, (-1, 5)),
        ],
        -1,
    )
    grad_features = (grad_bias.movedim(1, -1) @ table[..., 1:].flatten(1)).unflatten(-1, (-1, 5))
    grad_tents = (grad_features * polar.angular[..., None, :]).sum(-1) + grad_gain.movedim(1, -1) @ table[
        ..., 0
    ]
    grad_angular = (grad_features * polar.tents[..., None]).sum(-2)
    grad_e2, grad_offset = _geometry_backward(polar, e2, extent_deg, grad_tents, grad_angular)
    return grad_table, grad_e2, -grad_offset.sum(2), grad_offset.sum(1)


def _geometry_backward(
    polar: Polar, e2: Tensor, extent_deg: float, grad_tents: Tensor, grad_angular: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of e2 and of the offset (batch, n_queries, n_keys, 2)."""
    n_knots = polar.tents.shape[-1]
    spacing = knot_spacing(e2, extent_deg, n_knots)
    knots = torch.arange(n_knots, dtype=polar.knot.dtype, device=polar.knot.device)
    side = torch.sign(knots - polar.knot[..., None]) * (polar.tents > 0)
    inside = polar.knot < n_knots - 1
    grad_knot = torch.where(inside, (grad_tents * side).sum(-1), 0)
    reach = e2 + polar.eccentricity
    grad_eccentricity = grad_knot / (spacing * reach)
    # knot = rho / spacing; both depend on e2: d rho/d e2 = -E / (e2 (e2 + E)), likewise for the extent
    spacing_slope = -extent_deg / (e2 * (e2 + extent_deg)) / (n_knots - 1)
    knot_slope = (-polar.eccentricity / (e2 * reach) - polar.knot * spacing_slope) / spacing
    grad_e2 = (grad_knot * knot_slope).sum().reshape(1)
    c, s = polar.cosine, polar.sine
    turn = torch.stack([torch.zeros_like(c), -s, c, -4 * s * c, 2 * (c * c - s * s)], -1)
    grad_angle = (grad_angular * turn).sum(-1) * polar.inverse
    grad_offset = torch.stack(
        [grad_eccentricity * c - grad_angle * s, grad_eccentricity * s + grad_angle * c], -1
    )
    return grad_e2, grad_offset
