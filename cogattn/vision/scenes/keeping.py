"""Scenes that were read stay read as long as their files are as they were: a plan asks for them again and again."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from cogattn.vision.scenes.reading import Layout, SceneSet, digest_of, read_scenes
from cogattn.vision.scenes.scene import Scene
from cogattn.vision.scenes.sets import place_of

Signature = tuple[int, int, int]


def signature(path: Path) -> Signature:
    """Return number, latest change and size of the files beneath a path: other files, another signature."""
    place = place_of(path)
    files = [place] if place.is_file() else [one for one in place.rglob("*") if one.is_file()]
    stats = [one.stat() for one in files]
    return len(stats), max((one.st_mtime_ns for one in stats), default=0), sum(one.st_size for one in stats)


def kept_scenes(path: Path, *, layout: Layout = "auto", pixels_per_degree: float | None = None) -> SceneSet:
    """Return the scenes of a path as `read_scenes` does, without reading again what has been read; raise as it does."""
    return _read(path, layout, pixels_per_degree, signature(path))


def kept_digests(
    names: Iterable[str],
    path: Path,
    *,
    layout: Layout = "auto",
    pixels_per_degree: float | None = None,
) -> dict[str, str]:
    """Return the SHA-256 of some of these scenes by their names (`digest_of`), each computed once."""
    of = signature(path)
    return {name: _digest(name, path, layout, pixels_per_degree, of) for name in names}


@lru_cache(maxsize=2)
def _read(path: Path, layout: Layout, scale: float | None, _: Signature) -> SceneSet:
    return read_scenes(path, layout=layout, pixels_per_degree=scale)


@lru_cache(maxsize=4)
def _by_name(path: Path, layout: Layout, scale: float | None, of: Signature) -> dict[str, Scene]:
    return {scene.name: scene for scene in _read(path, layout, scale, of)}


@lru_cache(maxsize=65_536)
def _digest(name: str, path: Path, layout: Layout, scale: float | None, of: Signature) -> str:
    return digest_of(_by_name(path, layout, scale, of)[name])
