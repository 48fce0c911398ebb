"""What kind of recordings a folder holds, by the names of its files: for settings that have room for a path only.

A table of trials comes first, then BIDS, then the MATLAB layouts, the most particular names before the others. What a
guess cannot know (a BIDS data set with several tasks, sounds elsewhere) is left to a study's own settings.
"""

from __future__ import annotations

import re
from pathlib import Path

from cogattn.eeg.recordings.config import AvGc, Bids, Cnd, Dtu, Kul, Source, Table
from cogattn.eeg.recordings.files import PATTERNS
from cogattn.eeg.recordings.trial_table import TABLE
from cogattn.errors import ConfigError

BIDS = "dataset_description.json"
SOUNDS = "stimuli"
"""Where KU Leuven's sounds lie."""
LAYOUTS: tuple[type[Dtu | AvGc | Cnd | Kul], ...] = (Dtu, AvGc, Cnd, Kul)
ENTITY = re.compile(r"(?:^|_)(task|ses|run)-([A-Za-z0-9]+)(?=_)")
ENTITIES = {"task": "task", "ses": "session", "run": "run"}
"""What a name says, and the setting of it."""


def source_of(path: Path, *, setting: str = "data") -> Source:
    """Return the settings that read the recordings of a folder.

    Parameters
    ----------
    path : Path
        The folder; or a table of trials.
    setting : str
        What an error begins with.

    Returns
    -------
    Table, Bids, Kul, Dtu, AvGc or Cnd
        Of all listeners.

    Raises
    ------
    ConfigError
        If it is none of these, or a BIDS data set of several tasks, sessions or runs.
    """
    if path.suffix == ".csv" or (path / TABLE).is_file():
        return Table(path=path)
    if (path / BIDS).is_file():
        return _bids(path, setting)
    for kind in LAYOUTS:
        if path.is_dir() and any(path.glob(PATTERNS[kind])):
            audio = {"audio": path / SOUNDS} if kind is Kul and (path / SOUNDS).is_dir() else {}
            return kind.model_validate({"path": path, **audio})
    raise ConfigError(
        f"{setting} must be a folder with {TABLE}, a BIDS data set or {', '.join(PATTERNS.values())}; got {path}"
    )


def _bids(root: Path, setting: str) -> Bids:
    files = sorted(path for path in root.glob("sub-*/**/eeg/sub-*_eeg.*") if path.suffix != ".json")
    found: dict[str, set[str]] = {name: set() for name in ENTITIES}
    for file in files:
        for name, value in ENTITY.findall(file.name):
            found[name].add(value)
    for name, values in found.items():
        if len(values) > 1 or (name == "task" and not values):
            got = ", ".join(sorted(values)) or "none"
            raise ConfigError(
                f"{setting} must be a BIDS data set of one {ENTITIES[name]}; got {got} ({root})"
            )
    subjects = dict.fromkeys(file.name.partition("_")[0].removeprefix("sub-") for file in files)
    given = {ENTITIES[name]: values.pop() for name, values in found.items() if values}
    return Bids.model_validate({"root": root, "subjects": tuple(subjects), **given})
