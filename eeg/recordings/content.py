"""What a listener's EEG is known by, as a trial table: so that group statistics see one recording under two names.

Cells know their own listener only. Each leaves a line for every trial, with a few runs and the signs of the phases of
its strongest marks (`cogattn.eeg.recordings.prints`), about a kilobyte; `check_content` compares all listeners.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from cogattn.eeg.recordings.audit import Prints, check_listeners, prints_of
from cogattn.eeg.recordings.intake import CONTENT
from cogattn.eeg.recordings.prints import Marks, Print

if TYPE_CHECKING:
    import pandas as pd

    from cogattn.eeg.recordings.recording import Recording

MOST_RUNS, MOST_MARKS = 16, 12
"""Kept of each trial."""
LEAST_AUDIBLE = 0.8
"""Share of phases that a mark must have, for a sign knows no zero."""


def content_rows(recording: Recording) -> pd.DataFrame:
    """Rows of the table ``content``; none of a simulated listener."""
    import pandas as pd

    prints = recording.intake.prints or prints_of(recording, kinds=("eeg",))
    own = prints.of("eeg")
    rows = [(*where, _written(one)) for where, one in zip(own.where, own.prints, strict=True)]
    return pd.DataFrame(rows, columns=list(CONTENT)).astype(str)


def check_content(table: pd.DataFrame) -> None:
    """Raise DataError where two listeners of the table share EEG."""
    own = table.drop_duplicates(["observer", "trial", "print"])
    where = tuple(zip(own["observer"], own["trial"], strict=True))
    prints = tuple(_read(text) for text in own["print"])
    check_listeners(Prints(("eeg",) * len(prints), where, prints))


def _written(one: Print) -> str:
    few = np.sort(np.argsort(one.runs, kind="stable")[:MOST_RUNS])  # the least are the same in a copy
    content = {
        "digest": one.digest,
        "n_columns": one.n_columns,
        "duration_s": round(one.duration_s, 4),
        "run_s": one.run_s,
        "runs": [f"{value:x}" for value in one.runs[few]],
        "runs_at_s": np.round(one.runs_at_s[few], 4).tolist(),
        "marks": [_signs(marks) for marks in one.marks[-1:]],
    }
    return json.dumps(content, separators=(",", ":"))


def _signs(marks: Marks) -> dict[str, object]:
    audible = np.flatnonzero((marks.phases != 0).mean(axis=1) >= LEAST_AUDIBLE)
    strong = np.sort(audible[np.argsort(-marks.strength[audible], kind="stable")[:MOST_MARKS]])
    return {
        "at_s": np.round(marks.at_s[strong], 4).tolist(),
        "n_features": marks.phases.shape[1],
        "signs": np.packbits(marks.phases[strong] > 0, axis=1).tobytes().hex(),
    }


def _read(text: str) -> Print:
    content = json.loads(text)
    runs = np.array([int(value, 16) for value in content["runs"]], dtype=np.uint64)
    marks = tuple(_marks(part) for part in content["marks"])
    numbers = (content["n_columns"], content["duration_s"], content["run_s"])
    return Print(content["digest"], *numbers, runs, np.array(content["runs_at_s"], dtype=np.float64), marks)


def _marks(part: dict) -> Marks:
    at_s, width = np.array(part["at_s"], dtype=np.float64), part["n_features"]
    packed = np.frombuffer(bytes.fromhex(part["signs"]), dtype=np.uint8).reshape(len(at_s), -(-width // 8))
    signs = np.unpackbits(packed, axis=1, count=width).astype(np.int8)
    return Marks(at_s, np.ones(len(at_s)), (127 * (2 * signs - 1)).astype(np.int8))
