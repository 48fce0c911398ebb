from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch

from cogattn.observers.build import build_network
from cogattn.observers.config import FactoryObserver
from cogattn.psychophysics.search.config import (
    DisplaySettings,
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.plan import TABLES, SearchCell, cells_of, observers_of, relevant
from cogattn.psychophysics.search.slopes import BASE_MS, MS_PER_FIXATION
from cogattn.psychophysics.search.study import SearchStudy
from cogattn.psychophysics.search.trials import build_searcher, displays_of, rules_of, run
from cogattn.study import streams_of

TINY = SearchConfig(
    tasks=("lighting",),
    displays=DisplaySettings(n_displays=2, pixels_per_degree=8),
    controls=("pixels", "ideal", "chance"),
    n_bootstrap=100,
)


def run_alone(config: SearchConfig, cell: SearchCell) -> pd.DataFrame:
    """A cell with its relevant settings, as the store runs it."""
    own = relevant(config, cell)
    return SearchStudy().run_cell(own, cell, streams_of(own, cell))


def test_all_searchers_see_the_same_displays_and_present_and_absent_ones_differ() -> None:
    a, b = (list(displays_of(TINY, "top_lit", 0, 2)) for _ in range(2))
    assert all((x.image == y.image).all() and i == j for (i, x), (j, y) in zip(a, b, strict=True))
    absent = list(displays_of(TINY, "top_lit", 0, 2, target_present=False))
    assert all(display.target_index is None for _, display in absent)
    assert all((x.image != y.image).any() for (_, x), (_, y) in zip(a, absent, strict=True))
    later = list(displays_of(TINY, "top_lit", 1, 2))
    assert (later[0][1].image == a[1][1].image).all()


@pytest.mark.parametrize("variant", ["", "pixels", "ideal", "chance"])
def test_a_cell_gives_the_same_trials_each_time_in_the_declared_columns(variant: str) -> None:
    cell = next(cell for cell in cells_of(TINY) if cell.variant == variant)
    a, b = run_alone(TINY, cell), run_alone(TINY, cell)
    pd.testing.assert_frame_equal(a, b)
    assert {name: str(kind) for name, kind in a.dtypes.items()} | dict.fromkeys(
        ("observer", "task", "condition", "role", "response"), "str"
    ) == TABLES["search"]
    assert set(a["observer"]) == {cell.observer}
    assert len(a) == 3 * 2 * TINY.n_searches
    assert (a["rt_ms"] == MS_PER_FIXATION * a["n_fixations"] + BASE_MS).all()
    assert a["correct"].all()
    assert a["repeat"].tolist() == [0, 1, 2, 3] * 6


def test_displays_are_searched_alike_in_whatever_order() -> None:
    """Chance draws from a stream of each display's own."""
    cell = next(cell for cell in cells_of(TINY) if cell.variant == "chance")
    rows, own = run_alone(TINY, cell), relevant(TINY, cell)
    stream = streams_of(own, cell)
    second = run(own, SearchCell(**{**cell.params, "label": "", "start": 1}), stream)
    pd.testing.assert_frame_equal(second, rows[rows["display"] == 1].reset_index(drop=True))


def test_the_ideal_searcher_alone_never_forgets() -> None:
    rules = RulesSettings(memory=0.3)
    for observer in observers_of(SearchConfig()):
        assert rules_of(rules, observer).memory == (1.0 if observer.variant == "ideal" else 0.3)


def test_a_control_without_a_fovea_sees_with_the_same_weights_from_everywhere_alike() -> None:
    config = SearchConfig()
    network, flat, *_ = observers_of(config)
    a, b = build_searcher(config, network), build_searcher(config, flat)
    assert (a.integration.slopes, a.name) != (b.integration.slopes, b.name)
    assert set(b.integration.slopes) == {0}
    x, y = (one.sight.levels_of.network.module.conv_stem.weight for one in (a, b))
    assert torch.equal(x, y)


def test_untrained_copies_differ_from_each_other_and_from_the_trained_network() -> None:
    config = TINY.model_copy(update={"controls": ("random_weights",), "n_random": 2})
    weights = []
    for observer in observers_of(config):
        searcher = build_searcher(config, observer)
        weights.append(searcher.sight.levels_of.network.module.conv_stem.weight.clone())
    assert len(weights) == 3
    assert all((a != b).any() for i, a in enumerate(weights) for b in weights[:i])


def test_a_searcher_is_built_once_for_its_cells_and_anew_for_an_overwritten_checkpoint(
    own_network: FactoryObserver, tmp_path: Path
) -> None:
    path = tmp_path / "mine.pth"
    observer = FactoryObserver(target=own_network.target, checkpoints=(str(path),), image_size=32)
    config = SearchConfig(observer=observer, matching=MatchingSettings(n_levels=2))
    state = build_network(own_network, own_network.target[0], seed=0).module.state_dict()
    found = []
    for scale in (1.0, None, 2.0):
        if scale is not None:
            torch.save({name: (scale * tensor).to(tensor.dtype) for name, tensor in state.items()}, path)
        found.append(build_searcher(config, observers_of(config)[0]))
    assert found[0] is found[1]
    first, last = (searcher.sight.levels_of.network.module.head.weight for searcher in found[1:])
    assert torch.equal(2 * first, last)


@pytest.mark.slow
def test_vgg16_of_a_weights_file_searches_with_its_fovea_inside(tmp_path: Path) -> None:
    path = tmp_path / "vgg16.pth"
    torch.manual_seed(0)
    state = timm.create_model("vgg16").state_dict()
    torch.save(state, path)
    config = SearchConfig.parse(
        {
            "observer": {"models": ["vgg16"], "weights": str(path)},
            "tasks": ["lighting"],
            "displays": {"n_displays": 2, "pixels_per_degree": 8},
            "fovea": {"place": "inline", "preset": "eccnet"},
            "rules": {"temperature": 0},
            "controls": [],
            "n_searches": 1,
        }
    )
    (cell, *_) = cells_of(config)
    searcher = build_searcher(relevant(config, cell), cell.searcher)
    convolution = searcher.inline.parts[0][0]
    assert (convolution.weight == state["features.0.weight"]).all()
    rows = run_alone(config, cell)
    path.unlink()  # half a gigabyte
    assert rows["correct"].all()
    assert len(rows) == 6


@pytest.mark.slow
@pytest.mark.parametrize("place", ["late", "inline"])
def test_networks_give_up_on_displays_without_a_target(place: str) -> None:
    config = TINY.model_copy(
        update={
            "displays": DisplaySettings(n_displays=3, pixels_per_degree=8, target_absent=True),
            "fovea": FoveaSettings(place=place),
            "rules": RulesSettings(quit_below=0.2),
            "controls": (),
            "n_searches": 2,
        }
    )
    trials = pd.concat([run_alone(config, cell) for cell in cells_of(config)])
    present, absent = (trials[trials["target_present"] == shown] for shown in (True, False))
    assert len(present) == len(absent) == 2 * 3 * 3 * 2
    assert (absent["response"] == "absent").mean() > (present["response"] == "absent").mean() + 0.3
    assert not absent["response"].eq("present").any()
    truth = trials["target_present"].map({True: "present", False: "absent"})
    assert (trials["correct"] == (trials["response"] == truth)).all()


def test_chance_finds_the_target_after_half_the_grid() -> None:
    config = SearchConfig(
        tasks=("letters",), displays=DisplaySettings(n_displays=10), controls=("chance",), n_searches=100,
        rules=RulesSettings(pitch_deg=2),
    )  # fmt: skip
    cell = next(cell for cell in cells_of(config) if cell.variant == "chance")
    n_fixations = run_alone(config, cell)["n_fixations"]
    assert n_fixations.mean() == pytest.approx(5.0, abs=4 * np.sqrt(80 / 12 / len(n_fixations)))
