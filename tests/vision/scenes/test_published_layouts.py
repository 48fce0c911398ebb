"""ViSioNS, VisualSearchAsymmetry and COCO-Search18, made up in their true layouts, faults included."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cogattn.errors import DataError
from cogattn.vision.scenes import digests, read_scenes


def changed(file, change) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


# ---- ViSioNS


def test_visions_rows_and_columns_become_x_and_y(files, tmp_path) -> None:
    found = read_scenes(files.write_visions(tmp_path))
    assert (found.layout, found.left_out) == ("visions", ())
    scene = found.scenes[1]
    assert scene.name == "kitchen_1"
    assert scene.target.box_px == files.BOX
    assert scene.target.category == ""  # TBD
    assert found.scenes[0].target.category == "cup"
    assert scene.start_px == (40, 30)
    assert scene.pixels_per_degree is None
    for person, path in enumerate(scene.scanpaths):
        assert path.person == files.PEOPLE[person]
        assert_allclose(path.fixations_px, files.gaze(0, person))
        assert_allclose(path.durations_ms, 200)
        assert (path.max_saccades, path.found) == (8, True)


def test_visions_times_that_kept_their_length_are_left_out(files, tmp_path) -> None:
    files.write_visions(tmp_path)
    file = tmp_path / "human_scanpaths" / "subjJLA_scanpaths.json"
    changed(file, lambda paths: paths["kitchen_1.jpg"]["T"].extend([90, 80]))
    found = read_scenes(tmp_path)
    (path,) = (path for path in found.scenes[1].scanpaths if path.person == "JLA")
    assert path.durations_ms is None
    assert len(path.fixations_px) == 4
    assert found.left_out == (
        "1 duration list of another length than the fixations was left out (JLA, kitchen_1)",
    )


def test_visions_scanpaths_on_a_resized_image_are_scaled(files, tmp_path) -> None:
    files.write_visions(tmp_path)

    def halve(paths) -> None:
        path = paths["hall_1.jpg"]
        path |= {"image_height": 30, "image_width": 40}
        path |= {"X": [x / 2 for x in path["X"]], "Y": [y / 2 for y in path["Y"]]}

    changed(tmp_path / "human_scanpaths" / "subjAMB_scanpaths.json", halve)
    assert_allclose(read_scenes(tmp_path).scenes[0].scanpaths[0].fixations_px, files.gaze(2, 0))


def test_visions_searches_of_one_image_go_to_the_target_that_they_were_for(files, tmp_path) -> None:
    files.write_visions(tmp_path)

    def second(trials) -> None:
        trials.append(trials[0] | {"target": "template_hall_1.jpg", "target_matched_row": 3})

    changed(tmp_path / "trials_properties.json", second)
    found = read_scenes(tmp_path)
    assert {scene.name: len(scene.scanpaths) for scene in found} == {
        "hall_1": 3, "kitchen_1, template_hall_1.jpg": 0, "kitchen_1, template_kitchen_1.jpg": 3, "kitchen_2": 3,
    }  # fmt: skip


def test_visions_wrong_forms_are_refused_or_counted(files, tmp_path) -> None:
    files.write_visions(tmp_path)
    one = tmp_path / "human_scanpaths" / "subjVIT_scanpaths.json"
    changed(one, lambda paths: paths.update({"attic.jpg": paths["hall_1.jpg"]}))
    changed(one, lambda paths: paths["kitchen_2.jpg"]["X"].pop())
    assert read_scenes(tmp_path).left_out == (
        "1 scanpath whose X and Y disagree was left out (VIT, kitchen_2)",
        "1 scanpath whose image is in no trial was left out (VIT, attic.jpg)",
    )
    changed(one, lambda paths: paths["hall_1.jpg"].pop("X"))
    with pytest.raises(DataError, match="must hold X and Y of each scanpath"):
        read_scenes(tmp_path)
    one.write_text("{")
    with pytest.raises(DataError, match="must be readable JSON"):
        read_scenes(tmp_path)
    one.unlink()
    changed(tmp_path / "dataset_info.json", lambda info: info.update(images_dir="../elsewhere"))
    with pytest.raises(DataError, match="must lie in their folder"):
        read_scenes(tmp_path)
    changed(tmp_path / "trials_properties.json", lambda trials: trials[1].pop("image_width"))
    with pytest.raises(DataError, match="got none named image_width \\(entry 1\\)"):
        read_scenes(tmp_path)


# ---- VisualSearchAsymmetry


@pytest.mark.parametrize("order", [(1, 0), (0, 1)])
def test_vsa_people_are_read_whichever_coordinate_comes_first(files, tmp_path, order) -> None:
    found = read_scenes(files.write_vsa(tmp_path, order=order))
    assert found.layout == "vsa"
    assert [scene.name for scene in found] == ["1", "2"]
    for k, scene in enumerate(found):
        assert scene.size_px == (512, 640)
        assert scene.target.box_px == (400, 160, 496, 256)
        assert scene.scale == pytest.approx(15.6)  # half the screen's
        assert [path.found for path in scene.scanpaths] == [True, True, False]
        for person, path in enumerate(scene.scanpaths):
            assert_allclose(path.fixations_px, 8 * files.gaze(k, person))
            assert path.max_saccades == 5


def test_vsa_sets_are_told_apart_and_arrays_of_objects_have_no_people(files, tmp_path) -> None:
    files.write_vsa(tmp_path)
    files.write_vsa(tmp_path, name="ObjArr")
    np.save(tmp_path / "dataset" / "ObjArr" / "gt_mask.npy", np.zeros(3))
    found = read_scenes(tmp_path)
    assert {scene.name: len(scene.scanpaths) for scene in found} == {
        "ObjArr/1": 0, "ObjArr/2": 0, "Waldo/1": 3, "Waldo/2": 3,
    }  # fmt: skip
    assert found.left_out == ("1 group of people who searched arrays of objects was left out (ObjArr)",)
    assert len(read_scenes(tmp_path / "dataset" / "Waldo")) == 2


def test_vsa_arrays_that_do_not_fit_are_refused(files, tmp_path) -> None:
    files.write_vsa(tmp_path)
    out = tmp_path / "out" / "Waldo"
    np.save(out / "ifix" / "I_human_all.npy", np.ones(5))
    with pytest.raises(DataError, match=r"a row for each search; got \(5,\)"):
        read_scenes(tmp_path)
    np.save(out / "fix" / "human_all.npy", np.ones((5, 6, 2)))
    with pytest.raises(DataError, match=r"rows for each of 2 images and two columns; got \(5, 6, 2\)"):
        read_scenes(tmp_path)
    (out / "fix" / "human_all.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="must be an array of numbers"):
        read_scenes(tmp_path)
    np.save(out / "fix" / "human_all.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="must be an array of numbers"):
        read_scenes(tmp_path)


def test_vsa_images_without_a_target_or_its_place_are_left_out(files, tmp_path) -> None:
    files.write_vsa(tmp_path)
    files.draw(tmp_path / "dataset" / "Waldo" / "gt" / "gt_2.png", seed=0).unlink()
    found = read_scenes(tmp_path)
    assert [scene.name for scene in found] == ["1"]
    assert_allclose(
        found.scenes[0].scanpaths[2].fixations_px, 8 * files.gaze(0, 2)
    )  # people stay with their image
    assert "1 scene without an image, a target's picture or its place was left out (2)" in found.left_out


def test_published_displays_have_their_targets_in_their_cells(shared_data) -> None:
    folder = shared_data / "search" / "eccnet_golden"
    if not folder.is_dir():
        pytest.skip("eccnet_golden is not here")
    found = read_scenes(folder)
    assert [scene.name for scene in found] == ["32", "33", "34", "35", "36"]
    cells = np.load(folder / "cells.npz")
    assert cells.files
    for scene in found:
        assert scene.scale == 30
        left, top, right, bottom = scene.target.box_px
        assert 44 <= right - left <= 50
        assert 36 <= bottom - top <= 50


# ---- COCO-Search18


def test_coco_boxes_have_a_width_and_a_height_and_absent_targets_none(files, tmp_path) -> None:
    found = read_scenes(files.write_coco(tmp_path))
    assert (found.layout, found.left_out) == ("coco_search18", ())
    present, absent = found.scenes
    assert present.target.box_px == (1000, 400, 1240, 640)
    assert (absent.target.box_px, absent.target.present) == (None, False)
    assert present.target.category == absent.target.category == "cup"
    assert [path.found for path in present.scanpaths] == [True, False]
    assert [path.found for path in absent.scanpaths] == [False, False]
    assert_allclose(present.scanpaths[0].fixations_px, 20 * files.gaze(0, 1))
    assert_allclose(present.scanpaths[0].durations_ms, 200)
    assert present.scale == pytest.approx(1680 / 54, rel=1e-3)
    assert present.start_px == absent.start_px == (840, 525)


def test_coco_fixations_off_the_screen_stay_and_wrong_lengths_go(files, tmp_path) -> None:
    files.write_coco(tmp_path)
    file = tmp_path / "coco_search18_fixations_split1.json"

    def spoil(searches) -> None:
        searches[0]["X"][1] = -300.0
        searches[1]["length"] = 3

    changed(file, spoil)
    found = read_scenes(tmp_path)
    (path,) = found.scenes[0].scanpaths
    assert path.fixations_px[1, 0] == -300
    assert found.left_out == ("1 scanpath whose X, Y and length disagree was left out (2, 000000000001)",)
    assert len(read_scenes(file)) == 2


def test_coco_images_of_another_size_are_left_out(files, tmp_path) -> None:
    files.write_coco(tmp_path)
    files.draw(tmp_path / "images" / "cup" / "000000000001.jpg", (480, 640))
    found = read_scenes(tmp_path)
    assert len(found) == 1
    assert found.left_out == (
        "1 scene whose image has another size than its table says was left out (000000000001)",
    )


def test_coco_order_of_searches_and_splits_does_not_matter(files, tmp_path) -> None:
    before = digests(files.write_coco(tmp_path))
    file = tmp_path / "coco_search18_fixations_split1.json"
    searches = json.loads(file.read_text())
    files.write_json(file, searches[:1])
    files.write_json(tmp_path / "coco_search18_fixations_split2.json", searches[:0:-1])
    assert digests(tmp_path) == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda searches: searches[0].pop("X"), "got none named X"),
        (lambda searches: searches[0].update(condition="perhaps"), "condition must be present or absent"),
        (lambda searches: searches[0].update(bbox=[1, 2]), "bbox must be left, top, width and height"),
        (lambda searches: searches[0].update(X="far"), "X of 1, .* must hold numbers; got 'far'"),
        (lambda searches: searches[0].update(name="../../1.jpg"), "must lie in their folder"),
    ],
)
def test_coco_wrong_forms_are_refused(files, tmp_path, spoil, message) -> None:
    files.write_coco(tmp_path)
    changed(tmp_path / "coco_search18_fixations_split1.json", spoil)
    with pytest.raises(DataError, match=message):
        read_scenes(tmp_path)
