from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.observers.observer import Observer
from cogattn.psychophysics.search.config import SearchConfig
from cogattn.psychophysics.search.displays.tasks import TASKS
from cogattn.psychophysics.search.figures import multiverse_figure
from cogattn.psychophysics.search.multiverse.summary import (
    COLUMNS,
    point_indices,
    remarks_of,
    shares,
    tables_of,
)
from cogattn.psychophysics.search.slopes import asymmetries

NETWORK = Observer("net")
COPIES = tuple(NETWORK.control("untrained", copy=copy) for copy in range(3))
CONFIG = SearchConfig(n_bootstrap=100)
FOVEAS, LEVELS = ("v1", "v2"), ("mean", "only_1", "only_3")


def index_of(observer: str, fovea: str, levels: str) -> float:
    """What the searches below are made to have: effects of both choices, and of having learned."""
    own = 0.2 * FOVEAS.index(fovea) + 0.1 * LEVELS.index(levels)
    return (
        own
        if observer == NETWORK.id
        else 0.02 * (1 + COPIES.index(next(c for c in COPIES if c.id == observer)))
    )


def searches(noise: float = 0.0, tasks: tuple[str, ...] = tuple(TASKS)) -> pd.DataFrame:
    rng, rows = np.random.default_rng(0), []
    who = [NETWORK.id, *(copy.id for copy in COPIES)]
    for observer, task, fovea, levels in itertools.product(who, tasks, FOVEAS, LEVELS):
        index = index_of(observer, fovea, levels)
        for condition in TASKS[task].conditions:
            slope = 20 * (1 + index if condition.role == "hard" else 1 - index)
            for set_size, display in itertools.product(TASKS[task].set_sizes, range(4)):
                rows.append(
                    {
                        "observer": observer, "task": task, "condition": condition.name, "role": condition.role,
                        "fovea": fovea, "levels": levels, "targets": "all", "temperature": 1.0, "set_size": set_size,
                        "display": display, "n_searches": 4, "n_fixations": set_size / 2,
                        "rt_ms": 400 + slope * set_size + noise * rng.standard_normal(),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return tables_of(CONFIG, (NETWORK, *COPIES), searches())


def test_each_combination_has_its_tasks_and_their_mean(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["multiverse"]
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 6 * (6 + 1)
    assert set(table["observer"]) == {NETWORK.id}
    for row in table.to_dict("records"):
        expected = index_of(row["observer"], row["fovea"], row["levels"])
        assert row["index"] == pytest.approx(expected, abs=1e-6)
        assert row["lo"] - 1e-6 <= expected <= row["hi"] + 1e-6
    tasks = table[table["task"] != "mean"]
    assert tasks["hard_slope"].to_numpy() == pytest.approx(20 * (1 + tasks["index"].to_numpy()))
    means = table[table["task"] == "mean"]
    assert (means["n_tasks"] == 6).all()
    assert means["log_likelihood"].between(0, 2).all()
    assert tasks["log_likelihood"].isna().all()


def test_copies_stand_beside_the_same_combination(tables: dict[str, pd.DataFrame]) -> None:
    theirs = np.array([0.02, 0.04, 0.06])
    half = stats.t.ppf(0.975, 2) * theirs.std(ddof=1) * np.sqrt(4 / 3)
    table = tables["multiverse"]
    assert table["untrained_hi"].to_numpy() == pytest.approx(np.full(len(table), 0.04 + half), abs=1e-6)
    assert table["untrained_min"].to_numpy() == pytest.approx(np.full(len(table), 0.02), abs=1e-6)
    assert (table["n_untrained"] == 3).all()
    above = table["index"] > 0.04 + half
    assert (table["above"] == above).all()
    assert above.any()
    assert not above.all()
    means = table[table["task"] == "mean"]
    assert (means["above_tasks"] == np.where(means["index"] > 0.04 + half, 6, 0)).all()
    assert (means["human_tasks"] == np.where(means["index"] > 1e-9, 6, 0)).all()


def test_points_are_those_of_the_asymmetries() -> None:
    noisy = searches(noise=60.0)
    points = point_indices(noisy)
    chosen = noisy[(noisy["fovea"] == "v2") & (noisy["levels"] == "only_3")]
    expected = asymmetries(chosen, n_resamples=2).set_index(["observer", "task"])["index"]
    mine = points[(points["fovea"] == "v2") & (points["levels"] == "only_3")]
    found = mine[mine["task"] != "mean"].set_index(["observer", "task"])["index"]
    assert found[expected.index].to_numpy() == pytest.approx(expected.to_numpy())
    mean = mine[mine["task"] == "mean"].set_index("observer")["index"]
    by = expected.groupby("observer").mean()
    assert mean[by.index].to_numpy() == pytest.approx(by.to_numpy())


def test_shares_of_additive_effects_are_those_of_a_two_way_table(tables: dict[str, pd.DataFrame]) -> None:
    """Variances of 0, 0.2 and of 0, 0.1, 0.2."""
    found = tables["multiverse_choices"].set_index("factor")
    fovea, levels = np.var([0, 0.2]), np.var([0, 0.1, 0.2])
    assert found.loc["fovea", "share"] == pytest.approx(fovea / (fovea + levels), abs=1e-5)
    assert found.loc["levels", "share"] == pytest.approx(levels / (fovea + levels), abs=1e-5)
    assert found.loc[["targets", "temperature", "rest"], "share"].to_numpy() == pytest.approx(0, abs=1e-5)
    assert found.loc["fovea", ["lowest", "highest"]].to_list() == pytest.approx([0.1, 0.3], abs=1e-6)
    assert found.loc["rest", ["lowest", "highest"]].to_list() == pytest.approx([0.0, 0.4], abs=1e-6)
    assert (found["n"] == 6).all()


def test_shares_of_what_does_not_vary_are_unknown(tables: dict[str, pd.DataFrame]) -> None:
    flat = tables["multiverse"].assign(index=0.3)
    assert shares(flat)["share"].isna().all()


def test_a_reader_hears_how_much_is_choice(tables: dict[str, pd.DataFrame]) -> None:
    (sentence,) = remarks_of(tables)
    assert "0.00 to 0.40 under 6 combinations" in sentence
    n_above = int((tables["multiverse"].query("task == 'mean'")["above_tasks"] >= 4).sum())
    assert f"in at least 4 tasks under {n_above}." in sentence
    assert "levels" not in sentence.replace("combinations", "")
    assert "the choice of fovea alone makes 60%" in sentence
    few = tables_of(CONFIG, (NETWORK, *COPIES), searches(tasks=("letters",)))
    assert "at least" not in next(remarks_of(few))
    assert few["multiverse"]["log_likelihood"].isna().all()


def test_without_a_multiverse_there_is_nothing_to_say() -> None:
    assert tables_of(CONFIG, (NETWORK,), searches().iloc[:0]) == {}
    assert list(remarks_of({})) == []


def test_without_copies_nothing_is_beside() -> None:
    own = searches()[lambda rows: rows["observer"] == NETWORK.id]
    table = tables_of(CONFIG, (NETWORK,), own)["multiverse"]
    assert (table["n_untrained"] == 0).all()
    assert table["untrained_mean"].isna().all()
    assert not table["above"].any()


def test_the_figure_can_be_drawn(tables: dict[str, pd.DataFrame]) -> None:
    assert len(multiverse_figure(tables["multiverse"]).axes) >= 2
