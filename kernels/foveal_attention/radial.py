"""Biases that fall with eccentricity: ``b(E) = -alpha * L(E / e2)`` with one profile L per kind.

======== ===================== =========================================================
kind     L(u)                  exp(b)
======== ===================== =========================================================
log      ln(1 + u)             (1 + E/e2)^-alpha; alpha = 2 is areal cortical magnification
smooth   ln(1 + u^2) / 2       (1 + (E/e2)^2)^(-alpha/2); differentiable at E = 0
gauss    u^2 / 2               a Gaussian window of standard deviation e2 / sqrt(alpha)
none     0                     1
======== ===================== =========================================================

As L depends on ``u = E / e2`` alone, one steepness ``u L'(u)`` gives every derivative: that of L by e2 is ``-u L'(u) /
e2`` and that by the gaze p is ``u L'(u) (p - x) / E^2``, which is set to 0 at E = 0: the log kind has a kink there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from cogattn.kernels.foveal_attention.call import Bias


def squared_eccentricity(query_position: Tensor, key_position: Tensor) -> Tensor:
    """Return ``dx*dx + dy*dy + ...``, (batch, n_queries, n_keys): the one expression that all radius tests use."""
    axes = zip(query_position.unbind(-1), key_position.unbind(-1), strict=True)
    offsets = (key[..., None, :] - query[..., :, None] for query, key in axes)
    return functools.reduce(torch.add, (offset * offset for offset in offsets))


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


def safe_sqrt(squared: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0 instead of infinite."""
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, 1).sqrt(), 0)


class Distances(NamedTuple):
    """How far keys are from gazes, each (batch, 1, n_queries, n_keys), without a graph."""

    squared: Tensor  # E^2
    base: Tensor  # what all heads' bias falls with: E for the log kind, E^2 for the others


class Fall:
    """How a bias falls at pairs, for e2 (heads or 1,), without a graph; made when asked for.

    ``L(u) = share * level``, but for a constant that changes no weight: `shift` (heads or 1,).
    """

    def __init__(self, kind: Bias, base: Callable[[], Tensor], e2: Tensor) -> None:
        self.kind, self._base, self.e2 = kind, base, e2
        self.scale = e2 if kind == "log" else e2 * e2
        self.share = 1.0 if kind == "log" else 0.5

    @property
    def base(self) -> Tensor:
        """That of `Distances`."""
        return self._base()

    @functools.cached_property
    def above(self) -> Tensor:
        """``u L'(u) = base / above``, broadcastable to (..., heads or 1, n_queries, n_keys)."""
        scale = self.scale[:, None, None]
        return self.base + scale if self.has_shift else scale

    @functools.cached_property
    def level(self) -> Tensor:
        """Of the pairs, (..., heads or 1, n_queries, n_keys)."""
        if self.kind == "none":
            return torch.zeros_like(self.base)
        return self.above.log() if self.has_shift else self.base / self.above

    @property
    def has_shift(self) -> bool:
        """Whether the level is ``ln(e2 + E)``, and not ``ln(1 + E/e2)``: a pass less."""
        return self.kind in ("log", "smooth")

    @property
    def shift(self) -> Tensor:
        """What is missing from ``L(u)``."""
        return -self.e2.log() if self.has_shift else torch.zeros_like(self.e2)


def distances(kind: Bias, query_position: Tensor, key_position: Tensor) -> Distances:
    """What heads share of all pairs."""
    squared = squared_eccentricity(query_position, key_position)[:, None]
    return Distances(squared, squared.sqrt() if kind == "log" else squared)


def radial_bias(kind: Bias, base: Tensor, alpha: Tensor, e2: Tensor) -> Tensor:
    """``-alpha L(u)``, (batch, heads or 1, n_queries, n_keys), for alpha and e2 (heads or 1,)."""
    alpha, e2 = alpha[:, None, None], e2[:, None, None]
    if kind == "none":
        return torch.zeros_like(base)
    if kind == "gauss":
        return base * (-0.5 * alpha / (e2 * e2))
    level, strength = (base * (1 / e2), -alpha) if kind == "log" else (base * (1 / (e2 * e2)), -0.5 * alpha)
    level.add_(1).log_()
    return level.mul_(strength) if len(strength) <= level.shape[1] else level * strength


def fall_backward(
    grad_bias: Tensor, fall: Fall, alpha: Tensor, total: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of alpha and e2 (heads or 1,) from that of the bias, (batch, heads, n_queries, n_keys), and `steep`.

    `total` (heads,) is the sum of the bias's gradient, which its softmax makes 0; ``base * steep`` is that gradient
    times ``u L'(u)``.
    """
    at_level = (grad_bias * fall.level).sum((0, 2, 3)) * fall.share
    if fall.kind == "none":
        return torch.zeros_like(alpha), torch.zeros_like(fall.e2), torch.zeros_like(grad_bias)
    steep = grad_bias / fall.above
    # base / above = 1 - scale / above
    pulled = total - fall.scale * steep.sum((0, 2, 3)) if fall.has_shift else at_level * 2
    grad_alpha = -(at_level + total * fall.shift)
    return _of_heads(grad_alpha, alpha), _of_heads(pulled * alpha / fall.e2, fall.e2), steep


def pull(steep: Tensor, alpha: Tensor) -> Tensor:
    """Sum over the heads of alpha times `steep`, (batch, n_queries, n_keys)."""
    strength = alpha.expand(steep.shape[1])[None]
    return (strength @ steep.flatten(2)).view(steep[:, 0].shape)


def positions_backward(
    pulled: Tensor, squared: Tensor, query_position: Tensor, key_position: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of both positions (batch, n, n_dims) from ``base`` times `pull`, at `Distances.squared`."""
    squared = squared[:, 0]
    pulled = torch.where(squared > 0, pulled / squared, 0)
    centre = key_position.mean(1, keepdim=True)
    gaze, place = query_position - centre, key_position - centre
    grad_gaze = pulled @ place - pulled.sum(2)[..., None] * gaze
    grad_place = pulled.mT @ gaze - pulled.sum(1)[..., None] * place
    return grad_gaze, grad_place


def _of_heads(per_head: Tensor, parameter: Tensor) -> Tensor:
    """Gradient of a parameter that the heads may share."""
    return per_head if per_head.shape == parameter.shape else per_head.sum(0, keepdim=True)
