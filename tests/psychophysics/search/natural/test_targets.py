from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.search.natural.targets import MAX_EXAMPLES, Look, shown
from cogattn.testing.scenes import make_scenes, write_scenes
from cogattn.vision.scenes import read_scenes
from cogattn.vision.scenes.scene import Scene, Target


def test_a_picture_comes_before_a_category_and_that_before_a_box() -> None:
    scenes = make_scenes(3, told="category")
    (scene, *_), target = scenes, scenes[0].target
    assert target is not None
    pictured = dataclasses.replace(
        scene, target=dataclasses.replace(target, picture=np.ones((4, 4), np.uint8))
    )
    assert (shown(pictured, scenes).how, shown(scene, scenes).how) == ("picture", "category")
    assert [look.scene for look in shown(scene, scenes).looks] == ["scene001", "scene002"]
    assert (shown(scene, [scene]).how, shown(scene, [scene]).looks[0].scene) == ("box", scene.name)


def test_what_is_absent_is_shown_as_others_of_its_category_look() -> None:
    scenes = make_scenes(2, told="category")
    absent = dataclasses.replace(scenes[0], target=Target("it", category="stripes", present=False))
    found = shown(absent, [absent, *scenes[1:]])
    assert [look.scene for look in found.looks] == ["scene001"]


def test_examples_come_from_other_images_and_are_few() -> None:
    scenes = make_scenes(MAX_EXAMPLES + 4, told="category")
    again = dataclasses.replace(scenes[0], name="same image, another search")
    looks = shown(scenes[0], [*scenes, again]).looks
    assert len(looks) == MAX_EXAMPLES
    assert not {"scene000", again.name} & {look.scene for look in looks}


def test_a_box_is_cut_out_by_whole_pixels_within_the_image(tmp_path: Path) -> None:
    image = np.arange(60, dtype=np.uint8).reshape(6, 10)
    assert Look("s", image, (2.2, 1.0, 4.9, 3.4)).image * 255 == pytest.approx(image[1:3, 2:5])
    assert Look("s", image, (8.0, -3.0, 30.0, 0.2)).image * 255 == pytest.approx(image[:1, 8:])
    (scene,) = read_scenes(write_scenes(tmp_path, make_scenes(1, thing_px=(12, 24), told="box")))
    (look,) = shown(scene, [scene]).looks
    assert look.size == (24, 12)
    assert look.image.shape == (12, 24)
    assert set(np.unique(look.image)) == {0.0, 1.0}  # the stripes


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        (None, "must have a target"),
        (Target("it"), "must have a picture, a box, or a category"),
        (Target("it", category="cup", present=False), "must have a picture, a box, or a category"),
    ],
)
def test_scenes_of_whose_target_nothing_can_be_shown_are_refused(target: Target | None, rule: str) -> None:
    scene = Scene("nothing", np.zeros((4, 4), np.uint8), (4, 4), target=target)
    with pytest.raises(DataError, match=rule):
        shown(scene, [scene, *make_scenes(2, told="category")])
