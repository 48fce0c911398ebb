"""What is known of gazes and objects before any content: made once, read by all layers and heads.

The log-polar table is linear in the products of its rings' tents and the harmonics of the direction
(`cogattn.kernels.foveal_attention.polar`). Where there is room for them these products are kept as planes, and what a
head makes of them is one product of matrices; where there is none the fused operator makes them anew tile by tile.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from cogattn.attention.config import ObjectAttentionConfig
from cogattn.attention.groups import Groups
from cogattn.kernels.foveal_attention.polar import polar_geometry

MOST_NUMBERS = 2**26
"""Of planes that are kept: 256 MiB in float32. They are the faster way (``benchmarks/attention_decoding.py``)."""
N_WAVES = 5  # 1, cos, sin, cos 2, sin 2 of the direction

Mixed = tuple[Tensor, Tensor]
"""Gain and bias of a geometry, each (n_groups or 1, heads, n_queries, n_objects)."""


class Pairs(NamedTuple):
    """Gazes, objects and what lies between them; in groups, see `Groups`."""

    groups: Groups
    gaze: Tensor  # (n_groups or 1, n_queries, 2)
    position: Tensor  # (n_groups or 1, n_objects, 2)
    log_area: Tensor | None  # (n_groups or 1, n_objects)
    present: Tensor | None  # (n_groups or 1, n_objects) bool
    visible: Tensor | None  # (n_groups or 1, n_queries, n_objects) bool
    dead: Tensor | None  # (n_groups or 1, 1, n_queries or 1, 1) bool: queries that see nothing
    features: Tensor | None  # (n_groups or 1, n_features, n_queries, n_objects)
    planes: Tensor | None  # (n_groups or 1, 5 * n_knots, n_queries, n_objects), wave by wave
    mixed: Mixed | None = None  # what one geometry makes of the planes

    @property
    def fused(self) -> bool:
        """Whether the fused operator is to attend."""
        return self.planes is None and self.features is None and self.visible is None


def look(
    config: ObjectAttentionConfig,
    gaze: Tensor,
    position: Tensor,
    *,
    dtype: torch.dtype,
    groups: Groups,
    log_area: Tensor | None = None,
    present: Tensor | None = None,
    features: Tensor | None = None,
    visible: Tensor | None = None,
) -> Pairs:
    """Return what lies between gazes and objects; planes of it where there is room.

    Parameters
    ----------
    gaze : Tensor, shape (n_paths or 1, n_queries, 2)
        Where paths look, in degrees.
    position, log_area, present : Tensor, shape (n_layouts or 1, n_objects, ...)
        Objects of layouts.
    dtype : torch.dtype
        Of the tokens.
    groups : Groups
        Which paths are over which layout.
    features, visible : Tensor, shape (n_paths or 1, n_queries, n_objects, ...)
        As in `ObjectAttention`.
    """
    gaze, position = _fold(groups, gaze), groups.keys(position)
    log_area = None if log_area is None else groups.keys(log_area)
    present = None if present is None else groups.keys(present)
    visible = None if visible is None else _fold(groups, visible)
    features = None if features is None else _fold(groups, features).movedim(-1, 1).contiguous()
    shape = (max(len(gaze), len(position)), gaze.shape[1], position.shape[1])
    if not config.polar:
        planes = gaze.new_empty(1, 0, 1, 1)
    else:
        planes = _planes(config, gaze, position, wide(dtype)) if _fit(config, shape) else None
    return Pairs(
        groups, gaze, position, log_area, present, visible, _dead(present, visible), features, planes
    )


def wide(dtype: torch.dtype) -> torch.dtype:
    """Return the type in which scores are kept."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _fold(groups: Groups, rows: Tensor) -> Tensor:
    """Fold what paths have; one row that all of them share is spread first where rows become queries."""
    if len(rows) == 1 and groups.slots > 1:
        rows = rows.expand(groups.n_groups * groups.slots, *rows.shape[1:])
        return Groups(groups.n_groups, groups.slots, None, None).fold(rows)
    return rows if len(rows) == 1 else groups.fold(rows)


def _fit(config: ObjectAttentionConfig, shape: tuple[int, int, int]) -> bool:
    n_groups, n_queries, n_objects = shape
    return n_groups * n_queries * n_objects * N_WAVES * config.n_knots <= MOST_NUMBERS


def _planes(config: ObjectAttentionConfig, gaze: Tensor, position: Tensor, dtype: torch.dtype) -> Tensor:
    e2 = torch.full((1,), config.e2_deg, dtype=dtype, device=gaze.device)
    polar = polar_geometry(gaze.to(dtype), position.to(dtype), e2, config.extent_deg, config.n_knots)
    waves = torch.cat([torch.ones_like(polar.harmonics[:, :1]), polar.harmonics], 1)
    return (waves[:, :, None] * polar.tents[:, None]).flatten(1, 2)


def _dead(present: Tensor | None, visible: Tensor | None) -> Tensor | None:
    seen = visible if present is None else present[:, None]
    if seen is None:
        return None
    if present is not None and visible is not None:
        seen = seen & visible
    return ~seen.any(-1)[:, None, :, None]
