"""Layouts and scanpaths of a run: scenes that are given, or simulated ones, as arrays over objects.

What cannot be used is left out by name and counted before anything is fitted; what a reader of the numbers must know is
said in remarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import (
    ObjectSettings,
    ScanpathConfig,
    ScenesSettings,
    SyntheticSettings,
)
from cogattn.psychophysics.scanpath.layouts.assigning import assign, boxes_px, holding
from cogattn.psychophysics.scanpath.layouts.grids import patched
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.layouts.telling import Counts, remarks_of
from cogattn.psychophysics.scanpath.leaks import twins
from cogattn.running.digests import file_digest
from cogattn.vision.scenes import digest_of
from cogattn.vision.scenes.keeping import Signature, kept_digests, kept_scenes, signature
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Scanpath, Scene

NOMINAL_DEG = 32.0
"""Longer side of an image whose scale nobody knows."""
MIN_OBJECTS = 2
"""With fewer there is nothing to choose."""


@dataclass(frozen=True)
class Source:
    """What the data of a run follow from.

    Parameters
    ----------
    scenes, objects, synthetic : settings
        Those of the study; synthetic ones are None where scenes are given.
    seed : int
        The run's; 0 where scenes are given.
    """

    scenes: ScenesSettings
    objects: ObjectSettings
    synthetic: SyntheticSettings | None
    seed: int


def data_of(config: ScanpathConfig) -> PathSet:
    """Return layouts and scanpaths of a run; files that stay as they are are not read again.

    Parameters
    ----------
    config : ScanpathConfig
        Its ``scenes``, ``synthetic`` and ``objects``, and for simulated scanpaths its seed.

    Returns
    -------
    PathSet
        Every layout has at least two objects and a scanpath, every scanpath a fixation that is not given.

    Raises
    ------
    ConfigError, DataError
        If scenes cannot be read, or nothing of them can be used.
    """
    source = _source(config)
    return _data(source, _files(source))


def digests_of(config: ScanpathConfig) -> dict[str, str]:
    """Return the SHA-256 of each scene of `data_of`, by its name: image, boxes, target and scanpaths as they were read.

    Raises as `data_of` does.
    """
    source = _source(config)
    names = [layout.name for layout in data_of(config).layouts]
    path = source.scenes.path
    if path is None:
        return {name: digest for name, digest in _synthetic_digests(source) if name in set(names)}
    given = source.scenes
    return kept_digests(names, path, layout=given.layout, pixels_per_degree=given.pixels_per_degree)


def target_in(layout: Layout) -> int | None:
    """Return which object is the target, told to models or not; None where there is none, or it is on no object."""
    return _target(layout.scene)


def _source(config: ScanpathConfig) -> Source:
    if config.scenes.path is None:
        return Source(config.scenes, config.objects, config.synthetic, config.seed)
    return Source(config.scenes, config.objects, None, 0)


def _files(source: Source) -> Signature | None:
    path = source.scenes.path
    return None if path is None else signature(path)


# ---- scenes


@lru_cache(maxsize=4)
def _data(source: Source, _: Signature | None) -> PathSet:
    left_out, counts = LeftOut(), Counts()
    scenes, sentences = _scenes(source)
    if source.scenes.aliased:
        scenes = [_aliased(scene) for scene in scenes]
        counts.aliased = True
    scenes = _with_objects(scenes, source.objects, left_out, counts)
    layouts: list[Layout] = []
    paths: list[ObjectPath] = []
    groups = _groups(scenes)
    for scene in scenes:
        layout = _layout(scene, groups[scene.name], source.objects, counts)
        own = _paths(len(layouts), layout, source.objects, left_out, counts)
        if own:
            layouts.append(layout)
            paths += own
        else:
            left_out.add("layout", "without a usable scanpath", scene.name)
    told = (*sentences, *left_out.sentences())
    if not paths:
        raise DataError(f"scenes must have scanpaths over objects; got none: {'; '.join(told)}")
    counts.n_layouts = len(layouts)
    data = PathSet(tuple(layouts), tuple(paths), told, remarks_of(counts, source.objects))
    copied = () if source.scenes.aliased else twins(data)
    return replace(data, remarks=(*copied, *data.remarks))


def _scenes(source: Source) -> tuple[list[Scene], tuple[str, ...]]:
    """Scenes and what was left out of them."""
    given = source.scenes
    if given.path is None:
        return list(_simulated(source)), ()
    found = kept_scenes(given.path, layout=given.layout, pixels_per_degree=given.pixels_per_degree)
    return list(found.scenes[: given.n_scenes]), found.left_out


@lru_cache(maxsize=2)
def _simulated(source: Source) -> tuple[Scene, ...]:
    from cogattn.psychophysics.scanpath.layouts.synthetic import simulate

    settings = source.synthetic or SyntheticSettings()
    scenes = sorted(simulate(settings, source.seed), key=lambda scene: scene.name)
    return tuple(scenes[: source.scenes.n_scenes])


@lru_cache(maxsize=4)
def _synthetic_digests(source: Source) -> tuple[tuple[str, str], ...]:
    return tuple((scene.name, digest_of(scene)) for scene in _simulated(source))


def _aliased(scene: Scene) -> Scene:
    """The scene with the last person's scanpath for everybody."""
    if not scene.scanpaths:
        return scene
    last = scene.scanpaths[-1]
    return replace(scene, scanpaths=tuple(replace(last, person=path.person) for path in scene.scanpaths))


def _groups(scenes: Sequence[Scene]) -> dict[str, str]:
    """The group of each scene: its layout's word, else the first scene with the same image, else itself."""
    first: dict[str, str] = {}
    groups = {}
    for scene in scenes:
        key = scene.name
        if isinstance(scene.picture, Path):
            key = file_digest(scene.picture)
        groups[scene.name] = scene.layout or first.setdefault(key, scene.name)
    return groups


# ---- layouts


def _with_objects(
    scenes: Sequence[Scene], settings: ObjectSettings, left_out: LeftOut, counts: Counts
) -> list[Scene]:
    """Scenes with patches for objects where that is asked for, without those that have too few."""
    counts.patches = settings.source == "grid" or (
        settings.source == "auto" and not all(scene.objects for scene in scenes)
    )
    if counts.patches:
        counts.n_scenes, counts.n_with_objects = len(scenes), sum(bool(scene.objects) for scene in scenes)
        scenes = [patched(scene, settings.grid) for scene in scenes]
    kept = []
    for scene in scenes:
        if len(scene.objects) < MIN_OBJECTS:
            left_out.add("layout", "with fewer than two objects", scene.name)
        else:
            kept.append(scene)
    return kept


def _layout(scene: Scene, group: str, settings: ObjectSettings, counts: Counts) -> Layout:
    boxes = boxes_px(scene.objects).reshape(-1, 2, 2)
    scale = scene.pixels_per_degree
    if scale is None:
        counts.n_nominal += 1
        scale = max(scene.size_px) / NOMINAL_DEG
    target = _target(scene)
    if target is None and scene.target is not None and scene.target.box_px is not None:
        counts.without_target.append(scene.name)
    return Layout(
        scene=scene,
        position_deg=(boxes.mean(axis=1) - scene.middle_px) / scale,
        size_deg=(boxes[:, 1] - boxes[:, 0]) / scale,
        target=target if settings.target_position == "given" else None,
        group=group,
        scale=scale,
    )


def _target(scene: Scene) -> int | None:
    """The smallest object that holds the middle of the target's box, else that of the target's name."""
    target = scene.target
    if target is None or not target.present:
        return None
    if target.box_px is None:
        named = [number for number, thing in enumerate(scene.objects) if thing.name == target.name]
        return named[0] if named else None
    middle = np.array(target.box_px).reshape(2, 2).mean(axis=0)
    found = assign(scene.objects, middle, scene.size_px)
    return int(found.objects[0]) if found.n_holding[0] else None


# ---- scanpaths


def _paths(
    number: int, layout: Layout, settings: ObjectSettings, left_out: LeftOut, counts: Counts
) -> list[ObjectPath]:
    """The scanpaths of a layout; all their fixations are looked up at once."""
    scene = layout.scene
    if not scene.scanpaths:
        return []
    _count_overlaps(scene, counts)
    points = np.concatenate([path.fixations_px for path in scene.scanpaths])
    found = assign(scene.objects, points, scene.size_px)
    on_screen = ((points >= 0) & (points <= np.array(scene.size_px[::-1]))).all(axis=1)
    beside = on_screen & (found.n_holding == 0)
    limit = np.inf if settings.beside_deg is None else settings.beside_deg * layout.scale
    dropped = beside & ((settings.beside == "drop") | (found.beside_px > limit))
    counts.n_fixations += int(on_screen.sum())
    counts.n_beside += int((beside & ~dropped).sum())
    counts.beside_deg += float((found.beside_px[beside & ~dropped] / layout.scale).sum())
    counts.n_in_several += int((on_screen & (found.n_holding > 1)).sum())
    starts = np.cumsum([0, *(len(path.fixations_px) for path in scene.scanpaths)])
    whose = np.repeat([path.person for path in scene.scanpaths], np.diff(starts))
    for reason, those in (("outside the image", ~on_screen), (_why_dropped(settings), dropped)):
        for person in whose[those]:
            left_out.add("fixation", reason, f"{person}, {scene.name}")
    kept = on_screen & ~dropped
    paths = []
    for path, start, stop in zip(scene.scanpaths, starts[:-1], starts[1:], strict=True):
        own = _path(number, path, found.objects[start:stop], kept[start:stop], settings, scene, counts)
        if len(own) > own.n_given:
            paths.append(own)
        else:
            left_out.add("scanpath", "with no fixation to predict", f"{path.person}, {scene.name}")
    return paths


def _why_dropped(settings: ObjectSettings) -> str:
    if settings.beside == "drop":
        return "on no object (objects.beside)"
    return f"more than {settings.beside_deg} degrees beside an object (objects.beside_deg)"


def _count_overlaps(scene: Scene, counts: Counts) -> None:
    middles = boxes_px(scene.objects).reshape(-1, 2, 2).mean(axis=1)
    counts.n_overlapping += bool((holding(scene.objects, middles, scene.size_px).sum(axis=1) > 1).any())


def _path(
    number: int,
    path: Scanpath,
    objects: np.ndarray,
    kept: np.ndarray,
    settings: ObjectSettings,
    scene: Scene,
    counts: Counts,
) -> ObjectPath:
    """One scanpath without the fixations that are not kept, merged where that is asked for."""
    told = settings.first == "given" or (settings.first == "auto" and scene.start_px is not None)
    numbers = np.flatnonzero(kept)
    # the first fixation is told only where it is still there: the next one is the person's own
    n_given = int(told and len(numbers) > 0 and numbers[0] == 0)
    objects, durations = objects[numbers], path.durations_ms
    durations = None if durations is None else durations[numbers]
    if settings.merge and len(objects):
        begins = np.flatnonzero(np.r_[True, objects[1:] != objects[:-1]])
        counts.n_merged += len(objects) - len(begins)
        durations = None if durations is None else np.add.reduceat(durations, begins)
        objects, numbers = objects[begins], numbers[begins]
    return ObjectPath(
        layout=number,
        person=path.person,
        objects=objects,
        fixations_px=path.fixations_px[numbers],
        durations_ms=durations,
        n_given=n_given,
    )
