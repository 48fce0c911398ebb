"""People of the six tasks, published models, and persons in three other tasks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cogattn.psychophysics.search import people, slopes


def test_human_slopes_and_indices_are_the_published_ones() -> None:
    found = people.human_slopes().set_index("condition")["slope_ms"]
    published = {
        "curve_in_lines": 0.8, "line_in_curves": 7.6, "top_lit": 4.2, "side_lit": 23.9,
        "noncross_in_crosses": 45, "cross_in_noncrosses": 96, "t_in_l": 14, "l_in_t": 33,
        "tilted_in_vertical": 2.4, "vertical_in_tilted": 9.9, "vertical_in_mixed": 23.7,
        "tilted_in_mixed": 71.1,
    }  # fmt: skip
    assert set(found.index) == set(published)
    for condition, value in published.items():
        assert found[condition] == pytest.approx(value, abs=0.05)
    index = people.human_asymmetry()
    expected = {
        "curvature": 0.81,
        "lighting": 0.70,
        "intersection": 0.36,
        "letters": 0.40,
        "orientation": 0.61,
    }
    for task, value in (expected | {"orientation_mixed": 0.50}).items():
        assert index[task] == pytest.approx(value, abs=0.006)
    assert np.mean(list(index.values())) == pytest.approx(0.564, abs=0.001)


def test_shipped_reaction_times_are_those_of_the_shared_table(shared_data) -> None:
    shared = pd.read_csv(shared_data / "search" / "human_rt.csv")
    assert sorted(shared["rt_ms"]) == sorted(people.human_times()["rt_ms"])


def test_published_means_are_the_means_of_their_tasks() -> None:
    table = people.published_models()
    tasks = list(people.human_asymmetry())
    assert np.abs(table[tasks].mean(axis=1) - table["mean"]).max() < 0.01
    assert ((table["lo"] <= table["mean"]) & (table["mean"] <= table["hi"])).all()


PUBLISHED_MEANS = {
    "IVSN": 0.316, "chance": 0.030, "eccNET": 0.513, "eccNET_0_0_1": 0.085, "eccNET_MNIST": 0.202,
    "eccNET_Rot90": -0.405, "eccNET_fisheye": -0.194, "eccNET_lines": 0.109, "eccNET_noecc": 0.014,
    "eccNET_places365": 0.213, "eccNET_places365_90": 0.603, "pixelMatch": -0.178,
}  # fmt: skip
"""Gupta et al. (2021), recomputed by others with their formula."""
TITLES = {
    "eccNET_0_0_1": "eccNET, deepest layer pair only",
    "eccNET_MNIST": "eccNET trained on MNIST",
    "eccNET_Rot90": "eccNET trained on ImageNet rotated by 90 degrees",
    "eccNET_fisheye": "eccNET trained on fish-eyed ImageNet",
    "eccNET_lines": "eccNET trained on ImageNet with lines",
    "eccNET_noecc": "no eccentricity",
    "eccNET_places365": "eccNET trained on Places365",
    "eccNET_places365_90": "eccNET trained on Places365 rotated by 90 degrees",
    "pixelMatch": "pixel template",
}


@pytest.fixture(scope="module")
def published_trials(shared_data: Path) -> pd.DataFrame:
    """Every search of the published models; a miss counts as the largest set size, as its authors count it."""
    table = pd.read_csv(shared_data / "search" / "published_trials.csv")
    return table.rename(columns={"model": "observer"}).assign(
        rt_ms=lambda rows: slopes.reaction_time_ms(rows["n_fixations"])
    )


def test_mean_indices_of_the_published_searches_are_the_published_ones_to_three_digits(
    published_trials: pd.DataFrame,
) -> None:
    index = slopes.asymmetries(published_trials, n_resamples=100, keep_resamples=True)
    found = slopes.mean_indices(index).set_index("observer")["mean"]
    assert {name: round(value + 1e-9, 3) for name, value in found.items()} == PUBLISHED_MEANS


def test_shipped_indices_and_intervals_are_those_of_the_published_searches(
    published_trials: pd.DataFrame,
) -> None:
    shipped = people.published_models().set_index("model")
    index = slopes.asymmetries(published_trials, keep_resamples=True)
    means = slopes.mean_indices(index).set_index("observer")
    assert len(shipped) == len(means) == 12
    for name, own in index.groupby("observer"):
        row = shipped.loc[TITLES.get(str(name), str(name))]
        for task, value in zip(own["task"], own["index"], strict=True):
            assert row[task] == pytest.approx(value, abs=0.0051)
        assert row["mean"] == pytest.approx(means.loc[name, "mean"], abs=0.0006)
        assert row[["lo", "hi"]].tolist() == pytest.approx(means.loc[name, ["lo", "hi"]].tolist(), abs=0.04)
        fixations = published_trials.query("observer == @name").groupby("condition")["n_fixations"].mean()
        assert row["fixations"] == pytest.approx(fixations.mean(), abs=0.06)


@pytest.fixture(scope="module")
def wolfe(shared_data: Path) -> pd.DataFrame:
    """Trials of Wolfe, Palmer and Horowitz (2010): right answers, tasks as the study calls them."""
    rdata = pytest.importorskip("rdata", reason="the trials are an R file")
    table = rdata.read_rda(shared_data / "search" / "wolfe2010" / "wolfe2010RawDataAllTasks.RData")
    trials = table["wolfe2010Data"].astype({"task": str, "subj": str, "size": float, "rt": float})
    names = {"RVvGV": "feature", "RVvRHGV": "conjunction", "2_vs_5": "2v5"}
    target = trials["target"].astype(int).map({1: "present", 0: "absent"})
    trials = trials.assign(person=trials["task"].map(names) + " " + trials["subj"], shown=target)
    return trials[(trials["rt"] > 200) & (trials["rt"] < 8000)]


def test_shipped_slopes_and_errors_are_those_of_the_trials(wolfe: pd.DataFrame) -> None:
    persons = people.persons().set_index(["person", "measure"])
    assert wolfe["person"].nunique() == persons.index.get_level_values("person").nunique() == 28
    for key, own in wolfe.groupby(["person", "shown"]):
        person, target = map(str, key)
        task = person.split()[0]
        wrong = own["message"].astype(str).isin(["MISS", "FA"])
        means = own[~wrong].groupby("size")["rt"].mean()
        row = persons.loc[(person, f"slope.{task}.{target}")]
        assert row["estimate"] == pytest.approx(np.polyfit(means.index, means, 1)[0], rel=1e-4)
        assert row["n"] == (~wrong).sum()
        assert persons.loc[(person, f"errors.{task}.{target}"), "estimate"] == pytest.approx(wrong.mean())


def test_errors_of_slopes_are_what_trials_drawn_anew_scatter_by(wolfe: pd.DataFrame) -> None:
    rng, persons = np.random.default_rng(0), people.persons().set_index(["person", "measure"])["se"]
    found = {}
    for target in ("present", "absent"):
        own = wolfe[(wolfe["person"] == "2v5 3") & (wolfe["shown"] == target) & (wolfe["error"] == "0")]
        means = [
            rng.choice(times.to_numpy(), size=(1000, len(times))).mean(axis=1)
            for _, times in own.groupby("size")["rt"]
        ]
        found[target] = np.polyfit(np.unique(own["size"]), np.array(means), 1)[0]
        assert persons["2v5 3", f"slope.2v5.{target}"] == pytest.approx(found[target].std(), rel=0.1)
    ratio = np.log(found["absent"] / found["present"])
    assert persons["2v5 3", "slope_ratio.2v5"] == pytest.approx(ratio.std(), rel=0.1)


def test_persons_search_as_steeply_as_published() -> None:
    """Wolfe (1998) and others: feature about 0, conjunction about 10, 2 among 5s about 40 ms per item; twice or more
    where there is no target."""
    by_measure = people.persons().groupby("measure")["estimate"]
    for task, mean, sd, n in (
        ("feature", 1.2, 1.1, 9),
        ("conjunction", 9.2, 3.8, 10),
        ("2v5", 43.1, 11.5, 9),
    ):
        slopes_of_all = by_measure.get_group(f"slope.{task}.present")
        assert (slopes_of_all.mean(), slopes_of_all.std()) == pytest.approx((mean, sd), abs=0.051)
        assert len(slopes_of_all) == n
    for task, mean, sd in (("conjunction", 2.56, 1.07), ("2v5", 2.21, 0.40)):
        ratios = by_measure.get_group(f"slope_ratio.{task}")
        assert (ratios.mean(), ratios.std()) == pytest.approx((mean, sd), abs=0.0051)
    assert "slope_ratio.feature" not in by_measure.groups


def test_no_person_has_a_measure_that_the_observer_has() -> None:
    """Their tasks are others, and so is whether anything can be compared."""
    measures = set(people.persons()["measure"])
    assert not {key for key in measures if key.startswith(("asymmetry", "unanswered"))}
    assert {key.split(".")[1] for key in measures} == {"feature", "conjunction", "2v5"}


def test_shipped_tables_are_known_by_their_bytes() -> None:
    folder = Path(people.__file__).parent / "data"
    assert people.inputs("wolfe2010") == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("human_rt.csv", "published_models.csv", "wolfe2010_slopes.csv")
    }
