"""OSIE: 700 photographs that fifteen people looked at freely for three seconds each, and what lies in them.

``fixations.mat`` holds by image (``1001.jpg``) the fixations of each person: ``fix_x``, ``fix_y``, ``fix_duration``
(milliseconds), in pixels of 800 x 600. Images lie in ``stimuli`` and may have been made smaller: positions are scaled
to the pixels that an image has. ``attrs.mat``, where it lies beside, holds the objects: by image ``objs``, each with a
mask ``map`` and ``features``, which ``attrNames`` names (a face, text, something that can be smelled). An object is the
largest piece of its mask, as a polygon; its category is the words of what it has, and its features are all of them.

The scale is nominal: 24 pixels of 800 are one degree. The authors' code blurs fixation maps by a Gaussian of 24 pixels
(``eye.radius``), which is one degree by custom. Nobody was told where to look first, and nothing is looked for.

References
----------
Xu, Jiang, Wang, Kankanhalli, Zhao (2014), Journal of Vision 14(1), 28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.vision.scenes.checking import image_size
from cogattn.vision.scenes.files import inside
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Array, Scanpath, Scene, SceneObject

RECORDS, MASKS, IMAGES = "fixations.mat", "attrs.mat", "stimuli"
SIZE_PX = (600, 800)
"""Height and width of what was shown, in whose pixels fixations are."""
PIXELS_PER_DEGREE = 24.0
"""Of these; nominal."""

Record = Mapping[str, object]


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    folder = path.parent if path.name == RECORDS else path
    return (folder / RECORDS).is_file() and (folder / IMAGES).is_dir()


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read the folder with ``fixations.mat`` and ``stimuli``, and ``attrs.mat`` where there is one.

    Parameters
    ----------
    path : Path
        The folder, or ``fixations.mat`` in it.
    left_out : LeftOut
        Is told of masks that are empty.
    pixels_per_degree : float, optional
        Scale of the images as they are; by default the nominal one.

    Returns
    -------
    list of Scene
        One an image, without a target.

    Raises
    ------
    DataError
        If a file is not of the form.
    """
    folder = path if path.is_dir() else path.parent
    objects = _objects(folder / MASKS, left_out) if (folder / MASKS).is_file() else {}
    return [
        _scene(folder, record, objects, pixels_per_degree)
        for record in _structs(folder / RECORDS, "fixations", ("img", "subjects"))
    ]


def _structs(file: Path, name: str, fields: Sequence[str]) -> list[Record]:
    """The variable of a file that is a list of structs with those fields."""
    structs = _each(_variables(file).get(name))
    if not structs or not all(isinstance(one, Mapping) and set(fields) <= one.keys() for one in structs):
        raise DataError(f"{file} must hold {name}, structs with {', '.join(fields)}; got another form")
    return [one for one in structs if isinstance(one, Mapping)]


def _variables(file: Path) -> Record:
    from scipy.io import loadmat

    try:
        return loadmat(file, simplify_cells=True)
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"{file} must be a MATLAB file of OSIE; got {error}") from error


def _each(value: object) -> list[object]:
    """The elements of a cell array; scipy gives the element alone where there is one."""
    if isinstance(value, Mapping):
        return [value]
    return list(value) if isinstance(value, list | np.ndarray) else []


def _scene(
    folder: Path, record: Record, objects: Mapping[str, tuple[SceneObject, ...]], scale: float | None
) -> Scene:
    image = str(record["img"])
    picture = inside(folder, Path(IMAGES) / image)
    size_px = image_size(picture) or SIZE_PX
    factors = np.array(size_px[::-1]) / SIZE_PX[::-1]
    people = _each(record["subjects"])
    width = len(str(len(people)))
    return Scene(
        name=Path(image).stem,
        picture=picture,
        size_px=size_px,
        pixels_per_degree=scale or PIXELS_PER_DEGREE * float(factors[0]),
        objects=tuple(_scaled(thing, factors) for thing in objects.get(image, ())),
        scanpaths=tuple(
            _scanpath(one, f"{number:0{width}d}", factors, image)
            for number, one in enumerate(people, start=1)
        ),
    )


def _scanpath(record: object, person: str, factors: Array, image: str) -> Scanpath:
    if not isinstance(record, Mapping) or not {"fix_x", "fix_y", "fix_duration"} <= record.keys():
        raise DataError(
            f"{RECORDS} must hold fix_x, fix_y and fix_duration of each person; got none ({image})"
        )
    x, y, durations = (
        np.atleast_1d(np.asarray(record[name], dtype=float)).ravel()
        for name in ("fix_x", "fix_y", "fix_duration")
    )
    if len(x) != len(y):
        raise DataError(f"fix_x and fix_y must be as many; got {len(x)} and {len(y)} ({person}, {image})")
    return Scanpath(person, np.column_stack([x, y]) * factors, durations)


# ---- objects


def _objects(file: Path, left_out: LeftOut) -> dict[str, tuple[SceneObject, ...]]:
    """Objects of each image, in pixels of what was shown."""
    names = [str(word) for word in _each(_variables(file).get("attrNames"))]
    found = {}
    for record in _structs(file, "attrs", ("img", "objs")):
        image, things = str(record["img"]), _each(record["objs"])
        width = len(str(len(things)))
        objects = []
        for number, thing in enumerate(things, start=1):
            name = f"{number:0{width}d}"
            if not isinstance(thing, Mapping) or "map" not in thing:
                raise DataError(f"{file} must hold a map of each object; got none ({name}, {image})")
            polygon = _outline(np.asarray(thing["map"]) > 0)
            if polygon is None:
                left_out.add("object", "whose mask is empty", f"{name}, {image}")
            else:
                objects.append(_object(name, polygon, thing, names))
        found[image] = tuple(objects)
    return found


def _object(name: str, polygon: Array, thing: Record, names: Sequence[str]) -> SceneObject:
    features = np.atleast_1d(np.asarray(thing.get("features", []), dtype=float)).ravel()
    has = [word for word, value in zip(names, features, strict=False) if value > 0]
    return SceneObject(
        name=name,
        box_px=_box(polygon),
        category=", ".join(has),
        polygon_px=polygon,
        features=features if len(features) else None,
    )


def _box(polygon: Array) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = polygon.min(axis=0), polygon.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _outline(mask: NDArray[np.bool_]) -> Array | None:
    """The outline of a mask's largest piece, (n, 2) in pixels of what was shown; None where there is none."""
    from contourpy import contour_generator

    if mask.ndim != 2 or not mask.any():
        return None
    padded = np.pad(mask.astype(float), 1)
    lines = [np.asarray(line) for line in contour_generator(z=padded, name="serial").lines(0.5)]
    largest = max(lines, key=_area)
    # the middle of pixel i is at i + .5, and one row and one column were added
    return (largest[:-1] - 0.5) * (np.array(SIZE_PX[::-1]) / mask.shape[::-1])


def _area(line: Array) -> float:
    x, y = line.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def _scaled(thing: SceneObject, factors: Array) -> SceneObject:
    if thing.polygon_px is None:
        return thing
    polygon = thing.polygon_px * factors
    return SceneObject(thing.name, _box(polygon), thing.category, polygon, thing.features)
