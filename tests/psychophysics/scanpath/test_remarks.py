"""What is found out before the trials: leaks, predictions from elsewhere, models of another run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath import leaks, plan
from cogattn.psychophysics.scanpath.config import (
    ScanpathConfig,
    ScenesSettings,
    SplitSettings,
    SyntheticSettings,
)
from cogattn.psychophysics.scanpath.fitted import described
from cogattn.psychophysics.scanpath.remarks import Said
from tests.psychophysics.scanpath.made import collages

SMALL = SyntheticSettings(n_layouts=6, n_objects=5, n_people=3, n_fixations=4)


def test_clean_splits_have_no_leak_and_aliased_data_split_by_trial_have_many(tmp_path: Path) -> None:
    folder = collages(tmp_path / "amazon")
    clean = ScanpathConfig(scenes=ScenesSettings(path=folder))
    assert Said.of(clean).leaks == ()
    aliased = ScanpathConfig(
        scenes=ScenesSettings(path=folder, aliased=True),
        split=SplitSettings(by="trial", leaks="show", n_splits=2),
    )
    said = Said.of(aliased).leaks
    assert [one.split(":")[0] for one in said] == ["split 0", "split 1"]
    assert all("scanpaths of the test are in training or validation as well" in one for one in said)


def test_who_could_not_take_part_and_what_predictions_are_is_told(tmp_path: Path) -> None:
    table = tmp_path / "theirs.csv"
    table.write_text("scene,sample,fixation,x,y\nlayout 0000,0,0,10,10\nelsewhere,0,0,10,10\n")
    said = Said.of(ScanpathConfig(synthetic=SMALL, viewers=(1, 8), predictors=(table,)))
    assert any("8 viewers" in one for one in said.left_out)
    assert any("1 of 2 scanpaths are of no scene here (elsewhere)" in one for one in said.predictions)


def weights(folder: Path, trained_on: dict[str, str], scale: str = "known") -> ScanpathConfig:
    """A run of simulated data with a model that another run is said to have left."""
    folder.mkdir()
    fitted = described(Observer("uniform", role="control", variant="uniform"), 0, longest=5)
    about = json.dumps({"fitted": fitted, "trained_on": trained_on, "scale": scale})
    (folder / "m.safetensors").write_bytes(save({"ends": np.ones(1)}, {"about": about}))
    return ScanpathConfig(synthetic=SMALL, weights=folder)


def test_layouts_that_models_of_another_run_had_seen_are_no_result(tmp_path: Path) -> None:
    marks = leaks.marks(plan.data_of(ScanpathConfig(synthetic=SMALL)))
    some = dict(list(marks.items())[:2])
    said = Said.of(weights(tmp_path / "seen", some))
    assert said.leaks == ()
    assert any("2 of these 6 layouts were in the models' own training" in one for one in said.transfer)
    new = Said.of(weights(tmp_path / "new", {"x": "0" * 64}))
    assert any("None of these layouts was in the models' training" in one for one in new.transfer)
    assert "tested on all 18 scanpaths of 6 layouts" in new.transfer[0]


@pytest.mark.parametrize(("scale", "told"), [("known", False), ("nominal", True)])
def test_degrees_of_another_kind_are_said(tmp_path: Path, scale: str, told: bool) -> None:
    said = Said.of(weights(tmp_path / "other", {}, scale))
    assert any("Degrees are known here and were nominal" in one for one in said.transfer) == told
