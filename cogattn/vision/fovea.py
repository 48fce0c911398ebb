"""What a frozen network's features look like from where the eye is: foveated fields, for many gazes at once.

The network sees the image once. From each gaze its feature maps are averaged over square windows that grow
with eccentricity (`cogattn.vision.retina.Integration`), so a further fixation costs a few reads of a summed-area
table and no pass of the network. A *late* fovea: pooling commutes with everything linear, so a map of target
matches may be pooled instead of the features that it is made of.

With the integration ``uniform`` a field is the plain network, whatever the gaze.

References
----------
Freeman, Simoncelli (2011), Nature Neurosci. 14, 1195-1201.
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34: pooling inside the network; here it follows the network.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from cogattn.errors import ObserverError
from cogattn.kernels import box_means
from cogattn.kernels.folding import agree, fold_batch_norms
from cogattn.observers.network import Network
from cogattn.vision.retina import Integration, eccentricity_deg


@dataclass(frozen=True, eq=False)
class Level:
    """Feature maps of one depth.

    Parameters
    ----------
    maps : Tensor, shape (batch, channels, height, width)
        Features.
    stride_px : int
        Side of a cell in image pixels.
    """

    maps: Tensor
    stride_px: int


class Backbone:
    """The feature maps of a frozen network, at any image size.

    Parameters
    ----------
    network : Network
        Whose module has timm's ``forward_intermediates``. It is not changed.
    n_levels : int
        How many depths: the last stages of a convolutional network, which differ in stride, or evenly spaced
        blocks of a transformer, the last one included.

    Raises
    ------
    ObserverError
        If the network does not show its intermediate features.
    """

    def __init__(self, network: Network, *, n_levels: int = 3) -> None:
        module: Any = network.module  # of timm
        if not hasattr(module, "forward_intermediates") or not hasattr(module, "feature_info"):
            raise ObserverError(
                f"a fovea needs a network with forward_intermediates, as timm's have; got {network.name}"
            )
        self.name, self.network = network.name, network
        self.indices, self.strides = _choose_levels(list(module.feature_info), n_levels, network.name)
        self._tokens = hasattr(module, "set_input_size")
        self._folded: nn.Module | None = None
        self._resized: tuple[tuple[int, int], nn.Module] | None = None

    def __call__(self, images: Tensor) -> list[Level]:
        """Return the levels of images (batch, 3, height, width) in [0, 1], fine to coarse.

        Notes
        -----
        Nothing is resized: a pixel stays a pixel. The right and lower edges are repeated up to a multiple of
        the largest stride, so cells cover ``[i * stride, (i + 1) * stride)`` of the image. Frozen batch norms are
        folded into the convolutions before them where that changes no more than the last digits.
        """
        inputs = image_inputs(self.network, images, multiple=max(self.strides))
        maps = self._maps(self.fitting(inputs), inputs)
        return [Level(m.clone(), stride) for m, stride in zip(maps, self.strides, strict=True)]

    def _maps(self, module: Any, inputs: Tensor) -> list[Tensor]:
        with torch.inference_mode(), self.network.computing():
            maps = module.forward_intermediates(inputs, indices=self.indices, intermediates_only=True)
        return [level.float() for level in maps]

    def fitting(self, inputs: Tensor) -> Any:
        """Return the module, folded; of a vision transformer a copy whose position codes fit `image_inputs`.

        These are (n, 3, height, width).
        """
        if not self._tokens:
            if self._folded is None:
                self._folded = self._fold(inputs)
            return self._folded
        size = (inputs.shape[-2], inputs.shape[-1])
        if self._resized is None or self._resized[0] != size:
            module: Any = copy.deepcopy(self.network.module)
            module.set_input_size(img_size=size)
            self._resized = size, module
        return self._resized[1]

    def _fold(self, inputs: Tensor) -> nn.Module:
        """A faster copy of the module if it shows the same features of noise as large as `inputs`, or the module."""
        module = self.network.module
        folded = fold_batch_norms(module)
        if folded is module:
            return module
        noise = torch.randn(inputs[:1].shape, generator=torch.Generator().manual_seed(0)).to(inputs)
        noise = noise.contiguous(memory_format=self.network.memory_format)
        return folded if agree(self._maps(module, noise), self._maps(folded, noise)) else module


class FoveatedField:
    """Levels of features, seen from any gaze.

    Parameters
    ----------
    levels : sequence of Level
        Of one batch of images.
    image_size : tuple of int
        (height, width) of the images in pixels, padding excluded; their middle is the origin in degrees.
    pixels_per_degree : float
        Scale of the images.
    integration : Integration
        How widths grow.

    Examples
    --------
    >>> from cogattn.observers import TimmObserver, build_network
    >>> from cogattn.vision.retina import INTEGRATIONS
    >>> backbone = Backbone(build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0))
    >>> images = torch.rand(1, 3, 224, 224)
    >>> field = foveate(backbone, images, pixels_per_degree=30, integration=INTEGRATIONS["v2"])
    >>> [tuple(level.shape) for level in field.features(torch.zeros(4, 2))]  # from four gazes
    [(1, 4, 40, 28, 28), (1, 4, 112, 14, 14), (1, 4, 320, 7, 7)]
    """

    def __init__(
        self,
        levels: Sequence[Level],
        *,
        image_size: tuple[int, int],
        pixels_per_degree: float,
        integration: Integration,
    ) -> None:
        self.levels = list(levels)
        self.image_size, self.pixels_per_degree = image_size, pixels_per_degree
        self.integration = integration

    def features(self, gaze_deg: Tensor) -> list[Tensor]:
        """Return every level from every gaze.

        Parameters
        ----------
        gaze_deg : Tensor, shape (n_gazes, 2)
            In degrees from the images' middle.

        Returns
        -------
        list of Tensor, shape (batch, n_gazes, channels, height, width)
        """
        found = []
        for index, level in enumerate(self.levels):
            height, width = level.maps.shape[-2:]
            seen = self.read(level.maps, self.cell_centers_deg(index), gaze_deg, level=index)
            found.append(seen.unflatten(-1, (height, width)).movedim(2, 1))
        return found

    def cell_centers_deg(self, level: int) -> Tensor:
        """Return the centres of a level's cells, row by row, shape (height * width, 2)."""
        maps, stride = self.levels[level].maps, self.levels[level].stride_px
        rows, columns = (torch.arange(n, device=maps.device) + 0.5 for n in maps.shape[-2:])
        y, x = torch.meshgrid(rows * stride, columns * stride, indexing="ij")
        middle = x.new_tensor([self.image_size[1] / 2, self.image_size[0] / 2])
        return (torch.stack([x.ravel(), y.ravel()], dim=-1) - middle) / self.pixels_per_degree

    def read(
        self, maps: Tensor, points_deg: Tensor, gaze_deg: Tensor, *, level: int, offset_cells: float = 0.0
    ) -> Tensor:
        """Return maps that lie on a level's grid as seen at some points from some gazes.

        Parameters
        ----------
        maps : Tensor, shape (batch, channels, height, width)
            Anything linear in the level's features.
        points_deg : Tensor, shape (n_points, 2)
            Where.
        gaze_deg : Tensor, shape (n_gazes, 2)
            From where.
        level : int
            Whose grid and integration width.
        offset_cells : float
            How far the maps' cells lie to the right of and below the level's, in cells.

        Returns
        -------
        Tensor, shape (batch, channels, n_gazes, n_points)
            Means over square windows, cut at the edge of the map; points beyond it see the nearest cell.
        """
        boxes = self._boxes(maps, points_deg, gaze_deg, level, offset_cells)
        means = box_means(maps, boxes.flatten(0, 1).unsqueeze(0))
        return means.movedim(-1, 1).unflatten(-1, boxes.shape[:2])

    def _boxes(
        self, maps: Tensor, points_deg: Tensor, gaze_deg: Tensor, level: int, offset_cells: float
    ) -> Tensor:
        """Windows in cells, (n_gazes, n_points, 4): left, top, right, bottom."""
        stride_deg = self.levels[level].stride_px / self.pixels_per_degree
        width = self.integration.width_deg(
            eccentricity_deg(points_deg, gaze_deg),
            base_deg=stride_deg,
            level=level,
            n_levels=len(self.levels),
        )
        height_px, width_px = self.image_size
        middle = points_deg.new_tensor([width_px / 2, height_px / 2]) / self.pixels_per_degree
        centers = (points_deg + middle) / stride_deg - offset_cells
        limit = centers.new_tensor([maps.shape[-1], maps.shape[-2]]) - 0.5
        centers = torch.minimum(centers.clamp(min=0.5), limit)
        half = (width / stride_deg / 2).unsqueeze(-1)  # (gazes, points, 1)
        return torch.cat([centers - half, centers + half], dim=-1)


def foveate(
    backbone: Backbone, images: Tensor, *, pixels_per_degree: float, integration: Integration
) -> FoveatedField:
    """Return the foveated field of images (batch, 3, height, width) in [0, 1]: one pass of the network."""
    return FoveatedField(
        backbone(images),
        image_size=(images.shape[-2], images.shape[-1]),
        pixels_per_degree=pixels_per_degree,
        integration=integration,
    )


def image_inputs(network: Network, images: Tensor, *, multiple: int) -> Tensor:
    """Normalise images (n, 3, height, width) in [0, 1] for a network, their last edges repeated to a multiple."""
    mean, std = (images.new_tensor(values).view(3, 1, 1) for values in (network.mean, network.std))
    height, width = images.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    inputs = functional.pad((images - mean) / std, padding, mode="replicate").to(network.device)
    return inputs.contiguous(memory_format=network.memory_format)


def _choose_levels(stages: list[dict], n_levels: int, name: str) -> tuple[list[int], list[int]]:
    """Indices and strides of the levels, fine to coarse."""
    strides = [int(stage["reduction"]) for stage in stages]
    if len(set(strides)) == 1:
        n = len(stages)
        indices = [round((level + 1) * n / n_levels) - 1 for level in range(n_levels)]
    else:
        last = {stride: index for index, stride in enumerate(strides)}
        indices = sorted(last.values())[-n_levels:]
    if len(set(indices)) < n_levels or indices[0] < 0:
        raise ObserverError(f"levels must be at most the stages of {name}; got {n_levels} of {len(stages)}")
    return indices, [strides[index] for index in indices]
