"""Drawn scenes of sixteen everyday objects: images to test with when there are no photographs.

Each scene shows one object of random proportions, pose, size and place on a textured ground with a little
clutter. Object and ground have different 1/f textures and differ in grey level by a random amount of either
sign, a lamp from a random side gives the object relief and a soft shadow, and thin blades in front hide a
little of it. Sizes of all categories are drawn from one distribution of areas. So area says nothing about the
category, and grey level and power spectrum next to nothing (a readout on both names .13 of scenes, guessing .06):
it must be recognised by its shape.

A cue conflict (`draw_conflict`) sets shape against texture: the outline of one object, filled with small copies of
another on a ground without clutter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from cogattn.vision.images.silhouettes import SILHOUETTES, Part, Points, blade, pebble

CATEGORIES: tuple[str, ...] = tuple(SILHOUETTES)
"""Names of the categories in alphabetical order; a category's label is its place here."""

OVERSAMPLING = 4
AREA = (0.09, 0.16)
"""Part of the image that an object covers, unless its extent would then pass `EXTENT`."""
EXTENT = 0.86
"""Largest extent of an object, as a part of the image's side."""

CONFLICT_AREA = (0.22, 0.34)
"""The same of an outline that is filled with copies."""
COPIES, FORMS = 9, 6
"""Copies side by side across the image, and how many forms they have."""

Field = NDArray[np.float32]  # (size, size)


def draw(category: int, rng: Generator, size: int) -> Field:
    """Draw a scene.

    Parameters
    ----------
    category : int
        Place of the object's name in `CATEGORIES`.
    rng : Generator
        Source of everything that varies; the same state gives the same scene.
    size : int
        Side in pixels.

    Returns
    -------
    array, shape (size, size), float32
        Grey level (a code value over 255) from black 0 to white 1.
    """
    parts = _deformed(list(SILHOUETTES.values())[category](rng), rng)
    coverage = _paint(_placed(parts, rng), size)
    difference = rng.choice([-1, 1]) * rng.uniform(0.18, 0.34)
    middle = rng.uniform(0.4, 0.6)
    relief, shadow = _lit(coverage, rng)
    ground = middle - difference / 2 + rng.uniform(0.07, 0.13) * _texture(rng, size)
    ground = _strewn(ground, rng) * (1 - 0.45 * shadow)
    body = middle + difference / 2 + rng.uniform(0.05, 0.1) * _texture(rng, size) + 0.3 * relief
    scene = ground + coverage * (body - ground)
    scene = _overgrown(scene, rng) * _illumination(rng, size)
    return np.clip(scene, 0, 1, dtype=np.float32)


def draw_conflict(shape: int, texture: int, rng: Generator, size: int) -> Field:
    """Draw the outline of one object filled with small copies of another.

    Parameters
    ----------
    shape, texture : int
        Places of the two objects' names in `CATEGORIES`.
    rng : Generator
        Source of everything that varies; the same state gives the same image.
    size : int
        Side in pixels.

    Returns
    -------
    array, shape (size, size), float32
        Luminance from black 0 to white 1.

    Notes
    -----
    The outline covers `CONFLICT_AREA` of the image; copies are as dark as the ground, or as bright, and stand in a
    jittered grid, of a few forms in an image.
    """
    objects = list(SILHOUETTES.values())
    coverage = _paint(_placed(_deformed(objects[shape](rng), rng), rng, area=CONFLICT_AREA), size)
    difference = rng.choice([-1, 1]) * rng.uniform(0.3, 0.5)
    middle = rng.uniform(0.4, 0.6)
    ground = middle - difference / 2 + rng.uniform(0.02, 0.05) * _texture(rng, size)
    light = _illumination(rng, size)
    filling = difference * (1 - _copies(objects[texture], rng, size))
    return np.clip((ground + coverage * filling) * light, 0, 1, dtype=np.float32)


def _copies(draw_object: Callable[[Generator], list[Part]], rng: Generator, size: int) -> Field:
    """Coverage of each pixel by copies of a few of an object's forms in a grid, shifted at random."""
    forms = [_unit(_deformed(draw_object(rng), rng)) for _ in range(FORMS)]
    shift = rng.uniform(0, 1, 2) / COPIES
    copies: list[Part] = []
    for row, column in np.ndindex(COPIES + 1, COPIES + 1):
        parts, extent = forms[rng.integers(FORMS)]
        side = rng.uniform(0.8, 0.92) / COPIES
        room = 1 / COPIES - side * extent
        corner = np.array([column, row]) / COPIES - shift + room * rng.uniform(0, 1, 2)
        copies += [Part(part.outline * side + corner, part.solid) for part in parts]
    return _paint(copies, size)  # each in a cell of its own, so that none cuts into another


def _unit(parts: list[Part]) -> tuple[list[Part], NDArray[np.float64]]:
    """An object with its corner at 0 and its longer side 1, and both sides."""
    outlines = np.concatenate([part.outline for part in parts if part.solid])
    corner, extent = outlines.min(axis=0), np.ptp(outlines, axis=0)
    return [Part((part.outline - corner) / extent.max(), part.solid) for part in parts], extent / extent.max()


def _deformed(parts: list[Part], rng: Generator) -> list[Part]:
    """Bend, taper, stretch, shear, turn and perhaps mirror an object about its origin."""
    bend, taper, shear = rng.normal(0, 0.08, 3)
    angle, stretch = rng.normal(0, 0.3), np.exp(rng.normal(0, 0.1))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = np.array([[stretch * rng.choice([-1, 1]), 0], [shear, 1 / stretch]]) @ turn

    def deform(outline: Points) -> Points:
        x, y = _dense(outline).T
        return np.stack([x * (1 + taper * y) + bend * y**2, y + bend * x**2], axis=1) @ matrix

    return [Part(deform(part.outline), part.solid) for part in parts]


def _dense(outline: Points) -> Points:
    """Put seven points on every edge of a closed outline, so that it can bend."""
    step = np.linspace(0, 1, 8)[:-1, None]
    following = np.roll(outline, -1, axis=0)
    return (outline[:, None] + step * (following - outline)[:, None]).reshape(-1, 2)


def _placed(parts: list[Part], rng: Generator, *, area: tuple[float, float] = AREA) -> list[Part]:
    """Scale an object to a random area and put it somewhere in the unit square."""
    unit, extent = _unit(parts)
    side = min(np.sqrt(rng.uniform(*area) / _paint(unit, 48).mean()), EXTENT)
    room = 1 - side * extent
    offset = room * rng.uniform(0.15, 0.85, 2)
    return [Part(part.outline * side + offset, part.solid) for part in unit]


def _paint(parts: list[Part], size: int) -> Field:
    """Coverage of each pixel of the unit square by the parts, antialiased by oversampling."""
    fine = size * OVERSAMPLING
    image = Image.new("L", (fine, fine))
    pen = ImageDraw.Draw(image)
    for part in parts:
        pen.polygon((part.outline * fine).ravel().tolist(), fill=255 * part.solid)
    return np.divide(np.asarray(image.reduce(OVERSAMPLING)), 255, dtype=np.float32)


@dataclass(frozen=True)
class _Frequencies:
    """Frequencies of rfft2 in cycles per image."""

    y: Field
    x: Field

    @classmethod
    def of(cls, size: int) -> _Frequencies:
        y, x = scipy.fft.fftfreq(size, 1 / size), scipy.fft.rfftfreq(size, 1 / size)
        return cls(y.astype(np.float32)[:, None], x.astype(np.float32)[None])


def _texture(rng: Generator, size: int) -> Field:
    """Noise with amplitude 1 / f^slope, stretched along a random direction; mean 0, SD 1."""
    f = _Frequencies.of(size)
    slope, angle, stretch = rng.uniform(0.9, 1.5), rng.uniform(0, np.pi), rng.uniform(1, 2.5)
    along, across = f.x * np.cos(angle) + f.y * np.sin(angle), f.y * np.cos(angle) - f.x * np.sin(angle)
    amplitude = (1 + stretch * along**2 + across**2 / stretch) ** np.float32(-slope / 2)
    white = rng.standard_normal((size, size // 2 + 1, 2), dtype=np.float32).view(np.complex64)[..., 0]
    field = scipy.fft.irfft2(amplitude * white, s=(size, size))
    return (field - field.mean()) / field.std()


def _lit(coverage: Field, rng: Generator) -> tuple[Field, Field]:
    """Relief of the object's rim (-1 away from the lamp, 1 towards it) and its soft shadow (0 to 1)."""
    size, f = len(coverage), _Frequencies.of(len(coverage))
    angle, depth = rng.uniform(0, 2 * np.pi), rng.uniform(0.012, 0.03)
    along = f.x * np.cos(angle) + f.y * np.sin(angle)
    soft = np.exp(-2 * (np.pi * depth) ** 2 * (f.x**2 + f.y**2)) * scipy.fft.rfft2(coverage)
    slope = -2j * np.pi * along * soft * depth * np.sqrt(2 * np.pi)
    shadow = np.exp(-2j * np.pi * along * -1.5 * depth) * soft
    relief, shadow = scipy.fft.irfft2(np.stack([slope, shadow]).astype(np.complex64), s=(size, size))
    return relief, np.clip(shadow, 0, 1)


def _strewn(ground: Field, rng: Generator) -> Field:
    """Scatter pebbles a little darker or brighter than the ground."""
    fine = len(ground) * OVERSAMPLING
    image = Image.new("L", (fine, fine), 128)
    pen = ImageDraw.Draw(image)
    for _ in range(rng.integers(4, 10)):
        stone = pebble(rng) * rng.uniform(0.012, 0.045) + rng.uniform(0, 1, 2)
        tone = int(128 + rng.choice([-1, 1]) * rng.uniform(15, 45))
        pen.polygon((stone * fine).ravel().tolist(), fill=tone)
    return ground + (np.asarray(image.reduce(OVERSAMPLING), dtype=np.float32) - 128) / 255


def _overgrown(scene: Field, rng: Generator) -> Field:
    """Let a few blades of grass stand in front."""
    blades = [Part(blade(rng)) for _ in range(rng.integers(1, 5))]
    return scene + _paint(blades, len(scene)) * (rng.uniform(0.15, 0.85) - scene)


def _illumination(rng: Generator, size: int) -> Field:
    """Light that falls off linearly across the scene in a random direction; mean 1."""
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.35)
    ramp = np.linspace(-strength / 2, strength / 2, size)
    return (1 + ramp * np.cos(angle) + ramp[:, None] * np.sin(angle)).astype(np.float32)
