"""AmazonCovers: the grid that targets' boxes speak for, made up and published."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from cogattn.errors import DataError
from cogattn.vision.scenes import digests, read_scenes

PITCH, COVER = (180.0, 265.0), (160.0, 240.0)
"""Width and height of a cell, and of a cover in its middle."""
SIZE = {"height": 6 * 265, "width": 14 * 180}


def cell(row: int, column: int, *, off: float = 0.0) -> dict[str, float]:
    """The box of a cover that lies `off` pixels to the right of its cell's middle."""
    left, top = (column + 0.5) * PITCH[0] - COVER[0] / 2 + off, (row + 0.5) * PITCH[1] - COVER[1] / 2
    return {"xmin": left, "ymin": top, "xmax": left + COVER[0], "ymax": top + COVER[1]}


def record(row: int, column: int, *, off: float = 0.0) -> dict[str, object]:
    """A collage whose target is there."""
    box = cell(row, column, off=off)
    fixations = [[100.0, 100.0], [(box["xmin"] + box["xmax"]) / 2, (box["ymin"] + box["ymax"]) / 2]]
    return {
        "fixations": {"1": fixations, "2": fixations[1:]},
        "ground_truth": [box],
        "size": SIZE,
        "target": "target_3.jpg",
    }


def write(folder: Path, records: dict[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Amazon.json").write_text(json.dumps(records))
    return folder


def test_the_grid_is_recovered_from_boxes_in_a_few_cells(tmp_path) -> None:
    records = {f"{k}.jpg": record(k % 6, (3 * k) % 14) for k in range(12)}
    found = read_scenes(write(tmp_path, records))
    assert (found.layout, found.left_out) == ("amazon_covers", ())
    for scene in found:
        assert [thing.name for thing in scene.objects] == [f"r{r}c{c}" for r in range(6) for c in range(14)]
        truth = [list(cell(r, c).values()) for r in range(6) for c in range(14)]
        assert_allclose([thing.box_px for thing in scene.objects], truth, atol=1e-6)


def test_nothing_of_its_cell_tells_the_target(tmp_path) -> None:
    records = {f"{k}.jpg": record(k % 6, k, off=(-1) ** k * 20.0 if k < 2 else 0.0) for k in range(14)}
    for scene in read_scenes(write(tmp_path, records)):
        boxes = np.array([thing.box_px for thing in scene.objects]).reshape(6, 14, 4)
        for axis, n in ((0, 6), (1, 14)):  # rows and columns at equal distances, of equal sizes
            assert_allclose(np.diff(boxes, n=2, axis=axis), 0, atol=1e-9)
            assert boxes.shape[axis] == n
        assert np.ptp(boxes[..., 2] - boxes[..., 0]) < 1e-9
        assert scene.target.name == "target_3"
    first = next(scene for scene in read_scenes(tmp_path) if scene.name == "1")
    assert first.target.box_px == tuple(cell(1, 1, off=-20).values())  # the file's own


def test_collages_need_no_image_and_take_one_that_is_there(files, tmp_path) -> None:
    records = {"1.jpg": record(0, 0), "2.jpg": record(3, 9)}
    before = digests(write(tmp_path, records))
    assert {scene.picture for scene in read_scenes(tmp_path)} == {None}
    files.draw(tmp_path / "images" / "2.jpg", (SIZE["height"], SIZE["width"]), grey=False)
    first, second = read_scenes(tmp_path)
    assert (first.picture, second.picture.name, second.size_px) == (None, "2.jpg", (1590, 2520))
    after = digests(tmp_path)
    assert [name for name in before if after[name] != before[name]] == ["2"]
    with pytest.raises(DataError, match="a scene must have an image to be looked at; got none \\(1\\)"):
        first.image  # noqa: B018


def test_a_collage_without_one_box_is_left_out_and_counted(tmp_path) -> None:
    two = record(2, 2) | {"ground_truth": [cell(0, 1), cell(1, 0)]}
    records = {"1.jpg": record(0, 0), "2.jpg": record(3, 9), "3.jpg": two}
    found = read_scenes(write(tmp_path, records))
    assert [scene.name for scene in found] == ["1", "2"]
    assert found.left_out == ("1 scene without one target's box was left out (3)",)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([1, 2], "must hold fixations, ground_truth, size, target of each image"),
        ({"1.jpg": {"size": SIZE}}, "must hold fixations, ground_truth, size, target of each image"),
        ({"1.jpg": record(0, 0) | {"size": 3}}, "size must hold height and width"),
        ({"1.jpg": record(0, 0), "2.jpg": record(0, 3)}, "must have targets in two rows or more"),
        ({"1.jpg": record(0, 3), "2.jpg": record(4, 3)}, "must have targets in two columns or more"),
        (
            {"1.jpg": record(0, 3), "2.jpg": record(4, 4) | {"fixations": {"1": [1, 2, 3]}}},
            "must be pairs of x and y; got 3 numbers",
        ),
    ],
)
def test_another_form_is_refused_in_a_sentence(tmp_path, records, message) -> None:
    with pytest.raises(DataError, match=message):
        read_scenes(write(tmp_path, records))


def test_published_targets_lie_in_their_cells(shared_data) -> None:
    folder = shared_data / "scanpath" / "amazon"
    if not folder.is_dir():
        pytest.skip("AmazonCovers is not here")
    found = read_scenes(folder)
    assert (len(found), found.left_out) == (100, ())
    assert sum(len(path.fixations_px) for scene in found for path in scene.scanpaths) == 8_683
    assert {len(scene.scanpaths) for scene in found} == {6}
    counts = np.unique([scene.target.name for scene in found], return_counts=True)
    assert (list(counts[0]), set(counts[1])) == ([f"target_{k}" for k in range(5)], {20})
    for scene in found:
        middles = np.array([thing.box_px for thing in scene.objects]).reshape(-1, 2, 2).mean(axis=1)
        pitch = middles[15] - middles[0]
        away = np.abs(middles - np.array(scene.target.box_px).reshape(2, 2).mean(axis=0))
        x, y = away[np.argmin(away.sum(axis=1))]
        assert y < 5
        assert x < 0.15 * pitch[0]
    ends = [
        scene.target.box_px[0] <= path.fixations_px[-1, 0] <= scene.target.box_px[2]
        and scene.target.box_px[1] <= path.fixations_px[-1, 1] <= scene.target.box_px[3]
        for scene in found
        for path in scene.scanpaths
    ]
    assert np.mean(ends) > 0.75
