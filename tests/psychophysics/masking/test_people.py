"""People of the published study, and the summary's arithmetic on intervals."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pandas as pd
import pytest

from cogattn.errors import DataError
from cogattn.measures import PEOPLE_COLUMNS
from cogattn.psychophysics.masking.channel.thresholds import band_thresholds
from cogattn.psychophysics.masking.config import HumanObserver, MaskingConfig
from cogattn.psychophysics.masking.people import persons, read_people
from cogattn.psychophysics.masking.study import MaskingStudy
from cogattn.psychophysics.masking.summary import ratio_interval
from cogattn.seeds import Streams
from cogattn.study import Outcome, Trials


@pytest.fixture(scope="module")
def people():
    return read_people(MaskingConfig())


def test_paper_s_fit_gives_the_published_human_means(people):
    population = people.paper_population
    assert population.bandwidth_octaves.mean == pytest.approx(1.43, abs=0.01)
    assert population.center_cpi.mean == pytest.approx(39.13, abs=0.05)
    assert population.peak_sensitivity.mean == pytest.approx(0.80, abs=0.01)


def test_people_have_fourteen_observers_and_their_bandwidth_is_near_one_and_a_half_octaves(people):
    value = people.population.bandwidth_octaves
    assert people.population.n_observers == 14
    assert 1.2 < value.interval[0] < value.mean < value.interval[1] < 1.6


def test_clean_accuracy_is_the_published_one(people):
    printed = [88.80952381, 92.60204082, 95.47619048, 97.99107143, 93.20557491, 93.62244898, 92.41071429]
    assert people.clean_accuracy.estimate == pytest.approx(np.mean(printed) / 100, abs=0.005)


@pytest.mark.slow
def test_a_run_of_people_reproduces_each_person_s_own_fit(play, people):
    """And what is said of them one by one is the same."""
    played = play(MaskingConfig(observer=HumanObserver()))
    assert len(played.trials["people"]) == 14 * 1050
    assert played.trials["masking"].empty
    names = [f"person {name}" for name in people.counts.observers]
    assert [o.id for o in MaskingStudy().observers(MaskingConfig(observer=HumanObserver()))] == names
    persons = played.results.people.set_index(["person", "measure"])
    for name, channel in zip(names, people.population.channels, strict=True):
        row = played.row("bandwidth", name)
        assert row["role"] == "person"
        assert row["estimate"] == pytest.approx(channel.bandwidth_octaves)
        assert persons.loc[(name, "bandwidth"), "estimate"] == pytest.approx(channel.bandwidth_octaves)


def test_without_a_person_the_others_are_summarised():
    study, config = MaskingStudy(), MaskingConfig(observer=HumanObserver())
    outcomes = [
        Outcome({"people": study.run_cell(study.relevant(config, cell), cell, Streams(0))})
        for cell in study.cells(config)[2:4]
    ]
    results = study.summarise(config, Trials.of(study.tables, outcomes))
    assert list(results.summary["observer"].unique()) == ["person 3", "person 4"]
    assert results.people["person"].nunique() == 14


def test_persons_carry_errors_of_the_size_of_their_intervals(people):
    table = persons(MaskingConfig())
    assert tuple(table.columns) == PEOPLE_COLUMNS
    assert table["person"].nunique() == 14
    assert set(table["measure"]) == {"bandwidth", "centre", "peak_sensitivity", "accuracy.clean"}
    channel = table[table["measure"] != "accuracy.clean"]
    assert (channel["n"] == 1050).all()
    for key, name in (("bandwidth", "bandwidth"), ("centre", "center"), ("peak_sensitivity", "peak")):
        ends = np.array([getattr(c, f"{name}_interval") for c in people.population.channels])
        closed = (ends[:, 0] > 0) & np.isfinite(ends[:, 1])
        half = np.diff(np.log(ends[closed]), axis=1)[:, 0] / (2 * 1.96)
        rows = channel[channel["measure"] == key]
        assert np.median(rows["se"].to_numpy()[closed] / half) == pytest.approx(1, abs=0.1)
    clean = table[table["measure"] == "accuracy.clean"]
    assert clean["n"].sum() == people.counts.n_trials[:, 0].sum()
    assert ((clean["se"] > 0) & (clean["se"] < 0.05)).all()


def test_a_person_whose_counts_say_nothing_has_no_number(tmp_path):
    rows = [("ann", sd, band, 1, 16) for sd in (0, 0.02, 0.04, 0.08, 0.16) for band in range(7)]
    table = pd.DataFrame(rows, columns=["observer", "noise_sd", "band", "n_correct", "n_trials"])
    table.to_csv(tmp_path / "chance.csv", index=False)
    found = persons(MaskingConfig(humans=str(tmp_path / "chance.csv"))).set_index("measure")
    assert np.isnan(found.loc[["bandwidth", "centre", "peak_sensitivity"], ["estimate", "se"]]).all(axis=None)
    assert found.loc["accuracy.clean", "estimate"] == 1 / 16


def test_of_people_who_all_guess_no_mean_is_told_and_why_there_is_none(play, tmp_path):
    rows = [
        (name, sd, band, 1, 16)
        for name in ("ann", "bob")
        for sd in (0, 0.02, 0.04, 0.08, 0.16)
        for band in range(7)
    ]
    table = pd.DataFrame(rows, columns=["observer", "noise_sd", "band", "n_correct", "n_trials"])
    table.to_csv(tmp_path / "chance.csv", index=False)
    config = MaskingConfig.parse({"observer": {"kind": "human", "table": str(tmp_path / "chance.csv")}})
    results = play(config).results
    told = results.summary[~results.summary["measure"].isin(["dispersion", "accuracy.clean"])]
    assert told["human"].isna().all()
    beside = told[told["human_n"] > 0]
    assert set(beside["measure"]) >= {"bandwidth", "centre.log_gaussian", "peak_sensitivity.paper"}
    assert beside["note"].str.endswith("no person's counts determine people's mean").all()
    legend = results.figures["channel"]().axes[0].get_legend().get_texts()
    assert "people: not determined" in [text.get_text() for text in legend]


def test_mean_accuracy_of_two_persons_stays_between_none_and_all(tmp_path):
    rows = [
        (name, sd, band, right if sd == 0 else 9, 20)
        for name, right in (("ann", 15), ("bob", 19))
        for sd in (0, 0.02, 0.04)
        for band in range(7)
    ]
    table = pd.DataFrame(rows, columns=["observer", "noise_sd", "band", "n_correct", "n_trials"])
    table.to_csv(tmp_path / "two.csv", index=False)
    clean = read_people(MaskingConfig(humans=str(tmp_path / "two.csv"))).clean_accuracy
    assert (clean.estimate, clean.lo, clean.hi, clean.n) == pytest.approx((0.85, 0, 1, 2))


def test_a_table_that_changes_is_read_anew(tmp_path):
    table = pd.DataFrame(
        [("ann", 0.1, 0, 3, 8)], columns=["observer", "noise_sd", "band", "n_correct", "n_trials"]
    )
    settings = {"humans": str(tmp_path / "p.csv"), "noise": {"n_bands": 3}}
    table.assign(band=2).to_csv(tmp_path / "p.csv", index=False)
    assert read_people(MaskingConfig.parse(settings)).counts.n_correct.sum() == 3
    table.assign(band=2, n_correct=5).to_csv(tmp_path / "p.csv", index=False)
    assert read_people(MaskingConfig.parse(settings)).counts.n_correct.sum() == 5


def test_a_table_of_one_person_has_that_person_s_interval(play, people, tmp_path):
    published = pd.read_csv(resources.files("cogattn.psychophysics.masking") / "data" / "human_counts.csv")
    first = published["observer"].iloc[0]
    published[published["observer"] == first].to_csv(tmp_path / "one.csv", index=False)
    observer = {"kind": "human", "table": str(tmp_path / "one.csv")}
    config = MaskingConfig.parse({"observer": observer, "noise": {"bands": "pyramid"}})
    alone, among = read_people(config).population, people.population.channels[0]
    assert alone.bandwidth_octaves.interval == pytest.approx(among.bandwidth_interval)
    assert np.isnan(alone.bandwidth_octaves.sd)
    played = play(config)
    row = played.row("bandwidth")
    assert (row["human_lo"], row["human_hi"], row["human_n"]) == pytest.approx((*among.bandwidth_interval, 1))
    clean = played.row("accuracy.clean")
    assert 0 <= clean["human_lo"] <= clean["human"] <= clean["human_hi"] <= 1
    assert any("over trials" in remark for remark in played.results.remarks)
    played.results.figures["channel"]()


PERSONS = (
    "person,measure,estimate\nann,bandwidth,1\nbob,bandwidth,4\nann,accuracy.clean,0.9\nann,worth.seeing,3\n"
)
WITH_PERSONS = {
    "observer": {"kind": "template"},
    "images": {"n_images": 32},
    "channel": {"n_bootstrap": 100, "gain": "log-gaussian"},
}


@pytest.mark.slow
def test_persons_without_counts_stand_beside_the_rows_that_share_their_measures(play, tmp_path):
    (tmp_path / "persons.csv").write_text(PERSONS)
    config = MaskingConfig.parse(WITH_PERSONS | {"humans": str(tmp_path / "persons.csv")})
    MaskingStudy().check(config)
    played, usual = play(config), play(MaskingConfig.parse(WITH_PERSONS))
    width = played.row("bandwidth")
    assert (width["human"], width["human_n"]) == pytest.approx((2, 2))
    assert np.log([width["human_lo"], width["human_hi"]]).mean() == pytest.approx(np.log(2))
    assert played.row("bandwidth_ratio")["estimate"] == pytest.approx(width["estimate"] / 2)
    assert played.row("accuracy.clean")[["human", "human_n"]].tolist() == [0.9, 1]
    assert np.isnan(played.row("centre")["human"])
    own = ["observer", "measure", "estimate", "lo", "hi", "n"]
    apart = usual.results.summary["measure"] != "bandwidth_ratio"
    pd.testing.assert_frame_equal(
        played.results.summary.loc[apart, own], usual.results.summary.loc[apart, own]
    )
    assert set(played.results.people["person"]) == {"ann", "bob"}
    assert not {"people_accuracy", "people_channels"} & played.results.tables.keys()
    assert played.results.remarks[-1].startswith(f"people: {config.humans}, 2 persons; mean and interval")
    assert not any("different things" in remark for remark in played.results.remarks)
    for draw in played.results.figures.values():
        assert draw().axes


def test_persons_who_share_no_measure_leave_the_observer_alone(play, tmp_path):
    (tmp_path / "persons.csv").write_text("person,measure,estimate\nann,worth.seeing,3\n")
    played = play(MaskingConfig.parse(WITH_PERSONS | {"humans": str(tmp_path / "persons.csv")}))
    assert played.results.summary["human"].isna().all()
    assert "bandwidth_ratio" not in set(played.results.summary["measure"])
    assert "nothing is compared with them" in played.results.remarks[-1]


def test_persons_are_read_before_anything_else_and_are_no_observers(tmp_path):
    path = tmp_path / "persons.csv"
    path.write_text("person,measure,estimate\nann,bandwidth,0\n")
    with pytest.raises(DataError, match=r"^humans must have a number above 0 .* line 2"):
        MaskingStudy().check(
            MaskingConfig.parse({"humans": str(path), "images": {"kind": "folder", "path": "no"}})
        )
    with pytest.raises(DataError, match=r"^observer\.table must have the column observer"):
        MaskingStudy().check(MaskingConfig(observer=HumanObserver(table=str(path))))


def test_ratio_of_equal_estimates_is_one_and_its_interval_joins_both():
    ratio, lo, hi = ratio_interval(2.0, (2 / 1.1, 2 * 1.1), 2.0, (2 / 1.2, 2 * 1.2))
    assert ratio == pytest.approx(1)
    assert np.log(hi) == pytest.approx(np.hypot(np.log(1.1), np.log(1.2)))
    assert lo == pytest.approx(1 / hi)


def test_ratio_with_an_open_end_stays_open():
    _, lo, hi = ratio_interval(2.0, (1.5, np.inf), 1.0, (0.9, 1.1))
    assert np.isinf(hi)
    assert 0 < lo < 2


def test_band_thresholds_are_recovered():
    truth = np.array([0.03, 0.06, 0.5])
    sds = np.array([0, 0.01, 0.02, 0.04, 0.08, 0.16])
    top, guess = 0.9, 1 / 16
    share = guess + (top - guess) * 0.5 ** ((sds[:, None] / truth) ** 2)
    n_trials = np.full(share.shape, 4000)
    table = band_thresholds(
        np.random.default_rng(3).binomial(n_trials, share), n_trials, sds, [7, 14, 28], n_alternatives=16
    )
    assert table["threshold_sd"].to_numpy()[:2] == pytest.approx(truth[:2], rel=0.05)
    assert (table["lo"] <= truth * 1.02).all()
    assert (table["hi"] >= truth * 0.98).all()


def test_a_band_that_never_masks_has_no_threshold():
    n_trials = np.full((6, 1), 200)
    table = band_thresholds(
        np.full((6, 1), 190), n_trials, [0, 0.01, 0.02, 0.04, 0.08, 0.16], [7], n_alternatives=16
    )
    assert not table["converged"].iloc[0]
    assert np.isnan(table["threshold_sd"].iloc[0])
