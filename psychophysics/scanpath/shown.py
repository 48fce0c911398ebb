"""What was shown in a trial: a layout, its objects boxed, and the fixations that the trial is about.

Layouts and people's scanpaths are read, or simulated, as they were for the run. Where the observer is a rule that is
fitted in a moment the chances that it gave lie over the layout; networks, the choice model and other viewers are not
fitted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from cogattn.exhibits import Picture, Shown, Value
from cogattn.psychophysics.scanpath import plan
from cogattn.psychophysics.scanpath.columns import FIXATIONS, PATHS, PREDICTED
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.items import Array, Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.layouts.reading import target_in
from cogattn.psychophysics.scanpath.plan import ScanpathCell

QUICK = ("uniform", "centre", "density", "nearest", "histogram", "saliency")
"""Variants of observers that are fitted again."""
NO_IMAGE = 0.5
"""Grey of a layout without an image."""
SAME_BITS = 1e-6
"""Bits by which the run's number and one that is found again may differ."""
Facts = dict[str, Value]
Row = Mapping[str, object]


def stimulus(config: ScanpathConfig, task: str, trial: Row) -> Shown | None:
    """Return the layout of a trial, with fixations on it.

    Parameters
    ----------
    config : ScanpathConfig
        The run's.
    task : str
        ``scanpath_fixations`` (the person's fixations up to the one that was predicted), ``scanpath_paths`` (the
        person's whole path) or ``scanpath_predicted`` (the one fixation, of a path that the observer drew). Rows of
        other tables are of many trials.
    trial : mapping
        A row of that table.

    Returns
    -------
    Shown or None
        None where the run has no such observer, scene, person or fixation, or the row is of many trials.
    """
    cell = _cell(config, trial) if task in (FIXATIONS, PATHS, PREDICTED) else None
    if cell is None:
        return None
    data = plan.data_of(config)
    path = next(_paths(config, cell, data, task, trial), None)
    if path is None:
        return None
    layout = data.layout_of(path)
    if task == PREDICTED:
        return _predicted(layout, path, trial)
    return _whole(layout, path) if task == PATHS else _next(config, cell, data, path, trial)


def spread(layout: Layout, chances: Array) -> Array:
    """Return each object's chance evenly over its box, an array as large as the image with sum 1.

    Parameters
    ----------
    layout : Layout
        Whose objects.
    chances : array, shape (n_objects,)
        Not negative.
    """
    weights = np.zeros(layout.scene.size_px)
    for (left, top, right, bottom), chance in zip(_boxes(layout).round().astype(int), chances, strict=True):
        weights[top:bottom, left:right] += chance / max((bottom - top) * (right - left), 1)
    return weights / weights.sum()


def picture_of(layout: Layout, path: ObjectPath, about: str) -> Picture:
    """Return a layout with a whole scanpath on it; `about` says what it was for."""
    return _picture(layout, path.fixations_px, f"the whole scanpath of {path.person}, {about}")


def named(layout: Layout, number: int, chances: Array | None = None) -> str:
    """Return what a reader calls an object, with its chance where chances (n_objects,) are given."""
    thing = layout.scene.objects[number]
    words = ", ".join(word for word in (thing.name or f"object {number}", thing.category) if word)
    return words if chances is None else f"{words} ({100 * chances[number]:.1f} %)"


# ---- which trial


def _cell(config: ScanpathConfig, trial: Row) -> ScanpathCell | None:
    wanted = (trial["observer"], _whole_number(trial["split"]))
    return next((cell for cell in plan.cells_of(config) if (cell.observer, cell.split) == wanted), None)


def _paths(
    config: ScanpathConfig, cell: ScanpathCell, data: PathSet, task: str, trial: Row
) -> Iterator[ObjectPath]:
    """Paths of the test that a row may be of: more than one where a person saw a scene twice and looked alike."""
    for number in plan.split_of(config, cell.split).test:
        path = data.paths[number]
        if (data.layout_of(path).name, path.person) == (trial["scene"], trial["person"]) and _is_of(
            path, task, trial
        ):
            yield path


def _is_of(path: ObjectPath, task: str, trial: Row) -> bool:
    if task == PATHS:
        return len(path) == _whole_number(trial["person_length"])
    number = _whole_number(trial["fixation"])
    return task == PREDICTED or (
        path.n_given <= number < len(path) and path.objects[number] == _whole_number(trial["object"])
    )


def _whole_number(value: object) -> int:
    return int(float(str(value)))


# ---- what is shown


def _next(config: ScanpathConfig, cell: ScanpathCell, data: PathSet, path: ObjectPath, trial: Row) -> Shown:
    """The fixations up to the one that was predicted, and what a quick rule said of it."""
    layout, number = data.layout_of(path), _whole_number(trial["fixation"])
    about = f"{path.person}'s fixations up to number {number + 1}, which was to be predicted"
    facts = _facts(layout, path) | {
        "fixation": f"{number + 1} of {len(path)}",
        "looked at": named(layout, int(path.objects[number])),
    }
    chances = _chances(config, cell, data, path, number)
    if chances is None:
        return Shown([_picture(layout, path.fixations_px[: number + 1], about)], facts)
    about += f"; the map is how likely {cell.observer} held each object to be next"
    facts |= _said(layout, chances, int(path.objects[number]), float(str(trial["bits"])))
    weights = spread(layout, chances)
    return Shown([_picture(layout, path.fixations_px[: number + 1], about, weights)], facts)


def _chances(
    config: ScanpathConfig, cell: ScanpathCell, data: PathSet, path: ObjectPath, number: int
) -> Array | None:
    """What the observer said of each object before a fixation, (n_objects,); None where it takes long to know."""
    if cell.variant not in QUICK or config.weights is not None:
        return None
    from cogattn.psychophysics.scanpath import baselines

    own, split = plan.relevant(config, cell), plan.split_of(config, cell.split)
    fitted = baselines.make(cell.who)().fit(data, split, own)
    (prediction,) = fitted.predict(data, [path])
    return np.exp(np.asarray(prediction.log_p, dtype=float)[number - path.n_given])


def _said(layout: Layout, chances: Array, chosen: int, bits: float) -> Facts:
    """What the observer held likeliest, and whether its surprise is that of the run."""
    best = int(np.argmax(chances))
    facts: Facts = {"likeliest": named(layout, best, chances)}
    found = float(-np.log2(chances[chosen])) if chances[chosen] > 0 else np.inf
    if not np.isclose(found, bits, rtol=0, atol=SAME_BITS):
        facts["differs"] = f"here the observer is surprised by {found:.4g} bits, in the run by {bits:.4g}"
    return facts


def _whole(layout: Layout, path: ObjectPath) -> Shown:
    picture = picture_of(layout, path, "which paths of the row's observer were compared with")
    return Shown([picture], _facts(layout, path))


def _predicted(layout: Layout, path: ObjectPath, trial: Row) -> Shown | None:
    number = _whole_number(trial["object"])
    if not 0 <= number < layout.n_objects:
        return None
    point = np.array([[float(str(trial["x"])), float(str(trial["y"]))]])
    about = f"fixation {_whole_number(trial['fixation']) + 1} of a scanpath that {trial['observer']} drew"
    return Shown(
        [_picture(layout, point, about)], _facts(layout, path) | {"looked at": named(layout, number)}
    )


def _picture(layout: Layout, points: Array, about: str, weights: Array | None = None) -> Picture:
    scene, seen = layout.scene, "the scene" if layout.scene.picture is not None else "grey, there is no image"
    pixels = np.full(scene.size_px, NO_IMAGE) if scene.picture is None else scene.image
    caption = f"{seen}, its {layout.n_objects} objects in boxes, and {about}"
    return Picture(pixels, caption, points=points, weights=weights, boxes=_boxes(layout))


def _boxes(layout: Layout) -> Array:
    """Boxes of the objects in pixels, within the image, (n_objects, 4)."""
    height, width = layout.scene.size_px
    boxes = np.array([thing.box_px for thing in layout.scene.objects], dtype=float)
    return np.clip(boxes, 0, [width, height, width, height])


def _facts(layout: Layout, path: ObjectPath) -> Facts:
    target = target_in(layout)
    facts: Facts = {"scene": layout.name, "person": path.person, "objects": layout.n_objects}
    facts["looked for"] = layout.target_name or "nothing, free viewing"
    if target is not None:
        facts["target"] = named(layout, target)
    return facts
