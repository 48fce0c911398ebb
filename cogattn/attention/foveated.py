"""A vision transformer that looks somewhere: any of timm's, its weights as they are, with a fovea in its attention.

In every block from ``first_block`` on a patch counts by its eccentricity from gaze (`cogattn.attention.fixations`), in
what the class token sees as in what patches see of each other; where the network averages over patches, that mean is
weighed alike. What is not foveated is what a patch holds: it is as sharp in the periphery as at gaze, and there is less
of it. With ``alpha`` 0 and no radius it is the plain transformer.

The gaze is an input, and differentiable. Several gazes of one image share its patches and the blocks before the fovea.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple, Self, cast

from timm.models.vision_transformer import Attention, VisionTransformer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from cogattn.attention.config import FoveaConfig
from cogattn.attention.fixations import Fixation, Patches
from cogattn.errors import ObserverError


class Embedded(NamedTuple):
    """An image before anybody looks at it: its tokens where the fovea begins, and where its patches lie."""

    tokens: Tensor  # (batch, n_prefix + n_patches, width)
    patches: Patches
    early: dict[int, Tensor]  # (batch, width, rows, columns) after each block before the fovea, by its number


class FoveatedTransformer(nn.Module):
    """A vision transformer of timm with a fovea.

    Parameters
    ----------
    network : timm.models.VisionTransformer
        It is copied, not changed.
    fovea : FoveaConfig
        The fovea, the image's size in degrees and, for more patches than the network was made for, in pixels.

    Raises
    ------
    ObserverError
        If the network is no such transformer, or its blocks attend in another way than by softmax over all tokens.

    Notes
    -----
    It has what timm's transformers have for `cogattn.observers.network.Network` and `cogattn.vision.fovea.Backbone`:
    ``forward_features``, ``forward_head``, ``forward_intermediates``, ``set_input_size``; a readout, a search and a
    live observer take it as they take theirs. Pools by attention or maximum read all patches alike.

    Examples
    --------
    >>> import timm, torch
    >>> plain = timm.create_model("test_vit", img_size=64)
    >>> network = FoveatedTransformer(plain, FoveaConfig(alpha=2.0, bias="log", width_deg=8.0))
    >>> images, gaze_deg = torch.rand(2, 3, 64, 64), torch.tensor([[-2.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    >>> network(images, gaze_deg[None]).shape
    torch.Size([2, 3, 1000])
    """

    def __init__(self, network: nn.Module, fovea: FoveaConfig) -> None:
        super().__init__()
        self.fovea = fovea
        self.network = _checked(copy.deepcopy(network), fovea)
        for block in cast(Any, self.network.blocks):
            block.attn = _FovealAttention(block.attn)
        self.num_classes, self.feature_info = self.network.num_classes, self.network.feature_info
        own = getattr(self.network, "pretrained_cfg", None)
        self.pretrained_cfg: dict[str, Any] | None = None if own is None else dict(own)
        if fovea.image_size is not None:
            self.set_input_size((fovea.image_size, fovea.image_size))

    def forward(
        self, images: Tensor, gaze_deg: Tensor | None = None, *, pixels_per_degree: float | None = None
    ) -> Tensor:
        """Return class scores.

        Parameters
        ----------
        images : Tensor, shape (batch, 3, height, width)
            As the network takes them, normalised.
        gaze_deg : Tensor, shape (batch or 1, n_gazes, 2), optional
            From the middle of the image, x to the right and y down; differentiable. That of the settings when absent.
        pixels_per_degree : float, optional
            Scale of the images; by ``fovea.width_deg`` when absent.

        Returns
        -------
        Tensor, shape (batch, n_gazes, n_classes), or (batch, n_classes) where no gaze is given
        """
        embedded = self.embed(images, pixels_per_degree=pixels_per_degree)
        scores = self.forward_head(self.look(embedded, gaze_deg))
        return scores if gaze_deg is None else scores.unflatten(0, (len(images), -1))

    def embed(
        self,
        images: Tensor,
        *,
        pixels_per_degree: float | None = None,
        image_px: tuple[int, int] | None = None,
    ) -> Embedded:
        """Do what does not depend on gaze, for `look`.

        Parameters
        ----------
        images, pixels_per_degree
            As in `forward`.
        image_px : tuple of int, optional
            (height, width) of the part from the upper left corner on that is the image, where the rest is padding.
        """
        net, size = self.network, (images.shape[-2], images.shape[-1])
        tokens = net.norm_pre(net.patch_drop(net._pos_embed(net.patch_embed(images))))
        patches = Patches.of(
            net.patch_embed.dynamic_feat_size(size),
            net.patch_embed.feat_ratio(as_scalar=False),
            image_px or size,
            pixels_per_degree=pixels_per_degree or size[1] / self.fovea.width_deg,
            like=tokens,
        )
        early, even = {}, self._even(patches)
        for number, block in enumerate(net.blocks[: self.fovea.first_block]):
            tokens = block(tokens, attn_mask=even)
            early[number] = patches.in_place(tokens[:, net.num_prefix_tokens :])
        return Embedded(tokens, patches, early)

    def look(self, embedded: Embedded, gaze_deg: Tensor | None = None) -> Tensor:
        """Return the tokens of `embed` after all blocks, normalised, from each gaze.

        Parameters
        ----------
        embedded : Embedded
            Of images (batch, ...).
        gaze_deg : Tensor, shape (batch or 1, n_gazes, 2), optional
            As in `forward`.

        Returns
        -------
        Tensor, shape (batch * n_gazes, n_tokens, width)
            For `forward_head`; of dropped patches there is none.
        """
        fixation = self._fixate(embedded, gaze_deg)
        tokens = fixation.take(_repeated(embedded.tokens, fixation))
        for block in self._late:
            tokens = block(tokens, attn_mask=fixation)
        tokens = self.network.norm(tokens)
        return fixation.weighed(tokens) if self.network.global_pool == "avg" else tokens

    def maps(
        self, embedded: Embedded, gaze_deg: Tensor | None = None, *, indices: Sequence[int]
    ) -> list[Tensor]:
        """Return the patches after some blocks in their places, from each gaze.

        Parameters
        ----------
        embedded, gaze_deg
            As in `look`.
        indices : sequence of int
            Numbers of the blocks, rising.

        Returns
        -------
        list of Tensor, shape (batch * n_gazes, width, rows, columns)
            0 where a patch was dropped; before the fovea none is.
        """
        fixation = self._fixate(embedded, gaze_deg)
        found = {number: _repeated(early, fixation) for number, early in embedded.early.items()}
        tokens = fixation.take(_repeated(embedded.tokens, fixation))
        for number, block in enumerate(self._late, start=self.fovea.first_block):
            if number > max(indices):
                break
            tokens = block(tokens, attn_mask=fixation)
            if number in indices:
                found[number] = fixation.maps(tokens)
        return [found[index] for index in indices]

    def forward_features(self, images: Tensor) -> Tensor:
        """Return normalised tokens (batch, n_tokens, width) at the gaze of the settings."""
        return self.look(self.embed(images))

    def forward_head(self, tokens: Tensor, pre_logits: bool = False) -> Tensor:
        """Return scores of tokens (n, n_tokens, width), or with `pre_logits` pooled features."""
        return self.network.forward_head(tokens, pre_logits=pre_logits)

    def forward_intermediates(
        self, images: Tensor, indices: Sequence[int], *, intermediates_only: bool = True
    ) -> list[Tensor]:
        """Return `maps` of images (batch, 3, height, width) at the gaze of the settings; timm's name for it."""
        return self.maps(self.embed(images), indices=indices)

    def starting_at(self, first_block: int) -> Self:
        """Return the same network, its parameters shared, with a fovea from another block on; at their number none."""
        other = copy.copy(self)
        other.fovea = self.fovea.model_copy(update={"first_block": first_block})
        return other

    def set_input_size(self, img_size: tuple[int, int]) -> None:
        """Take images (height, width) from now on; position codes are interpolated to their patches."""
        self.network.set_input_size(img_size=img_size)
        if self.pretrained_cfg is not None:
            self.pretrained_cfg["input_size"] = (3, *img_size)

    @property
    def _late(self) -> nn.Sequential:
        """Blocks with a fovea."""
        return self.network.blocks[self.fovea.first_block :]

    def _even(self, patches: Patches) -> Fixation | None:
        """No gaze: all patches count alike, as far as they reach."""
        if self.fovea.reach_deg is None:
            return None
        everywhere = patches.position_deg.new_zeros(1, 2)
        flat = FoveaConfig(reach_deg=self.fovea.reach_deg)
        return Fixation.at(everywhere, patches, flat, n_prefix=self.network.num_prefix_tokens)

    def _fixate(self, embedded: Embedded, gaze_deg: Tensor | None) -> Fixation:
        position = embedded.patches.position_deg
        gaze = position.new_tensor([[self.fovea.gaze_deg]]) if gaze_deg is None else gaze_deg.to(position)
        rows = gaze.expand(len(embedded.tokens), -1, -1).flatten(0, 1)
        return Fixation.at(rows, embedded.patches, self.fovea, n_prefix=self.network.num_prefix_tokens)


class _FovealAttention(nn.Module):
    """timm's self-attention, its parameters under their names, with tokens that count as a fixation says.

    The fixation comes where timm's blocks hand on a mask; without any all tokens count alike.
    """

    def __init__(self, plain: Attention) -> None:
        super().__init__()
        self.heads, self.gate = plain.num_heads, getattr(plain, "gate", None)
        self.qkv, self.q_norm, self.k_norm = plain.qkv, plain.q_norm, plain.k_norm
        self.norm, self.proj, self.proj_drop = plain.norm, plain.proj, plain.proj_drop

    def forward(self, tokens: Tensor, attn_mask: Fixation | None = None, **_: object) -> Tensor:
        q, k, v = self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attend = scaled_dot_product_attention if attn_mask is None else attn_mask.attend
        seen = self.norm(attend(self.q_norm(q), self.k_norm(k), v).transpose(1, 2).flatten(2))
        if self.gate is not None:
            seen = seen * self.gate(tokens).sigmoid()
        return self.proj_drop(self.proj(seen))


def _repeated(tokens: Tensor, fixation: Fixation) -> Tensor:
    """Tokens (batch, ...) once for each of their gazes."""
    return tokens.repeat_interleave(len(fixation.log_weight) // len(tokens), 0)


def _checked(network: nn.Module, fovea: FoveaConfig) -> VisionTransformer:
    name = type(network).__name__
    if not isinstance(network, VisionTransformer):
        raise ObserverError(f"a fovea in attention needs a VisionTransformer of timm; got {name}")
    kinds = {type(getattr(block, "attn", None)) for block in network.blocks}
    if kinds != {Attention} or any(block.attn.attn_drop.p for block in cast(Any, network.blocks)):
        raise ObserverError(
            f"a fovea in attention needs blocks with timm's Attention, without dropout; got "
            f"{', '.join(sorted(kind.__name__ for kind in kinds))} ({name})"
        )
    if fovea.first_block >= len(network.blocks):
        raise ObserverError(
            f"fovea.first_block must be one of {len(network.blocks)} blocks, from 0; got {fovea.first_block}"
        )
    return network
