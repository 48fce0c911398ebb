"""Scenes in tables: every kind of target, the order of rows, and what a table can get wrong."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cogattn.errors import DataError
from cogattn.vision.scenes import digests, read_scenes


def test_targets_come_by_picture_by_category_or_are_absent(files, tmp_path) -> None:
    found = read_scenes(files.write_table(tmp_path))
    assert (found.layout, found.left_out) == ("table", ())
    hall, first, second = found.scenes
    assert [scene.name for scene in found] == [
        f"photographs/{n}" for n in ("hall_1", "kitchen_1", "kitchen_2")
    ]
    assert first.target.picture.name == "cup.png"
    assert (first.target.box_px, first.target.present) == (files.BOX, True)
    assert (hall.target.picture, hall.target.category, hall.target.box_px) == (None, "lamp", files.BOX)
    assert (second.target.category, second.target.present, second.target.box_px) == ("lamp", False, None)
    assert (first.scale, first.start_px, first.size_px) == (10, (40, 30), (60, 80))


def test_fixations_and_objects_find_their_scenes(files, tmp_path) -> None:
    scene = read_scenes(files.write_table(tmp_path)).scenes[1]
    assert [path.person for path in scene.scanpaths] == list(files.PEOPLE)
    for person, path in enumerate(scene.scanpaths):
        assert_allclose(path.fixations_px, files.gaze(0, person))
        assert_allclose(path.onsets_ms, [0, 250, 500, 750])
        assert path.found
    assert {path.found for path in read_scenes(tmp_path).scenes[2].scanpaths} == {False}
    cup, table = scene.objects
    assert (cup.name, cup.box_px, cup.polygon_px) == ("cup", files.BOX, None)
    assert_allclose(cup.features, [0.5])
    assert table.box_px == (5, 40, 75, 58)  # about its corners
    assert_allclose(table.polygon_px, [[5, 40], [75, 40], [60, 58]])


def test_a_row_without_a_target_is_free_viewing(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png", grey=False)
    files.write_csv(tmp_path / "scenes.csv", [{"image": "a.png"}])
    (scene,) = read_scenes(tmp_path)
    assert scene.target is None
    assert scene.image.shape == (60, 80, 3)
    assert scene.pixels_per_degree is None
    assert read_scenes(tmp_path, pixels_per_degree=12).scenes[0].scale == 12


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_does_not_matter(files, tmp_path, seed) -> None:
    before = digests(files.write_table(tmp_path))
    for name in ("scenes.csv", "fixations.csv", "objects.csv"):
        head, *rows = (tmp_path / name).read_text().splitlines()
        random.Random(seed).shuffle(rows)
        (tmp_path / name).write_text("\n".join([head, *rows]))
    assert digests(tmp_path) == before


def test_onsets_order_fixations_where_no_number_does(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png")
    files.write_csv(tmp_path / "scenes.csv", [{"image": "a.png"}])
    rows = [
        {"image": "a.png", "person": "p", "x": x, "y": 1, "onset_ms": t}
        for x, t in ((9, 300), (4, 0), (6, 100))
    ]
    files.write_csv(tmp_path / "fixations.csv", rows)
    (path,) = read_scenes(tmp_path).scenes[0].scanpaths
    assert_allclose(path.fixations_px[:, 0], [4, 6, 9])
    assert (path.found, path.durations_ms, path.max_saccades) == (None, None, None)


def test_several_targets_in_an_image_are_several_scenes(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png")
    rows = [{"image": "a.png", "category": name} for name in ("fork", "cup")]
    files.write_csv(tmp_path / "scenes.csv", rows)
    files.write_csv(tmp_path / "fixations.csv", [{"image": "a.png", "person": "p", "x": 1, "y": 1}])
    found = read_scenes(tmp_path)
    assert [scene.name for scene in found] == ["a, cup", "a, fork"]
    assert found.left_out == ("1 row of no scene was left out (fixations.csv: line 2)",)
    assert [scene.name for scene in read_scenes(tmp_path, n_scenes=1)] == ["a, cup"]


def fixations(*rows: tuple[str, object, object, object]) -> list[dict[str, object]]:
    return [{"image": "a.png", "person": p, "x": x, "y": y, "fixation": n} for p, x, y, n in rows]


def test_each_fault_of_gaze_leaves_out_that_scanpath_and_is_named(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png")
    files.write_csv(tmp_path / "scenes.csv", [{"image": "a.png"}])
    rows = fixations(("good", 1, 1, 1), ("good", 500, -9, 2), ("nan", "nan", 2, 1), ("blank", "", 2, 1))
    for row in rows:
        row |= {"onset_ms": 10 * int(str(row["fixation"])), "duration_ms": 5}
    rows += [
        {"image": "a.png", "person": "back", "x": 1, "y": 1, "fixation": n, "onset_ms": t, "duration_ms": 5}
        for n, t in ((1, 50), (2, 20))
    ]
    rows.append(rows[0] | {"person": "negative", "duration_ms": -5})
    files.write_csv(tmp_path / "fixations.csv", rows)
    found = read_scenes(tmp_path)
    assert found.left_out == (
        "1 scanpath whose onsets do not rise was left out (back, a)",
        "2 scanpaths with a fixation that is nowhere (NaN) were left out (blank, a; nan, a)",
        "1 scanpath with durations below 0 was left out (negative, a)",
    )
    (path,) = found.scenes[0].scanpaths
    assert path.person == "good"
    assert_allclose(path.fixations_px[1], [500, -9])  # off the image: the eye was there


def scene(**row: object) -> dict[str, object]:
    return {"image": "a.png", "target": "cup"} | row


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (scene(left=70, top=5, right=90, bottom=9), "whose target's box is empty or outside the image"),
        (scene(left=70, top=5, right=60, bottom=9), "whose target's box is empty or outside the image"),
        (scene(left=70, top=5, right=75), "whose target's box is empty or outside the image"),
        (scene(target_picture="missing.png"), "whose target's picture is missing"),
        (scene(target_picture="scenes.csv"), "whose target's picture cannot be read"),
        (scene(), "whose target is told by nothing"),
        (scene(image="missing.png", category="cup"), "whose image is missing"),
        (scene(image="scenes.csv", category="cup"), "whose image cannot be read"),
    ],
)
def test_each_fault_of_a_scene_leaves_it_out_and_is_named(files, tmp_path: Path, row, fault) -> None:
    files.draw(tmp_path / "a.png")
    good = {"image": "a.png", "scene": "good", "category": "fork"}
    files.write_csv(tmp_path / "scenes.csv", [row, good])
    found = read_scenes(tmp_path)
    assert [scene.name for scene in found] == ["good"]
    assert len(found.left_out) == 1
    assert found.left_out[0].startswith(f"1 scene {fault} was left out (")
    files.write_csv(tmp_path / "scenes.csv", [row])
    with pytest.raises(DataError, match="scenes must be usable; got none"):
        read_scenes(tmp_path)


def test_a_box_that_sticks_out_by_a_pixel_is_cut(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png")
    files.write_csv(tmp_path / "scenes.csv", [scene(left=-1, top=-1, right=9, bottom=61)])
    assert read_scenes(tmp_path).scenes[0].target.box_px == (0, 0, 9, 60)


def test_scenes_of_one_name_are_all_left_out(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png")
    rows = [scene(category="cup", scene="one"), scene(category="fork", scene="one"), scene(category="cup")]
    files.write_csv(tmp_path / "scenes.csv", rows)
    found = read_scenes(tmp_path)
    assert len(found) == 1
    assert found.left_out == ("1 name that several scenes have was left out (one, 2 times)",)


def test_faulty_objects_are_left_out_and_unknown_columns_named(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png")
    files.write_csv(tmp_path / "scenes.csv", [{"image": "a.png", "lef": 3}])
    rows = [
        {"object": "line", "polygon": "1 1; 5 5"},
        {"object": "outside", "polygon": "1 1; 5 5; 900 5"},
        {"object": "nowhere"},
        {"object": "whole", "polygon": "1 1; 5 5; 9 5"},
        *[{"object": "twin", "polygon": "1 1; 5 5; 9 5"}] * 2,
    ]
    files.write_csv(tmp_path / "objects.csv", [{"image": "a.png"} | row for row in rows])
    found = read_scenes(tmp_path)
    assert [thing.name for thing in found.scenes[0].objects] == ["whole"]
    assert found.left_out == (
        "1 column of an unknown name was left out (scenes.csv: lef)",
        "2 objects whose box is empty or outside the image were left out (nowhere, a; outside, a)",
        "2 objects whose name others have were left out (twin, a; twin, a)",
        "1 object whose polygon has fewer than three corners was left out (line, a)",
    )


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        (
            "scenes.csv",
            [{"picture": "a.png"}],
            "scenes.csv must have the column image, or scene, width, height; got none named scene",
        ),
        (
            "scenes.csv",
            [{"scene": "", "width": 4, "height": 3}],
            "must tell scene or image; got neither \\(line 2",
        ),
        ("scenes.csv", [{"image": "../a.png"}], "files of scenes must lie in their folder"),
        ("scenes.csv", [{"image": "/etc/passwd"}], "files of scenes must lie in their folder"),
        (
            "scenes.csv",
            [{"image": "a.png", "left": "three"}],
            "must hold numbers; got .* \\(scenes.csv, left\\)",
        ),
        (
            "scenes.csv",
            [{"image": "a.png", "present": "maybe"}],
            "present and found must be one of .* 'maybe'",
        ),
        ("fixations.csv", [{"image": "a.png", "x": 1, "y": 1}], "fixations.csv must have the columns"),
        ("fixations.csv", [{"image": "a.png", "person": "p", "x": "l", "y": 1}], "must hold numbers"),
        ("objects.csv", [{"image": "a.png", "object": "o", "polygon": "1 2; 3"}], "polygon must be"),
    ],
)
def test_wrong_tables_are_refused_in_one_sentence(files, tmp_path, name, rows, message) -> None:
    files.draw(tmp_path / "a.png")
    files.write_csv(tmp_path / "scenes.csv", [{"image": "a.png"}])
    files.write_csv(tmp_path / name, rows)
    with pytest.raises(DataError, match=message):
        read_scenes(tmp_path)


def test_layouts_are_told_by_their_files_or_must_be_said(files, tmp_path) -> None:
    with pytest.raises(DataError, match="must be a folder or file"):
        read_scenes(tmp_path / "missing")
    with pytest.raises(DataError, match="signs of none"):
        read_scenes(tmp_path)
    files.write_table(tmp_path)
    files.write_sibs(tmp_path)
    with pytest.raises(DataError, match="signs of table and sibs"):
        read_scenes(tmp_path)
    assert len(read_scenes(tmp_path, layout="sibs")) == 3
    assert len(read_scenes(tmp_path / "scenes.csv")) == 3
    assert np.all([scene.target for scene in read_scenes(tmp_path, layout="table")])


def test_a_row_without_an_image_is_a_layout_of_the_size_that_it_tells(files, tmp_path) -> None:
    files.draw(tmp_path / "a.png")
    scenes = [
        {"scene": "shelf 1", "width": 400, "height": 300, "layout": "shelf", "target": "tin 3"},
        {"scene": "shelf 2", "width": 400, "height": 300, "layout": "shelf", "pixels_per_degree": 20},
        {"scene": "shelf 3", "width": 400},
        {"image": "a.png", "width": 90, "height": 60},
        {"scene": "photograph", "image": "a.png", "width": 80, "height": 60},
    ]
    files.write_csv(tmp_path / "scenes.csv", scenes)
    corners = {f"tin {k}": f"{9 * k} 0; {9 * k + 8} 0; {9 * k + 4} 9" for k in range(12)} | {
        "line": "0 0; 9 9; 4 4"
    }
    things = [{"scene": "shelf 1", "object": name, "polygon": polygon} for name, polygon in corners.items()]
    files.write_csv(tmp_path / "objects.csv", things)
    files.write_csv(tmp_path / "fixations.csv", [{"scene": "shelf 1", "person": "ann", "x": 3, "y": 4}])
    found = read_scenes(tmp_path)
    assert found.left_out == (
        "1 object whose polygon has no area was left out (line, shelf 1)",
        "1 scene whose image has another size than its table says was left out (a)",
        "1 scene without an image or its size was left out (shelf 3)",
    )
    photograph, first, second = found.scenes
    assert (first.picture, first.size_px, first.layout, second.layout) == (None, (300, 400), "shelf", "shelf")
    assert (first.target.name, second.target, second.scale, photograph.layout) == ("tin 3", None, 20, "")
    assert [thing.name for thing in first.objects] == [f"tin {k}" for k in range(12)]  # 10 comes after 9
    assert first.objects[2].polygon_px.tolist() == [[18, 0], [26, 0], [22, 9]]
    assert len(first.scanpaths) == 1
