"""Shape bias: of a shape in the texture of another category, which of the two is the answer?

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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.statistics.stats import Estimate, wilson_interval


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
