"""An auditory path with a known transfer function, and the EEG that it makes in realistic noise.

The envelope passes through a few generators (cortex near 5 Hz, the 40-Hz response, the brainstem near 90 Hz),
each a band of the transfer function with its own delay and topography. Added are 1/f background activity that
spreads over channels, sensor noise, a reference whose noise reaches every channel, and mains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.recordings.simulate_talkers import coloured_noise, speech_envelope
from cogattn.eeg.types import ComplexArray, FloatArray
from cogattn.errors import DataError


@dataclass(frozen=True)
class Generator:
    """One stage of the auditory path.

    Parameters
    ----------
    center_hz, octaves : float
        Its transfer function is a Gaussian over log frequency: centre, and full width at half maximum.
    delay_s : float
        Latency.
    gain_v : float
        Gain at the centre, volts per unit of envelope at the channel where its topography is 1.
    position : float
        Where along the row of channels it is strongest, 0 to 1; its topography is half a cosine.
    """

    center_hz: float
    octaves: float
    delay_s: float
    gain_v: float
    position: float


CORTEX = Generator(5.0, 2.0, 0.100, 4e-6, 0.4)
MIDBRAIN = Generator(40.0, 1.0, 0.025, 3e-6, 0.5)
BRAINSTEM = Generator(90.0, 0.8, 0.008, 1.5e-6, 0.9)


@dataclass(frozen=True)
class AuditoryPath:
    """A path whose transfer function is known.

    Parameters
    ----------
    n_channels : int
        Channels, in a row.
    generators : tuple of Generator
        Summed. Their gains are illustrative, in the order of what scalp responses reach.
    final_gain : float
        Gain at the end of the recording relative to its start, changing linearly; 1 is time-invariant.
    """

    n_channels: int
    generators: tuple[Generator, ...] = (CORTEX, MIDBRAIN, BRAINSTEM)
    final_gain: float = 1.0

    def transfer(self, frequencies_hz: FloatArray) -> ComplexArray:
        """Transfer function at the start, shape (n_channels, n_frequencies), volts per unit of envelope."""
        frequencies = np.asarray(frequencies_hz, dtype=np.float64)
        place = np.linspace(0, 1, self.n_channels)
        total = np.zeros((self.n_channels, len(frequencies)), dtype=np.complex128)
        for generator in self.generators:
            octaves = np.log2(np.maximum(frequencies, 1e-6) / generator.center_hz)
            gain = generator.gain_v * np.exp2(-((2 * octaves / generator.octaves) ** 2))
            phase = np.exp(-2j * np.pi * frequencies * generator.delay_s)
            total += np.outer(np.cos(np.pi / 2 * (place - generator.position)), gain * phase)
        return total

    def respond(self, envelope: FloatArray, sfreq: float) -> FloatArray:
        """EEG without noise, shape (n_times, n_channels), volts; silence before the envelope's start."""
        n_times = len(envelope)
        padded = fft.next_fast_len(n_times + round(2 * sfreq), real=True)
        spectrum = fft.rfft(envelope, padded)
        transfer = self.transfer(fft.rfftfreq(padded, 1 / sfreq))
        eeg = np.empty((n_times, self.n_channels))
        for channel in range(self.n_channels):
            eeg[:, channel] = fft.irfft(spectrum * transfer[channel], padded)[:n_times]
        if self.final_gain != 1:
            eeg *= np.linspace(1, self.final_gain, n_times)[:, None]
        return eeg


@dataclass(frozen=True)
class NoiseLevels:
    """Standard deviations in volts of what is not a response.

    Parameters
    ----------
    background_v : float
        1/f activity from sources that spread over neighbouring channels.
    exponent : float
        Its power falls as 1 / f**exponent.
    sensor_v : float
        White noise of each electrode.
    reference_v : float
        1/f noise of the common reference, equal in all channels.
    mains_v, mains_hz : float
        Amplitude of mains pickup, unequal over channels, and its frequency; a third harmonic of a third of
        it.
    """

    background_v: float = 10e-6
    exponent: float = 1.0
    sensor_v: float = 1e-6
    reference_v: float = 3e-6
    mains_v: float = 2e-6
    mains_hz: float = 50.0


def modulation_envelope(
    rng: np.random.Generator, kind: str, *, duration_s: float, sfreq: float
) -> FloatArray:
    """Draw an envelope of unit standard deviation and zero mean, shape (n_times,).

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws it.
    kind : {"speech", "noise"}
        ``speech``: syllables, on which a wandering voice pitch near 90 Hz and 1/f roughness ride; ``noise``:
        equal power at all frequencies, the fairest probe of a transfer function.
    duration_s, sfreq : float
        Length in seconds and sampling rate in Hz.

    Raises
    ------
    DataError
        If `kind` is neither.
    """
    n_times = round(duration_s * sfreq)
    if kind == "noise":
        envelope = rng.standard_normal(n_times)
    elif kind == "speech":
        syllables = speech_envelope(rng, duration_s=duration_s, sfreq=sfreq)[:n_times]
        wander = coloured_noise(rng, (n_times, 1), sfreq=sfreq, exponent=2.0)[:, 0]
        pitch = np.cos(2 * np.pi * np.cumsum(90 + 8 * wander) / sfreq)
        roughness = coloured_noise(rng, (n_times, 1), sfreq=sfreq, exponent=1.0)[:, 0]
        envelope = syllables * (1 + 0.5 * pitch + 0.5 * roughness)
    else:
        raise DataError(f"kind must be speech or noise; got {kind!r}")
    return (envelope - envelope.mean()) / envelope.std()


def simulate_path(
    rng: np.random.Generator,
    path: AuditoryPath,
    *,
    duration_s: float,
    sfreq: float,
    n_trials: int = 1,
    kind: str = "speech",
    noise: NoiseLevels | None = None,
    subject: str = "simulated",
) -> Recording:
    """Simulate a listener who hears `n_trials` sounds.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws envelopes and noise.
    path : AuditoryPath
        The truth.
    duration_s, sfreq : float
        Length of a trial in seconds and sampling rate in Hz.
    n_trials : int
        Number of trials, each with its own envelope.
    kind : {"speech", "noise"}
        As `modulation_envelope`.
    noise : NoiseLevels, optional
        Defaults are those of the class.
    subject : str
        Name of the recording.

    Returns
    -------
    Recording
        Volts; the stream ``stimulus`` holds the envelope.
    """
    levels = noise or NoiseLevels()
    trials = []
    for index in range(n_trials):
        envelope = modulation_envelope(rng, kind, duration_s=duration_s, sfreq=sfreq)
        eeg = path.respond(envelope, sfreq)
        add_noise(eeg, rng, levels, sfreq=sfreq)
        trials.append(Trial(eeg, f"trial {index + 1}", streams={"stimulus": envelope}))
    return Recording(subject, sfreq, electrode_names(path.n_channels), tuple(trials))


def electrode_names(n_channels: int) -> tuple[str, ...]:
    """Names of the 10-20 system from front to back, evenly spaced; E1, E2, ... beyond 64."""
    from cogattn.eeg.recordings.montage import channels_in_rows

    if n_channels > 64:
        return tuple(f"E{i + 1}" for i in range(n_channels))
    return channels_in_rows(n_channels)


def add_noise(eeg: FloatArray, rng: np.random.Generator, levels: NoiseLevels, *, sfreq: float) -> None:
    """Add noise to `eeg`, (n_times, n_channels) in volts, in place and a source at a time."""
    n_times, n_channels = eeg.shape
    place = np.linspace(0, 1, n_channels)
    n_sources = max(3, n_channels // 2)
    spread = np.exp(-0.5 * ((place - rng.uniform(-0.1, 1.1, (n_sources, 1))) / 0.15) ** 2)
    spread *= levels.background_v / np.sqrt((spread**2).sum(axis=0).mean())
    for weights in spread:
        source = coloured_noise(rng, (n_times, 1), sfreq=sfreq, exponent=levels.exponent)
        eeg += source * weights
    for channel in range(n_channels):
        eeg[:, channel] += levels.sensor_v * rng.standard_normal(n_times)
    eeg -= levels.reference_v * coloured_noise(rng, (n_times, 1), sfreq=sfreq, exponent=levels.exponent)
    if levels.mains_v and levels.mains_hz < sfreq / 2:
        turns = 2 * np.pi * levels.mains_hz * np.arange(n_times) / sfreq + rng.uniform(0, 2 * np.pi)
        hum = np.cos(turns)
        if 3 * levels.mains_hz < sfreq / 2:
            hum += np.cos(3 * turns) / 3
        eeg += levels.mains_v * hum[:, None] * rng.uniform(0.5, 1.5, n_channels)


def simulate_steady_state(
    rng: np.random.Generator,
    *,
    modulation_hz: float,
    amplitude_v: float,
    n_sweeps: int,
    sweep_s: float,
    sfreq: float,
    n_channels: int = 8,
    n_harmonics: int = 3,
    fine_structure_v: float = 0.0,
    glide_hz: float = 0.0,
    delay_s: float = 0.007,
    noise: NoiseLevels | None = None,
) -> Recording:
    """Simulate the response to a sound that repeats, every other time upside down, in noise.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws noise and phases.
    modulation_hz : float
        Modulation rate or mean F0; must complete whole cycles in a sweep for the sweeps to be alike.
    amplitude_v : float
        Amplitude of the fundamental in volts in the best channel, the middle one; harmonics are each a third
        weaker; 0 makes a null. The polarity of the sound does not matter to it.
    n_sweeps : int
        Trials of the recording.
    sweep_s, sfreq : float
        Length of a sweep in seconds and sampling rate in Hz.
    n_channels, n_harmonics : int
        How many.
    fine_structure_v : float
        Amplitude of the response at the fourth harmonic that turns over with the sound.
    glide_hz : float
        F0 is ``modulation_hz + glide_hz sin(2 pi t / sweep_s)`` within each sweep.
    delay_s : float
        Latency.
    noise : NoiseLevels, optional
        Defaults are those of the class.

    Returns
    -------
    Recording
        One trial for each sweep, volts, labelled by ``condition``: ``positive``, ``negative``, ``positive``...
        The stream ``stimulus`` holds the envelope 1 + cos(phase).
    """
    n_times = round(sweep_s * sfreq)
    time_s = np.arange(n_times) / sfreq

    def cycles(t: FloatArray) -> FloatArray:
        swing = glide_hz * sweep_s / (2 * np.pi) * (1 - np.cos(2 * np.pi * t / sweep_s))
        return 2 * np.pi * (modulation_hz * t + swing)

    heard = cycles(time_s - delay_s)
    wave = np.zeros(n_times)
    for harmonic in range(1, n_harmonics + 1):
        if harmonic * (modulation_hz + glide_hz) < sfreq / 2:
            wave += (2 / 3) ** (harmonic - 1) * np.cos(harmonic * heard + rng.uniform(0, 2 * np.pi))
    signs = np.where(np.arange(n_sweeps) % 2, -1.0, 1.0)
    waves = amplitude_v * wave + fine_structure_v * np.outer(signs, np.cos(4 * heard))
    topography = np.cos(np.pi / 2 * (np.linspace(-0.5, 0.5, n_channels)))
    eeg = np.outer(waves.ravel(), topography if n_channels > 1 else np.ones(1))
    add_noise(eeg, rng, noise or NoiseLevels(), sfreq=sfreq)
    streams = {"stimulus": 1 + np.cos(cycles(time_s))}
    trials = tuple(
        Trial(
            sweep,
            f"sweep {i + 1}",
            streams,
            {"condition": "positive" if signs[i] > 0 else "negative"},
            onset_s=i * sweep_s,
        )
        for i, sweep in enumerate(eeg.reshape(n_sweeps, n_times, n_channels))
    )
    return Recording("simulated", sfreq, electrode_names(n_channels), trials)
