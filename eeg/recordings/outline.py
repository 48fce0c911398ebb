"""What is known of a recording before it is decoded: lengths, rate, channels, labels.

Continuous recordings and sounds are asked for their headers only. MATLAB files have none: they are read, and what is
wrong with them is found on the way; a large data set is read as far as `READ_AT_MOST`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from cogattn.eeg.aad.config import FolderSession, SimulatedSession
from cogattn.eeg.aad.splits import TrialFacts, fact_of, facts_of, with_sound_names
from cogattn.eeg.recordings.envelope import audio_header
from cogattn.eeg.recordings.readers import audio_file, open_raw
from cogattn.eeg.recordings.recording import Recording
from cogattn.eeg.recordings.sources import (
    SIMULATION_SFREQ,
    file_state,
    read_recording,
    subject_files,
    table_rows,
)
from cogattn.eeg.recordings.trial_table import (
    ROLES,
    TABLE,
    check_alike,
    labels_of,
    picked_channels,
    places,
    recordings_of,
)
from cogattn.errors import ConfigError, DataError

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
        Names.
    n_times : tuple of int
        Samples of each trial.
    facts : tuple of TrialFacts
        What validation must know of each.
    """

    subject: str
    sfreq: float
    channels: tuple[str, ...]
    n_times: tuple[int, ...]
    facts: tuple[TrialFacts, ...]

    @property
    def longest_s(self) -> float:
        """Length of the longest trial in seconds."""
        return max(self.n_times) / self.sfreq


def outlines(source: SimulatedSession | FolderSession) -> Iterator[tuple[str, Callable[[], Outline]]]:
    """Yield each listener with what makes the outline, as far as outlines can be had cheaply.

    Making one raises ConfigError or DataError where the recording is missing or damaged.
    """
    if isinstance(source, SimulatedSession):
        for i in range(source.n_subjects):
            yield f"listener {i + 1}", partial(_simulated, source, f"listener {i + 1}")
        return
    read = 0
    for subject, path in subject_files(source).items():
        if source.layout == "table":
            yield subject, partial(_in_table, source, subject)
            continue
        size = path.stat().st_size
        if not read or read + size <= READ_AT_MOST:
            read += size
            yield subject, partial(_in_file, source, subject, file_state(path))


def _simulated(source: SimulatedSession, subject: str) -> Outline:
    n_times = round(source.trial_s * SIMULATION_SFREQ)
    facts = tuple(
        TrialFacts(
            subject, f"trial {i + 1}", f"part {i + 1}", "AB"[i % 2], attended=f"a{i}", unattended=f"b{i}"
        )
        for i in range(source.n_trials)
    )
    channels = tuple(f"E{i + 1}" for i in range(source.n_channels))
    return Outline(subject, SIMULATION_SFREQ, channels, (n_times,) * source.n_trials, facts)


@lru_cache(maxsize=1024)
def _in_file(source: FolderSession, subject: str, state: tuple[int, ...]) -> Outline:
    """Read a MATLAB file; `state` tells when it has changed."""
    recording = read_recording(source, subject)
    facts = facts_of(recording)
    if source.layout == "kul" and source.audio is not None:
        _check_sounds(source.audio, recording)
    elif "attended" not in recording.trials[0].streams:
        raise ConfigError(
            f"recordings.audio must name the folder of the sounds; got none, and {subject} holds no envelopes"
        )
    else:
        facts = with_sound_names(facts, recording.stream("attended"), recording.stream("unattended"))
    n_times = tuple(len(trial) for trial in recording.eeg)
    return Outline(subject, recording.sfreq, recording.channels, n_times, tuple(facts))


def _check_sounds(folder: Path, recording: Recording) -> None:
    """Raise DataError where a sound that the trials name is missing or too short."""
    for trial in recording.trials:
        where = f"subject {recording.subject}, {trial.name}"
        for role in ROLES:
            sound = audio_file(folder, trial.labels[f"{role}_audio"])
            _check_sound(sound, len(trial.eeg), recording.sfreq, where)


def _in_table(source: FolderSession, subject: str) -> Outline:
    """Read the headers of the recordings and sounds in a subject's rows."""
    table = source.path / TABLE
    alike, n_times, facts = [], [], []
    for name, rows in recordings_of(table_rows(source), subject).items():
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
    return Outline(subject, alike[0][0], alike[0][1], tuple(n_times), tuple(facts))


def _check_sound(path: Path, n_times: int, sfreq: float, where: str) -> None:
    """Raise DataError where a sound is shorter than its trial by more than rounding."""
    n_samples, rate = audio_header(path)
    if n_samples / rate * sfreq < n_times - 1:
        raise DataError(
            f"a sound must last as long as its EEG; got {n_samples / rate:g} s for {n_times / sfreq:g} s "
            f"({where}, {path.name})"
        )
