"""A card as one page of HTML that needs nothing else: no script, no font, no picture is fetched.

What a reader must know stands before the numbers. Every status is a word and a shape beside its colour, every figure
has a text that says what it shows, and every text from outside (names, notes, settings) is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cogattn.reporting.card.marks import MARKS, css_class, icon
from cogattn.reporting.card.places import Distances
from cogattn.reporting.card.row import (
    STATUSES,
    TARGET_POWER,
    CardRow,
    JointRow,
    RunProvenance,
    SelfCheck,
    Status,
)
from cogattn.reporting.card.strip import strip
from cogattn.reporting.card.style import sheet
from cogattn.reporting.card.words import (
    KINDS,
    SELF_CHECK,
    counts_text,
    fact_names,
    facts,
    how_to_read,
    joint_text,
    people_word,
    studies_of,
)
from cogattn.reporting.pages import document, fact_table, remark_list, safe
from cogattn.reporting.tables import MISSING, interval_text

if TYPE_CHECKING:
    from cogattn.reporting.card.model import Card

FOOTER = (
    "<footer>Made by cogattn from stored runs alone. There is no overall score: a mean over measures of different "
    "kinds would hide where an observer differs.</footer>"
)


def page(card: Card) -> str:
    """Return the card as one self-contained page.

    Parameters
    ----------
    card : Card
        What is shown; nothing else is read.

    Returns
    -------
    str
        HTML 5 in UTF-8, without script and without links to anything outside itself.
    """
    links = "".join(f"<li>{link}</li>" for link in links_to(card))
    body = [
        "<header>",
        f"<h1>{safe(card.observer)}</h1>",
        f'<p class="soft">One observer through all studies, placed among people. Made {safe(card.made)}.</p>',
        f'<nav aria-label="Parts"><ul>{links}</ul></nav></header>',
        "<main>",
        *sections(card),
        "</main>",
        FOOTER,
    ]
    return document(f"{card.observer}: card of cogattn", sheet(), body)


def links_to(card: Card) -> Iterator[str]:
    """Yield a link to each part of a card that `sections` makes."""
    for study, name in _names(card).items():
        yield f'<a href="#{name}">{safe(study)}</a>'
    yield '<a href="#check">self-check</a>'
    yield '<a href="#provenance">provenance</a>'


def sections(card: Card) -> Iterator[str]:
    """Yield the card itself, what must be known before the numbers first."""
    names = _names(card)
    yield from _first(card)
    yield from _glance(card.rows)
    for study, rows in studies_of([row for row in card.rows if row.measure]).items():
        yield from _study(card, study, rows, names[study])
    yield from _without([row for row in card.rows if not row.measure])
    yield from _check(card.check)
    yield from _provenance(card)


def _names(card: Card) -> dict[str, str]:
    """Studies with numbers, and what their sections are called in links."""
    studies = studies_of([row for row in card.rows if row.measure])
    return {study: f"study-{i}" for i, study in enumerate(studies)}


def _first(card: Card) -> Iterator[str]:
    """What must be known before the numbers: what cannot be used, how to read, how many rows have each status."""
    yield '<section aria-labelledby="first"><h2 id="first">Before the numbers</h2>'
    yield remark_list(card.problems)
    yield f"<p>{safe(how_to_read())}</p>"
    yield f"<p><strong>{safe(counts_text(card))}</strong></p>"
    shown = [status for status in STATUSES if status in card.counts]
    yield '<ul class="plain" aria-label="What the statuses mean">'
    yield from (f"<li>{_status(status)}<span>{safe(MARKS[status].meaning)}</span></li>" for status in shown)
    yield "</ul></section>"


def _glance(rows: Sequence[CardRow]) -> Iterator[str]:
    """Every tested row: its status, and how far out it is in SDs of people."""
    placed = [row for row in rows if math.isfinite(row.distance)]
    if not placed:
        return
    axis = Distances.of(placed)
    yield '<section aria-labelledby="glance"><h2 id="glance">At a glance</h2>'
    yield '<table class="glance" role="table"><caption class="soft">Distance from people in their own SDs, with its '
    yield f"interval; the dashed bar is the distance that is found with power {TARGET_POWER:g}. "
    yield "The axis is drawn tighter outwards.</caption>"
    yield '<thead role="rowgroup"><tr role="row">'
    yield '<th scope="col" role="columnheader">measure and status</th>'
    yield '<th scope="col" role="columnheader">distance (SD of people)</th></tr></thead><tbody role="rowgroup">'
    for row in placed:
        label = f'<span class="label">{safe(row.study)}: {safe(row.label)}</span>{_status(row.status)}'
        yield f'<tr role="row"><th scope="row" role="rowheader">{label}</th><td role="cell">{axis.draw(row)}</td></tr>'
    yield f'<tr role="row" class="scale"><td role="cell"></td><td role="cell">{axis.scale()}</td></tr>'
    yield "</tbody></table></section>"


def _study(card: Card, study: str, rows: Sequence[CardRow], name: str) -> Iterator[str]:
    yield f'<section aria-labelledby="{name}"><h2 id="{name}">{safe(study)} '
    yield f'<span class="kind">{safe(KINDS[rows[0].kind])}</span></h2>'
    own = [each for each in card.provenance if each.study == study]
    yield remark_list([remark for each in own for remark in each.remarks])
    if any(not each.matches for each in own):
        yield remark_list(["These runs are under other settings than the card's own."])
    yield '<table class="measures stack" role="table">'
    yield f'<caption class="soft">{_runs(rows)}</caption>'
    heads = "".join(f'<th scope="col" role="columnheader">{safe(fact)}</th>' for fact in fact_names(rows[0]))
    yield (
        '<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">measure and status</th>'
        f'<th scope="col" role="columnheader">people and observer</th>{heads}</tr></thead><tbody role="rowgroup">'
    )
    yield from (_row(row, card.observer) for row in rows)
    yield "</tbody></table>"
    yield from (_joint(each) for each in card.joint if each.study == study)
    yield from (_values(row) for row in rows if row.people)
    yield "</section>"


def _without(rows: Sequence[CardRow]) -> Iterator[str]:
    """Studies that have no number to show, in grey, and why."""
    if not rows:
        return
    yield '<section aria-labelledby="without"><h2 id="without">Without numbers</h2>'
    yield '<table class="fold" role="table"><thead role="rowgroup"><tr role="row">'
    heads = ("study and status", "asks", "why")
    yield "".join(f'<th scope="col" role="columnheader">{head}</th>' for head in heads)
    yield '</tr></thead><tbody role="rowgroup">'
    for row in rows:
        label = f'<span class="label">{safe(row.study)}</span>{_status(row.status)}'
        kind, why = KINDS[row.kind], row.note or MARKS[row.status].meaning
        yield f'<tr role="row" class="grey"><th scope="row" role="rowheader">{label}</th>'
        yield f'<td class="wide" role="cell">{safe(kind)}</td><td class="wide" role="cell">{safe(why)}</td></tr>'
    yield "</tbody></table></section>"


def _runs(rows: Sequence[CardRow]) -> str:
    runs = dict.fromkeys(row.run for row in rows if row.run)
    return f"Run {', '.join(f'<code>{safe(run)}</code>' for run in runs)}"


def _row(row: CardRow, observer: str) -> str:
    """A measure: its status, its figure, its numbers."""
    unit = f' <span class="soft">({safe(row.unit)})</span>' if row.unit else ""
    label = f'<span class="label">{safe(row.label)}{unit}</span>'
    note = f'<span class="note">{safe(row.note)}</span>' if row.note else ""
    head = f'<th scope="row" role="rowheader">{label}{_status(row.status)}{note}</th>'
    figure = f'<td class="figure" role="cell">{strip(row, observer)}</td>'
    cells = "".join(_cell(fact, text) for fact, text in zip(fact_names(row), facts(row), strict=True))
    return f'<tr role="row">{head}{figure}{cells}</tr>'


def _cell(fact: str, text: str) -> str:
    """A number under its name; an interval is broken before its bracket alone."""
    none = ' class="none"' if text == MISSING else ""
    value, bracket, ends = safe(text).partition(" [")
    whole = f'{value} <span class="ends">[{ends}</span>' if bracket else value
    return f'<td{none} role="cell" data-label="{safe(fact)}">{whole}</td>'


def _joint(row: JointRow) -> str:
    note = f' <span class="note">{safe(row.note)}</span>' if row.note else ""
    return f'<p class="joint">{safe(_sentence(joint_text(row)))}{note}</p>'


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _values(row: CardRow) -> str:
    """Every person's own value: what the figure's dots say, as text."""
    values = "".join(f"<li>{safe(name)}: {value:.4g}</li>" for name, value in row.people)
    unit = f", {row.unit}" if row.unit else ""
    head = f"{row.label}: each of {len(row.people)} {people_word(row)}{unit}"
    return f'<details><summary>{safe(head)}</summary><ul class="values">{values}</ul></details>'


def _check(check: Sequence[SelfCheck]) -> Iterator[str]:
    yield '<section aria-labelledby="check"><h2 id="check">Self-check</h2>'
    if not check:
        yield "<p>No row has people one by one, so that there is nobody to be left out.</p></section>"
        return
    yield f"<p>{safe(SELF_CHECK)}</p>"
    yield '<table class="fold" role="table"><caption class="soft">Persons left out, each once</caption>'
    names = ("persons", "outside", "share [95 % interval]", "nominal", "the nominal share is")
    heads = "".join(f'<th scope="col" role="columnheader">{safe(name)}</th>' for name in names)
    yield (
        '<thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">study and measure</th>'
        f'{heads}</tr></thead><tbody role="rowgroup">'
    )
    for each in check:
        label = f'{safe(each.study)} <span class="soft">{safe(each.label)}</span>'
        verdict = "inside the interval" if each.holds else "OUTSIDE the interval"
        share = interval_text(each.share, each.lo, each.hi)
        texts = (str(each.n), str(each.outside), share, f"{each.nominal:g}", verdict)
        cells = "".join(_cell(name, text) for name, text in zip(names, texts, strict=True))
        yield f'<tr role="row"><th scope="row" role="rowheader">{label}</th>{cells}</tr>'
    yield "</tbody></table></section>"


def _provenance(card: Card) -> Iterator[str]:
    yield '<section aria-labelledby="provenance"><h2 id="provenance">Provenance, and how to have it again</h2>'
    if not card.provenance:
        yield "<p>No run was read.</p></section>"
        return
    yield "<p>What to type for the same runs; the digest tells whether the code is the same.</p>"
    for each in card.provenance:
        yield _one_run(each)
    yield "</section>"


def _one_run(run: RunProvenance) -> str:
    known = (("started", run.started), ("cogattn", run.version), ("code", run.code))
    settings = f"<details><summary>settings</summary><pre><code>{safe(run.settings)}</code></pre></details>"
    return f"<h3>{safe(run.run)}</h3><pre><code>{safe(run.command)}</code></pre>{fact_table(known)}{settings}"


def _status(status: Status) -> str:
    return f'<span class="status {css_class(status)}">{icon(status)}{safe(status)}</span>'
