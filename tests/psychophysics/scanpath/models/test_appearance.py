from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from cogattn.errors import DataError
from cogattn.observers.config import TimmObserver
from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath.config import ScanpathConfig
from cogattn.psychophysics.scanpath.layouts.grids import patched
from cogattn.psychophysics.scanpath.layouts.items import Layout, ObjectPath, PathSet
from cogattn.psychophysics.scanpath.models import appearance
from cogattn.psychophysics.scanpath.models.appearance import Appearance, appearance_of
from cogattn.psychophysics.scanpath.models.seeing import Seen
from cogattn.testing.scenes import make_scenes, texture
from cogattn.vision.scenes.scene import Scene, SceneObject, Target

SMALL = "test_resnet"
RANDOM = ScanpathConfig(observer=TimmObserver(models=(SMALL,), weights="random"))
NAMES = [f"scene{i:03d}" for i in range(6)]


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    appearance._eyes.clear()
    yield
    appearance._eyes.clear()


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of layouts as they are passed through a network."""
    seen: list[str] = []
    plain = appearance.see

    def counted(layout: Layout, backbone: appearance.Backbone) -> Seen:
        seen.append(layout.name)
        return plain(layout, backbone)

    monkeypatch.setattr(appearance, "see", counted)
    return seen


def data(n: int = 6, *, seed: int = 0) -> PathSet:
    """Scenes with their target among the objects, the last one, which is told by its picture."""
    layouts = []
    for scene in make_scenes(n, seed=seed):
        assert scene.target is not None
        assert scene.target.box_px is not None
        corners = [SceneObject(f"c{x}", (x, 0.0, x + 16.0, 16.0)) for x in (0, 40, 80)]
        things = (*corners, *scene.objects, SceneObject("target", scene.target.box_px))
        scene = dataclasses.replace(scene, objects=things)
        n_objects = len(things)
        layouts.append(
            Layout(scene, np.zeros((n_objects, 2)), np.ones((n_objects, 2)), n_objects - 1, scene.name, 8.0)
        )
    path = ObjectPath(0, "p", np.zeros(1, dtype=np.int64), np.zeros((1, 2)))
    return PathSet(tuple(layouts), (path,))


def equal(one: Appearance, other: Appearance) -> bool:
    same = one.features.keys() == other.features.keys()
    return same and all(torch.equal(one.features[name], other.features[name]) for name in one.features)


def test_each_layout_is_told_by_the_same_numbers_twice_over() -> None:
    every = data()
    first = appearance_of(RANDOM, Observer(SMALL), every, NAMES[:4])
    assert list(first.features) == NAMES
    assert all(
        one.shape == (6, first.n_features) and one.dtype == torch.float32 for one in first.features.values()
    )
    appearance._eyes.clear()
    assert equal(first, appearance_of(RANDOM, Observer(SMALL), every, NAMES[:4]))


def test_layouts_of_the_test_have_no_part_in_what_is_fitted() -> None:
    every, others = data(), data(seed=5)
    exchanged = dataclasses.replace(every, layouts=(*every.layouts[:4], *others.layouts[4:]))
    found, other = (appearance_of(RANDOM, Observer(SMALL), one, NAMES[:4]) for one in (every, exchanged))
    alone = appearance_of(
        RANDOM, Observer(SMALL), dataclasses.replace(every, layouts=every.layouts[:4]), NAMES[:4]
    )
    for name, array in found.state.items():
        np.testing.assert_array_equal(array, other.state[name])
        np.testing.assert_array_equal(array, alone.state[name])
    assert not torch.equal(found.features[NAMES[5]], other.features[NAMES[5]])
    more = appearance_of(RANDOM, Observer(SMALL), every, NAMES[:5])
    assert not np.array_equal(more.state["channels_0"], found.state["channels_0"])


def test_further_splits_cost_no_pass_and_other_networks_do(passes: list[str]) -> None:
    every = data()
    for names in (NAMES[:4], NAMES[2:]):
        appearance_of(RANDOM, Observer(SMALL), every, names)
    assert sorted(passes) == NAMES
    appearance_of(RANDOM, Observer(SMALL).control("without geometry"), every, NAMES[:4])
    assert len(passes) == 6
    appearance_of(RANDOM, Observer(SMALL).control("untrained", copy=0), every, NAMES[:4])
    assert len(passes) == 12


def test_no_more_is_kept_than_fits_and_the_numbers_are_the_same(
    passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    every = data()
    kept = appearance_of(RANDOM, Observer(SMALL), every, NAMES[:4])
    (eye,) = appearance._eyes.values()
    assert eye.n_bytes == sum(one.n_bytes for one in eye.kept.values()) > 0
    limit = eye.n_bytes // 2
    appearance._eyes.clear()
    monkeypatch.setattr(appearance, "KEPT_BYTES", limit)
    passes.clear()
    assert equal(kept, appearance_of(RANDOM, Observer(SMALL), every, NAMES[:4]))
    (eye,) = appearance._eyes.values()
    assert (len(eye.kept), eye.n_bytes <= limit) == (3, True)
    assert len(passes) > 6


def test_untrained_copies_have_seeds_of_their_own() -> None:
    every, network = data(), Observer(SMALL)
    first, again, second = (
        appearance_of(RANDOM, network.control("untrained", copy=copy), every, NAMES[:4]) for copy in (0, 0, 1)
    )
    assert equal(first, again)
    assert not equal(first, second)


def test_what_was_fitted_tells_of_another_set_in_the_same_numbers() -> None:
    every, others = data(), data(4, seed=3)
    found = appearance_of(RANDOM, Observer(SMALL), every, NAMES[:4])
    applied = Appearance.apply(found.state, RANDOM, Observer(SMALL), every)
    for name in NAMES[4:]:
        assert torch.equal(applied.features[name], found.features[name])
    elsewhere = Appearance.apply(found.state, RANDOM, Observer(SMALL), others)
    both = PathSet((*every.layouts[:4], *_renamed(others)), every.paths)
    direct = appearance_of(RANDOM, Observer(SMALL), both, NAMES[:4])
    for name, array in elsewhere.features.items():
        assert torch.equal(array, direct.features[f"other {name}"])


def _renamed(data: PathSet) -> list[Layout]:
    return [
        dataclasses.replace(one, scene=dataclasses.replace(one.scene, name=f"other {one.name}"))
        for one in data.layouts
    ]


def test_a_state_of_another_network_is_refused() -> None:
    every = data(3)
    state = appearance_of(RANDOM, Observer(SMALL), every, NAMES[:3]).state
    other = ScanpathConfig(observer=TimmObserver(models=("test_efficientnet",), weights="random"))
    with pytest.raises(DataError, match="test_efficientnet"):
        Appearance.apply(state, other, Observer("test_efficientnet"), every)


def test_what_has_no_image_or_no_training_is_refused() -> None:
    every = data(3)
    with pytest.raises(DataError, match="layout of training"):
        appearance_of(RANDOM, Observer(SMALL), every, [])
    blind = dataclasses.replace(
        every.layouts[1], scene=dataclasses.replace(every.layouts[1].scene, picture=None)
    )
    with pytest.raises(DataError, match=r"appearance must be none.*scene001"):
        appearance_of(RANDOM, Observer(SMALL), PathSet((blind,), every.paths), NAMES)


def test_transformers_are_looked_at_as_well() -> None:
    settings = ScanpathConfig(observer=TimmObserver(models=("test_vit",), weights="random"))
    found = appearance_of(settings, Observer("test_vit"), data(3), NAMES[:2])
    assert all(torch.isfinite(one).all() for one in found.features.values())


def patches_of_textures(n: int) -> PathSet:
    """Textures cut into 5 x 6 patches; one that is not at the border is looked for by its picture."""
    layouts = []
    for i in range(n):
        rng = np.random.default_rng(i)
        image = np.round(255 * texture((240, 288), rng)).astype(np.uint8)
        row, column = int(rng.integers(1, 4)), int(rng.integers(1, 5))
        shown = Target("patch", picture=image[48 * row :, 48 * column :][:48, :48])
        scene = patched(Scene(f"texture{i}", image, (240, 288), target=shown), (5, 6))
        layouts.append(Layout(scene, np.zeros((30, 2)), np.ones((30, 2)), 6 * row + column, scene.name, 8.0))
    return PathSet(tuple(layouts), ())


def test_to_a_trained_network_few_patches_look_more_like_the_targets_picture_than_the_target() -> None:
    every = patches_of_textures(12)
    names = [one.name for one in every.layouts[:8]]
    found = appearance_of(ScanpathConfig(), Observer("tf_efficientnet_lite0"), every, names)
    above = []
    for layout in every.layouts:
        assert layout.target is not None
        likeness = found.features[layout.name][:, -4]
        above.append(float((likeness > likeness[layout.target]).float().mean()))
    assert np.mean(above) < 0.15
    assert max(above) < 0.25
