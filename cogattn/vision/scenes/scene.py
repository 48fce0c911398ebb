"""A scene: an image, what is in it, what is looked for in it, and where somebody looked.

One type for drawn displays, for photographs and for the layouts of scanpath prediction. Coordinates are continuous
pixels, x to the right and y downwards from the top left corner: pixel i covers [i, i + 1). Degrees of visual angle are
from the image's middle, where the scale is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""
DEEP = ("I", "F")
"""Modes of images with more than 8 bits a channel begin so; they are refused, since nobody says what is white."""
Picture = Path | NDArray[np.uint8] | NDArray[np.float32]
"""A file, or pixels of shape (height, width) or (height, width, 3): uint8 from 0 to 255, or float32 from 0 to 1."""


@dataclass(frozen=True, eq=False)
class SceneObject:
    """Something in a scene.

    Parameters
    ----------
    name : str
        Tells it from the scene's other objects.
    box_px : tuple of float
        Left, top, right and bottom in pixels of the image.
    category : str
        What it is; empty where nobody says.
    polygon_px : array, shape (n, 2), optional
        Its outline in pixels of the image.
    features : array, shape (n_features,), optional
        What it looks like, in whatever space.
    """

    name: str
    box_px: Box
    category: str = ""
    polygon_px: Array | None = None
    features: Array | None = None


@dataclass(frozen=True, eq=False)
class Target:
    """What is looked for: told by a picture, by a box in the image, by the name of a category, or by several of them.

    Parameters
    ----------
    name : str
        What tables call it.
    picture : path, or array, shape (height, width) or (height, width, 3), optional
        What the searcher is shown beforehand.
    box_px : tuple of float, optional
        Where it is; None where it is absent, or where nobody told.
    category : str
        What kind of thing; empty where nobody says.
    present : bool
        Whether it is in the image.
    """

    name: str
    picture: Picture | None = None
    box_px: Box | None = None
    category: str = ""
    present: bool = True


@dataclass(frozen=True, eq=False)
class Scanpath:
    """Where one person looked in a scene.

    Parameters
    ----------
    person : str
        Who.
    fixations_px : array, shape (n, 2)
        In pixels of the image, in order, the first one where the person began (which the experimenter set where the
        scene has a start).
    durations_ms, onsets_ms : array, shape (n,), optional
        Of each fixation; onsets from the scene's onset.
    found : bool, optional
        Whether the target was found; None where nobody searched or told.
    max_saccades : int, optional
        After how many saccades the search was broken off; None where it never was.
    """

    person: str
    fixations_px: Array
    durations_ms: Array | None = None
    onsets_ms: Array | None = None
    found: bool | None = None
    max_saccades: int | None = None

    @property
    def n_saccades(self) -> int:
        """Number of fixations after the first one."""
        return len(self.fixations_px) - 1


@dataclass(frozen=True, eq=False)
class Scene:
    """An image with what is in it, what is looked for, and who looked where.

    Parameters
    ----------
    name : str
        Tells it from the other scenes of a set, together with the target's name where one image holds several searches.
    picture : path, or array, shape (height, width) or (height, width, 3), optional
        The image; a file is read when its pixels are asked for. None where only the layout of its objects is known.
    size_px : tuple of int
        (height, width).
    pixels_per_degree : float, optional
        Scale; None where it is not known.
    objects : tuple of SceneObject
        What is in it.
    target : Target, optional
        What is looked for; None for free viewing.
    scanpaths : tuple of Scanpath
        Who looked where.
    start_px : tuple of float, optional
        Where a search starts; the middle where nobody told.
    layout : str
        Scenes with one layout of objects have one word here; empty where each scene is a layout of its own.
    """

    name: str
    picture: Picture | None
    size_px: tuple[int, int]
    pixels_per_degree: float | None = None
    objects: tuple[SceneObject, ...] = ()
    target: Target | None = None
    scanpaths: tuple[Scanpath, ...] = ()
    start_px: tuple[float, float] | None = None
    layout: str = ""

    @property
    def image(self) -> NDArray[np.float32]:
        """Pixels from 0 to 1, float32 of shape (height, width) or (height, width, 3); a file is read at each call.

        Raises DataError where the scene has no image, or a file that cannot be read.
        """
        if self.picture is None:
            raise DataError(f"a scene must have an image to be looked at; got none ({self.name})")
        return pixels(self.picture)

    @property
    def middle_px(self) -> Array:
        """The origin of degrees, (x, y)."""
        height, width = self.size_px
        return np.array([width / 2, height / 2])

    @cached_property
    def scale(self) -> float:
        """Pixels per degree; raise DataError where it is not known."""
        if self.pixels_per_degree is None:
            raise DataError(f"pixels_per_degree must be known to speak of degrees; got none ({self.name})")
        return self.pixels_per_degree

    def to_degrees(self, points_px: Array) -> Array:
        """Return points (..., 2) given in pixels as degrees from the middle."""
        return (np.asarray(points_px, dtype=float) - self.middle_px) / self.scale

    def to_pixels(self, points_deg: Array) -> Array:
        """Return points (..., 2) given in degrees from the middle as pixels."""
        return np.asarray(points_deg, dtype=float) * self.scale + self.middle_px


def pixels(picture: Picture) -> NDArray[np.float32]:
    """Return the pixels of a picture, float32 from 0 to 1, (height, width) or (height, width, 3).

    Raises
    ------
    DataError
        If a file is no image that can be read.
    """
    if isinstance(picture, Path):
        from PIL import Image, UnidentifiedImageError

        file = picture
        try:
            with Image.open(file) as image:
                if image.mode.startswith(DEEP):
                    raise ValueError(f"mode {image.mode} where 8 bits a channel are needed")
                grey = image.mode in ("1", "L", "LA")
                picture = np.asarray(image.convert("L" if grey else "RGB"))
        except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
            raise DataError(f"an image must be readable; got {file.name}: {error}") from error
    array = np.asarray(picture)
    return (
        (array / np.float32(255)).astype(np.float32) if array.dtype == np.uint8 else array.astype(np.float32)
    )
