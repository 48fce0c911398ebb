"""Mains alone are never called a response, whatever the timing; responses beside mains are still found."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.efr.config import EfrConfig
from cogattn.eeg.efr.detectors import t2circ
from cogattn.eeg.efr.locking import (
    Lock,
    advice,
    another_rate,
    locked_lines,
    locked_rates,
    mains_harmonics,
    unresolved_rates,
    wander,
)
from cogattn.eeg.efr.steady import amplitudes_at
from cogattn.eeg.efr.sweep_cutting import AS_RECORDED, ENVELOPE, FINE_STRUCTURE, by_polarity
from cogattn.eeg.efr.sweeps import values_at
from cogattn.eeg.recordings.simulate_talkers import coloured_noise

SFREQ = 500


def noisy_sweeps(
    rng: np.random.Generator,
    onsets_s: np.ndarray,
    sweep_s: float,
    *,
    mains_hz: float = 0.0,
    mains_uv: float = 1.0,
    rate_hz: float = 0.0,
    rate_uv: float = 1.0,
) -> np.ndarray:
    """White noise of 10 uV in three channels, mains that run on through the recording, a response in each sweep."""
    time_s = np.arange(round(sweep_s * SFREQ)) / SFREQ
    sweeps = 10 * rng.standard_normal((len(onsets_s), 3, len(time_s)))
    if mains_hz:
        when_s = np.round(onsets_s * SFREQ)[:, None] / SFREQ + time_s
        sweeps += mains_uv * np.cos(2 * np.pi * mains_hz * when_s + rng.uniform(0, 6))[:, None]
    return sweeps + rate_uv * np.cos(2 * np.pi * rate_hz * time_s) * (rate_hz > 0)


def locks_of(sweeps, onsets_s, rates, inverted=None) -> dict[str, list[float]]:
    inverted = np.zeros(len(sweeps), dtype=bool) if inverted is None else inverted

    def part(x):
        return by_polarity(x, inverted, "S1")

    rates = np.asarray(rates, dtype=float)
    values = {k: amplitudes_at(x, SFREQ, rates) for k, x in part(sweeps).items()}
    onsets_s = np.round(onsets_s * SFREQ) / SFREQ
    found: dict[str, list[float]] = {name: [] for name in values}
    for lock in locked_rates(sweeps, onsets_s, part, values, rates, sfreq=SFREQ):
        found[lock.response].append(lock.rate_hz)
    return {name: sorted(own) for name, own in found.items()}


def test_lines_are_those_of_both_countries_and_wander_with_their_order():
    assert mains_harmonics(250).tolist() == [50, 60, 100, 120, 150, 180, 200, 240]
    assert (wander(50), wander(60), wander(100), wander(300)) == pytest.approx((0.1, 0.1, 0.2, 0.6))


@pytest.mark.parametrize("mains_hz", [0.0, 50.0, 60.0])
@pytest.mark.parametrize("period_s", [1.0, 1.2])
def test_rates_at_mains_are_not_testable_where_onsets_repeat_them_though_none_are_seen(mains_hz, period_s):
    rng = np.random.default_rng(0)
    onsets = period_s * np.arange(60)
    sweeps = noisy_sweeps(rng, onsets, 1.0, mains_hz=mains_hz)
    assert locks_of(sweeps, onsets, [40, 50, 60, 80, 100, 120])[AS_RECORDED] == [50, 60, 100, 120]


def test_irregular_onsets_make_them_testable_and_mains_hold_the_level_there():
    """10 uV of mains at the tested rate itself; most designs are taken for what they are."""
    p, untested = [], 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        onsets = np.cumsum(rng.uniform(1.0, 1.3, 40))
        sweeps = noisy_sweeps(rng, onsets, 1.0, mains_hz=50, mains_uv=10)
        if locks_of(sweeps, onsets, [50])[AS_RECORDED]:
            untested += 1
        else:
            p.append(t2circ(values_at(sweeps[:, 0], sfreq=SFREQ, frequencies_hz=[50.0])).p[0])
    assert untested < 20
    assert np.mean(np.array(p) <= 0.05) < 0.12


def test_a_little_jitter_does_not_unlock_mains():
    rng = np.random.default_rng(1)
    onsets = 1.1 * np.arange(150) + rng.uniform(-0.003, 0.003, 150)
    sweeps = noisy_sweeps(rng, onsets, 1.0, mains_hz=50)
    assert locks_of(sweeps, onsets, [50])[AS_RECORDED] == [50]


def test_polarities_do_not_cancel_mains_they_only_move_them():
    """Half a cycle from onset to onset: gone from the sum of neighbours, all of it in their difference."""
    rng = np.random.default_rng(2)
    onsets = 1.01 * np.arange(200)  # 50.5 cycles of 50 Hz, 101 of 100 Hz
    sweeps = noisy_sweeps(rng, onsets, 1.0)
    inverted = np.arange(200) % 2 == 1
    found = locks_of(sweeps, onsets, [50, 100], inverted)
    assert found == {ENVELOPE: [100], FINE_STRUCTURE: [50]}
    sweeps = noisy_sweeps(rng, onsets, 1.0, mains_hz=50)
    assert locks_of(sweeps, onsets, [50])[AS_RECORDED] == [
        50
    ]  # every other sweep, as a spatial filter is tested


def test_mains_that_a_sweep_breaks_do_not_leak_into_a_rate_beside_them():
    """Sweeps of .252 s at 1 s: 12.6 cycles of 50 Hz, an eighth of which would reach 40 Hz with a phase that repeats."""
    rng = np.random.default_rng(3)
    onsets = 1.0 * np.arange(400)
    rate = np.array([10 / 0.252])
    sweeps = noisy_sweeps(rng, onsets, 0.252, mains_hz=50, mains_uv=30)
    raw = values_at(sweeps, sfreq=SFREQ, frequencies_hz=rate)[..., 0]
    clean = amplitudes_at(sweeps, SFREQ, rate)[..., 0]
    assert (t2circ(raw).p < 1e-9).all()
    assert (t2circ(clean).p > 0.01).all()
    assert locks_of(sweeps, onsets, rate)[AS_RECORDED] == []
    response = noisy_sweeps(rng, onsets, 0.252, rate_hz=rate[0], rate_uv=2.0)
    assert np.abs(amplitudes_at(response, SFREQ, rate).mean(axis=0)) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(("rate", "sweep_s", "period_s"), [(50, 1.0, 1.1), (100, 0.1, 0.12), (60, 0.5, 0.6)])
def test_what_is_advised_can_be_tested(rate, sweep_s, period_s):
    rng = np.random.default_rng(4)
    onsets = period_s * np.arange(100)
    sentence = advice(Lock(AS_RECORDED, rate, rate, 1.0), onsets, sweep_s)
    advised_s = float(sentence.split("every ")[1].split(" s")[0])
    assert period_s < advised_s < period_s + 1 / rate
    onsets = advised_s * np.arange(100)
    assert locks_of(noisy_sweeps(rng, onsets, sweep_s), onsets, [rate])[AS_RECORDED] == []
    other = another_rate(rate, sweep_s)
    assert f"{other:.4g} Hz" in sentence
    onsets = period_s * np.arange(100)
    assert locks_of(noisy_sweeps(rng, onsets, sweep_s), onsets, [other])[AS_RECORDED] == []


def test_longer_sweeps_are_advised_where_they_part_a_rate_from_a_line():
    lock = Lock(AS_RECORDED, 98.0, 100.0, 0.9)
    assert "sweeps of 0.5612 s" in advice(lock, np.arange(10.0), 0.1)  # 55 cycles; 1 / 1.8 Hz at least
    assert "sweeps of" not in advice(Lock(AS_RECORDED, 100.0, 100.0, 1.0), np.arange(10.0), 0.1)
    assert "irregular, known times" in advice(lock, np.array([np.nan, np.nan]), 0.1)


def test_of_averages_every_rate_within_a_bin_of_mains_is_untestable():
    found = unresolved_rates(np.array([95.0, 98.0, 110.0, 120.0]), 0.2, ["a", "b"], below_hz=500)
    assert [(lock.response, lock.rate_hz, lock.line_hz) for lock in found] == [
        (name, rate, line) for name in "ab" for rate, line in ((95, 100), (98, 100), (120, 120))
    ]


def test_locked_lines_are_those_that_repeat_from_sweep_to_sweep():
    onsets = 1.01 * np.arange(100)
    inverted = np.arange(100) % 2 == 1

    def part(x):
        return by_polarity(x, inverted, "S1")

    lines = locked_lines(onsets, 1.0, part, below_hz=121)
    assert 100 in lines[ENVELOPE]
    assert 50 in lines[FINE_STRUCTURE]
    irregular = np.cumsum(np.random.default_rng(7).uniform(1, 1.3, 100))
    assert (
        len(locked_lines(irregular, 1.0, lambda x: {"": x}, below_hz=500)[""]) <= 5
    )  # of 16, one in ten by chance


def write(folder, eeg_files, name, eeg_uv, codes=None):
    path = folder / f"{name}.bdf"
    eeg_files.write_edf(path, eeg_uv, SFREQ, ("Fz", "Cz", "Pz"), status=codes)
    return str(path)


def triggered(n_times: int, period: int) -> np.ndarray:
    codes = np.zeros(n_times)
    for start in range(100, n_times - period, period):
        codes[start : start + 4] = 1
    return codes


@pytest.mark.parametrize("mains_hz", [50, 60, 100, 120])
@pytest.mark.parametrize("with_triggers", [False, True])
def test_mains_alone_are_called_no_response_by_the_study(
    run_efr, tmp_path, eeg_files, mains_hz, with_triggers
):
    pytest.importorskip("edfio")
    n_times, files = 80 * SFREQ, []
    codes = triggered(n_times, round(0.6 * SFREQ)) if with_triggers else None
    for mains_uv in (0.1, 1.0, 10.0):
        eeg = 10 * coloured_noise(np.random.default_rng(5), (n_times, 3), sfreq=SFREQ).T
        eeg += mains_uv * np.cos(2 * np.pi * mains_hz * np.arange(n_times) / SFREQ)
        files.append(write(tmp_path, eeg_files, f"mains{mains_uv:g}", eeg, codes))
    source = {"kind": "files", "files": files, "align": "trigger" if with_triggers else "start"}
    if with_triggers:
        source |= {"triggers": ["1"], "trial_s": 0.5}
    steady = {"modulation_hz": mains_hz, "sweep_s": 0.5, "n_harmonics": 2, "n_side": 8}
    values = {"recordings": source, "following": False, "sfreq": SFREQ, "steady_state": steady}
    results, trials = run_efr(EfrConfig.parse(values))
    rows = trials["detection"].query("frequency_hz == @mains_hz")
    assert not rows["testable"].any()
    assert rows[["p", "q"]].isna().all(axis=None)
    own = results.tables["listeners"].set_index("measure")
    assert own.loc[f"response.{mains_hz}", "estimate"].isna().all()
    assert own.loc[f"response.{mains_hz}", "note"].str.startswith("not testable here").all()
    assert own.loc["sweeps_needed", "estimate"].isna().all()
    assert not any(key.startswith("detected") for key in results.summary["measure"])
    assert any(f"{mains_hz} Hz" in remark and "not testable here" in remark for remark in results.remarks)
    assert set(results.tables["not_testable"]["line_hz"]) <= {mains_hz, 2 * mains_hz}
    assert results.figures["steady_state"]().axes


@pytest.mark.parametrize(("rate", "sweep_s"), [(40, 1.0), (80, 0.5), (98, 0.5)])
def test_responses_beside_strong_mains_are_found(run_efr, tmp_path, eeg_files, rate, sweep_s):
    pytest.importorskip("edfio")
    n_times = 240 * SFREQ
    time_s = np.arange(n_times) / SFREQ
    eeg = 10 * coloured_noise(np.random.default_rng(6), (n_times, 3), sfreq=SFREQ).T
    eeg += 10 * np.cos(2 * np.pi * 50 * time_s) + 3 * np.cos(2 * np.pi * 100 * time_s)
    eeg += 0.35 * np.cos(2 * np.pi * rate * time_s)
    source = {"kind": "files", "files": [write(tmp_path, eeg_files, "response", eeg)], "align": "start"}
    steady = {"modulation_hz": rate, "sweep_s": sweep_s, "n_harmonics": 1}
    values = {"recordings": source, "following": False, "sfreq": SFREQ, "steady_state": steady}
    results, _ = run_efr(EfrConfig.parse(values))
    assert results.summary.set_index("measure").loc[f"response.{rate}", "estimate"] == 1
