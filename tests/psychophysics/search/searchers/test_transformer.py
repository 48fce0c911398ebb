"""Searching with a fovea in a transformer's attention: the map of matches is the network's own from every gaze."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch.testing import assert_close

from cogattn.attention import FoveaConfig, FoveatedTransformer
from cogattn.observers.build import timm_network
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.inline import InlineSearcher, InlineTransformer, inline_of
from cogattn.psychophysics.search.searchers.matching import MatchingSearcher
from cogattn.psychophysics.search.searchers.searching import Places, search
from cogattn.vision.fovea import Backbone
from cogattn.vision.retina import INTEGRATIONS

FOVEA = FoveaConfig(alpha=2.0, e2_deg=1.0)
GAZE = np.array([[0.0, 0.0], [3.0, -2.0]])


@pytest.fixture(scope="module")
def plain() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model("vit_tiny_patch16_224", depth=4)


def searcher(module: torch.nn.Module, *, preset: str = "v2", **settings) -> InlineSearcher:
    return InlineSearcher(
        timm_network(module, name="vit", device="cpu"), name="vit", preset=preset, gain=100.0, **settings
    )


def display() -> Display:
    return make_display(
        *find_condition("tilted_in_vertical"), 4, rng=np.random.default_rng(0), pixels_per_degree=15
    )


def evidence(own: MatchingSearcher, gaze: np.ndarray = GAZE) -> np.ndarray:
    shown = display()
    return own.begin(shown, Places.of(shown, pitch_deg=1.0), np.random.default_rng(0)).evidence(gaze)


def test_without_a_fovea_it_is_the_plain_network_from_everywhere(plain):
    backbone = Backbone(timm_network(plain, name="vit", device="cpu"))
    want = evidence(MatchingSearcher(backbone, name="vit", integration=INTEGRATIONS["uniform"], gain=100.0))
    flat = searcher(FoveatedTransformer(plain, FOVEA), preset="uniform")
    assert evidence(flat) == pytest.approx(want, abs=1e-3)
    weak = searcher(FoveatedTransformer(plain, FoveaConfig(alpha=1e-9, image_size=224)))
    assert evidence(weak) == pytest.approx(want, abs=1e-3)


def test_with_one_the_map_moves_with_the_gaze_but_for_the_first_depth(plain):
    module = FoveatedTransformer(plain, FOVEA)
    for levels, same in (("only_1", True), ("only_2", False), ("only_3", False)):
        found = evidence(searcher(module).variant(levels=levels, targets="one"))
        assert (np.abs(found[0] - found[1]).max() < 1e-3) == same


def test_gazes_are_seen_alone_as_in_company(plain):
    own = searcher(FoveatedTransformer(plain, FOVEA))
    alone = np.concatenate([evidence(own, gaze[None]) for gaze in GAZE])
    assert evidence(own) == pytest.approx(alone, abs=1e-2)


def test_it_finds_targets(plain):
    own = searcher(FoveatedTransformer(plain, FOVEA))
    found = search(own, display(), rules=RulesSettings(), rng=np.random.default_rng(0), n_searches=2)
    assert [one.outcome for one in found] == ["found", "found"]


def test_levels_are_those_of_the_transformer_at_that_gaze(plain):
    module = FoveatedTransformer(plain, FOVEA.model_copy(update={"first_block": 2}))
    network = timm_network(module, name="vit", device="cpu")
    inline = inline_of(network, INTEGRATIONS["v2"], n_levels=3)
    assert isinstance(inline, InlineTransformer)
    images, gaze = torch.rand(1, 3, 48, 80), torch.tensor([[1.0, 0.0]])
    inline.backbone.network.module.set_input_size((48, 80))
    inputs = (images - 0.5) / 0.5  # as the network takes them
    seen = module.maps(
        module.embed(inputs, pixels_per_degree=16), gaze[None], indices=inline.backbone.indices
    )
    for level, want in zip(inline.glance(images, 16).levels(gaze), seen, strict=True):
        assert_close(level.maps, want)
