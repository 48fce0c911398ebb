from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from cogattn.measures import SUMMARY_COLUMNS
from cogattn.observers.config import TimmObserver
from cogattn.psychophysics.search.config import DisplaySettings, SearchConfig
from cogattn.psychophysics.search.displays.tasks import TASKS, find_condition
from cogattn.psychophysics.search.figures import stimuli
from cogattn.psychophysics.search.measures import SCALE_FREE
from cogattn.psychophysics.search.people import human_asymmetry, human_slopes, human_times
from cogattn.psychophysics.search.plan import SearchCell, cells_of
from cogattn.psychophysics.search.study import SearchStudy
from cogattn.statistics.stats import wilson_interval
from cogattn.study import Outcome, Results, Trials
from cogattn.testing.pictures import flaws

STUDY = SearchStudy()
NETWORK = "tf_efficientnet_lite0"
CONFIG = SearchConfig(n_bootstrap=300, n_random=2, displays=DisplaySettings(n_displays=10))
RIGHT = {True: "present", False: "absent"}
ABSENT_ANSWER = {"feature": "absent", "2v5": "absent"}
"""Said of displays without a target in the tasks that were made with such displays; others find no end."""
FACTORS = {"": 2.0, "no fovea": 0.5, "untrained": 0.0, "pixels": -1.0, "ideal": 1.0, "chance": 0.3}


def simulated(config: SearchConfig, factors: dict[str, float] = FACTORS, *, sd: float = 20.0) -> dict:
    """Outcomes by cell; times are 400 ms and people's slopes times the factor of the searcher's variant."""
    slopes = dict(human_slopes()[["condition", "slope_ms"]].to_numpy()) | {"feature": 1.2, "2v5": 43.1}
    done = {}
    for cell in cells_of(config):
        task, condition = find_condition(cell.condition)
        rng = np.random.default_rng(int(cell.key, 16))
        factor = factors[cell.variant] - cell.copy
        rows = []
        for size in task.set_sizes:
            for number in range(cell.start, cell.stop):
                steepness = slopes[cell.condition] if cell.target_present else 2.2 * slopes[cell.condition]
                rt = 400 + factor * steepness * size + sd * rng.standard_normal()
                found = "present" if cell.target_present else ABSENT_ANSWER.get(task.name, "none")
                rows.append((cell.observer, task.name, condition.name, condition.role, size, number, 0,
                             cell.target_present, 1, rt, found, found == RIGHT[cell.target_present]))  # fmt: skip
        columns = pd.DataFrame(rows, columns=list(STUDY.tables["search"]))
        done[cell] = Outcome({"search": columns})
    return done


def summarise(config: SearchConfig, done: dict[SearchCell, Outcome]) -> Results:
    return STUDY.summarise(config, Trials.of(STUDY.tables, list(done.values())))


@pytest.fixture(scope="module")
def done() -> dict[SearchCell, Outcome]:
    return simulated(CONFIG)


@pytest.fixture(scope="module")
def results(done: dict) -> Results:
    return summarise(CONFIG, done)


def test_a_searcher_with_human_slopes_gets_the_human_indices_and_the_ceiling(results: Results) -> None:
    summary = results.summary
    assert tuple(summary.columns) == SUMMARY_COLUMNS
    assert not summary.duplicated(["observer", "measure"]).any()
    own = summary[summary["observer"] == NETWORK].set_index("measure")
    assert (own["role"] == "network").all()
    for task, index in human_asymmetry().items():
        row = own.loc[f"asymmetry.{task}"]
        assert row["estimate"] == pytest.approx(index, abs=0.12)
        assert row["lo"] < row["hi"]
        assert row["human"] == pytest.approx(index)
        assert math.isnan(row["human_lo"])
        assert row["human_n"] == 0
    assert own.loc["asymmetry.mean", "estimate"] == pytest.approx(0.564, abs=0.05)
    likelihood = own.loc["times_likelihood"]
    assert likelihood["estimate"] == pytest.approx(likelihood["human"], abs=0.05)
    assert own.loc["slope_correlation", "estimate"] > 0.99
    controls = summary[summary["observer"] != NETWORK]
    assert set(controls["role"]) == {"control"}
    assert set(controls["measure"]) == {"asymmetry.mean"}
    assert len(controls) == 6


def test_the_summary_says_what_the_tables_say(results: Results) -> None:
    """No interval is widened, nothing is resampled twice."""
    summary = results.summary.set_index(["observer", "measure"])
    for row in results.tables["asymmetry"].query("observer == @NETWORK").to_dict("records"):
        shown = summary.loc[(NETWORK, f"asymmetry.{row['task']}"), ["estimate", "lo", "hi", "n"]]
        assert shown.tolist() == [row[name] for name in ("index", "lo", "hi", "n")]
    for row in results.tables["means"].to_dict("records"):
        shown = summary.loc[(row["observer"], "asymmetry.mean"), ["estimate", "lo", "hi", "n"]]
        assert shown.tolist() == [row[name] for name in ("mean", "lo", "hi", "n")]


@pytest.mark.slow
def test_networks_are_held_against_their_own_untrained_copies() -> None:
    config = CONFIG.model_copy(update={"observer": TimmObserver(models=("a", "b")), "n_random": 3})
    done = simulated(config)
    flat = {c: o for c, o in simulated(config, FACTORS | {"untrained": 5.0}).items() if c.parent == "b"}
    against = summarise(config, done | flat).tables["untrained"].set_index(["observer", "task"])
    assert against.index.tolist() == [(network, task) for network in "ab" for task in (*TASKS, "mean")]
    assert (
        against.loc[("a", "mean"), "untrained_max"] < 0.4 < 0.5 < against.loc[("b", "mean"), "untrained_min"]
    )
    assert (against["n_untrained"] == 3).all()
    assert (against["untrained_lo"] <= against["untrained_min"]).all()
    assert (against["untrained_max"] <= against["untrained_hi"]).all()
    assert against["human_polarity"].all()
    assert against["sure"].all()
    assert not against.loc[("b", "mean"), "above"]
    assert against["human_index"].to_numpy()[[6, -1]] == pytest.approx([0.564, 0.564], abs=0.001)


@pytest.mark.parametrize(
    "left_out", [NETWORK, f"{NETWORK}, no fovea", f"{NETWORK}, untrained 1", "pixels", "ideal", "chance"]
)
def test_without_an_observer_the_others_have_the_same_numbers(
    results: Results, done: dict, left_out: str
) -> None:
    rest = summarise(CONFIG, {c: o for c, o in done.items() if c.observer != left_out})
    numbers = list(SUMMARY_COLUMNS[:-1])  # the note names controls
    kept = results.summary[results.summary["observer"] != left_out]
    pd.testing.assert_frame_equal(rest.summary[numbers], kept[numbers].reset_index(drop=True))
    for name in ("slopes", "asymmetry", "means", "agreement", "outcomes"):
        table = results.tables[name]
        expected = table[table["observer"] != left_out].reset_index(drop=True)
        pd.testing.assert_frame_equal(rest.tables[name], expected)
    for name, draw in rest.figures.items():
        assert name == "stimuli" or left_out != NETWORK or draw().axes


def test_without_any_trial_there_is_an_empty_summary_and_no_error() -> None:
    nothing = summarise(CONFIG, {})
    assert tuple(nothing.summary.columns) == SUMMARY_COLUMNS
    assert nothing.summary.empty
    assert set(nothing.figures) == {"stimuli"}


def test_saturated_indices_are_flagged_in_the_summary() -> None:
    config = CONFIG.model_copy(update={"controls": ()})
    results = summarise(config, simulated(config, {"": -1.0}, sd=1))
    notes = results.summary.set_index("measure")["note"]
    assert notes[[f"asymmetry.{task}" for task in TASKS]].str.contains("saturated").all()
    assert results.tables["untrained"].empty
    assert any("saturated in" in remark for remark in results.remarks)


def test_notes_put_untrained_copies_and_the_flat_control_beside_an_index(results: Results) -> None:
    notes = results.summary.set_index(["observer", "measure"])["note"]
    index = results.tables["asymmetry"].set_index(["observer", "task"])["index"]
    copies = [index[f"{NETWORK}, untrained {copy}", "letters"] for copy in range(2)]
    assert notes[NETWORK, "asymmetry.letters"] == (
        f"2 untrained: {min(copies):.2f} to {max(copies):.2f}; "
        f"no fovea: {index[f'{NETWORK}, no fovea', 'letters']:.2f}; people saw other displays"
    )


def test_every_row_beside_published_people_says_that_they_saw_other_displays(results: Results) -> None:
    against_people = results.summary["measure"].str.startswith(("slope_", "times_"))
    compared = results.summary["human"].notna() | against_people
    assert compared.any()
    assert (results.summary["note"].str.endswith("people saw other displays") == compared).all()


def test_sizes_of_slopes_stand_beside_people_s(results: Results) -> None:
    """The network's are twice people's, so that ratios of hard and easy are theirs."""
    own = results.summary[results.summary["observer"] == NETWORK].set_index("measure")
    for row in human_slopes().itertuples():
        found = own.loc[f"slope.{row.task}.{row.role}"]
        assert found["human"] == pytest.approx(row.slope_ms)
        assert found["estimate"] == pytest.approx(2 * row.slope_ms, abs=4)
        assert found["lo"] < found["estimate"] < found["hi"]
    for task, index in human_asymmetry().items():
        found = own.loc[f"slope_asymmetry.{task}"]
        assert found["scale"] == "log"
        assert found["human"] == pytest.approx((1 + index) / (1 - index))
        ratio = own.loc[f"slope.{task}.hard", "estimate"] / own.loc[f"slope.{task}.easy", "estimate"]
        assert found["estimate"] == pytest.approx(ratio)
        assert found["lo"] < ratio < found["hi"]
    titles = own.loc[["slope.letters.easy", "slope.letters.hard"], "label"]
    assert titles.tolist() == ["search slope, T among Ls", "search slope, L among Ts"]


def test_a_ratio_of_slopes_is_left_out_where_one_is_at_or_below_zero() -> None:
    config = CONFIG.model_copy(update={"controls": ()})
    summary = summarise(config, simulated(config, {"": -1.0}, sd=1)).summary
    assert not summary["measure"].str.startswith("slope_asymmetry").any()
    assert summary["measure"].str.startswith("slope.").sum() == 12


def test_scale_free_measures_do_not_change_when_all_times_are_multiplied(
    results: Results, done: dict
) -> None:
    slower = {
        cell: Outcome({"search": one.trials["search"].assign(rt_ms=lambda rows: 3 * rows["rt_ms"])})
        for cell, one in done.items()
    }
    a, b = (
        found.summary.set_index(["observer", "measure"]) for found in (results, summarise(CONFIG, slower))
    )
    words = a.index.get_level_values("measure").str.partition(".").get_level_values(0)
    scale_free = words.isin([measure.key for measure in SCALE_FREE])
    columns = ["estimate", "lo", "hi"]
    pd.testing.assert_frame_equal(a.loc[scale_free, columns], b.loc[scale_free, columns], rtol=1e-6)
    others = a.loc[~scale_free, "estimate"]
    assert set(words[~scale_free]) == {"slope"}
    assert (b.loc[~scale_free, "estimate"] / others).to_numpy() == pytest.approx(3)


def test_the_published_searchers_stand_beside_those_of_the_run(results: Results) -> None:
    fits = results.tables["agreement"].set_index("observer")
    assert fits["source"].value_counts().to_dict() == {"Gupta et al. 2021": 12, "run": 7}
    eccnet = fits.loc["eccNET (Gupta et al. 2021)"]
    published = results.tables["published"].set_index("model").loc["eccNET"]
    assert eccnet["log_likelihood"] == published["log_likelihood"] == pytest.approx(0.098, abs=0.0005)
    assert eccnet["ceiling"] == pytest.approx(fits.loc[NETWORK, "ceiling"], rel=1e-5)
    assert fits.loc["chance", "log_likelihood"] != fits.loc["chance (Gupta et al. 2021)", "log_likelihood"]


def test_the_forty_times_stand_beside_people_s(results: Results) -> None:
    times = results.tables["times"]
    assert (times.groupby("observer").size() == 40).all()
    own = times[times["observer"] == NETWORK]
    assert sorted(own["human_ms"]) == sorted(human_times()["rt_ms"])
    slope = own.groupby("condition")[["set_size", "rt_ms"]].apply(
        lambda t: np.polyfit(t["set_size"], t["rt_ms"], 1)[0]
    )
    fitted = results.tables["slopes"].query("observer == @NETWORK").set_index("condition")["slope"]
    assert slope.to_dict() == pytest.approx(fitted.to_dict())


def test_networks_stand_beside_what_is_known_of_them(results: Results) -> None:
    (row,) = results.tables["networks"].to_dict("records")
    assert (row["observer"], row["top1"], row["parameters_m"]) == (NETWORK, 74.83, 4.65)
    fits = results.tables["agreement"].set_index("observer")
    assert row["log_likelihood"] == fits.loc[NETWORK, "log_likelihood"]
    assert "networks" not in results.figures  # one dot says nothing
    own_weights = CONFIG.model_copy(update={"observer": TimmObserver(weights="mine.pth"), "controls": ()})
    table = summarise(own_weights, simulated(own_weights)).tables["networks"]
    assert table[["top1", "parameters_m"]].isna().all(axis=None)
    several = CONFIG.model_copy(
        update={"observer": TimmObserver(models=("resnet18", "vgg16")), "controls": ()}
    )
    found = summarise(several, simulated(several))
    assert found.tables["networks"]["top1"].tolist() == [73.158, 71.592]
    assert flaws(found.figures["networks"]()) == []


def test_persons_of_wolfe_stand_beside_searches_with_and_without_a_target() -> None:
    config = CONFIG.model_copy(update={"tasks": ("feature", "2v5"), "controls": ()})
    found = summarise(config, simulated(config, {"": 1.0}, sd=5))
    own = found.summary.set_index("measure")
    assert set(own.index) == {
        *(f"{what}.{task}.{shown}" for what in ("slope", "errors") for task in ("feature", "2v5")
          for shown in ("present", "absent")),
        *(f"slope_ratio.{task}" for task in ("feature", "2v5")), "unanswered.absent",
    }  # fmt: skip
    assert own.loc["slope.2v5.present", ["human", "human_n"]].tolist() == pytest.approx([43.1, 9], abs=0.1)
    assert own.loc["slope.2v5.present", "estimate"] == pytest.approx(43.1, abs=1)
    ratio = own.loc["slope_ratio.2v5"]
    assert ratio["estimate"] == pytest.approx(2.2, abs=0.1)
    assert ratio["lo"] < 2.2 < ratio["hi"]
    assert 2.0 < ratio["human"] < 2.3
    assert own.loc["errors.2v5.present", ["estimate", "lo", "n"]].tolist() == [0, 0, 40]
    assert own.loc["unanswered.absent", "estimate"] == 0
    assert any(
        "28 persons; mean and interval over persons, of slope.feature.present" in r for r in found.remarks
    )
    assert not any("group means only" in remark for remark in found.remarks)
    assert not own["note"].str.contains("other displays").any()
    assert found.tables["asymmetry"].empty
    assert set(found.figures) == {"stimuli", "with_and_without"}


def test_wrong_answers_are_no_part_of_slopes_with_and_without_a_target() -> None:
    config = CONFIG.model_copy(update={"tasks": ("2v5",), "controls": ()})
    done = simulated(config, {"": 1.0}, sd=5)

    def half_wrong(rows: pd.DataFrame) -> pd.DataFrame:
        wrong = rows.assign(rt_ms=9_000.0 * rows["set_size"], correct=False, repeat=1)
        wrong["response"] = np.where(rows["target_present"], "absent", "present")
        return pd.concat([rows, wrong], ignore_index=True)

    missed = {cell: Outcome({"search": half_wrong(one.trials["search"])}) for cell, one in done.items()}
    a, b = (summarise(config, trials).summary.set_index("measure") for trials in (done, missed))
    slopes = ["slope.2v5.present", "slope.2v5.absent", "slope_ratio.2v5"]
    pd.testing.assert_frame_equal(
        a.loc[slopes, ["estimate", "lo", "hi"]], b.loc[slopes, ["estimate", "lo", "hi"]]
    )
    share = b.loc["errors.2v5.absent", ["estimate", "lo", "hi", "n"]].tolist()
    assert share == pytest.approx([0.5, *wilson_interval(20, 40), 40])


def test_runs_of_some_tasks_say_nothing_of_the_mean_and_of_all_slopes() -> None:
    config = CONFIG.model_copy(update={"tasks": ("lighting", "letters")})
    results = summarise(config, simulated(config))
    words = results.summary["measure"].str.partition(".")[0]
    assert set(words) == {"asymmetry", "slope", "slope_asymmetry"}
    indices = results.summary[words == "asymmetry"]
    assert indices["measure"].tolist() == ["asymmetry.lighting", "asymmetry.letters"] * 7
    assert (indices["role"] == ["network"] * 2 + ["control"] * 12).all()
    assert set(results.tables["means"]["n_tasks"]) == {2}
    assert "networks" not in results.tables


def test_searches_without_a_target_are_counted_and_kept_out_of_slopes() -> None:
    shown = DisplaySettings(n_displays=10, target_absent=True)
    config = CONFIG.model_copy(update={"displays": shown, "controls": ()})
    done = simulated(config)
    results = summarise(config, done)
    absent = results.summary.set_index("measure").loc["unanswered.absent"]
    n = sum(len(o.trials["search"]) for c, o in done.items() if not c.target_present)
    assert (absent["estimate"], absent["n"], absent["hi"]) == (1.0, n, 1.0)  # a search a display
    assert 0.9 < absent["lo"] < 1
    assert len(results.tables["slopes_absent"]) == 12
    counts = results.tables["outcomes"]
    assert counts["searches"].sum() == 2 * n
    assert counts.query("target_present")["errors"].sum() == 0
    assert counts.query("not target_present")[["errors", "limits"]].sum().tolist() == [n, n]
    without = CONFIG.model_copy(update={"controls": ()})
    present = summarise(without, {c: o for c, o in done.items() if c.target_present})
    pd.testing.assert_frame_equal(results.tables["slopes"], present.tables["slopes"])
    assert any(remark.startswith(f"{n} of {2 * n} searches ran out") for remark in results.remarks)


def test_repeated_searches_of_a_display_are_averaged_before_anything_else(
    results: Results, done: dict
) -> None:
    twice = {
        cell: Outcome({"search": pd.concat([o.trials["search"]] * 2).assign(repeat=lambda t: range(len(t)))})
        for cell, o in done.items()
    }
    a, b = results, summarise(CONFIG, twice)
    pd.testing.assert_frame_equal(a.tables["asymmetry"], b.tables["asymmetry"])
    assert b.tables["outcomes"]["searches"].tolist() == (2 * a.tables["outcomes"]["searches"]).tolist()


def test_remarks_say_first_what_people_saw_otherwise_and_that_they_are_group_means(results: Results) -> None:
    first, second, *_ = results.remarks
    assert "group means only" in first
    assert re.match(r"people: wolfe2010, 28 persons; no measure of theirs .* nothing is compared", second)
    assert any("above all its untrained copies" in remark for remark in results.remarks)
    assert any("6 of 6" in remark for remark in results.remarks)
    assert not any("pixels a degree" in remark for remark in results.remarks)
    coarse = DisplaySettings(n_displays=10, pixels_per_degree=8)
    config = CONFIG.model_copy(update={"displays": coarse, "tasks": ("lighting",)})
    remarks = summarise(config, simulated(config)).remarks
    assert any("8 pixels a degree, the paper's 30" in remark for remark in remarks)


def test_remarks_say_what_the_index_ranks_and_where_the_network_stands(results: Results) -> None:
    """A searcher with people's slopes: second by index behind one published searcher, first by likelihood."""
    published = results.tables["published"]
    r = spearmanr(published["mean"], published["log_likelihood"]).statistic
    (ranks,) = (remark for remark in results.remarks if remark.startswith("The mean index alone"))
    assert (
        f"over the 12 published ones its rank correlation with the likelihood of people's times is {r:.2f} ["
        in ranks
    )
    assert abs(r) < 0.05
    (place,) = (remark for remark in results.remarks if "put among" in remark)
    assert "place 2 by mean index, 1 by the likelihood" in place
    some = CONFIG.model_copy(update={"tasks": ("lighting", "letters"), "controls": ()})
    remarks = summarise(some, simulated(some)).remarks
    assert not any("published" in remark for remark in remarks[1:])


def test_a_remark_says_that_untrained_copies_saw_fewer_displays(results: Results) -> None:
    assert not any("Untrained copies saw" in remark for remark in results.remarks)
    config = CONFIG.model_copy(update={"n_random_displays": 4, "tasks": ("lighting",)})
    found = summarise(config, simulated(config))
    assert any("Untrained copies saw 4 displays of each set size, all others 10" in r for r in found.remarks)
    n = found.tables["asymmetry"].set_index("observer")["n"]
    assert (n[NETWORK], n[f"{NETWORK}, untrained 1"]) == (60, 24)
    alone = config.model_copy(update={"controls": ()})
    assert not any("Untrained" in r for r in summarise(alone, simulated(alone)).remarks)


def test_the_persons_of_a_run_are_wolfe_s_and_stand_beside_nothing(results: Results) -> None:
    pd.testing.assert_frame_equal(results.people, STUDY.persons())
    assert (results.summary["human_n"] == 0).all()


def test_persons_of_one_s_own_take_the_place_of_group_means(done: dict, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("person,measure,estimate\nann,asymmetry.letters,0.38\nbob,asymmetry.letters,0.42\n")
    config = CONFIG.model_copy(update={"humans": str(path)})
    own = summarise(config, done)
    assert own.people["person"].tolist() == ["ann", "bob"]
    rows = own.summary[own.summary["observer"] == NETWORK].set_index("measure")
    assert rows.loc["asymmetry.letters", ["human", "human_n"]].tolist() == pytest.approx([0.4, 2])
    half = 0.02 * 12.7062047  # Student's quantile of one degree of freedom
    assert rows.loc["asymmetry.letters", "human_hi"] == pytest.approx(0.4 + half)
    assert rows.loc["asymmetry.curvature", "human"] == pytest.approx(human_asymmetry()["curvature"])
    assert any("2 persons; mean and interval over persons, of asymmetry.letters" in r for r in own.remarks)
    assert set(STUDY.inputs(config)) - set(STUDY.inputs(CONFIG)) == {"humans"}


def test_people_are_no_part_of_a_cell(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("person,measure,estimate\nann,asymmetry.letters,0.2\n")
    other = CONFIG.model_copy(update={"humans": str(path)})
    cell = STUDY.cells(CONFIG)[0]
    assert STUDY.relevant(other, cell) == STUDY.relevant(CONFIG, cell)
    assert STUDY.contents(other, cell) == STUDY.contents(CONFIG, cell)


@pytest.mark.parametrize(
    ("n_networks", "tasks"),
    [
        pytest.param(2, tuple(TASKS), marks=pytest.mark.slow),
        pytest.param(7, ("lighting",), marks=pytest.mark.slow),
        (1, ("orientation_mixed",)),
    ],
)
def test_figures_can_be_read(n_networks: int, tasks: tuple) -> None:
    config = SearchConfig(
        observer=TimmObserver(models=tuple(f"network_of_kind_{i}" for i in range(n_networks))),
        tasks=tasks,
        controls=("random_weights",),
        n_random=2,
        displays=DisplaySettings(n_displays=3),
        n_bootstrap=100,
    )
    for name, draw in summarise(config, simulated(config)).figures.items():
        if name != "stimuli":
            assert flaws(draw()) == [], name


def test_all_that_is_drawn_of_a_task_lies_nearer_to_its_name_than_to_the_next() -> None:
    config = SearchConfig(
        observer=TimmObserver(models=("one", "two", "three")),
        controls=("random_weights",),
        n_random=2,
        displays=DisplaySettings(n_displays=3),
        n_bootstrap=100,
    )
    (axes,) = summarise(config, simulated(config)).figures["asymmetry"]().axes
    drawn = [line for line in axes.lines if len(line.get_xdata()) == len(TASKS)]
    assert len(drawn) >= 5  # people, eccNET, three networks
    for line in drawn:
        assert np.abs(np.asarray(line.get_xdata(), dtype=float) - np.arange(len(TASKS))).max() < 0.5


@pytest.mark.parametrize("tasks", [tuple(TASKS), ("lighting", "orientation"), ("orientation_mixed",)])
def test_the_sheet_of_displays_can_be_read(tasks: tuple) -> None:
    assert flaws(stimuli(SearchConfig(tasks=tasks))) == []


def test_people_and_networks_share_the_axes_of_a_task(results: Results) -> None:
    figure = results.figures["search_functions"]()
    people, network = np.array(figure.axes).reshape(2, 6)
    for above, below in zip(people, network, strict=True):
        assert above.get_ylim() == below.get_ylim()
        assert above.get_xlim() == pytest.approx(below.get_xlim())
        for axes in (above, below):
            shown = np.concatenate([line.get_ydata() for line in axes.lines])
            assert axes.get_ylim()[0] <= np.nanmin(shown)
            assert np.nanmax(shown) <= axes.get_ylim()[1]
