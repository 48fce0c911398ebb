"""Which files of a BIDS data set belong to one recording: its folder's, and what it inherits from those above."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cogattn.eeg.recordings.config import Bids


def bids_folder(source: Bids) -> Path:
    """Folder of the first subject's EEG."""
    folder = source.root / f"sub-{source.subjects[0]}"
    return (folder / f"ses-{source.session}" if source.session else folder) / "eeg"


def bids_files(source: Bids) -> list[Path]:
    """Files of the first subject's recording: those of its folder, and what it inherits from the folders above."""
    folder = bids_folder(source)
    own = [path for path in folder.rglob("*") if path.is_file() and _belongs(path, source, folder)]
    above = [place for place in folder.parents if place == source.root or source.root in place.parents]
    inherited = [
        path
        for place in above
        for path in place.glob(f"*task-{source.task}_*")
        if path.is_file() and _belongs(path, source, place)
    ]
    return sorted({*own, *inherited})


def _belongs(path: Path, source: Bids, place: Path) -> bool:
    """Whether a file of `place` is of the recording: its task and run, where its name has them."""
    words = path.relative_to(place).parts[0].split("_")
    given: Mapping[str, str | None] = {"task": source.task, "run": source.run}
    named = {key: word for word in words for key in given if word.startswith(f"{key}-")}
    return all(word == f"{key}-{given[key]}" for key, word in named.items() if given[key] is not None)
