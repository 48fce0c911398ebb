"""The chain gives the same decisions whatever the chunks, stamps that drift or streams that start apart."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogattn.eeg.aad.metrics import window_margins
from cogattn.eeg.aad.ridge import RidgeDecoder
from cogattn.eeg.live import Chain, Decision, EegSource, LiveDecoder, Preprocessing, SoundSource, features
from cogattn.errors import DataError

SFREQ = 128.0


def streams(recording, k: int = 3) -> tuple[np.ndarray, np.ndarray]:
    trial = recording.trials[k]
    return trial.eeg, np.stack([trial.streams["attended"], trial.streams["unattended"]], axis=1)


def chain_of(decoder, recording, **options) -> Chain:
    return Chain(decoder, EegSource(SFREQ, recording.channels), [SoundSource(SFREQ)], **options)


def run(chain: Chain, eeg, sounds, cuts=(), eeg_stamps=None, sound_stamps=None) -> list[Decision]:
    """Push both streams in the same chunks."""
    decisions = []
    for part in np.split(np.arange(max(len(eeg), len(sounds))), sorted(cuts)):
        e, s = part[part < len(eeg)], part[part < len(sounds)]
        decisions += chain.push(
            (eeg[e], None if eeg_stamps is None else eeg_stamps[e]),
            [(sounds[s], None if sound_stamps is None else sound_stamps[s])],
        )
    return decisions


def assert_equal(got: list[Decision], expected: list[Decision], atol: float = 1e-9) -> None:
    assert [d.reason for d in got] == [d.reason for d in expected]
    numbers = [[(d.time_s, d.r_first, d.r_second, d.probability) for d in x] for x in (got, expected)]
    np.testing.assert_allclose(*numbers, rtol=0, atol=atol)


@pytest.mark.slow
@given(st.lists(st.integers(0, 3072), max_size=20))
@settings(max_examples=25)
def test_decisions_do_not_depend_on_chunks(decoder, recording, cuts) -> None:
    eeg, sounds = streams(recording)
    offline = Chain.offline(decoder, recording)[3]
    assert_equal(run(chain_of(decoder, recording), eeg, sounds, cuts), offline)
    assert len(offline) == 19  # 5, 6, ... 23 s
    assert {d.reason for d in offline} == {""}


def test_one_sample_at_a_time_in_bounded_memory(decoder, recording) -> None:
    eeg, sounds = streams(recording)
    chain = chain_of(decoder, recording)
    decisions, most = [], 0
    for i in range(len(eeg)):
        decisions += chain.push((eeg[i : i + 1], None), [(sounds[i : i + 1], None)])
        most = max(most, chain.memory_bytes)
    assert_equal(decisions, Chain.offline(decoder, recording)[3])
    assert most < 60_000


@pytest.mark.slow
@given(
    st.lists(st.integers(0, 3072), max_size=10), st.lists(st.integers(0, 3072), max_size=10), st.booleans()
)
@settings(max_examples=15)
def test_streams_may_come_apart(decoder, recording, eeg_cuts, sound_cuts, eeg_first) -> None:
    """With drifting, jittered stamps and a gap in each stream; whichever arrives first."""
    eeg, sounds = streams(recording)
    rng = np.random.default_rng(0)
    eeg_stamps = 50 + np.arange(len(eeg)) / SFREQ * 1.0001 + 0.002 * rng.standard_normal(len(eeg))
    sound_stamps = 49.9 + np.arange(len(eeg)) / SFREQ + 0.002 * rng.standard_normal(len(eeg))
    eeg_stamps[2000:] += 0.4
    sound_stamps[1200:] += 0.3
    whole = run(chain_of(decoder, recording), eeg, sounds, (), eeg_stamps, sound_stamps)
    assert {d.reason for d in whole} >= {"", "the EEG lost 0.401 s"}
    chain, got = chain_of(decoder, recording), []
    parts = [
        *(("eeg", p) for p in np.split(np.arange(len(eeg)), sorted(eeg_cuts))),
        *(("sound", p) for p in np.split(np.arange(len(eeg)), sorted(sound_cuts))),
    ]
    for what, part in sorted(parts, key=lambda p: (p[0] == "eeg") != eeg_first):
        if what == "eeg":
            got += chain.push((eeg[part], eeg_stamps[part]), [None])
        else:
            got += chain.push(None, [(sounds[part], sound_stamps[part])])
    assert_equal(got, whole)


def test_an_offset_of_fifty_deviations_does_not_move_r(decoder, recording) -> None:
    eeg, sounds = streams(recording)
    shifted = eeg + 50 * eeg.std(axis=0) * np.array([1, -1, 1, 1, -1, 1, 1, 1])
    assert_equal(
        run(chain_of(decoder, recording), shifted, sounds), run(chain_of(decoder, recording), eeg, sounds)
    )


def test_decisions_are_those_of_the_decoder_on_the_chains_features(decoder, recording) -> None:
    """Features lack the settling, which the first window, that ends at 5 s, begins after."""
    n_settling = math.ceil(64 * decoder.preprocessing.band_pass().settling_s)
    ridge = RidgeDecoder(64.0, 0.0, 0.25)
    ridge.coef_ = decoder.weights
    eeg, attended, unattended = features(decoder.preprocessing, recording)[3]
    signals = (x[64 - n_settling :] for x in (ridge.predict(eeg), attended, unattended))
    expected = window_margins(*signals, sfreq=64.0, windows_s=[4.0])[0][0]
    got = [d.r_first - d.r_second for d in Chain.offline(decoder, recording)[3]][::4]
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_channels_may_come_in_any_order_among_others(decoder, recording) -> None:
    eeg, sounds = streams(recording)
    order = np.random.default_rng(0).permutation(8)
    names = ("EXG1", *(recording.channels[i] for i in order))
    columns = np.column_stack([np.full(len(eeg), 7.0), eeg[:, order]])
    chain = Chain(decoder, EegSource(SFREQ, names), [SoundSource(SFREQ)])
    assert_equal(run(chain, columns, sounds), Chain.offline(decoder, recording)[3], atol=1e-9)
    with pytest.raises(DataError, match="1 of 8 are missing"):
        Chain(decoder, EegSource(SFREQ, recording.channels[1:]), [SoundSource(SFREQ)])


def test_decisions_never_use_what_comes_later_than_they_say(decoder, recording) -> None:
    eeg, sounds = streams(recording)
    changed = eeg.copy()
    changed[round(15 * SFREQ) :] = 0.0
    ahead = 0.25 + chain_of(decoder, recording).delay.resampling_s
    pairs = zip(
        run(chain_of(decoder, recording), eeg, sounds),
        run(chain_of(decoder, recording), changed, sounds),
        strict=True,
    )
    same = [(a.time_s, a.r_first == b.r_first) for a, b in pairs]
    assert all(equal for time_s, equal in same if time_s <= 15 - ahead)
    assert not any(equal for time_s, equal in same if time_s > 15)


def test_windows_around_a_gap_are_not_decided_and_those_after_it_are_right(decoder, recording) -> None:
    eeg, sounds = streams(recording)
    nominal = np.arange(len(eeg)) / SFREQ
    kept = np.r_[0 : round(10 * SFREQ), round(11.5 * SFREQ) : len(eeg)]  # a second and a half is lost
    got = run(chain_of(decoder, recording), eeg[kept], sounds, (500, 1500), nominal[kept], nominal)
    undecided = [d for d in got if not d.decided]
    assert {d.reason for d in undecided} == {"the EEG lost 1.5 s"}
    assert [d.time_s for d in undecided] == [10, 11, 12, 13, 14, 15, 16]
    assert all(np.isnan(d.r_first) and np.isnan(d.probability) for d in undecided)
    whole = {d.time_s: d for d in Chain.offline(decoder, recording)[3]}
    for d in got:
        if d.decided:
            assert abs(d.r_first - whole[d.time_s].r_first) < (1e-9 if d.time_s < 12 else 0.02)


@pytest.mark.parametrize("where", ["EEG", "sound"])
def test_samples_that_are_not_numbers_are_said(decoder, recording, where: str) -> None:
    eeg, sounds = (x.copy() for x in streams(recording))
    (eeg if where == "EEG" else sounds)[1280:1290] = np.nan
    got = run(chain_of(decoder, recording), eeg, sounds, (1283,))
    assert f"10 samples of the {where} were not finite" in {d.reason for d in got}
    assert sum(not d.decided for d in got) in (5, 6)
    assert np.isfinite([d.probability for d in got if d.decided]).all()


def test_a_drift_between_the_clocks_is_taken_out(decoder, recording) -> None:
    """The sound's clock is 2,000 ppm slow: after 24 s it would be 48 ms off; the stamps say so."""
    eeg, sounds = streams(recording)
    slow = np.arange(len(sounds)) * (1 + 2e-3)
    stretched = np.stack([np.interp(slow, np.arange(len(sounds)), s) for s in sounds.T], axis=1)
    nominal = np.arange(len(eeg)) / SFREQ
    offline = [d.r_first for d in Chain.offline(decoder, recording)[3]][-6:]
    stamped, ignored = (
        [d.r_first for d in run(chain_of(decoder, recording), eeg, stretched, (), nominal, stamps)][-6:]
        for stamps in (slow / SFREQ, nominal)
    )
    assert np.abs(np.subtract(stamped, offline)).max() < 0.02
    assert np.abs(np.subtract(ignored, offline)).max() > 0.06


def test_a_sound_that_begins_late_is_waited_for(decoder, recording) -> None:
    eeg, sounds = streams(recording)
    nominal = np.arange(len(eeg)) / SFREQ
    late = round(3 * SFREQ)
    got = run(chain_of(decoder, recording), eeg, sounds[late:], (), nominal, nominal[late:])
    assert got[0].decided
    assert got[0].time_s == 5.0  # from the first sample that both have
    assert abs(got[0].stamp_s - 8.0) < 0.02
    whole = {round(d.stamp_s): d for d in Chain.offline(decoder, recording)[3]}
    assert abs(got[-1].r_first - whole[round(got[-1].stamp_s)].r_first) < 0.01


def test_two_streams_of_one_talker_are_one_of_two(decoder, recording) -> None:
    eeg, sounds = streams(recording)
    chain = Chain(decoder, EegSource(SFREQ, recording.channels), [SoundSource(SFREQ, n_talkers=1)] * 2)
    got = chain.push((eeg, None), [(sounds[:, :1], None), (sounds[:, 1:], None)])
    assert_equal(got, Chain.offline(decoder, recording)[3])
    with pytest.raises(DataError, match="two of one"):
        Chain(decoder, EegSource(SFREQ, recording.channels), [SoundSource(SFREQ, n_talkers=1)])


def test_sounds_themselves_are_followed(decoder, recording) -> None:
    """Noise carriers with the talkers' envelopes: almost the decisions of the envelopes themselves."""
    eeg, sounds = streams(recording)
    rate, rng = 8000.0, np.random.default_rng(0)
    at = np.arange(round(len(eeg) / SFREQ * rate)) * SFREQ / rate
    power = np.stack([np.interp(at, np.arange(len(eeg)), s) for s in sounds.T], axis=1)
    audio = np.maximum(power, 0) ** (1 / 0.6) * rng.standard_normal(power.shape)
    chain = Chain(decoder, EegSource(SFREQ, recording.channels), [SoundSource(rate, "sound")])
    got = []
    for e, s in zip(np.array_split(eeg, 7), np.array_split(audio, 7), strict=True):
        got += chain.push((e, None), [(s, None)])
    offline = Chain.offline(decoder, recording)[3]
    r = [[d.r_first - d.r_second for d in x] for x in (got, offline[: len(got)])]
    assert len(got) >= len(offline) - 1
    assert np.corrcoef(*r)[0, 1] > 0.95


def test_the_delay_is_one_number_with_its_parts(decoder, recording) -> None:
    chain = chain_of(decoder, recording)
    chain.push(*[(x, None) for x in streams(recording)[:1]], [(streams(recording)[1], None)])
    delay = chain.delay
    parts = (delay.lag_s, delay.resampling_s, delay.filter_s, delay.hop_s, delay.computing_s)
    assert math.isclose(delay.total_s, sum(parts))
    assert (delay.lag_s, delay.hop_s) == (0.25, 0.5)
    assert delay.computing_s > 0
    assert delay.text().startswith(f"delay {1000 * delay.total_s:.0f} ms (lag 250 + ")


def test_a_decoder_must_fit_itself(decoder) -> None:
    for change, message in (
        ({"tmin_s": -0.1}, "first lag"),
        ({"tmax_s": 0.2}, "shape"),
        ({"weights": decoder.weights * np.nan}, "finite"),
        ({"window_s": 0.01}, "hold samples"),
        ({"hop_s": 0.5}, "decoder's hop"),
    ):
        with pytest.raises(DataError, match=message):
            replace(decoder, **change)
    with pytest.raises(DataError, match="once each"):
        Preprocessing(("A", "A"))
    assert isinstance(decoder, LiveDecoder)
