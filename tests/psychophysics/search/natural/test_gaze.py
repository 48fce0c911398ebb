from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy, zscore
from sklearn.metrics import roc_auc_score

from cogattn.errors import DataError
from cogattn.psychophysics.search import densities_along, score_fixations
from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display, cell_centers_deg, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.controls import ChanceSearcher
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import search


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
