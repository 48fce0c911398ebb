"""What a person can sit: a block of trials made from a seed, and what its answers are worth.

A `Sitting` is data and two pure functions, `block` and `score`. Whoever shows it (the dashboard does) knows nothing of
the study: it draws pictures, waits for an answer, and hands back a table, one row a trial. `cogattn.answers` checks
what comes back from a browser, `cogattn.running.sessions` keeps it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.observers.observer import Observer

Value = str | int | float | bool
ANTICIPATION_MS = 150.0
"""A faster answer cannot have been given to what was seen."""
CARD_MM = (85.60, 53.98)
"""Width and height of a bank card (ISO/IEC 7810, ID-1), by which a screen is measured."""
CHECKPOINT = 10
"""Trials between two checkpoints in the browser."""


@dataclass(frozen=True)
class Answer:
    """One of the answers to every trial.

    Parameters
    ----------
    value : str
        What the table holds.
    label : str
        What stands on the button.
    key : str
        A letter that gives it; empty for the button alone.
    """

    value: str
    label: str
    key: str = ""


@dataclass(frozen=True)
class SittingTrial:
    """One picture to be answered.

    Parameters
    ----------
    stimulus : str
        Its name, which the table holds.
    picture : bytes
        PNG.
    correct : str
        The value of the right answer.
    foreperiod_ms : float
        From fixation to onset.
    what : mapping of str to value
        Further columns of the table: set size, noise.
    """

    stimulus: str
    picture: bytes
    correct: str
    foreperiod_ms: float
    what: Mapping[str, Value]


@dataclass(frozen=True)
class Block:
    """Practice, which is told right from wrong, and the trials that count, which are not."""

    practice: Sequence[SittingTrial]
    trials: Sequence[SittingTrial]


@dataclass(frozen=True)
class Length:
    """How long a block is: `n` of what, from `least` to `most`; below `enough` it is marked as short.

    Parameters
    ----------
    label : str
        What `n` counts.
    default, least, most, step, enough : int
    trials_each : int
        Trials for each of the `n`.
    why : str
        What `enough` is enough for.
    """

    label: str
    default: int
    least: int
    most: int
    step: int
    enough: int
    trials_each: int
    why: str


@dataclass(frozen=True)
class Curve:
    """Lines with intervals, worth drawing.

    Parameters
    ----------
    title, x_label, y_label, line_label : str
        With units.
    points : DataFrame
        Columns line, x, estimate, lo, hi, n.
    x_scale : {"linear", "log"}
    """

    title: str
    x_label: str
    y_label: str
    line_label: str
    points: pd.DataFrame
    x_scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True)
class Scored:
    """What a person's answers are worth.

    Parameters
    ----------
    measures : DataFrame
        As `cogattn.measures.summary_table`: estimate, interval, n.
    curves : sequence of Curve
    remarks : sequence of str
        Sentences that a reader must not miss.
    """

    measures: pd.DataFrame
    curves: Sequence[Curve] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Fit:
    """What is too heavy for a page: a table of the person's trials, and the command that reads it.

    Parameters
    ----------
    about : str
        What the command finds, and from how many trials.
    command : str
        With ``{file}`` where the table's name goes.
    table : callable
        Trials -> DataFrame with the columns that the command reads.
    """

    about: str
    command: str
    table: Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Sitting:
    """A block of trials that a person can sit.

    Parameters
    ----------
    title : str
    about : str
        What is measured, in a sentence or two.
    instructions : sequence of str
        What the person is told before practice.
    answers : sequence of Answer
    length : Length
    side_deg : float
        Side of the square picture in degrees, where the screen has room for it.
    shown_ms : float or None
        How long it is shown; None: until the answer.
    exact_pixels : bool
        Whether a pixel of the picture must be a whole number of the screen's, so that nothing is blurred.
    background : str
        Colour around and before the picture, ``#rrggbb``.
    break_every : int
        Trials between two breaks.
    columns : mapping of str to str
        What the block's own columns (`SittingTrial.what`) mean.
    block : callable
        Seed and n -> Block; pure.
    score : callable
        Trials (columns of `cogattn.answers.trial_table`, practice left out) and the observer -> Scored; pure, a
        second or two.
    fit : Fit, optional
    """

    title: str
    about: str
    instructions: Sequence[str]
    answers: Sequence[Answer]
    length: Length
    side_deg: float
    shown_ms: float | None
    exact_pixels: bool
    background: str
    break_every: int
    columns: Mapping[str, str]
    block: Callable[[int, int], Block]
    score: Callable[[pd.DataFrame, Observer], Scored]
    fit: Fit | None = None

    def checked_length(self, n: int) -> int:
        """Return `n`; raise ConfigError where it is out of bounds."""
        if not self.length.least <= n <= self.length.most:
            raise ConfigError(
                f"{self.length.label} must be from {self.length.least} to {self.length.most}; got {n}"
            )
        return n


def png(pixels: NDArray) -> bytes:
    """Return a picture in [0, 1], shape (height, width) or (height, width, 3), as PNG of 8 bits, without loss."""
    from PIL import Image

    codes = np.round(np.clip(pixels, 0.0, 1.0) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(codes).save(file, "png")
    return file.getvalue()


def usable(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that measures are made of: no anticipation, no window left while it was under way."""
    return trials[~trials["anticipation"].astype(bool) & ~trials["blurred"].astype(bool)]


def left_out(trials: pd.DataFrame) -> Sequence[str]:
    """Say in a sentence how many trials `usable` leaves out; nothing where there are none."""
    early, blurred = int(trials["anticipation"].sum()), int(trials["blurred"].sum())
    if not early + blurred:
        return ()
    return (
        f"{early} anticipation(s) (under {ANTICIPATION_MS:.0f} ms, or a key before the picture) and {blurred} trial(s) "
        "during which the window was left are kept in the table and left out of the measures.",
    )
