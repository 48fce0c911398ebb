"""Heads over fixations: which object is next or whether the path ends, and how long the fixation lasts."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cogattn.attention.config import ObjectTransformerConfig
from cogattn.attention.groups import Groups
from cogattn.attention.heads import split_heads
from cogattn.attention.objects import Geometry
from cogattn.attention.pairs import Pairs, look


class PointerHead(nn.Module):
    """Scores of each object, and of ending the path, as the next to be looked at.

    Parameters
    ----------
    config : ObjectTransformerConfig
        Size and geometry; ``config.pointers`` heads, each of the full width, whatever ``config.heads``.

    Attributes
    ----------
    end, end_bias : Parameter, shape (pointers, width) and ()
        Keys and bias of ending, which lies nowhere.
    mix : Parameter, shape (pointers,)
        Weights of the heads' scores, equal at the start; of one head it stays 1.

    Notes
    -----
    Where a path ends by pointing at a token of its own, as in Fang et al. (2024), put that token among the objects and
    take `point`, which knows no end.
    """

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.config = config.model_copy(update={"heads": config.pointers})
        self.query, self.key = (nn.Linear(config.width, config.pointers * config.width) for _ in range(2))
        self.geometry = Geometry(self.config)
        self.end = nn.Parameter(torch.zeros(config.pointers, config.width))
        self.end_bias = nn.Parameter(torch.zeros(()))
        equal = torch.full((config.pointers,), 1 / config.pointers)
        self.mix = nn.Parameter(equal, requires_grad=config.pointers > 1)

    def forward(
        self,
        fixations: Tensor,
        objects: Tensor,
        gaze: Tensor,
        position: Tensor,
        *,
        log_area: Tensor | None = None,
        present: Tensor | None = None,
        pair_features: Tensor | None = None,
        of: Tensor | None = None,
    ) -> Tensor:
        """Return logits (n_paths, n_fixations, n_objects + 1), the last being the end; -inf at padding.

        The arguments are those of `ObjectAttention`, of the same shapes; `cogattn.attention` has what to make of the
        logits: `following`, `next_bits`, `end_log_odds`, `draw`.
        """
        pairs = look(
            self.config, gaze, position, dtype=fixations.dtype,
            groups=Groups.of(of, len(fixations), len(objects)), log_area=log_area, present=present,
            features=pair_features,
        )  # fmt: skip
        return self.see(fixations, self.remember(objects), pairs)

    def remember(self, objects: Tensor) -> Tensor:
        """Return the keys (n_layouts, pointers, n_objects, width) of objects (n_layouts, n_objects, width)."""
        return split_heads(self.key(objects), self.config.pointers)

    def see(self, fixations: Tensor, keys: Tensor, pairs: Pairs) -> Tensor:
        """Return the logits of `forward` for fixations (n_paths, n_fixations, dim).

        From keys (n_scenes, n_objects, dim) that `remember` returned, and the pairs of `ObjectDecoder.look`.
        """
        queries = self._ask(fixations)
        ends = torch.einsum("bhmw,hw->bhm", queries, self.end) * self.config.width**-0.5
        end = torch.einsum("bhm,h->bm", ends, self.mix) + self.end_bias
        scores = self._point(queries, keys, pairs)
        return torch.cat([scores, end[..., None].to(scores.dtype)], -1)

    def point(self, fixations: Tensor, keys: Tensor, pairs: Pairs) -> Tensor:
        """Return the scores (n_paths, n_fixations, n_objects) of `see` without an end."""
        return self._point(self._ask(fixations), keys, pairs)

    def _ask(self, fixations: Tensor) -> Tensor:
        return split_heads(self.query(fixations), self.config.pointers)

    def _point(self, queries: Tensor, keys: Tensor, pairs: Pairs) -> Tensor:
        groups = pairs.groups
        folded = groups.fold(queries.transpose(1, 2)).transpose(1, 2)
        mixed = self._mix(self.geometry.scores(folded, groups.keys(keys), pairs, nothing=0.0))
        if pairs.present is not None:
            mixed = mixed.masked_fill(~pairs.present[:, None], -torch.inf)
        return groups.unfold(mixed)

    def _mix(self, scores: Tensor) -> Tensor:
        if self.config.pointers == 1:
            return scores[:, 0]
        return torch.einsum("bhmn,h->bmn", scores, self.mix.to(scores.dtype))


class LogNormal(NamedTuple):
    """Distribution of durations whose logarithm is normal, ``mean`` and ``spread`` those of ln ms, of one shape."""

    mean: Tensor
    spread: Tensor

    def log_density(self, ms: Tensor) -> Tensor:
        """Return ln of the density at durations in ms, per ms, in the shape of `ms`; NaN where they are NaN."""
        away = (ms.log() - self.mean) / self.spread
        return -0.5 * away.square() - self.spread.log() - ms.log() - 0.5 * math.log(2 * math.pi)

    def expected_ms(self) -> Tensor:
        """Return the mean duration in ms."""
        return torch.exp(self.mean + 0.5 * self.spread.square())


class DurationHead(nn.Module):
    """How long fixations last, from the tokens of a decoder that has seen each of them.

    Parameters
    ----------
    width : int
        Features of a token.
    typical_ms : float
        Median at the start.
    spread : float
        Standard deviation of ln ms at the start, about that of people.
    """

    def __init__(self, width: int, *, typical_ms: float = 250.0, spread: float = 0.5) -> None:
        super().__init__()
        self.out = nn.Linear(width, 2)
        with torch.no_grad():
            self.out.weight.mul_(0.1)
            self.out.bias.copy_(torch.tensor([math.log(typical_ms), math.log(spread)]))

    def forward(self, fixations: Tensor) -> LogNormal:
        """Return the distribution of each fixation's duration, (n_paths, n_fixations), of tokens (..., width)."""
        mean, log_spread = self.out(fixations).unbind(-1)
        return LogNormal(mean, log_spread.clamp(-3, 3).exp())
