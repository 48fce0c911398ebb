"""The settings of a study as one flat list: what the command line offers as flags and a form as inputs."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cogattn.config import KIND, Settings, groups_of


@dataclass(frozen=True)
class FlatField:
    """One setting.

    Parameters
    ----------
    path : str
        Dotted path, ``noise.n_bands``.
    form : {"flag", "value", "list"}
        True or false, one value, or several.
    type_name : str
        What a value is in a reader's words: ``whole number``, ``number``, ``text``, ``path``, or choices.
    default : str
        As a reader would type it; empty where there is none.
    rule : str
        Bounds in words; may be empty.
    help : str
        The field's docstring.
    kinds : tuple of str
        The kinds of its group that have it (``images.kind``: ``folder``, ``manifest``); empty where all do.
    """

    path: str
    form: Literal["flag", "value", "list"]
    type_name: str
    default: str
    rule: str
    help: str
    kinds: tuple[str, ...] = ()


def flat_fields(model: type[Settings]) -> list[FlatField]:
    """Return the settings of `model` in source order, those of alternative groups merged by path."""
    merged: dict[str, FlatField] = {}
    for field in _walk(model, "", None):
        known = merged.get(field.path)
        if known is None:
            merged[field.path] = field
        else:
            kinds = (*known.kinds, *field.kinds) if known.kinds and field.kinds else ()
            merged[field.path] = replace(known, kinds=kinds)
    return list(merged.values())


def _walk(model: type[Settings], prefix: str, instance: object) -> Iterator[FlatField]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        default = getattr(instance, name, info.get_default(call_default_factory=True))
        groups = groups_of(info)
        if not groups:
            yield leaf(path, info, default)
        elif info.discriminator:
            yield from _walk_kinds(path, info, groups, default)
        else:
            yield from _walk(next(iter(groups.values())), f"{path}.", default)


def _walk_kinds(
    path: str, info: FieldInfo, groups: dict[str, type[Settings]], default: object
) -> Iterator[FlatField]:
    chosen = str(getattr(default, KIND, ""))
    yield FlatField(f"{path}.{KIND}", "value", ", ".join(groups), chosen, "", info.description or "")
    for kind, group in sorted(groups.items(), key=lambda item: item[0] != chosen):
        for field in _walk(group, f"{path}.", default if kind == chosen else None):
            if field.path != f"{path}.{KIND}":
                yield replace(field, kinds=(kind,))


def leaf(path: str, info: FieldInfo, default: object) -> FlatField:
    """Return the setting of a field that is no group."""
    kind, form = bare(info.annotation), "value"
    if get_origin(kind) is tuple:
        kind, form = bare(get_args(kind)[0]), "list"
    if kind is bool:
        form = "flag"
    return FlatField(path, form, _type_name(kind), _typed(default), _rule(info), info.description or "")


def bare(annotation: object) -> object:
    """Return a type less ``Annotated`` and ``| None``."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return bare(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


def _type_name(kind: object) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    names = {int: "whole number", float: "number", bool: "true or false", str: "text"}
    return names.get(kind, getattr(kind, "__name__", str(kind)).lower())


def _typed(default: object) -> str:
    if default is None or default is PydanticUndefined:
        return ""
    if isinstance(default, tuple):
        return " ".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)


def _rule(info: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    bounds = [
        f"{words[n]} {getattr(m, n)}" for m in info.metadata for n in words if getattr(m, n, None) is not None
    ]
    return " and ".join(bounds)
