from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cogattn.errors import DataError
from cogattn.observers import build_network
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.natural.seeing import Distribution, SceneSearcher, SceneView, paste
from cogattn.psychophysics.search.natural.targets import shown
from cogattn.psychophysics.search.searchers.controls import PixelLevels
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import look, search
from cogattn.psychophysics.search.searchers.templates import LevelsOf
from cogattn.testing.scenes import make_scenes
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS
from cogattn.vision.scenes.scene import Scene

GREEDY = RulesSettings(temperature=0)


def searcher_of(
    levels_of: LevelsOf, scenes: list[Scene], *, preset: str = "uniform", **settings
) -> SceneSearcher:
    return SceneSearcher(
        levels_of,
        name="s",
        integration=INTEGRATIONS[preset],
        looks_of=lambda scene: [one.image for one in shown(scene, scenes).looks],
        **settings,
    )


def places_of(scene: Scene, *, pitch_deg: float = 0.5) -> Places:
    return Places.over(scene, pitch_deg=pitch_deg, inhibition_deg=2.0, found_within_deg=0.25)


def first_fixations(levels_of: LevelsOf, scenes: list[Scene], **settings) -> list[int]:
    """Saccades that the target takes; 99 where it is not found within three."""
    searcher = searcher_of(levels_of, scenes, **settings)
    found = [
        search(searcher, scene, places=places_of(scene), rules=GREEDY, rng=np.random.default_rng(0), limit=3)
        for scene in scenes
    ]
    return [one.n_fixations if one.outcome == "found" else 99 for (one,) in found]


@pytest.fixture
def backbone(own_network: FactoryObserver) -> Backbone:
    return Backbone(build_network(own_network, own_network.target[0], seed=0), n_levels=2)


def evidence(view: SceneView, *gaze_deg: tuple[float, float]) -> np.ndarray:
    return view.evidence(np.array(gaze_deg))


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("thing_px", [(16, 16), (12, 24)])
@pytest.mark.parametrize("told", ["picture", "box", "category"])
def test_a_target_unlike_its_scene_is_found_at_once(
    backbone: Backbone, told: str, thing_px: tuple[int, int], colour: bool
) -> None:
    scenes = make_scenes(3, thing_px=thing_px, colour=colour, told=told)
    assert first_fixations(backbone, scenes) == [1, 1, 1]


def test_a_vision_transformer_searches_scenes_of_any_size() -> None:
    network = build_network(TimmObserver(weights="random"), "vit_tiny_patch16_224", seed=0)
    scenes = make_scenes(2, size_px=(100, 150), thing_px=(32, 32))
    view = searcher_of(Backbone(network), scenes, preset="v1").begin(
        scenes[0], places_of(scenes[0]), np.random.default_rng(0)
    )
    seen = evidence(view, (0.0, 0.0), (3.0, -2.0))
    assert seen.shape == (2, len(places_of(scenes[0]).points_deg))
    assert np.isfinite(seen).all()


def test_pixels_find_what_is_drawn_as_it_was_shown() -> None:
    assert first_fixations(PixelLevels(2), make_scenes(3, told="box")) == [1, 1, 1]


def test_a_grey_scene_is_seen_as_one_whose_colours_are_all_grey(backbone: Backbone) -> None:
    (grey,) = make_scenes(1)
    assert grey.target is not None
    painted = dataclasses.replace(
        grey,
        picture=np.repeat(grey.picture[..., None], 3, axis=2),
        target=dataclasses.replace(grey.target, picture=np.repeat(grey.target.picture[..., None], 3, axis=2)),
    )
    views = [
        searcher_of(backbone, [one]).begin(one, places_of(one), np.random.default_rng(0))
        for one in (grey, painted)
    ]
    assert evidence(views[0], (1.0, 1.0)) == pytest.approx(evidence(views[1], (1.0, 1.0)))


def test_a_fovea_tells_less_of_what_is_far_and_none_tells_the_same(backbone: Backbone) -> None:
    (scene,) = make_scenes(1, size_px=(128, 256))
    places, at = places_of(scene), {}
    for preset in ("uniform", "v2"):
        view = searcher_of(backbone, [scene], preset=preset).begin(scene, places, np.random.default_rng(0))
        middle = places.points_deg[places.on_target].mean(axis=0)
        seen = evidence(view, tuple(middle), (middle[0] + 8.0, middle[1]))
        at[preset] = seen[:, places.on_target].max(axis=1)
    assert at["uniform"][1] == pytest.approx(at["uniform"][0], rel=0.1)
    assert at["v2"][1] < 0.5 * at["v2"][0]


def test_evidence_is_the_log_likelihood_ratio_of_two_gaussians() -> None:
    """For d' between two normal distributions its mean is d'^2 / 2 under the one, -d'^2 / 2 under the other."""
    rng, n = np.random.default_rng(0), 16
    scene = Distribution(np.linspace(0.1, 0.2, n), np.full(n, 0.01))
    target = Distribution(np.linspace(0.6, 0.3, n), np.full(n, 0.01))
    searcher = searcher_of(PixelLevels(), [], gain=1e9)
    steps = np.repeat(np.arange(n, dtype=float)[:, None], 40_000, axis=1)
    for told, sign in ((target, 1), (scene, -1)):
        matches = told.mean[:, None] + 0.1 * rng.standard_normal(steps.shape)
        nats = searcher.weigh(matches, steps, scene, target).mean(axis=1)
        assert nats == pytest.approx(sign * ((target.mean - scene.mean) / 0.1) ** 2 / 2, abs=0.1)
    ratio = searcher.weigh(np.full((1, 1), 0.45), np.zeros((1, 1)), scene, target)
    assert ratio[0, 0] == pytest.approx((0.35**2 - 0.15**2) / (2 * 0.01))


def test_on_empty_ground_evidence_is_that_of_drawn_displays_times_the_targets_match() -> None:
    nothing = np.zeros(16)
    target = Distribution(np.full(16, 0.8), nothing)
    searcher = searcher_of(PixelLevels(), [], gain=200.0, criterion=0.5)
    nats = searcher.weigh(np.array([[0.7]]), np.zeros((1, 1)), Distribution(nothing, nothing), target)
    assert nats[0, 0] == pytest.approx(0.8 * 200 * (0.7 - 0.5 * 0.8))


def test_what_is_no_more_like_the_target_than_the_scene_says_nothing() -> None:
    same = Distribution(np.full(16, 0.3), np.full(16, 0.01))
    searcher = searcher_of(PixelLevels(), [])
    assert (searcher.weigh(np.array([[0.1, 0.9]]), np.zeros((1, 2)), same, same) == 0).all()


def test_a_second_look_from_a_place_is_the_first_one(backbone: Backbone) -> None:
    (scene,) = make_scenes(1)
    places = places_of(scene)
    searcher = searcher_of(backbone, [scene], preset="v2", levels="reliability")
    views = [searcher.begin(scene, places, np.random.default_rng(0)) for _ in range(2)]
    once = evidence(views[0], (1.0, 0.5))
    mixed = evidence(views[0], (-2.0, 1.0), (1.0, 0.5), (1.0, 0.5))
    assert mixed[1].tolist() == mixed[2].tolist() == once[0].tolist()
    assert mixed == pytest.approx(evidence(views[1], (-2.0, 1.0), (1.0, 0.5), (1.0, 0.5)))


@pytest.mark.parametrize("rule", ["mean", "reliability", "maximum", "only_2"])
def test_any_rule_of_levels_finds_a_target_unlike_its_scene(backbone: Backbone, rule: str) -> None:
    assert first_fixations(backbone, make_scenes(3), levels=rule) == [1, 1, 1]


def test_searches_that_have_no_target_end_at_their_limit_or_give_up(backbone: Backbone) -> None:
    scenes = make_scenes(1, present=False)
    places = places_of(scenes[0])
    view = searcher_of(backbone, scenes).begin(scenes[0], places, np.random.default_rng(0))
    outcomes = []
    for quit_below in (0.0, 0.2):
        rules = RulesSettings(temperature=0, quit_below=quit_below)
        (found,) = look(
            view, places, rules=rules, rng=np.random.default_rng(0), start_deg=np.zeros((1, 2)), limit=4
        )
        outcomes.append((found.outcome, found.n_fixations))
    assert outcomes[0] == ("limit", 4)
    assert outcomes[1][0] == "absent"


def test_pictures_are_pasted_whole_and_where_it_says() -> None:
    image = np.zeros((40, 90, 3), np.float32)
    looks = [np.full((8, 12, 3), 0.5, np.float32), np.ones((6, 6, 3), np.float32)]
    pasted, centers = paste(image, looks)
    assert (pasted == 0.5).sum() == 3 * 8 * 12 * 3
    assert (pasted == 1).sum() == 3 * 6 * 6 * 3
    assert not image.any()
    for number, (x, y) in enumerate(centers):
        assert pasted[int(y), int(x), 0] == (0.5, 1)[number % 2]


def test_targets_larger_than_the_scene_and_features_that_are_no_numbers_are_refused(
    own_networks: str,
) -> None:
    (scene,) = make_scenes(1)
    assert scene.target is not None
    huge = dataclasses.replace(scene.target, picture=np.zeros((200, 20), np.uint8))
    shown_huge = dataclasses.replace(scene, target=huge)
    rng, places = np.random.default_rng(0), places_of(scene)
    with pytest.raises(DataError, match="must not be larger than the scene; got 20 x 200"):
        searcher_of(PixelLevels(), [shown_huge]).begin(shown_huge, places, rng)
    blank = FactoryObserver(target=(f"{own_networks}:Blank",), image_size=32)
    levels_of = Backbone(build_network(blank, blank.target[0], seed=0), n_levels=2)
    with pytest.raises(DataError, match="features must be finite"):
        searcher_of(levels_of, [scene]).begin(scene, places, rng)
