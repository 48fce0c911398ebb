"""What one fixation makes of the patches of an image: how much each of them counts, and which are there at all.

A patch at eccentricity E from gaze counts as ``exp(b(E))`` patches, with a bias b of
`cogattn.kernels.foveal_attention.radial`: of two patches that a query likes equally the nearer one has the larger part
of its attention. In the ``log`` kind with ``alpha`` 2 this is the area of cortex that the patch has, ``(1 + E/E2)^-2``
of the fovea's (Duncan & Boynton, 2003). Weights are scaled so that all patches together count as many as there are:
what the periphery loses the fovea gains, and tokens without a place (class, registers) keep their part.

So is a fovea for all queries alike, those of patches too. Weights hang on the key alone, so they are made once for all
layers. How far a patch attends about itself is another thing, which knows no gaze; it is what makes thousands of
patches affordable. Tokens without a place see all and are seen by all: the attention of a patch is then put together of
that to its neighbours, which is the operator's, and that to them.

References
----------
Duncan, Boynton (2003), Neuron 38, 659-671 (cortical magnification).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor

from cogattn.attention.config import FoveaConfig
from cogattn.kernels import Layout, foveal_attention
from cogattn.kernels.foveal_attention.radial import profile, squared_eccentricity


class Patches(NamedTuple):
    """Where the patches of an image lie.

    Parameters
    ----------
    grid : tuple of int
        Rows and columns.
    position_deg : Tensor, shape (n_patches, 2)
        Their middles from the middle of the image, x to the right and y down, row by row.
    """

    grid: tuple[int, int]
    position_deg: Tensor

    @classmethod
    def of(
        cls,
        grid: tuple[int, int],
        patch_px: tuple[int, int],
        image_px: tuple[int, int],
        *,
        pixels_per_degree: float,
        like: Tensor,
    ) -> Self:
        """Return a grid of patches from the upper left corner of an image on; sizes are (height, width)."""
        dtype = torch.promote_types(like.dtype, torch.float32)
        y, x = (
            ((torch.arange(n, device=like.device, dtype=dtype) + 0.5) * side - image / 2) / pixels_per_degree
            for n, side, image in zip(grid, patch_px, image_px, strict=True)
        )
        return cls(grid, torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).flatten(0, 1))

    def in_place(self, tokens: Tensor) -> Tensor:
        """Return all patches' tokens, (n, n_patches, width), as maps (n, width, rows, columns)."""
        return tokens.mT.unflatten(-1, self.grid)


@dataclass(frozen=True, eq=False)
class Fixation:
    """What tokens are there from each of some gazes, and how much each counts.

    Parameters
    ----------
    patches : Patches
        All that there are.
    n_prefix : int
        Tokens without a place, which come first.
    layout : Layout
        Where tokens lie, those without a place at gaze, and the ln of the number of patches that each counts as,
        (n_gazes, n_prefix + n_kept): 0 for those without a place, -inf for padding.
    kept : Tensor, shape (n_gazes, n_kept), optional
        Numbers of the patches that are there; None for all.
    near : Layout, optional
        Of patches that attend to their neighbours alone.
    """

    patches: Patches
    n_prefix: int
    layout: Layout
    kept: Tensor | None = None
    near: Layout | None = None

    @classmethod
    def at(cls, gaze_deg: Tensor, patches: Patches, fovea: FoveaConfig, *, n_prefix: int) -> Self:
        """Return what each of some gazes, (n_gazes, 2), makes of patches; the nearest one is there in any case."""
        squared = squared_eccentricity(gaze_deg[:, None], patches.position_deg)[:, 0]  # (n_gazes, n_patches)
        bias, kept = -fovea.alpha * profile(fovea.bias, squared, squared.new_tensor(fovea.e2_deg)), None
        if fovea.radius_deg is not None:
            there = squared <= squared.amin(-1, keepdim=True).clamp(min=fovea.radius_deg**2)
            kept = there.int().topk(int(there.sum(-1).max()), sorted=False).indices.sort(-1).values
            bias = bias.masked_fill(~there, -torch.inf).gather(-1, kept)
        log_weight = bias.log_softmax(-1) + math.log(squared.shape[-1])
        layout = _layout(gaze_deg, patches.position_deg, log_weight, kept, n_prefix)
        place, reach = patches.position_deg[None], fovea.reach_deg
        near = None if reach is None else Layout(place, place, radius=reach, log_weight=log_weight)
        return cls(patches, n_prefix, layout, kept, near)

    @property
    def log_weight(self) -> Tensor:
        """ln of the number of patches that a token counts as, (n_gazes, n_prefix + n_kept)."""
        return cast(Tensor, self.layout.log_weight)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend among tokens, (n_gazes, heads, n_tokens, dim)."""
        if self.near is None:
            return foveal_attention(q, k, v, layout=self.layout, bias="none")
        prefix, patches = zip(*(t.tensor_split([self.n_prefix], 2) for t in (q, k, v)), strict=True)
        seen, log_sum = foveal_attention(*patches, layout=self.near, bias="none", return_lse=True)
        if not self.n_prefix:
            return seen
        seen = _joined(seen, log_sum, patches[0], *prefix[1:])
        place = self.layout.key_position
        gaze, log_weight = place[:, : self.n_prefix], self.log_weight
        everything = foveal_attention(prefix[0], k, v, gaze, place, log_weight=log_weight, bias="none")
        return torch.cat([everything, seen], 2)

    def take(self, tokens: Tensor) -> Tensor:
        """Return the tokens that are there, (n_gazes, n_prefix + n_kept, width), of all, (n_gazes, n, width)."""
        if self.kept is None:
            return tokens
        prefix, patches = tokens.tensor_split([self.n_prefix], 1)
        index = self.kept[..., None].expand(-1, -1, tokens.shape[-1])
        return torch.cat([prefix, patches.gather(1, index)], 1)

    def maps(self, tokens: Tensor) -> Tensor:
        """Return patches in their places, (n_gazes, width, rows, columns), 0 where one was dropped."""
        patches = tokens[:, self.n_prefix :]
        if self.kept is not None:
            index = self.kept[..., None].expand_as(patches)
            everywhere = patches.new_zeros(len(patches), len(self.patches.position_deg), patches.shape[-1])
            patches = everywhere.scatter(1, index, patches)
        return self.patches.in_place(patches)

    def weighed(self, tokens: Tensor) -> Tensor:
        """Return tokens of which the mean over patches is that over what patches count as."""
        prefix, patches = tokens.tensor_split([self.n_prefix], 1)
        share = self.log_weight[:, self.n_prefix :].softmax(-1) * patches.shape[1]
        return torch.cat([prefix, patches * share[..., None]], 1)


def _layout(gaze: Tensor, position: Tensor, log_weight: Tensor, kept: Tensor | None, n_prefix: int) -> Layout:
    """Tokens of all layers; gradients reach the gaze through the weights alone."""
    places = position.expand(len(gaze), -1, -1)
    if kept is not None:
        places = places.gather(1, kept[..., None].expand(-1, -1, 2))
    lying = torch.cat([gaze.detach()[:, None].expand(-1, n_prefix, -1), places], 1)
    return Layout(
        lying, lying, log_weight=torch.cat([log_weight.new_zeros(len(gaze), n_prefix), log_weight], -1)
    )


def _joined(seen: Tensor, log_sum: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """What queries see of some keys, with the log of their sum, (n, heads, n_queries), and of a few further keys."""
    scores = (q @ k.mT).to(log_sum.dtype) * q.shape[-1] ** -0.5  # (n, heads, n_queries, n_few)
    total = torch.logaddexp(log_sum, scores.logsumexp(-1))
    few = (scores - total[..., None]).exp().to(v.dtype) @ v
    return ((log_sum - total).exp()[..., None] * seen).to(seen.dtype) + few
