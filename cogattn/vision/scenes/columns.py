"""Tables of scenes and objects: columns of text and of numbers, and what a row says.

An empty cell is nothing; columns of names that nobody knows are told and not read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Array, Box, SceneObject

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[Hashable, object]
BOX = ("left", "top", "right", "bottom")
FEATURE = "feature_"
TRUTHS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
TEXT = frozenset(
    {
        "scene", "image", "layout", "target", "target_picture", "category", "present", "person", "found", "object",
        "polygon",
    }
)  # fmt: skip


def read_table(
    file: Path, known: Callable[[str], bool], needed: Sequence[str], left_out: LeftOut
) -> pd.DataFrame | None:
    """Return a CSV table with text in the columns of `TEXT` and numbers elsewhere; None where there is no file.

    Raises
    ------
    DataError
        If it cannot be read, lacks a column of `needed`, or holds words where numbers belong.
    """
    import pandas as pd

    if not file.is_file():
        return None
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} must be a CSV table; got {error}") from error
    if lacking := [name for name in needed if name not in table]:
        raise DataError(f"{file.name} must have the columns {', '.join(needed)}; got none named {lacking[0]}")
    for name in table.columns:
        if not known(name):
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


def rows(table: pd.DataFrame) -> list[Row]:
    """Return the rows of a table."""
    return list(table.to_dict("records"))


def texts(table: pd.DataFrame, column: str) -> list[str]:
    """Return a column of text, empty where it is not there."""
    return [cell.strip() for cell in table[column]] if column in table else [""] * len(table)


def number(row: Row, name: str) -> float | None:
    """Return a number of a row; None where there is none."""
    value = row.get(name)
    return None if value is None or np.isnan(float(str(value))) else float(str(value))


def text(row: Row, name: str) -> str:
    """Return a text of a row, empty where there is none."""
    return str(row.get(name, "")).strip()


def truth(word: str, what: str, where: str) -> bool | None:
    """Return what yes or no means, None for nothing; raise DataError for any other word."""
    if not word:
        return None
    if word.lower() not in TRUTHS:
        raise DataError(f"{what} must be one of {', '.join(TRUTHS)}; got {word!r} ({where})")
    return TRUTHS[word.lower()]


def box(row: Row) -> Box | None:
    """Return the box of a row; a side that is not there is NaN, and None where none is."""
    sides = [number(row, name) for name in BOX]
    if all(side is None for side in sides):
        return None
    left, top, right, bottom = (np.nan if side is None else side for side in sides)
    return left, top, right, bottom


def polygon(word: str, where: str) -> Array | None:
    """Return the corners (n, 2) of "x y; x y; x y", None for nothing; raise DataError for anything else."""
    if not word:
        return None
    try:
        corners = [[float(side) for side in corner.split()] for corner in word.split(";") if corner.strip()]
        return np.array(corners).reshape(-1, 2)
    except ValueError as error:
        raise DataError(f'polygon must be "x y; x y; x y"; got {word!r} ({where})') from error


def scene_object(row: Row, where: str, *, box_px: Box | None) -> SceneObject:
    """Return the object of a row: its name, category, polygon, features, and the box that was found for it.

    An object with a polygon alone has the box about it; one with neither has a box of NaN, which is left out later.
    """
    outline = polygon(text(row, "polygon"), f"{text(row, 'object')}, {where}")
    if box_px is None and outline is not None and len(outline):
        (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
        box_px = float(left), float(top), float(right), float(bottom)
    features = [value for name, value in row.items() if str(name).startswith(FEATURE)]
    return SceneObject(
        name=text(row, "object"),
        box_px=(np.nan, np.nan, np.nan, np.nan) if box_px is None else box_px,
        category=text(row, "category"),
        polygon_px=outline,
        features=np.array(features, dtype=float) if features else None,
    )
