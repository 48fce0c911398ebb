from __future__ import annotations

import functools
import math

import numpy as np
import pytest
import timm
import torch
from torch.nn import functional
from torch.testing import assert_close

from cogattn.errors import ObserverError
from cogattn.observers.build import timm_network
from cogattn.observers.network import Network
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.controls import PixelLevels
from cogattn.psychophysics.search.searchers.inline import InlineNetwork, InlineSearcher, eccentric_pool
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import Places, search
from cogattn.psychophysics.search.searchers.templates import correlate
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS


@functools.cache
def network(name: str = "tf_efficientnet_lite0") -> Network:
    torch.manual_seed(0)
    return timm_network(timm.create_model(name), name=name, device="cpu")


def display(condition: str = "tilted_in_vertical", n: int = 4, *, ppd: float = 15, seed: int = 0) -> Display:
    return make_display(*find_condition(condition), n, rng=np.random.default_rng(seed), pixels_per_degree=ppd)


def searcher(preset: str, **kwargs) -> MatchingSearcher:
    return MatchingSearcher(
        Backbone(network()), name="net", integration=INTEGRATIONS[preset], gain=100.0, **kwargs
    )


def test_a_pixel_template_finds_the_only_item_at_once() -> None:
    own = MatchingSearcher(PixelLevels(2), name="pixels", integration=INTEGRATIONS["uniform"], gain=50.0)
    for seed in range(5):
        shown = display("tilted_in_mixed", 1, seed=seed)
        (found,) = search(own, shown, rules=RulesSettings(temperature=0), rng=np.random.default_rng(0))
        assert found.n_fixations == 1
        assert np.abs(found.fixations_deg[0] - shown.centers_deg[0]).max() < 0.5


def test_match_of_the_target_itself_is_near_one_and_of_blank_ground_near_zero() -> None:
    own = MatchingSearcher(PixelLevels(2), name="pixels", integration=INTEGRATIONS["uniform"], gain=1.0)
    shown = display("vertical_in_mixed", 1)
    places = Places.of(shown, pitch_deg=0.1)
    matches = own.begin(shown, places, np.random.default_rng(0)).matches(np.zeros((1, 2)))[0, 0, 0]
    at_target = np.linalg.norm(places.points_deg - shown.centers_deg[0], axis=1)
    assert 0.85 < matches[at_target < 0.3].max() <= 1.001
    assert np.abs(matches[at_target > 3]).max() < 0.01


def test_without_a_fovea_the_view_is_the_same_from_everywhere_and_with_one_it_fades() -> None:
    shown = display(n=1)
    places = Places.of(shown, pitch_deg=0.5)
    near = shown.centers_deg[:1]
    gaze = np.concatenate([near, near + np.array([[5.0, 0.0]])])
    nearest = np.linalg.norm(places.points_deg - near, axis=1).argmin()
    for preset, same in (("uniform", True), ("v2", False)):
        view = searcher(preset).begin(shown, places, np.random.default_rng(0))
        matches = view.matches(gaze)[:, 0].mean(axis=0)
        if same:
            assert_close(matches[0], matches[1])
        else:
            assert matches[1, nearest] < matches[0, nearest]


def test_the_network_sees_a_display_once() -> None:
    calls = []
    levels_of = Backbone(network())

    def counted(images: torch.Tensor) -> list:
        calls.append(len(images))
        return levels_of(images)

    own = MatchingSearcher(counted, name="net", integration=INTEGRATIONS["v2"], gain=1.0)
    rules, rng = RulesSettings(), np.random.default_rng(0)
    search(own, display(n=8), rules=rules, rng=rng)
    before = len(calls)
    found = search(own, display(n=8, seed=1), rules=rules, rng=rng, n_searches=5)
    assert sum(f.n_fixations for f in found) > 5
    assert len(calls) - before == 1


@pytest.mark.parametrize(("k", "size"), [(1, (5, 7)), (2, (6, 6)), (3, (4, 9)), (8, (5, 5))])
def test_correlation_is_the_plain_convolution(k: int, size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64)
    kernels = torch.randn(4, 3, k, k, generator=generator, dtype=torch.float64)
    padded = functional.pad(maps, ((k - 1) // 2, k // 2) * 2)
    assert_close(correlate(maps, kernels), functional.conv2d(padded, kernels))


def test_knowing_the_distractors_speaks_against_them() -> None:
    shown = display("t_in_l", 3, ppd=8)
    places = Places.of(shown, pitch_deg=0.5)
    target_only, both = (
        searcher("uniform", knows_distractors=knows)
        .begin(shown, places, np.random.default_rng(0))
        .evidence(np.zeros((1, 2)))[0]
        for knows in (False, True)
    )
    assert (both < target_only + 0.05).all()
    assert (both < target_only - 0.5).any()


def eccnet_pool(maps: torch.Tensor, slope: float, cells_per_degree: int) -> torch.Tensor:
    """The reference's arithmetic: pool the whole map once for every ring, mask, and add; gaze at the middle.

    Windows as published: 2 within four degrees, else 2 + round(slope * (e - 4) * cells per degree), e being the
    outer border of a ring one degree wide. TensorFlow's "same" padding: an odd remainder goes to the end, and
    means are over valid cells.
    """
    size = maps.shape[-1]
    out = -(-size // 2)
    along = (torch.arange(out) + 0.5) * 2 - size / 2
    eccentricity = torch.hypot(along[None], along[:, None])
    total = torch.zeros(*maps.shape[:2], out, out)
    outer = 4
    inner = -1.0
    while inner < float(eccentricity.max()):
        window = 2 + round(slope * (outer - 4) * cells_per_degree)
        padding = max((out - 1) * 2 + window - size, 0)
        before = padding // 2
        room = (before, padding - before)
        ones = functional.pad(torch.ones_like(maps), room * 2)
        sums = functional.avg_pool2d(functional.pad(maps, room * 2), window, 2)
        pooled = sums / functional.avg_pool2d(ones, window, 2)
        border = outer * cells_per_degree
        mask = (eccentricity > inner) & (eccentricity <= border)
        total += pooled[..., :out, :out] * mask
        inner, outer = border, outer + 1
    return total


@pytest.mark.parametrize(
    ("size", "slope", "cells_per_degree"), [(202, 0.07, 8), (101, 0.16, 4), (50, 0.32, 2)]
)
def test_eccentric_pooling_is_eccnets_ring_by_ring(size: int, slope: float, cells_per_degree: int) -> None:
    maps = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    ours = eccentric_pool(maps, torch.full((1, 2), size / 2), slope=slope, cells_per_degree=cells_per_degree)
    assert_close(ours, eccnet_pool(maps, slope, cells_per_degree), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_inline_vgg_is_the_references_network_about_the_middle() -> None:
    """Blocks of convolutions with ring-by-ring pooling between them, written out from the definition."""
    net, size = network("vgg11"), 384
    convolutions = [m for m in net.module.features if isinstance(m, torch.nn.Conv2d)]
    blocks = [convolutions[a:b] for a, b in ((0, 1), (1, 2), (2, 4), (4, 6), (6, 8))]
    pools = ((0.0, 30), (0.0, 15), (0.07, 8), (0.16, 4))
    maps = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    inline = InlineNetwork(net, INTEGRATIONS["eccnet"])
    with torch.inference_mode():
        first, expected = inline.parts[0](maps), []
        for index, block in enumerate(blocks):
            for convolution in block:
                maps = functional.relu(convolution(maps))
            if index >= 2:
                expected.append(maps)
            if index < 4:
                maps = eccnet_pool(maps, *pools[index])
        ours = inline.levels(first, torch.zeros(1, 2), image_size=(size, size), pixels_per_degree=30)
    assert len(expected[0].unique()) > 1000
    for level, reference in zip(ours, expected, strict=True):
        assert (level.maps - reference).norm() < 1e-5 * reference.norm()


@pytest.mark.parametrize("name", ["resnet18", "tf_efficientnet_lite0"])
def test_inline_network_without_slope_is_the_plain_network(name: str) -> None:
    net = network(name)
    images = torch.rand(1, 3, 128, 128)
    inline = InlineNetwork(net, INTEGRATIONS["uniform"])
    levels = inline.levels(
        inline.start(images),
        torch.tensor([[0.0, 0.0], [1.0, 2.0]]),
        image_size=(128, 128),
        pixels_per_degree=15,
    )
    plain = Backbone(net)(images)
    for ours, expected in zip(levels, plain, strict=True):
        assert ours.stride_px == expected.stride_px
        if name != "resnet18":  # whose 3 x 3 maximum stays, but whose stem differs in nothing
            assert_close(ours.maps, expected.maps.expand_as(ours.maps), rtol=1e-4, atol=1e-4)


def test_inline_vgg_pools_on_average_and_depends_on_gaze_after_the_third_block_only() -> None:
    inline = InlineNetwork(network("vgg11"), INTEGRATIONS["eccnet"])
    assert inline.strides == [4, 8, 16]
    images = torch.rand(1, 3, 320, 320)
    gaze = torch.tensor([[0.0, 0.0], [9.0, 0.0]])
    levels = inline.levels(inline.start(images), gaze, image_size=(320, 320), pixels_per_degree=16)
    same = [math.isclose(float((m.maps[0] - m.maps[1]).abs().max()), 0, abs_tol=1e-6) for m in levels]
    assert same == [True, False, False]


def test_inline_searcher_finds_targets() -> None:
    own = InlineSearcher(network(), name="net", preset="eccnet", gain=100.0)
    found = search(own, display(n=4), rules=RulesSettings(), rng=np.random.default_rng(0), n_searches=2)
    assert [f.outcome for f in found] == ["found", "found"]


def test_gazes_are_seen_alone_as_in_company() -> None:
    own = InlineSearcher(network("vgg11"), name="net", preset="v2", gain=100.0)
    shown = display(n=4)
    view = own.begin(shown, Places.of(shown, pitch_deg=0.5), np.random.default_rng(0))
    gazes = np.array([[2.0, -1.0], [0.0, 0.0], [2.0, -1.0]])
    together = view.evidence(gazes)
    alone = np.concatenate([view.evidence(gaze[None]) for gaze in gazes])
    assert together == pytest.approx(alone, abs=1e-2)
    assert (together[0] == together[2]).all()
    assert np.abs(together[0] - together[1]).max() > 1


def test_transformers_have_no_inline_fovea() -> None:
    with pytest.raises(ObserverError, match="place = late"):
        InlineNetwork(network("vit_tiny_patch16_224"), INTEGRATIONS["v2"])


def test_a_vision_transformer_searches_through_its_patches() -> None:
    levels_of = Backbone(network("vit_tiny_patch16_224"))
    own = MatchingSearcher(levels_of, name="vit", integration=INTEGRATIONS["v2"], gain=100.0)
    (found,) = search(own, display(n=4), rules=RulesSettings(), rng=np.random.default_rng(0))
    assert found.outcome == "found"


def test_inline_the_first_depth_does_not_depend_on_gaze_and_the_last_one_does() -> None:
    own = InlineSearcher(network(), name="net", preset="v2", gain=100.0)
    shown, gaze = display(n=4), np.array([[0.0, 0.0], [3.0, -2.0]])
    places = Places.of(shown, pitch_deg=1.0)
    for levels, same in (("only_1", True), ("only_3", False)):
        view = own.variant(levels=levels, targets="one").begin(shown, places, np.random.default_rng(0))
        evidence = view.evidence(gaze)
        assert (np.abs(evidence[0] - evidence[1]).max() < 1e-9) == same
