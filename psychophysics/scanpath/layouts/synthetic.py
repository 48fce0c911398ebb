"""Drawn layouts of coloured items, and simulated persons who look at them by rules that are known.

Each person chooses the next item by a conditional logit of `terms` with weights of its own, looks at it for a
log-normal time, and stops at a constant rate, or on the item that is looked for. What is looked for, one item of one of
four colours, changes from layout to layout. So models can be tried where the truth is known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cogattn.psychophysics.scanpath.config import SyntheticSettings
from cogattn.psychophysics.scanpath.layouts.items import Array, Layout
from cogattn.psychophysics.scanpath.layouts.terms import TERMS, terms
from cogattn.seeds import Streams
from cogattn.vision.scenes.scene import Box, Scanpath, Scene, SceneObject, Target

if TYPE_CHECKING:
    import pandas as pd

SIZE_PX = (360, 480)
PIXELS_PER_DEGREE = 15.0
COLOURS = {"red": (200, 50, 50), "green": (40, 150, 70), "blue": (60, 90, 200), "yellow": (225, 190, 50)}
SHAPES = ("disc", "square")
GREY = 128
SIDES = (0.4, 0.55, 0.8)
"""Sizes of items, parts of the room that each has."""
FOUND = 0.5
"""Chance that a scanpath ends on the target."""
DURATION_MS, DURATION_SD = 220.0, 0.35
"""Median of fixation durations, and standard deviation of their logarithm."""
SACCADE_MS = 30.0
OFF_CENTRE = 0.15
"""Standard deviation of fixations about an item's middle, parts of its side; none lies outside of it."""


def simulate(settings: SyntheticSettings, seed: int) -> list[Scene]:
    """Draw layouts and look at them.

    Parameters
    ----------
    settings : SyntheticSettings
        How many of what, and the persons' weights.
    seed : int
        The run's.

    Returns
    -------
    list of Scene
        Each with its image, objects (category: colour and shape), target (category: its colour), and one scanpath a
        person. Equal settings and seed give equal scenes; a layout is the same whoever looks at it.
    """
    streams = Streams(seed).child("synthetic")
    weights = _weights(settings, seed)
    scenes = []
    for number in range(settings.n_layouts):
        scene = _layout(settings, f"layout {number:04d}", list(COLOURS)[number % len(COLOURS)], streams)
        arrays = _arrays(scene)
        paths = [_look(arrays, person, own, settings, streams) for person, own in weights.items()]
        scenes.append(replace(scene, scanpaths=tuple(paths)))
    return scenes


def true_weights(settings: SyntheticSettings, seed: int) -> pd.DataFrame:
    """Return the weights by which the persons of `simulate` choose.

    Returns
    -------
    DataFrame
        ``person``, ``weight`` (a name of `TERMS`), ``value`` (log odds a unit).
    """
    import pandas as pd

    rows = [
        (person, name, float(value))
        for person, own in _weights(settings, seed).items()
        for name, value in zip(TERMS, own, strict=True)
    ]
    return pd.DataFrame(rows, columns=["person", "weight", "value"])


def _weights(settings: SyntheticSettings, seed: int) -> dict[str, Array]:
    """Weights (n_terms,) of each person, normal about the settings'."""
    mean = np.array([getattr(settings, name) for name in TERMS])
    streams = Streams(seed).child("synthetic")
    digits = len(str(settings.n_people))
    names = [f"s{number:0{digits}d}" for number in range(1, settings.n_people + 1)]
    return {
        name: mean
        + settings.spread * np.abs(mean) * streams.generator("weights", name).standard_normal(len(TERMS))
        for name in names
    }


# ---- layouts


def _layout(settings: SyntheticSettings, name: str, colour: str, streams: Streams) -> Scene:
    rng = streams.generator(name)
    boxes = _boxes(settings.n_objects, rng)
    colours = [colour, *rng.choice(list(COLOURS), len(boxes) - 1)]  # the first item is the one looked for
    shapes = rng.choice(SHAPES, len(boxes))
    order = rng.permutation(len(boxes))
    objects = [
        SceneObject(
            name=f"item {place:03d}",
            box_px=boxes[place],
            category=f"{colours[item]} {shapes[item]}",
        )
        for place, item in enumerate(order)
    ]
    target = objects[int(np.argmin(order))]
    return Scene(
        name=name,
        picture=_drawn(objects),
        size_px=SIZE_PX,
        pixels_per_degree=PIXELS_PER_DEGREE,
        objects=tuple(objects),
        target=Target(name=colour, box_px=target.box_px, category=colour),
    )


def _boxes(n: int, rng: np.random.Generator) -> list[Box]:
    """Boxes of items, each somewhere in a room of its own, in whole pixels."""
    height, width = SIZE_PX
    columns = int(np.ceil(np.sqrt(1.2 * n * width / height)))
    rows = int(np.ceil(1.2 * n / columns))  # some rooms stay empty
    rooms = np.sort(rng.permutation(rows * columns)[:n])
    room = np.array([width // columns, height // rows])
    side = np.maximum((rng.choice(SIDES, n) * room.min()).astype(np.int64), 2)[:, None]
    spare = room - side
    corner = np.stack([rooms % columns, rooms // columns], axis=1) * room + rng.integers(0, spare + 1)
    sides = np.concatenate([corner, corner + side], axis=1).astype(float)
    return [(left, top, right, bottom) for left, top, right, bottom in sides.tolist()]


def _drawn(objects: list[SceneObject]) -> NDArray[np.uint8]:
    image = np.full((*SIZE_PX, 3), GREY, dtype=np.uint8)
    for item in objects:
        left, top, right, bottom = map(int, item.box_px)
        colour, shape = item.category.split()
        across = np.arange(right - left) + 0.5 - (right - left) / 2
        inside = np.add.outer(across**2, across**2) <= ((right - left) / 2) ** 2
        image[top:bottom, left:right][inside | (shape == "square")] = COLOURS[colour]
    return image


def _arrays(scene: Scene) -> Layout:
    boxes = np.array([item.box_px for item in scene.objects])
    target = scene.target.box_px if scene.target else None
    return Layout(
        scene=scene,
        position_deg=scene.to_degrees((boxes[:, :2] + boxes[:, 2:]) / 2),
        size_deg=(boxes[:, 2:] - boxes[:, :2]) / scene.scale,
        target=[item.box_px for item in scene.objects].index(target) if target else None,
        group=scene.name,
        scale=scene.scale,
    )


# ---- persons


def _look(
    layout: Layout, person: str, weights: Array, settings: SyntheticSettings, streams: Streams
) -> Scanpath:
    rng = streams.generator(layout.name, person)
    objects = _choices(layout, weights, settings.n_fixations, rng)
    boxes = np.array([layout.scene.objects[number].box_px for number in objects])
    off = np.clip(OFF_CENTRE * rng.standard_normal((len(objects), 2)), -0.3, 0.3)
    middle, side = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    durations = np.round(DURATION_MS * np.exp(DURATION_SD * rng.standard_normal(len(objects))))
    return Scanpath(
        person=person,
        fixations_px=np.round(middle + off * side, 2),
        durations_ms=durations,
        onsets_ms=np.concatenate([[0.0], np.cumsum(durations[:-1] + SACCADE_MS)]),
        found=objects[-1] == layout.target,
    )


def _choices(layout: Layout, weights: Array, n_fixations: int, rng: np.random.Generator) -> list[int]:
    """Objects looked at, until the path ends."""
    chosen: list[int] = []
    while True:
        value = terms(layout, np.array(chosen, dtype=np.int64)) @ weights
        chance = np.cumsum(np.exp(value - value.max()))
        chosen.append(int(np.searchsorted(chance, rng.random() * chance[-1], side="right")))
        ends, finds = rng.random(2)
        if ends < 1 / n_fixations or (chosen[-1] == layout.target and finds < FOUND):
            return chosen
