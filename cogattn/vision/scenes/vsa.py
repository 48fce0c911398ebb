"""VisualSearchAsymmetry: images, targets and the target's place as pictures, people as npy arrays.

A set is a folder with ``stimuli``, ``target`` and ``gt``, or with the files of all three; they are numbered:
``s_7.jpg`` or ``stimuli_7.jpg``, ``t_7.jpg`` or ``target_7.jpg``, and ``gt_7.jpg``, in which the target's place is
bright (the box about all that is brighter than half). People, where they are there, lie in ``out/SET``, beside
``dataset/SET`` or in it: ``fix/human_all.npy`` of shape (n_people * n_images, n_fixations, 2), person by person, filled
up with zeros; ``ifix/I_human_all.npy``, how many fixations there are up to the target; ``cp/CP_human_all.npy``, 1 at
the fixation that found it. Coordinates are pixels of a screen of 1,024 x 1,280 on which the image was shown whole.
Models' have the row first; whether people's have is told by where their searches end.

People who searched arrays of objects (``gt_mask.npy``) are left out: their arrays name one of seven places, in
coordinates that are not those of the images.

References
----------
Gupta, Zhang, Wu, Wolfe, Kreiman (2021), NeurIPS 34.
Zhang, Feng, Ma, Lim, Zhao, Kreiman (2018), Nature Comm. 9, 3730 (the people).
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cogattn.errors import DataError
from cogattn.vision.scenes.checking import image_size
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Box, Scanpath, Scene, Target, pixels

SCREEN_PX = (1024, 1280)
SCREEN_PIXELS_PER_DEGREE = 31.2
"""156 pixels of the screen are 5 degrees."""
NATURAL = ("NaturalDesign", "Waldo")
"""Sets of which the screen is known; others have the 30 pixels a degree of the six tasks."""
PIXELS_PER_DEGREE = 30.0
BRIGHT = 0.5
KINDS = {"stimuli": ("s", "stimuli"), "target": ("t", "target"), "gt": ("gt",)}

Array = NDArray[np.float64]


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    return bool(_sets(path))


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read one set, or all sets of a folder that has ``dataset``.

    Parameters
    ----------
    path : Path
        Folder.
    left_out : LeftOut
        Is told of people who cannot be used.
    pixels_per_degree : float, optional
        Scale of the images; by default what is published.

    Returns
    -------
    list of Scene
        One an image; where there are several sets their names begin with the set's.

    Raises
    ------
    DataError
        If a picture or array cannot be read.
    """
    sets = _sets(path)
    if not sets:
        raise DataError(
            f"the layout vsa must have folders stimuli, target and gt, or files of these; got {path}"
        )
    scenes = []
    for folder in sets:
        prefix = f"{folder.name}/" if len(sets) > 1 else ""
        scenes += _scenes(folder, prefix, pixels_per_degree, left_out)
    return scenes


def _sets(path: Path) -> list[Path]:
    if not path.is_dir():
        return []
    if _numbered(path, "stimuli") and _numbered(path, "target"):
        return [path]
    folders = sorted((path / "dataset").iterdir()) if (path / "dataset").is_dir() else []
    return [folder for folder in folders if folder.is_dir() and _numbered(folder, "stimuli")]


def _numbered(folder: Path, kind: str) -> dict[int, Path]:
    """Files of one kind by their numbers."""
    place = folder / kind if (folder / kind).is_dir() else folder
    form = re.compile(rf"(?:{'|'.join(KINDS[kind])})_(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE)
    found = ((form.fullmatch(file.name), file) for file in sorted(place.iterdir()))
    return {int(match[1]): file for match, file in found if match}


def _scenes(folder: Path, prefix: str, scale: float | None, left_out: LeftOut) -> list[Scene]:
    stimuli, targets, places = (_numbered(folder, kind) for kind in KINDS)
    scenes = []
    width = max(len(str(number)) for number in stimuli)
    for number, file in sorted(stimuli.items()):
        name = f"{prefix}{number:0{width}d}"
        size = image_size(file)
        box = _bright_box(places[number], size) if size and number in places else None
        if size is None or box is None or number not in targets:
            left_out.add("scene", "without an image, a target's picture or its place", name)
            continue
        own = PIXELS_PER_DEGREE
        if folder.name in NATURAL:
            own = SCREEN_PIXELS_PER_DEGREE * size[0] / SCREEN_PX[0]
        target = Target(targets[number].stem, targets[number], box)
        scenes.append(Scene(name, file, size, scale or own, target=target))
    return _with_people(scenes, sorted(stimuli), folder, left_out)


def _bright_box(file: Path, size_px: tuple[int, int]) -> Box | None:
    """Box about all that is brighter than half, in pixels of an image of that size; None where nothing is."""
    shown = pixels(file)
    bright = (shown.mean(axis=-1) if shown.ndim == 3 else shown) > BRIGHT
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    if not len(rows):
        return None
    (height, width), (n_rows, n_columns) = size_px, bright.shape
    left, right = (float(column * width / n_columns) for column in (columns[0], columns[-1] + 1))
    top, bottom = (float(row * height / n_rows) for row in (rows[0], rows[-1] + 1))
    return left, top, right, bottom


# ---- people


def _with_people(scenes: list[Scene], numbers: list[int], folder: Path, left_out: LeftOut) -> list[Scene]:
    out = next((place for place in _outs(folder) if (place / "fix" / "human_all.npy").is_file()), None)
    if out is None or not scenes:
        return scenes
    fixations = _array(out / "fix" / "human_all.npy", 3)
    if (folder / "gt_mask.npy").is_file():
        left_out.add("group", "of people who searched arrays of objects", folder.name)
        return scenes
    n_images = len(numbers)
    if fixations.shape[0] % n_images or fixations.shape[2] != 2:
        raise DataError(
            f"human_all.npy must have rows for each of {n_images} images and two columns; got {fixations.shape}"
        )
    counts = _array(out / "ifix" / "I_human_all.npy", 1, len(fixations)).astype(int)
    found = (_array(out / "cp" / "CP_human_all.npy", 2, len(fixations)) != 0).max(axis=1)
    by_person = np.arange(len(fixations)).reshape(-1, n_images)
    rows = {scene.name: by_person[:, _position(scene, numbers)] for scene in scenes}
    order = _order(scenes, rows, fixations, counts, found)
    return [
        replace(scene, scanpaths=_scanpaths(scene, rows[scene.name], fixations[..., order], counts, found))
        for scene in scenes
    ]


def _outs(folder: Path) -> list[Path]:
    return [folder.parent.parent / "out" / folder.name, folder / "out"]


def _position(scene: Scene, numbers: list[int]) -> int:
    """Which of the set's images, in the order of their numbers, a scene is."""
    (number,) = re.findall(r"(\d+)\.\w+$", str(scene.picture))
    return numbers.index(int(number))


def _array(file: Path, n_axes: int, n_rows: int | None = None) -> Array:
    try:
        array = np.asarray(np.load(file, allow_pickle=False), dtype=float)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} must be an array of numbers; got {error}") from error
    array = (
        array.reshape(len(array), -1).squeeze(axis=1) if n_axes == 1 and array.size == len(array) else array
    )
    if array.ndim != n_axes or (n_rows is not None and len(array) != n_rows):
        raise DataError(f"{file} must have {n_axes} axes and a row for each search; got {array.shape}")
    return array


def _scanpaths(
    scene: Scene,
    rows: NDArray[np.int64],
    fixations: Array,
    counts: NDArray[np.int64],
    found: NDArray[np.bool_],
) -> tuple[Scanpath, ...]:
    paths = []
    width = len(str(len(rows)))
    for person, row in enumerate(rows, start=1):
        n = min(max(int(counts[row]), 0), len(fixations[row]))
        path = _without_filling(fixations[row, :n])
        paths.append(
            Scanpath(
                person=f"{person:0{width}d}",
                fixations_px=path * (np.array(scene.size_px[::-1]) / SCREEN_PX[::-1]),
                found=bool(found[row]),
                max_saccades=fixations.shape[1] - 1,
            )
        )
    return tuple(paths)


def _without_filling(path: Array) -> Array:
    """Rows up to the last that is not zeros."""
    seen = np.flatnonzero(path.any(axis=1))
    return path[: seen[-1] + 1] if len(seen) else path[:0]


def _order(
    scenes: list[Scene],
    rows: dict[str, NDArray[np.int64]],
    fixations: Array,
    counts: NDArray[np.int64],
    found: NDArray[np.bool_],
) -> list[int]:
    """Which columns are x and y: those with which searches that found the target end nearer to it."""
    distances = {}
    for order in ([1, 0], [0, 1]):
        ends = [
            np.linalg.norm(path.fixations_px[-1] - np.array(scene.target.box_px).reshape(2, 2).mean(axis=0))
            for scene in scenes
            if scene.target is not None
            for path in _scanpaths(scene, rows[scene.name], fixations[..., order], counts, found)
            if path.found and len(path.fixations_px)
        ]
        distances[order[0]] = float(np.median(ends)) if ends else 0.0
    return [1, 0] if distances[1] <= distances[0] else [0, 1]
