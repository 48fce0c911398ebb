"""ASSR and FFR from settings to summary: found where they were put, by polarity, with pitch, and not in noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cogattn.eeg.efr import pitch, steady
from cogattn.eeg.efr.config import EfrConfig, SignificanceSettings, SteadyStateSettings
from cogattn.eeg.efr.locking import without_lines
from cogattn.eeg.efr.pitch import pitch_tables
from cogattn.eeg.recordings.config import SimulatedSweeps
from cogattn.eeg.recordings.simulate_path import simulate_steady_state
from cogattn.errors import ConfigError, DataError

RNG = np.random.default_rng(0)


def sweeps_only(source: SimulatedSweeps, **settings) -> EfrConfig:
    rate = {"modulation_hz": source.modulation_hz, "sweep_s": source.sweep_s, **settings}
    return EfrConfig(recordings=source, following=False, sfreq=source.sfreq, steady_state=rate)


def test_detections_agree_between_detectors():
    recording = simulate_steady_state(
        np.random.default_rng(1), modulation_hz=40, amplitude_v=6e-7, n_sweeps=100, sweep_s=1, sfreq=256
    )
    rows = steady.tables_of(recording, SteadyStateSettings(modulation_hz=40, n_harmonics=1), RNG)["detection"]
    tests = rows[rows["channel"] != steady.FILTERED]
    assert set(tests["detector"]) == {"t2circ", "msc", "hotelling_t2", "plv", "f_test"}
    assert (tests.groupby("detector")["p"].min() < 0.01).all()
    filtered = rows[(rows["channel"] == steady.FILTERED)]
    assert filtered["p"].iloc[0] < 1e-4
    null = steady.tables_of(recording, SteadyStateSettings(modulation_hz=37, n_harmonics=1), RNG)["detection"]
    assert (null["q"] > 0.05).all()


def test_an_assr_is_reported_with_the_sweeps_it_took(run_efr):
    config = sweeps_only(SimulatedSweeps(n_sweeps=120, modulation_hz=40, sfreq=256))
    summary = run_efr(config)[0].summary.set_index("measure")
    assert summary.loc["response.40", "estimate"] > 0.5
    assert "times" not in summary.loc["response.40", "note"]  # one rate is asked of, not the best of several
    needed = summary.loc["sweeps_needed"]
    assert 12 <= needed["estimate"] <= 96
    assert needed["n"] == 120


def test_silence_yields_no_response_and_no_count_of_sweeps(run_efr):
    source = SimulatedSweeps(n_sweeps=120, modulation_hz=40, sfreq=256, envelope_uv=0, n_listeners=3)
    results, _ = run_efr(sweeps_only(source))
    summary = results.summary.set_index("measure")
    assert summary.loc["detected.40", "estimate"] < 0.5
    assert "sweeps_needed" not in summary.index
    assert results.tables["listeners"].set_index("measure").loc["sweeps_needed", "estimate"].isna().all()
    assert any("is a null" in remark for remark in results.remarks)


@pytest.mark.parametrize("told", [{"alternating": True}, {"inverted": ("negative",)}])
@pytest.mark.parametrize(("envelope_uv", "fine_uv"), [(0.5, 0.0), (0.0, 0.5)])
def test_polarities_part_envelope_from_fine_structure(run_efr, told, envelope_uv, fine_uv):
    source = SimulatedSweeps(
        n_sweeps=200, modulation_hz=80, sfreq=1024, sweep_s=0.5, n_channels=4, envelope_uv=envelope_uv,
        fine_structure_uv=fine_uv,
    )  # fmt: skip
    results, trials = run_efr(sweeps_only(source, n_harmonics=5, **told))
    notes = results.summary.set_index("label")["note"]
    (best,) = (note for label, note in notes.items() if label.endswith("fine structure"))
    assert "(times 4 harmonics)" in best
    rows = trials["detection"]
    tests = rows[(rows["channel"] == steady.FILTERED) & (rows["detector"] == "t2circ")]
    p = tests.set_index(["response", "frequency_hz"])["p"]
    assert (p["envelope", 80] < 1e-3) == (envelope_uv > 0)
    assert (p["fine structure", 320] < 1e-3) == (fine_uv > 0)
    assert p["fine structure", 80] > 0.005
    assert (tests["n"] == 100).all()  # a spatial filter is tested on half of the sweeps
    assert set(rows[rows["channel"] != steady.FILTERED]["n"]) == set(trials["amplitude"]["n"]) == {200}
    grown = trials["growth"]
    assert grown["n"].max() == 200
    if envelope_uv:
        first = grown.query("response == 'envelope' and frequency_hz == 80 and p < 1e-4")["n"].min()
        assert results.summary.set_index("measure").loc["sweeps_needed", "estimate"] >= 20
        assert first % 2 == 0


@pytest.mark.slow
def test_pitch_of_the_response_follows_a_gliding_sound_and_noise_does_not(run_efr):
    made = {
        "n_sweeps": 160,
        "modulation_hz": 90,
        "glide_hz": 18,
        "sfreq": 2048,
        "sweep_s": 0.5,
        "n_channels": 4,
    }
    tracking = {"alternating": True, "n_harmonics": 1, "f0_low_hz": 70, "f0_high_hz": 140}
    results, trials = run_efr(sweeps_only(SimulatedSweeps(envelope_uv=2.0, **made), **tracking))
    summary = results.summary.set_index("measure")
    row = summary.loc["f0.tracking.envelope"]
    assert row["estimate"] > 0.95
    scored = trials["pitch_score"].query("response == 'envelope'").set_index("score").loc["correlation"]
    assert tuple(row[["estimate", "lo", "hi"]]) == tuple(scored[["value", "lo", "hi"]])  # as it came out
    assert row["lo"] < row["estimate"] < row["hi"] < 1
    assert summary.loc["f0.error.envelope", "estimate"] < 4
    scores = trials["pitch_score"]
    assert (scores["p"] <= 0.01).all()
    assert "pitch" in results.figures
    _, silent = run_efr(sweeps_only(SimulatedSweeps(envelope_uv=0.0, **made), **tracking))
    assert silent["pitch_score"].set_index("score")["p"]["correlation"] > 0.02


def test_the_jackknife_of_a_mean_on_its_scale_is_students_interval():
    z = np.random.default_rng(0).normal(1, 0.3, 10)
    without = np.tanh((z.sum() - z) / 9)
    wanted = np.tanh(stats.t.interval(0.95, 9, z.mean(), stats.sem(z)))
    assert pitch._interval(np.tanh(z.mean()), without, "correlation") == pytest.approx(tuple(wanted))
    assert np.isnan(pitch._interval(0.9, np.array([0.9, 1.0, 0.8]), "correlation")).all()


@pytest.mark.slow
def test_intervals_of_the_tracked_pitch_hold_what_so_many_sweeps_give(monkeypatch):
    """Noise lowers the scores, so that the truth of no noise is out of reach; twice the noise would lower them more."""
    monkeypatch.setattr("cogattn.eeg.efr.pitch.N_DRAWS", 1)
    sfreq, rng = 1024.0, np.random.default_rng(0)
    time_s = np.arange(512) / sfreq
    phase = 2 * np.pi * np.cumsum(80 + 10 * np.sin(2 * np.pi * time_s / 0.5)) / sfreq
    sound = np.cos(phase) + 0.5 * np.cos(2 * phase)
    settings = SteadyStateSettings(modulation_hz=80, sweep_s=0.5, f0_low_hz=60, f0_high_hz=110, delay_s=0)
    found = []
    for _ in range(40):
        sweeps = sound + 4 * rng.standard_normal((80, 2, len(sound)))
        tables = pitch_tables(
            sweeps, sound, settings, sfreq=sfreq, lines_hz=np.empty(0), testable=True, rng=rng
        )
        found.append(tables["pitch_score"].set_index("score")[["value", "lo", "hi"]])
    rows = pd.concat(found, keys=range(len(found)))
    for score, own in rows.groupby("score"):
        held = (own["lo"] <= own["value"].median()) & (own["value"].median() <= own["hi"])
        assert held.mean() >= 0.9, score
        scatter = own["value"].quantile(0.975) - own["value"].quantile(0.025)
        assert (own["hi"] - own["lo"]).median() < 4 * scatter, score


def test_lines_are_taken_out_in_any_phase_and_the_rest_stays():
    time_s = np.arange(1024) / 2048
    tones = {f: np.cos(2 * np.pi * f * time_s + f) for f in (50, 80, 101, 150, 400)}
    cleaned = without_lines(sum(tones.values()), np.array([50.0, 101.0, 150.0]), sfreq=2048)
    np.testing.assert_allclose(cleaned, tones[80] + tones[400], atol=0.1)  # half a cycle of 101 Hz is cut off
    np.testing.assert_array_equal(without_lines(tones[80], np.array([]), sfreq=2048), tones[80])


def test_a_steady_pitch_has_no_correlation_but_an_error(run_efr):
    source = SimulatedSweeps(
        n_sweeps=300, modulation_hz=85, sfreq=2000, sweep_s=0.2, n_channels=1, envelope_uv=2.0
    )
    _, trials = run_efr(sweeps_only(source, n_harmonics=1, f0_low_hz=70, f0_high_hz=140))
    scores = trials["pitch_score"].set_index("score")["value"]
    assert set(scores.index) == {"strength", "error_hz"}
    assert scores["error_hz"] < 3


def test_f0_at_mains_is_tracked_without_p_and_said_to_be_untestable(run_efr):
    source = SimulatedSweeps(
        n_sweeps=60, modulation_hz=100, sfreq=1000, sweep_s=0.2, n_channels=2, envelope_uv=2.0
    )
    results, trials = run_efr(sweeps_only(source, n_harmonics=1, f0_low_hz=70, f0_high_hz=140))
    assert trials["pitch_score"]["p"].isna().all()
    rows = results.summary.set_index("measure")
    assert rows.loc[["f0.strength", "f0.error"], "estimate"].isna().all()
    assert rows.loc["f0.error", "note"].startswith("not testable here: mains at 100 Hz")
    assert rows.loc["sweeps_needed", "note"].startswith("not testable here")


def test_a_p_that_cannot_be_reached_is_said(run_efr):
    source = SimulatedSweeps(
        n_sweeps=40, modulation_hz=85, sfreq=1000, sweep_s=0.2, n_channels=1, envelope_uv=2.0
    )
    config = sweeps_only(source, n_harmonics=1, f0_low_hz=70, f0_high_hz=140)
    said = "the least p that the tracking of F0 can reach is 0.005"
    for alpha, expected in ((0.05, False), (0.001, True)):
        strict = config.model_copy(update={"significance": SignificanceSettings(alpha=alpha)})
        assert any(said in remark for remark in run_efr(strict)[0].remarks) == expected


def test_growth_is_mapped_over_frequency(run_efr):
    source = SimulatedSweeps(n_sweeps=100, modulation_hz=40, sfreq=256, envelope_uv=1.0)
    results, trials = run_efr(sweeps_only(source, n_harmonics=2))
    table = trials["growth_map"].pivot(index="frequency_hz", columns="n", values="snr_db")
    assert table.shape == (100, steady.N_LOOKS)
    table = table.drop([50, 100])  # mains
    assert table[100].nlargest(2).index.tolist() == [40, 80]
    assert 6 < table.loc[40, 100] - table.loc[40, 10] < 14  # 10 dB for ten times the sweeps
    noise = 10 ** (table.drop([40, 80]) / 10)
    assert noise.mean(axis=None) == pytest.approx(1, abs=0.1)
    assert results.figures["steady_state"]().axes


def test_an_ffr_recording_with_polarity_triggers_is_analysed(run_efr, tmp_path, eeg_files, shared_data):
    """The 98-Hz syllable, heard 120 times in either polarity; its envelope's response is put into Cz."""
    pytest.importorskip("edfio")
    sound = shared_data / "efr" / "ffr_stimuli" / "syllPos.wav"
    sfreq, n_sweeps, step = 2048, 240, 256
    settings = EfrConfig(following=False, steady_state={"modulation_hz": 98}, envelope={"method": "hilbert"})
    from cogattn.eeg.recordings.heard import envelope_of

    envelope = envelope_of(sound, settings.envelope, sfreq, 512)
    rng = np.random.default_rng(3)
    eeg = 3 * rng.standard_normal((2, n_sweeps * step + sfreq))
    codes = np.zeros(eeg.shape[1])
    fine = np.cos(2 * np.pi * 392 * np.arange(len(envelope)) / sfreq)
    for i in range(n_sweeps):
        start = i * step + 100
        sign = 1 if i % 2 == 0 else -1
        eeg[0, start + 14 :][: len(envelope)] += (
            6 * (envelope - envelope.mean()) / envelope.std() + sign * 2 * fine
        )
        codes[start : start + 4] = 1 if sign > 0 else 2
    eeg_files.write_edf(tmp_path / "ffr.bdf", eeg, sfreq, ("Cz", "Pz"), status=codes)
    values = {
        "recordings": {
            "kind": "files", "files": [tmp_path / "ffr.bdf"], "stimuli": [sound], "align": "trigger",
            "triggers": ["1", "2"],
        },
        "cleaning": {"channels": ["Cz"]}, "following": False, "sfreq": sfreq, "envelope": {"method": "hilbert"},
        "steady_state": {
            "modulation_hz": 1 / 0.01025390625, "sweep_s": 0.08203125, "start_s": 0.015, "n_harmonics": 4,
            "inverted": ["2"], "f0_low_hz": 70, "f0_high_hz": 160, "n_side": 4,
        },
    }  # fmt: skip
    results, trials = run_efr(EfrConfig.parse(values))
    summary = results.summary.set_index("measure")
    assert summary.loc["response.97_5238.envelope", "estimate"] == 1
    tracks = trials["pitch"].query("strength > 0.6")
    assert tracks.groupby("track")["f0_hz"].median()["response"] == pytest.approx(98, abs=3)


def test_recordings_without_a_stimulus_are_tested_at_a_rate(run_efr, tmp_path, eeg_files):
    """Continuous files of two listeners, one with a 40-Hz response of a tenth of the noise, one with none."""
    pytest.importorskip("edfio")
    time_s = np.arange(120 * 256) / 256
    for name, amplitude in (("with", 1.0), ("without", 0.0)):
        eeg = 10 * np.random.default_rng(5).standard_normal((3, len(time_s)))
        eeg[1] += amplitude * np.cos(2 * np.pi * 40 * time_s)
        eeg_files.write_edf(tmp_path / f"{name}.bdf", eeg, 256, ("Fz", "Cz", "Pz"))
    source = {"kind": "files", "files": [tmp_path / "with.bdf", tmp_path / "without.bdf"]}
    rate = {"modulation_hz": 40, "n_harmonics": 1}
    results, _ = run_efr(EfrConfig.parse({"recordings": source, "following": False, "steady_state": rate}))
    row = results.summary.set_index("measure").loc["detected.40"]
    assert (row["observer"], row["estimate"], row["n"]) == ("listeners", 0.5, 2)
    own = results.tables["listeners"].set_index(["observer", "measure"])["estimate"]
    assert own["with", "response.40"] >= 1 / 3 > own["without", "response.40"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"alternating": True, "inverted": ["2"]}, "must not both"),
        ({"f0_low_hz": 80}, "must both be given"),
        ({"f0_low_hz": 20, "f0_high_hz": 90}, "two periods"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        EfrConfig.parse({"steady_state": {"modulation_hz": 40, **settings}})


def test_inverted_must_be_among_the_triggers():
    source = {
        "kind": "files",
        "files": ["a.bdf"],
        "align": "trigger",
        "triggers": ["1"],
        "stimuli": ["a.wav"],
    }
    with pytest.raises(ConfigError, match="must be among"):
        EfrConfig.parse({"recordings": source, "steady_state": {"modulation_hz": 40, "inverted": ["2"]}})
    with pytest.raises(ConfigError, match="steady_state must be given"):
        EfrConfig.parse({"following": False})


def test_too_few_sweeps_and_broken_samples_are_refused(load):
    source = SimulatedSweeps(n_sweeps=12, modulation_hz=40, sfreq=256)
    recording = load(sweeps_only(source))
    with pytest.raises(DataError, match="each polarity must have at least 10"):
        steady.tables_of(recording, SteadyStateSettings(modulation_hz=40, alternating=True), RNG)
    with pytest.raises(DataError, match="whole samples"):
        steady.tables_of(recording, SteadyStateSettings(modulation_hz=40, sweep_s=0.333), RNG)
