"""Two-talker sessions in continuous recordings: a table says when each trial began and what was played.

The table is a CSV file with a row per trial and the columns

- ``subject``; ``recording``: the EEG file (a suffix of `CONTINUOUS_SUFFIXES`, also inside a BIDS
  data set); ``duration_s``; ``attended``, ``unattended``: sound files; paths are relative to the table;
- one of ``onset_s`` (seconds from the recording's start), ``trigger`` (a code or an annotation's text: the first row
  with it gets its first occurrence, and so on) and ``audio_channel`` (where the two sounds together are found by
  cross-correlation);
- if known, ``story``, ``speaker``, ``side``, ``block``, for validation and for the guards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from cogattn.eeg.recordings.alignment import audio_onset, trials_from_raw, trigger_onsets
from cogattn.eeg.recordings.envelope import Envelope, read_audio
from cogattn.eeg.recordings.readers import Unit, audio_file, read_raw, scalp_channels, with_audio
from cogattn.eeg.recordings.recording import Recording, Trial
from cogattn.eeg.types import FloatArray
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

TABLE = "trials.csv"
REQUIRED = ("subject", "recording", "duration_s", "attended", "unattended")
ONSETS = ("onset_s", "trigger", "audio_channel")
LABELS = ("story", "speaker", "side", "block")
ROLES = ("attended", "unattended")
SOUNDS = ("attended", "unattended", "stimulus")
"""Columns that name a sound."""
Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """All rows of a table as text; DataError where it is missing or lacks a column."""
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"recordings.path must hold a readable {TABLE}; got {path} ({error})") from error
    missing = [name for name in REQUIRED if name not in table]
    if missing or not set(ONSETS) & set(table):
        wanted = missing[0] if missing else " or ".join(ONSETS)
        raise DataError(f"{TABLE} must have a column {wanted}; got {', '.join(table)} ({path})")
    return cast("list[Row]", table.to_dict("records"))


def read_session(path: Path, subject: str, *, unit: Unit = "V") -> Recording:
    """Read one subject's trials, with the streams ``attended`` and ``unattended`` as gammatone envelopes.

    Parameters
    ----------
    path : Path
        The table.
    subject : str
        One of its subjects.
    unit : {"V", "uV", "arbitrary"}
        As in `cogattn.eeg.recordings.readers.read_raw`.

    Raises
    ------
    DataError
        If a file is missing or damaged, an onset is not found, or a trial reaches beyond its recording.
    """
    parts = [
        part
        for name, rows in recordings_of(read_rows(path), subject).items()
        for part in _trials(read_raw(path.parent / name, unit=unit), rows, path, subject)
    ]
    check_alike([(part.sfreq, part.channels) for part in parts], subject)
    trials = tuple(trial for part in parts for trial in part.trials)
    joined = replace(parts[0], trials=trials, unit="arbitrary" if unit == "arbitrary" else "V")
    return with_audio(joined, path.parent, Envelope(sfreq=joined.sfreq))


@dataclass(frozen=True)
class Place:
    """Where a row's trial lies in its recording.

    Parameters
    ----------
    name : str
        Of the trial.
    row : Row
        Its row.
    onset_s : float or None
        From the recording's start; None where only the samples tell, and they were not asked.
    duration_s : float
        Length.
    """

    name: str
    row: Row
    onset_s: float | None
    duration_s: float


def recordings_of(rows: Sequence[Row], subject: str) -> dict[str, list[tuple[str, Row]]]:
    """Return the subject's rows by recording, each with its trial's name."""
    own = [row for row in rows if row["subject"] == subject]
    found: dict[str, list[tuple[str, Row]]] = {row["recording"]: [] for row in own}
    for i, row in enumerate(own):
        found[row["recording"]].append((f"trial {i + 1}", row))
    return found


def places(
    raw: mne.io.BaseRaw, rows: Sequence[tuple[str, Row]], path: Path, subject: str, *, in_data: bool = True
) -> list[Place]:
    """Find the trials of one recording.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        The recording, loaded or not.
    rows : sequence of (str, Row)
        Its trials, as `recordings_of` gives them.
    path : Path
        The table.
    subject : str
        Named in errors.
    in_data : bool
        Read the samples where a trigger or a sound must be looked for in them.

    Raises
    ------
    DataError
        If an onset is not found or no number, or two trials overlap.
    """
    seen = dict.fromkeys((row.get("trigger", "") for _, row in rows), 0)
    found = []
    for name, row in rows:
        where = f"subject {subject}, {name}"
        seconds = _number(row["duration_s"], "duration_s", where)
        if not seconds > 0:
            raise DataError(f"duration_s must be positive; got {seconds:g} ({where})")
        found.append(Place(name, row, _onset_s(raw, row, seen, path, where, in_data=in_data), seconds))
    taken = sorted((p.onset_s, p.onset_s + p.duration_s, p.name) for p in found if p.onset_s is not None)
    for (_, stop_s, name), (start_s, _, other) in pairwise(taken):
        if start_s < stop_s - 0.5 / raw.info["sfreq"]:  # the same EEG would be in training and in test
            raise DataError(f"trials must not overlap; got {name} and {other} (subject {subject}, {TABLE})")
    return found


def picked_channels(raw: mne.io.BaseRaw, rows: Sequence[tuple[str, Row]]) -> list[str]:
    """Return the EEG channels of a recording, those that recorded the sound left out."""
    recorded = {row.get("audio_channel", "") for _, row in rows}
    return [name for name in scalp_channels(raw) if name not in recorded]


def labels_of(row: Row) -> dict[str, str]:
    """Return what a row says about its trial."""
    known = {label: row[label] for label in LABELS if row.get(label)}
    return known | {f"{role}_audio": row[role] for role in ROLES}


def check_alike(parts: Sequence[tuple[float, Sequence[str]]], subject: str) -> None:
    """Raise DataError unless all recordings of a subject have one rate and the same channels."""
    if len({sfreq for sfreq, _ in parts}) != 1 or len({tuple(channels) for _, channels in parts}) != 1:
        raise DataError(
            f"all recordings of a subject must have one rate and the same channels; got "
            f"{sorted({sfreq for sfreq, _ in parts})} Hz and {sorted({len(names) for _, names in parts})} "
            f"channels (subject {subject})"
        )


def _trials(
    raw: mne.io.BaseRaw, rows: Sequence[tuple[str, Row]], path: Path, subject: str
) -> list[Recording]:
    """One recording of one trial for each row."""
    picks = picked_channels(raw, rows)
    cut = []
    for place in places(raw, rows, path, subject):
        one = trials_from_raw(
            raw,
            [float(place.onset_s or 0.0)],
            duration_s=place.duration_s,
            subject=subject,
            names=[place.name],
            picks=picks,
        )
        cut.append(replace(one, trials=(Trial(one.eeg[0], place.name, labels=labels_of(place.row)),)))
    return cut


def _onset_s(
    raw: mne.io.BaseRaw, row: Row, seen: dict[str, int], path: Path, where: str, *, in_data: bool
) -> float | None:
    """Start of a row's trial, counting the trigger's occurrences in `seen`."""
    if row.get("onset_s"):
        return _number(row["onset_s"], "onset_s", where)
    if row.get("trigger"):
        code = row["trigger"]
        if code.isdigit() and "stim" in raw and not in_data:
            return None
        onsets = trigger_onsets(raw, [int(code) if code.isdigit() else code])
        seen[code] += 1
        if seen[code] > len(onsets):
            raise DataError(
                f"trigger {code} must occur once for each of its rows; got {len(onsets)} ({where})"
            )
        return onsets[seen[code] - 1]
    channel = row.get("audio_channel", "")
    if channel not in raw.ch_names:
        raise DataError(f"a trial must have one of {', '.join(ONSETS)}; got {channel or 'none'!r} ({where})")
    if not in_data:
        return None
    mixture, rate = _mixture(path.parent, row)
    recorded = np.asarray(raw.get_data(picks=channel))[0]
    return audio_onset(recorded, mixture, sfreq=float(raw.info["sfreq"]), audio_sfreq=rate).onset_s


def _mixture(folder: Path, row: Row) -> tuple[FloatArray, float]:
    """Both sounds together, as far as the trial lasts."""
    (first, rate), (second, other) = (read_audio(audio_file(folder, row[role])) for role in ROLES)
    if rate != other:
        raise DataError(f"both sounds of a trial must have one rate; got {rate:g} and {other:g} Hz")
    length = min(first.size, second.size, round(float(row["duration_s"]) * rate))
    return first[:length] + second[:length], rate


def _number(text: str, name: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise DataError(f"{name} must be a number of seconds; got {text!r} ({where})") from error
    if not math.isfinite(number):
        raise DataError(f"{name} must be finite; got {text!r} ({where})")
    return number
