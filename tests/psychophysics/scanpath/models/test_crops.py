from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.layouts.items import Layout
from cogattn.psychophysics.scanpath.models import crops as cropping
from cogattn.psychophysics.scanpath.models.crops import Crops, crops_of
from cogattn.vision.scenes.scene import Scene, SceneObject


def layout(name: str = "scene", picture: np.ndarray | None = None, boxes: tuple = ()) -> Layout:
    size = (40, 60) if picture is None else picture.shape[:2]
    objects = tuple(SceneObject(str(i), box) for i, box in enumerate(boxes))
    scene = Scene(name, picture, size, objects=objects)
    return Layout(scene, np.zeros((len(boxes), 2)), np.ones((len(boxes), 2)), None, name, 1.0)


def test_a_crop_is_what_the_box_holds_upright_and_in_colour() -> None:
    picture = np.zeros((40, 60, 3), dtype=np.uint8)
    picture[10:20, 30:50, 0] = 200  # above
    picture[20:30, 30:50, 2] = 200  # below
    found = crops_of(layout(picture=picture, boxes=((30, 10, 50, 30), (0, 0, 10, 10))))
    assert found.shape == (2, 3, 150, 93)
    assert found.dtype == torch.uint8
    assert (found[0, 0, :70] == 255).all()
    assert (found[0, 0, 80:] == 0).all()
    assert (found[0, 2, 80:] == 255).all()
    assert (found[1] == 0).all()


def test_each_crop_is_stretched_to_the_whole_range() -> None:
    ramp = np.tile(np.linspace(0.4, 0.6, 60, dtype=np.float32), (40, 1))
    found = crops_of(layout(picture=ramp, boxes=((0, 0, 60, 40), (0, 0, 30, 40))), size=(30, 40))
    assert found.amin((1, 2, 3)).tolist() == [0, 0]
    assert found.amax((1, 2, 3)).tolist() == [255, 255]
    assert_close(found[0, :, 0].float(), found[0, :, 20].float())  # grey in all channels and rows


def test_a_scene_without_an_image_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"must have an image.*shelf"):
        crops_of(layout("shelf", boxes=((0, 0, 5, 5),)))


def test_crops_are_cut_once_and_no_more_are_kept_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    layouts = [layout(name, picture, ((0, 0, 30, 30), (10, 0, 40, 30))) for name in "abc"]
    cut: list[str] = []
    plain = cropping.crops_of

    def counted(one: Layout, *, size: tuple[int, int]) -> torch.Tensor:
        cut.append(one.name)
        return plain(one, size=size)

    monkeypatch.setattr(cropping, "crops_of", counted)
    every = Crops(layouts, size=(30, 30), kept_bytes=2 * 2 * 3 * 900)
    for name in "abaacab":
        assert torch.equal(every[name], plain(layouts["abc".index(name)], size=(30, 30)))
    assert cut == ["a", "b", "c", "b"]
    assert list(every) == ["a", "b", "c"]
    with pytest.raises(KeyError):
        every["d"]
