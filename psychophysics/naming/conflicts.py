"""Cue-conflict images, the shape of one category in the texture of another: from a folder, or drawn from the seed.

Images whose shape and texture are of one category tell nothing and are left out.

References
----------
Geirhos, Rubisch, Michaelis, Bethge, Wichmann and Brendel (2019), ImageNet-trained CNNs are biased towards
texture, ICLR.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.psychophysics.naming.pictures import ENDINGS, read_rgb, score_images
from cogattn.running.digests import combined, file_digest
from cogattn.seeds import Streams
from cogattn.vision.images.categories import CATEGORIES
from cogattn.vision.images.listing import damage
from cogattn.vision.images.silhouettes import SILHOUETTES

if TYPE_CHECKING:
    from torch import Tensor

_NAME = re.compile(r"([a-z]+)\d+-([a-z]+)\d+")


@dataclass(frozen=True)
class ConflictImages:
    """Cue-conflict images of a folder; those of one category twice are not among them.

    Parameters
    ----------
    folder : Path
        Where they lie.
    ids : tuple of str
        Path of each image below `folder` (``airplane/airplane1-bear2.png``), sorted.
    shapes, textures : tuple of str
        Category of each image's shape and texture.
    categories : tuple of str
        What may be answered, in alphabetical order.
    """

    folder: Path
    ids: tuple[str, ...]
    shapes: tuple[str, ...]
    textures: tuple[str, ...]
    categories: tuple[str, ...] = CATEGORIES

    def load(self, index: int) -> NDArray[np.float32]:
        """Return one image in colour, (3, height, width) in [0, 1]; raise DataError if it cannot be read."""
        return read_rgb(self.folder, self.ids[index])

    def damaged(self) -> dict[str, str]:
        """Return what is wrong, by id, with the images that cannot be read."""
        found = {name: damage(self.folder / name) for name in self.ids}
        return {name: reason for name, reason in found.items() if reason is not None}

    def content(self) -> str:
        """Return the SHA-256 over names and bytes of all images; raise DataError where one cannot be read."""
        return combined({name: file_digest(self.folder / name) for name in self.ids})


@dataclass(frozen=True)
class DrawnConflicts:
    """Cue-conflict images drawn from the seed and their names; every 16 have each shape and each texture once.

    Parameters
    ----------
    n_images : int
        How many; with 240 every shape is in every other texture once.
    size : int
        Side in pixels.
    seed : int
        The run's.

    Examples
    --------
    >>> images = DrawnConflicts(240, 224, seed=0)
    >>> images.ids[0], len(set(zip(images.shapes, images.textures)))
    ('anchor/anchor0-arrow0', 240)
    """

    n_images: int
    size: int
    seed: int

    @property
    def categories(self) -> tuple[str, ...]:
        """What may be answered, in alphabetical order."""
        return tuple(SILHOUETTES)

    @cached_property
    def shapes(self) -> tuple[str, ...]:
        """Category of each image's shape."""
        return tuple(self.categories[shape] for shape, _ in self._pairs)

    @cached_property
    def textures(self) -> tuple[str, ...]:
        """Category of each image's texture."""
        return tuple(self.categories[texture] for _, texture in self._pairs)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Name of each image, as those of a folder."""
        rounds = len(self.categories) * (len(self.categories) - 1)
        named = zip(self.shapes, self.textures, strict=True)
        return tuple(
            f"{shape}/{shape}{i // rounds}-{texture}{i // rounds}" for i, (shape, texture) in enumerate(named)
        )

    def load(self, index: int) -> NDArray[np.float32]:
        """Return one image, grey over three channels, (3, size, size) in [0, 1]."""
        from cogattn.vision.images.procedural import draw_conflict  # loads scipy, which a list does not need

        rng = Streams(self.seed).generator("conflict", self.ids[index])
        return np.repeat(draw_conflict(*self._pairs[index], rng, self.size)[None], 3, axis=0)

    def damaged(self) -> dict[str, str]:
        """Return nothing: what is drawn is whole."""
        return {}

    @cached_property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        """Places of shape and texture: each round of 16 goes one texture further."""
        n = len(self.categories)
        return tuple((i % n, (i % n + 1 + i // n % (n - 1)) % n) for i in range(self.n_images))


def list_conflicts(folder: Path) -> ConflictImages:
    """List the cue-conflict images of a folder with one sub-folder per shape category.

    Parameters
    ----------
    folder : Path
        Holds ``airplane/airplane1-bear2.png`` and so on: shape and its number, texture and its number.

    Raises
    ------
    DataError
        If there is no such folder or no image in it, or a file's name does not tell two of the 16 categories,
        the first its folder's.
    """
    files = sorted(file for file in folder.glob("*/*") if file.suffix.lower() in ENDINGS)
    if not files:
        raise DataError(f"shown.path must hold images in one folder per shape category; got none ({folder})")
    pairs = [_categories(file) for file in files]
    kept = [(file, *pair) for file, pair in zip(files, pairs, strict=True) if pair[0] != pair[1]]
    if not kept:
        raise DataError(
            f"shown.path must hold shapes in the texture of another category; got none ({folder})"
        )
    names = [file.relative_to(folder).as_posix() for file, _, _ in kept]
    return ConflictImages(folder, tuple(names), tuple(row[1] for row in kept), tuple(row[2] for row in kept))


def score_conflicts(
    images: ConflictImages | DrawnConflicts, indices: Sequence[int], scores_of: Callable[[Tensor], Tensor]
) -> NDArray[np.float64]:
    """Return an observer's scores of all categories, shape (n_indices, 16), for the images at `indices`.

    Parameters
    ----------
    images : ConflictImages or DrawnConflicts
        All images.
    indices : sequence of int
        Which to show.
    scores_of : callable
        (n, 3, height, width) in [0, 1] -> scores (n, 16) in the order of the categories; the highest is the answer.
    """
    return score_images(images.load, indices, scores_of, len(images.categories))


def texture_of(name: str) -> str:
    """Return the category of the texture that an image's name tells, "" where it tells none.

    Examples
    --------
    >>> texture_of("bird2-clock3")
    'clock'
    """
    found = _NAME.fullmatch(name)
    return "" if found is None else found[2]


def _categories(file: Path) -> tuple[str, str]:
    """Shape and texture, from a file's name."""
    found = _NAME.fullmatch(file.stem)
    if found is None or found[1] != file.parent.name or not {found[1], found[2]} <= set(CATEGORIES):
        raise DataError(
            f"cue-conflict images must be named <shape><n>-<texture><n> in a folder <shape>, both of the 16 "
            f"categories; got {file.parent.name}/{file.name}"
        )
    return found[1], found[2]
