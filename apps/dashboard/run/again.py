"""A run as a command: the flags of what it sets otherwise than by default, which find the same run again.

The flags are read back before they are shown. Where a setting cannot be said by a flag, the command names a file of
settings, which the page offers beside it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from cogattn.cli.flags import nested
from cogattn.config import KIND
from cogattn.errors import CogattnError
from cogattn.fields import flat_fields
from cogattn.running.exporting import PROGRAM
from cogattn.running.store import RunFolder, run_id
from cogattn.study import Study

Flags = dict[str, object]
"""Values by dotted path, as the command line gives them to a study."""


def command(run: RunFolder, settings: Mapping[str, JsonValue], study: Study | None) -> str:
    """Return the command that finds the run again, as one line for a shell.

    Parameters
    ----------
    run : RunFolder
        Which.
    settings : mapping
        Its settings, as config.json has them.
    study : Study, optional
        Where it is registered here; without it, the command names the file of settings.
    """
    words = None if study is None else flags_of(run, settings, study)
    if words is None:
        words = ["--config", file_name(run)]
    return shlex.join([PROGRAM, run.study, *words, "--out", str(run.root)])


def file_name(run: RunFolder) -> str:
    """Return what a download of the settings is called."""
    return f"{run.study}-{run.id}.toml"


def flags_of(run: RunFolder, settings: Mapping[str, JsonValue], study: Study) -> list[str] | None:
    """Return the flags that make these settings, None where flags do not.

    The fewest are tried first: kinds of groups, and what differs from the defaults that these kinds have.
    """
    flat = dict(_flat(settings))
    kinds = {path: value for path, value in flat.items() if path.split(".")[-1] == KIND}
    for given in (_differing(flat, kinds, study), flat):
        flags = {path: value for path, value in given.items() if value is not None}
        if _finds(run, flags, study):
            return [word for path, value in flags.items() for word in _words(path, value)]
    return None


def _differing(flat: Flags, kinds: Flags, study: Study) -> Flags:
    """What is not as it is by default under these kinds; all where there is no such default."""
    try:
        default = study.Config.parse(nested(_as_flags(kinds)))
    except CogattnError:
        return flat
    usual = dict(_flat(json.loads(default.canonical())))
    plain = dict(_flat(json.loads(study.Config.parse({}).canonical())))
    return {
        path: value for path, value in flat.items() if (plain if path in kinds else usual).get(path) != value
    }


def _finds(run: RunFolder, flags: Flags, study: Study) -> bool:
    """Whether these flags are the run's settings, read as the command line reads them."""
    known = {field.path for field in flat_fields(study.Config)}
    if not set(flags) <= known or any(value == [] for value in flags.values()):
        return False
    try:
        return run_id(study.name, study.Config.parse(nested(_as_flags(flags)))) == run.id
    except CogattnError:
        return False


def _as_flags(flags: Flags) -> Flags:
    """Text, as a shell hands it over; true and false as cyclopts reads them."""
    return {path.replace(".", "__"): _given(value) for path, value in flags.items()}


def _given(value: object) -> object:
    if isinstance(value, list):
        return [_text(item) for item in value]
    return value if isinstance(value, bool) else _text(value)


def _text(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _words(path: str, value: object) -> Iterator[str]:
    *groups, last = (part.replace("_", "-") for part in path.split("."))
    prefix = "".join(f"{group}." for group in groups)
    if isinstance(value, bool):
        yield f"--{prefix}{last}" if value else f"--{prefix}no-{last}"
    elif isinstance(value, list):
        yield f"--{prefix}{last}"
        yield from map(_text, value)
    else:
        yield f"--{prefix}{last}"
        yield _text(value)


def _flat(values: Mapping[str, JsonValue], group: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{group}{name}.")
        else:
            yield f"{group}{name}", value
