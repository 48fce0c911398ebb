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
    """Geometry of all pairs, each (batch, n_queries, n_keys) but the last two; pairs come last, to be fast."""

    eccentricity: Tensor
    inverse: Tensor  # 1 / eccentricity, 0 at the gaze
    knot: Tensor  # fractional index of the knot, clamped to the last
    tents: Tensor  # (batch, n_knots, n_queries, n_keys)
    harmonics: Tensor  # (batch, 4, n_queries, n_keys): cos, sin, cos 2, sin 2 of the direction


def polar_geometry(
    query_position: Tensor, key_position: Tensor, e2: Tensor, extent_deg: float, n_knots: int
) -> Polar:
    """Eccentricity, direction, tents and harmonics of all pairs."""
    dx = key_position[:, None, :, 0] - query_position[:, :, None, 0]
    dy = key_position[:, None, :, 1] - query_position[:, :, None, 1]
    squared = dx * dx + dy * dy
    eccentricity = safe_sqrt(squared)
    inverse = torch.where(squared > 0, 1 / torch.where(squared > 0, eccentricity, 1), 0)
    cosine, sine = dx * inverse, dy * inverse
    # log1p takes twelve times as long as log on a CPU; near 0 a knot's index needs no more digits than elsewhere
    rho = torch.log(1 + eccentricity / e2)
    knot = (rho / knot_spacing(e2, extent_deg, n_knots)).clamp(max=n_knots - 1)
    tents = (knot[:, None] - _knots(knot, n_knots)).abs_().neg_().add_(1).clamp_(min=0)
    harmonics = torch.stack([cosine, sine, cosine * cosine - sine * sine, 2 * sine * cosine], 1)
    return Polar(eccentricity, inverse, knot, tents, harmonics)


def knot_spacing(e2: Tensor, extent_deg: float, n_knots: int) -> Tensor:
    """Distance of neighbouring knots in rho."""
    return torch.log1p(extent_deg / e2) / (n_knots - 1)


def polar_terms(polar: Polar, table: Tensor) -> tuple[Tensor, Tensor]:
    """Gain and bias, (batch, heads or 1, n_queries, n_keys), from `table` (heads or 1, n_knots, 6)."""
    gain, bias, *waves = _interpolate(polar, table).unbind(2)
    for wave, harmonic in zip(waves, polar.harmonics.unbind(1), strict=True):
        bias = torch.addcmul(bias, wave, harmonic[:, None])
    return gain, bias


def polar_backward(
    polar: Polar, table: Tensor, e2: Tensor, extent_deg: float, grad_gain: Tensor, grad_bias: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of the table, e2 (1,), and both positions from those of gain and bias (batch, heads, ...)."""
    if table.shape[0] == 1:
        grad_gain, grad_bias = grad_gain.sum(1, keepdim=True), grad_bias.sum(1, keepdim=True)
    harmonics = polar.harmonics.unbind(1)
    grad_rows = torch.stack([grad_gain, grad_bias, *(grad_bias * wave[:, None] for wave in harmonics)], 2)
    flat = grad_rows.flatten(1, 2).flatten(2)  # (batch, heads * 6, queries * keys)
    grad_table = (flat @ polar.tents.flatten(2).mT).sum(0).unflatten(0, (table.shape[0], -1)).mT
    grad_tents = (table.mT.flatten(0, 1).mT @ flat).unflatten(-1, grad_rows.shape[-2:])
    _, _, *waves = _interpolate(polar, table).unbind(2)
    grad_harmonics = [(grad_bias * wave).sum(1) for wave in waves]
    grad_e2, grad_dx, grad_dy = _geometry_backward(polar, e2, extent_deg, grad_tents, grad_harmonics)
    grad_gaze, grad_place = (torch.stack([grad_dx.sum(i), grad_dy.sum(i)], -1) for i in (2, 1))
    return grad_table, grad_e2, -grad_gaze, grad_place


def _interpolate(polar: Polar, table: Tensor) -> Tensor:
    """The six terms of the table at every pair, (batch, heads or 1, 6, n_queries, n_keys)."""
    terms = table.mT.flatten(0, 1) @ polar.tents.flatten(2)
    return terms.unflatten(1, (table.shape[0], -1)).unflatten(-1, polar.knot.shape[1:])


def _knots(knot: Tensor, n_knots: int) -> Tensor:
    return torch.arange(n_knots, dtype=knot.dtype, device=knot.device)[:, None, None]


def _geometry_backward(
    polar: Polar, e2: Tensor, extent_deg: float, grad_tents: Tensor, grad_harmonics: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of e2 and of both components of the offset, (batch, n_queries, n_keys)."""
    n_knots = polar.tents.shape[1]
    spacing = knot_spacing(e2, extent_deg, n_knots)
    side = torch.sign(_knots(polar.knot, n_knots) - polar.knot[:, None]) * (polar.tents > 0)
    inside = polar.knot < n_knots - 1
    grad_knot = torch.where(inside, (grad_tents * side).sum(1), 0)
    reach = e2 + polar.eccentricity
    grad_eccentricity = grad_knot / (spacing * reach)
    # knot = rho / spacing; both depend on e2: d rho/d e2 = -E / (e2 (e2 + E)), likewise for the extent
    spacing_slope = -extent_deg / (e2 * (e2 + extent_deg)) / (n_knots - 1)
    knot_slope = (-polar.eccentricity / (e2 * reach) - polar.knot * spacing_slope) / spacing
    grad_e2 = (grad_knot * knot_slope).sum().reshape(1)
    c, s, cc, ss = polar.harmonics.unbind(1)
    to_c, to_s, to_cc, to_ss = grad_harmonics
    grad_angle = (to_s * c - to_c * s + 2 * (to_ss * cc - to_cc * ss)) * polar.inverse
    return grad_e2, grad_eccentricity * c - grad_angle * s, grad_eccentricity * s + grad_angle * c
