from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search import trials
from cogattn.psychophysics.search.config import RulesSettings, SearchConfig
from cogattn.psychophysics.search.displays.display import Display
from cogattn.psychophysics.search.functions import fit_line
from cogattn.psychophysics.search.plan import SearchCell
from cogattn.psychophysics.search.searchers.giving_up import limit_of_hope, practise
from cogattn.psychophysics.search.searchers.places import Places
from cogattn.psychophysics.search.searchers.searching import Searcher, hope, search
from cogattn.psychophysics.search.slopes import MS_PER_FIXATION

CONFIG = SearchConfig.parse(
    {"displays": {"pixels_per_degree": 4, "n_displays": 30}, "rules": {"pitch_deg": 2.0}}
)
SIZES = np.array([3, 6, 12, 18])


@dataclass(frozen=True)
class View:
    scores: np.ndarray

    def evidence(self, gaze_deg: np.ndarray) -> np.ndarray:
        return np.tile(self.scores, (len(gaze_deg), 1))


@dataclass(frozen=True)
class Looker:
    """Tells by cell what lies there: ``score(display, cell)`` in nats."""

    score: Callable[[Display, int], float]
    name: str = "looker"

    def begin(self, scene: Display, places: Places, rng: np.random.Generator) -> View:
        scores = np.array([self.score(scene, cell) for cell in range(places.n_cells)])
        return View(scores[places.cells])


def same_everywhere(display: Display, cell: int) -> float:
    """An item is an item, the target no other than the rest; nothing lies on empty ground."""
    return 8.0 if cell in display.cells else -30.0


def told(display: Display, cell: int) -> float:
    return 8.0 if cell == display.target_cell else -30.0


def stirred(display: Display, cell: int) -> float:
    """As one without an idea of its own gain: all is thought to be the target, which is only the best of all."""
    return 200.0 if cell == display.target_cell else 100.0 if cell in display.cells else 50.0


def runs(searcher: Searcher, name: str = "2v5", n: int = 60) -> dict[bool, pd.DataFrame]:
    """Means of fixations and errors by set size, with a target and without."""
    rules = CONFIG.rules
    limit = practise(
        searcher,
        (d for _, d in trials.displays_of(CONFIG, name, 0, 10, named="practice")),
        rules=rules,
        rng=np.random.default_rng(1),
        misses=0.05,
        n_searches=4,
    )
    found = {}
    for present in (True, False):
        rows = []
        for _, display in trials.displays_of(CONFIG, name, 0, n, target_present=present):
            for one in search(
                searcher, display, rules=rules, rng=np.random.default_rng([len(rows)]), give_up=limit
            ):
                rows.append(
                    (display.set_size, one.n_fixations, one.outcome != ("found" if present else "absent"))
                )
        table = pd.DataFrame(rows, columns=["size", "fixations", "wrong"])
        found[present] = table.groupby("size").mean()
    return found


def slope(means: pd.DataFrame) -> float:
    return float(fit_line(SIZES.astype(float), means["fixations"].to_numpy(float))[0])


@pytest.mark.slow
def test_one_item_after_the_other_takes_twice_as_long_without_a_target() -> None:
    found = runs(Looker(same_everywhere), n=80)
    assert not found[True]["wrong"].any()
    assert not found[False]["wrong"].any()
    assert found[False]["fixations"].tolist() == SIZES.tolist()  # every item, then no more
    expected = (SIZES + 1) / 2
    assert np.abs(found[True]["fixations"] - expected).max() < 4 * 5.2 / np.sqrt(80)
    assert slope(found[False]) / slope(found[True]) == pytest.approx(2, abs=0.5)


def test_one_who_is_told_needs_one_look_and_none_to_say_no() -> None:
    found = runs(Looker(told), n=5)
    assert found[True]["fixations"].tolist() == [1, 1, 1, 1]
    assert found[False]["fixations"].tolist() == [0, 0, 0, 0]
    assert not found[False]["wrong"].any()


def test_practice_tells_hope_from_what_evidence_says_of_itself() -> None:
    """Where all evidence speaks for a target, a fixed odds rule never ends but one that practised does."""
    searcher = Looker(stirred)
    assert runs(searcher, n=5)[False]["fixations"].tolist() == [0, 0, 0, 0]
    (_, display), *_ = trials.displays_of(CONFIG, "2v5", 0, 1, target_present=False)
    rules = CONFIG.rules.model_copy(update={"quit_below": 0.05})
    (endless,) = search(searcher, display, rules=rules, rng=np.random.default_rng(0))
    assert endless.outcome == "absent"
    assert endless.n_fixations == 25


@pytest.mark.slow
def test_noise_in_hope_costs_no_more_misses_than_are_put_up_with() -> None:
    """The target's evidence scatters from display to display: practice keeps misses to their share."""

    def noisy(display: Display, cell: int) -> float:
        noise = np.random.default_rng(
            [display.set_size, *np.abs(display.centers_deg[0] * 1e6).astype(int), cell]
        )
        return 20 + 10 * noise.standard_normal() if cell == display.target_cell else -100.0

    found = runs(Looker(noisy), n=100)
    misses = found[True]["wrong"].mean()
    assert misses < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 40)  # of forty practice displays
    assert misses > 0.005


def test_limit_is_the_share_that_a_next_search_would_lie_below() -> None:
    rng = np.random.default_rng(0)
    for n in (19, 40, 160):
        below = [np.mean(rng.random(2000) < limit_of_hope(list(rng.random(n)), 0.05)) for _ in range(400)]
        assert np.mean(below) <= 0.05 + 0.005
        assert np.mean(below) >= 0.05 - 1 / (n + 1) - 0.005
    assert limit_of_hope([3.0, 2.0], 0.05) == 2.0
    assert limit_of_hope([], 0.05) == -np.inf


def test_hope_is_the_log_odds_of_a_target_somewhere() -> None:
    ratios = np.array([2.0, 6.0, 0.0, 4.0])  # likelihoods of target over none, at four places
    with np.errstate(divide="ignore"):
        assert hope(np.log(ratios)) == pytest.approx(np.log(3.0))
        assert hope(np.log(ratios[2:3])) == -np.inf


def cell_of_task(name: str, variant: str, *, present: bool) -> SearchCell:
    return SearchCell(
        label="", task="search", observer=variant, parent="", variant=variant, copy=0,
        condition=name, start=0, stop=10, target_present=present,
    )  # fmt: skip


def test_chance_looks_almost_everywhere_before_it_says_no_and_errs_seldom() -> None:
    from cogattn.seeds import Streams

    config = CONFIG.model_copy(update={"controls": ("chance",)})
    table = pd.concat(
        trials.run(config, cell_of_task("feature", "chance", present=present), Streams(3))
        for present in (True, False)
    )
    absent = table[~table["target_present"]]
    assert set(absent["response"]) == {"absent"}
    assert absent["n_fixations"].between(22, 25).all()
    assert table[table["target_present"]]["correct"].mean() > 0.85
    assert set(table["role"]) == {"only"}
    assert (absent["rt_ms"] > 22 * MS_PER_FIXATION).all()


def test_what_was_learned_is_the_same_in_every_cell_and_in_no_other_task() -> None:
    chance = trials.build_searcher(CONFIG, Observer("chance", role="control", variant="chance"))
    first = trials.learned(CONFIG, cell_of_task("feature", "chance", present=True), chance)
    trials.learned(CONFIG, cell_of_task("2v5", "chance", present=True), chance)
    assert trials.learned(CONFIG, cell_of_task("feature", "chance", present=False), chance) == first
    assert trials.learned(CONFIG, cell_of_task("t_in_l", "chance", present=True), chance) is None
    given = CONFIG.model_copy(update={"rules": RulesSettings(quit_below=0.2)})
    assert trials.learned(given, cell_of_task("feature", "chance", present=True), chance) is None
