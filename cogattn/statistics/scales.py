"""Scales on which values are compared, and the standard errors that intervals tell on them.

What is compared by ratios is compared as its logarithm, a share as the arcsine of its root, whose error does not depend
on its size, a correlation as Fisher's z.

References
----------
Anscombe (1948), Biometrika 35, 246-254 (shares). Fisher (1921), Metron 1, 3-32 (correlations).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cogattn.errors import DataError
from cogattn.measures import Measure, Scale

Array = NDArray[np.float64]

Z_95 = NormalDist().inv_cdf(0.975)
"""Standard errors from the middle of a 95 % interval to either end."""
RANGES: Mapping[Scale, tuple[float, float]] = {
    "linear": (-math.inf, math.inf),
    "log": (0.0, math.inf),
    "share": (0.0, 1.0),
    "correlation": (-1.0, 1.0),
}
"""Between which ends a value of each scale lies."""
_ROUNDING = 1e-9


def limits_of(measure: Measure) -> tuple[float, float]:
    """Return the ends between which a measure lies: its own, or those of its scale."""
    return RANGES[measure.scale] if measure.limits is None else measure.limits


def on_scale(values: ArrayLike, scale: Scale) -> Array:
    """Return values on the scale on which they are compared.

    Parameters
    ----------
    values : array, any shape
        In the measure's unit; NaN stays NaN.
    scale : {"linear", "log", "share", "correlation"}
        As they are; natural logarithm; arcsine of the root, in radians; Fisher's z.

    Raises
    ------
    DataError
        If a value is none of its scale: negative for log, outside [0, 1] for share, outside [-1, 1] for correlation.

    Examples
    --------
    >>> on_scale([0, 0.5, 1], "share").round(3)
    array([0.   , 0.785, 1.571])
    """
    given = np.asarray(values, dtype=float)
    low, high = RANGES[scale]
    outside = (given < low) | (given > high)
    if outside.any():
        raise DataError(
            f"values on the scale {scale} must be from {low:g} to {high:g}; got {given[outside].flat[0]:g}"
        )
    return to_scale(given, scale)


def to_scale(values: ArrayLike, scale: Scale) -> Array:
    """Do as `on_scale` for values, of any shape, that may be none: these are NaN.

    A correlation that is 1 but for rounding is infinite.
    """
    given = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        match scale:
            case "log":
                return np.log(given)
            case "share":
                return np.arcsin(np.sqrt(given))
            case "correlation":
                return np.arctanh(np.where(np.abs(given) > 1 - _ROUNDING, np.sign(given), given))
    return given


def from_scale(values: ArrayLike, scale: Scale) -> Array:
    """Return values, of any shape, on a scale in the measure's unit: undo `to_scale`.

    An angle beyond those of shares is 0 or 1.
    """
    given = np.asarray(values, dtype=float)
    match scale:
        case "log":
            return np.exp(given)
        case "share":
            return np.sin(np.clip(given, 0, np.pi / 2)) ** 2
        case "correlation":
            return np.tanh(given)
    return given


def standard_error(lo: ArrayLike, hi: ArrayLike, scale: Scale = "linear") -> Array:
    """Return the standard errors, on a scale, of estimates with these 95 % intervals.

    Parameters
    ----------
    lo, hi : arrays, same shape
        Ends in the measure's unit; one beyond the range of its scale counts as the end of the range.
    scale : {"linear", "log", "share", "correlation"}
        On which the errors are told.

    Returns
    -------
    array
        A quarter (to be exact 1 / 3.92) of the width; NaN where an end is missing or has no finite place on the scale.
    """
    ends = np.clip(np.asarray([lo, hi], dtype=float), *RANGES[scale])
    with np.errstate(invalid="ignore"):
        width = np.diff(to_scale(ends, scale), axis=0)[0]
    return np.where(np.isfinite(width), width, np.nan) / (2 * Z_95)
