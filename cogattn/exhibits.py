"""What a study shows: one trial's stimulus, and stimuli that follow sliders, made by the run's own generators.

An `Exhibit` is a title, controls and a pure function from their values to a `Shown`. Whoever displays it knows
nothing of the study. Arrays are numpy's; no module here imports torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Value = str | int | float | bool
Array = NDArray[np.floating]


@dataclass(frozen=True)
class Picture:
    """An image, and what lies on it.

    Parameters
    ----------
    pixels : array, shape (height, width) or (height, width, 3)
        In [0, 1], sRGB code values.
    caption : str
        What it shows, for those who do not see it.
    points : array of float, shape (n, 2)
        Fixations in order, x and y in pixels.
    weights : array of float, shape (rows, columns), optional
        A density over the whole image, not negative, sum 1.
    boxes : array of float, shape (n, 4)
        Left, top, right, bottom in pixels.
    """

    pixels: Array
    caption: str
    points: Array = field(default_factory=lambda: np.empty((0, 2)))
    weights: Array | None = None
    boxes: Array = field(default_factory=lambda: np.empty((0, 4)))


@dataclass(frozen=True)
class Series:
    """Lines over one axis.

    Parameters
    ----------
    x : array, shape (n,)
    lines : mapping of str to array, shape (n,)
        By the name that the legend has.
    x_label, y_label : str
        With units.
    x_scale : {"linear", "log"}
    caption : str
        What it shows.
    marks : sequence of float
        Moments worth a vertical line.
    """

    x: Array
    lines: Mapping[str, Array]
    x_label: str
    y_label: str
    caption: str
    x_scale: Literal["linear", "log"] = "linear"
    marks: Sequence[float] = ()


@dataclass(frozen=True)
class Shown:
    """Pictures and series, in the order in which they are looked at, and numbers worth reading beside them."""

    parts: Sequence[Picture | Series]
    facts: Mapping[str, Value] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 over all arrays and facts: equal for equal stimuli in whatever process."""
        told = hashlib.sha256(json.dumps(dict(self.facts), sort_keys=True).encode())
        for part in self.parts:
            arrays = (
                [part.pixels, part.points, part.boxes, *([] if part.weights is None else [part.weights])]
                if isinstance(part, Picture)
                else [part.x, *part.lines.values()]
            )
            for array in arrays:
                told.update(repr(array.shape).encode() + np.ascontiguousarray(array, dtype=float).tobytes())
        return told.hexdigest()


@dataclass(frozen=True)
class Control:
    """A slider (`choices` empty) or a choice.

    Parameters
    ----------
    name : str
        Keyword of the exhibit's function.
    label : str
        With unit.
    default : str, int, float or bool
    low, high, step : float
        Of a slider; whole numbers where the default is one.
    choices : sequence of str
        Of a choice.
    help : str
    """

    name: str
    label: str
    default: Value
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    choices: Sequence[str] = ()
    help: str = ""


@dataclass(frozen=True)
class Exhibit:
    """Stimuli that follow controls.

    Parameters
    ----------
    title : str
    about : str
        One or two sentences: what is seen.
    controls : sequence of Control
    make : callable
        Values of the controls by name -> Shown; pure, a second or two at most.
    """

    title: str
    about: str
    controls: Sequence[Control]
    make: Callable[..., Shown]
