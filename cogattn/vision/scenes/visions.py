"""ViSioNS: several sets of natural search in one JSON form.

``dataset_info.json`` names the folders; ``trials_properties.json`` holds a list of searches with the target's picture
and place; each file of ``human_scanpaths`` holds one person's scanpaths by image. What is done about three faults that
the published files have:

- scanpaths are cut where the target is reached, and near fixations are lumped together, but ``T`` keeps the length that
  it had: where it is not one number a fixation the durations are left out (and counted);
- ``screen_height`` and ``screen_width`` are of another screen than the image's in some sets: they are not read.
  Coordinates are pixels of an image of ``image_height`` x ``image_width`` as the scanpath says, and are scaled to the
  size that ``trials_properties.json`` says where the two differ;
- ``target_object`` is "TBD" where nobody named it: that is no category.

``max_fixations`` counts the first fixation.

References
----------
Travi, Ruarte, Bujia, Kamienkowski (2022), NeurIPS 35, Datasets and Benchmarks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cogattn.errors import DataError
from cogattn.vision.scenes.files import inside, names_of, numbers, read_json, rows_of
from cogattn.vision.scenes.leaving import LeftOut
from cogattn.vision.scenes.scene import Scanpath, Scene, Target

INFO = "dataset_info.json"
TRIALS = "trials_properties.json"
FIELDS = (
    "image", "target_matched_row", "target_matched_column", "target_height", "target_width", "image_height",
    "image_width",
)  # fmt: skip
UNNAMED = ("", "TBD")
FOLDERS = {"images_dir": "images", "targets_dir": "templates", "scanpaths_dir": "human_scanpaths"}

Trial = Mapping[str, object]
Search = tuple[str, Mapping[str, object]]


def is_there(path: Path) -> bool:
    """Whether a path looks like this layout."""
    return (path / TRIALS).is_file() or path.name == TRIALS


def read(path: Path, left_out: LeftOut, *, pixels_per_degree: float | None = None) -> list[Scene]:
    """Read the folder of one set.

    Parameters
    ----------
    path : Path
        The folder, or ``trials_properties.json`` in it.
    left_out : LeftOut
        Is told of scanpaths and durations that cannot be used.
    pixels_per_degree : float, optional
        Scale; the files do not tell it.

    Returns
    -------
    list of Scene
        One a row of ``trials_properties.json``.

    Raises
    ------
    DataError
        If a file is not of the form.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / TRIALS
    trials = rows_of(read_json(file), file, FIELDS)
    info = read_json(folder / INFO) if (folder / INFO).is_file() else {}
    if not isinstance(info, Mapping):
        raise DataError(f"{folder / INFO} must hold an object; got {type(info).__name__}")
    places = {key: inside(folder, info.get(key, default)) for key, default in FOLDERS.items()}
    searches = _searches(places["scanpaths_dir"])
    names = names_of([(str(trial["image"]), str(trial.get("target", ""))) for trial in trials])
    for image in sorted(searches.keys() - {str(trial["image"]) for trial in trials}):
        for person, _ in searches[image]:
            left_out.add("scanpath", "whose image is in no trial", f"{person}, {image}")
    return [
        _scene(name, trial, places, _own(trial, searches[str(trial["image"])]), pixels_per_degree, left_out)
        for name, trial in zip(names, trials, strict=True)
    ]


def _searches(folder: Path) -> defaultdict[str, list[Search]]:
    """All scanpaths by image, with the person's name: that in the entry, else the file's."""
    found: defaultdict[str, list[Search]] = defaultdict(list)
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        content = read_json(file)
        if not isinstance(content, Mapping):
            raise DataError(f"{file} must hold scanpaths by image; got {type(content).__name__}")
        for image, search in content.items():
            if not isinstance(search, Mapping) or "X" not in search or "Y" not in search:
                raise DataError(f"{file} must hold X and Y of each scanpath; got none ({image})")
            found[str(image)].append((str(search.get("subject", file.stem)), search))
    return found


def _own(trial: Trial, searches: list[Search]) -> list[Search]:
    """Searches for this trial's target: those whose box begins where it does, and those without a box."""
    corner = [trial["target_matched_row"], trial["target_matched_column"]]
    return [(person, search) for person, search in searches if _corner(search, corner) == corner]


def _corner(search: Mapping[str, object], otherwise: list[object]) -> object:
    box = search.get("target_bbox")
    return list(box[:2]) if isinstance(box, list) else otherwise


def _scene(
    name: str,
    trial: Trial,
    places: Mapping[str, Path],
    searches: list[Search],
    scale: float | None,
    left_out: LeftOut,
) -> Scene:
    def number(field: str) -> float:
        return float(numbers(trial[field], f"{field} of {name}")[0])

    top, left = number("target_matched_row"), number("target_matched_column")
    size_px = int(number("image_height")), int(number("image_width"))
    category = str(trial.get("target_object", ""))
    picture = trial.get("target")
    target = Target(
        name=Path(str(picture)).stem if picture else category,
        picture=inside(places["targets_dir"], picture) if picture else None,
        box_px=(left, top, left + number("target_width"), top + number("target_height")),
        category="" if category in UNNAMED else category,
    )
    started = "initial_fixation_row" in trial and "initial_fixation_column" in trial
    paths = (_scanpath(person, search, name, size_px, left_out) for person, search in searches)
    return Scene(
        name=name,
        picture=inside(places["images_dir"], trial["image"]),
        size_px=size_px,
        pixels_per_degree=scale,
        target=target,
        scanpaths=tuple(path for path in paths if path is not None),
        start_px=(number("initial_fixation_column"), number("initial_fixation_row")) if started else None,
    )


def _scanpath(
    person: str, search: Mapping[str, object], scene: str, size_px: tuple[int, int], left_out: LeftOut
) -> Scanpath | None:
    where = f"{person}, {scene}"
    x, y = numbers(search["X"], f"X of {where}"), numbers(search["Y"], f"Y of {where}")
    if len(x) != len(y):
        left_out.add("scanpath", "whose X and Y disagree", where)
        return None
    height, width = size_px
    x = x * width / float(numbers(search.get("image_width", width), f"image_width of {where}")[0])
    y = y * height / float(numbers(search.get("image_height", height), f"image_height of {where}")[0])
    durations = numbers(search.get("T", []), f"T of {where}")
    whole = len(durations) == len(x)
    if len(durations) and not whole:
        left_out.add("duration list", "of another length than the fixations", where)
    limit = search.get("max_fixations")
    found = search.get("target_found")
    return Scanpath(
        person=person,
        fixations_px=np.column_stack([x, y]),
        durations_ms=durations if whole else None,
        found=None if found is None else bool(found),
        max_saccades=None if limit is None else int(str(limit)) - 1,
    )
