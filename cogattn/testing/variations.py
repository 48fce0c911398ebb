"""Each setting of a study changed by itself: what the conformance suite turns to see what depends on it."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from cogattn.config import KIND, Settings, StudyConfig, groups_of
from cogattn.fields import flat_fields

C = TypeVar("C", bound=StudyConfig)


def variations(config: C) -> Iterator[tuple[str, C]]:
    """Yield (dotted path, settings with that one changed) for every setting that can be changed by itself.

    Settings of the kind that is chosen in each group are varied, and the kinds themselves where another one needs no
    further settings. Paths to files are left alone.
    """
    values = json.loads(config.canonical())
    for path, info, value in _leaves(config, ()):
        for other in _others(info, value):
            try:
                changed = type(config).model_validate(_with(values, path, other))
            except (ValidationError, ValueError):
                continue
            if changed != config:
                yield ".".join(path), changed
                break


def missing_files(config: C) -> Iterator[tuple[str, C]]:
    """Yield (dotted path, settings) with each setting that names a file naming one that is not there.

    Settings of all kinds of each group are tried, those of a kind that is not chosen with that kind; other files that
    the kind needs are missing, too.
    """
    values = json.loads(config.canonical())
    for field in flat_fields(type(config)):
        if field.type_name != "path":
            continue
        *groups, last = field.path.split(".")
        for kind in field.kinds or ("",):
            missing: object = [MISSING] if field.form == "list" else MISSING
            given = {**({KIND: kind} if kind else {}), last: missing}
            given |= {name: MISSING for name in _needed(type(config), groups, kind) if name != last}
            if not groups:
                given = {**values, **given}
            try:
                yield field.path, type(config).model_validate(_with(values, tuple(groups), given))
            except (ValidationError, ValueError, KeyError, TypeError):
                continue


MISSING = "no/such/place"


def _needed(model: type[Settings], groups: list[str], kind: str) -> Iterator[str]:
    """Names of the settings without a default in the group at a path."""
    for name in groups:
        kinds = groups_of(model.model_fields[name])
        model = kinds.get(kind) or kinds.get("") or next(iter(kinds.values()))
    yield from (name for name, info in model.model_fields.items() if info.is_required())


def _leaves(group: Settings, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], FieldInfo, object]]:
    for name, info in type(group).model_fields.items():
        value = getattr(group, name)
        if isinstance(value, Settings):
            if info.discriminator:
                yield (*path, name), info, value
            yield from _leaves(value, (*path, name))
        elif name != KIND:
            yield (*path, name), info, value


def _others(info: FieldInfo, value: object) -> Iterator[object]:
    """Values to try in place of `value`, the likeliest first."""
    if isinstance(value, Settings):
        for kind in groups_of(info):
            if kind != getattr(value, KIND, kind):
                yield {KIND: kind}
        return
    kind = _bare(info.annotation)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if choices:
        yield from (choice for choice in choices if choice != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value * 2, value // 2)
    elif isinstance(value, float):
        yield from (value * 1.25, value * 0.8, value / 2, value + 0.01)
    elif isinstance(value, tuple):
        yield from _other_tuples(kind, value)
    elif value is None:
        yield from (1, 2, 0.5, 20.0, {})
    elif isinstance(value, str):
        yield f"{value}x"


def _other_tuples(kind: object, value: tuple[Any, ...]) -> Iterator[object]:
    if len(value) > 1:
        yield list(value[:-1])
    item = _bare(get_args(kind)[0]) if get_args(kind) else None
    if get_origin(item) is Literal:
        yield from ([choice] for choice in get_args(item) if [choice] != list(value))
    if value and isinstance(value[-1], float):
        yield from ([*value[:-1], value[-1] * 0.9], [*value[:-1], value[-1] * 1.1])


def _bare(annotation: object) -> object:
    """Strip ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _bare(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


def _with(values: dict[str, Any], path: tuple[str, ...], value: Any) -> Any:
    """A copy of nested values with one of them replaced."""
    if not path:
        return value
    name, *rest = path
    return {**values, name: _with(values[name], tuple(rest), value) if rest else value}
