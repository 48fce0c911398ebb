"""What a target looks like to a network: its features on an empty background, wherever it falls on the grid.

A network with strides answers differently to a target between its cells than on them, so a target is shown at
sixteen places about the middle and what the network says of it is averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cogattn.psychophysics.search.displays.display import MARGIN_DEG, draw
from cogattn.psychophysics.search.displays.items import Item
from cogattn.vision.fovea import Level

Array = NDArray[np.float64]
LevelsOf = Callable[[Tensor], list[Level]]
"""From images (n, 3, height, width) in [0, 1] to feature levels, fine to coarse."""

EPSILON = 0.1
"""Energy, relative to the template's, at which normalisation sets in: keeps noise on blank ground near 0."""
N_SHIFTS, SHIFT_STEP = 4, 5 / 16
"""Shifts along each axis at which a target is learned, and their step in cells of the coarsest level."""


@dataclass(frozen=True, eq=False)
class Template:
    """What items look like to one level.

    Parameters
    ----------
    kernels : Tensor, shape (n_kinds, channels, k, k)
        Features of each kind of item, less the background's.
    offset_cells : float
        How far an item's centre lies to the right of and below the centre of its cell in a match map, in cells.
    """

    kernels: Tensor
    offset_cells: float

    def of_kinds(self, kinds: Sequence[int]) -> Template:
        """Return the template of some kinds."""
        return Template(self.kernels[list(kinds)], self.offset_cells)

    @property
    def energy(self) -> Tensor:
        """|t|^2 of each kind, (n_kinds,); never quite 0."""
        return self.kernels.square().sum(dim=(1, 2, 3)).clamp(min=torch.finfo(self.kernels.dtype).tiny)


def learn_templates(
    levels_of: LevelsOf, kinds: Sequence[Item], *, background: float, pixels_per_degree: float
) -> list[Template]:
    """Show each kind of item alone and keep what each level says of it.

    Parameters
    ----------
    levels_of : callable
        The network.
    kinds : sequence of Item
        What is learned; all kernels are as large as the largest of them.
    background : float
        Luminance from 0 to 1.
    pixels_per_degree : float
        Resolution.

    Returns
    -------
    list of Template
        One a level.
    """
    box_deg = max(item.box_deg for item in kinds)
    side_deg = box_deg + 2 * MARGIN_DEG

    def shown(kind: int | None, shift_px: Array) -> NDArray[np.float32]:
        items = () if kind is None else (kinds[kind],)
        centers = np.repeat(shift_px[None] / pixels_per_degree, len(items), axis=0)
        return draw(
            items, centers, background=background, side_deg=side_deg, pixels_per_degree=pixels_per_degree
        )

    return learn_shown(levels_of, shown, n_kinds=len(kinds), box_px=box_deg * pixels_per_degree)


def learn_shown(
    levels_of: LevelsOf,
    shown: Callable[[int | None, Array], NDArray[np.float32]],
    *,
    n_kinds: int,
    box_px: float,
) -> list[Template]:
    """Learn templates of whatever is shown.

    Parameters
    ----------
    levels_of : callable
        The network.
    shown : callable
        From the number of a kind, or None for the empty background, and a shift (x, y) in whole pixels to a square
        image with that kind so far to the right of and below its middle; all of one size.
    n_kinds : int
        How many kinds there are.
    box_px : float
        Side of the square that the largest of them takes up.

    Returns
    -------
    list of Template
        One a level.
    """
    blank = shown(None, np.zeros(2))
    empty = levels_of(as_rgb(blank))
    steps = SHIFT_STEP * max(level.stride_px for level in empty) * (np.arange(N_SHIFTS) - N_SHIFTS / 2)
    shifts = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2).round()
    seen = [[levels_of(as_rgb(shown(kind, shift))) for shift in shifts] for kind in range(n_kinds)]
    return [
        _average([[at[level] for at in kind] for kind in seen], empty[level], shifts, box_px, len(blank))
        for level in range(len(empty))
    ]


def match_maps(levels: Sequence[Level], background: list[Tensor], templates: list[Template]) -> list[Tensor]:
    """Correlate a display's features with templates, level by level.

    Parameters
    ----------
    levels : sequence of Level
        Of one display.
    background : list of Tensor, shape (1, channels, height, width)
        The same levels of the empty background.
    templates : list of Template
        One a level.

    Returns
    -------
    list of Tensor, shape (1, n_kinds + 1, height, width)
        Correlation with each kind's template, made of length 1, then the display's energy under it. They are sums
        of features and of their squares, so that they may be pooled like features.
    """
    found = []
    for level, empty, template in zip(levels, background, templates, strict=True):
        features, kernels = level.maps - empty, template.kernels
        k, length = kernels.shape[-1], template.energy.sqrt().view(-1, 1, 1, 1)
        energy = functional.pad(features.square().sum(1, keepdim=True), ((k - 1) // 2, k // 2) * 2)
        under = functional.avg_pool2d(energy, k, 1) * k**2
        found.append(torch.cat([correlate(features, kernels / length), under], dim=1))
    return found


def normalised(seen: Tensor, template: Template) -> Tensor:
    """Return normalised correlations, of about 1 where a kind itself is.

    Parameters
    ----------
    seen : Tensor, shape (n_kinds + 1, ...)
        Of `match_maps`, pooled or not.
    template : Template
        Of the same level.

    Returns
    -------
    Tensor of float64 on the CPU, shape (n_kinds, ...)
    """
    seen, energy = seen.double().cpu(), template.energy.double().cpu()
    floor = EPSILON**2 * energy.view(-1, *[1] * (seen.ndim - 1))
    return seen[:-1] / (floor + seen[-1:].clamp(min=0)).sqrt()


def correlate(maps: Tensor, kernels: Tensor) -> Tensor:
    """Correlate maps with a few large kernels.

    Parameters
    ----------
    maps : Tensor, shape (batch, channels, height, width)
        Zero beyond their edges.
    kernels : Tensor, shape (n_kinds, channels, k, k)
        Cell ``(k - 1) // 2`` along each axis lies on the place that is told.

    Returns
    -------
    Tensor, shape (batch, n_kinds, height, width)

    Notes
    -----
    The convolution of the same name with one output channel a kernel is far below a CPU's speed. Here a row of a
    kernel is one matrix product over channels, whose columns are then shifted and added.
    """
    (n_kinds, _, k, _), (height, width) = kernels.shape, maps.shape[-2:]
    flat, last = maps.flatten(2), k - 1
    total = maps.new_zeros(len(maps), n_kinds, height + last, width + last)
    for row in range(k):
        weights = kernels[:, :, row].movedim(1, -1).flatten(0, 1)  # (n_kinds * k, channels)
        products = (weights @ flat).unflatten(1, (n_kinds, k)).unflatten(-1, (height, width))
        lines = total[:, :, last - row : last - row + height]
        for column in range(k):
            lines[..., last - column : last - column + width] += products[:, :, column]
    start = k // 2
    return total[..., start : start + height, start : start + width]


def as_rgb(image: NDArray[np.float32]) -> Tensor:
    """Return a grey image (height, width) or one in colour (height, width, 3) as a batch of one with three channels."""
    tensor = torch.from_numpy(image)
    return tensor.expand(1, 3, *image.shape) if tensor.ndim == 2 else tensor.movedim(-1, 0)[None]


def _average(
    shown: list[list[Level]], empty: Level, shifts_px: Array, box_px: float, side_px: int
) -> Template:
    """Cut items out, by kind and shift; shifts are undone to the nearest cell and their remainders averaged."""
    stride, n_cells = empty.stride_px, empty.maps.shape[-1]
    k = min(int(np.ceil(box_px / stride)), n_cells)
    start = round(side_px / 2 / stride - k / 2)
    corners = np.clip(start + np.round(shifts_px / stride).astype(int), 0, n_cells - k)  # (shifts, 2)
    kernels = [
        torch.stack(
            [
                (level.maps - empty.maps)[0, :, top : top + k, left : left + k]
                for level, (left, top) in zip(kind, corners, strict=True)
            ]
        ).mean(0)
        for kind in shown
    ]
    offset = float(np.mean((side_px / 2 + shifts_px) / stride - corners))
    return Template(torch.stack(kernels), offset - (k - 1) // 2 - 0.5)
