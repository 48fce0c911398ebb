from __future__ import annotations

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import cell_of, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.controls import ChanceSearcher, IdealSearcher
from cogattn.psychophysics.search.searchers.places import Places, n_places_over
from cogattn.psychophysics.search.searchers.searching import search
from cogattn.vision.scenes.scene import Scene, Target

GREEDY = RulesSettings(temperature=0)


def scene(
    box_px: tuple[float, float, float, float] | None = (40, 10, 60, 20), *, present: bool = True
) -> Scene:
    """80 x 40 pixels, 8 x 4 degrees."""
    target = Target("it", box_px=box_px, present=present)
    return Scene("s", np.zeros((40, 80), np.uint8), (40, 80), pixels_per_degree=10, target=target)


def over(shown: Scene, *, pitch_deg: float = 0.5, side_deg: float = 1.0, within_deg: float = 0.0) -> Places:
    return Places.over(shown, pitch_deg=pitch_deg, inhibition_deg=side_deg, found_within_deg=within_deg)


class Favours:
    """Holds places the more likely the nearer they are to a point."""

    name = "favours"

    def __init__(self, point_deg: tuple[float, float]) -> None:
        self.point_deg = point_deg

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> Favours:
        self.places = places
        return self

    def evidence(self, gaze_deg: np.ndarray) -> np.ndarray:
        self.gaze_deg = np.array(gaze_deg)
        away = np.linalg.norm(self.places.points_deg - np.array(self.point_deg), axis=1)
        return np.repeat(-away[None], len(gaze_deg), axis=0)


def test_places_cover_a_scene_that_is_not_square_evenly() -> None:
    places = over(scene(), pitch_deg=0.6)
    assert len(places.points_deg) == 14 * 7 == n_places_over(scene(), pitch_deg=0.6)
    x, y = (np.unique(places.points_deg[:, axis]) for axis in (0, 1))
    assert np.diff(x) == pytest.approx(np.full(13, 8 / 14))
    assert x[0] == pytest.approx(-4 + 4 / 14)
    assert y[-1] == pytest.approx(2 - 2 / 7)
    assert len(np.unique(places.cells)) == len(places.points_deg)


@pytest.mark.parametrize("within_deg", [0.0, 0.5, 1.0])
def test_the_target_is_found_in_its_box_and_so_far_beside_it(within_deg: float) -> None:
    places = over(scene(), pitch_deg=0.25, within_deg=within_deg)
    x, y = places.points_deg.T  # the box is from 0 to 2 and from -1 to 0 degrees
    inside = (x >= -within_deg) & (x <= 2 + within_deg) & (y >= -1 - within_deg) & (y <= within_deg)
    assert places.on_target.tolist() == inside.tolist()


def test_a_target_between_places_can_be_found_all_the_same() -> None:
    places = over(scene((41, 11, 42, 12)), pitch_deg=1.0)
    assert places.on_target.sum() == 1
    assert places.points_deg[places.on_target] == pytest.approx(np.array([[0.5, -0.5]]))


@pytest.mark.parametrize(("box", "present"), [(None, True), (None, False), ((40, 10, 60, 20), False)])
def test_nothing_is_found_where_there_is_no_target(box: tuple | None, present: bool) -> None:
    assert not over(scene(box, present=present)).on_target.any()


def test_a_look_visits_a_square_about_itself() -> None:
    places = over(scene(), pitch_deg=0.25, side_deg=1.5)
    gaze = np.array([[1.1, -0.4], [4.5, 2.5]])
    closed = places.closed_by(gaze)
    assert closed.tolist() == (np.abs(places.points_deg - gaze[:, None]).max(axis=-1) <= 0.75).tolist()
    assert 0 < closed[1].sum() < closed[0].sum()  # the second one looked beside the scene


def test_a_look_at_a_display_visits_its_cell_and_beside_it_nothing() -> None:
    shown = make_display(*find_condition("t_in_l"), 6, rng=np.random.default_rng(0), pixels_per_degree=1)
    places, rng = Places.of(shown, pitch_deg=0.7), np.random.default_rng(1)
    field = shown.task.field_deg
    gaze = rng.uniform(-0.6 * field, 0.6 * field, (200, 2))
    cells = cell_of(shown.task, gaze)
    assert (cells < 0).any()
    assert (cells >= 0).any()
    assert (places.closed_by(gaze) == ((places.cells == cells[:, None]) & (cells[:, None] >= 0))).all()
    assert (places.on_target == (places.cells == shown.target_cell)).all()


def test_searches_start_where_they_are_told_and_end_on_the_target() -> None:
    shown, searcher = scene(), Favours((1.0, -0.5))
    starts = np.array([[-3.0, 1.0], [3.5, -1.5]])
    found = search(
        searcher,
        shown,
        places=over(shown),
        rules=GREEDY,
        rng=np.random.default_rng(0),
        n_searches=2,
        start_deg=starts,
        limit=5,
    )
    assert searcher.gaze_deg.tolist() == starts.tolist()  # found at once: nobody looked from anywhere else
    assert [(one.outcome, one.n_fixations) for one in found] == [("found", 1)] * 2


def test_what_was_visited_is_not_looked_at_again_and_the_limit_ends_a_search() -> None:
    shown = scene((0, 30, 5, 40))
    (found,) = search(
        Favours((2.0, -1.0)),
        shown,
        places=over(shown, side_deg=1.0),
        rules=GREEDY,
        rng=np.random.default_rng(0),
        limit=6,
    )
    steps = np.abs(found.fixations_deg[:, None] - found.fixations_deg)[~np.eye(6, dtype=bool)].max(axis=-1)
    assert (found.outcome, found.n_fixations) == ("limit", 6)
    assert steps.min() > 0.5


def test_a_search_ends_when_no_place_is_left() -> None:
    shown = scene(None)
    (found,) = search(
        ChanceSearcher(),
        shown,
        places=over(shown, pitch_deg=2.0, side_deg=30.0),
        rules=RulesSettings(),
        rng=np.random.default_rng(0),
        limit=100,
    )
    assert (found.outcome, found.n_fixations) == ("limit", 1)


def test_scenes_come_with_places_and_a_scale_and_nobody_is_ideal_before_them() -> None:
    rng, shown = np.random.default_rng(0), scene()
    with pytest.raises(DataError, match="places must be given"):
        search(ChanceSearcher(), shown, rules=GREEDY, rng=rng)
    with pytest.raises(DataError, match="the ideal searcher must search a drawn display"):
        search(IdealSearcher(), shown, places=over(shown), rules=GREEDY, rng=rng, limit=3)
    unknown = Scene("s", np.zeros((40, 80), np.uint8), (40, 80))
    with pytest.raises(DataError, match="pixels_per_degree must be known"):
        over(unknown)
