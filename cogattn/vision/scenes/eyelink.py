"""Items in a table and EyeLink event files: ``items.csv``, one ``.asc`` file a person, and ``eyelink.toml``.

``items.csv`` has a row for each object: ``scene``, ``object``, its box (``left``, ``top``, ``right``, ``bottom``, or
``x``, ``y``, ``width``, ``height``, x and y being its middle) or ``polygon``, and what is known of ``category``,
``target`` (yes or no), ``image`` (a picture of the whole screen), ``layout`` and ``feature_*``. Positions are pixels of
the screen. One object that is the target is what is looked for; several (foraging) tell it by their category alone.

A person is an ``.asc`` file, by its name. Trials, scenes and onsets are told by messages (`asc`); without
``eyelink.toml`` a trial begins with ``TRIALID NAME``, NAME being that of the scene, which comes on with the first of
``SYNCTIME`` or ``DISPLAY ON`` and ends with ``TRIAL_RESULT``. The file may tell other patterns (regular expressions)::

    trial = "^TRIALID"
    scene = "!V TRIAL_VAR scene (.+)"
    onset = "^SYNCTIME"
    end = "^TRIAL_RESULT"
    eye = "L"                     # where both were recorded; else the one with more fixations
    start_px = [512, 384]         # where people began
    size_px = [768, 1024]         # height and width of the screen; else what GAZE_COORDS tells
    pixels_per_degree = 32.5
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.asc import Patterns, Recording, Trial, read_asc, seen
from cogattn.vision.scenes.columns import (
    BOX,
    FEATURE,
    Row,
    box,
    number,
    read_table,
    rows,
    scene_object,
    text,
    truth,
)
from cogattn.vision.scenes.files import inside
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Box, Scanpath, Scene, SceneObject, Target

ITEMS, SETTINGS, EVENTS = "items.csv", "eyelink.toml", "*.asc"
MIDDLE = ("x", "y", "width", "height")
COLUMNS = ("scene", "object", *BOX, *MIDDLE, "polygon", "category", "target", "image", "layout")
PATTERNS = {
    "trial": r"TRIALID\s+(.+)",
    "scene": "",
    "onset": r"SYNCTIME|DISPLAY[ _]ON",
    "end": r"TRIAL_RESULT",
}
OTHERS = ("eye", "start_px", "size_px", "pixels_per_degree")


@dataclass(frozen=True)
class EyeLinkSettings:
    """What ``eyelink.toml`` says."""

    patterns: Patterns
    eye: str | None = None
    start_px: tuple[float, float] | None = None
    size_px: tuple[int, int] | None = None
    pixels_per_degree: float | None = None


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    return (path / ITEMS).is_file() and any(path.glob(EVENTS))


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read a folder with ``items.csv`` and ``.asc`` files.

    Parameters
    ----------
    path : Path
        Folder.
    left_out : LeftOut
        Is told of trials of no scene, and of fixations without a position.
    pixels_per_degree : float, optional
        Scale; by default that of ``eyelink.toml``.

    Returns
    -------
    list of Scene
        One a ``scene`` of ``items.csv``.

    Raises
    ------
    DataError
        If a file is not of the form, or nothing tells the size of the screen.
    """
    settings = _settings(path / SETTINGS)
    items = _items(path / ITEMS, left_out)
    recordings = {file.stem: read_asc(file, settings.patterns) for file in sorted(path.glob(EVENTS))}
    size_px = settings.size_px or _screen(recordings, path)
    paths = _paths(recordings, settings, set(items), left_out)
    scale = pixels_per_degree or settings.pixels_per_degree
    return [_scene(name, own, path, size_px, scale, settings, paths[name]) for name, own in items.items()]


# ---- settings


def _settings(file: Path) -> EyeLinkSettings:
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{file} must be TOML; got {error}") from error
    known = (*PATTERNS, *OTHERS)
    if unknown := [name for name in told if name not in known]:
        raise DataError(f"settings of {file.name} must be among {', '.join(known)}; got {unknown[0]}")
    patterns = {name: _pattern(name, told.get(name, default), file) for name, default in PATTERNS.items()}
    trial = patterns.pop("trial")
    if trial is None:
        raise DataError(f"trial of {file.name} must be a pattern; got none")
    if told.get("eye", "L") not in ("L", "R"):
        raise DataError(f"eye of {file.name} must be L or R; got {told['eye']!r}")
    start, size = (_numbers(told, name, 2, file) for name in ("start_px", "size_px"))
    scale = _numbers(told, "pixels_per_degree", 1, file)
    return EyeLinkSettings(
        Patterns(trial, **patterns),
        told.get("eye"),
        None if start is None else (start[0], start[1]),
        None if size is None else (round(size[0]), round(size[1])),
        None if scale is None else scale[0],
    )


def _pattern(name: str, words: object, file: Path) -> re.Pattern[str] | None:
    try:
        return re.compile(str(words)) if words else None
    except re.error as error:
        raise DataError(
            f"{name} of {file.name} must be a regular expression; got {words!r}: {error}"
        ) from error


def _numbers(told: Mapping[str, object], name: str, n: int, file: Path) -> list[float] | None:
    """A setting of `n` numbers; None where it is not told."""
    if name not in told:
        return None
    given = told[name]
    values = given if isinstance(given, list) else [given]
    if len(values) != n or not all(isinstance(one, int | float) and one > 0 for one in values):
        raise DataError(f"{name} of {file.name} must be {n} numbers above 0; got {given!r}")
    return [float(one) for one in values]


# ---- items


def _items(file: Path, left_out: LeftOut) -> dict[str, list[Row]]:
    """Rows of each scene."""

    def known(name: str) -> bool:
        return name in COLUMNS or name.startswith(FEATURE)

    table = read_table(file, known, ("scene", "object"), left_out)
    if table is None:
        raise DataError(f"{file} must be there; got no such file")
    items: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows(table):
        items[text(row, "scene")].append(row)
    return dict(items)


def _object(row: Row, scene: str) -> SceneObject:
    return scene_object(row, scene, box_px=box(row) or _about(row))


def _about(row: Row) -> Box | None:
    """The box about a middle; None where none is told."""
    x, y, width, height = (number(row, name) for name in MIDDLE)
    if x is None or y is None or width is None or height is None:
        return None
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _target(items: list[Row], objects: tuple[SceneObject, ...], scene: str) -> Target | None:
    """What is looked for: the one object that is the target, else what several have in common."""
    chosen = [
        thing
        for row, thing in zip(items, objects, strict=True)
        if truth(text(row, "target"), "target", f"{thing.name}, {scene}")
    ]
    if not chosen:
        return None
    categories = sorted({thing.category for thing in chosen if thing.category})
    category = ", ".join(categories)
    if len(chosen) == 1:
        return Target(category or chosen[0].name, box_px=chosen[0].box_px, category=category)
    return Target(category or "targets", category=category or "targets")


def _scene(
    name: str,
    items: list[Row],
    folder: Path,
    size_px: tuple[int, int],
    scale: float | None,
    settings: EyeLinkSettings,
    paths: list[Scanpath],
) -> Scene:
    objects = tuple(_object(row, name) for row in items)
    image = next((word for row in items if (word := text(row, "image"))), "")
    return Scene(
        name=name,
        picture=inside(folder, image) if image else None,
        size_px=size_px,
        pixels_per_degree=scale,
        objects=objects,
        target=_target(items, objects, name),
        scanpaths=tuple(paths),
        start_px=settings.start_px,
        layout=next((word for row in items if (word := text(row, "layout"))), ""),
    )


# ---- recordings


def _screen(recordings: Mapping[str, Recording], folder: Path) -> tuple[int, int]:
    """The size of the screen, which all recordings must share."""
    sizes = {one.size_px: person for person, one in recordings.items() if one.size_px is not None}
    if len(sizes) != 1:
        told = " and ".join(f"{size[1]} x {size[0]} ({person})" for size, person in sizes.items()) or "none"
        raise DataError(
            f"recordings must tell one size of the screen (GAZE_COORDS), or {SETTINGS} size_px; got {told} ({folder})"
        )
    return next(iter(sizes))


def _paths(
    recordings: Mapping[str, Recording], settings: EyeLinkSettings, known: set[str], left_out: LeftOut
) -> defaultdict[str, list[Scanpath]]:
    """Scanpaths by scene."""
    paths: defaultdict[str, list[Scanpath]] = defaultdict(list)
    for person, recording in recordings.items():
        eye = settings.eye or recording.eye
        for count, trial in enumerate(recording.trials, start=1):
            if trial.scene not in known:
                left_out.add("trial", "of no scene", f"{trial.scene or f'number {count}'}, {person}")
            else:
                paths[trial.scene].append(_scanpath(person, trial, eye, recording, left_out))
    return paths


def _scanpath(person: str, trial: Trial, eye: str, recording: Recording, left_out: LeftOut) -> Scanpath:
    places, durations, onsets = seen(trial, eye)
    there = np.isfinite(places).all(axis=1)
    for _ in range(int((~there).sum())):
        left_out.add("fixation", "without a position", f"{person}, {trial.scene}")
    return Scanpath(
        person=person,
        fixations_px=places[there] - np.array(recording.origin_px or (0.0, 0.0)),
        durations_ms=durations[there],
        onsets_ms=onsets[there],
    )
