"""A study's settings as a form: a tree of fields and groups, made from its pydantic model as the flags are.

Nothing here draws, and nothing here judges: see `cogattn.apps.dashboard.launch.answers`. Kinds of a group that cannot
do without naming code are not offered.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Union, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cogattn.config import KIND, Code, Settings, groups_of, plain_values
from cogattn.fields import FlatField, bare, leaf
from cogattn.observers.lists import from_lists, from_patterns

Answer = bool | str | tuple[str, ...]
"""What a field holds: whether it is ticked, its text, or the choices that were taken."""
Answers = Mapping[str, Answer]


@dataclass(frozen=True)
class Field:
    """One question of a form.

    Parameters
    ----------
    flat : FlatField
        The setting: dotted path, help, bounds.
    form : {"text", "list", "flag", "choice", "several"}
        Text, texts with commas between, a tick, one of `choices`, or some of them.
    default : bool, str or tuple of str
        The answer that stands there at first.
    choices : mapping of str to value
        What may be chosen, as it is read and as it is meant.
    optional, required : bool
        Whether no answer is an answer (None), and whether there is no default.
    listed, code : bool
        Whether its text could name a file of names or a pattern, and whether it could name code.
    """

    flat: FlatField
    form: Literal["text", "list", "flag", "choice", "several"]
    default: Answer
    choices: Mapping[str, object] = field(default_factory=dict)
    optional: bool = False
    required: bool = False
    listed: bool = False
    code: bool = False

    @property
    def path(self) -> str:
        """Dotted path of the setting."""
        return self.flat.path


@dataclass(frozen=True)
class Group:
    """A group of questions, in one kind or several.

    Parameters
    ----------
    path, help : str
        Dotted path and docstring.
    kinds : mapping of str to tuple
        The questions of each kind that a form offers; one kind "" where there are none to choose from.
    kind : str
        Which is the default.
    optional : bool
        Whether there is no such group unless somebody asks for it.
    about : mapping of str to str
        What each kind is, in the first sentence of its docstring.
    kept : mapping
        What the default group sets otherwise than its class does: a group that is given is of the class's defaults.
    """

    path: str
    help: str
    kinds: Mapping[str, tuple[Field | Group, ...]]
    kind: str
    optional: bool = False
    about: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, object] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        """Whether there are kinds to choose from."""
        return "" not in self.kinds


Form = tuple[Field | Group, ...]


def form_of(model: type[Settings]) -> Form:
    """Return the form of a study's settings."""
    return _entries(model, "", None)


def kind_path(group: Group) -> str:
    """Return the path of the question that chooses the group's kind, or whether it is there at all."""
    return f"{group.path}.{KIND}" if group.several else group.path


def kind_of(group: Group, answers: Answers) -> str | None:
    """Return the kind of the group that is answered for; None for an optional group that is not asked for."""
    if group.several:
        chosen = str(answers.get(kind_path(group), group.kind))
        return chosen if chosen in group.kinds else group.kind
    return None if group.optional and not answers.get(group.path, False) else ""


def shown(form: Form, answers: Answers) -> Iterator[Field]:
    """Return the fields that these answers bring to view."""
    for entry in form:
        if isinstance(entry, Field):
            yield entry
        elif (kind := kind_of(entry, answers)) is not None:
            yield from shown(entry.kinds[kind], answers)


def joined(texts: Sequence[str]) -> str:
    """Return values as `cogattn.apps.dashboard.launch.answers.split` reads them."""
    return ", ".join(
        '"' + text.replace('"', '""') + '"' if set(text) & {",", '"'} or text != text.strip() else text
        for text in texts
    )


def _entries(model: type[Settings], prefix: str, instance: object) -> Form:
    return tuple(
        _entry(f"{prefix}{name}", info, name, instance)
        for name, info in model.model_fields.items()
        if name != KIND
    )


def _entry(path: str, info: FieldInfo, name: str, instance: object) -> Field | Group:
    default = getattr(instance, name, info.get_default(call_default_factory=True))
    groups = groups_of(info)
    if not groups:
        return _field(path, info, default)
    chosen = str(getattr(default, KIND, "")) if info.discriminator else ""
    kinds = {
        kind: _entries(group, f"{path}.", default if kind == chosen and default is not None else None)
        for kind, group in groups.items()
        if not _names_code(group)
    }
    about = {kind: (inspect.getdoc(groups[kind]) or "").partition("\n")[0] for kind in kinds}
    kept = default.model_dump(mode="json", exclude_defaults=True) if isinstance(default, Settings) else {}
    return Group(
        path, info.description or "", kinds, chosen, optional=default is None, about=about, kept=kept
    )


def _field(path: str, info: FieldInfo, default: object) -> Field:
    annotation = bare(info.annotation)
    inner = bare(get_args(annotation)[0]) if get_origin(annotation) is tuple else annotation
    choices = {str(value): value for value in get_args(inner)} if get_origin(inner) is Literal else {}
    form = _form(annotation, bool(choices))
    return Field(
        flat=leaf(path, info, default),
        form=form,
        default=answer_of(form, default),
        choices=choices,
        optional=_takes_none(info.annotation),
        required=default is PydanticUndefined,
        listed=any(
            isinstance(one, BeforeValidator) and one.func in (from_lists, from_patterns)
            for one in info.metadata
        ),
        code=any(isinstance(one, Code) for one in info.metadata),
    )


def _form(annotation: object, chosen: bool) -> Literal["text", "list", "flag", "choice", "several"]:
    if get_origin(annotation) is tuple:
        return "several" if chosen else "list"
    if annotation is bool:
        return "flag"
    return "choice" if chosen else "text"


def answer_of(form: str, value: object) -> Answer:
    """Return a setting's value as a field of that form holds it."""
    if form == "flag":
        return value is True
    plain = plain_values(() if value is PydanticUndefined or value is None else value)
    texts = [str(one) for one in plain] if isinstance(plain, list) else [str(plain)]
    if form == "several":
        return tuple(texts)
    return joined(texts) if form == "list" else "".join(texts)


def _takes_none(annotation: object) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def _names_code(group: type[Settings]) -> bool:
    """Whether a kind of group cannot do without a setting that names code."""
    return any(
        info.is_required() and any(isinstance(one, Code) for one in info.metadata)
        for info in group.model_fields.values()
    )
