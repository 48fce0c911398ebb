"""From scenes to layouts and scanpaths over objects: what is kept, what is left out and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from pydantic import ValidationError

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import (
    ObjectSettings,
    ScanpathConfig,
    ScenesSettings,
    SyntheticSettings,
)
from cogattn.psychophysics.scanpath.layouts.items import PathSet
from cogattn.psychophysics.scanpath.layouts.reading import data_of, digests_of, target_in
from cogattn.psychophysics.scanpath.layouts.synthetic import simulate

THINGS = {
    "bowl": (10, 10, 50, 50), "cup": (60, 10, 80, 30), "desk": (0, 55, 80, 60), "spoon": (20, 20, 30, 30),
}  # fmt: skip
"""In the order of their names; the spoon lies in the bowl."""
LOOKS = {
    "ann": ((15, 15), (25, 25), (70, 20), (70, 21), (55, 20)),
    "bob": ((40, 52), (95, 20), (10, 58), (70, 20)),
}
"""The last of ann's is 5 pixels beside cup and bowl; bob's first 2 beside the bowl, his second off the image."""


def write(folder: Path, *scenes: dict[str, object], looks=LOOKS, things=THINGS) -> Path:
    """Scenes of 80 x 60, each with those things and looks, as tables."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes = scenes or ({},)
    rows = [{"scene": f"s{k}", "width": 80, "height": 60, **scene} for k, scene in enumerate(scenes)]
    pd.DataFrame(rows).to_csv(folder / "scenes.csv", index=False)
    objects = [
        {
            "scene": row["scene"],
            "object": name,
            **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
        }
        for row in rows
        for name, box in things.items()
    ]
    if objects:
        pd.DataFrame(objects).to_csv(folder / "objects.csv", index=False)
    fixations = [
        {"scene": row["scene"], "person": who, "fixation": n, "x": x, "y": y, "duration_ms": 100 + n}
        for row in rows
        for who, path in looks.items()
        for n, (x, y) in enumerate(path)
    ]
    pd.DataFrame(fixations).to_csv(folder / "fixations.csv", index=False)
    return folder


def read(folder: Path, *, scenes: dict[str, object] | None = None, **objects: object) -> PathSet:
    return data_of(
        ScanpathConfig(
            scenes=ScenesSettings(path=folder, **(scenes or {})), objects=ObjectSettings(**objects)
        )
    )


def test_fixations_become_objects(tmp_path) -> None:
    found = read(write(tmp_path, {"pixels_per_degree": 10}))
    ann, bob = found.paths
    assert (ann.person, bob.person, ann.n_given) == ("ann", "bob", 0)
    assert_array_equal(ann.objects, [0, 3, 1, 1, 0])  # of equally near ones the first
    assert_array_equal(bob.objects, [0, 2, 1])
    assert_allclose(bob.durations_ms, [100, 102, 103])
    assert_allclose(bob.fixations_px, [[40, 52], [10, 58], [70, 20]])
    assert found.left_out == ("1 fixation outside the image was left out (bob, s0)",)
    assert found.remarks == (
        "2 of 8 fixations (25.0%) lie on no object and count for the nearest, 0.35 degrees away on average "
        "(objects.beside)",
        "1 of 8 fixations (12.5%) lie in more than one object and count for the smallest; in 1 of 1 layout an "
        "object's middle lies in another",
    )


def test_layouts_are_in_degrees_from_the_middle(tmp_path) -> None:
    (layout,) = read(write(tmp_path, {"pixels_per_degree": 10})).layouts
    assert_allclose(layout.position_deg, [[-1, 0], [3, -1], [0, 2.75], [-1.5, -0.5]])
    assert_allclose(layout.size_deg, [[4, 4], [2, 2], [8, 0.5], [1, 1]])
    assert_allclose(np.exp(layout.log_area), [16, 4, 4, 1])


def test_without_a_scale_the_longer_side_counts_as_32_degrees_and_it_is_said(tmp_path) -> None:
    found = read(write(tmp_path))
    assert found.layouts[0].scale == 80 / 32
    assert "the scale of the layouts is not known: the longer side counts as 32 degrees" in found.remarks[0]
    told = read(tmp_path, scenes={"pixels_per_degree": 10})
    assert told.layouts[0].scale == 10
    assert not any("32 degrees" in remark for remark in told.remarks)
    some = read(write(tmp_path, {"pixels_per_degree": 10}, {}))
    assert "the scale of 1 layout is not known" in some.remarks[0]


def test_fixations_beside_are_dropped_where_that_is_asked_for(tmp_path) -> None:
    found = read(write(tmp_path, {"pixels_per_degree": 10}), beside="drop")
    assert_array_equal(found.paths[0].objects, [0, 3, 1, 1])
    assert_array_equal(found.paths[1].objects, [2, 1])
    assert found.left_out[0] == "2 fixations on no object (objects.beside) were left out (ann, s0; bob, s0)"
    near = read(tmp_path, beside_deg=0.3)
    assert_array_equal(near.paths[0].objects, [0, 3, 1, 1])
    assert_array_equal(near.paths[1].objects, [0, 2, 1])
    assert near.left_out[0].startswith(
        "1 fixation more than 0.3 degrees beside an object (objects.beside_deg)"
    )


def test_successive_fixations_on_one_object_are_merged_where_that_is_asked_for(tmp_path) -> None:
    found = read(write(tmp_path), merge=True)
    assert_array_equal(found.paths[0].objects, [0, 3, 1, 0])
    assert_allclose(found.paths[0].durations_ms, [100, 101, 102 + 103, 104])
    assert_allclose(found.paths[0].fixations_px[2], [70, 20])
    assert "1 fixation on the object of the one before was merged with it (objects.merge)" in found.remarks


def test_the_first_fixation_is_told_where_the_experiment_set_it(tmp_path) -> None:
    folder = write(tmp_path, {"start_x": 40, "start_y": 30}, {})
    assert [path.n_given for path in read(folder).paths] == [1, 1, 0, 0]
    assert [path.n_given for path in read(folder, first="given").paths] == [1, 1, 1, 1]
    assert [path.n_given for path in read(folder, first="predicted").paths] == [0, 0, 0, 0]
    # bob's first one is beside all: the next one was his own choice
    assert [path.n_given for path in read(folder, first="given", beside="drop").paths] == [1, 0, 1, 0]


def test_scanpaths_with_nothing_to_predict_and_layouts_without_any_are_left_out(tmp_path) -> None:
    looks = {"ann": ((15, 15),), "bob": ((15, 15), (200, 15)), "cat": ((15, 15), (70, 20)), "dan": ((-5, 3),)}
    found = read(write(tmp_path, looks=looks), first="given")
    assert [path.person for path in found.paths] == ["cat"]
    assert found.left_out == (
        "2 fixations outside the image were left out (bob, s0; dan, s0)",
        "3 scanpaths with no fixation to predict were left out (ann, s0; bob, s0; dan, s0)",
    )
    only_ann = write(tmp_path / "ann", {}, {}, looks={"ann": ((15, 15), (70, 20))})
    table = pd.read_csv(only_ann / "fixations.csv")
    table[table.scene == "s0"].to_csv(only_ann / "fixations.csv", index=False)
    found = read(only_ann)
    assert [layout.name for layout in found.layouts] == ["s0"]
    assert found.left_out == ("1 layout without a usable scanpath was left out (s1)",)
    with pytest.raises(
        DataError, match="scenes must have scanpaths over objects; got none: 1 fixation outside"
    ):
        read(write(tmp_path / "dan", looks={"dan": ((-5, 3),)}))


def test_the_target_is_the_object_that_holds_the_middle_of_its_box(tmp_path) -> None:
    box = {"left": 22, "top": 22, "right": 28, "bottom": 28}
    nowhere = {"left": 51, "top": 40, "right": 58, "bottom": 50}
    absent = {"target": "cup", "category": "cup", "present": "no"}
    scenes = {"target": "t", **box}, {"target": "cup"}, {"target": "t", **nowhere}, {}, absent
    folder = write(tmp_path, *scenes)
    found = read(folder)
    assert [layout.target for layout in found.layouts] == [3, 1, None, None, None]
    assert [layout.target_name for layout in found.layouts] == ["t", "cup", "t", "", "cup"]
    assert found.remarks[-1] == "in 1 layout the target is on no object, and models are not told it (s2)"
    unknown = read(folder, target_position="unknown")
    assert [layout.target for layout in unknown.layouts] == [None] * 5
    assert [target_in(layout) for layout in unknown.layouts] == [3, 1, None, None, None]


def test_patches_are_objects_where_some_scene_has_none(tmp_path) -> None:
    folder = write(tmp_path, {"pixels_per_degree": 10}, {"pixels_per_degree": 10})
    table = pd.read_csv(folder / "objects.csv")
    table[table.scene == "s0"].to_csv(folder / "objects.csv", index=False)
    found = read(folder, grid=(3, 4))
    assert {layout.n_objects for layout in found.layouts} == {12}
    assert_array_equal(found.paths[0].objects, [0, 5, 7, 7, 6])
    assert found.remarks == (
        "objects are the patches of a grid of 3 x 4 over each image (objects.grid), since only 1 of 2 "
        "layouts has objects",
    )
    given = read(folder, source="given")
    assert [layout.name for layout in given.layouts] == ["s0"]
    assert "1 layout with fewer than two objects was left out (s1)" in given.left_out
    assert {layout.n_objects for layout in read(folder, source="grid", grid=(1, 2)).layouts} == {2}
    with pytest.raises(ValidationError, match="grid must have 2 to 10,000 patches"):
        ObjectSettings(grid=(1, 1))


def test_scenes_of_one_image_or_one_layout_are_one_group(tmp_path) -> None:
    folder = write(
        tmp_path, {"image": "a.png"}, {"image": "b.png"}, {"image": "c.png"}, {"layout": "shelf"}, {}
    )
    for name, grey in (("a", 0), ("b", 9), ("c", 0)):
        Image.new("L", (80, 60), grey).save(folder / f"{name}.png")
    assert [layout.group for layout in read(folder).layouts] == ["s0", "s1", "s0", "shelf", "s4"]


def test_under_aliasing_everybody_has_the_last_persons_scanpath_as_in_the_published_script(tmp_path) -> None:
    folder = write(tmp_path)
    found = read(folder, scenes={"aliased": True})
    honest = read(folder)
    assert [path.person for path in found.paths] == ["ann", "bob"]
    for path in found.paths:
        assert_array_equal(path.objects, honest.paths[1].objects)
        assert_allclose(path.fixations_px, honest.paths[1].fixations_px)
    assert found.remarks[0].startswith("everybody has the scanpath of the last person")


def test_the_same_files_are_read_once_and_changed_ones_again(tmp_path) -> None:
    folder = write(tmp_path)
    first, before = read(folder), digests_of(ScanpathConfig(scenes=ScenesSettings(path=folder)))
    assert read(folder) is first
    assert list(before) == ["s0"]
    table = pd.read_csv(folder / "fixations.csv").assign(x=lambda rows: rows.x.clip(upper=70))
    table.to_csv(folder / "fixations.csv", index=False)
    assert len(read(folder).paths[1].objects) == 4
    assert digests_of(ScanpathConfig(scenes=ScenesSettings(path=folder))) != before


def test_simulated_layouts_follow_from_settings_and_seed_alone() -> None:
    small = SyntheticSettings(n_layouts=6, n_people=2)
    config = ScanpathConfig(synthetic=small, seed=3)
    found = data_of(config)
    assert len(found.layouts) == 6
    assert_array_equal(found.paths[1].fixations_px, simulate(small, 3)[0].scanpaths[1].fixations_px)
    assert data_of(config.model_copy(update={"n_samples": 3})) is found
    digests = digests_of(config)
    assert list(digests) == [layout.name for layout in found.layouts]
    assert not set(digests.values()) & set(digests_of(config.model_copy(update={"seed": 4})).values())
    assert len(data_of(ScanpathConfig(synthetic=small, scenes=ScenesSettings(n_scenes=2))).layouts) == 2


def test_published_collages_become_84_objects_each(shared_data) -> None:
    folder = shared_data / "scanpath" / "amazon"
    if not folder.is_dir():
        pytest.skip("AmazonCovers is not here")
    found = read(folder)
    assert (len(found.layouts), len(found.paths), sum(map(len, found.paths))) == (100, 600, 8_683)
    assert {layout.n_objects for layout in found.layouts} == {84}
    records = json.loads((folder / "Amazon.json").read_text())
    for layout in found.layouts:
        own, told = (
            np.array(one.box_px) for one in (layout.scene.objects[layout.target], layout.scene.target)
        )
        assert np.abs(own - told).max() < 30
        assert layout.target_name == records[f"{layout.name}.jpg"]["target"].removesuffix(".jpg")
    on_target = [path.objects[-1] == found.layout_of(path).target for path in found.paths]
    assert 0.8 < np.mean(on_target) < 0.9
    assert found.left_out == ()
    aliased = read(folder, scenes={"aliased": True})
    assert len({tuple(map(tuple, path.fixations_px)) for path in aliased.paths}) == 100


def test_published_photographs_become_patches(shared_data) -> None:
    folder = shared_data / "scanpath" / "osie"
    if not folder.is_dir():
        pytest.skip("OSIE is not here")
    found = read(folder, scenes={"n_scenes": 20})
    assert (len(found.layouts), len(found.paths), len(found.people)) == (20, 300, 15)
    assert {path.n_given for path in found.paths} == {0}
    assert all(path.durations_ms is not None for path in found.paths)
