"""Attention from gazes to objects by a log-polar table: where people look next depends on how far and which way.

In each head a table on rings of log eccentricity gives the gain on content (visibility and crowding) and a bias by
distance and direction (the amplitudes and directions of saccades); an object's log area may add to its score, and so
may features of the pair, such as how often or how long ago an object was looked at.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cogattn.attention.config import ObjectAttentionConfig
from cogattn.attention.heads import Heads
from cogattn.kernels import foveal_attention, foveal_scores

TABLE_SCALE = 10.0
"""The table moves this much faster than its parameter; at the step size of the projections it would hardly move."""


class Geometry(nn.Module):
    """The parameters that turn places, areas and pairs into scores; all start at 0 but for `area_weight`.

    Parameters
    ----------
    config : ObjectAttentionConfig
        Rings and features; ``config.heads`` tables.

    Attributes
    ----------
    polar : Parameter, shape (heads, n_knots, 6)
        The table less the neutral one, over `TABLE_SCALE`.
    area_weight : Parameter, shape ()
        Factor of an object's log area.
    pair_weight : Parameter, shape (heads, n_pair_features)
        Factors of the features of a pair.
    """

    def __init__(self, config: ObjectAttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.polar = nn.Parameter(torch.zeros(config.heads, config.n_knots, 6))
        self.area_weight = nn.Parameter(torch.tensor(config.area_weight))
        self.pair_weight = nn.Parameter(torch.zeros(config.heads, config.n_pair_features))

    def table(self) -> Tensor:
        """Return the log-polar table (heads, n_knots, 6): gain on content, then the bias's five terms."""
        neutral = torch.zeros_like(self.polar)
        neutral[..., 0] = 1
        return neutral + TABLE_SCALE * self.polar

    def attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        gaze: Tensor,
        position: Tensor,
        *,
        log_area: Tensor | None,
        present: Tensor | None,
    ) -> Tensor:
        """Return the attention of heads (batch, heads, n, dim), in memory that grows with n alone."""
        return foveal_attention(
            q, k, v, gaze, position, log_weight=self._log_weight(log_area, present), bias="polar",
            table=self.table(), e2=self.config.e2_deg, extent_deg=self.config.extent_deg,
        )  # fmt: skip

    def scores(
        self,
        q: Tensor,
        k: Tensor,
        gaze: Tensor,
        position: Tensor,
        *,
        log_area: Tensor | None,
        present: Tensor | None,
        pair_features: Tensor | None,
    ) -> Tensor:
        """Return the scores (batch, heads, n_queries, n_objects) before any softmax; -inf at padding."""
        scores = foveal_scores(
            q, k, gaze, position, log_weight=self._log_weight(log_area, present), bias="polar",
            table=self.table(), e2=self.config.e2_deg, extent_deg=self.config.extent_deg,
        )  # fmt: skip
        if pair_features is None:
            return scores
        return scores + torch.einsum("bmnf,hf->bhmn", pair_features, self.pair_weight)

    def _log_weight(self, log_area: Tensor | None, present: Tensor | None) -> Tensor | None:
        weight = None if log_area is None else self.area_weight * log_area
        if present is None:
            return weight
        nothing = self.area_weight.new_zeros(present.shape)
        return (nothing if weight is None else weight).masked_fill(~present, -torch.inf)


class ObjectAttention(nn.Module):
    """Multi-head attention from gazes to objects.

    Parameters
    ----------
    config : ObjectAttentionConfig
        Size and geometry.

    Notes
    -----
    As it starts, this is multi-head scaled dot-product attention. With ``area_weight`` 1, n patches that share
    content and place act as one object of log area ln n. Positions may be in any unit that `config` shares; samples
    of a signal at (lag_s, 0) get a bias for each lag, of either sign.

    Examples
    --------
    >>> attend = ObjectAttention(ObjectAttentionConfig(width=64, heads=4))
    >>> fixations, gaze_deg = torch.randn(2, 5, 64), torch.randn(2, 5, 2)
    >>> objects, object_deg = torch.randn(2, 84, 64), torch.randn(2, 84, 2)
    >>> attend(fixations, objects, gaze_deg, object_deg, present=torch.ones(2, 84, dtype=torch.bool)).shape
    torch.Size([2, 5, 64])
    """

    def __init__(self, config: ObjectAttentionConfig) -> None:
        super().__init__()
        self.projections = Heads(config.width, config.heads)
        self.geometry = Geometry(config)

    def forward(
        self,
        queries: Tensor,
        objects: Tensor,
        gaze: Tensor,
        position: Tensor,
        *,
        log_area: Tensor | None = None,
        present: Tensor | None = None,
        pair_features: Tensor | None = None,
        visible: Tensor | None = None,
    ) -> Tensor:
        """Return what each query sees.

        Parameters
        ----------
        queries, objects : Tensor, shape (batch, n_queries, width) and (batch, n_objects, width)
            Tokens.
        gaze, position : Tensor, shape (batch or 1, n, 2)
            Where queries look and objects lie, in degrees; differentiable.
        log_area : Tensor, shape (batch or 1, n_objects), optional
            ln of an object's area, or of the number of patches in it; finite.
        present : Tensor of bool, shape (batch or 1, n_objects), optional
            False at padding.
        pair_features : Tensor, shape (batch or 1, n_queries, n_objects, n_pair_features), optional
            What else is known of a gaze and an object.
        visible : Tensor of bool, shape (batch or 1, n_queries, n_objects), optional
            False where a query must not attend, as in causal attention.

        Returns
        -------
        Tensor, shape (batch, n_queries, width)
            A query that may attend to nothing sees 0, to which the output projection adds its bias.
        """
        q, k, v = self.projections.split(queries, objects)
        if pair_features is None and visible is None:
            attended = self.geometry.attend(q, k, v, gaze, position, log_area=log_area, present=present)
            return self.projections.merge(attended)
        scores = self.geometry.scores(
            q, k, gaze, position, log_area=log_area, present=present, pair_features=pair_features
        )
        if visible is not None:
            scores = scores.masked_fill(~visible[:, None], -torch.inf)
        return self.projections.merge((_weights(scores) @ v.to(scores.dtype)).to(v.dtype))


def _weights(scores: Tensor) -> Tensor:
    """Softmax over the last axis; 0, and a gradient of 0, in rows that hold nothing but -inf."""
    dead = torch.isneginf(scores).all(-1, keepdim=True)
    return torch.softmax(scores.masked_fill(dead, 0), -1).masked_fill(dead, 0)
