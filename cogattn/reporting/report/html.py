"""A report as one page of HTML that needs nothing else: the card's page, and a section for each run below it.

Figures are the run's own PNG files, inside the page. What must be known stands before the numbers, a number has its
interval and n, and every text from outside is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cogattn.reporting.card.html import FOOTER, links_to, sections
from cogattn.reporting.card.style import sheet
from cogattn.reporting.pages import document, fact_table, remark_list, safe
from cogattn.reporting.report.reading import SETTINGS, Missing, RunReport
from cogattn.reporting.tables import MANY, MISSING, count_text, interval_text, people_text

if TYPE_CHECKING:
    from cogattn.reporting.report.model import Report

NONE = ' class="none"'
HEADS = ("ours [95 % interval]", "n", "people, or the paper")
STYLE = """
h2,h3,p,nav,summary,figcaption,.runs th[scope^=row]{overflow-wrap:anywhere}
.part{border-top-width:4px}
.runs{max-width:60rem}
.runs td{white-space:nowrap}
.runs tr.group th{padding-top:.9rem}
.figures{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start;margin:1rem 0}
figure{margin:0;max-width:100%}
figure img{display:block;max-width:100%;height:auto;background:#fff;border:1px solid var(--rule)}
figcaption{font-size:.85rem;color:var(--soft)}
@media (max-width:40rem){.runs td{white-space:normal}}
@media print{figure{break-inside:avoid}figure img{max-height:240mm}}
"""
PIXELS_PER_INCH = 200 / 96
"""Of the stored figures (`savefig.dpi`), in a browser's pixels."""


def page(report: Report) -> str:
    """Return the report as one self-contained page.

    Parameters
    ----------
    report : Report
        What is shown; nothing else is read.

    Returns
    -------
    str
        HTML 5 in UTF-8, without script and without links to anything outside itself.
    """
    names = {run: f"run-{i}" for i, run in enumerate(report.runs)}
    body = [
        "<header>",
        f"<h1>{safe(report.observer)}</h1>",
        '<p class="soft">Its card among people, and below it each of the runs, with figures. Made '
        f"{safe(report.made)}.</p>",
        *_navigation(report, names),
        "</header><main>",
        *_problems(report),
        *(sections(report.card) if report.card else ()),
        *_how_to_read(report.runs),
        *(part for run, name in names.items() for part in _run(run, name, report.observer)),
        *_missing(report.missing),
        "</main>",
        FOOTER,
    ]
    return document(f"{report.observer}: report of cogattn", sheet() + STYLE, body)


def _navigation(report: Report, names: Mapping[RunReport, str]) -> Iterator[str]:
    runs = [f'<a href="#{name}">{safe(_title(run))}</a>' for run, name in names.items()]
    runs += ['<a href="#missing">not run</a>'] if report.missing else []
    for label, links in (("Card", list(links_to(report.card)) if report.card else []), ("Runs", runs)):
        if links:
            items = "".join(f"<li>{link}</li>" for link in links)
            yield f'<nav aria-label="{label}"><ul><li class="soft">{label}</li>{items}</ul></nav>'


def _problems(report: Report) -> Iterator[str]:
    """What the report is without, before anything else."""
    own = (
        []
        if report.card
        else [f"There is no card: no study puts {report.observer} among people by its name."]
    )
    own += [] if report.runs else ["No finished run of the store holds this observer."]
    yield remark_list([*own, *report.problems])


def _how_to_read(runs: Sequence[RunReport]) -> Iterator[str]:
    if runs:
        yield '<section class="part" aria-labelledby="runs"><h2 id="runs">The runs</h2>'
        yield "<p>Every number that a run stores, with its interval and n; beside it that of people, where there are "
        yield "some, or the one that the paper reports. A row's note is under its name.</p></section>"


def _title(run: RunReport) -> str:
    return f"{run.study} {run.id[:4]}"


def _run(run: RunReport, name: str, observer: str) -> Iterator[str]:
    yield f'<section aria-labelledby="{name}"><h2 id="{name}">{safe(run.study)} '
    yield f'<span class="kind">{safe(run.question or run.about)}</span></h2>'
    withheld = [f"{who} is left out: {why}" for who, why in run.withheld.items()]
    yield remark_list([*withheld, *run.remarks])
    yield from _tables(run, observer)
    yield from _beside(run)
    if run.figures:
        yield f'<div class="figures">{"".join(_figure(run, *each) for each in run.figures.items())}</div>'
    yield from _provenance(run)
    yield "</section>"


def _tables(run: RunReport, observer: str) -> Iterator[str]:
    """The observer's rows, and folded below them those of the others; all of them where it has none of its own."""
    names = [str(name) for name in dict.fromkeys(run.summary["observer"])]
    own = [observer] if observer in names else names[:MANY]
    others = [name for name in names if name not in own][:MANY]
    yield _table(run, own)
    if others:
        yield f"<details><summary>{safe(_listed(others))}: their rows</summary>{_table(run, others)}</details>"
    if len(own) + len(others) < len(names):
        yield f'<p class="soft">The run holds {len(names) - len(own) - len(others)} more observers.</p>'


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]} and {len(names) - 2} others"


def _table(run: RunReport, names: Sequence[str]) -> str:
    heads = "".join(f'<th scope="col" role="columnheader">{safe(head)}</th>' for head in ("measure", *HEADS))
    parts = [
        '<table class="runs fold" role="table">',
        f'<caption class="soft">Run <code>{safe(f"{run.study}/{run.id}")}</code></caption>',
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>',
    ]
    for name in names:
        rows = run.summary[run.summary["observer"] == name].to_dict("records")
        role = f'<span class="soft">({safe(str(rows[0]["role"]))})</span>'
        parts += [
            '<tbody role="rowgroup"><tr role="row" class="group">',
            f'<th scope="rowgroup" role="rowheader" colspan="{1 + len(HEADS)}">{safe(name)} {role}</th></tr>',
            *map(_row, rows),
            "</tbody>",
        ]
    return "".join([*parts, "</table>"])


def _row(row: Mapping[str, object]) -> str:
    unit = f' <span class="soft">({safe(str(row["unit"]))})</span>' if row["unit"] else ""
    note = f'<span class="note">{safe(str(row["note"]))}</span>' if row["note"] else ""
    texts = (interval_text(row["estimate"], row["lo"], row["hi"]), count_text(row["n"]), people_text(row))
    cells = "".join(
        f'<td{NONE if text == MISSING else ""} role="cell" data-label="{safe(head)}">{safe(text)}</td>'
        for head, text in zip(HEADS, texts, strict=True)
    )
    head = f'<th scope="row" role="rowheader">{safe(str(row["label"]))}{unit}{note}</th>'
    return f'<tr role="row">{head}{cells}</tr>'


def _beside(run: RunReport) -> Iterator[str]:
    """The paper, and how its published results are set beside the run."""
    if paper := run.reference:
        year = f" ({paper.fields['year']})" if "year" in paper.fields else ""
        parts = [", ".join(paper.authors) + year, paper.title, paper.venue, paper.doi and f"doi {paper.doi}"]
        yield f'<p class="soft">The paper: {safe(". ".join(filter(None, parts)))}.</p>'
    if run.published:
        commands = "".join(f"cogattn compare {run.study}/{run.id} {name}\n" for name in run.published)
        yield "<details><summary>published results beside this run</summary>"
        yield f"<pre><code>{safe(commands)}</code></pre></details>"


def _figure(run: RunReport, name: str, png: bytes) -> str:
    width, height = (int.from_bytes(png[at : at + 4]) / PIXELS_PER_INCH for at in (16, 20))
    words = name.replace("_", " ")
    return (
        f'<figure><img alt="{safe(f"{run.study}: {words}")}" width="{width:.0f}" height="{height:.0f}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}"><figcaption>{safe(words)}</figcaption></figure>'
    )


def _provenance(run: RunReport) -> Iterator[str]:
    commands = "\n".join(run.commands)
    yield "<h3>Again</h3>"
    yield f"<pre><code>{safe(commands)}</code></pre>"
    yield f"<details><summary>{SETTINGS}</summary><pre><code>{safe(run.settings)}</code></pre></details>"
    if not run.sessions:
        return
    last = run.sessions[-1]
    known = (
        ("started", run.sessions[0].started),
        ("code", last.code),
        ("git", last.git or ""),
        ("platform", last.platform),
        ("processor", last.cpu),
        ("GPU", ", ".join(last.gpus)),
        ("versions", ", ".join(f"{name} {version}" for name, version in last.versions.items() if version)),
        ("data", ", ".join(f"{name} {digest[:12]}" for name, digest in last.inputs.items())),
    )
    yield f"<details><summary>provenance</summary>{fact_table(known)}</details>"


def _missing(missing: Sequence[Missing]) -> Iterator[str]:
    if not missing:
        return
    yield '<section aria-labelledby="missing"><h2 id="missing">Not run</h2>'
    for one in missing:
        yield f"<h3>{safe(one.study)}</h3>"
        yield f"<p>{safe(one.question)}</p>" if one.question else ""
        yield f'<p class="soft">{safe(one.note)}</p>' if one.note else ""
        yield f"<pre><code>{safe(one.command)}</code></pre>" if one.command else ""
    yield "</section>"
