"""Simulated EEG holds what it says: kernels, signal-to-noise ratio, spectrum, artefacts, switches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.signal import welch

from cogattn.eeg.aad.lagged import Lags, Moments
from cogattn.eeg.aad.leave_out import solve
from cogattn.eeg.recordings.simulate_talkers import (
    Artefacts,
    coloured_noise,
    convolve,
    draw_listener,
    simulate_eeg,
    simulate_recording,
    simulate_switches,
    speech_envelope,
)

SFREQ = 64.0


def listener(snr_db: float = 0.0, n_channels: int = 8):
    return draw_listener(
        np.random.default_rng(5), name="S1", n_channels=n_channels, sfreq=SFREQ, snr_db=snr_db
    )


def test_a_forward_model_recovers_the_kernel() -> None:
    rng = np.random.default_rng(0)
    subject = listener(snr_db=10.0)
    envelopes = [speech_envelope(rng, duration_s=400, sfreq=SFREQ) for _ in range(2)]
    eeg = simulate_eeg(rng, subject, *envelopes, sfreq=SFREQ)
    lags = Lags.forward(0.0, 0.4, SFREQ)
    x = np.stack(envelopes, axis=1)
    weights = solve(Moments.of(x - x.mean(axis=0), eeg - eeg.mean(axis=0), lags), [1.0])
    kernel = weights[:, 0].reshape(lags.n, 2, -1)[::-1, 0]  # lag 0 first
    assert np.corrcoef(kernel.ravel(), subject.attended_trf.ravel())[0, 1] > 0.99


def test_signal_to_noise_ratio_is_as_asked() -> None:
    rng = np.random.default_rng(0)
    subject = replace(listener(snr_db=-10.0), unattended_trf=np.zeros_like(listener().unattended_trf))
    a, u = (speech_envelope(rng, duration_s=300, sfreq=SFREQ) for _ in range(2))
    loud = simulate_eeg(np.random.default_rng(1), subject, a, u, sfreq=SFREQ)
    silent = simulate_eeg(np.random.default_rng(1), replace(subject, snr_db=-400.0), a, u, sfreq=SFREQ)
    ratio = (loud - silent).var() / silent.var()
    np.testing.assert_allclose(10 * np.log10(ratio), -10.0, atol=0.1)


def test_noise_falls_as_one_over_f() -> None:
    noise = coloured_noise(np.random.default_rng(0), (60 * 256, 8), sfreq=256.0)
    frequency, power = welch(noise, 256.0, nperseg=1024, axis=0)
    band = (frequency > 2) & (frequency < 60)
    slope = np.polyfit(np.log(frequency[band]), np.log(power[band].mean(axis=1)), 1)[0]
    assert abs(slope + 1) < 0.1


def test_speech_envelopes_are_modulated_at_the_syllable_rate() -> None:
    rng = np.random.default_rng(0)
    envelope = speech_envelope(rng, duration_s=600, sfreq=SFREQ)
    frequency, power = welch(envelope, SFREQ, nperseg=1024)
    slow = power[(frequency > 1) & (frequency < 8)].sum()
    assert slow > 0.5 * power[frequency > 0.3].sum()
    assert envelope.min() > 0


def test_artefacts_are_added_where_they_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    subject = draw_listener(rng, name="S", n_channels=8, sfreq=256.0)
    a, u = (speech_envelope(rng, duration_s=60, sfreq=256.0) for _ in range(2))
    hum = Artefacts(mains_v=20e-6, reference=True)
    eeg = simulate_eeg(rng, subject, a, u, sfreq=256.0, artefacts=hum)
    frequency, power = welch(eeg, 256.0, nperseg=1024, axis=0)
    assert abs(frequency[power.mean(axis=1).argmax()] - 50) < 0.5
    assert np.abs(eeg.sum(axis=1)).max() < 1e-15
    blinks = simulate_eeg(rng, subject, a, u, sfreq=256.0, artefacts=Artefacts(blinks_per_minute=20))
    assert np.abs(blinks[:, 0]).max() > 100e-6


def test_a_session_alternates_talkers_and_is_valid() -> None:
    made = simulate_recording(np.random.default_rng(0), listener(), n_trials=4, duration_s=10, sfreq=SFREQ)
    assert [trial.labels["speaker"] for trial in made.trials] == ["A", "B", "A", "B"]
    assert made.checked().eeg[0].shape == (640, 8)


def test_real_speech_is_used_when_given() -> None:
    stories = [np.arange(1.0, 2001.0), np.sin(np.arange(2000.0)) + 2]
    made = simulate_recording(
        np.random.default_rng(0), listener(), n_trials=2, duration_s=10, sfreq=SFREQ, stories=stories
    )
    np.testing.assert_array_equal(made.stream("unattended")[1], stories[0][640:1280])


def test_attention_switches_when_told() -> None:
    trial = simulate_switches(
        np.random.default_rng(0), listener(), switch_times_s=[20, 45], duration_s=60, sfreq=SFREQ
    )
    changes = np.flatnonzero(np.diff(trial.streams["attending_a"])) + 1
    np.testing.assert_array_equal(changes / SFREQ, [20, 45])
    assert trial.streams["attending_a"][0] == 1


def test_convolution_is_causal() -> None:
    impulse = np.zeros(50)
    impulse[10] = 1
    kernel = np.random.default_rng(0).standard_normal((5, 2))
    out = convolve(impulse, kernel)
    np.testing.assert_allclose(out[10:15], kernel, atol=1e-12)
    np.testing.assert_allclose(out[:10], 0, atol=1e-12)
