"""The files that one listener's recording is made of: which they are, their digests and their size."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from cogattn.eeg.recordings.bids_events import events_file, named_sounds
from cogattn.eeg.recordings.bids_files import bids_files
from cogattn.eeg.recordings.config import (
    AvGc,
    Bids,
    Cnd,
    Dtu,
    Files,
    Folder,
    Kul,
    SimulatedPath,
    SimulatedSweeps,
    SimulatedTalkers,
    Source,
    Table,
)
from cogattn.eeg.recordings.readers import audio_file
from cogattn.eeg.recordings.relevant import stimuli_of, with_defaults
from cogattn.eeg.recordings.trial_table import SOUNDS, TABLE, Row, read_rows
from cogattn.errors import ConfigError, DataError
from cogattn.running.atomic import sha256_hex
from cogattn.running.digests import YOUNG_NS, combined, file_digest

BESIDE = (".eeg", ".vmrk", ".fdt", ".dat")
"""Endings of files that hold the samples or marks of a header of the same name (BrainVision, EEGLAB)."""
NAMED_IN_HEADER = re.compile(r"^(?:DataFile|MarkerFile)=(.+?)\s*$", re.M)
PATTERNS: dict[type[Folder], str] = {
    Kul: "S*.mat",
    Dtu: "S*_data_preproc.mat",
    AvGc: "2024-AV-GC-AAD-sub*_preprocessed.mat",
    Cnd: "dataSub*.mat",
}
STIMULI = "dataStim.mat"
"""CND's file of all features."""
Members = dict[str, Path]


def listeners(source: Source) -> list[str]:
    """Names of all listeners, in order.

    They are ``listener`` and a number, the stem of a file, ``sub-`` and a label, or a subject of a table.

    Raises
    ------
    ConfigError, DataError
        If a folder holds no recording, or none of a subject that is asked for.
    """
    if isinstance(source, SimulatedTalkers | SimulatedPath | SimulatedSweeps):
        return [f"listener {i + 1}" for i in range(source.n_listeners)]
    if isinstance(source, Bids):
        return [f"sub-{subject}" for subject in source.subjects]
    if isinstance(source, Files):
        return [path.stem for path in source.files]
    found = list(folder_files(source))
    if not found:
        raise DataError(f"recordings.path must hold {source.kind} files; got {source.path}")
    missing = [name for name in source.subjects if name not in found]
    if missing:
        raise DataError(
            f"recordings.subjects must be among {', '.join(found[:12])}; got {missing[0]} ({source.path})"
        )
    return list(source.subjects) or found


def folder_files(source: Folder) -> Members:
    """The recording of each listener of a folder, by name; the table for all where there is one."""
    if isinstance(source, Table):
        table = table_of(source)
        return {row["subject"]: table for row in rows_of(source)}
    if source.path.is_file():
        return {_stem(source.path): source.path}
    if not source.path.is_dir():
        raise ConfigError(f"recordings.path must be a folder; got {source.path}")
    return {
        _stem(file): file for file in _listed(source.path, PATTERNS[type(source)], file_state(source.path))
    }


def table_of(source: Table) -> Path:
    """The table of trials."""
    if source.path.is_file():
        return source.path
    if not source.path.is_dir():
        raise ConfigError(f"recordings.path must be a folder; got {source.path}")
    return source.path / TABLE


def rows_of(source: Table) -> tuple[Row, ...]:
    """Rows of the table of trials."""
    table = table_of(source)
    return _rows(table, file_state(table))


def cnd_stimuli(source: Cnd) -> Path:
    """CND's file of features, beside the recordings."""
    return (source.path.parent if source.path.is_file() else source.path) / STIMULI


def files_of(source: Source, listener: str) -> dict[str, Members]:
    """Files that are read for a listener, by what they are and by their names; none of a simulation but speech."""
    if isinstance(source, SimulatedTalkers | SimulatedPath | SimulatedSweeps):
        speech = source.speech if isinstance(source, SimulatedTalkers) else None
        return {f"speech {i + 1}": {path.name: path} for i, path in enumerate(speech or ())}
    if isinstance(source, Table):
        return _table_files(source, listener)
    if isinstance(source, Files | Bids):
        index = listeners(source).index(listener)
        stimuli, ignored = stimuli_of(source, index)
        heard = {f"stimulus {i + 1}": members_of(path) for i, path in enumerate(stimuli)}
        heard |= {f"ignored {i + 1}": members_of(path) for i, path in enumerate(ignored)}
        if isinstance(source, Files):
            return {"recording": members_of(source.files[index]), **heard}
        alone = with_defaults(source, subjects=(source.subjects[index],), stimuli=stimuli, unattended=ignored)
        own = {path.relative_to(source.root).as_posix(): path for path in bids_files(alone)}
        table = None if stimuli else events_file(alone)
        named = [] if table is None else named_sounds(source.root, table)
        sounds = {path.relative_to(source.root).as_posix(): path for path in named}
        return {"recording": own, **({"stimuli": sounds} if sounds else {}), **heard}
    found = {"recording": members_of(folder_files(source)[listener])}
    if isinstance(source, Cnd):
        found["stimulus"] = members_of(cnd_stimuli(source))
    if isinstance(source, Kul) and source.audio is not None:
        found["audio"] = members_of(source.audio)
    return found


def digests(source: Source, who: Sequence[str]) -> dict[str, str]:
    """SHA-256 of what is read for these listeners: recordings, sounds, and their rows of a table.

    Raises
    ------
    DataError
        If a file is missing or unreadable.
    """
    found = {}
    for name in who:
        shared = ("speech", "stimulus", "audio") if not isinstance(source, Files | Bids) else ()
        for what, members in files_of(source, name).items():
            key = what if len(who) == 1 or what.startswith(shared or ("\0",)) else f"{name}: {what}"
            if key not in found:
                found[key] = digest_of(members)
        if isinstance(source, Table):
            rows = [row for row in rows_of(source) if row["subject"] == name]
            found[f"{name}: rows of {TABLE}"] = sha256_hex(json.dumps(rows).encode())
    return found


def digest_of(members: Members) -> str:
    """SHA-256 of files together."""
    return combined({name: file_digest(path) for name, path in members.items()})


def size_of(source: Source, listener: str) -> int:
    """Bytes of a listener's recordings; those that are missing count as none."""
    members = files_of(source, listener).get("recording", {})
    return sum(path.stat().st_size for path in members.values() if path.is_file())


def members_of(path: Path) -> Members:
    """A file with those that belong to it, or every file of a folder, by name."""
    if path.is_dir():
        return {p.relative_to(path).as_posix(): p for p in sorted(path.rglob("*")) if p.is_file()}
    return {member.name: member for member in (path, *_beside(path)) if member == path or member.is_file()}


def file_state(path: Path) -> tuple[int, ...]:
    """What differs after a file or folder was changed; always something new while its times cannot tell yet."""
    try:
        found = path.stat()
    except OSError:
        return ()
    now_ns, changed_ns = time.time_ns(), max(found.st_mtime_ns, found.st_ctime_ns)
    young = (now_ns,) if now_ns - changed_ns < YOUNG_NS else ()
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, *young)


def _stem(path: Path) -> str:
    return (
        path.stem.removesuffix("_data_preproc").removesuffix("_preprocessed").removeprefix("2024-AV-GC-AAD-")
    )


def _table_files(source: Table, listener: str) -> dict[str, Members]:
    folder = table_of(source).parent
    rows = [row for row in rows_of(source) if row["subject"] == listener]
    recordings: Members = {}
    for name in dict.fromkeys(row["recording"] for row in rows):
        recordings |= {
            f"{Path(name).parent / member}": path for member, path in members_of(folder / name).items()
        }
    sounds = {row[role]: audio_file(folder, row[role]) for row in rows for role in SOUNDS if row.get(role)}
    return {"recording": recordings, **({"sounds": sounds} if sounds else {})}


@lru_cache(maxsize=64)
def _rows(table: Path, state: tuple[int, ...]) -> tuple[Row, ...]:
    return tuple(read_rows(table))


@lru_cache(maxsize=64)
def _listed(folder: Path, pattern: str, state: tuple[int, ...]) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob(pattern)))


def _beside(path: Path) -> Iterator[Path]:
    yield from (path.with_suffix(ending) for ending in BESIDE if path.suffix.lower() != ending)
    if path.suffix.lower() == ".fif":  # continued, where the file would pass two gigabytes
        yield from sorted(path.parent.glob(f"{path.stem}-[0-9]*.fif"))
    if path.suffix.lower() == ".vhdr" and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from (path.parent / name for name in NAMED_IN_HEADER.findall(text))
