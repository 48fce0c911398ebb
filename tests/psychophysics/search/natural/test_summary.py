from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import RulesSettings, ScenesSettings, SearchConfig
from cogattn.psychophysics.search.natural.columns import DENSITY, GAZE, PATHS, TABLE
from cogattn.psychophysics.search.natural.gaze import first_density, score, start_deg
from cogattn.psychophysics.search.natural.measures import ALL
from cogattn.psychophysics.search.natural.plan import TABLES
from cogattn.psychophysics.search.natural.summary import summary_of
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.study import Outcome, Results, Trials
from cogattn.testing.scenes import make_scenes
from cogattn.vision.scenes.reading import SceneSet
from cogattn.vision.scenes.scene import Scene

SETTINGS = ScenesSettings(pitch_deg=1.0)
CONFIG = SearchConfig(scenes=SETTINGS, rules=RulesSettings(inhibition=2.0), n_bootstrap=200)
NETWORK = Observer("net")
CHANCE = Observer("chance", role="control", variant="chance")


class Even:
    """Evidence that says nothing, or something of the target's side."""

    def __init__(self, places: Places, strength: float) -> None:
        self.worth = strength * np.sign(places.points_deg[:, 0])

    def evidence(self, gaze_deg: np.ndarray) -> np.ndarray:
        return np.repeat(self.worth[None], len(gaze_deg), axis=0)


def outcome(scene: Scene, observer: Observer, *, saccades: int) -> Outcome:
    places = Places.over(scene, pitch_deg=1.0, inhibition_deg=2.0, found_within_deg=0.5)
    view = Even(places, 0.0 if observer.variant else 0.2)
    shared = {"observer": observer.id, "scene": scene.name}
    searches = [
        shared | {
            "target": scene.target.name, "person": path.person, "trial": trial, "repeat": 0, "target_present": True,
            "allowed": path.max_saccades, "limit": 4, "n_fixations": saccades, "outcome": "found", "found": True,
        } for trial, path in enumerate(scene.scanpaths)
    ]  # fmt: skip
    own_start = shared | {
        "target": scene.target.name, "person": "", "trial": -1, "repeat": 0, "target_present": True, "allowed": 0,
        "limit": 4, "n_fixations": 4, "outcome": "limit", "found": False,
    }  # fmt: skip
    path = scene.to_pixels(start_deg(scene)[None])
    return Outcome(
        {
            TABLE: pd.DataFrame([own_start, *searches]),
            PATHS: pd.DataFrame(
                [shared | {"repeat": 0, "fixation": 0, "x_px": path[0, 0], "y_px": path[0, 1]}]
            ),
            GAZE: score(view, scene, places, CONFIG, observer=observer.id),
            DENSITY: first_density(view, scene, places, CONFIG, observer=observer.id),
        }
    )


def results(scenes: list[Scene], observers: tuple[Observer, ...] = (NETWORK, CHANCE)) -> Results:
    saccades = {NETWORK.id: 2, CHANCE.id: 4}
    outcomes = [outcome(scene, one, saccades=saccades[one.id]) for one in observers for scene in scenes]
    return summary_of(CONFIG, SceneSet(tuple(scenes)), observers, Trials.of(TABLES, outcomes))


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return make_scenes(6, n_people=5)


@pytest.fixture(scope="module")
def told(scenes: list[Scene]) -> Results:
    return results(scenes)


def test_networks_stand_beside_people_on_every_measure(told: Results) -> None:
    own = told.summary[told.summary["observer"] == NETWORK.id].set_index("measure")
    assert {key.split(".")[0] for key in own.index} == {measure.key for measure in ALL}
    alone = {"scene_bits.raw", "scene_difficulty"}
    assert (own.drop(index=alone)["human_n"] == 5).all()
    assert set(told.people["measure"]) == set(own.index) - alone
    assert told.people["person"].nunique() == 5


def test_the_same_trials_count_and_a_persons_limit_holds_for_the_searcher(told: Results) -> None:
    found = told.tables["found"].set_index(["observer", "n_saccades"])["found"]
    assert found["net"].tolist() == [0, 1, 1, 1]  # not the search from the scene's own start
    assert found["chance"].tolist() == [0, 0, 0, 1]
    summary = told.summary.set_index(["observer", "measure"])["estimate"]
    assert summary["net", "scene_saccades"] == 2
    assert summary["net", "scene_found.within"] == 1
    assert summary["net", "scene_found.4"] == 1


def test_limits_of_two_saccades_leave_a_search_of_four_without_its_target(scenes: list[Scene]) -> None:
    def shortened(scene: Scene) -> Scene:
        paths = [replace(path, max_saccades=2 if n < 2 else 4) for n, path in enumerate(scene.scanpaths)]
        return replace(scene, scanpaths=tuple(paths))

    short = [shortened(scene) for scene in scenes]
    outcomes = [outcome(scene, NETWORK, saccades=3) for scene in short]
    summary = summary_of(CONFIG, SceneSet(tuple(short)), (NETWORK,), Trials.of(TABLES, outcomes)).summary
    assert summary.set_index("measure").loc["scene_found.within", "estimate"] == pytest.approx(3 / 5)


def test_scenes_one_by_one_and_baselines_are_in_the_tables(told: Results, scenes: list[Scene]) -> None:
    table = told.tables["scenes"]
    for observer in ("net", "chance", "people"):
        own = table[table["observer"] == observer]
        assert own["scene"].tolist() == [scene.name for scene in scenes]
        assert np.isfinite(own[["found", "saccades", "bits", "content_bits"]]).all(axis=None)
    gaze = told.tables["gaze"].set_index(["observer", "measure"])
    assert gaze.loc[("centre bias", "bits"), "estimate"] == 0
    assert gaze.loc[("no content", "content_bits"), "estimate"] == 0
    by_scene = table[table["observer"] == "net"]
    mean = np.average(by_scene["bits"], weights=by_scene["n_looks"])
    assert gaze.loc[("net", "bits"), "estimate"] == pytest.approx(mean)


def test_what_a_reader_must_hear_is_said(told: Results) -> None:
    said = " ".join(told.remarks)
    for what in (
        "5 persons, 30 searches of 6 scenes",
        "4 (30) searches",
        "targets in 6 scenes",
        "other scenes",
    ):
        assert what in said


def test_figures_are_drawn(told: Results) -> None:
    assert set(told.figures) == {"found", "gaze", "examples"}
    for draw in told.figures.values():
        draw().canvas.draw()


def test_one_scene_has_no_likelihoods_and_scenes_nobody_looked_at_no_people(scenes: list[Scene]) -> None:
    one = results(scenes[:1])
    assert "gaze" not in one.tables
    assert any("with one scene there is no other" in said for said in one.remarks)
    empty = [replace(scene, scanpaths=()) for scene in scenes]
    alone = results(empty)
    assert alone.people is None
    assert any("searchers stand alone" in said for said in alone.remarks)
    assert set(alone.tables["found"]["observer"]) == {"net", "chance"}
    assert (alone.summary["human_n"] == 0).all()
