"""What is known of a recording before it is analysed: lengths, rate, channels, labels.

Continuous recordings and sounds are asked for their headers only (and the trigger channel, where triggers are codes).
MATLAB files have no header: they are read, and what is wrong with them is found on the way; a large data set is read as
far as `READ_AT_MOST`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.eeg.recordings.audit import Prints, check_listeners
from cogattn.eeg.recordings.cleaning import check_average
from cogattn.eeg.recordings.clock import Clock
from cogattn.eeg.recordings.config import (
    Bids,
    Cleaning,
    Files,
    Folder,
    Kul,
    Played,
    SimulatedPath,
    SimulatedSweeps,
    SimulatedTalkers,
    Source,
    Table,
)
from cogattn.eeg.recordings.cutting import read_channels
from cogattn.eeg.recordings.epoched import averages_part, epoch_lengths
from cogattn.eeg.recordings.facts import TrialFacts, fact_of, facts_of, with_sound_names
from cogattn.eeg.recordings.files import file_state, folder_files, listeners, rows_of, table_of
from cogattn.eeg.recordings.heard import seconds_of
from cogattn.eeg.recordings.places import CONDITION, ROLES, STIMULUS, Place, check_apart, span_of
from cogattn.eeg.recordings.readers import audio_file, open_epochs, open_raw
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.relevant import own
from cogattn.eeg.recordings.sources import SIMULATION_SFREQ, found_places, opened, read_folder, tidied, whole
from cogattn.eeg.recordings.trial_table import check_alike, places, recordings_of, sounds_beside
from cogattn.errors import ConfigError, DataError

if TYPE_CHECKING:
    import mne

READ_AT_MOST = 200 * 2**20
"""Bytes of MATLAB files that are read to know their trials; the first listener's always is."""


@dataclass(frozen=True)
class Outline:
    """A listener's recording without its samples.

    Parameters
    ----------
    subject : str
        Whose.
    sfreq : float
        Rate in Hz.
    channels : tuple of str
        Names of those that are analysed.
    n_times : tuple of int
        Samples of each trial.
    facts : tuple of TrialFacts
        What validation must know of each.
    codes : tuple of str
        Condition of each: the trigger at which it began; "" where none is told.
    streams : tuple of str
        What was heard: ``attended`` and ``unattended``, or ``stimulus``.
    prints : Prints, optional
        What EEG and sounds are known by, where the samples were read.
    """

    subject: str
    sfreq: float
    channels: tuple[str, ...]
    n_times: tuple[int, ...]
    facts: tuple[TrialFacts, ...]
    codes: tuple[str, ...]
    streams: tuple[str, ...]
    prints: Prints | None = None

    @property
    def longest_s(self) -> float:
        """Length of the longest trial in seconds."""
        return max(self.n_times) / self.sfreq

    @property
    def duration_s(self) -> float:
        """Of all trials."""
        return sum(self.n_times) / self.sfreq


def outlines(source: Source, cleaning: Cleaning) -> Iterator[tuple[str, Callable[[], Outline]]]:
    """Yield each listener with what makes the outline, as far as outlines can be had cheaply.

    Making one raises ConfigError or DataError where the recording is missing or damaged.
    """
    read = 0
    for name in listeners(source):
        if isinstance(source, Folder) and not isinstance(source, Table):
            path = folder_files(source)[name]
            size = path.stat().st_size
            if read and read + size > READ_AT_MOST:
                continue
            read += size
        yield name, partial(outline, source, name, cleaning)


def outline(source: Source, listener: str, cleaning: Cleaning) -> Outline:
    """What one listener's recording holds; see the module."""
    if isinstance(source, SimulatedTalkers):
        found = _talkers(source, listener)
    elif isinstance(source, SimulatedPath | SimulatedSweeps):
        found = _simulated(source, listener)
    elif isinstance(source, Table):
        found = _in_table(source, listener, cleaning)
    elif isinstance(source, Folder):
        return _in_file(source, listener, cleaning, file_state(folder_files(source)[listener]))
    else:
        found = _played(own(source, listener), listener, cleaning)
    return _picked(found, cleaning)


def _picked(found: Outline, cleaning: Cleaning) -> Outline:
    """With the channels that are analysed: chosen, and no reference."""
    for setting in ("channels", "reference_channels"):
        missing = [name for name in getattr(cleaning, setting) if name not in found.channels]
        if missing:
            raise DataError(
                f"cleaning.{setting} must be among the recording's channels; got {missing[0]!r} ({found.subject} has "
                f"{', '.join(found.channels)})"
            )
    out = {*cleaning.reference_channels, *cleaning.eog}
    left_out = {*out, *(cleaning.bads if cleaning.bad_channels == "drop" else ())}
    averaged = [name for name in found.channels if name not in left_out]
    check_average(averaged, cleaning, subject=found.subject)
    chosen = tuple(name for name in cleaning.channels or found.channels if name not in out)
    return replace(found, channels=chosen)


def _talkers(source: SimulatedTalkers, subject: str) -> Outline:
    from cogattn.eeg.recordings.montage import standard_channels

    n_times = round(source.trial_s * SIMULATION_SFREQ)
    facts = tuple(
        TrialFacts(
            subject, f"trial {i + 1}", f"part {i + 1}", "AB"[i % 2], attended=f"a{i}", unattended=f"b{i}"
        )
        for i in range(source.n_trials)
    )
    channels, n = standard_channels(source.n_channels), source.n_trials
    return Outline(subject, SIMULATION_SFREQ, channels, (n_times,) * n, facts, ("",) * n, ROLES)


def _simulated(source: SimulatedPath | SimulatedSweeps, subject: str) -> Outline:
    from cogattn.eeg.recordings.simulate_path import electrode_names

    names = electrode_names(source.n_channels)
    lengths: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    if isinstance(source, SimulatedPath):
        lengths, codes = (round(source.duration_s * source.sfreq),), ("",)
    else:
        lengths = (round(source.sweep_s * source.sfreq),) * source.n_sweeps
        codes = (("positive", "negative") * (source.n_sweeps // 2 + 1))[: source.n_sweeps]
    facts = tuple(TrialFacts(subject, f"trial {i + 1}") for i in range(len(lengths)))
    return Outline(subject, source.sfreq, names, lengths, facts, codes, ("stimulus",))


@lru_cache(maxsize=1024)
def _in_file(source: Folder, subject: str, cleaning: Cleaning, state: tuple[int, ...]) -> Outline:
    """Read a MATLAB file; `state` tells when it has changed."""
    recording = tidied(whole(read_folder(source, subject)), cleaning, subject)
    facts = facts_of(recording)
    streams = tuple(recording.trials[0].streams)
    if isinstance(source, Kul) and source.audio is not None:
        _check_sounds(source.audio, recording, source.envelope_sfreq)
        streams = ROLES
    elif "attended" not in streams:
        raise ConfigError(
            f"recordings.audio must name the folder of the sounds; got none, and {subject} holds no envelopes"
        )
    elif "unattended" in streams:
        facts = with_sound_names(facts, recording.stream("attended"), recording.stream("unattended"))
    n_times = tuple(len(trial) for trial in recording.eeg)
    codes = ("",) * len(n_times)
    prints = recording.intake.prints
    return Outline(
        subject, recording.sfreq, recording.channels, n_times, tuple(facts), codes, streams, prints
    )


def _check_sounds(folder: Path, recording: Recording, envelope_sfreq: float) -> None:
    """Raise DataError where a sound that the trials name is missing or too short."""
    for trial in recording.trials:
        where = f"subject {recording.subject}, {trial.name}"
        for role in ROLES:
            sound = audio_file(folder, trial.labels[f"{role}_audio"])
            _check_sound(sound, len(trial.eeg), recording.sfreq, envelope_sfreq, where)


def _in_table(source: Table, subject: str, cleaning: Cleaning) -> Outline:
    """Read the headers of the recordings and sounds in a subject's rows."""
    table, parts = table_of(source), []
    for name, rows in recordings_of(rows_of(source), subject).items():
        raw = open_raw(table.parent / name)
        trials = places(raw, rows, sounds_beside(table), subject)
        parts.append(_of_places(raw, trials, source.envelope_sfreq, cleaning, subject))
    check_alike([(part.sfreq, part.channels) for part in parts], subject)
    joined = {
        name: tuple(item for part in parts for item in getattr(part, name))
        for name in ("n_times", "facts", "codes")
    }
    streams = tuple(role for role in parts[0].streams if all(role in part.streams for part in parts))
    return replace(parts[0], **joined, streams=streams)


def _of_places(
    raw: mne.io.BaseRaw, trials: Sequence[Place], envelope_sfreq: float, cleaning: Cleaning, subject: str
) -> Outline:
    """What a continuous recording's header and the lengths of sounds tell of its trials."""
    sfreq = float(raw.info["sfreq"])
    n_times, facts, codes, taken = [], [], [], []
    for place in trials:
        where = f"subject {subject}, {place.name}"
        with _setting("recordings.stimuli" if not place.exact else ""):
            lasting = {path: seconds_of(path, envelope_sfreq) for path in place.sounds.values()}
        for path, seconds in lasting.items():
            if not place.exact and place.wanted_s is not None and place.wanted_s > seconds + 0.5 / sfreq:
                raise ConfigError(
                    f"recordings.trial_s must not exceed the sound; got {place.wanted_s:g} s for {seconds:.4g} s "
                    f"({path})"
                )
            if place.onset_s is None and seconds > raw.n_times / sfreq and not place.exact:
                raise DataError(
                    f"recordings.stimuli must be shorter than the recording in which they are sought; got "
                    f"{seconds:.4g} s for {raw.n_times / sfreq:.4g} s ({subject})"
                )
        start, length = span_of(raw, place, Clock(place.onset_s or 0.0), envelope_sfreq, where)
        if place.exact and place.onset_s is not None:
            taken.append((start / sfreq, (start + length) / sfreq, place.name))
        n_times.append(length)
        facts.append(fact_of(subject, place.name, place.labels))
        codes.append(place.labels.get(CONDITION, ""))
    check_apart(taken, sfreq, f"subject {subject}")
    channels = tuple(read_channels(raw, trials, cleaning, subject))
    roles = [STIMULUS] if trials[0].taped else list(trials[0].sounds)
    streams = tuple(role for role in roles if all(p.taped or role in p.sounds for p in trials))
    return Outline(subject, sfreq, channels, tuple(n_times), tuple(facts), tuple(codes), streams)


def _check_sound(path: Path, n_times: int, sfreq: float, envelope_sfreq: float, where: str) -> None:
    """Raise DataError where a sound is shorter than its trial by more than rounding."""
    seconds = seconds_of(path, envelope_sfreq)
    if seconds * sfreq < n_times - 1:
        raise DataError(
            f"a sound must last as long as its EEG; got {seconds:g} s for {n_times / sfreq:g} s "
            f"({where}, {path.name})"
        )


def _played(source: Files | Bids, subject: str, cleaning: Cleaning) -> Outline:
    """Where the trials of one recording lie, from its header, its events and the lengths of its sounds."""
    if isinstance(source, Files) and source.content == "averages":
        return _of_averages(source, subject)
    if isinstance(source, Files) and source.content == "epochs":
        return _of_epochs(source, subject, cleaning)
    with _setting("recordings.files" if isinstance(source, Files) else "recordings.root"):
        raw = opened(source)
    found = found_places(source, raw, subject)
    return _of_places(raw, found.trials, source.envelope_sfreq, cleaning, subject)


def _of_epochs(source: Files, subject: str, cleaning: Cleaning) -> Outline:
    with _setting("recordings.files"):
        epochs = open_epochs(source.files[0])
    lengths = epoch_lengths(epochs, source, source.envelope_sfreq, subject)
    facts = tuple(TrialFacts(subject, f"trial {i + 1}") for i in range(len(lengths)))
    codes, n_times = (code for code, _ in lengths), tuple(n for _, n in lengths)
    streams = () if not source.stimuli else ROLES if source.unattended else (STIMULUS,)
    sfreq, channels = float(epochs.info["sfreq"]), read_channels(epochs, (), cleaning, subject)
    return Outline(subject, sfreq, tuple(channels), n_times, facts, tuple(codes), streams)


def _of_averages(source: Files, subject: str) -> Outline:
    with _setting("recordings.files"):
        found = averages_part(source.files[0], source.averages_sfreq, "arbitrary").recording
    n_times = tuple(len(trial.eeg) for trial in found.trials)
    codes = tuple(trial.labels.get(CONDITION, "") for trial in found.trials)
    return Outline(subject, found.sfreq, found.channels, n_times, tuple(facts_of(found)), codes, ())


@contextmanager
def _setting(path: str) -> Generator[None]:
    """Put the path of a setting before what a reader says of a file."""
    try:
        yield
    except DataError as error:
        if not path:
            raise
        raise DataError(f"{path}: {error}") from error


def check_people(found: Sequence[Outline]) -> None:
    """Raise DataError where two listeners share EEG, as far as it was read."""
    check_listeners(sum((one.prints for one in found if one.prints is not None), start=Prints()))


def check_triggers(source: Played, found: Sequence[Outline]) -> None:
    """Every trigger occurs somewhere (in each recording one does), and tells every kind of epoch its sound."""
    occurring = {code for outline in found for code in outline.codes}
    absent = [trigger for trigger in source.triggers if trigger not in occurring]
    if absent:
        raise DataError(
            f"recordings.triggers must occur in the recordings; got {absent[0]!r}, which none has"
        )
    untold = sorted(occurring - set(source.triggers))
    if source.stimuli_by == "trigger" and untold:
        raise DataError(f"recordings.triggers must name every kind of epoch; got none for {untold[0]!r}")
