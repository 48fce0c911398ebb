from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch

from cogattn.errors import ConfigError
from cogattn.psychophysics.search import summary, trials
from cogattn.psychophysics.search.config import (
    DisplaySettings,
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.measures import BASE_MS, MS_PER_FIXATION
from cogattn.psychophysics.search.people import human_asymmetry, human_slopes
from cogattn.psychophysics.search.study import SearchStudy, searcher_names
from cogattn.psychophysics.search.tasks import TASKS, find_condition
from cogattn.registry import load_study
from cogattn.seeds import Streams
from cogattn.study import SUMMARY_COLUMNS

TINY = SearchConfig(
    tasks=("lighting",),
    displays=DisplaySettings(n_displays=2, pixels_per_degree=8),
    controls=("chance",),
    n_bootstrap=100,
)


def test_study_is_registered_and_its_plan_covers_every_searcher_and_condition() -> None:
    study = load_study("search")
    assert isinstance(study, SearchStudy)
    config = SearchConfig()
    cells = study.cells(config)
    names = searcher_names(config)
    assert len(names) == 1 + 1 + 5 + 3
    assert {(c["searcher"], c["condition"]) for c in cells} == {
        (name, condition.name) for name in names for task in TASKS.values() for condition in task.conditions
    }
    assert len({cell.key for cell in cells}) == len(cells)


def test_all_searchers_see_the_same_displays_and_present_and_absent_ones_differ() -> None:
    config = TINY.model_copy(
        update={"displays": DisplaySettings(n_displays=2, pixels_per_degree=8, target_absent=True)}
    )
    a, b = (list(trials.displays_of(config, "top_lit", 0, 2)) for _ in range(2))
    assert all((x.image == y.image).all() and i == j for (i, x), (j, y) in zip(a, b, strict=True))
    assert [d.target is None for _, d in a] == [False, True] * 6
    later = list(trials.displays_of(config, "top_lit", 1, 2))
    assert (later[0][1].image == a[2][1].image).all()


def test_a_cell_gives_the_same_trials_each_time() -> None:
    study = SearchStudy()
    cell = study.cells(TINY)[0]
    a, b = (study.run_cell(TINY, cell, Streams(0).child(cell.key)) for _ in range(2))
    pd.testing.assert_frame_equal(a, b)
    assert len(a) == 3 * 2 * TINY.n_searches
    assert (a["rt_ms"] == MS_PER_FIXATION * a["n_fixations"] + BASE_MS).all()
    assert a["correct"].all()


def simulated(config: SearchConfig, scale: dict[str, float], *, sd: float = 20.0) -> pd.DataFrame:
    """Trials whose slopes are people's times a factor for each searcher; a factor of 0 is flat."""
    rng = np.random.default_rng(0)
    rows = []
    for searcher, factor in scale.items():
        for condition, slope in human_slopes()[["condition", "slope_ms"]].to_numpy():
            task, side = find_condition(condition)
            for size in task.set_sizes:
                for number in range(30):
                    rt = 400 + factor * slope * size + sd * rng.standard_normal()
                    rows.append(
                        (
                            searcher,
                            task.name,
                            condition,
                            side.role,
                            size,
                            number,
                            0,
                            True,
                            1,
                            rt,
                            "present",
                            True,
                        )
                    )
    return pd.DataFrame(rows, columns=[
        "observer", "task", "condition", "role", "set_size", "display", "repeat", "target_present", "n_fixations",
        "rt_ms", "response", "correct",
    ])  # fmt: skip


def test_a_searcher_with_human_slopes_gets_the_human_indices_and_the_ceiling() -> None:
    config = SearchConfig(n_bootstrap=300, n_random=2)
    network = "tf_efficientnet_lite0"
    scale = {network: 2.0, f"{network}, untrained 0": 0.0, f"{network}, untrained 1": -1.0}
    results = summary.summarise(config, simulated(config, scale))
    assert tuple(results.summary.columns) == SUMMARY_COLUMNS
    own = results.summary[results.summary["observer"] == network].set_index("measure")
    for task, index in human_asymmetry().items():
        row = own.loc[f"asymmetry, {task}"]
        assert row["estimate"] == pytest.approx(index, abs=0.12)
        assert row["lo"] <= row["estimate"] <= row["hi"]
        assert row["human"] == pytest.approx(index)
    assert own.loc["asymmetry, mean", "estimate"] == pytest.approx(0.564, abs=0.05)
    likelihood = own.loc["log likelihood of human times"]
    assert likelihood["estimate"] == pytest.approx(likelihood["human"], abs=0.05)
    assert own.loc["correlation with human slopes", "estimate"] > 0.99
    against = results.tables["untrained"]
    assert against["task"].tolist() == [*TASKS, "mean"]
    assert against["human_index"].iloc[-1] == pytest.approx(0.564, abs=0.001)
    assert against["human_polarity"].all()
    assert against["sure"].all()
    assert (against["untrained_lo"] <= against["untrained_min"]).all()
    assert (against["untrained_max"] <= against["untrained_hi"]).all()
    controls = results.summary[results.summary["observer"] != network]
    assert set(controls["measure"]) == {"asymmetry, mean"}
    assert any("6 of 6" in remark for remark in results.remarks)
    for name, draw in results.figures.items():
        if name != "stimuli":
            assert draw().axes


def test_saturated_indices_are_flagged_in_the_summary() -> None:
    network = "tf_efficientnet_lite0"
    table = simulated(SearchConfig(), {network: -1.0}, sd=1)
    results = summary.summarise(SearchConfig(n_bootstrap=100, controls=()), table)
    rows = results.summary[results.summary["measure"].str.startswith("asymmetry, ")]
    assert rows["note"].str.contains("saturated").sum() == 6
    assert results.tables["untrained"].empty


def test_runs_of_some_tasks_say_nothing_of_the_mean_and_of_all_slopes() -> None:
    config, study = TINY.model_copy(update={"controls": ("random_weights",), "n_random": 2}), SearchStudy()
    trials = pd.concat(
        [study.run_cell(config, c, Streams(0).child(c.key)) for c in study.cells(config)], ignore_index=True
    )
    results = summary.summarise(config, trials)
    assert results.summary["measure"].tolist() == ["asymmetry, lighting"]
    assert "2 untrained: " in results.summary["note"].item()
    assert results.tables["means"]["n_tasks"].tolist() == [1, 1, 1]


def test_controls_run_without_a_network() -> None:
    for name in ("pixels", "ideal", "chance"):
        cell = next(
            c
            for c in SearchStudy().cells(TINY.model_copy(update={"controls": (name,)}))
            if c["searcher"] == name
        )
        assert len(trials.run(TINY, cell, Streams(0))) == 24


def test_the_ideal_searcher_alone_never_forgets() -> None:
    assert trials.rules_of(TINY, "ideal").memory == 1
    assert trials.rules_of(TINY, "chance") == TINY.rules


def test_untrained_copies_differ_from_each_other_and_from_the_trained_network() -> None:
    config = TINY.model_copy(update={"controls": ("random_weights",), "n_random": 2})
    weights = []
    for name in searcher_names(config):
        searcher = trials.build_searcher(config, name)
        weights.append(searcher.levels_of.network.module.conv_stem.weight.clone())
    assert len(weights) == 3
    assert all((a != b).any() for i, a in enumerate(weights) for b in weights[:i])


def test_eccnets_fovea_needs_three_levels() -> None:
    with pytest.raises(ConfigError, match="n_levels must be 3"):
        SearchConfig.parse({"fovea": {"preset": "eccnet"}, "matching": {"n_levels": 2}})
    assert MatchingSettings().n_levels == 3


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
    cell = SearchStudy().cells(config)[0]
    searcher = trials.build_searcher(config, str(cell["searcher"]))
    path.unlink()  # half a gigabyte
    convolution = searcher.inline.parts[0][0]
    assert (convolution.weight == state["features.0.weight"]).all()
    rows = trials.run(config, cell, Streams(0).child(cell.key))
    assert rows["correct"].all()
    assert len(rows) == 6


@pytest.mark.parametrize("place", ["late", "inline"])
def test_networks_give_up_on_displays_without_a_target_and_are_reported(place: str) -> None:
    config = TINY.model_copy(
        update={
            "displays": DisplaySettings(n_displays=3, pixels_per_degree=8, target_absent=True),
            "fovea": FoveaSettings(place=place),
            "rules": RulesSettings(quit_below=0.2),
            "controls": (),
            "n_searches": 2,
        }
    )
    study = SearchStudy()
    trials = pd.concat([study.run_cell(config, c, Streams(0).child(c.key)) for c in study.cells(config)])
    present, absent = (trials[trials["target_present"] == shown] for shown in (True, False))
    assert (absent["response"] == "absent").mean() > (present["response"] == "absent").mean() + 0.3
    assert not absent["response"].eq("present").any()
    truth = trials["target_present"].map({True: "present", False: "absent"})
    assert (trials["correct"] == (trials["response"] == truth)).all()
    results = study.summarise(config, trials)
    own = results.summary.set_index("measure").loc["no answer, target absent"]
    assert own["estimate"] == pytest.approx((absent["response"] == "none").mean())
    assert own["lo"] < own["hi"]
    assert len(results.tables["slopes_absent"]) == 2
    outcomes = results.tables["outcomes"]
    assert outcomes["searches"].sum() == len(trials)
    assert outcomes["errors"].sum() == (~trials["correct"]).sum()
