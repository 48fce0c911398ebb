"""What a target looks like to a network: templates from its pictures, each shown at its own size.

A picture's surround is mirrored outwards, so that no border of ours is part of the template, and it is shown at several
shifts against the network's grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cogattn.psychophysics.search.natural.targets import Image
from cogattn.psychophysics.search.searchers.templates import LevelsOf, Template, as_rgb
from cogattn.vision.fovea import Level

Array = NDArray[np.float64]

MIRRORED_CELLS = 2
"""Cells of the coarsest level about a target that mirror it."""
SHIFTS = np.array([[0, 1], [1, 3], [2, 0], [3, 2]]) * 5 / 16
"""Cells of the coarsest level by which a target is shifted (x, y): along each axis all four phases of `templates`."""


def learn_looks(levels_of: LevelsOf, looks: Sequence[Image], ground: Sequence[Tensor]) -> list[Template]:
    """Learn what a target looks like to each level.

    Parameters
    ----------
    levels_of : callable
        The network.
    looks : sequence of array, shape (height, width, 3)
        Its pictures; what the network says of them is averaged.
    ground : sequence of Tensor, shape (1, channels, 1, 1)
        What features are told from, one a level.

    Returns
    -------
    list of Template
        One a level, of one kind; cells beyond a target that is not square are 0.
    """
    stride = max(level.stride_px for level in levels_of(torch.full((1, 3, 64, 64), 0.5)))
    learned = [_learn(levels_of, look, ground, round(stride)) for look in looks]
    return [_mean([one[level] for one in learned]) for level in range(len(ground))]


def _learn(
    levels_of: LevelsOf, look: Image, ground: Sequence[Tensor], coarsest_px: int
) -> list[tuple[Tensor, float]]:
    """Kernel and offset of one picture, by level."""
    size = np.array(look.shape[1::-1])  # (width, height)
    margin = MIRRORED_CELLS * coarsest_px
    side = -(-(int(size.max()) + 2 * margin) // coarsest_px) * coarsest_px
    starts = (side - size) // 2 + np.round((SHIFTS - SHIFTS.mean(axis=0)) * coarsest_px).astype(int)
    canvases = torch.cat([as_rgb(_mirrored(look, side, start)) for start in starts])
    middles = starts + size / 2
    return [
        _cut(level, empty, middles, size) for level, empty in zip(levels_of(canvases), ground, strict=True)
    ]


def _cut(level: Level, empty: Tensor, middles_px: Array, size_px: Array) -> tuple[Tensor, float]:
    """Cut a target out of each canvas by whole cells and average; shifts' remainders make the offset."""
    stride, n_cells = level.stride_px, level.maps.shape[-1]
    k = min(int(np.ceil(size_px.max() / stride)), n_cells)
    corners = np.clip(np.round(middles_px / stride - k / 2).astype(int), 0, n_cells - k)  # (shifts, 2)
    kernel = torch.stack(
        [
            maps[:, top : top + k, left : left + k]
            for maps, (left, top) in zip(level.maps - empty, corners, strict=True)
        ]
    ).mean(0)
    beyond = np.abs(np.arange(k) + 0.5 - k / 2) * 2 >= np.ceil(size_px / stride)[:, None]  # (x and y, k)
    kernel[:, :, beyond[0]] = 0
    kernel[:, beyond[1]] = 0
    return kernel, float(np.mean(middles_px / stride - corners)) - (k - 1) // 2 - 0.5


def _mean(learned: Sequence[tuple[Tensor, float]]) -> Template:
    """Average kernels of several sizes about their middles."""
    largest = max(kernel.shape[-1] for kernel, _ in learned)
    total = learned[0][0].new_zeros(len(learned[0][0]), largest, largest)
    offsets = []
    for kernel, offset in learned:
        k = kernel.shape[-1]
        start = (largest - 1) // 2 - (k - 1) // 2
        total[:, start : start + k, start : start + k] += kernel / len(learned)
        offsets.append(offset)
    return Template(total[None], float(np.mean(offsets)))


def _mirrored(look: Image, side: int, start: NDArray[np.int64]) -> Image:
    """A square canvas with a picture whose left top corner is at `start` (x, y), mirrored all over the rest."""
    (height, width), (left, top) = look.shape[:2], start
    around = ((top, side - height - top), (left, side - width - left), (0, 0))
    return np.pad(look, around, mode="symmetric")
