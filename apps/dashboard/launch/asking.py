"""A study's form on the page: one question a setting, its bounds below it, and what is refused beside it.

Every value is typed as text, as on the command line, and judged by the study itself: a field that holds numbers only
would keep a wrong one to itself, and the page would start the last right one. What differs from the defaults stands in
the address, so that a reload or a link brings the same form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st

from cogattn.apps.dashboard.launch.answers import MAX_CHARACTERS, changed, split
from cogattn.apps.dashboard.launch.forms import Answer, Answers, Field, Form, Group, joined, kind_path
from cogattn.apps.dashboard.literal import literal
from cogattn.cli.flags import help_text

PREFIX = "set."
"""Of settings in the address."""
STARTS, EPOCH, SEEN, OPEN, FIRST = (f"launch-{name}" for name in ("starts", "epoch", "seen", "open", "first"))
"""Of this tab: answers by study, how often a form was filled from outside, addresses known, groups unfolded, and what
each widget began with."""
MAX_ADDRESS = 6000
"""Longest query of an address, in characters; a longer one names the study alone."""
SHORT = 32
"""Most questions of a form that unfolds as a whole."""


@dataclass(frozen=True)
class Asked:
    """The questions in view, with their answers.

    Parameters
    ----------
    answers : dict
        By dotted path.
    keys : dict of str to str
        Streamlit's names of their widgets.
    """

    answers: dict[str, Answer]
    keys: dict[str, str]


def from_address() -> str | None:
    """Fill a form from the address where the reader came with another than this tab's own; return its study."""
    query = st.query_params.to_dict()
    text = urlencode(sorted(query.items()))
    seen = st.session_state.setdefault(SEEN, set())
    if not query or text in seen:
        return None
    seen.add(text)
    given = {name.removeprefix(PREFIX): value for name, value in query.items() if name.startswith(PREFIX)}
    study = query.get("study")
    if study is not None:
        fill(study, given)
    return study


def fill(study: str, answers: Mapping[str, Answer]) -> None:
    """Put answers into the form of a study, in place of what stood there."""
    st.session_state.setdefault(STARTS, {})[study] = dict(answers)
    st.session_state[EPOCH] = st.session_state.get(EPOCH, 0) + 1


def to_address(study: str, form: Form, asked: Asked) -> None:
    """Write study and changed settings into the address, and remember them for this tab."""
    st.session_state.setdefault(STARTS, {})[study] = changed(form, asked.answers)
    query = address_of(study, form, asked.answers)
    st.session_state.setdefault(SEEN, set()).add(urlencode(sorted(query.items())))
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def address_of(study: str, form: Form, answers: Answers) -> dict[str, str]:
    """Return the query that brings a form with these answers; of too many, the study alone."""
    given = changed(form, answers)
    query = {"study": study, **{f"{PREFIX}{path}": _as_text(answer) for path, answer in given.items()}}
    return query if len(urlencode(query)) <= MAX_ADDRESS else {"study": study}


def first(key: str, value: Answer) -> Answer:
    """Return what a widget began with: `value`, until it is drawn.

    Streamlit is told by the widget's own default: one that is put into its state from here reaches the browser after
    the widget does, which may by then have answered that it is empty.
    """
    begun = st.session_state.setdefault(FIRST, {})
    if key not in st.session_state:
        begun[key] = value
    return begun[key]


def ask(study: str, form: Form) -> Asked:
    """Return the answers as they are now, before anything is drawn: the defaults at first."""
    asked = Asked({}, {})
    start = st.session_state.get(STARTS, {}).get(study, {})
    _ask(form, start, f"launch/{st.session_state.get(EPOCH, 0)}/{study}", asked)
    return asked


def draw(form: Form, asked: Asked, refused: Mapping[str, str]) -> None:
    """Draw the questions; of a long form, groups unfold that have kinds, a changed setting, or a refusal."""
    _grid([entry for entry in form if isinstance(entry, Field)], asked, refused)
    told = {*changed(form, asked.answers), *refused}
    opened = st.session_state.setdefault(OPEN, set())
    short = len(asked.answers) <= SHORT
    for entry in form:
        if isinstance(entry, Group):
            if short or entry.several or any(path.startswith(entry.path) for path in told):
                opened.add(entry.path)
            with st.expander(literal(entry.path), expanded=entry.path in opened):
                _group(entry, asked, refused)


def _ask(form: Form, start: Mapping[str, Answer], key: str, asked: Asked) -> None:
    for entry in form:
        if isinstance(entry, Field):
            _remember(entry.path, f"{key}/{entry.path}", _initial(entry, start.get(entry.path)), asked)
            continue
        path, kind = kind_path(entry), ""
        if entry.several:
            wanted = start.get(path)
            chosen = wanted if isinstance(wanted, str) and wanted in entry.kinds else _offered(entry)
            _remember(path, f"{key}/{path}", chosen, asked)
            kind = str(asked.answers[path])
        elif entry.optional:
            _remember(path, f"{key}/{path}", start.get(path) in (True, "true"), asked)
            if not asked.answers[path]:
                continue
        _ask(entry.kinds[kind], start, f"{key}/{entry.path}={kind}", asked)


def _remember(path: str, key: str, initial: Answer, asked: Asked) -> None:
    held = st.session_state.get(key, first(key, initial))
    asked.answers[path] = tuple(held) if isinstance(held, list) else "" if held is None else held
    asked.keys[path] = key


def _offered(group: Group) -> str:
    """The default kind, or the first where a form does not offer that."""
    return group.kind if group.kind in group.kinds else next(iter(group.kinds))


def _initial(field: Field, given: Answer | None) -> Answer:
    """The answer that a question begins with: what was given where the question can hold it, else its default."""
    if given is None:
        return field.default
    if field.form == "flag":
        return given in (True, "true")
    if field.form == "several":
        taken = split(given) if isinstance(given, str) else given if isinstance(given, tuple) else ()
        return tuple(dict.fromkeys(one for one in taken if one in field.choices))
    if field.form == "choice":
        return given if given in field.choices or (field.optional and given == "") else field.default
    return _as_text(given)[:MAX_CHARACTERS]


def _as_text(answer: Answer) -> str:
    if isinstance(answer, bool):
        return str(answer).lower()
    return joined(answer) if isinstance(answer, tuple) else answer


def _group(group: Group, asked: Asked, refused: Mapping[str, str]) -> None:
    path, kind = kind_path(group), ""
    st.caption(_plain(group.help))
    if group.several:
        kind = str(asked.answers[path])
        if len(group.kinds) > 1:
            key, kinds = asked.keys[path], list(group.kinds)
            st.selectbox(path, kinds, index=kinds.index(str(first(key, kind))), key=key)
        st.caption(_plain(f"{kind}: {group.about[kind]}"))
        _refusal(refused.get(path) or refused.get(group.path))
    elif group.optional:
        key = asked.keys[path]
        st.checkbox(group.path, value=first(key, False) is True, key=key)
        _refusal(refused.get(path))
        if not asked.answers[path]:
            return
    entries = group.kinds[kind]
    _grid([entry for entry in entries if isinstance(entry, Field)], asked, refused)
    for entry in entries:
        if isinstance(entry, Group):
            st.markdown(f"**{literal(entry.path)}**")
            _group(entry, asked, refused)


def _grid(fields: list[Field], asked: Asked, refused: Mapping[str, str]) -> None:
    for pair in _pairs(fields):
        for column, field in zip(st.columns(2), pair, strict=False):
            with column:
                _question(field, asked.keys[field.path], asked.answers[field.path])
                _refusal(refused.get(field.path))


def _pairs(fields: list[Field]) -> Iterator[list[Field]]:
    for start in range(0, len(fields), 2):
        yield fields[start : start + 2]


def _question(field: Field, key: str, answer: Answer) -> None:
    label, help_, begun = field.path, literal(help_text(field.flat)), first(key, answer)
    match field.form:
        case "flag":
            st.checkbox(label, value=begun is True, key=key, help=help_)
        case "choice":
            choices = ["", *field.choices] if field.optional else list(field.choices)
            begun = choices.index(str(begun))
            st.selectbox(label, choices, begun, key=key, help=help_, format_func=lambda one: one or "not set")
        case "several":
            begun = list(begun) if isinstance(begun, tuple) else []
            st.multiselect(label, list(field.choices), begun, key=key, help=help_, placeholder="none")
        case _:
            empty = "must be given" if field.required else "not set" if field.optional else "none"
            st.text_input(label, str(begun), key=key, help=help_, placeholder=empty)
            st.caption(literal(_rule(field)))


def _rule(field: Field) -> str:
    several = f"{field.flat.type_name}s, commas between" if field.form == "list" else field.flat.type_name
    if field.flat.type_name == "text" and field.form == "list":
        several = "texts, commas between"
    default = field.default if isinstance(field.default, str) else ""
    told = [several, field.flat.rule, f"default {default}" if default and len(default) < 60 else ""]
    return "; ".join(filter(None, told))


def _plain(text: str) -> str:
    """A docstring's text as it is, less the marks of code in it."""
    return literal(text.replace("`", ""))


def _refusal(sentence: str | None) -> None:
    if sentence:
        st.error(literal(sentence), icon=":material/error:")
