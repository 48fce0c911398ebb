"""Cue-conflict images: the shape of one category in the texture of another; which of the two is the answer?

Two measures. Geirhos et al. (2019): of the images answered with the category of the shape or of the texture,
the share answered with the shape. Subramanian et al. (2023) call *shape bias* what is a shape accuracy: the
share of all images answered with the shape, averaged over the categories of the shape. Images whose shape and
texture are of one category tell nothing and are left out of both.

References
----------
Geirhos, Rubisch, Michaelis, Bethge, Wichmann and Brendel (2019), ImageNet-trained CNNs are biased towards
texture, ICLR. Subramanian, Sizikova, Majaj and Pelli (2023), NeurIPS; arXiv 2309.13190.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.running.digests import combined, file_digest
from cogattn.statistics.stats import Estimate, wilson_interval
from cogattn.vision.images.categories import CATEGORIES
from cogattn.vision.images.listing import damage

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".png", ".jpg", ".jpeg")
BATCH = 32
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
    """

    folder: Path
    ids: tuple[str, ...]
    shapes: tuple[str, ...]
    textures: tuple[str, ...]

    def load(self, index: int) -> NDArray[np.float32]:
        """Return one image in colour, (3, height, width) in [0, 1]; raise DataError if it cannot be read."""
        from PIL import Image

        try:
            with Image.open(self.folder / self.ids[index]) as image:
                pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
        except (OSError, ValueError, SyntaxError) as error:
            raise DataError(
                f"{self.ids[index]} must be a readable image; got {error} ({self.folder})"
            ) from None
        return np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)

    def damaged(self) -> dict[str, str]:
        """Return what is wrong, by id, with the images that cannot be read."""
        found = {name: damage(self.folder / name) for name in self.ids}
        return {name: reason for name, reason in found.items() if reason is not None}

    def content(self) -> str:
        """Return the SHA-256 over names and bytes of all images; raise DataError where one cannot be read."""
        return combined({name: file_digest(self.folder / name) for name in self.ids})


@dataclass(frozen=True)
class ShapeBias:
    """Answers to cue-conflict images, with intervals over images.

    Parameters
    ----------
    bias : Estimate
        Shape over shape and texture answers (Geirhos et al.), with Wilson's interval; n is the number of these.
    accuracy : Estimate
        Share of shape answers, averaged over shape categories (Subramanian et al.), with Wilson's interval for the
        effective number of images: wide enough wherever the categories differ in their shares. n counts the images.
    n_shape, n_texture, n_other : int
        Images answered with the category of the shape, of the texture, of neither.
    """

    bias: Estimate
    accuracy: Estimate
    n_shape: int
    n_texture: int
    n_other: int


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
        raise DataError(
            f"shape_bias.path must hold images in one folder per shape category; got none ({folder})"
        )
    pairs = [_categories(file) for file in files]
    kept = [(file, *pair) for file, pair in zip(files, pairs, strict=True) if pair[0] != pair[1]]
    if not kept:
        raise DataError(
            f"shape_bias.path must hold shapes in the texture of another category; got none ({folder})"
        )
    names = [file.relative_to(folder).as_posix() for file, _, _ in kept]
    return ConflictImages(folder, tuple(names), tuple(row[1] for row in kept), tuple(row[2] for row in kept))


def score_conflicts(
    images: ConflictImages, indices: Sequence[int], scores_of: Callable[[Tensor], Tensor]
) -> NDArray[np.float64]:
    """Return an observer's scores of all categories, shape (n_indices, 16), for the images at `indices`.

    Parameters
    ----------
    images : ConflictImages
        All images.
    indices : sequence of int
        Which to show.
    scores_of : callable
        (n, 3, height, width) in [0, 1] -> scores (n, 16) in `CATEGORIES` order; the highest is the answer.
    """
    import torch

    scores = [np.zeros((0, len(CATEGORIES)))]
    for start in range(0, len(indices), BATCH):
        shown = [torch.from_numpy(images.load(index)) for index in indices[start : start + BATCH]]
        scores.append(scores_of(torch.stack(shown)).detach().double().cpu().numpy())
    return np.concatenate(scores)


def name_conflicts(
    images: ConflictImages, indices: Sequence[int], scores_of: Callable[[Tensor], Tensor]
) -> list[str]:
    """Return an observer's answers, the category of the highest score for each of the images at `indices`."""
    return [CATEGORIES[best] for best in score_conflicts(images, indices, scores_of).argmax(axis=-1)]


def shape_bias(
    shapes: Sequence[str],
    textures: Sequence[str],
    answers: Sequence[str],
    *,
    confidence: float = 0.95,
) -> ShapeBias:
    """Weigh the answers to cue-conflict images.

    Parameters
    ----------
    shapes, textures, answers : sequences of str, one per image
        Category of the shape, of the texture, and the answer.
    confidence : float
        Of the intervals.

    Returns
    -------
    ShapeBias
        NaN where no image was answered with its shape or texture.

    Raises
    ------
    DataError
        If lengths differ, or no image has its shape and texture from two categories.
    """
    if not len(shapes) == len(textures) == len(answers):
        raise DataError(
            "shapes, textures and answers must be one per image; "
            f"got {len(shapes)}, {len(textures)} and {len(answers)}"
        )
    shape, texture, answer = (np.asarray(names, dtype=str) for names in (shapes, textures, answers))
    conflict = shape != texture
    if not conflict.any():
        raise DataError("cue-conflict images must have shape and texture of two categories; got none")
    shape, by_shape = shape[conflict], (answer == shape)[conflict]
    by_texture = (answer == texture)[conflict]
    category = np.unique(shape, return_inverse=True)[1]
    n_shape, n_texture = int(by_shape.sum()), int(by_texture.sum())
    bias = Estimate.bare(np.nan, 0)
    if n_decided := n_shape + n_texture:
        lo, hi = wilson_interval(n_shape, n_decided, confidence=confidence)
        bias = Estimate(n_shape / n_decided, float(lo), float(hi), n_decided)
    accuracy = _mean_over_categories(category, by_shape, confidence)
    return ShapeBias(bias, accuracy, n_shape, n_texture, len(shape) - n_shape - n_texture)


def _mean_over_categories(
    category: NDArray[np.intp], by_shape: NDArray[np.bool_], confidence: float
) -> Estimate:
    """Mean of the categories' shares; the effective number of images is all where categories are of one size."""
    n = np.bincount(category)
    share = float((np.bincount(category, by_shape) / n).mean())
    effective = len(n) ** 2 / (1 / n).sum()
    lo, hi = wilson_interval(share * effective, effective, confidence=confidence)
    return Estimate(share, float(lo), float(hi), len(category))


def _categories(file: Path) -> tuple[str, str]:
    """Shape and texture, from a file's name."""
    found = _NAME.fullmatch(file.stem)
    if found is None or found[1] != file.parent.name or not {found[1], found[2]} <= set(CATEGORIES):
        raise DataError(
            f"cue-conflict images must be named <shape><n>-<texture><n> in a folder <shape>, both of the 16 "
            f"categories; got {file.parent.name}/{file.name}"
        )
    return found[1], found[2]
