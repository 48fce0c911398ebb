"""Attention from gazes to places, with a learned fall over eccentricity in each head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cogattn.attention.config import FovealAttentionConfig
from cogattn.attention.heads import Heads
from cogattn.kernels import Layout, foveal_attention


class FovealAttention(nn.Module):
    """Multi-head attention whose scores fall with the distance between gaze and key.

    Parameters
    ----------
    config : FovealAttentionConfig
        Size, kind of bias and where its parameters start.

    Attributes
    ----------
    alpha : Parameter, shape (heads,)
        Strength of the bias, of either sign; a negative one prefers the periphery.
    log_e2 : Parameter, shape (heads,)
        ln of each head's eccentricity scale over ``config.e2_deg``, so that the scale stays positive.

    Notes
    -----
    With ``alpha`` 0 and no radius this is multi-head scaled dot-product attention. Positions may be in any unit,
    such as seconds along x for the samples of a signal, as long as ``e2_deg`` and ``radius_deg`` are in it.

    Examples
    --------
    >>> attend = FovealAttention(FovealAttentionConfig(width=64, heads=4))
    >>> fixations, gaze_deg = torch.randn(2, 5, 64), torch.randn(2, 5, 2)
    >>> patches, patch_deg = torch.randn(2, 196, 64), torch.randn(1, 196, 2)  # places shared by the batch
    >>> attend(fixations, patches, gaze_deg, patch_deg).shape
    torch.Size([2, 5, 64])
    """

    def __init__(self, config: FovealAttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.projections = Heads(config.width, config.heads)
        self.alpha = nn.Parameter(torch.full((config.heads,), config.alpha))
        self.log_e2 = nn.Parameter(torch.zeros(config.heads))

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        query_position: Tensor | None = None,
        key_position: Tensor | None = None,
        *,
        log_weight: Tensor | None = None,
        layout: Layout | None = None,
    ) -> Tensor:
        """Return what each query sees.

        Parameters
        ----------
        queries, keys : Tensor, shape (batch, n_queries, width) and (batch, n_keys, width)
            Tokens.
        query_position, key_position : Tensor, shape (batch or 1, n, n_dims)
            Where queries look and keys lie, in degrees; differentiable.
        log_weight : Tensor, shape (batch or 1, n_keys), optional
            ln of the number or area that a key stands for; -inf for padding.
        layout : Layout, optional
            Positions and weights in their place, from `layout`, for several calls over one scene.

        Returns
        -------
        Tensor, shape (batch, n_queries, width)
        """
        if layout is not None and layout.radius != self.config.radius_deg:
            raise ValueError(
                f"a layout must have the module's radius, {self.config.radius_deg}; got {layout.radius}; "
                "FovealAttention.layout makes one"
            )
        q, k, v = self.projections.split(queries, keys)
        attended = foveal_attention(
            q, k, v, query_position, key_position, layout=layout, log_weight=log_weight, bias=self.config.bias,
            alpha=self.alpha, e2=self.config.e2_deg * self.log_e2.exp(),
            radius=self.config.radius_deg if layout is None else None,
        )  # fmt: skip
        return self.projections.merge(attended)

    def layout(
        self, query_position: Tensor, key_position: Tensor, *, log_weight: Tensor | None = None
    ) -> Layout:
        """Return the layout of a scene with this module's radius, to be made once for all layers and passes.

        Positions and weights have the shapes that `cogattn.kernels.Layout` tells.
        """
        return Layout(query_position, key_position, log_weight=log_weight, radius=self.config.radius_deg)
