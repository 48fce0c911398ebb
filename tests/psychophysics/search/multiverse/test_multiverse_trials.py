from __future__ import annotations

import pandas as pd
import pytest

from cogattn.observers.config import FactoryObserver
from cogattn.psychophysics.search.config import (
    DisplaySettings,
    FoveaSettings,
    MatchingSettings,
    MultiverseSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.multiverse.trials import choices_of, run, searchers_of
from cogattn.psychophysics.search.plan import MULTIVERSE, TABLES, SearchCell, cells_of, relevant
from cogattn.psychophysics.search.searchers.searching import search
from cogattn.psychophysics.search.study import SearchStudy
from cogattn.psychophysics.search.trials import build_searcher, displays_of
from cogattn.study import streams_of

CHOICES = MultiverseSettings(
    foveas=("v1", "v2"),
    levels=("mean", "only_2"),
    targets=("all", "one"),
    temperatures=(0.0, 1.0),
    n_displays=2,
)


def config_with(observer: FactoryObserver, **settings) -> SearchConfig:
    own = {
        "observer": observer,
        "tasks": ("letters",),
        "displays": DisplaySettings(n_displays=2, pixels_per_degree=6),
        "matching": MatchingSettings(n_levels=2, gain=20.0),
        "rules": RulesSettings(pitch_deg=1.0),
        "controls": (),
        "n_searches": 3,
        "multiverse": CHOICES,
    }
    return SearchConfig(**(own | settings))


def first_cell(config: SearchConfig) -> SearchCell:
    return next(cell for cell in cells_of(config) if cell.task == MULTIVERSE)


def searched(config: SearchConfig) -> pd.DataFrame:
    cell = first_cell(config)
    own = relevant(config, cell)
    return SearchStudy().run_cell(own, cell, streams_of(own, cell))


@pytest.mark.slow
def test_every_combination_is_searched_on_every_display(own_network: FactoryObserver) -> None:
    config = config_with(own_network)
    rows = searched(config)
    assert len(choices_of(CHOICES)) == 16
    assert len(rows) == 16 * 3 * 2
    assert not rows.duplicated(["fovea", "levels", "targets", "temperature", "set_size", "display"]).any()
    assert list(rows.columns) == list(TABLES[MULTIVERSE])
    assert set(rows["n_searches"][rows["temperature"] == 0]) == {1}
    assert set(rows["n_searches"][rows["temperature"] == 1]) == {3}
    pd.testing.assert_frame_equal(rows, searched(config))


@pytest.mark.parametrize("index", [0, 3, 6, 9, 15])
def test_a_combination_searches_as_a_run_with_these_settings_would(
    own_network: FactoryObserver, index: int
) -> None:
    """The same fixations as a searcher that was built for it, given the same draws."""
    config = config_with(own_network)
    cell, choice = first_cell(config), choices_of(CHOICES)[index]
    rows = searched(config)
    chosen = config.model_copy(
        update={
            "fovea": FoveaSettings(preset=choice.fovea),
            "matching": MatchingSettings(n_levels=2, gain=20.0, levels=choice.levels, targets=choice.targets),
            "rules": RulesSettings(pitch_deg=1.0, temperature=choice.temperature),
        }
    )
    alone, streams = build_searcher(chosen, cell.searcher), streams_of(config, cell)
    names = (choice.fovea, choice.levels, choice.targets, str(choice.temperature))
    mine = rows[(rows[["fovea", "levels", "targets"]] == list(names[:3])).all(axis=1)]
    mine = mine[mine["temperature"] == choice.temperature].set_index(["set_size", "display"])
    for number, display in displays_of(config, cell.condition, 0, 2):
        found = search(
            alone,
            display,
            rules=chosen.rules,
            rng=streams.generator("choice", *names, display.set_size, number),
            n_searches=3 if choice.temperature else 1,
        )
        mean = sum(one.n_fixations for one in found) / len(found)
        assert mine.loc[(display.set_size, number), "n_fixations"] == pytest.approx(mean)


def test_choices_differ(own_network: FactoryObserver) -> None:
    rows = searched(config_with(own_network))
    for factor in ("fovea", "levels", "targets", "temperature"):
        sides = [own["n_fixations"].to_numpy() for _, own in rows.groupby(factor)]
        assert (sides[0] != sides[1]).any(), factor


def test_what_is_left_out_changes_nothing_in_the_others(own_network: FactoryObserver) -> None:
    whole = searched(config_with(own_network))
    fewer = CHOICES.model_copy(update={"foveas": ("v2",), "levels": ("only_2",)})
    rows = searched(config_with(own_network, multiverse=fewer))
    same = whole[(whole["fovea"] == "v2") & (whole["levels"] == "only_2")].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, same)


@pytest.mark.slow
def test_a_display_is_seen_once(own_network: FactoryObserver) -> None:
    config = config_with(own_network)
    cell = first_cell(config)
    own = relevant(config, cell)
    searchers = searchers_of(own, cell, choices_of(CHOICES))
    assert len({id(one) for one in searchers.values()}) == 8  # temperature is no part of them
    (sight,) = {id(one.sight): one.sight for one in searchers.values()}.values()
    passes, levels_of = [], sight.levels_of

    def counted(images):
        passes.append(tuple(images.shape))
        return levels_of(images)

    sight.levels_of = counted
    run(own, cell, streams_of(own, cell))  # learns what there is to know
    learned = len(passes)
    sight._seen = None
    run(own, cell, streams_of(own, cell))
    assert len(passes) - learned == 3 * 2


def test_cells_of_the_multiverse_stand_beside_those_of_the_run(own_network: FactoryObserver) -> None:
    config = config_with(own_network, controls=("random_weights", "chance"), n_random=2)
    plain = config.model_copy(update={"multiverse": MultiverseSettings()})
    cells = cells_of(config)
    own = [cell for cell in cells if cell.task == MULTIVERSE]
    assert [cell for cell in cells if cell.task != MULTIVERSE] == cells_of(plain)
    assert {cell.variant for cell in own} == {"", "untrained"}
    assert len(own) == 3 * 2
    assert len({cell.key for cell in cells}) == len(cells)


def test_what_is_chosen_among_is_no_part_of_a_cell_but_the_choices_are(own_network: FactoryObserver) -> None:
    config = config_with(own_network)
    cell = first_cell(config)
    for same in (
        {"fovea": FoveaSettings(preset="v1")},
        {"matching": MatchingSettings(n_levels=2, gain=20.0, levels="maximum", targets="one")},
        {"rules": RulesSettings(pitch_deg=1.0, temperature=3.0)},
        {"multiverse": CHOICES.model_copy(update={"n_displays": 9})},
    ):
        assert relevant(config.model_copy(update=same), cell) == relevant(config, cell), same
    for other in (
        {"matching": MatchingSettings(n_levels=2, gain=21.0)},
        {"multiverse": CHOICES.model_copy(update={"temperatures": (0.0, 2.0)})},
        {"n_searches": 2},
    ):
        assert relevant(config.model_copy(update=other), cell) != relevant(config, cell), other
