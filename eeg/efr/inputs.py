"""One listener's EEG and what was heard, from a simulation, files or a BIDS data set, ready for analysis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.efr.config import BidsInput, EfrConfig, FilesInput, SimulatedInput, SimulatedSweepsInput
from cogattn.eeg.efr.cutting import STIMULUS, cut, from_epochs
from cogattn.eeg.recordings.recording import Recording
from cogattn.errors import ConfigError, DataError
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.eeg.efr.simulate import AuditoryPath


def listeners(config: EfrConfig) -> list[str]:
    """Names of the recordings, unique, in order; raise ConfigError where two files share one."""
    source = config.input
    if isinstance(source, SimulatedInput | SimulatedSweepsInput):
        return [f"listener {i + 1}" for i in range(source.n_listeners)]
    if isinstance(source, BidsInput):
        return [f"sub-{subject}" for subject in source.subjects]
    names = [path.stem for path in source.recordings]
    if len(set(names)) < len(names):
        raise ConfigError(f"input.recordings must have different names; got {', '.join(names)}")
    return names


def files(config: EfrConfig) -> dict[str, Path]:
    """Every file or folder that the settings name, by setting."""
    source = config.input
    if isinstance(source, FilesInput):
        named = {f"recording {path.name}": path for path in source.recordings}
        return named | {f"stimulus {path.name}": path for path in source.stimuli}
    if isinstance(source, BidsInput):
        folders = {f"sub-{s}": source.root / f"sub-{s}" for s in source.subjects}
        return folders | {f"stimulus {path.name}": path for path in source.stimuli}
    return {}


def load(config: EfrConfig, index: int, rng: Streams) -> Recording:
    """Return recording `index` with the stream ``stimulus``, picked, referenced, resampled and checked.

    Raises
    ------
    DataError
        If a file is missing, damaged, or sound and EEG cannot be aligned.
    """
    source = config.input
    if isinstance(source, SimulatedInput):
        recording = simulated(source, rng.child("listener", index))
    elif isinstance(source, SimulatedSweepsInput):
        recording = simulated_sweeps(source, rng.child("listener", index))
    elif isinstance(source, BidsInput):
        recording = _bids(config, source, index)
    else:
        recording = _file(config, source, index)
    recording = _referenced(recording, config)
    if recording.sfreq > config.sfreq:
        recording = recording.resampled(config.sfreq)
    if config.following and len(recording.channels) < 2:
        raise DataError(f"a recording must have at least two EEG channels; got {recording.channels}")
    return recording.checked()


def _referenced(recording: Recording, config: EfrConfig) -> Recording:
    """Subtract the reference, and keep the chosen positions without the reference channels."""
    if config.reference == "average":
        recording = recording.referenced("average")
    elif config.reference == "channels":
        recording = recording.referenced(config.reference_channels)
    kept = [name for name in config.positions or recording.channels if name not in config.reference_channels]
    return recording if tuple(kept) == recording.channels else recording.picked(kept)


def simulated(source: SimulatedInput, rng: Streams) -> Recording:
    """Simulate one listener; the path is the same for all, noise and stimulus differ."""
    from cogattn.eeg.efr.simulate import NoiseLevels, simulate_path

    return simulate_path(
        rng.generator("simulation"),
        simulated_path(source),
        duration_s=source.duration_s,
        sfreq=source.sfreq,
        kind=source.stimulus,
        noise=NoiseLevels(mains_hz=source.mains_hz),
    )


def simulated_sweeps(source: SimulatedSweepsInput, rng: Streams) -> Recording:
    """Simulate one listener to a repeated sound of alternating polarity."""
    from cogattn.eeg.efr.simulate import simulate_steady_state

    return simulate_steady_state(
        rng.generator("simulation"),
        modulation_hz=source.modulation_hz,
        amplitude_v=1e-6 * source.envelope_uv,
        fine_structure_v=1e-6 * source.fine_structure_uv,
        glide_hz=source.glide_hz,
        delay_s=source.delay_s,
        n_sweeps=source.n_sweeps,
        sweep_s=source.sweep_s,
        sfreq=source.sfreq,
        n_channels=source.n_channels,
    )


def simulated_path(source: SimulatedInput) -> AuditoryPath:
    """The auditory path that `simulated` passes the envelope through."""
    from cogattn.eeg.efr.simulate import AuditoryPath

    path = AuditoryPath(source.n_channels)
    scaled = tuple(replace(g, gain_v=g.gain_v * source.strength) for g in path.generators)
    return replace(path, generators=scaled)


def _file(config: EfrConfig, source: FilesInput, index: int) -> Recording:
    from cogattn.eeg.recordings import readers

    path, stimuli = source.recordings[index], _stimuli_of(source, index)
    if source.layout == "continuous":
        raw = readers.read_raw(path, unit="V" if source.unit == "auto" else source.unit)
        return cut(raw, config, source, stimuli, path.stem)
    if source.layout == "epochs":
        return from_epochs(path, config, source, stimuli)
    unit = "uV" if source.unit == "auto" else source.unit
    if source.layout == "dtu":
        recording = readers.read_dtu(path, unit=unit)
    elif source.layout == "cnd":
        if not stimuli:
            raise ConfigError("input.stimuli must name the dataStim file when input.layout is cnd")
        recording = readers.read_cnd(path, stimuli[0], unit=unit)
    else:
        from cogattn.eeg.recordings.envelope import Envelope

        recording = readers.read_kul(path, unit=unit)
        if stimuli:
            settings = config.envelope
            envelope = Envelope(kind=settings.method, sfreq=recording.sfreq, power=settings.power)
            recording = readers.with_audio(recording, stimuli[0], envelope)
    heard = recording.stream(source.stream)
    trials = tuple(
        replace(trial, streams={STIMULUS: np.asarray(stream).reshape(len(stream), -1).mean(axis=1)})
        for trial, stream in zip(recording.trials, heard, strict=True)
    )
    return replace(recording, trials=trials)


def _bids(config: EfrConfig, source: BidsInput, index: int) -> Recording:
    from cogattn.eeg.recordings import readers

    subject = source.subjects[index]
    raw = readers.read_bids(
        source.root,
        subject=subject,
        task=source.task,
        session=source.session,
        run=source.run,
        unit="V" if source.unit == "auto" else source.unit,
    )
    return cut(raw, config, source, _stimuli_of(source, index), subject)


def _stimuli_of(source: FilesInput | BidsInput, index: int) -> tuple[Path, ...]:
    """What was heard in recording `index`: all stimuli where they belong to triggers, else its own or none."""
    if source.stimuli_by == "trigger" or len(source.stimuli) <= 1:
        return source.stimuli
    return (source.stimuli[index],)
