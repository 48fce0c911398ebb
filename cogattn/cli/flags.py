"""Flags from a study's settings: ``--noise.n-bands`` for ``noise.n_bands``; ``--scenes`` will do for ``scenes.path``.

cyclopts splits the words and writes the help; values are checked by the settings alone. cyclopts is given
plain text parameters and not the settings' own types, because it refuses alternatives (``images.kind``) whose
fields of one name differ in default or wording.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Annotated

from cyclopts import Parameter

from cogattn.config import Settings, at_path, merge
from cogattn.errors import ConfigError
from cogattn.fields import FlatField, flat_fields

GROUP_OF_PLAIN = "Study"
DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)")
UNIT_S = {"s": 1, "m": 60, "h": 3600}


def flag_parameters(model: type[Settings]) -> list[inspect.Parameter]:
    """Return one keyword parameter a setting; its name is the dotted path with ``__`` for the dots."""
    return [
        inspect.Parameter(
            field.path.replace(".", "__"),
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(field),
        )
        for field in flat_fields(model)
    ]


def nested(flags: Mapping[str, object]) -> dict[str, object]:
    """Turn ``{"noise__n_bands": "5"}`` into ``{"noise": {"n_bands": "5"}}``, less what was not given."""
    values: dict[str, object] = {}
    for name, value in flags.items():
        if value is None:
            continue
        values = merge(values, at_path(name.replace("__", "."), value))
    return values


def seconds(text: str, *, flag: str) -> float:
    """Return the seconds of a time such as ``3600s``, ``55m`` or ``1.5h``; raise ConfigError for another form."""
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"{flag} must be a time such as 3600s, 55m or 3h; got {text[:40]!r}")
    return float(match[1]) * UNIT_S[match[2]]


def _annotation(field: FlatField) -> object:
    *groups, last = (part.replace("_", "-") for part in field.path.split("."))
    prefix = "".join(f"{group}." for group in groups)
    name = f"--{prefix}{last}"
    short = [f"--{'.'.join(groups)}"] if groups and last == "path" and not field.kinds else []
    parameter = Parameter(
        name=[name, *short],
        negative=f"--{prefix}no-{last}" if field.form == "flag" else "",
        help=help_text(field),
        metavar=_metavar(field),
        group=field.path.partition(".")[0] if groups else GROUP_OF_PLAIN,
        consume_multiple=field.form == "list",
        show_default=False,
    )
    match field.form:
        case "flag":
            return Annotated[bool | None, parameter]
        case "list":
            return Annotated[list[str] | None, parameter]
        case "value":
            return Annotated[str | None, parameter]


def help_text(field: FlatField) -> str:
    """Say what a setting means, its rule and default, and for which kinds of its group it is."""
    about = [field.type_name] if "," in field.type_name else []
    about += [field.rule] if field.rule else []
    about += [f"default: {field.default}"] if field.default else []
    about += [f"only {' or '.join(field.kinds)}"] if field.kinds else []
    sentence = " ".join(field.help.replace("``", "").replace("`", "").split())
    return f"{sentence} [{'; '.join(about)}]" if about else sentence


def _metavar(field: FlatField) -> str:
    names = {"whole number": "INT", "number": "NUMBER", "path": "PATH"}
    return names.get(field.type_name, "NAME" if "," in field.type_name else "TEXT")
