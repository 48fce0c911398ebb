from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.observers.config import FactoryObserver
from cogattn.psychophysics.search.config import (
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    ScenesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.natural import plan, trials
from cogattn.study import streams_of
from cogattn.testing.scenes import make_scenes, write_scenes


def config_of(folder: Path, **settings) -> SearchConfig:
    scenes = settings.pop("scenes", {})
    settings = {"n_searches": 2, "matching": MatchingSettings(n_levels=2)} | settings
    return SearchConfig(scenes=ScenesSettings(path=folder, pitch_deg=0.5, n_random=1, **scenes), **settings)


def tables_of(config: SearchConfig) -> dict[str, pd.DataFrame]:
    """All trials of a run, each cell given what is relevant to it and nothing else."""
    found: dict[str, list[pd.DataFrame]] = {}
    for cell in plan.cells_of(config):
        outcome = trials.run(plan.relevant(config, cell), cell, streams_of(config, cell))
        for name, rows in outcome.trials.items():
            found.setdefault(name, []).append(rows)
    return {name: pd.concat(rows, ignore_index=True) for name, rows in found.items()}


def test_everyone_searches_from_the_scenes_start_and_from_each_persons(
    tmp_path: Path, own_network: FactoryObserver
) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(3, n_people=4))
    config = config_of(folder, observer=own_network, fovea=FoveaSettings(preset="v1"))
    tables = tables_of(config)
    for name, rows in tables.items():
        assert dict(rows.dtypes.astype(str)).keys() == plan.TABLES[name].keys()
        assert len(rows)
    searches = tables["scene_search"]
    assert searches.groupby("observer").size().to_dict() == {
        one.id: 3 * (2 + 4) for one in plan.observers_of(config)
    }
    theirs = searches[searches["trial"] >= 0]
    assert set(theirs["person"]) == {"p0", "p1", "p2", "p3"}
    assert (theirs["allowed"] == 4).all()
    assert (searches.loc[searches["trial"] < 0, ["person", "allowed"]] == ["", 0]).all(axis=None)
    assert (searches["limit"] == 4).all()
    assert (searches["found"] == (searches["outcome"] == "found")).all()
    network = searches[searches["observer"] == own_network.target[0]]
    assert network["found"].mean() > 0.9
    assert (
        len(tables["scene_gaze"]) == 5 * 3 * 4 * 4
    )  # five searchers, three scenes, four people, four saccades
    assert tables["scene_path"].groupby("scene")["fixation"].min().eq(0).all()
    assert set(tables["scene_density"]["observer"]) == {own_network.target[0]}


def test_without_a_fovea_a_target_unlike_its_scene_is_found_at_once_and_chance_finds_it_late(
    tmp_path: Path, own_network: FactoryObserver
) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(4))
    config = config_of(
        folder, observer=own_network, controls=("no_fovea", "chance"), scenes={"max_saccades": 30}
    )
    searches = tables_of(config)["scene_search"]
    means = searches.groupby("observer")["n_fixations"].mean()
    assert means[f"{own_network.target[0]}, no fovea"] == 1
    assert means["chance"] > 5


def test_same_content_same_trials_wherever_the_files_lie(
    tmp_path: Path, own_network: FactoryObserver
) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(2, n_people=2))
    copied = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    settings = {"observer": own_network, "controls": ("chance",), "scenes": {"temperature": 1.0}}
    once, again = (tables_of(config_of(where, **settings)) for where in (folder, copied))
    for name, rows in once.items():
        pd.testing.assert_frame_equal(rows, again[name])


def test_scenes_without_people_are_searched_and_absent_targets_end_at_the_limit_or_with_a_word(
    tmp_path: Path, own_network: FactoryObserver
) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(2, present=False))
    settings = {"observer": own_network, "controls": (), "scenes": {"max_saccades": 3}}
    tables = tables_of(config_of(folder, **settings))
    assert "scene_gaze" not in tables
    assert set(tables["scene_search"]["outcome"]) == {"limit"}
    assert not tables["scene_search"]["target_present"].any()
    quitting = tables_of(config_of(folder, rules=RulesSettings(quit_below=0.4), **settings))
    assert "absent" in set(quitting["scene_search"]["outcome"])


@pytest.mark.parametrize("told", ["box", "category"])
def test_targets_told_by_box_or_category_are_searched_from_files(
    tmp_path: Path, own_network: FactoryObserver, told: str
) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(2, told=told, colour=True))
    config = config_of(folder, observer=own_network, controls=("no_fovea",))
    searches = tables_of(config)["scene_search"]
    assert (searches.loc[searches["observer"].str.endswith("no fovea"), "n_fixations"] == 1).all()


def test_searches_follow_the_temperature_of_scenes(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(3))
    spread = {}
    for temperature in (0.0, 30.0):
        config = config_of(
            folder,
            n_searches=12,
            controls=("pixels",),
            scenes={"temperature": temperature, "max_saccades": 20},
        )
        (cell,) = [cell for cell in plan.cells_of(config) if cell.observer == "pixels"]
        found = trials.run(plan.relevant(config, cell), cell, streams_of(config, cell)).trials
        spread[temperature] = found["scene_search"].groupby("scene")["n_fixations"].std()
    assert (spread[0.0] == 0).all()
    assert (spread[30.0] > 0).all()
    assert np.isfinite(spread[30.0]).all()
