from __future__ import annotations

import numpy as np
from matplotlib.path import Path

from cogattn.psychophysics.scanpath.layouts.masks import pixels_in


def test_pixels_are_those_whose_middle_matplotlib_finds_inside() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :50] + 0.5
    for n in (3, 4, 7):
        angles = np.sort(rng.uniform(0, 2 * np.pi, n))
        radius = rng.uniform(5, 40, (n, 1))  # some beyond the image
        polygon = radius * np.stack([np.cos(angles), np.sin(angles)], 1) + [22.3, 19.1]
        inside = Path(polygon).contains_points(np.stack([x.ravel(), y.ravel()], 1)).reshape(40, 50)
        np.testing.assert_array_equal(pixels_in(polygon, (40, 50)), inside)


def test_edges_on_whole_pixels_take_whole_pixels() -> None:
    corner = np.array([[8, 8], [40, 8], [40, 16], [16, 16], [16, 32], [8, 32]], dtype=float)  # an L
    expected = np.zeros((44, 60), dtype=bool)
    expected[8:16, 8:40] = expected[16:32, 8:16] = True
    np.testing.assert_array_equal(pixels_in(corner, (44, 60)), expected)
    np.testing.assert_array_equal(pixels_in(corner[::-1], (44, 60)), expected)


def test_nothing_is_inside_what_lies_outside_the_image() -> None:
    assert not pixels_in(np.array([[70.0, 3], [80, 3], [75, 9]]), (44, 60)).any()
    assert pixels_in(np.array([[-10.0, -10], [100, -10], [100, 100], [-10, 100]]), (44, 60)).all()
