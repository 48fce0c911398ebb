"""Colours as the colour-blind and a grey printer have them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def rgb_of(colour: str) -> Array:
    """Return ``#rrggbb`` as three numbers from 0 to 1."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def linear(rgb: ArrayLike) -> Array:
    """Return sRGB as linear light."""
    value = np.asarray(rgb, dtype=float)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def deuteranope(light: Array) -> Array:
    """Return linear light as a deuteranope has it: Machado, Oliveira, Fernandes (2009), table 1, severity 1."""
    matrix = [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
    return np.clip(np.array(matrix) @ light, 0, 1)


def luminance_of(light: Array) -> float:
    """Return relative luminance."""
    return float(light @ [0.2126, 0.7152, 0.0722])


def lightness_of(light: Array) -> float:
    """Return CIE L*, 0 to 100."""
    y = luminance_of(light)
    return 116 * y ** (1 / 3) - 16 if y > 216 / 24389 else y * 24389 / 27
