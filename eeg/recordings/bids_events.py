"""What a BIDS table of events says of trials: when each began, how long it lasted, what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.eeg.recordings.bids_files import bids_files
from cogattn.eeg.recordings.config import Bids, Files
from cogattn.eeg.recordings.places import NOT_ONSETS, Places
from cogattn.eeg.recordings.trial_table import LABELS, SOUNDS, Row, places
from cogattn.errors import DataError

if TYPE_CHECKING:
    import mne

STIM_FILE = "stim_file"
"""BIDS' own column of the sound, relative to the folder ``stimuli``."""


def read_events(path: Path) -> list[Row]:
    """Rows of a table of events as text, ``n/a`` as nothing; DataError where it cannot be read."""
    import pandas as pd

    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"a table of events must be readable; got {path} ({error})") from error
    rows = table.to_dict("records")
    return [{str(k): "" if v == "n/a" else str(v) for k, v in row.items()} for row in rows]


def events_places(source: Bids, raw: mne.io.BaseRaw, listener: str) -> Places | None:
    """Trials at the events that name a sound; None where no event does.

    A sound stands in ``attended`` (and ``unattended``), ``stimulus`` or BIDS' ``stim_file``; ``story``, ``speaker``,
    ``side`` and ``block`` are labels; ``trial_type`` or ``value`` is the condition. Of those that name a sound,
    `triggers` picks by condition, where it is given.
    """
    table = events_file(source)
    events = read_events(table) if table is not None else []
    found, ignored = [], dict[str, None]()
    for event in events:
        kind = event.get("trial_type") or event.get("value", "")
        sounds = _sounds(event)
        if not sounds or (source.triggers and kind not in source.triggers):
            ignored[kind] = None
            continue
        labels = {label: event[label] for label in LABELS if event.get(label)}
        length = event.get("duration", "")
        seconds = "" if source.trial_s is None else f"{source.trial_s:g}"
        told = seconds or (length if length and float(length) > 0 else "")
        row = {"onset_s": event["onset"], "duration_s": told, "condition": kind, **labels, **sounds}
        found.append((f"trial {len(found) + 1}", row))
    if not found:
        return None
    trials = places(raw, found, lambda name: sound_path(source.root, name), listener)
    starts = [trial.onset_s or 0.0 for trial in trials]
    ends = [*starts[1:], raw.n_times / float(raw.info["sfreq"])]
    limited = tuple(replace(trial, stop_s=end) for trial, end in zip(trials, ends, strict=True))
    kinds = dict.fromkeys(row["condition"] for _, row in found if row["condition"])
    left = [kind for kind in ignored if kind and not NOT_ONSETS.match(kind)]
    return Places("events", ", ".join(kinds), ", ".join(left), limited)


def events_tell(source: Files | Bids) -> bool:
    """Whether what was heard is told by a BIDS table of events, and not by the settings."""
    told = source.stimuli or source.audio_channel or source.align == "start"
    return isinstance(source, Bids) and not told


def events_file(source: Bids) -> Path | None:
    """The table of events of the first subject's recording, beside it or inherited."""
    tables = [path for path in bids_files(source) if path.name.endswith("_events.tsv")]
    return min(tables, key=lambda path: -len(path.parts)) if tables else None


def named_sounds(root: Path, table: Path) -> list[Path]:
    """Files of the sounds that a table of events names."""
    names = dict.fromkeys(name for row in read_events(table) for name in _sounds(row).values())
    return [sound_path(root, name) for name in names]


def sound_path(root: Path, name: str) -> Path:
    """Where a named sound lies: in ``stimuli``, else in the root.

    Raises
    ------
    DataError
        If it lies in neither.
    """
    for path in (root / "stimuli" / name, root / name):
        if path.is_file():
            return path
    raise DataError(f"stimuli must hold every sound that events name; got none named {name} in {root}")


def _sounds(row: Mapping[str, str]) -> dict[str, str]:
    named = {role: row[role] for role in SOUNDS if row.get(role)}
    if not named and row.get(STIM_FILE):
        return {"stimulus": row[STIM_FILE]}
    return named
