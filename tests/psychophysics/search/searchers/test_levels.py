from __future__ import annotations

import dataclasses
from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn import functional

from cogattn.errors import ConfigError
from cogattn.psychophysics.search.config import LevelRule
from cogattn.psychophysics.search.displays.display import Display, draw, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.controls import PixelLevels
from cogattn.psychophysics.search.searchers.expected import expect
from cogattn.psychophysics.search.searchers.levels import (
    NOISE_VARIANCE,
    along,
    combine,
    discriminability,
    level_weights,
)
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.sights import DisplaySight, disordered
from cogattn.psychophysics.search.searchers.templates import learn_templates, match_maps, normalised
from cogattn.vision.fovea import Level
from cogattn.vision.retina import INTEGRATIONS

RULES = get_args(LevelRule)
RNG = np.random.default_rng(4)
SHAPE = (5, 2, 3, 7)  # levels, kinds, gazes, places
RESPONSES, RELIABILITY = RNG.normal(size=SHAPE), RNG.random(SHAPE)


@pytest.mark.parametrize("rule", RULES)
def test_weights_are_shares(rule: LevelRule) -> None:
    weights = level_weights(RESPONSES, rule, reliability=RELIABILITY)
    assert (weights >= 0).all()
    assert weights.sum(axis=0) == pytest.approx(1)


@pytest.mark.parametrize("rule", RULES)
def test_equal_levels_make_all_rules_agree(rule: LevelRule) -> None:
    same = np.repeat(RESPONSES[:1], 5, axis=0)
    assert combine(same, rule, reliability=RELIABILITY) == pytest.approx(same[0])


@pytest.mark.parametrize("rule", RULES)
def test_responses_in_another_unit_give_the_same_in_that_unit(rule: LevelRule) -> None:
    plain = combine(RESPONSES, rule, reliability=RELIABILITY)
    assert combine(3.7 * RESPONSES, rule, reliability=0.2 * RELIABILITY) == pytest.approx(3.7 * plain)


@pytest.mark.parametrize("level", range(5))
def test_a_single_depth_is_that_depth(level: int) -> None:
    rule: LevelRule = RULES[RULES.index("only_1") + level]
    assert (combine(RESPONSES, rule) == RESPONSES[level]).all()


def test_mean_is_the_mean_and_reliability_that_is_equal_is_too() -> None:
    assert combine(RESPONSES, "mean") == pytest.approx(RESPONSES.mean(axis=0))
    assert combine(RESPONSES, "reliability", reliability=np.full(5, 0.3)) == pytest.approx(
        RESPONSES.mean(axis=0)
    )


@pytest.mark.parametrize("shape", [(5,), (5, 3, 7), (5, 1, 7), SHAPE])
def test_reliability_is_told_by_level_by_place_or_by_kind(shape: tuple[int, ...]) -> None:
    worth = np.random.default_rng(1).random(shape)
    full = worth.reshape({1: (5, 1, 1, 1), 3: (5, 1, *shape[1:]), 4: shape}[len(shape)])
    full = np.broadcast_to(full, SHAPE)
    expected = (full * RESPONSES).sum(axis=0) / full.sum(axis=0)
    assert combine(RESPONSES, "reliability", reliability=worth) == pytest.approx(expected)


def test_maximum_weighs_each_map_of_a_kind_and_a_gaze_by_its_peak() -> None:
    responses = np.zeros((2, 2, 1, 3))
    responses[0, 0, 0], responses[1, 0, 0] = [3, 0, 1], [0, 1, -5]
    responses[0, 1, 0], responses[1, 1, 0] = [-1, -1, -1], [-2, -2, -3]  # nothing there: shared alike
    assert combine(responses, "maximum")[:, 0].tolist() == [[2.25, 0.25, -0.5], [-1.5, -1.5, -2]]


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match="only_4"):
        combine(RESPONSES[:3], "only_4")
    with pytest.raises(ConfigError, match="reliability"):
        combine(RESPONSES, "reliability")


def test_weights_by_discriminability_are_the_best_sum_of_independent_channels() -> None:
    """The sum's d' squared is the sum of the channels' d' squared, which no other weights reach."""
    rng, gap = np.random.default_rng(0), np.array([0.3, 0.1, 0.6, 0.0])
    sd = np.sqrt(np.array([0.02, 0.005, 0.3, 0.01]))
    target, others = (at + rng.normal(size=(4, 200_000)) * sd[:, None] for at in (gap[:, None], 0.0))
    weights = discriminability(target, others)

    def d_prime_squared(weights: np.ndarray) -> float:
        return float((weights @ gap) ** 2 / (weights**2 @ (sd**2 + NOISE_VARIANCE)))

    ideal = float((gap**2 / (sd**2 + NOISE_VARIANCE)).sum())
    assert d_prime_squared(weights) == pytest.approx(ideal, rel=1e-3)
    assert all(d_prime_squared(w) < ideal for w in rng.random((200, 4)))


def test_a_level_that_prefers_other_things_has_no_say() -> None:
    target, others = np.array([[0.2, 0.3], [0.5, 0.6]]), np.array([[0.4, 0.5], [0.1, 0.0]])
    assert (discriminability(target, others) > 0).tolist() == [False, True]


def test_tables_are_interpolated_as_numpy_does() -> None:
    table, distance = RNG.normal(size=(2, 3, 6)), RNG.uniform(0, 9, size=(4, 5))
    found = along(table, distance, 1.5)
    for index in np.ndindex(2, 3):
        expected = np.interp(distance, np.arange(6) * 1.5, table[index])
        assert found[index] == pytest.approx(expected)


def display(condition: str = "t_in_l", n: int = 3, *, seed: int = 0) -> Display:
    return make_display(*find_condition(condition), n, rng=np.random.default_rng(seed), pixels_per_degree=6)


class ShapeAndInk:
    """Pixels, and how much ink lies about them: only the first level can tell a shape."""

    def __init__(self, reach_px: int = 37) -> None:
        self.reach_px, self.n_images = reach_px, 0

    def __call__(self, images: torch.Tensor) -> list[Level]:
        self.n_images += len(images)
        (pixels,) = PixelLevels(2)(images)
        reach = self.reach_px // 2
        ink = functional.avg_pool2d(pixels.maps, reach, 1, reach // 2, count_include_pad=False)
        return [pixels, Level(ink, 2)]


def searcher(levels_of: object, **kwargs) -> MatchingSearcher:
    return MatchingSearcher(levels_of, name="net", integration=INTEGRATIONS["v1"], gain=50.0, **kwargs)


def evidence(own: MatchingSearcher, shown: Display) -> np.ndarray:
    places = Places.of(shown, pitch_deg=1.5)
    return own.begin(shown, places, np.random.default_rng(0)).evidence(np.array([[0.0, 0.0], [4.0, -3.0]]))


@pytest.mark.parametrize(
    ("rule", "knows_distractors"),
    [("mean", False), ("reliability", False), ("maximum", False), ("only_2", False), ("mean", True)],
)
def test_who_knows_all_kinds_takes_the_best_of_those_who_know_one(
    rule: LevelRule, knows_distractors: bool
) -> None:
    shown = display()
    every = searcher(ShapeAndInk(), levels=rule, knows_distractors=knows_distractors)
    single = every.variant(targets="one")
    kinds = [evidence(single, dataclasses.replace(shown, sought=kind)) for kind in shown.condition.targets]
    assert len(kinds) > 1
    assert np.abs(kinds[0] - kinds[1]).max() > 0.5
    assert evidence(every, shown) == pytest.approx(np.max(kinds, axis=0))


def test_one_picture_is_the_one_that_the_display_holds() -> None:
    shown, own = display(seed=3), searcher(PixelLevels(2), targets="one", levels="only_1")
    own = own.variant(integration=INTEGRATIONS["uniform"])
    kind = shown.condition.targets.index(shown.sought)
    places = Places.of(shown, pitch_deg=0.3)
    best = own.begin(shown, places, np.random.default_rng(0)).evidence(np.zeros((1, 2)))[0].argmax()
    assert np.linalg.norm(places.points_deg[best] - shown.centers_deg[shown.target_index]) < 0.5
    wrong = dataclasses.replace(shown, sought=shown.condition.targets[(kind + 1) % 4])
    assert evidence(own, wrong).max() < evidence(own, shown).max()


def test_what_is_known_of_a_kind_does_not_depend_on_the_others() -> None:
    """So that the searcher who is told one picture gains nothing from the kinds that were learned beside it."""
    _, condition = find_condition("t_in_l")
    levels_of = PixelLevels(2)
    args = {"background": 1.0, "pixels_per_degree": 6}
    every = learn_templates(levels_of, condition.targets, **args)
    alone = learn_templates(levels_of, condition.targets[2:3], **args)
    levels = levels_of(torch.rand(1, 3, 60, 60, generator=torch.Generator().manual_seed(0)))
    blank = [torch.ones_like(level.maps) for level in levels]
    of_all = normalised(match_maps(levels, blank, every)[0][0], every[0])[2]
    of_one = normalised(match_maps(levels, blank, alone)[0][0], alone[0])[0]
    assert of_all.numpy() == pytest.approx(of_one.numpy(), abs=1e-6)


@pytest.mark.parametrize(("knows_distractors", "factor"), [(False, 5), (True, 1.2)])
def test_reliability_listens_to_the_level_that_sees_the_shape(knows_distractors: bool, factor: float) -> None:
    sight = DisplaySight(ShapeAndInk(), knows_distractors=knows_distractors)
    expected = expect(sight.knowledge(display()), INTEGRATIONS["uniform"], with_reliability=True)
    assert expected.reliability is not None
    shape, ink = expected.reliability[..., 0]  # (kinds,)
    assert (shape > factor * ink).all()


def test_variants_share_the_passes_of_the_network() -> None:
    levels_of = ShapeAndInk()
    own, shown = searcher(levels_of), display()
    evidence(own, shown)
    others = [
        own.variant(levels="reliability"),
        own.variant(integration=INTEGRATIONS["v2"], levels="reliability", targets="one"),
        own.variant(levels="only_1", gain=3.0),
    ]
    for each in (own, *others):
        evidence(each, shown)
    before = levels_of.n_images
    again = display(seed=9)
    found = [evidence(each, again) for each in (own, *others)]
    assert levels_of.n_images == before + 1
    assert all(np.abs(found[0] - other).max() > 0.1 for other in found[1:])


def test_a_variant_is_the_searcher_made_anew() -> None:
    shown, plain = display(), searcher(ShapeAndInk())
    evidence(plain, shown)
    changed = plain.variant(integration=INTEGRATIONS["v2"], levels="reliability", gain=9.0)
    anew = MatchingSearcher(
        ShapeAndInk(), name="net", integration=INTEGRATIONS["v2"], levels="reliability", gain=9.0
    )
    assert (evidence(changed, shown) == evidence(anew, shown)).all()


@pytest.mark.parametrize("level", [0, 1])
def test_a_single_depth_searches_as_a_network_that_has_no_other(level: int) -> None:
    shown, both = display(), ShapeAndInk()
    single = evidence(searcher(both, levels=RULES[RULES.index("only_1") + level]), shown)
    no_other = evidence(searcher(lambda images: both(images)[level : level + 1]), shown)
    assert single == pytest.approx(no_other)


@pytest.mark.parametrize("rule", ["mean", "reliability", "maximum"])
def test_a_target_alone_looks_from_afar_as_it_was_expected_to(rule: LevelRule) -> None:
    """Where the criterion is all of the expected match, its evidence is 0 from everywhere."""
    shown = display(n=1)
    center, turn = shown.centers_deg[0], np.array([[0.0, 0.0], [7.0, 0.0], [-9.0, 6.0]])
    own = searcher(ShapeAndInk(), levels=rule, targets="one", criterion=1.0)
    places = dataclasses.replace(Places.of(shown, pitch_deg=3.0), points_deg=center[None])
    found = own.begin(shown, places, np.random.default_rng(0)).evidence(center + turn)
    assert np.abs(found).max() < 0.05 * own.gain


def test_what_is_kept_of_the_start_is_not_taken_for_other_places_or_another_start() -> None:
    shown, own = display(), searcher(PixelLevels(2))
    places = Places.of(shown, pitch_deg=1.5)
    turned = dataclasses.replace(places, points_deg=places.points_deg[::-1].copy())
    starts = np.array([[[0.0, 0.0]], [[4.0, -3.0]]])
    for seen in (places, turned):
        for start in starts:
            kept = own.begin(shown, seen, np.random.default_rng(0)).evidence(start)
            anew = searcher(PixelLevels(2)).begin(shown, seen, np.random.default_rng(0)).evidence(start)
            assert (kept == anew).all()


@pytest.mark.parametrize("side", [40, 41])
def test_disorder_moves_the_ink_and_nothing_else(side: int) -> None:
    _, condition = find_condition("t_in_l")
    image = draw(
        condition.targets[:1], np.zeros((1, 2)), background=1.0, side_deg=side / 5, pixels_per_degree=5
    )
    box = 30
    found = disordered(image, box, seed=1)
    assert (np.sort(found, axis=None) == np.sort(image, axis=None)).all()
    margin = (side - box) // 2
    outside = np.ones(image.shape, dtype=bool)
    outside[margin : side - margin, margin : side - margin] = False
    assert (found == image)[outside].all()
    assert (found != image).mean() > 0.1
    assert (found == disordered(image, box, seed=1)).all()
    assert (found != disordered(image, box, seed=2)).any()
