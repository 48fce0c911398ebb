"""Equal scanpaths and images across parts are found, named, and refused or said; chance equals are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.errors import DataError
from cogattn.psychophysics.scanpath.config import ScanpathConfig, SplitSettings
from cogattn.psychophysics.scanpath.layouts.reading import data_of
from cogattn.psychophysics.scanpath.leaks import against, find, marks, twins
from cogattn.psychophysics.scanpath.splitting import Split, split_of

AMAZON = Path(__file__).resolve().parents[4] / "shared/data/scanpath/amazon"
PLACES = np.array([[11.0, 12.5], [70.25, 33.0], [150.0, 7.0], [55.0, 21.0]])


def split(test: list[int], validation: list[int], train: list[int]) -> Split:
    return Split(*(np.array(part, dtype=np.int64) for part in (train, validation, test)))


def at(places: np.ndarray, **more: object) -> dict[str, object]:
    return {"fixations_px": np.array(places, dtype=float), **more}


def test_an_equal_path_is_named_with_whom_and_where(path_set) -> None:
    data = path_set(
        ("a", "p", [0, 1, 3, 1], at(PLACES)),
        ("b", "q", [0, 1, 3], at(PLACES[:3])),  # a beginning of it is another path
        ("c", "r", [0, 1, 3, 1], at(PLACES)),
        ("d", "s", [0, 1, 3, 1], at(PLACES + np.array([0, 0.01]))),
    )
    leaks = find(data, split([0], [1], [2, 3]))
    assert leaks.count == 1
    assert str(leaks.paths[0]) == "p in a = r in c (training)"
    assert leaks.sentence() == (
        "1 of 1 scanpaths of the test are in training or validation as well (p in a = r in c (training))"
    )
    assert str(find(data, split([0], [2], [1, 3])).paths[0]) == "p in a = r in c (validation)"
    assert find(data, split([0, 2], [1], [3])).count == 0  # equal within the test
    assert find(data, split([1, 3], [0], [2])).count == 0


def test_in_both_parts_that_of_training_is_named_and_the_first_one(path_set) -> None:
    data = path_set(*[("a", person, [0, 1], at(PLACES[:2])) for person in "pqrs"])
    leaks = find(data, split([0], [1], [2, 3]))
    assert [str(leak) for leak in leaks.paths] == ["p in a = r (training)"]


def test_fixations_that_were_given_prove_nothing(path_set) -> None:
    start = at(PLACES[:2], n_given=1)
    data = path_set(("a", "p", [0, 1], start), ("b", "q", [0, 1], start), ("c", "r", [0, 1], at(PLACES[:2])))
    assert find(data, split([0], [2], [1])).count == 0  # one fixation of their own
    longer = at(PLACES, n_given=1)
    data = path_set(("a", "p", [0, 1, 3, 1], longer), ("b", "q", [1, 3, 1], at(PLACES[1:])), ("c", "r", [2]))
    assert find(data, split([0], [2], [1])).count == 1  # three of them, whatever was given before


def test_minus_zero_is_zero(path_set) -> None:
    places = np.array([[0.0, 3.0], [5.0, 9.0]])
    data = path_set(
        ("a", "p", [0, 0], at(places)), ("b", "q", [0, 0], at(places * [[-1, 1], [1, 1]])), ("c", "r", [0])
    )
    assert find(data, split([0], [2], [1])).count == 1


@pytest.mark.parametrize(("n", "count"), [(2, 0), (4, 0), (5, 0), (7, 1)])
def test_paths_that_tell_objects_only_must_be_longer(path_set, make_layout, n: int, count: int) -> None:
    own = make_layout("a")
    objects = np.arange(n) % 6
    middles = own.position_deg[objects] * own.scale + own.scene.middle_px
    data = path_set(*[("a", person, objects, at(middles)) for person in "pqrs"])
    # 3 others x 6 objects ^ -n is below 1e-4 from n = 6 on
    assert find(data, split([0], [1], [2, 3])).count == count


def test_a_hair_off_the_middle_tells_where_the_eye_was(path_set, make_layout) -> None:
    own = make_layout("a")
    middles = own.position_deg[[0, 1, 2]] * own.scale + own.scene.middle_px
    for off, count in ((0.0, 0), (0.5, 1)):
        data = path_set(*[("a", person, [0, 1, 2], at(middles + off)) for person in "pqr"])
        assert find(data, split([0], [1], [2])).count == count


def test_by_setting_a_leak_ends_the_run_or_is_said(path_set) -> None:
    data = path_set(*[("a", f"p{k}", [0, 1], at(PLACES[:2])) for k in range(6)])
    leaks = find(data, split([0, 1, 2, 3], [4], [5]))
    with pytest.raises(DataError, match=r"share no scanpath .* 4 of 4 .* split\.leaks = show"):
        leaks.raise_or_say(SplitSettings())
    said = leaks.raise_or_say(SplitSettings(leaks="show"))
    assert said.endswith("p2 in a = p5 (training) and 1 more)")
    assert find(data, split([0, 1, 2], [4], [5])).sentence().endswith("p2 in a = p5 (training))")
    clean = find(data, split([], [4], [5]))
    assert clean.raise_or_say(SplitSettings()) == ""


def test_one_image_under_two_names_is_found(path_set, make_layout, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 255, (240, 320, 3), dtype=np.uint8) for _ in range(2)]
    for name, image in (("x", pixels[0]), ("y", pixels[0]), ("z", pixels[1])):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    for pictures in (
        (pixels[0], pixels[0].copy(), pixels[1]),
        tuple(tmp_path / f"{name}.png" for name in "xyz"),
    ):
        layouts = {
            name: make_layout(name, picture=picture, group=f"g{name}")
            for name, picture in zip("xyz", pictures, strict=True)
        }
        data = path_set(*[(name, "p", [0, 1, 2]) for name in "xyz"], layouts=layouts)
        leaks = find(data, split([0], [2], [1]))
        assert leaks.images == (("x", "y"),)
        assert leaks.count == 0
        with pytest.raises(DataError, match=r"under another name: 1 \(x = y\)"):
            leaks.raise_or_say(SplitSettings())
        assert find(data, split([2], [0], [1])).images == ()
    # where a split by person shares layouts on purpose, that is no news
    both = path_set(("x", "p", [0, 1]), ("x", "q", [1, 2]), ("y", "q", [1, 0]), layouts=layouts)
    assert find(both, split([0], [1], [2])).images == ()
    # layouts without an image are not the same for having none
    bare = path_set(("x", "p", [0, 1]), ("y", "p", [0, 1]), ("z", "p", [1, 0]))
    assert find(bare, split([0], [2], [1])).images == ()


def test_a_model_from_elsewhere_is_asked_what_it_saw(path_set, make_layout) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (240, 320, 3), dtype=np.uint8)
    theirs = path_set(("a", "p", [0, 1]), ("b", "p", [0, 1]), layouts={"b": make_layout("b", picture=image)})
    known = marks(theirs)
    ours = path_set(
        ("a", "q", [2, 3]),
        ("b", "q", [1, 1]),
        ("c", "q", [1, 0]),
        layouts={"b": make_layout("b"), "c": make_layout("c", picture=image)},
    )
    # a layout without an image is told by name and boxes, one with an image by that alone
    assert against(ours, known) == ("a", "c")
    assert against(ours, {}) == ()
    moved = path_set(("a", "q", [2, 3]), layouts={"a": make_layout("a", n_objects=7)})
    assert against(moved, known) == ()


def test_people_with_one_scanpath_are_named_wherever_they_are(path_set) -> None:
    data = path_set(
        ("a", "p", [0, 1], at(PLACES[:2])),
        ("a", "q", [0, 1], at(PLACES[:2])),
        ("a", "r", [0, 1], at(PLACES[1:3])),
        ("b", "p", [0, 1, 3], at(PLACES[:3])),
        ("b", "q", [0, 1, 3], at(PLACES[:3])),
        ("b", "r", [0], at(PLACES[:1])),
        ("c", "q", [0], at(PLACES[:1])),
        ("c", "r", [0], at(PLACES[:1])),  # one fixation proves nothing
        ("d", "r", [0, 1], at(PLACES[:2])),  # nor does another layout, for who has eyes of their own
    )
    assert twins(data) == ("p and q have the same scanpath, to the pixel, in 2 layouts: one is a copy",)
    assert twins(path_set(*[("a", person, [0, 1, 2]) for person in "pqr"])) == ()


@pytest.mark.skipif(not AMAZON.exists(), reason="needs the AmazonCovers scanpaths")
def test_the_published_data_set_leaks_every_test_path() -> None:
    def leaks(aliased: bool, by: str):
        config = ScanpathConfig.parse(
            {"scenes": {"path": AMAZON, "aliased": aliased}, "split": {"by": by, "leaks": "show"}}
        )
        data = data_of(config)
        return find(data, split_of(data, config.split, 0, 0))

    found = leaks(True, "trial")
    assert (found.count, found.n_test) == (120, 120)
    assert leaks(True, "layout").count == leaks(False, "trial").count == 0
