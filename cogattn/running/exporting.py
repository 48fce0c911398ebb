"""A run as something to run again: its command, and its settings as TOML that ``--config`` reads to the same run."""

from __future__ import annotations

import json
import logging
import shlex
import tomllib
from collections.abc import Sequence

from cogattn.config import toml_text
from cogattn.errors import CogattnError, StoreError
from cogattn.registry import load_study
from cogattn.reporting.tables import printable
from cogattn.running.records import ConfigRecord, Provenance, Session
from cogattn.running.store import RunFolder, run_id

log = logging.getLogger(__name__)
PROGRAM = "cogattn"
FROM_PYTHON = ("cogattn.run", "cogattn.sweep")
"""What runs that were started from Python record as their command."""
JOINING = "work"
"""Command that computes cells of a run that is there already."""
UNTIL = "--until"
NOT_PROGRAM = ("__main__.py", "-c", "")
"""What stands for the program where it was started by ``python -m``."""


def command_of(run: RunFolder, sessions: Sequence[Session]) -> str:
    """Return the last command that started the run, as one line for a shell, without the time that it was given.

    A run without one, as from Python, gets the command that finds it by its settings.
    """
    commands = starting(sessions)
    if not commands:
        return shlex.join([PROGRAM, run.study, "--config", str(run.folder / ConfigRecord.file)])
    program, *words = commands[-1]
    return one_line(shlex.join([PROGRAM if program in NOT_PROGRAM else program, *_untimed(words)]))


def starting(sessions: Sequence[Session]) -> list[tuple[str, ...]]:
    """Return the command lines that make the run in any store, as calls of Python and who joined it do not."""
    return [s.argv for s in sessions if s.argv and s.argv[0] not in FROM_PYTHON and s.argv[1:2] != (JOINING,)]


def _untimed(words: Sequence[str]) -> list[str]:
    """Words of a command without its limit of time, which would leave the run as unfinished elsewhere."""
    each, kept = iter(words), []
    for word in each:
        if word == UNTIL:
            next(each, None)
        elif not word.startswith(f"{UNTIL}="):
            kept.append(word)
    return kept


def exported(run: RunFolder) -> str:
    """Return the run's settings as TOML, under a comment with its id, version and command.

    Raises
    ------
    StoreError
        If the settings are missing or damaged.
    """
    record = _settings(run)
    text = toml_text(record.config)
    sessions = (run.read(Provenance) or Provenance()).sessions
    version = (sessions[-1].versions.get("cogattn") if sessions else None) or "of an unknown version"
    _tell_where_it_comes_back_otherwise(run, text)
    head = [f"run {run.study}/{run.id}", f"cogattn {version}", command_of(run, sessions)]
    return "".join(f"# {line}\n" for line in head) + f"\n{text}\n"


def exported_json(run: RunFolder) -> str:
    """Return the run's settings as JSON, which ``--config`` reads from a file that ends in ``.json``."""
    return json.dumps(_settings(run).config, indent=1) + "\n"


def one_line(text: str) -> str:
    """Return `text` on one line, without what a terminal or a TOML comment cannot hold."""
    return printable(text.replace("\n", " ")).encode(errors="replace").decode()


def _settings(run: RunFolder) -> ConfigRecord:
    record = run.read(ConfigRecord)
    if record is None:
        raise StoreError(f"run {run.id} must have its settings; got none ({run.folder})")
    return record


def _tell_where_it_comes_back_otherwise(run: RunFolder, text: str) -> None:
    """Say in the log that these settings are another run to the study as it is installed here."""
    try:
        study = load_study(run.study)
        found = run_id(study.name, study.Config.parse(tomllib.loads(text)))
    except CogattnError as error:
        log.warning("whether run %s comes back from these settings cannot be told here: %s", run.id, error)
        return
    if found != run.id:
        log.warning(
            "the study as it is here has other settings or defaults: run %s would be %s", run.id, found
        )
