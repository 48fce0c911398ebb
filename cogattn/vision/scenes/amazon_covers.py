"""AmazonCovers of the STI data set: collages of 84 covers of books, in each of which six people looked for one of five.

``Amazon.json`` holds by image (``7.jpg``) the ``fixations`` of people "1" to "6" (lists of x, y; no durations), its
``size``, its ``target`` (``target_0.jpg``) and, as ``ground_truth``, the target's box. The images come elsewhere; they
are read where they lie in ``images`` beside the file, and a collage without one is a layout without an image.

The file tells one box a collage, the target's. Of all collages together these show how covers are laid: in 6 rows and
14 columns at equal distances, which are recovered by a straight line through the boxes' middles. In the published file
all of these lie within 5 pixels of their row, and within 20, .11 of a column, of their column. Every cover has the
median size, the target's like all others: with a box of its own it would stand out, and models that must not know where
the target is could tell. Objects are named "r0c0" to "r5c13", row and column from the top left corner. No scale is
told.

References
----------
Stauden, Barz, Sonntag (2018), KI 2018, LNCS 11117, 297-304 (boxes).
Sattar, Müller, Fritz, Bulling (2015), CVPR, 981-990 (gaze).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.files import inside, numbers, read_json
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Array, Box, Scanpath, Scene, SceneObject, Target

RECORDS = "Amazon.json"
N_ROWS, N_COLUMNS = 6, 14
FIELDS = ("fixations", "ground_truth", "size", "target")
SIDES = ("xmin", "ymin", "xmax", "ymax")

Record = Mapping[str, object]


@dataclass(frozen=True)
class Lines:
    """Middles of equally distant rows or columns, as shares of the image's side.

    Parameters
    ----------
    first, step : float
        The first one and the distance of the next.
    """

    first: float
    step: float

    def middle(self, number: int) -> float:
        """Return where a row or column is."""
        return self.first + number * self.step


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    return path.name == RECORDS or (path / RECORDS).is_file()


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read the folder with ``Amazon.json``.

    Parameters
    ----------
    path : Path
        The folder, or the file in it.
    left_out : LeftOut
        Is told of collages without a usable target box.
    pixels_per_degree : float, optional
        Scale; the file does not tell it.

    Returns
    -------
    list of Scene
        One a collage, with 84 objects.

    Raises
    ------
    DataError
        If the file is not of the form, or its boxes show no grid.
    """
    file = path / RECORDS if path.is_dir() else path
    records = _records(file)
    boxes, sizes = {}, {}
    for image, record in records.items():
        sizes[image] = _size(record, image)
        box = _box(record, image)
        if box is None:
            left_out.add("scene", "without one target's box", Path(image).stem)
        else:
            boxes[image] = box
    if not boxes:
        return []
    grid = _grid(np.array([boxes[image] for image in boxes]), np.array([sizes[image] for image in boxes]))
    return [
        _scene(file.parent, image, records[image], box, sizes[image], grid, pixels_per_degree)
        for image, box in boxes.items()
    ]


def _records(file: Path) -> Mapping[str, Record]:
    content = read_json(file)
    whole = isinstance(content, Mapping) and all(
        isinstance(record, Mapping)
        and not set(FIELDS) - record.keys()
        and isinstance(record["fixations"], Mapping)
        for record in content.values()
    )
    if not whole or not isinstance(content, Mapping):
        raise DataError(f"{file} must hold {', '.join(FIELDS)} of each image; got another form")
    return {str(image): record for image, record in content.items()}


def _size(record: Record, image: str) -> tuple[int, int]:
    size = record["size"]
    if not isinstance(size, Mapping) or not {"height", "width"} <= size.keys():
        raise DataError(f"size must hold height and width; got {size!r} ({image})")
    height, width = numbers([size["height"], size["width"]], f"size of {image}")
    return int(height), int(width)


def _box(record: Record, image: str) -> Box | None:
    """The target's box; None where there is none or several."""
    boxes = record["ground_truth"]
    if not isinstance(boxes, list) or len(boxes) != 1 or not set(SIDES) <= set(boxes[0]):
        return None
    left, top, right, bottom = numbers([boxes[0][side] for side in SIDES], f"ground_truth of {image}")
    return float(left), float(top), float(right), float(bottom)


# ---- the grid


@dataclass(frozen=True)
class Grid:
    """Where covers lie: rows, columns, and the size of one as shares of the image's height and width."""

    rows: Lines
    columns: Lines
    height: float
    width: float


def _grid(boxes: Array, sizes_px: Array) -> Grid:
    """The grid that boxes (n, 4) in images of (height, width) speak for."""
    heights, widths = sizes_px.T.astype(float)
    left, top, right, bottom = boxes.T
    return Grid(
        _lines((top + bottom) / 2 / heights, N_ROWS, "rows"),
        _lines((left + right) / 2 / widths, N_COLUMNS, "columns"),
        float(np.median((bottom - top) / heights)),
        float(np.median((right - left) / widths)),
    )


def _lines(middles: Array, n: int, what: str) -> Lines:
    numbers_of = np.floor(middles * n)
    if len(set(numbers_of)) < 2:
        raise DataError(f"{RECORDS} must have targets in two {what} or more to show the grid; got one")
    step, first = np.polyfit(numbers_of, middles, 1)
    return Lines(float(first), float(step))


def _scene(
    folder: Path,
    image: str,
    record: Record,
    box: Box,
    size_px: tuple[int, int],
    grid: Grid,
    scale: float | None,
) -> Scene:
    picture = inside(folder, Path("images") / image)
    return Scene(
        name=Path(image).stem,
        picture=picture if picture.is_file() else None,
        size_px=size_px,
        pixels_per_degree=scale,
        objects=_objects(size_px, grid),
        target=Target(Path(str(record["target"])).stem, box_px=box),
        scanpaths=_scanpaths(record, image),
    )


def _objects(size_px: tuple[int, int], grid: Grid) -> tuple[SceneObject, ...]:
    return tuple(
        SceneObject(f"r{row}c{column}", _cell(row, column, size_px, grid))
        for row in range(N_ROWS)
        for column in range(N_COLUMNS)
    )


def _cell(row: int, column: int, size_px: tuple[int, int], grid: Grid) -> Box:
    height, width = size_px
    x, y = grid.columns.middle(column), grid.rows.middle(row)
    left, right = ((x + side * grid.width / 2) * width for side in (-1, 1))
    top, bottom = ((y + side * grid.height / 2) * height for side in (-1, 1))
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def _scanpaths(record: Record, image: str) -> tuple[Scanpath, ...]:
    fixations = record["fixations"]
    if not isinstance(fixations, Mapping):
        raise DataError(f"fixations must be lists by person; got {type(fixations).__name__} ({image})")
    paths = []
    for person, points in fixations.items():
        values = numbers(points, f"fixations of {person}, {image}")
        if len(values) % 2:
            raise DataError(f"fixations must be pairs of x and y; got {len(values)} numbers ({image})")
        paths.append(Scanpath(str(person), values.reshape(-1, 2)))
    return tuple(paths)
