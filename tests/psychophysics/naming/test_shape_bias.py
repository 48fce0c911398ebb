"""Shape bias: both measures by counting, their intervals, a known network, folders that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cogattn.errors import DataError
from cogattn.observers import build_network
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.naming.shape_bias import list_conflicts, name_conflicts, shape_bias
from cogattn.vision.images.categories import CATEGORIES, decide


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


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

    assert name_conflicts(images, [3, 0, 2], scores_of) == [CATEGORIES[8], CATEGORIES[5], CATEGORIES[7]]
    assert name_conflicts(images, [], scores_of) == []


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


def test_both_measures_are_counted():
    shapes = ["bear"] * 4 + ["cat"] * 2 + ["dog"]
    textures = ["cat", "cat", "dog", "dog", "dog", "bear", "dog"]
    answers = ["bear", "bear", "dog", "oven", "cat", "bear", "dog"]
    found = shape_bias(shapes, textures, answers)
    assert (found.n_shape, found.n_texture, found.n_other) == (3, 2, 1)  # the seventh is a dog twice
    assert (found.bias.estimate, found.bias.n) == (3 / 5, 5)
    assert (found.accuracy.estimate, found.accuracy.n) == ((2 / 4 + 1 / 2) / 2, 6)


def test_intervals_are_those_of_proportions():
    n, share = 1200, 0.3
    answers = np.where(rng().permutation(n) < share * n, "bear", "cat")
    found = shape_bias(["bear"] * n, ["cat"] * n, answers)
    half = 1.96 * (share * (1 - share) / n) ** 0.5
    for measure in (found.bias, found.accuracy):
        assert measure.estimate == pytest.approx(share)
        assert measure.lo == pytest.approx(share - half, abs=0.15 * half)
        assert measure.hi == pytest.approx(share + half, abs=0.15 * half)


def test_no_shape_and_no_texture_answers_give_no_bias():
    found = shape_bias(["bear", "cat"], ["cat", "bear"], ["oven", "oven"])
    assert np.isnan(found.bias.estimate)
    assert found.bias.n == 0
    assert found.accuracy.estimate == 0
    assert found.accuracy.hi == pytest.approx(1.959964**2 / (2 + 1.959964**2))  # Wilson's of none of two


def test_intervals_hold_the_share_that_answers_are_drawn_with():
    """Two categories that are answered unequally often, and of a handful of images."""
    random, n_runs, chance = rng(), 1000, {"bear": 0.9, "cat": 0.4}
    for n in (8, 100):
        shapes = ["bear", "cat"] * (n // 2)
        hits = np.zeros(2)
        for _ in range(n_runs):
            answers = [shape if random.random() < chance[shape] else "oven" for shape in shapes]
            found = shape_bias(shapes, ["dog"] * n, answers).accuracy
            decided = ["bear" if random.random() < 0.2 else "dog" for _ in range(n)]
            bias = shape_bias(["bear"] * n, ["dog"] * n, decided).bias
            hits += [found.lo <= 0.65 <= found.hi, bias.lo <= 0.2 <= bias.hi]
        assert (hits / n_runs > 0.95 - 3 * (0.95 * 0.05 / n_runs) ** 0.5).all(), hits / n_runs


def test_answers_must_be_one_per_image_and_in_conflict():
    with pytest.raises(DataError, match="one per image"):
        shape_bias(["bear"], ["cat"], [])
    with pytest.raises(DataError, match="two categories"):
        shape_bias(["bear"], ["bear"], ["bear"])


@pytest.mark.slow
def test_lite0_goes_by_texture(shared_data: Path):
    """An eighth of the 1,200 images; over all of them the shape bias is .24 and the shape accuracy .16."""
    images = list_conflicts(shared_data / "masking" / "cue_conflict")
    assert len(images.ids) == 1200
    network = build_network(TimmObserver(), "tf_efficientnet_lite0", seed=0)
    shown = range(0, 1200, 8)
    answers = name_conflicts(images, shown, lambda batch: decide(network.logits(batch).softmax(-1)))
    found = shape_bias([images.shapes[i] for i in shown], [images.textures[i] for i in shown], answers)
    assert found.bias.lo < 0.239 < found.bias.hi < 0.5
    assert found.accuracy.lo < 0.164 < found.accuracy.hi
