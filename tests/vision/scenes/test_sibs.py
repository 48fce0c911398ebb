"""sibs: made-up records with the faults of the published ones, and the published ones."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.io import loadmat, savemat

from cogattn.errors import DataError
from cogattn.vision.scenes import digests, read_scenes
from cogattn.vision.scenes.scene import pixels


def test_scenes_people_and_targets_are_those_of_the_records(files, tmp_path) -> None:
    found = read_scenes(files.write_sibs(tmp_path))
    assert found.layout == "sibs"
    assert found.left_out == ()
    assert [scene.name for scene in found] == ["hall_1", "kitchen_1", "kitchen_2"]
    scene = found.scenes[1]
    assert scene.size_px == (60, 80)
    assert scene.image.shape == (60, 80)
    assert scene.target.box_px == files.BOX
    assert scene.target.picture.name == "kitchen_1_template_1.jpg"
    assert scene.start_px == (39.5, 29.5)  # two of three began there
    assert [path.person for path in scene.scanpaths] == list(files.PEOPLE)
    assert [path.found for path in scene.scanpaths] == [True, True, False]
    assert_allclose(scene.scanpaths[0].onsets_ms, [0, 250, 500, 750])
    assert scene.scanpaths[0].max_saccades == 8


def test_fixations_of_failed_searches_are_those_measured_not_those_moved(files, tmp_path) -> None:
    scene = read_scenes(files.write_sibs(tmp_path)).scenes[1]
    for person, path in enumerate(scene.scanpaths):
        assert_allclose(path.fixations_px, files.gaze(0, person))


def test_a_search_ends_where_its_target_was_reached(files, tmp_path) -> None:
    record = files.sibs_record(0, 0, found=True)
    record |= {name: record[name][:, :2] for name in ("x", "y", "t")}
    (scene,) = read_scenes(files.save_sibs(tmp_path, [record]))
    assert_allclose(scene.scanpaths[0].fixations_px, files.gaze(0, 0)[:2])
    assert len(scene.scanpaths[0].durations_ms) == 2


def test_the_scale_is_nominal_or_told(files, tmp_path) -> None:
    files.write_sibs(tmp_path)
    assert read_scenes(tmp_path).scenes[0].scale == pytest.approx(39.68, abs=0.01)
    assert read_scenes(tmp_path, pixels_per_degree=10).scenes[0].scale == 10


def test_what_cannot_be_used_is_left_out_and_counted(files, tmp_path) -> None:
    records = [
        files.sibs_record(0, 0, found=True),
        files.sibs_record(0, 1, found=True),
        files.sibs_record(0, 1, found=False),
        files.sibs_record(0, 2, found=True, old=np.array([[5.0, 5.0], [np.nan, 5.0]])),
        files.sibs_record(1, 0, found=True, old=np.zeros((0, 2))),
        files.sibs_record(2, 0, found=True),
    ]
    files.save_sibs(tmp_path, records)
    (tmp_path / "images" / "hall_1.jpg").unlink()
    found = read_scenes(tmp_path)
    assert [(scene.name, len(scene.scanpaths)) for scene in found] == [("kitchen_1", 1), ("kitchen_2", 0)]
    assert found.left_out == (
        "2 scanpaths of a person who has several there were left out (JLA, kitchen_1; JLA, kitchen_1)",
        "1 scanpath with a fixation that is nowhere (NaN) was left out (VIT, kitchen_1)",
        "1 scanpath without a fixation was left out (AMB, kitchen_2)",
        "1 scene whose image is missing was left out (hall_1)",
    )


def test_another_mat_file_is_refused_in_a_sentence(files, tmp_path) -> None:
    savemat(tmp_path / "info_all_subj.mat", {"info": np.zeros(3)})
    with pytest.raises(DataError, match="must hold one struct array of searches"):
        read_scenes(tmp_path)
    (tmp_path / "info_all_subj.mat").write_bytes(b"not a mat file, but long enough to look at" * 9)
    with pytest.raises(DataError, match="must hold one struct array of searches"):
        read_scenes(tmp_path)


# ---- the published files


def test_published_records_hold_what_the_reader_says_of_them(shared_data) -> None:
    folder = shared_data / "scanpath" / "sibs"
    if not folder.is_dir():
        pytest.skip("sibs is not here")
    records = loadmat(folder / "info_all_subj.mat", simplify_cells=True)["info_per_subj_final"]
    assert len(records) == 7455
    n_failed = 0
    for record in records:
        x, y, t = (np.atleast_1d(record[name]).astype(float) for name in ("x", "y", "t"))
        old = {name: np.atleast_1d(record["old"][name]).astype(float) for name in ("x", "y", "t")}
        at = np.searchsorted(old["t"], t)
        assert (old["t"][at] == t).all()
        left, top = -record["screen_rect"][:2]
        across, down = (0, 0) if record["target_found"] else (top, left)
        n_failed += len(x) > 0 and not record["target_found"]
        assert_allclose(x, np.clip(old["x"][at] + across, 0, 1024))
        assert_allclose(y, np.clip(old["y"][at] + down, 0, 768))
    assert n_failed == 3396


def test_published_templates_lie_in_their_boxes(shared_data) -> None:
    folder = shared_data / "scanpath" / "sibs"
    if not folder.is_dir():
        pytest.skip("sibs is not here")
    found = read_scenes(folder)
    assert len(found) == 134
    assert sum(len(scene.scanpaths) for scene in found) == 7454
    assert len({path.person for scene in found for path in scene.scanpaths}) == 57
    assert len(found.left_out) == 1
    for scene in found.scenes[::10]:
        left, top, right, bottom = (int(side) for side in scene.target.box_px)
        template, image = scene.target.picture, scene.image[top:bottom, left:right]
        assert np.corrcoef(image.ravel(), pixels(template).ravel())[0, 1] > 0.97
    middles = np.array([np.median(path.fixations_px, axis=0) for scene in found for path in scene.scanpaths])
    found_or_not = np.array([path.found for scene in found for path in scene.scanpaths])
    for side in (0, 1):  # as read, those who failed looked about where the others did
        assert abs(middles[found_or_not, side].mean() - middles[~found_or_not, side].mean()) < 40


def test_digests_follow_what_a_scene_is_and_not_where_it_lies(files, tmp_path) -> None:
    first = digests(files.write_sibs(tmp_path / "a"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert digests(tmp_path / "b") == first
    files.draw(tmp_path / "b" / "templates" / "hall_1_template_1.jpg", (12, 12), seed=99)
    changed = digests(tmp_path / "b")
    assert [name for name in first if changed[name] != first[name]] == ["hall_1"]
    assert digests(tmp_path / "a", pixels_per_degree=39.0).keys() == first.keys()
    assert not set(digests(tmp_path / "a", pixels_per_degree=39.0).values()) & set(first.values())
