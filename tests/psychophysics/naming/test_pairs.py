"""All pairs at once: each has the numbers that it has by itself, whoever else takes part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.psychophysics.naming import pairs as all_pairs
from cogattn.psychophysics.naming.consistency import copy_probability, error_consistency
from cogattn.psychophysics.naming.kinds import copying_of, design_effects, estimates, kappa_of
from cogattn.psychophysics.naming.pairs import PAIR_COLUMNS, consistency_of_pairs
from cogattn.seeds import Streams

KAPPA = ["kappa", "lo", "hi", "observed", "expected", "n_trials", "n_images"]
COPY = ["copy", "copy_lo", "copy_hi"]


def stream(first: str, second: str) -> np.random.Generator:
    return Streams(3).generator(first, second)


def made(n_observers: int, n_images: int, n_repeats: int, *, seen: float = 0.9) -> pd.DataFrame:
    """Observers of unlike accuracy who find the same images hard, and have each not seen some trials."""
    rng = np.random.default_rng(n_images)
    hard = rng.normal(size=(n_images, n_repeats)) + rng.normal(size=(n_images, 1))
    tables = []
    for number in range(n_observers):
        right = hard + rng.normal(size=hard.shape) > rng.normal()
        image, level = np.nonzero(rng.random(hard.shape) < seen)
        table = {"image": [f"{i}.png" for i in image], "noise_sd": 0.02 * level, "band": level % 3}
        tables.append(pd.DataFrame(table).assign(observer=f"net {number}", correct=right[image, level]))
    return pd.concat(tables, ignore_index=True).sample(frac=1, random_state=0)


def alone(trials: pd.DataFrame, first: str, second: str, keys: Sequence[str]) -> list[float]:
    """A pair by the functions that know two observers only."""
    a, b = (trials[trials["observer"] == name] for name in (first, second))
    found = error_consistency(a, b, rng=stream(first, second), keys=keys)
    copied = copy_probability(a, b, rng=stream(first, second), keys=keys)
    return [*(getattr(found, name) for name in KAPPA), copied.estimate, copied.lo, copied.hi]


@pytest.mark.parametrize("n_repeats", [1, 6], ids=["an image once", "images several times"])
def test_each_pair_has_the_numbers_that_it_has_by_itself(n_repeats: int) -> None:
    trials = made(4, 60, n_repeats)
    table = consistency_of_pairs(trials, streams=stream)
    assert table.columns.tolist() == list(PAIR_COLUMNS)
    assert len(table) == 6
    for row in table.to_dict("records"):
        own = alone(trials, row["first"], row["second"], all_pairs.TRIAL_KEYS)
        assert [row[name] for name in (*KAPPA, *COPY)] == pytest.approx(own, abs=1e-12)
    if n_repeats > 1:
        assert (table["n_images"] < table["n_trials"]).all()


def test_a_pair_s_numbers_do_not_depend_on_who_else_takes_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor on which pairs are asked for, nor on how much is in memory at once."""
    trials = made(5, 50, 4)
    whole = consistency_of_pairs(trials, streams=stream).set_index(["first", "second"])
    pair = whole.index[4]
    few = trials[trials["observer"].isin(pair)]
    asked = consistency_of_pairs(trials, streams=stream, pairs=[pair[::-1], pair])
    monkeypatch.setattr(all_pairs, "BLOCK", 64)
    for some in (few, trials):
        table = consistency_of_pairs(some, streams=stream, pairs=[pair])
        assert table.iloc[0, 2:].to_list() == pytest.approx(whole.loc[pair].to_list(), abs=1e-12)
    assert asked.iloc[1, 2:].to_list() == pytest.approx(whole.loc[pair].to_list(), abs=1e-12)
    assert list(asked["first"]) == list(pair[::-1])


def test_the_one_who_copies_is_the_first_of_the_pair() -> None:
    trials = made(2, 200, 1, seen=1)
    there, back = (
        consistency_of_pairs(trials, streams=stream, pairs=[pair]).iloc[0]
        for pair in (("net 0", "net 1"), ("net 1", "net 0"))
    )
    assert there["kappa"] == pytest.approx(back["kappa"])
    assert abs(there["copy"] - back["copy"]) > 0.01
    accuracy = trials.groupby("observer")["correct"].mean()
    for row in (there, back):
        q = accuracy[row["second"]]
        assert row["copy"] == pytest.approx(row["kappa"] * (1 - row["expected"]) / (2 * q * (1 - q)))


def test_the_same_answer_to_every_repeat_of_an_image_counts_once() -> None:
    """Sums over images are r times as large as trials: r x r / r times the variance, with Bessel's correction."""
    kind = np.repeat(np.random.default_rng(1).permutation([0, 0, 0, 0, 1, 1, 2, 3, 3]), 5)
    kinds, starts, n_images = np.bincount(kind, minlength=4)[None], np.arange(0, 45, 5), np.array([9])
    for statistic in (kappa_of, copying_of):
        effect = design_effects(statistic, kinds, kind[None], starts, n_images)
        assert effect == pytest.approx([5 * 9 / 8], rel=1e-4)
        assert design_effects(statistic, kinds, kind[None], np.arange(45), np.array([45])) == [1]


def test_where_a_kind_was_not_seen_the_interval_reaches_to_the_value() -> None:
    kinds = np.array([[40, 0, 0, 10], [40, 3, 4, 10]])
    value, lo, hi = estimates(
        kappa_of, kinds, np.ones(2), kinds.sum(axis=1), streams=[lambda: stream("a", "b")] * 2, confidence=0.95,
        n_draws=500,
    ).T  # fmt: skip
    assert value[0] == hi[0] == 1
    assert lo[1] < value[1] < hi[1] < 1


def test_pairs_without_a_common_trial_have_no_row() -> None:
    trials = made(3, 40, 1)
    elsewhere = trials["observer"] == "net 1"
    trials.loc[elsewhere, "image"] = "other " + trials.loc[elsewhere, "image"]
    table = consistency_of_pairs(trials, streams=stream)
    assert table[["first", "second"]].to_numpy().tolist() in ([["net 0", "net 2"]], [["net 2", "net 0"]])
    nothing = consistency_of_pairs(trials[elsewhere], streams=stream)
    assert nothing.empty
    assert nothing.columns.tolist() == list(PAIR_COLUMNS)


def test_unknown_names_and_missing_columns_are_refused() -> None:
    trials = made(2, 20, 1)
    with pytest.raises(DataError, match="must name observers of the trials; got nobody"):
        consistency_of_pairs(trials, streams=stream, pairs=[("net 0", "nobody")])
    with pytest.raises(DataError, match="each observer must have the column band"):
        consistency_of_pairs(trials.drop(columns="band"), streams=stream)
