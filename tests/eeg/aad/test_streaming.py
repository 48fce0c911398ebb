"""Streaming gives offline numbers, in bounded memory, and follows switches."""

from __future__ import annotations

import numpy as np
import pytest

from cogattn.eeg.aad import RidgeDecoder, window_margins
from cogattn.eeg.aad.streaming import StreamingDecoder, SwitchFilter, switch_delay
from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording, simulate_switches
from cogattn.errors import DataError

SFREQ = 64.0


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(1)
    listener = draw_listener(rng, name="S", n_channels=8, sfreq=SFREQ, snr_db=-18)
    made = simulate_recording(rng, listener, n_trials=5, duration_s=40, sfreq=SFREQ)
    return listener, made, RidgeDecoder(SFREQ, 0.05, 0.25).fit(made.eeg[:4], made.stream("attended")[:4])


def chunks(length: int, sizes):
    start = 0
    while start < length:
        size = int(next(sizes))
        yield slice(start, start + size)
        start += size


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
def test_streaming_equals_offline(trained, size: int) -> None:
    _, made, decoder = trained
    eeg = made.eeg[4] - made.eeg[4].mean(axis=0)
    a, u = made.stream("attended")[4], made.stream("unattended")[4]
    live = StreamingDecoder(decoder, window_s=5.0, hop_s=5.0)
    decisions = []
    for part in chunks(len(a), iter(lambda: size, None)):
        decisions += live.push(eeg[part], a[part], u[part])
        if size < 1000:
            assert live.memory_bytes < 8 * (320 * 3 + (17 + size) * 10) + 1
    decisions += live.flush()
    offline = window_margins(decoder.predict(eeg), a, u, sfreq=SFREQ, windows_s=[5.0])[0][0]
    np.testing.assert_allclose([d.r_first - d.r_second for d in decisions], offline, atol=1e-10)
    np.testing.assert_allclose([d.time_s for d in decisions], np.arange(5, 41, 5))
    assert all(d.latency_s < 5 for d in decisions)


def test_decisions_never_use_future_eeg(trained) -> None:
    _, made, decoder = trained
    a, u = made.stream("attended")[4], made.stream("unattended")[4]
    early, late = (StreamingDecoder(decoder, window_s=5.0, hop_s=1.0) for _ in range(2))
    whole = early.push(made.eeg[4], a, u)
    changed = made.eeg[4].copy()
    changed[1280:] = 0.0  # after 20 s
    altered = late.push(changed, a, u)
    for before, after in zip(whole, altered, strict=True):
        if before.time_s <= 20 - 0.25:
            assert before.r_first == after.r_first


def test_a_switch_is_followed(trained) -> None:
    listener, made, decoder = trained
    margins = window_margins(
        decoder.predict(made.eeg[4]),
        made.stream("attended")[4],
        made.stream("unattended")[4],
        sfreq=SFREQ,
        windows_s=[3.0],
    )
    switches = SwitchFilter.fit(margins[0][0], hop_s=1.0, window_s=3.0, switch_per_s=1 / 30)
    trial = simulate_switches(
        np.random.default_rng(4), listener, switch_times_s=[30, 60], duration_s=90, sfreq=SFREQ
    )
    live = StreamingDecoder(decoder, window_s=3.0, hop_s=1.0, switches=switches)
    decisions = live.push(trial.eeg, trial.streams["talker_a"], trial.streams["talker_b"])
    times = np.array([d.time_s for d in decisions])
    p = np.array([d.probability for d in decisions])
    truth = trial.streams["attending_a"][np.minimum((times * SFREQ).astype(int) - 1, len(trial.eeg) - 1)]
    assert np.mean((p > 0.5) == truth) > 0.85
    assert 0 < switch_delay(times, p, switch_s=60.0) < 15


def test_filter_is_exact_bayes_for_two_windows() -> None:
    model = SwitchFilter(mean=0.1, sd=0.2, hop_s=1.0, window_s=1.0, switch_per_s=0.1)
    margins = np.array([0.3, -0.05])
    stay = 1 - 0.5 * (1 - np.exp(-0.2))
    density = {s: np.exp(-0.5 * ((margins - s * 0.1) / 0.2) ** 2) for s in (1, -1)}
    joint = {
        (i, j): 0.5 * (stay if i == j else 1 - stay) * density[i][0] * density[j][1]
        for i in (1, -1)
        for j in (1, -1)
    }
    total = sum(joint.values())
    np.testing.assert_allclose(model.filter(margins)[1], (joint[1, 1] + joint[-1, 1]) / total, rtol=1e-9)
    np.testing.assert_allclose(model.smooth(margins)[0], (joint[1, 1] + joint[1, -1]) / total, rtol=1e-9)


def test_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    model = SwitchFilter(mean=0.05, sd=0.1, hop_s=1.0, window_s=1.0, switch_per_s=0.05)
    flips = rng.random(20000) < 0.5 * (1 - np.exp(-0.1))
    state = np.where(np.cumsum(flips) % 2 == 0, 1, -1)
    margins = state * 0.05 + 0.1 * rng.standard_normal(20000)
    for p in (model.filter(margins), model.smooth(margins)):
        sure = (p > 0.7) & (p < 0.8)
        assert abs(np.mean(state[sure] == 1) - p[sure].mean()) < 0.05
    right = [np.mean((p > 0.5) == (state == 1)) for p in (model.filter(margins), model.smooth(margins))]
    assert right[1] > right[0] > np.mean((margins > 0) == (state == 1))


def test_bad_chunks_are_refused(trained) -> None:
    _, _, decoder = trained
    live = StreamingDecoder(decoder)
    with pytest.raises(DataError, match="chunk"):
        live.push(np.zeros((4, 3)), np.zeros(4), np.zeros(4))
    with pytest.raises(DataError, match="finite"):
        live.push(np.full((4, 8), np.nan), np.zeros(4), np.zeros(4))
    with pytest.raises(DataError, match="fitted"):
        StreamingDecoder(RidgeDecoder(SFREQ))


@pytest.mark.parametrize("margins", [[0.3], [0.3, np.nan, 0.1], [0.2, 0.2, 0.2]])
def test_a_filter_is_not_learned_from_margins_that_have_no_spread(margins) -> None:
    with pytest.raises(DataError, match="finite, differing"):
        SwitchFilter.fit(margins, hop_s=1.0, window_s=5.0)
