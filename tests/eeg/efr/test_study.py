"""The study from settings to tables: conformance, a null, known truth, and what is left when a listener fails."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.signal

from cogattn.eeg.efr.config import (
    EfrConfig,
    SignificanceSettings,
    SpectrumSettings,
    SteadyStateSettings,
)
from cogattn.eeg.efr.study import EfrStudy
from cogattn.eeg.recordings.config import SimulatedPath, SimulatedSweeps
from cogattn.eeg.recordings.simulate_talkers import coloured_noise
from cogattn.errors import ConfigError, DataError
from cogattn.measures import PEOPLE_COLUMNS
from cogattn.running.formats import conforming
from cogattn.testing.conformance import check_study

QUICK = SignificanceSettings(n_bootstrap=50, block_s=2.0)


@pytest.mark.slow
def test_the_study_conforms():
    check_study(EfrStudy())


def test_a_brain_that_follows_nothing_is_called_so(run_efr):
    source = SimulatedPath(n_listeners=4, n_channels=8, strength=0.0, duration_s=120)
    results, _ = run_efr(EfrConfig(recordings=source, significance=QUICK))
    own = results.tables["listeners"].set_index("measure")
    assert (own.loc["followed", "estimate"] < 0.001).all()
    assert "following" not in results.tables["group_bands"]["measure"].to_list()
    bands = results.tables["dominant_bands"]
    assert not (bands["measure"] == "following").any()


def test_simulated_generators_are_found_where_they_are(run_efr):
    source = SimulatedPath(n_listeners=1, n_channels=8, strength=3.0, duration_s=240)
    results, _ = run_efr(EfrConfig(recordings=source, significance=QUICK))
    bands = results.tables["dominant_bands"]
    following = bands[bands["measure"] == "following"]
    for generator_hz in (5, 40, 90):
        assert ((following["low_hz"] < generator_hz) & (following["high_hz"] > generator_hz)).any()
    assert results.summary.set_index("measure").loc["gain_error", "estimate"] < 10
    table = results.tables["reported_bands"]
    assert len(table) == 9
    assert set(table["verdict"]) <= {"reproduced", "not reproduced", "not testable"}


@pytest.mark.parametrize(
    "settings",
    [
        {"spectrum": SpectrumSettings(estimator="multitaper")},
        {"significance": SignificanceSettings(surrogates="phase", n_shuffles=19, n_bootstrap=50)},
        {"cleaning": {"reference": "average", "channels": ("Fp1", "F7", "T7", "P5")}},
    ],
)
def test_other_estimators_surrogates_and_references_run(run_efr, load, settings):
    source = SimulatedPath(n_listeners=1, n_channels=6, strength=3.0, duration_s=90)
    if "cleaning" in settings:
        chosen = load(EfrConfig(recordings=source)).channels[:4]
        settings = settings | {"cleaning": {**settings["cleaning"], "channels": chosen}}
    results, _ = run_efr(EfrConfig(recordings=source, **{"significance": QUICK, **settings}))
    summary = results.summary.set_index("measure")
    assert summary.loc["coherence.largest", "estimate"] > 0.2


def test_bands_beyond_the_analysed_frequencies_are_not_testable(run_efr):
    source = SimulatedPath(n_listeners=1, n_channels=4, duration_s=60)
    config = EfrConfig(recordings=source, spectrum=SpectrumSettings(high_hz=60), significance=QUICK)
    table = run_efr(config)[0].tables["reported_bands"].set_index("reported_low_hz")["verdict"]
    assert (table.loc[[62.0, 78.0]] == "not testable").all()


SMALL = EfrConfig(
    recordings=SimulatedPath(n_listeners=3, n_channels=6, duration_s=60),
    significance=QUICK,
    steady_state=SteadyStateSettings(modulation_hz=40, f0_low_hz=80, f0_high_hz=120),
)


@pytest.fixture(scope="module")
def small(run_efr):
    return run_efr(SMALL)


def test_every_table_has_what_it_declares_and_nothing_is_padded(small):
    _, trials = small
    for name, schema in EfrStudy.tables.items():
        rows = trials[name]
        if name in ("lock", "modulation"):  # filled where something cannot be tested, or a network is heard
            continue
        assert len(rows) > 0
        conforming(rows, schema, name=name)
        # a correlation with a pitch that does not move is none; nor is the drift of a clock that nothing tells
        allowed = {"band", "reported", "sweeps", "pitch_score", "recording"}
        padded = [column for column in rows if rows[column].isna().all()]
        assert not padded or name in allowed


@pytest.mark.parametrize("gone", ["listener 1", "listener 3"])
def test_the_others_are_summarised_when_a_listener_fails(run_efr, small, gone):
    results, _ = run_efr(SMALL, without=gone)
    whole, _ = small
    kept = whole.tables["listeners"].query("observer != @gone").reset_index(drop=True)
    pd.testing.assert_frame_equal(results.tables["listeners"], kept)
    group = results.summary.set_index("measure")
    assert (group["n"] <= 2).all()
    assert group.loc["coherence.largest", "estimate"] == pytest.approx(
        kept.query("measure == 'coherence.largest'")["estimate"].mean()
    )
    assert gone not in set(results.people["person"])
    for draw in results.figures.values():
        assert draw().axes


def test_one_listener_who_is_left_of_several_is_still_a_group_of_one(run_efr):
    config = EfrConfig(
        recordings=SimulatedPath(n_listeners=2, n_channels=4, duration_s=60), significance=QUICK
    )
    results, _ = run_efr(config, without="listener 1")
    assert set(results.summary["observer"]) == {"listeners"}
    row = results.summary.set_index("measure").loc["coherence.largest"]
    assert row["n"] == 1
    assert np.isnan(row["lo"])
    assert "group" not in results.figures


def test_nobody_who_is_left_makes_empty_tables(small):
    from cogattn.study import Trials

    results = EfrStudy().summarise(SMALL, Trials.of(EfrStudy.tables, []))
    assert results.summary.empty
    assert not results.figures


def test_listeners_are_the_persons_under_the_summarys_keys(small):
    results, _ = small
    people = results.people
    assert tuple(people.columns) == PEOPLE_COLUMNS
    assert set(people["person"]) == {"listener 1", "listener 2", "listener 3"}
    assert not people.duplicated(["person", "measure"]).any()
    shared = results.summary.set_index("measure")["estimate"]
    means = people.groupby("measure")["estimate"].mean()
    common = shared.index.intersection(means.index)
    assert {"following", "coherence.largest", "published.csd", "detected.40"} <= set(common)
    np.testing.assert_allclose(shared[common], means[common])


def test_errors_of_what_is_compared_by_ratios_are_those_of_logarithms():
    from cogattn.eeg.efr.findings import Listener
    from cogattn.eeg.efr.measures import COHERENCE, FOLLOWING, peak_of
    from cogattn.eeg.efr.people import persons
    from cogattn.measures import Estimate
    from cogattn.observers.observer import Observer

    listener = Listener(Observer("one", role="listener"), {})
    peak = listener.found(peak_of("csd", 10, 13), Estimate(11, 10, 12.5, 9), "")
    called = listener.found(COHERENCE, Estimate(0.5, 0.4, 0.6, 9), "", FOLLOWING, True)
    nothing = listener.found(peak_of("csd", 27, 29), Estimate.bare(np.nan, 9), "")
    rows = persons([[peak, called, nothing]]).set_index("measure")
    assert rows.loc["peak.csd.10-13", "se"] == pytest.approx(np.log(12.5 / 10) / (2 * 1.959964))
    assert rows.loc["coherence.largest", "se"] == pytest.approx(0.2 / (2 * 1.959964))
    assert rows.loc["following", "estimate"] == 1
    assert "peak.csd.27-29" not in rows.index


def test_listeners_of_another_laboratory_stand_beside_these(small, tmp_path):
    results, trials = small
    path = tmp_path / "theirs.csv"
    path.write_text("person,measure,estimate,n\na,coherence.largest,0.2,1\nb,coherence.largest,0.4,1\n")
    config = SMALL.model_copy(update={"humans": str(path)})
    beside = EfrStudy().summarise(config, trials)
    rows = beside.summary.set_index("measure")
    assert rows.loc["coherence.largest", ["human", "human_n"]].tolist() == pytest.approx([0.3, 2])
    assert rows.drop("coherence.largest")["human"].isna().all()
    assert set(beside.people["person"]) == {"a", "b"}
    assert beside.summary["estimate"].equals(results.summary["estimate"])
    cell = EfrStudy().cells(SMALL)[0]
    assert EfrStudy().relevant(config, cell) == EfrStudy().relevant(SMALL, cell)
    assert set(EfrStudy().inputs(config)) == {"humans"}
    assert EfrStudy().inputs(SMALL) == {}


def test_a_table_of_listeners_is_read_before_anything_else(tmp_path):
    config = EfrConfig.parse({"humans": str(tmp_path / "none.csv")})
    with pytest.raises(DataError, match=r"^humans must be a readable CSV file; got .*none\.csv"):
        EfrStudy().check(config)


def test_a_simulation_says_what_it_was_not_built_to_have_and_where_the_right_answer_is_none(small):
    results, _ = small
    said = " ".join(results.remarks)
    assert "not built to have the published bands" in said
    assert "Nothing in the simulation responds to 40 Hz" in said
    notes = results.summary.set_index("measure")["note"]
    assert "not built" in notes["published.response"]
    assert "a null" in notes["detected.40"]
    own = results.tables["listeners"].set_index("measure")["note"]
    assert own["peak.response.8-11"].str.contains("not built").all()
    assert own["response.40"].str.contains("a null").all()


def test_a_response_that_is_there_is_not_called_a_null(run_efr):
    config = EfrConfig(
        recordings=SimulatedSweeps(n_sweeps=40, sfreq=256),
        following=False,
        steady_state=SteadyStateSettings(modulation_hz=40),
    )
    results, _ = run_efr(config)
    assert not any("null" in text for text in (*results.remarks, *results.summary["note"]))


def test_an_estimate_outside_its_interval_is_printed_as_estimated_and_said():
    from cogattn.eeg.efr.findings import Listener
    from cogattn.eeg.efr.measures import COHERENCE
    from cogattn.measures import Estimate
    from cogattn.observers.observer import Observer

    listener = Listener(Observer("one", role="listener"), {})
    row = listener.found(COHERENCE, Estimate(0.5, 0.6, 0.8, 10), "there").row
    assert (row.value.estimate, row.value.lo, row.value.hi) == (0.5, 0.6, 0.8)
    assert row.note == "there; the estimate lies outside its bootstrap interval"
    assert listener.found(COHERENCE, Estimate(0.7, 0.6, 0.8, 10), "there").row.note == "there"
    assert listener.found(COHERENCE, Estimate.bare(0.7, 10), "there").row.note == "there"


def test_impossible_settings_are_refused():
    with pytest.raises(ConfigError, match="half of the sampling rate"):
        EfrConfig.parse({"spectrum": {"high_hz": 300}})
    with pytest.raises(ConfigError, match="at least two channels"):
        EfrConfig.parse({"cleaning": {"channels": ["Cz"]}})


def test_importing_the_study_loads_no_numerics():
    code = (
        "import sys, cogattn.eeg.efr.study as s; s.EfrStudy().cells(s.EfrStudy().demo()); import cogattn.eeg.efr;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'mne', 'scipy', 'sklearn', 'matplotlib', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_alpha_rhythm_beside_an_unrelated_envelope_reproduces_nothing(run_efr, tmp_path, eeg_files):
    """Alpha of 8.5 to 10.8 Hz, and mains at 60 Hz in a run that is set to 50."""
    pytest.importorskip("edfio")
    rng, sfreq, n_times = np.random.default_rng(0), 256, 180 * 256
    band = scipy.signal.butter(4, (8.5, 10.8), "bandpass", fs=sfreq, output="sos")
    alpha = scipy.signal.sosfilt(band, rng.standard_normal(n_times))
    eeg = 5 * coloured_noise(rng, (n_times, 4), sfreq=sfreq).T + 15 * np.outer([0.6, 0.8, 1, 0.9], alpha)
    eeg += 2 * np.cos(2 * np.pi * 60 * np.arange(n_times) / sfreq)
    eeg_files.write_edf(tmp_path / "s.bdf", eeg, sfreq, ("Fz", "Cz", "Pz", "Oz"))
    np.save(tmp_path / "e.npy", np.abs(rng.standard_normal(n_times)))
    values = {
        "recordings": {
            "kind": "files", "files": [str(tmp_path / "s.bdf")], "stimuli": [str(tmp_path / "e.npy")],
            "envelope_sfreq": sfreq, "align": "start",
        },
        "mains": {"mains_hz": 50}, "significance": {"n_bootstrap": 50},
    }  # fmt: skip
    results, trials = run_efr(EfrConfig.parse(values))
    bands = trials["band"].query("measure == 'response'")
    assert bands["peak_hz"].between(8.5, 10.8).any()  # alpha dominates, and its band is told as it is
    assert bands.loc[bands["peak_hz"].between(8.5, 10.8), "followed"].max() == 0
    assert not trials["band"]["peak_hz"].between(59, 61).any()
    assert (results.tables["reported_bands"]["verdict"] != "reproduced").all()
    rows = results.summary.set_index("measure")
    assert np.isnan(rows.loc["peak.response.8-11", "estimate"])
    assert "the envelope is followed at 0 % of its frequencies" in rows.loc["peak.response.8-11", "note"]
    assert any("does not follow the envelope" in remark for remark in results.remarks)
    assert any("mains found at 60 Hz too" in remark for remark in results.remarks)
    assert set(results.tables["mains"]["frequency_hz"]) == {50, 60, 100}
