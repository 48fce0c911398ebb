"""One listener's EEG and what was heard, from a simulation, files or a BIDS data set, ready for analysis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.efr.config import BidsInput, EfrConfig, FilesInput, SimulatedInput, SimulatedSweepsInput
from cogattn.eeg.efr.plan import EfrCell, own_input
from cogattn.eeg.recordings.cutting import CONDITION, STIMULUS, Alignment, cut, from_epochs
from cogattn.eeg.recordings.recording import Recording
from cogattn.errors import DataError
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.eeg.recordings.simulate_path import AuditoryPath


def load(config: EfrConfig, cell: EfrCell) -> tuple[Recording, Alignment]:
    """Return a cell's recording with the stream ``stimulus``, picked, referenced, resampled and checked.

    Parameters
    ----------
    config : EfrConfig
        The run's settings, or those that are relevant to the cell.
    cell : EfrCell
        Whose recording; all cells of a listener have the same.

    Returns
    -------
    recording : Recording
        At most at ``config.sfreq``.
    alignment : Alignment
        How its trials were found.

    Raises
    ------
    DataError
        If a file is missing, damaged, or sound and EEG cannot be aligned.
    """
    recording, alignment = _read(config, cell)
    recording = _referenced(recording, config)
    if recording.sfreq > config.sfreq:
        recording = recording.resampled(config.sfreq)
    if config.following and len(recording.channels) < 2:
        raise DataError(f"a recording must have at least two EEG channels; got {recording.channels}")
    return recording.checked(), alignment


def _read(config: EfrConfig, cell: EfrCell) -> tuple[Recording, Alignment]:
    rng = Streams(config.seed).child("listener", cell.index)
    source = own_input(config.input, cell)
    if isinstance(source, SimulatedInput):
        return simulated(source, rng), Alignment("simulation")
    if isinstance(source, SimulatedSweepsInput):
        return simulated_sweeps(source, rng), Alignment("simulation")
    if isinstance(source, BidsInput):
        return _bids(config, source)
    return _file(config, source)


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
    from cogattn.eeg.recordings.simulate_path import NoiseLevels, simulate_path

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
    from cogattn.eeg.recordings.simulate_path import simulate_steady_state

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
    from cogattn.eeg.recordings.simulate_path import AuditoryPath

    path = AuditoryPath(source.n_channels)
    scaled = tuple(replace(g, gain_v=g.gain_v * source.strength) for g in path.generators)
    return replace(path, generators=scaled)


def _file(config: EfrConfig, source: FilesInput) -> tuple[Recording, Alignment]:
    from cogattn.eeg.recordings import readers

    (path,) = source.recordings
    if source.layout == "continuous":
        raw = readers.read_raw(path, unit="V" if source.unit == "auto" else source.unit)
        return cut(raw, config, source, source.stimuli, path.stem)
    if source.layout == "epochs":
        recording = from_epochs(path, config, source, source.stimuli)
        events = dict.fromkeys(trial.labels[CONDITION] for trial in recording.trials)
        return recording, Alignment("epochs", ", ".join(events))
    recording = _of_layout(config, source, path)
    heard = recording.stream(source.stream)
    trials = tuple(
        replace(trial, streams={STIMULUS: np.asarray(stream).reshape(len(stream), -1).mean(axis=1)})
        for trial, stream in zip(recording.trials, heard, strict=True)
    )
    return replace(recording, trials=trials), Alignment("layout")


def _of_layout(config: EfrConfig, source: FilesInput, path: Path) -> Recording:
    """Read a MATLAB file that brings its own envelopes, or names its sounds."""
    from cogattn.eeg.recordings import readers

    unit = "uV" if source.unit == "auto" else source.unit
    if source.layout == "dtu":
        return readers.read_dtu(path, unit=unit)
    if source.layout == "cnd":
        return readers.read_cnd(path, source.stimuli[0], unit=unit)
    recording = readers.read_kul(path, unit=unit)
    if not source.stimuli:
        return recording
    from cogattn.eeg.recordings.envelope import Envelope

    settings = config.envelope
    envelope = Envelope(kind=settings.method, sfreq=recording.sfreq, power=settings.power)
    return readers.with_audio(recording, source.stimuli[0], envelope)


def _bids(config: EfrConfig, source: BidsInput) -> tuple[Recording, Alignment]:
    from cogattn.eeg.recordings import readers

    (subject,) = source.subjects
    raw = readers.read_bids(
        source.root,
        subject=subject,
        task=source.task,
        session=source.session,
        run=source.run,
        unit="V" if source.unit == "auto" else source.unit,
    )
    return cut(raw, config, source, source.stimuli, f"sub-{subject}")
