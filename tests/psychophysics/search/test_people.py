"""People of the six tasks, published models, and persons in three other tasks."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.measures import SUMMARY_COLUMNS
from cogattn.psychophysics.search import people, slopes
from cogattn.psychophysics.search.agreement import agreements
from cogattn.psychophysics.search.study import SearchStudy


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


def test_an_asymmetry_of_persons_is_from_minus_1_to_1(tmp_path: Path) -> None:
    table = tmp_path / "persons.csv"
    table.write_text(
        "person,measure,estimate\nann,asymmetry.letters,1\nbob,asymmetry.letters,-3\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"a number from -1 to 1 in column estimate; got '-3' \(.*line 3\)"):
        people.read_people(str(table))


def test_shipped_reaction_times_are_those_of_the_shared_table(shared_data) -> None:
    shared = pd.read_csv(shared_data / "search" / "human_rt.csv")
    assert sorted(shared["rt_ms"]) == sorted(people.human_times()["rt_ms"])


SCRIPT = Path(__file__).parents[3] / "benchmarks" / "search_published.py"
PUBLISHED_MEANS = {
    "IVSN": 0.316, "chance": 0.030, "eccNET": 0.513, "eccNET_0_0_1": 0.085, "eccNET_MNIST": 0.202,
    "eccNET_Rot90": -0.405, "eccNET_fisheye": -0.194, "eccNET_lines": 0.109, "eccNET_noecc": 0.014,
    "eccNET_places365": 0.213, "eccNET_places365_90": 0.603, "pixelMatch": -0.178,
}  # fmt: skip
"""Gupta et al. (2021), recomputed by others with their formula."""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that derives the tables that ship."""
    spec = importlib.util.spec_from_file_location("search_published", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def searches(shared_data: Path) -> pd.DataFrame:
    """Every search of the published models; a miss counts as the largest set size, as its authors count it."""
    table = pd.read_csv(shared_data / "search" / "published_trials.csv")
    return table.assign(rt_ms=slopes.reaction_time_ms(table["n_fixations"]))


def test_mean_indices_of_the_published_searches_are_the_published_ones_to_three_digits(
    searches: pd.DataFrame,
) -> None:
    named = searches.rename(columns={"model": "observer"})
    index = slopes.asymmetries(named, n_resamples=100, keep_resamples=True)
    found = slopes.mean_indices(index).set_index("observer")["mean"]
    assert {name: round(value + 1e-9, 3) for name, value in found.items()} == PUBLISHED_MEANS


@pytest.mark.slow
def test_shipped_tables_are_what_the_script_makes_of_the_published_searches(
    shared_data: Path, script: ModuleType
) -> None:
    made = script.tables(script.read(shared_data / "search" / "published_trials.csv"))
    for name, table in made.items():
        pd.testing.assert_frame_equal(people.read_table(name), table, check_dtype=False, rtol=2e-5, atol=1e-6)
    assert set(made) <= set(people.FILES)


def test_shipped_numbers_are_those_of_the_searches_counted_by_hand(
    searches: pd.DataFrame, script: ModuleType
) -> None:
    """Means, slopes and misses, without the package's own functions."""
    largest = searches.groupby("task")["set_size"].transform("max")
    assert (searches.loc[searches["limit"] == 1, "n_fixations"] == largest[searches["limit"] == 1]).all()
    times = people.published_times().set_index(["model", "condition", "set_size"]).sort_index()
    lines = people.published_slopes().set_index(["model", "condition"])
    models = people.published_models().set_index("model")
    assert (len(times), len(lines), len(models)) == (480, 144, 12)
    for model, own in searches.groupby("model"):
        name = script.MODELS[model]
        assert models.loc[name, "mean"] == pytest.approx(PUBLISHED_MEANS[str(model)], abs=0.0005)
        assert models.loc[name, "fixations"] == pytest.approx(own["n_fixations"].mean(), rel=1e-5)
        assert models.loc[name, "missed"] == own["limit"].sum()
        for condition, of_one in own.groupby("condition"):
            means = of_one.groupby("set_size")["n_fixations"].mean()
            assert times.loc[name, condition]["fixations"].to_numpy() == pytest.approx(
                means.to_numpy(), rel=1e-5
            )
            fitted = np.polyfit(means.index, 252.359 * means + 376.271, 1)
            row = lines.loc[(name, condition)]
            assert row[["slope", "intercept"]].tolist() == pytest.approx(fitted, rel=1e-4, abs=1e-5)
            assert row["n"] == len(of_one)


def test_published_indices_and_likelihoods_follow_from_the_published_times() -> None:
    """What ships is of one piece, and is what the package says of such times today."""
    times = people.published_times()
    models = people.published_models().set_index("model")
    fits = agreements(times.rename(columns={"model": "observer"})).set_index("observer")
    for field in ("correlation", "rank_correlation", "log_correlation", "log_likelihood", "curve_likelihood",
                  "line_likelihood", "share", "scale", "n_positive"):  # fmt: skip
        assert models[field].to_numpy() == pytest.approx(
            fits.loc[models.index, field].to_numpy(), rel=2e-3, abs=1e-5
        )
    lines = people.published_slopes().pivot(index=["model", "task"], columns="role", values="slope")
    index = lines.apply(lambda row: slopes.asymmetry_index(row["hard"], row["easy"]), axis=1).unstack()
    tasks = list(people.human_asymmetry())
    assert models[tasks].to_numpy() == pytest.approx(index.loc[models.index, tasks].to_numpy(), abs=1e-4)
    assert models["mean"].to_numpy() == pytest.approx(models[tasks].mean(axis=1).to_numpy(), abs=1e-4)
    saturated = (lines.min(axis=1) <= 0).groupby("model").sum()
    assert models["saturated"].to_dict() == saturated.loc[models.index].to_dict()


def test_likelihoods_of_the_published_models_are_those_that_were_found_before() -> None:
    """Nats per time, as an earlier, independent analysis of the same searches has them."""
    found = people.published_models().set_index("model")
    known = {
        "eccNET": (0.098, 0.40), "IVSN": (0.109, 0.23), "eccNET, deepest layer pair only": (0.365, 0.35),
        "eccNET trained on ImageNet with lines": (0.314, 0.40), "chance": (0.007, -0.07),
        "no eccentricity": (0.056, 0.23), "eccNET trained on ImageNet rotated by 90 degrees": (0.176, 0.36),
        "eccNET trained on Places365 rotated by 90 degrees": (0.090, 0.40),
    }  # fmt: skip
    for name, (likelihood, r) in known.items():
        assert found.loc[name, "log_likelihood"] == pytest.approx(likelihood, abs=0.00051)
        assert found.loc[name, "correlation"] == pytest.approx(r, abs=0.0051)
    assert found["ceiling"].to_numpy() == pytest.approx(1.904, abs=0.001)


def test_published_models_are_ranked_by_both_and_the_ranks_differ() -> None:
    models = people.published_models().set_index("model")
    assert sorted(models["rank_index"]) == sorted(models["rank_likelihood"]) == list(range(1, 13))
    assert models["mean"].idxmax() == models["rank_index"].idxmin() != models["rank_likelihood"].idxmin()
    assert models.loc["eccNET", ["rank_index", "rank_likelihood"]].tolist() == [2, 7]
    bounds = models[["log_likelihood_lo", "log_likelihood", "log_likelihood_hi"]].to_numpy()
    assert (np.diff(bounds, axis=1) >= 0).all()


def test_published_searchers_stand_beside_a_run_measure_by_measure() -> None:
    table = SearchStudy().published()["gupta2021-searchers"]()
    assert tuple(table.columns) == SUMMARY_COLUMNS
    assert not table.duplicated(["observer", "measure"]).any()
    found = table.set_index(["observer", "measure"])
    models = people.published_models().set_index("model")
    for model, row in models.iterrows():
        assert found.loc[(model, "asymmetry.mean"), "estimate"] == row["mean"]
        assert found.loc[(model, "times_likelihood"), "lo"] == row["log_likelihood_lo"]
        assert found.loc[(model, "asymmetry.letters"), "estimate"] == pytest.approx(row["letters"], abs=1e-5)
        saturated = 6 - found.loc[model].index.str.startswith("slope_asymmetry.").sum()
        assert saturated == row["saturated"]
    eccnet = found.loc["eccNET"]
    assert eccnet.loc["slope.orientation.easy", ["estimate", "human"]].tolist() == pytest.approx(
        [100, 2.4], abs=2
    )
    bounds = table[["lo", "estimate", "hi"]].dropna().to_numpy()
    assert (np.diff(bounds, axis=1) >= -1e-9).all()


def test_bare_names_of_networks_mean_the_weights_whose_accuracy_ships() -> None:
    timm = pytest.importorskip("timm", minversion="1.0")
    for model, default in people.read_table("imagenet_top1.csv")[["model", "default"]].itertuples(
        index=False
    ):
        name, _, tag = model.partition(".")
        assert (timm.get_pretrained_cfg(name).tag == tag) == bool(default), model


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
        for name in sorted(path.name for path in folder.glob("*.csv"))
    }
