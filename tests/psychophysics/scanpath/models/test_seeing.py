from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import timm
import torch
from torch.nn import functional

from cogattn.attention import FoveaConfig, FoveatedTransformer
from cogattn.errors import DataError
from cogattn.observers.build import timm_network
from cogattn.psychophysics.scanpath.layouts.items import Layout
from cogattn.psychophysics.scanpath.models.seeing import see
from cogattn.vision.fovea import Backbone, Level
from cogattn.vision.scenes.scene import Scene, SceneObject, Target


class Cells:
    """Shows the image itself, and its mean over cells of 8 pixels, as a network might."""

    name = "cells"

    def __init__(self) -> None:
        self.images: list[torch.Tensor] = []

    def __call__(self, images: torch.Tensor) -> list[Level]:
        self.images.append(images)
        height, width = images.shape[-2:]
        padded = functional.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate")
        return [Level(padded, 1), Level(functional.avg_pool2d(padded, 8), 8)]


IMAGE = np.random.default_rng(0).uniform(0, 1, (44, 60, 3)).astype(np.float32)


def layout(*objects: SceneObject, target: Target | None = None, image: np.ndarray | None = IMAGE) -> Layout:
    scene = Scene("room", image, (44, 60), objects=objects, target=target)
    return Layout(scene, np.zeros((len(objects), 2)), np.ones((len(objects), 2)), None, "room", 1.0)


def test_a_box_takes_the_part_of_each_cell_that_it_covers() -> None:
    seen = see(layout(SceneObject("a", (8, 16, 24, 24)), SceneObject("b", (3.5, 2, 9, 12.25))), Cells())
    np.testing.assert_allclose(seen.objects[0][0], IMAGE[16:24, 8:24].mean((0, 1)), rtol=1e-5)
    across, down = np.zeros(60), np.zeros(44)
    across[3:9], down[2:13] = [0.5, 1, 1, 1, 1, 1], [*[1] * 10, 0.25]
    weighted = np.einsum("y,x,yxc->c", down, across, IMAGE) / (across.sum() * down.sum())
    np.testing.assert_allclose(seen.objects[0][1], weighted, rtol=1e-5)
    cells = IMAGE[:40, :56].reshape(5, 8, 7, 8, 3).mean((1, 3))
    down, across = np.array([6, 4.25]), np.array([4.5, 1])  # pixels of each cell
    weighted = np.einsum("y,x,yxc->c", down, across, cells[:2, :2]) / (down.sum() * across.sum())
    np.testing.assert_allclose(seen.objects[1][1], weighted, rtol=1e-5)


def test_an_outline_comes_before_its_box() -> None:
    corner = np.array([[8, 8], [40, 8], [40, 16], [16, 16], [16, 32], [8, 32]], dtype=float)  # an L
    seen = see(layout(SceneObject("l", (8, 8, 40, 32), polygon_px=corner)), Cells())
    inside = np.zeros((44, 60), dtype=bool)
    inside[8:16, 8:40] = inside[16:32, 8:16] = True
    np.testing.assert_allclose(seen.objects[0][0], IMAGE[inside].mean(0), rtol=1e-5)
    assert np.abs(seen.objects[0][0] - IMAGE[8:32, 8:40].mean((0, 1))).max() > 0.005
    np.testing.assert_allclose(seen.objects[1][0], seen.objects[0][0], rtol=1e-5)


def test_an_outline_that_covers_no_pixel_counts_as_its_box() -> None:
    thin = np.array([[8.6, 8], [8.9, 8], [8.9, 30], [8.6, 30]])
    box = (8.6, 8.0, 8.9, 30.0)
    outlined, boxed = (
        see(layout(SceneObject("t", box, polygon_px=shape)), Cells()).objects[1] for shape in (thin, None)
    )
    np.testing.assert_allclose(outlined, boxed, rtol=0.3)
    assert np.isfinite(outlined).all()


def test_a_targets_picture_is_seen_alone_in_a_mirrored_surround() -> None:
    picture = IMAGE[4:20, 4:20]
    eye = Cells()
    seen = see(layout(SceneObject("a", (0, 0, 9, 9)), target=Target("it", picture=picture)), eye)
    shown = eye.images[1][0].movedim(0, -1).numpy()
    np.testing.assert_array_equal(shown, np.pad(picture, ((15, 15), (15, 15), (0, 0)), mode="reflect"))
    assert seen.target is not None
    np.testing.assert_allclose(seen.target[0], picture.mean((0, 1)), rtol=1e-5)
    assert (
        see(layout(SceneObject("a", (0, 0, 9, 9)), target=Target("it", category="cup")), eye).target is None
    )


def test_a_grey_image_is_one_of_three_equal_channels() -> None:
    seen = see(layout(SceneObject("a", (0, 0, 9, 9)), image=IMAGE[..., 0]), Cells())
    np.testing.assert_allclose(seen.objects[0][0], IMAGE[:9, :9, 0].mean().repeat(3), rtol=1e-5)


def test_what_cannot_be_seen_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"appearance must be none.*room"):
        see(layout(SceneObject("a", (0, 0, 9, 9)), image=None), Cells())

    class Broken(Cells):
        def __call__(self, images: torch.Tensor) -> list[Level]:
            return [dataclasses.replace(level, maps=level.maps / 0) for level in super().__call__(images)]

    with pytest.raises(DataError, match=r"must be finite.*room"):
        see(layout(SceneObject("a", (0, 0, 9, 9))), Broken())


@pytest.fixture
def foveated() -> Backbone:
    """Sees nothing but the patch under gaze and its neighbours."""
    torch.manual_seed(0)
    module = FoveatedTransformer(timm.create_model("test_vit"), FoveaConfig(radius_deg=1.5))
    return Backbone(timm_network(module, name="test_vit", device="cpu"), n_levels=2)


def test_a_transformer_with_a_fovea_looks_at_each_object_in_turn(foveated: Backbone) -> None:
    """What lies beyond its radius from an object has no part in what is said of the object."""
    image = np.random.default_rng(1).uniform(0, 1, (128, 128, 3)).astype(np.float32)
    other = image.copy()
    other[64:] = 0.5
    things = SceneObject("upper", (16, 16, 32, 32)), SceneObject("lower", (80, 80, 96, 96))

    def seen(pixels: np.ndarray) -> tuple[np.ndarray, ...]:
        scene = Scene("room", pixels, (128, 128), objects=things)
        middle = np.array([[-40.0, -40.0], [24.0, 24.0]]) / 16
        return see(Layout(scene, middle, np.ones((2, 2)), None, "room", 16.0), foveated).objects

    for before, after in zip(seen(image), seen(other), strict=True):
        np.testing.assert_allclose(after[0], before[0], rtol=1e-4, atol=1e-5)
        assert np.abs(after[1] - before[1]).max() > 0.01


def test_a_targets_picture_is_looked_at_in_its_middle(foveated: Backbone) -> None:
    """Of a picture larger than the fovea the rim is not seen."""
    picture = np.random.default_rng(2).uniform(0, 1, (128, 128, 3)).astype(np.float32)
    rimless = picture.copy()
    rimless[:16], rimless[:, :16] = 0.5, 0.5
    thing, seen = SceneObject("a", (0, 0, 16, 16)), []
    for pixels in (picture, rimless):
        scene = Scene("room", picture, (128, 128), objects=(thing,), target=Target("it", picture=pixels))
        shown = Layout(scene, np.full((1, 2), -3.5), np.ones((1, 2)), None, "room", 16.0)
        seen.append(see(shown, foveated).target)
    for before, after in zip(*seen, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)
