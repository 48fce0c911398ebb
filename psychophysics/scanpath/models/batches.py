"""Layouts and scanpaths as tensors, padded: what the networks of the study take."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class LayoutBatch:
    """Layouts, padded to the largest.

    Parameters
    ----------
    position, size : Tensor, shape (n_layouts, n_objects, 2)
        Degrees; 0 at padding.
    log_area : Tensor, shape (n_layouts, n_objects)
        ln of square degrees; 0 at padding.
    present : Tensor of bool, shape (n_layouts, n_objects)
        False at padding.
    target : Tensor of int64, shape (n_layouts,)
        Object that is looked for; -1 where there is none or it must not be known.
    features : Tensor, shape (n_layouts, n_objects, n_features), optional
        What objects look like; 0 at padding.
    crops : Tensor of uint8, shape (n_layouts, n_objects, 3, height, width), optional
        Their pixels, for the published model.
    """

    position: Tensor
    size: Tensor
    log_area: Tensor
    present: Tensor
    target: Tensor
    features: Tensor | None = None
    crops: Tensor | None = None


@dataclass(frozen=True, eq=False)
class PathBatch:
    """Scanpaths, padded to the longest, over layouts that several of them may share.

    Parameters
    ----------
    layouts : LayoutBatch
        Each once.
    of : Tensor of int64, shape (n_paths,)
        Number of each path's layout among them.
    objects : Tensor of int64, shape (n_paths, n_fixations)
        Object of each fixation; -1 at padding.
    n_given : Tensor of int64, shape (n_paths,)
        Fixations at the start that are told.
    durations_ms : Tensor, shape (n_paths, n_fixations), optional
        NaN at padding.
    """

    layouts: LayoutBatch
    of: Tensor
    objects: Tensor
    n_given: Tensor
    durations_ms: Tensor | None = None
