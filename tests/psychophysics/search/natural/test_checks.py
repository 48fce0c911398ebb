from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import CogattnError
from cogattn.psychophysics.search.config import (
    FoveaSettings,
    MatchingSettings,
    RulesSettings,
    ScenesSettings,
    SearchConfig,
)
from cogattn.psychophysics.search.natural.checks import check
from cogattn.testing.scenes import make_scenes, write_scenes
from cogattn.vision.scenes.scene import Scene


def refusal(folder: Path, **settings) -> str:
    scenes = settings.pop("scenes", {})
    with pytest.raises(CogattnError) as refused:
        check(SearchConfig(scenes=ScenesSettings(path=folder, **scenes), **settings))
    return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_scenes(tmp_path / "made", make_scenes(2, n_people=1))


def test_scenes_with_a_scale_and_targets_pass(folder: Path) -> None:
    check(SearchConfig(scenes=ScenesSettings(path=folder)))


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"rules": RulesSettings(temperature=0.5)}, "rules.temperature must be left as it is.*scenes.temperature is"),
        ({"rules": RulesSettings(max_fixations=5)}, "rules.max_fixations must.*scenes.max_saccades is read"),
        ({"rules": RulesSettings(pitch_deg=1)}, "rules.pitch_deg must.*scenes.pitch_deg is read instead"),
        ({"fovea": FoveaSettings(place="inline")}, "fovea.place must be left as it is.*got inline"),
        ({"matching": MatchingSettings(knows_distractors=True)}, "matching.knows_distractors must.*got True"),
        ({"tasks": ("letters",)}, "tasks must be left as it is.*got letters"),
        ({"n_random": 3}, r"n_random must be left as it is.*got 3 \(scenes.n_random is read instead\)"),
        ({"scenes": {"pitch_deg": 0.06}, "rules": RulesSettings(look="elm")}, "at most 20,000 places with rules.look"),
        ({"scenes": {"pitch_deg": 0.06}, "n_searches": 999}, "at most 50,000 places with 1000 searches"),
    ],
)  # fmt: skip
def test_settings_that_scenes_have_no_use_or_no_room_for_are_refused(
    folder: Path, settings: dict, rule: str
) -> None:
    import re

    assert re.search(rule, refusal(folder, **settings))


def test_persons_of_the_drawn_tasks_have_no_part_in_scenes(folder: Path, tmp_path: Path) -> None:
    persons = tmp_path / "mine.csv"
    persons.write_text("person,measure,estimate\nann,asymmetry.letters,0.4\nbob,asymmetry.letters,0.5\n")
    assert "humans must be left as it is" in refusal(folder, humans=str(persons))


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "must be a folder or file" in refusal(tmp_path / "nowhere")


def test_scenes_without_an_image_are_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(2))
    table = pd.read_csv(folder / "scenes.csv").astype({"image": str})
    shelf = pd.DataFrame([{"scene": "shelf", "width": 90, "height": 60, "category": "tin"}])
    pd.concat([table, shelf]).to_csv(folder / "scenes.csv", index=False)
    assert "scenes must have images to be searched; got none for 1 of 3 (shelf)" in refusal(folder)


def test_scenes_without_a_scale_are_refused_unless_it_is_set(tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "made", make_scenes(1, pixels_per_degree=None))
    assert "scenes.pixels_per_degree must be given where the files do not tell it" in refusal(folder)
    check(SearchConfig(scenes=ScenesSettings(path=folder, pixels_per_degree=8)))


def test_a_scene_of_free_viewing_is_refused_where_it_is_searched(tmp_path: Path) -> None:
    first, second = make_scenes(2)
    free: Scene = dataclasses.replace(second, target=None)
    folder = write_scenes(tmp_path / "made", [first, free])
    assert "must have a target; got none (scene001)" in refusal(folder)
    check(SearchConfig(scenes=ScenesSettings(path=folder, n_scenes=1)))


def test_a_picture_larger_than_the_scene_is_refused(tmp_path: Path) -> None:
    (scene,) = make_scenes(1)
    assert scene.target is not None
    huge = dataclasses.replace(scene.target, picture=np.zeros((97, 20), np.uint8))
    folder = write_scenes(tmp_path / "made", [dataclasses.replace(scene, target=huge)])
    assert "got 20 x 97 pixels in one of 128 x 96" in refusal(folder)
