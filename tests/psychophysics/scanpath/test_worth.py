from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import isotonic_regression

from cogattn.psychophysics.scanpath.units import Crossing, Units
from cogattn.psychophysics.scanpath.worth import Curve, crossing_of, isotonic, worth_of

CURVE = Curve((0, 1, 2, 4), ("history", "1", "2", "4"))


def units_of(bits: dict[str, np.ndarray], n_scenes: int, n_people: int, rng: np.random.Generator) -> Units:
    """Fixations (n_scenes x n_people x k) with the bits of observers."""
    k = len(next(iter(bits.values()))) // (n_scenes * n_people)
    scene, person, fixation = (
        part.ravel()
        for part in np.meshgrid(np.arange(n_scenes), np.arange(n_people), np.arange(k), indexing="ij")
    )
    rows = pd.DataFrame(
        {
            "scene": scene,
            "group": scene.astype(str),
            "person": person.astype(str),
            "fixation": fixation,
            "again": 0,
        }
    )
    crossing = Crossing.of(rows, rng=rng, n_resamples=300)
    values = {(name, ""): pd.DataFrame({"bits": own}) for name, own in bits.items()}
    return Units(rows, values, crossing)


def known(model: float, curve: tuple[float, ...] = (5.0, 4.5, 4.0, 3.5)) -> Units:
    """Observers that differ by constants, on fixations that differ."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 1, 10 * 4 * 5)
    bits = {name: hard + value for name, value in zip(CURVE.observers, curve, strict=True)}
    return units_of(bits | {"m": hard + model}, 10, 4, rng)


@pytest.mark.parametrize(
    ("bits", "viewers"),
    [(5.0, 0.0), (4.75, 0.5), (4.5, 1.0), (4.0, 2.0), (3.75, 2 * np.sqrt(2)), (3.5, 4.0)],
)
def test_an_observer_is_worth_as_many_viewers_as_need_the_same_bits(bits: float, viewers: float) -> None:
    found = worth_of(known(bits), "m", CURVE)
    assert found.value.estimate == pytest.approx(viewers, abs=1e-6)
    assert found.value.n == 200


def test_nothing_is_extrapolated_beyond_the_most_viewers_or_below_the_choice_model() -> None:
    more, none = worth_of(known(3.0), "m", CURVE), worth_of(known(5.5), "m", CURVE)
    assert more.beyond
    assert more.value.estimate == 4
    assert more.value.hi == np.inf or np.isnan(more.value.hi)
    assert "more than the 4 at hand" in more.note
    assert none.below
    assert none.value.estimate == 0
    assert "choice model alone" in none.note


def test_a_curve_that_dips_is_made_monotone() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(np.arange(6), 1.5, (40, 6))
    expected = np.stack([isotonic_regression(row).x for row in values])
    assert isotonic(values) == pytest.approx(expected)
    found = worth_of(known(4.25, curve=(5.0, 4.1, 4.4, 3.5)), "m", CURVE)  # one and two viewers: 4.25 both
    assert found.value.estimate == pytest.approx(1.0)


def test_what_is_infinitely_surprised_is_worth_nobody() -> None:
    units = known(4.0)
    units.values["m", ""].loc[3, "bits"] = np.inf
    assert worth_of(units, "m", CURVE).value.estimate == 0


def test_a_curve_without_a_single_viewer_still_has_its_scale() -> None:
    found = crossing_of(np.array([[-1.0, 1.0], [-1.0, 3.0]]), (0, 2))
    assert found == pytest.approx([1.0, 0.5])


def test_intervals_of_worth_hold_the_truth() -> None:
    rng, hits, n = np.random.default_rng(2), 0, 120
    levels = dict(zip(CURVE.observers, (5.0, 4.5, 4.0, 3.5), strict=True)) | {"m": 4.25}
    for _ in range(n):
        scenes = {name: rng.normal(0, 0.15, 20) for name in levels}
        people = {name: rng.normal(0, 0.1, 6) for name in levels}
        hard = rng.normal(0, 1, 20 * 6 * 6)
        scene, person = np.arange(720) // 36, np.arange(720) // 6 % 6
        bits = {
            name: level + hard + scenes[name][scene] + people[name][person] + rng.normal(0, 0.5, 720)
            for name, level in levels.items()
        }
        found = worth_of(units_of(bits, 20, 6, rng), "m", CURVE).value
        hits += found.lo <= np.sqrt(2) <= found.hi
    assert 0.9 <= hits / n <= 0.99
