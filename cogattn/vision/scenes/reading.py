"""Scenes from files, in the layouts in which the field keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from cogattn.errors import ConfigError, DataError
from cogattn.running.digests import combined, file_digest
from cogattn.vision.scenes import amazon_covers, coco_search18, eyelink, osie, sibs, table, visions, vsa
from cogattn.vision.scenes.checking import checked
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Picture, Scanpath, Scene, SceneObject
from cogattn.vision.scenes.sets import place_of

Layout = Literal[
    "auto", "table", "visions", "vsa", "coco_search18", "sibs", "osie", "amazon_covers", "eyelink"
]


NOWHERE = "scenes.path must be a folder or file, or the name of a data set that is in place"


class Reader(Protocol):
    """A module that reads one layout."""

    def is_there(self, path: Path) -> bool:
        """Tell whether a path looks like this layout."""
        ...

    def read(self, path: Path, left_out: LeftOut, *, pixels_per_degree: float | None) -> list[Scene]:
        """Read the scenes of a path."""
        ...


READERS: Mapping[str, Reader] = {
    "table": table,
    "visions": visions,
    "vsa": vsa,
    "coco_search18": coco_search18,
    "sibs": sibs,
    "osie": osie,
    "amazon_covers": amazon_covers,
    "eyelink": eyelink,
}


@dataclass(frozen=True, eq=False)
class SceneSet:
    """Scenes, and what was left out of them.

    Parameters
    ----------
    scenes : tuple of Scene
        Sorted by name; names are unique.
    left_out : tuple of str
        One sentence a reason: how many scenes, scanpaths and objects, and which.
    layout : str
        How they were written.
    """

    scenes: tuple[Scene, ...]
    left_out: tuple[str, ...] = ()
    layout: str = ""

    def __iter__(self) -> Iterator[Scene]:
        return iter(self.scenes)

    def __len__(self) -> int:
        return len(self.scenes)


def read_scenes(
    path: Path | str,
    *,
    layout: Layout = "auto",
    pixels_per_degree: float | None = None,
    n_scenes: int | None = None,
) -> SceneSet:
    """Read scenes; images are opened for their size only.

    Parameters
    ----------
    path : path
        Folder or file, or the name of a data set that was put in place.
    layout : str
        How it is written (docs/scenes.md); ``auto`` tells by the names of the files.
    pixels_per_degree : float, optional
        Scale of the images; by default what the files tell, or what is published of them.
    n_scenes : int, optional
        Only the first so many, in the order of their names.

    Returns
    -------
    SceneSet
        One scene for each image and target; whatever the order of rows and files, it is the same.

    Raises
    ------
    DataError
        If there is nothing at `path`, its layout is none of those known, or no scene can be used.
    """
    path = place_of(Path(path))
    name = layout if layout != "auto" else layout_of(path)
    if not path.exists():
        raise DataError(f"{NOWHERE}; got {path}")
    if name not in READERS:
        raise ConfigError(f"scenes.layout must be auto or one of {', '.join(READERS)}; got {name}")
    left_out = LeftOut()
    scenes = checked(READERS[name].read(path, left_out, pixels_per_degree=pixels_per_degree), left_out)
    if not scenes:
        raise DataError(f"scenes must be usable; got none ({path}): {'; '.join(left_out.sentences())}")
    return SceneSet(tuple(scenes[:n_scenes]), left_out.sentences(), name)


def layout_of(path: Path) -> str:
    """Return the layout that the names of the files speak for; raise DataError where none does."""
    if not path.exists():
        raise DataError(f"{NOWHERE}; got {path}")
    found = [name for name, reader in READERS.items() if reader.is_there(path)]
    if len(found) != 1:
        seen = f"signs of {' and '.join(found)}" if found else "signs of none"
        raise DataError(
            f"scenes.layout must be told (one of {', '.join(READERS)}) where files do not speak for one; "
            f"got {seen} ({path})"
        )
    return found[0]


def digests(
    path: Path | str,
    *,
    layout: Layout = "auto",
    pixels_per_degree: float | None = None,
    n_scenes: int | None = None,
) -> dict[str, str]:
    """Return the SHA-256 of each scene by its name; see `digest_of`."""
    scenes = read_scenes(path, layout=layout, pixels_per_degree=pixels_per_degree, n_scenes=n_scenes)
    return {scene.name: digest_of(scene) for scene in scenes}


def digest_of(scene: Scene) -> str:
    """Return the SHA-256 of all that a scene is: its pictures by their bytes, its boxes, scale, start and scanpaths.

    It does not depend on where the files lie.
    """
    target = scene.target
    parts = {
        "image": _of_picture(scene.picture),
        "geometry": repr((scene.name, scene.size_px, scene.pixels_per_degree, scene.start_px)),
        "target": ""
        if target is None
        else repr((target.name, target.box_px, target.category, target.present)),
        "target picture": "" if target is None or target.picture is None else _of_picture(target.picture),
        "objects": combined({f"{i}": _of_object(thing) for i, thing in enumerate(scene.objects)}),
        "scanpaths": combined({f"{i}": _of_path(path) for i, path in enumerate(scene.scanpaths)}),
    }
    if scene.layout:
        parts["layout"] = scene.layout
    return combined(parts)


def _of_picture(picture: Picture | None) -> str:
    if picture is None:
        return ""
    return file_digest(picture) if isinstance(picture, Path) else _of_arrays(picture)


def _of_object(thing: SceneObject) -> str:
    return repr((thing.name, thing.box_px, thing.category, _of_arrays(thing.polygon_px, thing.features)))


def _of_path(path: Scanpath) -> str:
    arrays = _of_arrays(path.fixations_px, path.durations_ms, path.onsets_ms)
    return repr((path.person, path.found, path.max_saccades, arrays))


def _of_arrays(*arrays: np.ndarray | None) -> str:
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(b"none" if array is None else repr((array.shape, array.dtype.str)).encode())
        sha256.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return sha256.hexdigest()
