"""A run as the page reads it: what can be read, and one sentence for each thing that cannot.

Every file is held against the manifest before it is shown, and again whenever its size or date has changed. A damaged
file costs its own part of the page and no other.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from cogattn.config import StudyConfig
from cogattn.errors import CogattnError
from cogattn.registry import load_study, study_entry_points
from cogattn.running.records import CellList, ConfigRecord, Manifest, Provenance, Record
from cogattn.running.store import FIGURES, PEOPLE, TABLES, TRIALS, RunFolder, damage
from cogattn.study import Study

if TYPE_CHECKING:
    import pandas as pd

R = TypeVar("R", bound=Record)
SUMMARY = "summary"


@dataclass(frozen=True)
class Reading:
    """What there is of a run.

    Parameters
    ----------
    run : RunFolder
        Which.
    settings : ConfigRecord, optional
        Study and settings.
    manifest : Manifest, optional
        Files with their hashes, remarks, who is left out; None where it is not finished, or damaged.
    cells : CellList, optional
    provenance : Provenance
    study : Study, optional
        Where it is registered here.
    config : StudyConfig, optional
        The settings, where the study takes them.
    problems : tuple of str
        What is damaged, a sentence each.
    damaged : frozenset of str
        Files of the manifest that are not as they were written.
    """

    run: RunFolder
    settings: ConfigRecord | None
    manifest: Manifest | None
    cells: CellList | None
    provenance: Provenance
    study: Study | None
    config: StudyConfig | None
    problems: tuple[str, ...]
    damaged: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """``masking/abcdef123456``."""
        return f"{self.run.study}/{self.run.id}"

    def files(self, folder: str, ending: str) -> list[str]:
        """Return the stems of a folder's whole files with an ending, in the order of the manifest."""
        start = f"{folder}/"
        listed = self.manifest.files if self.manifest else {}
        return [
            name.removeprefix(start).removesuffix(ending)
            for name in listed
            if name.startswith(start) and name.endswith(ending) and name not in self.damaged
        ]

    def data(self, name: str) -> bytes:
        """Return a file's bytes as they are on disk, checked against the manifest."""
        return self.run.listed_bytes(name)

    def summary(self) -> pd.DataFrame | None:
        """Return the summary, None where there is none."""
        return self.run.summary() if SUMMARY in self.files(TABLES, ".csv") else None

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return all whole tables by name but the summary."""
        return {name: self.run.table(name) for name in self.files(TABLES, ".csv") if name != SUMMARY}

    def people(self) -> pd.DataFrame | None:
        """Return the persons, None where the study knows group means only."""
        return self.run.table(PEOPLE) if PEOPLE in self.files(TABLES, ".csv") else None

    def trials(self, name: str) -> pd.DataFrame | None:
        """Return a table of trials, None where there is none."""
        return self.run.trials(name) if name in self.files(TRIALS, ".parquet") else None


def read(run: RunFolder) -> Reading:
    """Read a run; nothing is raised for what is damaged in it."""
    problems: list[str] = []
    settings = _record(run, ConfigRecord, problems)
    manifest = _record(run, Manifest, problems)
    cells = _record(run, CellList, problems)
    provenance = _record(run, Provenance, problems)
    if settings is None and not problems:
        problems.append(f"{ConfigRecord.file} of run {run.id} is missing")
    damaged = _damaged(str(run.root), run.study, run.id, _stats(run, manifest)) if manifest else ()
    problems += [f"{name} {what}" for name, what in damaged]
    study, config = _understood(run, settings, problems)
    return Reading(
        run,
        settings,
        manifest,
        cells,
        provenance or Provenance(),
        study,
        config,
        tuple(problems),
        frozenset(name for name, _ in damaged),
    )


def _record(run: RunFolder, kind: type[R], problems: list[str]) -> R | None:
    try:
        return run.read(kind)
    except CogattnError as error:
        problems.append(str(error))
        return None


def _stats(run: RunFolder, manifest: Manifest) -> tuple[tuple[str, str, int, int], ...]:
    """Size and date of every file that the manifest lists: what must change where the file does."""
    found = []
    for name, digest in manifest.files.items():
        size, moment = -1, -1
        if _is_own(name):
            with contextlib.suppress(OSError, CogattnError, ValueError):
                status = run.path(*name.split("/")).lstat()
                size, moment = status.st_size, status.st_mtime_ns
        found.append((name, digest, size, moment))
    return tuple(found)


def _is_own(name: str) -> bool:
    """Whether a manifest's entry is a file of the run: it may say anything."""
    folder, _, rest = name.rpartition("/")
    return (
        folder in ("", TRIALS, TABLES, FIGURES)
        and rest not in ("", ".", "..")
        and not {"\x00", "\\"} & set(rest)
    )


@st.cache_data(max_entries=256, show_spinner="Checking the files of the run")
def _damaged(
    root: str, study: str, run_id: str, stats: tuple[tuple[str, str, int, int], ...]
) -> tuple[tuple[str, str], ...]:
    """Files that are not as the manifest has them, and what is wrong."""
    from pathlib import Path

    run, found = RunFolder(Path(root), study, run_id), []
    for name, digest, *_ in stats:
        try:
            what = damage(run.path(*name.split("/")), digest) if _is_own(name) else "is no file of a run"
        except (CogattnError, ValueError) as error:
            what = f"cannot be read ({error})"
        if what is not None:
            found.append((name, what))
    return tuple(found)


def _understood(
    run: RunFolder, settings: ConfigRecord | None, problems: list[str]
) -> tuple[Study | None, StudyConfig | None]:
    """The study, and its settings as it takes them here."""
    if run.study not in study_entry_points():
        return None, None
    try:
        study = load_study(run.study)
    except CogattnError as error:
        problems.append(str(error))
        return None, None
    if settings is None:
        return study, None
    if (settings.study, settings.run_id) != (run.study, run.id):
        problems.append(f"{ConfigRecord.file} belongs to another run than {run.study}/{run.id}")
        return study, None
    try:
        return study, study.Config.parse(settings.config)
    except CogattnError as error:
        problems.append(f"the study as it is here takes other settings: {error}")
        return study, None
