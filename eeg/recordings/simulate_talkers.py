"""EEG whose truth is known: responses to speech-like envelopes by given kernels, in realistic noise.

A listener's EEG is the sum of the attended talker's envelope convolved with one temporal response function
(TRF), the ignored talker's with a weaker one, spatially mixed 1/f sources, sensor noise, mains hum, blinks,
and the reference. Everything random comes from the generator that is passed in; amplitudes are volts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

EEG_SD_V = 10e-6
"""Standard deviation of the simulated background EEG."""


@dataclass(frozen=True)
class Listener:
    """The response properties of one simulated subject.

    Parameters
    ----------
    name : str
        The recording's subject.
    attended_trf, unattended_trf : array, shape (n_lags, n_channels)
        Response to a unit impulse of the envelope, from lag 0 on, at the simulation's rate; arbitrary scale.
    snr_db : float
        Variance of the response to speech over that of the background EEG, in decibels.
    mixing : array, shape (n_sources, n_channels)
        How background sources reach the scalp.
    """

    name: str
    attended_trf: FloatArray
    unattended_trf: FloatArray
    snr_db: float
    mixing: FloatArray


@dataclass(frozen=True)
class Artefacts:
    """What else the amplifier records; each 0 is absent.

    Parameters
    ----------
    mains_v, mains_hz : float
        Amplitude and frequency of mains hum (left out where the rate cannot hold it).
    blinks_per_minute : float
        Rate of 150 microvolt, 0.3 s blinks on the first quarter of the channels.
    drift_v : float
        Standard deviation of a slow drift below 0.2 Hz.
    reference : bool
        Subtract the mean of all channels, as a common average reference does.
    """

    mains_v: float = 0.0
    mains_hz: float = 50.0
    blinks_per_minute: float = 0.0
    drift_v: float = 0.0
    reference: bool = False


def speech_envelope(rng: np.random.Generator, *, duration_s: float, sfreq: float) -> FloatArray:
    """Draw a speech-like envelope, shape (n_times,).

    Syllable intervals are gamma distributed (mean 0.2 s, coefficient of variation 0.4), amplitudes are
    log-normal, pauses of 0.2-0.8 s follow every 1-3 s, rises are faster than decays; the modulation
    spectrum peaks between 2 and 7 Hz.
    """
    n_times = round(duration_s * sfreq)
    impulses = np.zeros(n_times)
    time_s, phrase_end_s = float(rng.uniform(0, 0.3)), float(rng.uniform(1, 3))
    while time_s < duration_s:
        index = min(int(time_s * sfreq), n_times - 1)
        impulses[index] += rng.lognormal(0.0, 0.5)
        time_s += max(float(rng.gamma(6.0, 0.2 / 6.0)), 0.05)
        if time_s > phrase_end_s:
            time_s += float(rng.uniform(0.2, 0.8))
            phrase_end_s = time_s + float(rng.uniform(1, 3))
    lags_s = np.arange(round(0.5 * sfreq)) / sfreq
    syllable = (lags_s / 0.03) * np.exp(1 - lags_s / 0.03) * np.exp(-lags_s / 0.12)
    return np.convolve(impulses, syllable)[:n_times] + 0.02


def speech_kernel(
    rng: np.random.Generator,
    *,
    n_channels: int,
    sfreq: float,
    jitter: float = 0.15,
    position: FloatArray | None = None,
) -> FloatArray:
    """Draw a P1-N1-P2 response function, shape (n_lags, n_channels), over 0-0.4 s.

    `jitter` is the relative scatter of latencies and amplitudes; topographies are smooth along `position`, the
    place of each channel between 0 (front) and 1 (back); channels are equally spaced when absent.
    """
    lags_s = np.arange(round(0.4 * sfreq) + 1) / sfreq
    position = np.linspace(0, 1, n_channels) if position is None else position
    kernel = np.zeros((lags_s.size, n_channels))
    for latency_s, width_s, amplitude in ((0.05, 0.015, 0.6), (0.1, 0.025, -1.0), (0.19, 0.04, 0.8)):
        latency = latency_s * (1 + jitter * rng.standard_normal() / 2)
        wave = np.exp(-0.5 * ((lags_s - latency) / width_s) ** 2)
        centre, phase = rng.uniform(0.3, 0.7), rng.uniform(-0.5, 0.5)
        topography = np.cos(np.pi * (position - centre) + phase) * (
            1 + jitter * rng.standard_normal(n_channels)
        )
        kernel += amplitude * (1 + jitter * rng.standard_normal()) * np.outer(wave, topography)
    return kernel


def coloured_noise(
    rng: np.random.Generator, shape: tuple[int, int], *, sfreq: float, exponent: float = 1.0
) -> FloatArray:
    """Noise of shape (n_times, n_columns), unit variance, power falling as 1 / f**exponent above 0.5 Hz."""
    n_times, _ = shape
    frequency = np.fft.rfftfreq(n_times, 1 / sfreq)
    gain = np.maximum(frequency, 0.5) ** (-exponent / 2)
    gain[0] = 0.0
    spectrum = np.fft.rfft(rng.standard_normal(shape), axis=0) * gain[:, None]
    noise = np.fft.irfft(spectrum, n_times, axis=0)
    return noise / noise.std(axis=0)


def draw_listener(
    rng: np.random.Generator,
    *,
    name: str,
    n_channels: int,
    sfreq: float,
    snr_db: float = -15.0,
    unattended_gain: float = 0.4,
    position: FloatArray | None = None,
) -> Listener:
    """Draw a subject: kernels (the ignored talker's weaker by `unattended_gain`) and noise sources.

    `position` is the place of each channel as in `speech_kernel`.
    """
    place = np.linspace(0, 1, n_channels) if position is None else position
    attended = speech_kernel(rng, n_channels=n_channels, sfreq=sfreq, position=place)
    unattended = unattended_gain * speech_kernel(rng, n_channels=n_channels, sfreq=sfreq, position=place)
    n_sources = max(2, n_channels // 2)
    centres = rng.uniform(-0.2, 1.2, n_sources)[:, None]
    mixing = np.exp(-0.5 * ((place - centres) / 0.2) ** 2) * rng.choice([-1.0, 1.0], (n_sources, 1))
    return Listener(name, attended, unattended, snr_db, mixing)


def simulate_eeg(
    rng: np.random.Generator,
    listener: Listener,
    attended: FloatArray,
    unattended: FloatArray,
    *,
    sfreq: float,
    artefacts: Artefacts | None = None,
) -> FloatArray:
    """Simulate EEG of shape (n_times, n_channels) in volts while `attended` and `unattended` are playing.

    Parameters
    ----------
    rng : numpy.random.Generator
        Noise and artefacts.
    listener : Listener
        Kernels, mixing and signal-to-noise ratio.
    attended, unattended : array, shape (n_times,)
        Envelopes; the response has no offset, as after a high-pass filter.
    sfreq : float
        Rate of the envelopes and of the result in Hz.
    artefacts : Artefacts, optional
        None for none.
    """
    if attended.shape != unattended.shape:
        raise DataError(f"envelopes must be equally long; got {attended.shape} and {unattended.shape}")
    response = convolve(attended, listener.attended_trf) + convolve(unattended, listener.unattended_trf)
    response -= response.mean(axis=0)
    n_times, n_channels = response.shape
    background = coloured_noise(rng, (n_times, listener.mixing.shape[0]), sfreq=sfreq) @ listener.mixing
    background *= EEG_SD_V / background.std()
    background += 0.2 * EEG_SD_V * rng.standard_normal((n_times, n_channels))
    power = max(float(response.var()), np.finfo(float).tiny)
    gain = np.sqrt(10 ** (listener.snr_db / 10) * float(background.var()) / power)
    eeg = gain * response + background
    return _with_artefacts(rng, eeg, sfreq, artefacts or Artefacts())


def convolve(envelope: FloatArray, kernel: FloatArray) -> FloatArray:
    """Causal convolution of (n_times,) with (n_lags, n_channels), cut to (n_times, n_channels)."""
    from scipy.signal import oaconvolve

    return oaconvolve(envelope[:, None], kernel, axes=0)[: envelope.shape[0]]


def simulate_recording(
    rng: np.random.Generator,
    listener: Listener,
    *,
    n_trials: int,
    duration_s: float,
    sfreq: float,
    artefacts: Artefacts | None = None,
    stories: Sequence[FloatArray] | None = None,
    channels: Sequence[str] | None = None,
) -> Recording:
    """Simulate a two-talker session in which the attended talker alternates between two, A and B.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws envelopes and noise.
    listener : Listener
        The subject.
    n_trials : int
        Number of trials.
    duration_s, sfreq : float
        Length of each trial in seconds and rate in Hz.
    artefacts : Artefacts, optional
        None for none.
    stories : pair of arrays, optional
        Envelopes of real speech of talkers A and B at `sfreq`, at least ``n_trials * duration_s`` long;
        trials take successive pieces. Speech-like envelopes are drawn when absent.
    channels : sequence of str, optional
        Names; E1, E2, ... when absent.

    Returns
    -------
    Recording
        Streams ``attended`` and ``unattended``; labels ``speaker`` (A or B) and ``story``.
    """
    length = round(duration_s * sfreq)
    if stories is not None and min(len(story) for story in stories) < n_trials * length:
        lengths_s = [len(story) / sfreq for story in stories]
        raise DataError(f"stories must last {n_trials * duration_s:g} s; got {lengths_s} s")
    trials = []
    for i in range(n_trials):
        if stories is None:
            a, b = (speech_envelope(rng, duration_s=duration_s, sfreq=sfreq) for _ in range(2))
        else:
            a, b = (np.asarray(story[i * length : (i + 1) * length], dtype=np.float64) for story in stories)
        attended, unattended = (a, b) if i % 2 == 0 else (b, a)
        eeg = simulate_eeg(rng, listener, attended, unattended, sfreq=sfreq, artefacts=artefacts)
        labels = {"speaker": "AB"[i % 2], "story": f"part {i + 1}"}
        trials.append(Trial(eeg, f"trial {i + 1}", {"attended": attended, "unattended": unattended}, labels))
    names = channels or [f"E{i + 1}" for i in range(listener.attended_trf.shape[1])]
    return Recording(listener.name, sfreq, tuple(names), tuple(trials))


def simulate_switches(
    rng: np.random.Generator,
    listener: Listener,
    *,
    switch_times_s: Sequence[float],
    duration_s: float,
    sfreq: float,
    artefacts: Artefacts | None = None,
) -> Trial:
    """Simulate one trial in which attention starts on talker A and switches at each of `switch_times_s`.

    The trial's streams are ``talker_a``, ``talker_b`` and ``attending_a`` (1 or 0 at every sample). The
    attended envelope is the currently followed talker's, so that a response of 0.4 s outlasts each switch.
    """
    a, b = (speech_envelope(rng, duration_s=duration_s, sfreq=sfreq) for _ in range(2))
    times_s = np.arange(a.shape[0]) / sfreq
    attending_a = (np.searchsorted(np.sort(np.asarray(switch_times_s)), times_s, side="right") + 1) % 2
    attended, unattended = np.where(attending_a, a, b), np.where(attending_a, b, a)
    eeg = simulate_eeg(rng, listener, attended, unattended, sfreq=sfreq, artefacts=artefacts)
    streams = {"talker_a": a, "talker_b": b, "attending_a": attending_a.astype(np.float64)}
    return Trial(eeg, "switching", streams)


def _with_artefacts(
    rng: np.random.Generator, eeg: FloatArray, sfreq: float, artefacts: Artefacts
) -> FloatArray:
    n_times, n_channels = eeg.shape
    times_s = np.arange(n_times) / sfreq
    if artefacts.mains_v and artefacts.mains_hz < sfreq / 2:
        hum = np.sin(2 * np.pi * artefacts.mains_hz * times_s + rng.uniform(0, 2 * np.pi))
        eeg = eeg + artefacts.mains_v * hum[:, None] * rng.uniform(0.5, 1.5, n_channels)
    if artefacts.drift_v:
        slow = coloured_noise(rng, (n_times, n_channels), sfreq=sfreq, exponent=4.0)
        eeg = eeg + artefacts.drift_v * slow
    n_blinks = rng.poisson(artefacts.blinks_per_minute * n_times / sfreq / 60)
    if n_blinks:
        impulses = np.zeros(n_times)
        np.add.at(impulses, rng.integers(0, n_times, n_blinks), 150e-6)
        blink = np.convolve(impulses, np.hanning(max(3, round(0.3 * sfreq))))[:n_times]
        frontal = np.clip(1 - np.arange(n_channels) / max(1, n_channels / 4), 0, 1)
        eeg = eeg + np.outer(blink, frontal)
    return eeg - eeg.mean(axis=1, keepdims=True) if artefacts.reference else eeg
