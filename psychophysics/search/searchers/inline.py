"""A fovea inside the network, which moves with every fixation: between its stages, or in its attention.

The first stages do not depend on fixation: they are computed once a display, in display coordinates, and a fixation
only runs the rest. In a VGG, whose stages open with a 2 x 2 pooling layer, that layer averages over windows that grow
in rings of one degree, with eccNET's slopes and within eccNET's fovea. A network that strides by itself has the input
of each stage averaged over windows that grow smoothly; one preset names both.

In a vision transformer patches count by their eccentricity (`cogattn.attention.fixations`) in all blocks after the
first depth that is compared.

That is all that there is of eccNET here. eccNET itself is `cogattn.psychophysics.search.eccnet`: there the grid moves
with the fixation in a window twice as wide, rings are counted from the middle cell of each grid, the target is one
picture at half its scale, raw products are scaled map by map and sharpened, and what was visited is painted over. Here
the grid stays where the display is, rings lie about the gaze itself, and targets are matched as in `matching`.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34, section 2 and its public code.
"""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from timm.models import FeatureListNet
from torch import Tensor, nn

from cogattn.attention.foveated import FoveatedTransformer
from cogattn.errors import ObserverError
from cogattn.kernels import box_means, box_pool, ring_boxes, ring_windows
from cogattn.kernels.winograd import hasten
from cogattn.observers.network import Network
from cogattn.psychophysics.search.config import Knowledge, LevelRule
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import Places
from cogattn.psychophysics.search.searchers.templates import as_rgb, match_maps, normalised
from cogattn.vision.fovea import Backbone, FoveatedField, Level, image_inputs
from cogattn.vision.glances import Glances
from cogattn.vision.retina import INTEGRATIONS, Integration
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]

FOVEA_DEG = 4
"""Radius of eccNET's fovea; with its rounded pixels per degree 4.27 in effect."""


class Glance(NamedTuple):
    """An image before it is looked at, and what is seen of it."""

    first: Level
    """What does not depend on fixation."""
    levels: Callable[[Tensor], list[Level]]
    """From gazes (n_gazes, 2) to all levels, the maps of the later ones (n_gazes, channels, height, width)."""


class Inline(Protocol):
    """A network with a fovea inside."""

    def glance(self, images: Tensor, pixels_per_degree: float) -> Glance:
        """Return images (1, 3, height, width) before they are looked at."""
        ...

    def at_gaze(self, images: Tensor) -> list[Level]:
        """Return the levels of images (1, 3, height, width) that are all fovea."""
        ...


def inline_of(network: Network, integration: Integration, *, n_levels: int) -> Inline:
    """Return a network with the fovea that its layers can have; raise ObserverError where they can have none."""
    if isinstance(network.module, FoveatedTransformer):
        return InlineTransformer(network, n_levels=n_levels, flat=integration == INTEGRATIONS["uniform"])
    return InlineNetwork(network, integration, n_levels=n_levels)


class InlineTransformer:
    """A vision transformer with a fovea in its attention.

    Parameters
    ----------
    network : Network
        Its module is a `FoveatedTransformer`; its fovea begins after the first depth, or later if it is to.
    n_levels : int
        Depths that are compared.
    flat : bool
        See as well everywhere as at gaze.
    """

    def __init__(self, network: Network, *, n_levels: int = 3, flat: bool = False) -> None:
        self.backbone = Backbone(network, n_levels=n_levels)
        own, indices = cast(FoveatedTransformer, network.module).fovea.first_block, self.backbone.indices
        self._none = indices[-1] + 1
        self.first_block = self._none if flat else max(own, indices[0] + 1)

    def glance(self, images: Tensor, pixels_per_degree: float) -> Glance:
        """Return images (1, 3, height, width) before they are looked at."""
        return self._glance(images, pixels_per_degree, self.first_block)

    def at_gaze(self, images: Tensor) -> list[Level]:
        """Return the levels of images (1, 3, height, width) that are all fovea: of which all patches count alike."""
        return self._glance(images, 1.0, self._none).levels(images.new_zeros(1, 2))

    def _glance(self, images: Tensor, pixels_per_degree: float, first_block: int) -> Glance:
        seen = Glances(self.backbone, images, pixels_per_degree=pixels_per_degree, first_block=first_block)
        return Glance(seen.early[0], seen.levels)


class InlineNetwork:
    """A convolutional network cut where its fovea comes in.

    Parameters
    ----------
    network : Network
        Of timm; it is copied, not changed.
    integration : Integration
        Slopes of the window; one for all levels, or one each for the levels after the first and one unused.
    n_levels : int
        Depths that are compared. The first is fixation-free.

    Raises
    ------
    ObserverError
        If the network is not a sequence of stages of falling resolution.
    """

    def __init__(self, network: Network, integration: Integration, *, n_levels: int = 3) -> None:
        self.network, self.integration, self.n_levels = network, integration, n_levels
        info = list(cast(Any, network.module).feature_info)
        strides = [int(stage["reduction"]) for stage in info]
        convolutional = [
            i for i, stage in enumerate(info) if strides.index(strides[i]) == i and not _pools(network, stage)
        ]
        if len(convolutional) < n_levels or len(set(strides)) == 1:
            raise ObserverError(
                f"fovea.place = inline needs a convolutional network of at least {n_levels} stages, or a vision "
                f"transformer with observer.fovea; got {network.name}; use fovea.place = late"
            )
        chosen = convolutional[-n_levels:]
        self.strides = [strides[i] for i in chosen]
        self.parts = _cut(network.module, chosen)

    def glance(self, images: Tensor, pixels_per_degree: float) -> Glance:
        """Return images (1, 3, height, width) before they are looked at."""
        size, first = (images.shape[-2], images.shape[-1]), self.start(images)
        see = functools.partial(self.levels, first, image_size=size, pixels_per_degree=pixels_per_degree)
        return Glance(Level(first, self.strides[0]), see)

    def at_gaze(self, images: Tensor) -> list[Level]:
        """Return the levels of images (1, 3, height, width) that are all fovea."""
        return self.glance(images, float(max(images.shape[-2:]))).levels(images.new_zeros(1, 2))

    def start(self, images: Tensor) -> Tensor:
        """Return the first level of images (n, 3, height, width): what does not depend on fixation."""
        inputs = image_inputs(self.network, images, multiple=self.strides[-1])
        with torch.inference_mode():
            return self.parts[0](inputs)

    def levels(
        self, first: Tensor, gaze_deg: Tensor, *, image_size: tuple[int, int], pixels_per_degree: float
    ) -> list[Level]:
        """Return all levels as seen from each gaze.

        Parameters
        ----------
        first : Tensor, shape (1, channels, height, width)
            From `start`.
        gaze_deg : Tensor, shape (n_gazes, 2)
            From the image's middle.
        image_size : tuple of int
            (height, width) in pixels.
        pixels_per_degree : float
            Resolution.

        Returns
        -------
        list of Level
            With maps of shape (n_gazes, channels, height, width).
        """
        middle = gaze_deg.new_tensor([image_size[1] / 2, image_size[0] / 2])
        gaze_px = gaze_deg * pixels_per_degree + middle
        maps, found = first, [Level(first.expand(len(gaze_deg), -1, -1, -1), self.strides[0])]
        with torch.inference_mode():
            for index, part in enumerate(self.parts[1:]):
                stride = self.strides[index]
                slope = self.integration.slope(index, self.n_levels)
                scale = pixels_per_degree / stride
                maps = self._pool(part, maps, gaze_px / stride, slope, scale)
                found.append(Level(maps, self.strides[index + 1]))
        return found

    def _pool(self, part: nn.Sequential, maps: Tensor, gaze: Tensor, slope: float, scale: float) -> Tensor:
        """Average about each gaze (n_gazes, 2), in cells of `maps`, which are one gaze's or all's; run a stage."""
        if isinstance(part[0], EccentricPool):
            pooled = eccentric_pool(maps, gaze, slope=slope, cells_per_degree=round(scale))
            return part[1:](pooled)
        gaze = gaze.view(len(maps), -1, 2)
        pooled = box_pool(maps, gaze, slope=slope, fovea=self.integration.onset_deg * scale)
        return part(pooled.flatten(0, 1))


class EccentricPool(nn.Module):
    """Marks where a stage's own 2 x 2 pooling was."""


def eccentric_pool(maps: Tensor, gaze: Tensor, *, slope: float, cells_per_degree: int) -> Tensor:
    """Average maps over windows that grow in rings about each gaze, at every other cell.

    Slopes and rings are eccNET's; there they are counted from a cell of the pooled map and leave out their outer
    border, see `cogattn.psychophysics.search.eccnet.pooling`.

    Parameters
    ----------
    maps : Tensor, shape (n_gazes or 1, channels, height, width)
        One map a gaze, or one for all.
    gaze : Tensor, shape (n_gazes, 2)
        In cells of the map.
    slope : float
        Growth of the window.
    cells_per_degree : int
        Of the map.

    Returns
    -------
    Tensor, shape (n_gazes, channels, ceil(height / 2), ceil(width / 2))
    """
    height, width = maps.shape[-2:]
    reach = math.hypot(height, width) / cells_per_degree
    windows = ring_windows(
        slope, pixels_per_deg=cells_per_degree, n_rings=max(0, math.ceil(reach - FOVEA_DEG))
    )
    boxes = ring_boxes(
        gaze.unsqueeze(1),
        height,
        width,
        stride=2,
        windows=windows,
        fovea=FOVEA_DEG * cells_per_degree,
        ring=cells_per_degree,
    )  # (gazes, 1, rows, columns, 4)
    means = box_means(maps, boxes.view(len(maps), -1, 4))
    return means.view(len(gaze), *boxes.shape[2:4], -1).movedim(-1, 1)


class InlineSearcher(MatchingSearcher):
    """Searches with a fovea inside the network.

    Parameters
    ----------
    network : Network
        A convolutional network of timm, or a `FoveatedTransformer`.
    name : str
        What tables call it.
    preset : str
        Of `cogattn.vision.retina.INTEGRATIONS`; a transformer's fovea is its own.
    gain, criterion, knows_distractors, n_levels, levels, targets
        As for `MatchingSearcher`.
    """

    def __init__(
        self,
        network: Network,
        *,
        name: str,
        preset: str,
        gain: float,
        criterion: float = 0.5,
        knows_distractors: bool = False,
        n_levels: int = 3,
        levels: LevelRule = "mean",
        targets: Knowledge = "all",
    ) -> None:
        self.inline = inline_of(network, INTEGRATIONS[preset], n_levels=n_levels)
        super().__init__(
            self.inline.at_gaze,
            name=name,
            integration=INTEGRATIONS["uniform"],
            gain=gain,
            criterion=criterion,
            knows_distractors=knows_distractors,
            levels=levels,
            targets=targets,
        )

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> InlineView:
        """Run the fixation-free stages once; `rng` is not used."""
        return InlineView(self, cast(Display, scene), places)  # checks refuse all but drawn displays


class InlineView:
    """A display as `InlineSearcher` sees it: the network's later stages are run again for every new gaze."""

    def __init__(self, searcher: InlineSearcher, display: Display, places: Places) -> None:
        self._searcher, self._display = searcher, display
        known = searcher.sight.knowledge(display)
        kinds, self._expected = searcher.told(display, known)
        self._templates = [template.of_kinds(kinds) for template in known.templates]
        self._background = known.background
        self._glance = searcher.inline.glance(as_rgb(display.image), display.scale)
        self._points = torch.from_numpy(places.points_deg)
        self._first_match = self._match([self._glance.first], first=0)

    def evidence(self, gaze_deg: Array) -> Array:
        """Return log likelihood ratios; see `View`."""
        distance = np.linalg.norm(self._points.numpy() - np.asarray(gaze_deg)[:, None], axis=-1)
        return self._searcher.weigh(self.matches(gaze_deg), distance, self._expected)

    def matches(self, gaze_deg: Array) -> Array:
        """Return each level's match of each kind with every place, (n_levels, n_kinds, n_gazes, n_places)."""
        new, again = np.unique(np.asarray(gaze_deg), axis=0, return_inverse=True)
        later = self._match(self._glance.levels(torch.tensor(new, dtype=torch.float32))[1:], first=1)
        first = np.broadcast_to(self._first_match, (1, *later.shape[1:]))
        return np.concatenate([first, later])[:, :, again.reshape(-1)]

    def _match(self, levels: list[Level], *, first: int) -> Array:
        """Match of some levels, of which the first is level `first`, (n_levels, n_kinds, n_gazes, n_places)."""
        field = FoveatedField(
            levels,
            image_size=(self._display.image.shape[0], self._display.image.shape[1]),
            pixels_per_degree=self._display.scale,
            integration=INTEGRATIONS["uniform"],
        )
        known = slice(first, first + len(levels))
        templates = self._templates[known]
        maps = match_maps(levels, self._background[known], templates)
        anywhere, found = torch.zeros(1, 2, dtype=torch.float64), []
        for index, (level, template) in enumerate(zip(maps, templates, strict=True)):
            seen = field.read(level, self._points, anywhere, level=index, offset_cells=template.offset_cells)
            found.append(normalised(seen[:, :, 0].movedim(1, 0), template))
        return torch.stack(found).numpy()


def _pools(network: Network, stage: dict) -> bool:
    """Whether a stage of timm's feature list ends in its pooling layer, as VGG's last one does."""
    try:
        return isinstance(network.module.get_submodule(stage["module"]), nn.MaxPool2d)
    except AttributeError:
        return False


def _cut(module: nn.Module, stages: list[int]) -> list[nn.Sequential]:
    """Cut a copy of a network after each of some stages of its feature list, with faster layers where there are any.

    Maxima over 2 x 2 become averages.
    """
    nested = any("." in stage["module"] for stage in cast(Any, module).feature_info)
    flat = FeatureListNet(copy.deepcopy(module), out_indices=tuple(stages), flatten_sequential=nested)
    parts: list[list[nn.Module]] = [[]]
    last = list(flat.return_layers)
    for name, layer in flat.items():
        if isinstance(layer, nn.MaxPool2d) and layer.kernel_size == 2:
            opens = len(parts) > 1 and not parts[-1]
            layer = EccentricPool() if opens else nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)
        parts[-1].append(layer)
        if name in last:
            parts.append([])
    return [cast(nn.Sequential, hasten(nn.Sequential(*part).eval())) for part in parts if part][: len(stages)]
