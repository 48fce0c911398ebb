"""Paths that share layouts: their queries in a row, so that keys are projected and read once for each layout."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

WASTE = 1.25
"""Up to so many rows, filled or not, are made for each path; beyond, each path gets keys of its own."""


class Groups(NamedTuple):
    """Which rows of queries belong together.

    Paths (n_paths, n_queries, ...) become groups (n_groups, slots * n_queries, ...) with the queries of paths over one
    layout in a row; with ``layouts`` None group i is over layout i.
    """

    n_groups: int
    slots: int
    place: Tensor | None  # (n_paths,) row of each path in the groups; None where rows are in order and full
    layouts: Tensor | None  # (n_groups,)

    @classmethod
    def of(cls, of: Tensor | None, n_paths: int, n_layouts: int) -> Self:
        """Group paths by the layout that each is over, (n_paths,); None: path i is over layout i."""
        if of is None or n_layouts == 1:
            return cls(n_layouts, n_paths // n_layouts, None, None)
        counts = torch.bincount(of, minlength=n_layouts)
        slots = int(counts.max())
        if n_layouts * slots > WASTE * n_paths:
            return cls(n_paths, 1, None, of)
        order = torch.argsort(of, stable=True)
        before = (counts.cumsum(0) - counts)[of[order]]
        rank = torch.arange(n_paths, device=of.device) - before
        place = torch.empty_like(of).index_copy_(0, order, of[order] * slots + rank)
        in_order = n_layouts * slots == n_paths and bool(
            (place == torch.arange(n_paths, device=of.device)).all()
        )
        return cls(n_layouts, slots, None if in_order else place, None)

    def fold(self, rows: Tensor) -> Tensor:
        """Return (n_groups, slots * n_queries, ...) of paths' rows (n_paths, n_queries, ...); 0 where no path is."""
        if self.place is not None:
            filled = rows.new_zeros(self.n_groups * self.slots, *rows.shape[1:])
            rows = filled.index_copy(0, self.place, rows)
        return rows.unflatten(0, (self.n_groups, self.slots)).flatten(1, 2)

    def unfold(self, rows: Tensor) -> Tensor:
        """Return the paths' rows (n_paths, n_queries, ...) of those of groups."""
        rows = rows.unflatten(1, (self.slots, -1)).flatten(0, 1)
        return rows if self.place is None else rows.index_select(0, self.place)

    def keys(self, layouts: Tensor) -> Tensor:
        """Return what belongs to each group's layout, (n_groups, ...), of layouts (n_layouts or 1, ...)."""
        if self.layouts is None or len(layouts) == 1:
            return layouts
        return layouts.index_select(0, self.layouts)
