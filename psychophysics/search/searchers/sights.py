"""What a network makes of displays before any fovea: match maps, and what is known of a condition beforehand.

All passes of the network are here. Foveas, rules of levels and what the searcher is told (`matching`) work on what
is found here, so that many of them can be tried on one pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cogattn.psychophysics.search.displays.display import Display, draw
from cogattn.psychophysics.search.displays.items import Item
from cogattn.psychophysics.search.searchers.templates import (
    LevelsOf,
    Template,
    as_rgb,
    learn_templates,
    match_maps,
)
from cogattn.vision.fovea import FoveatedField, Level
from cogattn.vision.retina import Integration
from cogattn.vision.scenes.scene import Scene

Array = NDArray[np.float64]
Image = NDArray[np.float32]

N_DISORDERED = 8
"""Pictures of the target's ink in disorder that are learned from, at least one a kind."""
N_TILES = 4
"""Tiles along each side of the target's box that are dealt anew."""


@dataclass(frozen=True, eq=False)
class Matched:
    """An image's match with every template.

    Parameters
    ----------
    levels : list of Level
        Maps of `templates.match_maps`, fine to coarse.
    image_size : tuple of int
        (height, width) in pixels.
    pixels_per_degree : float
        Scale.
    starts : dict
        The first gaze and what was read from there, by fovea, levels, kinds and places: searches of an image begin
        alike.
    """

    levels: list[Level]
    image_size: tuple[int, int]
    pixels_per_degree: float
    starts: dict[tuple, tuple[bytes, Array]] = dataclasses.field(default_factory=dict)

    @property
    def maps(self) -> list[Tensor]:
        """Match maps, one a level, (1, n_kinds + 1, height, width)."""
        return [level.maps for level in self.levels]

    def field(self, integration: Integration) -> FoveatedField:
        """Return the matches as seen through a fovea."""
        return FoveatedField(
            self.levels,
            image_size=self.image_size,
            pixels_per_degree=self.pixels_per_degree,
            integration=integration,
        )


class Knowledge:
    """What is known of a condition beforehand.

    Parameters
    ----------
    background : list of Tensor
        Features of the empty background, one a level.
    templates : list of Template
        Targets first, then distractors where they are known.
    n_targets : int
        How many of the kinds are targets.
    match : callable
        From an image to its `Matched`, with this background and these templates.
    alone : sequence of image
        Each kind of target alone, in the middle of an image as large as those that are searched.
    others : callable
        Returns images with something else in the middle.
    """

    def __init__(
        self,
        background: list[Tensor],
        templates: list[Template],
        n_targets: int,
        *,
        match: Callable[[Image], Matched],
        alone: Sequence[Image],
        others: Callable[[], Sequence[Image]],
    ) -> None:
        self.background, self.templates, self.n_targets = background, templates, n_targets
        self._match, self._alone, self._others = match, alone, others

    @property
    def n_kinds(self) -> int:
        """Kinds of targets and known distractors."""
        return len(self.templates[0].kernels)

    @cached_property
    def alone(self) -> tuple[Matched, ...]:
        """Each kind of target alone in the middle."""
        return tuple(self._match(image) for image in self._alone)

    @cached_property
    def others(self) -> tuple[Matched, ...]:
        """Something else in the middle; costs a pass each, when first asked for."""
        return tuple(self._match(image) for image in self._others())


class Sight(Protocol):
    """What a `matching.MatchingSearcher` sees with."""

    def see(self, scene: Scene) -> Matched:
        """Return a scene's match with all that is known; one pass of the network."""
        ...

    def knowledge(self, scene: Scene) -> Knowledge:
        """Return what is known of a scene's condition."""
        ...

    def sought(self, scene: Scene) -> int:
        """Return which kind of target this scene asks for."""
        ...


class DisplaySight:
    """A network before drawn displays; it keeps the last condition's knowledge and the last display's matches.

    Parameters
    ----------
    levels_of : callable
        The network's features, `cogattn.vision.fovea.Backbone` for one.
    knows_distractors : bool
        Learn the distractors' looks, too.
    """

    def __init__(self, levels_of: LevelsOf, *, knows_distractors: bool = False) -> None:
        self.levels_of, self.knows_distractors = levels_of, knows_distractors
        self._known: tuple[object, Knowledge] | None = None
        self._seen: tuple[Display, Matched] | None = None

    def see(self, display: Display) -> Matched:
        """Return a display's match with all that is known; the last display is not seen twice."""
        if self._seen is None or self._seen[0] is not display:
            known = self.knowledge(display)
            self._seen = display, self._match(display.image, display, known.background, known.templates)
        return self._seen[1]

    def knowledge(self, display: Display) -> Knowledge:
        """Return what is known of a display's condition; that of the last one is kept."""
        key = (display.condition, display.size_px, display.scale)
        if self._known is None or self._known[0] != key:
            self._known = key, self._study(display)
        return self._known[1]

    def sought(self, display: Display) -> int:
        """Return the index of the kind of target that a display asks for."""
        return display.condition.targets.index(display.sought)

    def _study(self, display: Display) -> Knowledge:
        condition, scale = display.condition, display.scale
        distractors = condition.distractors if self.knows_distractors else ()
        ground = display.task.background
        templates = learn_templates(
            self.levels_of, condition.targets + distractors, background=ground, pixels_per_degree=scale
        )

        def middle(item: Item) -> Image:
            side_deg = len(display.image) / scale
            return draw(
                (item,), np.zeros((1, 2)), background=ground, side_deg=side_deg, pixels_per_degree=scale
            )

        def others() -> list[Image]:
            if distractors:
                return [middle(item) for item in distractors]
            each = -(-N_DISORDERED // len(condition.targets))
            boxes = [round(item.box_deg * scale) for item in condition.targets]
            images = [middle(item) for item in condition.targets]
            return [
                disordered(image, box, seed=number)
                for number in range(each)
                for image, box in zip(images, boxes, strict=True)
            ]

        blank = np.full(display.size_px, ground, dtype=np.float32)
        background = [level.maps for level in self.levels_of(as_rgb(blank))]
        return Knowledge(
            background,
            templates,
            len(condition.targets),
            match=lambda image: self._match(image, display, background, templates),
            alone=[middle(item) for item in condition.targets],
            others=others,
        )

    def _match(
        self, image: Image, display: Display, background: list[Tensor], templates: list[Template]
    ) -> Matched:
        levels = self.levels_of(as_rgb(image))
        maps = match_maps(levels, background, templates)
        return Matched(
            [Level(found, level.stride_px) for found, level in zip(maps, levels, strict=True)],
            (image.shape[0], image.shape[1]),
            display.scale,
        )


def disordered(image: Image, box_px: int, *, seed: int, n_tiles: int = N_TILES) -> Image:
    """Return an image whose middle square is cut into tiles that are dealt anew; nothing else is changed.

    Parameters
    ----------
    image : array, shape (height, width) or (height, width, 3)
        With something in its middle.
    box_px : int
        Side of the square; tiles are whole pixels, so that up to ``n_tiles - 1`` pixels stay as they are.
    seed : int
        The same for the same disorder: what is known of a condition is no matter of chance.
    n_tiles : int
        Along each side.
    """
    tile = box_px // n_tiles
    top, left = ((length - tile * n_tiles) // 2 for length in image.shape[:2])
    starts = [(top + row * tile, left + column * tile) for row in range(n_tiles) for column in range(n_tiles)]
    dealt, result = np.random.default_rng(seed).permutation(len(starts)), image.copy()
    for (row, column), index in zip(starts, dealt, strict=True):
        from_row, from_column = starts[index]
        result[row : row + tile, column : column + tile] = image[
            from_row : from_row + tile, from_column : from_column + tile
        ]
    return result
