"""The study from settings to tables: conformance, a null, known truth, and files as users have them."""

from __future__ import annotations

import pandas as pd
import pytest

from cogattn.eeg.efr import inputs
from cogattn.eeg.efr.config import (
    EfrConfig,
    FilesInput,
    SignificanceSettings,
    SimulatedInput,
    SpectrumSettings,
    SteadyStateSettings,
)
from cogattn.eeg.efr.study import EfrStudy
from cogattn.errors import ConfigError, DataError
from cogattn.seeds import Streams
from cogattn.study import Results
from cogattn.testing.conformance import check_study

QUICK = SignificanceSettings(n_bootstrap=50)


def run(config: EfrConfig) -> Results:
    study = EfrStudy()
    cells = study.cells(config)
    trials = [study.run_cell(config, cell, Streams(config.seed).child(cell.key)) for cell in cells]
    return study.summarise(config, pd.concat(trials, ignore_index=True))


def estimate(results: Results, measure: str) -> pd.Series:
    return results.summary.set_index("measure")["estimate"].loc[[measure]]


@pytest.mark.slow
def test_the_study_conforms():
    check_study(EfrStudy())


def test_a_brain_that_follows_nothing_is_called_so():
    source = SimulatedInput(n_listeners=4, n_channels=8, strength=0.0, duration_s=120)
    results = run(EfrConfig(input=source, significance=QUICK))
    own = results.tables["listeners"].set_index("measure")
    assert (own.loc["followed", "estimate"] < 0.001).all()
    assert "following" not in results.tables["group_bands"].get("measure", pd.Series()).to_list()
    bands = results.tables["dominant_bands"]
    assert not (bands["measure"] == "following").any()


def test_simulated_generators_are_found_where_they_are():
    source = SimulatedInput(n_listeners=1, n_channels=8, strength=3.0, duration_s=240)
    results = run(EfrConfig(input=source, significance=QUICK))
    bands = results.tables["dominant_bands"]
    following = bands[bands["measure"] == "following"]
    for generator_hz in (5, 40, 90):
        assert ((following["low_hz"] < generator_hz) & (following["high_hz"] > generator_hz)).any()
    table = results.tables["reported_bands"]
    assert len(table) == 9
    assert set(table["verdict"]) <= {"reproduced", "not reproduced", "not testable"}


@pytest.mark.parametrize(
    "settings",
    [
        {"spectrum": SpectrumSettings(estimator="multitaper")},
        {"significance": SignificanceSettings(surrogates="phase", n_shuffles=19, n_bootstrap=50)},
        {"reference": "average", "positions": ("Fp1", "FC5", "C2", "P3")},
    ],
)
def test_other_estimators_surrogates_and_references_run(settings):
    source = SimulatedInput(n_listeners=1, n_channels=6, strength=3.0, duration_s=90)
    source_channels = inputs.load(EfrConfig(input=source), 0, Streams(0)).channels
    if "positions" in settings:
        settings = settings | {"positions": source_channels[:4]}
    results = run(EfrConfig(input=source, **{"significance": QUICK, **settings}))
    assert estimate(results, "largest coherence").iloc[0] > 0.2


def test_bands_beyond_the_analysed_frequencies_are_not_testable():
    source = SimulatedInput(n_listeners=1, n_channels=4, duration_s=60)
    results = run(EfrConfig(input=source, spectrum=SpectrumSettings(high_hz=60), significance=QUICK))
    table = results.tables["reported_bands"].set_index("reported_low_hz")["verdict"]
    assert (table.loc[[62.0, 78.0]] == "not testable").all()


def test_figures_are_drawn():
    source = SimulatedInput(n_listeners=1, n_channels=6, duration_s=60)
    steady = SteadyStateSettings(modulation_hz=40)
    results = run(EfrConfig(input=source, significance=QUICK, steady_state=steady))
    assert set(results.figures) == {"spectra", "transfer", "coupling", "steady_state"}
    for draw in results.figures.values():
        assert draw().axes


def test_missing_files_and_impossible_settings_are_refused(tmp_path):
    with pytest.raises(DataError, match="must exist"):
        EfrStudy().cells(EfrConfig(input=FilesInput(recordings=(tmp_path / "no.edf",), audio_channel="A")))
    with pytest.raises(ConfigError, match="half of the sampling rate"):
        EfrConfig.parse({"spectrum": {"high_hz": 300}})
    with pytest.raises(ConfigError, match="at least two channels"):
        EfrConfig.parse({"positions": ["Cz"]})
    with pytest.raises(ConfigError, match="different names"):
        inputs.listeners(
            EfrConfig(input=FilesInput(recordings=(tmp_path / "a.edf", tmp_path / "b" / "a.edf")))
        )


def test_importing_the_study_loads_no_numerics():
    import subprocess
    import sys

    code = (
        "import sys, cogattn.eeg.efr.study as s; s.EfrStudy().Config(); import cogattn.eeg.efr;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'mne', 'scipy', 'sklearn', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
