"""Encoder of objects and decoder of fixations; the decoder goes on where it stopped, by one fixation or by many.

Blocks normalise before each branch (Xiong et al., 2020). With all geometric parameters at 0 they compute what
`torch.nn.TransformerEncoder` and `torch.nn.TransformerDecoder` do. What lies between gazes and objects is made once for
all blocks (`cogattn.attention.pairs`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from cogattn.attention.config import ObjectTransformerConfig
from cogattn.attention.groups import Groups
from cogattn.attention.heads import Remembered
from cogattn.attention.objects import ObjectAttention, mix
from cogattn.attention.pairs import Pairs, look


class Past(NamedTuple):
    """What a decoder keeps of the fixations so far: where they were, and each block's keys and values.

    Parameters
    ----------
    gaze : Tensor, shape (n_paths, n_fixations, 2)
        In degrees.
    recalled : tuple of Remembered
        Of each block.
    """

    gaze: Tensor
    recalled: tuple[Remembered, ...]

    @property
    def n_fixations(self) -> int:
        """Fixations so far."""
        return self.gaze.shape[1]


class ObjectEncoder(nn.Module):
    """Objects that see one another: each looks from its own place.

    Parameters
    ----------
    config : ObjectTransformerConfig
        Of which ``encoder_layers`` blocks are made.
    """

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.config = config.model_copy(update={"n_pair_features": 0})
        self.blocks = nn.ModuleList(_EncoderBlock(self.config) for _ in range(config.encoder_layers))
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
        pairs = look(
            self.config, position, position, dtype=objects.dtype,
            groups=Groups.of(None, len(objects), len(objects)), log_area=log_area, present=present,
        )  # fmt: skip
        geometries = [cast("_EncoderBlock", block).attend.geometry for block in self.blocks]
        for block, mixed in zip(self.blocks, mix(geometries, pairs), strict=True):
            objects = block(objects, mixed)
        return self.norm(objects)


class ObjectDecoder(nn.Module):
    """Fixations that recall the earlier ones and see the objects from where they look.

    Parameters
    ----------
    config : ObjectTransformerConfig
        Of which ``decoder_layers`` blocks are made.

    Examples
    --------
    Several paths over few layouts, one fixation after another; the same as all fixations at once:

    >>> decoder = ObjectDecoder(ObjectTransformerConfig(width=64, heads=4)).eval()
    >>> objects, object_deg = torch.randn(2, 84, 64), torch.randn(2, 84, 2)
    >>> fixations, gaze_deg, of = torch.randn(5, 9, 64), torch.randn(5, 9, 2), torch.tensor([0, 1, 1, 0, 1])
    >>> remembered, past = decoder.remember(objects), None
    >>> for now in range(9):
    ...     gaze = gaze_deg[:, now : now + 1]
    ...     pairs = decoder.look(gaze, object_deg, dtype=objects.dtype, of=of)
    ...     seen, past = decoder.extend(fixations[:, now : now + 1], gaze, remembered, pairs, past)
    >>> seen.shape
    torch.Size([5, 1, 64])
    """

    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.recall_config = config.model_copy(update={"n_pair_features": 0})
        self.blocks = nn.ModuleList(
            _DecoderBlock(config, self.recall_config) for _ in range(config.decoder_layers)
        )
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
        of: Tensor | None = None,
    ) -> Tensor:
        """Return fixations (n_paths, n_fixations, width) in the light of the objects and of the past.

        Parameters
        ----------
        fixations : Tensor, shape (n_paths, n_fixations, width)
            Tokens in the order of looking; padding may only follow the last, where nothing sees it.
        gaze : Tensor, shape (n_paths, n_fixations, 2)
            Where each looks, in degrees.
        objects, position, log_area, present, pair_features, of
            As in `ObjectAttention`.
        """
        pairs = self.look(
            gaze, position, dtype=fixations.dtype, of=of, log_area=log_area, present=present,
            pair_features=pair_features, n_layouts=len(objects),
        )  # fmt: skip
        return self.extend(fixations, gaze, self.remember(objects), pairs)[0]

    def remember(self, objects: Tensor) -> tuple[Remembered, ...]:
        """Return each block's keys and values of objects (n_layouts, n_objects, width)."""
        blocks = cast("Iterable[_DecoderBlock]", self.blocks)
        return tuple(block.attend.projections.remember(objects) for block in blocks)

    def look(
        self,
        gaze: Tensor,
        position: Tensor,
        *,
        dtype: torch.dtype,
        of: Tensor | None = None,
        n_layouts: int | None = None,
        log_area: Tensor | None = None,
        present: Tensor | None = None,
        pair_features: Tensor | None = None,
    ) -> Pairs:
        """Return what lies between fixations and objects, which all blocks and the `PointerHead` read.

        Parameters
        ----------
        dtype : torch.dtype
            Of the tokens.
        n_layouts : int, optional
            How many there are, where all share one row of `position`; else its length.
        gaze, position, log_area, present, pair_features, of
            As in `forward`.
        """
        groups = Groups.of(of, len(gaze), len(position) if n_layouts is None else n_layouts)
        return look(
            self.config, gaze, position, dtype=dtype, groups=groups, log_area=log_area, present=present,
            features=pair_features,
        )  # fmt: skip

    def extend(
        self,
        fixations: Tensor,
        gaze: Tensor,
        objects: tuple[Remembered, ...],
        pairs: Pairs,
        past: Past | None = None,
    ) -> tuple[Tensor, Past]:
        """Return further fixations in the light of the objects and of the past, and the past that includes them.

        Parameters
        ----------
        fixations, gaze : Tensor, shape (n_paths, n_fixations, ...)
            Those after the past's, as in `forward`.
        objects : tuple of (k, v)
            From `remember`.
        pairs : Pairs
            From `look`, of these fixations.
        past : Past, optional
            What the call for the fixations before returned; it stays as it was, so that paths can branch.
        """
        earlier = (None,) * len(self.blocks) if past is None else past.recalled
        everywhere = gaze if past is None else torch.cat([past.gaze, gaze], 1)
        recall = self._recall(gaze, everywhere, fixations.dtype)
        blocks = [cast("_DecoderBlock", block) for block in self.blocks]
        recalls = mix([block.recall.geometry for block in blocks], recall)
        looks = mix([block.attend.geometry for block in blocks], pairs)
        kept = []
        for block, *seen in zip(blocks, recalls, earlier, objects, looks, strict=True):
            fixations, recalled = block(fixations, *seen)
            kept.append(recalled)
        return self.norm(fixations), Past(everywhere, tuple(kept))

    def _recall(self, gaze: Tensor, everywhere: Tensor, dtype: torch.dtype) -> Pairs:
        """What lies between fixations and those up to themselves."""
        n_now, n_all = gaze.shape[1], everywhere.shape[1]
        past = torch.ones(1, n_now, n_all, dtype=torch.bool, device=gaze.device).tril(n_all - n_now)
        groups = Groups.of(None, len(gaze), len(gaze))
        return look(self.recall_config, gaze, everywhere, dtype=dtype, groups=groups, visible=past)


class _EncoderBlock(nn.Module):
    def __init__(self, config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.attend = ObjectAttention(config)
        self.norm = nn.LayerNorm(config.width)
        self.feedforward = _FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, objects: Tensor, pairs: Pairs) -> Tensor:
        tokens = self.norm(objects)
        seen = self.attend.see(tokens, self.attend.projections.remember(tokens), pairs)
        return self.feedforward(objects + self.dropout(seen))


class _DecoderBlock(nn.Module):
    def __init__(self, config: ObjectTransformerConfig, recall_config: ObjectTransformerConfig) -> None:
        super().__init__()
        self.recall = ObjectAttention(recall_config)
        self.attend = ObjectAttention(config)
        self.recall_norm, self.attend_norm = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.feedforward = _FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        fixations: Tensor,
        recall: Pairs,
        before: Remembered | None,
        objects: Remembered,
        pairs: Pairs,
    ) -> tuple[Tensor, Remembered]:
        tokens = self.recall_norm(fixations)
        recalled = self.recall.projections.remember(tokens)
        if before is not None:
            k, v = (torch.cat(heads, 2) for heads in zip(before, recalled, strict=True))
            recalled = k, v
        fixations = fixations + self.dropout(self.recall.see(tokens, recalled, recall))
        attended = self.attend.see(self.attend_norm(fixations), objects, pairs)
        return self.feedforward(fixations + self.dropout(attended)), recalled


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
