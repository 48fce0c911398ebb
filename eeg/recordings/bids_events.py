"""What a BIDS table of events says of trials: when each began, how long it lasted, what was heard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cogattn.eeg.recordings.trial_table import LABELS, SOUNDS, Row
from cogattn.errors import DataError

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


def trial_rows(rows: list[Row], recording: str, subject: str) -> list[Row]:
    """Those events that name a sound, as rows of a table of trials; none where no column does.

    A sound stands in ``attended`` (and ``unattended``), ``stimulus`` or BIDS' ``stim_file``; ``story``, ``speaker``,
    ``side`` and ``block`` are labels; ``trial_type`` or ``value`` is the condition.
    """
    found = []
    for row in rows:
        sounds = _sounds(row)
        if sounds:
            labels = {label: row[label] for label in LABELS if row.get(label)}
            condition = row.get("trial_type") or row.get("value", "")
            found.append(
                {
                    "subject": subject,
                    "recording": recording,
                    "onset_s": row["onset"],
                    "duration_s": row.get("duration", ""),
                    "condition": condition,
                    **labels,
                    **sounds,
                }
            )
    return found


def named_sounds(root: Path, table: Path) -> list[Path]:
    """Files of the sounds that a table of events names."""
    names = dict.fromkeys(name for row in read_events(table) for name in _sounds(row).values())
    return [sound_path(root, name) for name in names]


def sound_path(root: Path, name: str) -> Path:
    """Where a named sound lies: in ``stimuli``, else in the root."""
    return root / "stimuli" / name if (root / "stimuli" / name).is_file() else root / name


def _sounds(row: Mapping[str, str]) -> dict[str, str]:
    named = {role: row[role] for role in SOUNDS if row.get(role)}
    if not named and row.get(STIM_FILE):
        return {"stimulus": row[STIM_FILE]}
    return named
