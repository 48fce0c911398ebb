"""The files that a cell reads: which they are, digests of their bytes, and what an analysis of them costs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from cogattn.eeg.efr.config import BidsInput, EfrConfig, SimulatedInput, SimulatedSweepsInput
from cogattn.eeg.efr.plan import EfrCell, own_input
from cogattn.errors import DataError
from cogattn.running.digests import combined, file_digest
from cogattn.study import Cost

BESIDE = (".eeg", ".vmrk", ".fdt", ".dat")
"""Endings of files that hold the samples or marks of a header of the same name (BrainVision, EEGLAB)."""
NAMED_IN_HEADER = re.compile(r"^(?:DataFile|MarkerFile)=(.+?)\s*$", re.M)
BYTES_PER_SAMPLE = 3
"""Of BDF; between EDF's 2 and MATLAB's 8."""


def digests(config: EfrConfig, cell: EfrCell) -> dict[str, str]:
    """Return SHA-256 of the cell's recording (with all files that belong to it) and of each stimulus.

    Raises
    ------
    DataError
        If one is missing or unreadable.
    """
    return {name: _digest(members) for name, members in files_of(config, cell).items()}


def files_of(config: EfrConfig, cell: EfrCell) -> dict[str, dict[str, Path]]:
    """Return the files that a cell reads, by what they are and by their names; none for a simulation."""
    source = own_input(config.input, cell)
    if isinstance(source, SimulatedInput | SimulatedSweepsInput):
        return {}
    if isinstance(source, BidsInput):
        members = {path.relative_to(source.root).as_posix(): path for path in bids_files(source)}
    else:
        members = _members(source.recordings[0])
    stimuli = {f"stimulus {i + 1}": _members(path) for i, path in enumerate(source.stimuli)}
    return {"recording": members, **stimuli}


def bids_folder(source: BidsInput) -> Path:
    """Folder of the first subject's EEG."""
    folder = source.root / f"sub-{source.subjects[0]}"
    return (folder / f"ses-{source.session}" if source.session else folder) / "eeg"


def bids_files(source: BidsInput) -> list[Path]:
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


def cost(config: EfrConfig, cell: EfrCell) -> Cost:
    """Return what a cell needs, by the number of its samples: processor and memory grow with it."""
    n_samples = _n_samples(config, cell)
    bootstrap = config.significance.n_bootstrap / 200 if cell.task == "following" else 0.2
    return Cost(cpu_s=0.5 + n_samples * (1.0 + bootstrap) * 1.5e-7, memory_mb=300 + 2e-5 * n_samples)


def _n_samples(config: EfrConfig, cell: EfrCell) -> float:
    source = config.input
    if isinstance(source, SimulatedInput):
        return source.n_channels * source.duration_s * source.sfreq
    if isinstance(source, SimulatedSweepsInput):
        return source.n_channels * source.n_sweeps * source.sweep_s * source.sfreq
    members = files_of(config, cell)["recording"].values()
    try:
        return sum(path.stat().st_size for path in members) / BYTES_PER_SAMPLE
    except OSError as error:
        raise DataError(f"input must name readable recordings; got {error.filename}") from error


def _belongs(path: Path, source: BidsInput, place: Path) -> bool:
    """Whether a file of `place` is of the recording: its task and run, where its name has them."""
    words = path.relative_to(place).parts[0].split("_")
    given = {"task": source.task, "run": source.run}
    named = {key: word for word in words for key in given if word.startswith(f"{key}-")}
    return all(word == f"{key}-{given[key]}" for key, word in named.items() if given[key] is not None)


def _members(path: Path) -> dict[str, Path]:
    """A file with those that belong to it, or every file of a folder, by name."""
    if path.is_dir():
        return {p.relative_to(path).as_posix(): p for p in sorted(path.rglob("*")) if p.is_file()}
    return {member.name: member for member in (path, *_beside(path)) if member == path or member.is_file()}


def _beside(path: Path) -> Iterator[Path]:
    yield from (path.with_suffix(ending) for ending in BESIDE if path.suffix.lower() != ending)
    if path.suffix.lower() == ".fif":  # continued, where the file would pass two gigabytes
        yield from sorted(path.parent.glob(f"{path.stem}-[0-9]*.fif"))
    if path.suffix.lower() == ".vhdr" and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from (path.parent / name for name in NAMED_IN_HEADER.findall(text))


def _digest(members: Mapping[str, Path]) -> str:
    return combined({name: file_digest(path) for name, path in members.items()})
