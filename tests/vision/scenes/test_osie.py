"""OSIE: made-up files of its form, and the published ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.io import loadmat, savemat

from cogattn.errors import DataError
from cogattn.vision.scenes import read_scenes


@pytest.mark.parametrize("shown", [1, 2, 4])
def test_fixations_are_in_pixels_of_the_image_whatever_its_size(files, tmp_path, shown) -> None:
    found = read_scenes(files.write_osie(tmp_path, shown=shown))
    assert (found.layout, found.left_out) == ("osie", ())
    scene = found.scenes[1]
    assert (scene.name, scene.size_px, scene.target, scene.start_px) == (
        "1002", (600 // shown, 800 // shown), None, None,
    )  # fmt: skip
    path = scene.scanpaths[3]
    assert_allclose(path.fixations_px, 10 * files.gaze(1, 3) / shown)
    assert_allclose(scene.to_degrees(path.fixations_px), (10 * files.gaze(1, 3) - (400, 300)) / 24)
    assert_allclose(path.durations_ms, 180)


def test_people_have_numbers_whose_order_is_theirs(files, tmp_path) -> None:
    scene = read_scenes(files.write_osie(tmp_path)).scenes[0]
    assert [path.person for path in scene.scanpaths] == [f"{number:02d}" for number in range(1, 13)]
    assert [len(path.fixations_px) for path in scene.scanpaths] == [1, *[4] * 11]


def test_a_scale_that_is_told_counts(files, tmp_path) -> None:
    assert read_scenes(files.write_osie(tmp_path), pixels_per_degree=9).scenes[0].scale == 9


@pytest.mark.parametrize("shown", [1, 2])
def test_masks_become_polygons_and_what_they_have_their_category(files, tmp_path, shown) -> None:
    found = read_scenes(files.write_osie(tmp_path, shown=shown, masks=True))
    assert found.left_out == ("2 objects whose mask is empty were left out (3, 1001.jpg; 3, 1002.jpg)",)
    box, disc = found.scenes[0].objects
    assert (box.name, box.category, disc.category) == ("1", "face", "face, text")
    assert_allclose(box.box_px, np.array(files.MASK_PX) / shown, atol=1e-9)
    assert_allclose(disc.features, [1, 1])
    x, y = disc.polygon_px.T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    assert area * shown**2 == pytest.approx(np.pi * 80**2, rel=0.01)
    assert_allclose(np.mean([disc.box_px[:2], disc.box_px[2:]], axis=0) * shown, [600, 400], atol=0.5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"other": np.zeros(3)}, "must hold fixations, structs with img, subjects"),
        ({"fixations": np.zeros(3)}, "must hold fixations, structs with img, subjects"),
        ({"fixations": {"img": "1001.jpg", "subjects": {"x": 1}}}, "must hold fix_x, fix_y and fix_duration"),
        (
            {"fixations": {"img": "1001.jpg", "subjects": {"fix_x": [1, 2], "fix_y": 1, "fix_duration": 1}}},
            "must be as many; got 2 and 1",
        ),
    ],
)
def test_another_form_is_refused_in_a_sentence(files, tmp_path, content, message) -> None:
    files.write_osie(tmp_path)
    savemat(tmp_path / "fixations.mat", content)
    with pytest.raises(DataError, match=message):
        read_scenes(tmp_path, layout="osie")


def test_objects_without_a_mask_are_refused_in_a_sentence(files, tmp_path) -> None:
    files.write_osie(tmp_path, masks=True)
    savemat(tmp_path / "attrs.mat", {"attrs": {"img": "1001.jpg", "objs": {"features": [1]}}})
    with pytest.raises(
        DataError, match=r"attrs.mat must hold a map of each object; got none \(1, 1001.jpg\)"
    ):
        read_scenes(tmp_path)


def test_an_image_that_is_missing_is_left_out(files, tmp_path) -> None:
    (files.write_osie(tmp_path) / "stimuli" / "1001.jpg").unlink()
    found = read_scenes(tmp_path)
    assert [scene.name for scene in found] == ["1002"]
    assert found.left_out == ("1 scene whose image is missing was left out (1001)",)


def test_published_fixations_lie_in_their_images(shared_data) -> None:
    folder = shared_data / "scanpath" / "osie"
    if not folder.is_dir():
        pytest.skip("OSIE is not here")
    found = read_scenes(folder)
    assert (len(found), found.left_out, found.layout) == (700, (), "osie")
    assert {len(scene.scanpaths) for scene in found} == {15}
    assert sum(len(path.fixations_px) for scene in found for path in scene.scanpaths) == 98_321
    raw = loadmat(folder / "fixations.mat", simplify_cells=True)["fixations"]
    for scene, record in zip(found.scenes[::70], raw[::70], strict=True):
        assert record["img"] == f"{scene.name}.jpg"
        height, width = scene.size_px
        for path, one in zip(scene.scanpaths, record["subjects"], strict=True):
            assert_allclose(path.fixations_px[:, 0] / width, np.atleast_1d(one["fix_x"]) / 800)
            assert_allclose(path.fixations_px[:, 1] / height, np.atleast_1d(one["fix_y"]) / 600)
            assert (path.fixations_px > 0).all()
            assert (path.fixations_px < (width, height)).all()
