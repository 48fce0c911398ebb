"""COCO-Search18: photographs in which ten people looked for an object of one of 18 categories, there or not.

Each JSON file holds a list of searches: ``name`` (of the image), ``subject``, ``task`` (the category), ``condition``
(present or absent), ``bbox`` (left, top, width, height; nothing where the target is absent), ``X``, ``Y``, ``T``
(milliseconds of each fixation), ``length`` and ``correct``. Coordinates are those of the images as they were shown,
resized to 1,680 x 1,050; the images lie in ``images`` (or beside the file), in folders by category or not. Fixations
may lie beyond the image. Each search began at the middle, where the first fixation is. A target is told by its
category, and by its box where it is there.

References
----------
Chen, Yang, Ahn, Samaras, Hoai, Zelinsky (2021), Sci. Rep. 11, 8776.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.files import inside, names_of, numbers, read_json, rows_of
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Box, Scanpath, Scene, Target

PATTERN = "coco_search18*.json"
FIELDS = ("name", "subject", "task", "condition", "X", "Y")
SIZE_PX = (1050, 1680)
"""Height and width of what was shown."""
PIXELS_PER_DEGREE = 31.1
"""1,680 pixels on the 54 degrees that the screen spanned."""

Search = Mapping[str, object]
Key = tuple[str, str, str]


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    return bool(_files(path))


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read one JSON file, or all ``coco_search18*.json`` of a folder.

    Parameters
    ----------
    path : Path
        File or folder.
    left_out : LeftOut
        Is told of searches that cannot be used.
    pixels_per_degree : float, optional
        Scale; by default that of the experiment.

    Returns
    -------
    list of Scene
        One an image, category and condition.

    Raises
    ------
    DataError
        If a file is no such list.
    """
    files = _files(path)
    if not files:
        raise DataError(f"COCO-Search18 must be a JSON file, or a folder with {PATTERN}; got {path}")
    folder = path if path.is_dir() else path.parent
    searches: defaultdict[Key, list[Search]] = defaultdict(list)
    for file in files:
        for row in rows_of(read_json(file), file, FIELDS):
            searches[str(row["name"]), str(row["task"]), str(row["condition"])].append(row)
    keys = sorted(searches)
    names = names_of([(image, category) for image, category, _ in keys])
    scale = pixels_per_degree or PIXELS_PER_DEGREE
    return [
        _scene(name, key, searches[key], folder, scale, left_out)
        for name, key in zip(names, keys, strict=True)
    ]


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob(PATTERN))
    return [path] if path.suffix == ".json" and path.is_file() else []


def _scene(
    name: str, key: Key, searches: list[Search], folder: Path, scale: float, left_out: LeftOut
) -> Scene:
    image, category, condition = key
    if condition not in ("present", "absent"):
        raise DataError(f"condition must be present or absent; got {condition!r} ({image}, {category})")
    present = condition == "present"
    paths = (_scanpath(search, name, present, left_out) for search in searches)
    return Scene(
        name=name,
        picture=_image(folder, image, category),
        size_px=SIZE_PX,
        pixels_per_degree=scale,
        target=Target(category, None, _box(searches[0], name) if present else None, category, present),
        scanpaths=tuple(path for path in paths if path is not None),
        start_px=(SIZE_PX[1] / 2, SIZE_PX[0] / 2),
    )


def _image(folder: Path, name: str, category: str) -> Path:
    """Where an image lies; the place where it ought to where it lies nowhere."""
    places = [inside(folder, Path(sub) / name) for sub in (f"images/{category}", "images", category, ".")]
    return next((place for place in places if place.is_file()), places[0])


def _box(search: Search, where: str) -> Box:
    box = numbers(search.get("bbox"), f"bbox of {where}")
    if len(box) != 4:
        raise DataError(f"bbox must be left, top, width and height; got {search.get('bbox')!r} ({where})")
    left, top, width, height = (float(number) for number in box)
    return left, top, left + width, top + height


def _scanpath(search: Search, scene: str, present: bool, left_out: LeftOut) -> Scanpath | None:
    where = f"{search['subject']}, {scene}"
    x, y = numbers(search["X"], f"X of {where}"), numbers(search["Y"], f"Y of {where}")
    if len(x) != len(y) or int(str(search.get("length", len(x)))) != len(x):
        left_out.add("scanpath", "whose X, Y and length disagree", where)
        return None
    durations = numbers(search["T"], f"T of {where}") if "T" in search else None
    correct = search.get("correct")
    return Scanpath(
        person=str(search["subject"]),
        fixations_px=np.column_stack([x, y]),
        durations_ms=durations,
        found=bool(correct) if present and correct is not None else (None if present else False),
    )
