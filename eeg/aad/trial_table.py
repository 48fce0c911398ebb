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

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from cogattn.eeg.recordings.alignment import audio_onset, trials_from_raw, trigger_onsets
from cogattn.eeg.recordings.envelope import Envelope, read_audio
from cogattn.eeg.recordings.readers import Unit, read_raw, scalp_channels, with_audio
from cogattn.eeg.recordings.recording import FloatArray, Recording, Trial
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

TABLE = "trials.csv"
REQUIRED = ("subject", "recording", "duration_s", "attended", "unattended")
ONSETS = ("onset_s", "trigger", "audio_channel")
LABELS = ("story", "speaker", "side", "block")
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
    rows = [row for row in read_rows(path) if row["subject"] == subject]
    parts = []
    for name in dict.fromkeys(row["recording"] for row in rows):
        raw = read_raw(path.parent / name, unit=unit)
        own = [(i, row) for i, row in enumerate(rows) if row["recording"] == name]
        parts += _trials(raw, own, path, subject)
    rates = {part.sfreq for part in parts}
    if len(rates) != 1 or len({part.channels for part in parts}) != 1:
        raise DataError(
            f"all recordings of a subject must have one rate and the same channels; got {sorted(rates)} Hz and "
            f"{sorted({len(part.channels) for part in parts})} channels (subject {subject})"
        )
    trials = tuple(trial for part in parts for trial in part.trials)
    joined = replace(parts[0], trials=trials, unit="arbitrary" if unit == "arbitrary" else "V")
    return with_audio(joined, path.parent, Envelope(sfreq=joined.sfreq))


def _trials(raw: mne.io.BaseRaw, rows: list[tuple[int, Row]], path: Path, subject: str) -> list[Recording]:
    """One recording of one trial for each row."""
    recorded = {row.get("audio_channel", "") for _, row in rows}
    picks = [name for name in scalp_channels(raw) if name not in recorded]
    cut, taken, seen = [], [], dict.fromkeys((row.get("trigger", "") for _, row in rows), 0)
    for i, row in rows:
        name = f"trial {i + 1}"
        where = f"subject {subject}, {name}"
        onset_s = _onset_s(raw, row, seen, path, where)
        seconds = _number(row["duration_s"], "duration_s", where)
        taken.append((onset_s, onset_s + seconds, name))
        one = trials_from_raw(raw, [onset_s], duration_s=seconds, subject=subject, names=[name], picks=picks)
        labels = {label: row[label] for label in LABELS if row.get(label)}
        labels |= {f"{role}_audio": row[role] for role in ("attended", "unattended")}
        cut.append(replace(one, trials=(Trial(one.eeg[0], name, labels=labels),)))
    for (_, stop_s, name), (start_s, _, other) in pairwise(sorted(taken)):
        if start_s < stop_s - 0.5 / cut[0].sfreq:  # the same EEG would be in training and in test
            raise DataError(f"trials must not overlap; got {name} and {other} (subject {subject}, {TABLE})")
    return cut


def _onset_s(raw: mne.io.BaseRaw, row: Row, seen: dict[str, int], path: Path, where: str) -> float:
    """Start of a row's trial, counting the trigger's occurrences in `seen`."""
    if row.get("onset_s"):
        return _number(row["onset_s"], "onset_s", where)
    if row.get("trigger"):
        code = row["trigger"]
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
    mixture, rate = _mixture(path.parent, row)
    recorded = np.asarray(raw.get_data(picks=channel))[0]
    return audio_onset(recorded, mixture, sfreq=float(raw.info["sfreq"]), audio_sfreq=rate).onset_s


def _mixture(folder: Path, row: Row) -> tuple[FloatArray, float]:
    """Both sounds together, as far as the trial lasts."""
    (first, rate), (second, other) = (read_audio(folder / row[role]) for role in ("attended", "unattended"))
    if rate != other:
        raise DataError(f"both sounds of a trial must have one rate; got {rate:g} and {other:g} Hz")
    length = min(first.size, second.size, round(float(row["duration_s"]) * rate))
    return first[:length] + second[:length], rate


def _number(text: str, name: str, where: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"{name} must be a number of seconds; got {text!r} ({where})") from error
