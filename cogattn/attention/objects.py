"""Attention from gazes to objects by a log-polar table: where people look next depends on how far and which way.

In each head a table on rings of log eccentricity gives the gain on content (visibility and crowding) and a bias by
distance and direction (the amplitudes and directions of saccades); an object's log area may add to its score, and so
may features of the pair, such as how often or how long ago an object was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cogattn.attention.config import ObjectAttentionConfig
from cogattn.attention.groups import Groups
from cogattn.attention.heads import Heads, Remembered
from cogattn.attention.pairs import Mixed, Pairs, look, wide
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
        self.polar = nn.Parameter(torch.zeros(config.heads, config.n_knots if config.polar else 0, 6))
        self.area_weight = nn.Parameter(torch.tensor(config.area_weight))
        self.pair_weight = nn.Parameter(torch.zeros(config.heads, config.n_pair_features))

    def table(self) -> Tensor:
        """Return the log-polar table (heads, n_knots, 6): gain on content, then the bias's five terms."""
        neutral = torch.zeros_like(self.polar)
        neutral[..., 0] = 1
        return neutral + TABLE_SCALE * self.polar

    def attend(self, q: Tensor, k: Tensor, v: Tensor, pairs: Pairs) -> Tensor:
        """Return the attention of heads (n_groups, heads, n, dim); 0 where a query sees nothing."""
        if pairs.fused:  # memory that grows with n alone
            return foveal_attention(
                q, k, v, pairs.gaze, pairs.position, log_weight=self._log_weight(pairs, -torch.inf),
                bias="polar", table=self.table(), e2=self.config.e2_deg, extent_deg=self.config.extent_deg,
            )  # fmt: skip
        scores = self.scores(q, k, pairs, nothing=torch.finfo(wide(q.dtype)).min)
        attended = torch.softmax(scores, -1) @ v.to(scores.dtype)
        if pairs.dead is not None:
            attended = attended.masked_fill(pairs.dead, 0)
        return attended.to(v.dtype)

    def scores(self, q: Tensor, k: Tensor, pairs: Pairs, *, nothing: float = -torch.inf) -> Tensor:
        """Return the scores (n_groups, heads, n_queries, n_objects) before any softmax; `nothing` where not seen."""
        log_weight = self._log_weight(pairs, nothing)
        if pairs.planes is None:
            scores = foveal_scores(
                q, k, pairs.gaze, pairs.position, log_weight=log_weight, bias="polar", table=self.table(),
                e2=self.config.e2_deg, extent_deg=self.config.extent_deg,
            )  # fmt: skip
        else:
            scores = self._from_planes(q.to(wide(q.dtype)), k.to(wide(q.dtype)), pairs.planes, pairs.mixed)
            scores = scores if log_weight is None else scores + log_weight[:, None, None]
        if pairs.features is not None:
            scores = scores + _mix(self.pair_weight, pairs.features)
        scores = scores.to(wide(q.dtype))  # where autocast made them narrow
        return scores if pairs.visible is None else scores.masked_fill(~pairs.visible[:, None], nothing)

    def _from_planes(self, q: Tensor, k: Tensor, planes: Tensor, mixed: Mixed | None) -> Tensor:
        content = (q * q.shape[-1] ** -0.5) @ k.mT
        if not self.config.polar:
            return content
        gain, bias = mixed or _mixed([self], planes)[0]
        return torch.addcmul(bias, gain, content)

    def _log_weight(self, pairs: Pairs, nothing: float) -> Tensor | None:
        weight = None if pairs.log_area is None else self.area_weight * pairs.log_area
        if pairs.present is None:
            return weight
        weight = self.area_weight.new_zeros(pairs.present.shape) if weight is None else weight
        return weight.masked_fill(~pairs.present, nothing)


def mix(geometries: Sequence[Geometry], pairs: Pairs) -> list[Pairs]:
    """Return `pairs` once for each geometry of one configuration, with the gain and bias that its table makes of them.

    What many heads take from the same planes is one product of matrices, which waits for memory as long as that of few.
    """
    if pairs.planes is None or not geometries or not geometries[0].config.polar:
        return [pairs] * len(geometries)
    return [pairs._replace(mixed=mixed) for mixed in _mixed(geometries, pairs.planes)]


def _mixed(geometries: Sequence[Geometry], planes: Tensor) -> list[Mixed]:
    table = torch.cat([geometry.table() for geometry in geometries]).to(planes.dtype)
    gain, bias = table[..., 0], table[..., 1:].mT.flatten(1)  # (geometries * heads, n_knots) and wave by wave
    gains = _mix(gain, planes[:, : gain.shape[1]])  # it does not depend on the direction
    biases = _mix(bias, planes)
    return list(zip(*(terms.chunk(len(geometries), 1) for terms in (gains, biases)), strict=True))


def _mix(weight: Tensor, planes: Tensor) -> Tensor:
    """Sum planes (batch, n, queries, objects) by the weights of heads (heads, n): (batch, heads, queries, objects)."""
    flat = planes.to(weight.dtype).flatten(2)
    return torch.bmm(weight.expand(len(flat), -1, -1), flat).unflatten(2, planes.shape[2:])


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
        of: Tensor | None = None,
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
        of : Tensor of int64, shape (batch,), optional
            Which of ``len(objects)`` layouts each batch of queries is over, where several share one; then `position`,
            `log_area` and `present` are of layouts.

        Returns
        -------
        Tensor, shape (batch, n_queries, width)
            A query that may attend to nothing sees 0, to which the output projection adds its bias.
        """
        pairs = look(
            self.geometry.config, gaze, position, dtype=queries.dtype,
            groups=Groups.of(of, len(queries), len(objects)), log_area=log_area, present=present,
            features=pair_features, visible=visible,
        )  # fmt: skip
        return self.see(queries, self.projections.remember(objects), pairs)

    def see(self, queries: Tensor, remembered: Remembered, pairs: Pairs) -> Tensor:
        """Return what queries (n_paths, n_queries, width) see of objects whose keys and values are known."""
        groups = pairs.groups
        k, v = (groups.keys(heads) for heads in remembered)
        q = self.projections.ask(groups.fold(queries))
        return groups.unfold(self.projections.merge(self.geometry.attend(q, k, v, pairs)))
