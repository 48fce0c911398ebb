"""What a report tells of one run, read from its folder and checked against its manifest; and of a study without one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cogattn.config import toml_text
from cogattn.errors import CogattnError
from cogattn.registry import load_study, study_entry_points
from cogattn.reporting.crate.bibtex import Reference
from cogattn.reporting.crate.bibtex import read as read_bibtex
from cogattn.running.exporting import command_of, starting
from cogattn.running.records import ConfigRecord, Provenance, Session
from cogattn.running.store import FIGURES, RunFolder
from cogattn.study import Study

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = "settings.toml"
"""File into which a reader puts the settings that a report shows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunReport:
    """One finished run.

    Parameters
    ----------
    study, id : str
        Which.
    about, question : str
        What the study is, and what it asks; empty where it is not installed here.
    reference : Reference or None
        The study's paper.
    summary : DataFrame
        Columns `cogattn.measures.SUMMARY_COLUMNS`.
    figures : mapping of str to bytes
        PNG files by name.
    remarks : tuple of str
        What must be known before the numbers.
    withheld : mapping of str to str
        Observers that are not in the tables, and why.
    settings : str
        As TOML.
    commands : tuple of str
        What was typed, and what makes the same run of the settings.
    sessions : tuple of Session
        Starts that computed something.
    published : tuple of str
        Names of the published results that the study brings along.
    """

    study: str
    id: str
    about: str
    question: str
    reference: Reference | None
    summary: pd.DataFrame
    figures: Mapping[str, bytes]
    remarks: tuple[str, ...]
    withheld: Mapping[str, str]
    settings: str
    commands: tuple[str, ...]
    sessions: tuple[Session, ...]
    published: tuple[str, ...] = ()


@dataclass(frozen=True)
class Missing:
    """A study without a finished run: its name, its question, and what to type, or why nothing can be."""

    study: str
    question: str
    command: str
    note: str


def run_report(run: RunFolder) -> RunReport:
    """Read a finished run; raise StoreError where a file is not as it was written."""
    study = _installed(run.study)
    manifest = run.manifest()
    record = run.read(ConfigRecord)
    sessions = (run.read(Provenance) or Provenance()).sessions
    figures = [name for name in run.listed(FIGURES) if name.endswith(".png")]
    return RunReport(
        study=run.study,
        id=run.id,
        about=_about(study),
        question=study.question if study else "",
        reference=read_bibtex(study.reference) if study else None,
        summary=run.summary(),
        figures={Path(name).stem: run.listed_bytes(name) for name in figures},
        remarks=manifest.remarks,
        withheld=manifest.withheld,
        settings=toml_text(record.config) if record else "",
        commands=tuple(dict.fromkeys(_commands(run, sessions, installed=study is not None))),
        sessions=sessions,
        published=tuple(study.published()) if study else (),
    )


def missing(observer: str, told: set[str]) -> Iterator[Missing]:
    """Yield the registered studies that are not among `told`, and how the observer gets through each."""
    for name in study_entry_points():
        if name in told:
            continue
        try:
            study = load_study(name)
        except CogattnError as error:
            yield Missing(name, "", "", str(error))
            continue
        applies = _applies(study, observer)
        note = "" if applies else f"it does not apply to {observer}; with its own default observer:"
        command = f"cogattn card {shlex.quote(observer)} --run" if applies else f"cogattn {name}"
        yield Missing(name, study.question or _about(study), command, note)


def _applies(study: Study, observer: str) -> bool:
    """Whether the study measures an observer of that name."""
    try:
        return study.carded(observer) is not None
    except CogattnError:
        return False


def _installed(name: str) -> Study | None:
    """The study of a run; None where it is not installed here, or in another way than by name."""
    if name not in study_entry_points():
        return None
    try:
        return load_study(name)
    except CogattnError:
        return None


def _about(study: Study | None) -> str:
    return (type(study).__doc__ or "").strip().partition("\n")[0] if study else ""


def _commands(run: RunFolder, sessions: tuple[Session, ...], *, installed: bool) -> Iterator[str]:
    if starting(sessions):
        yield command_of(run, sessions)
    if installed:
        yield f"cogattn {run.study} --config {SETTINGS}"
