"""The exhibit of search: displays of a run, as many items as asked for, and searches that end where they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from cogattn.exhibits import Picture, Shown
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.exhibits import SEARCH_DISPLAY
from cogattn.psychophysics.search.trials import displays_of

DEFAULTS = {control.name: control.default for control in SEARCH_DISPLAY.controls}


def shown(**values: object) -> Shown:
    return SEARCH_DISPLAY.make(**{**DEFAULTS, **values})


def picture(one: Shown) -> Picture:
    (part,) = one.parts
    assert isinstance(part, Picture)
    return part


@pytest.mark.parametrize("set_size", [1, 5, 16])
def test_as_many_bars_are_drawn_as_asked_for(set_size: int) -> None:
    assert label(picture(shown(set_size=set_size)).pixels < 0.5)[1] == set_size


def test_more_items_than_the_grid_holds_fill_it() -> None:
    assert shown(condition="T among Ls", set_size=32).facts["items"] == 9


def test_the_display_is_that_of_a_run() -> None:
    config = SearchConfig(displays={"pixels_per_degree": 15})
    drawn = {one.set_size: one for _, one in displays_of(config, "t_in_l", 3, 4)}
    ours = picture(shown(condition="T among Ls", set_size=6, display=3)).pixels
    np.testing.assert_array_equal(ours, drawn[6].image)


@pytest.mark.parametrize("searcher", ["ideal", "chance"])
def test_a_search_begins_in_the_middle_and_ends_in_the_target_s_cell(searcher: str) -> None:
    one = shown(searcher=searcher, condition="curve among lines", set_size=20)
    part, side = picture(one), 11.3 / 6 * 15  # of a grid cell, in pixels
    np.testing.assert_allclose(part.points[0], np.array(part.pixels.shape) / 2)
    assert one.facts["search ends"] == "on the target"
    middle = part.boxes[0].reshape(2, 2).mean(axis=0)
    assert np.abs(part.points[-1] - middle).max() < side
    assert one.facts["fixations after the first"] == len(part.points) - 1


def test_without_a_target_there_is_no_box_and_every_cell_is_visited() -> None:
    one = shown(target_present=False, searcher="chance", condition="tilted among vertical")
    assert not len(picture(one).boxes)
    assert len(picture(one).points) == 1 + 4 * 4


def test_a_network_searches_too() -> None:
    one = shown(searcher="network", condition="lit from above among below", pixels_per_degree=10, set_size=6)
    assert one.facts["searcher"].startswith("tf_efficientnet_lite0")
    assert one.facts["search ends"] == "on the target"
