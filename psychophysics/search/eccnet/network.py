"""eccNET's network: a VGG with average poolings, the last of which average over rings about the fixation.

Three maps of what is seen, the layers before poolings 3, 4 and 5, come out at stride 16; three of the target, the
poolings themselves, at its stride 32, so that the target is compared at half its scale.

All of a window that shows nothing but background looks the same from every fixation, because window and rings move
with it. So the blank window goes through the network once, and a fixation computes only what the display can reach:
the numbers are those of the whole window, up to rounding.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, section 2, and the authors' public code.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from cogattn.errors import ObserverError
from cogattn.psychophysics.search.config import EccnetRule
from cogattn.psychophysics.search.eccnet.patches import (
    Place,
    Seen,
    bounds,
    differing,
    evened,
    fill,
    n_convolutions,
    run,
    scaled,
    surrounded,
    widened,
)
from cogattn.psychophysics.search.eccnet.pooling import STRIDE, Window, distances, rings

Picture = NDArray[np.uint8]
Centre = tuple[int, int]

CAFFE_MEAN = (123.68, 116.779, 103.939)
"""Of red, green and blue, from 0 to 255: what Keras' VGG16 subtracts."""
SLOPES = (0.0, 0.0, 3.5 * 0.02, 8 * 0.02, 16 * 0.02)
"""Growth of the pooling window with eccentricity, pooling by pooling."""
FIRST = 2
"""The first block whose maps are compared; poolings before it do not depend on the fixation."""


@dataclass(frozen=True)
class Blank:
    """What the blank window looks like: the colour after each of the first blocks, and whole maps after that."""

    colours: list[Tensor]
    convolved: list[Tensor]
    pooled: list[Tensor]


class EccNet:
    """A VGG as eccNET sees with it.

    Parameters
    ----------
    network : nn.Module
        Of timm, with ``features`` in five blocks of 3 x 3 convolutions; it is copied, not changed.
    mean, std : sequence of float
        Of red, green and blue, from 0 to 255: the network takes ``(value - mean) / std``.
    pixels_per_degree : float
        Resolution of what is seen (paper: 30).
    without : sequence of str
        Rules that are left out; of these `rings` and `half_scale` are the network's.
    name : str
        What errors call the network.

    Raises
    ------
    ObserverError
        If the network is no VGG.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: Sequence[float] = CAFFE_MEAN,
        std: Sequence[float] = (1.0, 1.0, 1.0),
        pixels_per_degree: float = 30.0,
        without: Sequence[EccnetRule] = (),
        name: str = "",
    ) -> None:
        self.blocks = blocks_of(network, name=name)
        self._weight = next(self.blocks[0].parameters())
        self._mean, self._std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
        self._cells_per_degree = [round(pixels_per_degree / STRIDE**depth) for depth in range(len(SLOPES))]
        self._slopes = (0.0,) * len(SLOPES) if "rings" in without else SLOPES
        self._half_scale = "half_scale" not in without
        self._blanks: dict[tuple, Blank] = {}

    @torch.inference_mode()
    def know(self, target: Picture) -> list[Tensor]:
        """Return the three maps of a target (height, width) or (height, width, 3), which are kernels.

        They are poolings at stride 32, or layers at stride 16 without `half_scale`. A target that is not square gets
        zeros at two sides in the first pooling, as in the reference.
        """
        maps, found = self._inputs(target), []
        for depth, block in enumerate(self.blocks):
            convolved = block(maps)
            maps = self._pool(_squared(convolved), depth)
            found.append(maps if self._half_scale else convolved)
        last = len(found) - 1
        return [_halved(found[depth], last - depth) for depth in range(FIRST, len(found))]

    @torch.inference_mode()
    def see(
        self, window: Picture, *, centre: Centre | None = None, background: Picture | None = None
    ) -> list[Tensor]:
        """Return the three maps of a window at stride 16.

        Parameters
        ----------
        window : array of uint8, shape (height, width) or (height, width, 3)
            What is seen.
        centre : tuple of int
            Row and column of the fixated pixel; the middle of every pooled map when absent.
        background : array of uint8, shape () or (3,)
            Colour of the blank window: only what differs from it is computed then. Rings must be about the middle,
            and at least 64 pixels at every side be background.

        Returns
        -------
        list of Tensor, shape (1, channels, ceil(height / 16), ceil(width / 16))
        """
        if background is None:
            return _at_stride_16(self._all(window, centre)[0])
        blank = self._blank_of(window.shape, background)
        place = differing(window, background)
        if place is None:
            return _at_stride_16(blank.convolved)
        seen = self._first(window, place, blank)
        maps = [seen]
        for depth in range(FIRST + 1, len(self.blocks)):
            pooled = self._pool_seen(seen, depth - 1, blank.pooled[depth - FIRST - 1])
            seen = run(self.blocks[depth], pooled, blank.convolved[depth - FIRST])
            maps.append(seen)
        return _at_stride_16([one.whole() for one in maps])

    def _all(self, window: Picture, centre: Centre | None) -> tuple[list[Tensor], list[Tensor]]:
        """The compared layers of all of a window, and the poolings between them."""
        maps, convolved, pooled = self._inputs(window), [], []
        for depth, block in enumerate(self.blocks):
            if depth:
                maps = self._pool(maps, depth - 1, centre)
            if depth > FIRST:
                pooled.append(maps)
            maps = block(maps)
            if depth >= FIRST:
                convolved.append(maps)
        return convolved, pooled

    def _first(self, window: Picture, place: Place, blank: Blank) -> Seen:
        """The first compared layer where it differs from the blank one's; all about it is one colour a channel."""
        maps = self._inputs(window[slice(*place[0]), slice(*place[1])])
        for depth in range(FIRST + 1):
            if depth:
                maps, place = evened(maps, place, blank.colours[depth])
                maps = self._pool(maps, depth - 1)
                place = scaled(place)
            room = n_convolutions(self.blocks[depth])
            padded = surrounded(maps, blank.colours[depth], [(2 * room, 2 * room)] * 2)
            maps = self.blocks[depth](padded)[..., room:-room, room:-room]
            place = widened(place, room)
        return Seen(blank.convolved[0], maps, place)

    def _pool_seen(self, seen: Seen, depth: int, blank: Tensor) -> Seen:
        """Pool a map in rings about its middle, where that differs from the blank window's."""
        n_rows, n_columns = blank.shape[-2:]
        shares = self._shares(depth, n_rows, n_columns, None)
        reached = np.zeros((n_rows, n_columns), dtype=bool)
        for window, share in shares.items():
            spans = [Window(window, n).touching(at) for n, at in zip(seen.size, seen.place, strict=True)]
            touching = slice(*spans[0]), slice(*spans[1])
            reached[touching] |= share[touching]
        rows, columns = bounds(reached)
        patch = blank[..., slice(*rows), slice(*columns)].clone()
        for window, share in shares.items():
            fill(patch, seen, window, share & reached, (rows[0], columns[0]))
        return Seen(blank, patch, (rows, columns))

    def _pool(self, maps: Tensor, depth: int, centre: Centre | None = None) -> Tensor:
        """Pool all of a map."""
        height, width = maps.shape[-2:]
        n_rows, n_columns = -(-height // STRIDE), -(-width // STRIDE)
        if centre is not None:
            centre = (centre[0] // STRIDE ** (depth + 1), centre[1] // STRIDE ** (depth + 1))
        seen = Seen(maps, maps, ((0, height), (0, width)))
        pooled = maps.new_empty(*maps.shape[:2], n_rows, n_columns)
        for window, share in self._shares(depth, n_rows, n_columns, centre).items():
            fill(pooled, seen, window, share, (0, 0))
        return pooled

    def _shares(
        self, depth: int, n_rows: int, n_columns: int, centre: Centre | None
    ) -> dict[int, NDArray[np.bool_]]:
        """Which cells of a pooled map average over windows of each size."""
        scale = self._cells_per_degree[depth]
        found = rings(max(n_rows, n_columns), slope=self._slopes[depth], cells_per_degree=scale)
        away = distances(n_rows, n_columns, centre or (n_rows // 2, n_columns // 2))
        return {ring.window: (away >= ring.inner) & (away < ring.outer) for ring in found}

    def _inputs(self, picture: Picture) -> Tensor:
        """Return a picture as the network takes it, (1, 3, height, width)."""
        values = torch.from_numpy(np.ascontiguousarray(picture)).float()
        channels = values.movedim(-1, 0) if values.ndim == 3 else values.expand(3, *values.shape)
        normal = (channels - self._mean) / self._std
        return normal[None].to(self._weight.device, self._weight.dtype)

    def _blank_of(self, shape: tuple[int, ...], background: Picture) -> Blank:
        """The blank window, which is run once for all windows of a size."""
        key = (shape, np.asarray(background).tobytes())
        if key not in self._blanks:
            self._blanks.clear()
            window = np.broadcast_to(np.asarray(background, dtype=np.uint8), shape)
            self._blanks[key] = Blank(self._colours(window[:64, :64]), *self._all(window, None))
        return self._blanks[key]

    def _colours(self, window: Picture) -> list[Tensor]:
        """The colour of a blank window, then that after each of the blocks that do not depend on the fixation."""
        maps = self._inputs(window)
        found = [maps[..., :1, :1]]
        for depth, block in enumerate(self.blocks[:FIRST]):
            maps = block(maps if depth == 0 else self._pool(maps, depth - 1))
            middle = maps.shape[-1] // 2
            found.append(maps[..., middle : middle + 1, middle : middle + 1])
        return found


def blocks_of(network: nn.Module, *, name: str = "") -> list[nn.Sequential]:
    """Cut a copy of a VGG's features into its five blocks of convolutions, their poolings left out.

    Raises
    ------
    ObserverError
        If the network has no such blocks.
    """
    layers = getattr(network, "features", None)
    blocks: list[list[nn.Module]] = [[]]
    for layer in layers if isinstance(layers, nn.Sequential) else ():
        if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
            blocks.append([])
        else:
            blocks[-1].append(layer)
    if blocks[-1]:
        blocks.append([])
    if len(blocks) != len(SLOPES) + 1 or not all(_is_block(block) for block in blocks[:-1]):
        raise ObserverError(
            "eccNET's network must be a VGG of timm, five blocks of 3 x 3 convolutions with a pooling after each; "
            f"got {name or type(network).__name__}; use searcher = matching"
        )
    return [nn.Sequential(*copy.deepcopy(block)).eval().requires_grad_(False) for block in blocks[:-1]]


def _is_block(layers: list[nn.Module]) -> bool:
    """Whether layers are nothing but 3 x 3 convolutions, normalisations and rectifications."""
    known = all(isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.ReLU | nn.Identity) for layer in layers)
    shapes = {
        (layer.kernel_size, layer.stride, layer.padding) for layer in layers if isinstance(layer, nn.Conv2d)
    }
    return known and shapes == {((3, 3), (1, 1), (1, 1))}


def _squared(maps: Tensor) -> Tensor:
    """Put zeros about the shorter side of maps, as the reference's pooling does with pictures that are not square."""
    height, width = maps.shape[-2:]
    more_rows, more_columns = max(0, width - height), max(0, height - width)
    room = (more_columns // 2, more_columns - more_columns // 2, more_rows // 2, more_rows - more_rows // 2)
    return functional.pad(maps, room)


def _at_stride_16(maps: list[Tensor]) -> list[Tensor]:
    """Bring compared layers to the stride of the last one."""
    return [_halved(one, len(maps) - 1 - index) for index, one in enumerate(maps)]


def _halved(maps: Tensor, times: int) -> Tensor:
    """Average over 2 x 2 cells so many times."""
    for _ in range(times):
        maps = functional.avg_pool2d(maps, STRIDE, ceil_mode=True, count_include_pad=False)
    return maps
