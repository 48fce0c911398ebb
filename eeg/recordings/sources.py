"""One way in for both studies: a listener's recording from a simulation, files, BIDS, a table or a layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.eeg.recordings.audit import audited
from cogattn.eeg.recordings.bad_spans import pieces
from cogattn.eeg.recordings.bids_events import events_places, events_tell
from cogattn.eeg.recordings.cleaning import cleaned, known_bad
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
from cogattn.eeg.recordings.cutting import Heard, Part, cut, joined, with_sounds
from cogattn.eeg.recordings.epoched import averages_part, epochs_part
from cogattn.eeg.recordings.files import cnd_stimuli, folder_files, rows_of, table_of
from cogattn.eeg.recordings.files import digests as digests
from cogattn.eeg.recordings.files import listeners as listeners
from cogattn.eeg.recordings.intake import Intake
from cogattn.eeg.recordings.places import Places, places_of
from cogattn.eeg.recordings.readers import in_volts, open_bids, open_raw, read_raw
from cogattn.eeg.recordings.recording import Recording, check_finite
from cogattn.eeg.recordings.relevant import own
from cogattn.eeg.recordings.size import SIMULATION_SFREQ as SIMULATION_SFREQ
from cogattn.eeg.recordings.sound import sound as sound
from cogattn.eeg.recordings.trial_table import places, recordings_of, sounds_beside
from cogattn.seeds import Streams

if TYPE_CHECKING:
    import mne

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
        part = whole(simulated(source, listener, envelope=envelope, seed=seed))
    elif isinstance(source, Files | Bids):
        part = _played(own(source, listener), listener, cleaning, envelope)
    elif isinstance(source, Table):
        part = _listed(source, listener, cleaning, envelope)
    else:
        part = whole(_of_layout(source, listener, envelope))
    return tidied(part, cleaning, listener)


def tidied(part: Part, cleaning: Cleaning, listener: str) -> Recording:
    """Clean and check what was read; its content is looked through before, see `cogattn.eeg.recordings.audit`.

    Channels that are known to be bad may hold anything: they have no part in either look.
    """
    recording = replace(part.recording, subject=listener)
    known = known_bad(recording.channels, cleaning, part.marked)
    told = recording.picked([n for n in recording.channels if n not in known]) if known else recording
    for trial, spans in zip(told.trials, part.bad, strict=True):
        for start, stop in pieces((0, len(trial.eeg)), spans):
            where = f"subject {listener}, {trial.name}"
            check_finite(trial.eeg[start:stop], channels=told.channels, where=where)
    out = cleaned(recording, cleaning, marked=part.marked, bad=part.bad, info=part.info)
    checked = out.checked()
    return replace(checked, intake=replace(checked.intake, prints=audited(told)))


def whole(recording: Recording) -> Part:
    """A recording of whole trials of which nothing is marked bad."""
    duration_s = sum(len(trial.eeg) for trial in recording.trials) / recording.sfreq
    intake = replace(recording.intake, n_trials=len(recording.trials), duration_s=duration_s)
    return Part(replace(recording, intake=intake), [[] for _ in recording.trials])


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
    from cogattn.eeg.recordings.layouts import read_cnd, read_dtu, read_kul

    file = folder_files(source)[listener]
    unit = unit_of(source, "uV")
    if isinstance(source, Dtu):
        return read_dtu(file, unit=unit)
    if isinstance(source, Kul):
        return read_kul(file, unit=unit)
    if isinstance(source, AvGc):
        return read_av_gc(file, unit=unit)
    if not isinstance(source, Cnd):
        raise TypeError(f"source must be a MATLAB layout; got {type(source).__name__}")
    streams = {"attended": source.attended, "unattended": source.unattended}
    return read_cnd(file, cnd_stimuli(source), streams=streams, optional=("unattended",), unit=unit)


def unit_of(source: Files | Bids | Folder, usual: Unit) -> Unit:
    """Unit of the EEG in the files."""
    return usual if source.unit == "auto" else source.unit


def found_places(source: Files | Bids, raw: mne.io.BaseRaw, listener: str) -> Places:
    """Where the trials of a continuous recording lie: as a BIDS table of events names sounds, or by the settings."""
    if isinstance(source, Bids) and events_tell(source):
        found = events_places(source, raw, listener)
        if found is not None:
            return found
    return places_of(raw, source, listener)


def opened(source: Files | Bids, said: list[str] | None = None) -> mne.io.BaseRaw:
    """Open the one recording of a source; its samples stay on disk where they can."""
    if isinstance(source, Files):
        return open_raw(source.files[0], said=said)
    return open_bids(
        source.root,
        subject=source.subjects[0],
        task=source.task,
        session=source.session,
        run=source.run,
        said=said,
    )


def _played(source: Files | Bids, listener: str, cleaning: Cleaning, envelope: EnvelopeSettings) -> Part:
    how, unit = Heard(envelope, source.envelope_sfreq), unit_of(source, "V")
    if isinstance(source, Files) and source.content == "epochs":
        return epochs_part(source.files[0], source, how, cleaning, unit)
    if isinstance(source, Files) and source.content == "averages":
        usual: Unit = "V" if source.files[0].suffix.lower() == ".fif" else "uV"
        return averages_part(source.files[0], source.averages_sfreq, unit_of(source, usual))
    said: list[str] = []
    raw = in_volts(opened(source, said).load_data(verbose="error"), unit, where=listener)
    found = found_places(source, raw, listener)
    return cut(raw, found, how=how, cleaning=cleaning, unit=unit, subject=listener, remarks=said)


def _listed(source: Table, listener: str, cleaning: Cleaning, envelope: EnvelopeSettings) -> Part:
    table, unit = table_of(source), unit_of(source, "V")
    how, parts = Heard(envelope, source.envelope_sfreq), []
    for name, rows in recordings_of(rows_of(source), listener).items():
        said: list[str] = []
        raw = read_raw(table.parent / name, unit=unit, said=said)
        trials = places(raw, rows, sounds_beside(table), listener)
        found = Places("table", "", "", trials)
        parts.append(cut(raw, found, how=how, cleaning=cleaning, unit=unit, subject=listener, remarks=said))
    return joined(parts, listener)


def _of_layout(source: Folder, listener: str, envelope: EnvelopeSettings) -> Recording:
    recording = read_folder(source, listener)
    if isinstance(source, Kul) and source.audio is not None:
        how = Heard(envelope, source.envelope_sfreq)
        recording = with_sounds(recording, source.audio, how)
    return replace(recording, intake=Intake("layout"))


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


def _story(path: Path, envelope: EnvelopeSettings) -> FloatArray:
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
