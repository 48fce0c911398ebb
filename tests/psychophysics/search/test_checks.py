from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from cogattn.errors import CogattnError, ConfigError, DataError, ObserverError
from cogattn.observers.config import FactoryObserver
from cogattn.psychophysics.search.config import MatchingSettings, SearchConfig
from cogattn.psychophysics.search.study import SearchStudy


def check(**settings) -> None:
    SearchStudy().check(SearchConfig.parse(settings))


def test_the_default_and_the_demo_are_sound() -> None:
    check()
    SearchStudy().check(SearchStudy().demo())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"observer": {"models": ["resnet5000"]}}, r"^observer\.models .*resnet5000"),
        ({"observer": {"weights": "nowhere.pth"}}, r"^observer\.weights .*nowhere\.pth"),
        ({"observer": {"kind": "factory", "target": "nowhere:build"}}, r"^observer\.target .*nowhere:build"),
        ({"humans": "wolfe2011"}, r"^humans must be one of wolfe2010 or .*wolfe2011"),
        ({"humans": "nobody", "tasks": ["letters", "letters"]}, r"^humans .*nobody"),
        ({"tasks": ["letters", "letters"]}, r"^tasks .*letters, letters"),
        ({"controls": ["chance", "chance"]}, r"^controls .*chance, chance"),
        ({"displays": {"target_absent": True}}, r"^rules\.quit_below .*max_fixations"),
        ({"tasks": ["2v5"], "rules": {"quit_below": 0}}, r"^rules\.quit_below .*max_fixations.*2v5"),
        (
            {"tasks": ["lighting", "2v5"], "displays": {"target_absent": True}},
            r"^rules\.quit_below .*max_fixations.*lighting",
        ),
        ({"tasks": ["2v5", "letters"], "searcher": "eccnet"}, r"^tasks .*eccnet.*2v5"),
        ({"rules": {"look": "elm", "pitch_deg": 0.1}}, r"^rules\.pitch_deg .*elm"),
        ({"n_searches": 1000, "rules": {"pitch_deg": 0.06}}, r"^rules\.pitch_deg .*n_searches"),
        (
            {"displays": {"n_displays": 1000}, "n_random": 100, "n_random_displays": 1000},
            r"^displays\.n_displays.* 100,000 cells",
        ),
        ({"matching": {"levels": "only_5"}}, r"^matching\.levels .*n_levels = 3 .*only_5"),
        ({"multiverse": {"foveas": ["v1"], "levels": ["mean", "only_4"]}}, r"^multiverse\.levels .*only_4"),
        ({"multiverse": {"foveas": ["v1", "v1"]}}, r"^multiverse\.foveas .*v1, v1"),
        ({"multiverse": {"foveas": ["v1"], "targets": []}}, r"^multiverse\.targets .*none"),
        ({"multiverse": {"foveas": ["v1"], "temperatures": [-1.0]}}, r"^multiverse\.temperatures .*-1"),
        (
            {"multiverse": {"foveas": ["v1"]}, "fovea": {"place": "inline"}},
            r"^multiverse\.foveas .*fovea\.place",
        ),
        ({"multiverse": {"foveas": ["v1"]}, "tasks": ["feature"]}, r"^tasks .*two sides.*feature"),
        (
            {"multiverse": {"foveas": ["eccnet"], "levels": ["mean"]}, "matching": {"n_levels": 2}},
            r"^matching\.n_levels must be 3",
        ),
        ({"eccnet": {"without": ["window"]}}, r"^eccnet\.without .*searcher.*window"),
        ({"eccnet": {"ablate": ["window"]}}, r"^eccnet\.ablate .*searcher.*window"),
        (
            {"searcher": "eccnet", "eccnet": {"ablate": ["window"], "without": ["window"]}},
            r"^eccnet\.ablate .*window",
        ),
        ({"searcher": "eccnet", "fovea": {"preset": "v1"}}, r"^fovea .*eccnet.*v1"),
        (
            {"searcher": "eccnet", "rules": {"temperature": 0}, "controls": ["no_fovea"]},
            r"^rules .*eccnet.*no_fovea",
        ),
        ({"searcher": "eccnet", "n_searches": 9, "controls": []}, r"^n_searches .*eccnet.*no controls"),
        ({"searcher": "eccnet", "scenes": {"path": "somewhere"}}, r"^searcher .*scenes\.path"),
        ({"scenes": {"path": "nowhere"}, "controls": ["ideal"]}, r"^controls .*ideal"),
        ({"scenes": {"path": "nowhere"}}, r"^scenes\.path .*nowhere"),
        (
            {
                "observer": {"models": ["vit_tiny_patch16_224"], "weights": "random"},
                "fovea": {"place": "inline"},
            },
            r"^observer .*fovea\.place = inline",
        ),
        (
            {"observer": {"models": ["test_vit"], "weights": "random", "fovea": {"alpha": 2.0}}},
            r"^observer .*fovea\.place must be inline where the network has its own; got late \(test_vit\)",
        ),
    ],
)
def test_what_cannot_end_well_is_refused_with_its_setting(settings: dict, sentence: str) -> None:
    with pytest.raises((ConfigError, DataError, ObserverError), match=sentence) as refused:
        check(**settings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"displays": {"n_displays": 2**63 - 1}},
        {"n_random": 2**63 - 1},
        {"n_searches": 10**9},
        {"n_bootstrap": 10**12},
        {"rules": {"max_fixations": 2**62}},
    ],
)
def test_numbers_without_bound_are_refused_where_they_stand(settings: dict) -> None:
    with pytest.raises(ConfigError, match=r"must be less than or equal to"):
        SearchConfig.parse(settings)


def test_a_transformer_with_a_fovea_of_its_own_passes_inline() -> None:
    observer = {"models": ["test_vit"], "weights": "random", "fovea": {"alpha": 2.0}}
    check(observer=observer, fovea={"place": "inline"})


def test_a_search_for_nothing_may_end_by_giving_up_or_by_its_length() -> None:
    for rules in ({"quit_below": 0.1}, {"max_fixations": 5}):
        check(displays={"target_absent": True}, rules=rules, controls=["chance"])
    check(tasks=["2v5", "feature"], controls=["chance"])


def test_weights_of_another_network_are_refused_before_the_first_search(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"conv.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(ObserverError, match=re.escape(str(path))):
        check(observer={"models": ["resnet18"], "weights": str(path)})


def own(module: str, factory: str, **settings) -> SearchConfig:
    observer = FactoryObserver(target=(f"{module}:{factory}",), image_size=32)
    return SearchConfig(observer=observer, matching=MatchingSettings(n_levels=2), **settings)


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        ("plain", r"^observer .*forward_intermediates"),
        ("Mute", r"^observer\.target .*no features today"),
        ("Blank", r"^observer\.target .*finite"),
        ("Fixed", r"^controls .*random_weights"),
    ],
)
def test_ones_own_network_without_features_or_weights_is_refused(
    own_networks: str, factory: str, sentence: str
) -> None:
    with pytest.raises(CogattnError, match=sentence):
        SearchStudy().check(own(own_networks, factory))


def test_ones_own_network_is_sound_and_without_weights_if_no_copy_is_asked_for(own_networks: str) -> None:
    SearchStudy().check(own(own_networks, "build"))
    SearchStudy().check(own(own_networks, "Fixed", controls=("chance", "no_fovea")))
