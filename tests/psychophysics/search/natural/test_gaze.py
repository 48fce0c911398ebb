from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy, zscore
from sklearn.metrics import roc_auc_score

from cogattn.errors import DataError
from cogattn.psychophysics.search import densities_along, score_fixations
from cogattn.psychophysics.search.config import RulesSettings, SearchConfig
from cogattn.psychophysics.search.displays.display import Display, cell_centers_deg, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.natural.columns import GAZES, TEMPERATURES
from cogattn.psychophysics.search.natural.gaze import score
from cogattn.psychophysics.search.searchers.controls import ChanceSearcher
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import search
from cogattn.vision.scenes.scene import Scanpath, Scene


def display(condition: str, n: int) -> Display:
    return make_display(*find_condition(condition), n, rng=np.random.default_rng(0), pixels_per_degree=1)


class Knows:
    """Sees the evidence that a test gives it, by cell."""

    name = "knows"

    def __init__(self, by_cell: np.ndarray) -> None:
        self.by_cell = by_cell

    def begin(self, display: Display, places: Places, rng: np.random.Generator) -> Knows:
        self.places = places
        return self

    def evidence(self, gaze_deg: np.ndarray) -> np.ndarray:
        return np.repeat(self.by_cell[self.places.cells][None], len(gaze_deg), axis=0)


def test_gaze_scores_of_a_known_density() -> None:
    density = np.array([[0.5, 0.25, 0.125, 0.125]] * 2)
    score = score_fixations(density, np.array([0, 1]))
    assert score.log_likelihood_bits == pytest.approx(-1.5)
    assert score.information_gain_bits == pytest.approx(0.5)
    assert score.auc == pytest.approx((1 + 2 / 3) / 2)
    assert score.nss == pytest.approx((0.25 / density[0].std()) / 2)
    uniform = score_fixations(np.full((3, 4), 0.25), np.array([0, 1, 2]))
    assert (uniform.nss, uniform.auc, uniform.information_gain_bits) == (0, 0.5, 0)
    with pytest.raises(DataError, match="sum to 1"):
        score_fixations(np.ones((1, 4)), np.array([0]))


def test_gaze_scores_agree_with_independent_formulas() -> None:
    """AUC is scikit-learn's, NSS the z-score, and information gain in expectation a difference of divergences."""
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.full(12, 0.5))
    told, baseline = (0.7 * truth + 0.3 * rng.dirichlet(np.ones(12)) for _ in range(2))
    fixated = rng.choice(12, size=20000, p=truth)
    densities = rng.dirichlet(np.full(12, 0.7), size=200)
    score = score_fixations(densities, fixated[:200])
    aucs = [roc_auc_score(np.arange(12) == f, d) for d, f in zip(densities, fixated[:200], strict=True)]
    assert score.auc == pytest.approx(np.mean(aucs))
    assert score.nss == pytest.approx(
        np.mean([zscore(d)[f] for d, f in zip(densities, fixated[:200], strict=True)])
    )
    gained = score_fixations(np.repeat(told[None], 20000, axis=0), fixated, baseline=baseline)
    expected = entropy(truth, baseline, base=2) - entropy(truth, told, base=2)
    assert gained.information_gain_bits == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("look", ["posterior", "elm"])
def test_densities_along_a_scanpath_are_those_that_searches_are_drawn_from(look: str) -> None:
    shown, rules = display("t_in_l", 4), RulesSettings(look=look, pitch_deg=2.0, saccade_scale_deg=4.0)
    searcher = Knows(np.linspace(-1, 1, 9))
    found = search(searcher, shown, rules=rules, rng=np.random.default_rng(0), n_searches=8000)
    places = Places.of(shown, pitch_deg=2.0)
    first = np.array([f.fixations_deg[0] for f in found])
    drawn = np.linalg.norm(first[:, None] - places.points_deg, axis=-1).argmin(axis=1)
    density, _ = densities_along(searcher, shown, first[:1], rules=rules, rng=np.random.default_rng(0))
    frequency = np.bincount(drawn, minlength=len(places.points_deg)) / len(found)
    assert np.abs(frequency - density[0]).sum() < 0.12


def test_scanpaths_longer_than_the_grid_need_finite_inhibition() -> None:
    shown = display("t_in_l", 4)
    everywhere = np.vstack([cell_centers_deg(shown.task), [[0.0, 0.0]]])
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="inhibition must be finite"):
        densities_along(ChanceSearcher(), shown, everywhere, rules=RulesSettings(), rng=rng)
    density, _ = densities_along(
        ChanceSearcher(), shown, everywhere, rules=RulesSettings(inhibition=1.0), rng=rng
    )
    assert density.sum(axis=1) == pytest.approx(np.ones(10))


def test_a_searcher_is_told_its_own_scanpath_better_than_a_blind_one() -> None:
    shown = display("curve_in_lines", 16)
    rng = np.random.default_rng(1)
    evidence = rng.standard_normal(36) * 3
    (found,) = search(Knows(evidence), shown, rules=RulesSettings(), rng=rng)
    scores = []
    for searcher in (Knows(evidence), ChanceSearcher()):
        density, fixated = densities_along(
            searcher, shown, found.fixations_deg, rules=RulesSettings(), rng=rng
        )
        assert density.sum(axis=1) == pytest.approx(np.ones(len(density)))
        scores.append(score_fixations(density, fixated).information_gain_bits)
    assert scores[0] > scores[1] >= 0


def scene_of(*paths: np.ndarray) -> Scene:
    scanpaths = tuple(Scanpath(f"p{number}", path) for number, path in enumerate(paths))
    return Scene("one", np.zeros((80, 120), dtype=np.float32), (80, 120), 10.0, scanpaths=scanpaths)


class Sees:
    """Evidence that depends on where it looks from; remembers what it was asked for."""

    name = "sees"

    def __init__(self, places: Places) -> None:
        self.places, self.asked = places, []

    def begin(self, scene: Scene, places: Places, rng: np.random.Generator) -> Sees:
        return self

    def evidence(self, gaze_deg: np.ndarray) -> np.ndarray:
        self.asked.append(gaze_deg)
        return np.sin(3 * self.places.points_deg[:, 0] + gaze_deg[:, :1]) + np.cos(
            2 * self.places.points_deg[:, 1] - gaze_deg[:, 1:]
        )


def on_lattice(rng: np.random.Generator, places: Places, scene: Scene, n: int) -> np.ndarray:
    return scene.to_pixels(places.points_deg[rng.integers(len(places.points_deg), size=n)])


RULES = {
    "plain": RulesSettings(inhibition=2.0),
    "endless": RulesSettings(),
    "memory": RulesSettings(inhibition=2.0, memory=0.5, temperature=2.0),
    "elm": RulesSettings(look="elm", inhibition=1.0, saccade_scale_deg=3.0),
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_people_are_weighed_together_as_each_would_be_alone(rules: RulesSettings) -> None:
    rng, empty = np.random.default_rng(0), scene_of()
    places = Places.over(empty, pitch_deg=1.0, inhibition_deg=2.0)
    scene = scene_of(*(on_lattice(rng, places, empty, n) for n in (5, 2, 1, 7)))
    rows = score(Sees(places), scene, places, SearchConfig(rules=rules), observer="sees")
    assert rows.groupby("trial").size().to_dict() == {0: 4, 1: 1, 3: 6}
    for trial, own in rows.groupby("trial"):
        path = scene.scanpaths[int(trial)].fixations_px
        alone = replace(scene, start_px=tuple(path[0]))
        density, fixated = densities_along(
            Sees(places), alone, scene.to_degrees(path[1:]), rules=rules, rng=rng, places=places
        )
        with np.errstate(divide="ignore"):
            assert own["log2_raw"].to_numpy() == pytest.approx(np.log2(density[np.arange(len(own)), fixated]))
        assert own["place"].tolist() == fixated.tolist()
        scores = score_fixations(density, fixated)
        assert own["nss"].mean() == pytest.approx(scores.nss)
        assert own["auc"].mean() == pytest.approx(scores.auc)


def test_densities_at_each_temperature_and_moved_as_people_move() -> None:
    empty = scene_of()
    places = Places.over(empty, pitch_deg=1.0, inhibition_deg=2.0)
    scene = scene_of(on_lattice(np.random.default_rng(1), places, empty, 2))
    (row,) = score(Sees(places), scene, places, SearchConfig(), observer="sees").to_dict("records")
    start, place = scene.to_degrees(scene.scanpaths[0].fixations_px[0]), row["place"]
    evidence = Sees(places).evidence(start[None])[0]
    near = (1 + np.linalg.norm(places.points_deg - start, axis=1) / 2.3) ** -2.0
    for number, temperature in enumerate(TEMPERATURES):
        plain = np.exp(evidence / temperature)
        assert row[f"log2_{number}"] == pytest.approx(np.log2(plain[place] / plain.sum()))
        moved = plain * near
        assert row[f"near_{number}"] == pytest.approx(np.log2(moved[place] / moved.sum()))


def test_one_that_takes_the_best_place_is_weighed_by_its_posterior() -> None:
    empty = scene_of()
    places = Places.over(empty, pitch_deg=1.0, inhibition_deg=2.0)
    scene = scene_of(on_lattice(np.random.default_rng(1), places, empty, 2))
    config = SearchConfig(rules=RulesSettings(temperature=0.0))
    (row,) = score(Sees(places), scene, places, config, observer="sees").to_dict("records")
    assert row["log2_raw"] == pytest.approx(row[f"log2_{TEMPERATURES.index(1.0)}"])


def test_a_scene_is_looked_at_once_from_each_place_and_off_it_from_the_nearest() -> None:
    empty = scene_of()
    places = Places.over(empty, pitch_deg=1.0, inhibition_deg=2.0)
    middle, corner = np.array([65.0, 45.0]), np.array([5.0, 5.0])
    path = np.array([middle, corner, [-40.0, -30.0], middle, corner])
    scene, view = scene_of(path, path), Sees(places)
    rows = score(view, scene, places, SearchConfig(rules=RulesSettings(inhibition=1.0)), observer="sees")
    assert rows["fixation"].tolist() == [1, 3, 4] * 2  # the one off the image is not weighed
    assert len(np.concatenate(view.asked)) == 2
    assert places.nearest(empty.to_degrees(path[2])) == places.nearest(empty.to_degrees(corner))


def test_nobody_who_looked_leaves_an_empty_table() -> None:
    scene = scene_of(np.array([[60.0, 40.0]]))
    places = Places.over(scene, pitch_deg=1.0, inhibition_deg=2.0)
    rows = score(Sees(places), scene, places, SearchConfig(), observer="sees")
    assert list(rows) == list(GAZES)
    assert len(rows) == 0


def test_where_endless_inhibition_leaves_nothing_open_all_places_are_alike() -> None:
    empty = scene_of()
    places = Places.over(empty, pitch_deg=4.0, inhibition_deg=20.0)
    scene = scene_of(on_lattice(np.random.default_rng(2), places, empty, 4))
    rows = score(Sees(places), scene, places, SearchConfig(), observer="sees")
    assert rows["n_open"].tolist()[1:] == [0, 0]
    assert rows["log2_raw"].tolist()[1:] == pytest.approx([-np.log2(len(places.points_deg))] * 2)
