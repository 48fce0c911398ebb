"""What a frozen network says of each object of a scene: its features, averaged over the object.

The network sees a scene once, at the image's own size, and is read at a middle and at a late depth. A cell of a feature
map counts by the part of it that the object covers: its outline where there is one, else its box. A target that is told
by a picture is passed through the network too, its surround mirrored outwards so that no border of ours is part of it.

A network with a fovea of its own (`cogattn.vision.glances`) looks at each object in turn: what is said of an object is
what is seen of it when it is looked at, at a pass for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from cogattn.errors import DataError
from cogattn.kernels import box_means
from cogattn.psychophysics.scanpath.layouts.items import Array, Layout
from cogattn.psychophysics.scanpath.layouts.masks import pixels_in
from cogattn.vision.fovea import Backbone, Level
from cogattn.vision.glances import Glances, has_own_fovea
from cogattn.vision.scenes.scene import Box, Picture, SceneObject, pixels

Features = NDArray[np.float32]
N_DEPTHS = 2
"""A middle one and a late one: the last two strides of a convolutional network, half of and all blocks of a
transformer."""
SURROUND_PX = 96
"""Mirrored pixels around a target's picture, as far as the picture reaches."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A layout as a network sees it.

    Parameters
    ----------
    objects : tuple of array, shape (n_objects, n_channels), one a depth
        Mean features over each object.
    target : tuple of array, shape (n_channels,), one a depth, optional
        Mean features over the target's picture; None where it is told by none.
    """

    objects: tuple[Features, ...]
    target: tuple[Features, ...] | None = None

    @property
    def n_bytes(self) -> int:
        """What it takes to keep it."""
        return sum(array.nbytes for array in (*self.objects, *(self.target or ())))


def see(layout: Layout, backbone: Backbone) -> Seen:
    """Pass a layout's image, and its target's picture if it has one, through a network.

    Parameters
    ----------
    layout : Layout
        Its objects are looked at one by one.
    backbone : Backbone
        The network, with `N_DEPTHS` levels.

    Returns
    -------
    Seen

    Raises
    ------
    DataError
        If the scene has no image, one that cannot be read, or one of which the network's features are not finite.
    """
    scene = layout.scene
    if scene.picture is None:
        raise DataError(
            f"appearance must be none where a scene has no image for a network to look at; got none ({layout.name})"
        )
    objects = _of_objects(layout, backbone, _batch(scene.picture))
    shown = None if scene.target is None else scene.target.picture
    target = None if shown is None else _over_picture(backbone, shown, layout.scale)
    if not all(np.isfinite(array).all() for array in (*objects, *(target or ()))):
        raise DataError(
            f"a network's features must be finite; got others from {backbone.name} ({layout.name})"
        )
    return Seen(objects, target)


def _batch(picture: Picture) -> Tensor:
    """One image (1, 3, height, width) from 0 to 1."""
    image = torch.from_numpy(np.ascontiguousarray(pixels(picture)))
    channels = image.expand(3, *image.shape) if image.dim() == 2 else image.movedim(-1, 0)
    return channels[None].contiguous()


def _of_objects(layout: Layout, backbone: Backbone, image: Tensor) -> tuple[Features, ...]:
    """Mean features of objects, one array a depth."""
    things, size = layout.scene.objects, layout.scene.size_px
    if not has_own_fovea(backbone):
        return tuple(_over_objects(level, things, size) for level in backbone(image))
    glances = Glances(backbone, image, pixels_per_degree=layout.scale)
    looked = [
        [_over_objects(level, [thing], size) for level in glances.levels(gaze)]
        for thing, gaze in zip(things, torch.from_numpy(layout.position_deg).float().split(1), strict=True)
    ]
    return tuple(np.concatenate(depth) for depth in zip(*looked, strict=True))


def _over_objects(level: Level, objects: Sequence[SceneObject], size_px: tuple[int, int]) -> Features:
    """Mean features of objects at one depth, (n_objects, n_channels)."""
    means = _over_boxes(level, [thing.box_px for thing in objects])
    for number, thing in enumerate(objects):
        if thing.polygon_px is not None:
            share = _share_of_cells(thing.polygon_px, level, size_px)
            if share.any():
                maps = level.maps[0].flatten(1).double()
                means[number] = (maps @ torch.from_numpy(share.ravel())).cpu().numpy() / share.sum()
    return means


def _over_boxes(level: Level, boxes: Sequence[Box]) -> Features:
    cells = torch.tensor(np.array(boxes) / level.stride_px, device=level.maps.device)
    return box_means(level.maps, cells[None])[0].float().cpu().numpy()


def _share_of_cells(polygon_px: Array, level: Level, size_px: tuple[int, int]) -> Array:
    """How much of each cell an outline covers, from 0 to 1; a pixel counts by its middle."""
    height, width = size_px
    stride, (rows, columns) = level.stride_px, level.maps.shape[-2:]
    covered = torch.from_numpy(pixels_in(polygon_px, size_px)).double()
    padded = functional.pad(covered, (0, columns * stride - width, 0, rows * stride - height))
    return functional.avg_pool2d(padded[None, None], stride)[0, 0].numpy()


def _over_picture(backbone: Backbone, picture: Picture, scale: float) -> tuple[Features, ...]:
    """Mean features of a target's picture, which is looked at in its middle."""
    image = _batch(picture)
    height, width = image.shape[-2:]
    down, across = min(SURROUND_PX, height - 1), min(SURROUND_PX, width - 1)
    mirrored = functional.pad(image, (across, across, down, down), mode="reflect")
    box = (float(across), float(down), float(across + width), float(down + height))
    if has_own_fovea(backbone):
        levels = Glances(backbone, mirrored, pixels_per_degree=scale).levels(torch.zeros(1, 2))
    else:
        levels = backbone(mirrored)
    return tuple(_over_boxes(level, [box])[0] for level in levels)
