"""Settings of the attention modules; a study nests them among its own."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from cogattn.config import Settings


class _Heads(Settings):
    width: int = Field(default=128, ge=1)
    """Features of a token; a multiple of `heads`."""
    heads: int = Field(default=4, ge=1)
    """Attention heads."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads; got {self.width} and {self.heads}")
        return self


class FovealAttentionConfig(_Heads):
    """Attention that falls with eccentricity."""

    bias: Literal["smooth", "log", "gauss", "none"] = "smooth"
    """How it falls; `cogattn.kernels.foveal_attention` has the formulae."""
    alpha: float = 0.0
    """Strength at the start, dimensionless; 0 is plain attention, 2 in `log` is areal cortical magnification."""
    e2_deg: float = Field(default=0.75, gt=0)
    """Eccentricity scale at the start; 0.75 is Horton and Hoyt's of human V1."""
    radius_deg: float | None = Field(default=None, ge=0)
    """Largest eccentricity that is attended; none for no limit."""


class FoveaConfig(Settings):
    """A fovea in the attention of a vision transformer; left as it is, there is none."""

    alpha: float = Field(default=0.0, ge=0)
    """How steeply patches count less with eccentricity: 0 not at all, 2 as areal cortical magnification does."""
    bias: Literal["smooth", "log", "gauss"] = "smooth"
    """How they do; `cogattn.kernels.foveal_attention` has the formulae."""
    e2_deg: float = Field(default=0.75, gt=0)
    """Eccentricity scale; 0.75 is Horton and Hoyt's of human V1."""
    radius_deg: float | None = Field(default=None, gt=0)
    """Patches farther from gaze than this are dropped; none for no limit."""
    reach_deg: float | None = Field(default=None, gt=0)
    """Patches attend to patches at most so far from themselves; none for no limit. Class tokens and registers see and
    are seen from everywhere."""
    first_block: int = Field(default=0, ge=0)
    """Block from which on there is a fovea, counted from 0; those before see all alike, once for all gazes."""
    gaze_deg: tuple[float, float] = (0.0, 0.0)
    """Where it looks if nobody says: x to the right and y down from the middle of the image."""
    width_deg: float = Field(default=10.0, gt=0)
    """Width of the image if nobody says (ours)."""
    image_size: int | None = Field(default=None, ge=16)
    """Side that images are resized to, in pixels, position codes with them: at 1,024 a network of 16-pixel patches has
    4,096 of them. The network's own when absent."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.reach_deg is not None and self.radius_deg is not None:
            raise ValueError(f"reach_deg must be left out where radius_deg is given; got {self.reach_deg:g}")
        return self


NO_FOVEA = FoveaConfig()
"""Leaves a network as it is."""


class ObjectAttentionConfig(_Heads):
    """Attention to objects by distance and direction from gaze."""

    polar: bool = True
    """Whether scores know distance and direction by a log-polar table."""
    n_knots: int = Field(default=8, ge=2)
    """Rings of the log-polar table."""
    e2_deg: float = Field(default=1.0, gt=0)
    """Eccentricity at which rings turn from equally to logarithmically spaced; fixed."""
    extent_deg: float = Field(default=20.0, gt=0)
    """Eccentricity of the last ring; the table is constant beyond."""
    area_weight: float = 0.0
    """Factor of an object's log area at the start; at 1 an object counts as the patches that it covers."""
    n_pair_features: int = Field(default=0, ge=0)
    """Features of (gaze, object) pairs that the caller adds, such as how often an object was looked at."""


class ObjectTransformerConfig(ObjectAttentionConfig):
    """Encoder of objects and decoder of fixations, in blocks of `ObjectAttention`."""

    encoder_layers: int = Field(default=2, ge=0)
    """Blocks over the objects."""
    decoder_layers: int = Field(default=2, ge=0)
    """Blocks over the fixations."""
    feedforward: int = Field(default=256, ge=1)
    """Hidden features of a block's two-layer network."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Part of the features dropped in training, on each residual branch."""
    pointers: int = Field(default=1, ge=1)
    """Heads that point at the next object, mixed by weights that start equal."""
