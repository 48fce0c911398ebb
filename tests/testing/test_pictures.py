"""What makes a figure hard to read is found, and what does not is left alone."""

from __future__ import annotations

import matplotlib.patheffects as effects
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cogattn.figures import new_figure
from cogattn.testing.pictures import covered_by_legend, flaws, overlapping_text


def one_axes(**options: float) -> tuple[Figure, Axes]:
    figure, axes = new_figure(**options)
    return figure, axes[0, 0]


def bare_axes() -> tuple[Figure, Axes]:
    """A page of 400 x 300 pixels in whose pixels one can count, without a layout that moves things."""
    figure = Figure(figsize=(4, 3), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, 400)
    axes.set_ylim(0, 300)
    return figure, axes


def test_a_plain_figure_has_no_flaw() -> None:
    figure, axes = one_axes()
    axes.plot([0, 1, 2], [0, 1, 4], label="model")
    axes.set_xlabel("lag (s)")
    axes.set_ylabel("accuracy")
    axes.set_title("A title")
    axes.legend(loc="upper left")
    assert flaws(figure) == []


def test_two_texts_on_each_other_are_named_with_the_overlap() -> None:
    figure, axes = bare_axes()
    first = axes.text(50, 100, "resnet50")
    axes.text(60, 100, "vgg16")
    figure.canvas.draw()
    found = overlapping_text(figure)
    assert found[0].startswith('axes 0 text "resnet50" and axes 0 text "vgg16" overlap by ')
    assert len(found) == 1
    height = first.get_window_extent().height
    assert float(found[0].split()[-2]) == pytest.approx(
        height, abs=1.0
    )  # side by side it is less than they are wide


@pytest.mark.parametrize(("gap_px", "n_found"), [(-5, 1), (-1, 0), (1, 0)])
def test_an_overlap_of_a_pixel_is_nobodys_concern(gap_px: float, n_found: int) -> None:
    figure, axes = bare_axes()
    left = axes.text(50, 100, "one", va="bottom")
    figure.canvas.draw()
    axes.text(left.get_window_extent().x1 + gap_px, 100, "two", va="bottom")
    assert len(overlapping_text(figure)) == n_found


def test_crowded_tick_labels_are_found_and_thinned_ones_are_not() -> None:
    for step, crowded in ((1, True), (10, False)):
        figure, axes = one_axes()
        axes.set_xlim(0, 39)
        axes.set_xticks(
            range(0, 40, step), [f"{n} channels" if crowded else str(n) for n in range(0, 40, step)]
        )
        found = [line for line in overlapping_text(figure) if "x tick" in line]
        assert bool(found) == crowded


def test_tick_labels_beyond_the_limits_are_not_drawn_and_not_reported() -> None:
    figure, axes = one_axes()
    axes.set_xticks([0.0, 1.0, 5.0, 5.01, 5.02], ["a", "b", "far", "farther", "farthest"])
    axes.set_xlim(0, 1)
    assert overlapping_text(figure) == []


def test_texts_of_two_panels_are_held_against_each_other() -> None:
    figure = Figure(figsize=(4, 3), dpi=100)
    FigureCanvasAgg(figure)
    left, right = figure.add_axes((0.15, 0.2, 0.34, 0.7)), figure.add_axes((0.5, 0.2, 0.34, 0.7))
    left.set_title("a long title of the left panel")
    right.set_title("another of the right")
    found = overlapping_text(figure)
    assert any("axes 0 title" in line and "axes 1 title" in line for line in found)


def test_slanted_labels_overlap_only_where_their_letters_do() -> None:
    """At 45 degrees upright boxes of neighbours overlap, the words do not."""
    figure, axes = bare_axes()
    for n in range(4):
        axes.text(40 + 30 * n, 100, "a long label", rotation=45)
    assert overlapping_text(figure) == []
    for n in range(4):
        axes.text(44 + 30 * n, 100, "a long label", rotation=45)
    assert len(overlapping_text(figure)) >= 4


def test_a_slanted_text_crossing_a_level_one_is_found() -> None:
    figure, axes = bare_axes()
    axes.text(200, 150, "a level line of words", ha="center", va="center")
    axes.text(200, 150, "a slanted line of words", ha="center", va="center", rotation=60)
    assert len(overlapping_text(figure)) == 1


@pytest.mark.parametrize("where", ["left", "right", "top", "bottom"])
def test_a_text_that_leaves_the_figure_is_named(where: str) -> None:
    figure, axes = bare_axes()
    x, y = {"left": (-10, 150), "right": (380, 150), "top": (150, 298), "bottom": (150, -6)}[where]
    axes.text(x, y, "outside")
    assert overlapping_text(figure) == ['axes 0 text "outside" leaves the figure']


def test_what_is_hidden_or_clipped_is_in_nobodys_way() -> None:
    figure, axes = bare_axes()
    axes.text(50, 100, "seen")
    axes.text(50, 100, "hidden", visible=False)
    axes.text(50, 100, "clear", alpha=0)
    axes.text(50, 100, "  ")
    axes.text(900, 100, "clipped", clip_on=True)
    axes.annotate("out of view", (900, 900), annotation_clip=True, xytext=(50, 100))
    inset = axes.inset_axes((0.1, 0.3, 0.1, 0.1))
    inset.set_title("of hidden axes")
    inset.set_visible(False)
    assert overlapping_text(figure) == []


def test_a_haloed_text_counts() -> None:
    figure, axes = bare_axes()
    halo = [effects.withStroke(linewidth=3, foreground="white")]
    axes.text(50, 100, "first", path_effects=halo)
    axes.text(50, 100, "second", path_effects=halo)
    assert len(overlapping_text(figure)) == 1


def test_words_of_a_legend_are_texts_like_others() -> None:
    figure, axes = bare_axes()
    axes.plot([1], [1], "o", label="people")
    legend = axes.legend(loc="center")
    figure.canvas.draw()
    box = legend.get_texts()[0].get_window_extent()
    axes.text(box.x0, box.y0, "a note")
    assert any('axes 0 legend "people"' in line and '"a note"' in line for line in overlapping_text(figure))


def test_axes_without_room_are_named() -> None:
    figure = Figure(figsize=(4, 3), dpi=100)
    figure.add_axes((0.5, 0.5, 0.0, 0.2)).set_axis_off()
    assert overlapping_text(figure) == ["axes 0 has no room (0.0 x 60.0 px)"]


def test_a_layout_that_finds_no_room_is_reported() -> None:
    figure, _ = new_figure(6, 1, height_in=1.0)
    for axes in figure.axes:
        axes.set_xlabel("label")
    assert any(
        line.startswith("drawing warns: constrained_layout not applied") for line in overlapping_text(figure)
    )


def test_a_missing_glyph_is_reported() -> None:
    figure, axes = one_axes()
    axes.set_title("\N{CJK UNIFIED IDEOGRAPH-8BED}")
    assert any("missing from font" in line for line in overlapping_text(figure))


def test_the_figure_is_left_as_it_was() -> None:
    figure, axes = one_axes()
    text = axes.text(0.5, 0.5, "slanted", rotation=30)
    canvas = figure.canvas
    flaws(figure)
    assert (figure.canvas, text.get_rotation()) == (canvas, 30)


def legend_over(figure: Figure, axes: Axes) -> list[str]:
    axes.set_xlim(0, 10)
    axes.set_ylim(0, 10)
    axes.legend(loc="upper right")
    return covered_by_legend(figure)


def test_a_line_below_the_legend_is_named() -> None:
    figure, axes = one_axes()
    axes.plot([0, 10], [0, 10], label="slope")
    assert legend_over(figure, axes) == ['legend of axes 0 covers Line2D "slope" of axes 0']


def test_a_line_that_passes_between_its_points_is_found() -> None:
    """No point of the line lies below the legend; the stroke does."""
    figure, axes = one_axes()
    axes.plot([9, 9], [-50, 50], label="rule")
    assert len(legend_over(figure, axes)) == 1


def test_points_are_found_where_no_line_joins_them() -> None:
    for x, covered in ((9.0, True), (2.0, False)):
        figure, axes = one_axes()
        axes.plot([x, 1], [9, 1], "o", label="points")
        assert bool(legend_over(figure, axes)) == covered


def test_clouds_error_bars_and_bars_are_data() -> None:
    for draw in ("scatter", "errorbar", "bar", "stairs of a line"):
        figure, axes = one_axes()
        match draw:
            case "scatter":
                axes.scatter([9], [9], label="a long label")
            case "errorbar":
                axes.errorbar([9], [1], yerr=[[0], [20]], fmt="none", label="a long label")
            case "bar":
                axes.bar([9], [10], label="a long label")
            case _:
                axes.plot([0, 10], [9.3, 0], drawstyle="steps-post", label="a long label")
        assert len(legend_over(figure, axes)) == 1, draw


def test_data_elsewhere_bands_and_data_beyond_the_limits_are_left_alone() -> None:
    figure, axes = one_axes()
    axes.plot([0, 5], [0, 5], label="below")
    axes.plot([0, np.nan, 10], [0, np.nan, np.nan], label="broken off")
    axes.scatter([90], [90], label="outside")
    axes.fill_between([0, 10], [0, 0], [10, 10], alpha=0.2)
    axes.plot([9, 9], [0, 10], visible=False)
    assert legend_over(figure, axes) == []


@pytest.mark.parametrize("clipped", [True, False])
def test_a_line_counts_as_far_as_it_is_drawn(clipped: bool) -> None:
    """The legend stands beside the axes, on the height of a line that goes on beyond their limits."""
    figure = Figure(figsize=(4, 3), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.4, 0.8))
    axes.plot([0, 100], [5, 5], label="goes on", clip_on=clipped)
    axes.set_xlim(0, 10)
    axes.legend(loc="center left", bbox_to_anchor=(1.05, 0.5))
    assert bool(covered_by_legend(figure)) != clipped


def test_a_legend_on_the_neighbours_data_is_found() -> None:
    figure = Figure(figsize=(4, 3), dpi=100)
    FigureCanvasAgg(figure)
    left, right = figure.add_axes((0, 0, 0.4, 1)), figure.add_axes((0.4, 0, 0.6, 1))
    left.plot([0], [0], "o", label="own")
    left.legend(loc="center left", bbox_to_anchor=(1.3, 0.5))
    right.plot([0, 1], [0.5, 0.5], label="other")
    right.set_ylim(0, 1)
    assert covered_by_legend(figure) == ['legend of axes 0 covers Line2D "other" of axes 1']


def test_a_legend_of_the_figure_counts() -> None:
    figure, axes = one_axes()
    axes.plot([0, 1], [0, 1], label="all over")
    figure.legend(loc="center")
    assert covered_by_legend(figure) == ['legend of the figure covers Line2D "all over" of axes 0']
