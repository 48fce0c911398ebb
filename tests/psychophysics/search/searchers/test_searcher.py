from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.psychophysics.search.config import RulesSettings
from cogattn.psychophysics.search.displays.display import Display, cell_of, make_display
from cogattn.psychophysics.search.displays.tasks import find_condition
from cogattn.psychophysics.search.searchers.controls import ChanceSearcher, IdealSearcher
from cogattn.psychophysics.search.searchers.searching import (
    Places,
    choose,
    expected_information,
    inhibition,
    next_fixation_density,
    search,
)

GREEDY = RulesSettings(temperature=0)


def display(condition: str = "t_in_l", n: int = 6, *, present: bool = True, seed: int = 0) -> Display:
    return make_display(
        *find_condition(condition),
        n,
        rng=np.random.default_rng(seed),
        pixels_per_degree=1,
        target_present=present,
    )


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


def test_greedy_search_visits_cells_in_order_of_evidence_and_stops_at_the_target() -> None:
    shown = display()
    evidence = np.arange(9.0)
    (found,) = search(Knows(evidence), shown, rules=GREEDY, rng=np.random.default_rng(0))
    visited = cell_of(shown.task, found.fixations_deg)
    assert found.outcome == "found"
    assert visited.tolist() == list(range(8, shown.target_cell - 1, -1))


def test_a_cell_is_returned_to_when_as_many_fixations_have_passed_as_its_inhibition_lasts() -> None:
    """Held back by 2, 1, 1/2 nats: the first cell is worth a look again after two others, not after one."""
    evidence = np.zeros(9)
    evidence[[2, 3, 7]] = 1.2, 1.0, 0.5
    rules = RulesSettings(
        temperature=0, memory=0, inhibition=2.0, inhibition_decay=0.5, inhibition_floor=0, max_fixations=4
    )
    shown = display(present=False)
    (found,) = search(Knows(evidence), shown, rules=rules, rng=np.random.default_rng(0))
    assert cell_of(shown.task, found.fixations_deg).tolist() == [2, 3, 7, 2]


@given(st.integers(0, 2**31), st.sampled_from(["t_in_l", "curve_in_lines", "vertical_in_mixed"]))
@settings(max_examples=25)
def test_endless_inhibition_never_looks_at_a_cell_twice_and_always_finds(seed: int, condition: str) -> None:
    shown = display(condition, 4, seed=seed)
    for found in search(
        ChanceSearcher(), shown, rules=RulesSettings(), rng=np.random.default_rng(seed), n_searches=3
    ):
        cells = cell_of(shown.task, found.fixations_deg)
        assert len(set(cells.tolist())) == len(cells)
        assert cells[-1] == shown.target_cell
        assert found.outcome == "found"


def test_chance_takes_half_the_cells_and_one_half_on_average() -> None:
    """Without replacement from n cells the target is found after (n + 1) / 2 fixations."""
    found = search(
        ChanceSearcher(),
        display(),
        rules=RulesSettings(pitch_deg=2),
        rng=np.random.default_rng(0),
        n_searches=4000,
    )
    mean = np.mean([f.n_fixations for f in found])
    assert mean == pytest.approx(5.0, abs=4 * np.sqrt(80 / 12 / 4000))


def test_ideal_search_is_sooner_than_chance_and_needs_fewer_looks_the_better_it_sees() -> None:
    shown = display("curve_in_lines", 8)
    means = []
    for dprime in (1.0, 3.0, 9.0):
        found = search(
            IdealSearcher(foveal_dprime=dprime),
            shown,
            rules=RulesSettings(temperature=0, memory=1, pitch_deg=1),
            rng=np.random.default_rng(0),
            n_searches=200,
        )
        means.append(np.mean([f.n_fixations for f in found]))
    assert means[0] > means[1] > means[2]
    assert means[1] < 15
    assert means[2] < 2


def test_giving_up_is_more_often_right_than_wrong_and_limits_are_told() -> None:
    rules = RulesSettings(temperature=0, memory=1, quit_below=0.05, pitch_deg=1)
    outcomes = {}
    for present in (True, False):
        outcomes[present] = [
            found.outcome
            for seed in range(20)
            for found in search(
                IdealSearcher(foveal_dprime=6.0),
                display(present=present, seed=seed),
                rules=rules,
                rng=np.random.default_rng(seed),
                n_searches=5,
            )
        ]
    assert outcomes[True].count("found") > 85
    assert outcomes[False].count("absent") > 85
    stubborn = search(
        ChanceSearcher(), display(present=False), rules=RulesSettings(), rng=np.random.default_rng(0)
    )
    assert stubborn[0].outcome == "limit"
    assert stubborn[0].n_fixations == 9


def test_finite_inhibition_fades_to_its_floor() -> None:
    rules = RulesSettings(inhibition=2.0, inhibition_decay=0.5, inhibition_floor=0.25)
    held = inhibition(np.array([0.0, 1.0, 5.0, np.inf]), rules)
    assert held == pytest.approx([2.0, 1.0, 0.5, 0.0])
    endless = inhibition(np.array([0.0, np.inf]), RulesSettings())
    assert endless.tolist() == [np.inf, 0.0]


def test_choices_follow_the_density() -> None:
    logits = np.array([[0.0, 1.0, 2.0, -np.inf]])
    density = next_fixation_density(logits, 0.5)
    assert density.sum() == pytest.approx(1)
    drawn = choose(np.repeat(logits, 20000, axis=0), 0.5, np.random.default_rng(0))
    assert np.bincount(drawn, minlength=4) / 20000 == pytest.approx(density[0], abs=0.01)
    assert (choose(np.repeat(logits, 50, axis=0), 0, np.random.default_rng(0)) == 2).all()


def test_short_saccades_are_preferred_where_the_prior_says_so() -> None:
    shown = display("curve_in_lines", 32)
    lengths = []
    for scale in (0.5, None):
        found = search(
            ChanceSearcher(),
            shown,
            rules=RulesSettings(saccade_scale_deg=scale),
            rng=np.random.default_rng(0),
            n_searches=50,
        )
        steps = [np.diff(np.vstack([[0, 0], f.fixations_deg]), axis=0) for f in found]
        lengths.append(np.mean(np.linalg.norm(np.concatenate(steps), axis=1)))
    assert lengths[0] < 0.6 * lengths[1]


def test_elm_looks_between_two_likely_places() -> None:
    points = np.stack([np.linspace(-4, 4, 17), np.zeros(17)], axis=1)
    places = Places(points, np.arange(17), 17)
    posterior = np.full((1, 17), -20.0)
    posterior[0, [6, 10]] = 0  # at -1 and 1 degree
    value = expected_information(posterior, places, e2_deg=6.0)[0]
    assert value[8] > value[[0, 16]].max()
    assert value == pytest.approx(value[::-1])


def test_places_cover_every_cell_alike() -> None:
    places = Places.of(display("curve_in_lines", 8), pitch_deg=0.3)
    counts = np.bincount(places.cells)
    assert len(counts) == 36
    assert len(set(counts.tolist())) == 1
