"""Biases that fall with eccentricity: ``b(E) = -alpha * L(E / e2)`` with one profile L per kind.

======== ===================== =========================================================
kind     L(u)                  exp(b)
======== ===================== =========================================================
log      ln(1 + u)             (1 + E/e2)^-alpha; alpha = 2 is areal cortical magnification
smooth   ln(1 + u^2) / 2       (1 + (E/e2)^2)^(-alpha/2); differentiable at E = 0
gauss    u^2 / 2               a Gaussian window of standard deviation e2 / sqrt(alpha)
none     0                     1
======== ===================== =========================================================

As L depends on E / e2 alone, one slope ``w = L'(E) / E`` gives every derivative: dL/de2 = -(E^2 / e2) w and
dL/dp = w (p - x). The log kind has a kink at E = 0, where w is set to 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Bias


def squared_eccentricity(query_position: Tensor, key_position: Tensor) -> Tensor:
    """Return ``dx*dx + dy*dy``, (batch, n_queries, n_keys): the one expression that all radius tests use."""
    dx = key_position[..., None, :, 0] - query_position[..., :, None, 0]
    dy = key_position[..., None, :, 1] - query_position[..., :, None, 1]
    return dx * dx + dy * dy


def profile(kind: Bias, squared: Tensor, e2: Tensor) -> Tensor:
    """L at squared eccentricity `squared` (batch, 1, queries, keys), for `e2` (heads or 1, 1, 1)."""
    # log(1 + u), not log1p: five times as fast, and a score needs the absolute precision alone
    if kind == "smooth":
        return 0.5 * (1 + squared / (e2 * e2)).log()
    if kind == "log":
        return (1 + safe_sqrt(squared) / e2).log()
    if kind == "gauss":
        return 0.5 * (squared / (e2 * e2))
    return torch.zeros_like(squared)


def slope(kind: Bias, squared: Tensor, e2: Tensor) -> Tensor:
    """Return ``L'(E) / E`` at squared eccentricity `squared`."""
    if kind == "smooth":
        return 1 / (squared + e2 * e2)
    if kind == "log":
        eccentricity = squared.sqrt()
        return torch.where(squared > 0, 1 / (eccentricity * (eccentricity + e2)), 0)
    if kind == "gauss":
        return (1 / (e2 * e2)).expand_as(squared * e2)
    return torch.zeros_like(squared)


def safe_sqrt(squared: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0 instead of infinite."""
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, 1).sqrt(), 0)


def radial_backward(
    kind: Bias, grad_bias: Tensor, query_position: Tensor, key_position: Tensor, alpha: Tensor, e2: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of alpha, e2 (heads or 1,) and both positions (batch, n, 2), from that of the bias.

    `grad_bias` has shape (batch, heads, n_queries, n_keys) and is 0 outside the radius.
    """
    heads_alpha, heads_e2 = alpha[:, None, None], e2[:, None, None]
    squared = squared_eccentricity(query_position, key_position)[:, None]
    grad_alpha = -_dot_per_head(grad_bias, profile(kind, squared, heads_e2), alpha)
    if e2.shape[0] == 1:  # the profile is shared, so the heads can be summed first
        pull = torch.einsum("bhmn,h->bmn", grad_bias, alpha.expand(grad_bias.shape[1]))[:, None]
    else:
        pull = grad_bias * heads_alpha
    pull = pull * slope(kind, squared, heads_e2)
    grad_e2 = _dot_per_head(pull, squared, e2) / e2
    pull = pull.sum(1)  # (batch, queries, keys)
    centre = key_position.mean(1, keepdim=True)
    gaze, place = query_position - centre, key_position - centre
    grad_gaze = pull @ place - pull.sum(2)[..., None] * gaze
    grad_place = pull.mT @ gaze - pull.sum(1)[..., None] * place
    return grad_alpha, grad_e2, grad_gaze, grad_place


def _dot_per_head(per_head: Tensor, pairs: Tensor, parameter: Tensor) -> Tensor:
    """Sum of the products over images and pairs, (heads,), or (1,) where the parameter is shared."""
    per_image = (
        per_head.flatten(2) @ pairs.expand(per_head.shape[0], -1, -1, -1).flatten(2).mT
        if (pairs.shape[1] == 1)
        else (per_head.flatten(2)[:, :, None] @ pairs.flatten(2)[..., None])[..., 0]
    )
    total = per_image[..., 0].sum(0)
    return total if total.shape == parameter.shape else total.sum(0, keepdim=True)
