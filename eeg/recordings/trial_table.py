"""Trials listed in a table: when each began in which recording, and what was played.

The table, ``trials.csv``, has a row per trial and the columns

- ``subject``; ``recording``: the EEG file (a suffix of `CONTINUOUS_SUFFIXES`, also inside a BIDS data set); paths are
  relative to the table;
- ``attended`` and ``unattended``, or ``stimulus``: sound files, or envelopes that were computed already (npy, mat);
- one of ``onset_s`` (seconds from the recording's start), ``trigger`` (a code or an annotation's text: the first row
  with it gets its first occurrence, and so on) and ``audio_channel`` (where the sounds together are found by
  cross-correlation, with the recorder's drift);
- ``duration_s``: where it is left out a trial lasts as long as its sound, at most to the recording's end;
- if known, ``story``, ``speaker``, ``side``, ``block``, for validation and for the guards, and ``condition``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cogattn.eeg.recordings.alignment import trigger_events
from cogattn.eeg.recordings.places import CONDITION, Place
from cogattn.eeg.recordings.readers import audio_file
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

TABLE = "trials.csv"
REQUIRED = ("subject", "recording")
ONSETS = ("onset_s", "trigger", "audio_channel")
LABELS = ("story", "speaker", "side", "block")
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
    if table.empty:
        raise DataError(f"{TABLE} must have a row for each trial; got its columns alone ({path})")
    return cast("list[Row]", table.to_dict("records"))


def recordings_of(rows: Sequence[Row], subject: str) -> dict[str, list[tuple[str, Row]]]:
    """Return the subject's rows by recording, each with its trial's name."""
    own = [row for row in rows if row["subject"] == subject]
    found: dict[str, list[tuple[str, Row]]] = {row["recording"]: [] for row in own}
    for i, row in enumerate(own):
        found[row["recording"]].append((f"trial {i + 1}", row))
    return found


def places(
    raw: mne.io.BaseRaw,
    rows: Sequence[tuple[str, Row]],
    sound: Callable[[str], Path],
    subject: str,
) -> tuple[Place, ...]:
    """Where the trials of one recording lie; reads no sample but those of a trigger channel.

    Parameters
    ----------
    raw : mne.io.BaseRaw
        The recording, loaded or not.
    rows : sequence of (str, Row)
        Its trials, as `recordings_of` gives them.
    sound : callable
        Finds the file of a sound by its name in the table.
    subject : str
        Named in errors.

    Raises
    ------
    DataError
        If an onset is no number or not found, or a file is missing.
    """
    seen = dict.fromkeys((row.get("trigger", "") for _, row in rows), 0)
    end_s, found = raw.n_times / float(raw.info["sfreq"]), []
    for name, row in rows:
        where = f"subject {subject}, {name}"
        sounds = {role: sound(row[role]) for role in SOUNDS if row.get(role)}
        onset_s = _onset_s(raw, row, seen, where)
        channel = row.get("audio_channel", "") if onset_s is None else ""
        if channel and not sounds:
            raise DataError(f"a trial that is sought in the audio must name its sound; got none ({where})")
        seconds = _duration_s(row, where)
        found.append(
            Place(
                name,
                onset_s,
                end_s,
                sounds,
                labels_of(row),
                seconds,
                exact=seconds is not None,
                audio_channel=channel,
            )
        )
    return tuple(found)


def sounds_beside(table: Path) -> Callable[[str], Path]:
    """Finds sounds in the folder of a table."""
    return lambda name: audio_file(table.parent, name)


def labels_of(row: Row) -> dict[str, str]:
    """Return what a row says about its trial."""
    known = {label: row[label] for label in (*LABELS, CONDITION) if row.get(label)}
    return known | {f"{role}_audio": row[role] for role in SOUNDS if row.get(role)}


def check_alike(parts: Sequence[tuple[float, Sequence[str]]], subject: str) -> None:
    """Raise DataError unless all recordings of a subject have one rate and the same channels."""
    if len({sfreq for sfreq, _ in parts}) != 1 or len({tuple(channels) for _, channels in parts}) != 1:
        raise DataError(
            f"all recordings of a subject must have one rate and the same channels; got "
            f"{sorted({sfreq for sfreq, _ in parts})} Hz and {sorted({len(names) for _, names in parts})} "
            f"channels (subject {subject})"
        )


def _duration_s(row: Row, where: str) -> float | None:
    if not row.get("duration_s"):
        return None
    seconds = _number(row["duration_s"], "duration_s", where)
    if not seconds > 0:
        raise DataError(f"duration_s must be positive; got {seconds:g} ({where})")
    return seconds


def _onset_s(raw: mne.io.BaseRaw, row: Row, seen: dict[str, int], where: str) -> float | None:
    """Start of a row's trial, counting the trigger's occurrences in `seen`; None where it must be sought."""
    if row.get("onset_s"):
        return _number(row["onset_s"], "onset_s", where)
    if row.get("trigger"):
        code = row["trigger"]
        try:
            onsets = trigger_events(raw, [int(code) if code.isdigit() else code])
        except DataError as error:
            raise DataError(f"a trial's trigger must occur: {error} ({where})") from error
        seen[code] += 1
        if seen[code] > len(onsets):
            raise DataError(
                f"trigger {code} must occur once for each of its rows; got {len(onsets)} ({where})"
            )
        return onsets[seen[code] - 1][0]
    channel = row.get("audio_channel", "")
    if channel not in raw.ch_names:
        raise DataError(f"a trial must have one of {', '.join(ONSETS)}; got {channel or 'none'!r} ({where})")
    return None


def _number(text: str, name: str, where: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise DataError(f"{name} must be a number of seconds; got {text!r} ({where})") from error
    if not math.isfinite(number):
        raise DataError(f"{name} must be finite; got {text!r} ({where})")
    return number
