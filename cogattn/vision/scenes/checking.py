"""What every scene must be, whoever wrote its files: boxes in its image, gaze in numbers, pictures that are there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import DEEP, Array, Box, Scanpath, Scene, SceneObject, Target

SLACK_PX = 1.0
"""How far a box may stick out of its image, as boxes do whose pixels somebody counted otherwise; it is cut there."""


def checked(scenes: Iterable[Scene], left_out: LeftOut) -> list[Scene]:
    """Return the scenes that can be used, sorted by name, and tell `left_out` of the others and of their parts.

    A scene may have no image, if its size is known. One is left out whose image is missing, not an image or of another
    size than its table says, whose target's picture is missing, whose target's box lies outside the image, or whose
    name others have (then all of them, since nothing says which is meant). So is a scanpath without a fixation, with
    numbers that are none, with onsets that go back or durations below 0, or of a person who has several in that scene;
    and an object whose box is empty or lies outside, whose polygon is none, or whose name others have. Fixations
    outside the image are kept: the eye was there. Objects are in the order of their names, numbers in these as numbers.
    """
    kept = [found for scene in scenes if (found := _checked(scene, left_out)) is not None]
    by_name = Counter(scene.name for scene in kept)
    for name, n in by_name.items():
        if n > 1:
            left_out.add("name", "that several scenes have", f"{name}, {n} times")
    return sorted((scene for scene in kept if by_name[scene.name] == 1), key=lambda scene: scene.name)


def image_size(file: Path) -> tuple[int, int] | None:
    """(height, width) of an image file, None where it is none or deeper than 8 bits; its pixels are not read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            return None if image.mode.startswith(DEEP) else (image.height, image.width)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
        return None


def _checked(scene: Scene, left_out: LeftOut) -> Scene | None:
    if fault := _fault_of_image(scene):
        left_out.add("scene", fault, scene.name)
        return None
    target = scene.target
    if target is not None:
        if fault := _fault_of_target(target, scene):
            left_out.add("scene", fault, scene.name)
            return None
        if target.box_px is not None:
            target = replace(target, box_px=_cut(target.box_px, scene.size_px))
    return replace(
        scene,
        target=target,
        objects=_checked_objects(scene, left_out),
        scanpaths=_checked_paths(scene, left_out),
    )


def _fault_of_image(scene: Scene) -> str | None:
    if scene.picture is None:
        return None if min(scene.size_px) > 0 else "without an image or its size"
    size = image_size(scene.picture) if isinstance(scene.picture, Path) else scene.picture.shape[:2]
    if size is None:
        missing = isinstance(scene.picture, Path) and not scene.picture.is_file()
        return "whose image is missing" if missing else "whose image cannot be read"
    return "whose image has another size than its table says" if tuple(size) != scene.size_px else None


def _fault_of_target(target: Target, scene: Scene) -> str | None:
    if isinstance(target.picture, Path) and image_size(target.picture) is None:
        missing = not target.picture.is_file()
        return "whose target's picture is missing" if missing else "whose target's picture cannot be read"
    if target.box_px is not None and not _fits(target.box_px, scene.size_px):
        return "whose target's box is empty or outside the image"
    named = target.category or target.name in {thing.name for thing in scene.objects}
    if target.picture is None and target.box_px is None and not named:
        return "whose target is told by nothing"
    return None


def _fits(box: Box, size_px: tuple[int, int]) -> bool:
    left, top, right, bottom = box
    height, width = size_px
    inside = (
        left >= -SLACK_PX and top >= -SLACK_PX and right <= width + SLACK_PX and bottom <= height + SLACK_PX
    )
    return bool(np.isfinite(box).all() and inside and left < right and top < bottom)


def _cut(box: Box, size_px: tuple[int, int]) -> Box:
    left, top, right, bottom = box
    height, width = size_px
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def _checked_objects(scene: Scene, left_out: LeftOut) -> tuple[SceneObject, ...]:
    counts = Counter(thing.name for thing in scene.objects)
    kept = []
    for thing in scene.objects:
        fault = "whose name others have" if counts[thing.name] > 1 else _fault_of_object(thing, scene.size_px)
        if fault:
            left_out.add("object", fault, f"{thing.name}, {scene.name}")
        else:
            kept.append(thing)
    return tuple(sorted(kept, key=lambda thing: _natural(thing.name)))


def _natural(name: str) -> tuple[tuple[str, int], ...]:
    """Orders names with numbers in them by these: "r0c2" comes before "r0c10"."""
    parts = re.findall(r"(\D*)(\d*)", name)
    return *((text, int(digits or -1)) for text, digits in parts), (name, 0)


def _fault_of_object(thing: SceneObject, size_px: tuple[int, int]) -> str | None:
    if thing.polygon_px is not None and not _is_polygon(thing.polygon_px):
        return "whose polygon has fewer than three corners"
    if thing.polygon_px is not None and not _has_area(thing.polygon_px):
        return "whose polygon has no area"
    return None if _fits(thing.box_px, size_px) else "whose box is empty or outside the image"


def _is_polygon(polygon: Array) -> bool:
    return (
        polygon.ndim == 2 and polygon.shape[1] == 2 and len(polygon) > 2 and bool(np.isfinite(polygon).all())
    )


def _has_area(polygon: Array) -> bool:
    x, y = polygon.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) > 0


def _checked_paths(scene: Scene, left_out: LeftOut) -> tuple[Scanpath, ...]:
    counts = Counter(path.person for path in scene.scanpaths)
    kept = []
    for path in scene.scanpaths:
        fault = "of a person who has several there" if counts[path.person] > 1 else _fault_of_path(path)
        if fault:
            left_out.add("scanpath", fault, f"{path.person}, {scene.name}")
        else:
            kept.append(path)
    return tuple(sorted(kept, key=lambda path: path.person))


def _fault_of_path(path: Scanpath) -> str | None:
    n = len(path.fixations_px)
    if n == 0:
        return "without a fixation"
    if not np.isfinite(path.fixations_px).all():
        return "with a fixation that is nowhere (NaN)"
    for times in (path.durations_ms, path.onsets_ms):
        if times is not None and (len(times) != n or not np.isfinite(times).all()):
            return "whose times are not one a fixation"
    if path.durations_ms is not None and (path.durations_ms < 0).any():
        return "with durations below 0"
    if path.onsets_ms is not None and (np.diff(path.onsets_ms) <= 0).any():
        return "whose onsets do not rise"
    return None
