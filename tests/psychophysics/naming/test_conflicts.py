"""Cue-conflict images: folders that are listed or refused, and drawn ones whose two cues are where they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cogattn.errors import DataError
from cogattn.psychophysics.naming.conflicts import DrawnConflicts, list_conflicts, score_conflicts, texture_of
from cogattn.vision.images.silhouettes import SILHOUETTES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six images: two of them of one category twice."""
    for number, name in enumerate(
        [
            "bear/bear1-cat2",
            "bear/bear2-bear1",
            "cat/cat1-dog3",
            "cat/cat1-bear3",
            "dog/dog10-dog2",
            "dog/dog1-cat1",
        ]
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 20), (40 * number, 0, 255)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_folder_is_listed_without_images_of_one_category(folder: Path):
    images = list_conflicts(folder)
    assert images.ids == (
        "bear/bear1-cat2.png",
        "cat/cat1-bear3.png",
        "cat/cat1-dog3.png",
        "dog/dog1-cat1.png",
    )
    assert images.shapes == ("bear", "cat", "cat", "dog")
    assert images.textures == ("cat", "bear", "dog", "cat")
    assert images.load(3).shape == (3, 20, 20)
    np.testing.assert_allclose(images.load(3)[:, 0, 0], [200 / 255, 0, 1], atol=1e-6)


def test_every_image_is_shown_once_and_in_order(folder: Path):
    images = list_conflicts(folder)
    reds = torch.tensor([0.0, 120.0, 80.0, 200.0]) / 255

    def scores_of(shown: torch.Tensor) -> torch.Tensor:
        which = (shown[:, :1, 0, 0] - reds).abs().argmin(1)
        return torch.nn.functional.one_hot(which + 5, 16)

    assert score_conflicts(images, [3, 0, 2], scores_of).argmax(1).tolist() == [8, 5, 7]
    assert score_conflicts(images, [], scores_of).shape == (0, 16)


def test_content_tells_bytes_and_names(folder: Path):
    before = list_conflicts(folder).content()
    assert list_conflicts(folder).content() == before
    file = folder / "cat" / "cat1-dog3.png"
    file.write_bytes(file.read_bytes() + b"\0")
    changed = list_conflicts(folder).content()
    file.rename(file.with_name("cat1-dog4.png"))
    assert len({before, changed, list_conflicts(folder).content()}) == 3


@pytest.mark.parametrize(
    "name", ["bear/cat1-bear2.png", "bear/bear1.png", "bear/bear1-ferret2.png", "zebra/zebra1-cat1.png"]
)
def test_names_that_do_not_tell_two_categories_are_refused(folder: Path, name: str):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(DataError, match=name):
        list_conflicts(folder)


def test_folders_without_conflicts_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="got none"):
        list_conflicts(tmp_path / "missing")
    (tmp_path / "bear").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "bear" / "bear1-bear2.png")
    with pytest.raises(DataError, match="another category; got none"):
        list_conflicts(tmp_path)


def test_damaged_image_is_named(folder: Path):
    (folder / "bear" / "bear1-cat2.png").write_bytes(b"\x89PNG no more")
    images = list_conflicts(folder)
    assert list(images.damaged()) == ["bear/bear1-cat2.png"]
    with pytest.raises(DataError, match="bear1-cat2"):
        images.load(0)


def test_every_sixteen_drawn_images_have_each_shape_and_each_texture_once():
    images = DrawnConflicts(480, 64, seed=0)
    for start in range(0, 480, 16):
        assert sorted(images.shapes[start : start + 16]) == sorted(SILHOUETTES)
        assert sorted(images.textures[start : start + 16]) == sorted(SILHOUETTES)
    pairs = list(zip(images.shapes, images.textures, strict=True))
    assert len(set(pairs[:240])) == 240
    assert pairs[:240] == pairs[240:]
    assert all(shape != texture for shape, texture in pairs)
    assert len(set(images.ids)) == 480
    for name, (shape, texture) in zip(images.ids, pairs, strict=True):
        assert name.startswith(f"{shape}/{shape}")
        assert texture_of(name.partition("/")[2]) == texture


def test_a_drawn_image_depends_on_seed_and_name_alone():
    few, many = DrawnConflicts(16, 64, seed=3), DrawnConflicts(240, 64, seed=3)
    assert np.array_equal(few.load(5), many.load(5))
    assert not np.array_equal(few.load(5), DrawnConflicts(16, 64, seed=4).load(5))
    image = few.load(0)
    assert image.shape == (3, 64, 64)
    assert image.dtype == np.float32
    assert np.array_equal(image[0], image[2])
    assert 0 <= image.min() < image.max() <= 1
    assert few.damaged() == {}
