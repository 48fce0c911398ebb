"""What a searcher is shown of a target before it searches a scene: pictures, at the scene's own scale.

A target that has a picture is shown by it. One of a category is shown as others of it look, cut out of other scenes of
the set, whether it is there or not: nobody is told which one it will be. Any other is cut out of the scene that is
searched; the searcher is told more then than a person who is given a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.vision.scenes.scene import Box, Picture, Scene, pixels

Image = NDArray[np.float32]
MAX_EXAMPLES = 8
"""Of a category, at most one a scene."""


@dataclass(frozen=True, eq=False)
class Look:
    """One picture of a target.

    Parameters
    ----------
    scene : str
        Name of the scene that it comes from.
    picture : path or array
        The picture, or the image that it is cut out of.
    box_px : tuple of float, optional
        Where it is cut out; the whole picture when absent.
    """

    scene: str
    picture: Picture
    box_px: Box | None = None

    @property
    def image(self) -> Image:
        """Its pixels, (height, width) or (height, width, 3)."""
        whole = pixels(self.picture)
        if self.box_px is None:
            return whole
        (left, right), (top, bottom) = self._cut(whole.shape[1], whole.shape[0])
        return whole[top:bottom, left:right]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels; of a file its head is read alone."""
        width, height = _size(self.picture)
        if self.box_px is None:
            return width, height
        (left, right), (top, bottom) = self._cut(width, height)
        return right - left, bottom - top

    def _cut(self, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
        left, top, right, bottom = self.box_px or (0, 0, width, height)
        return _whole_pixels(left, right, width), _whole_pixels(top, bottom, height)


@dataclass(frozen=True, eq=False)
class Shown:
    """All that a searcher is shown of a target.

    Parameters
    ----------
    looks : tuple of Look
        At least one.
    how : {"picture", "category", "box"}
        What they were found by.
    """

    looks: tuple[Look, ...]
    how: str


def shown(scene: Scene, scenes: Sequence[Scene]) -> Shown:
    """Find what can be shown of a scene's target.

    Parameters
    ----------
    scene : Scene
        That is searched.
    scenes : sequence of Scene
        The whole set, among which others of the target's category are looked for.

    Returns
    -------
    Shown

    Raises
    ------
    DataError
        If the scene has no target, or one of which no picture can be found.
    """
    target = scene.target
    if target is None:
        raise DataError(f"a scene that is searched must have a target; got none ({scene.name})")
    if target.picture is not None:
        return Shown((Look(scene.name, target.picture),), "picture")
    if target.category and (examples := tuple(_examples(scene, scenes))):
        return Shown(examples, "category")
    if target.present and target.box_px is not None and scene.picture is not None:
        return Shown((Look(scene.name, scene.picture, target.box_px),), "box")
    raise DataError(
        f"target {target.name} must have a picture, a box, or a category of which another scene has one; got none of "
        f"them ({scene.name})"
    )


def _examples(scene: Scene, scenes: Sequence[Scene]) -> Iterator[Look]:
    """Others of the target's category, from other images, the first of each."""
    images, category = {_image_of(scene)}, scene.target.category if scene.target else ""
    n_found = 0
    for other in scenes:
        target = other.target
        if target is None or target.category != category or _image_of(other) in images:
            continue
        if target.picture is not None:
            look = Look(other.name, target.picture)
        elif target.present and target.box_px is not None and other.picture is not None:
            look = Look(other.name, other.picture, target.box_px)
        else:
            continue
        images.add(_image_of(other))
        yield look
        n_found += 1
        if n_found == MAX_EXAMPLES:
            return


def _image_of(scene: Scene) -> object:
    """What tells images apart: the file, or the very array."""
    picture = scene.picture
    return picture if not isinstance(picture, np.ndarray) else id(picture)


def _size(picture: Picture) -> tuple[int, int]:
    if not isinstance(picture, Path):
        return picture.shape[1], picture.shape[0]
    try:
        with PIL.Image.open(picture) as image:
            return image.size
    except (OSError, PIL.UnidentifiedImageError) as error:
        raise DataError(f"an image must be readable; got {picture.name}: {error}") from error


def _whole_pixels(start: float, end: float, length: int) -> tuple[int, int]:
    """Pixels of an image that an interval covers, one at least."""
    first = min(max(round(start), 0), length - 1)
    return first, min(max(round(end), first + 1), length)
