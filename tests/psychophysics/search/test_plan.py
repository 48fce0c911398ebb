from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from cogattn.observers.alone import network_seed
from cogattn.observers.build import build_network
from cogattn.observers.config import FactoryObserver, TimmObserver
from cogattn.observers.live import register
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import (
    DisplaySettings,
    EccnetSettings,
    FoveaSettings,
    MatchingSettings,
    MultiverseSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.displays.tasks import TASKS, find_condition
from cogattn.psychophysics.search.plan import (
    TABLE,
    SearchCell,
    cells_of,
    contents,
    copies_of,
    model_name,
    n_cells,
    networks_of,
    observers_of,
    relevant,
)
from cogattn.psychophysics.search.study import SearchStudy
from cogattn.study import streams_of
from cogattn.testing.variations import variations

ALL_CONTROLS = SearchConfig().controls


def changed(config: SearchConfig, **settings) -> SearchConfig:
    return config.model_copy(update=settings)


def identities(config: SearchConfig) -> dict[SearchCell, str]:
    """What the plan says of each cell's settings."""
    return {cell: relevant(config, cell).canonical() for cell in cells_of(config)}


def test_the_default_plan_has_every_searcher_before_every_condition() -> None:
    config = SearchConfig()
    observers, cells = observers_of(config), cells_of(config)
    assert len({observer.id for observer in observers}) == 1 + 1 + 20 + 3
    assert {(c.observer, c.condition) for c in cells} == {
        (observer.id, condition.name)
        for observer in observers
        for task in TASKS.values()
        for condition in task.conditions
    }
    assert len({cell.key for cell in cells}) == len(cells) == n_cells(config)
    assert {cell.task for cell in cells} == {TABLE}
    assert all(cell.target_present for cell in cells)


def test_cells_cover_each_display_once_and_start_at_tens() -> None:
    config = SearchConfig(displays=DisplaySettings(n_displays=23, target_absent=True), controls=("chance",))
    for present in (True, False):
        spans = [
            (c.start, c.stop)
            for c in cells_of(config)
            if (c.observer, c.condition, c.target_present) == ("chance", "t_in_l", present)
        ]
        assert spans == [(0, 10), (10, 20), (20, 23)]
    assert len(cells_of(config)) == n_cells(config)


def test_untrained_copies_see_the_first_displays_only() -> None:
    config = SearchConfig(
        displays=DisplaySettings(n_displays=23),
        n_random=2,
        n_random_displays=12,
        tasks=("letters", "lighting"),
    )
    spans = {
        variant: {(c.start, c.stop) for c in cells_of(config) if c.variant == variant}
        for variant in ("", "untrained")
    }
    assert spans == {"": {(0, 10), (10, 20), (20, 23)}, "untrained": {(0, 10), (10, 12)}}
    assert len(cells_of(config)) == n_cells(config)
    few = changed(config, displays=DisplaySettings(n_displays=4))
    assert {(c.start, c.stop) for c in cells_of(few)} == {(0, 4)}
    assert len(cells_of(few)) == n_cells(few)


def test_tasks_that_people_answered_without_a_target_are_shown_without_one() -> None:
    config = SearchConfig(tasks=("letters", "conjunction"), controls=("chance",))
    shown = {task: set() for task in ("letters", "conjunction")}
    for cell in cells_of(config):
        shown[find_condition(cell.condition)[0].name].add(cell.target_present)
    assert shown == {"letters": {True}, "conjunction": {True, False}}
    assert len(cells_of(config)) == n_cells(config)


def test_eccnet_is_ablated_rule_by_rule() -> None:
    config = SearchConfig(
        searcher="eccnet",
        observer=TimmObserver(models=("vgg16",)),
        eccnet=EccnetSettings(without=("pixels",), ablate=("window", "half_scale")),
        controls=("random_weights", "chance"),
        n_random=1,
        tasks=("letters",),
    )
    names = [one.id for one in observers_of(config)]
    assert names == [
        "vgg16", "vgg16, without window", "vgg16, without half_scale", "vgg16, untrained 0", "chance",
    ]  # fmt: skip
    assert len(cells_of(config)) == n_cells(config)
    left_out = {cell.variant: relevant(config, cell).eccnet.without for cell in cells_of(config)}
    assert left_out == {
        "": ("pixels",),
        "without window": ("window", "pixels"),
        "without half_scale": ("half_scale", "pixels"),
        "untrained": ("pixels",),
        "chance": (),
    }
    for cell in cells_of(config):
        own = relevant(config, cell)
        assert own == relevant(own, cell)
        assert (own.searcher == "eccnet") == (cell.variant != "chance")
        for unused in (
            {"rules": RulesSettings(temperature=0.0, pitch_deg=1.0)},
            {"matching": MatchingSettings(gain=1.0)},
            {"n_searches": 1},
        ):
            if cell.variant != "chance":
                assert relevant(changed(config, **unused), cell) == own
    assert observers_of(changed(config, searcher="matching")) == tuple(
        one for one in observers_of(config) if "without" not in one.variant
    )


def test_controls_are_made_from_each_network_and_know_it() -> None:
    config = SearchConfig(observer=TimmObserver(models=("resnet18", "vgg11")), n_random=2)
    observers = observers_of(config)
    networks = networks_of(config)
    assert [(one.id, one.role) for one in networks] == [("resnet18", "network"), ("vgg11", "network")]
    for network in networks:
        copies = copies_of(network, observers, "untrained")
        assert [copy.copy for copy in copies] == [0, 1]
        (flat,) = copies_of(network, observers, "no fovea")
        assert {model_name(one) for one in (network, flat, *copies)} == {network.id}
        seeds = {network_seed(0, one) for one in copies}
        assert len(seeds) == 2
        assert 0 not in seeds
        assert network_seed(3, network) == network_seed(3, flat) == 3
    alone = [one for one in observers if one.id in ("pixels", "ideal", "chance")]
    assert [(one.role, one.parent, one.variant, model_name(one)) for one in alone] == [
        ("control", "", name, "") for name in ("pixels", "ideal", "chance")
    ]
    for cell, observer in {cell: cell.searcher for cell in cells_of(config)}.items():
        assert observer == next(one for one in observers if one.id == cell.observer)


def test_a_further_network_adds_its_own_cells_and_leaves_the_others() -> None:
    one, two = SearchConfig(), SearchConfig(observer=TimmObserver(models=("tf_efficientnet_lite0", "vgg11")))
    before, after = identities(one), identities(two)
    assert before.items() <= after.items()
    new = {cell for cell in after if cell not in before}
    assert {model_name(cell.searcher) for cell in new} == {"vgg11"}
    assert {cell.observer for cell in new} == {
        "vgg11",
        "vgg11, no fovea",
        *(f"vgg11, untrained {i}" for i in range(20)),
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"displays": DisplaySettings(n_displays=60)},
        {"n_random": 25},
        {"multiverse": MultiverseSettings(foveas=("v1",))},
        {"n_random_displays": 20},
        {"displays": DisplaySettings(target_absent=True)},
    ],
)
def test_more_displays_or_copies_leave_the_cells_that_there_were(settings: dict) -> None:
    before, after = identities(SearchConfig()), identities(SearchConfig(**settings))
    assert before.items() < after.items()


@pytest.mark.parametrize(
    "settings", [{"tasks": ("letters",)}, {"controls": ("chance",)}, {"n_bootstrap": 100}, {"n_random": 1}]
)
def test_what_is_left_out_and_how_it_is_summarised_change_no_cell_that_stays(settings: dict) -> None:
    before, after = identities(SearchConfig()), identities(SearchConfig(**settings))
    assert after.items() <= before.items()


def test_who_needs_no_network_does_not_depend_on_it_nor_on_how_it_sees() -> None:
    config = SearchConfig(controls=("pixels", "ideal", "chance"))
    other = changed(
        config,
        observer=FactoryObserver(target=("nowhere:nothing",)),
        fovea=FoveaSettings(preset="v1", place="inline"),
        matching=MatchingSettings(n_levels=2, levels="only_1"),
        searcher="eccnet",
    )
    blind = changed(
        config,
        displays=DisplaySettings(pixels_per_degree=8),
        matching=MatchingSettings(gain=3.0, targets="one"),
    )
    for cell in cells_of(config):
        if cell.variant:
            assert relevant(other, cell) == relevant(config, cell)
            assert contents(config, cell) == {}
        if cell.variant in ("ideal", "chance"):
            assert relevant(blind, cell) == relevant(config, cell)


def test_what_a_control_makes_no_use_of_is_no_part_of_its_cells() -> None:
    cells = {cell.variant: cell for cell in cells_of(SearchConfig(tasks=("letters",)))}
    plain = SearchConfig()
    forgetful = changed(plain, rules=RulesSettings(memory=0.5))
    assert relevant(forgetful, cells["ideal"]) == relevant(plain, cells["ideal"])
    assert relevant(forgetful, cells[""]) != relevant(plain, cells[""])
    hasty, decided = (changed(plain, rules=RulesSettings(misses=0.2, quit_below=q)) for q in (None, 0.1))
    assert relevant(hasty, cells[""]) == relevant(plain, cells[""])  # letters always have a target
    (cell,) = (
        one
        for one in cells_of(SearchConfig(tasks=("2v5",), controls=()))
        if not one.start and one.target_present
    )
    assert relevant(hasty, cell) != relevant(plain, cell)
    assert relevant(decided, cell) == relevant(changed(plain, rules=RulesSettings(quit_below=0.1)), cell)
    flat = changed(plain, fovea=FoveaSettings(preset="v1"))
    assert relevant(flat, cells["no fovea"]) == relevant(plain, cells["no fovea"])
    assert relevant(flat, cells["untrained"]) != relevant(plain, cells["untrained"])


def test_untrained_copies_of_timm_follow_from_name_and_seed_alone() -> None:
    config = SearchConfig(tasks=("letters",), n_random=1)
    elsewhere = changed(config, observer=TimmObserver(weights="random"))
    for cell in cells_of(config):
        same = relevant(config, cell) == relevant(elsewhere, cell)
        assert same == (cell.variant not in ("", "no fovea"))
        assert bool(contents(config, cell)) == (cell.variant in ("", "no fovea"))


def test_relevant_settings_hold_by_themselves_and_run_with_the_kind_of_observer_that_was_given(
    own_network: FactoryObserver,
) -> None:
    config = SearchConfig(
        observer=changed(own_network, target=(*own_network.target, "own_search_networks:build(width=4)")),
        fovea=FoveaSettings(preset="eccnet", place="inline"),
    )
    for cell in cells_of(config):
        own = relevant(config, cell)
        assert SearchConfig.model_validate_json(own.canonical()) == own == relevant(own, cell)
        if model_name(cell.searcher):
            assert own.observer.target == (model_name(cell.searcher),)


@pytest.mark.slow
def test_no_setting_reaches_trials_past_the_relevant_ones(own_network: FactoryObserver) -> None:
    """Each setting changed by itself: a cell's relevant settings change, or its trials do not."""
    study = SearchStudy()
    config = SearchConfig(
        observer=own_network,
        tasks=("lighting",),
        displays=DisplaySettings(n_displays=2, pixels_per_degree=8),
        matching=MatchingSettings(n_levels=2, gain=20.0),
        n_searches=2,
        n_random=1,
    )
    cells = {cell.variant: cell for cell in cells_of(config)}.values()
    assert len(cells) == 6

    def trials(settings: SearchConfig, cell: SearchCell) -> pd.DataFrame:
        return study.run_cell(settings, cell, streams_of(settings, cell))

    own = {cell: relevant(config, cell) for cell in cells}
    expected = {cell: trials(own[cell], cell) for cell in cells}
    unchanged, paths = 0, []
    for path, other in variations(config):
        paths.append(path)
        planned = set(cells_of(other))
        for cell in cells:
            if cell in planned and relevant(other, cell) == own[cell]:
                pd.testing.assert_frame_equal(trials(other, cell), expected[cell])
                unchanged += 1
    assert unchanged > 30
    assert {"observer", "rules.memory", "fovea.place", "displays.n_displays", "n_random"} <= set(paths)


@pytest.mark.slow
def test_the_seed_and_the_rules_change_trials(own_network: FactoryObserver) -> None:
    """Relevant settings are no longer than they need be: those of a search do change it."""
    study = SearchStudy()
    config = SearchConfig(
        observer=own_network,
        tasks=("orientation_mixed",),
        displays=DisplaySettings(n_displays=4, pixels_per_degree=8),
        matching=MatchingSettings(n_levels=2, gain=20.0),
        rules=RulesSettings(pitch_deg=1.0),
        controls=(),
    )
    cell = cells_of(config)[1]

    def fixations(**settings) -> np.ndarray:
        own = relevant(changed(config, **settings), cell)
        return study.run_cell(own, cell, streams_of(own, cell))["n_fixations"].to_numpy()

    plain = fixations()
    for settings in (
        {"seed": 1},
        {"matching": MatchingSettings(n_levels=2, gain=2.0)},
        {"matching": MatchingSettings(n_levels=1, gain=20.0)},
        {"matching": MatchingSettings(n_levels=2, gain=20.0, levels="only_2")},
        {"matching": MatchingSettings(n_levels=2, gain=20.0, levels="maximum")},
        {"fovea": FoveaSettings(preset="uniform")},
        {"rules": RulesSettings(pitch_deg=1.0, memory=1.0)},
        {"rules": RulesSettings(pitch_deg=1.0, look="elm")},
        {"displays": DisplaySettings(pixels_per_degree=12)},
    ):
        assert (fixations(**settings) != plain).any(), settings


def weights_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.named_parameters()}


@pytest.mark.parametrize("kind", ["factory", "module"])
def test_untrained_copies_of_ones_own_network_have_its_layers_and_other_weights(
    kind: str, own_network: FactoryObserver
) -> None:
    observer = own_network
    if kind == "module":
        built = build_network(own_network, own_network.target[0], seed=0)
        observer = register(built.module, name="mine", image_size=32)
    config = SearchConfig(observer=observer, n_random=2, matching=MatchingSettings(n_levels=2))
    (network,) = networks_of(config)
    trained = build_network(config.observer, network.id, seed=0)
    layers, weights = str(trained.module), [weights_of(trained.module)]
    for copy in copies_of(network, observers_of(config), "untrained"):
        module = build_network(
            config.observer, model_name(copy), seed=network_seed(0, copy), untrained=True
        ).module
        assert str(module) == layers
        weights.append(weights_of(module))
    assert len(weights) == 3
    for i, a in enumerate(weights):
        for b in weights[:i]:
            differing = [name for name in a if not torch.equal(a[name], b[name])]
            assert {"first.0.weight", "second.0.weight", "head.weight"} <= set(differing)
            assert all(a[name].shape == b[name].shape for name in a)


def test_contents_of_ones_own_network_follow_its_weights_and_tell_copies_apart(
    own_network: FactoryObserver,
) -> None:
    config = SearchConfig(observer=own_network, tasks=("letters",), n_random=2)
    found = {cell.observer: dict(contents(config, cell)) for cell in cells_of(config)}
    name = own_network.target[0]
    assert found[name] == found[f"{name}, no fovea"]
    digests = {found[who]["weights"] for who in (name, f"{name}, untrained 0", f"{name}, untrained 1")}
    assert len(digests) == 3


def test_a_cell_names_its_searcher_without_a_text_to_take_apart() -> None:
    network = Observer("a, untrained 3")  # whoever calls a network so
    cell = SearchCell(
        label="", task="search", observer=network.id, parent="", variant="", copy=0, condition="t_in_l", start=0,
        stop=1, target_present=True,
    )  # fmt: skip
    assert cell.searcher == network
    assert dataclasses.replace(cell, label="other").key == cell.key
