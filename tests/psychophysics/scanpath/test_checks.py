"""What is wrong with a run is said in one sentence before its first cell."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cogattn.errors import CogattnError, ConfigError, DataError
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.scanpath import plan
from cogattn.psychophysics.scanpath.checks import check
from cogattn.psychophysics.scanpath.config import (
    NetworkSettings,
    ObjectSettings,
    ScanpathConfig,
    ScenesSettings,
    SplitSettings,
    SyntheticSettings,
    TrainingSettings,
)
from tests.psychophysics.scanpath.made import collages

FEW = SyntheticSettings(n_layouts=8, n_objects=6, n_people=3, n_fixations=4)
SMALL = ScanpathConfig(synthetic=FEW, viewers=(1,))
GIVEN = ScanpathConfig(viewers=(1,))


def changed(config: ScanpathConfig, **update: object) -> ScanpathConfig:
    return config.model_copy(update=update)


def test_the_demo_is_fine() -> None:
    check(plan.demo())


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        ({"baselines": ("uniform", "uniform")}, "baselines must name each once; got uniform, uniform"),
        ({"viewers": (1, 1)}, "viewers must name each once; got 1, 1"),
        (
            {"network": NetworkSettings(without=("area",), ablate=("area",))},
            "network.ablate must name no part of network.without; got area",
        ),
        (
            {"scenes": ScenesSettings(pixels_per_degree=30)},
            "scenes.pixels_per_degree must be left as it is where layouts are simulated (scenes.path); got 30",
        ),
        (
            {"models": ("published",), "objects": ObjectSettings(source="grid"), "network": NetworkSettings(width=64)},
            "network must be left as it is where models are published ones alone; got width = 64",
        ),
        (
            {"appearance": "none", "observer": TimmObserver(models=("resnet18",))},
            "observer must be left as it is where nobody is told what objects look like by a network",
        ),
        ({"models": ("published",)}, "objects must be the cells of a regular grid"),
        ({"observer": TimmObserver(models=("resnet18x",))}, "observer.models must be names that timm knows"),
        ({"synthetic": FEW.model_copy(update={"n_people": 2}), "split": SplitSettings(by="person")}, "split.by must"),
        ({"predictors": (Path("nowhere.csv"),)}, "predictors must be files or folders; got nowhere.csv"),
        ({"weights": Path("nowhere"), "viewers": ScanpathConfig().viewers}, "weights must be a run's folder or id, a"),
        (
            {"objects": ObjectSettings(source="grid", grid=(60, 60)), "training": TrainingSettings(batch=64)},
            "objects.grid, training.batch and network must leave a cell at most 64,000 MB; got about",
        ),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(update: dict[str, object], sentence: str) -> None:
    with pytest.raises(CogattnError, match=re.escape(sentence)) as failed:
        check(changed(SMALL, **update))
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("update", "sentence"),
    [
        ({"synthetic": FEW}, "synthetic must be left as it is where scenes.path is given; got n_layouts = 8"),
        (
            {"appearance": "network"},
            "appearance must be auto or none where a scene has no image; got network, and 8 of 8 without one (0)",
        ),
        (
            {"observer": TimmObserver(models=("resnet18",))},
            "observer must be left as it is where nobody is told what objects look like",
        ),
        ({"n_random": 3}, "n_random must be left as it is where nobody is told"),
        ({"split": SplitSettings(by="target", test=0.3)}, ""),
    ],
)
def test_bad_settings_of_given_scenes_are_refused(
    tmp_path: Path, update: dict[str, object], sentence: str
) -> None:
    given = changed(GIVEN, scenes=ScenesSettings(path=collages(tmp_path)))
    if not sentence:
        return check(changed(given, **update))
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        check(changed(given, **update))
    return None


def test_a_leak_is_refused_or_shown(tmp_path: Path) -> None:
    """Everybody has one scanpath, and splits are by trial: what the published set amounts to."""
    scenes = ScenesSettings(path=collages(tmp_path), aliased=True)
    leaking = ScanpathConfig(scenes=scenes, viewers=(1,), split=SplitSettings(by="trial", leaks="show"))
    check(leaking)
    refused = changed(
        leaking, split=leaking.split.model_copy(update={"leaks": "refuse"})
    )  # as no user can say
    with pytest.raises(DataError, match="scanpaths of the test are in training or validation as well"):
        check(refused)
    check(ScanpathConfig(scenes=scenes, viewers=(1,)))  # by layout nothing leaks


def test_two_observers_of_one_name_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "uniform.csv"
    table.write_text("scene,sample,fixation,x,y\nlayout 0000,0,0,5,5\n")
    with pytest.raises(ConfigError, match="observers must have different names; got uniform twice"):
        check(changed(SMALL, predictors=(table,)))


def test_predictions_are_read_before_the_first_cell(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("scene,sample,fixation,x,y\nelsewhere,0,0,5,5\n")
    with pytest.raises(DataError, match="predictions must be of scenes and people that are here"):
        check(changed(SMALL, predictors=(table,)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "weights must be safetensors files that a run of scanpath left"),
        (b"PK\x03\x04" + bytes(60), "weights must be safetensors files that a run of scanpath left"),
        ((2).to_bytes(8, "little") + b"{}", "weights must be safetensors files that a run of scanpath left"),
        (
            (len(json.dumps({"__metadata__": {"about": "[]"}}))).to_bytes(8, "little")
            + json.dumps({"__metadata__": {"about": "[]"}}).encode(),
            "weights must be safetensors files that a run of scanpath left",
        ),
    ],
)
def test_files_that_are_no_models_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        check(changed(SMALL, weights=tmp_path / "model.safetensors", viewers=ScanpathConfig().viewers))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="weights must hold a fitted model; got none"):
        check(ScanpathConfig(synthetic=FEW, weights=tmp_path))
