"""Windows that grow with eccentricity: the boxes over which each cell of a map is pooled, for many gazes.

Coordinates are in pixels of the feature map: pixel (column j, row i) covers [j, j+1] x [i, i+1]. A box is
(left, top, right, bottom). Real boxes vary smoothly with the gaze; whole ones are those of a network that pools
with one integer window per ring.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def eccentric_boxes(
    gaze: Tensor,
    height: int,
    width: int,
    *,
    stride: int,
    size_min: Tensor | float,
    slope: Tensor | float,
    fovea: Tensor | float,
) -> Tensor:
    """Square boxes of side ``size_min + slope * max(0, E - fovea)`` around the cells of a strided map.

    Parameters
    ----------
    gaze : Tensor, shape (batch or 1, n_gazes, 2)
        Horizontal and vertical gaze, in pixels.
    height, width : int
        Size of the feature map, in pixels.
    stride : int
        Distance of neighbouring cells, in pixels; cell j is centred at ``(j + 0.5) * stride``.
    size_min, fovea : float or Tensor, shape ()
        Side of the foveal boxes and radius of the fovea, in pixels.
    slope : float or Tensor, shape ()
        Growth of the side per pixel of eccentricity E, dimensionless.

    Returns
    -------
    Tensor, shape (batch or 1, n_gazes, rows, columns, 4)
        Differentiable in the gaze and in the sizes; may reach beyond the map.
    """
    centre = _centres(height, width, stride, gaze)
    offset = centre - gaze[:, :, None, None]
    squared = (offset * offset).sum(-1)
    eccentricity = torch.where(squared > 0, torch.where(squared > 0, squared, 1).sqrt(), 0)
    half = 0.5 * (size_min + slope * (eccentricity - fovea).clamp(min=0))[..., None]
    return torch.cat([centre - half, centre + half], -1)


def ring_boxes(
    gaze: Tensor, height: int, width: int, *, stride: int, windows: Sequence[int], fovea: float, ring: float
) -> Tensor:
    """Whole boxes of one window per ring of eccentricity, placed as TensorFlow's "same" padding places them.

    Parameters
    ----------
    gaze : Tensor, shape (batch or 1, n_gazes, 2)
        Horizontal and vertical gaze, in pixels.
    height, width : int
        Size of the feature map, in pixels.
    stride : int
        Distance of neighbouring cells, in pixels.
    windows : sequence of int
        Side of the window in the fovea and in each ring outwards, in pixels; the last goes on to the border.
    fovea, ring : float
        Radius of the fovea and width of a ring, in pixels.

    Returns
    -------
    Tensor of int64, shape (batch or 1, n_gazes, rows, columns, 4)
        Clipped to the map: the mean counts valid pixels alone.
    """
    offset = _centres(height, width, stride, gaze) - gaze[:, :, None, None]
    eccentricity = (offset * offset).sum(-1).sqrt()
    index = ((eccentricity - fovea) / ring).ceil().clamp(0, len(windows) - 1).long()
    side = torch.tensor(windows, device=gaze.device)[index]
    edges = [
        _same_padding(side, n, stride, torch.arange(-(-n // stride), device=gaze.device).reshape(shape))
        for n, shape in ((width, (1, -1)), (height, (-1, 1)))
    ]
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], -1)


def ring_windows(slope: float, *, pixels_per_deg: float, n_rings: int, size_min: int = 2) -> tuple[int, ...]:
    """Windows of eccNET in the fovea and the `n_rings` rings of 1 degree around it, in pixels.

    References
    ----------
    Gupta et al. (2021), NeurIPS: side = 2 + round(slope * (E - fovea) * pixels per degree) at the outer border
    E of a ring, with slope 0.07, 0.16, 0.32 at 8, 4, 2 pixels per degree in its last three pooling layers.
    """
    return tuple(size_min + round(slope * ring * pixels_per_deg) for ring in range(n_rings + 1))


def _centres(height: int, width: int, stride: int, gaze: Tensor) -> Tensor:
    """Centres of the cells, (rows, columns, 2)."""
    x, y = (
        (torch.arange(-(-n // stride), dtype=gaze.dtype, device=gaze.device) + 0.5) * stride
        for n in (width, height)
    )
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)


def _same_padding(side: Tensor, n: int, stride: int, cell: Tensor) -> tuple[Tensor, Tensor]:
    """First and past-the-last pixel of the windows along one axis: an odd padding leans to the end."""
    padding = ((-(-n // stride) - 1) * stride + side - n).clamp(min=0)
    start = cell * stride - padding // 2
    return start.clamp(min=0), (start + side).clamp(max=n)
