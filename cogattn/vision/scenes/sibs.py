"""Sclar, Bujia and others: 57 people who looked for a piece of the picture in 134 grey photographs of rooms.

What the files hold, and what is made of it (`info_all_subj.mat`, one record a search; counts are of the published
file, 7,455 records):

- ``target_rect`` counts pixels from 1; one is taken off, and the template is then found there.
- ``x`` and ``y`` of the 3,396 searches that failed are *not* in pixels of the image: the distance from the screen's
  corner to the image's has been added to them (its sides swapped for 35 of the people), and what then lay beyond the
  image was set to its border or dropped. ``old`` holds all fixations as they were measured, in pixels of the image;
  these are read.
- ``x`` and ``y`` of searches that succeeded end where the target was reached, ``old`` goes on. It is read up to the
  time of their last fixation, with nothing set to the border.
- ``t`` is the eye tracker's clock; onsets are told from the first fixation's.
- ``initial_position`` differs by 32 pixels between two groups of people; the one that most had is taken. 17 people's
  first recorded fixation is near the image's middle all the same, not where they were to begin.

The scale is in no file: `initial_distance` and `final_target_distance` are distances in pixels. `PIXELS_PER_DEGREE` is
39.7, that of 1,280 pixels on a screen of 19 inches (36.6 cm wide, a cathode-ray tube's) seen from 65 cm; it is nominal.

References
----------
Sclar, Bujia, Vita, Solovey, Kamienkowski (2020), arXiv:2009.08373.
Bujia, Sclar, Vita, Solovey, Kamienkowski (2022), Front. Syst. Neurosci. 16, 882315.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.vision.retina import pixels_per_degree as scale_of
from cogattn.vision.scenes.files import inside
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Box, Scanpath, Scene, Target

RECORDS = "info_all_subj.mat"
PIXELS_PER_DEGREE = scale_of(distance_cm=65.0, width_cm=36.6, width_px=1280)
"""Nominal."""
FIELDS = (
    "subj", "image_name", "target_name", "image_size", "target_rect", "nsaccades_allowed", "initial_position",
    "target_found", "x", "y", "t", "dur", "old",
)  # fmt: skip

Record = Mapping[str, object]


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    return path.name == RECORDS or (path / RECORDS).is_file()


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read the folder with ``info_all_subj.mat``, ``images`` and ``templates``.

    Parameters
    ----------
    path : Path
        The folder, or the file in it.
    left_out : LeftOut
        Is told of searches that cannot be used.
    pixels_per_degree : float, optional
        Scale; by default the nominal one.

    Returns
    -------
    list of Scene
        One an image; the size is what the records say.

    Raises
    ------
    DataError
        If the records cannot be read or lack a field.
    """
    folder = path if path.is_dir() else path.parent
    by_image: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in _records(folder / RECORDS):
        by_image[str(record["image_name"]), str(record["target_name"])].append(record)
    scale = pixels_per_degree or PIXELS_PER_DEGREE
    return [
        _scene(folder, image, target, records, scale, left_out)
        for (image, target), records in sorted(by_image.items())
    ]


def _records(file: Path) -> list[Record]:
    from scipy.io import loadmat

    try:
        (records,) = (
            value for name, value in loadmat(file, simplify_cells=True).items() if not name.startswith("__")
        )
    except (OSError, ValueError, TypeError, NotImplementedError) as error:
        raise DataError(f"{file} must hold one struct array of searches; got {error}") from error
    records = [records] if isinstance(records, Mapping) else list(records)
    if not all(isinstance(record, Mapping) for record in records):
        raise DataError(f"{file} must hold one struct array of searches; got an array of numbers")
    if lacking := [name for name in FIELDS if records and name not in records[0]]:
        raise DataError(f"{file} must hold the fields of sibs; got none named {', '.join(lacking)}")
    return records


def _scene(
    folder: Path, image: str, target: str, records: list[Record], scale: float, left_out: LeftOut
) -> Scene:
    name = Path(image).stem
    height, width = (int(side) for side in _numbers(records[0]["image_size"]))
    scanpaths = (_scanpath(record, name, left_out) for record in records)
    return Scene(
        name=name,
        picture=inside(folder, Path("images") / image),
        size_px=(height, width),
        pixels_per_degree=scale,
        target=Target(
            Path(target).stem, inside(folder, Path("templates") / target), _box(records[0]["target_rect"])
        ),
        scanpaths=tuple(path for path in scanpaths if path is not None),
        start_px=_most_frequent(record["initial_position"] for record in records),
    )


def _scanpath(record: Record, scene: str, left_out: LeftOut) -> Scanpath | None:
    person, found, measured = str(record["subj"]), bool(record["target_found"]), record["old"]
    times = _numbers(measured["t"]) if isinstance(measured, Mapping) else np.zeros(0)
    if found and len(told := _numbers(record["t"])):
        times = times[times <= told[-1]]
    if not isinstance(measured, Mapping) or not len(times):
        left_out.add("scanpath", "without a fixation", f"{person}, {scene}")
        return None
    n = len(times)
    return Scanpath(
        person=person,
        fixations_px=np.column_stack([_numbers(measured["x"])[:n], _numbers(measured["y"])[:n]]),
        durations_ms=_numbers(measured["dur"])[:n],
        onsets_ms=times - times[0],
        found=found,
        max_saccades=int(_numbers(record["nsaccades_allowed"])[0]),
    )


def _box(rect: object) -> Box:
    left, top, right, bottom = _numbers(rect) - 1
    return float(left), float(top), float(right), float(bottom)


def _most_frequent(positions: Iterable[object]) -> tuple[float, float]:
    """The middle of the pixel that is named most often; of equals the smallest."""
    counts = Counter(tuple(_numbers(position)) for position in positions)
    x, y = min(counts, key=lambda position: (-counts[position], position))
    return float(x) - 0.5, float(y) - 0.5


def _numbers(value: object) -> NDArray[np.float64]:
    return np.atleast_1d(np.asarray(value, dtype=float)).ravel()
