"""What happened to a recording on its way in: how trials were found, what was lost, what was left out of account."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cogattn.study import Schema

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.eeg.recordings.audit import Prints
    from cogattn.eeg.recordings.recording import Recording

SAID_PPM = 5.0
"""A smaller drift is applied without a word: a few minutes of sound tell it no better."""
INTAKE: Schema = {
    "observer": "str",
    "task": "str",
    "how": "str",  # start, trigger, audio, events, epochs, averages, layout, table or simulation
    "events": "str",  # kinds of events at which trials begin, separated by commas
    "ignored": "str",  # kinds of events that were left out of account
    "n_trials": "int64",
    "n_pieces": "int64",  # trials are cut around what is left out
    "lost_trials": "int64",
    "duration_s": "float64",
    "lost_s": "float64",
    "drift_ppm": "float64",  # of the recorder's clock against the sound's, applied; NaN where unknown
    "n_channels": "int64",
    "bads": "str",  # channels left out or interpolated, separated by commas
    "remarks": "str",  # what must be said, one a line
}
"""Trial table ``recording``: one row for each cell."""
CONTENT: Schema = {
    "observer": "str",
    "trial": "str",
    "print": "str",  # what its EEG is known by, in JSON (`cogattn.eeg.recordings.content`)
}
"""Trial table ``content``: one row for each trial, or piece of one, of the cell that stands for a listener."""


@dataclass(frozen=True)
class Intake:
    """How a recording came in.

    Parameters
    ----------
    how : str
        What told where trials begin: ``start``, ``trigger``, ``audio``, ``epochs``, ``averages``, ``layout``,
        ``table`` or ``simulation``.
    events, ignored : str
        Kinds of events at which trials begin, and kinds that were left out of account, separated by commas.
    n_trials, lost_trials : int
        Trials there were, and those of which nothing is left.
    duration_s, lost_s : float
        Seconds of all trials as they were recorded, and of these what was left out.
    drift_ppm : float
        How much longer a second of the sound lasts on the recorder's clock, in parts per million; the streams are
        stretched by it already. NaN where unknown.
    bads : tuple of str
        Channels that were left out or interpolated.
    remarks : tuple of str
        Sentences that the reader of a result must see, without the listener's name.
    prints : Prints, optional
        What EEG and sounds of each trial are known by, made before any filter; no EEG's of simulated listeners.
    """

    how: str = ""
    events: str = ""
    ignored: str = ""
    n_trials: int = 0
    lost_trials: int = 0
    duration_s: float = 0.0
    lost_s: float = 0.0
    drift_ppm: float = math.nan
    bads: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    prints: Prints | None = field(default=None, repr=False)


def intake_rows(recording: Recording, task: str = "") -> pd.DataFrame:
    """One row of the table ``recording``: what `recording` says about its way in, and what is left of it."""
    import pandas as pd

    intake = recording.intake
    left_s = sum(len(trial.eeg) for trial in recording.trials) / recording.sfreq
    names = {trial.name for trial in recording.trials}
    row = {
        "observer": recording.subject,
        "task": task,
        "how": intake.how,
        "events": intake.events,
        "ignored": intake.ignored,
        "n_trials": len(names),
        "n_pieces": len(recording.trials),
        "lost_trials": intake.lost_trials,
        "duration_s": left_s,
        "lost_s": intake.lost_s,
        "drift_ppm": intake.drift_ppm,
        "n_channels": len(recording.channels),
        "bads": ", ".join(intake.bads),
        "remarks": "\n".join(intake.remarks),
    }
    return pd.DataFrame([row])[list(INTAKE)]


def intake_remarks(table: pd.DataFrame) -> tuple[str, ...]:
    """Sentences to print above a summary: from all rows of the table ``recording``, each listener's once."""
    found: dict[str, None] = {}
    for row in table.drop_duplicates("observer").to_dict("records"):
        for remark in (*_where(row), *_lost(row), *str(row["remarks"]).splitlines()):
            found[f"{row['observer']}: {remark}"] = None
    return tuple(found)


def _where(row: Mapping[Hashable, Any]) -> list[str]:
    said = []
    if row["how"] in ("trigger", "events") and row["events"]:
        said.append(f"{row['n_trials']} trials begin at the events {row['events']}")
    if row["ignored"]:
        why = {
            "start": "sounds are taken to begin with the recording",
            "audio": "the sound is found in the audio channel",
        }.get(row["how"], "they name no sound")
        said.append(f"its events ({row['ignored']}) are ignored: {why}")
    if row["how"] == "audio" and math.isfinite(row["drift_ppm"]) and abs(row["drift_ppm"]) >= SAID_PPM:
        said.append(f"the recorder's clock drifts by {row['drift_ppm']:.1f} ppm, which is taken out")
    return said


def _lost(row: Mapping[Hashable, Any]) -> list[str]:
    said = []
    if row["lost_s"] > 0.0005 or row["lost_trials"]:
        whole_s = row["duration_s"] + row["lost_s"]
        trials = f", {row['lost_trials']} trials wholly" if row["lost_trials"] else ""
        said.append(f"{row['lost_s']:.4g} of {whole_s:.4g} s are left out of the analysis{trials}")
    return said
