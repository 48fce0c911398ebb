"""Stretches that two trials share are found at any lag and after any usual change; independent ones never are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.signal import resample_poly

from cogattn.eeg.recordings.audit import (
    Prints,
    audited,
    check_apart,
    check_listeners,
    check_trials,
    prints_of,
    shared,
)
from cogattn.eeg.recordings.content import check_content, content_rows
from cogattn.eeg.recordings.intake import Intake
from cogattn.eeg.recordings.prints import MOST_COLUMNS, print_of
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.recordings.simulate_talkers import (
    Artefacts,
    coloured_noise,
    draw_listener,
    simulate_eeg,
    simulate_recording,
    speech_envelope,
)
from cogattn.errors import DataError

SFREQ = 64
Change = Callable[[np.ndarray], np.ndarray]


def scalp(
    seed: int, *, duration_s: float, n_channels: int = 8, sfreq: int = SFREQ, **artefacts
) -> np.ndarray:
    """1/f sources mixed to channels with sensor noise, in volts; a response to nothing."""
    rng = np.random.default_rng(seed)
    listener = draw_listener(rng, name="S", n_channels=n_channels, sfreq=sfreq, snr_db=-300)
    sounds = rng.random((2, round(duration_s * sfreq)))
    return simulate_eeg(rng, listener, *sounds, sfreq=sfreq, artefacts=Artefacts(**artefacts))


def recording(
    eeg: list[np.ndarray], subject: str = "S1", *, sfreq: float = SFREQ, how: str = "layout"
) -> Recording:
    trials = tuple(Trial(x, f"trial {i + 1}") for i, x in enumerate(eeg))
    return Recording(subject, sfreq, (), trials, intake=Intake(how))


def cut(eeg: np.ndarray, *, trial_s: float, hop_s: float, sfreq: float = SFREQ) -> list[np.ndarray]:
    starts = np.arange(0, len(eeg) - trial_s * sfreq + 1, hop_s * sfreq).round().astype(int)
    return [eeg[s : s + round(trial_s * sfreq)] for s in starts]


def with_alpha(eeg: np.ndarray) -> np.ndarray:
    """Alpha eight times as strong as all else, its phase wandering."""
    rng = np.random.default_rng(1)
    phase = 2 * np.pi * 9.5 * np.arange(len(eeg)) / SFREQ + np.cumsum(0.02 * rng.standard_normal(len(eeg)))
    return eeg + 8 * eeg.std() * np.outer(np.sin(phase), np.cos(np.linspace(0, 2, eeg.shape[1])))


def with_line(eeg: np.ndarray, hz: float, gain: float) -> np.ndarray:
    return eeg + gain * eeg.std() * np.sin(2 * np.pi * hz * np.arange(len(eeg)) / SFREQ)[:, None]


@pytest.mark.parametrize("n_channels", [1, 2, 4, 32])
@pytest.mark.parametrize(
    "change",
    [
        lambda x: x,
        with_alpha,
        lambda x: with_line(x, 4.0, 10),
        lambda x: with_line(x, 14.0, 30),  # mains of 50 Hz at 64 samples a second
        lambda x: np.round(x / (0.2 * x.std())),
    ],
    ids=["plain", "alpha", "4 Hz", "mains", "coarse"],
)
def test_independent_trials_are_never_alike(n_channels, change: Change) -> None:
    eeg = change(scalp(0, duration_s=30 * 40, n_channels=max(2, n_channels))[:, :n_channels])
    check_apart(recording(cut(eeg, trial_s=40, hop_s=40)))


@pytest.mark.parametrize("n_channels", [2, 16])
def test_blinks_of_one_form_are_no_copies(n_channels) -> None:
    eeg = scalp(0, duration_s=30 * 40, n_channels=n_channels, blinks_per_minute=30, drift_v=1e-4)
    check_apart(recording(cut(eeg, trial_s=40, hop_s=40)))


def test_a_simulated_listener_who_hears_the_same_twice_is_no_copy() -> None:
    rng = np.random.default_rng(0)
    listener = draw_listener(rng, name="S", n_channels=16, sfreq=SFREQ, snr_db=-5)  # 30 times a real response
    sounds = [speech_envelope(rng, duration_s=40, sfreq=SFREQ) for _ in range(2)]
    eeg = [simulate_eeg(rng, listener, *sounds, sfreq=SFREQ) for _ in range(12)]
    check_apart(recording(eeg))


def test_overlapping_windows_of_noise_are_refused_by_name_length_and_lag() -> None:
    eeg = scalp(0, duration_s=70, n_channels=64)
    with pytest.raises(DataError) as caught:
        check_apart(recording(cut(eeg, trial_s=40, hop_s=10)))
    sentence = str(caught.value)
    assert sentence.startswith("trials must not share EEG; got ")
    assert "of S1 also in trial" in sentence
    assert "equal bit for bit, 10 s earlier" in sentence
    assert "and 4 more pairs" in sentence
    found = {
        (s.first[1], s.second[1]): s for s in shared(prints_of(recording(cut(eeg, trial_s=40, hop_s=10))))
    }
    assert len(found) == 6
    for (first, second), pair in found.items():
        apart_s = 10 * (int(second[-1]) - int(first[-1]))
        assert pair.lag_s == pytest.approx(-apart_s)
        assert 40 - apart_s - 1 < pair.overlap_s <= 40 - apart_s


@pytest.mark.parametrize("n_channels", [4, 64])
def test_a_second_that_is_equal_bit_for_bit_is_found_at_any_lag(n_channels) -> None:
    x, y = scalp(0, duration_s=20, n_channels=n_channels), scalp(1, duration_s=20, n_channels=n_channels)
    for start in range(0, 640, 37):
        other = y.copy()
        other[start : start + SFREQ] = x[300 : 300 + SFREQ]
        (pair,) = shared(prints_of(recording([x, other])))
        assert pair.exact
        assert pair.lag_s == pytest.approx((start - 300) / SFREQ)
        assert 0.5 <= pair.overlap_s <= 1
    assert shared(prints_of(recording([x, y]))) == []


def test_one_channel_needs_two_and_a_half_seconds() -> None:
    x, y = scalp(0, duration_s=20)[:, :1], scalp(1, duration_s=20)[:, :1]
    for length, n_found in ((SFREQ, 0), (5 * SFREQ // 2, 1)):
        other = np.concatenate([y[:500], x[300 : 300 + length], y[500:]])
        assert len(shared(prints_of(recording([x, other])))) == n_found


@pytest.mark.parametrize("sfreq", [20, 64, 500, 2048])
def test_the_rate_does_not_matter(sfreq) -> None:
    eeg = scalp(0, duration_s=18, n_channels=4, sfreq=sfreq)
    with pytest.raises(DataError, match=r"equal bit for bit, 6 s earlier"):
        check_apart(recording(cut(eeg, trial_s=12, hop_s=6, sfreq=sfreq), sfreq=sfreq))


def requantised(eeg: np.ndarray) -> np.ndarray:
    return np.round(eeg / (0.05 * eeg.std())).astype(np.int16).astype(float)


def rereferenced(eeg: np.ndarray) -> np.ndarray:
    return (
        np.delete(eeg - eeg[:, 5:6], 5, axis=1) if eeg.shape[1] > 8 else eeg - eeg.mean(axis=1, keepdims=True)
    )


def noisy(eeg: np.ndarray) -> np.ndarray:
    return eeg + 0.01 * eeg.std() * np.random.default_rng(3).standard_normal(eeg.shape)


@pytest.mark.parametrize("n_channels", [1, 4, 8])
@pytest.mark.parametrize(
    "change",
    [
        lambda x: 3.7 * x + 5e-6,
        lambda x: (x - x.mean(axis=0)) / x.std(axis=0),
        requantised,
        lambda x: x - x[:, :1] / 2,
        noisy,
        lambda x: x.astype(np.float32).astype(float),
    ],
    ids=["rescaled", "normalised", "requantised", "re-referenced", "noisy", "float32"],
)
def test_a_stretch_that_was_changed_is_still_known(n_channels, change: Change) -> None:
    for seed in range(5):
        eeg = scalp(seed, duration_s=60, n_channels=max(2, n_channels))[:, :n_channels]
        first, second = cut(eeg, trial_s=40, hop_s=20)
        (pair,) = shared(prints_of(recording([first, change(second)])))
        assert not pair.exact
        assert pair.lag_s == pytest.approx(-20, abs=0.03)
        assert 12 < pair.overlap_s <= 20.1


@pytest.mark.parametrize("change", ["re-referenced", "resampled", "filtered"])
def test_a_reference_another_rate_or_a_filter_hide_nothing(change) -> None:
    for seed in range(5):
        first, second = cut(scalp(seed, duration_s=60, n_channels=8), trial_s=40, hop_s=20)
        sfreq = SFREQ
        if change == "re-referenced":
            second = second - second.mean(axis=1, keepdims=True)
        elif change == "resampled":
            second, sfreq = resample_poly(second, 3, 1)[1:], 3 * SFREQ
        parts = [recording([first], "a"), recording([second], "b", sfreq=sfreq)]
        if change == "filtered":
            parts = [part.filtered(1.0, 9.0) for part in parts]
        (pair,) = shared(prints_of(parts[0]) + prints_of(parts[1]))
        assert pair.lag_s == pytest.approx(-20, abs=0.03)
        assert pair.overlap_s > 12


def test_stretches_that_hardly_change_are_no_evidence() -> None:
    gap = np.zeros((10 * SFREQ, 4))
    eeg = [
        np.concatenate([scalp(k, duration_s=10, n_channels=4), gap, 1e-5 * np.ones_like(gap)])
        for k in range(3)
    ]
    assert shared(prints_of(recording(eeg))) == []


def test_pieces_of_one_trial_are_not_compared() -> None:
    piece = scalp(0, duration_s=10)
    pieces = Recording("S1", SFREQ, (), (Trial(piece, "trial 1"), Trial(piece[64:], "trial 1")))
    check_apart(pieces)


def test_whole_copies_in_short_trials_are_found_by_their_bits() -> None:
    rng = np.random.default_rng(0)
    eeg = list(rng.standard_normal((50, 20, 1)))
    check_trials(eeg, sfreq=100.0)
    with pytest.raises(DataError, match=r"0\.2 s of trial 3 also in trial 51 \(equal bit for bit\)"):
        check_trials([*eeg, eeg[2]], sfreq=100.0)
    (pair,) = shared(prints_of(recording([eeg[0], eeg[0]], sfreq=100.0)))
    assert (pair.lag_s, pair.overlap_s, pair.exact) == (0.0, 0.2, True)


def test_trials_of_one_group_are_not_held_against_each_other() -> None:
    eeg = cut(scalp(0, duration_s=70), trial_s=40, hop_s=10)
    check_trials(eeg, sfreq=SFREQ, groups="aaaa")
    with pytest.raises(DataError, match=r"20 s earlier\); 9\.\d+ s of .*; a decoder"):
        check_trials([eeg[0], eeg[2], eeg[3]], sfreq=SFREQ, groups="abb")


def test_averages_may_be_alike_and_simulations_are_not_looked_at() -> None:
    wave = scalp(0, duration_s=10)
    check_apart(recording([wave, 1.1 * wave], how="averages"))
    with pytest.raises(DataError):
        check_apart(recording([wave, 1.1 * wave]))
    with pytest.raises(DataError):
        check_apart(recording([wave, wave], how="averages"))
    check_apart(recording([wave, wave], how="simulation"))


def spoken(*sounds: tuple[np.ndarray, np.ndarray]) -> Recording:
    trials = tuple(
        Trial(scalp(50 + i, duration_s=len(a) / SFREQ), f"trial {i + 1}", {"attended": a, "unattended": u})
        for i, (a, u) in enumerate(sounds)
    )
    return Recording("S1", SFREQ, (), trials)


def test_sounds_are_found_in_any_role_at_any_lag_and_at_another_level() -> None:
    rng = np.random.default_rng(0)
    story, *others = (speech_envelope(rng, duration_s=60, sfreq=SFREQ) for _ in range(6))
    a, b, c, d, e = (other[: 40 * SFREQ] for other in others)
    made = spoken(
        (story[: 40 * SFREQ], a), (b, 2 * story[SFREQ : 41 * SFREQ]), (c, story[20 * SFREQ :]), (d, e)
    )
    found = {(s.first[1][-1], s.second[1][-1]): s for s in shared(prints_of(made))}
    assert set(found) == {("1", "2"), ("1", "3"), ("2", "3")}
    assert all(s.kind == "sound" for s in found.values())
    assert found["1", "2"].lag_s == pytest.approx(-1, abs=0.01)
    assert found["1", "3"].lag_s == pytest.approx(-20, abs=0.01)
    assert found["2", "3"].lag_s == pytest.approx(-19, abs=0.01)
    check_apart(made)


def test_different_speech_is_never_shared() -> None:
    rng = np.random.default_rng(0)
    sounds = [speech_envelope(rng, duration_s=60, sfreq=SFREQ) for _ in range(80)]
    assert shared(prints_of(spoken(*zip(sounds[::2], sounds[1::2], strict=True)), kinds=("sound",))) == []


def test_bands_of_an_envelope_are_added_up() -> None:
    rng = np.random.default_rng(0)
    bands = rng.random((10 * SFREQ, 3))
    made = spoken((bands, rng.random(10 * SFREQ)), (bands.sum(axis=1), rng.random(10 * SFREQ)))
    assert len(shared(prints_of(made))) == 1


def test_a_listener_under_two_names_is_named_twice() -> None:
    people = {name: cut(scalp(k, duration_s=120), trial_s=40, hop_s=40) for k, name in enumerate("abc")}
    people["d"] = [2e6 * x[70:] for x in people["b"][::-1]]
    every = sum((prints_of(recording(eeg, name)) for name, eeg in people.items()), start=Prints())
    with pytest.raises(DataError, match=r"^listeners must be different people; got b and d, who share EEG: "):
        check_listeners(every)
    table = pd.concat([content_rows(recording(eeg, name)) for name, eeg in people.items()])
    assert table["print"].str.len().max() < 2000
    with pytest.raises(DataError, match=r"got b and d, who share EEG"):
        check_content(table)
    check_content(table[table["observer"] != "d"])
    check_content(table.iloc[:0])


def test_trials_that_leave_no_marks_are_known_by_their_runs():
    """NaN within BAD spans: no difference of neighbours can be told."""
    people = {name: scalp(seed, duration_s=20, n_channels=2) for name, seed in (("a", 1), ("b", 2))}
    for eeg in people.values():
        eeg[100:110, 1] = np.nan
    table = pd.concat([content_rows(recording([eeg], name)) for name, eeg in people.items()])
    assert '"signs":""' in table["print"].iloc[0]
    check_content(table)
    copied = content_rows(recording([people["a"]], "c"))
    with pytest.raises(DataError, match=r"a and c, who share EEG"):
        check_content(pd.concat([table, copied]))


@pytest.mark.slow
def test_one_listener_among_sixteen_of_sixty_trials_is_found_in_little_memory(monkeypatch) -> None:
    monkeypatch.setattr("cogattn.eeg.recordings.matching.MOST_MARKS", 4000)  # of 9,000 in each view
    every = Prints()
    for k in range(16):
        eeg = coloured_noise(np.random.default_rng(k % 15), (60 * 12 * SFREQ, 4), sfreq=SFREQ)
        every += prints_of(recording(cut(eeg * (k + 1), trial_s=12, hop_s=12), f"S{k}"), kinds=("eeg",))
    n_bytes = sum(
        p.runs.nbytes + p.runs_at_s.nbytes + sum(m.phases.nbytes for m in p.marks) for p in every.prints
    )
    assert n_bytes < 10e6
    with pytest.raises(DataError, match=r"got S0 and S15, who .*; and 58 more pairs"):
        check_listeners(every)


def test_prints_ride_with_the_recording_and_are_made_before_any_filter() -> None:
    made = recording(cut(scalp(0, duration_s=80), trial_s=40, hop_s=40))
    kept = replace(made, intake=replace(made.intake, prints=audited(made)))
    assert kept.filtered(1.0, 9.0).resampled(32.0).intake.prints is kept.intake.prints
    assert content_rows(kept.filtered(1.0, 9.0)).equals(content_rows(made))
    with pytest.raises(DataError, match="trials must not share EEG"):
        audited(recording(2 * made.eeg))
    rng = np.random.default_rng(0)
    simulated = simulate_recording(
        rng, draw_listener(rng, name="S", n_channels=4, sfreq=SFREQ), n_trials=2, duration_s=10, sfreq=SFREQ
    )
    own = audited(Recording("S", SFREQ, (), simulated.trials, intake=Intake("simulation")))
    assert own.kinds == ("sound",) * 4


def test_a_channel_that_is_not_finite_does_not_hide_a_copy() -> None:
    first, second = cut(scalp(0, duration_s=60), trial_s=40, hop_s=20)
    first[5, 0] = second[3, 0] = np.nan
    (pair,) = shared(prints_of(recording([first, 2 * second])))
    assert pair.overlap_s > 12


def test_a_print_is_small_and_knows_no_more_channels_than_it_looks_at() -> None:
    one = print_of(scalp(0, duration_s=40, n_channels=64), SFREQ)
    assert one.duration_s == 40
    assert len(one.marks) == 2
    assert one.marks[0].phases.shape[1] == 30 * MOST_COLUMNS
    assert 25 < len(one.marks[0].at_s) < 60
    assert 5 * 40 < len(one.runs) < 10 * 40
    assert (np.diff(one.marks[0].at_s) > 0.4).all()
