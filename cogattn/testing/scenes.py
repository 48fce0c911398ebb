"""Made-up scenes: textures with the spectrum of photographs and things that lie on them; for tests, offline.

The amplitude of a texture falls with spatial frequency as 1 / f, as that of photographs does on average. A thing is a
patch of stripes, which a texture never is. People are made up, too: they look about, and at the target if they found
it.

References
----------
Field (1987), J. Opt. Soc. Am. A 4, 2379-2394: the spectrum of photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cogattn.vision.scenes.scene import Box, Scanpath, Scene, SceneObject, Target

Image = NDArray[np.float32]
Told = Literal["picture", "box", "category"]
"""By what a target is told; a box is there in any case, for a look to find it."""


def make_scenes(
    n: int = 4,
    *,
    size_px: tuple[int, int] = (96, 128),
    thing_px: tuple[int, int] = (16, 16),
    colour: bool = False,
    told: Told = "picture",
    present: bool = True,
    n_people: int = 0,
    pixels_per_degree: float | None = 8.0,
    seed: int = 0,
) -> list[Scene]:
    """Return scenes, each with a target of its own and two other things.

    Parameters
    ----------
    n : int
        How many.
    size_px, thing_px : tuple of int
        (height, width) of scenes, and of the things in them.
    colour : bool
        Three channels instead of one.
    told : {"picture", "box", "category"}
        How a target is told; by its category alone, all are of one and look alike.
    present : bool
        Whether targets are there.
    n_people : int
        Who searched each scene, from its start, four saccades at most.
    pixels_per_degree : float, optional
        Scale.
    seed : int
        Equal seeds, equal scenes.

    Returns
    -------
    list of Scene
    """
    return [
        _scene(
            number,
            np.random.default_rng([seed, number]),
            size_px=size_px,
            thing_px=thing_px,
            colour=colour,
            told=told,
            present=present,
            n_people=n_people,
            pixels_per_degree=pixels_per_degree,
        )
        for number in range(n)
    ]


def texture(size_px: tuple[int, int], rng: np.random.Generator, *, contrast: float = 0.12) -> Image:
    """Return grey noise whose amplitude is 1 / f: mean a half, SD `contrast`, within 0 and 1; (height, width)."""
    height, width = size_px
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal(size_px)) / frequency
    noise = np.fft.irfft2(spectrum, s=size_px)
    return np.clip(0.5 + contrast * noise / noise.std(), 0, 1).astype(np.float32)


def stripes(size_px: tuple[int, int], *, angle: float, period_px: float) -> Image:
    """Return a patch of black and white stripes at an angle in radians; (height, width)."""
    y, x = np.mgrid[: size_px[0], : size_px[1]]
    phase = 2 * np.pi / period_px * (np.cos(angle) * x + np.sin(angle) * y)
    return (np.sin(phase) >= 0).astype(np.float32)


def write_scenes(folder: Path, scenes: Sequence[Scene]) -> Path:
    """Write scenes of uint8 arrays as a table beside PNG files, as `read_scenes` reads them; return `folder`."""
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    rows, looks = [], []
    for scene in scenes:
        rows.append(_row(folder, scene))
        looks += [
            {"scene": scene.name, "person": path.person, "fixation": number, "x": x, "y": y, "found": path.found,
             "max_saccades": path.max_saccades}
            for path in scene.scanpaths
            for number, (x, y) in enumerate(path.fixations_px)
        ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)
    if looks:
        pd.DataFrame(looks).to_csv(folder / "fixations.csv", index=False)
    return folder


def _scene(
    number: int,
    rng: np.random.Generator,
    *,
    size_px: tuple[int, int],
    thing_px: tuple[int, int],
    colour: bool,
    told: Told,
    present: bool,
    n_people: int,
    pixels_per_degree: float | None,
) -> Scene:
    angle = 0.6 if told == "category" else rng.uniform(0, np.pi)
    image = texture(size_px, rng)
    things = [stripes(thing_px, angle=angle + turn, period_px=5) for turn in (0, np.pi / 3, 2 * np.pi / 3)]
    boxes = _boxes(size_px, thing_px, rng)
    for thing, (left, top, right, bottom) in zip(things, boxes, strict=True):
        if present or thing is not things[0]:
            image[top:bottom, left:right] = thing
    painted, target = (_tinted(part, colour) for part in (image, things[0]))
    box = _as_box(boxes[0]) if present else None
    return Scene(
        name=f"scene{number:03d}",
        picture=painted,
        size_px=size_px,
        pixels_per_degree=pixels_per_degree,
        objects=tuple(SceneObject(f"thing{i}", _as_box(one)) for i, one in enumerate(boxes[1:])),
        target=Target(
            "stripes",
            picture=target if told == "picture" else None,
            box_px=box,
            category="stripes" if told == "category" else "",
            present=present,
        ),
        scanpaths=tuple(_person(who, size_px, box, rng) for who in range(n_people)),
    )


def _boxes(
    size_px: tuple[int, int], thing_px: tuple[int, int], rng: np.random.Generator
) -> list[tuple[int, int, int, int]]:
    """Three boxes, one in each third of the width, in any order, on whole pixels."""
    (height, width), (rows, columns) = size_px, thing_px
    third = width // 3
    boxes = []
    for place in rng.permutation(3):
        left = place * third + int(rng.integers(0, third - columns + 1))
        top = int(rng.integers(0, height - rows + 1))
        boxes.append((left, top, left + columns, top + rows))
    return boxes


def _as_box(box: tuple[int, int, int, int]) -> Box:
    left, top, right, bottom = box
    return float(left), float(top), float(right), float(bottom)


def _tinted(image: Image, colour: bool) -> NDArray[np.uint8]:
    """Pixels as a file holds them, in colour a little warmer than grey."""
    shown = image[..., None] * np.array([1.0, 0.9, 0.8], dtype=np.float32) if colour else image
    return np.round(255 * shown).astype(np.uint8)


def _person(number: int, size_px: tuple[int, int], box: Box | None, rng: np.random.Generator) -> Scanpath:
    height, width = size_px
    fixations = np.vstack([[width / 2, height / 2], rng.uniform(0, 1, (4, 2)) * [width, height]])
    found = box is not None and bool(rng.random() < 0.6)
    if found and box is not None:
        fixations[-1] = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return Scanpath(f"p{number}", fixations, found=found, max_saccades=4)


def _row(folder: Path, scene: Scene) -> dict[str, object]:
    from PIL import Image as Files

    row: dict[str, object] = {"scene": scene.name, "image": f"{scene.name}.png"}
    Files.fromarray(np.asarray(scene.picture)).save(folder / f"{scene.name}.png")
    if scene.pixels_per_degree is not None:
        row["pixels_per_degree"] = scene.pixels_per_degree
    target = scene.target
    if target is None:
        return row
    row |= {"target": target.name, "present": target.present, "category": target.category}
    if target.box_px is not None:
        row |= dict(zip(("left", "top", "right", "bottom"), target.box_px, strict=True))
    if target.picture is not None:
        Files.fromarray(np.asarray(target.picture)).save(folder / f"{scene.name}_target.png")
        row["target_picture"] = f"{scene.name}_target.png"
    return row
