"""Scenes in tables: ``scenes.csv``, and beside it ``fixations.csv`` and ``objects.csv`` where there are such.

``scenes.csv`` has a row for each scene: ``image`` (a file, relative to the table), and what is known of

- ``scene``: its name; else that of the image, with the target's where an image has several;
- the target: ``target`` (a name), ``target_picture`` (a file), ``left``, ``top``, ``right``, ``bottom`` (its box),
  ``category``, ``present`` (1, 0, true, false, yes, no; there by default). A row with none of them is free viewing;
- ``pixels_per_degree``; ``start_x``, ``start_y``, where a search starts.

``fixations.csv`` has a row for each fixation: ``scene`` (or ``image``, where images have one scene each), ``person``,
``x``, ``y``, and what is known of ``fixation`` (its number), ``onset_ms``, ``duration_ms``, and of the scanpath
``found`` and ``max_saccades``. The order is that of ``fixation``, else of ``onset_ms``, else of the rows.

``objects.csv`` has a row for each object: ``scene`` (or ``image``), ``object`` (its name), ``category``, its box, or
``polygon`` ("x y; x y; x y"), and any columns ``feature_*``.

Positions are pixels of the image, x to the right and y downwards from the top left corner: pixel i covers [i, i + 1).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.checking import image_size
from cogattn.vision.scenes.files import inside, names_of
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Array, Box, Scanpath, Scene, SceneObject, Target

if TYPE_CHECKING:
    import pandas as pd

SCENES, FIXATIONS, OBJECTS = "scenes.csv", "fixations.csv", "objects.csv"
BOX = ("left", "top", "right", "bottom")
COLUMNS = {
    SCENES: (
        "scene", "image", "target", "target_picture", *BOX, "category", "present", "pixels_per_degree", "start_x",
        "start_y",
    ),
    FIXATIONS: (
        "scene", "image", "person", "x", "y", "fixation", "onset_ms", "duration_ms", "found", "max_saccades",
    ),
    OBJECTS: ("scene", "image", "object", "category", *BOX, "polygon"),
}  # fmt: skip
NEEDED = {SCENES: ("image",), FIXATIONS: ("person", "x", "y"), OBJECTS: ("object",)}
TEXT = (
    "scene",
    "image",
    "target",
    "target_picture",
    "category",
    "present",
    "person",
    "found",
    "object",
    "polygon",
)
FEATURE = "feature_"
TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


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
    targets = [_first(row, "target", "category") or _stem(row) for row in _rows(scenes)]
    named = names_of(list(zip(_texts(scenes, "image"), targets, strict=True)))
    names = [own or name for own, name in zip(_texts(scenes, "scene"), named, strict=True)]
    of_image = _only(zip(_texts(scenes, "image"), names, strict=True))
    fixations = _grouped(file.parent, FIXATIONS, names, of_image, left_out)
    objects = _grouped(file.parent, OBJECTS, names, of_image, left_out)
    return [
        _scene(name, row, file.parent, pixels_per_degree, fixations.get(name), objects.get(name), left_out)
        for name, row in zip(names, _rows(scenes), strict=True)
    ]


# ---- tables


def _table(file: Path, kind: str, left_out: LeftOut) -> pd.DataFrame | None:
    """A table with text where text belongs and numbers elsewhere, None where it is not there."""
    import pandas as pd

    if not file.is_file():
        return None
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} must be a CSV table; got {error}") from error
    if lacking := [name for name in NEEDED[kind] if name not in table]:
        raise DataError(
            f"{file.name} must have the columns {', '.join(NEEDED[kind])}; got none named {lacking[0]}"
        )
    for name in table.columns:
        known = name in COLUMNS[kind] or (kind == OBJECTS and name.startswith(FEATURE))
        if not known:
            left_out.add("column", "of an unknown name", f"{file.name}: {name}")
        elif name not in TEXT:
            table[name] = _as_numbers(table[name], f"{file.name}, {name}")
    return table


def _as_numbers(texts: pd.Series, where: str) -> list[float]:
    """Numbers; nothing is NaN."""
    try:
        return [float(text.strip() or "nan") for text in texts]
    except ValueError as error:
        raise DataError(f"columns of numbers must hold numbers; got {error} ({where})") from error


def _rows(table: pd.DataFrame) -> list[dict[Hashable, object]]:
    return table.to_dict("records")


def _texts(table: pd.DataFrame, column: str) -> list[str]:
    return [text.strip() for text in table[column]] if column in table else [""] * len(table)


def _only(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The scene of each image that has one scene only."""
    scenes: dict[str, list[str]] = {}
    for image, scene in pairs:
        scenes.setdefault(image, []).append(scene)
    return {image: found[0] for image, found in scenes.items() if len(found) == 1}


def _grouped(
    folder: Path, kind: str, names: list[str], of_image: dict[str, str], left_out: LeftOut
) -> dict[str, pd.DataFrame]:
    """Rows of a table by scene, nothing where it is not there; rows that belong to none are told."""
    table = _table(folder / kind, kind, left_out)
    if table is None:
        return {}
    places = zip(_texts(table, "scene"), _texts(table, "image"), strict=True)
    own = [scene or of_image.get(image, "") for scene, image in places]
    known = set(names)
    for line, scene in enumerate(own, start=2):
        if scene not in known:
            left_out.add("row", "of no scene", f"{kind}: line {line}")
    return {str(scene): rows for scene, rows in table.groupby(np.array(own)) if scene in known}


# ---- rows


def _scene(
    name: str,
    row: dict[Hashable, object],
    folder: Path,
    scale: float | None,
    fixations: pd.DataFrame | None,
    objects: pd.DataFrame | None,
    left_out: LeftOut,
) -> Scene:
    picture = inside(folder, str(row["image"]).strip())
    own_scale = _number(row, "pixels_per_degree")
    start = _number(row, "start_x"), _number(row, "start_y")
    return Scene(
        name=name,
        picture=picture,
        size_px=image_size(picture) or (0, 0),
        pixels_per_degree=scale if own_scale is None else own_scale,
        objects=() if objects is None else tuple(_object(row, name) for row in _rows(objects)),
        target=_target(row, folder, name),
        scanpaths=() if fixations is None else tuple(_scanpaths(fixations)),
        start_px=None if start[0] is None or start[1] is None else (start[0], start[1]),
    )


def _target(row: dict[Hashable, object], folder: Path, where: str) -> Target | None:
    picture, category = _text(row, "target_picture"), _text(row, "category")
    box = _box(row)
    name = _first(row, "target", "category") or _stem(row)
    present = _truth(_text(row, "present"), where)
    if not (name or box or present is not None):
        return None
    return Target(
        name=name or "target",
        picture=inside(folder, picture) if picture else None,
        box_px=box,
        category=category,
        present=present is not False,
    )


def _scanpaths(rows: pd.DataFrame) -> Iterable[Scanpath]:
    for person, fixations in rows.groupby(rows["person"].str.strip()):
        order = next((name for name in ("fixation", "onset_ms") if name in fixations), None)
        ordered = fixations.sort_values(order, kind="stable") if order else fixations
        limits = _known(ordered, "max_saccades")
        found = (
            {_truth(text.strip(), str(person)) for text in ordered["found"]} if "found" in ordered else set()
        )
        yield Scanpath(
            person=str(person),
            fixations_px=ordered[["x", "y"]].to_numpy(float),
            durations_ms=_known(ordered, "duration_ms"),
            onsets_ms=_known(ordered, "onset_ms"),
            found=True if True in found else (False if False in found else None),
            max_saccades=None if limits is None or np.isnan(limits).all() else int(np.nanmax(limits)),
        )


def _known(rows: pd.DataFrame, column: str) -> Array | None:
    """A column of numbers, None where it is not there or empty."""
    if column not in rows or rows[column].isna().all():
        return None
    return rows[column].to_numpy(float)


def _object(row: dict[Hashable, object], scene: str) -> SceneObject:
    polygon = _polygon(_text(row, "polygon"), f"{row['object']}, {scene}")
    box = _box(row)
    if box is None and polygon is not None:
        box = (*polygon.min(axis=0), *polygon.max(axis=0))
    features = [value for name, value in row.items() if str(name).startswith(FEATURE)]
    return SceneObject(
        name=_text(row, "object"),
        box_px=tuple(float(side) for side in box) if box else (np.nan,) * 4,  # ty: ignore[invalid-argument-type]
        category=_text(row, "category"),
        polygon_px=polygon,
        features=np.array(features, dtype=float) if features else None,
    )


def _polygon(text: str, where: str) -> Array | None:
    if not text:
        return None
    try:
        return np.array([[float(number) for number in corner.split()] for corner in text.split(";")]).reshape(
            -1, 2
        )
    except ValueError as error:
        raise DataError(f'polygon must be "x y; x y; x y"; got {text!r} ({where})') from error


def _box(row: dict[Hashable, object]) -> Box | None:
    sides = [_number(row, name) for name in BOX]
    if all(side is None for side in sides):
        return None
    left, top, right, bottom = (np.nan if side is None else side for side in sides)
    return left, top, right, bottom


def _number(row: dict[Hashable, object], name: str) -> float | None:
    value = row.get(name)
    return None if value is None or np.isnan(float(str(value))) else float(str(value))


def _text(row: dict[Hashable, object], name: str) -> str:
    return str(row.get(name, "")).strip()


def _first(row: dict[Hashable, object], *names: str) -> str:
    return next((text for name in names if (text := _text(row, name))), "")


def _stem(row: dict[Hashable, object]) -> str:
    return Path(_text(row, "target_picture")).stem


def _truth(text: str, where: str) -> bool | None:
    if not text:
        return None
    if text.lower() not in TRUTHS:
        raise DataError(f"present and found must be one of {', '.join(TRUTHS)}; got {text!r} ({where})")
    return TRUTHS[text.lower()]
