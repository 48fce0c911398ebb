"""Studies by name, built-in and a user's own through one door: the entry-point group ``cogattn.studies``.

A study that is not installed is reached by its target, ``module:attribute``.
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import EntryPoint, entry_points
from types import MethodType

from cogattn.config import StudyConfig
from cogattn.errors import ConfigError
from cogattn.study import Study

STUDIES = "cogattn.studies"
COMMANDS = "cogattn.commands"
"""Entry-point group of further commands of the house, as ``cogattn dashboard``: functions for cyclopts."""


def study_entry_points() -> dict[str, EntryPoint]:
    """Return the registered studies by name, none imported; raise ConfigError where two share a name."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=STUDIES), key=lambda e: (e.name, e.value)):
        if entry.name in found and found[entry.name].value != entry.value:
            raise ConfigError(
                f"study names must be unique; got {entry.name} from {found[entry.name].value} "
                f"and {entry.value}"
            )
        found[entry.name] = entry
    return found


def command_entry_points() -> dict[str, EntryPoint]:
    """Return the house's further commands by name, none imported."""
    return {entry.name: entry for entry in entry_points(group=COMMANDS)}


def load_target(target: str) -> object:
    """Return the attribute at a target ``module:attribute`` that a study names.

    Raises
    ------
    ConfigError
        If it cannot be imported.
    """
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{target} must be importable; got {type(error).__name__}: {error}") from error


def load_study(name: str) -> Study:
    """Return an instance of the study registered as `name`, or of the class at a target ``module:attribute``.

    Raises
    ------
    ConfigError
        If there is no such study, or its package does not import.
    """
    target = name if ":" in name else _registered_target(name)
    module, _, attribute = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a plugin may raise anything while it is imported
        raise ConfigError(
            f"study {name} must be importable; got {type(error).__name__}: {error} ({target})"
        ) from error
    if not (isinstance(found, type) and issubclass(getattr(found, "Config", object), StudyConfig)):
        raise ConfigError(f"study {name} must be a class with a Config of settings; got {target}")
    return complete(found())


OPTIONAL = (
    "check", "observers", "relevant", "contents", "inputs", "cost", "persons", "published", "carded", "simulated",
    "stimulus", "question", "derivatives", "kind", "on_card", "exhibits", "sittings",
)  # fmt: skip


def complete(study: Study) -> Study:
    """Return `study` with the protocol's own methods where its class does not derive from `Study` and lacks them.

    Raises
    ------
    ConfigError
        If it does not declare its trial tables, or lacks another part of the protocol.
    """
    for name in (
        "name",
        "version",
        "Config",
        "reference",
        "tables",
        "cells",
        "run_cell",
        "summarise",
        "demo",
    ):
        if getattr(study, name, None) is None:
            raise ConfigError(f"a study must have {name}; got {type(study).__qualname__} without it")
    for name in OPTIONAL:
        if not hasattr(study, name):
            own = getattr(Study, name)
            setattr(study, name, MethodType(own, study) if callable(own) else own)
    return study


def _registered_target(name: str) -> str:
    found = study_entry_points()
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(found)}"
        raise ConfigError(f"study must be a registered name; got {name}{hint}")
    return found[name].value
