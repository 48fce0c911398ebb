from __future__ import annotations

import shutil
import sys
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from PIL import Image

from cogattn.observers.config import FactoryObserver
from cogattn.psychophysics.search.config import (
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    ScenesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.natural import plan
from cogattn.psychophysics.search.natural.costs import cost as scene_cost
from cogattn.psychophysics.search.natural.plan import SceneCell
from cogattn.testing.scenes import make_scenes, write_scenes


def config_of(folder: Path, **settings) -> SearchConfig:
    scenes = settings.pop("scenes", {})
    return SearchConfig(scenes=ScenesSettings(path=folder, **scenes), **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "made", make_scenes(12, n_people=2))


def cell_of(config: SearchConfig, observer: str, number: int = 0) -> SceneCell:
    own = [cell for cell in plan.cells_of(config) if cell.observer == observer]
    assert isinstance(own[number], SceneCell)
    return own[number]


def test_a_plan_is_searcher_by_searcher_and_ten_scenes_by_ten(folder: Path) -> None:
    config = config_of(folder, scenes={"n_random": 2})
    cells = plan.cells_of(config)
    assert len(cells) == plan.n_cells(config) == 2 * 6
    assert [observer.name for observer in plan.observers_of(config)] == [
        "tf_efficientnet_lite0",
        "tf_efficientnet_lite0, no fovea",
        "tf_efficientnet_lite0, untrained 0",
        "tf_efficientnet_lite0, untrained 1",
        "pixels",
        "chance",
    ]
    assert [len(plan.own_cell(cell).names) for cell in cells[:2]] == [10, 2]
    assert len(plan.cells_of(config_of(folder, scenes={"n_scenes": 10}))) == 7  # three copies by default


def test_searches_go_on_as_long_as_people_might_have(folder: Path, tmp_path: Path) -> None:
    nobody = write_scenes(tmp_path / "nobody", make_scenes(2))
    limits = [
        plan.limit_of(config)
        for config in (
            config_of(folder),
            config_of(folder, scenes={"max_saccades": 7}),
            config_of(nobody),
        )
    ]
    assert limits == [4, 7, plan.MAX_SACCADES]


@pytest.mark.parametrize("observer", ["tf_efficientnet_lite0", "pixels", "chance"])
def test_settings_of_others_leave_a_cell_as_it_is_and_its_own_do_not(folder: Path, observer: str) -> None:
    plain = config_of(folder)
    others = config_of(
        folder,
        scenes={"n_random": 9, "n_scenes": 11},
        n_random=5,
        n_bootstrap=300,
        matching=MatchingSettings(targets="one"),
        controls=("pixels", "chance"),
    )
    cell = cell_of(plain, observer)
    assert cell_of(others, observer).key == cell.key
    assert plan.relevant(others, cell) == plan.relevant(plain, cell)
    assert plan.contents(others, cell) == plan.contents(plain, cell)
    own = [
        config_of(folder, scenes={"pitch_deg": 0.5}),
        config_of(folder, scenes={"temperature": 1.0}),
        config_of(folder, scenes={"found_within_deg": 1.0}),
        config_of(folder, scenes={"inhibition_deg": 1.0}),
        config_of(folder, rules=RulesSettings(memory=1.0)),
        config_of(folder, n_searches=3),
        config_of(folder, seed=1),
    ]
    for changed in own:
        assert plan.relevant(changed, cell) != plan.relevant(plain, cell)
    sees = [
        config_of(folder, matching=MatchingSettings(gain=60)),
        config_of(folder, matching=MatchingSettings(criterion=0.4)),
    ]
    for changed in sees:
        assert (plan.relevant(changed, cell) == plan.relevant(plain, cell)) == (observer == "chance")
    deep = config_of(folder, fovea=FoveaSettings(preset="v1"), matching=MatchingSettings(levels="only_1"))
    assert (plan.relevant(deep, cell) != plan.relevant(plain, cell)) == (observer == "tf_efficientnet_lite0")
    assert plan.own_cell(cell_of(config_of(folder, scenes={"max_saccades": 3}), observer)).limit == 3


def test_a_cell_knows_its_scenes_by_their_content(folder: Path, tmp_path: Path) -> None:
    config = config_of(folder)
    first, last = (cell_of(config, "pixels", number) for number in (0, 1))
    before = [plan.contents(config, cell) for cell in (first, last)]
    elsewhere = config_of(Path(shutil.copytree(folder, tmp_path / "elsewhere")))
    assert [plan.contents(elsewhere, cell) for cell in (first, last)] == before
    Image.fromarray(np.zeros((96, 128), np.uint8)).save(folder / "scene011.png")
    assert plan.contents(config, first) == before[0]
    assert plan.contents(config, last) != before[1]
    assert set(plan.inputs(config)) == {f"scene scene{number:03d}" for number in range(12)}


def test_a_cell_depends_on_the_scenes_from_which_its_targets_looks_come(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(12, told="category"))
    config = config_of(folder)
    seeing, blind = (cell_of(config, observer, 1) for observer in ("pixels", "chance"))
    assert blind.names == ("scene010", "scene011")
    assert set(plan.contents(config, blind)) == {"scene scene010", "scene scene011"}
    assert {"scene scene000", "scene scene011"} < set(plan.contents(config, seeing))
    few = config_of(folder, scenes={"n_scenes": 11})
    assert plan.contents(few, seeing) == plan.contents(config, seeing)


def test_a_plan_is_costed_before_it_runs(folder: Path, own_network: FactoryObserver) -> None:
    config = config_of(folder, observer=own_network, matching=MatchingSettings(n_levels=2))
    costs = {cell.observer: scene_cost(config, cell) for cell in plan.cells_of(config)}
    assert all(0 < cost.cpu_s < 60 and cost.memory_mb > 0 for cost in costs.values())
    assert costs["chance"].cpu_s < costs["pixels"].cpu_s < costs[own_network.target[0]].cpu_s


def test_a_plan_needs_no_torch() -> None:
    code = "import cogattn.psychophysics.search.natural.plan, sys; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0
