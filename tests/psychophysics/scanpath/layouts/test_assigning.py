"""Which object a fixation is on: by hand, by brute force, and by shapely-like truths of simple figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from cogattn.psychophysics.scanpath.layouts.assigning import assign, distances_px, holding
from cogattn.psychophysics.scanpath.layouts.grids import patched, patches
from cogattn.vision.scenes.scene import Scene, SceneObject

SIZE = (100, 200)
TABLE = SceneObject("table", (20, 20, 120, 80))
CUP = SceneObject("cup", (40, 40, 60, 60))
LAMP = SceneObject("lamp", (150, 10, 170, 90))
RING = np.array([[20.0, 20], [80, 20], [80, 80], [20, 80]])
WEDGE = SceneObject("wedge", (20, 20, 80, 80), polygon_px=np.array([[20.0, 20], [80, 20], [20, 80]]))


def test_the_smallest_object_that_holds_a_fixation_is_meant() -> None:
    found = assign((TABLE, CUP, LAMP), np.array([[50.0, 50], [30, 30], [160, 50]]), SIZE)
    assert_array_equal(found.objects, [1, 0, 2])
    assert_array_equal(found.n_holding, [2, 1, 1])
    assert_allclose(found.beside_px, 0)


def test_a_fixation_beside_all_counts_for_the_nearest_edge_not_the_nearest_middle() -> None:
    # 5 pixels from the table, whose middle is 55 away; 25 from the lamp, whose middle is 35 away
    found = assign((TABLE, LAMP), np.array([[125.0, 50], [148, 50], [123, 84]]), SIZE)
    assert_array_equal(found.objects, [0, 1, 0])
    assert_allclose(found.beside_px, [5, 2, 5])  # the last one from a corner, 3 and 4 away
    assert_array_equal(found.n_holding, 0)


def test_a_polygon_counts_before_its_box() -> None:
    points = np.array([[30.0, 30], [70, 70], [50, 51]])
    found = assign((WEDGE, LAMP), points, SIZE)
    assert_array_equal(found.n_holding, [1, 0, 0])
    assert_array_equal(found.objects, 0)
    assert_allclose(found.beside_px, [0, 40 / np.sqrt(2), 1 / np.sqrt(2)])


@pytest.mark.parametrize("turned", [False, True])
def test_a_concave_polygon_holds_what_it_goes_about_in_either_direction(turned) -> None:
    corners = np.array([[0.0, 0], [90, 0], [90, 90], [60, 90], [60, 30], [30, 30], [30, 90], [0, 90]])
    thing = SceneObject("arch", (0, 0, 90, 90), polygon_px=corners[::-1] if turned else corners)
    points = np.array([[45.0, 10], [10, 80], [80, 80], [45, 80], [45, 31]])
    assert_array_equal(holding((thing,), points, SIZE)[:, 0], [True, True, True, False, False])
    assert_allclose(distances_px((thing,), points[3:])[:, 0], [15, 1])


def test_of_equals_the_first_is_meant() -> None:
    twin = SceneObject("twin", CUP.box_px)
    assert assign((CUP, twin), np.array([50.0, 50]), SIZE).objects.tolist() == [0]
    assert assign((twin, CUP), np.array([100.0, 50]), SIZE).objects.tolist() == [0]


POINTS = st.lists(st.tuples(st.floats(0, 200), st.floats(0, 100)), min_size=1, max_size=20)


@given(POINTS, st.integers(1, 9), st.integers(1, 9))
def test_each_point_of_an_image_lies_in_one_patch(points, n_rows, n_columns) -> None:
    found = assign(patches(SIZE, (n_rows, n_columns)), np.array(points), SIZE)
    assert_array_equal(found.n_holding, 1)
    assert_allclose(found.beside_px, 0)


@given(st.tuples(st.floats(0, 199.9), st.floats(0, 99.9)), st.integers(1, 9), st.integers(1, 9))
def test_patches_are_numbered_row_by_row(point, n_rows, n_columns) -> None:
    things = patches(SIZE, (n_rows, n_columns))
    number = int(assign(things, np.array(point), SIZE).objects[0])
    row, column = divmod(number, n_columns)
    assert things[number].name == f"r{row}c{column}"
    assert row == pytest.approx(point[1] * n_rows / 100 - 0.5, abs=0.5 + 1e-9)
    assert column == pytest.approx(point[0] * n_columns / 200 - 0.5, abs=0.5 + 1e-9)


BOXES = st.lists(
    st.tuples(st.integers(0, 150), st.integers(0, 80), st.integers(1, 50), st.integers(1, 20)), min_size=1, max_size=6
)  # fmt: skip


@given(BOXES, POINTS)
def test_nothing_else_is_nearer(corners, points) -> None:
    things = [SceneObject(str(k), (x, y, x + w, y + h)) for k, (x, y, w, h) in enumerate(corners)]
    found = assign(things, np.array(points), SIZE)
    for point, number, beside in zip(points, found.objects, found.beside_px, strict=True):
        away = [_away(point, thing.box_px) for thing in things]
        assert beside == pytest.approx(min(away), abs=1e-9)
        assert away[number] == pytest.approx(min(away), abs=1e-9)


def _away(point, box) -> float:
    """Distance to the nearest point of a box."""
    nearest = [min(max(point[k], box[k]), box[k + 2]) for k in (0, 1)]
    return float(np.hypot(point[0] - nearest[0], point[1] - nearest[1]))


def test_patches_take_the_place_of_objects_and_leave_the_scene() -> None:
    scene = patched(Scene("desk", None, SIZE, 10.0, (TABLE, CUP)), (2, 4))
    assert [thing.name for thing in scene.objects] == [f"r{r}c{c}" for r in range(2) for c in range(4)]
    assert scene.objects[-1].box_px == (150, 50, 200, 100)
    assert (scene.name, scene.size_px, scene.pixels_per_degree) == ("desk", SIZE, 10.0)
