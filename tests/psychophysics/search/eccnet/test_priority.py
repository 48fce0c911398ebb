"""Priority maps against what OpenCV 5.0 makes of the same numbers, and against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cogattn.errors import ConfigError
from cogattn.psychophysics.search.eccnet.priority import (
    best_cell,
    best_pixel,
    blurred,
    combine,
    enlarge,
    gaussian,
    match,
    sharpen,
)
from tests.psychophysics.search.eccnet import vgg

MAP = np.array(
    [[0.09, 0.24, 0.8, 0.58, 0.09], [0.43, 0.48, 0.16, 0.73, 0.11],
     [0.39, 0.52, 0.43, 0.59, 0.74], [0.96, 0.28, 0.65, 0.7, 0.29]]
)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "sd", "first_row"),
    [
        (3, 0, [0.31, 0.365, 0.49375, 0.4725, 0.3775]),
        (5, 1, [0.354349, 0.392585, 0.459519, 0.47108, 0.436999]),
        (7, 5, [0.501273, 0.462086, 0.488109, 0.497875, 0.486519]),
    ],
)
def test_blurs_are_those_of_opencv(size, sd, first_row) -> None:
    """``cv2.GaussianBlur(MAP, (size, size), sd)[0]``."""
    assert blurred(MAP, gaussian(size, sd))[0] == pytest.approx(first_row, abs=1e-6)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("sd", [0, 0.7, 4])
def test_windows_are_even_and_sum_to_one(size, sd) -> None:
    window = gaussian(size, sd)
    assert window.sum() == pytest.approx(1)
    assert (window == window[::-1]).all()
    assert (np.diff(window[: size // 2 + 1]) > 0).all()


def test_long_windows_take_their_sd_from_their_size() -> None:
    """``cv2.getGaussianKernel(11, 0)``."""
    half = [0.008812, 0.027144, 0.065114, 0.121649, 0.176998, 0.200565]
    assert gaussian(11, 0)[:6] == pytest.approx(half, abs=1e-6)


@pytest.mark.parametrize(("size", "sd"), [(4, 1), (0, 1), (-1, 1), (3, -0.1)])
def test_windows_of_even_size_are_refused(size, sd) -> None:
    with pytest.raises(ConfigError, match=r"odd sizes and SDs of at least 0; got size"):
        gaussian(size, sd)


def test_enlargement_is_that_of_opencv() -> None:
    """``cv2.resize(MAP, (13, 9), interpolation=cv2.INTER_AREA)``, rows 0, 2 and 7."""
    found = enlarge(MAP, (9, 13))
    assert found.shape == (9, 13)
    assert found[0] == pytest.approx(
        [0.09, 0.09, 0.15, 0.24, 0.24, 0.688, 0.8, 0.756, 0.58, 0.58, 0.286, 0.09, 0.09], abs=1e-6
    )
    assert found[2] == pytest.approx(
        [0.345, 0.345, 0.375, 0.42, 0.42, 0.34, 0.32, 0.3945, 0.6925, 0.6925, 0.34, 0.105, 0.105], abs=1e-6
    )
    assert found[7] == pytest.approx(
        [0.96, 0.96, 0.688, 0.28, 0.28, 0.576, 0.65, 0.66, 0.7, 0.7, 0.454, 0.29, 0.29], abs=1e-6
    )


def test_pixels_of_whole_cells_repeat_them_exactly() -> None:
    assert (enlarge(MAP, (64, 80)) == MAP.repeat(16, axis=0).repeat(16, axis=1)).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 2), (6, 6)])
def test_matches_are_dot_products_about_each_cell(shape) -> None:
    rng = np.random.default_rng(0)
    seen, target = rng.normal(size=(4, 7, 8)), rng.normal(size=(4, *shape))
    found = match(torch.from_numpy(seen)[None], torch.from_numpy(target)[None])
    assert found == pytest.approx(vgg.matched(seen, target), abs=1e-12)


def test_maps_are_scaled_and_weighted_by_their_maxima() -> None:
    found = combine([np.array([[1.0, 3.0]]), np.array([[1.0, 0.0]])])
    assert found == pytest.approx(np.array([[0 * 3 / 4 + 1 / 4, 3 / 4]]))
    raw = combine([np.array([[1.0, 3.0]]), np.array([[1.0, 0.0]])], scaled=False)
    assert raw == pytest.approx(np.array([[1.0, 1.5]]))


def test_flat_maps_say_nothing() -> None:
    assert combine([np.full((2, 2), 5.0), np.array([[0.0, 5.0], [0, 0]])]) == pytest.approx(
        np.array([[0, 0.5], [0, 0]])
    )
    assert (combine([np.zeros((2, 2))] * 3) == 0).all()


def test_sharpening_adds_three_differences_of_gaussians() -> None:
    expected = MAP
    for _ in range(3):
        expected = expected + vgg.blurred(expected, 3, 0) - vgg.blurred(expected, 5, 1)
    assert sharpen(MAP, ((3, 0), (5, 1))) == pytest.approx(expected, abs=1e-12)


def test_the_best_pixel_is_the_first_of_equals_and_none_is_at_the_minimum() -> None:
    priority = np.array([[1.0, 9.0, 2.0], [4.0, 4.0, 1.0]])
    allowed = np.array([[True, False, True], [True, True, True]])
    assert best_pixel(priority, allowed) == (1, 0)
    assert best_pixel(priority, np.zeros_like(allowed)) == (0, 0)
    assert best_pixel(priority, priority == 1) == (0, 0)
    assert best_pixel(priority - 100, allowed) == (1, 0)


def test_the_best_cell_has_the_best_mean() -> None:
    cells = np.zeros((3, 4, 6), dtype=bool)
    cells[0, :2, :2], cells[1, 2:, 1:6] = True, True
    priority = np.zeros((4, 6))
    priority[0, 0], priority[2:, 1:] = 3, 1
    assert best_cell(priority, cells) == (3, 3)
    assert best_cell(-1 - priority, cells) == (1, 1)
    assert best_cell(priority, cells[2:]) is None
    cells[2, 0, 5], priority[0, 5] = True, 9
    assert best_cell(priority, cells) == (0, 5)
