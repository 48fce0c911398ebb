from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import RulesSettings, ScenesSettings, SearchConfig
from cogattn.psychophysics.search.natural.columns import GAZE, GAZES
from cogattn.psychophysics.search.natural.gaze import score
from cogattn.psychophysics.search.natural.looks import Looks
from cogattn.psychophysics.search.natural.weighing import NO_CONTENT, OTHERS, Weighing, weigh
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.seeds import Streams
from cogattn.study import Outcome, Trials
from cogattn.vision.scenes.scene import Scanpath, Scene

SETTINGS = ScenesSettings(pitch_deg=1.0)
CONFIG = SearchConfig(scenes=SETTINGS, rules=RulesSettings(inhibition=0.0))
N_SCENES, N_PEOPLE, N_LOOKS = 12, 8, 6
OBSERVERS = {"knows": Observer("knows"), "blind": Observer("blind"), "wrong": Observer("wrong")}


class Map:
    """The same evidence from everywhere."""

    def __init__(self, worth: np.ndarray) -> None:
        self.worth = worth

    def evidence(self, gaze_deg: np.ndarray) -> np.ndarray:
        return np.repeat(self.worth[None], len(gaze_deg), axis=0)


def blank(number: int, paths: tuple[Scanpath, ...] = ()) -> Scene:
    return Scene(f"s{number:02}", np.zeros((96, 128), dtype=np.float32), (96, 128), 8.0, scanpaths=paths)


def places_of(scene: Scene) -> Places:
    return Places.over(scene, pitch_deg=1.0, inhibition_deg=SETTINGS.inhibition_deg)


@pytest.fixture(scope="module")
def world() -> tuple[Weighing, float, Looks, list[Outcome]]:
    """People drawn from each scene's own map, which one searcher knows; another knows those of other scenes."""
    rng, places = np.random.default_rng(0), places_of(blank(0))
    worth = rng.normal(0, 1.5, size=(N_SCENES, len(places.points_deg)))
    truth = np.exp(worth) / np.exp(worth).sum(axis=1, keepdims=True)
    scenes, outcomes, told = [], [], []
    for number in range(N_SCENES):
        where = rng.choice(truth.shape[1], p=truth[number], size=(N_PEOPLE, N_LOOKS + 1))
        told.append(np.log2(truth[number][where[:, 1:]]))
        points = blank(number).to_pixels(places.points_deg[where])
        scene = blank(number, tuple(Scanpath(f"p{person}", points[person]) for person in range(N_PEOPLE)))
        scenes.append(scene)
        maps = {
            "knows": worth[number],
            "blind": np.zeros_like(worth[0]),
            "wrong": worth[(number + 1) % N_SCENES],
        }
        outcomes += [
            Outcome({GAZE: score(Map(one), scene, places, CONFIG, observer=name)})
            for name, one in maps.items()
        ]
    looks = Looks.at(scenes, SETTINGS)
    order = [Outcome({GAZE: one.trials[GAZE]}) for name in OBSERVERS for one in outcomes
             if one.trials[GAZE]["observer"].iloc[0] == name]  # fmt: skip
    return _weighed(looks, order), float(np.mean(told)), looks, order


def _weighed(looks: Looks, outcomes: list[Outcome], names: tuple[str, ...] = tuple(OBSERVERS)) -> Weighing:
    observers = [OBSERVERS[name] for name in names]
    return weigh(looks, Trials.of({GAZE: GAZES}, outcomes), observers, rng=Streams(0), e2_deg=2.3)


def _table(weighing: Weighing) -> pd.DataFrame:
    roles = dict.fromkeys(weighing.scored, "network")
    return weighing.table(roles, rng=Streams(0), n_resamples=300).set_index(["observer", "measure"])


@pytest.mark.slow
def test_the_searcher_that_made_the_looks_gains_its_content_and_useless_ones_gain_nothing(
    world: tuple[Weighing, float, Looks, list[Outcome]],
) -> None:
    weighing, truth, looks, _ = world
    table = _table(weighing)
    even = -np.log2(len(looks.lattices[0].points_deg))
    centre = even + table.loc[("centre bias", "bits_uniform"), "estimate"]
    no_content = centre + table.loc[(NO_CONTENT, "bits"), "estimate"]
    assert centre + table.loc[("knows", "bits_raw"), "estimate"] == pytest.approx(truth, abs=1e-6)
    known = table.loc[("knows", "content_bits")]
    assert known["estimate"] == pytest.approx(truth - no_content, abs=0.03)
    assert known["lo"] > 0.8
    for useless in ("blind", "wrong"):
        row = table.loc[(useless, "content_bits")]
        assert abs(row["estimate"]) < 0.02
        assert row["lo"] <= 0.005
    assert table.loc[("wrong", "bits_raw"), "estimate"] < -1  # as it is it is sure of what is not so
    assert table.loc[("knows", "auc"), "estimate"] > 0.8
    assert table.loc[("blind", "auc"), "estimate"] == pytest.approx(0.5)


def test_people_tell_of_each_other_less_than_the_map_that_made_them_and_more_than_nothing(
    world: tuple[Weighing, float, Looks, list[Outcome]],
) -> None:
    table = _table(world[0])
    assert (
        0.1
        < table.loc[(OTHERS, "content_bits"), "estimate"]
        < table.loc[("knows", "content_bits"), "estimate"]
    )


def test_an_observer_that_is_left_out_changes_no_number_of_the_others(
    world: tuple[Weighing, float, Looks, list[Outcome]],
) -> None:
    weighing, _, looks, outcomes = world
    fewer = _table(_weighed(looks, outcomes, ("blind", "wrong")))
    pd.testing.assert_frame_equal(fewer, _table(weighing).drop(index="knows", level=0))


def test_a_searcher_of_some_scenes_is_weighed_on_these(
    world: tuple[Weighing, float, Looks, list[Outcome]],
) -> None:
    _, _, looks, outcomes = world
    some = _weighed(looks, outcomes[:5], ("knows",))
    row = _table(some).loc[("knows", "content_bits")]
    assert (row["n"], row["n_scenes"]) == (5 * N_PEOPLE * N_LOOKS, 5)
    assert row["estimate"] > 1.0


def test_trials_of_other_scenes_are_refused(world: tuple[Weighing, float, Looks, list[Outcome]]) -> None:
    _, _, looks, outcomes = world
    other = Outcome({GAZE: outcomes[0].trials[GAZE].assign(scene="elsewhere")})
    with pytest.raises(DataError, match=r"scenes\.path must hold the scenes that were searched"):
        _weighed(looks, [other], ("knows",))
