"""Saliency without learning: what sticks out of an image's spectrum, added up over each object.

The spectral residual of Hou and Zhang (2007): the log amplitude spectrum of a small grey image minus its local mean,
with the phases as they were, turned back, squared and smoothed. Departures from the paper: the image is made small with
its sides in their true ratio (the longer one 64 pixels), and it is a choice model that uses the map: a conditional
logit of ln saliency of objects, their place relative to the middle and their area, fitted to the training part.

References
----------
Hou, Zhang (2007), Saliency detection: a spectral residual approach, CVPR, 1-8.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from cogattn.psychophysics.scanpath.baselines import density, logit
from cogattn.psychophysics.scanpath.baselines.simple import Steady, fixated
from cogattn.psychophysics.scanpath.baselines.stepwise import State, normalised
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Array, Layout, ObjectPath, PathSet

LONGER_SIDE = 64
"""Pixels of the image that the spectrum is of (published: 64)."""
MEAN_OVER = 3
"""Frequencies over which the log amplitude is averaged (published: 3)."""
SMOOTHED_PX = 2.5
"""Standard deviation of the last smoothing (published: a Gaussian of 8, without a unit)."""
LEAST = 1e-3
"""Added to amplitudes, in units of their mean, so that empty frequencies have a logarithm."""
EVEN = 0.05
"""Part of the saliency that is spread evenly."""
RIDGE = 1e-3


class Saliency(Steady):
    """Conditional logit of an object's saliency, distance from the middle and area."""

    needs_images: ClassVar[bool] = True
    weights: Array

    def __init__(self) -> None:
        self._seen: dict[str, Array] = {}

    def _fit(
        self,
        data: PathSet,
        train: Sequence[ObjectPath],
        validation: Sequence[ObjectPath],
        config: ScanpathConfig,
    ) -> None:
        counts = fixated(data, train)
        some = [(self._terms(data.layouts[k]), own) for k, own in counts.items()]

        def evaluate(weights: Array) -> tuple[float, Array, Array]:
            return _sum([_counted(terms, own, weights) for terms, own in some], len(weights))

        n = int(sum(own.sum() for own in counts.values()))
        self.weights = logit.climb(evaluate, np.zeros(4), np.full(4, RIDGE), n).weights

    def of_layout(self, layout: Layout) -> Array:
        """Return ln of the chance of each object."""
        return normalised(self._terms(layout) @ self.weights)

    def _terms(self, layout: Layout) -> Array:
        """ln of saliency a unit of area, distance from the middle and its square in parts of the image, ln of area."""
        if layout.name not in self._seen:
            self._seen[layout.name] = _terms(layout)
        return self._seen[layout.name]

    def _state(self) -> State:
        return {"weights": self.weights}

    def _load(self, state: State) -> None:
        self.weights = np.asarray(state["weights"], dtype=float)


def spectral_residual(grey: Array) -> Array:
    """Return the saliency of each pixel of a small grey image, above or equal to 0, shape (height, width).

    Parameters
    ----------
    grey : array, shape (height, width)
        The image.
    """
    spectrum = np.fft.fft2(grey)
    amplitude = np.log(np.abs(spectrum) + LEAST * np.abs(spectrum).mean())
    residual = amplitude - uniform_filter(amplitude, MEAN_OVER, mode="wrap")
    back = np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))
    return gaussian_filter(np.abs(back) ** 2, SMOOTHED_PX)


def saliency_of(layout: Layout) -> Array:
    """Return how much of its image's saliency each object has, shape (n_objects,); they need not sum to 1.

    Raises
    ------
    DataError
        If the scene has no image, or one that cannot be read.
    """
    from PIL import Image

    image = layout.scene.image
    grey = image if image.ndim == 2 else image @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    scale = LONGER_SIDE / max(grey.shape)
    height, width = (max(2, round(side * scale)) for side in grey.shape)
    small = np.asarray(
        Image.fromarray(grey.astype(np.float32)).resize((width, height), Image.Resampling.BOX), dtype=float
    )
    found = spectral_residual(small)
    found = (1 - EVEN) * found / found.sum() + EVEN / found.size
    return density.over_objects(found, layout)


def _terms(layout: Layout) -> Array:
    low, high = density.edges(layout)
    away = np.hypot(*((low + high) / 2 - 0.5).T)
    share = layout.log_area - layout.log_area.mean()
    return np.stack([np.log(saliency_of(layout)) - share, away, away**2, share], axis=1)


def _counted(terms: Array, counts: Array, weights: Array) -> tuple[float, Array, Array]:
    """Log likelihood, score and information of how often each object was chosen."""
    log_p = normalised(terms @ weights)
    p, n = np.exp(log_p), counts.sum()
    mean = p @ terms
    information = (terms.T * p) @ terms - np.outer(mean, mean)
    return float(counts @ log_p), counts @ terms - n * mean, n * information


def _sum(parts: Sequence[tuple[float, Array, Array]], k: int) -> tuple[float, Array, Array]:
    value, score, information = 0.0, np.zeros(k), np.zeros((k, k))
    for own_value, own_score, own_information in parts:
        value, score, information = value + own_value, score + own_score, information + own_information
    return value, score, information
