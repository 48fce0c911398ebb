from __future__ import annotations

from itertools import islice

import numpy as np
import pandas as pd
import pytest

from cogattn.observers.observer import Observer
from cogattn.psychophysics.scanpath import columns
from cogattn.psychophysics.scanpath.likelihood import Likelihoods
from cogattn.psychophysics.scanpath.units import Crossing, Units
from cogattn.study import empty_table


def fixations(rows: list[dict[str, object]]) -> pd.DataFrame:
    schema = columns.TABLES[columns.FIXATIONS]
    filled = {
        "group": "",
        "object": 0,
        "n_objects": 10,
        "rank": 3.0,
        "nss": 1.0,
        "auc": 0.5,
        "goes_on_bits": 0.1,
    }
    table = pd.DataFrame([{**filled, **row} for row in rows], columns=list(schema))
    table["group"] = table["scene"]
    return table.astype(schema)


def one(observer: str, split: int, scene: str, person: str, fixation: int, bits: float, **more: object):
    return {
        "observer": observer, "split": split, "scene": scene, "person": person, "fixation": fixation, "bits": bits,
        **more,
    }  # fmt: skip


def units(table: pd.DataFrame) -> Units:
    crossing = Crossing.of(table, rng=np.random.default_rng(0), n_resamples=200)
    return Units.of_fixations(table, crossing)


def test_a_fixation_in_several_splits_counts_once_with_the_mean_of_its_bits() -> None:
    found = units(
        fixations(
            [
                one("m", 0, "a", "p", 0, 1.0),
                one("m", 1, "a", "p", 0, 3.0),
                one("m", 0, "a", "p", 1, 5.0),
                one("m", 0, "b", "q", 0, 2.0),
            ]
        )
    )
    value = found.mean("m", "", "bits")
    assert value.n == 3
    assert value.estimate == pytest.approx((2 + 5 + 2) / 3)


def test_bits_have_no_interval_below_none_though_gains_have() -> None:
    costs = {"m": (0.1, 9.0, 0.2), "uniform": (3.0, 3.0, 3.0)}
    found = units(
        fixations(
            [one(m, 0, "abc"[k], "p", 0, bits) for m, own in costs.items() for k, bits in enumerate(own)]
        )
    )
    observers = (Observer("m"), Observer("uniform", role="control", variant="uniform"))
    bits, gain = islice(Likelihoods.of(found, found, observers).rows(), 2)
    assert found.mean("m", "", "bits").lo < 0 == bits.value.lo < bits.value.hi
    assert (gain.measure.key, gain.value.lo < 0) == ("information_gain.uniform", True)


def test_a_layout_seen_twice_by_one_person_stays_two_paths() -> None:
    found = units(fixations([one("m", 0, "a", "p", 0, 1.0), one("m", 0, "a", "p", 0, 3.0)]))
    assert len(found.rows) == 2
    assert found.mean("m", "", "bits").n == 2


def test_the_likeliest_are_counted_by_rank_and_an_even_chance_counts_in_part() -> None:
    even = {"rank": 5.5, "nss": 0.0}
    found = units(
        fixations(
            [
                one("m", 0, "a", "p", 0, 1.0, rank=1.0),
                one("m", 0, "a", "p", 1, 1.0, rank=5.0),
                one("u", 0, "a", "p", 0, 1.0, **even),
                one("u", 0, "a", "p", 1, 1.0, **even),
            ]
        )
    )
    assert found.mean("m", "", "top1").estimate == 0.5
    assert found.mean("m", "", "top5").estimate == 1
    assert found.mean("u", "", "top1").estimate == pytest.approx(0.1)
    assert found.mean("u", "", "top5").estimate == pytest.approx(0.5)


def test_what_was_held_impossible_is_infinite_and_never_left_out() -> None:
    found = units(fixations([one("m", 0, "a", "p", 0, np.inf), one("m", 0, "b", "q", 0, 1.0)]))
    value = found.mean("m", "", "bits")
    assert value.estimate == np.inf
    assert value.n == 2
    assert np.isnan(value.lo)


def test_differences_on_the_same_fixations_have_narrower_intervals_than_either_observer() -> None:
    rng = np.random.default_rng(1)
    rows = []
    for scene in "abcdefghij":
        hard = rng.normal(0, 1)
        for person in "pqrs":
            for fixation in range(5):
                bits = 4 + hard + rng.normal(0, 1)
                rows.append(one("m", 0, scene, person, fixation, bits))
                rows.append(one("n", 0, scene, person, fixation, bits - 0.5 + rng.normal(0, 0.1)))
    found = units(fixations(rows))
    gained = found.mean_of(found.column("m", "", "bits") - found.column("n", "", "bits"))
    alone = found.mean("m", "", "bits")
    assert gained.estimate == pytest.approx(0.5, abs=0.05)
    assert gained.hi - gained.lo < 0.1 * (alone.hi - alone.lo)


def test_intervals_hold_the_truth_over_layouts_and_persons() -> None:
    rng, hits, n = np.random.default_rng(2), 0, 200
    scene, person, fixation = (
        part.ravel() for part in np.meshgrid(np.arange(25), np.arange(6), np.arange(8), indexing="ij")
    )
    table = fixations(
        [one("m", 0, f"s{s:02d}", f"p{p}", f, 0.0) for s, p, f in zip(scene, person, fixation, strict=True)]
    )
    for _ in range(n):
        bits = (
            4 + rng.normal(0, 0.4, 25)[scene] + rng.normal(0, 0.4, 6)[person] + rng.normal(0, 2, len(scene))
        )
        crossing = Crossing.of(table, rng=rng, n_resamples=200)
        value = crossing.mean(crossing.places(table), bits)
        hits += value.lo <= 4 <= value.hi
    assert 0.91 <= hits / n <= 0.985


def test_observers_without_trials_have_nothing() -> None:
    table = fixations([one("m", 0, "a", "p", 0, 1.0)])
    found = units(table)
    assert not found.has("nobody", "", "bits")
    assert np.isnan(found.column("nobody", "", "bits")).all()
    empty = empty_table(columns.TABLES[columns.PATHS])
    crossing = Crossing.of(table, rng=np.random.default_rng(0), n_resamples=100)
    assert Units.of_paths(empty, crossing).values == {}
