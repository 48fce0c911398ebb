from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.errors import DataError
from cogattn.psychophysics.search.displays.display import (
    Display,
    cell_centers_deg,
    cell_of,
    draw,
    make_display,
)
from cogattn.psychophysics.search.displays.items import Arc, ShadedDisc, bar
from cogattn.psychophysics.search.displays.sheet import stimulus_sheet
from cogattn.psychophysics.search.displays.tasks import EXPERIMENTS, TASKS, find_condition
from cogattn.psychophysics.search.people import human_times
from cogattn.seeds import Streams
from cogattn.vision.scenes.scene import Scene

WOLFE = ("feature", "conjunction", "2v5")
CONDITIONS = [(task, condition) for task in EXPERIMENTS.values() for condition in task.conditions]


@st.composite
def displays(draw_from, pixels_per_degree: float = 6.0) -> Display:
    task, condition = draw_from(st.sampled_from(CONDITIONS))
    return make_display(
        task,
        condition,
        draw_from(st.integers(1, task.n_columns**2)),
        rng=np.random.default_rng(draw_from(st.integers(0, 2**32 - 1))),
        target_present=draw_from(st.booleans()),
        pixels_per_degree=pixels_per_degree,
    )


@given(displays())
@settings(max_examples=150)
def test_items_are_counted_kept_apart_and_kept_in_their_cells(display: Display) -> None:
    task, n = display.task, display.set_size
    assert len(display.items) == len(display.centers_deg) == len(set(display.cells.tolist())) == n
    corners = display.boxes_deg.reshape(n, 2, 2)
    inside = np.abs(corners - cell_centers_deg(task)[display.cells][:, None]).max()
    assert inside <= task.cell_deg / 2 + 1e-9
    assert (cell_of(task, display.centers_deg) == display.cells).all()
    left, top, right, bottom = display.boxes_deg.T
    apart = np.maximum(
        np.maximum(left[:, None] - right, left - right[:, None]),
        np.maximum(top[:, None] - bottom, top - bottom[:, None]),
    )
    assert (apart[~np.eye(n, dtype=bool)] >= -1e-9).all()


@given(displays())
@settings(max_examples=80)
def test_exactly_one_item_is_a_target_or_none_is(display: Display) -> None:
    targets = [item in display.condition.targets for item in display.items]
    distractors = [item in display.condition.distractors for item in display.items]
    assert sum(targets) == (display.target_index is not None)
    assert all(a != b for a, b in zip(targets, distractors, strict=True))
    if display.target_index is not None:
        assert targets[display.target_index]


@given(displays())
@settings(max_examples=80)
def test_ink_stays_within_the_boxes(display: Display) -> None:
    size = len(display.image)
    along = (np.arange(size) + 0.5 - size / 2) / display.pixels_per_degree
    x, y = np.meshgrid(along, along)
    within = np.zeros((size, size), dtype=bool)
    pixel = 1 / display.pixels_per_degree
    for left, top, right, bottom in display.boxes_deg:
        within |= (x > left - pixel) & (x < right + pixel) & (y > top - pixel) & (y < bottom + pixel)
    assert (display.image[~within] == np.float32(display.task.background)).all()
    assert display.image.min() >= 0
    assert display.image.max() <= 1


@given(displays(pixels_per_degree=10.0))
@settings(max_examples=40)
def test_a_display_is_a_scene_whose_target_is_told_by_its_own_picture(display: Display) -> None:
    assert isinstance(display, Scene)
    assert display.size_px == display.image.shape[:2]
    assert len(display.objects) == display.set_size
    boxes = np.array([display.to_degrees(np.reshape(o.box_px, (2, 2))).ravel() for o in display.objects])
    assert boxes == pytest.approx(display.boxes_deg, abs=1e-9)
    target = display.target
    assert target is not None
    assert target.present == (display.target_index is not None)
    assert target.category == display.condition.category(display.sought)
    assert target.picture.shape[:2] == (round(display.sought.box_deg * 10),) * 2
    if display.target_index is None:
        assert target.box_px is None
        assert sum(o.category.startswith("target") for o in display.objects) == 0
    else:
        assert target.box_px == display.objects[display.target_index].box_px
        left, top = (round(edge) for edge in target.box_px[:2])
        assert (
            display.image[top:, left:][: len(target.picture), : len(target.picture)] == target.picture
        ).all()
    empty = np.full_like(target.picture, display.task.background)
    assert (target.picture != empty).any()


@given(displays())
@settings(max_examples=60)
def test_kinds_are_dealt_as_the_task_says(display: Display) -> None:
    kinds, wanted = display.condition.distractors, display.condition.targets
    shown = [item for i, item in enumerate(display.items) if i != display.target_index]
    counts = np.array([shown.count(kind) for kind in kinds])
    if display.task.dealing == "in_turn" and display.target_index is not None:
        counts[wanted.index(display.sought)] += 1  # the target's turn is one of the turns
    assert counts.sum() == display.set_size - (
        display.target_index is not None and display.task.dealing != "in_turn"
    )
    if display.task.dealing != "freely":
        assert counts.max() - counts.min() <= 1


def test_seed_fixes_the_display_and_resolution_only_its_pixels() -> None:
    task, condition = find_condition("line_in_curves")

    def made(ppd: float, seed: int) -> Display:
        return make_display(task, condition, 16, rng=np.random.default_rng(seed), pixels_per_degree=ppd)

    assert (made(30, 5).image == made(30, 5).image).all()
    assert (made(30, 5).centers_deg == made(10, 5).centers_deg).all()
    assert (made(30, 5).centers_deg != made(30, 6).centers_deg).any()
    coarse, fine = made(10, 5).image, made(30, 5).image
    assert fine.shape == (467, 467)
    assert coarse.mean() == pytest.approx(fine.mean(), rel=0.01)


def test_every_cell_is_as_likely_to_hold_the_target() -> None:
    task, condition = find_condition("t_in_l")
    rng = np.random.default_rng(0)
    made = [make_display(task, condition, 3, rng=rng, pixels_per_degree=1) for _ in range(1800)]
    counts = np.bincount([display.target_cell for display in made], minlength=9)
    assert ((counts - 200) ** 2 / 200).sum() < 26.1  # chi-square, 8 degrees of freedom, p = 0.001


@pytest.mark.parametrize(
    ("item", "area_deg2"),
    [
        (bar(2.0, 0.3, box_deg=2, luminance=1, angle_deg=-20), 0.6),
        (Arc(1.0, 1.3, 1 / 6, box_deg=1.6), 1.3 / 6 + np.pi * (1 / 12) ** 2),
        (ShadedDisc(1.0, 0, box_deg=1.04, step_deg=1 / 15), np.pi * 0.5**2),
    ],
)
def test_ink_covers_the_area_that_geometry_gives(item, area_deg2: float) -> None:
    along = (np.arange(400) + 0.5 - 200) / 100
    coverage, _ = item.paint(*np.meshgrid(along, along), pixel_deg=0.01)
    assert coverage.sum() * 1e-4 == pytest.approx(area_deg2, rel=0.002)
    rows, columns = np.nonzero(coverage > 0)
    assert np.ptp(rows) / 100 <= item.box_deg + 0.02
    assert np.ptp(columns) / 100 <= item.box_deg + 0.02


def test_an_arc_lies_in_the_middle_of_its_box_and_bulges_to_the_left() -> None:
    along = (np.arange(400) + 0.5 - 200) / 100
    arc = Arc(1.0, 1.3, 0.02, box_deg=1.6)
    coverage, _ = arc.paint(*np.meshgrid(along, along), pixel_deg=0.01)
    _, columns = np.nonzero(coverage > 0.5)
    sagitta = 1 - np.cos(0.65)
    assert along[columns].min() == pytest.approx(-sagitta / 2, abs=0.03)
    assert along[columns].max() == pytest.approx(sagitta / 2, abs=0.03)
    middle = coverage[200]
    assert along[middle.argmax()] == pytest.approx(-sagitta / 2, abs=0.03)


def test_light_comes_from_where_it_is_said_to() -> None:
    def halves(light_deg: float) -> tuple[float, float, float, float]:
        image = draw(
            (ShadedDisc(1.0, light_deg, box_deg=1.04, step_deg=1 / 15),),
            np.zeros((1, 2)),
            background=0.1,
            side_deg=1.2,
            pixels_per_degree=100,
        )
        return image[:60].mean(), image[60:].mean(), image[:, :60].mean(), image[:, 60:].mean()

    top, bottom, left, right = halves(0)
    assert top > bottom + 0.2
    assert left == pytest.approx(right)
    top, bottom, left, right = halves(90)
    assert left > right + 0.2
    disc = draw(
        (ShadedDisc(1.0, 0, box_deg=1.04, step_deg=1 / 15),),
        np.zeros((1, 2)),
        background=0,
        side_deg=0.5,
        pixels_per_degree=400,
    )
    greys = disc.astype(float) * 15
    assert np.allclose(greys, np.round(greys), atol=1e-5)
    assert len(np.unique(np.round(greys))) >= 7


def test_a_bar_of_negative_angle_leans_to_the_right() -> None:
    image = draw(
        (bar(2, 0.3, box_deg=2, luminance=1, angle_deg=-20),),
        np.zeros((1, 2)),
        background=0,
        side_deg=2,
        pixels_per_degree=50,
    )
    columns = np.arange(100)
    assert image[:40].sum(axis=0) @ columns / image[:40].sum() > 55


def test_items_fit_their_cells_and_set_sizes_are_those_of_the_people() -> None:
    for task in TASKS.values():
        times = human_times().query("task == @task.name")
        assert tuple(sorted(times["set_size"].unique())) == task.set_sizes
        assert {condition.name for condition in task.conditions} == set(times["condition"])
        for condition in task.conditions:
            assert all(i.box_deg <= task.cell_deg for i in (*condition.targets, *condition.distractors))
            roles = times[times["condition"] == condition.name]["role"].unique()
            assert list(roles) == [condition.role]


def test_too_many_items_are_refused() -> None:
    task, condition = find_condition("t_in_l")
    with pytest.raises(DataError, match="from 1 to the 9"):
        make_display(task, condition, 10, rng=np.random.default_rng(0))


def test_wolfes_sheet_shows_displays_with_a_ring_above_and_without_one_below() -> None:
    figure = stimulus_sheet([EXPERIMENTS[name] for name in WOLFE], rng=Streams(0), pixels_per_degree=5)
    above, below = figure.axes[:3], figure.axes[3:]
    assert all(axes.images and axes.patches for axes in above)
    assert all(axes.images and not axes.patches for axes in below)


def test_sheet_shows_both_sides_of_every_task() -> None:
    figure = stimulus_sheet(rng=Streams(0), pixels_per_degree=5)
    assert len(figure.axes) == 12
    assert all(axes.images and axes.patches for axes in figure.axes)
