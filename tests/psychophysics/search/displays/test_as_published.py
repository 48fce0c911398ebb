"""Displays beside what is published of them: the reference's own drawing, and what the papers say in numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogattn.psychophysics.search.displays.display import Display, draw, make_display
from cogattn.psychophysics.search.displays.items import Item
from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS, TASKS, find_condition

PPD = 30
GOLDEN = next(
    (
        folder
        for parent in Path(__file__).parents
        if (folder := parent / "shared" / "data" / "search" / "eccnet_golden").is_dir()
    ),
    None,
)
LUMA = np.array([0.299, 0.587, 0.114])


def picture(item: Item, *, background: float, side_px: int) -> np.ndarray:
    return draw(
        (item,), np.zeros((1, 2)), background=background, side_deg=side_px / PPD, pixels_per_degree=PPD
    ).astype(float)


def ink(item: Item, *, box_px: int) -> float:
    """Pixels that an item covers at 30 pixels a degree."""
    along = (np.arange(box_px) + 0.5 - box_px / 2) / PPD
    return float(item.paint(*np.meshgrid(along, along), pixel_deg=1 / PPD)[0].sum())


def distinct(items: tuple[Item, ...], *, background: float, side_px: int) -> int:
    shown = [picture(item, background=background, side_px=side_px) for item in items]
    return sum(all(np.abs(one - other).max() > 0.5 for other in shown[:i]) for i, one in enumerate(shown))


def kinds(name: str) -> tuple[Item, ...]:
    return find_condition(name)[1].targets


# Of the notebooks that draw the published displays, at 30 pixels a degree: side of an item's picture, room of an item
# in its cell, pixels of ink, and how many different pictures there are of a kind.
@pytest.mark.parametrize(
    ("condition", "box_px", "room_px", "ink_px", "n_pictures"),
    [
        ("curve_in_lines", 48, 8, 302, 4),
        ("line_in_curves", 48, 8, 217, 4),
        ("top_lit", 31, 18, 697, 1),
        ("side_lit", 31, 18, 697, 1),
        ("noncross_in_crosses", 177, 28, 165 * 17 + 148 * 17, 4),
        ("cross_in_noncrosses", 177, 28, 165 * 17 + 148 * 17, 4),
        ("tilted_in_vertical", 69, 15, 540, 1),
        ("vertical_in_tilted", 69, 15, 540, 1),
    ],
)
def test_items_have_the_published_size_room_ink_and_number(
    condition: str, box_px: int, room_px: int, ink_px: float, n_pictures: int
) -> None:
    task, side = find_condition(condition)
    for item in side.targets:
        assert int(item.box_deg * PPD + 1e-6) == box_px
        assert int((task.cell_deg - item.box_deg) * PPD + 1e-6) == room_px
        assert ink(item, box_px=box_px) == pytest.approx(ink_px, rel=0.03)
    assert distinct(side.targets, background=task.background, side_px=box_px) == n_pictures


def test_noncrosses_are_flips_and_transposes_of_one_another_and_crosses_quarter_turns() -> None:
    def shown(name: str) -> list[np.ndarray]:
        return [picture(item, background=1.0, side_px=176).round() for item in kinds(name)]

    one, *others = shown("noncross_in_crosses")
    family = [one, one[::-1], one.T, one.T[:, ::-1]]
    assert all(any((a == b).all() for b in (one, *others)) for a in family)
    assert (one == one[::-1, ::-1]).all()
    cross, *turned = shown("cross_in_noncrosses")
    assert all(any((np.rot90(cross, k) == b).all() for b in turned) for k in (1, 2, 3))


def test_letters_have_four_corners_and_four_turns() -> None:
    # The notebook draws the top left corner of an L twice and never the one at the bottom right: named in `tasks`.
    assert distinct(kinds("t_in_l"), background=1.0, side_px=176) == 4
    assert distinct(kinds("l_in_t"), background=1.0, side_px=176) == 4


def test_curves_bulge_and_lines_lie_as_published() -> None:
    """By number of the item: bulge to the lower left, left, upper left, up; lines turn with them."""
    y, x = np.mgrid[:48, :48] - 23.5
    for item, bulge in zip(kinds("curve_in_lines"), [(-1, 1), (-1, 0), (-1, -1), (0, -1)], strict=True):
        shown = picture(item, background=0.0, side_px=48)
        middle = np.array([(shown * x).sum(), (shown * y).sum()]) / shown.sum()  # a pixel towards the bulge
        assert middle / np.hypot(*middle) == pytest.approx(np.array(bulge) / np.hypot(*bulge), abs=0.05)
    leaning = [(picture(item, background=0.0, side_px=48) * x * y).sum() for item in kinds("line_in_curves")]
    assert np.sign(np.round(leaning, 2)).tolist() == [1, 0, -1, 0]
    rows, columns = np.nonzero(picture(kinds("line_in_curves")[1], background=0.0, side_px=48) > 0.5)
    assert np.ptp(rows) > np.ptp(columns)


def test_ninth_item_takes_the_turn_of_the_first_and_the_target_that_of_the_distractor_it_replaces() -> None:
    task, condition = find_condition("curve_in_lines")
    rng = np.random.default_rng(0)
    found = set()
    for _ in range(60):
        display = make_display(task, condition, 8, rng=rng, pixels_per_degree=4)
        counts = [display.items.count(kind) for kind in condition.distractors]
        assert sorted(counts) == [1, 2, 2, 2]
        assert counts.index(1) == condition.targets.index(display.sought)
        found.add(counts.index(1))
    assert found == {0, 1, 2, 3}


@pytest.mark.parametrize("name", ["t_in_l", "cross_in_noncrosses"])
def test_letters_and_crosses_are_drawn_one_by_one(name: str) -> None:
    task, condition = find_condition(name)
    rng = np.random.default_rng(1)
    alike = 0
    for _ in range(400):
        display = make_display(task, condition, 3, rng=rng, pixels_per_degree=1)
        alike += display.items[1] == display.items[2]
    assert alike == pytest.approx(100, abs=35)  # of two distractors one time in four, 4 SD


@pytest.mark.skipif(GOLDEN is None, reason="the reference's own displays are not part of the package")
class TestReferencesOwnDrawing:
    """Five displays of the lighting task, lit from the left among right, saved as JPEG."""

    def read(self, name: str) -> np.ndarray:
        assert GOLDEN is not None
        return np.asarray(Image.open(GOLDEN / name).convert("L")).astype(float)

    def ours(self, name: str) -> np.ndarray:
        """A disc in a box of 31 pixels, 0..255."""
        _, condition = find_condition("side_lit")
        item = condition.targets[0] if name == "target" else condition.distractors[0]
        return picture(item, background=27 / 255, side_px=31) * 255

    @pytest.mark.parametrize("number", range(32, 37))
    def test_target_is_drawn_pixel_by_pixel_as_ours(self, number: int) -> None:
        theirs, ours = self.read(f"target_{number}.jpg"), self.ours("target")
        assert theirs.shape == ours.shape == (31, 31)
        difference = np.abs(theirs - ours)
        y, x = np.mgrid[:31, :31] - 15
        inside, rim = np.hypot(x, y) < 13.5, np.abs(np.hypot(x, y) - 15) < 1.5
        assert difference[inside].max() < 12  # of JPEG; a step of the ramp is 17
        assert difference[~inside & ~rim].max() < 12
        assert difference.mean() < 4

    @pytest.mark.parametrize("number", range(32, 37))
    def test_every_item_of_a_display_is_one_of_ours(self, number: int) -> None:
        theirs = self.read(f"stimuli_{number}.jpg")
        pictures = {kind: self.ours(kind) for kind in ("target", "distractor")}
        assert theirs.shape == (198, 198) == (round(TASKS["lighting"].field_deg * PPD),) * 2
        rebuilt, counts = np.full_like(theirs, 27.0), {"target": 0, "distractor": 0}
        cell = 49  # int(1.65 * 30): the reference cuts cells to whole pixels
        for row in range(4):
            for column in range(4):
                best = min(
                    (
                        (
                            np.abs(
                                theirs[
                                    row * cell + y : row * cell + y + 31,
                                    column * cell + x : column * cell + x + 31,
                                ]
                                - shown
                            ).mean(),
                            kind,
                            row * cell + y,
                            column * cell + x,
                        )
                        for kind, shown in pictures.items()
                        for y in range(18)
                        for x in range(18)
                    ),
                )
                if best[0] < 6:
                    _, kind, top, left = best
                    counts[kind] += 1
                    rebuilt[top : top + 31, left : left + 31] = pictures[kind]
        task, condition = find_condition("side_lit")
        assert counts["target"] == 1
        assert sum(counts.values()) in task.set_sizes
        assert condition.role == "hard"
        assert np.abs(theirs - rebuilt).mean() < 2.5  # nothing of it is left over


def wolfe(name: str, size: int, present: bool, seed: int = 0) -> Display:
    (condition,) = EXPERIMENTS[name].conditions
    return make_display(
        EXPERIMENTS[name],
        condition,
        size,
        rng=np.random.default_rng(seed),
        pixels_per_degree=8,
        target_present=present,
        margin_deg=0,
    )


@pytest.mark.parametrize(
    ("name", "width", "height"), [("feature", 1.0, 3.5), ("conjunction", 1.0, 3.5), ("2v5", 1.5, 2.7)]
)
def test_wolfes_items_have_their_published_size(name: str, width: float, height: float) -> None:
    (condition,) = EXPERIMENTS[name].conditions
    for item in condition.targets:
        shown = draw((item,), np.zeros((1, 2)), background=0, side_deg=4.5, pixels_per_degree=40)
        inked = shown > 0.5 if shown.ndim == 2 else (shown > 0.5).any(axis=-1)
        rows, columns = np.nonzero(inked)
        assert (np.ptp(columns) + 1) / 40 == pytest.approx(width, abs=0.03)
        assert (np.ptp(rows) + 1) / 40 == pytest.approx(height, abs=0.03)


@pytest.mark.parametrize("size", [3, 6, 12, 18])
@pytest.mark.parametrize("present", [True, False])
def test_wolfes_bars_are_red_only_where_the_task_says(size: int, present: bool) -> None:
    for name in ("feature", "conjunction"):
        display = wolfe(name, size, present)
        assert display.image.shape == (180, 180, 3)
        assert not display.image[..., 2].any()
        assert display.target is not None
        assert display.target.present == present
        red, green = (display.image[..., channel].sum() / 64 / 3.5 for channel in (0, 1))  # in bars
        others = size - present
        assert red == pytest.approx(present + (others // 2 if name == "conjunction" else 0), abs=1.01)
        assert red + green == pytest.approx(size, rel=5e-3)
        upright = [np.ptp(np.reshape(o.box_px, (2, 2)), axis=0) for o in display.objects]
        assert np.allclose(upright, 28)


def test_a_five_is_a_mirrored_two() -> None:
    (condition,) = EXPERIMENTS["2v5"].conditions
    two, five = (
        picture(item, background=0.0, side_px=90) for item in (*condition.targets, *condition.distractors)
    )
    assert (two == five[:, ::-1]).all()
    assert (two == two[::-1, ::-1]).all()
    assert np.abs(two - five).max() == 1
    assert two[:45, 45:].sum() > two[:45, :45].sum()  # its upper stroke is on the right


def test_only_wolfes_tasks_have_one_side_and_no_target_in_half_of_their_displays() -> None:
    for name, task in EXPERIMENTS.items():
        assert task.absent == (name not in TASKS)
        assert [condition.role for condition in task.conditions] == (
            ["easy", "hard"] if name in TASKS else ["only"]
        )
    with pytest.raises(KeyError):
        _ = EXPERIMENTS["2v5"].easy
