"""Card: one observer through all studies, placed among people, or two of them side by side.

The address names them: ``/card?model=NAME&beside=NAME``. Only registered observers that finished runs of this store
hold can be chosen. The numbers are those of ``cogattn card NAME --json``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cogattn.apps.dashboard import links
from cogattn.apps.dashboard.card import carded, missing
from cogattn.apps.dashboard.drawing import charts
from cogattn.apps.dashboard.literal import literal
from cogattn.apps.dashboard.server.place import store
from cogattn.errors import CogattnError
from cogattn.reporting.card.marks import MARKS
from cogattn.reporting.card.model import Card
from cogattn.reporting.card.model_index import front_matter
from cogattn.reporting.card.row import STATUSES, CardRow, Status
from cogattn.reporting.card.words import (
    KINDS,
    SELF_CHECK,
    fact_names,
    facts,
    how_to_read,
    joint_text,
    mean_word,
    people_word,
    spoken,
    studies_of,
    unit_text,
)
from cogattn.reporting.tables import MISSING, interval_text

NOBODY = "nobody"
COLOURS: Mapping[Status, str] = {"inside": "green", "underpowered": "orange"}
"""Of the theme, for a status's shape; the others are in the text's own colour or in grey."""
GREY: Sequence[Status] = ("not run", "does not apply", "no people")
Pair = dict[str, Card]
"""The cards on the page by observer, one or two."""


def page() -> None:
    """Draw the page."""
    st.title("Card")
    try:
        chosen = _choose()
        if chosen:
            _draw(chosen)
    except CogattnError as error:
        st.error(literal(str(error)))


def _choose() -> Pair:
    """Let one or two observers be chosen, and read their cards."""
    at = carded.stamp(store())
    with st.spinner("Reading the store"):
        names = carded.names(store(), at)
    if not names:
        _problems([])
        st.info("No finished run of this store holds an observer that a card can be made of. To begin:")
        st.code("cogattn models\ncogattn card MODEL --run", language="bash", wrap_lines=True)
        return {}
    left, right = st.columns(2)
    model = _selected(left, "Observer", "model", names)
    beside = _selected(right, "Beside", "beside", [NOBODY, *(name for name in names if name != model)])
    any_settings = st.toggle(
        "Take runs under other settings too", key="any", bind="query-params",
        help="Where no run is under the card's own settings, the newest other one that holds the observer.",
    )  # fmt: skip
    with st.spinner("Placing among people"):
        wanted = [name for name in (model, beside) if name != NOBODY]
        pair = {name: carded.card(name, store(), any_settings, at) for name in wanted}
    for name, card in pair.items():
        if not (any_settings or card.provenance):
            st.info(f"{literal(name)} was run under other settings than the card's own alone.")
    return pair


def _selected(where: DeltaGenerator, label: str, name: str, options: Sequence[str]) -> str:
    """Let one be chosen, and keep it in the address: the first, too, so that a link always means the same observer."""
    widget, written = f"card-{name}", f"card-{name}-written"
    asked = st.query_params.get(name)
    if asked in options and asked != st.session_state.get(written):
        st.session_state[widget] = asked
    if st.session_state.get(widget, options[0]) not in options:
        del st.session_state[widget]
    chosen = where.selectbox(label, options, key=widget)
    st.query_params[name] = st.session_state[written] = chosen
    return chosen


def _draw(pair: Pair) -> None:
    _first(pair)
    _glance(pair)
    rows = [row for card in pair.values() for row in card.rows]
    measured = dict.fromkeys(row.study for row in rows if row.measure)
    for study in measured:
        _study(pair, study)
    if any(row.study not in measured for row in rows):
        st.header("Without numbers", divider="gray")
        _without(pair, measured)
    _check(pair)
    _provenance(pair)


def _first(pair: Pair) -> None:
    """What must be known before the numbers."""
    _problems([problem for card in pair.values() for problem in card.problems])
    st.caption(literal(how_to_read()))


def _problems(told: Sequence[str]) -> None:
    """Runs that could not be used, those of other observers, too."""
    others = [name for name in carded.damaged(store()) if not any(name in problem for problem in told)]
    for problem in dict.fromkeys([*told, *(f"run {name} is damaged" for name in others)]):
        st.warning(literal(problem))


def _glance(pair: Pair) -> None:
    """Every row's status by observer and how far out it is, what the statuses mean, what is missing, and the files."""
    st.header("At a glance")
    keys = _keys([row for card in pair.values() for row in card.rows])
    table = pd.DataFrame(
        [
            [
                literal(f"{study}: {label}" if label else study),
                *(_told(card, study, measure) for card in pair.values()),
            ]
            for (study, measure), label in keys.items()
        ],
        columns=["measure", *map(_head, pair)],
    )
    st.table(table, hide_index=True)
    shown = [status for status in STATUSES if any(status in card.counts for card in pair.values())]
    with st.expander("What the statuses mean"):
        for status in shown:
            st.markdown(f"{_status(status)}: {literal(MARKS[status].meaning)}")
    for name, card in pair.items():
        _files(name, card)


def _keys(rows: Sequence[CardRow]) -> dict[tuple[str, str], str]:
    """Study and measure of every row, and what to call it; a study that has a measure has no empty row."""
    found = {(row.study, row.measure): row.label for row in rows}
    measured = {study for study, measure in found if measure}
    order = list(dict.fromkeys(study for study, _ in found))
    kept = [key for key in found if key[1] or key[0] not in measured]
    return {key: found[key] for key in sorted(kept, key=lambda key: order.index(key[0]))}


def _row_of(card: Card, study: str, measure: str) -> CardRow | None:
    own = studies_of(card.rows).get(study, [])
    return next((row for row in own if row.measure in (measure, "")), None)


def _head(name: str) -> str:
    """An observer's name as the head of a column, which may be broken after an underscore."""
    return literal(name).replace("\\_", "\\_\u200b")


def _told(card: Card, study: str, measure: str) -> str:
    row = _row_of(card, study, measure)
    if row is None:
        return "\u2013"
    far = f", {row.distance:.3g} SD" if math.isfinite(row.distance) else ""
    return f"{_status(row.status)}{literal(far)}"


def _status(status: Status) -> str:
    """Shape and word of a status."""
    symbol = MARKS[status].symbol
    if status in GREY:
        return f":gray[{symbol} {status}]"
    return f":{COLOURS[status]}[{symbol}] {status}" if status in COLOURS else f"{symbol} **{status}**"


def _files(name: str, card: Card) -> None:
    """Downloads of one card, and how what is missing can be run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{literal(name)}**")
        files = (
            ("HTML", card.to_html, "html", "text/html"),
            ("JSON", card.json, "json", "application/json"),
            ("model-index", lambda: front_matter(card), "md", "text/markdown"),
        )
        for label, made, ending, mime in files:
            st.download_button(
                label, made(), file_name=f"card-{name}.{ending}", mime=mime, on_click="ignore", key=f"{name}-{ending}",
                icon=":material/download:",
            )  # fmt: skip
    missing.offer(name, card)


def _study(pair: Pair, study: str) -> None:
    rows = {name: studies_of(card.rows).get(study, []) for name, card in pair.items()}
    first = next(own[0] for own in rows.values() if own)
    st.header(literal(study), divider="gray")
    st.caption(KINDS[first.kind])
    for remark in dict.fromkeys(_remarks(pair, study)):
        st.markdown(f"- {literal(remark)}")
    for _, measure in _keys([row for own in rows.values() for row in own]):
        found = {name: row for name, card in pair.items() if (row := _row_of(card, study, measure))}
        _measure(found, measure)
    for name, card in pair.items():
        for row in (each for each in card.joint if each.study == study):
            st.caption(f"{literal(name)}, {literal(joint_text(row))}.")


def _remarks(pair: Pair, study: str) -> Iterator[str]:
    for card in pair.values():
        for each in card.provenance:
            yield from each.remarks if each.study == study else ()


def _measure(found: Mapping[str, CardRow], measure: str) -> None:
    """One measure of one or two observers: figure beside numbers; who has none is told why."""
    measured = {name: row for name, row in found.items() if row.measure}
    if measured:
        st.subheader(literal(unit_text(next(iter(measured.values())))))
    for name, row in found.items():
        whose = f"{literal(name)}: " if len(found) > 1 else ""
        note = f" \u00b7 {literal(row.note)}" if row.note else ""
        st.markdown(f"{whose}{_status(row.status)}{note}")
    if measured:
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _figure(measured, measure)
        with right:
            names = fact_names(next(iter(measured.values())))
            texts = zip(names, *(facts(row) for row in measured.values()), strict=True)
            told = {fact: [_cell(text) for text in own] for fact, *own in texts if set(own) != {MISSING}}
            st.table(pd.DataFrame(told, index=pd.Index([_head(name) for name in measured])).T)


def _cell(text: str) -> str:
    """A number for a table of Markdown, where a lone hyphen would be a list."""
    return "\u2013" if text == MISSING else literal(text)


def _figure(measured: Mapping[str, CardRow], measure: str) -> None:
    """Every person as a dot, a simulated one as a square, beside the observers, on the measure's own axis."""
    first = next(iter(measured.values()))
    bars = [
        charts.Bar(name, row.estimate, row.lo, row.hi, row.n, series=i)
        for i, (name, row) in enumerate(measured.items())
    ]
    role: charts.Role = "reference" if first.simulated else "human"
    mean = charts.Bar(
        mean_word(first),
        first.human,
        first.human_lo,
        first.human_hi,
        first.n_people,
        role=role,
        series=charts.DIAMOND,
    )
    chart = charts.interval_chart(
        [*bars, mean],
        title=charts.axis_title(first.label, first.unit),
        people=first.people,
        people_row=people_word(first),
        simulated=first.simulated,
        scale=first.scale,
    )
    charts.show(chart, alt_text=" ".join(spoken(row, name) for name, row in measured.items()))


def _without(pair: Pair, measured: Collection[str]) -> None:
    """Studies of which there is no number, in grey, by status and observer."""
    for name, card in pair.items():
        by_status: dict[Status, list[str]] = {}
        for row in card.rows:
            if row.study not in measured:
                by_status.setdefault(row.status, []).append(row.study)
        whose = f"{literal(name)}: " if len(pair) > 1 else ""
        for status, studies in by_status.items():
            st.markdown(f"{whose}{_status(status)} :gray[{literal(', '.join(studies))}]")


def _check(pair: Pair) -> None:
    st.header("Self-check", divider="gray")
    st.caption(literal(SELF_CHECK))
    checks = {(each.study, each.measure): each for card in pair.values() for each in card.check}
    if not checks:
        st.markdown("No row has people one by one, so that there is nobody to be left out.")
        return
    rows = [
        (
            literal(f"{each.study}: {each.label}"), str(each.n), str(each.outside),
            literal(interval_text(each.share, each.lo, each.hi)),
            f"{each.nominal:g} {'inside' if each.holds else '**outside**'}",
        )
        for each in checks.values()
    ]  # fmt: skip
    columns = ["measure", "persons", "outside", "share", "nominal in the interval?"]
    st.table(pd.DataFrame(rows, columns=columns), hide_index=True)


def _provenance(pair: Pair) -> None:
    st.header("Provenance", divider="gray")
    runs = {each.run: each for card in pair.values() for each in card.provenance}
    if not runs:
        st.markdown("No run was read.")
    for each in runs.values():
        links.link("run", literal(each.run), run=each.run)
        own = "" if each.matches else "under other settings than the card's own; "
        st.caption(
            f"{own}started {literal(each.started or 'unknown')}, cogattn {literal(each.version or 'unknown')}, "
            f"code {literal(each.code[:16] or 'unknown')}"
        )
        st.code(each.command, language="bash", wrap_lines=True)
