"""Scenes in tables: ``scenes.csv``, and beside it ``fixations.csv`` and ``objects.csv`` where there are such.

``scenes.csv`` has a row for each scene: ``image`` (a file, relative to the table), or for a layout without an image
``scene``, ``width`` and ``height``; and what is known of

- ``scene``: its name; else that of the image, with the target's where an image has several;
- the target: ``target`` (a name), ``target_picture`` (a file), ``left``, ``top``, ``right``, ``bottom`` (its box),
  ``category``, ``present`` (1, 0, true, false, yes, no; there by default). A row with none of them is free viewing;
- ``layout``: a word that scenes with one layout of objects share;
- ``pixels_per_degree``; ``start_x``, ``start_y``, where a search starts.

``fixations.csv`` has a row for each fixation: ``scene`` (or ``image``, where images have one scene each), ``person``,
``x``, ``y``, and what is known of ``fixation`` (its number), ``onset_ms``, ``duration_ms``, and of the scanpath
``found`` and ``max_saccades``. The order is that of ``fixation``, else of ``onset_ms``, else of the rows.

``objects.csv`` has a row for each object: ``scene`` (or ``image``), ``object`` (its name), ``category``, its box, or
``polygon`` ("x y; x y; x y"), and any columns ``feature_*``.

Positions are pixels of the image, x to the right and y downwards from the top left corner: pixel i covers [i, i + 1).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.checking import image_size
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
    texts,
    truth,
)
from cogattn.vision.scenes.files import inside, names_of
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Array, Scanpath, Scene, Target

if TYPE_CHECKING:
    import pandas as pd

SCENES, FIXATIONS, OBJECTS = "scenes.csv", "fixations.csv", "objects.csv"
COLUMNS = {
    SCENES: (
        "scene", "image", "width", "height", "layout", "target", "target_picture", *BOX, "category", "present",
        "pixels_per_degree", "start_x", "start_y",
    ),
    FIXATIONS: (
        "scene", "image", "person", "x", "y", "fixation", "onset_ms", "duration_ms", "found", "max_saccades",
    ),
    OBJECTS: ("scene", "image", "object", "category", *BOX, "polygon"),
}  # fmt: skip
NEEDED = {SCENES: (), FIXATIONS: ("person", "x", "y"), OBJECTS: ("object",)}
WITHOUT_IMAGE = ("scene", "width", "height")
TRUTH = "present and found"


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    return (path / SCENES).is_file() or (path.name == SCENES and path.is_file())


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read the folder with ``scenes.csv``, or that table.

    Parameters
    ----------
    path : Path
        The folder, or a table of scenes under another name, beside which the two others lie.
    left_out : LeftOut
        Is told of columns that are not known and of rows that belong to no scene.
    pixels_per_degree : float, optional
        Scale of scenes whose table does not tell it.

    Returns
    -------
    list of Scene
        One a row of ``scenes.csv``.

    Raises
    ------
    DataError
        If a table cannot be read, lacks a column that it needs, or holds words where numbers belong.
    """
    file = path / SCENES if path.is_dir() else path
    scenes = _table(file, SCENES, left_out)
    if scenes is None:
        raise DataError(f"scenes.path must be a folder with {SCENES}, or such a table; got {path}")
    names = _names(scenes, file.name)
    of_image = _only(zip(texts(scenes, "image"), names, strict=True))
    fixations = _grouped(file.parent, FIXATIONS, names, of_image, left_out)
    objects = _grouped(file.parent, OBJECTS, names, of_image, left_out)
    return [
        _scene(name, row, file.parent, pixels_per_degree, fixations.get(name), objects.get(name))
        for name, row in zip(names, rows(scenes), strict=True)
    ]


# ---- tables


def _table(file: Path, kind: str, left_out: LeftOut) -> pd.DataFrame | None:
    def known(name: str) -> bool:
        return name in COLUMNS[kind] or (kind == OBJECTS and name.startswith(FEATURE))

    return read_table(file, known, NEEDED[kind], left_out)


def _names(scenes: pd.DataFrame, file: str) -> list[str]:
    """The name of each row: its own, else its image's, with the target's where an image has several."""
    lacking = [name for name in WITHOUT_IMAGE if name not in scenes]
    if "image" not in scenes and lacking:
        raise DataError(
            f"{file} must have the column image, or {', '.join(WITHOUT_IMAGE)}; got none named {lacking[0]}"
        )
    own, images = texts(scenes, "scene"), texts(scenes, "image")
    for line, (name, image) in enumerate(zip(own, images, strict=True), start=2):
        if not name and not image:
            raise DataError(f"a row of {file} must tell scene or image; got neither (line {line})")
    targets = [_first(row, "target", "category") or _stem(row) for row in rows(scenes)]
    # a row without an image has a name of its own
    named = names_of([(image or "none", target) for image, target in zip(images, targets, strict=True)])
    return [name or found for name, found in zip(own, named, strict=True)]


def _only(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The scene of each image that has one scene only."""
    scenes: dict[str, list[str]] = {}
    for image, scene in pairs:
        scenes.setdefault(image, []).append(scene)
    return {image: found[0] for image, found in scenes.items() if image and len(found) == 1}


def _grouped(
    folder: Path, kind: str, names: list[str], of_image: dict[str, str], left_out: LeftOut
) -> dict[str, pd.DataFrame]:
    """Rows of a table by scene, nothing where it is not there; rows that belong to none are told."""
    table = _table(folder / kind, kind, left_out)
    if table is None:
        return {}
    places = zip(texts(table, "scene"), texts(table, "image"), strict=True)
    own = [scene or of_image.get(image, "") for scene, image in places]
    known = set(names)
    for line, scene in enumerate(own, start=2):
        if scene not in known:
            left_out.add("row", "of no scene", f"{kind}: line {line}")
    return {str(scene): group for scene, group in table.groupby(np.array(own)) if scene in known}


# ---- rows


def _scene(
    name: str,
    row: Row,
    folder: Path,
    scale: float | None,
    fixations: pd.DataFrame | None,
    objects: pd.DataFrame | None,
) -> Scene:
    image = text(row, "image")
    picture = inside(folder, image) if image else None
    own_scale = number(row, "pixels_per_degree")
    start = number(row, "start_x"), number(row, "start_y")
    return Scene(
        name=name,
        picture=picture,
        size_px=_told_size(row) or (image_size(picture) if picture else None) or (0, 0),
        pixels_per_degree=scale if own_scale is None else own_scale,
        objects=()
        if objects is None
        else tuple(scene_object(one, name, box_px=box(one)) for one in rows(objects)),
        target=_target(row, folder, name),
        scanpaths=() if fixations is None else tuple(_scanpaths(fixations)),
        start_px=None if start[0] is None or start[1] is None else (start[0], start[1]),
        layout=text(row, "layout"),
    )


def _told_size(row: Row) -> tuple[int, int] | None:
    """(height, width) of a row that tells both."""
    width, height = number(row, "width"), number(row, "height")
    return None if width is None or height is None else (round(height), round(width))


def _target(row: Row, folder: Path, where: str) -> Target | None:
    picture, category = text(row, "target_picture"), text(row, "category")
    place = box(row)
    name = _first(row, "target", "category") or _stem(row)
    present = truth(text(row, "present"), TRUTH, where)
    if not (name or place or present is not None):
        return None
    return Target(
        name=name or "target",
        picture=inside(folder, picture) if picture else None,
        box_px=place,
        category=category,
        present=present is not False,
    )


def _scanpaths(table: pd.DataFrame) -> Iterable[Scanpath]:
    for person, fixations in table.groupby(table["person"].str.strip()):
        order = next((name for name in ("fixation", "onset_ms") if name in fixations), None)
        ordered = fixations.sort_values(order, kind="stable") if order else fixations
        limits = _known(ordered, "max_saccades")
        found = {truth(word, TRUTH, str(person)) for word in texts(ordered, "found")}
        yield Scanpath(
            person=str(person),
            fixations_px=ordered[["x", "y"]].to_numpy(float),
            durations_ms=_known(ordered, "duration_ms"),
            onsets_ms=_known(ordered, "onset_ms"),
            found=True if True in found else (False if False in found else None),
            max_saccades=None if limits is None or np.isnan(limits).all() else int(np.nanmax(limits)),
        )


def _known(table: pd.DataFrame, column: str) -> Array | None:
    """A column of numbers, None where it is not there or empty."""
    if column not in table or table[column].isna().all():
        return None
    return table[column].to_numpy(float)


def _first(row: Row, *names: str) -> str:
    return next((word for name in names if (word := text(row, name))), "")


def _stem(row: Row) -> str:
    return Path(text(row, "target_picture")).stem
