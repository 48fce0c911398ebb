"""Event files of EyeLink eye trackers (``.asc``, as edf2asc writes them): fixations of the trials of one recording.

Lines that are read: ``EFIX`` (eye, start, end, duration, mean x and y), ``MSG`` and ``EVENTS``; samples may be there or
not. A trial begins at a message that matches a pattern and ends at the next one, or at one that says so. What MNE reads
(`mne.io.read_raw_eyelink`) will not do: it needs the samples, gives fixations without their positions, and drops all
messages between recordings, where trials are named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.scene import Array

Eye = Literal["L", "R"]
COORDS = re.compile(
    r"(?:GAZE_COORDS|DISPLAY_COORDS)\s+(-?[\d.]+)[\s,]+(-?[\d.]+)[\s,]+(-?[\d.]+)[\s,]+(-?[\d.]+)"
)
LINES = ("EFIX", "MSG", "EVENTS")


@dataclass(frozen=True)
class Patterns:
    """Regular expressions of messages.

    Parameters
    ----------
    trial : Pattern
        Begins a trial; its group, where it has one, is the scene's name.
    scene : Pattern, optional
        Of any message of the trial whose group is the scene's name, instead.
    onset : Pattern, optional
        The first of these in a trial is the scene's onset; the trial's beginning where there is none.
    end : Pattern, optional
        Ends what is looked at.
    """

    trial: re.Pattern[str]
    scene: re.Pattern[str] | None
    onset: re.Pattern[str] | None
    end: re.Pattern[str] | None


@dataclass
class Trial:
    """What happened in one trial.

    Parameters
    ----------
    scene : str
        The name that messages tell; empty where none does.
    begins, onset, ends : float
        Milliseconds of the tracker's clock; `onset` is None until it is told, `ends` infinite.
    fixations : dict
        By eye, rows of start, end, duration, x and y.
    """

    scene: str
    begins: float
    onset: float | None = None
    ends: float = np.inf
    fixations: dict[str, list[list[float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Recording:
    """Trials of one file, and the screen's corner and size.

    Parameters
    ----------
    trials : tuple of Trial
        In order.
    origin_px : tuple of float, optional
        (x, y) of the screen's top left pixel.
    size_px : tuple of int, optional
        (height, width); both None where no message tells.
    """

    trials: tuple[Trial, ...]
    origin_px: tuple[float, float] | None
    size_px: tuple[int, int] | None

    @property
    def eye(self) -> Eye:
        """The eye that has most fixations; of equals the right."""
        counts: Counter[str] = Counter()
        for trial in self.trials:
            counts.update({eye: len(rows) for eye, rows in trial.fixations.items()})
        return "L" if counts["L"] > counts["R"] else "R"


def read_asc(file: Path, patterns: Patterns) -> Recording:
    """Read one file.

    Parameters
    ----------
    file : Path
        Text, with fixations in pixels of the screen.
    patterns : Patterns
        What messages mean.

    Raises
    ------
    DataError
        If it cannot be read, a line is not of the form, or fixations are not in pixels (``EVENTS HREF``).
    """
    trials: list[Trial] = []
    coords: tuple[float, ...] | None = None
    for number, words in _lines(file):
        if words[0] == "MSG" and len(words) > 2:
            time, message = _number(words[1], file, number), " ".join(words[2:])
            if told := COORDS.search(message):
                coords = tuple(float(side) for side in told.groups())
            _hear(trials, time, message, patterns)
        elif words[0] == "EFIX" and trials:
            _see(trials[-1], words, file, number)
        elif words[0] == "EVENTS" and len(words) > 1 and words[1] != "GAZE":
            raise DataError(
                f"fixations of {file.name} must be in pixels (EVENTS GAZE); got {words[1]} (line {number})"
            )
    if coords is None:
        return Recording(tuple(trials), None, None)
    left, top, right, bottom = coords
    return Recording(tuple(trials), (left, top), (round(bottom - top) + 1, round(right - left) + 1))


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines of events, with their numbers, in words."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(stream, start=1):
                if line.startswith(LINES):
                    yield number, line.split()
    except OSError as error:
        raise DataError(f"{file} must be readable; got {error}") from error


def _hear(trials: list[Trial], time: float, message: str, patterns: Patterns) -> None:
    """What a message changes."""
    if found := patterns.trial.search(message):
        if trials:
            trials[-1].ends = min(trials[-1].ends, time)
        trials.append(Trial(_group(found), time))
        return
    if not trials:
        return
    trial = trials[-1]
    if patterns.scene and (found := patterns.scene.search(message)):
        trial.scene = _group(found)
    if patterns.onset and trial.onset is None and patterns.onset.search(message):
        trial.onset = time
    if patterns.end and patterns.end.search(message):
        trial.ends = min(trial.ends, time)


def _group(found: re.Match[str]) -> str:
    return found.group(1).strip() if found.re.groups and found.group(1) else ""


def _see(trial: Trial, words: list[str], file: Path, number: int) -> None:
    """Keep a fixation: EFIX eye start end duration x y ..."""
    if len(words) < 7 or words[1] not in ("L", "R"):
        raise DataError(
            f"EFIX must tell eye, start, end, duration, x and y; got {' '.join(words)!r} ({file.name}, line {number})"
        )
    row = [_number(word, file, number) for word in words[2:7]]
    trial.fixations.setdefault(words[1], []).append(row)


def _number(word: str, file: Path, number: int) -> float:
    """A number; a dot alone is nothing."""
    try:
        return np.nan if word == "." else float(word)
    except ValueError as error:
        raise DataError(
            f"times and places must be numbers; got {word!r} ({file.name}, line {number})"
        ) from error


def seen(trial: Trial, eye: str) -> tuple[Array, Array, Array]:
    """Return positions (n, 2), durations and onsets (n,) of a trial's fixations from the scene's onset to its end.

    The fixation during which the scene came on is the first one; its onset is 0 and its duration what was left of it.
    Positions are pixels of the screen as the file has them; NaN where it has none.
    """
    rows = np.array(trial.fixations.get(eye, []), dtype=float).reshape(-1, 5)
    onset = trial.begins if trial.onset is None else trial.onset
    rows = rows[(rows[:, 1] > onset) & (rows[:, 0] < trial.ends)]
    late = np.maximum(onset - rows[:, 0], 0.0)
    return rows[:, 3:], rows[:, 2] - late, rows[:, 0] + late - onset
