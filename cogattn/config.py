"""Typed study settings: one frozen model drives the command line, the TOML file, the form and the run's id.

A setting is named by its dotted path everywhere (``noise.n_bands`` is ``--noise.n-bands`` on the command
line, ``[noise] n_bands`` in TOML, and the start of the sentence when its value is refused).
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cogattn.errors import ConfigError

KIND = "kind"


class Code:
    """Marks a setting whose text may name code to run, ``module:factory``: a form in a browser takes none."""


class Settings(BaseModel):
    """A frozen group of settings that knows no other keys than its own.

    Where a group comes in several kinds, the field that tells them apart is always called ``kind``; a group
    given without its kind is of the default's kind.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _kind_of_default(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        for name, info in cls.model_fields.items():
            given, default = filled.get(name), info.default
            if info.discriminator and isinstance(given, Mapping) and isinstance(default, Settings):
                filled[name] = {KIND: getattr(default, KIND), **given}
        return filled


class StudyConfig(Settings):
    """Base of a study's settings; equal settings have equal `digest`, in whatever order given."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Root of every random stream of the run."""

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Self:
        """Validate nested `values`; raise ConfigError naming the path of the first broken setting."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(explain(error, cls)) from None

    @classmethod
    def refusals(cls, values: Mapping[str, object]) -> list[tuple[str, str]]:
        """Return the dotted path and the sentence of every broken setting; none where `parse` takes `values`."""
        try:
            cls.model_validate(values)
        except ValidationError as error:
            found = [(_place(one["loc"], cls), one) for one in error.errors(include_url=False)]
            return [(place.path, _sentence(place, one)) for place, one in found]
        return []

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a TOML file; raise ConfigError where it is missing, unreadable or breaks a rule."""
        return cls.parse(read_toml(path))

    def canonical(self) -> str:
        """Return the settings as JSON with sorted keys and no white space: equal settings, equal text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

    def to_toml(self) -> str:
        """Return the settings as TOML that `from_toml` reads back equal; what is not set is left out."""
        return toml_text(self.model_dump(mode="json"))

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def plain_values(value: object) -> object:
    """Return settings, mappings and sequences as plain nested values, paths as text."""
    if isinstance(value, Settings):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(name): plain_values(inner) for name, inner in value.items()}
    if isinstance(value, Path):
        return str(value)
    return [plain_values(inner) for inner in value] if isinstance(value, list | tuple) else value


MAX_SETTINGS_BYTES = 1 << 20


def read_settings(path: Path) -> dict[str, object]:
    """Return the nested values of a TOML file, or of a run's config.json.

    Raises
    ------
    ConfigError
        Where it is missing, no regular file, larger than a megabyte, or neither.
    """
    if path.suffix != ".json":
        return read_toml(path)
    try:
        found = json.loads(_settings_bytes(path))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--config must be a run's config.json; got {path} ({error})") from None
    values = found.get("config", found) if isinstance(found, dict) else None
    if not isinstance(values, dict):
        raise ConfigError(f"--config must be a run's config.json; got {path} (no settings in it)")
    return values


def read_toml(path: Path, *, what: str = "--config") -> dict[str, object]:
    """Return the nested values of a TOML file; raise ConfigError, which begins with `what`, where it is none."""
    try:
        return tomllib.loads(_settings_bytes(path, what).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{what} must be valid TOML; got {path} ({error})") from None


def _settings_bytes(path: Path, what: str = "--config") -> bytes:
    try:
        if not path.is_file():
            reason = "not a file" if path.exists() else "No such file or directory"
            raise ConfigError(f"{what} must name a readable TOML file; got {path} ({reason})")
        if path.stat().st_size > MAX_SETTINGS_BYTES:
            raise ConfigError(f"{what} must name a file of at most a megabyte; got {path}")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{what} must name a readable TOML file; got {path} ({error.strerror})") from None


def toml_text(values: Mapping[str, object]) -> str:
    """Return nested values as TOML that `read_settings` reads back equal; what is None is left out."""
    return "\n".join(_toml_lines(values, ""))


def _toml_lines(values: Mapping[str, object], table: str) -> Iterator[str]:
    """Plain values first, as TOML asks, then each group under its dotted name."""
    for name, value in values.items():
        if value is not None and not isinstance(value, Mapping):
            yield f"{name} = {_toml_value(value)}"
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield f"\n[{table}{name}]"
            yield from _toml_lines(value, f"{table}{name}.")


def _toml_value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, str):  # TOML's basic strings are JSON's, but for surrogate pairs and DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def refuse_changed(config: StudyConfig, settings: Sequence[str], where: str) -> None:
    """Refuse settings that have no part in a run and are not as they are by default.

    Parameters
    ----------
    config : StudyConfig
        All settings.
    settings : sequence of str
        Dotted paths of values or groups.
    where : str
        Why they have none.

    Raises
    ------
    ConfigError
        For the first that was changed.
    """
    plain = type(config)()
    for setting in settings:
        given, default = (_value_at(one, setting) for one in (config, plain))
        if given != default:
            raise ConfigError(f"{setting} must be left as it is where {where}; got {_told(given)}")


def _value_at(config: Settings, setting: str) -> object:
    value: object = config
    for name in setting.split("."):
        value = getattr(value, name)
    return value


def _told(value: object) -> str:
    """A value, or those of a group's settings that differ from their defaults."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if not isinstance(value, Settings):
        return str(value)
    changed = value.model_dump(exclude_defaults=True)
    return ", ".join(f"{name} = {getattr(value, name)}" for name in changed)


def at_path(path: str, value: object) -> dict[str, object]:
    """Return nested settings of one value: ``noise.n_bands`` and 5 make ``{"noise": {"n_bands": 5}}``."""
    *groups, last = path.split(".")
    given: dict[str, object] = {last: value}
    for group in reversed(groups):
        given = {group: given}
    return given


def merge(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Lay nested settings over others; a group of another kind replaces the one below as a whole."""
    merged = dict(below)
    for name, value in above.items():
        old = below.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            switched = KIND in value and KIND in old and value[KIND] != old[KIND]
            value = dict(value) if switched else merge(old, value)
        merged[name] = value
    return merged


def explain(error: ValidationError, model: type[Settings]) -> str:
    """One sentence for the first broken rule: dotted path, rule, value."""
    first = error.errors(include_url=False)[0]
    return _sentence(_place(first["loc"], model), first)


def _sentence(place: _Place, first: ErrorDetails) -> str:
    if first["type"] == "extra_forbidden":
        return _unknown_setting(place)
    if first["type"] == "union_tag_invalid":
        kinds = first["ctx"]["expected_tags"].replace("'", "")
        return f"{place.path}.{KIND} must be one of {kinds}; got {first['ctx']['tag']!r}"
    if first["type"] == "missing":
        return f"{place.path} must be given{place.condition}"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
    else:
        plain = _SUBJECT.sub("must ", first["msg"]).partition(", unable to parse")[0]
        message = _RULES.get(first["type"], plain)
    if isinstance(first["input"], Mapping) and "; got " in message:
        # A rule over several settings of a group: it names them, and what it got.
        return f"{place.path}.{message}".lstrip(".")
    given = first["input"]
    shown = repr(given[0] if isinstance(given, tuple) and len(given) == 1 else given)
    value = f"; got {shown if len(shown) <= 80 else shown[:77] + '...'}"
    return f"{place.path} {message}{value}" if place.path else message


_RULES = {"path_type": "must be a path", "model_type": "must be a group of settings"}
"""Rules that pydantic words for programmers."""
_SUBJECT = re.compile(r"^\w[\w ]*? should ")


class _Place(NamedTuple):
    """Where in the settings: dotted path, the group around it, and the alternatives of that group, if any."""

    path: str
    group: type[Settings]
    union: str = ""
    kind: str = ""
    alternatives: Mapping[str, type[Settings]] = MappingProxyType({})

    @property
    def condition(self) -> str:
        return f" with {self.union}.{KIND} = {self.kind}" if self.kind else ""


def _place(loc: Sequence[str | int], model: type[Settings]) -> _Place:
    """Walk pydantic's location, which holds the kind after the name of each group that has kinds."""
    place, parts = _Place("", model), list(loc)
    while parts:
        name = parts.pop(0)
        path = f"{place.path}[{name}]" if isinstance(name, int) else f"{place.path}.{name}".lstrip(".")
        info = place.group.model_fields.get(str(name))
        groups = groups_of(info) if info else {}
        if info is None or not groups or (info.discriminator and not parts):
            place = place._replace(path=path)
        elif info.discriminator:
            kind = str(parts.pop(0))
            place = _Place(path, groups[kind], path, kind, groups)
        else:
            place = _Place(path, next(iter(groups.values())))
    return place


def _unknown_setting(place: _Place) -> str:
    name = place.path.rpartition(".")[2]
    owners = [kind for kind, group in place.alternatives.items() if name in group.model_fields]
    close = difflib.get_close_matches(name, place.group.model_fields, n=1)
    hint = ""
    if owners:
        hint = f"; {place.union}.{KIND} = {' or '.join(owners)} has it"
    elif close:
        hint = f"; did you mean {place.path.removesuffix(name)}{close[0]}?"
    return f"{place.path} is not a setting{place.condition or ' of this study'}{hint}"


def groups_of(info: FieldInfo) -> dict[str, type[Settings]]:
    """Return the groups that a field may hold, by kind ("" if it has one kind only); none for a value."""
    types = [info.annotation, *get_args(info.annotation)]
    groups = [kind for kind in types if isinstance(kind, type) and issubclass(kind, Settings)]
    return {get_args(g.model_fields[KIND].annotation)[0] if info.discriminator else "": g for g in groups}
