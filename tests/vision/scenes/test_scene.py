"""Scenes in degrees, and pictures in numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from PIL import Image

from cogattn.errors import DataError
from cogattn.vision.scenes.scene import Scanpath, Scene, pixels

POINTS = st.lists(st.tuples(*[st.floats(-2000, 2000)] * 2), min_size=1, max_size=5)


def blank(height: int = 60, width: int = 80, scale: float | None = 10.0) -> Scene:
    return Scene("blank", np.zeros((height, width), dtype=np.uint8), (height, width), scale)


@given(POINTS, st.integers(1, 3000), st.integers(1, 3000), st.floats(1, 120))
def test_degrees_there_and_back_are_the_same_pixels(points, height, width, scale) -> None:
    scene = blank(height, width, scale)
    assert_allclose(scene.to_pixels(scene.to_degrees(points)), points, atol=1e-8)


@given(POINTS, st.floats(1, 120))
def test_distances_in_degrees_are_those_in_pixels_divided_by_the_scale(points, scale) -> None:
    scene = blank(scale=scale)
    moved = np.add(points, [3.0, 4.0])
    assert_allclose(np.linalg.norm(scene.to_degrees(moved) - scene.to_degrees(points), axis=1), 5 / scale)


def test_the_middle_is_the_origin_and_the_corner_half_the_size_away() -> None:
    scene = blank(60, 81)
    assert_allclose(scene.to_degrees([40.5, 30.0]), [0, 0])
    assert_allclose(scene.to_degrees([0.0, 0.0]), [-4.05, -3.0])


def test_degrees_need_a_scale() -> None:
    with pytest.raises(DataError, match="pixels_per_degree must be known"):
        blank(scale=None).to_degrees([0.0, 0.0])


def test_grey_stays_grey_and_colour_colour(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    Image.fromarray(colours[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(colours).convert("P").save(tmp_path / "palette.png")
    assert_allclose(pixels(tmp_path / "colour.png"), colours / 255, atol=1e-7)
    assert_allclose(pixels(tmp_path / "grey.png"), colours[..., 0] / 255, atol=1e-7)
    assert pixels(tmp_path / "palette.png").shape == (4, 5, 3)
    assert pixels(colours).dtype == np.float32


def test_what_is_no_image_of_8_bits_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "no.png").write_text("no")
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    for name in ("no.png", "deep.png", "missing.png"):
        with pytest.raises(DataError, match=name):
            pixels(tmp_path / name)


def test_the_first_fixation_is_no_saccade() -> None:
    assert Scanpath("A", np.zeros((4, 2))).n_saccades == 3
