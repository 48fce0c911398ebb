"""What is known of a recording before it is analysed: lengths, rate, channels, labels.

Continuous recordings and sounds are asked for their headers only (and the trigger channel, where triggers are codes).
MATLAB files have no header: they are read, and what is wrong with them is found on the way; a large data set is read as
far as `READ_AT_MOST`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.eeg.recordings.config import (
    Bids,
    Cleaning,
    EnvelopeSettings,
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
from cogattn.eeg.recordings.cutting import (
    Cuts,
    Ways,
    check_audio_channel,
    cuts_of,
    cuts_of_epochs,
    named_stimuli,
    onsets_of,
    sound_seconds,
)
from cogattn.eeg.recordings.damage import reading
from cogattn.eeg.recordings.envelope import audio_header
from cogattn.eeg.recordings.facts import TrialFacts, fact_of, facts_of, with_sound_names
from cogattn.eeg.recordings.files import file_state, folder_files, listeners, rows_of, table_of
from cogattn.eeg.recordings.headers import check_recording
from cogattn.eeg.recordings.readers import audio_file, open_epochs, open_raw
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.relevant import own
from cogattn.eeg.recordings.sources import SIMULATION_SFREQ, read_folder
from cogattn.eeg.recordings.trial_table import (
    ROLES,
    check_alike,
    labels_of,
    picked_channels,
    places,
    recordings_of,
)
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
    """

    subject: str
    sfreq: float
    channels: tuple[str, ...]
    n_times: tuple[int, ...]
    facts: tuple[TrialFacts, ...]
    codes: tuple[str, ...]
    streams: tuple[str, ...]

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
        found = _in_table(source, listener)
    elif isinstance(source, Folder):
        found = _in_file(source, listener, file_state(folder_files(source)[listener]))
    else:
        found = _played(source, listener, cleaning)
    return _picked(found, cleaning)


def _picked(found: Outline, cleaning: Cleaning) -> Outline:
    """With the channels that are analysed: chosen, and no reference."""
    from dataclasses import replace

    for setting in ("channels", "reference_channels"):
        missing = [name for name in getattr(cleaning, setting) if name not in found.channels]
        if missing:
            raise DataError(
                f"cleaning.{setting} must be among the recording's channels; got {missing[0]!r} ({found.subject} has "
                f"{', '.join(found.channels)})"
            )
    out = {*cleaning.reference_channels, *cleaning.eog}
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
def _in_file(source: Folder, subject: str, state: tuple[int, ...]) -> Outline:
    """Read a MATLAB file; `state` tells when it has changed."""
    recording = read_folder(source, subject)
    facts = facts_of(recording)
    streams = tuple(recording.trials[0].streams)
    if isinstance(source, Kul) and source.audio is not None:
        _check_sounds(source.audio, recording)
        streams = ROLES
    elif "attended" not in streams:
        raise ConfigError(
            f"recordings.audio must name the folder of the sounds; got none, and {subject} holds no envelopes"
        )
    elif "unattended" in streams:
        facts = with_sound_names(facts, recording.stream("attended"), recording.stream("unattended"))
    n_times = tuple(len(trial) for trial in recording.eeg)
    codes = ("",) * len(n_times)
    return Outline(subject, recording.sfreq, recording.channels, n_times, tuple(facts), codes, streams)


def _check_sounds(folder: Path, recording: Recording) -> None:
    """Raise DataError where a sound that the trials name is missing or too short."""
    for trial in recording.trials:
        where = f"subject {recording.subject}, {trial.name}"
        for role in ROLES:
            sound = audio_file(folder, trial.labels[f"{role}_audio"])
            _check_sound(sound, len(trial.eeg), recording.sfreq, where)


def _in_table(source: Table, subject: str) -> Outline:
    """Read the headers of the recordings and sounds in a subject's rows."""
    table = table_of(source)
    alike, n_times, facts = [], [], []
    for name, rows in recordings_of(rows_of(source), subject).items():
        raw = open_raw(table.parent / name)
        sfreq, channels = float(raw.info["sfreq"]), tuple(picked_channels(raw, rows))
        alike.append((sfreq, channels))
        for place in places(raw, rows, table, subject, in_data=False):
            where, length = f"subject {subject}, {place.name}", round(place.duration_s * sfreq)
            start = 0 if place.onset_s is None else round(place.onset_s * sfreq)
            if start < 0 or start + length > raw.n_times:
                raise DataError(
                    f"every trial must lie within the recording; got {start / sfreq:g} s + {place.duration_s:g} s "
                    f"in {raw.n_times / sfreq:g} s ({where})"
                )
            for role in ROLES:
                _check_sound(audio_file(table.parent, place.row[role]), length, sfreq, where)
            n_times.append(length)
            facts.append(fact_of(subject, place.name, labels_of(place.row)))
    check_alike(alike, subject)
    codes = ("",) * len(n_times)
    return Outline(subject, alike[0][0], alike[0][1], tuple(n_times), tuple(facts), codes, ROLES)


def _check_sound(path: Path, n_times: int, sfreq: float, where: str) -> None:
    """Raise DataError where a sound is shorter than its trial by more than rounding."""
    n_samples, rate = audio_header(path)
    if n_samples / rate * sfreq < n_times - 1:
        raise DataError(
            f"a sound must last as long as its EEG; got {n_samples / rate:g} s for {n_times / sfreq:g} s "
            f"({where}, {path.name})"
        )


def _played(source: Files | Bids, subject: str, cleaning: Cleaning) -> Outline:
    """Where the trials of one recording lie, from its header, its events and the lengths of its sounds."""
    alone = own(source, subject)
    cuts = _cuts(alone, subject, Ways(cleaning, EnvelopeSettings()))
    facts = tuple(TrialFacts(subject, f"trial {i + 1}") for i in range(len(cuts.lengths)))
    told = bool(alone.stimuli or alone.audio_channel)
    streams = ROLES if alone.unattended else ("stimulus",) if told else ()
    return Outline(subject, cuts.sfreq, cuts.channels, cuts.lengths, facts, cuts.codes, streams)


def _cuts(source: Files | Bids, name: str, ways: Ways) -> Cuts:
    with _setting("recordings.stimuli"):
        seconds = {
            code: (path, sound_seconds(path, source.envelope_sfreq))
            for code, path in named_stimuli(source, source.stimuli)
        }
    for path, duration_s in seconds.values():
        if source.trial_s is not None and source.trial_s > duration_s + 0.001:
            raise ConfigError(
                f"recordings.trial_s must not exceed the sound; got {source.trial_s:g} s for {duration_s:.4g} s "
                f"({path})"
            )
    if isinstance(source, Files) and source.content == "epochs":
        with _setting("recordings.files"):
            epochs = open_epochs(source.files[0])
        sfreq = float(epochs.info["sfreq"])
        lengths = {code: round(duration_s * sfreq) for code, (_, duration_s) in seconds.items()}
        return cuts_of_epochs(epochs, ways, source, lengths, name)
    raw = opened(source)
    sfreq = float(raw.info["sfreq"])
    check_audio_channel(raw, source, name)
    onsets, alignment = onsets_of(raw, source, name)
    lengths = {code: round(duration_s * sfreq) for code, (_, duration_s) in seconds.items()}
    if alignment.how == "audio" and lengths[""] > raw.n_times:
        raise DataError(
            f"recordings.stimuli must be shorter than the recording in which they are sought; got "
            f"{seconds[''][1]:.4g} s for {raw.n_times / sfreq:.4g} s ({name})"
        )
    return cuts_of(raw, ways, source, onsets, lengths, name)


def opened(source: Files | Bids) -> mne.io.BaseRaw:
    """Open a recording; its data stay on disk."""
    if isinstance(source, Files):
        with _setting("recordings.files"):
            return open_raw(source.files[0])
    try:
        import mne_bids
    except ImportError as error:
        raise DataError("recordings.kind bids needs mne_bids; install cogattn[eeg]") from error
    where = mne_bids.BIDSPath(
        root=source.root, subject=source.subjects[0], task=source.task, session=source.session, run=source.run,
        datatype="eeg", suffix="eeg",
    )  # fmt: skip
    with reading(source.root, f"recordings.root must hold readable EEG of sub-{source.subjects[0]}"):
        check_recording(Path(where.fpath))
        return mne_bids.read_raw_bids(where, verbose="error")


@contextmanager
def _setting(path: str) -> Generator[None]:
    """Put the path of a setting before what a reader says of a file."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


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
