"""Encoder of objects, decoder of fixations and a head that points at the next object.

Blocks normalise before each branch (Xiong et al., 2020). With all geometric parameters at 0 they compute what
`torch.nn.TransformerEncoder` and `torch.nn.TransformerDecoder` do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cogattn.attention.config import ObjectTransformerConfig
from cogattn.attention.objects import Geometry, ObjectAttention


class ObjectEncoder(nn.Module):
    """Objects that see one another: each looks from its own place.

    Parameters
    ----------
    config : ObjectTransformerConfig
        Of which ``encoder_layers`` blocks are made.
    """

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        plain = config.model_copy(update={"n_pair_features": 0})
        self.blocks = nn.ModuleList(_EncoderBlock(plain) for _ in range(config.encoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self,
        objects: Tensor,
        position: Tensor,
        *,
        log_area: Tensor | None = None,
        present: Tensor | None = None,
    ) -> Tensor:
        """Return objects (batch, n_objects, width) in the light of the others; see `ObjectAttention`."""
        for block in self.blocks:
            objects = block(objects, position, log_area, present)
        return self.norm(objects)


class ObjectDecoder(nn.Module):
    """Fixations that recall the earlier ones and see the objects from where they look.

    Parameters
    ----------
    config : ObjectTransformerConfig
        Of which ``decoder_layers`` blocks are made.
    """

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_DecoderBlock(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self,
        fixations: Tensor,
        gaze: Tensor,
        objects: Tensor,
        position: Tensor,
        *,
        log_area: Tensor | None = None,
        present: Tensor | None = None,
        pair_features: Tensor | None = None,
    ) -> Tensor:
        """Return fixations (batch, n_fixations, width) in the light of the objects and of the past.

        Parameters
        ----------
        fixations : Tensor, shape (batch, n_fixations, width)
            Tokens in the order of looking; padding may only follow the last, where nothing sees it.
        gaze : Tensor, shape (batch, n_fixations, 2)
            Where each looks, in degrees.
        objects, position, log_area, present, pair_features
            As in `ObjectAttention`.
        """
        n_fixations = fixations.shape[1]
        past = torch.ones(1, n_fixations, n_fixations, dtype=torch.bool, device=fixations.device).tril()
        seen = {"log_area": log_area, "present": present, "pair_features": pair_features}
        for block in self.blocks:
            fixations = block(fixations, gaze, past, objects, position, seen)
        return self.norm(fixations)


class PointerHead(nn.Module):
    """Scores of each object, and of ending the path, as the next to be looked at.

    Parameters
    ----------
    config : ObjectTransformerConfig
        Size and geometry; the head is a single one, whatever ``config.heads``.

    Attributes
    ----------
    end, end_bias : Parameter, shape (width,) and ()
        Key and bias of ending, which lies nowhere.
    """

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.query, self.key = (nn.Linear(config.width, config.width) for _ in range(2))
        self.geometry = Geometry(config.model_copy(update={"heads": 1}))
        self.end = nn.Parameter(torch.zeros(config.width))
        self.end_bias = nn.Parameter(torch.zeros(()))

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
    ) -> Tensor:
        """Return logits (batch, n_fixations, n_objects + 1), the last being the end; -inf at padding.

        The arguments are those of `ObjectAttention`; the negative log likelihood of a path is
        ``cross_entropy(logits.flatten(0, 1), following.flatten())``.
        """
        queries = self.query(fixations)
        scores = self.geometry.scores(
            queries[:, None], self.key(objects)[:, None], gaze, position,
            log_area=log_area, present=present, pair_features=pair_features,
        )  # fmt: skip
        end = (queries @ self.end) * queries.shape[-1] ** -0.5 + self.end_bias
        return torch.cat([scores[:, 0], end[..., None].to(scores.dtype)], -1)


class _EncoderBlock(nn.Module):
    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.attend = ObjectAttention(config)
        self.norm = nn.LayerNorm(config.width)
        self.feedforward = _FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, objects: Tensor, position: Tensor, log_area: Tensor | None, present: Tensor | None
    ) -> Tensor:
        tokens = self.norm(objects)
        seen = self.attend(tokens, tokens, position, position, log_area=log_area, present=present)
        return self.feedforward(objects + self.dropout(seen))


class _DecoderBlock(nn.Module):
    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.recall = ObjectAttention(config.model_copy(update={"n_pair_features": 0}))
        self.attend = ObjectAttention(config)
        self.recall_norm, self.attend_norm = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.feedforward = _FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        fixations: Tensor,
        gaze: Tensor,
        past: Tensor,
        objects: Tensor,
        position: Tensor,
        seen: dict[str, Tensor | None],
    ) -> Tensor:
        tokens = self.recall_norm(fixations)
        fixations = fixations + self.dropout(self.recall(tokens, tokens, gaze, gaze, visible=past))
        attended = self.attend(self.attend_norm(fixations), objects, gaze, position, **seen)
        return self.feedforward(fixations + self.dropout(attended))


class _FeedForward(nn.Module):
    """A residual branch of two layers."""

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.feedforward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feedforward, config.width),
            nn.Dropout(config.dropout),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.branch(tokens)
