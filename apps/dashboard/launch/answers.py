"""What the answers to a form mean: settings, sentences beside the fields that are refused, a command.

Answers are what a reader typed, by dotted path; only those that differ from the default become settings, as on the
command line, and all of them are judged by the study's own model. Where the command line would open a file of names,
ask timm for a pattern, or import code (`cogattn.config.Code`), a form refuses: names come from a browser.
"""

from __future__ import annotations

import csv
import io
import re

from cogattn.apps.dashboard.launch.forms import (
    Answer,
    Answers,
    Field,
    Form,
    Group,
    answer_of,
    kind_of,
    kind_path,
    shown,
)
from cogattn.config import KIND, Settings, StudyConfig, merge
from cogattn.observers.lists import LIST, WILD

MAX_CHARACTERS = 10_000
"""Longest text of one field."""
WORD = re.compile(r"\w+")


def changed(form: Form, answers: Answers) -> dict[str, Answer]:
    """Return the answers in view that are not the defaults, those that choose a kind among them."""
    found: dict[str, Answer] = {}
    for entry in form:
        if isinstance(entry, Field):
            if answers.get(entry.path, entry.default) != entry.default:
                found[entry.path] = answers[entry.path]
            continue
        kind = kind_of(entry, answers)
        if entry.several and kind != entry.kind:
            found[kind_path(entry)] = str(kind)
        elif entry.optional and not entry.several and kind is not None:
            found[entry.path] = True
        if kind is not None:
            found |= changed(entry.kinds[kind], answers)
    return found


def values(form: Form, answers: Answers) -> dict[str, object]:
    """Return the settings that were changed, nested as the study's model reads them."""
    nested: dict[str, object] = {}
    for entry in form:
        if isinstance(entry, Group):
            given = _group_values(entry, answers)
            if given is not None:
                nested = merge(nested, {entry.path.rpartition(".")[2]: given})
        elif entry.path in answers and answers[entry.path] != entry.default:
            nested[entry.path.rpartition(".")[2]] = meant(entry, answers[entry.path])
    return nested


def meant(field: Field, answer: Answer) -> object:
    """Return what an answer says to the study's model, which reads numbers and paths from text."""
    if field.form in ("flag", "several"):
        return answer if isinstance(answer, bool) else [field.choices.get(one, one) for one in answer]
    text = str(answer).strip()
    if field.optional and not text:
        return None
    if field.form == "choice":
        return field.choices.get(text, text)
    return split(text) if field.form == "list" else text


def judged(
    model: type[StudyConfig], form: Form, answers: Answers
) -> tuple[StudyConfig | None, dict[str, str]]:
    """Return the settings, or None and a sentence for each field that is refused ("" for what fits no field).

    Parameters
    ----------
    model : type of StudyConfig
        The study's settings.
    form : tuple
        Its form.
    answers : mapping
        By dotted path; what is missing is as by default.
    """
    refused = {
        field.path: sentence
        for field in shown(form, answers)
        if (sentence := _refused_here(field, answers.get(field.path, field.default)))
    }
    if refused:
        return None, refused
    given = values(form, answers)
    paths = {field.path for field in shown(form, answers)}
    for path, sentence in model.refusals(given):
        refused.setdefault(beside(sentence, paths, path), sentence)
    return (None, refused) if refused else (model.parse(given), {})


def beside(sentence: str, paths: set[str], path: str = "") -> str:
    """Return which field a refusal belongs to: the one that it names first, else the one at `path`, else ""."""
    for name in (sentence.partition(" ")[0], path):
        known = name.partition("[")[0]
        if known in paths:
            return known
        for word in WORD.findall(sentence):  # a rule over a group names its settings without the group
            if f"{known}.{word}" in paths:
                return f"{known}.{word}"
    return ""


def words(study: str, form: Form, answers: Answers) -> list[str] | None:
    """Return the command that runs a study with these answers; None where flags cannot say them.

    A flag cannot say an empty list, nor text that begins with a hyphen, nor that an optional group is there as it is.
    """
    given = changed(form, answers)
    fields = {field.path: field for field in shown(form, answers)}
    told = ["cogattn", study]
    for path, answer in given.items():
        *groups, last = path.replace("_", "-").split(".")
        flag = ".".join([*groups, last])
        if path not in fields and answer is True:
            if not any(other.startswith(f"{path}.") for other in given):
                return None
            continue
        if isinstance(answer, bool):
            told.append(f"--{flag}" if answer else f"--{'.'.join([*groups, f'no-{last}'])}")
            continue
        value = meant(fields[path], answer) if path in fields else answer
        texts = [str(one) for one in value] if isinstance(value, list) else [str(value)]
        if value is None or not texts or any(text.startswith("-") and not _is_number(text) for text in texts):
            return None
        told += [f"--{flag}", *texts]
    return told


def answers_of(form: Form, config: Settings) -> dict[str, Answer]:
    """Return the answers that make these settings; kinds that a form does not offer are as they are."""
    found: dict[str, Answer] = {}
    for entry in form:
        value = getattr(config, entry.path.rpartition(".")[2])
        if isinstance(entry, Field):
            found[entry.path] = answer_of(entry.form, value)
        elif isinstance(value, Settings):
            kind = str(getattr(value, KIND)) if entry.several else ""
            found[kind_path(entry)] = kind if entry.several else True
            found |= answers_of(entry.kinds.get(kind, ()), value)
    return found


def unoffered(form: Form, config: Settings) -> list[str]:
    """Return the paths of groups whose kind a form does not offer, for it names code."""
    found = []
    for entry in form:
        value = getattr(config, entry.path.rpartition(".")[2])
        if isinstance(entry, Group) and isinstance(value, Settings):
            kind = str(getattr(value, KIND)) if entry.several else ""
            inner = entry.kinds.get(kind)
            found += [kind_path(entry)] if inner is None else unoffered(inner, value)
    return found


def split(text: str) -> list[str]:
    """Return the values of a text with commas between; one that holds a comma stands in double quotes."""
    if not text.strip():
        return []
    rows = csv.reader(io.StringIO(text.replace("\r", " ").replace("\n", " ")), skipinitialspace=True)
    return [value.strip() for value in next(rows)]


def _group_values(group: Group, answers: Answers) -> dict[str, object] | None:
    kind = kind_of(group, answers)
    if kind is None:
        return None
    fields = group.kinds[kind]
    given = values(fields, answers)
    if group.several and kind != group.kind:
        return {KIND: kind, **given}
    if not given:
        return {} if group.optional and not group.several else None
    return merge(group.kept, given)


def _refused_here(field: Field, answer: Answer) -> str:
    """What a form refuses before the study is asked; empty where nothing is."""
    if isinstance(answer, bool):
        return ""
    text = answer if isinstance(answer, str) else "".join(answer)
    if len(text) > MAX_CHARACTERS:
        return f"{field.path} must be at most {MAX_CHARACTERS:,} characters; got {len(text):,}"
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text) or "\x00" in text:
        return f"{field.path} must be text; got a character that is none"
    if field.form in ("choice", "several"):
        taken = (answer,) if isinstance(answer, str) else answer
        other = [one for one in taken if one not in field.choices and not (field.optional and not one)]
        choices = ", ".join(field.choices)
        return f"{field.path} must be one of {choices}; got {other[0][:80]!r}" if other else ""
    return _refused_name(field, text)


def _refused_name(field: Field, text: str) -> str:
    if field.code and ":" in text:
        return f"{field.path} must be registered names in a form; code is named on the command line"
    if field.listed and (text.strip().startswith(LIST) or any(one.startswith(LIST) for one in _texts(text))):
        return f"{field.path} must be names in a form; files of names are for the command line"
    if field.listed and WILD & set(text):
        return f"{field.path} must be whole names in a form; patterns are for the command line"
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _texts(text: str) -> list[str]:
    try:
        return split(text)
    except csv.Error:
        return []
