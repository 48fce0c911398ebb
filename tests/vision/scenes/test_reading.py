"""What every layout shares: digests of all that a scene is, and sentences about what was left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cogattn.vision.scenes import Scanpath, Scene, SceneObject, Target, digest_of
from cogattn.vision.scenes.leaving import LeftOut

PATH = Scanpath(
    "ann", np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([9.0, 9.0]), np.array([0.0, 20.0]), True, 8
)
THING = SceneObject("cup", (1, 1, 5, 5), "cup", np.array([[1.0, 1], [5, 1], [5, 5]]), np.array([0.5]))
TARGET = Target("cup", np.zeros((4, 4), dtype=np.uint8), (1, 1, 5, 5), "cup", True)
SCENE = Scene("desk", np.zeros((6, 8), dtype=np.uint8), (6, 8), 10.0, (THING,), TARGET, (PATH,), (4.0, 3.0))

CHANGES = {
    "name": replace(SCENE, name="hall"),
    "image": replace(SCENE, picture=np.ones((6, 8), dtype=np.uint8)),
    "no image": replace(SCENE, picture=None),
    "layout": replace(SCENE, layout="room"),
    "scale": replace(SCENE, pixels_per_degree=11.0),
    "start": replace(SCENE, start_px=None),
    "no target": replace(SCENE, target=None),
    "no scanpath": replace(SCENE, scanpaths=()),
    "no object": replace(SCENE, objects=()),
    **{
        f"target's {name}": replace(SCENE, target=replace(TARGET, **{name: value}))
        for name, value in {
            "name": "fork", "picture": None, "box_px": (1, 1, 5, 4), "category": "", "present": False,
        }.items()
    },
    **{
        f"object's {name}": replace(SCENE, objects=(replace(THING, **{name: value}),))
        for name, value in {
            "name": "fork", "box_px": (0, 1, 5, 5), "category": "", "polygon_px": None, "features": np.array([0.6]),
        }.items()
    },
    **{
        f"scanpath's {name}": replace(SCENE, scanpaths=(replace(PATH, **{name: value}),))
        for name, value in {
            "person": "bob", "fixations_px": PATH.fixations_px + 1, "durations_ms": None,
            "onsets_ms": np.array([0.0, 21.0]), "found": None, "max_saccades": None,
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_digest_changes_with_whatever_a_scene_is(change) -> None:
    assert digest_of(CHANGES[change]) != digest_of(SCENE)


def test_a_digest_is_of_content(tmp_path) -> None:
    copy = replace(
        SCENE, picture=SCENE.picture.copy(), scanpaths=(replace(PATH, fixations_px=PATH.fixations_px.copy()),)
    )
    assert digest_of(copy) == digest_of(SCENE)
    assert len({digest_of(scene) for scene in CHANGES.values()}) == len(CHANGES)


def test_durations_and_onsets_are_told_apart() -> None:
    only = replace(PATH, durations_ms=PATH.onsets_ms, onsets_ms=None)
    other = replace(PATH, durations_ms=None)
    assert digest_of(replace(SCENE, scanpaths=(only,))) != digest_of(replace(SCENE, scanpaths=(other,)))


def test_what_is_left_out_is_counted_by_reason_and_the_first_are_named() -> None:
    left_out = LeftOut()
    for name in "edcba":
        left_out.add("box", "without a side", name)
    left_out.add("scene", "without an image", "z")
    assert left_out.sentences() == (
        "5 boxes without a side were left out (a; b; c and 2 more)",
        "1 scene without an image was left out (z)",
    )
    assert LeftOut().sentences() == ()
