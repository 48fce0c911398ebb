"""Studies by name, built-in and a user's own through one door: the entry-point group ``cogattn.studies``."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points

from cogattn.errors import ConfigError
from cogattn.study import Study

STUDIES = "cogattn.studies"


def study_entry_points() -> dict[str, EntryPoint]:
    """Return the registered studies by name, none of them imported; raise ConfigError where two share a name."""
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=STUDIES), key=lambda e: (e.name, e.value)):
        if entry.name in found and found[entry.name].value != entry.value:
            raise ConfigError(
                f"study names must be unique; got {entry.name} from {found[entry.name].value} and {entry.value}"
            )
        found[entry.name] = entry
    return found


def load_study(name: str) -> Study:
    """Return an instance of the study registered as `name`.

    Raises
    ------
    ConfigError
        If there is no such study, or its package does not import.
    """
    found = study_entry_points()
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(found)}"
        raise ConfigError(f"study must be a registered name; got {name}{hint}")
    try:
        return found[name].load()()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"study {name} must be importable; got {error} ({found[name].value})") from error
