"""One way in for both studies: a listener's recording from a simulation, files, BIDS, a table or a layout."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cogattn.eeg.recordings.config import (
    AvGc,
    Bids,
    Cleaning,
    Cnd,
    Dtu,
    EnvelopeSettings,
    Files,
    Folder,
    Kul,
    SimulatedPath,
    SimulatedSweeps,
    SimulatedTalkers,
    Source,
    Table,
)
from cogattn.eeg.recordings.files import cnd_stimuli, folder_files, table_of
from cogattn.eeg.recordings.files import digests as digests
from cogattn.eeg.recordings.files import listeners as listeners
from cogattn.eeg.recordings.intake import Intake
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.size import SIMULATION_SFREQ as SIMULATION_SFREQ
from cogattn.seeds import Streams

if TYPE_CHECKING:
    from cogattn.eeg.recordings.readers import Unit
    from cogattn.eeg.recordings.simulate_path import AuditoryPath
    from cogattn.eeg.types import FloatArray


def load(
    source: Source, listener: str, *, cleaning: Cleaning, envelope: EnvelopeSettings, seed: int
) -> Recording:
    """Read or simulate one listener's recording: checked, cleaned, in volts, at its own rate.

    Parameters
    ----------
    source : Source
        Where it comes from.
    listener : str
        One of `listeners`.
    cleaning : Cleaning
        Channels, reference, and what is left out.
    envelope : EnvelopeSettings
        How a sound becomes an envelope.
    seed : int
        Of a simulation.

    Returns
    -------
    Recording
        With the streams ``attended`` and ``unattended``, or ``stimulus``; none where nothing tells what was heard.

    Raises
    ------
    ConfigError, DataError
        If a file is missing, damaged, or sound and EEG cannot be aligned.
    """
    if isinstance(source, SimulatedTalkers | SimulatedPath | SimulatedSweeps):
        recording = simulated(source, listener, envelope=envelope, seed=seed)
    elif isinstance(source, Files | Bids):
        recording = _played(source, listener, cleaning, envelope)
    else:
        recording = _of_folder(source, listener, envelope)
    return _cleaned(replace(recording, subject=listener), cleaning).checked()


def simulated(
    source: SimulatedTalkers | SimulatedPath | SimulatedSweeps,
    listener: str,
    *,
    envelope: EnvelopeSettings,
    seed: int,
) -> Recording:
    """Simulate one listener; the path is the same for all, noise and stimulus differ."""
    intake = Intake("simulation")
    if isinstance(source, SimulatedTalkers):
        rng = Streams(seed).child("aad", listener)
        return replace(_talkers(source, listener, envelope, rng), intake=intake)
    rng = Streams(seed).child("listener", int(listener.split()[-1]) - 1)
    if isinstance(source, SimulatedSweeps):
        return replace(_sweeps(source, rng), intake=intake)
    from cogattn.eeg.recordings.simulate_path import NoiseLevels, simulate_path

    made = simulate_path(
        rng.generator("simulation"),
        simulated_path(source),
        duration_s=source.duration_s,
        sfreq=source.sfreq,
        kind=source.stimulus,
        noise=NoiseLevels(mains_hz=source.mains_hz),
    )
    return replace(made, intake=intake)


def simulated_path(source: SimulatedPath) -> AuditoryPath:
    """The auditory path that a simulation passes the envelope through."""
    from cogattn.eeg.recordings.simulate_path import AuditoryPath

    path = AuditoryPath(source.n_channels)
    scaled = tuple(replace(g, gain_v=g.gain_v * source.strength) for g in path.generators)
    return replace(path, generators=scaled)


def read_folder(source: Folder, listener: str) -> Recording:
    """Read one listener's file of a MATLAB layout; the sounds that a KU Leuven file only names stay names."""
    from cogattn.eeg.recordings.av_gc import read_av_gc
    from cogattn.eeg.recordings.readers import read_cnd, read_dtu, read_kul

    file = folder_files(source)[listener]
    unit = unit_of(source, "uV")
    if isinstance(source, Dtu):
        return read_dtu(file, unit=unit)
    if isinstance(source, Kul):
        return read_kul(file, unit=unit)
    if isinstance(source, AvGc):
        return read_av_gc(file, unit=unit)
    if not isinstance(source, Cnd):
        raise TypeError(f"source must be a MATLAB layout; got {source.kind}")
    streams = {"attended": source.attended, "unattended": source.unattended}
    return read_cnd(file, cnd_stimuli(source), streams=streams, optional=("unattended",), unit=unit)


def unit_of(source: Files | Bids | Folder, usual: Unit) -> Unit:
    """Unit of the EEG in the files."""
    return usual if source.unit == "auto" else source.unit


def _of_folder(source: Folder, listener: str, envelope: EnvelopeSettings) -> Recording:
    from cogattn.eeg.recordings.envelope import Envelope
    from cogattn.eeg.recordings.readers import with_audio
    from cogattn.eeg.recordings.trial_table import read_session

    if isinstance(source, Table):
        found = read_session(table_of(source), listener, unit=unit_of(source, "V"))
        return replace(found, intake=Intake("table"))
    recording = read_folder(source, listener)
    if isinstance(source, Kul) and source.audio is not None:
        made = Envelope(kind=envelope.method, sfreq=recording.sfreq, power=envelope.power)
        recording = with_audio(recording, source.audio, made)
    return replace(recording, intake=Intake("layout"))


def _played(source: Files | Bids, listener: str, cleaning: Cleaning, envelope: EnvelopeSettings) -> Recording:
    from cogattn.eeg.recordings import readers
    from cogattn.eeg.recordings.cutting import CONDITION, Ways, cut, from_epochs
    from cogattn.eeg.recordings.relevant import own

    alone, ways, unit = own(source, listener), Ways(cleaning, envelope), unit_of(source, "V")
    if isinstance(alone, Bids):
        (subject,) = alone.subjects
        raw = readers.read_bids(
            alone.root,
            subject=subject,
            task=alone.task,
            session=alone.session,
            run=alone.run,
            unit=unit,
        )
    elif isinstance(alone, Files) and alone.content == "epochs":
        recording = from_epochs(alone.files[0], ways, alone, alone.stimuli)
        events = dict.fromkeys(trial.labels[CONDITION] for trial in recording.trials)
        return replace(recording, intake=Intake("epochs", ", ".join(events)))
    else:
        raw = readers.read_raw(alone.files[0], unit=unit)
    recording, found = cut(raw, ways, alone, alone.stimuli, listener)
    return replace(recording, intake=Intake(found.how, found.events, found.ignored))


def _cleaned(recording: Recording, cleaning: Cleaning) -> Recording:
    """Subtract the reference, and keep the chosen channels without the reference channels."""
    if cleaning.reference == "average":
        recording = recording.referenced("average")
    elif cleaning.reference == "channels":
        recording = recording.referenced(cleaning.reference_channels)
    chosen = cleaning.channels or recording.channels
    kept = [name for name in chosen if name not in cleaning.reference_channels]
    return recording if tuple(kept) == recording.channels else recording.picked(kept)


def _talkers(source: SimulatedTalkers, listener: str, envelope: EnvelopeSettings, rng: Streams) -> Recording:
    from cogattn.eeg.recordings.montage import front_to_back, standard_channels
    from cogattn.eeg.recordings.simulate_talkers import draw_listener, simulate_recording

    channels = standard_channels(source.n_channels)
    who = draw_listener(
        rng.generator("listener"),
        name=listener,
        n_channels=source.n_channels,
        sfreq=SIMULATION_SFREQ,
        snr_db=source.snr_db,
        unattended_gain=source.unattended_gain,
        position=front_to_back(channels),
    )
    return simulate_recording(
        rng.generator("session"),
        who,
        n_trials=source.n_trials,
        duration_s=source.trial_s,
        sfreq=SIMULATION_SFREQ,
        stories=None if source.speech is None else [_story(path, envelope) for path in source.speech],
        channels=channels,
    )


def _story(path, envelope: EnvelopeSettings) -> FloatArray:
    from cogattn.eeg.recordings.envelope import Envelope, read_audio

    return Envelope(kind=envelope.method, sfreq=SIMULATION_SFREQ, power=envelope.power)(*read_audio(path))


def _sweeps(source: SimulatedSweeps, rng: Streams) -> Recording:
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
