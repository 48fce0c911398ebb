"""The study from settings to tables: conformance, a null, known truth, and files as users have them."""

from __future__ import annotations

import mne
import numpy as np
import pandas as pd
import pytest
import scipy.io.wavfile

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
from cogattn.eeg.simulate import coloured_noise
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
    assert (estimate(results, "followed") < 0.001).all()
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


@pytest.fixture
def lab(tmp_path):
    """A FIF recording of four channels and the sound, heard from 3 s on; channel Fz follows the sound."""
    rng = np.random.default_rng(0)
    sfreq, seconds = 256, 60
    envelope = 1 + 0.4 * coloured_noise(rng, (sfreq * seconds, 1), sfreq=sfreq, exponent=2.0)[:, 0].clip(
        -2, 2
    )
    fine = np.interp(np.arange(16 * len(envelope)) / 16, np.arange(len(envelope)), envelope)
    carrier = fine * np.sin(2 * np.pi * 100 * np.arange(len(fine)) / 4096)
    scipy.io.wavfile.write(tmp_path / "sound.wav", 4096, (carrier / np.abs(carrier).max()).astype(np.float32))
    np.save(tmp_path / "envelope.npy", envelope)
    n = len(envelope) + 5 * sfreq
    eeg = 1e-5 * coloured_noise(rng, (n, 4), sfreq=sfreq).T
    eeg[0, 3 * sfreq : 3 * sfreq + len(envelope)] += 2e-5 * (envelope - 1)
    recorded = np.zeros(n)
    recorded[3 * sfreq : 3 * sfreq + len(envelope)] = carrier[::16]
    info = mne.create_info(["Fz", "Cz", "Pz", "Oz", "AUX1"], sfreq, ["eeg"] * 4 + ["misc"])
    raw = mne.io.RawArray(np.vstack([eeg, recorded]), info, verbose="error")
    raw.set_annotations(mne.Annotations([3.0], [0.0], ["sound"]))
    raw.save(tmp_path / "listener_raw.fif", verbose="error")
    return tmp_path


@pytest.mark.parametrize(
    ("stimulus", "align"),
    [
        ("sound.wav", {"align": "trigger", "triggers": ("sound",)}),
        ("sound.wav", {"align": "audio", "audio_channel": "AUX1"}),
        ("envelope.npy", {"align": "trigger", "triggers": ("sound",)}),
    ],
)
def test_files_are_aligned_by_trigger_and_by_their_audio_channel(lab, stimulus, align):
    source = FilesInput(
        recordings=(lab / "listener_raw.fif",), stimuli=(lab / stimulus,), envelope_sfreq=256.0, **align
    )
    config = EfrConfig(
        input=source, sfreq=256.0, spectrum=SpectrumSettings(high_hz=100), envelope={"method": "hilbert"}
    )
    recording = inputs.load(config, 0, Streams(0))
    assert recording.channels == ("Fz", "Cz", "Pz", "Oz")
    heard = recording.stream("stimulus")[0]
    truth = np.load(lab / "envelope.npy")[: len(heard)]
    assert np.corrcoef(heard, truth)[0, 1] > 0.9
    assert np.corrcoef(heard, recording.eeg[0][:, 0])[0, 1] > 0.2
    assert len(EfrStudy().inputs(config)) == 2


def test_without_a_stimulus_the_recorded_audio_is_what_was_heard(lab):
    source = FilesInput(recordings=(lab / "listener_raw.fif",), audio_channel="AUX1")
    config = EfrConfig(input=source, sfreq=256.0, significance=QUICK)
    results = run(config)
    best = results.summary.set_index("measure").loc["largest coherence"]
    assert best["note"].startswith("Fz")
    assert best["estimate"] > 0.1


def test_real_fragments_load_and_align_on_their_audio_channel(shared_data, tmp_path):
    """A second of the recorded sound, cut out, resampled and in noise, is found where it was."""
    folder = shared_data / "efr" / "music_attention_edf"
    for path, start_s in zip(sorted(folder.glob("*.edf")), (2.5, 0.4), strict=True):
        raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
        audio = raw.get_data(picks=["AUX69"])[0]
        first = round(start_s * 2048)
        excerpt = scipy.signal.resample_poly(audio[first : first + 2048] - audio.mean(), 4, 1)
        excerpt += 0.1 * excerpt.std() * np.random.default_rng(0).standard_normal(len(excerpt))
        scipy.io.wavfile.write(
            tmp_path / "cut.wav", 8192, (excerpt / np.abs(excerpt).max()).astype(np.float32)
        )
        source = FilesInput(
            recordings=(path,), stimuli=(tmp_path / "cut.wav",), align="audio", audio_channel="AUX69"
        )
        config = EfrConfig(input=source, positions=("Fz", "Cz", "Pz", "Oz"), envelope={"method": "hilbert"})
        recording = inputs.load(config, 0, Streams(0))
        assert recording.sfreq == 512
        whole = raw.get_data(picks=["Cz"])[0]
        found = recording.eeg[0][:, 1]
        expected = scipy.signal.resample_poly(whole, 1, 4, padtype="edge")[first // 4 :][: len(found)]
        assert np.corrcoef(found, expected)[0, 1] > 0.99


def test_steady_state_detections_agree_between_detectors():
    from cogattn.eeg.efr import steady
    from cogattn.eeg.efr.simulate import simulate_steady_state

    recording = simulate_steady_state(
        np.random.default_rng(1), modulation_hz=40, amplitude_v=6e-7, n_sweeps=100, sweep_s=1, sfreq=256
    )
    rows = steady.rows_of(recording, SteadyStateSettings(modulation_hz=40, n_harmonics=1), "one")
    tests = rows[(rows["part"] == "steady_state") & rows["p"].notna() & (rows["channel"] != steady.FILTERED)]
    assert set(tests["measure"]) == {"t2circ", "msc", "hotelling_t2", "plv", "f_test"}
    assert (tests.groupby("measure")["p"].min() < 0.01).all()
    filtered = rows[(rows["channel"] == steady.FILTERED)]
    assert filtered["p"].iloc[0] < 1e-4
    null = steady.rows_of(recording, SteadyStateSettings(modulation_hz=37, n_harmonics=1), "one")
    assert (null["q"].dropna() > 0.05).all()


def test_missing_files_and_impossible_settings_are_refused(tmp_path):
    with pytest.raises(DataError, match="must exist"):
        EfrStudy().cells(EfrConfig(input=FilesInput(recordings=(tmp_path / "no.edf",), audio_channel="A")))
    with pytest.raises(ConfigError, match="half of the sampling rate"):
        EfrConfig.parse({"spectrum": {"high_hz": 300}})
    with pytest.raises(ConfigError, match="at least two different"):
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
